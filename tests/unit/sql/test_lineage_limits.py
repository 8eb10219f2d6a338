"""Tracing never raises, never runs away, and says so when it gave up."""

from __future__ import annotations

import copy
import random
import time
from typing import Any

import pytest

from govproxy.sql.lineage import Lineage, trace
from tests.support.lineage import catalog, function, lineage, parse_one, relation, shown

CUSTOMERS = relation("customers", "id:23 name ssn")
ORDERS = relation("orders", "id:23 note")
SHOP = catalog(CUSTOMERS, ORDERS, functions=[function("evil", 25)])


def gave_up(traced: Lineage) -> bool:
    """Whether a lineage is the one of a statement that nothing was understood of."""
    return traced.outputs is None and traced.opaque


def test_deep_expressions_are_opaque_and_what_they_name_is_still_read() -> None:
    node: dict[str, Any] = parse_one("SELECT evil(ssn) FROM customers, missing")
    expression = node["SelectStmt"]["targetList"][0]["ResTarget"]["val"]
    for _ in range(5000):
        expression = {"A_ArrayExpr": {"elements": [expression]}}
    node["SelectStmt"]["targetList"][0]["ResTarget"]["val"] = expression
    traced = trace(node, SHOP, ("public",))
    assert gave_up(traced)
    assert traced.reads == {CUSTOMERS.oid}
    assert traced.unresolved == ("missing",)
    assert [use.name for use in traced.functions] == ["evil"]


def test_a_long_union_is_not_deep() -> None:
    sql = " UNION ALL ".join(["SELECT ssn FROM customers"] * 200)
    assert shown(sql, SHOP) == [("ssn", {"customers.ssn"}, "plain")]


def test_a_bomb_of_common_tables_is_cut_off() -> None:
    steps = ["c0 AS (SELECT ssn AS x FROM customers)"]
    steps += [f"c{n} AS (SELECT a.*, b.* FROM c{n - 1} a, c{n - 1} b)" for n in range(1, 40)]
    started = time.process_time()
    traced = lineage(f"WITH {', '.join(steps)} SELECT * FROM c39", SHOP)
    assert gave_up(traced)
    assert CUSTOMERS.oid in traced.reads
    assert time.process_time() - started < 10


def test_nested_recursion_is_cut_off_or_settles() -> None:
    query = "SELECT ssn FROM customers"
    for level in range(12):
        step = f"SELECT x FROM r{level}, ({query}) q"
        query = f"WITH RECURSIVE r{level}(x) AS (({query}) UNION ALL {step}) SELECT x FROM r{level}"
        if len(query) > 100_000:
            break
    traced = lineage(query, SHOP)
    assert gave_up(traced) or traced.outputs


def test_more_outputs_than_a_row_can_have() -> None:
    wide = catalog(relation("wide", " ".join(f"c{n}" for n in range(900))))
    assert gave_up(lineage("SELECT a.*, b.* FROM wide a, wide b", wide))


@pytest.mark.parametrize(
    "node",
    [
        {},
        {"SelectStmt": {}},
        {"SelectStmt": None},
        {"SelectStmt": []},
        {"NoSuchStmt": {}},
        {"SelectStmt": {"targetList": [{"ResTarget": {}}, {}]}},
        {"SelectStmt": {"targetList": [{"ResTarget": {"val": {"NoSuchExpr": {"x": 1}}}}]}},
        {"SelectStmt": {"fromClause": [{"NoSuchRange": {}}], "targetList": []}},
        {"InsertStmt": {}},
        {"CreateTableAsStmt": {}},
        {"MergeStmt": {"mergeWhenClauses": [7]}},
    ],
)
def test_strange_trees_do_not_raise(node: dict[str, Any]) -> None:
    assert isinstance(trace(node, SHOP, ("public",)), Lineage)


def test_an_unknown_expression_is_opaque_with_all_that_stands_in_it() -> None:
    node = parse_one("SELECT lower(ssn) FROM customers")
    target = node["SelectStmt"]["targetList"][0]["ResTarget"]
    target["val"] = {"ExprOfTheFuture": {"inner": [target["val"]]}}
    traced = trace(node, SHOP, None)
    assert traced.opaque
    assert traced.outputs is not None
    assert {ref.attnum for ref in traced.outputs[0].sources} == {3}


STATEMENTS = [
    "SELECT c.ssn, max(o.note) FILTER (WHERE c.id > 1) FROM customers c JOIN orders o USING (id) GROUP BY 1",
    "WITH RECURSIVE t(a) AS (SELECT ssn FROM customers UNION SELECT a FROM t) SELECT (SELECT a FROM t) FROM orders",
    "INSERT INTO orders (note) TABLE customers ON CONFLICT (id) DO UPDATE SET note = excluded.note RETURNING *",
    "MERGE INTO orders o USING customers c ON o.id = c.id WHEN MATCHED THEN UPDATE SET note = c.ssn",
    "SELECT u FROM customers, unnest(ARRAY[ssn, name]) u WHERE CASE ssn WHEN 'x' THEN true END",
]


@pytest.mark.parametrize("sql", STATEMENTS)
def test_damaged_trees_do_not_raise(sql: str) -> None:
    chance = random.Random(7)
    for _ in range(150):
        node = copy.deepcopy(parse_one(sql))
        _damage(node, chance)
        assert isinstance(trace(node, SHOP, ("public",)), Lineage)


def _damage(node: Any, chance: random.Random) -> None:
    """Replace, drop or move one random piece of a tree."""
    places: list[tuple[Any, Any]] = []
    pending = [node]
    while pending:
        current = pending.pop()
        keys = list(current) if isinstance(current, dict) else range(len(current))
        for key in keys:
            places.append((current, key))
            if isinstance(current[key], dict | list):
                pending.append(current[key])
    holder, key = chance.choice(places)
    other_holder, other_key = chance.choice(places)
    match chance.randint(0, 2):
        case 0:
            del holder[key]
        case 1:
            holder[key] = chance.choice([None, {}, [], 7, "x", [{}], {"String": {}}])
        case _:
            holder[key] = copy.deepcopy(other_holder[other_key])
