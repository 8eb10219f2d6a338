"""The login at the database: every method, TLS, roles, and databases that misbehave."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from govproxy.config.settings import SslMode
from govproxy.demo.binaries import PostgresNotFound
from govproxy.demo.postgres import PostgresServer
from govproxy.errors import StatementDenied
from govproxy.wire import backend
from govproxy.wire.backend import Authentication, TransactionStatus
from govproxy.wire.errors import error_response
from govproxy.wire.framing import encode_message
from tests.support.certificates import write_certificates
from tests.support.login_proxy import LoginProxy, scripted_backend, upstream_database

HBA = (
    "hostssl all only_tls 127.0.0.1/32 scram-sha-256",
    "hostnossl all only_tls 127.0.0.1/32 reject",
    "host all with_trust 127.0.0.1/32 trust",
    "host all with_password 127.0.0.1/32 password",
    "host all with_md5 127.0.0.1/32 md5",
    "host all with_reject 127.0.0.1/32 reject",
)
ROLES = (
    "SET password_encryption = 'md5'",
    "CREATE ROLE with_md5 LOGIN PASSWORD 'geheim'",
    "SET password_encryption = 'scram-sha-256'",
    "CREATE ROLE with_scram LOGIN PASSWORD 'geheim'",
    "CREATE ROLE with_umlaut LOGIN PASSWORD 'ge\u2168heim\u00e4'",
    "CREATE ROLE with_password LOGIN PASSWORD 'geheim'",
    "CREATE ROLE with_trust LOGIN",
    "CREATE ROLE with_reject LOGIN",
    "CREATE ROLE only_tls LOGIN PASSWORD 'geheim'",
    "CREATE ROLE scs_off LOGIN PASSWORD 'geheim'",
    "ALTER ROLE scs_off SET standard_conforming_strings = off",
    "CREATE ROLE sjis LOGIN PASSWORD 'geheim'",
    "ALTER ROLE sjis SET client_encoding = 'SJIS'",
    "CREATE ROLE shop_ro",
    "CREATE ROLE shop_rw",
    "CREATE ROLE not_mine",
    "GRANT shop_ro, shop_rw TO with_scram",
    "CREATE ROLE one_only LOGIN PASSWORD 'geheim' CONNECTION LIMIT 0",
)


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    try:
        running = PostgresServer(tls=True, hba=HBA)
    except PostgresNotFound as missing:
        pytest.skip(str(missing))
    with running:
        with psycopg.connect(running.dsn(), autocommit=True) as connection:
            for statement in ROLES:
                connection.execute(statement.encode())
        yield running


def through(server: PostgresServer, **upstream: object) -> LoginProxy:
    return LoginProxy([upstream_database(port=server.port, **upstream)])  # type: ignore[arg-type]


def fails(proxy: LoginProxy, **arguments: str) -> str:
    """The FATAL a client sees; it never names anything of the database's."""
    with pytest.raises(psycopg.OperationalError) as caught:
        psycopg.connect(proxy.dsn(**arguments))
    # psycopg's own part of the message names the proxy's address and port.
    text = str(caught.value).partition("FATAL:")[2]
    assert text.startswith("  govproxy: "), str(caught.value)
    upstream = next(iter(proxy.databases)).upstream
    for secret in (upstream.host, upstream.user, str(upstream.port), "geheim", "pg_hba"):
        assert secret not in text, text
    return text


# Methods --------------------------------------------------------------------------------------


@pytest.mark.parametrize("user", ["with_scram", "with_md5", "with_password", "with_trust"])
@pytest.mark.parametrize("sslmode", [SslMode.DISABLE, SslMode.VERIFY_FULL])
def test_every_method(server: PostgresServer, user: str, sslmode: SslMode) -> None:
    with (
        through(
            server, user=user, password="geheim", sslmode=sslmode, sslrootcert=server.certificate_authority
        ) as proxy,
        psycopg.connect(proxy.dsn()) as connection,
    ):
        row = connection.execute("SELECT current_user, ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").fetchone()
        assert row == (user, sslmode is not SslMode.DISABLE)
        assert proxy.sessions[0].current_user == user


