"""What functions of the users' own give back: bodies with a caller's arguments in place, and what stays opaque."""

from __future__ import annotations

from typing import Any

import pytest

from govproxy.sql.catalog import Catalog, Function
from govproxy.sql.values import Comparison, Derivation
from tests.support.lineage import INT4, TEXT, catalog, function, lineage, named, relation

PEOPLE = relation("people", "id:23 email ssn country")
WORDS = relation("words", "id:23 word")
ELSEWHERE = relation("words", "id:23 word", schema="vault")
RECORD = 2249


def own(name: str, body: str, *types: int, names: tuple[str, ...] = (), **more: Any) -> Function:
    return function(name, *types, body=body, argument_names=names, **more)


def world(*functions: Function, **more: Any) -> Catalog:
    return catalog(PEOPLE, WORDS, functions=functions, **more)


def column(sql: str, snapshot: Catalog) -> tuple[Derivation, set[str]]:
    """The one output of a statement that is understood."""
    traced = lineage(sql, snapshot)
    assert not traced.opaque
    assert traced.outputs is not None
    (output,) = traced.outputs
    return output.derivation, named(snapshot, output.sources)


def is_opaque(sql: str, snapshot: Catalog) -> bool:
    traced = lineage(sql, snapshot)
    assert traced.outputs is not None
    assert traced.opaque == (traced.outputs[0].derivation is Derivation.OPAQUE)
    return traced.opaque


def uses(sql: str, snapshot: Catalog) -> set[tuple[str, Comparison]]:
    traced = lineage(sql, snapshot)
    assert not traced.opaque
    return {(next(iter(named(snapshot, [use.column]))), use.comparison) for use in traced.uses}


@pytest.mark.parametrize("body", ["SELECT upper(x)", "SELECT upper($1)", "SELECT upper(f.x)", "RETURN upper(x)"])
def test_what_goes_in_comes_out(body: str) -> None:
    snapshot = world(own("f", body, TEXT, names=("x",)))
    assert column("SELECT f(word) FROM words", snapshot) == (Derivation.EXPRESSION, {"words.word"})
    assert column("SELECT f('a')", snapshot) == (Derivation.EXPRESSION, set())


def test_what_a_body_reads_comes_out_and_counts_as_read_by_a_call() -> None:
    snapshot = world(own("f", "SELECT email FROM people WHERE id = 1"))
    assert column("SELECT f()", snapshot) == (Derivation.PLAIN, {"people.email"})
    traced = lineage("SELECT f()", snapshot)
    assert traced.called == {PEOPLE.oid}
    assert traced.reads == set()


def test_a_column_and_a_row_go_before_an_argument_of_their_name() -> None:
    snapshot = world(
        own("f", "SELECT email FROM people", INT4, names=("email",)),
        own("g", "SELECT people::text FROM people", INT4, names=("people",)),
    )
    assert column("SELECT f(1)", snapshot)[1] == {"people.email"}
    assert column("SELECT g(1)", snapshot)[1] >= {"people.email", "people.ssn"}


def test_a_name_without_a_path_of_its_own_means_all_of_that_name() -> None:
    loose = own("f", "SELECT word FROM words WHERE id = 1")
    pinned = own("g", "SELECT word FROM words WHERE id = 1", search_path=("public",))
    snapshot = catalog(WORDS, ELSEWHERE, functions=[loose, pinned])
    assert column("SELECT f()", snapshot)[1] == {"words.word", "vault.words.word"}
    assert column("SELECT g()", snapshot)[1] == {"words.word"}


def test_overloads_are_told_by_number_names_and_certain_types() -> None:
    snapshot = world(
        own("f", "SELECT x", TEXT, names=("x",)),
        own("f", "SELECT email FROM people", TEXT, TEXT, names=("x", "y")),
        own("f", "SELECT ssn FROM people", INT4, names=("n",)),
    )
    assert column("SELECT f(word) FROM words", snapshot)[1] == {"words.word"}
    assert column("SELECT f(n => 1)", snapshot)[1] == {"people.ssn"}
    # An untyped literal may be either.
    assert column("SELECT f('1')", snapshot)[1] == {"people.ssn"}


def test_what_is_left_out_is_its_default() -> None:
    secret = own("secret", "SELECT ssn FROM people", return_type=TEXT)
    snapshot = world(secret, own("f", "SELECT x", TEXT, names=("x",), optional=1, defaults="public.secret()"))
    assert column("SELECT f()", snapshot)[1] == {"people.ssn"}
    assert column("SELECT f('a')", snapshot)[1] == set()


