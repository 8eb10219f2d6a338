"""A real ``govproxy serve`` before a real PostgreSQL, for the end-to-end tests.

``proxy`` is shared by the whole run; ``start_proxy`` starts one with settings of its own. Both
have the databases ``app`` (empty: tests make their tables in it) and ``shop`` (the sample data).
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import psycopg
import pytest
from psycopg import sql

from govproxy.config.loader import load
from govproxy.control.admin import ask
from govproxy.demo import sample
from govproxy.demo.certificates import make_authority
from govproxy.demo.files import write_private
from govproxy.demo.postgres import free_port
from govproxy.demo.proxy import ProxyFailed, ProxyProcess
from govproxy.identity.keys import generate_signing_key, load_signing_key
from govproxy.identity.minting import mint
from govproxy.identity.tokens import ClaimNames
from tests.support.ledger import Event, LedgerTail
from tests.support.postgres import Postgres
from tests.support.waiting import until

HOST = "127.0.0.1"
ISSUER = "https://tests.govproxy.example"
AUDIENCE = "govproxy"
# One key for every run, so that what a masked value happens to look like fails a test always or never.
# To look for such chances: GOVPROXY_TEST_KEY=$RANDOM make test.
MASKING_KEY = hashlib.sha256(os.environ.get("GOVPROXY_TEST_KEY", "govproxy tests").encode()).hexdigest().encode()
DBA = ("dora@shop.example", ("dba",))

POLICY = """\
extends: production
rules:
  - {name: dba-changes-the-schema, who: {groups: [dba]}, does: [ddl], effect: allow, overrides: [any]}
columns:
  - {name: dba-sees-everything, who: {groups: [dba]}, on: {tags: [any]}, see: clear, compare: any}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Databases:
    """The two databases behind every proxy, and the password of the proxy's own login."""

    postgres: Postgres
    login_password: str

    def direct(self, database: str = "app", *, autocommit: bool = True) -> psycopg.Connection[tuple[Any, ...]]:
        """A superuser's connection around the proxy."""
        return psycopg.connect(self.postgres.dsn(database), autocommit=autocommit)


@dataclass(slots=True, kw_only=True)
class Proxy:
    """One running proxy, as tests use it."""

    process: ProxyProcess
    databases: Databases
    folder: Path
    port: int
    signing_key: bytes
    tls: bool = False
    certificate_authority: Path | None = None
    _stopped: bool = False
    _ledger: LedgerTail = field(init=False)

    def __post_init__(self) -> None:
        self._ledger = LedgerTail(self.folder / "audit")

    def token(
        self,
        user: str,
        groups: Sequence[str] = (),
        agent: str | None = None,
        *,
        ttl_s: float = 3_600.0,
        now: float | None = None,
        issuer: str = ISSUER,
        audience: str = AUDIENCE,
        key: bytes | None = None,
    ) -> str:
        """A token; the last arguments are for those that must not work."""
        return mint(
            load_signing_key(key or self.signing_key),
            issuer=issuer,
            audience=audience,
            user=user,
            groups=groups,
            agent=agent,
            now=time.time() if now is None else now,
            ttl_s=ttl_s,
            claims=ClaimNames(user="email"),
        )

    def dsn(
        self,
        user: str,
        groups: Sequence[str] = (),
        agent: str | None = None,
        database: str = "app",
        *,
        password: str | None = None,
        **parameters: str,
    ) -> str:
        """A connection URI for that identity; ``parameters`` are libpq's."""
        secret = self.token(user, groups, agent) if password is None else password
        parameters.setdefault("sslmode", "verify-full" if self.tls else "disable")
        if self.tls:
            parameters.setdefault("sslrootcert", str(self.certificate_authority))
        host = "localhost" if self.tls else HOST
        return (
            f"postgresql://{quote(user)}:{quote(secret, safe='')}@{host}:{self.port}/{quote(database)}"
            f"?{urlencode(parameters, quote_via=quote)}"
        )

    def connect(
        self, user: str, groups: Sequence[str] = (), agent: str | None = None, database: str = "app", **parameters: str
    ) -> psycopg.Connection[tuple[Any, ...]]:
        """A psycopg connection through the proxy, in autocommit."""
        return psycopg.connect(self.dsn(user, groups, agent, database, **parameters), autocommit=True)

    def events(self, kind: str | None = None) -> list[Event]:
        """The ledger's lines in the order of their times; of one kind, or all."""
        return [line for line in self._ledger.events() if kind is None or line.get("event") == kind]

    def wait_for_event(self, wanted: Callable[[Event], bool]) -> Event:
        """The first ledger line that is wanted; fails when none comes."""
        try:
            return until(lambda: next(filter(wanted, self.events()), {}))
        except AssertionError:
            raise AssertionError(f"no such event in the ledger; the last are {self.events()[-5:]}") from None

    def settle(self) -> None:
        """Return when every worker has heard what the control process or another worker told it before.

        Their lines keep the order: the first round brings what workers had said, the second what was passed on.
        """
        settings = load(self.folder / "govproxy.yaml")
        for _ in range(2):
            ask(settings, {"command": "sessions"})

    @property
    def workers(self) -> list[int]:
        """The process ids of the workers, which are the control process's only children."""
        pid = self.process.pid
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    @property
    def log(self) -> str:
        """What the proxy wrote to its log so far."""
        return self.process.log

    def stop(self) -> None:
        """SIGTERM and wait. Raises when the proxy or one of its workers crashed."""
        if not self._stopped:
            self._stopped = True
            self.process.stop()