def test_a_password_outside_ascii(server: PostgresServer) -> None:
    with through(server, user="with_umlaut", password="geIXheim\u00e4") as proxy, psycopg.connect(proxy.dsn()):
        pass


@pytest.mark.parametrize("user", ["with_scram", "with_md5", "with_password", "with_reject", "nobody", "only_tls"])
def test_a_login_the_database_refuses(server: PostgresServer, user: str) -> None:
    with through(server, user=user, password="falsch") as proxy:
        text = fails(proxy)
        assert "could not log in" in text
        assert proxy.failures[0].error.sqlstate == "08006"
        assert proxy.failures[0].identity is not None
        assert "28" in str(proxy.failures[0].error.__cause__)[:2]


def test_no_password_where_one_is_wanted(server: PostgresServer) -> None:
    with through(server, user="with_scram") as proxy:
        assert "has no password" in fails(proxy)


# TLS ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sslmode", [SslMode.REQUIRE, SslMode.VERIFY_CA, SslMode.VERIFY_FULL])
def test_tls_modes(server: PostgresServer, sslmode: SslMode) -> None:
    root = None if sslmode is SslMode.REQUIRE else server.certificate_authority
    with (
        through(server, user="only_tls", password="geheim", sslmode=sslmode, sslrootcert=root) as proxy,
        psycopg.connect(proxy.dsn()) as connection,
    ):
        row = connection.execute("SELECT repeat('x', 300000)").fetchone()
        assert row is not None
        assert len(row[0]) == 300_000


@pytest.mark.parametrize("sslmode", [SslMode.VERIFY_CA, SslMode.VERIFY_FULL])
def test_a_database_with_a_strange_certificate(server: PostgresServer, tmp_path: Path, sslmode: SslMode) -> None:
    stranger = write_certificates(tmp_path)
    with through(server, user="only_tls", password="geheim", sslmode=sslmode, sslrootcert=stranger.ca) as proxy:
        assert "TLS with the database failed" in fails(proxy)


def test_a_database_without_tls() -> None:
    def declines(sock: socket.socket) -> None:
        sock.recv(8)
        sock.sendall(b"N")
        assert sock.recv(100) == b"", "something was sent without TLS"

    with scripted_backend(declines) as port:
        database = upstream_database(port=port, sslmode=SslMode.REQUIRE, password="geheim")
        with LoginProxy([database]) as proxy:
            assert "TLS with the database failed" in fails(proxy)


def test_bytes_stuffed_in_behind_the_databases_yes() -> None:
    def stuffs(sock: socket.socket) -> None:
        sock.recv(8)
        sock.sendall(b"S" + backend.encode_authentication(Authentication.OK))
        sock.recv(100)

    with scripted_backend(stuffs) as port, LoginProxy([upstream_database(port=port, sslmode=SslMode.REQUIRE)]) as proxy:
        assert "TLS with the database failed" in fails(proxy)


# Roles and settings ---------------------------------------------------------------------------


def test_the_role_comes_from_the_group(server: PostgresServer) -> None:
    roles = (("analysts", "shop_ro"), ("engineering", "shop_rw"))
    with through(server, user="with_scram", password="geheim", roles=roles) as proxy:
        for group, role in roles:
            with psycopg.connect(proxy.dsn(password=proxy.token(groups=[group]))) as connection:
                assert connection.execute("SELECT current_user, session_user").fetchone() == (role, "with_scram")
                connection.execute("RESET ROLE")
                assert connection.execute("SELECT current_user").fetchone() == (role,)
        assert [session.current_user for session in proxy.sessions] == ["shop_ro", "shop_rw"]
        assert "no role" in fails(proxy, password=proxy.token(groups=["others"]))


