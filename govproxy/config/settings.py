"""The values of govproxy.yaml (DESIGN 2.2), checked and resolved, as ``config.loader`` makes them.

Plain frozen values without pydantic, so that workers can hold them cheaply. All paths are
absolute, all secrets read. Nothing here does I/O or knows where the values came from.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from urllib.parse import quote

from govproxy.config.secrets import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A TCP address to listen on. ``host`` is a name or an IP address without brackets."""

    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """True when only this machine can reach it. Names other than localhost are not looked up."""
        return is_loopback(self.host)

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def is_loopback(host: str) -> bool:
    """True for ``localhost``, 127.0.0.0/8 and ::1."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsSettings:
    """TLS towards clients. ``require``: a connection that does not ask for TLS is refused."""

    certificate: Path
    private_key: Path
    client_ca: Path | None = None
    require: bool = True


class SslMode(StrEnum):
    """TLS towards the database. libpq's ``allow`` and ``prefer`` fall back silently: not offered."""

    DISABLE = "disable"
    REQUIRE = "require"  # encrypted, server not checked
    VERIFY_CA = "verify-ca"
    VERIFY_FULL = "verify-full"


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """Where a database is. With ``socket_directory`` set, ``host`` is '' and TLS is off."""

    host: str
    port: int
    user: str
    database: str
    sslmode: SslMode
    sslrootcert: Path | None = None
    socket_directory: Path | None = None

    @property
    def socket_path(self) -> Path | None:
        """The Unix socket's file, or None for TCP."""
        return self.socket_directory / f".s.PGSQL.{self.port}" if self.socket_directory else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """One database clients may name. ``roles``: (group, role) pairs, the first group that fits wins.

    ``strict_lineage``: the database itself is asked what a statement's columns come from.
    """

    name: str
    upstream: Upstream
    environment: str
    password: Secret | None = None
    roles: tuple[tuple[str, str], ...] = ()
    strict_lineage: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """Names of the token claims that carry the identity."""

    user: str = "sub"
    groups: str = "groups"
    agent: str = "agent"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenIssuer:
    """One issuer whose tokens are accepted.

    ``keys`` is a local JWKS file; ``signing_key`` a private key in PEM (development), whose public half
    is accepted too. At least one is given. ``algorithms`` empty: those that fit the keys.
    """

    issuer: str
    audience: str
    keys: Path | None = None
    claims: Claims = field(default_factory=Claims)
    signing_key: Secret | None = None
    algorithms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A service that logs in by SCRAM-SHA-256. Exactly one of ``password`` and ``verifier`` is set."""

    name: str
    password: Secret | None = None
    verifier: str | None = field(default=None, repr=False)
    groups: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentitySettings:
    """Who may log in, and how."""

    tokens: tuple[TokenIssuer, ...] = ()
    users: tuple[User, ...] = ()


class Durability(StrEnum):
    """What must be true of a ledger line before its statement is forwarded."""

    STRICT = "strict"  # synced to disk
    GROUP = "group"  # handed to the operating system, synced within 100 ms
    ASYNC = "async"  # queued; a crash may lose the last lines


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditSettings:
    """The ledger."""

    directory: Path
    durability: Durability = Durability.GROUP


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleSettings:
    """The console and API. ``tls`` None: loopback only."""

    listen: Address
    tls: TlsSettings | None = None


class HookFormat(StrEnum):
    """Whom a webhook or a callback speaks with."""

    GENERIC = "generic"
    SLACK = "slack"


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """Who is told of requests for approval. ``secrets`` sign, the one in force first.

    Security: ``url`` is a secret too, since for some receivers whoever knows it may post.
    """

    name: str
    url: Secret
    secrets: tuple[Secret, ...]
    format: HookFormat
    buttons: bool
    events: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """A program that brings people's answers. ``people``: its name for somebody → (user, groups).

    ``team``: the only Slack workspace that counts; its signing secret is the same in all of them.
    """

    name: str
    secrets: tuple[Secret, ...]
    format: HookFormat
    team: str | None
    people: dict[str, tuple[str, frozenset[str]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketService:
    """A service that knows whether a ticket is good. ``secret`` signs questions and answers."""

    name: str
    url: Secret
    secret: Secret
    timeout_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalSettings:
    """How people hear of held statements and answer. ``link_base``: where their browsers find the console.

    ``retention_days``: how long the state store keeps a request after its end.
    """

    link_base: str | None = None
    webhooks: tuple[Webhook, ...] = ()
    callbacks: tuple[Callback, ...] = ()
    tickets: TicketService | None = None
    retention_days: int = 90


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds that keep one client from hurting others. Sizes in bytes, times in seconds."""

    login_timeout_s: float = 30.0  # from accept to the first ReadyForQuery
    connect_timeout_s: float = 10.0  # to the database
    drain_timeout_s: float = 30.0  # after SIGTERM, before sessions are cut
    max_message_bytes: int = 64 << 20  # any one message after login
    max_sessions: int = 1000  # per worker
    max_statements: int = 10_000  # prepared statements and portals of one session
    verdict_cache_bytes: int = 64 << 20  # per worker


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """A whole govproxy.yaml. ``policy`` None: the built-in production pack."""

    file: Path
    listen: Address
    workers: int
    databases: dict[str, Database]
    identity: IdentitySettings
    audit: AuditSettings
    state: str  # sqlite:///<absolute path> or postgresql://…, checked
    tls: TlsSettings | None = None
    policy: Path | None = None
    console: ConsoleSettings | None = None
    state_password: Secret | None = None
    approvals: ApprovalSettings = field(default_factory=ApprovalSettings)
    limits: Limits = field(default_factory=Limits)

    def link_to(self, hold_id: str) -> str | None:
        """Where a person decides about a request; None without a console."""
        base = self.approvals.link_base
        if base is None and self.console is not None:
            base = f"{'https' if self.console.tls else 'http'}://{self.console.listen}"
        return None if base is None else f"{base}/approvals/{quote(hold_id, safe='')}"

    def for_worker(self) -> Settings:
        """The same without what a worker has no use for. Security: the secrets of webhooks above all."""
        return replace(self, approvals=ApprovalSettings(link_base=self.approvals.link_base))
