"""Limits that all workers share: statements per minute and sessions, over reconnects and processes."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack

import psycopg
import pytest

from tests.support.proxy import Proxy
from tests.support.raw_session import SYNC, RawSession, bind, execute, extended, parse, query

POLICY = """\
extends: production
limits:
  - {name: few-statements, who: {groups: [busy]}, statements_per_minute: 30}
  - {name: few-sessions, who: {groups: [crowd]}, sessions: 3}
"""
BUSY = ("bea@shop.example", ("busy",))
CROWD = ("cara@shop.example", ("crowd",))


def _session(proxy: Proxy, who: tuple[str, tuple[str, ...]]) -> RawSession:
    return RawSession(proxy.port, who[0], proxy.token(*who), "app")


def test_statements_per_minute_over_workers_and_reconnects(start_proxy: Callable[..., Proxy]) -> None:
    proxy = start_proxy(policy=POLICY, workers=2)
    passed, refused = 0, []
    for turn in range(10):
        session = _session(proxy, BUSY)
        for whole in (query("SELECT 1"), extended("SELECT 1") + SYNC, query("SELECT 2"), query(f"SELECT {turn}")):
            answer = session.ask(whole)
            assert answer.status == b"I"
            if answer.errors:
                refused.append(answer.errors[0])
            else:
                passed += 1
        session.socket.close()
    assert passed == 30
    assert len(refused) == 10
    for error in refused:
        assert error["C"] == "53400"
        assert "30 statements within a minute (limit few-statements)" in error["M"]
    request = refused[0]["D"].partition("request_id=")[2].split()[0]
    outcome = proxy.wait_for_event(lambda e: e.get("event") == "outcome" and e.get("id") == request)
    assert (outcome["status"], outcome["sqlstate"]) == ("limited", "53400")
    # Others go on.
    with proxy.connect("dan@shop.example") as other:
        for _ in range(40):
            assert other.execute("SELECT 1").fetchone() == (1,)


def test_a_prepared_statement_counts_each_time(start_proxy: Callable[..., Proxy]) -> None:
    proxy = start_proxy(policy=POLICY)
    session = _session(proxy, BUSY)
    session.ask(parse("SELECT 1", b"s") + SYNC)
    answers = [session.ask((bind(b"", b"s") + execute()) * 4 + SYNC) for _ in range(8)]
    assert [bool(answer.errors) for answer in answers] == [False] * 7 + [True]
    assert len(answers[-1].rows) == 2
    assert session.ask(query("BEGIN")).errors[0]["C"] == "53400"
    session.socket.close()


def test_sessions_over_workers(start_proxy: Callable[..., Proxy]) -> None:
    proxy = start_proxy(policy=POLICY, workers=2)
    with ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(proxy.connect(*CROWD))
        for _ in range(4):
            with pytest.raises(psycopg.OperationalError, match="too many sessions of yours: 3 are open"):
                proxy.connect(*CROWD)
        stack.enter_context(proxy.connect(*BUSY))
    found = proxy.wait_for_event(lambda e: e.get("event") == "auth_failure" and e.get("sqlstate") == "53300")
    assert found["user"] == CROWD[0]
    _wait_for_places(proxy)


def _wait_for_places(proxy: Proxy) -> None:
    deadline = time.monotonic() + 10.0
    while True:
        try:
            proxy.connect(*CROWD).close()
            return
        except psycopg.OperationalError:
            assert time.monotonic() < deadline, "no place came back"
            time.sleep(0.05)
