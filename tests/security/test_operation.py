"""What happens to the proxy itself: a ledger that cannot be written, workers killed, drain, reload.

Each test starts a proxy of its own, and a client that works steadily beside it must feel nothing.
"""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from govproxy.demo.proxy import ProxyFailed
from tests.security.test_denials import FAILING_PARSE
from tests.support.proxy import DBA, POLICY, Databases, Proxy
from tests.support.raw_session import SYNC, TERMINATE, RawSession, extended, parse, query
from tests.support.relay import RecordingRelay
from tests.support.steady import Steady
from tests.support.waiting import runs, until

ANA = ("ana@shop.example", ("analysts",), None)
pytestmark = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds the workers by /proc")


def _session(proxy: Proxy) -> RawSession:
    return RawSession(proxy.port, ANA[0], proxy.token(*ANA), "shop", client_encoding="UTF8")


@contextmanager
def _no_file_may_grow(worker: int) -> Iterator[None]:
    """As on a full disk: every write to a file fails, the worker's log included."""
    before = resource.prlimit(worker, resource.RLIMIT_FSIZE)
    resource.prlimit(worker, resource.RLIMIT_FSIZE, (1, before[1]))
    try:
        yield
    finally:
        resource.prlimit(worker, resource.RLIMIT_FSIZE, before)


def test_a_ledger_that_cannot_be_written_refuses_everything(
    start_proxy: Callable[..., Proxy], databases: Databases
) -> None:
    with RecordingRelay((databases.postgres.host, databases.postgres.port)) as relay:
        proxy = start_proxy(upstream_port=relay.port)
        (worker,) = proxy.workers
        with _session(proxy) as first, _session(proxy) as session:
            legs = []
            for number, one in enumerate((first, session)):
                marker = query(f"SELECT 'number {number}'")
                one.ask(marker)
                legs.append(relay.leg_with(marker))
            marks = [len(leg.received) for leg in legs]
            with _no_file_may_grow(worker):
                # Whose line it was that could not be written: nothing is known of what waits there.
                first.send(query("DELETE FROM orders WHERE id = 1"))
                assert first.fatal()["C"] == "58030"
                # From then on it is known beforehand.
                for whole in (query("SELECT 1"), extended("SELECT 1") + SYNC, query("DROP TABLE orders")):
                    answer = session.ask(whole)
                    assert [error["C"] for error in answer.errors] == ["58030"], answer
                    assert answer.status == b"I"
                with pytest.raises(psycopg.OperationalError, match="ledger"):
                    proxy.connect(*ANA, database="shop")
                # Parse alone runs nothing.
                assert bytes(legs[1].received[marks[1] :]) == parse("SELECT 1") + FAILING_PARSE + SYNC
                assert bytes(legs[0].received[marks[0] :]) in (b"", TERMINATE)
            until(lambda: session.query("BEGIN").status == b"T", "the ledger's recovery")
            with _session(proxy) as other, _no_file_may_grow(worker):
                other.send(query("SELECT 1"))
                assert other.fatal()["C"] == "58030"
                answer = session.query("DELETE FROM orders WHERE id = 1")
                assert [error["C"] for error in answer.errors] == ["58030"]
                assert answer.status == b"E"
            until(lambda: session.query("ROLLBACK").status == b"I", "the ledger's recovery")
            until(lambda: session.query("SELECT 2").rows == [[b"2"]], "the ledger's recovery")
            assert b"DELETE" not in legs[1].received
        proxy.stop()


