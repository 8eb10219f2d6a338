"""Whether a condition holds for whatever a row may hold, found out by trying it on rows.

The spellings of "every row" have no end: ``left(name, 0) = ''``, ``id <> ALL ('{-1}')``, ``sign(n) >= -1``. What
they have in common is that they hold for any row at all. So a condition that nothing else sees through
is tried on made-up rows: values of every column that it reads, among them each constant written in the
condition and its neighbours. One that holds for every one of them narrows nothing.

In one direction only: what cannot be computed here is not proven to hold. Nor is it when it holds because no
value tried was the one that is left out: a pattern that nothing matched, a computed value that equalled
nothing. NULLs are left aside, as in `coverage`. Nothing is run in the database, and the number of rows tried
is bounded.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import product
from typing import Any

from govproxy.sql.catalog import Column, Relation
from govproxy.sql.computing import (
    BOOLEAN_TESTS,
    FUNCTIONS,
    SIGNS,
    Opaque,
    Unknown,
    apply,
    as_day,
    as_number,
    as_truth,
    cast,
    compare,
    constant,
    matches_like,
)
from govproxy.sql.functions import constant_text
from govproxy.sql.tree import Node, field_names, nodes_of
from govproxy.sql.types import (
    BOOL,
    BPCHAR,
    BUILTIN_ARRAYS,
    DATE,
    FLOAT4,
    FLOAT8,
    INT2,
    INT4,
    INT8,
    JSONB,
    NAME,
    NUMERIC,
    TEXT,
    TIMESTAMP,
    TIMESTAMPTZ,
    VARCHAR,
)

MAX_ROWS = 600
MAX_NODES = 60  # of a condition worth trying
MAX_CONSTANT = 500  # characters
LONG = 1_500  # characters of a long text
_UUID, _JSON = 2950, 114
_RANGES = {INT2: 15, INT4: 31, INT8: 63}
_NUMBERS = frozenset({*_RANGES, NUMERIC, FLOAT4, FLOAT8})
_STRINGS = frozenset({TEXT, VARCHAR, BPCHAR, NAME})
_TIMES = frozenset({DATE, TIMESTAMP, TIMESTAMPTZ})
_DAYS = tuple(datetime(year, 5, 17) for year in (1890, 1970, 1999, 2026, 2190))

_PLAIN_CALL = frozenset({"funcname", "args", "funcformat", "location"})

Row = Mapping[str, Any]


def holds_always(condition: Node, names: Callable[[list[str]], str | None], relations: Sequence[Relation]) -> bool:
    """True when ``condition`` holds for every row tried. ``names`` tells which of the target's columns is meant."""
    if len(relations) != 1:
        return False
    reads = sorted({name for name in map(names, _references(condition)) if name is not None})
    columns = [relations[0].column(name) for name in reads]
    if not columns or len(columns) > 3 or sum(tag[:1].isupper() for tag, _ in nodes_of(condition)) > MAX_NODES:
        return False
    key = set(relations[0].primary_key) if len(relations[0].primary_key) == 1 else set[int]()
    constants = [text for text in map(constant_text, _constants(condition)) if text is not None]
    if any(len(text) > MAX_CONSTANT for text in constants):
        return False
    values = [_samples(column, constants, column is not None and column.attnum in key) for column in columns]
    count = 1
    for found in values:
        count *= len(found)
    if not 0 < count <= MAX_ROWS:
        return False
    nullable = {column.name for column in columns if column is not None and not column.not_null}
    trial = _Trial(names, nullable)
    try:
        return all(trial.value(condition, dict(zip(reads, row, strict=True))) is True for row in product(*values))
    except (Unknown, ValueError, TypeError, ArithmeticError, LookupError, AttributeError, re.error):
        return False


