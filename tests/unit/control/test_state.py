"""The state store in a file: its tables, its rights, and what happens when it is damaged."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest
import sqlalchemy as sa

from govproxy.config.settings import Address, AuditSettings, IdentitySettings, Settings
from govproxy.control.look import class_named
from govproxy.control.state import approvals, facts, grants, once, outbox, places, presence, windows
from govproxy.control.state import classification as subject
from govproxy.control.state.classification import load_kept, load_map, save_kept, save_map
from govproxy.control.state.migrations import STEPS, Step
from govproxy.control.state.store import migrate, open_store, read_store
from govproxy.errors import StateUnavailable
from govproxy.masking import taxonomy
from govproxy.masking.kept import Kept
from govproxy.masking.values import Classification, ColumnClass
from govproxy.policy.rules import Policy
from govproxy.sql.catalog import ColumnRef

T = TypeVar("T")
TABLES = (
    facts.FACTS,
    outbox.OUTBOX,
    subject.KEPT,
    subject.MAPS,
    approvals.HOLDS,
    approvals.VOTES,
    approvals.CAPSULES,
    grants.GRANTS,
    once.ONCE,
    windows.WINDOWS,
    places.PLACES,
    presence.INSTANCES,
)
NAMED = class_named(Policy())
SALARY = ColumnRef(20_000, 2)
EMAIL = ColumnRef(20_000, 3)


def settings(folder: Path, state: str = "state.db") -> Settings:
    return Settings(
        file=folder / "govproxy.yaml",
        listen=Address(host="127.0.0.1", port=0),
        workers=1,
        databases={},
        identity=IdentitySettings(),
        audit=AuditSettings(directory=folder),
        state=f"sqlite:///{folder / state}",
    )


def in_store(folder: Path, *works: Callable[[sa.Connection], T]) -> list[T]:
    async def run() -> list[T]:
        store = await open_store(settings(folder))
        try:
            return [await store.run(work) for work in works]
        finally:
            await store.close()

    return asyncio.run(run())


def kept(name: str, *names: str) -> Kept:
    schema, table, column = names
    return Kept(
        names=(schema, table, column),
        verdict=ColumnClass(sensitive=taxonomy.by_name(name), confidence=0.95, reason=f"name '{column}'"),
    )


def test_the_file_is_its_owners_alone_and_written_ahead(tmp_path: Path) -> None:
    assert in_store(tmp_path, lambda c: c.execute(sa.text("PRAGMA journal_mode")).scalar()) == ["wal"]
    assert (tmp_path / "state.db").stat().st_mode & 0o777 == 0o600
    with sqlite3.connect(tmp_path / "state.db") as connection:
        connection.execute("CREATE TABLE more (x)")
        for beside in tmp_path.glob("state.db*"):
            assert beside.stat().st_mode & 0o077 == 0
    connection.close()


def test_a_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    in_store(tmp_path)
    (tmp_path / "state.db").chmod(0o644)
    with pytest.raises(StateUnavailable, match="owner alone"):
        in_store(tmp_path)


def test_steps_are_numbered_without_gaps_and_make_the_tables_the_code_uses(tmp_path: Path) -> None:
    assert [step.number for step in STEPS] == list(range(1, len(STEPS) + 1))

    def columns(connection: sa.Connection) -> dict[str, set[str]]:
        return {
            table.name: {column["name"] for column in sa.inspect(connection).get_columns(table.name)}
            for table in TABLES
        }

    (made,) = in_store(tmp_path, columns)
    assert made == {table.name: {c.name for c in table.columns} for table in TABLES}


def test_a_later_version_takes_only_the_steps_that_are_new(tmp_path: Path) -> None:
    in_store(tmp_path)
    later = (*STEPS, Step(number=len(STEPS) + 1, subject="more", statements=("CREATE TABLE more (x bigint)",)))
    in_store(tmp_path, lambda c: migrate(c, later))
    engine = sa.create_engine(f"sqlite:///{tmp_path}/state.db")
    with engine.begin() as connection:
        migrate(connection, later)
        assert connection.execute(sa.text("SELECT count(*) FROM more")).scalar() == 0
    engine.dispose()
    with pytest.raises(StateUnavailable, match="newer govproxy"):
        in_store(tmp_path)


def test_a_step_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    broken = (*STEPS, Step(number=len(STEPS) + 1, subject="x", statements=("CREATE TABLE half (x bigint)", "nonsense")))
    with pytest.raises(StateUnavailable):
        in_store(tmp_path, lambda c: migrate(c, broken))
    names: list[list[str]] = in_store(tmp_path, lambda c: sa.inspect(c).get_table_names())
    assert "half" not in names[0]


@pytest.mark.parametrize(
    "content", [b"this is no database at all, whoever wrote it" * 20, b"SQLite format 3\x00" + b"\xff" * 4096]
)
def test_a_damaged_file_is_an_error_and_stays_as_it_is(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "state.db"
    file.write_bytes(content)
    file.chmod(0o600)
    with pytest.raises(StateUnavailable, match="cannot be used") as raised:
        in_store(tmp_path)
    assert str(file) in str(raised.value.hint)
    assert file.read_bytes() == content


def test_reading_makes_nothing(tmp_path: Path) -> None:
    work = load_kept("shop", NAMED)
    assert asyncio.run(read_store(settings(tmp_path), work, otherwise={})) == {}
    assert list(tmp_path.iterdir()) == []
    in_store(tmp_path, save_kept("shop", {}, {SALARY: kept("income", "hr", "staff", "salary")}))
    assert set(asyncio.run(read_store(settings(tmp_path), work, otherwise={}))) == {SALARY}


def test_two_instances_do_not_lose_each_others_work(tmp_path: Path) -> None:
    async def run() -> int:
        stores = [await open_store(settings(tmp_path)) for _ in range(3)]
        await stores[0].run(lambda c: c.execute(sa.text("CREATE TABLE n (x bigint)")) and None)
        await stores[0].run(lambda c: c.execute(sa.text("INSERT INTO n VALUES (0)")) and None)

        def add(connection: sa.Connection) -> None:
            seen = connection.execute(sa.text("SELECT x FROM n")).scalar_one()
            connection.execute(sa.text("UPDATE n SET x = :x"), {"x": seen + 1})

        await asyncio.gather(*(store.run(add) for store in stores for _ in range(10)))
        total = await stores[1].run(lambda c: c.execute(sa.text("SELECT x FROM n")).scalar_one())
        for store in stores:
            await store.close()
        return int(total)

    assert asyncio.run(run()) == 30


def test_kept_classes_come_back_as_they_were(tmp_path: Path) -> None:
    first = {SALARY: kept("income", "hr", "staff", "salary"), EMAIL: kept("email", "hr", "staff", "mail")}
    in_store(tmp_path, save_kept("shop", {}, first), save_kept("other", {}, first))
    assert in_store(tmp_path, load_kept("shop", NAMED)) == [first]
    second = {SALARY: kept("income", "hr", "people", "pay")}
    in_store(tmp_path, save_kept("shop", first, second))
    assert in_store(tmp_path, load_kept("shop", NAMED), load_kept("other", NAMED)) == [second, first]


def test_a_class_nobody_knows_any_more_is_a_secret(tmp_path: Path) -> None:
    in_store(tmp_path, save_kept("shop", {}, {SALARY: kept("income", "hr", "staff", "salary")}))
    with sqlite3.connect(tmp_path / "state.db") as connection:
        connection.execute("UPDATE govproxy_kept_classes SET class_name = 'loyalty'")
    connection.close()
    (found,) = in_store(tmp_path, load_kept("shop", NAMED))
    assert found[SALARY].verdict.sensitive.level == 4


@pytest.mark.parametrize("change", ["confidence = 'x'", "class_name = ''", "column_name = ''", "relation = 'x'"])
def test_a_damaged_row_of_kept_classes_stops_the_start(tmp_path: Path, change: str) -> None:
    in_store(tmp_path, save_kept("shop", {}, {SALARY: kept("income", "hr", "staff", "salary")}))
    with sqlite3.connect(tmp_path / "state.db") as connection:
        connection.execute(f"UPDATE govproxy_kept_classes SET {change}")
    connection.close()
    with pytest.raises(StateUnavailable):
        in_store(tmp_path, load_kept("shop", NAMED))


def test_a_map_comes_back_as_it_was_and_a_damaged_one_not_at_all(tmp_path: Path) -> None:
    made = Classification(
        database="shop",
        catalog_version="",
        columns={SALARY: kept("income", "hr", "staff", "salary").verdict},
        known={20_000: frozenset({-1, 1, 2, 3})},
    )
    in_store(tmp_path, save_map("shop", "e", made), save_map("shop", "e2", made))
    (stored,) = in_store(tmp_path, load_map("shop", NAMED))
    assert stored is not None
    assert (stored.evidence, stored.classification) == ("e2", made)
    for damage in ("columns_found = '{'", "columns_found = '[[1]]'", "columns_known = '[]'", "columns_found = '5'"):
        with sqlite3.connect(tmp_path / "state.db") as connection:
            connection.execute(f"UPDATE govproxy_classifications SET {damage}")
        connection.close()
        assert in_store(tmp_path, load_map("shop", NAMED)) == [None]
        in_store(tmp_path, save_map("shop", "e2", made))
