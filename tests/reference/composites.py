"""PostgreSQL's composite values in plain Python, both wire forms: what ``_fastpath.maskparts`` must read and write."""

from __future__ import annotations

import struct
from collections.abc import Sequence


def record_text(fields: Sequence[bytes | None]) -> bytes:
    """The text form, as ``record_out`` writes it but for brackets, which it leaves without quotes."""
    return b"(" + b",".join(map(_field, fields)) + b")"


def _field(value: bytes | None) -> bytes:
    if value is None:
        return b""
    special = not value or any(c in b'"\\(),[] \t\n\r\v\f' for c in value)
    return b'"' + value.replace(b"\\", b"\\\\").replace(b'"', b'""') + b'"' if special else value


def record_binary(fields: Sequence[tuple[int, bytes | None]]) -> bytes:
    """The binary form: type and value of each field."""
    body = struct.pack("!i", len(fields))
    for oid, value in fields:
        body += struct.pack("!I", oid)
        body += b"\xff\xff\xff\xff" if value is None else struct.pack("!i", len(value)) + value
    return body
