"""The store in a file: pieces of work that wait at the same moment share a commit, and nothing else."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from govproxy.control.state import once
from govproxy.control.state.sqlite import SqliteStore
from govproxy.control.state.store import StateStore, open_store
from govproxy.errors import StateUnavailable
from tests.unit.control.test_state import settings

Piece = Callable[[sa.Connection], Any]


def together(folder: Path, *pieces: Piece) -> tuple[Sequence[Any], list[str]]:
    """What came of pieces that were done in one transaction, and what is kept then."""

    async def run() -> tuple[Sequence[Any], list[str]]:
        store = await open_store(settings(folder))
        assert isinstance(store, SqliteStore)
        commits = []
        begun, go = threading.Event(), threading.Event()

        def busy(connection: sa.Connection) -> None:
            begun.set()
            sa.event.listen(connection.engine, "commit", commits.append)
            assert go.wait(30)

        try:
            first = asyncio.create_task(store.run(busy))
            assert await asyncio.to_thread(begun.wait, 30)  # from now on nothing more is taken along with it
            asked = [asyncio.create_task(store.run(piece)) for piece in pieces]
            await asyncio.sleep(0)
            go.set()
            await first
            before = len(commits)
            found = await asyncio.gather(*asked, return_exceptions=True)
            assert len(commits) - before <= 1
            return found, await names(store)
        finally:
            await store.close()

    return asyncio.run(run())


async def names(store: StateStore) -> list[str]:
    return await store.run(lambda connection: list(connection.execute(sa.select(once.ONCE.c.name)).scalars()))


def take(name: str) -> Piece:
    return once.take(name, 1.0, 9.0)


def broken(connection: sa.Connection) -> None:
    take("broken")(connection)
    raise KeyError("a bug in a piece of work")


def refused(connection: sa.Connection) -> None:
    take("refused")(connection)
    connection.execute(sa.text("SELECT nothing FROM nowhere"))


def ends_everything(connection: sa.Connection) -> None:
    """What SQLite does by itself when the disk is full."""
    connection.exec_driver_sql("ROLLBACK")


def test_what_fails_leaves_nothing_behind_and_the_others_go_on(tmp_path: Path) -> None:
    (one, bug, error, two), kept = together(tmp_path, take("one"), broken, refused, take("two"))
    assert (one, two) == (True, True)
    assert isinstance(bug, KeyError)
    assert isinstance(error, StateUnavailable)
    assert sorted(kept) == ["one", "two"]


def test_each_sees_what_came_before_it(tmp_path: Path) -> None:
    found, kept = together(tmp_path, take("one"), take("one"), take("two"))
    assert found == [True, False, True]
    assert sorted(kept) == ["one", "two"]


@pytest.mark.parametrize("also_fails", [True, False])
def test_who_shared_a_transaction_that_is_lost_is_told_so(tmp_path: Path, also_fails: bool) -> None:
    def lost(connection: sa.Connection) -> None:
        ends_everything(connection)
        if also_fails:
            raise KeyError("and a bug besides")

    found, kept = together(tmp_path, take("one"), lost, take("two"))
    assert [type(one) for one in found] == [StateUnavailable] * 3
    assert kept == []
