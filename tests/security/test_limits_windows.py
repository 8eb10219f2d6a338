"""Windows over rows and bytes on a real database: whatever way rows are asked for, they count, and none passes beyond.

Each test has a person of its own, and so windows of their own; one proxy of two workers serves them all.
"""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import psycopg
import pytest

from tests.support import proxy as proxies
from tests.support.proxy import Databases, Proxy
from tests.support.raw_session import (
    SYNC,
    Answer,
    RawSession,
    bind,
    describe,
    execute,
    extended,
    parse,
    query,
)
from tests.support.waiting import DEADLINE_S

POLICY = """\
extends: production
columns:
  - {name: clear, who: {groups: [clear]}, on: {tags: [any]}, see: clear, compare: any}
rules:
  - {name: plain-deletes, who: {groups: [rows, large]}, does: [delete, update], effect: allow, overrides: [any]}
limits:
  - {name: a-hundred-rows, who: {groups: [rows]}, rows_per_minute: 100}
  - {name: some-bytes, who: {groups: [bytes]}, bytes_per_hour: 40kB}
  - {name: both, who: {groups: [both]}, rows_per_hour: 100, bytes_per_minute: 1MB}
  - {name: five-rows, who: {groups: [stopped]}, rows: 5}
  - {name: very-many, who: {groups: [large]}, rows_per_hour: 1000000, bytes_per_hour: 1GB}
"""
TABLE = "windowed_things"
LIMIT = 100
HUNDRED = "SELECT g FROM generate_series(1, 100) g"
TEN = "SELECT g FROM generate_series(1, 10) g"
people = (f"person{number}@shop.example" for number in itertools.count())


