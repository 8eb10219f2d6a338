"""govproxy.yaml into Settings, and every mistake at once."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from govproxy.config.loader import load
from govproxy.config.settings import Durability, Limits, SslMode
from govproxy.errors import ConfigErrors

FULL = """\
listen: 0.0.0.0:6432
workers: 2
tls: {certificate: server.crt, private_key: server.key, client_ca: ca.crt}
databases:
  shop:
    upstream: postgresql://govproxy_login@db.internal:5432/shop?sslmode=verify-full&sslrootcert=ca.crt
    password: {env: SHOP_PASSWORD}
    environment: production
    role: {from_group: {engineering: shop_rw, analysts: shop_ro}}
identity:
  tokens:
    - issuer: https://idp.example.com
      audience: govproxy
      keys: jwks.json
      claims: {user: email}
      signing_key: {file: dev.pem}
      algorithms: [ES256]
  users:
    - {name: app, password: {env: APP_PASSWORD}, groups: [services]}
policy: policy.yaml
audit: {directory: ledger, durability: strict}
state: sqlite:///govproxy.db
console: {listen: "127.0.0.1:6480"}
limits: {login_timeout_s: 5, max_sessions: 20}
"""
SECRETS = {"SHOP_PASSWORD": "hunter2", "APP_PASSWORD": "hunter3"}
SMALLEST = """\
databases: {shop: {upstream: "postgresql://u@127.0.0.1/shop", environment: test}}
identity: {users: [{name: app, password: {env: APP_PASSWORD}}]}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("server.crt", "server.key", "ca.crt", "jwks.json", "policy.yaml"):
        (tmp_path / name).write_text("x")
    (tmp_path / "dev.pem").write_text("a key\n")
    return tmp_path


def write(folder: Path, text: str) -> Path:
    file = folder / "govproxy.yaml"
    file.write_text(text)
    return file


def problems(folder: Path, text: str) -> list[tuple[int | None, str]]:
    with pytest.raises(ConfigErrors) as caught:
        load(write(folder, text), environment=SECRETS)
    assert all(error.file is not None for error in caught.value.errors)
    return [(error.line, error.message) for error in caught.value.errors]


def test_everything(folder: Path) -> None:
    settings = load(write(folder, FULL), environment=SECRETS)
    assert str(settings.listen) == "0.0.0.0:6432"
    assert settings.workers == 2
    assert settings.tls is not None
    assert settings.tls.require
    shop = settings.databases["shop"]
    assert shop.password is not None
    assert shop.password.reveal() == "hunter2"
    assert shop.upstream.sslmode is SslMode.VERIFY_FULL
    assert shop.upstream.sslrootcert == folder / "ca.crt"
    assert shop.roles == (("engineering", "shop_rw"), ("analysts", "shop_ro"))
    (token,) = settings.identity.tokens
    assert (token.claims.user, token.claims.groups, token.claims.agent) == ("email", "groups", "agent")
    assert token.keys == folder / "jwks.json"
    assert token.signing_key is not None
    assert token.signing_key.reveal() == "a key"
    assert settings.identity.users[0].groups == {"services"}
    assert settings.policy == folder / "policy.yaml"
    assert settings.audit.directory == folder / "ledger"
    assert settings.audit.durability is Durability.STRICT
    assert settings.state == f"sqlite:///{folder}/govproxy.db"
    assert settings.limits == Limits(login_timeout_s=5.0, max_sessions=20)


def test_nothing_of_a_secret_shows_in_the_settings(folder: Path) -> None:
    settings = load(write(folder, FULL), environment=SECRETS)
    assert "hunter" not in repr(settings)
    assert "a key" not in repr(settings)
    assert pickle.loads(pickle.dumps(settings)) == settings


def test_defaults(folder: Path) -> None:
    settings = load(write(folder, SMALLEST), environment=SECRETS)
    assert str(settings.listen) == "127.0.0.1:6432"
    assert settings.workers >= 1
    assert settings.tls is settings.policy is settings.console is None
    assert settings.audit.durability is Durability.GROUP
    assert settings.limits.max_message_bytes == 64 * 1024 * 1024
    assert settings.databases["shop"].upstream.sslmode is SslMode.DISABLE


