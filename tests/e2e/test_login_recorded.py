"""Logins at the real proxy: what is turned away is on record, and the next client gets in."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable

import psycopg
import pytest

from govproxy.identity.keys import generate_signing_key
from govproxy.wire import frontend
from govproxy.wire.backend import Backend
from govproxy.wire.startup import encode_startup_message
from tests.support.proxy import Proxy
from tests.support.raw_client import RawClient


def marker() -> str:
    """An application name by which one refusal is found among all."""
    return f"login-{secrets.token_hex(6)}"


def refused(proxy: Proxy, dsn: str, name: str) -> tuple[str, dict[str, object]]:
    """Connect in vain: the FATAL's text, and the ledger's event of it."""
    with pytest.raises(psycopg.OperationalError) as caught:
        psycopg.connect(dsn)
    event = proxy.wait_for_event(
        lambda event: event.get("event") == "auth_failure" and event.get("application") == name
    )
    assert not [event for event in proxy.events("session_start") if event.get("application") == name]
    return str(caught.value), event


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda proxy: proxy.token("eve", now=time.time() - 7200, ttl_s=60), "expired"),
        (lambda proxy: proxy.token("eve", audience="another"), "another audience"),
        (lambda proxy: proxy.token("eve", issuer="https://evil.example"), "issuer is not configured"),
        (lambda proxy: proxy.token("eve", key=generate_signing_key()), "does not publish"),
        (lambda proxy: "hunter2-hunter2", "not a token"),
    ],
    ids=["expired", "audience", "issuer", "key", "no token"],
)
def test_bad_tokens_are_recorded_and_their_bytes_are_not(
    proxy: Proxy, make: Callable[[Proxy], str], match: str
) -> None:
    name, password = marker(), make(proxy)
    text, event = refused(proxy, proxy.dsn("eve", password=password, application_name=name), name)
    assert match in text
    assert (event["sqlstate"], event["user"], event["database"]) == ("28P01", "eve", "app")
    assert password not in str(event)
    with proxy.connect("ana", ["analysts"]) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_an_unknown_database_is_recorded_with_the_proven_identity(proxy: Proxy) -> None:
    name = marker()
    dsn = proxy.dsn("whoever", database="nope", password=proxy.token("ana"), application_name=name)
    text, event = refused(proxy, dsn, name)
    assert 'database "nope" is not configured' in text
    assert (event["sqlstate"], event["database"], event["user"]) == ("3D000", "nope", "ana")


def test_a_session_with_a_forbidden_setting_never_begins(proxy: Proxy) -> None:
    dsn = proxy.dsn("ana", ["analysts"], options="-c session_replication_role=replica")
    with pytest.raises(psycopg.OperationalError, match="may not be chosen"):
        psycopg.connect(dsn)
    proxy.wait_for_event(lambda event: event.get("event") == "auth_failure" and event.get("sqlstate") == "42501")


def test_garbage_and_a_second_startup_message(proxy: Proxy) -> None:
    def startup(user: str) -> bytes:
        return encode_startup_message((("user", user), ("database", "app")))

    for stream in (b"GET / HTTP/1.1\r\n\r\n", b"\xff\xff\xff\xf8\0\3\0\0", startup("ana") + startup("dora")):
        with RawClient(proxy.port) as client:
            client.send(stream)
            assert client.fatal()["C"] == "08P01"
    with RawClient(proxy.port) as client:
        client.send(startup("ana"))
        client.read_until(Backend.AUTHENTICATION)
        client.send(frontend.encode_password(proxy.token("ana", ["analysts"])))
        assert client.read_until(Backend.READY_FOR_QUERY)[-1].body == b"I"


def test_a_session_is_recorded_before_it_begins(proxy: Proxy) -> None:
    name = marker()
    with proxy.connect("ana", ["analysts"], "report-bot", application_name=name) as connection:
        found = [event for event in proxy.events("session_start") if event.get("application") == name]
        assert len(found) == 1
        assert (found[0]["user"], found[0]["agent"], found[0]["on_behalf_of"]) == ("ana", "report-bot", "ana")
        assert connection.info.parameter_status("application_name") == name
