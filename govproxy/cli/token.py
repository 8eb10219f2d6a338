"""``govproxy token``: a development token, signed with the key that the configuration names."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from govproxy.cli.output import print_json
from govproxy.config.loader import load
from govproxy.config.settings import Settings, TokenIssuer
from govproxy.errors import ConfigError
from govproxy.identity.keys import load_signing_key
from govproxy.identity.minting import mint
from govproxy.identity.tokens import ClaimNames

_UNITS_S = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_DURATION = re.compile(r"([0-9]{1,9})([smhd])")


def run(
    config: Path,
    *,
    user: str,
    groups: Sequence[str],
    agent: str | None,
    on_behalf_of: str | None,
    ttl: str,
    as_json: bool,
) -> None:
    """Print the token alone, so that ``$(govproxy token …)`` works."""
    settings = load(config)
    now = time.time()
    ttl_s = parse_duration_s(ttl)
    text = mint_for(settings, user=user, groups=groups, agent=agent, on_behalf_of=on_behalf_of, ttl_s=ttl_s, now=now)
    if as_json:
        print_json({"token": text, "expires_at": int(now + ttl_s)})
    else:
        sys.stdout.write(text + "\n")


def mint_for(
    settings: Settings,
    *,
    user: str,
    groups: Sequence[str] = (),
    agent: str | None = None,
    on_behalf_of: str | None = None,
    ttl_s: float = 3_600.0,
    now: float,
) -> str:
    """A token of the configured issuer that has a signing key."""
    issuer = _signing_issuer(settings)
    if issuer.signing_key is None:
        raise AssertionError("chosen for its signing key")
    return mint(
        load_signing_key(issuer.signing_key.reveal().encode()),
        issuer=issuer.issuer,
        audience=issuer.audience,
        user=user,
        groups=groups,
        agent=agent,
        on_behalf_of=on_behalf_of,
        now=now,
        ttl_s=ttl_s,
        claims=ClaimNames(user=issuer.claims.user, groups=issuer.claims.groups, agent=issuer.claims.agent),
    )


def parse_duration_s(text: str) -> float:
    """``90s``, ``30m``, ``1h30m``, ``7d`` or bare seconds. ``ConfigError`` for anything else."""
    if text.isascii() and text.isdigit() and len(text) <= 9 and int(text) > 0:
        return float(text)
    parts = _DURATION.findall(text)
    total = float(sum(int(number) * _UNITS_S[unit] for number, unit in parts))
    if not parts or "".join(number + unit for number, unit in parts) != text or total <= 0:
        raise ConfigError(f"`{text}` is not a duration", hint="Write 90s, 30m, 1h, 1h30m or 7d.")
    return total


def _signing_issuer(settings: Settings) -> TokenIssuer:
    for issuer in settings.identity.tokens:
        if issuer.signing_key is not None:
            return issuer
    raise ConfigError(
        "no issuer has a signing_key, so no token can be made here",
        file=settings.file,
        hint="Tokens for production come from your identity provider; a signing_key is for development.",
    )
