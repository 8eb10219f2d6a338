"""Whether the branches of an OR leave any value out: ``id > 5 OR id < 10``, ``p OR NOT p``.

Decided by trying: the truth of comparisons with constants changes only at those constants, so a
value below, at, between and above each of them stands for all. NULLs are left aside: rows that
are NULL in the column pass no comparison, and a condition that spares only those narrows little.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any, Final

import orjson

from govproxy.sql.tree import Node, field_names


class Null:
    """SQL's NULL, apart from the text ``NULL`` and from "not a literal"."""


NULL: Final = Null()
Literal = int | float | str | bool | Null
Holds = Callable[[Any], bool]

_MANY = 256
_ABSENT = "\x00 any other text"  # a text no literal can be, since NUL is refused
_FLIPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "=", "<>": "<>"}
_NEGATED = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "=": "<>", "<>": "="}
_SIDES = {"<": "<", "<=": "<=", "=": "=", "<>": "<>", ">=": "=>", ">": ">"}  # which of < = > pass
_OPPOSITES = {"!~~": "~~", "!~~*": "~~*", "!~": "~", "!~*": "~*"}


def literal(node: Node) -> Literal | None:
    """The value of a plain constant, through casts and signs; None for anything computed."""
    while "TypeCast" in node:
        node = node["TypeCast"]["arg"]
    constant = node.get("A_Const")
    if constant is None:
        return _signed(node)
    if "isnull" in constant:
        return NULL
    if "ival" in constant:
        return int(constant["ival"].get("ival", 0))
    if "fval" in constant:
        return float(constant["fval"].get("fval", "0"))
    if "boolval" in constant:
        return bool(constant["boolval"].get("boolval", False))
    if "sval" in constant:
        return str(constant["sval"].get("sval", ""))
    return None


def _signed(node: Node) -> int | float | None:
    body = node.get("A_Expr")
    if body is None or "lexpr" in body or field_names(body["name"])[-1] not in ("-", "+"):
        return None
    value = literal(body.get("rexpr", {}))
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return -value if field_names(body["name"])[-1] == "-" else value


def shape(node: Any) -> bytes:
    """A key for comparing trees: the same expression at two places has one shape."""
    return orjson.dumps(_without_places(node), option=orjson.OPT_SORT_KEYS)


def covers_everything(leaves: Iterable[tuple[Node, bool]]) -> bool:
    """True when some leaf (a condition, and whether it is negated) holds for every value."""
    cover = _Cover()
    return any(cover.add(node, negated) for node, negated in leaves) or cover.is_complete()


