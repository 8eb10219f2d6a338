"""Every engine under real load: the portable one and those for Linux do the same."""

from __future__ import annotations

import asyncio
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import psycopg
import pytest

from tests.protocol.transcript import frontend
from tests.support.proxy import Databases, Proxy, start
from tests.support.waiting import until

ANALYST = ("ana@shop.example", ("analysts",))
DBA = ("dora@shop.example", ("dba",))
ENGINES = ["loop", "epoll", "uv"] if sys.platform.startswith("linux") else ["loop"]


@pytest.fixture(scope="module", params=ENGINES)
def proxy_on(
    request: pytest.FixtureRequest, databases: Databases, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Proxy]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("GOVPROXY_ENGINE", request.param)
        running = start(databases, tmp_path_factory.mktemp("engine"), workers=2)
    yield running
    running.stop()


def worker_pids(proxy: Proxy) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[1]) == proxy.process.pid:
            found.append(int(stat.parent.name))
    return found


def resident_bytes(proxy: Proxy) -> int:
    total = 0
    for pid in worker_pids(proxy):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                total += int(line.split()[1]) * 1024
    return total


def test_mixed_work_of_many_clients(proxy_on: Proxy) -> None:
    async def run() -> None:
        with proxy_on.databases.direct("shop") as direct:
            clear = dict(direct.execute("SELECT id, email FROM customers").fetchall())

        async def client(number: int) -> None:
            who = ANALYST if number % 2 else DBA
            connection = await asyncpg.connect(
                host="127.0.0.1",
                port=proxy_on.port,
                user=who[0],
                password=proxy_on.token(*who),
                database="shop",
                ssl=False,
            )
            statement = await connection.prepare("SELECT id, email FROM customers WHERE id = $1")
            for turn in range(40):
                row = await statement.fetchrow(1 + (number + turn) % 50)
                assert (row["email"] == clear[row["id"]]) is (who is DBA)
                if turn % 10 == 0:
                    rows = await connection.fetch("SELECT g, repeat('x', 200) FROM generate_series(1, 3000) g")
                    assert len(rows) == 3000
                    with pytest.raises(asyncpg.InsufficientPrivilegeError):
                        await connection.execute("DELETE FROM orders")
            await connection.close()

        await asyncio.gather(*(client(n) for n in range(20)))

    asyncio.run(run())


def test_a_reader_that_stops_costs_little_memory(proxy_on: Proxy) -> None:
    """A result of 300 MB to a client that does not read: the database waits, not the proxy's memory."""
    with psycopg.connect(proxy_on.dsn(*DBA, database="shop"), autocommit=True) as connection:
        connection.execute("SELECT 1")
        before = resident_bytes(proxy_on)
        raw = socket.socket(fileno=connection.pgconn.socket)
        try:
            raw.setblocking(True)
            raw.sendall(frontend(["Query", "SELECT repeat('x', 10000) FROM generate_series(1, 30000)"]))
            time.sleep(1.5)
            assert resident_bytes(proxy_on) - before < 32 << 20
            with proxy_on.connect(*ANALYST, database="shop") as other:
                assert other.execute("SELECT 1").fetchone() == (1,)
            read = 0
            while read < 290_000_000:
                read += len(raw.recv(1 << 20))
            assert resident_bytes(proxy_on) - before < 32 << 20
        finally:
            raw.detach()


def test_a_writer_into_a_database_that_waits(proxy_on: Proxy) -> None:
    """COPY into a locked table: the client is made to wait, and everything arrives in the end."""
    with proxy_on.connect(*DBA, database="shop") as dba:
        dba.execute("CREATE TABLE engine_copy (t text)")
    locker = proxy_on.databases.direct("shop", autocommit=False)
    locker.execute("LOCK TABLE engine_copy IN EXCLUSIVE MODE")
    threading.Timer(1.0, locker.commit).start()
    try:
        with proxy_on.connect(*DBA, database="shop") as dba:
            with dba.cursor().copy("COPY engine_copy FROM STDIN") as copy:
                for _ in range(3_000):
                    copy.write(b"y" * 10_000 + b"\n")
            assert dba.execute("SELECT count(*), sum(length(t)) FROM engine_copy").fetchone() == (3_000, 30_000_000)
            dba.execute("DROP TABLE engine_copy")
    finally:
        locker.close()


def test_sessions_that_vanish_leave_nothing(proxy_on: Proxy) -> None:
    for _ in range(30):
        connection = psycopg.connect(proxy_on.dsn(*ANALYST, database="shop"))
        raw = socket.socket(fileno=connection.pgconn.socket)
        raw.sendall(frontend(["Query", "SELECT g FROM generate_series(1, 100000) g"]))
        raw.shutdown(socket.SHUT_RDWR)
        raw.detach()
        connection.close()
    open_ones = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'govproxy:ana%'"
    with proxy_on.databases.direct("shop") as direct:
        until(lambda: direct.execute(open_ones).fetchone() == (0,), "no session left at the database")

    def open_in_the_ledger() -> set[str]:
        started, ended = ({e["session"] for e in proxy_on.events(f"session_{kind}")} for kind in ("start", "end"))
        return started - ended

    until(lambda: len(open_in_the_ledger()) <= 1, "every end in the ledger")
