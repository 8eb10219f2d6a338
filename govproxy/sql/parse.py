"""Text into PostgreSQL's own parse tree, behind guards.

The tree is the JSON that libpg_query writes, as plain dicts: building pglast's Python objects
costs ten times as much, and ``parse_sql`` dies of a stack overflow on deep input. Everything that
could be deep, long or strange is refused here, so that the code behind may walk without fear.
Knows nothing of catalogs or of what a statement does.

Security: a text that is not understood is never analysed by guess. Every refusal here means that
the statement does not reach the database.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Any, NamedTuple, cast

import orjson
from pglast import parser

from govproxy.errors import ClientFault, Reason

Node = dict[str, Any]

MAX_TEXT_BYTES = 256 * 1024
MAX_TOKENS = 65_536
MAX_BRACKETS = 128
MAX_RUN = 2_000  # tokens without a separator: one operator chain nests once per operator
MAX_STATEMENTS = 2_000  # of one text: each costs a fifth of a millisecond, and other sessions wait
MAX_OPERATOR_STEPS = 4_000_000  # of the scanner in runs of operator characters, about 10 ms
MAX_CHAIN = 300  # set operations, joins, CASE … of one bracket: each nests the tree once

_OPENING = frozenset({"ASCII_40", "ASCII_91"})
_CLOSING = frozenset({"ASCII_41", "ASCII_93"})
_SEPARATORS = frozenset({"ASCII_44", "AND", "OR", "SELECT", "WHEN", "THEN", "ELSE", "END_P", "VALUES"})
_NESTING = frozenset({"UNION", "INTERSECT", "EXCEPT", "JOIN", "CASE", "NOT", "EXPLAIN"})
_OPERATOR_RUN = re.compile(r"[-~!@#^&|`?+*/%<>=]{64,}")
_COMMENTS = frozenset({"C_COMMENT", "SQL_COMMENT"})


class Refused(StrEnum):
    """Why a text is not analysed."""

    NUL = "it holds a NUL byte"
    ENCODING = "it is not valid Unicode"
    TOO_LARGE = "it is too large"
    TOO_DEEP = "it is nested too deeply"
    TOO_MANY_TOKENS = "it has too many tokens"
    TOO_MANY_STATEMENTS = "it has too many statements"
    SYNTAX = "syntax error"


_HINT = "Split it into smaller statements, or pass long values as parameters."
_HINTS = {
    Refused.NUL: "A text ends at its first NUL byte: leave it out.",
    Refused.ENCODING: "Send valid text in the session's client_encoding.",
    Refused.SYNTAX: "Write it in the grammar of PostgreSQL 18; what cannot be read cannot be judged.",
}


class UnparsableStatement(ClientFault):
    """A text that cannot be judged. ``position`` counts characters from 0, where it is known.

    Security: the message names the reason and the place, never the text: a syntax error that
    quotes its surroundings would carry literals into logs.
    """

    sqlstate = "42601"
    reason = Reason.UNREADABLE

    def __init__(self, reason: Refused, *, position: int | None = None, figure: str = "") -> None:
        place = f" at character {position + 1}" if position is not None else ""
        super().__init__(
            f"statement cannot be analysed: {reason.value}{figure}{place}",
            hint=_HINTS.get(reason, _HINT),
            facts={"cause": reason.name.lower().replace("_", "-")},
        )
        self.refused = reason
        self.position = position


class Token(NamedTuple):
    """One token: inclusive character offsets, and the scanner's name for it."""

    start: int
    end: int
    name: str
    kind: str


def scan(text: str) -> list[Token]:
    """The tokens of ``text``, comments included. Raises `UnparsableStatement`."""
    refuse_strange(text)
    try:
        return cast(list[Token], parser.scan(text))
    except parser.ParseError as error:
        raise _syntax_error(error) from None


