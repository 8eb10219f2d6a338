"""Reads the files of statements under ``data``: one case a line, sections by who asks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

DATA = Path(__file__).parent / "data"
SEPARATOR = " ;; "
_REPEATED = re.compile(rb"\{\{(\d+)\*(.*?)\}\}")
_BYTES = re.compile(rb"\{\{((?:[0-9a-f]{2})+)\}\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Denial:
    """A statement that must be refused, and how."""

    who: str
    before: tuple[bytes, ...]
    sqlstate: str
    rule: str
    text: bytes

    @property
    def name(self) -> str:
        """For pytest: short, and without bytes that a terminal would not like."""
        return f"{self.who}-{self.text[:70].decode('ascii', 'backslashreplace')}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Benign:
    """Statements that must pass, one after the other in one transaction or outside of any."""

    who: str
    alone: bool
    steps: tuple[bytes, ...]

    @property
    def name(self) -> str:
        """For pytest."""
        return f"{self.who}-{SEPARATOR.join(step.decode('ascii', 'backslashreplace') for step in self.steps)[:90]}"


def text_of(line: str) -> bytes:
    """What a case's notation stands for."""
    repeated = _REPEATED.sub(lambda found: found[2] * int(found[1]), line.encode())
    return _BYTES.sub(lambda found: bytes.fromhex(found[1].decode()), repeated)


def denials(file: str) -> list[Denial]:
    """The cases of a file like ``denials.txt``, which says how it is written."""
    cases: list[Denial] = []
    before: list[bytes] = []
    for who, line in _lines(file):
        word, rest = line.split(maxsplit=1)
        if word == "after":
            before.append(text_of(rest))
            continue
        rule, sql = rest.split(maxsplit=1)
        cases.append(Denial(who=who, before=tuple(before), sqlstate=word, rule=rule, text=text_of(sql)))
        before = []
    return cases


def benign(file: str) -> list[Benign]:
    """The cases of a file like ``benign.txt``, which says how it is written."""
    cases: list[Benign] = []
    for who, line in _lines(file):
        alone = line.startswith("alone ")
        steps = tuple(text_of(step) for step in line.removeprefix("alone ").split(SEPARATOR))
        cases.append(Benign(who=who, alone=alone, steps=steps))
    return cases


def _lines(file: str) -> Iterator[tuple[str, str]]:
    who = ""
    for line in (DATA / file).read_text().splitlines():
        if line.startswith("as "):
            who = line.removeprefix("as ").strip()
        elif line.strip() and not line.startswith("#"):
            yield who, line
