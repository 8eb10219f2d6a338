"""Makes a find small: takes pieces of its text away as long as it stays wrong in the same way."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

from tests.fuzz.leaks.statements import Statement
from tests.fuzz.leaks.tokens import joined, tokens_of
from tests.fuzz.leaks.wireforms import Form

_SIMPLE = ("simple", "extended")

Holds = Callable[[Statement, Form], bool]


def shrink(statement: Statement, form: Form, holds: Holds, *, tries: int = 300) -> tuple[Statement, Form]:
    """A smaller statement, in a simpler form if possible, for which ``holds`` is still true."""
    budget = [tries]

    def still(candidate: Statement, way: Form) -> bool:
        budget[0] -= 1
        return budget[0] >= 0 and holds(candidate, way)

    for name in _SIMPLE:
        simpler = Form(name=name, seed=form.seed)
        if simpler != form and still(statement, simpler):
            form = simpler
            break
    for place in range(len(statement.steps) - 1, -1, -1):
        fewer = replace(statement, steps=statement.steps[:place] + statement.steps[place + 1 :])
        if fewer.steps and still(fewer, form):
            statement = fewer
    progress = True
    while progress and budget[0] > 0:
        progress = False
        for place, text in enumerate(statement.steps):
            for shorter in _shorter(text):
                candidate = replace(statement, steps=(*statement.steps[:place], shorter, *statement.steps[place + 1 :]))
                if still(candidate, form):
                    statement, progress = candidate, True
                    break
                if budget[0] <= 0:
                    return statement, form
    return statement, form


def _shorter(text: str) -> Iterator[str]:
    """Texts with one piece less: bracketed groups, items of lists, runs of tokens; the longest first."""
    tokens = tokens_of(text)
    cuts: list[tuple[int, int, list[str]]] = []
    opened: list[int] = []
    commas: list[int] = []
    for place, token in enumerate(tokens):
        if token == "(":
            opened.append(place)
        elif token == ")" and opened:
            start = opened.pop()
            inner = tokens[start + 1 : place]
            cuts.append((start, place + 1, inner))
            if start and re.fullmatch(r"[A-Za-z_]\w*", tokens[start - 1]):
                cuts.append((start - 1, place + 1, inner))
                cuts.append((start - 1, place + 1, ["1"]))
        elif token == ",":
            commas.append(place)
    for start in commas:
        depth = 0
        for end in range(start + 1, len(tokens) + 1):
            token = tokens[end] if end < len(tokens) else ")"
            depth += {"(": 1, ")": -1}.get(token, 0)
            if depth < 0 or (depth == 0 and token in (",", "FROM", "WHERE", "ORDER", "GROUP", "UNION")):
                cuts.append((start, end, []))
                break
    size = len(tokens)
    while size > 1:
        size //= 2
        cuts += [(start, start + size, []) for start in range(0, len(tokens), size)]
    seen = set()
    for start, end, kept in sorted(cuts, key=lambda cut: cut[0] - cut[1] + len(cut[2])):
        shorter = joined([*tokens[:start], " ", *kept, " ", *tokens[end:]])
        if shorter and len(shorter) < len(text) and shorter not in seen:
            seen.add(shorter)
            yield shorter