def test_a_killed_worker_takes_only_its_own_sessions_along(start_proxy: Callable[..., Proxy]) -> None:
    proxy = start_proxy(workers=2)
    sessions: dict[int, list[RawSession]] = {0: [], 1: []}
    while not (sessions[0] and len(sessions[1]) > 1):
        session = _session(proxy)
        (error,) = session.query("DROP TABLE orders").errors
        sessions[int(error["D"].partition("request_id=w")[2][0])].append(session)
    before = proxy.workers
    steady = sessions[1].pop()
    with Steady(steady):
        os.kill(before[0], signal.SIGKILL)
        for session in sessions[0]:
            assert session.read_all() == []
        for session in sessions[1]:
            assert session.query("SELECT 1").rows == [[b"1"]]
        # Its listening socket goes last: until then the kernel may still give it a connection.
        until(lambda: before[0] not in proxy.workers, "the killed worker is gone")
        for _ in range(10):
            with proxy.connect(*DBA, database="shop") as connection:
                assert connection.execute("SELECT 1").fetchone() == (1,)
        until(lambda: len(proxy.workers) == 2 and before[0] not in proxy.workers, "the worker's successor")
    for session in (*sessions[0], *sessions[1]):
        session.socket.close()
    with pytest.raises(ProxyFailed, match="crashed"):
        proxy.stop()


def test_drain_lets_transactions_end(start_proxy: Callable[..., Proxy]) -> None:
    proxy = start_proxy()
    text = "SELECT pg_sleep(1), 'done'"
    with (
        proxy.databases.direct() as direct,
        _session(proxy) as idle,
        _session(proxy) as busy,
        _session(proxy) as running,
    ):
        assert busy.query("BEGIN").status == b"T"
        running.send(query(text))
        until(lambda: runs(direct, text), "the statement runs")
        proxy.process.signal(signal.SIGTERM)
        assert idle.fatal()["C"] == "57P01"
        assert busy.query("SELECT 1").rows == [[b"1"]]
        with pytest.raises(psycopg.OperationalError):
            proxy.connect(*DBA)
        assert busy.query("DELETE FROM orders WHERE id = -1").status == b"T"
        assert busy.query("COMMIT").status == b"I"
        assert busy.fatal()["C"] == "57P01"
        heard = b"".join(message.body for message in running.read_all())
        assert b"done" in heard
        assert b"57P01" in heard
    proxy.stop()
    assert [event["reason"] for event in proxy.events("session_end")][-3:] == ["drained"] * 3


def test_a_bad_policy_is_refused_and_said(start_proxy: Callable[..., Proxy]) -> None:
    proxy = start_proxy(policy=POLICY)
    policy = proxy.folder / "policy.yaml"
    who = "who: {users: [ana@shop.example]}"
    allows = f"  - {{name: ana-truncates, {who}, does: [truncate], effect: allow, overrides: [any]}}\n"
    with _session(proxy) as session, Steady(_session(proxy)):
        assert [error["C"] for error in session.query("TRUNCATE orders").errors] == ["42501"]
        bad = POLICY.replace("rules:\n", f"rules:\n{allows}  - {{name: typo, doez: [select], effect: allow}}\n")
        policy.write_text(bad)  # which is noticed without a signal
        until(lambda: "reload refused" in proxy.log, "the refusal of the bad policy")
        assert "policy.yaml:4" in proxy.log
        assert "doez" in proxy.log
        assert session.query("TRUNCATE orders").errors[0]["M"].startswith("govproxy: ")
        better = proxy.folder / "policy.yaml.new"
        better.write_text(POLICY.replace("rules:\n", f"rules:\n{allows}"))
        better.replace(policy)
        until(lambda: "policy reloaded" in proxy.log, "the good policy")
        # It holds for sessions that are open, and for what is in the cache. The database itself has the last word.
        until(lambda: not session.query("TRUNCATE orders").errors[0]["M"].startswith("govproxy: "))
        policy.unlink()
        proxy.process.signal(signal.SIGHUP)
        until(lambda: proxy.log.count("reload refused") >= 2, "the refusal of no policy")
        assert not session.query("TRUNCATE orders").errors[0]["M"].startswith("govproxy: ")
        session.send(TERMINATE)
    proxy.stop()
    changes = [event for event in proxy.events("policy_change") if event["status"] == "refused" or event["previous"]]
    assert [change["status"] for change in changes][:2] == ["refused", "applied"]
    assert "doez" in changes[0]["reason"]
    assert changes[0]["policy_version"] == changes[1]["previous"]
