"""Pieces of conditions: what a comparison of constants is worth, what matches anything, how trees are taken apart.

Pure functions over syntax trees; which columns are the target's is `sql.where`'s business.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import Enum, auto
from typing import Any

from govproxy.sql import coverage
from govproxy.sql.catalog import Relation
from govproxy.sql.functions import constant_text
from govproxy.sql.tree import Node, field_names
from govproxy.sql.types import BUILTIN_TYPES


class Worth(Enum):
    """A condition by itself. FALSE and TRUE are known without looking at a row."""

    FALSE = auto()
    TRUE = auto()
    ALWAYS = auto()  # looks at rows and lets (nearly) all of them pass, or cannot be judged
    EFFECTIVE = auto()


_TRIVIAL_REGEX = frozenset({"", ".*", "^", "$", "^.*$", "^.*", ".*$", ".", ".?", "(.*)"})
_NEVER_OF_ITSELF = {False: frozenset({"<>", "<", ">"}), True: frozenset({"=", "<=", ">="})}
_ANNIHILATORS = {"*": 0, "&": 0, "^": 0, "%": 1}
_TRUE_WORDS = frozenset({"t", "tr", "tru", "true", "y", "ye", "yes", "on", "1"})
_FALSE_WORDS = frozenset({"f", "fa", "fal", "fals", "false", "n", "no", "of", "off", "0"})
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda left, right: bool(left == right),
    "<>": lambda left, right: bool(left != right),
    "<": lambda left, right: bool(left < right),
    "<=": lambda left, right: bool(left <= right),
    ">": lambda left, right: bool(left > right),
    ">=": lambda left, right: bool(left >= right),
}


def only(node: Node) -> tuple[str, Node]:
    for kind, body in node.items():
        return kind, body
    return "", {}


def bodies(node: Any, kind: str, stop: str = "") -> Iterator[Node]:
    """Every body of ``kind`` under ``node``, not descending into ``stop``."""
    todo = [node]
    while todo:
        item = todo.pop()
        if isinstance(item, list):
            todo.extend(item)
        elif isinstance(item, dict):
            for name, value in item.items():
                if name == kind:
                    yield value
                if name != stop and isinstance(value, dict | list):
                    todo.append(value)


def looks_at_rows(node: Node) -> bool:
    return any(True for kind in ("ColumnRef", "SubLink") for _ in bodies(node, kind))


def is_never(operator: str, left: Node, right: Node, negated: bool) -> bool:
    """``x <> x``. Not with calls in it: ``random() <> random()`` holds."""
    return (
        operator in _NEVER_OF_ITSELF[negated] and "ColumnRef" in left and coverage.shape(left) == coverage.shape(right)
    )


def is_among(left: Node, right: Node) -> bool:
    """``1 IN (b, 1)``: a constant that is in the list whatever the columns hold."""
    value = coverage.literal(left)
    return value is not None and value in [coverage.literal(item) for item in right.get("List", {}).get("items", [])]


def repeats(names: list[str]) -> bool:
    return len(set(names)) != len(names)


def zeroed(node: Node) -> bool:
    """``id * 0`` and the like: the column is there and does not matter."""
    for body in bodies(node, "A_Expr"):
        annihilator = _ANNIHILATORS.get(field_names(body["name"])[-1])
        sides = (coverage.literal(body.get("lexpr", {})), coverage.literal(body.get("rexpr", {})))
        if annihilator is not None and annihilator in sides:
            return True
    return False


def constant_worth(body: Node, negated: bool) -> Worth:
    if "isnull" in body:
        return Worth.FALSE
    text = (constant_text({"A_Const": body}) or "").strip().lower()
    if text in _FALSE_WORDS:
        return Worth.TRUE if negated else Worth.FALSE
    if text in _TRUE_WORDS:
        return Worth.FALSE if negated else Worth.TRUE
    return Worth.TRUE


def fold(kind: str, operator: str, left: Node, right: Node, negated: bool) -> Worth | None:
    """The value of a comparison of two plain constants, None when it is not one."""
    compare = _COMPARISONS.get(operator)
    one, other = coverage.literal(left), coverage.literal(right)
    if kind != "AEXPR_OP" or compare is None or one is None or other is None:
        return None
    if coverage.NULL in (one, other):
        return Worth.FALSE
    if isinstance(one, str) is not isinstance(other, str):
        return Worth.TRUE
    return Worth.TRUE if compare(one, other) is not negated else Worth.FALSE


def lets_all_pass(kind: str, operator: str, right: Node, negated: bool) -> bool:
    """Patterns that match any text, and array comparisons that hold for any value."""
    if kind in ("AEXPR_LIKE", "AEXPR_ILIKE", "AEXPR_SIMILAR"):
        pattern = coverage.literal(right)
        matches_any = isinstance(pattern, str) and bool(pattern) and not pattern.strip("%")
        return matches_any and (operator.startswith("!") is negated)
    if operator in ("~", "~*") and not negated:
        return coverage.literal(right) in _TRIVIAL_REGEX
    if kind == "AEXPR_OP_ANY":
        return (operator == "<>") is not negated
    if kind == "AEXPR_OP_ALL":
        return coverage.literal(right) == "{}" or (operator == "=" and negated)
    if kind in ("AEXPR_NOT_BETWEEN", "AEXPR_BETWEEN"):
        low, high = (coverage.literal(item) for item in right["List"]["items"])
        empty = isinstance(low, int | float) and isinstance(high, int | float) and low > high
        return empty and ((kind == "AEXPR_NOT_BETWEEN") is not negated)
    if kind == "AEXPR_DISTINCT" and not negated:
        return coverage.literal(right) is coverage.NULL
    return kind == "AEXPR_NULLIF"


def case_branches(body: Node) -> Iterator[Node]:
    """CASE as a disjunction: each branch holds when its condition and its result do."""
    argument = body.get("arg")
    for item in body.get("args", []):
        when = item["CaseWhen"]
        condition = when["expr"]
        if argument is not None:
            condition = {
                "A_Expr": {
                    "kind": "AEXPR_OP",
                    "name": [{"String": {"sval": "="}}],
                    "lexpr": argument,
                    "rexpr": condition,
                }
            }
        yield {"BoolExpr": {"boolop": "AND_EXPR", "args": [condition, when["result"]]}}
    if "defresult" in body:
        yield body["defresult"]


def disjuncts(node: Node, negated: bool) -> Iterator[tuple[Node, bool]]:
    body = node.get("BoolExpr")
    if body is None:
        yield node, negated
    elif body["boolop"] == "NOT_EXPR":
        yield from disjuncts(body["args"][0], not negated)
    elif (body["boolop"] == "OR_EXPR") is not negated:
        for argument in body["args"]:
            yield from disjuncts(argument, negated)
    else:
        yield node, negated


def conjuncts(node: Node) -> Iterator[Node]:
    body = node.get("BoolExpr")
    if body is not None and body["boolop"] == "AND_EXPR":
        for argument in body["args"]:
            yield from conjuncts(argument)
    else:
        yield node


def key_names(relation: Relation) -> set[str]:
    return {column.name for column in relation.columns if column.attnum in relation.primary_key}


def aliased(entry: Node) -> frozenset[str]:
    """Names that an alias gives to columns; of a function also those of its column list, and its own."""
    alias = entry.get("alias", {})
    names = set(field_names(alias.get("colnames", [])))
    for definition in entry.get("coldeflist", []):
        names.add(definition["ColumnDef"]["colname"])
    if not names and "aliasname" in alias and _is_one_value(entry.get("functions", [])):
        names.add(alias["aliasname"])
    return frozenset(names)


def _is_one_value(functions: list[Node]) -> bool:
    """Whether a function in FROM gives one column, which then is named as its alias.

    Security: one that gives a row has the columns of that row, and the alias names none.
    """
    calls = list(bodies(functions, "FuncCall"))
    if not calls or len(functions) != 1:
        return False
    if field_names(calls[0]["funcname"]) not in (["unnest"], ["generate_series"]):
        return False
    arguments = calls[0].get("args", [])
    if any(True for kind in ("ColumnRef", "SubLink", "FuncCall", "RowExpr") for _ in bodies(arguments, kind)):
        return False
    casts = bodies(arguments, "TypeCast")
    return all(field_names(cast["typeName"]["names"])[-1] in BUILTIN_TYPES for cast in casts)


def certain_names(query: Node) -> Iterator[str]:
    """The names in the target list that are plain to see."""
    for item in query.get("targetList", []):
        target = item["ResTarget"]
        reference = target.get("val", {}).get("ColumnRef")
        if "name" in target:
            yield target["name"]
        elif reference is not None and "String" in reference["fields"][-1]:
            yield field_names(reference["fields"])[-1]


def output_names(query: Node, alias: Node | None = None) -> frozenset[str] | None:
    """The column names of a plain SELECT, None when one of them is not plain to see."""
    if alias is not None and alias.get("colnames"):
        return None
    names = set()
    for item in query.get("targetList", []):
        target = item["ResTarget"]
        reference = target.get("val", {}).get("ColumnRef")
        name = target.get("name") or (field_names(reference["fields"])[-1] if reference is not None else "")
        if not name or name == "*":
            return None
        names.add(name)
    return frozenset(names) or None