@pytest.fixture(scope="module")
def proxy(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    with ExitStack() as stack:
        with databases.direct() as direct:
            direct.execute(f"CREATE TABLE {TABLE} (id integer PRIMARY KEY, n integer NOT NULL DEFAULT 0)")
            direct.execute(f"CREATE SEQUENCE {TABLE}_drawn")
            direct.execute(f"GRANT ALL ON {TABLE}, {TABLE}_drawn TO govproxy_login")
        stack.callback(_drop, databases)
        running = proxies.start(databases, tmp_path_factory.mktemp("windowed"), policy=POLICY, workers=2)
        stack.callback(running.stop)
        yield running


def _drop(databases: Databases) -> None:
    with databases.direct() as direct:
        direct.execute(f"DROP TABLE {TABLE}")
        direct.execute(f"DROP SEQUENCE {TABLE}_drawn")


Begin = Callable[..., RawSession]


@pytest.fixture
def begin(proxy: Proxy) -> Iterator[Begin]:
    """Another session of the same person, who is this test's own."""
    person = next(people)
    with ExitStack() as stack:

        def session(*groups: str) -> RawSession:
            made = RawSession(proxy.port, person, proxy.token(person, groups), "app")
            stack.callback(made.socket.close)
            return made

        yield session


def _full(proxy: Proxy, answer: Answer, words: str = "100 rows within a minute") -> None:
    error = answer.errors[-1]
    assert error["C"] == "53400", error
    assert f"you may be sent {words}, and that is used up (limit " in error["M"]
    seconds = re.search(r"more may pass in (\d+) s$", error["M"])
    assert seconds is not None
    assert f"retry_after_s={seconds[1]} " in error["D"] + " "
    assert "retry=later" in error["D"]
    assert 1 <= int(seconds[1]) <= 3_615  # an hour's window counts by quarters of a minute
    request = error["D"].partition("request_id=")[2].split()[0]
    outcome = proxy.wait_for_event(lambda e: e.get("event") == "outcome" and e.get("id") == request)
    assert (outcome["status"], outcome["sqlstate"]) == ("limited", "53400")


def _nothing_reaches_the_database(proxy: Proxy, session: RawSession) -> None:
    draws = f"SELECT nextval('{TABLE}_drawn')"
    with proxy.databases.direct() as direct:
        before = direct.execute(f"SELECT last_value, is_called FROM {TABLE}_drawn").fetchone()
        for whole in (query(draws), query(draws), extended(draws) + SYNC, extended(draws) + SYNC):
            answer = session.ask(whole)
            assert answer.rows == []
            assert answer.errors[-1]["C"] == "53400"
            assert answer.status == b"I"
        assert direct.execute(f"SELECT last_value, is_called FROM {TABLE}_drawn").fetchone() == before


# ---------------------------------------------------------------------- stopping and refusing


@pytest.mark.parametrize("groups", [("rows",), ("rows", "clear")], ids=["masked", "clear"])
@pytest.mark.parametrize("form", ["simple", "extended"])
def test_rows_stop_in_the_middle_and_the_next_is_refused(
    proxy: Proxy, begin: Begin, groups: tuple[str, ...], form: str
) -> None:
    session = begin(*groups)
    big = "SELECT g, 'x' AS t FROM generate_series(1, 3000000) g"
    answer = session.ask(query(big) if form == "simple" else extended(big) + SYNC)
    assert len(answer.rows) == LIMIT
    assert answer.status == b"I"
    _full(proxy, answer)
    for _ in range(2):
        _full(proxy, session.ask(query("SELECT 1")))
        _full(proxy, session.ask(extended("SELECT 1") + SYNC))
    _nothing_reaches_the_database(proxy, session)
    # A new connection, to whichever worker, begins with the same window.
    for _ in range(4):
        _full(proxy, begin(*groups).ask(query("SELECT 1")))


def test_what_returns_nothing_goes_on(proxy: Proxy, begin: Begin) -> None:
    session = begin("rows")
    session.ask(query("BEGIN"))
    _full(proxy, session.ask(query("SELECT g FROM generate_series(1, 500) g")))
    assert session.ask(query("ROLLBACK")).errors == []
    for text in ("BEGIN", f"INSERT INTO {TABLE} VALUES (1, 1)", "ROLLBACK", "SET application_name = 'x'"):
        assert session.ask(query(text)).errors == [], text


def test_other_people_go_on(proxy: Proxy, begin: Begin) -> None:
    _full(proxy, begin("rows").ask(query("SELECT g FROM generate_series(1, 500) g")))
    with proxy.connect(next(people), ("rows",)) as other:
        assert len(other.execute(HUNDRED).fetchall()) == LIMIT
    with proxy.connect(next(people)) as other:
        assert len(other.execute("SELECT g FROM generate_series(1, 500) g").fetchall()) == 500


def test_all_workers_and_connections_share_it(proxy: Proxy, begin: Begin) -> None:
    seen, deadline = 0, time.monotonic() + DEADLINE_S
    while seen < LIMIT:
        assert time.monotonic() < deadline
        session = begin("rows")
        for whole in (query(TEN), extended(TEN) + SYNC):
            seen += len(session.ask(whole).rows)
        session.socket.close()
    assert seen == LIMIT
    _full(proxy, begin("rows").ask(query("SELECT 1")))


def test_bytes_within_an_hour(proxy: Proxy, begin: Begin) -> None:
    session = begin("bytes")
    answer = session.ask(query("SELECT repeat('x', 1000) FROM generate_series(1, 1000)"))
    assert 30 <= len(answer.rows) <= 40
    _full(proxy, answer, "40960 bytes within an hour")
    # A row that does not fit is stopped; one that does still passes.
    assert session.ask(query("SELECT 1")).errors == []
    _full(proxy, session.ask(query("SELECT repeat('x', 50000)")), "40960 bytes within an hour")
    assert len(session.ask(query("SELECT 1")).rows) == 1


def test_the_smaller_of_two_windows_holds(proxy: Proxy, begin: Begin) -> None:
    session = begin("both")
    answer = session.ask(query("SELECT g FROM generate_series(1, 500) g"))
    assert len(answer.rows) == LIMIT
    _full(proxy, answer, "100 rows within an hour")


# ---------------------------------------------------------------------- ways to get rows


def _cursor(session: RawSession) -> int:
    session.ask(query("BEGIN"))
    session.ask(query("DECLARE c CURSOR FOR SELECT g FROM generate_series(1, 1000) g"))
    return _until_refused(session, query("FETCH 7 FROM c"))


def _portal(session: RawSession) -> int:
    session.ask(query("BEGIN"))
    text = "SELECT g FROM generate_series(1, 1000) g"
    session.ask(parse(text) + bind(b"p") + describe(b"P", b"p") + SYNC)
    return _until_refused(session, execute(b"p", 7) + SYNC)


def _prepared(session: RawSession) -> int:
    session.ask(parse(TEN, b"s") + SYNC)
    return _until_refused(session, bind(b"", b"s") + execute() + SYNC)


def _prepared_by_sql(session: RawSession) -> int:
    session.ask(query(f"PREPARE s AS {TEN}"))
    return _until_refused(session, query("EXECUTE s"))


def _pipeline(session: RawSession) -> int:
    return _until_refused(session, extended(TEN) * 3 + SYNC)


def _copied(session: RawSession) -> int:
    seen = 0
    for _ in range(60):
        answer = session.ask(query(f"COPY ({TEN}) TO STDOUT"))
        seen += answer.kinds.count("d")
        if answer.errors:
            break
    return seen


def _several(session: RawSession) -> int:
    return _until_refused(session, query(f"{TEN}; {TEN}"))


def _binary(session: RawSession) -> int:
    return _until_refused(session, parse(TEN) + bind(formats=(1,)) + describe(b"P") + execute() + SYNC)


def _until_refused(session: RawSession, whole: bytes) -> int:
    seen = 0
    for _ in range(60):
        answer = session.ask(whole)
        seen += len(answer.rows)
        if answer.errors:
            break
    return seen


WAYS = (_cursor, _portal, _prepared, _prepared_by_sql, _pipeline, _copied, _several, _binary)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__.strip("_"))
def test_whatever_the_way_rows_count(proxy: Proxy, begin: Begin, way: Callable[[RawSession], int]) -> None:
    session = begin("rows")
    assert way(session) == LIMIT
    session.ask(query("ROLLBACK"))
    _full(proxy, session.ask(query("SELECT 1")))


