"""Which literals of a text cannot change what is decided about it.

A verdict may stand for every text of one shape only as far as the literals do not matter. Pure
data does not: a value that a column is compared with, a cell of an INSERT, a value assigned to a
column, a LIMIT. Everything else is pinned: arguments of functions, casts to types that name
things, ordinals, constants that make a WHERE mean everything. The rule is a list of places that
are harmless, so that what is not thought of stays pinned.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from govproxy.sql.catalog import Catalog
from govproxy.sql.parse import Node

COMPARISONS = frozenset({"=", "<>", "<", ">", "<=", ">="})
ARITHMETIC = frozenset({"+", "-", "*"})
# Casts that only say how a value is written.
PLAIN_TYPES = frozenset(
    {
        *("int2", "int4", "int8", "numeric", "float4", "float8", "text", "varchar", "bpchar"),
        *("date", "time", "timestamp", "timestamptz", "interval", "uuid"),
    }
)
_SPECIAL = frozenset({"A_Expr", "BoolExpr", "InsertStmt", "UpdateStmt", "DeleteStmt", "limitCount", "limitOffset"})
_STATEMENTS = frozenset({"SelectStmt", "InsertStmt", "UpdateStmt", "DeleteStmt"})


def foldable(statements: list[Node], catalog: Catalog) -> frozenset[int]:
    """Byte offsets of the constants that do not matter, as libpg_query gives locations.

    Empty for anything but a single SELECT, INSERT, UPDATE or DELETE.
    """
    if len(statements) != 1:
        return frozenset()
    node = statements[0]["stmt"]
    kind = next(iter(node))
    if kind not in _STATEMENTS:
        return frozenset()
    finder = _Finder(catalog)
    finder.walk(node, writing=kind in ("UpdateStmt", "DeleteStmt"))
    return frozenset(finder.found - finder.pinned)


class _Finder:
    """``pinned`` wins: a location seen in a place that matters is never folded."""

    def __init__(self, catalog: Catalog) -> None:
        self.found: set[int] = set()
        self.pinned: set[int] = set()
        self._user_operators = catalog.user_operators
        self._shadowed = frozenset(
            name
            for name in PLAIN_TYPES
            if any(catalog.types[oid].schema != "pg_catalog" for oid in catalog.types_by_name.get(name, ()))
        )

    def walk(self, value: Any, *, writing: bool) -> None:
        """Look at everything below ``value``. ``writing``: in a WHERE on which a write depends."""
        # Without recursion where nothing special is: most nodes of a tree are neither here nor there.
        todo = [value]
        while todo:
            value = todo.pop()
            if value.__class__ is list:
                todo += value
            elif value.__class__ is dict:
                for kind, body in value.items():
                    if body.__class__ is dict and kind in _SPECIAL:
                        self._special(kind, body, writing, todo)
                    elif body.__class__ is dict or body.__class__ is list:
                        todo.append(body)

    def _special(self, kind: str, body: Node, writing: bool, todo: list[Any]) -> None:
        match kind:
            case "A_Expr":
                self._expression(body, writing)
            case "BoolExpr" if writing and body.get("boolop") != "AND_EXPR":
                # Which rows `a > 1 OR a <= 2` means depends on the numbers: nothing below folds.
                self._pin(body)
            case "InsertStmt":
                self._insert(body, writing)
            case "UpdateStmt":
                self._update(body)
            case "DeleteStmt":
                self.walk(body, writing=True)
            case "limitCount" | "limitOffset":
                self._data(body)
            case _:
                todo.append(body)

    def _expression(self, body: Node, writing: bool) -> None:
        operator = _operator(body)
        left, right = body.get("lexpr", {}), body.get("rexpr", {})
        kind = body.get("kind")
        if operator is not None and operator not in self._user_operators:
            equal = operator == "="
            if kind == "AEXPR_OP" and operator in COMPARISONS and (equal or not writing):
                if _is_column(left):
                    self._data(right)
                elif _is_column(right):
                    self._data(left)
            elif (
                (kind == "AEXPR_IN" and equal)
                or (kind == "AEXPR_BETWEEN" and not writing and not self._user_operators & {"<", "<=", ">", ">="})
            ) and _is_column(left):
                for item in right.get("List", {}).get("items", ()):
                    self._data(item)
            elif kind in ("AEXPR_LIKE", "AEXPR_ILIKE") and not writing and _is_column(left):
                self._data(right)
        self.walk(left, writing=writing)
        self.walk(right, writing=writing)

    def _insert(self, body: Node, writing: bool) -> None:
        for row in body.get("selectStmt", {}).get("SelectStmt", {}).get("valuesLists", ()):
            for cell in row.get("List", {}).get("items", ()):
                self._data(cell)
        conflict = body.get("onConflictClause")
        if conflict is not None:
            self._pin(conflict)
        self.walk({key: value for key, value in body.items() if key != "onConflictClause"}, writing=writing)

    def _update(self, body: Node) -> None:
        for target in body.get("targetList", ()):
            assigned = target.get("ResTarget", {}).get("val", {})
            self._data(assigned)
            expression = assigned.get("A_Expr", {})
            operator = _operator(expression)
            if expression.get("kind") == "AEXPR_OP" and operator in ARITHMETIC - self._user_operators:
                left, right = expression.get("lexpr", {}), expression.get("rexpr", {})
                if _is_column(left):
                    self._data(right)
                elif _is_column(right):
                    self._data(left)
        self.walk(body, writing=True)

    def _data(self, node: Node) -> None:
        """Note a constant, plain or under one plain cast."""
        if "TypeCast" in node:
            cast = node["TypeCast"]
            names = [part.get("String", {}).get("sval") for part in cast.get("typeName", {}).get("names", ())]
            qualified = len(names) == 2 and names[0] == "pg_catalog"
            plain = names[-1] in PLAIN_TYPES if names else False
            if not plain or cast["typeName"].get("arrayBounds") or not (qualified or names[-1] not in self._shadowed):
                return
            node = cast.get("arg", {})
        if "A_Const" in node:
            self.found.add(node["A_Const"].get("location", 0))

    def _pin(self, value: Any) -> None:
        self.pinned |= set(_constants(value))


def _constants(value: Any) -> Iterator[int]:
    if isinstance(value, list):
        for item in value:
            yield from _constants(item)
    elif isinstance(value, dict):
        for kind, body in value.items():
            if kind == "A_Const" and isinstance(body, dict):
                yield body.get("location", 0)
            else:
                yield from _constants(body)


def _operator(body: Node) -> str | None:
    names = body.get("name", ())
    if len(names) != 1:
        return None  # OPERATOR(schema.=): not ours to judge
    name: str | None = names[0].get("String", {}).get("sval")
    return name


def _is_column(node: Node) -> bool:
    fields = node.get("ColumnRef", {}).get("fields")
    return bool(fields) and all("String" in field for field in fields)
