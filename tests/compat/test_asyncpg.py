"""asyncpg through the proxy: it never describes what it executes, and executes it many times."""

from __future__ import annotations

import asyncio
import io
import ssl
from collections.abc import Callable

import asyncpg
import pytest

from tests.support.proxy import Proxy

ANALYST = ("ana@shop.example", ("analysts",))
DBA = ("dora@shop.example", ("dba",))


async def connect(proxy: Proxy, who: tuple[str, tuple[str, ...]], database: str = "shop") -> asyncpg.Connection:
    context: ssl.SSLContext | bool = False
    if proxy.tls:
        context = ssl.create_default_context(cafile=str(proxy.certificate_authority))
    return await asyncpg.connect(
        host="localhost" if proxy.tls else "127.0.0.1",
        port=proxy.port,
        user=who[0],
        password=proxy.token(*who),
        database=database,
        ssl=context,
    )


async def clear_emails(proxy: Proxy) -> dict[int, str]:
    with proxy.databases.direct("shop") as direct:
        return dict(direct.execute("SELECT id, email FROM customers").fetchall())


def test_prepared_statement_executed_many_times(proxy: Proxy) -> None:
    async def run() -> None:
        clear = await clear_emails(proxy)
        connection = await connect(proxy, ANALYST)
        statement = await connection.prepare("SELECT id, email, country FROM customers WHERE id = $1")
        for number in range(1, 200):
            row = await statement.fetchrow(number)
            assert row["id"] == number
            assert row["email"] != clear[number]
        await connection.close()

    asyncio.run(run())


def test_fetch_of_every_kind(proxy: Proxy) -> None:
    async def run() -> None:
        connection = await connect(proxy, ANALYST)
        assert await connection.fetchval("SELECT count(*) FROM customers") > 0
        rows = await connection.fetch("SELECT * FROM customers ORDER BY id LIMIT 10")
        assert [row["id"] for row in rows] == list(range(1, 11))
        rows = await connection.fetch("SELECT * FROM events ORDER BY id LIMIT 10")
        assert len(rows) == 10
        await connection.executemany("SELECT $1::int", [(n,) for n in range(50)])
        with pytest.raises(asyncpg.InsufficientPrivilegeError) as denied:
            await connection.execute("DROP TABLE orders")
        assert denied.value.hint
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.fetch("DELETE FROM orders")
        assert await connection.fetchval("SELECT 5") == 5
        await connection.close()

    asyncio.run(run())


def test_cursor_in_a_transaction(proxy: Proxy) -> None:
    async def run() -> None:
        clear = set((await clear_emails(proxy)).values())
        connection = await connect(proxy, ANALYST)
        async with connection.transaction():
            seen = [row["email"] async for row in connection.cursor("SELECT id, email FROM customers", prefetch=13)]
        assert len(seen) == len(clear)
        assert not clear & set(seen)
        await connection.close()

    asyncio.run(run())


def test_pool_with_its_reset_query(proxy: Proxy) -> None:
    async def run() -> None:
        async with asyncpg.create_pool(
            host="127.0.0.1",
            port=proxy.port,
            user=ANALYST[0],
            password=proxy.token(*ANALYST),
            database="shop",
            ssl=False,
            min_size=2,
            max_size=4,
        ) as pool:
            values = await asyncio.gather(*(pool.fetchval("SELECT $1::int * 2", n) for n in range(100)))
        assert values == [n * 2 for n in range(100)]

    asyncio.run(run())


def test_dba_copies_both_ways_and_reads_byte_for_byte(proxy: Proxy) -> None:
    async def run() -> None:
        connection = await connect(proxy, DBA)
        await connection.execute("CREATE TABLE asyncpg_copy (id int, note text)")
        try:
            await connection.copy_records_to_table("asyncpg_copy", records=[(n, f"note {n}") for n in range(1_000)])
            rows = await connection.fetch("SELECT * FROM asyncpg_copy ORDER BY id")
            assert [tuple(row) for row in rows] == [(n, f"note {n}") for n in range(1_000)]
        finally:
            await connection.execute("DROP TABLE asyncpg_copy")
        clear = await clear_emails(proxy)
        rows = await connection.fetch("SELECT id, email FROM customers")
        assert {row["id"]: row["email"] for row in rows} == clear
        await connection.close()

    asyncio.run(run())


def test_many_connections_at_once(proxy: Proxy) -> None:
    async def run() -> None:
        async def one(number: int) -> int:
            connection = await connect(proxy, ANALYST)
            try:
                for _ in range(5):
                    assert await connection.fetchval("SELECT $1::int", number) == number
                return number
            finally:
                await connection.close()

        assert sorted(await asyncio.gather(*(one(n) for n in range(40)))) == list(range(40))

    asyncio.run(run())


def test_through_tls(start_proxy: Callable[..., Proxy]) -> None:
    proxy = start_proxy(tls=True, workers=2)

    async def run() -> None:
        clear = await clear_emails(proxy)
        connection = await connect(proxy, ANALYST)
        statement = await connection.prepare("SELECT id, email FROM customers WHERE id = $1")
        for number in range(1, 50):
            row = await statement.fetchrow(number)
            assert row["email"] != clear[number]
        rows = await connection.fetch("SELECT repeat('x', 1000) FROM generate_series(1, 20000)")
        assert len(rows) == 20_000
        await connection.close()

    asyncio.run(run())


def test_copies_from_a_query_and_from_a_table(proxy: Proxy) -> None:
    async def run() -> None:
        clear = await clear_emails(proxy)
        connection = await connect(proxy, ANALYST)
        rows = await connection.fetch("SELECT id, email FROM customers ORDER BY id")
        out = io.BytesIO()
        await connection.copy_from_query("SELECT id, email FROM customers ORDER BY id", output=out, format="csv")
        assert out.getvalue().decode().splitlines() == [f"{row['id']},{row['email']}" for row in rows]
        out = io.BytesIO()
        await connection.copy_from_table("customers", columns=["email"], output=out, format="binary")
        assert not [email for email in clear.values() if email.encode() in out.getvalue()]
        assert b"@" in out.getvalue()
        await connection.close()

    asyncio.run(run())
