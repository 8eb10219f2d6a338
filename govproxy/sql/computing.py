"""Expressions of PostgreSQL computed in Python, as far as that is certain: what `trying` tries conditions with.

A value is a bool, a number, a text, a time, None for NULL, or `Opaque`. Everything here raises `Unknown` rather
than guess: the order of texts, which is the collation's; what a computed value does not equal; a pattern
that does not match. Knows nothing of columns.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from govproxy.sql.tree import Node, field_names

_REGEX = re.compile(r"[\w .^$*+?()\[\]|@-]*")
_REPEATS = re.compile(r"[*+?]")
SHORT = 64  # characters of a pattern, and of a text that a regular expression is tried on
_MAX_TEXT = 100_000
_TRUE = frozenset({"t", "true", "yes", "on", "1"})


class Unknown(Exception):
    """Something that cannot be computed here."""


class Opaque:
    """A value of which nothing is known but its text."""

    def __init__(self, text: str) -> None:
        self.text = text


def constant(body: Node) -> Any:
    """The value of an A_Const."""
    if "isnull" in body:
        return None
    if "ival" in body:
        return int(body["ival"].get("ival", 0))
    if "fval" in body:
        return float(body["fval"]["fval"])
    if "boolval" in body:
        return bool(body["boolval"].get("boolval", False))
    return str(body["sval"].get("sval", ""))


def cast(value: Any, type_name: Node) -> Any:
    """A value cast to a named type."""
    name = field_names(type_name["names"])[-1]
    if value is None or "arrayBounds" in type_name or type_name.get("typmods"):
        raise Unknown
    if name in ("text", "varchar"):
        return value if isinstance(value, Opaque) else as_text(value)
    if name in ("int2", "int4", "int8"):
        return int(value)
    if name in ("numeric", "float8"):
        return float(value)
    if name == "bool":
        return value.lower() in _TRUE if isinstance(value, str) else bool(value)
    if name in ("date", "timestamp", "timestamptz") and isinstance(value, str | datetime):
        return value if isinstance(value, datetime) else _required_day(value)
    raise Unknown


def as_text(value: Any) -> str:
    """A value as its type writes it."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case Opaque():
            return value.text
        case _:
            raise Unknown


def as_number(value: Any) -> Any:
    """A number, or a text read as one."""
    if isinstance(value, str):
        return float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Unknown
    return value


def as_truth(value: Any) -> bool | None:
    """A condition's value."""
    if isinstance(value, str):
        return value.lower() in _TRUE
    if value is None or isinstance(value, bool):
        return value
    raise Unknown


