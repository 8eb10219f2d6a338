"""Lineage against PostgreSQL's own analysis of the same statement.

For every statement of the corpus, and for generated ones, the server is asked with a bare Parse
for its analysed and its rewritten query tree and for RowDescription. The invariant: whatever the
server says feeds an output, a predicate or a stored column is among the traced sources.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import asyncpg
import psycopg
import pytest

from govproxy.control.catalog import collect
from govproxy.sql.agreement import agreed
from govproxy.sql.analyze import analyze
from govproxy.sql.asked import queries
from govproxy.sql.catalog import Catalog, ColumnRef, RelationKind
from govproxy.sql.lineage import Lineage, trace
from govproxy.sql.nodetext import TreeNode, read_tree
from govproxy.sql.origins import Level, Source, outputs, relations
from govproxy.sql.values import Derivation, OutputColumn
from tests.e2e.lineage_generator import Generator
from tests.support.lineage import parse_one
from tests.support.node_tree import PlainSources, quals
from tests.support.postgres import Postgres, database

HERE = Path(__file__).parent
CORPUS = [
    line.removesuffix(";")
    for line in (HERE / "lineage_corpus.sql").read_text().splitlines()
    if line and not line.startswith("--")
]
GENERATED = 400
PATH = ("public",)

# The server inlines nothing here, but these hide what a function reads; tracing calls them opaque.
SECRETIVE = ("hidden(", "rows_of(", "opaque_view", "pick")


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server says of one statement."""

    analysed: TreeNode
    rewritten: list[TreeNode]
    names: list[str]
    origins: list[Source]


@dataclass(frozen=True, slots=True)
class Oracle:
    """A database with the schema, its catalog as collected, and a connection that prints trees."""

    connection: psycopg.Connection[Any]
    notices: list[tuple[str, str]]
    catalog: Catalog
    columns: dict[int, tuple[int, ...]]

    @property
    def sources(self) -> PlainSources:
        """What resolves one more tree."""
        return PlainSources(self.columns)

    def ask(self, sql: str) -> Answer:
        """Analyse without running. Raises `psycopg.Error` for an invalid statement."""
        self.notices.clear()
        pg = self.connection.pgconn
        prepared = pg.prepare(b"", sql.encode())
        if prepared.status != psycopg.pq.ExecStatus.COMMAND_OK:
            raise psycopg.ProgrammingError(prepared.error_message.decode())
        described = pg.describe_prepared(b"")
        printed = [notice for notice in self.notices if notice[0].endswith("parse tree:")]
        trees = {message: read_tree(detail.encode()) for message, detail in printed}
        fields = range(described.nfields)
        return Answer(
            analysed=trees["parse tree:"],
            rewritten=trees["rewritten parse tree:"],
            names=[(described.fname(i) or b"").decode() for i in fields],
            origins=[(described.ftable(i), described.ftablecol(i)) for i in fields],
        )


@pytest.fixture(scope="module")
def oracle(postgres: Postgres) -> Iterator[Oracle]:
    with database(postgres, (HERE / "lineage_schema.sql").read_text()) as name:
        dsn = postgres.dsn(name)
        snapshot = asyncio.run(_collect(dsn, name))
        with psycopg.connect(dsn, autocommit=True) as connection:
            notices: list[tuple[str, str]] = []
            connection.add_notice_handler(
                lambda notice: notices.append((notice.message_primary or "", notice.message_detail or ""))
            )
            connection.execute(
                "SET client_min_messages = log; SET debug_pretty_print = off;"
                "SET debug_print_parse = on; SET debug_print_rewritten = on"
            )
            columns = {
                oid: tuple(column.attnum for column in relation.columns) for oid, relation in snapshot.relations.items()
            }
            yield Oracle(connection, notices, snapshot, columns)


async def _collect(dsn: str, name: str) -> Catalog:
    connection = await asyncpg.connect(dsn)
    try:
        return await collect(connection, name)
    finally:
        await connection.close()


@pytest.mark.parametrize("path", [PATH, None], ids=["known-path", "unknown-path"])
@pytest.mark.parametrize("sql", CORPUS, ids=[f"line{place}" for place in range(1, len(CORPUS) + 1)])
def test_covers_what_the_server_says(oracle: Oracle, sql: str, path: tuple[str, ...] | None) -> None:
    try:
        answer = oracle.ask(sql)
    except psycopg.ProgrammingError as error:
        if "libxml" not in str(error):
            raise
        pytest.skip("this server is built without libxml")
    _compare(sql, answer, trace(parse_one(sql), oracle.catalog, path), oracle, exact=path is not None)