def test_the_network_needs_tls(folder: Path) -> None:
    ((line, message),) = problems(folder, SMALLEST + "listen: 0.0.0.0:6432\n")
    assert line == 3
    assert "tls" in message


def test_all_mistakes_at_once(folder: Path) -> None:
    found = problems(
        folder,
        """\
listen: 10.0.0.1:6432
databases:
  one:
    upstream: postgresql://u:pw@h/shop
    password: {env: ABSENT}
    environment: test
  two: {upstream: "postgresql://u@h/d?sslmode=require&sslrootcert=absent.crt", environment: test}
identity:
  tokens:
    - {issuer: a, audience: b, keys: "https://idp.example.com/jwks.json"}
    - {issuer: a, audience: b}
  users:
    - {name: app}
    - {name: app, verifier: "SCRAM-SHA-256$4096:c2FsdA==$a2V5:a2V5", password: {env: APP_PASSWORD}}
policy: absent.yaml
console: {listen: "0.0.0.0:6480"}
state: mysql://x
""",
    )
    assert [line for line, _ in found] == [1, 4, 5, 7, 7, 10, 11, 11, 13, 14, 14, 15, 16, 17]
    text = "\n".join(message for _, message in found)
    for words in ("only local JWKS files so far", "ABSENT is not set", "given twice", "no such file", "exactly one"):
        assert words in text


@pytest.mark.parametrize(
    ("change", "line", "says"),
    [
        ("workerz: 2\n", 3, "unknown key `workerz`; did you mean `workers`?"),
        ("workers: two\n", 3, "valid integer"),
        ("workers: 0\n", 3, "greater than or equal to 1"),
        ("workers: true\n", 3, "valid integer"),
        ("databases: {}\n", 3, "duplicate key `databases`"),
        ("audit: {durability: always}\n", 3, "'strict', 'group' or 'async'"),
        ("limits: {max_sesions: 3}\n", 3, "did you mean `max_sessions`?"),
        ("limits: {login_timeout_s: -1}\n", 3, "greater than 0"),
        ("tls: {certificate: absent.crt, private_key: server.key}\n", 3, "no such file"),
        ("listen: nowhere\n", 3, "host:port"),
    ],
)
def test_single_mistakes(folder: Path, change: str, line: int, says: str) -> None:
    found = problems(folder, SMALLEST + change)
    assert any(at == line and says in message for at, message in found), found


def test_a_secret_in_the_file_is_refused_and_not_repeated(folder: Path) -> None:
    text = SMALLEST.replace("{env: APP_PASSWORD}", "hunter2")
    ((line, message),) = problems(folder, text)
    assert line == 2
    assert "{env: NAME}" in message
    assert "hunter2" not in message


def test_nobody_could_log_in(folder: Path) -> None:
    text = SMALLEST.splitlines()[0] + "\nidentity: {}\n"
    assert problems(folder, text) == [(2, "`identity` lets nobody in: give `tokens` or `users`")]


@pytest.mark.parametrize("algorithm", ["none", "HS256"])
def test_algorithms_anybody_could_sign_with(folder: Path, algorithm: str) -> None:
    text = SMALLEST.splitlines()[0] + (
        f"\nidentity: {{tokens: [{{issuer: a, audience: b, keys: jwks.json, algorithms: [{algorithm}]}}]}}\n"
    )
    ((line, _),) = problems(folder, text)
    assert line == 2


def test_a_certificate_of_any_authority_is_not_enough(folder: Path) -> None:
    url = "postgresql://u@h/d?sslmode=verify-ca&sslrootcert=system"
    text = SMALLEST.replace("postgresql://u@127.0.0.1/shop", url)
    assert problems(folder, text) == [(1, "`upstream`: sslrootcert=system needs sslmode=verify-full")]
    load(write(folder, text.replace("verify-ca", "verify-full")), environment=SECRETS)
