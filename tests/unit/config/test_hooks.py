"""The ``approvals`` section and the console's TLS: what they become, and every mistake with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from govproxy.config.loader import load
from govproxy.config.settings import ApprovalSettings, HookFormat
from govproxy.errors import ConfigErrors

BASE = """\
databases: {shop: {upstream: "postgresql://u@127.0.0.1/shop", environment: test}}
identity: {users: [{name: app, password: {env: APP_PASSWORD}}]}
console: {listen: "127.0.0.1:6480"}
approvals:
"""
FULL = """\
  link_base: https://govproxy.example.com/gate/
  retention_days: 30
  webhooks:
    - url: https://ops.example.com/hooks/govproxy
      secret: {env: HOOK}
      former_secret: {env: OLD_HOOK}
    - name: chat
      url: {env: CHAT_URL}
      format: slack
      buttons: true
      events: [asked, approved]
  callbacks:
    - name: chat
      format: slack
      team: T0123
      secret: {env: HOOK}
      people: {U42: {user: lea@x, groups: [leads]}}
"""
SECRETS = {
    "APP_PASSWORD": "hunter3",
    "HOOK": "h" * 32,
    "OLD_HOOK": "o" * 32,
    "SHORT": "hunter4",
    "CHAT_URL": "https://chat.example.com/services/T/B/sesame",
    "BAD_URL": "gopher://sesame",
}


def read(folder: Path, text: str) -> ApprovalSettings:
    file = folder / "govproxy.yaml"
    file.write_text(BASE + text)
    return load(file, environment=SECRETS).approvals


def problems(folder: Path, text: str) -> list[tuple[int | None, str]]:
    with pytest.raises(ConfigErrors) as caught:
        read(folder, text)
    assert "sesame" not in str(caught.value)
    return [(error.line, error.message) for error in caught.value.errors]


def test_all_of_it(tmp_path: Path) -> None:
    found = read(tmp_path, FULL)
    generic, chat = found.webhooks
    assert (generic.name, generic.format, generic.buttons) == ("ops.example.com", HookFormat.GENERIC, False)
    assert [secret.reveal() for secret in generic.secrets] == ["h" * 32, "o" * 32]
    assert generic.events == {"asked", "approved", "refused", "timed_out", "withdrawn"}
    assert (chat.name, chat.secrets, chat.buttons, chat.events) == ("chat", (), True, {"asked", "approved"})
    assert chat.url.reveal() == SECRETS["CHAT_URL"]
    assert "sesame" not in repr(found)
    (callback,) = found.callbacks
    assert callback.people == {"U42": ("lea@x", frozenset({"leads"}))}
    assert callback.team == "T0123"
    assert found.retention_days == 30
    assert ApprovalSettings().retention_days == 90


def test_links_and_what_workers_hold(tmp_path: Path) -> None:
    (tmp_path / "govproxy.yaml").write_text(BASE + FULL)
    settings = load(tmp_path / "govproxy.yaml", environment=SECRETS)
    assert settings.link_to("h/1") == "https://govproxy.example.com/gate/approvals/h%2F1"
    held = settings.for_worker()
    assert held.link_to("h1") == "https://govproxy.example.com/gate/approvals/h1"
    assert (held.approvals.webhooks, held.approvals.callbacks) == ((), ())
    (tmp_path / "govproxy.yaml").write_text(BASE.removesuffix("approvals:\n"))
    plain = load(tmp_path / "govproxy.yaml", environment=SECRETS)
    assert plain.link_to("h1") == "http://127.0.0.1:6480/approvals/h1"


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("  webhooks: [{url: 'https://x.example'}]\n", 5, "`secret` is missing"),
        ("  webhooks: [{url: 'http://x.example', secret: {env: HOOK}}]\n", 5, "only to this machine"),
        ("  webhooks: [{url: 'https://u:sesame@x.example', secret: {env: HOOK}}]\n", 5, "no user and password"),
        ("  webhooks: [{url: {env: BAD_URL}, secret: {env: HOOK}}]\n", 5, "must be https://host/path"),
        ("  webhooks: [{url: 'https://x.example:99999/', secret: {env: HOOK}}]\n", 5, "must be https://host/path"),
        ("  webhooks: [{url: 'https://x.example', secret: {env: SHORT}}]\n", 5, "at least 16 characters"),
        ("  webhooks: [{url: 'https://x.example', secret: {env: NONE}}]\n", 5, "NONE is not set"),
        ("  webhooks: [{url: 'https://x.example', secret: hunter2}]\n", 5, "{env: NAME}"),
        ("  webhooks: [{url: 'https://x.example', secret: {env: HOOK}, buttons: true}]\n", 5, "for `format: slack`"),
        ("  webhooks: [{url: 'https://x.example', secret: {env: HOOK}, events: [heard]}]\n", 5, "'asked'"),
        ("  webhooks: [{url: 'https://x.example', secret: {env: HOOK}, evnets: []}]\n", 5, "did you mean `events`?"),
        (
            "  webhooks:\n    - {url: 'https://x.example', secret: {env: HOOK}}\n"
            "    - {url: 'https://x.example/2', secret: {env: HOOK}}\n",
            7,
            "given twice",
        ),
        ("  retention_days: 0\n", 5, "greater than or equal to 1"),
        ("  retention_days: 1.5\n", 5, "valid integer"),
        ("  link_base: ftp://x\n", 5, "`link_base` must be https"),
        ("  link_base: 'https://x/?a=1'\n", 5, "only scheme, host and path"),
        ("  callbacks: [{name: c, secret: {env: HOOK}, people: {}}]\n", 5, "at least 1"),
        ("  callbacks: [{name: 'C d', secret: {env: HOOK}, people: {a: {user: b}}}]\n", 5, "pattern"),
        ("  callbacks: [{name: c, format: slack, secret: {env: HOOK}, people: {a: {user: b}}}]\n", 5, "`team`"),
        ("  callbacks: [{name: c, team: T1, secret: {env: HOOK}, people: {a: {user: b}}}]\n", 5, "`team`"),
    ],
)
def test_mistakes(tmp_path: Path, text: str, line: int, says: str) -> None:
    found = problems(tmp_path, text)
    assert any(at == line and says in message for at, message in found), found


def test_callbacks_need_a_console(tmp_path: Path) -> None:
    file = tmp_path / "govproxy.yaml"
    file.write_text(BASE.replace('console: {listen: "127.0.0.1:6480"}\n', "") + FULL)
    with pytest.raises(ConfigErrors, match="give `console`"):
        load(file, environment=SECRETS)


def test_a_console_for_other_machines_needs_tls(tmp_path: Path) -> None:
    file = tmp_path / "govproxy.yaml"
    text = BASE.removesuffix("approvals:\n").replace("127.0.0.1:6480", "0.0.0.0:6480")
    file.write_text(text)
    with pytest.raises(ConfigErrors, match="needs `tls:` under `console`"):
        load(file, environment=SECRETS)
    for name in ("c.crt", "c.key"):
        (tmp_path / name).write_text("x")
    file.write_text(text.replace('6480"', '6480", tls: {certificate: c.crt, private_key: c.key}'))
    settings = load(file, environment=SECRETS)
    assert settings.console is not None
    assert settings.console.tls is not None
    assert settings.link_to("h") == "https://0.0.0.0:6480/approvals/h"
