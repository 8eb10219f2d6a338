"""The packets before any typed message."""

from __future__ import annotations

import pytest

from govproxy.errors import ProtocolViolation
from govproxy.wire.startup import (
    MAX_STARTUP_BYTES,
    CancelRequest,
    GSSENCRequest,
    SSLRequest,
    StartupMessage,
    decode_startup,
    encode_cancel_request,
    encode_gssenc_request,
    encode_ssl_request,
    encode_startup_message,
    parse_options,
    startup_size,
)


def packet(code: int, body: bytes = b"", *, length: int | None = None) -> bytes:
    return (len(body) + 8 if length is None else length).to_bytes(4, "big") + code.to_bytes(4, "big") + body


def test_requests_survive_the_round_trip() -> None:
    assert decode_startup(encode_ssl_request()) == SSLRequest()
    assert decode_startup(encode_gssenc_request()) == GSSENCRequest()
    long_secret = bytes(range(32))
    assert decode_startup(encode_cancel_request(7, b"abcd")) == CancelRequest(pid=7, secret=b"abcd")
    assert decode_startup(encode_cancel_request(-7, long_secret)) == CancelRequest(pid=-7, secret=long_secret)
    parameters = (("user", "ana"), ("database", "shöp"), ("options", ""))
    assert decode_startup(encode_startup_message(parameters)) == StartupMessage(minor=0, parameters=parameters)


@pytest.mark.parametrize(("asked", "agreed"), [(0, 0), (1, 1), (2, 2), (3, 2), (9999, 2)])
def test_the_newest_common_minor_version_is_agreed(asked: int, agreed: int) -> None:
    message = decode_startup(encode_startup_message((("user", "u"), ("_pq_.x", "1")), minor=asked))
    assert isinstance(message, StartupMessage)
    assert (message.minor, message.agreed_minor, message.protocol_options) == (asked, agreed, ("_pq_.x",))


@pytest.mark.parametrize(
    "length", [0, 3, 4, 7, MAX_STARTUP_BYTES + 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFF8], ids=hex
)
def test_a_length_that_lies_is_refused_before_anything_is_waited_for(length: int) -> None:
    with pytest.raises(ProtocolViolation):
        startup_size(length.to_bytes(4, "big"))


def test_the_size_is_known_from_four_bytes() -> None:
    assert startup_size(b"\0\0\0") is None
    assert startup_size(b"\0\0\0\x08") == 8


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (packet(2 << 16, b"user\0ana\0\0"), "protocol 2"),
        (packet(4 << 16, b"user\0ana\0\0"), "protocol 4"),
        (packet(80877103, b"x"), "SSLRequest with a body"),
        (packet(80877104, b"x"), "GSSENCRequest with a body"),
        (packet(80877102, b"\0\0\0\1abc"), "cancel secret of three bytes"),
        (packet(80877102, b"\0\0\0\1" + bytes(257)), "cancel secret of 257 bytes"),
        (packet(80877102), "cancel without anything"),
        (packet(3 << 16), "no terminator"),
        (packet(3 << 16, b"user\0ana\0"), "no final terminator"),
        (packet(3 << 16, b"user\0ana"), "value without end"),
        (packet(3 << 16, b"user\0\0"), "value is the terminator"),
        (packet(3 << 16, b"user\0ana\0\0x"), "bytes after the terminator"),
        (packet(3 << 16, b"user\0ana\0user\0eve\0\0"), "a name twice"),
        (packet(3 << 16, b"user\0ana\0USER\0eve\0\0"), "a name twice in another case"),
        (packet(3 << 16, b"user\0\xff\xfe\0\0"), "not UTF-8"),
        (packet(3 << 16, b"user\0ana\0\0", length=9), "length too small"),
        (packet(3 << 16, b"user\0ana\0\0", length=100), "length too large"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_malformed_packets_are_refused(wrong: bytes, why: str) -> None:
    with pytest.raises(ProtocolViolation):
        decode_startup(wrong)


def test_a_cancel_secret_shows_in_no_repr() -> None:
    assert "61626364" not in repr(CancelRequest(pid=1, secret=b"abcd"))
    assert "abcd" not in repr(CancelRequest(pid=1, secret=b"abcd"))


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        ("", []),
        ("   \t\n ", []),
        ("-c a=b", [("a", "b")]),
        ("-ca=b", [("a", "b")]),
        ("--a=b", [("a", "b")]),
        ("--search-path=x", [("search_path", "x")]),
        ("-c search-path=x", [("search_path", "x")]),
        ("-c a=b=c", [("a", "b=c")]),
        ("-c a=", [("a", "")]),
        (r"-c a=b\ c", [("a", "b c")]),
        (r"-c a=b\\c", [("a", r"b\c")]),
        (r"-c a=b\-c", [("a", "b-c")]),
        ("  -c a=1   --b=2\t-cc=3 ", [("a", "1"), ("b", "2"), ("c", "3")]),
        ("-c a=b\\", [("a", "b")]),
    ],
)
def test_options_are_split_as_the_server_splits_them(text: str, settings: list[tuple[str, str]]) -> None:
    assert parse_options(text) == settings


@pytest.mark.parametrize(
    "text", ["-c=", "-c", "-c =", "--=", "--=x", "--", "-", "-c a", "--a", "-d 5", "-F", "x", "-c \\", "a=b", "-C a=b"]
)
def test_what_is_not_name_and_value_is_an_error_and_no_loop(text: str) -> None:
    with pytest.raises(ProtocolViolation):
        parse_options(text)


def test_endless_options_are_refused() -> None:
    with pytest.raises(ProtocolViolation):
        parse_options("-c a=b " * 1000)
