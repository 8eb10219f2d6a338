"""Everything clear: byte for byte what PostgreSQL sends, whatever is asked and however it is cut."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import pytest

from govproxy.config.settings import Database, SslMode, Upstream
from govproxy.demo import sample
from govproxy.server.upstream import UpstreamTarget, open_channel
from govproxy.server.upstream_login import Credentials, UpstreamLogin
from govproxy.wire.backend import Backend
from govproxy.wire.framing import encode_message
from govproxy.wire.startup import encode_startup_message
from tests.protocol.transcript import frontend
from tests.support.proxy import Proxy
from tests.support.raw_client import RawClient
from tests.support.waiting import DEADLINE_S

DBA = ("dora@shop.example", ("dba",))

TYPES = """
SELECT 1::int2, 2::int4, 3::int8, 4.5::float4, 5.25::float8, 'NaN'::float8, 6.70::numeric(10,2),
 'infinity'::timestamptz, date '2024-02-29', time '10:11:12',
 interval '1 year 2 days', true, 'text'::text, 'char'::char(7), 'v'::varchar(9),
 '\\x00ff'::bytea, '11111111-2222-3333-4444-555555555555'::uuid, '{"a": [1, null]}'::jsonb, '[1,2]'::json,
 ARRAY[1,2,NULL], ARRAY[['a','b'],['c','d']], int4range(1,5), '10.0.0.0/8'::cidr, '::1'::inet, NULL, ROW(1,'x'),
 'a b'::tsvector, point(1,2), B'101', 'happy'::name, 42::oid, 'pg_class'::regclass, E'tab\\tnewline\\n', 'é€😀'
