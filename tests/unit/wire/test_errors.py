"""The one place that turns an exception into ErrorResponse bytes."""

from __future__ import annotations

from pathlib import Path

import pytest

from govproxy.errors import AuthenticationFailed, ConfigError, GovproxyError, InternalError, Reason, StatementDenied
from govproxy.wire.backend import Backend
from govproxy.wire.errors import (
    INTERNAL_MESSAGE,
    decode_detail,
    decode_fields,
    encode_detail,
    error_response,
    notice_response,
)
from govproxy.wire.framing import iterate_messages


def fields_of(data: bytes, kind: Backend = Backend.ERROR_RESPONSE) -> dict[str, str]:
    (message,) = iterate_messages(data)
    assert message.kind == kind
    return dict(decode_fields(message.body))


def test_all_fields() -> None:
    error = StatementDenied("DROP is not allowed", detail="rule no-drop", hint="ask dba")
    assert fields_of(error_response(error, request_id="r-9")) == {
        "S": "ERROR",
        "V": "ERROR",
        "C": "42501",
        "M": "govproxy: DROP is not allowed",
        "D": 'request_id=r-9 reason=denied-by-rule retry=no note="rule no-drop"',
        "H": "ask dba",
    }


def test_absent_fields_are_left_out() -> None:
    assert fields_of(error_response(AuthenticationFailed("no"), severity="FATAL")) == {
        "S": "FATAL",
        "V": "FATAL",
        "C": "28P01",
        "M": "govproxy: no",
        "D": "reason=authentication retry=changed",
    }


@pytest.mark.parametrize(
    "error",
    [
        InternalError("password is hunter2"),
        ValueError("password is hunter2"),
        ConfigError("password is hunter2", file=Path("/etc/x"), hint="hunter2"),
    ],
)
def test_our_own_failures_say_nothing_of_their_cause(error: Exception) -> None:
    data = error_response(error, severity="FATAL", request_id="r-1")
    assert b"hunter2" not in data
    fields = fields_of(data)
    assert (fields["C"], fields["M"]) == ("XX000", f"govproxy: {INTERNAL_MESSAGE}")
    assert fields["D"] == "request_id=r-1 reason=internal retry=no"


@pytest.mark.parametrize(
    "facts",
    [
        {"rule": "no-drop", "object": "public.orders", "action": "drop"},
        {"object": 'a b.c=d "e" \\ \n', "rule": "x"},
        {"object": "Größe.\U0001f600", "rule": "x", "action": "'; DROP"},
    ],
)
def test_detail_is_read_back_as_it_was_written(facts: dict[str, str]) -> None:
    error = StatementDenied("no", facts=facts, reason=Reason.FREEZE)
    text = fields_of(error_response(error, request_id="w0.1"))["D"]
    assert "\n" not in text
    assert text.isascii()
    assert decode_detail(text) == {"request_id": "w0.1", "reason": "freeze", **facts, "retry": "later"}


def test_a_long_name_cuts_off_nothing_else() -> None:
    text = fields_of(error_response(StatementDenied("no", facts={"object": "ü" * 50_000}), request_id="w0.1"))["D"]
    assert decode_detail(text)["retry"] == "no"


@pytest.mark.parametrize("text", ["reason", "reason=", 'a="', "a=b  c=d", "a=b,c=d", "A=b"])
def test_what_is_no_detail_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not key=value"):
        decode_detail(text)


def test_empty_facts_are_left_out() -> None:
    assert encode_detail({"a": "", "b": "c"}) == "b=c"


def test_every_class_has_a_sqlstate_of_five_characters() -> None:
    def tree(cls: type[GovproxyError]) -> list[type[GovproxyError]]:
        return [cls, *(deeper for sub in cls.__subclasses__() for deeper in tree(sub))]

    for cls in tree(GovproxyError):
        assert len(cls.sqlstate) == 5, cls
        assert cls.sqlstate.isalnum(), cls


@pytest.mark.parametrize("text", ["a\0b", "\ud800", "x" * 1_000_000, "ü"])
def test_any_text_can_be_sent(text: str) -> None:
    fields = fields_of(error_response(StatementDenied(text, detail=text, hint=text)))
    assert fields["C"] == "42501"
    assert len(fields["M"]) < 10_000


def test_notice() -> None:
    fields = fields_of(notice_response("waiting", request_id="r"), Backend.NOTICE_RESPONSE)
    assert fields == {"S": "NOTICE", "V": "NOTICE", "C": "00000", "M": "govproxy: waiting", "D": "request_id=r"}
