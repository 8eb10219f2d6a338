"""Comparisons: what an operator makes of its operands, and what it tells about them.

In a deciding place (WHERE, ON, HAVING, CASE …) each operand is noted as used, by kind: a column
as it is against a literal is an EQUALITY, a RANGE or a PATTERN, against another column a JOIN,
and anything computed from a column is OTHER. Knows nothing of queries.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from govproxy.sql import total
from govproxy.sql.findings import Findings
from govproxy.sql.functions import Safety, safety
from govproxy.sql.names import Names, qualified
from govproxy.sql.scope import Rows, Scope, Value, combine, opaque
from govproxy.sql.seams import Evaluator
from govproxy.sql.tree import nodes_of
from govproxy.sql.types import BOOL, ELEMENT_OF, TEXT, VARCHAR, operator_result
from govproxy.sql.values import Comparison, Derivation, Written

Node = dict[str, Any]

_KINDS = {
    "=": Comparison.EQUALITY,
    **dict.fromkeys(("<>", "!=", "<", "<=", ">", ">=", "~<~", "~<=~", "~>~", "~>=~"), Comparison.RANGE),
    **dict.fromkeys(
        ("~~", "!~~", "~~*", "!~~*", "~", "!~", "~*", "!~*", "@@", "@@@", "^@", "~~~", "!~~~"), Comparison.PATTERN
    ),
}
_BETWEEN = {"AEXPR_BETWEEN", "AEXPR_NOT_BETWEEN", "AEXPR_BETWEEN_SYM", "AEXPR_NOT_BETWEEN_SYM"}
# Nodes that say where one of their tokens stands.
_PLACED = frozenset({"ColumnRef", "A_Const", "ParamRef", "A_ArrayExpr", "TypeCast", "typeName"})
SMALL = 1_000_000
DIGITS = 12
_UNSTEADY = frozenset(
    {"random", "random_normal", "gen_random_uuid", "uuidv4", "uuidv7", "clock_timestamp", "timeofday", "currval"}
)


class Operand(NamedTuple):
    """One side of a comparison. ``fixed``: the same for every row, written in the statement."""

    value: Value
    fixed: bool
    untyped: bool = False

    @property
    def plain(self) -> bool:
        """Whether it is a column's value as it is."""
        return self.value.derivation is Derivation.PLAIN

    @property
    def type(self) -> int | None:
        """Its type for operator lookup: None lets the other side decide."""
        return None if self.untyped else self.value.type


