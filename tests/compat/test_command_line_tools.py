"""psql, pgbench and pg_dump through the proxy: what people run all day must not notice it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from govproxy.demo import sample
from govproxy.demo.binaries import PostgresNotFound
from govproxy.demo.postgres import PostgresServer
from tests.support.proxy import Proxy, databases_on, start

ANALYST = ("ana@shop.example", ("analysts",))
DBA = ("dora@shop.example", ("dba",))

# The \d family, without what names sizes or times that change between two runs.
DESCRIPTIONS = [
    r"\d",
    r"\dt",
    r"\dt *.*",
    r"\dv",
    r"\dm",
    r"\di",
    r"\ds",
    r"\dn",
    r"\dn+",
    r"\df *.*",
    r"\da",
    r"\dT",
    r"\dT+",
    r"\dD",
    r"\dC",
    r"\do",
    r"\dx",
    r"\du",
    r"\dg",
    r"\dp",
    r"\ddp",
    r"\dL",
    r"\dF",
    r"\dFd",
    r"\dE",
    r"\det",
    r"\dew",
    r"\des",
    r"\drds",
    r"\dy",
    r"\dO",
    r"\dc",
    r"\dP",
    r"\d customers",
    r"\d+ customers",
    r"\d orders",
    r"\d+ clinic.*",
    r"\d customers_pkey",
    r"\sv customer_overview",
    r"\encoding",
    r"\conninfo",
]


def tool(name: str) -> str:
    """A PostgreSQL client program: on PATH, or where Debian keeps those that are not."""
    candidates = [shutil.which(name), *(str(p) for p in Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))]
    found = [path for path in candidates if path]
    if not found:
        pytest.skip(f"{name} is not installed (package postgresql-client)")
    return found[0]


def run(*command: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PGCONNECT_TIMEOUT": "10", "LC_ALL": "C.UTF-8"}
    return subprocess.run(
        command, input=stdin, capture_output=True, text=True, timeout=120, env=environment, check=False
    )


def psql(dsn: str, *commands: str) -> subprocess.CompletedProcess[str]:
    arguments = [part for command in commands for part in ("-c", command)]
    return run(tool("psql"), "-X", "-A", "-v", "VERBOSITY=sqlstate", dsn, *arguments)


def direct(proxy: Proxy) -> str:
    """The very login the proxy uses, around the proxy."""
    return proxy.databases.postgres.dsn("shop", user=sample.LOGIN_ROLE, password=proxy.databases.login_password)


@pytest.mark.parametrize("command", DESCRIPTIONS)
def test_descriptions_are_unaltered_for_a_masked_identity(proxy: Proxy, command: str) -> None:
    through = psql(proxy.dsn(*ANALYST, database="shop"), command)
    around = psql(direct(proxy), command)
    if command == r"\conninfo":
        assert "shop" in through.stdout
        return
    assert through.stdout == around.stdout
    assert through.stderr == around.stderr


def test_psql_shows_masked_rows_and_readable_denials(proxy: Proxy) -> None:
    shown = run(
        tool("psql"),
        "-X",
        proxy.dsn(*ANALYST, database="shop"),
        stdin="SELECT id, email FROM customers WHERE id = 1;\nDROP TABLE orders;\nSELECT 'still here';\n",
    )
    assert "***@" in shown.stdout
    assert "still here" in shown.stdout
    assert "govproxy: DROP TABLE public.orders is not allowed" in shown.stderr
    assert "HINT:" in shown.stderr
    assert "request_id=" in shown.stderr


def test_psql_through_tls(start_proxy: Callable[..., Proxy]) -> None:
    proxy = start_proxy(tls=True)
    shown = psql(proxy.dsn(*ANALYST, database="shop"), "SELECT count(*) FROM customers", r"\conninfo")
    assert "SSL connection" in shown.stdout
    assert shown.returncode == 0
    refused = psql(proxy.dsn(*ANALYST, database="shop", sslmode="disable"), "SELECT 1")
    assert refused.returncode != 0
    assert "TLS" in refused.stderr


@pytest.mark.parametrize("mode", ["simple", "extended", "prepared"])
@pytest.mark.parametrize("select_only", [True, False], ids=["select", "tpcb"])
def test_pgbench(proxy: Proxy, pgbench_tables: str, mode: str, select_only: bool) -> None:
    options = ["-S"] if select_only else []
    dsn = proxy.dsn("service@shop.example", ("services",), database="app")
    done = run(tool("pgbench"), "-n", "-M", mode, "-c", "4", "-t", "50", *options, dsn)
    assert done.returncode == 0, done.stderr
    assert "number of transactions actually processed: 200/200" in done.stdout
    assert "number of failed transactions: 0" in done.stdout


@pytest.fixture(scope="module")
def pgbench_tables(proxy: Proxy) -> str:
    """pgbench's tables in ``app``, made as the proxy's login, so that it owns them."""
    dsn = proxy.databases.postgres.dsn("app", user=sample.LOGIN_ROLE, password=proxy.databases.login_password)
    done = run(tool("pgbench"), "-q", "-i", dsn)
    assert done.returncode == 0, done.stderr
    return dsn


def test_psql_copies_masked_rows(proxy: Proxy, tmp_path: Path) -> None:
    dsn = proxy.dsn(*ANALYST, database="shop")
    expected = psql(dsn, "SELECT id, email FROM customers ORDER BY id").stdout.splitlines()[1:-1]
    file = tmp_path / "customers.csv"
    query = r"\copy (SELECT id, email FROM customers ORDER BY id) TO '{}' WITH (FORMAT csv, HEADER, DELIMITER '|')"
    done = psql(dsn, query.format(file))
    assert (done.returncode, done.stderr) == (0, "")
    assert file.read_text().splitlines() == ["id|email", *expected]
    assert (
        psql(dsn, "COPY (SELECT id, email FROM customers ORDER BY id) TO STDOUT (DELIMITER '|')").stdout.splitlines()
        == expected
    )


def test_pg_dump(tmp_path: Path) -> None:
    # Of the machine's own server: pg_dump refuses servers that are newer than itself.
    try:
        server = PostgresServer(prefer_system=True)
    except PostgresNotFound:
        pytest.skip("no PostgreSQL server is installed (package postgresql)")
    with server, databases_on(server) as databases:
        proxy = start(databases, tmp_path)
        try:
            around = run(tool("pg_dump"), direct(proxy))
            through = run(tool("pg_dump"), proxy.dsn(*DBA, database="shop"))
            schema = run(tool("pg_dump"), "--schema-only", direct(proxy))
            masked_schema = run(tool("pg_dump"), "--schema-only", proxy.dsn(*ANALYST, database="shop"))
            masked = run(tool("pg_dump"), "--data-only", proxy.dsn(*ANALYST, database="shop"))
            data = run(tool("pg_dump"), "--data-only", direct(proxy))
            with databases.direct("shop") as connection:
                clear = connection.execute("SELECT email FROM customers").fetchall()
        finally:
            proxy.stop()
    assert around.returncode == 0, around.stderr
    assert through.returncode == 0, through.stderr

    def stable(text: str) -> list[str]:
        # pg_dump 17.6 and later write a random key around the dump.
        return [line for line in text.splitlines() if not line.startswith(("\\restrict", "\\unrestrict"))]

    assert stable(through.stdout) == stable(around.stdout)
    assert len(through.stdout) > 10_000
    assert masked_schema.returncode == 0, masked_schema.stderr
    assert stable(masked_schema.stdout) == stable(schema.stdout)
    assert masked.returncode == 0, masked.stderr
    assert masked.stdout.count("\n") == data.stdout.count("\n")
    assert masked.stdout != data.stdout
    assert not [email for (email,) in clear if email in masked.stdout]
