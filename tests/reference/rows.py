"""DataRow in plain Python: what ``_fastpath.rows`` must do, written to be read."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from enum import Enum

from govproxy.errors import ProtocolViolation


class Unchanged(Enum):
    UNCHANGED = "unchanged"


UNCHANGED = Unchanged.UNCHANGED
Value = bytes | None
Change = Callable[[bytes], Value | Unchanged]


def encode_row(values: Sequence[Value]) -> bytes:
    """One DataRow message, tag and length included."""
    body = struct.pack("!H", len(values))
    for value in values:
        body += struct.pack("!i", -1) if value is None else struct.pack("!i", len(value)) + value
    return b"D" + struct.pack("!I", len(body) + 4) + body


def decode_row(message: bytes) -> list[Value]:
    """The values of one DataRow message; ProtocolViolation when it is not exactly one."""
    (count,) = struct.unpack_from("!H", message, 5)
    at = 7
    values: list[Value] = []
    for _ in range(count):
        if len(message) - at < 4:
            raise ProtocolViolation("malformed DataRow")
        (size,) = struct.unpack_from("!i", message, at)
        at += 4
        if size == -1:
            values.append(None)
            continue
        if size < 0 or size > len(message) - at:
            raise ProtocolViolation("malformed DataRow")
        values.append(message[at : at + size])
        at += size
    if at != len(message):
        raise ProtocolViolation("malformed DataRow")
    return values


def split_run(data: bytes) -> tuple[list[bytes], int]:
    """The complete DataRow messages at the start of ``data``, and how many bytes they take."""
    messages = []
    at = 0
    while len(data) - at >= 5 and data[at : at + 1] == b"D":
        (length,) = struct.unpack_from("!I", data, at + 1)
        if length < 6 or length > 0x7FFFFFFE:
            raise ProtocolViolation("malformed DataRow")
        if length > len(data) - at - 1:
            break
        messages.append(data[at : at + 1 + length])
        at += 1 + length
    return messages, at


def apply(changes: Sequence[Change | None], data: bytes) -> tuple[int, bytes, int, int]:
    """What ``MaskPlan.apply`` answers. A column without a change passes."""
    messages, consumed = split_run(data)
    output = b""
    masked = 0
    for message in messages:
        (count,) = struct.unpack_from("!H", message, 5)
        if count != len(changes):
            raise ProtocolViolation("wrong number of columns")
        values: list[Value] = []
        for change, value in zip(changes, decode_row(message), strict=True):
            if change is None or value is None:
                values.append(value)
                continue
            changed = change(value)
            masked += changed is not UNCHANGED
            values.append(value if isinstance(changed, Unchanged) else changed)
        output += encode_row(values)
    return consumed, output, len(messages), masked