def _samples(column: Column | None, constants: list[str], is_key: bool) -> list[Any]:
    """Values that a column may hold; none where its type is not known here."""
    kind = column.base_type_oid if column is not None else 0
    if kind in _NUMBERS:
        return _numbers(kind, constants, is_key)
    if kind in _STRINGS:
        return list(
            dict.fromkeys(["", "a", "Zq 7", "%", "q" * LONG, *constants, *(f"{text}x" for text in constants[:4])])
        )
    if kind in _TIMES:
        days = [day for day in map(as_day, constants) if day is not None and 1_000 < day.year < 3_000]
        near = [day + timedelta(days=step) for day in days for step in (-1, 0, 1)]
        return list(dict.fromkeys([*_DAYS, *near]))
    if kind == BOOL:
        return [True, False]
    if kind == _UUID:
        return [Opaque("0f2a9c51-7d3e-4b6f-8a10-2c4d6e8f0a1b"), Opaque("ffffffff-ffff-4fff-bfff-ffffffffffff")]
    if kind in (JSONB, _JSON):
        return [Opaque('{"a": 1}'), Opaque("[]"), Opaque("{}"), Opaque('"x"'), Opaque("null")]
    return [Opaque("{1,2}"), Opaque("{}")] if kind in BUILTIN_ARRAYS else []


def _numbers(kind: int, constants: list[str], is_key: bool) -> list[Any]:
    most = 2 ** _RANGES.get(kind, 60)
    found: list[Any] = [1, 2, 3, 10, 37, 1_000, most - 2]
    if not is_key:  # keys are counted from one
        found += [0, -1, -1_000, 1 - most]
    for text in constants:
        for part in re.findall(r"-?\d+(?:\.\d+)?", text)[:8]:
            number = float(part) if "." in part else int(part)
            found += [number - 1, number, number + 1, -number]
    whole = kind in _RANGES
    # Not the least and the greatest themselves: nobody has them, and a condition that spares only those is none.
    found = [number for number in found if -most < number < most - 1 and (number >= 1 or not is_key)]
    return list(dict.fromkeys(int(number) if whole else number for number in found))


