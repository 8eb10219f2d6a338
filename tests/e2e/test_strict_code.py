"""What the database's own tree says of functions, compared with what analysis made of them.

The tree names functions by OID, also those that a text does not: in views, defaults, row security, operators and
casts. For every case of ``tests/security/data`` over functions the server must know of nothing that analysis does
not; and an analysis that has forgotten what it knew must get it back, or be doubted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import asyncpg
import psycopg
import pytest

from govproxy.control.catalog import collect
from govproxy.sql.agreement import agreed
from govproxy.sql.analyze import analyze
from govproxy.sql.asked import queries
from govproxy.sql.catalog import Catalog
from govproxy.sql.values import UNTRACED, Analysis, Comparison, Derivation, OutputColumn, StatementFacts
from tests.security.leak_harness import read_cases
from tests.security.leak_lab import DATA
from tests.support.postgres import Postgres, database

PATH = ("public",)
# Where functions are called without being named.
MORE = """
CREATE TABLE kept (id int PRIMARY KEY, a text DEFAULT h_dark(), b text DEFAULT g_slug('A b'),
    c text GENERATED ALWAYS AS (g_slug('x')) STORED);
CREATE INDEX ON kept (g_slug(b));
CREATE FUNCTION g_touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.b := g_slug(NEW.b); RETURN NEW; END $$;
CREATE TRIGGER touched BEFORE INSERT ON kept FOR EACH ROW EXECUTE FUNCTION g_touch();
CREATE FUNCTION g_may(n int) RETURNS boolean LANGUAGE plpgsql STABLE AS
    $$ BEGIN RETURN EXISTS (SELECT 1 FROM orders WHERE person_id = n); END $$;
