"""A statement as what it means, and as a person can read it without being misled.

The canonical form is the syntax tree without positions: white space, comments and superfluous
brackets do not show in it, every literal and every name does. What reviewers see is made from that
same tree, never from the text that was sent, and characters that print as nothing, turn the
direction of reading or look like others are spelt out.
"""

from __future__ import annotations

import hashlib
import unicodedata
from dataclasses import dataclass
from typing import Any

import orjson
from pglast import parser

from govproxy.sql.parse import UnparsableStatement, parse

# Where libpg_query says that something stood in the text. Never a name or a literal: those are values.
_POSITIONS = frozenset(
    {
        *("location", "stmt_location", "stmt_len", "name_location", "arg_location"),
        *("list_start", "list_end", "rexpr_list_start", "rexpr_list_end", "conninfo_location", "payload_location"),
    }
)
# Categories of what cannot be seen: controls, formats (bidi marks are of these), private use, lone
# surrogates, separators other than the blank.
_UNSEEN = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp", "Cn"})
_BLANKS = frozenset({" ", "\n", "\t"})
AS_WRITTEN = "shown as it was written, since it cannot be written anew from its meaning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Canonical:
    """``digest``: SHA-256 of the tree, 64 hexadecimal digits. ``sql`` is for people; ``oddities`` warn
    them of what the eye could miss."""

    digest: str
    sql: str
    oddities: tuple[str, ...] = ()


def canonical(text: str) -> Canonical:
    """The canonical form of all statements of ``text``. Raises `UnparsableStatement`."""
    digest = _digest(text)
    written = _written_anew(text, digest)
    shown = text if written is None else written
    oddities = () if written is not None else (AS_WRITTEN,)
    return Canonical(digest=digest, sql=visible(shown), oddities=(*oddities, *_confusable(shown)))


def visible(text: str) -> str:
    """``text`` with everything that cannot be seen spelt out, such as ``⟨U+202E⟩``."""
    return "".join(f"⟨U+{ord(c):04X}⟩" if unicodedata.category(c) in _UNSEEN and c not in _BLANKS else c for c in text)


def _digest(text: str) -> str:
    tree = [without_positions(statement["stmt"]) for statement in parse(text)]
    return hashlib.sha256(orjson.dumps(tree, option=orjson.OPT_SORT_KEYS)).hexdigest()


def without_positions(value: Any) -> Any:
    """A part of a tree as it is compared: what it says, not where it stood."""
    if isinstance(value, dict):
        return {key: without_positions(inner) for key, inner in value.items() if key not in _POSITIONS}
    if isinstance(value, list):
        return [without_positions(item) for item in value]
    return value


def _written_anew(text: str, digest: str) -> str | None:
    """SQL made from the tree; None where that is not provably the same statement."""
    try:
        written: str = parser.deparse_protobuf(parser.parse_sql_protobuf(text))
        # Security: reviewers approve what they read, so it must mean what will run.
        return written if _digest(written) == digest else None
    except (parser.ParseError, parser.DeparseError, UnparsableStatement):
        return None


def _confusable(text: str) -> tuple[str, ...]:
    """Words in which letters of several scripts are mixed, with the strangers named."""
    found = []
    for word in dict.fromkeys(_words(text)):
        scripts = {script for c in word if c.isalpha() and (script := _script(c))}
        if len(scripts) > 1:
            strangers = ", ".join(f"U+{ord(c):04X} {unicodedata.name(c, '?')}" for c in word if ord(c) > 127)
            found.append(f"“{visible(word)}” mixes letters of {' and '.join(sorted(scripts))}: {strangers}")
    return tuple(found)


def _words(text: str) -> list[str]:
    return "".join(c if c.isalnum() or c == "_" else " " for c in text).split()


def _script(letter: str) -> str:
    return unicodedata.name(letter, "").partition(" ")[0]