def parse(text: str, tokens: list[Token] | None = None, *, short: bool = False) -> list[Node]:
    """The statements of ``text``: ``{"stmt": {...}, "stmt_location": int, "stmt_len": int}``.

    ``tokens`` spares a second scan where the caller has them, and ``short`` any: it says that
    ``refuse_strange`` found nothing and that there are no more than ``MAX_CHAIN`` tokens, too few to be
    deep. An empty text gives an empty list. Raises `UnparsableStatement`, whatever the input.
    """
    if not short:
        refuse_deep(scan(text) if tokens is None else tokens)
    try:
        written = parser.parse_sql_json(text)
    except parser.ParseError as error:
        raise _syntax_error(error) from None
    try:
        tree = orjson.loads(written)
    except orjson.JSONDecodeError:
        # orjson stops at 1,024 levels. The JSON itself is libpg_query's, so nothing else can be wrong with it.
        raise UnparsableStatement(Refused.TOO_DEEP) from None
    statements = cast(list[Node], tree["stmts"])
    if len(statements) > MAX_STATEMENTS:
        raise UnparsableStatement(Refused.TOO_MANY_STATEMENTS, figure=f" (more than {MAX_STATEMENTS})")
    return statements


def refuse_strange(text: str) -> None:
    """Raise `UnparsableStatement` for what must not even reach the scanner."""
    if len(text) > MAX_TEXT_BYTES:
        raise UnparsableStatement(Refused.TOO_LARGE, figure=f" (more than {MAX_TEXT_BYTES} bytes)")
    nul = text.find("\0")
    if nul >= 0:
        # libpg_query reads a C string: what follows a NUL would go unjudged.
        raise UnparsableStatement(Refused.NUL, position=nul)
    try:
        size_bytes = len(text) if text.isascii() else len(text.encode())
    except UnicodeEncodeError as error:
        raise UnparsableStatement(Refused.ENCODING, position=error.start) from None
    if size_bytes > MAX_TEXT_BYTES:
        raise UnparsableStatement(Refused.TOO_LARGE, figure=f" (more than {MAX_TEXT_BYTES} bytes)")
    _refuse_operator_runs(text)


def _refuse_operator_runs(text: str) -> None:
    """Bound what the scanner does again and again in a run of operator characters.

    Security: it reads such a run to its end for each ``+`` and each ``/*`` in it, and takes one
    token away; a hundred kilobytes of them would keep a worker busy for a minute. In a literal they
    are harmless, but which runs are literals only the scanner knows.
    """
    steps = 0
    for found in _OPERATOR_RUN.finditer(text):
        run = found.group()
        steps += len(run) * (run.count("+") + run.count("/*"))
        if steps > MAX_OPERATOR_STEPS:
            raise UnparsableStatement(Refused.TOO_DEEP, position=found.start())


def refuse_deep(tokens: list[Token]) -> None:
    """Bound the depth of the tree before anything recursive sees the text.

    Two measures per bracket: tokens between separators (an operator, a cast or a ``COLLATE``
    nests once each), and constructs that nest to the left whatever stands between them.
    """
    if len(tokens) <= MAX_CHAIN:
        return
    if len(tokens) > MAX_TOKENS:
        raise UnparsableStatement(Refused.TOO_MANY_TOKENS, figure=f" (more than {MAX_TOKENS})")
    outer: list[tuple[int, int]] = []
    run = chain = 0
    for start, _, name, _ in tokens:
        run += 1
        if name in _SEPARATORS:
            run = 0
        elif name in _OPENING:
            outer.append((run, chain))
            run = chain = 0
            if len(outer) > MAX_BRACKETS:
                raise UnparsableStatement(Refused.TOO_DEEP, position=start)
        elif name in _CLOSING:
            if outer:
                run, chain = outer.pop()
        elif name == "ASCII_59":
            run = chain = 0
        elif name in _NESTING:
            chain += 1
        elif name in _COMMENTS:
            run -= 1
        if run > MAX_RUN or chain > MAX_CHAIN:
            raise UnparsableStatement(Refused.TOO_DEEP, position=start)


def _syntax_error(error: parser.ParseError) -> UnparsableStatement:
    message = str(error.args[0]) if error.args else ""
    position = error.args[1] if len(error.args) > 1 and isinstance(error.args[1], int) else None
    if "stack depth" in message or "memory exhausted" in message:
        return UnparsableStatement(Refused.TOO_DEEP, position=position)
    return UnparsableStatement(Refused.SYNTAX, position=position)
