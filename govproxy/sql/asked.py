"""Which queries of a text the database is to be asked about, as texts that it can be sent.

The database tells nothing of a statement that only holds a query: of DECLARE, PREPARE, EXPLAIN, COPY, CREATE
TABLE AS, CREATE VIEW and SELECT INTO the query inside is what is asked about.

Security: what is cut out of a text must be the query that was analysed. So it is parsed again, and counts
only where its tree is the one that stands in the statement. Where no such text is found, the whole
statement is asked about, to which no tree comes back; then nothing of it is certain.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from govproxy.sql.parse import Token, UnparsableStatement, parse, scan
from govproxy.sql.tree import Node

_QUERIES = frozenset({"SelectStmt", "InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt"})
# What holds a query: the token that the query stands behind.
_BEFORE_QUERY = {"DeclareCursorStmt": "FOR", "PrepareStmt": "AS", "CreateTableAsStmt": "AS", "ViewStmt": "AS"}
# What may stand behind it.
_AFTER_QUERY = (("WITH", "DATA_P"), ("WITH", "NO", "DATA_P"), ("WITH", "CHECK", "OPTION"),
                ("WITH", "CASCADED", "CHECK", "OPTION"), ("WITH", "LOCAL", "CHECK", "OPTION"))  # fmt: skip
_COMMENTS = frozenset({"SQL_COMMENT", "C_COMMENT"})
_OPENS, _CLOSES, _SEMICOLON, _DOT = "ASCII_40", "ASCII_41", "ASCII_59", "ASCII_46"
# Fields of syntax trees that only say where something stands.
_PLACES = ("location", "list_start", "list_end", "stmt_len")
# What they say about a relation to be made, between INTO and its name.
_INTO_WORDS = frozenset({"TEMPORARY", "TEMP", "LOCAL", "GLOBAL", "UNLOGGED", "TABLE"})


def queries(text: str, copied: str | None) -> tuple[str | None, ...]:
    """For each statement of an analysed text the query that the database is to be asked about, None for none.

    ``copied``: the query behind a COPY TO STDOUT, where the text is one.
    """
    statements = parse(text)
    if len(statements) == 1:
        return (_query_in(statements[0]["stmt"], text, copied),)
    written = text.encode()
    asked: list[str | None] = []
    for statement in statements:
        start = statement.get("stmt_location", 0)
        size = statement.get("stmt_len", 0) or len(written) - start
        asked.append(_query_in(statement["stmt"], written[start : start + size].decode(), None))
    return tuple(asked)


def _query_in(node: Node, text: str, copied: str | None = None) -> str | None:
    kind, body = next(iter(node.items()))
    match kind:
        case "CopyStmt":
            return copied
        case "ExplainStmt":
            inside = body["query"]
            cut = next((part for part in _behind_explain(text) if _is(part, inside)), None)
            return text if cut is None else _query_in(inside, cut)
        case _ if kind in _BEFORE_QUERY:
            inside = body["query"]
            if next(iter(inside)) not in _QUERIES:  # EXECUTE: it was asked about when it was prepared
                return None
            cut = next((part for part in _behind(text, _BEFORE_QUERY[kind]) if _is(part, inside)), None)
            return text if cut is None else cut
        case "SelectStmt":
            into = _into(body)
            if into is None:
                return text
            cut = _without_into(text)
            return cut if cut is not None and _is(cut, _plain(node)) else text
        case _:
            return text if kind in _QUERIES else None


def _tokens(text: str) -> list[Token]:
    return [token for token in scan(text) if token.name not in _COMMENTS]


def _behind(text: str, word: str) -> Iterator[str]:
    """What stands behind the first such word outside brackets, also without what ends the statement."""
    tokens = _tokens(text)
    depth = 0
    for token in tokens:
        depth += {_OPENS: 1, _CLOSES: -1}.get(token.name, 0)
        if depth == 0 and token.name == word:
            start = token.end + 1
            break
    else:
        return
    while tokens and tokens[-1].name == _SEMICOLON:
        tokens.pop()
    names = [token.name for token in tokens]
    for words in _AFTER_QUERY:
        if tuple(names[-len(words) :]) == words:
            yield text[start : tokens[-len(words)].start]
    yield text[start:]


def _behind_explain(text: str) -> Iterator[str]:
    """What EXPLAIN may explain: behind its options, of either spelling."""
    tokens = _tokens(text)
    depth = 0
    for place, token in enumerate(tokens):
        if depth == 0 and token.name in ("EXPLAIN", "ANALYZE", "ANALYSE", "VERBOSE"):
            yield text[token.end + 1 :]
        elif place == 0 or (depth == 0 and token.name != _OPENS):
            return
        depth += {_OPENS: 1, _CLOSES: -1}.get(token.name, 0)
        if depth == 0 and token.name == _CLOSES:
            yield text[token.end + 1 :]
            return


def _into(body: Node) -> Node | None:
    """The INTO of a SELECT: of the first one, where there are several."""
    while "larg" in body:
        body = body["larg"]
    found: Node | None = body.get("intoClause")
    return found


def _plain(node: Node) -> Node:
    """The same SELECT without INTO."""

    def without(body: Node) -> Node:
        if "larg" in body:
            return {**body, "larg": without(body["larg"])}
        return {key: value for key, value in body.items() if key != "intoClause"}

    return {"SelectStmt": without(node["SelectStmt"])}


def _without_into(text: str) -> str | None:
    """The text without the first ``INTO name``."""
    tokens = _tokens(text)
    first = next((place for place, token in enumerate(tokens) if token.name == "INTO"), None)
    if first is None:
        return None
    place = first + 1
    while place < len(tokens) and tokens[place].name in _INTO_WORDS:
        place += 1
    while place + 1 < len(tokens) and tokens[place + 1].name == _DOT:
        place += 2
    if place >= len(tokens):
        return None
    return f"{text[: tokens[first].start]} {text[tokens[place].end + 1 :]}"


def _is(text: str, node: Node) -> bool:
    """Whether a text is nothing but that statement."""
    try:
        statements = parse(text)
    except UnparsableStatement:
        return False
    return len(statements) == 1 and _placeless(statements[0]["stmt"]) == _placeless(node)


def _placeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _placeless(inner) for key, inner in value.items() if not key.endswith(_PLACES)}
    if isinstance(value, list):
        return [_placeless(inner) for inner in value]
    return value
