"""The PostgreSQL that everything is measured against, and what is in it.

A throw-away cluster of the installed PostgreSQL (the one that brings pgbench), durability off, so
that the proxies and not the disk are compared. Everybody logs in by SCRAM with the same role and
password: directly, and through every peer.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from govproxy.demo.binaries import choose_user
from govproxy.demo.postgres import HOST, PostgresServer

DATABASE = "bench"
ROLE = "bench"
WIDE_ROWS = 10_000
WIDE_COLUMNS = 10
WIDE_QUERY = "SELECT * FROM wide"
MAX_CONNECTIONS = 1_100

# Ten columns of about 214 bytes a row, two of which anybody would call sensitive. All lower case: the drain
# client knows the end of a result by bytes that then cannot stand inside of one.
_WIDE = f"""
CREATE TABLE wide AS SELECT
    n AS id,
    'batch ' || n % 97 AS batch,
    'user' || n || '@mail.example.org' AS email,
    (ARRAY['ann','bert','cora','dirk','eva'])[1 + n % 5] || ' ' ||
        (ARRAY['miller','schmidt','kowalski','rossi'])[1 + n % 4] AS full_name,
    (n * 37 % 1000)::numeric(12,2) AS quantity,
    timestamptz '2024-01-01 00:00:00+00' + n * interval '1 minute' AS created_at,
    n % 2 = 0 AS active,
    (ARRAY['open','closed','waiting'])[1 + n % 3] AS status,
    md5(n::text) AS checksum,
    'the quick brown fox jumps over the lazy dog while people wait in the queue ' || n % 7 AS remark
FROM generate_series(1, {WIDE_ROWS}) AS n;
ALTER TABLE wide ADD PRIMARY KEY (id);
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """A database that is up. ``verifier`` is what PostgreSQL keeps of the password."""

    server: PostgresServer
    port: int
    password: str
    verifier: str
    pgbench: Path
    version: str
    folder: Path
    sockets: Path  # where PostgreSQL listens besides
    max_connections: int = MAX_CONNECTIONS

    def dsn(self, port: int | None = None, *, user: str = ROLE, sslmode: str = "disable") -> str:
        """Where a client connects: directly, or through the peer on ``port``."""
        return (
            f"host={HOST} port={port or self.port} user={user} password={self.password} "
            f"dbname={DATABASE} sslmode={sslmode} gssencmode=disable"
        )

    def environment(self, *, sslmode: str = "disable") -> dict[str, str]:
        """libpq's settings for pgbench; the caller's own PG* variables do not count."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        return inherited | {
            "PGUSER": ROLE,
            "PGPASSWORD": self.password,
            "PGDATABASE": DATABASE,
            "PGHOST": HOST,
            "PGSSLMODE": sslmode,
            "PGGSSENCMODE": "disable",
        }


@contextmanager
def ground(folder: Path, *, scale: int) -> Iterator[Ground]:
    """PostgreSQL with pgbench's tables at ``scale`` and the wide one; gone afterwards."""
    sockets = folder / "sockets"
    sockets.mkdir()
    run_as = choose_user()
    if run_as.uid is not None and run_as.gid is not None:
        os.chown(sockets, run_as.uid, run_as.gid)
    settings = {
        "max_connections": str(MAX_CONNECTIONS),
        "shared_buffers": "256MB",
        "autovacuum": "off",
        "jit": "off",
        "unix_socket_directories": str(sockets),
    }
    with PostgresServer(prefer_system=True, settings=settings) as server:
        with psycopg.connect(server.dsn(), autocommit=True) as connection:
            role, name = sql.Identifier(ROLE), sql.Identifier(DATABASE)
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(role, sql.Literal(server.password)))
            connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(name, role))
            row = connection.execute("SELECT rolpassword FROM pg_authid WHERE rolname = %s", [ROLE]).fetchone()
            version = connection.execute("SHOW server_version").fetchone()
        if row is None or version is None:
            raise RuntimeError("PostgreSQL does not know the role that was just made")
        made = Ground(
            server=server,
            port=server.port,
            password=server.password,
            verifier=str(row[0]),
            pgbench=_pgbench(server),
            version=str(version[0]),
            folder=folder,
            sockets=sockets,
        )
        _fill(made, scale)
        yield made


def _fill(made: Ground, scale: int) -> None:
    done = subprocess.run(
        [made.pgbench, "-p", str(made.port), "-i", "-q", "-I", "dtGvp", "-s", str(scale)],
        env=made.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"pgbench -i failed: {done.stderr.strip()[-500:]}")
    with psycopg.connect(made.dsn(), autocommit=True) as connection:
        connection.execute(_WIDE.encode())
        connection.execute("VACUUM ANALYZE")


def _pgbench(server: PostgresServer) -> Path:
    beside = server.binaries.folder / "pgbench"
    if beside.is_file():
        return beside
    on_path = shutil.which("pgbench")
    if on_path is None:
        raise RuntimeError("pgbench is missing: install PostgreSQL's own client programs (Debian: postgresql)")
    return Path(on_path)