class Comparisons:
    """Operators, IN, BETWEEN, comparisons with subqueries, row-wise comparisons."""

    def __init__(self, evaluator: Evaluator, names: Names, findings: Findings) -> None:
        self._evaluator = evaluator
        self._names = names
        self._findings = findings

    def operation(self, body: Node, scope: Scope, deciding: bool) -> Value:
        """An A_Expr node, whatever its kind."""
        kind = body.get("kind", "AEXPR_OP")
        schema, name = qualified(body.get("name", ()))
        left, right = body.get("lexpr"), body.get("rexpr")
        match kind:
            case "AEXPR_OP" | "AEXPR_LIKE" | "AEXPR_ILIKE" | "AEXPR_SIMILAR" | "AEXPR_DISTINCT" | "AEXPR_NOT_DISTINCT":
                if kind == "AEXPR_DISTINCT":
                    name = "<>"
                rows = _pairs(left, right)
                if rows is not None:
                    several = [(one, [two]) for one, two in rows]
                    return self._one_by_one(several, schema, name, scope, deciding)
                place = body if kind == "AEXPR_OP" else None
                return self._compare(
                    left, [right] if right is not None else [], schema, name, scope, deciding, place=place
                )
            case "AEXPR_IN":
                return self._in(left, _items(right), schema, name, scope, deciding, body)
            case "AEXPR_OP_ANY" | "AEXPR_OP_ALL":
                place = body if kind == "AEXPR_OP_ANY" else None
                return self._compare(
                    left, [right] if right is not None else [], schema, name, scope, deciding, True, place=place
                )
            case "AEXPR_NULLIF":
                value = self._compare(left, [right] if right is not None else [], schema, name, scope, False)
                if deciding:
                    self._findings.use(value, Comparison.OTHER)
                return value._replace(type=0)
            case _ if kind in _BETWEEN:
                return self._compare(left, _items(right), None, ">=", scope, deciding)
            case _:
                found = [self._evaluator.value(node, scope) for node in (left, right) if node is not None]
                self._findings.not_understood()
                value = opaque(found)
                self._findings.use(value, Comparison.OTHER)
                return value

    def _one_by_one(
        self,
        fields: Sequence[tuple[Node, list[Node]]],
        schema: str | None,
        name: str,
        scope: Scope,
        deciding: bool,
    ) -> Value:
        """A comparison of rows, field by field, as long as nothing is decided; see `Expressions.one_by_one`."""
        values: list[Value] = []
        for one, others in fields:
            before = self._findings.risks
            value = self._compare(one, others, schema, name, scope, deciding)
            if self._findings.risks != before:
                for earlier in values:
                    self._findings.use(earlier, Comparison.OTHER)
            values.append(value)
        return combine(values, BOOL)

    def with_rows(self, test: Node | None, operator: Sequence[Node], rows: Rows, scope: Scope, deciding: bool) -> Value:
        """``test op ANY/ALL (rows)``; without an operator it is IN."""
        schema, name = qualified(operator) if operator else (None, "=")
        tested = [] if test is None else _row(test) or [test]
        operands = [self._operand(node, scope) for node in tested]
        shown = [Operand(value, False) for _, value in rows.columns]
        everything = combine([*(operand.value for operand in operands), rows.everything()], BOOL)
        if deciding and rows.wild is not None:
            self._findings.use(everything, Comparison.OTHER)
        elif deciding:
            for one, two in zip(operands, shown, strict=False):
                self._note(one, [two], name)
            for rest in (*operands[len(shown) :], *shown[len(operands) :]):
                self._findings.use(rest.value, Comparison.OTHER)
        proven = all(
            self._names.operator_is_proven(schema, name, (one.type, two.type))
            for one, two in zip(operands, shown, strict=False)
        )
        return everything if proven else self._not_proven(everything)

    def null_test(self, node: Node, scope: Scope) -> Value:
        """``IS [NOT] NULL``, ``IS TRUE`` in a deciding place."""
        value = self._evaluator.value(node, scope)
        plain = value.derivation is Derivation.PLAIN
        self._findings.use(value, Comparison.EQUALITY if plain else Comparison.OTHER)
        return combine([value], BOOL)

    def merged(self, left: Value, right: Value) -> None:
        """Two columns that USING or NATURAL compares."""
        self._note(Operand(left, False), [Operand(right, False)], "=")
        if not self._names.operator_is_proven(None, "=", (left.type, right.type)):
            self._findings.not_understood()
            self._findings.untraced()

    def matched(self, left: tuple[Value, bool], right: tuple[Value, bool]) -> None:
        """Two values that a set operation compares, each with whether it is written in the statement."""
        self._note(Operand(*left), [Operand(*right)], "=")

    def _in(
        self,
        left: Node | None,
        items: list[Node],
        schema: str | None,
        name: str,
        scope: Scope,
        deciding: bool,
        place: Node,
    ) -> Value:
        fields = _row(left) if left is not None else None
        rows = [_row(item) for item in items] if fields is not None else []
        if fields is None or any(row is None or len(row) != len(fields) for row in rows):
            return self._compare(left, items, schema, name, scope, deciding, place=place)
        several = [(field, [row[place] for row in rows if row]) for place, field in enumerate(fields)]
        return self._one_by_one(several, schema, name, scope, deciding)

    def _compare(
        self,
        left: Node | None,
        right: Sequence[Node],
        schema: str | None,
        name: str,
        scope: Scope,
        deciding: bool,
        over_array: bool = False,
        *,
        place: Node | None = None,
    ) -> Value:
        one = None if left is None else self._operand(left, scope)
        others: list[Operand] = []
        for node in right:
            before = self._findings.risks
            others.append(self._operand(node, scope))
            if len(others) > 1 and self._findings.risks != before:
                # Security: of IN and BETWEEN it is looked at only if what stands before has not decided.
                for earlier in (*([one] if one else ()), *others[:-1]):
                    self._findings.use(earlier.value, Comparison.OTHER)
        operands = others if one is None else [one, *others]
        if deciding:
            if one is None:
                for other in others:
                    self._findings.use(other.value, Comparison.OTHER)
            else:
                self._note(one, others, name)
                if place is not None and name == "=" and schema is None and left is not None:
                    self._note_equality((one, left), list(zip(others, right, strict=True)), place)
        types = [operand.type for operand in operands]
        if over_array:  # the operator is looked up for the element type
            types = [types[0], *(types[0] if other is None else ELEMENT_OF.get(other, 0) for other in types[1:])]
        value = combine(
            [operand.value for operand in operands], BOOL if name in _KINDS else operator_result(name, types)
        )
        if not over_array and not total.never_fails(name):
            hidden = [operand.value.of_rows for operand in operands]
            written = [node for node in (left, *right) if node]
            small = [is_small(node) for node in written]
            if not total.operator(name, types, ["A_Const" not in node for node in written], small):
                self._findings.risk()
            if not total.operator(name, types, hidden, small):
                # Security: whether it fails is an answer.
                self._findings.fails(value)
        if self._names.operator_is_proven(schema, name, types if len(types) < 3 else _agreed(types)):
            return value
        return self._not_proven(value)

    def _not_proven(self, value: Value) -> Value:
        self._findings.not_understood()
        self._findings.untraced()
        return opaque([value])

    def _operand(self, node: Node, scope: Scope) -> Operand:
        constant = node.get("A_Const")
        if constant is not None:
            return Operand(self._evaluator.value(node, scope), True, not _is_typed(constant))
        cast = node.get("TypeCast")
        if cast is None:
            value = self._evaluator.value(node, scope)
            plain = value
        else:
            plain = self._evaluator.value(cast.get("arg", {}), scope)
            value = self._evaluator.cast(plain, cast.get("typeName", {}))
        if not value.sources:
            untyped = "ParamRef" in node or not _typed_literals(node)
            return Operand(value, value.derivation is not Derivation.OPAQUE and is_fixed(node), untyped)
        if cast is not None and plain.derivation is Derivation.PLAIN and _keeps_text(value, cast):
            # A cast to text without a length keeps what it casts.
            return Operand(plain._replace(type=value.type), False)
        return Operand(value, False)

    def _note(self, one: Operand, others: Sequence[Operand], name: str) -> None:
        """Note how each side is used."""
        self._findings.together([one.value, *(other.value for other in others)])
        kind = _KINDS.get(name, Comparison.OTHER)
        joins = kind is Comparison.EQUALITY and one.plain
        computed = False
        steady = True
        for other in others:
            if joins and other.plain:
                self._findings.join(one.value, other.value)
            else:
                self._note_side(other, kind, one.fixed)
                computed = True
                steady = steady and (other.fixed or other.plain)
        if not joins:
            self._note_side(one, kind, False)
        elif computed:
            self._note_side(one, kind, steady)

    def _note_equality(self, left: tuple[Operand, Node], right: list[tuple[Operand, Node]], place: Node) -> None:
        """Note where a column as it is stands against values written out, on whichever side."""
        if left[0].fixed and len(right) == 1:
            left, right = right[0], [left]
        column = left[0]
        if not column.plain or not column.value.sources or not all(operand.fixed for operand, _ in right):
            return
        found = [written(value) for _, value in right]
        if any(one is None for one in found):
            return
        self._findings.equality(
            column.value.sources,
            starts_at=_start(place),
            operator_at=place.get("location", 0),
            values=tuple(one for several in found for one in several or ()),
        )

    def _note_side(self, side: Operand, kind: Comparison, against_fixed: bool) -> None:
        if not side.plain:
            kind = Comparison.OTHER
        elif kind is Comparison.EQUALITY and not against_fixed:
            kind = Comparison.JOIN
        self._findings.use(side.value, kind)


