"""Words of a statement's comments that could name a ticket.

From the scanner's comments alone: what looks like a comment inside a literal, a dollar-quoted body
or a quoted name is none. Knows no pattern; whoever looks for tickets does.
"""

from __future__ import annotations

import re

from govproxy.sql import parse

MAX_WORDS = 20
# A ticket's name as trackers write them: ASCII, with a digit, nothing a reader could mistake.
_TICKET_LIKE = re.compile(r"(?=[^0-9]*[0-9])[A-Za-z0-9][A-Za-z0-9._/#-]{1,63}", re.ASCII)
_COMMENTS = frozenset({"C_COMMENT", "SQL_COMMENT"})
_AROUND = "()[]{}<>,;:.!?'\"`*"


def ticket_words(text: str) -> tuple[str, ...]:
    """Words of the comments of ``text`` that could be a ticket, each once, in order.

    None at all where there are more than `MAX_WORDS`: a list of guesses is no ticket. A word is what
    stands between blanks, less punctuation around it; one with a letter beyond ASCII in it is none,
    and neither is part of one. Raises `UnparsableStatement`.
    """
    found: dict[str, None] = {}
    for token in parse.scan(text):
        if token.name not in _COMMENTS:
            continue
        for word in _inside(text[token.start : token.end + 1]).split():
            bare = word.strip(_AROUND)
            if _TICKET_LIKE.fullmatch(bare):
                found[bare] = None
    return tuple(found) if len(found) <= MAX_WORDS else ()


def _inside(comment: str) -> str:
    """A comment without what opens and closes it, and those nested in it."""
    return comment.removeprefix("--").replace("/*", " ").replace("*/", " ")
