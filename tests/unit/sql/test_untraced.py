"""Where code runs that cannot be traced, and where tracing itself gives up: both count as asking."""

from __future__ import annotations

import pytest

from govproxy.sql import lineage as tracing
from govproxy.sql.catalog import Catalog, ColumnRef, Function, RelationKind
from govproxy.sql.nodetext import TreeNode
from govproxy.sql.treecalls import UNKNOWN, TreeCalls
from govproxy.sql.values import UNTRACED, Comparison
from tests.support.lineage import BOOL, INT4, TEXT, catalog, function, lineage, relation

PEOPLE = relation("people", "id:23 email")
WORDS = relation("words", "id:23 word")
VIEW = relation(
    "shown", "id:23 email", kind=RelationKind.VIEW, definition="SELECT people.id, people.email FROM public.people"
)
DYNAMIC = "BEGIN EXECUTE $1; RETURN 1; END"
DARK = function("dark", TEXT, return_type=INT4, language="plpgsql", body=DYNAMIC)
PLAIN = function("plain", TEXT, return_type=INT4, body="SELECT length($1)")
ELSEWHERE = function("measured", TEXT, return_type=INT4, language="c", extension="gauge")
WRITTEN = function("added", TEXT, return_type=INT4, language="plpgsql", body=DYNAMIC, extension="gauge")
PYTHON = function("script", TEXT, return_type=INT4, language="plpython3u", body="return 1")


def world(**more: object) -> Catalog:
    return catalog(PEOPLE, WORDS, VIEW, functions=[DARK, PLAIN, ELSEWHERE, WRITTEN, PYTHON], **more)


def asks(sql: str, snapshot: Catalog) -> bool:
    """Whether a statement counts as asking whatever its code reads."""
    return any(use.column == UNTRACED for use in lineage(sql, snapshot).uses)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT dark('x')",
        "SELECT count(dark('x'))",
        "SELECT script('x')",
        "SELECT added('x')",
        "SELECT nobody_knows('x')",
        "SELECT id, dark(word) FROM words",
        "SELECT (words.word).dark FROM words",
        "SELECT 1 FROM words WHERE id = 1 OR dark('x') = 1",
        "SELECT (SELECT dark('x')) IS NULL",
        "SELECT EXISTS (SELECT dark('x'))",
        "WITH x AS (SELECT dark('x')) SELECT 1 FROM x",
        "SELECT count(*) FILTER (WHERE dark('x') = 1) FROM words",
        "INSERT INTO words (id) VALUES (1) RETURNING dark('x')",
        "SELECT 1 FROM LATERAL (SELECT dark('x')) y",
    ],
)
def test_a_call_that_cannot_be_traced_asks(sql: str) -> None:
    assert asks(sql, world())


@pytest.mark.parametrize(
    "sql",
    ["SELECT plain('x')", "SELECT plain(email) FROM people", "SELECT measured('x')", "SELECT upper('x')", "SELECT 1"],
)
def test_what_is_traced_does_not_and_neither_does_the_code_of_an_extension_in_c(sql: str) -> None:
    assert not asks(sql, world())


def test_operators_and_casts_of_the_users_ask_like_calls() -> None:
    snapshot = world(user_operators=["?~"], user_casts=[(INT4, BOOL)])
    assert asks("SELECT 'a' ?~ 'b'", snapshot)
    assert asks("SELECT id ?~ 1 FROM words", snapshot)
    assert asks("SELECT ?~ 'b'", snapshot)
    assert asks("SELECT id FROM words ORDER BY id USING ?~", snapshot)
    assert asks("SELECT id::bool FROM words", snapshot)
    assert not asks("SELECT id + 1, word::varchar FROM words", snapshot)


def exhausted(sql: str, monkeypatch: pytest.MonkeyPatch) -> tracing.Lineage:
    """The lineage of a statement for which there is no work left."""
    monkeypatch.setattr("govproxy.sql.findings.MAX_WORK", 0)
    return lineage(sql, catalog(PEOPLE, WORDS, VIEW, functions=[DARK]))


@pytest.mark.parametrize(
    ("sql", "read"),
    [
        ("SELECT id FROM people WHERE email LIKE 'a%'", {PEOPLE.oid}),
        ("SELECT 1 FROM words w WHERE EXISTS (SELECT FROM shown s WHERE s.email > w.word)",
         {WORDS.oid, VIEW.oid, PEOPLE.oid}),
        ("WITH x AS (SELECT email FROM people) SELECT 1 FROM x ORDER BY email", {PEOPLE.oid}),
    ],
)  # fmt: skip
def test_where_tracing_gives_up_all_that_is_read_is_compared(
    sql: str, read: set[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    traced = exhausted(sql, monkeypatch)
    assert (traced.opaque, traced.outputs) == (True, None)
    compared = {(use.column, use.comparison) for use in traced.uses}
    assert compared >= {(ColumnRef(oid, 0), Comparison.OTHER) for oid in read} | {(UNTRACED, Comparison.OTHER)}
    assert traced.flows == ()


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO words SELECT id, email FROM people",
        "UPDATE words SET word = email FROM people",
        "MERGE INTO words USING people ON words.id = people.id WHEN MATCHED THEN UPDATE SET word = email",
        "SELECT email INTO kept FROM people",
        "CREATE TABLE kept AS SELECT email FROM people",
        "WITH x AS (INSERT INTO words SELECT id, email FROM people RETURNING 1) SELECT 1",
        "SELECT set_config('a.b', email, false) FROM people",
        "SELECT pg_notify('a', email) FROM people",
    ],
)
def test_and_all_that_is_read_is_stored_where_anything_is(sql: str, monkeypatch: pytest.MonkeyPatch) -> None:
    traced = exhausted(sql, monkeypatch)
    assert any(flow.opaque and ColumnRef(PEOPLE.oid, 0) in flow.sources for flow in traced.flows)


@pytest.mark.parametrize("error", [RecursionError, KeyError, ValueError])
def test_a_body_that_cannot_be_gone_through_is_unknown_to_the_second_opinion(
    error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = world()
    results = tracing.results_of(snapshot)
    node = TreeNode("FUNCEXPR", {"funcid": str(PLAIN.oid), "funcformat": "0", "args": []})
    assert UNKNOWN not in TreeCalls(snapshot, results).of(node).sources

    def fail(routine: Function) -> None:
        raise error

    monkeypatch.setattr(results, "of", fail)
    calls = TreeCalls(snapshot, results)
    assert UNKNOWN in calls.of(node).sources
    assert not calls.is_followed(PLAIN.oid)
    assert calls.reads(PLAIN.oid) == frozenset()
