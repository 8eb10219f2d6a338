"""Typed messages of protocol 3: one letter, four bytes of length, a body.

Cold path and tests only. Knows no message's meaning: ``frontend`` and ``backend`` do.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from govproxy.errors import ProtocolViolation

HEADER_BYTES = 5
MAX_MESSAGE_BYTES = 1 << 30  # PostgreSQL's own limit (MaxAllocSize), as a last resort


class Message(NamedTuple):
    """One message: its letter as a byte value, and its body without letter and length."""

    kind: int
    body: bytes


def encode_message(kind: int, body: bytes = b"") -> bytes:
    """Letter, length (which counts itself), body."""
    if len(body) + 4 > MAX_MESSAGE_BYTES:
        raise ProtocolViolation("a message is too long to be sent")
    return bytes((kind,)) + (len(body) + 4).to_bytes(4, "big") + body


def message_size(buffer: bytes | bytearray, *, start: int = 0, limit: int = MAX_MESSAGE_BYTES) -> int | None:
    """Size in bytes, header included, of the message at ``start``; None while its header is incomplete.

    The length is read as unsigned and compared with ``limit`` before anybody allocates or waits
    for that many bytes.
    """
    if len(buffer) - start < HEADER_BYTES:
        return None
    length = int.from_bytes(buffer[start + 1 : start + 5], "big")
    if length < 4:
        raise ProtocolViolation("a message length is smaller than the length field itself")
    if length > limit:
        raise ProtocolViolation(f"a message of {length} bytes is longer than the {limit} allowed here")
    return length + 1


def iterate_messages(data: bytes, *, limit: int = MAX_MESSAGE_BYTES) -> Iterator[Message]:
    """The messages of ``data``, which must end at a message boundary."""
    position = 0
    while position < len(data):
        size = message_size(data, start=position, limit=limit)
        if size is None or size > len(data) - position:
            raise ProtocolViolation("the bytes end in the middle of a message")
        yield Message(data[position], data[position + HEADER_BYTES : position + size])
        position += size


class MessageBuffer:
    """Collects bytes until whole messages are there. Invariant: holds at most one incomplete message
    and what was fed after it."""

    __slots__ = ("_buffer", "_limit")

    def __init__(self, *, limit: int = MAX_MESSAGE_BYTES) -> None:
        self._buffer = bytearray()
        self._limit = limit

    def feed(self, data: bytes) -> None:
        """Add bytes from the peer."""
        self._buffer += data

    def next_message(self) -> Message | None:
        """The next whole message, or None when more bytes are needed."""
        size = message_size(self._buffer, limit=self._limit)
        if size is None or len(self._buffer) < size:
            return None
        message = Message(self._buffer[0], bytes(self._buffer[HEADER_BYTES:size]))
        del self._buffer[:size]
        return message

    def take_rest(self) -> bytes:
        """Everything not yet taken as a message."""
        rest = bytes(self._buffer)
        self._buffer.clear()
        return rest