CREATE TABLE ours (id int PRIMARY KEY, title text);
ALTER TABLE ours ENABLE ROW LEVEL SECURITY;
ALTER TABLE ours FORCE ROW LEVEL SECURITY;
CREATE POLICY mine ON ours USING (g_may(id)) WITH CHECK (g_may(id));
CREATE FUNCTION g_times(t text, n int) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT repeat(t, n)';
CREATE OPERATOR *** (LEFTARG = text, RIGHTARG = int, FUNCTION = g_times);
CREATE OPERATOR ==== (LEFTARG = text, RIGHTARG = text, FUNCTION = pg_catalog.texteq);
CREATE TYPE boxed AS (v text);
CREATE FUNCTION g_box(t text) RETURNS boxed LANGUAGE sql IMMUTABLE AS 'SELECT ROW(t)::boxed';
CREATE VIEW v_operators AS SELECT id, title *** 2 AS twice, title ==== 'x' AS same FROM products;
CREATE VIEW v_word AS SELECT id, 'a' +> id AS word FROM products;
CREATE VIEW v_inside AS SELECT id, title FROM products WHERE g_dark(id) <> '' ORDER BY g_tax(price);
CREATE VIEW v_over AS SELECT id, twice FROM v_operators JOIN v_inside USING (id);
"""
BEHIND = [
    "INSERT INTO kept (id) VALUES (1)",
    "INSERT INTO kept (id, b) VALUES (1, DEFAULT) RETURNING id, c",
    "UPDATE kept SET a = DEFAULT WHERE id = 1",
    "MERGE INTO kept k USING products p ON k.id = p.id WHEN NOT MATCHED THEN INSERT (id) VALUES (p.id)",
    "SELECT id, title FROM ours",
    "UPDATE ours SET title = 'x' WHERE id = 1",
    "INSERT INTO ours VALUES (1, 'x')",
    "SELECT twice, same FROM v_operators",
    "SELECT id FROM v_operators WHERE same",
    "SELECT id, title FROM v_inside",
    "SELECT count(*) FROM v_over",
    "SELECT title *** 2 FROM products",
    "SELECT id FROM products WHERE title ==== 'a'",
    "SELECT id FROM products ORDER BY title *** 2",
]


@dataclass(frozen=True, slots=True)
class Lab:
    """A database with the functions, its catalog, and a connection that prints trees."""

    connection: psycopg.Connection[Any]
    notices: list[tuple[str, str]]
    catalog: Catalog

    def trees(self, asked: tuple[str | None, ...]) -> list[bytes] | None:
        """What the server makes of the queries; None where it finds one wrong."""
        self.notices.clear()
        pg = self.connection.pgconn
        for query in asked:
            if query is not None and pg.prepare(b"", query.encode()).status != psycopg.pq.ExecStatus.COMMAND_OK:
                return None
        return [detail.encode() for title, detail in self.notices if title == "rewritten parse tree:"]


@pytest.fixture(scope="module")
def lab(postgres: Postgres) -> Iterator[Lab]:
    schema = (DATA / "leaks_schema.sql").read_text() + (DATA / "functions_schema.sql").read_text() + MORE
    with database(postgres, schema) as name:
        dsn = postgres.dsn(name)
        catalog = asyncio.run(_collect(dsn, name))
        with psycopg.connect(dsn, autocommit=True) as connection:
            notices: list[tuple[str, str]] = []
            connection.add_notice_handler(
                lambda notice: notices.append((notice.message_primary or "", notice.message_detail or ""))
            )
            connection.execute(
                "SET client_min_messages = log; SET debug_pretty_print = off; SET debug_print_rewritten = on"
            )
            # Somebody whom row security is for.
            connection.execute("SET ROLE pg_read_all_data")
            yield Lab(connection, notices, catalog)


async def _collect(dsn: str, name: str) -> Catalog:
    connection = await asyncpg.connect(dsn)
    try:
        return await collect(connection, name)
    finally:
        await connection.close()


def _texts(*files: str) -> list[str]:
    steps = [step for file in files for case in read_cases(DATA / file) for step in case.steps]
    return list(dict.fromkeys(step.replace("{yes|no}", "a") for step in steps))


def _answered(lab: Lab, texts: list[str]) -> Iterator[tuple[str, Analysis, tuple[str | None, ...], list[bytes]]]:
    for text in texts:
        found = analyze(text, lab.catalog, PATH)
        asked = queries(text, found.copy_out.query if found.copy_out is not None else None)
        if any(asked) and (trees := lab.trees(asked)) is not None:
            yield text, found, asked, trees


def test_the_server_knows_of_nothing_more_in_ordinary_work(lab: Lab) -> None:
    compared = 0
    for text, found, asked, trees in _answered(lab, [*_texts("functions_benign.txt"), *BEHIND]):
        given = agreed(found, asked, trees, lab.catalog)
        assert (given.added, given.certain) == ((), True), text
        assert given.statements == found.statements, text
        compared += 1
    assert compared > 80


def test_every_function_that_the_server_sees_in_an_attack_is_known(lab: Lab) -> None:
    compared = 0
    for text, found, asked, trees in _answered(lab, _texts("functions.txt", "leaks.txt")):
        given = agreed(found, asked, trees, lab.catalog)
        assert not [what for what in given.added if what.startswith("calls ")], text
        compared += 1
    assert compared > 400


def _forgetful(facts: StatementFacts, **more: Any) -> StatementFacts:
    """The same, knowing no sources, and that nothing is compared, stored or not understood."""
    blank = facts.outputs and tuple(OutputColumn(name=c.name, derivation=Derivation.CONSTANT) for c in facts.outputs)
    inner = None if facts.inner is None else _forgetful(facts.inner, **more)
    return replace(facts, outputs=blank, uses=(), flows=(), opaque=False, inner=inner, **more)


def test_what_bodies_bring_is_given_back(lab: Lab) -> None:
    """Whatever a column that was redacted or masked came from by a function."""
    for text in (
        "SELECT h_back(id) FROM products",
        "SELECT upper(h_nested(1))",
        "SELECT b FROM h_out(3)",
        "SELECT x.word FROM v_called x",
        "SELECT h_agg(id) FROM products",
        "SELECT 'a' +> 1",
        "SELECT word FROM v_word",
        "SELECT g_same(email) FROM people",
        "SELECT t FROM h_records() AS x(n int, t text)",
        "WITH w AS (SELECT h_back(1) AS a) SELECT a || '' FROM w",
        "SELECT title FROM products UNION SELECT h_back(1)",
    ):
        ((_, found, asked, trees),) = _answered(lab, [text])
        (facts,) = found.statements
        given = agreed(replace(found, statements=(_forgetful(facts),)), asked, trees, lab.catalog)
        (outputs,) = (statement.outputs for statement in given.statements)
        assert outputs is not None
        assert facts.outputs is not None
        email = {(r.oid, c.attnum) for r in lab.catalog.relations.values() for c in r.columns if c.name == "email"}
        assert {(ref.relation, ref.attnum) for ref in outputs[0].sources} & email, text
        assert outputs[0].derivation is not Derivation.CONSTANT, text


def test_what_cannot_be_followed_is_opaque_again(lab: Lab) -> None:
    for text in (
        "SELECT h_dynamic(1)",
        "SELECT (h_row(1)).email",
        "SELECT upper(h_dark())",
        "SELECT id, h_dark() FROM products",
        "SELECT h_dark() FROM products WHERE id = 1",
        "SELECT word FROM v_dark",
        "SELECT q_agg('x')",
        "SELECT ?~ 'a'",
        "SELECT r FROM h_dark_rows('a') r",
        "SELECT (SELECT h_dark())",
    ):
        ((_, found, asked, trees),) = _answered(lab, [text])
        given = agreed(replace(found, statements=tuple(map(_forgetful, found.statements))), asked, trees, lab.catalog)
        (again,) = given.statements
        assert again.opaque, text
        assert again.outputs is not None
        assert again.outputs[-1].derivation is Derivation.OPAQUE, text


@pytest.mark.parametrize(
    "text",
    [
        "SELECT count(*) FROM products WHERE h_dark() LIKE 'a%'",
        "SELECT id FROM products ORDER BY h_dark()",
        "SELECT count(*) FROM products HAVING h_dark() > 'a'",
        "SELECT id FROM products LIMIT length(h_dark())",
        "SELECT count(*) FROM v_dark WHERE word LIKE 'a%'",
    ],
)
def test_a_condition_on_what_cannot_be_followed_is_found_again(lab: Lab, text: str) -> None:
    ((_, found, asked, trees),) = _answered(lab, [text])
    given = agreed(replace(found, statements=tuple(map(_forgetful, found.statements))), asked, trees, lab.catalog)
    (again,) = given.statements
    assert again.opaque
    assert (UNTRACED, Comparison.OTHER) in {(use.column, use.comparison) for use in again.uses}


def test_what_a_body_compares_with_its_arguments_is_found_again(lab: Lab) -> None:
    for text, column in (
        ("SELECT * FROM q_like('a%')", "email"),
        ("SELECT q_like_atomic('a%')", "email"),
        ("SELECT q_range(5)", "salary"),
        ("SELECT count(*) FROM people WHERE q_compare(email, 'a%')", "email"),
        ("SELECT q_plpgsql('a%')", "email"),
    ):
        ((_, found, asked, trees),) = _answered(lab, [text])
        given = agreed(replace(found, statements=tuple(map(_forgetful, found.statements))), asked, trees, lab.catalog)
        assert any(what.startswith("compares") and what.endswith(column) for what in given.added), text


def test_what_is_stored_by_a_function_is_found_again(lab: Lab) -> None:
    for text in (
        "INSERT INTO things (id, title) SELECT id + 500, h_dark() FROM products",
        "INSERT INTO things (id, title) VALUES (1, h_back(1))",
        "CREATE TABLE made AS SELECT h_dark() AS a",
    ):
        ((_, found, asked, trees),) = _answered(lab, [text])
        given = agreed(replace(found, statements=tuple(map(_forgetful, found.statements))), asked, trees, lab.catalog)
        assert any(flow.opaque or flow.sources for flow in given.statements[0].flows), text


@pytest.mark.parametrize(
    "text",
    [
        "SELECT g_tax(1)",
        "SELECT id FROM products WHERE g_tax(price) > 1",
        "SELECT g_gather(id) FROM products",
        "SELECT g_add(price) OVER () FROM products",
        "SELECT * FROM g_stats()",
        "SELECT title *** 2 FROM products",
        "SELECT id FROM products ORDER BY g_tax(price)",
        "SELECT band FROM v_priced",
        "SELECT id FROM v_inside",
        "SELECT twice FROM v_operators",
        "SELECT title FROM ours",
        "INSERT INTO kept (id) VALUES (1)",
        "EXPLAIN SELECT g_tax(1)",
        "COPY (SELECT g_tax(1)) TO STDOUT",
    ],
)
def test_a_function_that_analysis_has_not_met_is_a_disagreement(lab: Lab, text: str) -> None:
    """Wherever the server sees it: harmless or not, nobody has judged what it does."""
    ((_, found, asked, trees),) = _answered(lab, [text])
    bare = replace(
        lab.catalog,
        relations={oid: replace(relation, runs=()) for oid, relation in lab.catalog.relations.items()},
    )
    unknowing = tuple(_forgetful(facts, routines=frozenset(), effects=facts.effects) for facts in found.statements)
    given = agreed(replace(found, statements=unknowing), asked, trees, bare)
    (again,) = given.statements
    assert any(what.startswith("calls ") for what in given.added)
    assert again.opaque
    assert not again.outputs
    assert any(effect.anything and effect.facts["via"] == "database" for effect in again.effects if effect.facts)
    assert (UNTRACED, Comparison.OTHER) in {(use.column, use.comparison) for use in again.uses}


def test_a_function_that_no_catalog_has_is_a_disagreement(lab: Lab) -> None:
    lab.connection.execute("RESET ROLE; CREATE FUNCTION g_new(n int) RETURNS int LANGUAGE sql AS 'SELECT n'")
    lab.connection.execute("CREATE OR REPLACE VIEW v_inside AS SELECT g_new(id) AS id, title FROM products")
    try:
        ((_, found, asked, trees),) = _answered(lab, ["SELECT id, title FROM v_inside"])
        given = agreed(found, asked, trees, lab.catalog)
        assert any(what.startswith("calls a function that is not known") for what in given.added)
        assert given.statements[0].outputs is None
    finally:
        lab.connection.execute("DROP VIEW v_inside CASCADE; DROP FUNCTION g_new")
