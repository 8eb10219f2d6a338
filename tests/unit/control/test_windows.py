"""Sliding windows in the state store: no more than the limit, whoever draws."""

from __future__ import annotations

import hashlib

import pytest
import sqlalchemy as sa

from govproxy.control.fleet import Fleet
from govproxy.control.state import windows
from govproxy.control.state.store import migrate
from govproxy.control.state.windows import Drawn, draw
from govproxy.control.state.work import Work
from govproxy.errors import StateUnavailable

NAME = hashlib.sha256(b"x").hexdigest()


@pytest.fixture
def connection() -> sa.Connection:
    engine = sa.create_engine("sqlite://")
    made = engine.connect()
    migrate(made)
    return made


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(windows.time, "time", lambda: now[0])
    return now


def taken(
    connection: sa.Connection, instance: str, want: int, *, unused: int = 0, unused_of: float = 0.0, name: str = NAME
) -> Drawn:
    return draw(name, instance, limit=10, want=want, unused=unused, unused_of=unused_of, window_s=60.0)(connection)


def test_instances_share_one_window(connection: sa.Connection, clock: list[float]) -> None:
    assert taken(connection, "a", 6)[0] == 6
    clock[0] += 10
    second = taken(connection, "b", 6)
    assert (second.granted, second.instances) == (4, 2)
    assert taken(connection, "a", 1)[:1] == (0,)
    assert taken(connection, "a", 1).again_s == 50.0
    assert taken(connection, "a", 1, name=hashlib.sha256(b"y").hexdigest()).granted == 1
    clock[0] += 50
    assert taken(connection, "b", 9).granted == 6


def test_what_was_not_used_comes_back_to_its_own_batch(connection: sa.Connection, clock: list[float]) -> None:
    first = taken(connection, "a", 6)
    clock[0] += 10
    taken(connection, "b", 4)
    assert taken(connection, "a", 9, unused=5, unused_of=first.given_at).granted == 5
    # Nothing comes back of what another was given, nor more than there was.
    clock[0] += 1
    assert taken(connection, "b", 9, unused=5, unused_of=first.given_at).granted == 0


def test_no_minute_gives_more(connection: sa.Connection, clock: list[float]) -> None:
    given: list[tuple[float, int]] = []
    for step in range(200):
        clock[0] += step % 7
        given.append((clock[0], taken(connection, "ab"[step % 2], 1 + step % 5).granted))
        assert sum(count for when, count in given if when > clock[0] - 60.0) <= 10


class Store:
    """A store that can be gone."""

    def __init__(self, connection: sa.Connection) -> None:
        self.connection = connection
        self.is_gone = False

    async def run(self, work: Work[Drawn]) -> Drawn:
        if self.is_gone:
            raise StateUnavailable("gone")
        return work(self.connection)

    async def close(self) -> None:
        raise NotImplementedError


async def _draws(fleet: Fleet, count: int) -> int:
    return sum([(await fleet.draw("k", limit=10, want=1, unused=0, worker=0))[0] for _ in range(count)])


def test_without_the_store_each_instance_has_its_part(connection: sa.Connection) -> None:
    import asyncio

    async def story() -> list[int]:
        store = Store(connection)
        one, other = Fleet(store), Fleet(store)  # type: ignore[arg-type]
        found = [await _draws(one, 2), await _draws(other, 2), await _draws(one, 1)]
        store.is_gone = True
        found += [await _draws(one, 9), await _draws(other, 9)]
        return found

    # The second has seen two instances from its first draw on, the first from its third.
    assert asyncio.run(story()) == [2, 2, 1, 2, 3]


def test_an_hour_gives_no_more_and_keeps_few_rows(connection: sa.Connection, clock: list[float]) -> None:
    given: list[tuple[float, int]] = []
    for step in range(3_000):
        clock[0] += step % 9
        drawn = draw(NAME, "ab"[step % 2], limit=500, want=3, unused=0, unused_of=0.0, window_s=3_600.0)(connection)
        given.append((clock[0], drawn.granted))
        assert sum(count for when, count in given if when > clock[0] - 3_600.0) <= 500
        assert drawn.granted or 0 < drawn.again_s <= 3_615.0
    assert connection.execute(sa.select(sa.func.count()).select_from(windows.WINDOWS)).scalar_one() <= 2 * 241
    assert sum(count for _, count in given) > 1_000


def test_what_was_not_used_of_an_hour_comes_back(connection: sa.Connection, clock: list[float]) -> None:
    def taken(want: int, unused: int = 0, unused_of: float = 0.0) -> Drawn:
        work = draw(NAME, "a", limit=100, want=want, unused=unused, unused_of=unused_of, window_s=3_600.0)
        return work(connection)

    first = taken(60)
    clock[0] += 1
    assert taken(100, 50, first.given_at).granted == 90
