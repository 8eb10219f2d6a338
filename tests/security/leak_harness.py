"""Runs one statement, or a script of them, in every wire form, and keeps all that the client receives."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import scramp  # type: ignore[import-untyped]

from govproxy.wire.backend import Backend
from govproxy.wire.framing import Message
from govproxy.wire.startup import encode_startup_message
from tests.security.canaries import Finder
from tests.support.raw_client import RawClient
from tests.support.raw_session import READY, SYNC, Answer, RawSession, bind, describe, execute, message, parse, query

STEP = " ;; "
FORMS = ("simple", "extended", "named", "undescribed", "piecewise")
_QUERY = re.compile(r"\s*(select|with|values|table|\()", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One line of the data file: what kind, and the texts to send one after the other."""

    kind: str
    steps: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.kind} || {STEP.join(self.steps)}"

    @property
    def is_query(self) -> bool:
        """One statement that only returns rows, and may stand inside others."""
        return len(self.steps) == 1 and _QUERY.match(self.steps[0]) is not None and ";" not in self.steps[0]


def read_cases(path: Path) -> list[Case]:
    """The cases of a data file, one a line: ``kind || statement ;; statement …``."""
    cases = []
    for line in path.read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            kind, _, rest = line.partition("||")
            cases.append(Case(kind=kind.strip(), steps=tuple(rest.strip().split(STEP))))
    return cases


class DirectSession(RawSession):
    """The same around the proxy, with SCRAM."""

    def __init__(self, host: str, port: int, user: str, password: str, database: str) -> None:
        RawClient.__init__(self, port, host)
        self.send(encode_startup_message((("user", user), ("database", database)), minor=0))
        client = scramp.ScramClient(["SCRAM-SHA-256"], user, password)
        while (received := self.read_message()) is not None:
            code = int.from_bytes(received.body[:4], "big")
            assert received.kind == ord("R"), received
            match code:
                case 0:
                    break
                case 10:
                    first = client.get_client_first().encode()
                    self.send(message(b"p", b"SCRAM-SHA-256\0" + len(first).to_bytes(4, "big") + first))
                case 11:
                    client.set_server_first(received.body[4:].decode())
                    self.send(message(b"p", client.get_client_final().encode()))
                case 12:
                    client.set_server_final(received.body[4:].decode())
                case _:
                    raise AssertionError(received)
        self.greeting = self.read_until(READY)


def run(session: RawSession, case: Case) -> Iterator[tuple[str, list[Answer]]]:
    """The case in every form, each with its answers; transactions are rolled back in between."""
    steps = case.steps
    if case.kind == "once":
        yield "simple", [session.query(step) for step in steps]
        return
    for form in FORMS:
        yield form, in_transaction(session, form, steps)
    if not case.is_query:
        return
    yield "autocommit", [session.query(steps[0]), session.query(steps[0])]
    for form, texts in _WRAPPED.items():
        # A name of its own each time: what a name stood for before would count as well.
        name = f"w{next(_NUMBERS)}"
        yield form, _transaction(session, [query(text.format(steps[0], w=name)) for text in texts])


_NUMBERS = itertools.count(1)
_WRAPPED = {
    "cursor": ("DECLARE {w} CURSOR FOR {}", "FETCH 3 FROM {w}", "MOVE 1 FROM {w}", "FETCH ALL FROM {w}"),
    "binary cursor": ("DECLARE {w} BINARY CURSOR FOR {}", "FETCH ALL FROM {w}"),
    "prepared": ("PREPARE {w} AS {}", "EXECUTE {w}", "EXECUTE {w}", "DEALLOCATE {w}"),
    "explained": ("EXPLAIN (VERBOSE) {}",),
    "executed": ("EXPLAIN (ANALYZE, VERBOSE, FORMAT JSON, TIMING OFF) {}",),
    "subquery": ("SELECT * FROM ({}) x",),
    "record": ("SELECT x FROM ({}) x",),
    "document": ("SELECT to_jsonb(x), x::text FROM ({}) x",),
    "copied": ("COPY ({}) TO STDOUT",),
    "stored": ("CREATE TEMP TABLE {w} AS {}", "SELECT * FROM {w}"),
}


