"""Addresses and the URL of a database."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from govproxy.config.settings import Address, SslMode
from govproxy.config.upstream import parse_address, parse_upstream

BASE = Path("/etc/govproxy")


def test_a_full_url() -> None:
    url = "postgresql://gov%40login@db.internal:5433/my%20shop?sslmode=verify-full&sslrootcert=ca.crt"
    upstream = parse_upstream(url, base=BASE, default_database="shop")
    assert (upstream.host, upstream.port, upstream.user, upstream.database) == (
        "db.internal",
        5433,
        "gov@login",
        "my shop",
    )
    assert upstream.sslmode is SslMode.VERIFY_FULL
    assert upstream.sslrootcert == BASE / "ca.crt"
    assert upstream.socket_path is None


def test_the_authorities_of_this_machine() -> None:
    url = "postgresql://u@h/d?sslmode=verify-full&sslrootcert=system"
    assert parse_upstream(url, base=BASE, default_database="d").sslrootcert == Path("system")


@pytest.mark.parametrize(
    ("host", "mode"),
    [
        ("db.internal", SslMode.VERIFY_FULL),
        ("10.1.2.3", SslMode.VERIFY_FULL),
        ("127.0.0.1", SslMode.DISABLE),
        ("localhost", SslMode.DISABLE),
        ("[::1]", SslMode.DISABLE),
    ],
)
def test_without_sslmode_nothing_falls_back(host: str, mode: SslMode) -> None:
    upstream = parse_upstream(f"postgres://u@{host}", base=BASE, default_database="shop")
    assert (upstream.sslmode, upstream.port, upstream.database) == (mode, 5432, "shop")


@pytest.mark.parametrize("host", ["host=/var/run/postgresql", "host=%2Fvar%2Frun%2Fpostgresql"])
def test_a_unix_socket(host: str) -> None:
    upstream = parse_upstream(f"postgresql://u@/shop?{host}&port=5433", base=BASE, default_database="x")
    assert upstream.host == ""
    assert upstream.socket_path == Path("/var/run/postgresql/.s.PGSQL.5433")
    assert upstream.sslmode is SslMode.DISABLE


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("mysql://u@h/d", "postgresql://"),
        ("postgresql://u:hunter2@h/d", "password"),
        ("postgresql://h/d", "user"),
        ("postgresql://u@/d", "host"),
        ("postgresql://u@a,b/d", "several hosts"),
        ("postgresql://u@h:99999/d", "port"),
        ("postgresql://u@h/d?sslmode=prefer", "sslmode"),
        ("postgresql://u@h/d?sslmode=disable&sslmode=require", "twice"),
        ("postgresql://u@h/d?sslmode=", "empty"),
        ("postgresql://u@h/d?options=-c%20a=b", "unknown parameter"),
        ("postgresql://u@h/d?host=other", "host twice"),
        ("postgresql://u@h:1/d?port=2", "port twice"),
        ("postgresql://u@h/d?nonsense", "key=value"),
        ("postgresql://u@h/d#x", "#"),
    ],
)
def test_bad_urls_say_why_and_show_no_password(url: str, says: str) -> None:
    with pytest.raises(ValueError, match=re.escape(says)) as caught:
        parse_upstream(url, base=BASE, default_database="d")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "address", "loopback"),
    [
        ("127.0.0.1:6432", Address(host="127.0.0.1", port=6432), True),
        ("127.9.9.9:0", Address(host="127.9.9.9", port=0), True),
        ("[::1]:6432", Address(host="::1", port=6432), True),
        ("localhost:1", Address(host="localhost", port=1), True),
        ("0.0.0.0:6432", Address(host="0.0.0.0", port=6432), False),
        ("[::]:6432", Address(host="::", port=6432), False),
        ("127.0.0.1.example.com:6432", Address(host="127.0.0.1.example.com", port=6432), False),
    ],
)
def test_addresses(text: str, address: Address, loopback: bool) -> None:
    parsed = parse_address(text)
    assert parsed == address
    assert parsed.is_loopback is loopback
    assert str(parsed) == text


@pytest.mark.parametrize("text", ["6432", ":6432", "host", "host:", "host:x", "host:70000", "::1:6432", "host:٣"])
def test_bad_addresses(text: str) -> None:
    with pytest.raises(ValueError, match="`"):
        parse_address(text)
