"""Code kept as text, read into the statements it may run: SQL functions, BEGIN ATOMIC, PL/pgSQL.

A body is understood when every statement and every expression in it was found and parsed; whatever
else it is (another language, dynamic SQL that cannot be told, a construct that the parser drops) counts
as anything. Knows nothing of the catalog and of what statements do.

Security: PL/pgSQL is parsed by a library that knows no types, so what it says is checked against
the text: a name that is called anywhere in the body must be in one of the expressions it gave.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

import orjson
from pglast import parser

from govproxy.sql.dynamic import text_of
from govproxy.sql.parse import Token, UnparsableStatement, parse, refuse_deep, scan
from govproxy.sql.tree import Node

MAX_BODY_CHARS = 64 * 1024
MAX_STATEMENTS = 500
_ANY_TYPE = "govproxy_any"
_FUNCTION = "CREATE FUNCTION govproxy_body() RETURNS void LANGUAGE sql "


class Header(NamedTuple):
    """What PL/pgSQL must know of a function: names and modes of arguments, and what it returns.

    ``returns`` is trigger, event_trigger, void, set, value or block; ``rows`` marks the arguments
    that are rows, by place.
    """

    names: tuple[str, ...] = ()
    modes: str = ""
    returns: str = "value"
    procedure: bool = False
    rows: tuple[bool, ...] = ()


class Body(NamedTuple):
    """The statements of some code, in order; ``variables`` are names that may stand for values in them.

    ``variables_first``: such a name means the variable even where a column is called alike. ``bound``: names
    were looked up when it was made. ``kinds`` are the statements of PL/pgSQL in it, as its parser calls them.
    """

    statements: tuple[Node, ...] = ()
    variables: frozenset[str] = frozenset()
    variables_first: bool = False
    understood: bool = True
    bound: bool = False
    kinds: frozenset[str] = frozenset()


UNREADABLE = Body(understood=False)


def read(language: str, text: str | None, header: Header) -> Body:
    """What the code does, in statements."""
    if text is None or len(text) > MAX_BODY_CHARS:
        return UNREADABLE
    match language:
        case "sql":
            return _sql(text, header.names)
        case "plpgsql":
            return _plpgsql(text, header)
        case _:
            return UNREADABLE


@lru_cache(maxsize=2048)
def _sql(text: str, names: tuple[str, ...]) -> Body:
    try:
        tokens = scan(text)
        words = [token.name for token in tokens if token.name not in _COMMENTS]
        bound = words[:1] == ["RETURN"] or words[:2] == ["BEGIN_P", "ATOMIC"]
        if bound:
            # As pg_get_function_sqlbody prints it.
            (made,) = parse(_FUNCTION + text)
            statements = tuple(_statements_in(made["stmt"]["CreateFunctionStmt"].get("sql_body", {})))
        else:
            statements = tuple(item["stmt"] for item in parse(text, tokens))
    except UnparsableStatement:
        return UNREADABLE
    if len(statements) > MAX_STATEMENTS:
        return UNREADABLE
    return Body(statements=statements, variables=frozenset(name for name in names if name), bound=bound)


def _statements_in(node: Any) -> Iterator[Node]:
    """The statements of a body in SQL's own form: lists in lists, or one RETURN."""
    if isinstance(node, list):
        for item in node:
            yield from _statements_in(item)
    elif "List" in node:
        yield from _statements_in(node["List"].get("items", []))
    elif "ReturnStmt" in node:
        yield _selecting(node["ReturnStmt"].get("returnval", {}))
    elif node:
        yield node


def _selecting(expression: Node) -> Node:
    return {
        "SelectStmt": {
            "targetList": [{"ResTarget": {"val": expression}}],
            "limitOption": "LIMIT_OPTION_DEFAULT",
            "op": "SETOP_NONE",
        }
    }


# PL/pgSQL

_COMMENTS = frozenset({"SQL_COMMENT", "C_COMMENT"})
# What stands before a bracket and calls nothing: types with a length, and PL/pgSQL's and SQL's own words.
_NOT_CALLED = frozenset(
    """
    varchar char character bpchar numeric decimal bit varbit time timestamp interval float varying precision dec
    nchar national in any some all exists values as using on and or not if elsif when then else case end loop
    return next query returning into over filter within group by order partition row array select from where
    with union except intersect limit offset having distinct set insert update delete table cursor for while
    exit continue assert raise notice exception between like ilike similar is cross join lateral only materialized
    recursive conflict key primary unique references check default constraint foreign exclude include
    cube rollup sets grouping rows range groups coalesce nullif greatest least open fetch move execute perform call
    zone at to
    """.split()  # noqa: SIM905
)
# Security: `#option dump` makes the parser print the code, with its literals, to this process's output.
_OPTION = re.compile(r"#\s*option", re.IGNORECASE)
_STATEMENT = "PLpgSQL_stmt_"
DYNAMIC, STACKED = "dynamic", "stacked"  # beside kinds of statements: made from text, asks what an error said
_DYNAMIC = frozenset({("PLpgSQL_stmt_dynexecute", "query"), ("PLpgSQL_stmt_dynfors", "query"), ("", "dynquery")})


