"""The login machine: the roads through it, and every way off them."""

from __future__ import annotations

import pytest

from govproxy.errors import GovproxyError, TooManyConnections
from govproxy.session.login import (
    TRANSITIONS,
    Action,
    Cancel,
    Established,
    Incoming,
    Login,
    Phase,
    Refuse,
    Send,
    StartTls,
)
from govproxy.wire import backend, frontend, sasl
from govproxy.wire.backend import Authentication, Backend
from govproxy.wire.framing import iterate_messages
from govproxy.wire.startup import (
    CancelRequest,
    encode_cancel_request,
    encode_gssenc_request,
    encode_ssl_request,
)
from tests.support.logins import ANA, GOOD_TOKEN, REMOTE, new_login, scram, startup

SSL, GSS = encode_ssl_request(), encode_gssenc_request()
OK = backend.encode_authentication(Authentication.OK)
ASK_TOKEN = backend.encode_authentication(Authentication.CLEARTEXT_PASSWORD)


def refusal(actions: list[Action]) -> GovproxyError:
    assert isinstance(actions[-1], Refuse), actions
    assert not [action for action in actions if isinstance(action, Established | Cancel)]
    return actions[-1].error


def established(actions: list[Action]) -> Established:
    (*_, last) = actions
    assert isinstance(last, Established), actions
    return last


def test_a_token_login() -> None:
    login = new_login()
    assert login.feed(startup(application_name="psql")) == [Send(ASK_TOKEN)]
    done = established(login.feed(frontend.encode_password(GOOD_TOKEN)))
    assert (done.identity, done.startup.application, done.tls) == (ANA, "psql", False)
    assert (done.greeting, done.remaining) == (OK, b"")
    assert login.phase is Phase.DONE


def test_a_scram_login() -> None:
    login = new_login()
    done = established(scram(login, feed=login.feed))
    assert done.identity.user == "app"
    kinds = [backend.decode_authentication(message.body).code for message in iterate_messages(done.greeting)]
    assert kinds == [Authentication.SASL_FINAL, Authentication.OK]


def test_bytes_after_the_login_are_kept() -> None:
    login = new_login()
    query = frontend.encode_query("select 1")
    done = established(login.feed(startup() + frontend.encode_password(GOOD_TOKEN) + query))
    assert done.remaining == query
    assert login.feed(b"more") == []


@pytest.mark.parametrize("user", ["app", "nobody"])
def test_a_wrong_password_and_an_unknown_user_look_alike(user: str) -> None:
    for _ in range(2):
        login = new_login(tokens=False)
        actions = scram(login, user=user, password="wrong", feed=login.feed)
        error = refusal(actions)
        assert (error.sqlstate, error.message, error.hint) == ("28P01", "password authentication failed", None)
        assert [type(action) for action in actions] == [Send, Send, Refuse]
        challenge = actions[1]
        assert isinstance(challenge, Send)
        assert len(challenge.data) == len(b"R....____r=client-nonceserver-nonce,s=,i=4096") + 24


def test_an_unknown_user_meets_the_same_salt_every_time() -> None:
    def salt(user: str) -> bytes:
        login = new_login(tokens=False)
        actions = scram(login, user=user, password="wrong", feed=login.feed)
        assert isinstance(actions[1], Send)
        return actions[1].data

    assert salt("nobody") == salt("nobody") != salt("somebody")


@pytest.mark.parametrize("token", ["", "bad", GOOD_TOKEN + " "])
def test_bad_tokens(token: str) -> None:
    login = new_login()
    login.feed(startup())
    assert refusal(login.feed(frontend.encode_password(token))).sqlstate == "28P01"


def test_an_unknown_database_is_told_only_to_those_who_are_known() -> None:
    login = new_login()
    assert login.feed(startup(database="nope")) == [Send(ASK_TOKEN)]
    assert refusal(login.feed(frontend.encode_password("bad"))).sqlstate == "28P01"
    login = new_login()
    login.feed(startup(database="nope"))
    assert refusal(login.feed(frontend.encode_password(GOOD_TOKEN))).sqlstate == "3D000"


