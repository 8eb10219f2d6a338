"""PostgreSQL's own analysed query trees, read from the text that ``debug_print_rewritten`` prints.

Source: ``outfuncs.c`` and ``print.c`` of PostgreSQL: ``{TAG :field value …}``, lists in round brackets,
``<>`` for nothing, a backslash before what would end a word, lines broken at a blank before the 79th
byte. Only the form is known here, not what it means.

Security: names in the text are whatever the client called things. So a value is whatever stands
behind its field, also where it looks like a field; only blank, tab and newline part words, as in the
server; and a line that may have been broken inside a word, where a backslash could have lost what it
protects, is not read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

# A tree of this size costs the reader some tenths of a second.
MAX_TREE_BYTES = 512 * 1024

LINE_BYTES = 78

_TOKEN = re.compile(r"[(){}]|(?:\\.|[^ \n\t(){}\\])+", re.DOTALL)
_OPENING = frozenset("({")


class UnreadableTree(Exception):
    """A text that is not a tree as PostgreSQL writes it."""


@dataclass(slots=True, eq=False)
class TreeNode:
    """``{TAG :field value …}``. A value is a TreeNode, a list, a word, or None for ``<>``."""

    tag: str
    fields: dict[str, Any] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Any:
        return self.fields.get(name)

    def integer(self, name: str) -> int:
        """A field as a number. Raises `UnreadableTree` where it is none, or missing."""
        value = self.fields.get(name)
        if not isinstance(value, str):
            raise UnreadableTree(f"{self.tag} without {name}")
        try:
            return int(value)
        except ValueError:
            raise UnreadableTree(f"{name} of {self.tag} is no number") from None

    def list(self, name: str) -> list[Any]:
        """A field as a list, empty when it is missing."""
        value = self.fields.get(name)
        return value if isinstance(value, list) else []


def read_tree(text: bytes) -> Any:
    """The tree that a printed text stands for. Raises `UnreadableTree`.

    Names come in Latin-1, whatever they are in: they are only compared with each other.
    """
    if len(text) > MAX_TREE_BYTES:
        raise UnreadableTree("too large")
    tokens = _TOKEN.findall(_in_one_line(text.decode("latin-1")))
    try:
        value, end = _value(tokens, 0)
    except (IndexError, RecursionError):
        raise UnreadableTree("it has no end") from None
    if end != len(tokens):
        raise UnreadableTree("text behind the tree")
    return value


def _in_one_line(text: str) -> str:
    lines = text.split("\n")
    if any(len(line) > LINE_BYTES or (len(line) == LINE_BYTES and " " not in line[1:]) for line in lines):
        raise UnreadableTree("a line broken inside a word")
    return " ".join(lines)


def _value(tokens: list[str], at: int) -> tuple[Any, int]:
    word = tokens[at]
    if word == "{":
        return _node(tokens, at + 1)
    if word == "(":
        items: list[Any] = []
        at += 1
        while tokens[at] != ")":
            item, at = _value(tokens, at)
            items.append(item)
        return items, at + 1
    if word in (")", "}"):
        raise UnreadableTree("a bracket too much")
    return (None if word == "<>" else word.replace("\\", "") if "\\" in word else word), at + 1


def _node(tokens: list[str], at: int) -> tuple[TreeNode, int]:
    if tokens[at] in "(){}":
        raise UnreadableTree("a node without a name")
    node = TreeNode(tokens[at])
    at += 1
    while tokens[at] != "}":
        label = tokens[at]
        if not label.startswith(":") or len(label) == 1 or label[1:] in node.fields:
            raise UnreadableTree(f"a field of {node.tag} without a name")
        value, at = _value(tokens, at + 1)
        if label == ":constvalue" and value is not None:
            at = _bytes_end(tokens, at)
        node.fields[label[1:]] = value
    return node, at + 1


def _bytes_end(tokens: list[str], at: int) -> int:
    """Of a constant's bytes only the length is kept: ``4 [ 1 0 0 0 ]``."""
    if tokens[at] != "[":
        raise UnreadableTree("a constant without its bytes")
    while tokens[at] != "]":
        if tokens[at] in _OPENING:
            raise UnreadableTree("a constant of something else than bytes")
        at += 1
    return at + 1
