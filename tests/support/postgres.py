"""PostgreSQL for the tests: one server per test run, one database per test that asks for it."""

from __future__ import annotations

import os
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import quote

import psycopg
import psycopg.conninfo
import pytest

from govproxy.demo.binaries import PostgresNotFound
from govproxy.demo.postgres import PostgresServer

REUSE_VARIABLE = "GOVPROXY_TEST_DSN"


class Postgres(Protocol):
    """What tests may use of a server, ours or a reused one."""

    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int: ...
    @property
    def superuser(self) -> str: ...
    @property
    def password(self) -> str: ...
    def dsn(self, database: str = "postgres", *, user: str | None = None, password: str | None = None) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ReusedPostgres:
    """A server somebody else started, named by ``GOVPROXY_TEST_DSN``; never stopped from here."""

    host: str
    port: int
    superuser: str
    password: str

    def dsn(self, database: str = "postgres", *, user: str | None = None, password: str | None = None) -> str:
        who = user or self.superuser
        secret = self.password if password is None and user is None else password or ""
        return f"postgresql://{quote(who)}:{quote(secret, safe='')}@{self.host}:{self.port}/{quote(database)}"


@contextmanager
def database(server: Postgres, *statements: str, name: str | None = None) -> Iterator[str]:
    """A new database with these statements run in it; gives its name and drops it afterwards."""
    name = name or f"test_{secrets.token_hex(6)}"
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"'.encode())
    try:
        if statements:
            with psycopg.connect(server.dsn(name), autocommit=True) as connection:
                for statement in statements:
                    connection.execute(statement.encode())
        yield name
    finally:
        with psycopg.connect(server.dsn(), autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'.encode())


def reused_server() -> ReusedPostgres | None:
    """The server that ``GOVPROXY_TEST_DSN`` names, if it is set."""
    dsn = os.environ.get(REUSE_VARIABLE)
    if not dsn:
        return None
    parts = psycopg.conninfo.conninfo_to_dict(dsn)
    return ReusedPostgres(
        host=str(parts.get("host", "127.0.0.1")),
        port=int(parts.get("port") or 5432),
        superuser=str(parts.get("user", "postgres")),
        password=str(parts.get("password") or ""),
    )


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """The server of this test run; ``GOVPROXY_TEST_DSN`` reuses one that runs already."""
    if (reused := reused_server()) is not None:
        yield reused
        return
    with PostgresServer(settings={"max_connections": "300"}) as server:
        yield server


@pytest.fixture(scope="session")
def postgres_tls() -> Iterator[PostgresServer]:
    """A server with TLS on; skips where no PostgreSQL with OpenSSL is installed."""
    try:
        server = PostgresServer(tls=True)
    except PostgresNotFound as missing:
        pytest.skip(str(missing))
    with server:
        yield server


@pytest.fixture(scope="session")
def postgres_xml() -> Iterator[PostgresServer]:
    """A server that can read XML; skips where no PostgreSQL with libxml is installed."""
    server = PostgresServer(prefer_system=True)
    config = server.binaries.folder / "pg_config"
    answer = subprocess.run([config, "--configure"], capture_output=True, text=True, check=False)
    if "--with-libxml" not in answer.stdout:
        pytest.skip("no PostgreSQL with libxml is installed (Debian: postgresql)")
    with server:
        yield server


@pytest.fixture
def scratch(postgres: Postgres) -> Iterator[str]:
    """The name of an empty database that lives as long as the test."""
    with database(postgres) as name:
        yield name
