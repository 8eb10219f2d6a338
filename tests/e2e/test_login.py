"""Clients log in through the real listener and front door to a real PostgreSQL."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator

import asyncpg
import psycopg
import pytest

from govproxy.errors import ShuttingDown
from govproxy.identity.keys import generate_signing_key, load_signing_key
from govproxy.identity.minting import mint
from govproxy.session.cancel import worker_of
from govproxy.wire import backend, frontend
from govproxy.wire.backend import Backend
from govproxy.wire.startup import (
    encode_cancel_request,
    encode_gssenc_request,
    encode_ssl_request,
    encode_startup_message,
)
from tests.support.login_proxy import AUDIENCE, ISSUER, LoginProxy, upstream_database
from tests.support.postgres import Postgres
from tests.support.raw_client import RawClient
from tests.support.waiting import DEADLINE_S, canceled_when, runs, until


@pytest.fixture(scope="module")
def login_proxy(postgres: Postgres) -> Iterator[LoginProxy]:
    target = upstream_database(port=postgres.port, user=postgres.superuser, password=postgres.password)
    with LoginProxy([target], users={"app": "s3cret"}) as running:
        yield running


@pytest.fixture(autouse=True)
def _clean(login_proxy: LoginProxy) -> Iterator[None]:
    login_proxy.failures.clear()
    login_proxy.sessions.clear()
    yield
    # Whatever a test did to one client, the next one gets in.
    with psycopg.connect(login_proxy.dsn()) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def startup(user: str = "ana", *, minor: int = 0, **more: str) -> bytes:
    return encode_startup_message((("user", user), ("database", "shop"), *more.items()), minor=minor)


def log_in(client: RawClient, login_proxy: LoginProxy, *, minor: int = 0, **more: str) -> list[object]:
    client.send(startup(minor=minor, **more))
    messages = client.read_until(Backend.AUTHENTICATION)
    client.send(frontend.encode_password(login_proxy.token()))
    return [*messages, *client.read_until(Backend.READY_FOR_QUERY)]


# Drivers --------------------------------------------------------------------------------------


def test_psycopg_with_a_token(login_proxy: LoginProxy) -> None:
    with psycopg.connect(login_proxy.dsn(application_name="my app")) as connection:
        row = connection.execute("SELECT current_setting('application_name')").fetchone()
        assert row == ("govproxy:ana | my app",)
        assert connection.info.parameter_status("application_name") == "my app"
        assert connection.info.parameter_status("server_version")
    (session,) = login_proxy.sessions
    assert (session.user, session.application, session.client_encoding) == ("ana", "my app", "UTF8")
    assert session.search_path == ("pg_catalog", "public")


def test_psycopg_with_scram(login_proxy: LoginProxy) -> None:
    with psycopg.connect(login_proxy.dsn(user="app", password="s3cret")) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert login_proxy.sessions[0].user == "app"


def test_an_agent_is_named_with_its_human(login_proxy: LoginProxy) -> None:
    token = login_proxy.token("ana", agent="report-bot")
    with psycopg.connect(login_proxy.dsn(user="whoever", password=token)) as connection:
        row = connection.execute("SELECT current_setting('application_name')").fetchone()
    assert row == ("govproxy:report-bot for ana",)


@pytest.mark.parametrize("user", ["ana", "app"])
def test_asyncpg(login_proxy: LoginProxy, user: str) -> None:
    async def run() -> object:
        connection = await asyncpg.connect(
            host="127.0.0.1",
            port=login_proxy.port,
            user=user,
            password="s3cret" if user == "app" else login_proxy.token(),
            database="shop",
            ssl=False,
            server_settings={"statement_timeout": "5000"},
        )
        try:
            return await connection.fetchval("SELECT current_setting('statement_timeout')")
        finally:
            await connection.close()

    assert asyncio.run(run()) == "5s"


def test_psql(login_proxy: LoginProxy) -> None:
    psql = shutil.which("psql")
    if psql is None:
        pytest.skip("psql is not installed (Debian: postgresql-client)")
    done = subprocess.run(
        [psql, "-AtX", login_proxy.dsn(), "-c", "SELECT 'in'"],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
        env={"PGOPTIONS": "-c search_path=pg_catalog --lock-timeout=1s", "PATH": "/usr/bin:/bin"},
    )
    assert (done.stdout, done.stderr) == ("in\n", "")
    assert dict(login_proxy.sessions[0].settings) == {"search_path": "pg_catalog", "lock_timeout": "1s"}
    assert login_proxy.sessions[0].search_path == ("pg_catalog",)


def test_a_token_of_four_kilobytes(login_proxy: LoginProxy) -> None:
    token = login_proxy.token(groups=[f"group-{number:04}" for number in range(400)])
    assert len(token) > 4_000
    with psycopg.connect(login_proxy.dsn(password=token)) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_another_client_encoding(login_proxy: LoginProxy) -> None:
    with psycopg.connect(login_proxy.dsn(client_encoding="LATIN1")) as connection:
        assert connection.execute("SELECT 'ü'").fetchone() == ("ü",)
    assert login_proxy.sessions[0].client_encoding == "LATIN1"


# Refusals -------------------------------------------------------------------------------------


def minted_elsewhere(login_proxy: LoginProxy, **changes: object) -> str:
    key = load_signing_key(generate_signing_key())
    arguments = {"issuer": ISSUER, "audience": AUDIENCE, "user": "ana", "now": time.time()} | changes
    return mint(key, **arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("bad", "match"),
    [
        ("expired", "the token has expired"),
        ("audience", "another audience"),
        ("foreign", "does not publish"),
        ("issuer", "issuer is not configured"),
        ("text", "not a token"),
    ],
)
def test_bad_tokens(login_proxy: LoginProxy, bad: str, match: str) -> None:
    password = {
        "expired": login_proxy.token(now=time.time() - 7200),
        "audience": mint(login_proxy.signing_key, issuer=ISSUER, audience="another", user="ana", now=time.time()),
        "foreign": minted_elsewhere(login_proxy),
        "issuer": minted_elsewhere(login_proxy, issuer="https://evil.test"),
        "text": "hunter2",
    }[bad]
    with pytest.raises(psycopg.OperationalError, match=match) as caught:
        psycopg.connect(login_proxy.dsn(password=password))
    text = str(caught.value)
    assert "FATAL" in text
    assert "request_id=r-1" in text
    assert password not in text
    (failure,) = login_proxy.failures
    assert (failure.error.sqlstate, failure.startup and failure.startup.user) == ("28P01", "ana")
    assert failure.address.host == "127.0.0.1"


@pytest.mark.parametrize(
    ("arguments", "sqlstate", "match"),
    [
        ({"user": "app", "password": "wrong"}, "28P01", "password authentication failed"),
        ({"database": "nope"}, "3D000", 'database "nope" is not configured'),
        ({"options": "-c role=dba"}, "42501", '"role" may not be chosen'),
        ({"options": "-c session_replication_role=replica"}, "42501", "may not be chosen"),
        ({"options": "-c="}, "08P01", "not name=value"),
        ({"options": "-c TimeZone=nowhere"}, "22023", 'refused the setting "TimeZone"'),
        ({"replication": "database"}, "0A000", "replication"),
        ({"client_encoding": "SJIS"}, "0A000", "client_encoding"),
    ],
)
def test_refusals_reach_the_driver(
    login_proxy: LoginProxy, arguments: dict[str, str], sqlstate: str, match: str
) -> None:
    with pytest.raises(psycopg.OperationalError, match=match):
        psycopg.connect(login_proxy.dsn(**arguments))
    assert [failure.error.sqlstate for failure in login_proxy.failures] == [sqlstate]
    assert not login_proxy.sessions


def test_sqlstate_and_hint_reach_asyncpg(login_proxy: LoginProxy) -> None:
    async def run() -> None:
        await asyncpg.connect(
            host="127.0.0.1", port=login_proxy.port, user="ana", password="x", database="shop", ssl=False
        )

    with pytest.raises(asyncpg.InvalidPasswordError) as caught:
        asyncio.run(run())
    assert caught.value.sqlstate == "28P01"


@pytest.mark.parametrize(
    "packet",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\xff\xff\xff\xff",
        b"\xff\xff\xff\xf8\0\3\0\0user\0ana\0\0",
        b"\0\0\0\x08\0\2\0\0",
        b"\0\0\0\x0a\0\3\0\0\0\0",
        b"\x16\x03\x01\0\x05hello",
        startup()[:-1] + b"x",
    ],
)
def test_garbage_gets_one_fatal_and_the_end(login_proxy: LoginProxy, packet: bytes) -> None:
    with RawClient(login_proxy.port) as client:
        client.send(packet)
        assert client.fatal()["C"] == "08P01"


@pytest.mark.parametrize("user", ["ana", "app"])
@pytest.mark.parametrize("together", [True, False])
def test_a_second_startup_message(login_proxy: LoginProxy, user: str, together: bool) -> None:
    with RawClient(login_proxy.port) as client:
        if together:
            client.send(startup(user) + startup("dba"))
        else:
            client.send(startup(user))
            client.read_until(Backend.AUTHENTICATION)
            client.send(startup("dba"))
        assert client.fatal()["C"] == "08P01"
    assert not login_proxy.sessions


def test_encryption_requests_are_answered(login_proxy: LoginProxy) -> None:
    with RawClient(login_proxy.port) as client:
        client.send(encode_gssenc_request())
        assert client.read_bytes(1) == b"N"
        client.send(encode_ssl_request())
        assert client.read_bytes(1) == b"N"
        log_in(client, login_proxy)


def test_a_login_cut_into_single_bytes(login_proxy: LoginProxy) -> None:
    with RawClient(login_proxy.port) as client:
        for stream in (startup(), frontend.encode_password(login_proxy.token())):
            for at in range(len(stream)):
                client.send(stream[at : at + 1])
        messages = client.read_until(Backend.READY_FOR_QUERY)
    assert messages[-1].body == b"I"


def test_a_query_sent_with_the_password_is_kept(login_proxy: LoginProxy) -> None:
    with RawClient(login_proxy.port) as client:
        client.send(startup() + frontend.encode_password(login_proxy.token()) + frontend.encode_query("SELECT 'early'"))
        client.read_until(Backend.READY_FOR_QUERY)
        answer = client.read_until(Backend.READY_FOR_QUERY)
    assert backend.decode_data_row(next(m.body for m in answer if m.kind == Backend.DATA_ROW)) == (b"early",)


@pytest.mark.parametrize(("minor", "negotiated", "secret"), [(0, None, 4), (2, None, 32), (7, 2, 32)])
def test_protocol_versions(login_proxy: LoginProxy, minor: int, negotiated: int | None, secret: int) -> None:
    with RawClient(login_proxy.port) as client:
        client.send(startup(minor=minor))
        messages = client.read_until(Backend.AUTHENTICATION)
        client.send(frontend.encode_password(login_proxy.token()))
        messages += client.read_until(Backend.READY_FOR_QUERY)
    by_kind = {message.kind: message.body for message in messages}
    version = by_kind.get(Backend.NEGOTIATE_PROTOCOL_VERSION)
    assert (version and backend.decode_negotiate_protocol_version(version).minor) == negotiated
    key = backend.decode_backend_key_data(by_kind[Backend.BACKEND_KEY_DATA])
    assert (len(key.secret), worker_of(key.pid)) == (secret, login_proxy.worker)


# Cancel ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["psycopg", "long key", "wrong secret", "other pid"])
def test_cancel(login_proxy: LoginProxy, postgres: Postgres, how: str) -> None:
    """Only the right key of ours cancels; the server's own key is never seen by anybody."""
    if how == "psycopg":
        with (
            psycopg.connect(postgres.dsn(), autocommit=True) as direct,
            psycopg.connect(login_proxy.dsn()) as connection,
            # Not cancel(): its C call holds the interpreter, and with it the proxy in this process.
            canceled_when(lambda: runs(direct, "SELECT pg_sleep(20)"), connection.cancel_safe),
            pytest.raises(psycopg.errors.QueryCanceled),
        ):
            connection.execute("SELECT pg_sleep(20)")
        return
    with RawClient(login_proxy.port) as client, psycopg.connect(postgres.dsn(), autocommit=True) as direct:
        messages = log_in(client, login_proxy, minor=2)
        body = next(m.body for m in messages if m.kind == Backend.BACKEND_KEY_DATA)  # type: ignore[attr-defined]
        key = backend.decode_backend_key_data(body)
        cancels = how == "long key"
        pid = key.pid + 1000 if how == "other pid" else key.pid
        secret = bytes(32) if how == "wrong secret" else key.secret
        text = "SELECT pg_sleep(20)" if cancels else "SELECT pg_sleep(0.5)"
        client.send(frontend.encode_query(text))
        # What does not cancel may come whenever it likes.
        until(lambda: not cancels or runs(direct, text), "the statement runs")
        with RawClient(login_proxy.port) as canceller:
            canceller.send(encode_cancel_request(pid, secret))
            assert canceller.read_all() == []
        kinds = [message.kind for message in client.read_until(Backend.READY_FOR_QUERY)]
        assert (Backend.ERROR_RESPONSE in kinds) is cancels


