"""JSON Web Tokens as proof of identity: verification, and minting for development.

RFC 7519 (JWT), 7517 (JWK), 8693 section 4.1 (``act``), 8725 (best practices). Keys are data here:
fetching and watching JWKS documents is somebody else's work. The clock is an argument. Immutable
settings are picklable, so that they can be published to workers; key objects are made lazily.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jwt

from govproxy.errors import AuthenticationFailed
from govproxy.identity.identity import Identity, Method
from govproxy.identity.keys import VerificationKey

MAX_TOKEN_BYTES = 65_536
MAX_NAME_CHARACTERS = 256
MAX_GROUPS = 1_000
MAX_CANDIDATE_KEYS = 8  # keys tried for a token without kid
CACHE_ENTRIES = 10_000
LEEWAY_S = 30.0

_TOKEN = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")
_RENEW = "Get a new token and connect again."


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimNames:
    """Which claims say what. ``act`` (RFC 8693) is understood besides ``agent``."""

    user: str = "sub"
    groups: str = "groups"
    agent: str = "agent"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenIssuer:
    """One trusted issuer. A token is verified with this issuer's keys or not at all."""

    issuer: str
    audience: str
    keys: tuple[VerificationKey, ...]
    claims: ClaimNames = ClaimNames()
    leeway_s: float = LEEWAY_S


class TokenVerifier:
    """Verifies tokens and remembers the good ones until they expire.

    Security: the algorithm is pinned by the key, never taken from the token's header; there is no
    symmetric key, so neither ``none`` nor ``HS256`` with a public key can ever verify.
    """

    def __init__(
        self, issuers: Sequence[TokenIssuer], *, now: Callable[[], float], cache_entries: int = CACHE_ENTRIES
    ) -> None:
        self._issuers: Mapping[str, TokenIssuer] = {issuer.issuer: issuer for issuer in issuers}
        if len(self._issuers) != len(issuers):
            raise ValueError("two entries for one issuer")
        self._now = now
        self._cache: OrderedDict[bytes, Identity] = OrderedDict()
        self._cache_entries = cache_entries

    def verify(self, token: str) -> Identity:
        """The identity a token proves, or ``AuthenticationFailed`` whose message says why."""
        if len(token) > MAX_TOKEN_BYTES or not _TOKEN.fullmatch(token):
            raise AuthenticationFailed(
                "the password is not a token", hint="Send a JSON Web Token of a configured issuer as the password."
            )
        digest = hashlib.sha256(token.encode("ascii")).digest()
        identity = self._cache.get(digest)
        if identity is None:
            identity = self._verify_new(token)
            self._remember(digest, identity)
        self._check_not_expired(identity)
        return identity

    def _verify_new(self, token: str) -> Identity:
        header, unverified = _read_unverified(token)
        # Safe to read before the signature is checked: it only selects whose keys must fit.
        named = unverified.get("iss")
        issuer = self._issuers.get(named) if isinstance(named, str) else None
        if issuer is None:
            raise AuthenticationFailed("the token's issuer is not configured")
        claims = _verify_signature(token, header, issuer)
        _check_audience(claims, issuer)
        expires_at = _check_times(claims, now=self._now(), leeway_s=issuer.leeway_s)
        return _identity_of(claims, issuer, expires_at)

    def _remember(self, digest: bytes, identity: Identity) -> None:
        self._cache[digest] = identity
        if len(self._cache) > self._cache_entries:
            self._cache.popitem(last=False)

    def _check_not_expired(self, identity: Identity) -> None:
        issuer = self._issuers[identity.issuer or ""]
        if identity.expires_at is None or self._now() >= identity.expires_at + issuer.leeway_s:
            raise AuthenticationFailed("the token has expired", hint=_RENEW)


