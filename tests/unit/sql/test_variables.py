"""PL/pgSQL by variables: what each column of a result has in it, and where variables are one pool."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from govproxy.sql.bodies import Header
from govproxy.sql.programs import program
from govproxy.sql.values import Comparison
from tests.support.lineage import INT4, TEXT, catalog, function, lineage, named, relation, user_type

PEOPLE = relation("people", "id:23 email ssn country")
WORDS = relation("words", "id:23 word")
RECORD = 2249
HELD = {"people.id", "words.id"}  # what the statement is given, and what the body compares it with


def columns(
    body: str, *, outs: str = "", sql: str = "SELECT f(id) FROM words", returns_set: bool = False, **more: Any
) -> list[set[str]]:
    """Sources of each output of a call; ``outs``: names of OUT parameters, all of text."""
    names = ("n", *outs.split())
    modes = "i" + "o" * len(outs.split()) if outs else ""
    kinds: dict[str, Any] = {"output_types": (TEXT,) * len(outs.split())} if outs else {}
    if len(outs.split()) > 1:
        kinds["return_type"] = RECORD
    made = function(
        "f", INT4, language="plpgsql", body=body, argument_names=names, argument_modes=modes, **{**kinds, **more}
    )
    snapshot = catalog(PEOPLE, WORDS, functions=[replace(made, returns_set=returns_set)])
    traced = lineage(sql, snapshot)
    assert not traced.opaque
    assert traced.outputs is not None
    return [named(snapshot, output.sources) for output in traced.outputs]


@pytest.mark.parametrize(
    ("body", "also"),
    [
        ("DECLARE a int; b text; BEGIN SELECT id, email INTO a, b FROM people WHERE id = n; RETURN a; END", set()),
        ("DECLARE a int; b text; BEGIN SELECT id, email INTO a, b FROM people WHERE id = n; RETURN b; END", {"email"}),
        ("DECLARE r record; BEGIN SELECT * INTO r FROM people WHERE id = n; RETURN r.country; END", {"country"}),
        ("DECLARE r record; BEGIN SELECT * INTO r FROM people WHERE id = n; RETURN r.email; END", {"email"}),
        (
            "DECLARE r public.people%ROWTYPE; BEGIN SELECT id, country, email, ssn INTO r FROM people "
            "WHERE id = n; RETURN r.email; END",
            {"country"},  # by place
        ),
        (
            "DECLARE a text; b text; BEGIN FOR i IN 1..3 LOOP a := b; SELECT ssn INTO b FROM people WHERE id = n; "
            "END LOOP; RETURN a; END",
            {"ssn"},
        ),
        (
            "DECLARE a text := 'x'; b text; BEGIN SELECT email INTO b FROM people WHERE id = n; "
            "IF b = 'y' THEN a := 'z'; END IF; RETURN a; END",
            {"email"},
        ),
        (
            "DECLARE b text; BEGIN SELECT email INTO b FROM people WHERE id = n; "
            "IF b = 'y' THEN RETURN 'a'; END IF; RETURN 'b'; END",
            {"email"},
        ),
        (
            "DECLARE k int; BEGIN PERFORM 1 FROM people WHERE id = n AND ssn > 'a'; GET DIAGNOSTICS k = ROW_COUNT; "
            "RETURN k; END",
            {"ssn"},
        ),
        ("BEGIN PERFORM 1 FROM people WHERE id = n AND ssn > 'a'; RETURN FOUND; END", {"ssn"}),
        (
            "DECLARE t text := 'x'; BEGIN DECLARE t text; BEGIN SELECT ssn INTO t FROM people WHERE id = n; END; "
            "RETURN t; END",
            {"ssn"},  # variables of one name are one
        ),
    ],
)
def test_what_comes_out(body: str, also: set[str]) -> None:
    (found,) = columns(body)
    assert found == HELD | {f"people.{name}" for name in also}


@pytest.mark.parametrize("written", ["v", "(v)", "b.v", "b . v", "/* v */ v", '"v"', "v || ''", "coalesce(v, 'x')"])
def test_whatever_way_a_variable_is_returned(written: str) -> None:
    body = f"<<b>> DECLARE v text; BEGIN SELECT ssn INTO v FROM people WHERE id = n; RETURN {written}; END"
    assert columns(body) == [HELD | {"people.ssn"}]
    assert columns(body.replace("RETURN", "return")) == [HELD | {"people.ssn"}]
    assert columns(body.replace("RETURN", "RETURN NEXT"), returns_set=True) == [HELD | {"people.ssn"}]


def test_columns_that_come_out_are_told_apart() -> None:
    body = "BEGIN SELECT country, email INTO a, b FROM people WHERE id = n; END"
    assert columns(body, outs="a b", sql="SELECT (f(id)).a, (f(id)).b FROM words") == [
        HELD | {"people.country"},
        HELD | {"people.email"},
    ]


@pytest.mark.parametrize(
    "body",
    [
        "DECLARE a text; b text; BEGIN SELECT country, email INTO a, b FROM people WHERE id = n; RETURN a; "
        "EXCEPTION WHEN division_by_zero THEN RETURN b; END",
        "DECLARE a text; b text; c ALIAS FOR a; BEGIN SELECT country, email INTO a, b FROM people WHERE id = n; "
        "RETURN a; END",
    ],
)
def test_what_is_not_understood_makes_one_pool(body: str) -> None:
    (found,) = columns(body)
    assert found == HELD | {"people.country", "people.email"}


def test_a_row_of_a_type_that_may_be_hidden_is_one_pool() -> None:
    body = "DECLARE r people%ROWTYPE; BEGIN SELECT * INTO r FROM people WHERE id = n; RETURN r.country; END"
    (found,) = columns(body)
    assert "people.ssn" in found
    (pinned,) = columns(body, search_path=("public", "pg_temp"))
    assert "people.ssn" not in pinned


_INTO = "DECLARE t {}; BEGIN SELECT email INTO t FROM people WHERE id = n; "


@pytest.mark.parametrize(
    ("body", "is_asked"),
    [
        (_INTO.format("text") + "RETURN t; END", False),
        (_INTO.format("int") + "RETURN 'a'; END", True),
        (_INTO.format("varchar(2)") + "RETURN 'a'; END", True),
        (_INTO.format("text") + "IF t < 'a' THEN RETURN 'b'; END IF; END", True),
        (_INTO.format("text") + "RAISE NOTICE '%', t; RETURN 'a'; END", True),
        ("DECLARE t int; BEGIN SELECT 1 INTO STRICT t FROM people WHERE id = n AND email > 'a'; RETURN 'a'; END", True),
    ],
)
def test_what_a_body_answers_by_failing_counts_as_compared(body: str, is_asked: bool) -> None:
    made = function("f", INT4, language="plpgsql", body=body, argument_names=("n",))
    traced = lineage("SELECT f(id) FROM words", catalog(PEOPLE, WORDS, functions=[made]))
    email = PEOPLE.columns[1].attnum
    assert is_asked == any(use.column == (PEOPLE.oid, email) for use in traced.uses)
    assert all(use.comparison is Comparison.OTHER for use in traced.uses if use.column == (PEOPLE.oid, email))


def test_a_call_of_a_call_asks_what_is_asked_there() -> None:
    inner = function("g", TEXT, body="SELECT count(*)::text FROM people WHERE email LIKE w", argument_names=("w",))
    outer = function("f", TEXT, body="SELECT g(w)", argument_names=("w",))
    traced = lineage("SELECT f('a%')", catalog(PEOPLE, functions=[inner, outer]))
    assert any(use.column == (PEOPLE.oid, 2) for use in traced.uses)


def _with_cast(context: str, body: str) -> bool:
    """Whether a body is followed where a cast from text to a type exists."""
    boxed = user_type("boxed", "b")
    code = function("box", TEXT, return_type=boxed.oid, body="SELECT 1")
    made = function("f", INT4, language="plpgsql", body=body, argument_names=("n",))
    pair = (TEXT, boxed.oid)
    snapshot = catalog(
        PEOPLE, WORDS, functions=[made, code], types=[boxed], user_casts=[pair],
        explicit_casts=[pair] if context in "ae" else [], written_casts=[pair] if context == "e" else [],
        cast_functions=[(boxed.oid, code.oid)],
    )  # fmt: skip
    return not lineage("SELECT f(id) FROM words", snapshot).opaque


@pytest.mark.parametrize(
    ("context", "body", "is_followed"),
    [
        ("e", "DECLARE a boxed; BEGIN a := 'x'; RETURN 'y'; END", True),
        ("a", "DECLARE a text; BEGIN a := 'x'; RETURN a; END", True),
        ("a", "DECLARE a boxed; BEGIN a := 'x'; RETURN 'y'; END", False),
        ("i", "DECLARE a boxed[]; BEGIN a := '{}'; RETURN 'y'; END", False),
        ("a", "DECLARE a words.word%TYPE; BEGIN a := 'x'; RETURN 'y'; END", False),
        ("a", "DECLARE r record; BEGIN SELECT word INTO r FROM words; r.word := 'x'; RETURN 'y'; END", False),
    ],
)
def test_only_a_cast_that_an_assignment_may_use_keeps_a_body_from_being_followed(
    context: str, body: str, is_followed: bool
) -> None:
    assert _with_cast(context, body) is is_followed


@pytest.mark.parametrize(
    "body",
    [
        "#variable_conflict use_column\nBEGIN RETURN 'a'; END",
        "DECLARE c CURSOR FOR SELECT 1; BEGIN RETURN 'a'; END",
        "BEGIN RETURN 'a'; EXCEPTION WHEN others THEN RETURN 'b'; END",
        "BEGIN EXECUTE 'SELECT 1'; RETURN 'a'; END",
        "DECLARE t text; BEGIN GET STACKED DIAGNOSTICS t = MESSAGE_TEXT; RETURN t; END",
        "DECLARE t text; BEGIN GET DIAGNOSTICS t = PG_CONTEXT; RETURN t; END",
        "BEGIN INSERT INTO words VALUES (1); RETURN 'a'; END",
        "BEGIN RETURN",
    ],
)
def test_no_program(body: str) -> None:
    assert program(body, Header(names=("n",))) is None
