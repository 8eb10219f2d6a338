"""Frontend and backend messages as values, and the framing around them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from govproxy.errors import ProtocolViolation
from govproxy.wire import backend, frontend
from govproxy.wire.backend import Authentication, Backend, RowColumn, TransactionStatus
from govproxy.wire.framing import Message, MessageBuffer, encode_message, iterate_messages, message_size


def body_of(message: bytes) -> bytes:
    (only,) = iterate_messages(message)
    return only.body


def test_a_message_is_letter_length_body() -> None:
    assert encode_message(ord("Q"), b"x\0") == b"Q\0\0\0\6x\0"
    assert list(iterate_messages(b"S\0\0\0\4Q\0\0\0\6x\0")) == [Message(ord("S"), b""), Message(ord("Q"), b"x\0")]


@pytest.mark.parametrize("length", [0, 1, 3, 101, 0x80000000, 0xFFFFFFFF], ids=hex)
def test_lengths_that_lie_are_refused_from_the_header_alone(length: int) -> None:
    with pytest.raises(ProtocolViolation):
        message_size(b"Q" + length.to_bytes(4, "big"), limit=100)


def test_bytes_that_end_in_a_message_are_refused() -> None:
    with pytest.raises(ProtocolViolation):
        list(iterate_messages(b"Q\0\0\0\6x"))


def test_the_buffer_gives_whole_messages_however_they_are_cut() -> None:
    stream = frontend.encode_query("select 1") + frontend.encode_sync() + b"rest"
    buffer = MessageBuffer(limit=1000)
    seen: list[Message] = []
    for position in range(len(stream)):
        buffer.feed(stream[position : position + 1])
        while position < len(stream) - 4 and (message := buffer.next_message()) is not None:
            seen.append(message)
    assert [message.kind for message in seen] == [frontend.Frontend.QUERY, frontend.Frontend.SYNC]
    assert buffer.take_rest() == b"rest"
    assert buffer.take_rest() == b""


def test_frontend_messages_survive_the_round_trip() -> None:
    assert frontend.decode_password(body_of(frontend.encode_password("pä"))) == "pä"
    assert frontend.decode_query(body_of(frontend.encode_query("select 1"))) == b"select 1"
    parse = frontend.decode_parse(
        body_of(frontend.encode_parse("select $1", name="s", parameter_types=(25, 4294967295)))
    )
    assert parse == frontend.Parse(name="s", text="select $1", parameter_types=(25, 4294967295))
    bind = frontend.encode_bind(
        portal="p", statement="s", values=(b"1", None, b""), parameter_formats=(0, 1, 0), result_formats=(1,)
    )
    assert frontend.decode_bind(body_of(bind)) == frontend.Bind(
        portal="p", statement="s", values=(b"1", None, b""), parameter_formats=(0, 1, 0), result_formats=(1,)
    )
    assert frontend.decode_target(body_of(frontend.encode_describe(frontend.Target.PORTAL, "p"))) == (
        frontend.Target.PORTAL,
        "p",
    )
    assert frontend.decode_execute(body_of(frontend.encode_execute("p", max_rows=5))) == ("p", 5)
    initial = frontend.decode_sasl_initial(body_of(frontend.encode_sasl_initial("SCRAM-SHA-256", b"n,,")))
    assert initial == frontend.SASLInitialResponse(mechanism="SCRAM-SHA-256", data=b"n,,")


def test_sasl_initial_may_have_no_data() -> None:
    assert frontend.decode_sasl_initial(b"X\0\xff\xff\xff\xff").data is None


def test_backend_messages_survive_the_round_trip() -> None:
    key = backend.decode_backend_key_data(body_of(backend.encode_backend_key_data(-5, bytes(32))))
    assert (key.pid, key.secret) == (-5, bytes(32))
    status = backend.decode_parameter_status(body_of(backend.encode_parameter_status("a", b"\xe4")))
    assert status == ("a", b"\xe4")
    columns = (RowColumn(name="a", table_oid=4294967295, attnum=-1, type_oid=25), RowColumn(name="b", format=1))
    assert backend.decode_row_description(body_of(backend.encode_row_description(columns))) == columns
    assert backend.decode_data_row(body_of(backend.encode_data_row((b"x", None, b"")))) == (b"x", None, b"")
    assert backend.decode_command_complete(body_of(backend.encode_command_complete("SELECT 1"))) == "SELECT 1"
    negotiated = backend.decode_negotiate_protocol_version(
        body_of(backend.encode_negotiate_protocol_version(2, ("_pq_.a", "_pq_.b")))
    )
    assert negotiated == backend.NegotiateProtocolVersion(minor=2, unsupported=("_pq_.a", "_pq_.b"))
    for each in TransactionStatus:
        assert backend.decode_ready_for_query(body_of(backend.ready_for_query(each))) is each


@pytest.mark.parametrize(
    ("request_bytes", "expected"),
    [
        (backend.encode_authentication(Authentication.OK), backend.AuthenticationRequest(code=Authentication.OK)),
        (
            backend.encode_authentication(Authentication.MD5_PASSWORD, b"salt"),
            backend.AuthenticationRequest(code=Authentication.MD5_PASSWORD, data=b"salt"),
        ),
        (
            backend.encode_authentication_sasl(("A", "B")),
            backend.AuthenticationRequest(code=Authentication.SASL, mechanisms=("A", "B")),
        ),
        (
            backend.encode_authentication(Authentication.SASL_FINAL, b"v=x"),
            backend.AuthenticationRequest(code=Authentication.SASL_FINAL, data=b"v=x"),
        ),
    ],
)
def test_authentication_requests(request_bytes: bytes, expected: backend.AuthenticationRequest) -> None:
    assert backend.decode_authentication(body_of(request_bytes)) == expected


@pytest.mark.parametrize(
    ("decode", "body"),
    [
        (frontend.decode_password, b"no end"),
        (frontend.decode_password, b"pass\0word\0"),
        (frontend.decode_password, b"\xff\0"),
        (frontend.decode_sasl_initial, b"X\0\xff\xff\xff\xfe"),
        (frontend.decode_sasl_initial, b"X\0\0\0\0\5abc"),
        (frontend.decode_sasl_initial, b"X\0\0\0\0\1abc"),
        (frontend.decode_parse, b"s\0select 1\0\0\2\0\0\0\1"),
        (frontend.decode_bind, b"\0\0\0\0\0\1\0\0\0\x09abc\0\0"),
        (frontend.decode_bind, b"\0\0\0\0\0\1\xff\xff\xff\xfe\0\0"),
        (frontend.decode_target, b"Xname\0"),
        (frontend.decode_execute, b"p\0\0\0"),
        (backend.decode_authentication, b"\0\0\0\7"),
        (backend.decode_authentication, b"\0\0\0\5abc"),
        (backend.decode_authentication, b"\0\0\0\x0aSCRAM\0"),
        (backend.decode_authentication, b"\0\0\0\0x"),
        (backend.decode_backend_key_data, b"\0\0\0\1abc"),
        (backend.decode_backend_key_data, b"\0\0\0\1" + bytes(257)),
        (backend.decode_negotiate_protocol_version, b"\0\3\0\2\x7f\xff\xff\xff"),
        (backend.decode_negotiate_protocol_version, b"\0\3\0\2\xff\xff\xff\xff"),
        (backend.decode_ready_for_query, b"X"),
        (backend.decode_ready_for_query, b""),
        (backend.decode_ready_for_query, b"II"),
        (backend.decode_row_description, b"\xff\xff"),
        (backend.decode_data_row, b"\0\1\x7f\xff\xff\xff"),
    ],
)
def test_malformed_bodies_are_refused(decode: Callable[[bytes], object], body: bytes) -> None:
    with pytest.raises(ProtocolViolation):
        decode(body)


@pytest.mark.parametrize(
    "encode",
    [
        lambda: frontend.encode_query("a\0b"),
        lambda: frontend.encode_password("a\0b"),
        lambda: backend.encode_parameter_status("a", "b\0c"),
    ],
)
def test_a_nul_inside_a_string_is_never_sent(encode: Callable[[], bytes]) -> None:
    with pytest.raises(ProtocolViolation):
        encode()


def test_letters_are_unique_per_direction() -> None:
    assert len({int(letter) for letter in Backend}) == len(Backend.__members__)
    assert len({int(letter) for letter in frontend.Frontend}) == len(frontend.Frontend.__members__)
