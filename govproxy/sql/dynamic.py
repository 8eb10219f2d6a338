"""SQL that code puts together from text: what it is, as far as that can be told beforehand.

Constants, ``||``, ``format`` and ``quote_…`` make a text whose verb and shape are certain; what is
filled in is a name or a literal and stands as such. Anything pasted in raw may be anything, and the
whole is then None.
"""

from __future__ import annotations

import re
from typing import Any

from govproxy.sql.tree import Node, field_names

COMPUTED_NAME = "govproxy_computed_name"  # a name that is only known when it runs
_LITERAL = "'computed'"
_FIELD = re.compile(r"%(?:(\d+)\$)?([sIL%])")
# Of these PL/pgSQL itself says what they hold: names of things that are there.
_OWN_NAMES = frozenset({"tg_table_name", "tg_relname", "tg_table_schema", "tg_name"})
_NUMBERS = frozenset({"int2", "int4", "int8", "integer", "bigint", "smallint", "oid"})
_NAMES = frozenset({"regclass", "regtype", "regproc", "regnamespace", "regrole", "regprocedure"})


def text_of(node: Node) -> str | None:
    """The statement that an expression computes, with stand-ins for what is filled in."""
    ((kind, body),) = node.items() if len(node) == 1 else ((None, {}),)
    match kind:
        case "A_Const":
            return str(body["sval"].get("sval", "")) if "sval" in body else None
        case "A_Expr" if body.get("kind") == "AEXPR_OP" and field_names(body["name"])[-1:] == ["||"]:
            left, right = text_of(body.get("lexpr", {})), text_of(body.get("rexpr", {}))
            return None if left is None or right is None else left + right
        case "FuncCall":
            return _call(body)
        case "TypeCast":
            return _cast(body)
        case "ColumnRef":
            names = field_names(body["fields"])
            return COMPUTED_NAME if len(names) == 1 and names[0] in _OWN_NAMES else None
        case _:
            return None


def _call(body: Node) -> str | None:
    *schema, name = field_names(body["funcname"])
    arguments: list[Any] = body.get("args", [])
    if schema not in ([], ["pg_catalog"]) or "func_variadic" in body:
        return None
    match name:
        case "quote_ident" if len(arguments) == 1:
            return COMPUTED_NAME
        case "quote_literal" | "quote_nullable" if len(arguments) == 1:
            return _LITERAL
        case "concat":
            parts = [text_of(argument) for argument in arguments]
            return None if any(part is None for part in parts) else "".join(part or "" for part in parts)
        case "format" if arguments:
            return _formatted(text_of(arguments[0]), arguments[1:])
        case _:
            return None


def _formatted(template: str | None, arguments: list[Any]) -> str | None:
    if template is None:
        return None
    out: list[str] = []
    done = following = 0
    for found in re.finditer("%", template):
        if found.start() < done:
            continue
        field = _FIELD.match(template, found.start())
        if field is None:
            return None
        out.append(template[done : found.start()])
        done = field.end()
        if field[2] == "%":
            out.append("%")
            continue
        place = int(field[1]) - 1 if field[1] else following
        following = place + 1
        if not 0 <= place < len(arguments):
            return None
        filled = {"I": COMPUTED_NAME, "L": _LITERAL}.get(field[2]) or text_of(arguments[place])
        if filled is None:
            return None
        out.append(filled)
    return "".join(out) + template[done:]


def _cast(body: Node) -> str | None:
    names = field_names(body.get("typeName", {}).get("names", []))
    if names[-1:] and names[-1] in _NUMBERS:
        return "1"
    if names[-1:] and names[-1] in _NAMES:
        return COMPUTED_NAME
    return text_of(body.get("arg", {})) if names[-1:] and names[-1] in ("text", "varchar") else None
