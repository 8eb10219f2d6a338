"""What is fuzzed: a world in a real PostgreSQL, a real proxy before it, and sessions on both ways in."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from govproxy.demo.files import write_private
from govproxy.demo.postgres import free_port
from govproxy.demo.proxy import ProxyFailed, ProxyProcess
from govproxy.identity.keys import generate_signing_key, load_signing_key
from govproxy.identity.minting import mint
from govproxy.identity.tokens import ClaimNames
from tests.support.postgres import Postgres
from tests.support.proxy import MASKING_KEY
from tests.support.raw_session import DirectSession, RawSession, Talk

PEOPLE = {
    "analyst": ("ana@shop.example", ("analysts",)),
    "engineer": ("eva@shop.example", ("engineering",)),
    "dba": ("dora@shop.example", ("dba",)),
}
# A slow machine is not a broken connection.
ANSWER_S = 60.0
# A session remembers every name it made, old meanings count as well: new ones are sharper.
USES_A_SESSION = 60
Owner = psycopg.Connection[tuple[object, ...]]
TWIN = "_twin"
# Names of the sessions around the proxy.
AROUND, BESIDE = "", f" {TWIN}"
_STARTS = 4
_ISSUER = "https://fuzz.govproxy.example"

_POLICY = """\
extends: production
rules:
  - {name: functions-may-be-called, does: [call], effect: allow, overrides: [any]}
  - {name: engineers-change-the-schema, who: {groups: [engineering]}, does: [ddl], effect: allow, overrides: [any]}
  - {name: dba-changes-the-schema, who: {groups: [dba]}, does: [ddl], effect: allow, overrides: [any]}
columns:
  - {name: dba-sees-everything, who: {groups: [dba]}, on: {tags: [any]}, see: clear, compare: any}