def in_transaction(session: RawSession, form: str, steps: tuple[str, ...]) -> list[Answer]:
    """The statements in one form, in a transaction that is rolled back."""
    return _transaction(session, [part for step in steps for part in _FORMS[form](session, step)])


def _transaction(session: RawSession, parts: Sequence[bytes | tuple[bytes, int]]) -> list[Answer]:
    answers = [session.query("BEGIN")]
    for part in parts:
        data, count = part if isinstance(part, tuple) else (part, 1)
        answers += session.answers(data, count)
    answers += [session.query("ROLLBACK"), session.query("DEALLOCATE ALL")]
    return answers


def _simple(session: RawSession, text: str) -> Iterator[bytes | tuple[bytes, int]]:
    yield query(text)


def _extended(session: RawSession, text: str) -> Iterator[bytes | tuple[bytes, int]]:
    for formats in ((), (1,)):
        yield parse(text) + bind(formats=formats) + describe(b"P") + execute() + SYNC


def _named(session: RawSession, text: str) -> Iterator[bytes | tuple[bytes, int]]:
    yield parse(text, b"n") + describe(b"S", b"n") + SYNC
    yield bind(b"", b"n", formats=(1,)) + execute() + SYNC
    yield bind(b"", b"n", formats=()) + execute() + SYNC
    yield bind(b"", b"n", formats=(1,)) + describe(b"P") + execute() + SYNC
    yield query("DEALLOCATE n")


def _undescribed(session: RawSession, text: str) -> Iterator[bytes | tuple[bytes, int]]:
    yield parse(text) + bind(formats=(1,)) + execute() + SYNC
    yield (parse(text) + bind(b"", b"") + execute() + SYNC + parse(text) + bind(formats=(1,)) + execute() + SYNC, 2)


def _piecewise(session: RawSession, text: str) -> Iterator[bytes | tuple[bytes, int]]:
    columns = _count_columns(session, text)
    yield parse(text) + bind(b"p", b"", formats=[n % 2 for n in range(columns)]) + execute(b"p", 2) + SYNC
    yield describe(b"P", b"p") + execute(b"p", 1) + execute(b"p", 3) + SYNC
    yield execute(b"p") + SYNC
    yield message(b"C", b"Pp\0") + SYNC


def _count_columns(session: RawSession, text: str) -> int:
    answer = session.ask(parse(text) + describe(b"S") + SYNC)
    for found in answer.messages:
        if found.kind == Backend.ROW_DESCRIPTION:
            return int.from_bytes(found.body[:2], "big")
    return 0


_FORMS = {
    "simple": _simple,
    "extended": _extended,
    "named": _named,
    "undescribed": _undescribed,
    "piecewise": _piecewise,
}


class Watcher:
    """Looks for planted values in what was received; knows what it has looked at already."""

    def __init__(self, finder: Finder) -> None:
        self._finder = finder
        self._seen: dict[bytes, list[str]] = {}

    def look(self, answers: Sequence[Answer]) -> list[str]:
        """The planted values in these answers: in any message, and in any column read downwards."""
        found: list[str] = []
        for answer in answers:
            for one in answer.messages:
                found += self._look_at(one.body if one.kind != Backend.DATA_ROW else _framed(one))
            for column in _downwards(answer):
                found += self._look_at(column)
        return found

    def _look_at(self, data: bytes) -> list[str]:
        known = self._seen.get(data)
        if known is None:
            known = self._seen[data] = self._finder.find(data)
        return known


def _framed(row: Message) -> bytes:
    return row.body[2:]


def _downwards(answer: Answer) -> Iterator[bytes]:
    """Short values of each column, joined over the rows: a secret may come one character a row."""
    rows = answer.rows
    for place in range(max((len(row) for row in rows), default=0)):
        cells = [row[place] or b"" for row in rows if place < len(row)]
        if len(cells) > 5 and all(len(cell) <= 5 for cell in cells):
            joined = b"".join(cell[-1:] if len(cell) == 4 and not cell[0] else cell for cell in cells)
            yield joined
            yield b",".join(cells)
