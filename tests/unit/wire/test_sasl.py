"""SCRAM against itself, against scramp as an independent reference, and against liars."""

from __future__ import annotations

import pytest
from scramp import ScramClient, ScramException, ScramMechanism  # type: ignore[import-untyped]

from govproxy.errors import AuthenticationFailed, GovproxyError, ProtocolViolation
from govproxy.identity.users import ScramVerifier
from govproxy.wire import sasl

VERIFIER = ScramVerifier.from_password("pencil", salt=b"0123456789abcdef")
BINDING = b"hash of the certificate"


def server(first: bytes, *, mechanism: str = sasl.SCRAM, binding: bytes | None = None) -> sasl.ServerChallenge:
    return sasl.challenge(first, keys=VERIFIER, nonce="server-nonce", mechanism=mechanism, binding=binding)


def run(password: bytes, *, binding: bytes | None = None, offered: tuple[str, ...] = (sasl.SCRAM,)) -> str:
    first = sasl.open_exchange(nonce="client-nonce", binding=binding, offered=offered)
    ours = binding if sasl.SCRAM_PLUS in offered else None
    challenge = server(first.message, mechanism=first.mechanism, binding=ours)
    final = first.read_challenge(challenge.message).answer(password)
    final.verify(challenge.verify(final.message))
    return first.mechanism


def test_both_sides_agree() -> None:
    assert run(b"pencil") == "SCRAM-SHA-256"
    assert run(b"pencil", binding=BINDING, offered=(sasl.SCRAM_PLUS, sasl.SCRAM)) == "SCRAM-SHA-256-PLUS"
    assert run(b"pencil", binding=BINDING, offered=(sasl.SCRAM,)) == "SCRAM-SHA-256"


def test_a_wrong_password_is_refused() -> None:
    with pytest.raises(AuthenticationFailed):
        run(b"pen")


def test_rfc_7677_example() -> None:
    """Section 3 of the RFC: every byte as printed there."""
    import base64

    salt = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
    verifier = ScramVerifier.from_password("pencil", salt=salt)
    challenge = sasl.challenge(
        b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
        keys=verifier,
        nonce="%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
        mechanism=sasl.SCRAM,
        binding=None,
    )
    assert challenge.message == (
        b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
    )
    final = (
        b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
    )
    assert challenge.verify(final) == b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="


@pytest.mark.parametrize("plus", [False, True])
def test_scramp_as_the_client(plus: bool) -> None:
    binding = ("tls-server-end-point", BINDING) if plus else None
    client = ScramClient([sasl.SCRAM_PLUS if plus else sasl.SCRAM], "ana", "pencil", channel_binding=binding)
    challenge = server(
        client.get_client_first().encode(),
        mechanism=client.mechanism_name,
        binding=BINDING if plus else None,
    )
    client.set_server_first(challenge.message.decode())
    client.set_server_final(challenge.verify(client.get_client_final().encode()).decode())


def test_scramp_as_the_server() -> None:
    mechanism = ScramMechanism("SCRAM-SHA-256")
    info = mechanism.make_auth_info("pencil")
    other = mechanism.make_server(lambda _: info, s_nonce="abc")
    # scramp refuses the empty user name that PostgreSQL's clients send: give it one and let the
    # rest of the exchange run over the same bytes.
    first = sasl.open_exchange(nonce="client-nonce", binding=None, offered=(sasl.SCRAM,))
    with pytest.raises(ScramException):
        other.set_client_first(first.message.decode())
    named = sasl.ClientFirst(
        mechanism=sasl.SCRAM, message=b"", _bare=b"n=ana,r=client-nonce", _nonce=b"client-nonce", _binding=b"n,,"
    )
    other = mechanism.make_server(lambda _: info)
    other.set_client_first("n,,n=ana,r=client-nonce")
    final = named.read_challenge(other.get_server_first().encode()).answer(b"pencil")
    other.set_client_final(final.message.decode())
    final.verify(other.get_server_final().encode())