def as_day(text: str) -> datetime | None:
    """A time in ISO form; None for any other text."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=None)
    except (ValueError, OverflowError):
        return None


def _required_day(text: str) -> datetime:
    if text.endswith("BC") or text == "-infinity":
        return datetime.min
    found = datetime.max if text == "infinity" else as_day(text)
    if found is None:
        raise Unknown
    return found


def compare(name: str, left: Any, right: Any, plain: bool = True) -> bool | None:
    """A comparison; None when one side is NULL. A text beside another type is read as that type.

    With a side that is not ``plain`` it is not said to differ, except from the empty text.
    """
    if left is None or right is None:
        return None
    if isinstance(left, Opaque) or isinstance(right, Opaque):
        if name == "<>" and "" in (left, right):
            return True
        raise Unknown
    if isinstance(left, str) is not isinstance(right, str):
        left, right = (_like_other(left, right), right) if isinstance(left, str) else (left, _like_other(right, left))
    if isinstance(left, str) and name not in ("=", "<>") and "" not in (left, right):
        raise Unknown  # the order of texts is the collation's
    if isinstance(left, bool) is not isinstance(right, bool):
        raise Unknown
    if not plain and name in ("=", "<>") and left != right and "" not in (left, right):
        raise Unknown
    return _COMPARISONS[name](left, right)


def _like_other(text: str, other: Any) -> Any:
    match other:
        case bool():
            return text.lower() in _TRUE
        case int() | float():
            return float("inf" if text == "infinity" else "-inf" if text == "-infinity" else text)
        case datetime():
            return _required_day(text)
        case _:
            raise Unknown


def apply(name: str, left: Any, right: Any, plain: bool = True) -> Any:
    """What an operator makes of its operands; see `compare` for ``plain``."""
    if name == "!=":
        name = "<>"
    if name in _COMPARISONS:
        return compare(name, left, right, plain)
    if left is None or right is None:
        return None
    if name in ("@>", "<@"):
        whole, part = (left, right) if name == "@>" else (right, left)
        if isinstance(whole, Opaque) and part == "{}":
            return True
        raise Unknown
    if name in ("~", "~*", "!~", "!~*"):
        return _matches(as_text(left), as_text(right), name.endswith("*")) is not name.startswith("!")
    if name == "^@":
        return _found(as_text(left).startswith(as_text(right)))
    if name == "||":
        return as_text(left) + as_text(right)
    return _ARITHMETIC[name](as_number(left), as_number(right))


def _matches(text: str, pattern: str, folded: bool) -> bool:
    if not pattern:
        return True
    # Security: of a pattern with much to go back to, a long text would keep the worker busy for ever.
    if len(text) > SHORT or not _REGEX.fullmatch(pattern) or len(pattern) > SHORT or len(_REPEATS.findall(pattern)) > 2:
        raise Unknown
    return _found(re.search(pattern, text, re.IGNORECASE if folded else 0) is not None)


def _found(matched: bool) -> bool:
    if not matched:
        raise Unknown
    return True


def matches_like(left: Any, right: Any, folded: bool, negated: bool) -> bool:
    """LIKE, ILIKE and their negations."""
    text, pattern = as_text(left), as_text(right)
    if "\\" in pattern or len(pattern) > SHORT:
        raise Unknown
    if folded:
        text, pattern = text.lower(), pattern.lower()
    return _found(_is_like(text, pattern)) is not negated


def _is_like(text: str, pattern: str) -> bool:
    """Without going back further than to the last ``%``."""
    at = place = 0
    star, mark = -1, 0
    while at < len(text):
        if place < len(pattern) and pattern[place] == "%":
            star, mark = place, at
            place += 1
        elif place < len(pattern) and pattern[place] in ("_", text[at]):
            at += 1
            place += 1
        elif star >= 0:
            place, mark = star + 1, mark + 1
            at = mark
        else:
            return False
    return not pattern[place:].strip("%")


_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": lambda a, b: bool(a == b),
    "<>": lambda a, b: bool(a != b),
    "<": lambda a, b: bool(a < b),
    "<=": lambda a, b: bool(a <= b),
    ">": lambda a, b: bool(a > b),
    ">=": lambda a, b: bool(a >= b),
}
_ARITHMETIC: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "%": lambda a, b: abs(a) % abs(b) * (-1 if a < 0 else 1),
    "&": lambda a, b: a & b,
    "|": lambda a, b: a | b,
    "#": lambda a, b: a ^ b,
}
SIGNS: Mapping[str, Callable[[Any], Any]] = {"-": lambda a: -a, "+": lambda a: a}
BOOLEAN_TESTS: Mapping[str, Callable[[bool | None], bool]] = {
    "IS_TRUE": lambda v: v is True,
    "IS_NOT_TRUE": lambda v: v is not True,
    "IS_FALSE": lambda v: v is False,
    "IS_NOT_FALSE": lambda v: v is not False,
    "IS_UNKNOWN": lambda v: v is None,
    "IS_NOT_UNKNOWN": lambda v: v is not None,
}
FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "abs": lambda n: abs(as_number(n)),
    "sign": lambda n: (as_number(n) > 0) - (as_number(n) < 0),
    "mod": lambda a, b: apply("%", a, b),
    "floor": lambda n: as_number(n) // 1,
    "ceil": lambda n: -(-as_number(n) // 1),
    "length": lambda t: len(as_text(t)),
    "char_length": lambda t: len(as_text(t)),
    "lower": lambda t: as_text(t).lower(),
    "upper": lambda t: as_text(t).upper(),
    "reverse": lambda t: as_text(t)[::-1],
    "md5": lambda t: "0" * 32,
    "concat": lambda *parts: "".join(map(as_text, parts)),
    "left": lambda t, n: as_text(t)[:n],
    "right": lambda t, n: as_text(t)[-n:] if n else "",
    "substr": lambda t, start, size: as_text(t)[start - 1 : start - 1 + size] if start > 0 else _raise(),
    "substring": lambda t, start, size: as_text(t)[start - 1 : start - 1 + size] if start > 0 else _raise(),
    "repeat": lambda t, n: as_text(t) * n if n * len(as_text(t)) <= _MAX_TEXT else _raise(),
    "position": lambda t, part: as_text(t).index(as_text(part)) + 1,
    "strpos": lambda t, part: as_text(t).index(as_text(part)) + 1,
    "starts_with": lambda t, part: _found(as_text(t).startswith(as_text(part))),
    "regexp_like": lambda t, pattern: _matches(as_text(t), as_text(pattern), False),
    "format": lambda form, value: as_text(value) if form == "%s" else _raise(),
}


def _raise() -> Any:
    raise Unknown
