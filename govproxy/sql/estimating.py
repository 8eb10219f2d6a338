"""Which statements the planner may be asked about, and what its answer says of the rows they touch.

The planner's figure counts only where it rests on what the planner knows: one table that was analysed,
and a WHERE of comparisons of its columns with values. Anything else keeps the bound that the catalog
gives, because a condition written to mislead statistics would look harmless. Planning evaluates
functions, so a statement that calls anything but those listed here is not asked about.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import orjson

from govproxy.sql.catalog import Catalog, Relation, RelationKind
from govproxy.sql.parse import parse
from govproxy.sql.tree import Node, field_names
from govproxy.sql.types import FIRST_USER_OID
from govproxy.sql.values import Action, Analysis, Effect

_ACTIONS = {"SelectStmt": Action.SELECT, "UpdateStmt": Action.UPDATE, "DeleteStmt": Action.DELETE}
# What else than a WHERE decides which rows these touch, or hides them from a look at one table.
_MORE = frozenset(
    """
    withClause fromClause usingClause larg rarg valuesLists intoClause lockingClause groupClause havingClause
    """.split()  # noqa: SIM905
)
_COMPARISONS = frozenset({"=", "<", ">", "<=", ">="})
_ARITHMETIC = frozenset({"+", "-", "*"})
_CALLS = frozenset({"now", "transaction_timestamp", "statement_timestamp", "date_trunc", "make_interval", "make_date"})
_AGGREGATES = frozenset({"count", "sum", "min", "max", "avg"})
_PLAIN_KINDS = (RelationKind.TABLE, RelationKind.PARTITIONED)


def table_asked_about(text: str, analysis: Analysis, catalog: Catalog) -> Relation | None:
    """The one table whose rows the planner can count for this statement; None where it is not to be asked."""
    if len(analysis.statements) != 1:
        return None
    (facts,) = analysis.statements
    if facts.opaque or facts.inner is not None or facts.unresolved or facts.own:
        return None
    ((kind, body),) = parse(text)[0]["stmt"].items()
    if kind not in _ACTIONS or _source(kind, body) is None or "whereClause" not in body:
        return None
    own = [effect for effect in facts.effects if _is_own(effect)]
    if len(own) != 1 or own[0].action is not _ACTIONS[kind] or own[0].relation is None:
        return None
    table = catalog.relations.get(own[0].relation)
    if table is None or not all(map(_is_known, _with_children(table, catalog))):
        return None
    rest = {name: part for name, part in body.items() if name != "whereClause"}
    if "SubLink" in _kinds(rest) or not all(_is_listed(call) for call in _calls(rest)):
        return None
    return table if _is_plain(body["whereClause"], table) else None


def parameters(text: str) -> bool:
    """Whether the statement has any: then the planner needs their values."""
    return "ParamRef" in set(_kinds(parse(text)[0]["stmt"]))


def rows_in(plan: bytes) -> int | None:
    """How many rows the planner expects to be touched, from EXPLAIN (FORMAT JSON); None where it does not say."""
    try:
        ((entry),) = orjson.loads(plan)
        found = list(_scanned(entry["Plan"]))
    except (ValueError, TypeError, KeyError):
        return None
    return None if any(rows is None for rows in found) else sum(rows for rows in found if rows is not None)


def with_rows(analysis: Analysis, table: Relation, rows: int) -> Analysis:
    """The analysis with that figure at the effect on the table; it is for this once."""
    (facts,) = analysis.statements
    effects = tuple(
        replace(effect, facts={**effect.facts, "rows": rows})
        if _is_own(effect) and effect.relation == table.oid
        else effect
        for effect in facts.effects
    )
    return replace(analysis, statements=(replace(facts, effects=effects),), cacheable=False)


def _is_own(effect: Effect) -> bool:
    """Not what a view, a partition, a trigger or a cascade brings along."""
    return "via" not in effect.facts and "by" not in effect.facts


def _source(kind: str, body: Node) -> Node | None:
    """The one relation that is named."""
    more = _MORE & body.keys()
    if kind != "SelectStmt":
        return body.get("relation") if not more else None
    if more != {"fromClause"} or len(body["fromClause"]) != 1 or body.get("op", "SETOP_NONE") != "SETOP_NONE":
        return None
    found: Node | None = body["fromClause"][0].get("RangeVar")
    return found


def _with_children(table: Relation, catalog: Catalog) -> Iterator[Relation]:
    pending = [table]
    while pending:
        one = pending.pop()
        yield one
        pending.extend(catalog.relations[oid] for oid in one.children if oid in catalog.relations)


def _is_known(table: Relation) -> bool:
    """A table of rows that were counted, and whose planning runs no code of anybody's."""
    counted = table.kind is RelationKind.PARTITIONED or table.estimated_rows >= 0
    return table.kind in _PLAIN_KINDS and counted and not (table.has_rules or table.row_security or table.runs)