def _read_unverified(token: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    try:
        decoded = jwt.api_jwt.decode_complete(token, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise AuthenticationFailed("the token cannot be read") from None
    return decoded["header"], decoded["payload"]


def _verify_signature(token: str, header: Mapping[str, Any], issuer: TokenIssuer) -> Mapping[str, Any]:
    kid = header.get("kid")
    algorithm = header.get("alg")
    if kid is not None:
        candidates = [key for key in issuer.keys if key.kid == kid]
    else:
        candidates = list(issuer.keys[:MAX_CANDIDATE_KEYS])
    if not candidates:
        raise AuthenticationFailed("the token is signed with a key its issuer does not publish", hint=_RENEW)
    fitting = [key for key in candidates if algorithm in key.algorithms]
    if not fitting:
        raise AuthenticationFailed("the token's algorithm is not allowed for its key")
    for key in fitting:
        try:
            claims: Mapping[str, Any] = jwt.decode(
                token,
                key=key.public_key(),
                algorithms=list(key.algorithms),
                issuer=issuer.issuer,
                # Times and audience are checked below, against our clock and more strictly.
                options={
                    "require": ["iss", "aud", "exp"],
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                    "verify_aud": False,
                    "verify_sub": False,
                    "verify_jti": False,
                },
            )
        except jwt.InvalidSignatureError:
            continue
        except jwt.MissingRequiredClaimError as error:
            raise AuthenticationFailed(f'the token lacks the claim "{error.claim}"') from None
        except (jwt.PyJWTError, ValueError, RecursionError):
            raise AuthenticationFailed("the token cannot be verified") from None
        return claims
    raise AuthenticationFailed("the token's signature does not verify")


def _check_audience(claims: Mapping[str, Any], issuer: TokenIssuer) -> None:
    audience = claims["aud"]
    named = [audience] if isinstance(audience, str) else audience
    if not isinstance(named, list) or issuer.audience not in named:
        raise AuthenticationFailed("the token is meant for another audience")


def _check_times(claims: Mapping[str, Any], *, now: float, leeway_s: float) -> float:
    expires_at = _time_claim(claims, "exp")
    if expires_at is None or now >= expires_at + leeway_s:
        raise AuthenticationFailed("the token has expired", hint=_RENEW)
    not_before = _time_claim(claims, "nbf")
    if not_before is not None and now < not_before - leeway_s:
        raise AuthenticationFailed("the token is not valid yet", hint="Check the clocks of issuer and proxy.")
    issued_at = _time_claim(claims, "iat")
    if issued_at is not None and now < issued_at - leeway_s:
        raise AuthenticationFailed("the token is from the future", hint="Check the clocks of issuer and proxy.")
    return expires_at


def _time_claim(claims: Mapping[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    # An int of hundreds of digits does not fit a float; NaN would compare false with everything.
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e15 or math.isnan(value):
        raise AuthenticationFailed(f'the token\'s claim "{name}" is not a time')
    return float(value)


def _identity_of(claims: Mapping[str, Any], issuer: TokenIssuer, expires_at: float) -> Identity:
    names = issuer.claims
    user = _name_claim(claims.get(names.user), names.user)
    # Security: an address nobody has confirmed is whatever its owner typed in.
    if names.user == "email" and claims.get("email_verified") in (False, "false"):
        raise AuthenticationFailed("the token's email address is not verified")
    agent = _agent_of(claims, names)
    return Identity(
        user=user,
        groups=_groups_claim(claims.get(names.groups), names.groups),
        agent=agent,
        on_behalf_of=user if agent is not None else None,
        method=Method.TOKEN,
        issuer=issuer.issuer,
        expires_at=expires_at,
    )


def _agent_of(claims: Mapping[str, Any], names: ClaimNames) -> str | None:
    """The acting party: ``act.sub`` (its outermost level is the current actor), else the agent claim."""
    actor = claims.get("act")
    named = claims.get(names.agent)
    if actor is None:
        return None if named is None else _name_claim(named, names.agent)
    if not isinstance(actor, dict):
        raise AuthenticationFailed('the token\'s claim "act" is not an object')
    agent = _name_claim(actor.get("sub"), "act.sub")
    if named is not None and _name_claim(named, names.agent) != agent:
        raise AuthenticationFailed(f'the token\'s claims "act" and "{names.agent}" name different agents')
    return agent


def _name_claim(value: Any, name: str) -> str:
    if not isinstance(value, str) or not value or len(value) > MAX_NAME_CHARACTERS or not value.isprintable():
        raise AuthenticationFailed(f'the token\'s claim "{name}" is not a usable name')
    return value


def _groups_claim(value: Any, name: str) -> frozenset[str]:
    if value is None:
        return frozenset()
    named = [value] if isinstance(value, str) else value
    if not isinstance(named, list) or len(named) > MAX_GROUPS:
        raise AuthenticationFailed(f'the token\'s claim "{name}" is not a list of names')
    return frozenset(_name_claim(group, name) for group in named)
