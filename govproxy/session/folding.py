"""Joins two readers of one text: the parser, which says which constants do not matter, and the
lexer of the verdict cache, which numbers its literals. Where they do not agree, nothing is folded.
"""

from __future__ import annotations

from collections.abc import Set

from govproxy._fastpath.lexer import Folder

_SIGNS = b"+- "
MAX_SIGNS = 8  # bytes between a sign and its number


def pinned_literals(text: bytes, foldable: Set[int], folder: Folder) -> list[int] | None:
    """Numbers of the literals that matter, ascending; None when the text is not to be folded.

    ``foldable`` are byte offsets of constants. A signed constant begins at its sign for the parser
    and at its digits for the lexer; a folded IN list is one literal to the lexer.
    """
    shaped = folder.shape_of(text)
    if shaped is None:
        return None
    _, literals = shaped
    pinned: list[int] = []
    places = sorted(foldable)
    count = len(places)
    at = matched = 0  # places before ``at`` are behind; literals and places both ascend
    for number, (start, end) in enumerate(literals):
        own = False
        began = at
        while at < count and places[at] < end:
            place = places[at]
            if place >= start:
                own = own or place == start
            elif start - place <= MAX_SIGNS and not text[place:start].strip(_SIGNS):
                own = True
            else:
                return None  # a place in no literal
            at += 1
        if own:
            matched += at - began
        else:
            pinned.append(number)
    # Security: a constant the lexer did not see would be left out of the key.
    if matched != count or len(pinned) == len(literals):
        return None
    return pinned
