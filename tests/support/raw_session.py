"""A logged-in session that speaks in messages, for everything that a driver would say otherwise."""

from __future__ import annotations

import itertools
import os
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass

import psycopg

from govproxy.wire.backend import Backend
from govproxy.wire.errors import decode_fields
from govproxy.wire.framing import Message, MessageBuffer
from govproxy.wire.startup import encode_startup_message
from tests.support.raw_client import RawClient
from tests.support.waiting import DEADLINE_S

READY, ERROR = Backend.READY_FOR_QUERY, Backend.ERROR_RESPONSE


def message(tag: bytes, body: bytes = b"") -> bytes:
    """One message of the client's."""
    return tag + (len(body) + 4).to_bytes(4, "big") + body


def query(text: bytes | str) -> bytes:
    """Query."""
    return message(b"Q", _bytes(text) + b"\0")


def parse(text: bytes | str, name: bytes = b"", types: Sequence[int] = ()) -> bytes:
    """Parse."""
    oids = b"".join(oid.to_bytes(4, "big") for oid in types)
    return message(b"P", name + b"\0" + _bytes(text) + b"\0" + len(types).to_bytes(2, "big") + oids)


def bind(
    portal: bytes = b"", name: bytes = b"", values: Sequence[bytes | None] = (), formats: Sequence[int] = ()
) -> bytes:
    """Bind with text parameters; ``formats`` are those of the results."""
    given = b"".join(b"\xff\xff\xff\xff" if v is None else len(v).to_bytes(4, "big") + v for v in values)
    wanted = b"".join(code.to_bytes(2, "big") for code in formats)
    counts = (len(values).to_bytes(2, "big"), len(formats).to_bytes(2, "big"))
    return message(b"B", portal + b"\0" + name + b"\0" + b"\0\0" + counts[0] + given + counts[1] + wanted)


def describe(kind: bytes, name: bytes = b"") -> bytes:
    """Describe of a statement (``S``) or a portal (``P``)."""
    return message(b"D", kind + name + b"\0")


def execute(portal: bytes = b"", rows: int = 0) -> bytes:
    """Execute."""
    return message(b"E", portal + b"\0" + rows.to_bytes(4, "big"))


def close(kind: bytes, name: bytes = b"") -> bytes:
    """Close of a statement or a portal."""
    return message(b"C", kind + name + b"\0")


SYNC = message(b"S")
FLUSH = message(b"H")
TERMINATE = message(b"X")


def extended(text: bytes | str, *, name: bytes = b"", formats: Sequence[int] = ()) -> bytes:
    """Parse, Bind, Describe and Execute, without a Sync."""
    return parse(text, name) + bind(b"", name, formats=formats) + describe(b"P") + execute()


def _bytes(text: bytes | str) -> bytes:
    return text.encode() if isinstance(text, str) else text


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back up to one ReadyForQuery."""

    messages: list[Message]

    @property
    def status(self) -> bytes:
        """Transaction status of its ReadyForQuery."""
        return self.messages[-1].body

    @property
    def kinds(self) -> str:
        """The message types, as letters."""
        return "".join(chr(found.kind) for found in self.messages)

    @property
    def errors(self) -> list[dict[str, str]]:
        """Fields of each ErrorResponse."""
        return [dict(decode_fields(found.body)) for found in self.messages if found.kind == ERROR]

    @property
    def rows(self) -> list[list[bytes | None]]:
        """Fields of each DataRow."""
        return [_fields(found.body) for found in self.messages if found.kind == Backend.DATA_ROW]


class Talk(RawClient):
    """What a logged-in client does."""

    def answers(self, data: bytes, count: int = 1) -> list[Answer]:
        """Send it in one segment and read as many answers."""
        self.send(data)
        return [Answer(self.read_until(READY)) for _ in range(count)]

    def ask(self, data: bytes) -> Answer:
        """Send it and read the one answer."""
        return self.answers(data)[0]

    def query(self, text: bytes | str) -> Answer:
        """A simple Query."""
        return self.ask(query(text))

    def in_pieces(self, data: bytes, at: Sequence[int]) -> Answer:
        """The same, cut at these places, each piece a segment of its own."""
        for start, end in itertools.pairwise((0, *at, len(data))):
            self.send(data[start:end])
            time.sleep(0.0003)  # the proxy shall read what it has
        return Answer(self.read_until(READY))


class DirectSession(Talk):
    """The same around the proxy: a login by psycopg, on whose idle connection is then spoken here."""

    def __init__(self, dsn: str) -> None:
        self._login = psycopg.connect(dsn, autocommit=True)
        self.socket = socket.socket(fileno=os.dup(self._login.fileno()))
        self.socket.settimeout(DEADLINE_S)
        self._buffer = MessageBuffer()

    def close(self) -> None:
        """End the session."""
        self.socket.close()
        self._login.close()


class RawSession(Talk):
    """Logs in with a token as the password."""

    def __init__(self, port: int, user: str, token: str, database: str, **settings: str) -> None:
        super().__init__(port)
        try:
            parameters = (("user", user), ("database", database), *settings.items())
            self.send(encode_startup_message(parameters, minor=0))
            request = self.read_message()
            assert request is not None
            assert request == Message(ord("R"), (3).to_bytes(4, "big")), request
            self.send(message(b"p", token.encode() + b"\0"))
            self.greeting = self.read_until(READY)
        except BaseException:
            self.socket.close()
            raise


def _fields(body: bytes) -> list[bytes | None]:
    found: list[bytes | None] = []
    position = 2
    for _ in range(int.from_bytes(body[:2], "big")):
        size = int.from_bytes(body[position : position + 4], "big", signed=True)
        position += 4
        found.append(None if size < 0 else body[position : position + size])
        position += max(size, 0)
    return found