@lru_cache(maxsize=2048)
def _plpgsql(text: str, header: Header) -> Body:
    try:
        tokens = words_of(text)
    except UnparsableStatement:
        return UNREADABLE
    declared = declarations(tokens)
    tree = parsed(text, header)
    for stand_in in ("record", "text"):
        tree = parsed(_with_types(text, tokens, declared, stand_in), header) if tree is None else tree
    if tree is None:
        return UNREADABLE
    variables: set[str] = set()
    found = _defaults(text, tokens, declared)
    kinds: set[str] = set()
    for function in tree:
        _gather(function, "", variables, found, kinds)
    if any(is_dynamic for _, _, is_dynamic in found):
        kinds.add(DYNAMIC)
    try:
        typed = {name for first, last, _ in declared for name in _called_in(text, tokens[first : last + 1])}
        return _body(text, tokens, found, variables, typed)._replace(kinds=frozenset(kinds))
    except (UnparsableStatement, Unclear):
        return UNREADABLE


def words_of(text: str) -> list[Token]:
    """The tokens of a body without its comments. Raises `UnparsableStatement`."""
    tokens = [token for token in scan(text) if token.name not in _COMMENTS]
    refuse_deep(tokens)
    return tokens


class Unclear(Exception):
    """Something in the code may be anything."""


def _body(
    text: str, tokens: list[Token], found: list[tuple[str, int, bool]], variables: set[str], typed: set[str]
) -> Body:
    statements: list[Node] = []
    called: set[str] = set()
    for expression, mode, is_dynamic in found:
        written = as_statement(expression, mode)
        parsed = parse(written)
        called.update(_called(written))
        if is_dynamic:
            # What it computes the text of is itself an expression that runs.
            made = text_of(parsed[0]["stmt"]["SelectStmt"]["targetList"][0]["ResTarget"]["val"])
            if made is None:
                raise Unclear
            statements.extend(item["stmt"] for item in parse(made))
        statements.extend(item["stmt"] for item in parsed)
    if len(statements) > MAX_STATEMENTS:
        raise Unclear
    if _called_in(text, tokens) - called - variables - typed - _NOT_CALLED:
        # Security: the parser has left something out.
        raise Unclear
    return Body(
        statements=tuple(statements),
        variables=frozenset(variables),
        variables_first="use_variable" in text and "#variable_conflict" in text,
    )


def parsed(text: str, header: Header) -> list[Node] | None:
    """The functions in a body as the parser's trees; None where it does not take it."""
    quote = "$govproxy_body$"
    if quote in text or _OPTION.search(text):
        return None
    try:
        return list(orjson.loads(parser.parse_plpgsql_json(f"{_head(header)} AS {quote}{text}{quote}")))
    except (parser.ParseError, orjson.JSONDecodeError):
        return None


def _head(header: Header) -> str:
    if header.returns == "block":
        return "CREATE FUNCTION govproxy_body() RETURNS void LANGUAGE plpgsql"
    modes = header.modes or "i" * len(header.names)
    written: list[str] = []
    made: list[str] = []
    for place, mode in enumerate(modes):
        name = header.names[place] if place < len(header.names) else ""
        is_row = place < len(header.rows) and header.rows[place]
        argument = f"{_quoted(name)} {_ANY_TYPE if is_row else 'text'}"
        if mode == "t":
            made.append(argument)
        else:
            written.append(f"{_MODES.get(mode, 'IN')} {argument}")
    gives_out = any(mode in "ob" for mode in modes)
    sort = "PROCEDURE" if header.procedure else "FUNCTION"
    match header.returns:
        case _ if header.procedure:
            returns = ""
        case "set" if made:
            returns = f" RETURNS TABLE ({', '.join(made)})"
        case "set":
            returns = " RETURNS SETOF record" if gives_out else f" RETURNS SETOF {_ANY_TYPE}"
        case "trigger" | "event_trigger" | "void" as named:
            returns = f" RETURNS {named}"
        case _:
            returns = "" if gives_out else f" RETURNS {_ANY_TYPE}"
    return f"CREATE {sort} govproxy_body({', '.join(written)}){returns} LANGUAGE plpgsql"


_MODES = {"o": "OUT", "b": "IN OUT"}


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"' if name else ""


class _Declared(NamedTuple):
    """One variable of a DECLARE, by tokens: its type, and its default if it has one (``to`` is the semicolon)."""

    first: int
    last: int
    to: int


