"""Invariants of the login machine and of the codecs under it, for any bytes in any pieces."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from govproxy.errors import GovproxyError
from govproxy.session.login import Action, Cancel, Established, Phase, Refuse, Send, StartTls
from govproxy.wire import frontend, sasl
from govproxy.wire.startup import encode_cancel_request, encode_gssenc_request, encode_ssl_request, parse_options
from tests.support.logins import GOOD_TOKEN, new_login, scram, startup

PIECES = st.sampled_from(
    [
        encode_ssl_request(),
        encode_gssenc_request(),
        encode_cancel_request(1, b"abcd"),
        startup(),
        startup("app"),
        startup("app", minor=9, **{"_pq_.x": "y"}),
        startup(database="nope"),
        startup(options="-c search_path=x --role=y"),
        frontend.encode_password(GOOD_TOKEN),
        frontend.encode_password("bad"),
        frontend.encode_sasl_initial(sasl.SCRAM, b"n,,n=,r=abc"),
        frontend.encode_sasl_response(b"c=biws,r=abcserver-nonce,p=AAAA"),
        frontend.encode_query("select 1"),
        b"\x16\x03\x01",
        b"\0\0\0\x08",
        b"p\0\0\0\x08",
    ]
)
STREAMS = st.one_of(
    st.binary(max_size=300),
    st.lists(PIECES, max_size=5).map(b"".join),
    st.lists(st.one_of(PIECES, st.binary(max_size=20)), max_size=6).map(b"".join),
)


def outcome(actions: list[Action]) -> tuple[bytes, object]:
    """What a client sees: all bytes sent, and how it ended."""
    sent = b"".join(action.data for action in actions if isinstance(action, Send))
    match actions[-1:]:
        case [Refuse(error)]:
            return sent, (type(error), error.message)
        case [StartTls(reply, _)]:
            return sent + reply, StartTls
        case [Established() as done]:
            return sent, (done.startup, done.identity, done.greeting)
        case [Cancel(request)]:
            return sent, request
        case _:
            return sent, None


@settings(max_examples=400)
@given(stream=STREAMS, tokens=st.booleans(), required=st.booleans(), cuts=st.lists(st.integers(0, 300), max_size=8))
def test_cutting_the_stream_anywhere_changes_nothing(
    stream: bytes, tokens: bool, required: bool, cuts: list[int]
) -> None:
    whole = new_login(tokens=tokens, required=required)
    expected = whole.feed(stream)
    edges = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    for positions in (edges, list(range(len(stream) + 1))):
        login = new_login(tokens=tokens, required=required)
        actions = [action for start, end in pairwise(positions) for action in login.feed(stream[start:end])]
        assert outcome(actions) == outcome(expected)
        assert login.phase is whole.phase


@given(user=st.sampled_from(["app", "nobody"]), password=st.sampled_from(["pencil", "wrong"]))
def test_scram_byte_by_byte(user: str, password: str) -> None:
    whole, pieces = new_login(tokens=False), new_login(tokens=False)

    def feed(data: bytes) -> list[Action]:
        return [action for position in range(len(data)) for action in pieces.feed(data[position : position + 1])]

    expected = scram(whole, user=user, password=password, feed=whole.feed)
    assert outcome(scram(pieces, user=user, password=password, feed=feed)) == outcome(expected)


@settings(max_examples=400)
@given(streams=st.lists(STREAMS, max_size=4), tls=st.booleans())
def test_any_bytes_end_in_actions_never_in_an_exception(streams: list[bytes], tls: bool) -> None:
    login = new_login(tls=tls)
    actions: list[Action] = []
    for stream in streams:
        actions += login.feed(stream)
        if login.phase in (Phase.HANDSHAKE, Phase.DIRECT_HANDSHAKE):
            actions += login.feed_tls_established(alpn="postgresql", binding=b"hash")
    final = [action for action in actions if isinstance(action, Refuse | Established | Cancel)]
    assert len(final) <= 1
    assert not final or actions[-1] is final[0]
    assert bool(final) == (login.phase is Phase.DONE)


@given(text=st.text(max_size=200))
def test_options_give_settings_or_an_error(text: str) -> None:
    try:
        parsed = parse_options(text)
    except GovproxyError:
        return
    assert all(name and "=" not in name for name, _ in parsed)


@given(
    wanted=st.lists(
        st.tuples(
            st.from_regex(r"[a-z_]{1,10}", fullmatch=True),
            st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20),
        ),
        max_size=5,
    )
)
def test_options_written_as_libpq_users_write_them_come_back(wanted: list[tuple[str, str]]) -> None:
    def escape(text: str) -> str:
        return "".join("\\" + character if character in " \t\n\r\v\f\\" else character for character in text)

    text = " ".join(f"-c {name}={escape(value)}" for name, value in wanted)
    assert parse_options(text) == wanted