@pytest.mark.parametrize(
    ("first", "mechanism", "binding"),
    [
        (b"y,,n=,r=abc", sasl.SCRAM, BINDING),  # somebody took PLUS out of our offer
        (b"n,,n=,r=abc", sasl.SCRAM_PLUS, BINDING),
        (b"p=tls-unique,,n=,r=abc", sasl.SCRAM_PLUS, BINDING),
        (b"p=tls-server-end-point,,n=,r=abc", sasl.SCRAM, None),
        (b"p=tls-server-end-point,,n=,r=abc", sasl.SCRAM_PLUS, None),
        (b"x,,n=,r=abc", sasl.SCRAM, None),
    ],
)
def test_channel_binding_cannot_be_talked_down(first: bytes, mechanism: str, binding: bytes | None) -> None:
    with pytest.raises(AuthenticationFailed):
        server(first, mechanism=mechanism, binding=binding)


def test_a_binding_to_another_certificate_is_refused() -> None:
    first = sasl.open_exchange(nonce="n", binding=b"another", offered=(sasl.SCRAM_PLUS,))
    challenge = server(first.message, mechanism=sasl.SCRAM_PLUS, binding=BINDING)
    final = first.read_challenge(challenge.message).answer(b"pencil")
    with pytest.raises(AuthenticationFailed):
        challenge.verify(final.message)


@pytest.mark.parametrize(
    "first",
    [
        b"", b"n", b"n,,", b"n,,n=", b"n,,r=abc,n=", b"n,,n=,r=", b"n,,n=,r=a b", b"n,,n=,r=\xff", b"n,a=eve,n=,r=abc",
        b"n,,m=x,n=,r=abc", b"n,,n=,r=" + b"a" * 5000,
    ],
)  # fmt: skip
def test_malformed_first_messages(first: bytes) -> None:
    with pytest.raises(ProtocolViolation):
        server(first)


@pytest.mark.parametrize(
    "final",
    [
        b"", b"c=biws", b"c=biws,r=abcserver-nonce", b"c=biws,r=abcserver-nonce,p=", b"c=biws,r=abcserver-nonce,p=!!!",
        b"c=biws,r=abc,p=AAAA", b"c=biws,r=abcserver-nonce,p=AAAA", b"r=abcserver-nonce,c=biws,p=AAAA",
        b"c=bm8=,r=abcserver-nonce,p=AAAA", b"c=biws,r=abcserver-nonce,p=" + b"A" * 5000,
    ],
)  # fmt: skip
def test_malformed_final_messages(final: bytes) -> None:
    with pytest.raises(GovproxyError):
        server(b"n,,n=,r=abc").verify(final)


@pytest.mark.parametrize(
    "answer",
    [
        b"", b"r=client", b"r=client-nonce,s=AAAA,i=4096", b"r=other-nonce-x,s=AAAA,i=4096",
        b"r=client-nonce-x,s=!,i=4096", b"r=client-nonce-x,s=AAAA,i=0", b"r=client-nonce-x,s=AAAA,i=-1",
        b"r=client-nonce-x,s=AAAA,i=99999999", b"r=client-nonce-x,s=AAAA,i=99999999999999999999",
        b"r=client-nonce-x,s=AAAA,i=4e3", b"m=x,r=client-nonce-x,s=AAAA,i=4096", b"e=other-error",
    ],
)  # fmt: skip
def test_a_server_cannot_talk_nonsense(answer: bytes) -> None:
    first = sasl.open_exchange(nonce="client-nonce", binding=None, offered=(sasl.SCRAM,))
    with pytest.raises(ProtocolViolation):
        first.read_challenge(answer)


def test_a_server_that_does_not_know_the_password_is_noticed() -> None:
    first = sasl.open_exchange(nonce="client-nonce", binding=None, offered=(sasl.SCRAM,))
    final = first.read_challenge(b"r=client-nonce-x,s=AAAA,i=4096").answer(b"pencil")
    for lie in (b"v=AAAA", b"", b"v=!", b"e=invalid-proof"):
        with pytest.raises(GovproxyError):
            final.verify(lie)


def test_no_common_mechanism() -> None:
    with pytest.raises(ProtocolViolation):
        sasl.open_exchange(nonce="n", binding=None, offered=(sasl.SCRAM_PLUS, "OAUTHBEARER"))


def test_keys_show_in_no_repr() -> None:
    shown = repr(server(b"n,,n=,r=abc")) + repr(VERIFIER)
    for key in (VERIFIER.stored_key, VERIFIER.server_key, VERIFIER.salt):
        assert repr(key)[2:-1] not in shown