def test_a_comparison_with_an_argument_is_the_callers() -> None:
    snapshot = world(own("f", "SELECT id FROM people WHERE ssn = x", TEXT, names=("x",), return_type=INT4))
    assert ("people.ssn", Comparison.EQUALITY) in uses("SELECT f('1')", snapshot)
    assert ("people.ssn", Comparison.JOIN) in uses("SELECT f(word) FROM words", snapshot)
    assert ("people.ssn", Comparison.JOIN) in uses("SELECT f(w) FROM (VALUES ('1'), ('2')) v(w)", snapshot)


@pytest.mark.parametrize("condition", ["ssn LIKE x", "left(ssn, 1) = x", "position(x IN ssn) > 0"])
def test_so_is_one_beyond_equality(condition: str) -> None:
    snapshot = world(own("f", f"SELECT id FROM people WHERE {condition}", TEXT, names=("x",), return_type=INT4))
    assert {kind for name, kind in uses("SELECT f('1')", snapshot) if name == "people.ssn"} - {Comparison.EQUALITY}


def test_a_comparison_with_what_stands_in_the_body_is_its_authors() -> None:
    snapshot = world(own("f", "SELECT id FROM people WHERE ssn LIKE '1%'", return_type=INT4))
    assert uses("SELECT f()", snapshot) == set()


def test_a_comparison_with_another_table_is_the_callers_who_may_hide_it() -> None:
    snapshot = world(own("f", "SELECT people.id FROM people JOIN words ON ssn = word", return_type=INT4))
    assert ("people.ssn", Comparison.JOIN) in uses("SELECT f()", snapshot)


def test_columns_come_by_their_places() -> None:
    pairs = own(
        "pairs",
        "SELECT id, email FROM people",
        names=("n", "t"),
        argument_modes="tt",
        output_types=(INT4, TEXT),
        return_type=RECORD,
    )
    snapshot = world(pairs)
    assert column("SELECT n FROM pairs()", snapshot) == (Derivation.PLAIN, {"people.id"})
    assert column("SELECT x.b FROM pairs() x(a, b)", snapshot) == (Derivation.PLAIN, {"people.email"})
    assert column("SELECT (pairs()).t", snapshot)[1] == {"people.email"}


def test_a_function_that_calls_itself_is_followed_until_nothing_is_added() -> None:
    body = "SELECT CASE WHEN n < 1 THEN t ELSE f(n - 1, (SELECT email FROM people WHERE id = n)) END"
    snapshot = world(own("f", body, INT4, TEXT, names=("n", "t")))
    assert "people.email" in column("SELECT f(2, 'a')", snapshot)[1]


def test_functions_that_call_each_other_are_opaque() -> None:
    snapshot = world(own("f", "SELECT g(x)", TEXT, names=("x",)), own("g", "SELECT f(x)", TEXT, names=("x",)))
    assert is_opaque("SELECT f('a')", snapshot)


def test_each_variable_of_plpgsql_holds_what_it_is_given() -> None:
    body = "DECLARE v text; w text; BEGIN SELECT ssn INTO v FROM people WHERE id = n; w := 'a'; RETURN {}; END"
    for returned, found in (("w", {"words.id"}), ("v", {"people.ssn", "people.id", "words.id"})):
        snapshot = world(own("f", body.format(returned), INT4, names=("n",), language="plpgsql"))
        assert column("SELECT f(id) FROM words", snapshot)[1] == found


@pytest.mark.parametrize(
    "body",
    [
        "BEGIN EXECUTE 'SELECT 1'; RETURN 'a'; END",
        "BEGIN RETURN SQLERRM; EXCEPTION WHEN others THEN RETURN 'a'; END",
        "BEGIN INSERT INTO words VALUES (1, 'a'); RETURN 'a'; END",
        "DECLARE c refcursor; BEGIN OPEN c FOR SELECT 1; RETURN 'a'; END",
        "BEGIN RETURN nobody_knows(); END",
        "#variable_conflict use_variable\nBEGIN RETURN 'a'; END",
    ],
)
def test_code_that_is_not_followed(body: str) -> None:
    assert is_opaque("SELECT f()", world(own("f", body, language="plpgsql")))


@pytest.mark.parametrize(
    "more",
    [
        {"body": "SELECT query_to_xml('select 1', true, true, '')::text"},
        {"body": "SELECT current_query()"},
        {"body": "SELECT pg_sleep(1)::text"},
        {"body": "DELETE FROM words"},
        {"body": "SELECT 'a'", "settings": ("standard_conforming_strings",)},
        {"body": "SELECT 'a'", "language": "plpython3u"},
        {"body": None, "language": "c"},
        {"body": "SELECT word FROM nowhere"},
    ],
)
def test_functions_that_are_not_followed(more: dict[str, Any]) -> None:
    assert is_opaque("SELECT f()", world(function("f", **more)))


def test_a_function_with_the_name_of_a_built_in_one_is_not_followed() -> None:
    assert is_opaque("SELECT upper(1)", world(own("upper", "SELECT 'a'", INT4)))