def is_fixed(node: Node) -> bool:
    """Whether an expression without sources is written out in the statement or sent as a parameter.

    A column of a VALUES list or of a function has no sources either, but takes many values:
    comparing with it tries them all.
    """
    pending = [node]
    while pending:
        current = pending.pop()
        for tag, body in current.items():
            match tag:
                case "A_Const" | "ParamRef" | "SQLValueFunction" | "SetToDefault":
                    continue
                case "TypeCast" | "CollateClause" | "NamedArgExpr":
                    pending.append(body.get("arg", {}))
                case "A_ArrayExpr":
                    pending.extend(body.get("elements", ()))
                case "FuncCall" if not _is_steady(qualified(body.get("funcname", ()))[1]):
                    return False
                case "RowExpr" | "FuncCall" | "CoalesceExpr" | "MinMaxExpr":
                    pending.extend(body.get("args", ()))
                case "A_Expr":
                    pending.extend(body[side] for side in ("lexpr", "rexpr") if side in body)
                case "List":
                    pending.extend(body.get("items", ()))
                case _:
                    return False
    return True


def written(node: Node) -> tuple[Written, ...] | None:
    """The constants and parameters that a value consists of: one, or an array of them, under casts.

    None for anything that computes.
    """
    for tag, body in node.items():
        match tag:
            case "A_Const":
                return (constant(body),)
            case "ParamRef":
                return (Written(at=body.get("location", 0), parameter=body.get("number", 0)),)
            case "TypeCast":
                return written(body.get("arg", {}))
            case "A_ArrayExpr":
                found = [written(element) for element in body.get("elements", ())]
                if any(one is None or len(one) != 1 for one in found):
                    return None
                return tuple(one for several in found for one in several or ())
            case _:
                return None
    return None