def test_asyncpg_cancels_on_its_own_timeout(login_proxy: LoginProxy) -> None:
    async def run() -> object:
        connection = await asyncpg.connect(
            host="127.0.0.1",
            port=login_proxy.port,
            user="ana",
            password=login_proxy.token(),
            database="shop",
            ssl=False,
        )
        try:
            with pytest.raises(TimeoutError):
                await connection.fetch("SELECT pg_sleep(20)", timeout=0.3)
            return await connection.fetchval("SELECT 'usable'")
        finally:
            await connection.close()

    assert asyncio.run(run()) == "usable"


# Limits and stops -----------------------------------------------------------------------------


def test_silent_clients_are_sent_away(postgres: Postgres) -> None:
    target = upstream_database(port=postgres.port, user=postgres.superuser, password=postgres.password)
    with LoginProxy([target], login_timeout_s=0.5) as login_proxy:
        for first in (b"", b"\0\0", startup(), encode_ssl_request()):
            with RawClient(login_proxy.port) as client:
                client.send(first)
                assert client.socket.recv(1) if first == encode_ssl_request() else True
                assert client.fatal()["C"] == "53400"
        until(lambda: login_proxy.admission.sessions == 0, "places to be given back")


def test_a_full_house(postgres: Postgres) -> None:
    target = upstream_database(port=postgres.port, user=postgres.superuser, password=postgres.password)
    with LoginProxy([target], max_sessions=2) as login_proxy:
        with psycopg.connect(login_proxy.dsn()), psycopg.connect(login_proxy.dsn()):
            with pytest.raises(psycopg.OperationalError, match="too many sessions"):
                psycopg.connect(login_proxy.dsn())
            assert login_proxy.failures[-1].error.sqlstate == "53300"
        until(lambda: login_proxy.admission.sessions == 0, "places to be given back")
        with psycopg.connect(login_proxy.dsn()) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)


