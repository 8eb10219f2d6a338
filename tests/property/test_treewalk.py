"""The compiled passes over a parse tree against the plain ones: the same findings in the same order."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from govproxy._fastpath.treewalk import Constants
from govproxy.sql.catalog import Catalog, Type
from govproxy.sql.folding import ARITHMETIC, COMPARISONS, PLAIN_TYPES
from govproxy.sql.parse import UnparsableStatement, parse
from govproxy.sql.tree import DEFINITIONS, EXPRESSIONS, FIXED, LEAVES, WRITES, new_walk
from tests.reference import trees

ROOT = Path(__file__).parents[1]
FILES = (
    ROOT / "security" / "data" / "evasion.txt",
    ROOT / "security" / "data" / "denials.txt",
    ROOT / "security" / "data" / "benign.txt",
    ROOT / "security" / "data" / "leaks.txt",
    ROOT / "security" / "data" / "where.txt",
    ROOT / "unit" / "sql" / "data" / "effects.txt",
)
MORE = (
    "SELECT * FROM a NATURAL JOIN b JOIN c USING (x, y) TABLESAMPLE mine (1)",
    "WITH RECURSIVE a AS (SELECT 1 UNION ALL SELECT * FROM a), b AS (DELETE FROM x RETURNING *) SELECT * FROM a, b",
    "SELECT a OPERATOR(evil.=) b, c.* FROM t c WHERE x = ANY (SELECT 1) ORDER BY y USING OPERATOR(evil.<)",
    "SELECT * FROM a, (SELECT * FROM b) s FOR UPDATE OF a FOR SHARE OF s NOWAIT",
    "SELECT 1 INTO n FROM t WHERE a IN (1, 2, 'x') AND b BETWEEN 1 AND 2 AND c NOT IN (5) OR d LIKE 'x%' LIMIT 5",
    "INSERT INTO t VALUES (1, 'a', now()), (-2, 'b'::text, 3.5::evil.text) ON CONFLICT (a) DO UPDATE SET b = 7",
    "UPDATE t SET a = a + 5, b = 'x'::varchar(5), c = 3 - c WHERE id = 7 AND (x > 1 OR y = 2) AND z LIKE '%'",
    "DELETE FROM t WHERE a = 1 AND b IN (1, 2) AND NOT c = 5 AND d BETWEEN 3 AND 4",
    "MERGE INTO t USING u ON t.id = u.id AND t.a = 5 WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT VALUES (1)",
    "SELECT * FROM t WHERE 5 = a AND 'x' < b::text AND c = '1'::int4[] AND d = pg_catalog.int4 '7' OFFSET 3",
)


def _statements() -> list[str]:
    found = list(MORE)
    for file in FILES:
        for line in file.read_text().splitlines():
            text = line.rsplit("||", 1)[-1].strip()
            found += [text, *text.split(maxsplit=1)[1:], *text.split(maxsplit=2)[2:]]
    return [text for text in dict.fromkeys(found) if _parses(text)]


def _parses(text: str) -> bool:
    try:
        return bool(parse(text))
    except UnparsableStatement:
        return False


STATEMENTS = _statements()
OPERATORS = (frozenset[str](), frozenset({"="}), frozenset({"<", "+"}))


def catalog(operators: frozenset[str], *, shadowing: bool) -> Catalog:
    """A catalog in which somebody made operators, and perhaps a type called ``text``."""
    types = [Type(oid=25, schema="pg_catalog", name="text", kind="b")]
    types += [Type(oid=90_000, schema="public", name="text", kind="b")] if shadowing else []
    return Catalog.build(database="d", version="1", server_version=150000, types=types, user_operators=operators)


def same_walk(node: Any) -> None:
    ours, plain = new_walk(), trees.Walk()
    ours.visit(node)
    plain.visit(copy.deepcopy(node))
    for name in ("reads", "writes", "locks", "creates", "calls", "operators", "columns", "unknown"):
        assert getattr(ours, name) == getattr(plain, name), name


def same_constants(node: Any, operators: frozenset[str], *, shadowing: bool, writing: bool) -> None:
    world = catalog(operators, shadowing=shadowing)
    shadowed = frozenset({"text"}) if shadowing else frozenset[str]()
    ours, plain = Constants(COMPARISONS, ARITHMETIC, operators, PLAIN_TYPES, shadowed), trees.Finder(world)
    ours.look(node, writing)
    plain.walk(copy.deepcopy(node), writing=writing)
    assert (ours.found, ours.pinned) == (plain.found, plain.pinned)


def test_there_is_something_to_compare() -> None:
    assert len(STATEMENTS) > 500


@pytest.mark.parametrize("operators", OPERATORS, ids=repr)
def test_on_every_statement_of_the_corpora(operators: frozenset[str]) -> None:
    for text in STATEMENTS:
        for statement in parse(text):
            node = statement["stmt"]
            same_walk(node)
            for writing in (False, True):
                same_constants(node, operators, shadowing=writing, writing=writing)


KINDS = st.sampled_from(
    [*sorted(LEAVES - {"ColumnRef"}), *sorted(EXPRESSIONS), *sorted(DEFINITIONS), *sorted(WRITES), "SelectStmt", "New"]
)
FIELDS = st.sampled_from([*sorted(FIXED), "args", "val", "targetList", "lexpr", "whereClause", "brandNew"])
SCALARS = st.one_of(st.integers(0, 9), st.text(max_size=3), st.booleans())


def _wrapped(children: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    body = st.dictionaries(FIELDS, st.one_of(children, st.lists(children, max_size=3), SCALARS), max_size=4)
    return st.one_of(st.tuples(KINDS, body).map(lambda pair: {pair[0]: pair[1]}), body)


TREES = st.recursive(
    st.sampled_from([{"ColumnRef": {"fields": [{"String": {"sval": "a"}}, {"A_Star": {}}]}}, {"A_Const": {}}]),
    _wrapped,
    max_leaves=12,
)


def _walk_or_error(made: Any, node: Any) -> Any:
    try:
        made.visit(node)
    except (KeyError, TypeError, AttributeError, IndexError):
        return "not a tree of the parser"
    return made.reads, made.creates, made.calls, made.operators, made.columns, made.unknown


@settings(max_examples=1500, deadline=None)
@given(TREES)
def test_on_trees_no_parser_made(node: Any) -> None:
    """What is not in the tables is unknown to both; a tree that no parser makes is an error to both."""
    ours, plain = _walk_or_error(new_walk(), node), _walk_or_error(trees.Walk(), copy.deepcopy(node))
    if "not a tree of the parser" in (ours, plain):
        return
    assert ours == plain


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(STATEMENTS), st.data())
def test_with_a_node_taken_from_elsewhere(text: str, data: st.DataObject) -> None:
    node = copy.deepcopy(parse(text)[0]["stmt"])
    other = parse(data.draw(st.sampled_from(STATEMENTS)))[0]["stmt"]
    holders = [one for one in _dicts(node) if one]
    holder = data.draw(st.sampled_from(holders))
    key = data.draw(st.sampled_from(sorted(holder)))
    if isinstance(holder[key], list):
        holder[key] = [*holder[key], other]
    elif isinstance(holder[key], dict):
        holder[key] = other
    ours, plain = _walk_or_error(new_walk(), node), _walk_or_error(trees.Walk(), copy.deepcopy(node))
    if "not a tree of the parser" not in (ours, plain):
        assert ours == plain


def _dicts(node: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    todo = [node]
    while todo:
        one = todo.pop()
        if isinstance(one, dict):
            found.append(one)
            todo += one.values()
        elif isinstance(one, list):
            todo += one
    return found