def test_queries_sent_without_waiting(proxy: Proxy, begin: Begin) -> None:
    answers = begin("rows").answers(query(TEN) * 14, 14)
    assert sum(len(answer.rows) for answer in answers) == LIMIT
    assert [bool(answer.errors) for answer in answers] == [False] * 10 + [True] * 4
    _full(proxy, answers[10])


def test_a_change_that_returns_too_much_is_taken_back(proxy: Proxy, begin: Begin) -> None:
    with proxy.databases.direct() as direct:
        direct.execute(f"TRUNCATE {TABLE}")
        direct.execute(f"INSERT INTO {TABLE} SELECT g FROM generate_series(1, 300) g")
        session = begin("rows")
        answer = session.ask(query(f"DELETE FROM {TABLE} WHERE id > 0 RETURNING id"))
        assert len(answer.rows) == LIMIT
        assert answer.status == b"I"
        _full(proxy, answer)
        assert direct.execute(f"SELECT count(*) FROM {TABLE}").fetchone() == (300,)
        answer = session.ask(extended(f"DELETE FROM {TABLE} WHERE id > 0 RETURNING id") + SYNC)
        _full(proxy, answer)
        assert direct.execute(f"SELECT count(*) FROM {TABLE}").fetchone() == (300,)


def test_a_driver(proxy: Proxy) -> None:
    with proxy.connect(next(people), ("rows",)) as connection:
        with pytest.raises(psycopg.errors.ConfigurationLimitExceeded, match="100 rows within"):
            _in_a_pipeline(connection)
        with pytest.raises(psycopg.errors.ConfigurationLimitExceeded, match="more may pass in"):
            connection.execute("SELECT 1")


def _in_a_pipeline(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    with connection.pipeline():
        for cursor in [connection.execute(TEN.encode()) for _ in range(15)]:
            cursor.fetchall()


def test_a_large_window_is_not_noticed(begin: Begin) -> None:
    session = begin("large")
    for _ in range(3):
        answer = session.ask(query("SELECT g, repeat('x', 100) FROM generate_series(1, 30000) g"))
        assert (len(answer.rows), answer.errors) == (30_000, [])
    answers = session.answers(query("SELECT 7") * 50, 50)
    assert [answer.rows for answer in answers] == [[[b"7"]]] * 50


# ---------------------------------------------------------------------- the next statement suffers nothing


def test_a_stopped_statement_takes_nothing_along(proxy: Proxy, begin: Begin) -> None:
    """Results that end by themselves just when they are cancelled, each with a statement behind it."""
    session = begin("stopped")
    for size in (6, 7, 20, 400):
        over = f"SELECT g FROM generate_series(1, {size}) g"
        for behind in (query("SELECT count(*) FROM generate_series(1, 20000)"), extended("SELECT 5") + SYNC):
            for first in (query(over), extended(over) + SYNC):
                answers = session.answers((first + behind) * 6, 12)
                assert [answer.errors[-1]["C"] for answer in answers[::2]] == ["53400"] * 6
                assert [answer.errors for answer in answers[1::2]] == [[]] * 6
                assert [len(answer.rows) for answer in answers[1::2]] == [1] * 6
