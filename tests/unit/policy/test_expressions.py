"""Conditions: what is accepted, what is refused at load, and what errors mean."""

from __future__ import annotations

import pytest

from govproxy.policy import expressions
from govproxy.policy.expressions import TABLE, BadExpression, Kind


@pytest.mark.parametrize(
    "source",
    [
        "statement.estimated_rows > 1000",
        '"dba" in request.groups && !(time.hour in [1, 2])',
        'request.groups.exists(g, g.startsWith("adm") && request.user != g)',
        'statement.where in ["missing", "constant"] // a comment',
        'statement . where == "missing"',
        '"statement.nonsense" == request.user',
        "-1 == statement.estimated_rows",
        "request.user.size() > 3 && size(request.groups) > 0",
        "effect.temporary",
        r'request.user.matches("^a\\d+$") || request.user == r"\d\"',
        'statement.tables[0].startsWith("public.")',
    ],
)
def test_accepted(source: str) -> None:
    assert expressions.compile(source).source == source


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("statement.estimated_row > 1", "unknown field `statement.estimated_row`"),
        ("statment.where == 'x'", "unknown name `statment`"),
        ('statement["where"] == "x"', "unknown name `statement`"),
        ("statement_where == 'x'", "unknown name `statement_where`"),
        ("missing > 3 && request.user == 'a'", "unknown name `missing`"),
        ("request.user.email == 'x'", "unknown field or call `.email`"),
        ("request.user.lowerAscii() == 'x'", "unknown field or call `.lowerAscii`"),
        ("has(statement.where)", "unknown function `has`"),
        ("timestamp('x') > 1", "unknown function `timestamp`"),
        ("request.groups.exists(g, g == 'a') || g == 'b'", "unknown name `g`"),
        ("[1].all(statement, statement > 0)", "cannot be used as a variable"),
        ("[1].all(statement_where, true)", "cannot be used as a variable"),
        ("request.user == 3", "of type string, compared with a int"),
        ("'3' < statement.estimated_rows", "of type int, compared with a string"),
        ("request.groups == 'dba'", "is a list"),
        ("request.user", "not true or false"),
        ("1 + 1", "not true or false"),
        ("request.user == ", "Syntax error"),
        ("request.user == 'a", "unexpected"),
        ("(request.user == 'a'", "yntax error"),
        ("request.groups.exists(g, true", "not closed"),
        ("", "empty"),
        ("true || " * 2000 + "true", "longer than"),
        ("(" * 500 + "true" + ")" * 500, ""),
        ("r'\\' == typo && 'x' == 'x'", "unknown name `typo`"),
        ("request.user.matches('(a')", "regex"),
    ],
)
def test_refused_at_load(source: str, says: str) -> None:
    with pytest.raises(BadExpression) as caught:
        expressions.compile(source)
    assert says in str(caught.value)


def test_an_error_is_no_answer() -> None:
    values = {"statement.tables": [], "request.user": "ana"}
    source = 'statement.tables[0] == "a.b"'
    assert expressions.holds(source, values.__getitem__) is None
    assert expressions.holds(source, {"statement.tables": ["a.b"]}.__getitem__) is True
    assert expressions.holds(source, {"statement.tables": ["c.d"]}.__getitem__) is False


def test_what_varies_is_known() -> None:
    assert expressions.compile("time.hour > 8").varies
    assert expressions.compile("request.address == '127.0.0.1'").varies
    assert not expressions.compile("request.user == 'ana'").varies


def test_the_table_is_well_formed() -> None:
    names = [attribute.name for attribute in TABLE]
    assert len(names) == len(set(names))
    assert all(name.count(".") == 1 and attribute.meaning for name, attribute in zip(names, TABLE, strict=True))
    assert {attribute.kind for attribute in TABLE} == set(Kind)
