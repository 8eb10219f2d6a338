"""Limits that all workers share: statements per minute and sessions, over reconnects and processes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from govproxy.demo.files import write_private
from tests.support.postgres import Postgres
from tests.support.proxy import Proxy
from tests.support.raw_session import SYNC, RawSession, bind, execute, extended, parse, query
from tests.support.waiting import until

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


def _passed(proxy: Proxy, count: int) -> int:
    """How many of ``count`` statements pass, in sessions of five; the others are refused by the limit.

    A login each would take a good part of the minute that is counted.
    """
    passed = 0
    for _ in range(0, count, 5):
        session = _session(proxy, BUSY)
        for turn in range(min(count, 5)):
            answer = session.ask(query(f"SELECT {turn}"))
            if answer.errors:
                assert answer.errors[0]["C"] == "53400"
                assert "30 statements within a minute (limit few-statements)" in answer.errors[0]["M"]
            else:
                passed += 1
        session.socket.close()
    return passed


def test_a_restart_forgets_nothing(start_proxy: Callable[..., Proxy]) -> None:
    proxy = start_proxy(policy=POLICY, workers=2)
    assert _passed(proxy, 20) == 20
    proxy.process.stop()
    proxy.process.start()
    proxy.process.wait_until_ready()
    assert _passed(proxy, 20) == 10


@pytest.fixture
def fleet(
    start_proxy: Callable[..., Proxy], postgres: Postgres, scratch: str, tmp_path: Path
) -> Callable[[], tuple[Proxy, Proxy]]:
    """Two instances on one store, each with two workers."""
    secret = tmp_path / "state-password"
    write_private(secret, (postgres.password or "none").encode())
    url = f"postgresql://{postgres.superuser}@{postgres.host}:{postgres.port}/{scratch}?sslmode=disable"
    extra = f'state: {{url: "{url}", password: {{file: {secret}}}}}'

    def begin() -> tuple[Proxy, Proxy]:
        first, second = (start_proxy(policy=POLICY, workers=2, extra=extra) for _ in range(2))
        return first, second

    return begin


def _places_of(proxy: Proxy, stack: ExitStack, count: int) -> int:
    """How many of ``count`` more sessions find a place."""
    found = 0
    for _ in range(count):
        try:
            stack.enter_context(proxy.connect(*CROWD))
        except psycopg.OperationalError as error:
            assert "too many sessions of yours: 3 are open (limit few-sessions)" in str(error)  # noqa: PT017
        else:
            found += 1
    return found


def test_a_fleet_shares_places(fleet: Callable[[], tuple[Proxy, Proxy]], postgres: Postgres, scratch: str) -> None:
    first, second = fleet()
    with ExitStack() as stack, psycopg.connect(postgres.dsn(scratch), autocommit=True) as store:
        with ExitStack() as of_second:
            assert [_places_of(first, stack, 2), _places_of(second, of_second, 3)] == [2, 1]
            assert _places_of(first, stack, 1) == 0
            assert second.wait_for_event(lambda e: e.get("event") == "auth_failure" and e.get("sqlstate") == "53300")
        until(lambda: _has_room(first), "a place comes back")
        # An instance that dies says nothing; its places come back.
        store.execute(
            "INSERT INTO govproxy_places SELECT name, 'dead', 1, extract(epoch FROM clock_timestamp())"
            " FROM govproxy_places LIMIT 1"
        )
        assert _places_of(second, stack, 1) == 0
        until(lambda: _has_room(second), "a place comes back")
        assert _places_of(second, stack, 1) == 1
        store.execute("ALTER TABLE govproxy_places RENAME TO elsewhere")
        # Nobody gets more than what was known last leaves: two here and one there.
        assert [_places_of(proxy, stack, 1) for proxy in (first, second)] == [0, 0]
        store.execute("ALTER TABLE elsewhere RENAME TO govproxy_places")
    assert "sessions are counted here alone" in first.log


def test_a_fleet_shares_the_minute_and_a_store_that_is_gone_gives_nobody_more(
    fleet: Callable[[], tuple[Proxy, Proxy]], postgres: Postgres, scratch: str
) -> None:
    first, second = fleet()
    assert [_passed(proxy, 5) for proxy in (first, second, first, second)] == [5, 5, 5, 5]
    with psycopg.connect(postgres.dsn(scratch), autocommit=True) as store:
        store.execute("ALTER TABLE govproxy_windows RENAME TO elsewhere")
        # Each has half of the limit now, and ten of those are gone.
        assert [_passed(proxy, 3) for proxy in (first, second)] == [3, 3]
        store.execute("ALTER TABLE elsewhere RENAME TO govproxy_windows")
    assert "limits are counted here alone" in first.log
    assert "limits are counted here alone" in second.log
    assert _passed(first, 20) + _passed(second, 20) <= 10
    # Nobody but the one who is limited waits for anything.
    with first.connect("dan@shop.example") as other:
        assert other.execute("SELECT 1").fetchone() == (1,)


def test_an_agent_that_repeats_itself_is_known_to_all_workers(start_proxy: Callable[..., Proxy]) -> None:
    proxy = start_proxy(policy=POLICY, workers=2)
    agent = ("ana@shop.example", ("analysts",), "helper")
    sessions: dict[str, RawSession] = {}
    with ExitStack() as stack:

        def both_workers() -> bool:
            session = RawSession(proxy.port, agent[0], proxy.token(*agent), "app")
            stack.callback(session.socket.close)
            worker = session.ask(query("TRUNCATE of_each_session_once")).errors[0]["D"].partition("request_id=")[2][:2]
            sessions.setdefault(worker, session)
            return len(sessions) == 2

        until(both_workers, "a session on each worker")
        one, other = sessions.values()
        for _ in range(5):
            assert "reason=repeated" not in one.ask(query("DROP TABLE anything")).errors[0]["D"]
        proxy.settle()
        # By itself the other would say so at its sixth.
        assert "reason=repeated" in other.ask(query("DROP TABLE anything")).errors[0]["D"]


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
    until(lambda: _has_room(proxy), "a place comes back")


def _has_room(proxy: Proxy) -> bool:
    try:
        proxy.connect(*CROWD).close()
    except psycopg.OperationalError:
        return False
    return True
