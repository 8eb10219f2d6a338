"""What is decided about a database connection before and after the bytes."""

from __future__ import annotations

import pytest

from govproxy.config.settings import Database, SslMode, Upstream
from govproxy.errors import (
    GovproxyError,
    InvalidAuthorization,
    InvalidSetting,
    StartingUp,
    TooManyConnections,
    UnknownDatabase,
    UpstreamUnavailable,
)
from govproxy.identity.identity import Identity
from govproxy.server.upstream import UpstreamTarget, application_name
from govproxy.server.upstream_login import translate_error
from govproxy.wire.errors import error_response

ANA = Identity(user="ana", groups=frozenset({"engineering", "analysts"}))


def target(*roles: tuple[str, str], host: str = "db.internal") -> UpstreamTarget:
    upstream = Upstream(host=host, port=5432, user="login", database="shop", sslmode=SslMode.DISABLE)
    return UpstreamTarget(Database(name="shop", upstream=upstream, environment="test", roles=roles))


def test_the_first_group_that_fits_gives_the_role() -> None:
    roles = (("dba", "shop_owner"), ("analysts", "shop_ro"), ("engineering", "shop_rw"))
    assert target(*roles).role_for(ANA) == "shop_ro"
    assert target().role_for(ANA) is None


def test_without_a_fitting_role_the_login_role_is_not_fallen_back_to() -> None:
    with pytest.raises(InvalidAuthorization):
        target(("dba", "shop_owner")).role_for(ANA)


@pytest.mark.parametrize(("host", "local"), [("127.0.0.1", True), ("::1", True), ("localhost", True), ("db", False)])
def test_local_hosts(host: str, local: bool) -> None:
    assert target(host=host).is_local is local


@pytest.mark.parametrize(
    ("identity", "client", "name"),
    [
        (ANA, None, "govproxy:ana"),
        (ANA, "", "govproxy:ana"),
        (ANA, "psql", "govproxy:ana | psql"),
        (Identity(user="ana", agent="bot", on_behalf_of="ana"), "x", "govproxy:bot for ana | x"),
        (Identity(user="müller\n"), "ö", "govproxy:m?ller? | ?"),
        (ANA, "y" * 100, "govproxy:ana | " + "y" * 48),
        (Identity(user="z" * 100), "psql", "govproxy:" + "z" * 54),
    ],
)
def test_the_application_name_begins_with_the_identity(identity: Identity, client: str | None, name: str) -> None:
    assert application_name(identity, client) == name
    assert len(name) <= 63


SECRETS = 'role "login" of db.internal 10.0.0.7 database "shop_prod" hunter2'


def refused(sqlstate: str, message: str = SECRETS, names: tuple[str, ...] = ()) -> GovproxyError:
    body = b"".join(
        letter + text.encode() + b"\0"
        for letter, text in ((b"S", "FATAL"), (b"C", sqlstate), (b"M", message), (b"D", SECRETS), (b"H", SECRETS))
    )
    return translate_error(body + b"\0", names)


@pytest.mark.parametrize(
    ("sqlstate", "expected"),
    [
        ("53300", TooManyConnections),
        ("57P03", StartingUp),
        ("3D000", UnknownDatabase),
        ("28P01", UpstreamUnavailable),
        ("28000", UpstreamUnavailable),
        ("57P01", UpstreamUnavailable),
        ("XX000", UpstreamUnavailable),
        ("42501", UpstreamUnavailable),
        ("22023", UpstreamUnavailable),
    ],
)
def test_what_the_database_says_is_translated_and_not_repeated(sqlstate: str, expected: type[GovproxyError]) -> None:
    error = refused(sqlstate)
    assert type(error) is expected
    shown = error_response(error, severity="FATAL")
    for word in ("login", "db.internal", "10.0.0.7", "shop_prod", "hunter2"):
        assert word not in shown.decode("utf-8", "replace").replace("log in", "")
    assert sqlstate in str(error.__cause__)


def test_a_clients_own_setting_is_named() -> None:
    error = refused("22023", 'invalid value for parameter "TimeZone": "x"', ("DateStyle", "TimeZone"))
    assert isinstance(error, InvalidSetting)
    assert '"TimeZone"' in error.message


@pytest.mark.parametrize(
    ("sqlstate", "message"),
    [
        ("22023", 'invalid value for parameter "role": "shop_ro"'),
        ("22023", 'role "shop_ro" does not exist'),
        ("42704", 'role "shop_ro" does not exist'),
        ("42501", 'permission denied to set role "shop_ro"'),
    ],
)
def test_a_role_that_cannot_be_taken_is_the_operators_matter(sqlstate: str, message: str) -> None:
    error = refused(sqlstate, message, ("application_name", "role"))
    assert isinstance(error, UpstreamUnavailable)
    assert "shop_ro" not in error.message
