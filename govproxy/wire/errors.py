"""ErrorResponse and NoticeResponse: the one place that turns an exception into bytes.

Security: what is not a ``GovproxyError`` of the client's or the database's making is our bug or
our operator's, and clients get a constant text for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from govproxy.errors import ConfigError, ConfigErrors, GovproxyError, InternalError, ProtocolViolation
from govproxy.wire.backend import Backend
from govproxy.wire.cursor import Reader
from govproxy.wire.framing import encode_message

PREFIX = "govproxy: "
INTERNAL_MESSAGE = "internal error; the statement or connection was refused"
INTERNAL_SQLSTATE = "XX000"
MAX_FIELD_CHARACTERS = 8_192

Severity = Literal["ERROR", "FATAL"]


def error_response(error: Exception, *, severity: Severity = "ERROR", request_id: str | None = None) -> bytes:
    """ErrorResponse for ``error``: S, V, C, M, and D and H where there is something to say.

    The message begins with ``govproxy: ``; DETAIL carries ``request_id=<id>``, by which the
    ledger's event is found.
    """
    if not isinstance(error, GovproxyError) or isinstance(error, InternalError | ConfigError | ConfigErrors):
        return _encode(Backend.ERROR_RESPONSE, severity, INTERNAL_SQLSTATE, INTERNAL_MESSAGE, None, None, request_id)
    return _encode(
        Backend.ERROR_RESPONSE, severity, error.sqlstate, error.message, error.detail, error.hint, request_id
    )


def notice_response(
    message: str,
    *,
    sqlstate: str = "00000",
    severity: Literal["NOTICE", "WARNING", "INFO"] = "NOTICE",
    detail: str | None = None,
    hint: str | None = None,
    request_id: str | None = None,
) -> bytes:
    """NoticeResponse in the same form."""
    return _encode(Backend.NOTICE_RESPONSE, severity, sqlstate, message, detail, hint, request_id)


def decode_fields(body: bytes) -> Mapping[str, str]:
    """The fields of an ErrorResponse or NoticeResponse by their letter.

    Text in an encoding other than UTF-8 comes with replacement characters: for logs and tests.
    """
    reader = Reader(body)
    fields: dict[str, str] = {}
    while letter := reader.byte():
        fields[chr(letter)] = reader.cstring().decode("utf-8", "replace")
    reader.finish()
    if "C" not in fields or "M" not in fields:
        raise ProtocolViolation("an error or notice without code or message")
    return fields


def _encode(
    kind: Backend,
    severity: str,
    sqlstate: str,
    message: str,
    detail: str | None,
    hint: str | None,
    request_id: str | None,
) -> bytes:
    lines = [detail] if detail else []
    if request_id is not None:
        lines.append(f"request_id={request_id}")
    body = bytearray()
    body += _field("S", severity) + _field("V", severity) + _field("C", sqlstate) + _field("M", PREFIX + message)
    if lines:
        body += _field("D", "\n".join(lines))
    if hint:
        body += _field("H", hint)
    return encode_message(kind, bytes(body) + b"\0")


def _field(letter: str, text: str) -> bytes:
    # An error must always be sendable: what cannot be encoded is replaced, and a NUL would end the field.
    safe = text[:MAX_FIELD_CHARACTERS].replace("\0", "?")
    return letter.encode("ascii") + safe.encode("utf-8", "replace") + b"\0"
