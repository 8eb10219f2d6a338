"""Development tokens, signed with a local key: what ``govproxy token`` and the demo hand out."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from typing import Any

import jwt

from govproxy.errors import ConfigError
from govproxy.identity.keys import SigningKey
from govproxy.identity.tokens import ClaimNames


def mint(
    key: SigningKey,
    *,
    issuer: str,
    audience: str,
    user: str,
    now: float,
    ttl_s: float = 3_600.0,
    groups: Iterable[str] = (),
    agent: str | None = None,
    on_behalf_of: str | None = None,
    claims: ClaimNames = ClaimNames(),  # noqa: B008  frozen value
) -> str:
    """A signed token.

    The subject is the human. ``agent`` acts for ``user``; with ``on_behalf_of`` alone ``user`` is
    itself the agent, acting for that human; with all three the human must be named once.
    """
    human, actor = user, agent
    if on_behalf_of is not None:
        if agent is not None and on_behalf_of != user:
            raise ConfigError(
                f'"{agent}" cannot act for both "{user}" and "{on_behalf_of}"',
                hint="Give --user and --agent, or --user and --on-behalf-of.",
            )
        human, actor = on_behalf_of, agent if agent is not None else user
    if not human or actor == "":
        raise ConfigError("a token needs a user")
    if ttl_s <= 0:
        raise ConfigError("a token must live longer than no time")
    payload: dict[str, Any] = {
        "iss": issuer,
        "aud": audience,
        "sub": human,
        claims.user: human,
        claims.groups: sorted(set(groups)),
        "iat": int(now),
        "nbf": int(now),
        "exp": int(now + ttl_s),
        "jti": secrets.token_hex(16),
    }
    if actor is not None:
        payload["act"] = {"sub": actor}
    headers = {"kid": key.verification.kid}
    return jwt.encode(payload, key.private, algorithm=key.algorithm, headers=headers)
