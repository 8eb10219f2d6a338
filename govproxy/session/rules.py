"""From settings to what a login accepts: issuers with their keys, users with their verifiers."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import replace

from govproxy.config import settings as config
from govproxy.errors import ConfigError
from govproxy.identity.keys import VerificationKey, load_signing_key, parse_jwks
from govproxy.identity.tokens import ClaimNames, TokenIssuer, TokenVerifier
from govproxy.identity.users import ScramVerifier, User, UserDirectory
from govproxy.session.login import LoginRules

SALT_BYTES = 16


def login_rules(settings: config.Settings, key: bytes, *, now: Callable[[], float]) -> LoginRules:
    """The rules of this instance. ConfigError when a key file cannot be used.

    ``key`` is the instance's own: strangers get the same answers from every worker.
    """
    return LoginRules(
        databases=frozenset(settings.databases),
        users=UserDirectory((_user(user, key) for user in settings.identity.users), mock_key=key),
        tokens=token_verifier(settings, now=now),
        tls_available=settings.tls is not None,
        tls_required=settings.tls is not None and settings.tls.require,
    )


def token_verifier(settings: config.Settings, *, now: Callable[[], float]) -> TokenVerifier | None:
    """Who vouches for people, at the databases and at the console alike. None: no issuer is configured."""
    issuers = [_issuer(issuer) for issuer in settings.identity.tokens]
    return TokenVerifier(issuers, now=now) if issuers else None


def _issuer(issuer: config.TokenIssuer) -> TokenIssuer:
    keys: tuple[VerificationKey, ...] = ()
    if issuer.keys is not None:
        try:
            keys += parse_jwks(issuer.keys.read_bytes())
        except (OSError, ValueError) as error:
            raise ConfigError(f"keys of {issuer.issuer} cannot be read: {error}", file=issuer.keys) from error
    if issuer.signing_key is not None:
        keys += (load_signing_key(issuer.signing_key.reveal().encode()).verification,)
    if issuer.algorithms:
        keys = tuple(
            replace(key, algorithms=allowed)
            for key in keys
            if (allowed := tuple(name for name in key.algorithms if name in issuer.algorithms))
        )
        if not keys:
            raise ConfigError(f"no key of {issuer.issuer} fits its algorithms")
    return TokenIssuer(
        issuer=issuer.issuer,
        audience=issuer.audience,
        keys=keys,
        claims=ClaimNames(user=issuer.claims.user, groups=issuer.claims.groups, agent=issuer.claims.agent),
    )


def _user(user: config.User, key: bytes) -> User:
    if user.verifier is not None:
        verifier = ScramVerifier.parse(user.verifier)
    elif user.password is not None:
        # Security: a salt that differs from worker to worker, where a stranger's does not, would
        # tell who exists.
        salt = hmac.digest(key, b"salt " + user.name.encode(), "sha256")[:SALT_BYTES]
        verifier = ScramVerifier.from_password(user.password.reveal(), salt=salt)
    else:
        raise AssertionError("a user without password and verifier")
    return User(name=user.name, verifier=verifier, groups=user.groups)
