"""Lineage against what really comes out: change one column's values and see what changes.

The invariant: rows may differ only in outputs that name the column as a source, unless the column
is noted as used. No analysis of anybody's is involved, so implicit flows show too.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import psycopg
import pytest

from govproxy.control.catalog import collect
from govproxy.sql.catalog import Catalog, ColumnRef
from govproxy.sql.lineage import trace
from tests.e2e.lineage_generator import Generator
from tests.support.lineage import parse_one
from tests.support.postgres import Postgres, database

HERE = Path(__file__).parent
GENERATED = 240
BATCHES = 8
CORPUS = [
    line.removesuffix(";")
    for line in (HERE / "lineage_corpus.sql").read_text().splitlines()
    if line and not line.startswith("--") and "$1" not in line
]

ROWS = """
INSERT INTO customers (id, name, email, ssn, salary, active, born, home, tags, extra, state, phone) VALUES
    (1, 'ann', 'a@x', '111', 10, true, '2000-01-01', ROW('s', 'z'), '{t}', '{"a": 1}', 'good', '+1'),
    (2, 'bob', 'b@x', '222', 20, false, '2001-01-01', ROW('s', 'y'), '{u}', '[{"a": 2}]', 'bad', '+2');
INSERT INTO orders VALUES (1, 1, 5, 'note1', '2024-01-01', NULL), (2, 2, 6, 'note2', '2024-02-01', NULL);
INSERT INTO items VALUES (1, 1, 1, 2);
INSERT INTO products VALUES (1, 'p', 3, NULL), (2, 'q', 4, 1);
INSERT INTO archive.customers VALUES (1, 'a@x', '2024-01-01', '111'), (3, 'c@x', '2024-01-01', '333');
INSERT INTO events VALUES (1, '2024-05-01', 'w', 'body1'), (2, '2025-05-01', 'v', 'body2');
INSERT INTO parent VALUES (1, 'secret1');
INSERT INTO child VALUES (2, 'secret2', 'more2');
REFRESH MATERIALIZED VIEW snapshot;
"""

# What is changed, and how: to values found nowhere else.
CHANGES = {
    "customers.ssn": "UPDATE customers SET ssn = 'chg' || ssn",
    "customers.email": "UPDATE customers SET email = 'chg' || email",
    "customers.salary": "UPDATE customers SET salary = salary + 1",
    "orders.note": "UPDATE orders SET note = 'chg' || note",
    "parent.secret": "UPDATE parent SET secret = 'chg' || secret",
    "events.body": "UPDATE events SET body = 'chg' || body",
}


@dataclass(frozen=True, slots=True)
class Lab:
    """A database whose rows may be changed for the time of one query."""

    connection: psycopg.Connection[Any]
    catalog: Catalog

    def run(self, sql: str, change: str | None = None) -> list[tuple[str, ...]]:
        """The rows of a statement as text, after a change; nothing stays."""
        with self.connection.transaction(force_rollback=True):
            if change is not None:
                self.connection.execute(change.encode())
            cursor = self.connection.execute(sql.encode())
            return [] if cursor.description is None else [tuple(map(repr, row)) for row in cursor]

    def column(self, name: str) -> ColumnRef:
        """The column called ``table.column`` in the schema public."""
        table, _, column = name.partition(".")
        relation = self.catalog.relations[self.catalog.by_name["public", table]]
        found = relation.column(column)
        assert found is not None
        return ColumnRef(relation.oid, found.attnum)


@pytest.fixture(scope="module")
def lab(postgres: Postgres) -> Iterator[Lab]:
    with database(postgres, (HERE / "lineage_schema.sql").read_text(), ROWS) as name:
        dsn = postgres.dsn(name)
        snapshot = asyncio.run(_collect(dsn, name))
        with psycopg.connect(dsn, autocommit=True) as connection:
            # Tables are tiny and queries wild: planning and compiling would cost more than running.
            connection.execute(
                "SET statement_timeout = '1s'; SET jit = off; SET join_collapse_limit = 1; SET from_collapse_limit = 1"
            )
            yield Lab(connection, snapshot)


async def _collect(dsn: str, name: str) -> Catalog:
    connection = await asyncpg.connect(dsn)
    try:
        return await collect(connection, name)
    finally:
        await connection.close()


def _check(lab: Lab, sql: str) -> bool:
    """Compare; False when the statement does not run on these rows at all."""
    traced = trace(parse_one(sql), lab.catalog, ("public",))
    if traced.outputs is None or traced.opaque:
        return False
    used = {use.column for use in traced.uses}
    try:
        before = lab.run(sql)
        if lab.run(sql) != before:  # chance, the clock, row versions
            return False
    except psycopg.Error:
        return False
    for name, change in CHANGES.items():
        column = lab.column(name)
        if column in used:
            continue
        kept = [place for place, output in enumerate(traced.outputs) if column not in output.sources]
        try:
            after = lab.run(sql, change)
        except psycopg.Error:
            continue
        assert _projected(after, kept) == _projected(before, kept), f"{sql}: {name} comes out where it is no source"
    return True


def _projected(rows: list[tuple[str, ...]], places: list[int]) -> Counter[tuple[str, ...]]:
    return Counter(tuple(row[place] for place in places) for row in rows)


@pytest.mark.parametrize("sql", CORPUS, ids=[f"statement{place}" for place in range(1, len(CORPUS) + 1)])
def test_only_sources_come_out(lab: Lab, sql: str) -> None:
    if any(word in sql for word in ("ctid", "xmin", "TABLESAMPLE")):
        pytest.skip("shows where rows are stored, which any change alters")
    _check(lab, sql)


@pytest.mark.parametrize("seed", range(BATCHES))
def test_only_sources_come_out_of_generated_queries(lab: Lab, seed: int) -> None:
    generator = Generator(random.Random(1000 + seed), lab.catalog)
    checked = sum(_check(lab, generator.query()) for _ in range(GENERATED // BATCHES))
    assert checked > GENERATED // BATCHES // 4, "many generated queries must run, or nothing is tested"


def test_the_check_finds_a_missing_source(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it would say if tracing forgot where a value comes from."""
    blind = trace(parse_one("SELECT 1 AS ssn"), lab.catalog, ("public",))
    monkeypatch.setattr("tests.e2e.test_lineage_taint.trace", lambda *_: blind)
    with pytest.raises(AssertionError, match=r"customers\.ssn comes out"):
        _check(lab, "SELECT ssn FROM customers")
