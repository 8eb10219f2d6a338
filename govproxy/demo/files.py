"""The files of the demo: govproxy.yaml, policy.yaml and a signing key, and who its people are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from govproxy.demo import sample
from govproxy.identity.keys import generate_signing_key

POLICY = """\
# What the built-in pack does not know: who the people of this shop are.
extends: production
rules:
  - name: dba-changes-the-schema
    who: {groups: [dba]}
    does: [ddl]
    effect: allow
    overrides: [any]
  - name: deletes-need-a-colleague
    who: {groups: [dba]}
    does: [delete]
    on: {tables: ["public.tour_*"]}
    effect: hold
    approvers: {groups: [leads]}
    hold: {timeout: 2m}
    overrides: [any]
  - name: agents-only-read
    who: {agents: true}
    does: [write]
    effect: deny
  - name: reviews-are-deleted-with-a-reason
    who: {groups: [dba]}
    does: [delete]
    on: {tables: ["public.reviews"]}
    effect: hold
    overrides: [any]
    approvers: {groups: [leads]}
    hold: {timeout: 5m, rehearsal: 2m}
    rehearse: true
approvals:
  - name: one-review-with-a-ticket
    decide: approve
    who: {groups: [dba]}
    when: statement.wheres == ["by_key"] && statement.actions == ["delete"]
    ticket: {pattern: "OPS-[0-9]{1,6}", in: comment}
    risk: {at_most: 70}
columns:
  - name: agents-see-less
    who: {agents: true}
    on: {tags: [PII]}
    see: masked
    mask: redact
  - name: analysts-follow-customers
    who: {groups: [analysts]}
    on: {tags: [PII.email]}
    see: masked
    mask: pseudonym
  - name: analysts-follow-cards
    who: {groups: [analysts]}
    on: {tags: [PCI.card]}
    see: masked
    mask: fpe
  - name: dba-sees-everything
    who: {groups: [dba]}
    on: {tags: [any]}
    see: clear
    compare: any
"""

CONFIG = """\
listen: 127.0.0.1:{port}
workers: {workers}
databases:
  {database}:
    upstream: postgresql://{login}@{upstream_host}:{upstream_port}/{database}?sslmode=disable
    password: {{file: upstream-password}}
    environment: production
    role: {{from_group: {{dba: shop_owner, engineering: shop_rw, analysts: shop_ro}}}}
identity:
  tokens:
    - issuer: https://demo.govproxy.example
      audience: govproxy
      claims: {{user: email}}
      signing_key: {{file: dev.pem}}
policy: policy.yaml
audit: {{directory: audit, durability: group}}
state: sqlite:///govproxy.db
console: {{listen: "127.0.0.1:{console_port}"}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Who:
    """One of the demo's identities."""

    title: str
    user: str
    groups: tuple[str, ...]
    agent: str | None = None


ANALYST = Who(title="analyst", user="ana@shop.example", groups=("analysts",))
AGENT = Who(title="agent for the analyst", user="ana@shop.example", groups=("analysts",), agent="report-bot")
DBA = Who(title="DBA", user="dora@shop.example", groups=("dba",))
PEOPLE = (ANALYST, AGENT, DBA)
LEAD = Who(title="lead", user="lea@shop.example", groups=("leads",))  # decides what is held


def write_files(
    folder: Path,
    *,
    port: int,
    console_port: int,
    upstream_host: str,
    upstream_port: int,
    login_password: str,
    workers: int = 2,
) -> Path:
    """Write everything ``govproxy serve`` needs into ``folder``; gives the configuration's path."""
    config = folder / "govproxy.yaml"
    config.write_text(
        CONFIG.format(
            port=port,
            console_port=console_port,
            workers=workers,
            database=sample.DATABASE,
            login=sample.LOGIN_ROLE,
            upstream_host=upstream_host,
            upstream_port=upstream_port,
        )
    )
    (folder / "policy.yaml").write_text(POLICY)
    write_private(folder / "dev.pem", generate_signing_key())
    write_private(folder / "upstream-password", login_password.encode())
    return config


def write_private(path: Path, content: bytes) -> None:
    """A file that only its owner may read, from its first byte on."""
    path.touch(mode=0o600)
    path.write_bytes(content)


def connection_string(who: Who, *, token: str, port: int, host: str = "127.0.0.1") -> str:
    """A URI that psql and every driver takes. A token needs no escaping in it."""
    return f"postgresql://{quote(who.user)}:{token}@{host}:{port}/{sample.DATABASE}?sslmode=disable"
