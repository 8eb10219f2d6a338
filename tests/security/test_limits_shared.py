"""Limits that all workers share: statements per minute and sessions, over reconnects and processes."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import psycopg
import pytest

from govproxy.demo.files import write_private
from tests.support.postgres import Postgres, database
from tests.support.proxy import Databases, Proxy, start
from tests.support.raw_session import SYNC, RawSession, bind, execute, extended, parse, query
from tests.support.waiting import until

POLICY = """\
extends: production
limits:
  - {name: few-statements, who: {groups: [busy]}, statements_per_minute: 30}
  - {name: few-sessions, who: {groups: [crowd]}, sessions: 3}
"""
Who = tuple[str, tuple[str, ...]]
CROWD = ("cara@shop.example", ("crowd",))
_NAMES = (f"bea{number}@shop.example" for number in itertools.count())


@pytest.fixture(scope="module")
def shared(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """One instance, with two workers."""
    running = start(databases, tmp_path_factory.mktemp("shared"), policy=POLICY, workers=2)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def fleet(
    databases: Databases, postgres: Postgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Proxy, Proxy, str]]:
    """Two instances on one store, each with two workers, and the store's name."""
    secret = tmp_path_factory.mktemp("state") / "password"
    write_private(secret, (postgres.password or "none").encode())
    with database(postgres) as store, ExitStack() as stack:
        url = f"postgresql://{postgres.superuser}@{postgres.host}:{postgres.port}/{store}?sslmode=disable"
        extra = f'state: {{url: "{url}", password: {{file: {secret}}}}}'
        found = []
        for name in ("first", "second"):
            found.append(start(databases, tmp_path_factory.mktemp(name), policy=POLICY, workers=2, extra=extra))
            stack.callback(found[-1].stop)
        yield found[0], found[1], store


def _session(proxy: Proxy, who: Who) -> RawSession:
    return RawSession(proxy.port, who[0], proxy.token(*who), "app")


def _within_a_minute(play: Callable[[Who], None]) -> None:
    """Play something that counts, as somebody new. Where the machine took nearly a minute for it, once more."""
    for last in (False, False, False, True):
        began = time.monotonic()
        try:
            play((next(_NAMES), ("busy",)))
        except AssertionError:
            if last or time.monotonic() - began < 55.0:
                raise
        else:
            return


def test_statements_per_minute_over_workers_and_reconnects(shared: Proxy) -> None:
    _within_a_minute(lambda who: _thirty_pass(shared, who))
    # Others go on.
    with shared.connect("dan@shop.example") as other:
        for _ in range(40):
            assert other.execute("SELECT 1").fetchone() == (1,)


def _thirty_pass(proxy: Proxy, who: Who) -> None:
    passed, refused = 0, []
    for turn in range(10):
        session = _session(proxy, who)
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


def _passed(proxy: Proxy, who: Who, count: int) -> int:
    """How many of ``count`` statements pass, in sessions of five; the others are refused by the limit.

    A login each would take a good part of the minute that is counted.
    """
    passed = 0
    for _ in range(0, count, 5):
        session = _session(proxy, who)
        for turn in range(min(count, 5)):
            answer = session.ask(query(f"SELECT {turn}"))
            if answer.errors:
                assert answer.errors[0]["C"] == "53400"
                assert "30 statements within a minute (limit few-statements)" in answer.errors[0]["M"]
            else:
                passed += 1
        session.socket.close()
    return passed


def test_a_restart_forgets_nothing(shared: Proxy) -> None:
    def play(who: Who) -> None:
        assert _passed(shared, who, 20) == 20
        shared.process.stop()
        shared.process.start()
        shared.process.wait_until_ready()
        assert _passed(shared, who, 20) == 10

    _within_a_minute(play)


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


def test_a_fleet_shares_places(fleet: tuple[Proxy, Proxy, str], postgres: Postgres) -> None:
    first, second, name = fleet
    with ExitStack() as stack, psycopg.connect(postgres.dsn(name), autocommit=True) as store:
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
    fleet: tuple[Proxy, Proxy, str], postgres: Postgres
) -> None:
    first, second, name = fleet

    def play(who: Who) -> None:
        assert [_passed(proxy, who, 5) for proxy in (first, second, first, second)] == [5, 5, 5, 5]
        with psycopg.connect(postgres.dsn(name), autocommit=True) as store:
            store.execute("ALTER TABLE govproxy_windows RENAME TO elsewhere")
            try:
                # Each has half of the limit now, and ten of those are gone.
                assert [_passed(proxy, who, 3) for proxy in (first, second)] == [3, 3]
            finally:
                store.execute("ALTER TABLE elsewhere RENAME TO govproxy_windows")
        assert _passed(first, who, 20) + _passed(second, who, 20) <= 10

    _within_a_minute(play)
    assert "limits are counted here alone" in first.log
    assert "limits are counted here alone" in second.log
    # Nobody but the one who is limited waits for anything.
    with first.connect("dan@shop.example") as other:
        assert other.execute("SELECT 1").fetchone() == (1,)


def test_an_agent_that_repeats_itself_is_known_to_all_workers(shared: Proxy) -> None:
    proxy = shared
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


def test_a_prepared_statement_counts_each_time(shared: Proxy) -> None:
    def play(who: Who) -> None:
        session = _session(shared, who)
        session.ask(parse("SELECT 1", b"s") + SYNC)
        answers = [session.ask((bind(b"", b"s") + execute()) * 4 + SYNC) for _ in range(8)]
        assert [bool(answer.errors) for answer in answers] == [False] * 7 + [True]
        assert len(answers[-1].rows) == 2
        assert session.ask(query("BEGIN")).errors[0]["C"] == "53400"
        session.socket.close()

    _within_a_minute(play)


def test_sessions_over_workers(shared: Proxy) -> None:
    proxy = shared
    with ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(proxy.connect(*CROWD))
        for _ in range(4):
            with pytest.raises(psycopg.OperationalError, match="too many sessions of yours: 3 are open"):
                proxy.connect(*CROWD)
        stack.enter_context(proxy.connect("dan@shop.example", ("busy",)))
    found = proxy.wait_for_event(lambda e: e.get("event") == "auth_failure" and e.get("sqlstate") == "53300")
    assert found["user"] == CROWD[0]
    until(lambda: _has_room(proxy), "a place comes back")


def _has_room(proxy: Proxy) -> bool:
    try:
        proxy.connect(*CROWD).close()
    except psycopg.OperationalError:
        return False
    return True
