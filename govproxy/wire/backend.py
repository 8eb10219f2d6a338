"""Messages a backend sends, as values. Raw letters stand only here and in ``frontend``.

PostgreSQL manual, "Message Formats" (protocol 3.0 and 3.2). Errors have their own file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from govproxy.errors import ProtocolViolation
from govproxy.wire.cursor import Reader, encode_cstring
from govproxy.wire.framing import encode_message
from govproxy.wire.startup import MAX_SECRET_BYTES


class Backend(IntEnum):
    """Letters of the backend's messages."""

    AUTHENTICATION = ord("R")
    BACKEND_KEY_DATA = ord("K")
    BIND_COMPLETE = ord("2")
    CLOSE_COMPLETE = ord("3")
    COMMAND_COMPLETE = ord("C")
    COPY_BOTH_RESPONSE = ord("W")
    COPY_DATA = ord("d")
    COPY_DONE = ord("c")
    COPY_IN_RESPONSE = ord("G")
    COPY_OUT_RESPONSE = ord("H")
    DATA_ROW = ord("D")
    EMPTY_QUERY_RESPONSE = ord("I")
    ERROR_RESPONSE = ord("E")
    FUNCTION_CALL_RESPONSE = ord("V")
    NEGOTIATE_PROTOCOL_VERSION = ord("v")
    NO_DATA = ord("n")
    NOTICE_RESPONSE = ord("N")
    NOTIFICATION_RESPONSE = ord("A")
    PARAMETER_DESCRIPTION = ord("t")
    PARAMETER_STATUS = ord("S")
    PARSE_COMPLETE = ord("1")
    PORTAL_SUSPENDED = ord("s")
    READY_FOR_QUERY = ord("Z")
    ROW_DESCRIPTION = ord("T")


class Authentication(IntEnum):
    """The codes of the Authentication family that govproxy speaks on either side."""

    OK = 0
    CLEARTEXT_PASSWORD = 3
    MD5_PASSWORD = 5
    SASL = 10
    SASL_CONTINUE = 11
    SASL_FINAL = 12


class TransactionStatus(IntEnum):
    """What ReadyForQuery says."""

    IDLE = ord("I")
    IN_TRANSACTION = ord("T")
    FAILED = ord("E")


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthenticationRequest:
    """One message of the Authentication family. ``data`` is a salt or SASL data."""

    code: Authentication
    data: bytes = b""
    mechanisms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendKeyData:
    """The cancel key. Security: the secret never shows in a repr."""

    pid: int
    secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class NegotiateProtocolVersion:
    """The newest minor version the backend speaks, and the options it does not know."""

    minor: int
    unsupported: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RowColumn:
    """One field of RowDescription. ``table_oid`` and ``attnum`` are 0 for an expression."""

    name: str
    table_oid: int = 0
    attnum: int = 0
    type_oid: int = 25
    type_size: int = -1
    type_modifier: int = -1
    format: int = 0


def encode_authentication(code: Authentication, data: bytes = b"") -> bytes:
    """Any message of the Authentication family."""
    return encode_message(Backend.AUTHENTICATION, int(code).to_bytes(4, "big") + data)


def encode_authentication_sasl(mechanisms: Sequence[str]) -> bytes:
    """AuthenticationSASL: the offered mechanisms, best first."""
    return encode_authentication(
        Authentication.SASL, b"".join(encode_cstring(mechanism) for mechanism in mechanisms) + b"\0"
    )


def decode_authentication(body: bytes) -> AuthenticationRequest:
    """Any known message of the Authentication family; an unknown code is a ``ProtocolViolation``."""
    reader = Reader(body)
    code = reader.int32()
    if code not in tuple(Authentication):
        raise ProtocolViolation(f"authentication method {code} is not supported")
    kind = Authentication(code)
    data = b""
    mechanisms: list[str] = []
    match kind:
        case Authentication.OK | Authentication.CLEARTEXT_PASSWORD:
            pass
        case Authentication.MD5_PASSWORD:
            data = reader.take(4)
        case Authentication.SASL:
            while name := reader.text():
                mechanisms.append(name)
        case Authentication.SASL_CONTINUE | Authentication.SASL_FINAL:
            data = reader.rest()
        case _:
            raise ProtocolViolation(f"authentication method {code} is not supported")
    reader.finish()
    return AuthenticationRequest(code=kind, data=data, mechanisms=tuple(mechanisms))


def encode_backend_key_data(pid: int, secret: bytes) -> bytes:
    """BackendKeyData; four bytes of secret up to protocol 3.1, up to 256 from 3.2 on."""
    return encode_message(Backend.BACKEND_KEY_DATA, pid.to_bytes(4, "big", signed=True) + secret)


