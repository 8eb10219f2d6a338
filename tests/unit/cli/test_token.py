"""``govproxy token``: what it signs, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from govproxy.cli import token
from govproxy.config.loader import load
from govproxy.config.settings import Settings
from govproxy.errors import AuthenticationFailed, ConfigError
from govproxy.identity.keys import generate_signing_key, load_signing_key
from govproxy.identity.tokens import ClaimNames, TokenIssuer, TokenVerifier

NOW = 1_800_000_000.0

CONFIG = """\
databases:
  shop: {upstream: "postgresql://login@127.0.0.1:5432/shop?sslmode=disable", environment: test}
identity:
  tokens:
    - issuer: https://idp.example
      audience: govproxy
      claims: {user: email}
      signing_key: {file: dev.pem}
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "dev.pem").write_bytes(generate_signing_key())
    (tmp_path / "govproxy.yaml").write_text(CONFIG)
    return load(tmp_path / "govproxy.yaml")


def _verifier(settings: Settings, *, now: float = NOW) -> TokenVerifier:
    configured = settings.identity.tokens[0]
    assert configured.signing_key is not None
    issuer = TokenIssuer(
        issuer=configured.issuer,
        audience=configured.audience,
        keys=(load_signing_key(configured.signing_key.reveal().encode()).verification,),
        claims=ClaimNames(user="email"),
    )
    return TokenVerifier([issuer], now=lambda: now)


def test_a_token_proves_user_groups_and_agent(settings: Settings) -> None:
    text = token.mint_for(settings, user="ana@x.example", groups=["analysts"], agent="bot", now=NOW)
    identity = _verifier(settings).verify(text)
    assert (identity.user, identity.agent, identity.on_behalf_of) == ("ana@x.example", "bot", "ana@x.example")
    assert identity.groups == frozenset({"analysts"})


def test_a_token_expires(settings: Settings) -> None:
    text = token.mint_for(settings, user="ana", ttl_s=60, now=NOW)
    with pytest.raises(AuthenticationFailed, match="expired"):
        _verifier(settings, now=NOW + 3_600).verify(text)


def test_no_signing_key_no_token(tmp_path: Path) -> None:
    (tmp_path / "govproxy.yaml").write_text(
        CONFIG.partition("identity:")[0] + "identity:\n  users:\n    - {name: app, password: {env: P}}\n"
    )
    settings = load(tmp_path / "govproxy.yaml", environment={"P": "secret"})
    with pytest.raises(ConfigError, match="signing_key") as raised:
        token.mint_for(settings, user="ana", now=NOW)
    assert raised.value.file == settings.file


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("30m", 1_800), ("1h", 3_600), ("1h30m", 5_400), ("7d", 604_800), ("45", 45)]
)
def test_durations(text: str, seconds: float) -> None:
    assert token.parse_duration_s(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "0s", "h", "1w", "-1h", "1 h", "1h!", "1.5h", "٣h", "9" * 30, "nan"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ConfigError, match="not a duration"):
        token.parse_duration_s(text)
