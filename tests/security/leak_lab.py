"""A database with planted values, the proxy before it, and the sessions of who attacks it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from govproxy.demo.files import write_private
from govproxy.demo.postgres import free_port
from govproxy.demo.proxy import ProxyProcess
from tests.security.canaries import Finder, Planted, plant
from tests.security.leak_harness import DirectSession, Watcher
from tests.support import proxy as support
from tests.support.postgres import Postgres
from tests.support.raw_session import RawSession

DATA = Path(__file__).parent / "data"
ANALYST = ("ana@shop.example", ("analysts",))
ENGINEER = ("eva@shop.example", ("engineering",))
POLICY = """\
extends: production
rules:
  - {name: engineers-change-the-schema, who: {groups: [engineering]}, does: [ddl], effect: allow, overrides: [any]}
  - {name: dba-changes-the-schema, who: {groups: [dba]}, does: [ddl], effect: allow, overrides: [any]}
columns:
  - {name: dba-sees-everything, who: {groups: [dba]}, on: {tags: [any]}, see: clear, compare: any}
"""
# A session remembers every name it made, so that an old meaning counts as well: new ones are sharper.
CASES_A_SESSION = 25


@dataclass(slots=True, kw_only=True)
class Lab:
    """The attacked database with its proxy, and a session each, renewed now and then."""

    database: str
    proxy: support.Proxy
    postgres: Postgres
    role: str
    password: str
    planted: Planted
    watcher: Watcher
    _session: RawSession | None = None
    _cases: int = 0

    def connect(self, who: tuple[str, tuple[str, ...]] = ANALYST) -> RawSession:
        return RawSession(self.proxy.port, who[0], self.proxy.token(*who), self.database)

    def direct(self) -> DirectSession:
        return DirectSession(self.postgres.host, self.postgres.port, self.role, self.password, self.database)

    def session(self) -> RawSession:
        self._cases += 1
        if self._session is None or self._cases % CASES_A_SESSION == 0:
            self.forget()
            self._session = self.connect()
        return self._session

    def forget(self) -> None:
        if self._session is not None:
            self._session.socket.close()
        self._session = None


@contextmanager
def open_lab(
    databases: support.Databases, postgres: Postgres, folder: Path, database: str, *more: str, rules: str = ""
) -> Iterator[Lab]:
    """The lab over ``leaks_schema.sql`` and ``more`` files after it, with ``rules`` besides; it is gone afterwards."""
    role, password = f"{database}_login", secrets.token_urlsafe(12)
    with psycopg.connect(postgres.dsn(), autocommit=True) as admin:
        admin.execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")
        admin.execute(f"DROP ROLE IF EXISTS {role}")
        admin.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{password}'".encode())
        admin.execute(f"CREATE DATABASE {database} OWNER {role}")
    with psycopg.connect(postgres.dsn(database, user=role, password=password), autocommit=True) as connection:
        connection.execute((DATA / "leaks_schema.sql").read_bytes())
        planted = plant(connection)
        for file in more:
            connection.execute((DATA / file).read_bytes())
    port = free_port()
    config = support.write_config(
        folder, databases, port=port, policy=POLICY.replace("rules:\n", f"rules:\n{rules}", 1)
    )
    line = (
        f'databases:\n  {database}: {{upstream: "postgresql://{role}@{postgres.host}:{postgres.port}/{database}'
        f'?sslmode=disable", password: {{file: leaks-password}}, environment: production}}\n'
    )
    config.write_text(config.read_text().replace("databases:\n", line, 1))
    write_private(folder / "leaks-password", password.encode())
    proxy = support.Proxy(
        process=ProxyProcess(config, log_file=folder / "proxy.log", ready_dsn=""),
        databases=databases,
        folder=folder,
        port=port,
        signing_key=(folder / "dev.pem").read_bytes(),
    )
    ready = proxy.dsn(*support.DBA, database=database)
    proxy.process = ProxyProcess(config, log_file=folder / "proxy.log", ready_dsn=ready)
    with proxy.process:
        made = Lab(
            database=database,
            proxy=proxy,
            postgres=postgres,
            role=role,
            password=password,
            planted=planted,
            watcher=Watcher(Finder(planted)),
        )
        yield made
        made.forget()
    with psycopg.connect(postgres.dsn(), autocommit=True) as admin:
        admin.execute(f"DROP DATABASE {database} WITH (FORCE)")
        admin.execute(f"DROP ROLE {role}")