"""
COLUMNS = "email, phone, birth_date, ssn, last_ip, created_at"

# name -> messages; each script ends in ReadyForQuery, so that both sides are read to the same point.
SCRIPTS: dict[str, list[list[str]]] = {
    "simple": [["Query", "SELECT * FROM customers ORDER BY id LIMIT 100"]],
    "types": [["Query", TYPES]],
    "several": [["Query", "SELECT 1; SELECT 'two'; UPDATE customers SET segment = segment WHERE id = 1; SELECT 3"]],
    "empty": [["Query", ""], ["Query", ";"], ["Query", "-- nothing"]],
    "errors": [
        ["Query", "SELECT 1/0"],
        ["Query", "SELECT * FROM nowhere"],
        ["Query", "SELECT email::int FROM customers"],
    ],
    "error between": [["Query", "SELECT 1; SELECT 1/0; SELECT 2"]],
    "notices": [["Query", "DROP TABLE IF EXISTS not_there"]],
    "copy": [["Query", "COPY (SELECT * FROM customers ORDER BY id LIMIT 200) TO STDOUT"]],
    "copy csv": [["Query", "COPY customers TO STDOUT (FORMAT csv, HEADER)"]],
    "copy binary": [["Query", "COPY payments TO STDOUT (FORMAT binary)"]],
    "explain": [["Query", "EXPLAIN (COSTS off) SELECT email FROM customers WHERE id = 1"]],
    "transaction": [["Query", q] for q in ("BEGIN", "SELECT 1", "SELECT nope", "SELECT 2", "ROLLBACK")],
    "cursor": [
        ["Query", q]
        for q in (
            "BEGIN",
            f"DECLARE c CURSOR FOR SELECT {COLUMNS} FROM customers ORDER BY id",
            "FETCH 7 FROM c",
            "MOVE 3 FROM c",
            "FETCH 2 FROM c",
            "CLOSE c",
            "COMMIT",
        )
    ],
    "extended": [
        ["Parse", "", f"SELECT {COLUMNS} FROM customers WHERE id <= 20"],
        ["Bind", "", ""],
        ["Describe", "P", ""],
        ["Execute", ""],
        ["Sync"],
    ],
    "binary": [
        ["Parse", "s1", f"SELECT {COLUMNS} FROM customers WHERE id <= 20"],
        ["Describe", "S", "s1"],
        ["Bind", "", "s1", "formats=1"],
        ["Execute", ""],
        ["Bind", "", "s1", "formats=0,0,1,0,1,1"],
        ["Execute", ""],
        ["Close", "S", "s1"],
        ["Sync"],
    ],
    "suspended": [
        ["Parse", "", "SELECT generate_series(1, 10)"],
        ["Bind", "p", ""],
        ["Execute", "p", "rows=3"],
        ["Execute", "p", "rows=3"],
        ["Execute", "p", "rows=9"],
        ["Close", "P", "p"],
        ["Sync"],
    ],
    "failing pipeline": [
        ["Parse", "", "SELECT 1"],
        ["Bind", "", ""],
        ["Execute", ""],
        ["Parse", "", "SELECT nope"],
        ["Bind", "", ""],
        ["Execute", ""],
        ["Sync"],
        ["Parse", "", "SELECT 2"],
        ["Bind", "", ""],
        ["Execute", ""],
        ["Sync"],
    ],
    "wide": [["Query", "SELECT g, md5(g::text), repeat('x', g % 900) FROM generate_series(1, 5000) g"]],
    "large value": [["Query", "SELECT repeat('0123456789', 300000)"]],
    "prepare": [["Query", "PREPARE p AS SELECT 1"], ["Query", "EXECUTE p"], ["Query", "DEALLOCATE p"]],
    "unknown names": [["Close", "S", "never"], ["Close", "P", "never"], ["Sync"]],
}


def ready_count(script: list[list[str]]) -> int:
    return sum(1 for words in script if words[0] in ("Query", "Sync"))


def read(sock: socket.socket, answers: int) -> bytes:
    """All bytes up to the n-th ReadyForQuery."""
    sock.settimeout(DEADLINE_S)
    data = b""
    at = 0
    while answers:
        while len(data) - at >= 5 and len(data) - at > int.from_bytes(data[at + 1 : at + 5], "big"):
            answers -= data[at : at + 1] == b"Z"
            at += 1 + int.from_bytes(data[at + 1 : at + 5], "big")
        if answers:
            chunk = sock.recv(1 << 16)
            assert chunk, "the connection ended"
            data += chunk
    assert at == len(data)
    return data


@pytest.fixture(scope="module")
def around(proxy: Proxy) -> Iterator[socket.socket]:
    """A connection to PostgreSQL itself, as the proxy's own login."""
    postgres = proxy.databases.postgres

    async def connect() -> socket.socket:
        upstream = Upstream(
            host=postgres.host, port=postgres.port, user=sample.LOGIN_ROLE, database="shop", sslmode=SslMode.DISABLE
        )
        target = UpstreamTarget(Database(name="shop", upstream=upstream, environment="test"))
        channel = await open_channel(target, timeout_s=10)
        credentials = Credentials(
            user=sample.LOGIN_ROLE,
            database="shop",
            password=proxy.databases.login_password,
            confidential=True,
            binding=None,
        )
        await UpstreamLogin(channel, nonce=lambda: "nonce-of-a-test-0123").run(credentials, ())
        return channel.detach()[0]

    sock = asyncio.run(connect())
    sock.setblocking(True)
    with sock:
        yield sock


@pytest.fixture(scope="module")
def through(proxy: Proxy) -> Iterator[socket.socket]:
    """A connection through the proxy as somebody who sees everything."""
    with RawClient(proxy.port) as client:
        client.send(encode_startup_message((("user", DBA[0]), ("database", "shop"))))
        client.read_until(Backend.AUTHENTICATION)
        client.send(encode_message(ord("p"), proxy.token(*DBA).encode() + b"\0"))
        client.read_until(Backend.READY_FOR_QUERY)
        yield client.socket


@pytest.mark.parametrize("cut", [0, 1, 7], ids=["whole", "single bytes", "sevens"])
@pytest.mark.parametrize("name", SCRIPTS)
def test_byte_for_byte(around: socket.socket, through: socket.socket, name: str, cut: int) -> None:
    script = SCRIPTS[name]
    said = b"".join(frontend(words) for words in script)
    around.sendall(said)
    expected = read(around, ready_count(script))
    for piece in [said] if not cut else [said[i : i + cut] for i in range(0, len(said), cut)]:
        through.sendall(piece)
    assert read(through, ready_count(script)) == expected