class _Cover:
    """The leaves seen so far, sorted by what they speak of."""

    __slots__ = ("sides", "signs", "tests", "values")

    def __init__(self) -> None:
        self.signs: dict[bytes, bool] = {}  # shape of a condition -> negated
        self.sides: dict[tuple[bytes, bytes], set[str]] = {}  # two expressions -> orders that are let pass
        self.values: dict[tuple[bytes, str], list[tuple[list[Any], Holds]]] = {}  # expression, type -> conditions
        self.tests: set[tuple[bytes, str]] = set()

    def add(self, node: Node, negated: bool) -> bool:
        """Take one leaf in; True when it completes a pair."""
        if "A_Expr" in node:
            return self._comparison(node["A_Expr"], negated)
        if "NullTest" in node:
            body = node["NullTest"]
            return self._sign(b"null" + shape(body["arg"]), (body["nulltesttype"] == "IS_NULL") is negated)
        if "BooleanTest" in node:
            # IS TRUE, IS NOT TRUE, IS UNKNOWN …: two different ones on one argument are as good as all.
            body = node["BooleanTest"]
            key = shape(body["arg"])
            self.tests.add((key, f"{body['booltesttype']}{negated}"))
            return sum(1 for seen, _ in self.tests if seen == key) > 1
        if "ColumnRef" in node:
            self._value(node, "bool", [True, False], lambda value: bool(value) is not negated)
            return False
        return self._sign(shape(node), negated)

    def is_complete(self) -> bool:
        """True when for one expression every value passes."""
        return any(len(orders) == 3 for orders in self.sides.values()) or any(
            _all_pass(kind, conditions) for (_, kind), conditions in self.values.items()
        )

    def _sign(self, key: bytes, negated: bool) -> bool:
        return self.signs.setdefault(key, negated) is not negated

    def _comparison(self, body: Node, negated: bool) -> bool:
        kind, operator = body["kind"], field_names(body["name"])[-1]
        left, right = body.get("lexpr"), body.get("rexpr")
        if left is None or right is None:
            return self._sign(shape(body), negated)
        if kind == "AEXPR_OP" and operator in _NEGATED:
            return self._ordered(left, _NEGATED[operator] if negated else operator, right)
        if kind == "AEXPR_IN":
            wanted = [literal(item) for item in right.get("List", {}).get("items", [])]
            return self._members(left, right, wanted, (operator == "<>") is not negated)
        if kind in ("AEXPR_BETWEEN", "AEXPR_NOT_BETWEEN"):
            low, high = (literal(item) for item in right["List"]["items"])
            outside = (kind == "AEXPR_NOT_BETWEEN") is not negated
            if is_number(low) and is_number(high):
                self._value(left, "number", [low, high], _between(low, high, outside))
                return False
            return self._sign(shape([left, right]), outside)
        positive = _OPPOSITES.get(operator)
        return self._sign(shape([kind, positive or operator, left, right]), negated is not (positive is not None))

    def _ordered(self, left: Node, operator: str, right: Node) -> bool:
        if literal(left) is not None:
            left, operator, right = right, _FLIPPED[operator], left
        value = literal(right)
        if isinstance(value, bool):
            if operator in ("=", "<>"):
                self._value(left, "bool", [True, False], _compared(operator, value))
        elif is_number(value):
            self._value(left, "number", [value], _compared(operator, value))
        elif isinstance(value, str) and operator in ("=", "<>"):
            self._value(left, "text", [value], _compared(operator, value))
        one, other = shape(left), shape(right)
        if one > other:
            one, operator, other = other, _FLIPPED[operator], one
        self.sides.setdefault((one, other), set()).update(_SIDES[operator])
        return False

    def _members(self, left: Node, right: Node, wanted: list[Literal | None], outside: bool) -> bool:
        if all(is_number(item) for item in wanted):
            self._value(left, "number", list(wanted), _member(wanted, outside))
        elif all(isinstance(item, str) for item in wanted):
            self._value(left, "text", list(wanted), _member(wanted, outside))
        return self._sign(shape([left, right]), outside)

    def _value(self, expression: Node, kind: str, constants: list[Any], holds: Holds) -> None:
        self.values.setdefault((shape(expression), kind), []).append((constants, holds))


def _all_pass(kind: str, conditions: list[tuple[list[Any], Holds]]) -> bool:
    constants = {constant for mentioned, _ in conditions for constant in mentioned}
    match kind:
        case "number":
            ordered = sorted(constants)
            between = [(low + high) / 2 for low, high in pairwise(ordered)]
            tried: list[Any] = [ordered[0] - 1, *ordered, *between, ordered[-1] + 1]
        case "text":
            tried = [*constants, _ABSENT]
        case _:
            tried = [True, False]
    outside = (tried[0], tried[-1])
    if not all(any(holds(value) for _, holds in conditions) for value in outside):
        return False
    if len(conditions) > _MANY:
        return True  # open at both ends and too much to try: taken for everything
    return all(any(holds(value) for _, holds in conditions) for value in tried)


def _compared(operator: str, constant: Any) -> Holds:
    match operator:
        case "=":
            return lambda value: bool(value == constant)
        case "<>":
            return lambda value: bool(value != constant)
        case "<":
            return lambda value: bool(value < constant)
        case "<=":
            return lambda value: bool(value <= constant)
        case ">":
            return lambda value: bool(value > constant)
        case ">=":
            return lambda value: bool(value >= constant)
        case _:
            raise ValueError(operator)


def _between(low: Any, high: Any, outside: bool) -> Holds:
    return lambda value: (low <= value <= high) is not outside


def _member(wanted: list[Any], outside: bool) -> Holds:
    members = set(wanted)
    return lambda value: (value in members) is not outside


def is_number(value: object) -> bool:
    """True for SQL numbers; Python's bool is none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _without_places(node: Any) -> Any:
    if isinstance(node, dict):
        return {
            key: _without_places(value)
            for key, value in node.items()
            if not key.endswith("location") and not key.startswith("rexpr_list")
        }
    if isinstance(node, list):
        return [_without_places(item) for item in node]
    return node
