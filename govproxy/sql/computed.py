"""Expressions that fill columns later: defaults, generated columns, USING of ALTER COLUMN TYPE.

They refer to no rows but their own, so all they can bring in from elsewhere is what somebody's own
function, operator or cast looks up. ``runs_foreign_code`` tells. Knows nothing of queries.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from govproxy.sql.catalog import Catalog, Relation, Type
from govproxy.sql.names import Names, qualified
from govproxy.sql.tree import nodes_of
from govproxy.sql.types import FIRST_USER_OID

Node = dict[str, Any]

_FILLING = frozenset({"CONSTR_DEFAULT", "CONSTR_GENERATED"})


def filling(body: Node) -> Iterator[Node]:
    """The expressions in a CREATE TABLE or ALTER TABLE that compute what columns hold."""
    for tag, node in nodes_of(body):
        if tag == "Constraint" and node.get("contype") in _FILLING and "raw_expr" in node:
            yield node["raw_expr"]
        elif tag == "ColumnDef" and "raw_default" in node:
            yield node["raw_default"]
        elif tag == "AlterTableCmd" and node.get("subtype") == "AT_ColumnDefault" and "def" in node:
            yield node["def"]


def column_types(body: Node, catalog: Catalog, search_path: tuple[str, ...] | None) -> Iterator[Type]:
    """The types of columns in a CREATE TABLE or ALTER TABLE, arrays left out: a domain may have a default."""
    for tag, node in nodes_of(body):
        if tag == "ColumnDef" and "typeName" in node and not node["typeName"].get("arrayBounds"):
            schema, name = qualified(node["typeName"].get("names", ()))
            yield from catalog.resolve_type(schema, name, search_path)


def copied(body: Node, catalog: Catalog, search_path: tuple[str, ...] | None) -> Iterator[Relation]:
    """The relations whose defaults may become those of a new table: LIKE (whatever it says it includes), INHERITS,
    PARTITION OF, and the row type that it is OF."""
    for tag, node in nodes_of(body):
        if tag == "TableLikeClause":
            yield from _resolved(node["relation"], catalog, search_path)
    for parent in body.get("inhRelations", ()):
        yield from _resolved(parent["RangeVar"], catalog, search_path)
    if "ofTypename" in body:
        schema, name = qualified(body["ofTypename"].get("names", ()))
        for kind in catalog.resolve_type(schema, name, search_path):
            if kind.relation_oid in catalog.relations:
                yield catalog.relations[kind.relation_oid]


def _resolved(relation: Node, catalog: Catalog, search_path: tuple[str, ...] | None) -> tuple[Relation, ...]:
    return catalog.resolve(relation.get("schemaname"), relation["relname"], search_path)


def looking(body: Node, relation: Node, rows: tuple[str, ...] = ("",)) -> Node:
    """A SELECT that looks at an existing relation as an index, a CHECK or a trigger made on it does.

    ``rows``: what it calls the rows, where not by the relation's name.

    Security: building and checking them goes over all rows, and may fail by what it finds.
    """
    shown: list[Node] = list(filling(body))
    decided: list[Node] = [body[key] for key in ("whereClause", "whenClause", "qual", "with_check") if body.get(key)]
    for tag, node in nodes_of(body):
        if tag == "IndexElem" and "expr" in node:
            shown.append(node["expr"])
        elif tag == "Constraint" and node.get("contype") == "CONSTR_CHECK" and "raw_expr" in node:
            decided.append(node["raw_expr"])
        elif tag == "Constraint" and node.get("contype") == "CONSTR_EXCLUSION":
            decided += [element for element in _excluding(node) if element]
    select: Node = {
        "targetList": _targets(shown),
        "fromClause": [_named(relation, name) for name in rows],
        "limitOption": "LIMIT_OPTION_DEFAULT",
        "op": "SETOP_NONE",
    }
    if decided:
        select["whereClause"] = {"BoolExpr": {"boolop": "AND_EXPR", "args": decided}}
    if body.get("unique"):
        # Whether values are all different, which is what counting the different ones tells.
        select["targetList"] = [*_targets(shown), *_targets(map(_counted, shown))]
    return {"SelectStmt": select} if shown or decided else {}


def _targets(nodes: Iterable[Node]) -> list[Node]:
    return [{"ResTarget": {"val": node}} for node in nodes]


def _counted(node: Node) -> Node:
    """``count(DISTINCT …)`` of it."""
    return {"FuncCall": {"funcname": [{"String": {"sval": "count"}}], "args": [node], "agg_distinct": True}}


def _excluding(constraint: Node) -> Iterator[Node]:
    """What an exclusion constraint compares, and for which rows."""
    yield constraint.get("where_clause", {})
    for pair in constraint.get("exclusions", ()):
        for item in pair.get("List", {}).get("items", ()):
            yield item.get("IndexElem", {}).get("expr", {})


def _named(relation: Node, name: str) -> Node:
    said = {key: relation[key] for key in ("schemaname", "relname", "inh") if key in relation}
    return {"RangeVar": {**said, "alias": {"aliasname": name}} if name else said}


def runs_foreign_code(expression: Node, catalog: Catalog, search_path: tuple[str, ...] | None) -> bool:
    """Whether anything but PostgreSQL's own code, or code known to compute only, runs in an expression."""
    names = Names(catalog, search_path)
    for tag, node in nodes_of(expression):
        match tag:
            case "FuncCall":
                schema, name = qualified(node.get("funcname", ()))
                found = names.routines(schema, name, [None] * len(node.get("args", ())))
                foreign = not found.proven
            case "A_Expr":
                schema, name = qualified(node.get("name", ()))
                foreign = not names.operator_is_proven(schema, name, ())
            case "TypeCast":
                # A domain checks a value and leaves it as it is.
                target = names.type_name(node.get("typeName", {}))
                kind = catalog.types.get(target.oid)
                foreign = not (
                    target.proven or (kind is not None and kind.kind == "d" and kind.base_oid < FIRST_USER_OID)
                )
                foreign = foreign or not names.cast_is_proven(0, target.oid)
            case _:
                continue
        if foreign:
            return True
    return False