def write_config(
    folder: Path,
    databases: Databases,
    *,
    port: int,
    policy: str = POLICY,
    workers: int = 1,
    tls: bool = False,
    extra: str = "",
    users: Mapping[str, Sequence[str]] | None = None,
    roles: Mapping[str, str] | None = None,
    upstream_port: int | None = None,
    strict_lineage: bool = False,
    names: Sequence[str] = ("app", "shop"),
) -> Path:
    """govproxy.yaml and what it names. ``users``: name → groups, with the password ``<name>-password``.

    ``upstream_port``: of something on this machine that stands between proxy and database. ``names``: of databases.
    """
    role = "" if not roles else f", role: {{from_group: {{{', '.join(f'{g}: {r}' for g, r in roles.items())}}}}}"
    lineage = ", lineage: strict" if strict_lineage else ""
    address = (
        f"{databases.postgres.host}:{databases.postgres.port}" if upstream_port is None else f"{HOST}:{upstream_port}"
    )
    upstream = f"postgresql://{sample.LOGIN_ROLE}@{address}"
    lines = [
        f"listen: {HOST}:{port}",
        f"workers: {workers}",
        "databases:",
        *(
            f'  {name}: {{upstream: "{upstream}/{name}?sslmode=disable", '
            f"password: {{file: upstream-password}}, environment: production{role}{lineage}}}"
            for name in names
        ),
        "identity:",
        "  tokens:",
        f'    - {{issuer: "{ISSUER}", audience: {AUDIENCE}, claims: {{user: email}}, signing_key: {{file: dev.pem}}}}',
    ]
    if users:
        lines.append("  users:")
        for name, groups in users.items():
            lines.append(f"    - {{name: {name}, password: {{file: {name}-password}}, groups: [{', '.join(groups)}]}}")
            write_private(folder / f"{name}-password", f"{name}-password".encode())
    if tls:
        lines.append("tls: {certificate: server.crt, private_key: server.key}")
    lines += ["policy: policy.yaml", "audit: {directory: audit}", extra]
    (folder / "policy.yaml").write_text(policy)
    write_private(folder / "upstream-password", databases.login_password.encode())
    write_private(folder / "dev.pem", generate_signing_key())
    if not (key := folder / "masking.key").exists():
        write_private(key, MASKING_KEY)
    config = folder / "govproxy.yaml"
    config.write_text("\n".join(lines) + "\n")
    return config


