"""Tokens: whom they prove, and every way in which they may not."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import pickle
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from govproxy.errors import AuthenticationFailed, ConfigError
from govproxy.identity.identity import Identity, Method
from govproxy.identity.keys import SigningKey, VerificationKey, generate_signing_key, load_signing_key, parse_jwks
from govproxy.identity.minting import mint
from govproxy.identity.tokens import ClaimNames, TokenIssuer, TokenVerifier

NOW = 1_800_000_000.0
ISSUER, AUDIENCE = "https://idp.test", "govproxy"


def pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


KEY = load_signing_key(generate_signing_key())
OTHER = load_signing_key(generate_signing_key())
RSA = load_signing_key(pem(rsa.generate_private_key(65537, 2048)))
EC = load_signing_key(pem(ec.generate_private_key(ec.SECP256R1())))
CLAIMS: dict[str, Any] = {"iss": ISSUER, "aud": AUDIENCE, "sub": "ana", "exp": NOW + 60}


def verifier(*issuers: TokenIssuer, now: Callable[[], float] = lambda: NOW, **more: int) -> TokenVerifier:
    default = TokenIssuer(issuer=ISSUER, audience=AUDIENCE, keys=(KEY.verification,))
    return TokenVerifier(issuers or (default,), now=now, **more)


def sign(key: SigningKey = KEY, *, header: dict[str, Any] | None = None, **changes: Any) -> str:
    claims = {name: value for name, value in (CLAIMS | changes).items() if value is not None}
    return jwt.encode(
        claims, key.private, algorithm=key.algorithm, headers={"kid": key.verification.kid} | (header or {})
    )


def raw(header: dict[str, Any], claims: dict[str, Any], signature: bytes = b"") -> str:
    parts = [json.dumps(header).encode(), json.dumps(claims).encode(), signature]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def refused(token: str, match: str, check: TokenVerifier | None = None) -> None:
    with pytest.raises(AuthenticationFailed, match=match) as caught:
        (check or verifier()).verify(token)
    assert caught.value.sqlstate == "28P01"
    assert token[:40] not in f"{caught.value.message}{caught.value.detail}{caught.value.hint}"


@pytest.mark.parametrize("key", [KEY, RSA, EC], ids=["ed25519", "rsa", "p-256"])
def test_a_good_token_proves_an_identity(key: SigningKey) -> None:
    check = verifier(TokenIssuer(issuer=ISSUER, audience=AUDIENCE, keys=(key.verification,)))
    assert check.verify(sign(key, groups=["a", "b", "a"], nbf=NOW - 5, iat=NOW)) == Identity(
        user="ana", groups=frozenset({"a", "b"}), method=Method.TOKEN, issuer=ISSUER, expires_at=NOW + 60
    )


def test_the_audience_may_be_one_of_several() -> None:
    assert verifier().verify(sign(aud=["other", AUDIENCE])).user == "ana"


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"exp": NOW - 31}, "expired"),
        ({"exp": None}, '"exp"'),
        ({"exp": "tomorrow"}, '"exp"'),
        ({"exp": True}, '"exp"'),
        ({"exp": -1}, '"exp"'),
        ({"exp": 10**400}, '"exp"'),
        ({"nbf": NOW + 31}, "not valid yet"),
        ({"nbf": "x"}, '"nbf"'),
        ({"iat": NOW + 31}, "future"),
        ({"aud": "somebody-else"}, "audience"),
        ({"aud": ["somebody-else"]}, "audience"),
        ({"aud": None}, '"aud"'),
        ({"aud": {"govproxy": 1}}, "audience"),
        ({"iss": "https://evil.test"}, "issuer"),
        ({"iss": None}, "issuer"),
        ({"iss": ISSUER + "/"}, "issuer"),
        ({"sub": None}, '"sub"'),
        ({"sub": ""}, '"sub"'),
        ({"sub": "a\nb"}, '"sub"'),
        ({"sub": "a" * 257}, '"sub"'),
        ({"groups": 5}, '"groups"'),
        ({"groups": [5]}, '"groups"'),
        ({"groups": ["g"] * 1001}, '"groups"'),
        ({"act": "bot"}, '"act"'),
        ({"act": {}}, '"act.sub"'),
        ({"agent": 5}, '"agent"'),
        ({"agent": "a", "act": {"sub": "b"}}, "different agents"),
    ],
)  # fmt: skip
def test_claims_that_do_not_pass(changes: dict[str, Any], match: str) -> None:
    refused(sign(**changes), match)


def test_times_have_a_small_leeway() -> None:
    assert verifier().verify(sign(exp=NOW - 29)).user == "ana"
    assert verifier().verify(sign(nbf=NOW + 29)).user == "ana"


def test_alg_none_is_refused() -> None:
    for algorithm in ("none", "None", "NONE", ""):
        refused(raw({"alg": algorithm, "typ": "JWT"}, CLAIMS), "token")
        refused(raw({"alg": algorithm, "kid": KEY.verification.kid}, CLAIMS, b"x"), "token")


def test_a_public_key_is_no_hmac_secret() -> None:
    """The old trick: HS256 over the public key, which everybody has."""
    for secret in (KEY.verification.pem, RSA.verification.pem):
        header = {"alg": "HS256", "typ": "JWT", "kid": KEY.verification.kid}
        unsigned = raw(header, CLAIMS).rpartition(".")[0]
        token = raw(header, CLAIMS, hmac.digest(secret, unsigned.encode(), hashlib.sha256))
        refused(token, "algorithm")


def test_the_key_of_another_issuer_does_not_fit() -> None:
    two = verifier(
        TokenIssuer(issuer=ISSUER, audience=AUDIENCE, keys=(KEY.verification,)),
        TokenIssuer(issuer="https://other.test", audience=AUDIENCE, keys=(OTHER.verification,)),
    )
    refused(sign(OTHER), "does not publish", two)
    refused(sign(OTHER, header={"kid": KEY.verification.kid}), "signature", two)
    assert two.verify(sign(OTHER, iss="https://other.test")).issuer == "https://other.test"


def test_an_unknown_kid_is_refused_even_with_the_right_key() -> None:
    refused(sign(header={"kid": "nobody"}), "does not publish")


def test_without_kid_the_keys_are_tried() -> None:
    keys = (OTHER.verification, RSA.verification, KEY.verification)
    check = verifier(TokenIssuer(issuer=ISSUER, audience=AUDIENCE, keys=keys))
    token = jwt.encode(CLAIMS, KEY.private, algorithm="EdDSA")
    assert check.verify(token).user == "ana"
    stranger = load_signing_key(generate_signing_key())
    refused(jwt.encode(CLAIMS, stranger.private, algorithm="EdDSA"), "signature", check)


def test_a_key_pinned_to_one_algorithm_takes_no_other() -> None:
    assert RSA.algorithm == "RS256"
    pinned = VerificationKey(pem=RSA.verification.pem, algorithms=("RS256",), kid="k")
    check = verifier(TokenIssuer(issuer=ISSUER, audience=AUDIENCE, keys=(pinned,)))
    token = jwt.encode(CLAIMS, RSA.private, algorithm="PS256", headers={"kid": "k"})
    refused(token, "algorithm", check)


def test_a_changed_token_does_not_verify() -> None:
    header, payload, signature = sign().split(".")
    forged = base64.urlsafe_b64encode(json.dumps(CLAIMS | {"sub": "dba"}).encode()).rstrip(b"=").decode()
    refused(f"{header}.{forged}.{signature}", "signature")
    refused(f"{header}.{payload}.", "signature|verified")


@pytest.mark.parametrize(
    "token", ["", "password", "a.b", "a.b.c.d", "e30.e30.", "a.b.c", "\0", "ü.ü.ü", "a" * 70_000, "e30.W10.AA", "." * 9]
)
def test_what_is_no_token_is_refused(token: str) -> None:
    with pytest.raises(AuthenticationFailed):
        verifier().verify(token)


def test_deeply_nested_json_is_refused() -> None:
    def part(text: str) -> str:
        return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()

    deep = part("[" * 20_000 + "]" * 20_000)
    refused(f"{part('{}')}.{deep}.AAAA", "read")
    refused(f"{deep}.{part('{}')}.AAAA", "read")


def test_agents_name_the_human_behind_them() -> None:
    for claims in ({"act": {"sub": "bot"}}, {"agent": "bot"}, {"agent": "bot", "act": {"sub": "bot"}}):
        identity = verifier().verify(sign(**claims))
        assert (identity.user, identity.agent, identity.on_behalf_of) == ("ana", "bot", "ana")
        assert identity.label == "bot for ana"
    chain = {"act": {"sub": "bot", "act": {"sub": "earlier"}}}
    assert verifier().verify(sign(**chain)).agent == "bot"


def test_claims_are_mapped() -> None:
    names = ClaimNames(user="email", groups="roles", agent="bot")
    check = verifier(TokenIssuer(issuer=ISSUER, audience=AUDIENCE, keys=(KEY.verification,), claims=names))
    identity = check.verify(sign(email="ana@x.test", roles="one", bot="b", groups=["ignored"]))
    assert (identity.user, identity.groups, identity.agent) == ("ana@x.test", {"one"}, "b")
    refused(sign(email="ana@x.test", email_verified=False), "not verified", check)
    refused(sign(), '"email"', check)


def test_verified_tokens_are_remembered_until_they_expire(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [NOW]
    check = verifier(now=lambda: clock[0], cache_entries=2)
    token = sign()
    first = check.verify(token)
    calls: list[object] = []
    monkeypatch.setattr(jwt, "decode", lambda *a, **k: calls.append(a))
    assert check.verify(token) is first
    assert not calls
    clock[0] = NOW + 60 + 31
    refused(token, "expired", check)


def test_the_memory_is_bounded() -> None:
    check = verifier(cache_entries=2)
    for number in range(5):
        check.verify(sign(sub=f"u{number}"))
    assert len(check._cache) == 2


def test_bad_tokens_are_not_remembered() -> None:
    check = verifier()
    refused(sign(aud="x"), "audience", check)
    assert not check._cache


def test_settings_travel_to_workers() -> None:
    issuer = TokenIssuer(issuer=ISSUER, audience=AUDIENCE, keys=(KEY.verification, RSA.verification))
    check = verifier(pickle.loads(pickle.dumps(issuer)))
    assert check.verify(sign(RSA)).user == "ana"


def test_two_entries_for_one_issuer_are_refused() -> None:
    issuer = TokenIssuer(issuer=ISSUER, audience=AUDIENCE, keys=())
    with pytest.raises(ValueError, match="issuer"):
        verifier(issuer, issuer)


# Minting --------------------------------------------------------------------------------------


def minted(**more: Any) -> str:
    return mint(KEY, issuer=ISSUER, audience=AUDIENCE, now=NOW, **more)


@pytest.mark.parametrize(
    ("arguments", "user", "agent"),
    [
        ({"user": "ana"}, "ana", None),
        ({"user": "ana", "agent": "bot"}, "ana", "bot"),
        ({"user": "bot", "on_behalf_of": "ana"}, "ana", "bot"),
        ({"user": "ana", "agent": "bot", "on_behalf_of": "ana"}, "ana", "bot"),
    ],
)
def test_what_is_minted_verifies(arguments: dict[str, Any], user: str, agent: str | None) -> None:
    identity = verifier().verify(minted(groups=["g"], **arguments))
    assert (identity.user, identity.agent, identity.groups) == (user, agent, {"g"})
    assert identity.expires_at == NOW + 3600


@pytest.mark.parametrize(
    "arguments", [{"user": ""}, {"user": "a", "ttl_s": 0}, {"user": "a", "agent": "b", "on_behalf_of": "c"}]
)
def test_senseless_tokens_are_not_minted(arguments: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        minted(**arguments)


# Keys -----------------------------------------------------------------------------------------


def jwk(key: SigningKey, **more: Any) -> dict[str, Any]:
    public = key.verification.public_key()
    match public:
        case rsa.RSAPublicKey():
            made = jwt.algorithms.RSAAlgorithm.to_jwk(public, as_dict=True)
        case ec.EllipticCurvePublicKey():
            made = jwt.algorithms.ECAlgorithm.to_jwk(public, as_dict=True)
        case _:
            made = jwt.algorithms.OKPAlgorithm.to_jwk(public, as_dict=True)
    made.pop("key_ops", None)
    return made | more


def test_a_jwks_document_is_read() -> None:
    document = {
        "keys": [
            jwk(KEY, kid="ed", alg="EdDSA"),
            jwk(RSA, kid="rsa", use="sig"),
            jwk(EC, kid="ec"),
            jwk(RSA, kid="enc", use="enc"),
            jwk(RSA, kid="oaep", alg="RSA-OAEP"),
            {"kty": "oct", "k": "c2VjcmV0", "kid": "shared", "alg": "HS256"},
            {"kty": "OKP", "crv": "X25519", "x": "AAAA", "kid": "x"},
            {"kty": "other"},
            "nonsense",
        ]
    }
    keys = parse_jwks(json.dumps(document))
    assert {key.kid: key.algorithms for key in keys} == {
        "ed": ("EdDSA",),
        "rsa": ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
        "ec": ("ES256",),
    }
    check = verifier(TokenIssuer(issuer=ISSUER, audience=AUDIENCE, keys=keys))
    assert check.verify(sign(EC, header={"kid": "ec"})).user == "ana"


def test_a_private_jwk_gives_only_its_public_half() -> None:
    private = jwt.algorithms.ECAlgorithm.to_jwk(EC.private, as_dict=True) | {"kid": "k", "key_ops": ["sign", "verify"]}
    (key,) = parse_jwks(json.dumps({"keys": [private]}))
    assert key.pem == EC.verification.pem
    assert b"PRIVATE" not in key.pem


@pytest.mark.parametrize(
    "document",
    [
        "", "[]", "{}", '{"keys": 5}', '{"keys": []}', '{"keys": [{"kty": "oct", "k": "AA"}]}', "[" * 100_000,
        '{"keys": [{"kty": "RSA", "n": "AQAB", "e": "!"}]}', '{"keys": [{"kty": "EC", "crv": "P-256", "x": "AA"}]}',
        " " * 2_000_000,
    ],
    ids=range(10),
)  # fmt: skip
def test_unusable_jwks_documents(document: str) -> None:
    with pytest.raises(ConfigError):
        parse_jwks(document)


def test_one_kid_twice_is_refused() -> None:
    with pytest.raises(ConfigError):
        parse_jwks(json.dumps({"keys": [jwk(KEY, kid="k"), jwk(EC, kid="k")]}))


def test_weak_rsa_keys_are_refused() -> None:
    with pytest.raises(ConfigError, match="1024"):
        load_signing_key(pem(rsa.generate_private_key(65537, 1024)))


@pytest.mark.parametrize("text", [b"", b"nonsense", KEY.verification.pem])
def test_what_is_no_private_key(text: bytes) -> None:
    with pytest.raises(ConfigError):
        load_signing_key(text)


def test_the_kid_is_the_thumbprint_of_rfc_7638() -> None:
    """Section 3.1 of the RFC gives this key and this thumbprint."""
    modulus = (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknj"
        "hMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQ"
        "vRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzK"
        "nqDKgw"
    )
    from govproxy.identity.keys import _thumbprint

    key = jwt.PyJWK({"kty": "RSA", "n": modulus, "e": "AQAB"}).key
    assert _thumbprint(key) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


def test_a_signing_key_shows_nothing() -> None:
    assert "PRIVATE" not in repr(KEY)
    assert "object at" not in repr(KEY)
