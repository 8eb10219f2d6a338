"""Comparisons that leave out no row because of what values can be: ``id > 0``, ``length(x) >= 0``, ``x >= ''``.

Spellings that get around a rule against a missing WHERE. Knows the shape of a comparison and the
relations that may be meant; reads nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from govproxy.sql import coverage
from govproxy.sql.catalog import Relation
from govproxy.sql.tree import Node, field_names

_FLIPPED: Mapping[str, str] = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "=": "=", "<>": "<>", "!=": "<>"}
_NEGATED: Mapping[str, str] = {"<": ">=", ">": "<=", "<=": ">", ">=": "<", "=": "<>", "<>": "=", "!=": "="}
_NEVER_NEGATIVE = frozenset(
    {
        "length",
        "char_length",
        "character_length",
        "octet_length",
        "bit_length",
        "abs",
        "cardinality",
        "strpos",
        "position",
    }
)
_INTEGERS = {21: 32_767, 23: 2_147_483_647, 20: 9_223_372_036_854_775_807}
_TEXTS = frozenset({25, 1042, 1043})


def leaves_none_out(
    kind: str, operator: str, left: Node, right: Node, negated: bool, relations: Sequence[Relation]
) -> bool:
    """True for a comparison that holds for every value there can be, or that keys in practice have."""
    if kind == "AEXPR_IN":
        items = right.get("List", {}).get("items", []) if isinstance(right, dict) else []
        values = [coverage.literal(item) for item in items]
        if (operator == "<>") is negated:
            return True in values and False in values
        return bool(values) and all(_is_over(value, "<>", left, relations) for value in values)
    if kind != "AEXPR_OP" or operator not in _FLIPPED:
        return False
    value = coverage.literal(right)
    if value is None:
        value, left, operator = coverage.literal(left), right, _FLIPPED[operator]
    return _is_over(value, _NEGATED[operator] if negated else _FLIPPED[_FLIPPED[operator]], left, relations)


def _is_over(value: object, operator: str, side: Node, relations: Sequence[Relation]) -> bool:
    cast = "TypeCast" in side
    while "TypeCast" in side:
        side = side["TypeCast"]["arg"]
    if isinstance(value, str):
        return _of_text(value, operator, side, relations)
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    if "FuncCall" in side:
        call = side["FuncCall"]
        least: float = 0
        if field_names(call["funcname"])[-1] not in _NEVER_NEGATIVE:
            return False
        if call.get("args") and "TypeCast" in call["args"][0]:
            least = 1  # length(id::text): the text of a number is never empty
        return _below(value, operator, least)
    if "ColumnRef" not in side:
        return False
    most = _key_maximum(field_names(side["ColumnRef"]["fields"])[-1:], relations)
    if most is None:
        return False
    # Keys are counted from one.
    return _below(value, operator, 1) or (not cast and operator in ("<", "<=", "<>") and value >= most)


def _below(value: float, operator: str, least: float) -> bool:
    match operator:
        case ">" | "<>":
            return value < least
        case ">=":
            return value <= least
        case _:
            return False


def _key_maximum(names: list[str], relations: Sequence[Relation]) -> int | None:
    """The greatest value of a column that is the whole primary key, an integer, in each relation meant."""
    found: int | None = None
    for relation in relations:
        column = relation.column(names[0]) if names else None
        if column is None or tuple(relation.primary_key) != (column.attnum,):
            return None
        most = _INTEGERS.get(column.base_type_oid)
        if most is None:
            return None
        found = max(found or 0, most)
    return found


def _of_text(value: str, operator: str, side: Node, relations: Sequence[Relation]) -> bool:
    if "ColumnRef" not in side:
        return False
    if value in ("-infinity", "infinity"):
        return operator in ((">", ">=", "<>") if value == "-infinity" else ("<", "<=", "<>"))
    name = field_names(side["ColumnRef"]["fields"])[-1:]
    columns = [relation.column(name[0]) for relation in relations] if name else []
    is_text = bool(columns) and all(column is not None and column.base_type_oid in _TEXTS for column in columns)
    return is_text and value == "" and operator == ">="
