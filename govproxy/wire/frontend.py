"""Messages a frontend sends, as values. Raw letters stand only here and in ``backend``.

PostgreSQL manual, "Message Formats" (protocol 3.0 and 3.2). For login, the upstream's start-up
query and tests; the running conversation never builds one of these.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from govproxy.errors import ProtocolViolation
from govproxy.wire.cursor import Reader, encode_cstring
from govproxy.wire.framing import encode_message


class Frontend(IntEnum):
    """Letters of the frontend's messages. ``PASSWORD`` also carries the SASL answers."""

    BIND = ord("B")
    CLOSE = ord("C")
    COPY_DATA = ord("d")
    COPY_DONE = ord("c")
    COPY_FAIL = ord("f")
    DESCRIBE = ord("D")
    EXECUTE = ord("E")
    FLUSH = ord("H")
    FUNCTION_CALL = ord("F")
    PARSE = ord("P")
    PASSWORD = ord("p")
    QUERY = ord("Q")
    SYNC = ord("S")
    TERMINATE = ord("X")


@dataclass(frozen=True, slots=True, kw_only=True)
class SASLInitialResponse:
    """The client's choice of mechanism and its first data (None: absent)."""

    mechanism: str
    data: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Parse:
    """A statement to be prepared under ``name`` ('' is the unnamed one)."""

    name: str
    text: str
    parameter_types: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Bind:
    """A portal from a prepared statement. ``values`` holds raw parameter bytes, None for NULL."""

    portal: str
    statement: str
    parameter_formats: tuple[int, ...] = ()
    values: tuple[bytes | None, ...] = ()
    result_formats: tuple[int, ...] = ()


class Target(IntEnum):
    """What Describe and Close are about."""

    PORTAL = ord("P")
    STATEMENT = ord("S")


def encode_password(password: str) -> bytes:
    """PasswordMessage, cleartext or md5."""
    return encode_message(Frontend.PASSWORD, encode_cstring(password))


def decode_password(body: bytes) -> str:
    """The string of a PasswordMessage. An empty one is returned as it is."""
    reader = Reader(body)
    password = reader.text()
    reader.finish()
    return password


def encode_sasl_initial(mechanism: str, data: bytes) -> bytes:
    """SASLInitialResponse with data."""
    return encode_message(Frontend.PASSWORD, encode_cstring(mechanism) + len(data).to_bytes(4, "big") + data)


def decode_sasl_initial(body: bytes) -> SASLInitialResponse:
    """SASLInitialResponse; a length of -1 means no data."""
    reader = Reader(body)
    mechanism = reader.text()
    length = reader.int32()
    data = None if length == -1 else reader.take(length)
    reader.finish()
    return SASLInitialResponse(mechanism=mechanism, data=data)


def encode_sasl_response(data: bytes) -> bytes:
    """SASLResponse: the body is the data."""
    return encode_message(Frontend.PASSWORD, data)


def encode_query(text: str | bytes) -> bytes:
    """A simple Query."""
    return encode_message(Frontend.QUERY, encode_cstring(text))


def decode_query(body: bytes) -> bytes:
    """The text of a simple Query, in the client's encoding."""
    reader = Reader(body)
    text = reader.cstring()
    reader.finish()
    return text


def encode_parse(text: str | bytes, *, name: str = "", parameter_types: Sequence[int] = ()) -> bytes:
    """Parse."""
    types = b"".join(oid.to_bytes(4, "big") for oid in parameter_types)
    body = encode_cstring(name) + encode_cstring(text) + len(parameter_types).to_bytes(2, "big") + types
    return encode_message(Frontend.PARSE, body)


def decode_parse(body: bytes) -> Parse:
    """Parse, its text as UTF-8."""
    reader = Reader(body)
    name, text = reader.text(), reader.text()
    types = tuple(reader.uint32() for _ in range(reader.uint16()))
    reader.finish()
    return Parse(name=name, text=text, parameter_types=types)


def encode_bind(
    *,
    portal: str = "",
    statement: str = "",
    values: Sequence[bytes | None] = (),
    parameter_formats: Sequence[int] = (),
    result_formats: Sequence[int] = (),
) -> bytes:
    """Bind. Formats: 0 text, 1 binary; none means all text, one counts for all."""
    body = bytearray(encode_cstring(portal) + encode_cstring(statement))
    body += _encode_int16_list(parameter_formats)
    body += len(values).to_bytes(2, "big")
    for value in values:
        body += b"\xff\xff\xff\xff" if value is None else len(value).to_bytes(4, "big") + value
    body += _encode_int16_list(result_formats)
    return encode_message(Frontend.BIND, bytes(body))


def decode_bind(body: bytes) -> Bind:
    """Bind."""
    reader = Reader(body)
    portal, statement = reader.text(), reader.text()
    parameter_formats = _decode_int16_list(reader)
    values: list[bytes | None] = []
    for _ in range(reader.uint16()):
        length = reader.int32()
        values.append(None if length == -1 else reader.take(length))
    result_formats = _decode_int16_list(reader)
    reader.finish()
    return Bind(
        portal=portal,
        statement=statement,
        parameter_formats=parameter_formats,
        values=tuple(values),
        result_formats=result_formats,
    )


def _encode_int16_list(numbers: Sequence[int]) -> bytes:
    return len(numbers).to_bytes(2, "big") + b"".join(number.to_bytes(2, "big") for number in numbers)


def _decode_int16_list(reader: Reader) -> tuple[int, ...]:
    return tuple(reader.int16() for _ in range(reader.uint16()))


def encode_describe(target: Target, name: str = "") -> bytes:
    """Describe of a statement or a portal."""
    return encode_message(Frontend.DESCRIBE, bytes((target,)) + encode_cstring(name))


def encode_close(target: Target, name: str = "") -> bytes:
    """Close of a statement or a portal."""
    return encode_message(Frontend.CLOSE, bytes((target,)) + encode_cstring(name))


def decode_target(body: bytes) -> tuple[Target, str]:
    """The body of Describe or Close."""
    reader = Reader(body)
    letter = reader.byte()
    name = reader.text()
    reader.finish()
    if letter not in tuple(Target):
        raise ProtocolViolation("Describe or Close names neither a statement nor a portal")
    return Target(letter), name


def encode_execute(portal: str = "", *, max_rows: int = 0) -> bytes:
    """Execute; 0 rows means all."""
    return encode_message(Frontend.EXECUTE, encode_cstring(portal) + max_rows.to_bytes(4, "big"))


def decode_execute(body: bytes) -> tuple[str, int]:
    """Portal and row limit of Execute."""
    reader = Reader(body)
    portal, max_rows = reader.text(), reader.int32()
    reader.finish()
    return portal, max_rows


def encode_sync() -> bytes:
    """Sync."""
    return encode_message(Frontend.SYNC)


def encode_flush() -> bytes:
    """Flush."""
    return encode_message(Frontend.FLUSH)


def encode_terminate() -> bytes:
    """Terminate."""
    return encode_message(Frontend.TERMINATE)


def encode_copy_data(data: bytes) -> bytes:
    """CopyData; the same in both directions."""
    return encode_message(Frontend.COPY_DATA, data)


def encode_copy_done() -> bytes:
    """CopyDone; the same in both directions."""
    return encode_message(Frontend.COPY_DONE)


def encode_copy_fail(reason: str) -> bytes:
    """CopyFail."""
    return encode_message(Frontend.COPY_FAIL, encode_cstring(reason))
