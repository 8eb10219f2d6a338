"""The forms in which a text can go over the wire, and what goes around it.

A form turns one text into packets; each packet is sent as it is, in pieces, or byte by byte. The
same packets go to the proxy and directly to the database, so that answers can be compared.
"""

from __future__ import annotations

import itertools
import random
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.support.raw_session import (
    FLUSH,
    READY,
    SYNC,
    Answer,
    Talk,
    bind,
    close,
    describe,
    execute,
    extended,
    parse,
    query,
)

_PIECES = 40  # cutting every byte of a long text apart would only take time


@dataclass(frozen=True, slots=True)
class Packet:
    """Bytes that go out at once, unless cut at ``cuts``, and how many ReadyForQuery answer them."""

    data: bytes
    answers: int = 1
    cuts: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A way to send texts; ``name`` and ``seed`` give the same packets again."""

    name: str
    seed: int

    def __str__(self) -> str:
        return f"{self.name}/{self.seed}"

    def packets(self, steps: Sequence[str]) -> list[Packet]:
        """The steps in a transaction that is rolled back."""
        chance = random.Random(self.seed)
        make = FORMS[self.name]
        inner = [packet for step in steps for packet in make(chance, step)]
        if self.name == "autocommit" and not any(_WRITES.search(step) for step in steps):
            return [*inner, Packet(query("DEALLOCATE ALL"))]
        if self.name == "coalesced":
            together = [Packet(query("BEGIN")), *inner, Packet(query("ROLLBACK"))]
            whole = b"".join(packet.data for packet in together)
            inner = [Packet(whole, sum(packet.answers for packet in together))]
        else:
            inner = [Packet(query("BEGIN")), *inner, Packet(query("ROLLBACK"))]
        return [self._cut(chance, packet) for packet in inner] + [Packet(query("DEALLOCATE ALL"))]

    def _cut(self, chance: random.Random, packet: Packet) -> Packet:
        size = len(packet.data)
        match self.name:
            case "bytewise" if size > 1:
                start = chance.randrange(max(1, size - _PIECES))
                return Packet(packet.data, packet.answers, tuple(range(max(1, start), min(size, start + _PIECES))))
            case "split" if size > 1:
                return Packet(
                    packet.data, packet.answers, tuple(sorted(chance.sample(range(1, size), min(3, size - 1))))
                )
            case _:
                return packet


def choose(chance: random.Random) -> Form:
    """A form by chance; the simple ones more often."""
    name = chance.choices(list(FORMS), weights=[_WEIGHTS.get(name, 1) for name in FORMS])[0]
    return Form(name=name, seed=chance.randrange(1 << 30))


def send(session: Talk, packets: Sequence[Packet], *, whole: bool = False) -> list[Answer]:
    """What comes back for each ReadyForQuery. ``whole``: do not cut."""
    answers: list[Answer] = []
    for packet in packets:
        if whole or not packet.cuts:
            session.send(packet.data)
        else:
            for start, end in itertools.pairwise((0, *packet.cuts, len(packet.data))):
                session.send(packet.data[start:end])
                time.sleep(0.0001)
        answers += [Answer(session.read_until(READY)) for _ in range(packet.answers)]
    return answers


def _simple(chance: random.Random, text: str) -> list[Packet]:
    return [Packet(query(text))]


def _again(chance: random.Random, text: str) -> list[Packet]:
    return [Packet(query(text)), Packet(query(text))]


def _extended(chance: random.Random, text: str) -> list[Packet]:
    return [Packet(extended(text, formats=formats) + SYNC) for formats in ((), (1,))]


def _undescribed(chance: random.Random, text: str) -> list[Packet]:
    return [Packet(parse(text) + bind(formats=formats) + execute() + SYNC) for formats in ((1,), ())]


def _named(chance: random.Random, text: str) -> list[Packet]:
    name = b"n%d" % chance.randrange(1 << 20)
    return [
        Packet(parse(text, name) + describe(b"S", name) + SYNC),
        Packet(bind(b"", name, formats=(1,)) + execute() + SYNC),
        Packet(
            bind(b"", name) + execute() + SYNC + bind(b"", name, formats=(1,)) + describe(b"P") + execute() + SYNC, 2
        ),
        Packet(close(b"S", name) + SYNC),
    ]


def _portal(chance: random.Random, text: str) -> list[Packet]:
    name = b"p%d" % chance.randrange(1 << 20)
    return [
        Packet(
            parse(text) + bind(name, b"", formats=(chance.randrange(2),)) + execute(name, chance.randint(1, 3)) + SYNC
        ),
        Packet(describe(b"P", name) + execute(name, 1) + execute(name, 4) + SYNC),
        Packet(execute(name) + SYNC),
        Packet(close(b"P", name) + SYNC),
    ]


def _pipelined(chance: random.Random, text: str) -> list[Packet]:
    before = extended("SELECT 1") * chance.randint(0, 2)
    middle = extended(text, formats=(chance.randrange(2),))
    return [Packet(before + middle + extended("SELECT 2") + SYNC + query("SELECT 3"), 2)]


def _after_error(chance: random.Random, text: str) -> list[Packet]:
    fails = query("SAVEPOINT s") + parse("SELECT 1/0") + bind() + execute() + parse(text) + bind() + SYNC
    return [Packet(fails + query("ROLLBACK TO s"), 3), Packet(extended(text) + SYNC)]


def _fetched(chance: random.Random, text: str) -> list[Packet]:
    """A portal of the protocol, read by SQL."""
    name = b"f%d" % chance.randrange(1 << 20)
    return [
        Packet(parse(text) + bind(name, b"", formats=(chance.randrange(2),)) + SYNC),
        Packet(query(b"FETCH 2 FROM " + name) + query(b"FETCH ALL FROM " + name) + query(b"CLOSE " + name), 3),
    ]


def _declared(chance: random.Random, text: str) -> list[Packet]:
    """A cursor of SQL's, read by the protocol."""
    name = b"d%d" % chance.randrange(1 << 20)
    return [
        Packet(query(b"DECLARE " + name + b" CURSOR FOR " + text.encode())),
        Packet(execute(name, 2) + describe(b"P", name) + execute(name, 1) + execute(name) + SYNC),
        Packet(close(b"P", name) + SYNC),
    ]