def declarations(tokens: list[Token]) -> list[_Declared]:
    """The variables that a body declares, in order."""
    found: list[_Declared] = []
    declaring = False
    at = 0
    while at < len(tokens):
        name = tokens[at].name
        if name == "DECLARE":
            declaring = True
        elif name == "BEGIN_P":
            declaring = False
        elif declaring and name != "ASCII_59":
            first = at + (2 if at + 1 < len(tokens) and tokens[at + 1].name == "CONSTANT" else 1)
            last = first
            while last < len(tokens) and tokens[last].name not in _ENDS_TYPE:
                last += 1
            to = last
            while to < len(tokens) and tokens[to].name != "ASCII_59":
                to += 1
            found.append(_Declared(first, last, to))
            at = to
        at += 1
    return found


def _with_types(text: str, tokens: list[Token], declared: list[_Declared], stand_in: str) -> str:
    """``text`` with the types of variables that are named with a schema replaced."""
    out: list[str] = []
    done = 0
    for first, last, _ in declared:
        words = [text[token.start : token.end + 1] for token in tokens[first:last]]
        if "." in words and "(" not in words:
            out.append(text[done : tokens[first].start])
            out.append({"rowtype": "record", "type": "text"}.get(words[-1].lower(), stand_in))
            done = tokens[last - 1].end + 1
    return "".join(out) + text[done:]


def _defaults(text: str, tokens: list[Token], declared: list[_Declared]) -> list[tuple[str, int, bool]]:
    """What variables begin with: of rows, the parser does not tell."""
    found = []
    for _, last, to in declared:
        if tokens[last].name in ("CURSOR", "SCROLL", "FOR"):
            continue  # the query of a cursor, which the parser does tell
        start = next((at for at in range(last, to) if tokens[at].name in BEGINS_DEFAULT), None)
        if start is not None and start + 1 < to:
            found.append((text[tokens[start + 1].start : tokens[to - 1].end + 1], 2, False))
    return found


BEGINS_DEFAULT = frozenset({"COLON_EQUALS", "ASCII_61", "DEFAULT"})
_ENDS_TYPE = frozenset({"ASCII_59", "COLON_EQUALS", "ASCII_61", "DEFAULT", "NOT", "COLLATE", "CURSOR", "FOR", "SCROLL"})


def _gather(node: Any, kind: str, variables: set[str], found: list[tuple[str, int, bool]], kinds: set[str]) -> None:
    """Every expression below a node: its text, how it is to be parsed, whether it computes a statement."""
    todo: list[tuple[Any, str]] = [(node, kind)]
    while todo:
        current, sort = todo.pop()
        if isinstance(current, list):
            todo.extend((item, sort) for item in current)
            continue
        if not isinstance(current, dict):
            continue
        for key, value in current.items():
            if key.startswith(_STATEMENT):
                kinds.add(key.removeprefix(_STATEMENT))
            elif key == "is_stacked" and value:
                kinds.add(STACKED)
            if key in ("refname", "label") and isinstance(value, str):
                variables.add(value)
            elif isinstance(value, dict) and "PLpgSQL_expr" in value:
                expression = value["PLpgSQL_expr"]
                is_dynamic = (sort, key) in _DYNAMIC or ("", key) in _DYNAMIC
                found.append((expression["query"], expression.get("parseMode", 0), is_dynamic))
            elif key == "PLpgSQL_expr":
                found.append((value["query"], value.get("parseMode", 0), False))
            else:
                todo.append((value, key if key.startswith("PLpgSQL_") else sort))


def as_statement(expression: str, mode: int) -> str:
    """A statement as it is, an expression as what SELECT shows, an assignment as both of its sides."""
    if mode == 0:
        return expression
    if mode == 2:
        return f"SELECT {expression}"
    depth = 0
    for token in scan(expression):
        if token.name in ("ASCII_91", "ASCII_40"):
            depth += 1
        elif token.name in ("ASCII_93", "ASCII_41"):
            depth -= 1
        elif depth == 0 and token.name in ("COLON_EQUALS", "ASCII_61"):
            target, value = expression[: token.start], expression[token.end + 1 :]
            # The subscripts of the target are computed as well.
            inside = f", ({target})" if "[" in target else ""
            return f"SELECT {value}{inside}" if not inside else f"SELECT ({value}){inside}"
    raise Unclear


def _called(text: str) -> set[str]:
    return _called_in(text, [token for token in scan(text) if token.name not in _COMMENTS])


def _called_in(text: str, tokens: list[Token]) -> set[str]:
    """Names that stand before a bracket, in lower case."""
    names = set()
    for token, following in pairwise(tokens):
        if following.name == "ASCII_40":
            word = text[token.start : token.end + 1]
            if word[:1].isalpha() or word[:1] in ('"', "_"):
                names.add(word.strip('"').lower())
    return names