class _Trial:
    """Computes a condition for one row after the other. NULL is None."""

    def __init__(self, names: Callable[[list[str]], str | None], nullable: set[str]) -> None:
        self._names = names
        self._nullable = nullable

    def value(self, node: Node, row: Row) -> Any:
        """What an expression is worth. Raises for what is not known here."""
        for tag, body in node.items():
            match tag:
                case "A_Const":
                    return constant(body)
                case "ColumnRef":
                    return row[self._names(field_names(body["fields"])) or ""]
                case "TypeCast":
                    return cast(self.value(body["arg"], row), body["typeName"])
                case "A_Expr":
                    return self._operation(body, row)
                case "BoolExpr":
                    return self._boolean(body, row)
                case "NullTest":
                    return self._null_test(body, row)
                case "BooleanTest":
                    return BOOLEAN_TESTS[body["booltesttype"]](as_truth(self.value(body["arg"], row)))
                case "CoalesceExpr":
                    return next((v for arg in body["args"] if (v := self.value(arg, row)) is not None), None)
                case "MinMaxExpr":
                    numbers = [as_number(self.value(arg, row)) for arg in body["args"]]
                    return max(numbers) if body.get("op") == "IS_GREATEST" else min(numbers)
                case "CaseExpr":
                    return self._case(body, row)
                case "FuncCall":
                    return self._call(body, row)
                case _:
                    raise Unknown
        raise Unknown

    def _boolean(self, body: Node, row: Row) -> bool | None:
        if body["boolop"] == "NOT_EXPR":
            value = as_truth(self.value(body["args"][0], row))
            return None if value is None else not value
        decisive: bool = body["boolop"] == "OR_EXPR"
        known: list[bool | None] = []
        unknown = False
        for argument in body["args"]:
            try:
                known.append(as_truth(self.value(argument, row)))
            except Unknown:
                unknown = True
        if decisive in known:
            return decisive
        if unknown:
            raise Unknown
        return None if None in known else not decisive

    def _null_test(self, body: Node, row: Row) -> bool:
        argument = body["arg"]
        if "ColumnRef" in argument and self._names(field_names(argument["ColumnRef"]["fields"])) in self._nullable:
            raise Unknown  # rows with a NULL are not among those tried
        value = self.value(argument, row)
        return (value is None) is (body["nulltesttype"] == "IS_NULL")

    def _case(self, body: Node, row: Row) -> Any:
        subject = self.value(body["arg"], row) if "arg" in body else True
        for branch in body["args"]:
            test = self.value(branch["CaseWhen"]["expr"], row)
            if compare("=", subject, test) if "arg" in body else as_truth(test):
                return self.value(branch["CaseWhen"]["result"], row)
        return self.value(body["defresult"], row) if "defresult" in body else None

    def _operation(self, body: Node, row: Row) -> Any:
        names = field_names(body["name"])
        if len(names) != 1:
            raise Unknown
        kind, name = body["kind"], names[0]
        right = body["rexpr"]
        if "lexpr" not in body:
            return SIGNS[name](as_number(self.value(right, row)))
        left = self.value(body["lexpr"], row)
        plain = _is_plain(body["lexpr"]) and (kind != "AEXPR_OP" or _is_plain(right))
        match kind:
            case "AEXPR_OP":
                return apply(name, left, self.value(right, row), plain)
            case "AEXPR_LIKE" | "AEXPR_ILIKE":
                return matches_like(left, self.value(right, row), kind == "AEXPR_ILIKE", name.startswith("!"))
            case "AEXPR_SIMILAR":
                pattern = right["FuncCall"]["args"]
                if len(pattern) != 1 or self.value(pattern[0], row) != "%":
                    raise Unknown
                return not name.startswith("!")
            case "AEXPR_DISTINCT" | "AEXPR_NOT_DISTINCT":
                other = self.value(right, row)
                if other is None:
                    return self._null_test({"arg": body["lexpr"], "nulltesttype": "IS_NULL"}, row) is (
                        kind == "AEXPR_NOT_DISTINCT"
                    )
                return compare("=" if kind == "AEXPR_NOT_DISTINCT" else "<>", left, other, plain)
            case "AEXPR_IN":
                found = [compare("=", left, self.value(item, row), plain) for item in right["List"]["items"]]
                return (True in found) is (name == "=")
            case "AEXPR_OP_ANY" | "AEXPR_OP_ALL":
                answers = [apply(name, left, item, plain) for item in self._items(right, row)]
                return any(answers) if kind == "AEXPR_OP_ANY" else all(answers)
            case "AEXPR_BETWEEN" | "AEXPR_NOT_BETWEEN" | "AEXPR_BETWEEN_SYM" | "AEXPR_NOT_BETWEEN_SYM":
                low, high = (self.value(item, row) for item in right["List"]["items"])
                inside = compare(">=", left, low) and compare("<=", left, high)
                if kind.endswith("SYM"):
                    inside = inside or (compare(">=", left, high) and compare("<=", left, low))
                return inside is not kind.startswith("AEXPR_NOT")
            case _:
                raise Unknown

    def _items(self, node: Node, row: Row) -> list[Any]:
        if "A_ArrayExpr" in node:
            return [self.value(item, row) for item in node["A_ArrayExpr"].get("elements", [])]
        text = constant_text(node)
        if text is None or not re.fullmatch(r"\{[\w,. -]+\}", text):
            raise Unknown
        return [item.strip() for item in text[1:-1].split(",")]

    def _call(self, body: Node, row: Row) -> Any:
        names = field_names(body["funcname"])
        function = FUNCTIONS.get(names[-1])
        if function is None or (len(names) > 1 and names[-2] != "pg_catalog") or body.keys() - _PLAIN_CALL:
            raise Unknown
        arguments = [self.value(argument, row) for argument in body.get("args", [])]
        if None in arguments:
            raise Unknown
        return function(*arguments)


def _is_plain(node: Node) -> bool:
    """Whether a node is a column or a constant as it is, but for casts: then its values are among those tried."""
    while "TypeCast" in node:
        node = node["TypeCast"]["arg"]
    return "ColumnRef" in node or "A_Const" in node


def _references(node: Node) -> Iterator[list[str]]:
    for tag, body in nodes_of(node):
        if tag == "ColumnRef":
            yield field_names(body["fields"])


def _constants(node: Node) -> Iterator[Node]:
    for tag, body in nodes_of(node):
        if tag == "A_Const":
            yield {"A_Const": body}