# Encryption -----------------------------------------------------------------------------------


@pytest.mark.parametrize("requests", [[SSL], [GSS], [SSL, GSS], [GSS, SSL]], ids=str)
def test_encryption_is_declined_once_each(requests: list[bytes]) -> None:
    login = new_login()
    for request in requests:
        assert login.feed(request) == [Send(b"N")]
    assert login.feed(startup()) == [Send(ASK_TOKEN)]


@pytest.mark.parametrize("requests", [[SSL, SSL], [GSS, GSS], [SSL, GSS, SSL], [GSS, SSL, GSS]], ids=str)
def test_encryption_is_not_asked_for_twice(requests: list[bytes]) -> None:
    login = new_login()
    for request in requests[:-1]:
        login.feed(request)
    assert refusal(login.feed(requests[-1])).sqlstate == "08P01"


def test_tls_by_ssl_request() -> None:
    login = new_login(tls=True, required=True, facts=REMOTE)
    assert login.feed(GSS) == [Send(b"N")]
    assert login.feed(SSL) == [StartTls(b"S", b"")]
    assert login.phase is Phase.HANDSHAKE
    assert login.feed_tls_established(alpn=None, binding=None) == []
    assert login.feed(startup()) == [Send(ASK_TOKEN)]
    assert established(login.feed(frontend.encode_password(GOOD_TOKEN))).tls


def test_direct_tls() -> None:
    login = new_login(tls=True, required=True, facts=REMOTE)
    assert login.feed(b"\x16\x03\x01hello") == [StartTls(b"", b"\x16\x03\x01hello")]
    assert login.feed_tls_established(alpn="postgresql", binding=None) == []
    assert login.feed(startup()) == [Send(ASK_TOKEN)]


@pytest.mark.parametrize(("first", "alpn"), [(b"\x16", None), (b"\x16", "h2"), (SSL, "h2"), (SSL, "")])
def test_another_protocols_tls_is_refused(first: bytes, alpn: str | None) -> None:
    login = new_login(tls=True)
    login.feed(first)
    assert refusal(login.feed_tls_established(alpn=alpn, binding=None)).sqlstate == "08P01"


def test_bytes_stuffed_in_before_tls_are_refused() -> None:
    assert "SSLRequest" in refusal(new_login(tls=True).feed(SSL + startup())).message
    assert refusal(new_login(tls=True).feed(SSL + b"\x16\x03\x01")).sqlstate == "08P01"


@pytest.mark.parametrize("packet", [SSL, GSS, b"\x16\x03\x01\0\0\0\0\0"], ids=["ssl", "gss", "hello"])
def test_inside_tls_nothing_starts_again(packet: bytes) -> None:
    login = new_login(tls=True)
    login.feed(SSL)
    login.feed_tls_established(alpn=None, binding=None)
    assert refusal(login.feed(packet)).sqlstate == "08P01"


def test_direct_tls_without_a_certificate() -> None:
    assert refusal(new_login().feed(b"\x16\x03\x01")).sqlstate == "08P01"


def test_direct_tls_must_be_the_very_first() -> None:
    login = new_login(tls=True)
    login.feed(GSS)
    assert refusal(login.feed(b"\x16\x03\x01\0")).sqlstate == "08P01"


def test_no_tls_where_it_is_required() -> None:
    error = refusal(new_login(tls=True, required=True).feed(startup()))
    assert error.sqlstate == "28000"
    assert "TLS" in error.message
    assert refusal(new_login(tls=True, required=True).feed(startup("app"))).sqlstate == "28000"


def test_no_token_over_an_open_network() -> None:
    assert refusal(new_login(facts=REMOTE).feed(startup())).sqlstate == "28000"