"""


@dataclass(slots=True, kw_only=True)
class Target:
    """Sessions are shared between statements and renewed now and then."""

    database: str
    port: int
    direct_dsn: str
    twin_dsn: str
    tokens: dict[str, str]
    proxy: ProxyProcess
    folder: Path
    _sessions: dict[str, Talk] = field(default_factory=dict)
    _uses: dict[str, int] = field(default_factory=dict)

    def session(self, who: str, *, twin: bool = False) -> Talk:
        """Through the proxy as that identity, to the database or to its twin."""
        name = f"{self.database}{TWIN}" if twin else self.database
        return self._kept(f"{who}{TWIN * twin}", lambda: RawSession(self.port, PEOPLE[who][0], self.tokens[who], name))

    def direct(self, *, twin: bool = False) -> Talk:
        """Around the proxy, with the role that the proxy itself logs in with; to the database or to its twin."""
        name, dsn = (BESIDE, self.twin_dsn) if twin else (AROUND, self.direct_dsn)
        return self._kept(name, lambda: DirectSession(dsn))

    def forget(self, *names: str) -> None:
        """Close sessions; the next use opens new ones."""
        for name in names or tuple(self._sessions):
            session = self._sessions.pop(name, None)
            if isinstance(session, DirectSession):
                session.close()
            elif session is not None:
                session.socket.close()

    def _kept(self, name: str, make: object) -> Talk:
        self._uses[name] = self._uses.get(name, 0) + 1
        if name not in self._sessions or self._uses[name] % USES_A_SESSION == 0:
            self.forget(name) if name in self._sessions else None
            session = make()  # type: ignore[operator]
            session.socket.settimeout(ANSWER_S)
            self._sessions[name] = session
        return self._sessions[name]


@contextmanager
def opened(
    postgres: Postgres,
    folder: Path,
    build: Callable[[Owner], None],
    fill: Callable[[Owner, bool], None],
    corrections: Sequence[str],
    *,
    strict: bool = False,
) -> Iterator[Target]:
    """A database, a copy of it before it was filled, and a proxy before them; all gone afterwards.

    The copy has the same OIDs, so that binary rows can be compared. ``strict``: with lineage: strict.

    Raises ProxyFailed at the end when the proxy or a worker crashed.
    """
    name = f"fuzz_{secrets.token_hex(4)}"
    password = secrets.token_urlsafe(12)
    with psycopg.connect(postgres.dsn(), autocommit=True) as admin:
        admin.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{password}'".encode())
        # Whatever a session holds on to must not stop the other one for good.
        admin.execute(f"ALTER ROLE {name} SET statement_timeout = '4s'".encode())
        admin.execute(f"ALTER ROLE {name} SET lock_timeout = '2s'".encode())
        admin.execute(f"CREATE DATABASE {name} OWNER {name}".encode())
    try:
        dsn = postgres.dsn(name, user=name, password=password)
        _as_owner(dsn, build)
        with psycopg.connect(postgres.dsn(), autocommit=True) as admin:
            admin.execute(f"CREATE DATABASE {name}{TWIN} TEMPLATE {name} OWNER {name}".encode())
        _as_owner(dsn, lambda owner: fill(owner, False))
        twin = postgres.dsn(f"{name}{TWIN}", user=name, password=password)
        _as_owner(twin, lambda owner: fill(owner, True))
        config, port, key = _configure(folder, postgres, name, password, corrections, strict=strict)
        tokens = {who: _token(key, *identity) for who, identity in PEOPLE.items()}
        who = PEOPLE["dba"][0].replace("@", "%40")
        ready = f"postgresql://{who}:{tokens['dba']}@127.0.0.1:{port}/{name}?sslmode=disable"
        with started(config, folder, ready) as proxy:
            target = Target(
                database=name, port=port, direct_dsn=dsn, twin_dsn=twin, tokens=tokens, proxy=proxy, folder=folder
            )
            try:
                yield target
            finally:
                target.forget()
    finally:
        with psycopg.connect(postgres.dsn(), autocommit=True) as admin:
            for database in (name, f"{name}{TWIN}"):
                admin.execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)".encode())
            admin.execute(f"DROP ROLE {name}".encode())


@contextmanager
def started(config: Path, folder: Path, ready: str) -> Iterator[ProxyProcess]:
    """The proxy; tried again where the machine is too busy to start it in time."""
    for attempt in range(_STARTS):
        proxy = ProxyProcess(config, log_file=folder / "proxy.log", ready_dsn=ready)
        try:
            proxy.__enter__()
            break
        except ProxyFailed as error:
            if "was not ready after" not in str(error) or attempt == _STARTS - 1:
                raise
    try:
        yield proxy
    finally:
        proxy.stop()


def _as_owner(dsn: str, work: Callable[[Owner], None]) -> None:
    with psycopg.connect(dsn, autocommit=True) as owner:
        work(owner)


def _configure(
    folder: Path, postgres: Postgres, name: str, password: str, corrections: Sequence[str], *, strict: bool
) -> tuple[Path, int, bytes]:
    port, key = free_port(), generate_signing_key()
    write_private(folder / "upstream-password", password.encode())
    write_private(folder / "dev.pem", key)
    write_private(folder / "masking.key", MASKING_KEY)
    classify = "".join(f"  - {{column: {column}, tag: PII.personal_data}}\n" for column in corrections)
    (folder / "policy.yaml").write_text(_POLICY + (f"classify:\n{classify}" if classify else ""))
    config = folder / "govproxy.yaml"
    config.write_text(
        f"listen: 127.0.0.1:{port}\n"
        "workers: 1\n"
        "databases:\n"
        + "".join(
            f'  {database}: {{upstream: "postgresql://{name}@{postgres.host}:{postgres.port}/{database}'
            '?sslmode=disable", '
            f"password: {{file: upstream-password}}, environment: production{', lineage: strict' * strict}}}\n"
            for database in (name, f"{name}{TWIN}")
        )
        + "identity:\n  tokens:\n"
        f'    - {{issuer: "{_ISSUER}", audience: govproxy, claims: {{user: email}}, signing_key: {{file: dev.pem}}}}\n'
        "policy: policy.yaml\naudit: {directory: audit}\n"
    )
    return config, port, key


def _token(key: bytes, user: str, groups: Sequence[str]) -> str:
    return mint(
        load_signing_key(key), issuer=_ISSUER, audience="govproxy", user=user, groups=groups, agent=None,
        now=time.time(), ttl_s=90_000.0, claims=ClaimNames(user="email"),
    )  # fmt: skip
