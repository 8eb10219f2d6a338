"""PostgreSQL arrays in plain Python, both wire forms: what ``_fastpath.maskarrays`` must read and write."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence


def literal(value: object) -> bytes:
    """The text form of nested lists of bytes and None, as ``array_out`` writes it."""
    match value:
        case list():
            return b"{" + b",".join(literal(element) for element in value) + b"}"
        case None:
            return b"NULL"
        case bytes():
            special = not value or value.upper() == b"NULL" or any(c in b'"\\{},; \t\n\r\v\f' for c in value)
            escaped = value.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
            return b'"' + escaped + b'"' if special else value
        case _:
            raise TypeError(type(value))


def binary(elements: Sequence[bytes | None], oid: int, *, dimensions: int = 1, nulls: bool | None = None) -> bytes:
    """The binary form of a flat run of elements, in ``dimensions`` dimensions, all but the last of size one."""
    if not elements:
        return struct.pack("!iiI", 0, 0, oid)
    has_nulls = any(e is None for e in elements) if nulls is None else nulls
    head = struct.pack("!iiI", dimensions, has_nulls, oid)
    head += struct.pack("!ii", 1, 1) * (dimensions - 1) + struct.pack("!ii", len(elements), 1)
    return head + b"".join(b"\xff\xff\xff\xff" if e is None else struct.pack("!i", len(e)) + e for e in elements)


def changed(value: object, change: Callable[[bytes], bytes | None]) -> object:
    """The same nesting with every element changed."""
    match value:
        case list():
            return [changed(element, change) for element in value]
        case bytes():
            return change(value)
        case _:
            return value
