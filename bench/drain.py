"""A client that asks for a wide result and throws the bytes away, so that the proxy and not libpq is measured.

Logs in with psycopg, then reads and writes the bare socket. Knows the end of a result by ReadyForQuery, which
cannot be mistaken for data here: the table holds no capital letters.
"""

from __future__ import annotations

import socket
from types import TracebackType
from typing import Self

import psycopg

READY = b"Z\0\0\0\5I"
BUFFER_BYTES = 256 << 10
DEADLINE_S = 30.0


class DrainError(RuntimeError):
    """The server answered something else than rows."""


class Drain:
    """One connection, blocking, plain text."""

    def __init__(self, dsn: str) -> None:
        self._connection = psycopg.connect(dsn, autocommit=True)
        self._socket = socket.socket(fileno=socket.dup(self._connection.fileno()))
        self._socket.settimeout(DEADLINE_S)
        self._buffer = memoryview(bytearray(BUFFER_BYTES))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()
        self._connection.close()

    def query(self, text: str) -> int:
        """Run it; gives how many bytes came back."""
        self.send(text)
        return self.receive()

    def receive(self) -> int:
        """Read to the end of the result of what was sent; gives how many bytes came."""
        total, tail, first = 0, b"", b""
        while not tail.endswith(READY):
            count = self._socket.recv_into(self._buffer)
            if count == 0:
                raise DrainError("the connection ended in the middle of a result")
            total += count
            first = first or bytes(self._buffer[:1])
            last = bytes(self._buffer[max(0, count - len(READY)) : count])
            tail = (tail + last)[-len(READY) :]
        if first != b"T":
            raise DrainError(f"the answer begins with {first!r}, not with a RowDescription")
        return total

    def rows(self, text: str) -> list[list[bytes | None]]:
        """Run it and cut the rows out: for looking at what comes back, not for measuring."""
        self.send(text)
        data = b""
        while not data.endswith(READY):
            count = self._socket.recv_into(self._buffer)
            if count == 0:
                raise DrainError("the connection ended in the middle of a result")
            data += self._buffer[:count]
        return decode_rows(data)

    def send(self, text: str) -> None:
        """Ask, without reading the answer yet."""
        body = text.encode() + b"\0"
        self._socket.sendall(b"Q" + (len(body) + 4).to_bytes(4, "big") + body)


def decode_rows(data: bytes) -> list[list[bytes | None]]:
    """The values of all DataRow messages in a whole answer."""
    rows: list[list[bytes | None]] = []
    position = 0
    while position < len(data):
        kind = data[position : position + 1]
        end = position + 1 + int.from_bytes(data[position + 1 : position + 5], "big")
        if kind == b"E":
            raise DrainError("the server answered with an error")
        if kind == b"D":
            rows.append(_values(data[position + 5 : end]))
        position = end
    return rows


def _values(body: bytes) -> list[bytes | None]:
    values: list[bytes | None] = []
    position = 2
    for _ in range(int.from_bytes(body[:2], "big")):
        size = int.from_bytes(body[position : position + 4], "big", signed=True)
        position += 4
        values.append(None if size < 0 else body[position : position + size])
        position += max(size, 0)
    return values