def test_channel_binding_is_offered_and_used() -> None:
    login = new_login(tls=True)
    login.feed(SSL)
    login.feed_tls_established(alpn="postgresql", binding=b"certificate hash")
    (offer,) = login.feed(startup("app"))
    assert isinstance(offer, Send)
    offered = backend.decode_authentication(next(iterate_messages(offer.data)).body).mechanisms
    assert offered == (sasl.SCRAM_PLUS, sasl.SCRAM)
    first = sasl.open_exchange(nonce="n", binding=b"certificate hash", offered=offered)
    (challenge,) = login.feed(frontend.encode_sasl_initial(first.mechanism, first.message))
    assert isinstance(challenge, Send)
    request = backend.decode_authentication(next(iterate_messages(challenge.data)).body)
    final = first.read_challenge(request.data).answer(b"pencil")
    assert established(login.feed(frontend.encode_sasl_response(final.message))).tls


# Versions -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("minor", "options", "answer"),
    [
        (0, {}, None),
        (2, {}, None),
        (3, {}, (2, ())),
        (9999, {"_pq_.grease": "1"}, (2, ("_pq_.grease",))),
        (0, {"_pq_.x": "1"}, (0, ("_pq_.x",))),
    ],
)
def test_versions_are_negotiated(
    minor: int, options: dict[str, str], answer: tuple[int, tuple[str, ...]] | None
) -> None:
    login = new_login()
    (reply,) = login.feed(startup(minor=minor, **options))
    assert isinstance(reply, Send)
    messages = list(iterate_messages(reply.data))
    if answer is None:
        assert [message.kind for message in messages] == [Backend.AUTHENTICATION]
    else:
        assert [message.kind for message in messages] == [Backend.NEGOTIATE_PROTOCOL_VERSION, Backend.AUTHENTICATION]
        negotiated = backend.decode_negotiate_protocol_version(messages[0].body)
        assert (negotiated.minor, negotiated.unsupported) == answer
    assert login.startup is not None
    assert login.startup.minor == min(minor, 2)


# Cancel ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("secret", [b"abcd", bytes(32)])
def test_a_cancel_request_ends_the_login(secret: bytes) -> None:
    for before in (b"", GSS, SSL):
        login = new_login(required=True)
        actions = login.feed(before + encode_cancel_request(9, secret))
        assert actions[-1] == Cancel(CancelRequest(pid=9, secret=secret))
        assert login.feed(startup()) == []


def test_those_who_are_turned_away_hear_it_after_tls_and_may_still_cancel() -> None:
    full = TooManyConnections("full")

    def login() -> Login:
        rules = new_login(tls=True)._rules
        return Login(rules, REMOTE, nonce=str, turn_away=full)

    turned_away = login()
    assert turned_away.feed(SSL) == [StartTls(b"S", b"")]
    assert turned_away.feed_tls_established(alpn=None, binding=None) == []
    assert turned_away.feed(startup()) == [Refuse(full)]
    assert isinstance(login().feed(encode_cancel_request(1, b"abcd"))[0], Cancel)


# Off the road ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "packet",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\0\0\0\0",
        b"\xff\xff\xff\xff",
        b"\0\0\0\x08\0\2\0\0",
        b"\0\0\0\x08\0\3\0\0",
        b"\x80\x2e\x01\x03",
        b"SSH-2.0-x\r\n",
        b"Q\0\0\0\4",
    ],
)
def test_garbage_is_refused(packet: bytes) -> None:
    assert refusal(new_login().feed(packet)).sqlstate == "08P01"
    assert refusal(new_login(tls=True).feed(packet)).sqlstate == "08P01"


def in_phase(phase: Phase) -> Login:
    match phase:
        case Phase.TOKEN:
            login = new_login()
            login.feed(startup())
        case Phase.SASL_INITIAL:
            login = new_login()
            login.feed(startup("app"))
        case Phase.SASL_FINAL:
            login = in_phase(Phase.SASL_INITIAL)
            login.feed(frontend.encode_sasl_initial(sasl.SCRAM, b"n,,n=,r=abc"))
        case _:
            raise AssertionError(phase)
    assert login.phase is phase
    return login