def decode_backend_key_data(body: bytes) -> BackendKeyData:
    """BackendKeyData of either length."""
    reader = Reader(body)
    pid, secret = reader.int32(), reader.rest()
    if not 4 <= len(secret) <= MAX_SECRET_BYTES:
        raise ProtocolViolation("a cancel secret has an impossible length")
    return BackendKeyData(pid=pid, secret=secret)


def encode_negotiate_protocol_version(minor: int, unsupported: Sequence[str]) -> bytes:
    """NegotiateProtocolVersion. The version field is the full number, 3.minor."""
    body = (3 << 16 | minor).to_bytes(4, "big") + len(unsupported).to_bytes(4, "big")
    return encode_message(
        Backend.NEGOTIATE_PROTOCOL_VERSION, body + b"".join(encode_cstring(name) for name in unsupported)
    )


def decode_negotiate_protocol_version(body: bytes) -> NegotiateProtocolVersion:
    """NegotiateProtocolVersion. Old servers send the bare minor number."""
    reader = Reader(body)
    version, count = reader.int32(), reader.int32()
    if count < 0:
        raise ProtocolViolation("NegotiateProtocolVersion counts below zero")
    names = []
    for _ in range(count):
        names.append(reader.text())
    reader.finish()
    return NegotiateProtocolVersion(minor=version & 0xFFFF, unsupported=tuple(names))


def encode_parameter_status(name: str, value: str | bytes) -> bytes:
    """ParameterStatus."""
    return encode_message(Backend.PARAMETER_STATUS, encode_cstring(name) + encode_cstring(value))


def decode_parameter_status(body: bytes) -> tuple[str, bytes]:
    """Name and raw value of ParameterStatus; the value is in the client's encoding."""
    reader = Reader(body)
    name, value = reader.text(), reader.cstring()
    reader.finish()
    return name, value


def ready_for_query(status: TransactionStatus = TransactionStatus.IDLE) -> bytes:
    """ReadyForQuery."""
    return encode_message(Backend.READY_FOR_QUERY, bytes((status,)))


def decode_ready_for_query(body: bytes) -> TransactionStatus:
    """The transaction status; an unknown letter is a ``ProtocolViolation``."""
    if len(body) != 1 or body[0] not in tuple(TransactionStatus):
        raise ProtocolViolation("ReadyForQuery with an unknown transaction status")
    return TransactionStatus(body[0])


def encode_row_description(columns: Sequence[RowColumn]) -> bytes:
    """RowDescription."""
    body = bytearray(len(columns).to_bytes(2, "big"))
    for column in columns:
        body += encode_cstring(column.name)
        body += column.table_oid.to_bytes(4, "big") + column.attnum.to_bytes(2, "big", signed=True)
        body += column.type_oid.to_bytes(4, "big") + column.type_size.to_bytes(2, "big", signed=True)
        body += column.type_modifier.to_bytes(4, "big", signed=True) + column.format.to_bytes(2, "big")
    return encode_message(Backend.ROW_DESCRIPTION, bytes(body))


def decode_row_description(body: bytes) -> tuple[RowColumn, ...]:
    """RowDescription, names as UTF-8."""
    reader = Reader(body)
    columns = tuple(
        RowColumn(
            name=reader.text(),
            table_oid=reader.uint32(),
            attnum=reader.int16(),
            type_oid=reader.uint32(),
            type_size=reader.int16(),
            type_modifier=reader.int32(),
            format=reader.int16(),
        )
        for _ in range(reader.uint16())
    )
    reader.finish()
    return columns


def encode_data_row(values: Sequence[bytes | None]) -> bytes:
    """DataRow; None is NULL."""
    body = bytearray(len(values).to_bytes(2, "big"))
    for value in values:
        body += b"\xff\xff\xff\xff" if value is None else len(value).to_bytes(4, "big") + value
    return encode_message(Backend.DATA_ROW, bytes(body))


def decode_data_row(body: bytes) -> tuple[bytes | None, ...]:
    """DataRow; None is NULL."""
    reader = Reader(body)
    values: list[bytes | None] = []
    for _ in range(reader.uint16()):
        length = reader.int32()
        values.append(None if length == -1 else reader.take(length))
    reader.finish()
    return tuple(values)


def encode_command_complete(tag: str) -> bytes:
    """CommandComplete."""
    return encode_message(Backend.COMMAND_COMPLETE, encode_cstring(tag))


def decode_command_complete(body: bytes) -> str:
    """The command tag."""
    reader = Reader(body)
    tag = reader.text()
    reader.finish()
    return tag