@pytest.mark.parametrize("seed", range(8))
def test_covers_what_the_server_says_of_generated_queries(oracle: Oracle, seed: int) -> None:
    generator = Generator(random.Random(seed), oracle.catalog)
    compared = 0
    for _ in range(GENERATED // 8):
        sql = generator.query()
        try:
            answer = oracle.ask(sql)
        except psycopg.Error:
            continue
        compared += 1
        _compare(sql, answer, trace(parse_one(sql), oracle.catalog, PATH), oracle, exact=True)
    assert compared > GENERATED // 16, "most generated queries must be valid, or nothing is tested"


def _compare(sql: str, answer: Answer, traced: Lineage, oracle: Oracle, *, exact: bool) -> None:
    assert oracle.catalog.relations.keys() & relations(answer.analysed) <= traced.reads | _inserted_only(answer), sql
    for tree in answer.rewritten:
        missing = oracle.catalog.relations.keys() & relations(tree) - traced.reads - _inserted_only(answer)
        assert not missing or traced.opaque, f"{sql}: reads lack {missing}"
    _compare_uses(sql, answer, traced, oracle)
    _compare_flows(sql, answer, traced, oracle)
    if traced.outputs is None:
        assert traced.opaque, sql
        assert not exact or any(word in sql for word in SECRETIVE), f"{sql}: outputs could not be told"
        return
    assert [column.name for column in traced.outputs] == answer.names, sql
    if exact and not any(word in sql for word in SECRETIVE):
        assert not traced.opaque, sql
    for column, origin in zip(traced.outputs, answer.origins, strict=True):
        if origin[0]:
            assert _has(column, {origin}, oracle), f"{sql}: {column.name} lacks its origin {origin}"
    entries = [entry for entry in outputs(answer.analysed) if entry["resjunk"] != "true"]
    for place, (column, entry) in enumerate(zip(traced.outputs, entries, strict=True)):
        for tree in (answer.analysed, *(t for t in answer.rewritten if len(answer.rewritten) == 1)):
            level = Level(tree)
            found = oracle.sources.of_output(level, outputs(tree)[place].integer("resno"))
            assert _has(column, found, oracle), f"{sql}: {column.name} lacks {found} of the server's tree"
        if column.derivation is Derivation.PLAIN:
            plain = oracle.sources.is_plain_output(Level(answer.analysed), entry.integer("resno"))
            assert plain, f"{sql}: {column.name} is not one column's plain value"


def _compare_uses(sql: str, answer: Answer, traced: Lineage, oracle: Oracle) -> None:
    used = {(use.column.relation, use.column.attnum) for use in traced.uses}
    totals = oracle.catalog.relations[oracle.catalog.by_name["public", "totals"]]
    counted = _counted(answer.analysed, oracle) | {(totals.oid, 3)}  # its third column is a count
    missing = quals(answer.analysed, oracle.sources) - used - counted
    assert not missing or traced.opaque, f"{sql}: uses lack {missing}"


def _compare_flows(sql: str, answer: Answer, traced: Lineage, oracle: Oracle) -> None:
    tree = answer.analysed
    if tree["commandType"] not in ("2", "3"):
        return
    target = tree.list("rtable")[tree.integer("resultRelation") - 1].integer("relid")
    # A value that moves within an inheritance tree stays in the column it was in.
    kin = {target, *oracle.catalog.relations[target].parents, *oracle.catalog.relations[target].children}
    for entry in tree.list("targetList"):
        if entry["resjunk"] == "true":
            continue
        column = ColumnRef(target, entry.integer("resno"))
        stored = {s for f in traced.flows if f.target_column == column for s in _pairs(f.sources)}
        found = oracle.sources.of(entry["expr"], Level(tree)) - {(oid, column.attnum) for oid in kin}
        assert found <= stored, f"{sql}: flows into {column} lack {found - stored}"


def _counted(tree: TreeNode, oracle: Oracle) -> set[Source]:
    """Columns that only reach a predicate through count(): they are not compared."""
    found: set[Source] = set()

    sources = oracle.sources

    def visit(value: Any, level: Level) -> None:
        if isinstance(value, list):
            for item in value:
                visit(item, level)
        elif isinstance(value, TreeNode):
            inside = Level(value, level) if value.tag == "QUERY" and value is not tree else level
            if value.tag == "AGGREF" and value.integer("aggfnoid") in (2147, 2803):
                found.update(sources.of(value["args"], inside))
            if value.tag == "WINDOWFUNC":
                found.update(sources.of(value["args"], inside))
            for inner in value.fields.values():
                visit(inner, inside)

    visit(tree, Level(tree))
    return found


def _inserted_only(answer: Answer) -> set[int]:
    """The target of an INSERT that shows nothing of it."""
    tree = answer.analysed
    if tree["commandType"] != "3" or tree.list("returningList") or tree["onConflict"]:
        return set()
    return {tree.list("rtable")[tree.integer("resultRelation") - 1].integer("relid")}


def _has(column: OutputColumn, found: set[Source], oracle: Oracle) -> bool:
    known = {source for source in found if source[0] in oracle.catalog.relations}
    whole = {oid for oid, attnum in known if attnum == 0}
    for oid in whole:
        known |= {(oid, entry.attnum) for entry in oracle.catalog.relations[oid].columns}
    return {source for source in known if source[1] != 0} <= _pairs(column.sources)


def _pairs(sources: frozenset[ColumnRef]) -> set[Source]:
    return {(ref.relation, ref.attnum) for ref in sources}


@pytest.mark.parametrize("sql", CORPUS, ids=[f"line{place}" for place in range(1, len(CORPUS) + 1)])
def test_the_database_gives_back_what_analysis_has_forgotten(oracle: Oracle, sql: str) -> None:
    """`sql.agreement` on an analysis that knows no sources and reads nothing: it has at least the server's again."""
    oracle.notices.clear()
    asked = queries(sql, None)
    if oracle.connection.pgconn.prepare(b"", sql.encode()).status != psycopg.pq.ExecStatus.COMMAND_OK:
        pytest.skip("this server is built without libxml")
    trees = [detail.encode() for title, detail in oracle.notices if title == "rewritten parse tree:"]
    found = analyze(sql, oracle.catalog, PATH)
    (facts,) = found.statements
    blank = [OutputColumn(name=c.name, derivation=Derivation.CONSTANT) for c in facts.outputs or ()]
    forgetful = replace(
        facts, outputs=facts.outputs and tuple(blank), reads=frozenset(), effects=(), uses=(), flows=(), opaque=False
    )
    given = agreed(replace(found, statements=(forgetful,)), asked, trees, oracle.catalog)
    assert asked == (sql,)
    assert given.certain
    (again,) = given.statements
    if facts.outputs is None:
        assert again.outputs is None
        return
    level = Level(read_tree(trees[0])[0])
    for column, entry in zip(again.outputs or (), outputs(level.query), strict=False):
        assert _has(column, oracle.sources.of_output(level, entry.integer("resno")), oracle), sql
        assert not column.sources or column.derivation is not Derivation.CONSTANT
    assert relations(level.query) & oracle.catalog.relations.keys() <= again.reads
    # Of what decides and what is stored as well, as far as it is not a view's column, which is mapped to its base.
    analysed = [read_tree(detail.encode()) for title, detail in oracle.notices if title == "parse tree:"]
    tables = {oid for oid, relation in oracle.catalog.relations.items() if relation.kind is not RelationKind.VIEW}
    if len(trees) == 1 and len(read_tree(trees[0])) == 1:
        deciding = quals(analysed[0], oracle.sources) - _counted(analysed[0], oracle)
        assert {s for s in deciding if s[0] in tables} <= {(u.column.relation, u.column.attnum) for u in again.uses}
        if analysed[0]["commandType"] in ("2", "3"):
            top = Level(analysed[0])
            target = top.entry(analysed[0].integer("resultRelation")).integer("relid")
            stored = {
                source
                for entry in analysed[0].list("targetList")
                if entry["resjunk"] != "true"
                for source in oracle.sources.of(entry["expr"], top) - {(target, entry.integer("resno"))}
                if source[0] in tables
            }
            assert stored <= {s for flow in again.flows for s in _pairs(flow.sources)}
    # And of an analysis that is complete nothing is said.
    unchanged = agreed(found, asked, trees, oracle.catalog)
    assert unchanged.added == (), sql
    assert unchanged == found, sql
