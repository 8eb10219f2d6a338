"""The walk is complete: every node type and every bare field of the grammar is accounted for."""

from __future__ import annotations

import inspect

import pytest
from pglast import ast

from govproxy.sql import parse
from govproxy.sql.analyze import STATEMENTS
from govproxy.sql.tree import DEFINITIONS, EXPRESSIONS, FIXED, LEAVES, SHARED, WRITES, Walk, new_walk

NODES = {
    name: node
    for name, node in vars(ast).items()
    if inspect.isclass(node) and issubclass(node, ast.Node) and isinstance(node.__slots__, dict)
}

# Made by PostgreSQL's analyser, planner and executor: the raw parser never gives them.
NEVER_RAW = frozenset(
    """
    Aggref AlternativeSubPlan ArrayCoerceExpr ArrayExpr CallContext CaseTestExpr CoerceToDomain CoerceToDomainValue
    CoerceViaIO CollateExpr ConvertRowtypeExpr Expr FieldSelect FieldStore FromExpr FuncExpr InferenceElem
    InlineCodeBlock JsonConstructorExpr JsonExpr OnConflictExpr OpExpr Param Query RTEPermissionInfo RangeTblEntry
    RangeTblFunction RangeTblRef RelabelType ReturningExpr RowCompareExpr RowMarkClause ScalarArrayOpExpr
    SetOperationStmt SortGroupClause SubPlan SubscriptingRef TableFunc TableSampleClause TargetEntry Var WindowClause
    WindowFunc WindowFuncRunCondition WithCheckOption MergeAction
    """.split()  # noqa: SIM905
)
# Looked at by the handlers of their statements, or by the walk itself.
BY_HAND = frozenset({"RangeVar", "IntoClause", "LockingClause", "RawStmt", "ValUnion", "Null", "Query"})
# PL/pgSQL's own, and parts that only ever stand inside a statement's options.
NOT_SQL = frozenset({"PLAssignStmt"})


@pytest.mark.parametrize("name", sorted(NODES))
def test_every_node_of_the_grammar_is_placed(name: str) -> None:
    known = LEAVES | EXPRESSIONS | DEFINITIONS | WRITES | set(STATEMENTS) | NEVER_RAW | BY_HAND | NOT_SQL
    assert name in known


@pytest.mark.parametrize("name", sorted(set(NODES) - NEVER_RAW - NOT_SQL))
def test_every_bare_field_is_known(name: str) -> None:
    for field, slot in NODES[name].__slots__.items():
        kind = slot.c_type.removesuffix("*")
        if not slot.c_type.endswith("*") or kind in ("Node", "List", "char", "Expr", "Bitmapset", "FuncExpr", "Query"):
            continue
        if name in ("RawStmt", "AlterDefaultPrivilegesStmt") or kind in ("VariableSetStmt", "String"):
            continue  # read by their own handlers
        if FIXED.get(field) != kind:
            assert SHARED.get((name, field)) == kind or _read_by_handler(name, field)


def _read_by_handler(name: str, field: str) -> bool:
    return name.endswith("Stmt") and (name, field) in {
        ("AlterRoleSetStmt", "role"),
        ("AlterRoleStmt", "role"),
        ("ReassignOwnedStmt", "newrole"),
        ("GrantRoleStmt", "grantor"),
        ("GrantStmt", "grantor"),
    }


def walked(sql: str) -> Walk:
    walk = new_walk()
    walk.visit(parse.parse(sql)[0]["stmt"])
    return walk


@pytest.mark.parametrize(
    ("sql", "reads"),
    [
        ("SELECT * FROM a, b JOIN c ON true", {"a", "b", "c"}),
        ("WITH a AS (SELECT 1) SELECT * FROM a", set()),
        ("WITH a AS (SELECT 1) SELECT * FROM public.a", {"a"}),
        ("WITH a AS (SELECT * FROM a) SELECT * FROM a", {"a"}),
        ("WITH RECURSIVE a AS (SELECT 1 UNION ALL SELECT * FROM a) SELECT * FROM a", set()),
        ("WITH b AS (SELECT * FROM c), c AS (SELECT 1) SELECT * FROM b, c", {"c"}),
        ("WITH RECURSIVE b AS (SELECT * FROM c), c AS (SELECT 1) SELECT * FROM b, c", set()),
        ("SELECT * FROM (WITH a AS (SELECT 1) SELECT * FROM a) x, a", {"a"}),
        ("SELECT (WITH a AS (SELECT 1) SELECT 1 FROM a), (SELECT 1 FROM a)", {"a"}),
        ("WITH a AS (SELECT 1) SELECT (SELECT 1 FROM a), EXISTS (SELECT 1 FROM b)", {"b"}),
        ("SELECT * FROM a WHERE x IN (SELECT y FROM b WHERE z = (SELECT 1 FROM c))", {"a", "b", "c"}),
        ("SELECT 1 UNION SELECT x FROM a INTERSECT (SELECT y FROM b EXCEPT TABLE c)", {"a", "b", "c"}),
        ("SELECT * FROM a, LATERAL (SELECT * FROM b WHERE b.x = a.x) s", {"a", "b"}),
        ("SELECT * FROM a TABLESAMPLE system (1)", {"a"}),
        ("VALUES ((SELECT 1 FROM a))", {"a"}),
        ("INSERT INTO x SELECT * FROM a RETURNING (SELECT 1 FROM b)", {"a", "b"}),
        ("WITH a AS (SELECT 1) INSERT INTO a SELECT * FROM a", set()),
        ("UPDATE x SET v = (SELECT 1 FROM a) FROM b WHERE EXISTS (SELECT 1 FROM c)", {"a", "b", "c"}),
        ("DELETE FROM x USING a WHERE x.id = a.id", {"a"}),
        ("MERGE INTO x USING a ON x.id = a.id WHEN MATCHED THEN UPDATE SET v = (SELECT 1 FROM b)", {"a", "b"}),
        ("SELECT 1 LIMIT (SELECT 1 FROM a) OFFSET (SELECT 1 FROM b)", {"a", "b"}),
        ("SELECT * FROM ROWS FROM (f((SELECT 1 FROM a)))", {"a"}),
    ],
)
def test_reads_tell_relations_from_ctes(sql: str, reads: set[str]) -> None:
    assert {read["relname"] for read in walked(sql).reads} == reads


def test_writes_see_the_ctes_around_them() -> None:
    (write,) = walked("WITH a AS (SELECT 1) DELETE FROM t USING a WHERE true").writes
    assert (write.kind, set(write.ctes)) == ("DeleteStmt", {"a"})


def test_unknown_nodes_are_noted() -> None:
    walk = new_walk()
    walk.visit({"SelectStmt": {"targetList": [{"BrandNewNode": {"x": 1}}], "somethingBare": {"y": 2}}})
    assert set(walk.unknown) == {"BrandNewNode", "SelectStmt.somethingBare"}
