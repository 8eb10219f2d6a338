"""TLS towards clients: negotiated, direct, required, bound, and attacked."""

from __future__ import annotations

import asyncio
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator

import asyncpg
import psycopg
import pytest

from govproxy.wire import frontend
from govproxy.wire.backend import Backend
from govproxy.wire.startup import encode_ssl_request, encode_startup_message
from tests.support.certificates import Certificates, certificates
from tests.support.login_proxy import LoginProxy, upstream_database
from tests.support.postgres import Postgres
from tests.support.raw_client import RawClient
from tests.support.waiting import DEADLINE_S, canceled_when, runs, until

__all__ = ["certificates"]


@pytest.fixture(scope="module")
def login_proxy(postgres: Postgres, certificates: Certificates) -> Iterator[LoginProxy]:
    target = upstream_database(port=postgres.port, user=postgres.superuser, password=postgres.password)
    with LoginProxy(
        [target], users={"app": "s3cret"}, tls=certificates.server_tls(), tls_required=True, host="localhost"
    ) as running:
        yield running


@pytest.fixture(autouse=True)
def _clean(login_proxy: LoginProxy, certificates: Certificates) -> Iterator[None]:
    login_proxy.failures.clear()
    login_proxy.sessions.clear()
    yield
    with psycopg.connect(login_proxy.dsn(sslmode="verify-full", sslrootcert=str(certificates.ca))) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.parametrize("negotiation", ["postgres", "direct"])
@pytest.mark.parametrize("user", ["ana", "app"])
def test_verify_full(login_proxy: LoginProxy, certificates: Certificates, negotiation: str, user: str) -> None:
    dsn = login_proxy.dsn(
        user=user,
        password="s3cret" if user == "app" else login_proxy.token(),
        sslmode="verify-full",
        sslrootcert=str(certificates.ca),
        sslnegotiation=negotiation,
    )
    with psycopg.connect(dsn) as connection:
        assert connection.pgconn.ssl_in_use
        row = connection.execute("SELECT repeat('x', 300000)").fetchone()
        assert row is not None
        assert len(row[0]) == 300_000
    assert login_proxy.sessions[-1].tls


def test_channel_binding_can_be_required(login_proxy: LoginProxy) -> None:
    dsn = login_proxy.dsn(user="app", password="s3cret", sslmode="require", channel_binding="require")
    with psycopg.connect(dsn) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.parametrize("version", ["3.0", "3.2", "latest"])
def test_libpq_cancels_through_tls(login_proxy: LoginProxy, postgres: Postgres, version: str) -> None:
    dsn = login_proxy.dsn(sslmode="require", max_protocol_version=version)
    with (
        psycopg.connect(postgres.dsn(), autocommit=True) as direct,
        psycopg.connect(dsn) as connection,
        canceled_when(lambda: runs(direct, "SELECT pg_sleep(20)"), connection.cancel_safe),
        pytest.raises(psycopg.errors.QueryCanceled),
    ):
        connection.execute("SELECT pg_sleep(20)")


def test_a_wrong_password_with_channel_binding(login_proxy: LoginProxy) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(login_proxy.dsn(user="app", password="wrong", sslmode="require", channel_binding="require"))


def test_asyncpg(login_proxy: LoginProxy, certificates: Certificates) -> None:
    async def run() -> object:
        context = ssl.create_default_context(cafile=str(certificates.ca))
        connection = await asyncpg.connect(
            host="localhost",
            port=login_proxy.port,
            user="ana",
            password=login_proxy.token(),
            database="shop",
            ssl=context,
        )
        try:
            return await connection.fetchval("SELECT 7")
        finally:
            await connection.close()

    assert asyncio.run(run()) == 7


@pytest.mark.parametrize("user", ["ana", "app", "nobody"])
def test_without_tls_nobody_gets_in(login_proxy: LoginProxy, user: str) -> None:
    with pytest.raises(psycopg.OperationalError, match="must use TLS") as caught:
        psycopg.connect(login_proxy.dsn(user=user, sslmode="disable"))
    assert "sslmode=require" in str(caught.value)
    assert login_proxy.failures[0].error.sqlstate == "28000"


def startup(user: str = "ana") -> bytes:
    return encode_startup_message((("user", user), ("database", "shop")))


@pytest.mark.parametrize("stuffed", [startup("dba"), b"\x16\x03\x01\0\x05hello", b"x"])
def test_bytes_stuffed_in_behind_ssl_request(login_proxy: LoginProxy, stuffed: bytes) -> None:
    with RawClient(login_proxy.port, "localhost") as client:
        client.send(encode_ssl_request() + stuffed)
        assert client.fatal()["C"] == "08P01"


@pytest.mark.parametrize("first", [b"not tls at all, not tls at all", startup("dba"), b"\x16\x03\x01\0\x05hello"])
def test_no_tls_after_it_was_agreed(login_proxy: LoginProxy, first: bytes) -> None:
    """The answer is a TLS alert and the end; never a plaintext message that a peer would misread."""
    with RawClient(login_proxy.port, "localhost") as client:
        client.send(encode_ssl_request())
        assert client.read_bytes(1) == b"S"
        client.send(first)
        answer = b""
        while chunk := client.socket.recv(4096):
            answer += chunk
        assert not answer or answer[0] == 0x15  # an alert record
    until(lambda: bool(login_proxy.failures), "the failure to be reported")
    assert login_proxy.failures[0].error.sqlstate == "08P01"


