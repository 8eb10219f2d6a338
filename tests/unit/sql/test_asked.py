"""Which query of a statement the database is asked about: cut out of the text, and the very one that was analysed."""

from __future__ import annotations

import pytest

from govproxy.sql.asked import queries

QUERY = "SELECT a, 'x -- AS' FROM t"


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "{};",
        "DECLARE c BINARY CURSOR WITH HOLD FOR {}",
        "PREPARE p (int, text) AS {}",
        "EXPLAIN {}",
        "EXPLAIN ANALYZE VERBOSE {}",
        "explain verbose /* AS */ {}",
        "EXPLAIN (ANALYZE, FORMAT json) {}",
        "EXPLAIN (ANALYZE off, BUFFERS) DECLARE c CURSOR FOR {}",
        "EXPLAIN CREATE TABLE n AS {}",
        "CREATE TABLE n AS {}",
        "CREATE TEMP TABLE IF NOT EXISTS n (b, c) USING heap WITH (fillfactor = 70) ON COMMIT DROP AS {} WITH NO DATA",
        'CREATE UNLOGGED TABLE "as" AS /* AS */ {} WITH DATA;',
        "CREATE MATERIALIZED VIEW n (b) AS {} WITH NO DATA",
        "CREATE OR REPLACE TEMP VIEW n (b, c) WITH (security_barrier) AS {} WITH LOCAL CHECK OPTION",
        "CREATE VIEW n AS {}",
    ],
)
def test_the_query_inside(text: str) -> None:
    (found,) = queries(text.replace("{}", QUERY), None)
    assert found is not None
    assert found.removeprefix(" /* AS */").strip().rstrip(";") == QUERY


@pytest.mark.parametrize(
    "text",
    [
        "SELECT a INTO n FROM t",
        'SELECT a INTO TEMP TABLE "x y".n FROM t',
        "SELECT a INTO UNLOGGED n FROM t",
        "SELECT a /* INTO */ INTO TEMPORARY n FROM t",
        "EXPLAIN ANALYZE SELECT a INTO n FROM t",
    ],
)
def test_a_select_into_without_into(text: str) -> None:
    (found,) = queries(text, None)
    assert found is not None
    assert found.replace("/* INTO */", "").split() == ["SELECT", "a", "FROM", "t"]


def test_into_of_a_set_operation() -> None:
    (found,) = queries("SELECT a INTO n FROM t UNION SELECT b FROM u", None)
    assert found is not None
    assert found.split() == ["SELECT", "a", "FROM", "t", "UNION", "SELECT", "b", "FROM", "u"]


@pytest.mark.parametrize("text", ["EXPLAIN ({})", "EXPLAIN (({}))", "CREATE TABLE n AS ({})", "(({}))"])
def test_in_brackets(text: str) -> None:
    (found,) = queries(text.replace("{}", QUERY), None)
    assert found is not None
    assert found.strip().strip("()") == QUERY


@pytest.mark.parametrize(
    "text",
    ["SHOW x", "BEGIN", "EXECUTE p", "CREATE TABLE n AS EXECUTE p", "EXPLAIN EXECUTE p", "REFRESH MATERIALIZED VIEW m"],
)
def test_nothing_to_ask(text: str) -> None:
    assert queries(text, None) == (None,)


def test_what_cannot_be_cut_out_is_asked_as_a_whole() -> None:
    """The database gives no tree of it, so that nothing of it is certain."""
    text = "CREATE RECURSIVE VIEW n (a) AS SELECT 1 UNION ALL SELECT a + 1 FROM n"
    assert queries(text, None) == (text,)


def test_of_several_statements_each() -> None:
    found = queries("SELECT 'é'; CREATE TABLE n AS SELECT 2; COMMIT; EXPLAIN SELECT 3", None)
    assert [query and query.strip() for query in found] == ["SELECT 'é'", "SELECT 2", None, "SELECT 3"]


def test_the_query_of_a_copy_is_given() -> None:
    assert queries("COPY t TO STDOUT", "SELECT * FROM t") == ("SELECT * FROM t",)