def _is_plain(node: Node, table: Relation) -> bool:
    """Comparisons of the table's columns with values, joined by AND, OR and NOT."""
    ((kind, body),) = node.items()
    match kind:
        case "BoolExpr":
            return all(_is_plain(one, table) for one in body["args"])
        case "NullTest":
            return _is_column(body["arg"], table)
        case "ColumnRef":
            return _is_column(node, table)
        case "A_Expr":
            return _is_comparison(body, table)
        case _:
            return False


def _is_comparison(body: Node, table: Relation) -> bool:
    left, right = body.get("lexpr"), body.get("rexpr")
    if left is None or right is None or len(body.get("name", ())) != 1:
        return False
    (operator,) = field_names(body["name"])
    match body.get("kind"):
        case "AEXPR_OP":
            if operator not in _COMPARISONS:
                return False
            return (_is_column(left, table) and _is_value(right)) or (_is_value(left) and _is_column(right, table))
        case "AEXPR_IN" | "AEXPR_BETWEEN":
            items = right.get("List", {}).get("items", ())
            return operator in ("=", "BETWEEN") and _is_column(left, table) and all(map(_is_value, items))
        case _:
            return False


def _is_column(node: Node, table: Relation) -> bool:
    """A column by its name, of a type of PostgreSQL's own: its operators are as well."""
    fields = node.get("ColumnRef", {}).get("fields", ())
    name = fields[-1].get("String", {}).get("sval") if fields else None
    column = table.column(name) if name is not None else None
    return column is not None and column.base_type_oid < FIRST_USER_OID


def _is_value(node: Node) -> bool:
    """A constant, a parameter, the time, or what is reckoned from these."""
    if not node:
        return False
    ((kind, body),) = node.items()
    match kind:
        case "A_Const" | "ParamRef" | "SQLValueFunction":
            return True
        case "TypeCast":
            return _is_value(body["arg"])
        case "A_Expr":
            names = field_names(body.get("name", []))
            sides = [side for side in (body.get("lexpr"), body.get("rexpr")) if side is not None]
            return body.get("kind") == "AEXPR_OP" and set(names) <= _ARITHMETIC and all(map(_is_value, sides))
        case "FuncCall":
            *schema, name = field_names(body["funcname"])
            plain = body.keys() <= {"funcname", "args", "funcformat", "location"}
            return (
                plain
                and schema in ([], ["pg_catalog"])
                and name in _CALLS
                and all(map(_is_value, body.get("args", ())))
            )
        case _:
            return False


def _kinds(value: Any) -> Iterator[str]:
    """Names of all nodes in a part of a tree."""
    pending = [value]
    while pending:
        one = pending.pop()
        if isinstance(one, dict):
            yield from one
            pending.extend(one.values())
        elif isinstance(one, list):
            pending.extend(one)


def _calls(value: Any) -> Iterator[Node]:
    """All function calls in a part of a tree."""
    pending = [value]
    while pending:
        one = pending.pop()
        if isinstance(one, dict):
            if "FuncCall" in one:
                yield one["FuncCall"]
            pending.extend(one.values())
        elif isinstance(one, list):
            pending.extend(one)


def _is_listed(call: Node) -> bool:
    *schema, name = field_names(call["funcname"])
    return schema in ([], ["pg_catalog"]) and name in _CALLS | _AGGREGATES


def _scanned(node: Any) -> Iterator[int | None]:
    """Rows of each scan of a table in a plan, None for what is not known how to read."""
    if node["Node Type"] in ("Foreign Scan", "Custom Scan") or node.get("Parallel Aware") is True:
        yield None
    elif "Relation Name" in node and node["Node Type"] != "ModifyTable":
        yield int(node["Plan Rows"])
    for inner in node.get("Plans", ()):
        yield from _scanned(inner)
