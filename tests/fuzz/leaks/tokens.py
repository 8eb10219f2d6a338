"""A rough reading of SQL as tokens, good enough to cut and to change texts by."""

from __future__ import annotations

import re

_TOKEN = re.compile(r"'(?:[^']|'')*'|\"[^\"]*\"|[A-Za-z_][A-Za-z_0-9$]*|\d+(?:\.\d+)?|::|\s+|.", re.DOTALL)


def tokens_of(text: str) -> list[str]:
    """The tokens, white space among them: joined they are the text."""
    return _TOKEN.findall(text)


def joined(tokens: list[str]) -> str:
    """A text of these tokens, with one space where there was any."""
    return re.sub(r"\s+", " ", "".join(tokens)).strip()