@pytest.mark.parametrize("role", ["not_mine", "does_not_exist", "with_md5"])
def test_a_role_that_cannot_be_taken(server: PostgresServer, role: str) -> None:
    with through(server, user="with_scram", password="geheim", roles=(("all", role),)) as proxy:
        text = fails(proxy, password=proxy.token(groups=["all"]))
        assert "role for this identity" in text
        assert role not in text


def test_standard_conforming_strings_off_is_refused(server: PostgresServer) -> None:
    with through(server, user="scs_off", password="geheim") as proxy:
        assert "standard_conforming_strings" in fails(proxy)


def test_a_default_encoding_that_hides_ascii_is_refused(server: PostgresServer) -> None:
    with through(server, user="sjis", password="geheim") as proxy:
        assert "client_encoding" in fails(proxy)
        assert proxy.failures[0].error.sqlstate == "0A000"
        with psycopg.connect(proxy.dsn(client_encoding="UTF8")) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)


def test_the_search_path_is_known_in_any_spelling(server: PostgresServer) -> None:
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        connection.execute('CREATE SCHEMA IF NOT EXISTS "Größe, {x}"')
        connection.execute('GRANT USAGE ON SCHEMA "Größe, {x}" TO with_scram')
    with through(server, user="with_scram", password="geheim") as proxy:
        for encoding in ("UTF8", "LATIN1"):
            options = r"-c search_path=\"Größe,\ {x}\",public,missing"
            with psycopg.connect(proxy.dsn(options=options.replace("\\", "\\\\"), client_encoding=encoding)):
                pass
        seen = [session.search_path for session in proxy.sessions]
    assert seen == [("pg_catalog", "Größe, {x}", "public")] * 2


def test_a_look_alike_in_the_search_path_does_not_answer_the_probe(server: PostgresServer) -> None:
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        connection.execute("CREATE SCHEMA IF NOT EXISTS evil")
        connection.execute("GRANT USAGE ON SCHEMA evil TO with_scram")
        connection.execute(
            "CREATE OR REPLACE FUNCTION evil.current_schemas(boolean) RETURNS name[] "
            "LANGUAGE sql AS $$ SELECT ARRAY['lies'::name] $$"
        )
    with through(server, user="with_scram", password="geheim") as proxy:
        with psycopg.connect(proxy.dsn(options="-c search_path=evil,pg_catalog")):
            pass
        assert proxy.sessions[0].search_path == ("evil", "pg_catalog")


def test_a_database_with_no_room(server: PostgresServer) -> None:
    with through(server, user="one_only", password="geheim") as proxy:
        assert "no further connection" in fails(proxy)
        assert proxy.failures[0].error.sqlstate == "53300"


def test_a_database_that_does_not_exist(server: PostgresServer) -> None:
    with through(server, user="with_scram", password="geheim", database="absent") as proxy:
        assert "absent" not in fails(proxy)
        assert proxy.failures[0].error.sqlstate == "3D000"


# Databases that misbehave ---------------------------------------------------------------------


def test_a_database_that_is_down() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with LoginProxy([upstream_database(port=port)]) as proxy:
        assert "cannot be reached" in fails(proxy)
        assert proxy.failures[0].error.sqlstate == "08006"


def test_a_database_host_that_does_not_exist() -> None:
    with LoginProxy([upstream_database(host="db.invalid", port=5432)]) as proxy:
        assert "cannot be reached" in fails(proxy)


START = (
    backend.encode_authentication(Authentication.OK)
    + backend.encode_parameter_status("standard_conforming_strings", "on")
    + backend.encode_parameter_status("client_encoding", "UTF8")
)
READY = backend.ready_for_query(TransactionStatus.IDLE)
FIRST_SCRAM = backend.encode_authentication_sasl(("SCRAM-SHA-256",))


def says(*answers: bytes) -> Callable[[socket.socket], None]:
    """A database that gives one answer to whatever it reads, then hangs up."""

    def script(sock: socket.socket) -> None:
        for answer in answers:
            if not sock.recv(65_536):
                return
            sock.sendall(answer)

    return script