def start(databases: Databases, folder: Path, **options: Any) -> Proxy:
    """Start a proxy in ``folder``; the options are ``write_config``'s."""
    port = free_port()
    config = write_config(folder, databases, port=port, **options)
    tls = bool(options.get("tls"))
    authority_file: Path | None = None
    if tls:
        authority = make_authority("govproxy tests")
        pair = authority.issue(names=("localhost",), addresses=(HOST,))
        (folder / "server.crt").write_bytes(pair.certificate)
        write_private(folder / "server.key", pair.private_key)
        authority_file = folder / "ca.crt"
        authority_file.write_bytes(authority.certificate)
    proxy = Proxy(
        process=ProxyProcess(config, log_file=folder / "proxy.log", ready_dsn=""),
        databases=databases,
        folder=folder,
        port=port,
        signing_key=(folder / "dev.pem").read_bytes(),
        tls=tls,
        certificate_authority=authority_file,
    )
    proxy.process = ProxyProcess(config, log_file=folder / "proxy.log", ready_dsn=proxy.dsn(*DBA))
    proxy.process.__enter__()
    return proxy


@contextmanager
def databases_on(postgres: Postgres) -> Iterator[Databases]:
    """``app`` and ``shop`` on a server, gone afterwards."""
    password = secrets.token_urlsafe(12)
    _drop(postgres)
    with psycopg.connect(postgres.dsn(), autocommit=True) as connection:
        for name in ("app", "shop"):
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    sample.create(postgres.dsn("shop"), login_password=password, size=sample.SMALL)
    with psycopg.connect(postgres.dsn("app"), autocommit=True) as connection:
        # What tests create directly, the proxy's role may use: in `app` it is an owner's deputy.
        connection.execute(
            sql.SQL("GRANT ALL ON SCHEMA public TO {0}; ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO {0}").format(
                sql.Identifier(sample.LOGIN_ROLE)
            )
        )
    yield Databases(postgres=postgres, login_password=password)
    _drop(postgres)


def _drop(postgres: Postgres) -> None:
    """Remove what an earlier run left on a reused server, and what this one made."""
    with psycopg.connect(postgres.dsn(), autocommit=True) as connection:
        for name in ("app", "shop"):
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
        for role in (sample.LOGIN_ROLE, "shop_ro", "shop_rw", "shop_owner"):
            connection.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(role)))


@pytest.fixture(scope="session")
def databases(postgres: Postgres) -> Iterator[Databases]:
    """``app`` and ``shop`` on the server of this run."""
    with databases_on(postgres) as made:
        yield made


@pytest.fixture(scope="session")
def proxy(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """One proxy for the whole run. A crash of it, or of a worker, fails the run at its end."""
    running = start(databases, tmp_path_factory.mktemp("proxy"))
    yield running
    running.stop()


@pytest.fixture
def start_proxy(databases: Databases, tmp_path: Path) -> Iterator[Callable[..., Proxy]]:
    """Starts proxies with settings of their own (``write_config``'s options); stops them after the test."""
    with ExitStack() as stack:

        def begin(**options: Any) -> Proxy:
            folder = tmp_path / f"proxy-{secrets.token_hex(3)}"
            folder.mkdir()
            stack.callback(shutil.rmtree, folder)
            running = start(databases, folder, **options)
            stack.callback(running.stop)
            return running

        yield begin


@pytest.fixture(autouse=True)
def _shared_proxy_lives(request: pytest.FixtureRequest) -> Iterator[None]:
    """After each test that used the shared proxy: it must still run, so that the culprit is named."""
    yield
    if "proxy" in request.fixturenames:
        shared: Proxy = request.getfixturevalue("proxy")
        if not shared._stopped and (not shared.process.running or shared.process.crashed):
            raise ProxyFailed(f"the proxy crashed during this test:\n{shared.log[-4_000:]}")