def _flushed(chance: random.Random, text: str) -> list[Packet]:
    return [
        Packet(parse(text) + FLUSH + describe(b"S") + FLUSH + bind(formats=(1,)) + FLUSH + execute() + FLUSH + SYNC),
        Packet(FLUSH + bind() + execute(b"", 1) + FLUSH + execute() + SYNC),
    ]


def _parameters(chance: random.Random, text: str) -> list[Packet]:
    """One of its literals sent as a parameter."""
    literals = list(_LITERAL.finditer(text))
    if not literals:
        return _extended(chance, text)
    found = chance.choice(literals)
    changed = f"{text[: found.start()]}$1{text[found.end() :]}"
    value = found[0].strip("'").replace("''", "'").encode()
    name = b"v%d" % chance.randrange(1 << 20)
    return [
        Packet(parse(changed, name) + bind(b"", name, [value], (1,)) + describe(b"P") + execute() + SYNC),
        Packet(bind(b"", name, [value]) + execute() + bind(b"", name, [None], (1,)) + execute() + SYNC),
        Packet(close(b"S", name) + SYNC),
    ]


def _mixed(chance: random.Random, text: str) -> list[Packet]:
    """Some columns in text and some in binary, by every number of columns there may be: one fits."""
    name = b"m%d" % chance.randrange(1 << 20)
    codes = [chance.randrange(2) for _ in range(_COLUMNS)]
    tries = b"".join(
        query("SAVEPOINT m") + bind(b"", name, formats=codes[:count]) + execute() + SYNC + query("ROLLBACK TO m")
        for count in range(2, _COLUMNS)
    )
    return [Packet(parse(text, name) + SYNC), Packet(tries, 3 * (_COLUMNS - 2)), Packet(close(b"S", name) + SYNC)]


_COLUMNS = 7
_LITERAL = re.compile(r"'(?:[^']|'')*'")
_WRITES = re.compile(
    r"\b(insert|update|delete|merge|create|alter|drop|comment|security|cluster|into|nextval|setval|set|listen|prepare|declare|lo_\w+|copy|do)\b",
    re.IGNORECASE,
)

FORMS: dict[str, Callable[[random.Random, str], list[Packet]]] = {
    "simple": _simple,
    "again": _again,
    "extended": _extended,
    "undescribed": _undescribed,
    "named": _named,
    "portal": _portal,
    "pipelined": _pipelined,
    "after_error": _after_error,
    "split": _extended,
    "bytewise": _undescribed,
    "coalesced": _simple,
    "autocommit": _again,
    "fetched": _fetched,
    "declared": _declared,
    "flushed": _flushed,
    "parameters": _parameters,
    "mixed": _mixed,
}
# Forms that may give any part of the rows first.
PARTIAL = frozenset({"portal", "fetched", "declared", "flushed"})
# Forms in which the proxy rightly knows less of what comes: portals that SQL and protocol share.
CROSSED = frozenset({"fetched", "declared"})
_WEIGHTS = {"simple": 3, "extended": 3, "named": 2}