@pytest.mark.parametrize(
    "answers",
    [
        (),
        (b"",),
        (b"R\0\0",),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n",),
        (b"\0" * 100,),
        (b"R\xff\xff\xff\xff",),
        (b"R\0\0\0\3",),
        (backend.encode_authentication(Authentication.OK),),
        (START,),
        (START + READY,),
        (START + READY, READY[:3]),
        (START + b"D\0\0\0\6\0\0",),
        (backend.encode_authentication(Authentication.OK) + READY,),
        (encode_message(ord("R"), b"\0\0\0\x07"),),
        (encode_message(ord("R"), b"\0\0\0\x63"),),
        (backend.encode_authentication_sasl(("OAUTHBEARER",)),),
        (backend.encode_authentication(Authentication.SASL_FINAL, b"v=x"),),
        (FIRST_SCRAM, backend.encode_authentication(Authentication.OK) + START + READY),
        (FIRST_SCRAM, backend.encode_authentication(Authentication.SASL_CONTINUE, b"r=evil,s=AAAA,i=4096")),
        (FIRST_SCRAM, backend.encode_authentication(Authentication.SASL_CONTINUE, b"nonsense")),
        (backend.encode_authentication(Authentication.CLEARTEXT_PASSWORD),) * 2,
        (error_response(StatementDenied("login geheim"), severity="FATAL"),),
        (encode_message(ord("E"), b"broken"),),
        (START + encode_message(ord("K"), b"\0\0"),),
        (START * 4000,),
    ],
)
def test_a_database_that_talks_nonsense_or_dies(answers: tuple[bytes, ...]) -> None:
    with (
        scripted_backend(says(*answers)) as port,
        LoginProxy([upstream_database(port=port, password="geheim")]) as proxy,
    ):
        fails(proxy)
        assert proxy.failures[0].error.sqlstate == "08006"


def test_a_database_that_does_not_know_the_password_itself() -> None:
    """Mutual proof: a server without the right signature is somebody else."""

    def impostor(sock: socket.socket) -> None:
        sock.recv(65_536)
        sock.sendall(FIRST_SCRAM)
        nonce = sock.recv(65_536).rpartition(b"r=")[2]
        sock.sendall(
            backend.encode_authentication(Authentication.SASL_CONTINUE, b"r=" + nonce + b"x,s=c2FsdHNhbHQ=,i=4096")
        )
        sock.recv(65_536)
        sock.sendall(backend.encode_authentication(Authentication.SASL_FINAL, b"v=AAAA"))
        sock.sendall(START + READY)
        sock.recv(65_536)

    with scripted_backend(impostor) as port, LoginProxy([upstream_database(port=port, password="geheim")]) as proxy:
        fails(proxy)
        assert "signature" in str(proxy.failures[0].error.__cause__)


def test_a_silent_database_does_not_hold_the_client_for_ever() -> None:
    def silent(sock: socket.socket) -> None:
        while sock.recv(65_536):
            pass

    with scripted_backend(silent) as port:
        with LoginProxy([upstream_database(port=port)], login_timeout_s=0.5) as proxy:
            assert "too long" in fails(proxy)
        database = upstream_database(port=port, sslmode=SslMode.REQUIRE)
        with LoginProxy([database], connect_timeout_s=0.5) as proxy:
            assert "does not answer" in fails(proxy)


def test_a_database_that_cannot_be_probed_leaves_the_search_path_uncertain() -> None:
    def no_probe(sock: socket.socket) -> None:
        sock.recv(65_536)
        sock.sendall(START + READY)
        sock.recv(65_536)
        sock.sendall(error_response(StatementDenied("no such function")) + READY)
        sock.recv(65_536)

    with scripted_backend(no_probe) as port, LoginProxy([upstream_database(port=port)]) as proxy:
        with psycopg.connect(proxy.dsn()):
            pass
        assert proxy.sessions[0].search_path is None
        assert proxy.sessions[0].current_user is None
