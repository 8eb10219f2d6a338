"""Joins two readers of one text: the parser, which says which constants do not matter, and the
lexer of the verdict cache, which numbers its literals. Where they do not agree, nothing is folded.
"""

from __future__ import annotations

from collections.abc import Set

from govproxy._fastpath.lexer import Folder

_SIGNS = b"+- "


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
    matched: set[int] = set()
    for number, (start, end) in enumerate(literals):
        inside = {location for location in foldable if start <= location < end}
        signed = {
            location
            for location in foldable
            if location < start and not text[location:start].strip(_SIGNS) and start - location <= 8
        }
        if start in inside or signed:
            matched |= inside | signed
        else:
            pinned.append(number)
    # Security: a constant the lexer did not see would be left out of the key.
    if matched != set(foldable) or len(pinned) == len(literals):
        return None
    return pinned