def test_half_open_logins_do_not_keep_others_out_for_ever(postgres: Postgres) -> None:
    target = upstream_database(port=postgres.port, user=postgres.superuser, password=postgres.password)
    with LoginProxy([target], max_logins=2) as login_proxy, RawClient(login_proxy.port), RawClient(login_proxy.port):
        until(lambda: login_proxy.admission.logins == 2, "both to be counted")
        with pytest.raises(psycopg.OperationalError, match="too many logins"):
            psycopg.connect(login_proxy.dsn())
    with LoginProxy([target], max_logins=2, login_timeout_s=0.5) as login_proxy:
        with RawClient(login_proxy.port) as first, RawClient(login_proxy.port) as second:
            assert {client.fatal()["C"] for client in (first, second)} == {"53400"}
            until(lambda: login_proxy.admission.logins == 0, "the silent ones to be sent away")
        login_proxy.door.login_timeout_s = DEADLINE_S
        with psycopg.connect(login_proxy.dsn()) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)


def test_clients_that_vanish_leave_nothing_behind(login_proxy: LoginProxy) -> None:
    for stream in (b"", b"\0\0", startup(), startup() + frontend.encode_password(login_proxy.token())):
        for reset in (False, True):
            client = RawClient(login_proxy.port)
            client.send(stream)
            if reset:
                client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            client.socket.close()
    until(lambda: login_proxy.admission.sessions == 0, "places to be given back")
    until(lambda: len(login_proxy.door.cancel_keys) == 0, "cancel keys to be forgotten")
    assert not [failure for failure in login_proxy.failures if failure.error.sqlstate == "XX000"]


def test_newcomers_are_told_of_a_drain(login_proxy: LoginProxy) -> None:
    login_proxy.door.draining = ShuttingDown("the proxy is shutting down")
    try:
        with pytest.raises(psycopg.OperationalError, match="shutting down"):
            psycopg.connect(login_proxy.dsn())
        assert login_proxy.failures[-1].error.sqlstate == "57P01"
    finally:
        login_proxy.door.draining = None


def test_many_at_once(login_proxy: LoginProxy) -> None:
    async def one(number: int) -> int:
        connection = await asyncpg.connect(
            host="127.0.0.1",
            port=login_proxy.port,
            user="ana",
            password=login_proxy.token(),
            database="shop",
            ssl=False,
        )
        try:
            return int(await connection.fetchval("SELECT $1::int", number))
        finally:
            await connection.close()

    async def run() -> list[int]:
        return await asyncio.gather(*(one(number) for number in range(40)))

    assert asyncio.run(run()) == list(range(40))
    until(lambda: login_proxy.admission.sessions == 0, "places to be given back")