@pytest.mark.parametrize("phase", [Phase.TOKEN, Phase.SASL_INITIAL, Phase.SASL_FINAL])
@pytest.mark.parametrize(
    "packet",
    [
        startup(),
        startup("app"),
        startup("dba"),
        SSL,
        GSS,
        encode_cancel_request(1, b"abcd"),
        frontend.encode_query("select 1"),
        frontend.encode_terminate(),
        frontend.encode_sync(),
        frontend.encode_parse("select 1"),
        b"\x16\x03\x01",
        b"\0",
        b"p\0\0\0\3",
        b"p\xff\xff\xff\xff",
        b"p\x7f\xff\xff\xff",
        b"p\0\2\0\0",
        b"p\0\0\0\4",
    ],
)
def test_nothing_but_a_password_message_during_authentication(phase: Phase, packet: bytes) -> None:
    """Above all not a second StartupMessage, by which another poolers' clients became somebody else."""
    login = in_phase(phase)
    assert refusal(login.feed(packet)).sqlstate == "08P01"
    assert login.feed(frontend.encode_password(GOOD_TOKEN)) == []


@pytest.mark.parametrize("phase", [Phase.TOKEN, Phase.SASL_INITIAL, Phase.SASL_FINAL])
def test_a_second_startup_message_in_the_same_packet(phase: Phase) -> None:
    login = new_login()
    first = startup("ana" if phase is Phase.TOKEN else "app")
    assert refusal(login.feed(first + startup("dba"))).sqlstate == "08P01"


def test_a_token_of_64_kib_passes_and_a_longer_one_does_not() -> None:
    login = in_phase(Phase.TOKEN)
    assert refusal(login.feed(frontend.encode_password("x" * 65_536))).sqlstate == "28P01"
    login = in_phase(Phase.TOKEN)
    assert refusal(login.feed(frontend.encode_password("x" * 65_600)[:5])).sqlstate == "08P01"


@pytest.mark.parametrize(
    ("mechanism", "data"),
    [("SCRAM-SHA-1", b"n,,n=,r=a"), ("SCRAM-SHA-256-PLUS", b"n,,n=,r=a"), ("", b""), ("OAUTHBEARER", b"n,,")],
)
def test_mechanisms_that_were_not_offered(mechanism: str, data: bytes) -> None:
    login = in_phase(Phase.SASL_INITIAL)
    assert refusal(login.feed(frontend.encode_sasl_initial(mechanism, data))).sqlstate == "08P01"


def test_settings_are_judged_before_anything_is_asked() -> None:
    assert refusal(new_login().feed(startup(options="-c role=dba"))).sqlstate == "42501"
    assert refusal(new_login().feed(startup(client_encoding="SJIS"))).sqlstate == "0A000"
    assert refusal(new_login().feed(startup(replication="true"))).sqlstate == "0A000"
    assert refusal(new_login().feed(startup(options="-c="))).sqlstate == "08P01"


def test_after_a_refusal_nothing_is_read() -> None:
    login = new_login()
    login.feed(b"garbage!")
    assert login.feed(startup()) == []
    assert isinstance(login.feed_tls_established(alpn=None, binding=None)[0], Refuse)


def test_the_table_never_leads_back() -> None:
    """A login only goes forward, so it ends after at most one step per phase."""
    order = list(Phase)
    for (phase, incoming), targets in TRANSITIONS.items():
        assert all(order.index(target) > order.index(phase) for target in targets), (phase, incoming)
    assert not [phase for phase, _ in TRANSITIONS if phase is Phase.DONE]
    assert {incoming for _, incoming in TRANSITIONS} == set(Incoming)
