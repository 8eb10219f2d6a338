"""The collector against servers that lack things: no sockets, a connection made of tables."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import asyncpg
import pytest

from govproxy.control import catalog_queries as queries
from govproxy.control.catalog import collect, fingerprint, publishable, resolve_domain, version_of
from govproxy.masking.classify import classify
from govproxy.sql.catalog import Catalog, ColumnRef, ColumnStatistics, Type

Rows = list[Mapping[Any, Any]]

RELATION: Mapping[str, Any] = {
    "oid": 20_000,
    "schema": "public",
    "name": "customers",
    "kind": "r",
    "pages": 1,
    "rows": -1.0,
    "triggers": False,
    "rules": False,
    "row_security": False,
    "owner": "app",
    "comment": None,
}


def column(attnum: int, name: str, kind: int) -> Mapping[str, Any]:
    return {
        "relation": 20_000,
        "attnum": attnum,
        "name": name,
        "type": kind,
        "typmod": -1,
        "not_null": False,
        "generated": False,
    }


class FakeConnection:
    """Answers known queries; the rest do not exist on this server, as their SQLSTATE says."""

    def __init__(self, answers: Mapping[str, Rows | Exception], sample: Callable[[str], Rows] | None = None) -> None:
        self.answers = answers
        self.sample = sample
        self.asked: list[str] = []

    async def fetch(self, query: str, *args: object) -> list[Any]:
        self.asked.append(query)
        if query.startswith("SELECT pg_catalog.left("):
            if self.sample is None:
                raise asyncpg.InsufficientPrivilegeError("permission denied, and a value: planted")
            return list(self.sample(query))
        answer = self.answers.get(query)
        if answer is None:
            raise asyncpg.UndefinedTableError("relation does not exist")
        if isinstance(answer, Exception):
            raise answer
        return list(answer)

    async def fetchval(self, query: str, *args: object) -> Any:
        rows = await self.fetch(query, *args)
        return next(iter(rows[0].values())) if rows else None

    async def execute(self, query: str, *args: object) -> Any:
        self.asked.append(query)

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[None]:
        yield

    def transaction(self, *, isolation: str | None = None, readonly: bool = False) -> Any:
        return self._transaction()

    async def close(self) -> None:
        return None

    def terminate(self) -> None:
        return None

    def is_closed(self) -> bool:
        return False


SETTINGS: Rows = [{"version": 130_000, "path": ["app", "public"]}]
BASE: dict[str, Rows | Exception] = {
    queries.SETTINGS: SETTINGS,
    queries.RELATIONS: [RELATION],
    queries.COLUMNS: [column(1, "email", 25), column(2, "c2", 25)],
}


def gather(answers: Mapping[str, Rows | Exception], sample: Callable[[str], Rows] | None = None) -> Catalog:
    return asyncio.run(collect(FakeConnection(answers, sample), "shop"))


def test_a_relative_without_most_catalogs_gives_what_it_has(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        catalog = gather(BASE)
    assert catalog.server_version == 130_000
    assert catalog.default_search_path == ("app", "public")
    assert catalog.relations[20_000].columns[0].name == "email"
    assert catalog.functions == {}
    assert "functions cannot be read (42P01)" in caplog.text


def test_without_rights_to_look_everything_free_form_is_sensitive() -> None:
    catalog = gather(BASE)
    found = classify(catalog)
    assert found.columns[ColumnRef(20_000, 1)].sensitive.name == "email"
    assert found.columns[ColumnRef(20_000, 2)].sensitive.name == "unread"


def test_nothing_at_all_is_an_empty_snapshot_and_nothing_known() -> None:
    catalog = gather({queries.SETTINGS: SETTINGS})
    assert catalog.relations == {}
    assert not classify(catalog).is_known(ColumnRef(20_000, 1))


def test_a_refused_sample_is_logged_without_the_servers_words(caplog: pytest.LogCaptureFixture) -> None:
    readable: Rows = [{"relation": 20_000, "attnum": 1}, {"relation": 20_000, "attnum": 2}]
    with caplog.at_level(logging.DEBUG):
        catalog = gather({**BASE, queries.READABLE: readable})
    assert "public.customers cannot be sampled (42501)" in caplog.text
    assert "planted" not in caplog.text
    assert catalog.statistics[ColumnRef(20_000, 2)].source == "none"


def test_sample_takes_only_columns_that_may_be_read() -> None:
    asked: list[str] = []

    def sample(query: str) -> Rows:
        asked.append(query)
        return [{0: f"u{number}@example.org"} for number in range(30)]

    catalog = gather({**BASE, queries.READABLE: [{"relation": 20_000, "attnum": 2}]}, sample)
    assert len(asked) == 1
    assert '"c2"' in asked[0]
    assert '"email"' not in asked[0]
    assert "LIMIT" in asked[0]
    assert classify(catalog).columns[ColumnRef(20_000, 2)].sensitive.name == "email"


def test_names_are_quoted_in_the_sample() -> None:
    asked: list[str] = []
    odd = {**RELATION, "name": 'x"; DROP TABLE y; --'}

    def sample(query: str) -> Rows:
        asked.append(query)
        return []

    gather({**BASE, queries.RELATIONS: [odd], queries.READABLE: [{"relation": 20_000, "attnum": 2}]}, sample)
    assert '"public"."x""; DROP TABLE y; --"' in asked[0]


def test_a_slow_table_is_tried_smaller_and_then_left() -> None:
    asked: list[str] = []

    def sample(query: str) -> Rows:
        asked.append(query)
        raise asyncpg.QueryCanceledError("canceling statement due to statement timeout")

    catalog = gather({**BASE, queries.READABLE: [{"relation": 20_000, "attnum": 2}]}, sample)
    assert [query.rsplit(" ", 1)[1] for query in asked] == ["200", "20"]
    assert catalog.statistics[ColumnRef(20_000, 2)].source == "none"


def test_one_column_that_cannot_be_shown_leaves_the_others() -> None:
    def sample(query: str) -> Rows:
        if '"email"' in query:
            raise asyncpg.InvalidTextRepresentationError("value planted")
        return [{0: f"u{number}@example.org"} for number in range(30)]

    readable: Rows = [{"relation": 20_000, "attnum": 1}, {"relation": 20_000, "attnum": 2}]
    catalog = gather({**BASE, queries.READABLE: readable}, sample)
    assert catalog.statistics[ColumnRef(20_000, 1)].source == "none"
    assert catalog.statistics[ColumnRef(20_000, 2)].source == "sample"


def test_foreign_tables_are_never_sampled() -> None:
    foreign = {**RELATION, "kind": "f"}
    catalog = gather({**BASE, queries.RELATIONS: [foreign], queries.READABLE: []}, lambda query: [])
    assert catalog.statistics[ColumnRef(20_000, 2)].source == "none"


def test_a_lost_connection_is_not_taken_for_a_missing_catalog() -> None:
    lost = {**BASE, queries.FUNCTIONS: asyncpg.ConnectionDoesNotExistError("connection was closed")}
    with pytest.raises(asyncpg.PostgresConnectionError):
        gather(lost)


def test_one_view_that_cannot_be_printed_leaves_the_others() -> None:
    views = [{**RELATION, "oid": oid, "name": f"v{oid}", "kind": "v"} for oid in (1, 2)]

    class PerView(FakeConnection):
        async def fetch(self, query: str, *args: object) -> list[Any]:
            if query == queries.VIEW and args == (2,):
                return [{"definition": "SELECT 1"}]
            return await super().fetch(query, *args)

    catalog = asyncio.run(collect(PerView({**BASE, queries.RELATIONS: views, queries.COLUMNS: []}), "shop"))
    assert catalog.relations[1].definition is None
    assert catalog.relations[2].definition == "SELECT 1"


def test_fingerprint_falls_back_where_rows_have_no_version() -> None:
    connection = FakeConnection(
        {
            queries.FINGERPRINT: asyncpg.UndefinedColumnError("column xmin does not exist"),
            queries.FINGERPRINT_PLAIN: [{"fingerprint": "f" * 32}],
        }
    )
    assert asyncio.run(fingerprint(connection)) == "f" * 32


def test_version_ignores_values_and_row_counts_only() -> None:
    catalog = gather(BASE)
    relation = catalog.relations[20_000]
    grown = replace(catalog, relations={20_000: replace(relation, estimated_rows=5.0)}, statistics={})
    renamed = replace(catalog, relations={20_000: replace(relation, name="other")})
    assert version_of(grown) == version_of(catalog) == catalog.version
    assert version_of(renamed) != catalog.version
    assert version_of(replace(catalog, user_operators=frozenset({"~"}))) != catalog.version


def test_workers_get_no_values() -> None:
    catalog = replace(gather(BASE), statistics={ColumnRef(20_000, 1): ColumnStatistics(values=("planted",))})
    assert publishable(catalog).statistics == {}
    assert publishable(catalog).version == catalog.version


def test_domains_are_followed_and_loops_end() -> None:
    types = {
        1: Type(oid=1, schema="s", name="inner", kind="d", base_oid=1043),
        2: Type(oid=2, schema="s", name="outer", kind="d", base_oid=1),
        3: Type(oid=3, schema="s", name="loop", kind="d", base_oid=3),
    }
    assert resolve_domain(2, -1, types, {1: 14, 2: -1}) == (1043, 14)
    assert resolve_domain(25, 7, types, {}) == (25, 7)
    assert resolve_domain(3, -1, types, {})[0] == 3