def tls_client(login_proxy: LoginProxy, alpn: list[str]) -> ssl.SSLSocket:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if alpn:
        context.set_alpn_protocols(alpn)
    plain = socket.create_connection(("localhost", login_proxy.port), timeout=DEADLINE_S)
    return context.wrap_socket(plain)


@pytest.mark.parametrize("alpn", [[], ["h2", "http/1.1"]])
def test_direct_tls_without_our_alpn(login_proxy: LoginProxy, alpn: list[str]) -> None:
    with tls_client(login_proxy, alpn) as client:
        client.sendall(startup())
        answer = b""
        while chunk := client.recv(4096):
            answer += chunk
    assert answer[:1] == bytes((Backend.ERROR_RESPONSE,))
    assert b"ALPN" in answer


def test_everything_in_one_tls_flight(login_proxy: LoginProxy) -> None:
    """Startup, password and a query sent at once inside TLS: nothing is lost at the handover."""
    with tls_client(login_proxy, ["postgresql"]) as client:
        client.sendall(
            startup() + frontend.encode_password(login_proxy.token()) + frontend.encode_query("SELECT 'early bird'")
        )
        answer = b""
        while b"early bird" not in answer:
            chunk = client.recv(4096)
            assert chunk, answer
            answer += chunk


def test_a_second_ssl_request_inside_tls(login_proxy: LoginProxy) -> None:
    with tls_client(login_proxy, ["postgresql"]) as client:
        client.sendall(encode_ssl_request())
        assert b"08P01" in client.recv(4096)


def test_a_handshake_that_never_ends(postgres: Postgres, certificates: Certificates) -> None:
    target = upstream_database(port=postgres.port, user=postgres.superuser, password=postgres.password)
    with (
        LoginProxy([target], tls=certificates.server_tls(), login_timeout_s=1.0) as proxy,
        RawClient(proxy.port) as client,
    ):
        client.send(encode_ssl_request())
        assert client.read_bytes(1) == b"S"
        client.send(b"\x16\x03\x01\x02\0")
        assert client.socket.recv(100) == b""
        until(lambda: proxy.admission.sessions == 0, "the place to be given back")


def test_a_full_house_is_told_through_tls(postgres: Postgres, certificates: Certificates) -> None:
    target = upstream_database(port=postgres.port, user=postgres.superuser, password=postgres.password)
    with (
        LoginProxy([target], tls=certificates.server_tls(), max_sessions=0) as proxy,
        pytest.raises(psycopg.OperationalError, match="too many sessions"),
    ):
        psycopg.connect(proxy.dsn(sslmode="require"))


def test_client_certificates(postgres: Postgres, certificates: Certificates, tmp_path) -> None:  # type: ignore[no-untyped-def]
    target = upstream_database(port=postgres.port, user=postgres.superuser, password=postgres.password)
    pair = certificates.authority.issue(client="ana")
    (tmp_path / "c.crt").write_bytes(pair.certificate)
    (tmp_path / "c.key").touch(mode=0o600)
    (tmp_path / "c.key").write_bytes(pair.private_key)
    with LoginProxy([target], tls=certificates.server_tls(client_ca=certificates.ca)) as proxy:
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(proxy.dsn(sslmode="require"))
        files = {"sslcert": str(tmp_path / "c.crt"), "sslkey": str(tmp_path / "c.key")}
        with psycopg.connect(proxy.dsn(sslmode="require", **files)) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)


def test_key_updates_in_the_middle_of_a_login(login_proxy: LoginProxy, certificates: Certificates) -> None:
    """TLS 1.3 may change keys at any time, and may ask us to: OpenSSL's client does both on command."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed (Debian: openssl)")
    command = [openssl, "s_client", "-tls1_3", "-alpn", "postgresql", "-CAfile", str(certificates.ca)]
    address = f"127.0.0.1:{login_proxy.port}"
    with subprocess.Popen(
        [*command, "-connect", address], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as client:
        assert client.stdin is not None
        assert client.stdout is not None
        seen = bytearray()

        def until(mark: bytes) -> None:
            while mark not in seen:
                chunk = client.stdout.read1(4096)  # type: ignore[union-attr]
                assert chunk, bytes(seen[-500:])
                seen.extend(chunk)
            del seen[: seen.index(mark) + len(mark)]

        def say(data: bytes) -> None:
            client.stdin.write(data)  # type: ignore[union-attr]
            client.stdin.flush()  # type: ignore[union-attr]

        until(b"---\nNew, TLSv1.3")
        until(b"Verify return code")
        say(startup())
        until(b"R\0\0\0\x08\0\0\0\3")
        for update in (b"K\n", b"k\n"):
            say(update)
            until(b"KEYUPDATE")
        say(frontend.encode_password(login_proxy.token()))
        until(b"Z\0\0\0\5I")
        say(b"K\n")
        until(b"KEYUPDATE")
        say(frontend.encode_sync())
        until(b"Z\0\0\0\5I")
        client.kill()
    assert not login_proxy.failures