def constant(body: Node) -> Written:
    """An A_Const with its value as text; None for NULL, booleans and bit strings."""
    text = None
    if "sval" in body:
        text = str(body["sval"].get("sval", ""))
    elif "ival" in body:
        text = str(body["ival"].get("ival", 0))
    elif "fval" in body:
        text = str(body["fval"].get("fval", ""))
    return Written(at=body.get("location", 0), text=text)


def _start(operation: Node) -> int:
    """Where an operation's text begins: with its left operand, unless nothing there has a place."""
    left = operation.get("lexpr", {})
    column = left.get("ColumnRef")
    if column is not None and column.get("location", 0) >= 0:
        return int(column.get("location", 0))
    return min(_locations(left), default=min(_locations(operation.get("rexpr")), default=0))


def _locations(node: Any) -> Iterator[int]:
    """Where the things in a node stand, as far as the parser says (it leaves out a place of 0)."""
    for tag, body in nodes_of(node):
        if tag in _PLACED and body.get("location", 0) >= 0:
            yield body.get("location", 0)


def is_small(node: Node) -> bool:
    """Whether a node is a number written out that no sum or product with it runs out of its type."""
    constant = node.get("A_Const", {})
    if "ival" in constant:
        return abs(int(constant["ival"].get("ival", 0))) <= SMALL
    text = str(constant.get("fval", {}).get("fval", ""))
    return text.replace(".", "", 1).isdigit() and len(text) <= DIGITS and float(text) <= SMALL


def _is_steady(name: str) -> bool:
    """Whether a built-in function gives every row of a statement the same value."""
    return safety(name) in (Safety.SAFE, Safety.CONTEXT) and name not in _UNSTEADY


def _keeps_text(value: Value, cast: Node) -> bool:
    return value.type in (TEXT, VARCHAR) and not cast.get("typeName", {}).get("typmods")


def _typed_literals(node: Node) -> bool:
    """False for a string or NULL literal, whose type the other operand decides."""
    constant = node.get("A_Const")
    return constant is None or _is_typed(constant)


def _is_typed(constant: Node) -> bool:
    return "ival" in constant or "fval" in constant or "boolval" in constant


def _items(node: Node | None) -> list[Node]:
    if node is None:
        return []
    items = node["List"].get("items", []) if "List" in node else [node]
    return list(items)


def _row(node: Node) -> list[Node] | None:
    """The fields of a row written out, unless one of them is a ``*``."""
    row = node.get("RowExpr")
    if row is None:
        return None
    fields = list(row.get("args", ()))
    if any("A_Star" in part for field in fields for part in field.get("ColumnRef", {}).get("fields", ())):
        return None
    return fields


def _pairs(left: Node | None, right: Node | None) -> list[tuple[Node, Node]] | None:
    if left is None or right is None or "RowExpr" not in left or "RowExpr" not in right:
        return None
    one, two = _row(left), _row(right)
    if one is None or two is None or len(one) != len(two):
        return None
    return list(zip(one, two, strict=True))


def _agreed(types: Sequence[int | None]) -> tuple[int | None, int | None]:
    """The types of an IN list or BETWEEN as one pair: the worst of the right side."""
    rest = {type_oid for type_oid in types[1:] if type_oid is not None}
    if not rest:
        return types[0], None
    return types[0], rest.pop() if len(rest) == 1 else 0
