"""ErrorResponse and NoticeResponse: the one place that turns an exception into bytes.

Security: what is not a ``GovproxyError`` of the client's or the database's making is our bug or
our operator's, and clients get a constant text for it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Literal

from govproxy.errors import (
    RETRY,
    ConfigError,
    ConfigErrors,
    GovproxyError,
    InternalError,
    ProtocolViolation,
    Reason,
    Retry,
)
from govproxy.wire.backend import Backend
from govproxy.wire.cursor import Reader
from govproxy.wire.framing import encode_message

PREFIX = "govproxy: "
INTERNAL_MESSAGE = "internal error; the statement or connection was refused"
INTERNAL_SQLSTATE = "XX000"
INTERNAL_HINT = "This is an error of govproxy's own; the operator's log has more under this session."
_BARE = re.compile(r"[\w.:/@+*-]+", re.ASCII)
_PAIR = re.compile(r'(?:^| )([a-z_]+)=("(?:[^"\\]|\\.)*"|[\w.:/@+*-]+)', re.ASCII)
MAX_FIELD_CHARACTERS = 8_192
MAX_VALUE_CHARACTERS = 200  # of DETAIL: cut here, so that a long one cannot cut off what follows

Severity = Literal["ERROR", "FATAL"]


def error_response(error: Exception, *, severity: Severity = "ERROR", request_id: str | None = None) -> bytes:
    """ErrorResponse for ``error``: S, V, C, M, D, and H where there is something to say.

    The message begins with ``govproxy: ``; DETAIL is for programs, in the form of ``encode_detail``, and
    ``request_id`` in it is the id under which the ledger has the event.
    """
    if not isinstance(error, GovproxyError) or isinstance(error, InternalError | ConfigError | ConfigErrors):
        facts = _facts(request_id, Reason.INTERNAL, {}, RETRY[Reason.INTERNAL])
        return _encode(
            Backend.ERROR_RESPONSE, severity, INTERNAL_SQLSTATE, INTERNAL_MESSAGE, encode_detail(facts), INTERNAL_HINT
        )
    facts = _facts(request_id, error.reason, error.facts, error.retry)
    if error.detail:
        facts["note"] = error.detail
    return _encode(Backend.ERROR_RESPONSE, severity, error.sqlstate, error.message, encode_detail(facts), error.hint)


def encode_detail(facts: Mapping[str, str]) -> str:
    """``key=value`` pairs on one line, in order. A value of other than letters, digits and ``_.:/@+*-`` stands in
    double quotes, written as in JSON; empty ones are left out, long ones are cut."""
    cut = {key: value[:MAX_VALUE_CHARACTERS] for key, value in facts.items() if value}
    return " ".join(f"{key}={value if _BARE.fullmatch(value) else json.dumps(value)}" for key, value in cut.items())


def decode_detail(text: str) -> dict[str, str]:
    """What ``encode_detail`` wrote. Raises ValueError for anything else."""
    found: dict[str, str] = {}
    position = 0
    while position < len(text):
        pair = _PAIR.match(text, position)
        if pair is None:
            raise ValueError(f"not key=value at character {position}")
        found[pair[1]] = json.loads(pair[2]) if pair[2].startswith('"') else pair[2]
        position = pair.end()
    return found


def _facts(request_id: str | None, reason: Reason, facts: Mapping[str, str], retry: Retry) -> dict[str, str]:
    return {"request_id": request_id or "", "reason": reason.value, **facts, "retry": retry.value}


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
    lines = [detail] if detail else []
    if request_id is not None:
        lines.append(encode_detail({"request_id": request_id}))
    return _encode(Backend.NOTICE_RESPONSE, severity, sqlstate, message, "\n".join(lines), hint)


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
) -> bytes:
    body = bytearray()
    body += _field("S", severity) + _field("V", severity) + _field("C", sqlstate) + _field("M", PREFIX + message)
    if detail:
        body += _field("D", detail)
    if hint:
        body += _field("H", hint)
    return encode_message(kind, bytes(body) + b"\0")


def _field(letter: str, text: str) -> bytes:
    # An error must always be sendable: what cannot be encoded is replaced, and a NUL would end the field.
    safe = text[:MAX_FIELD_CHARACTERS].replace("\0", "?")
    return letter.encode("ascii") + safe.encode("utf-8", "replace") + b"\0"
