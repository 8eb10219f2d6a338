"""A changed policy reaches sessions that are open: from their next statement on, unseen by them.

Each test takes the policy it needs and its own session; one proxy serves all.
"""

from __future__ import annotations

import itertools
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.support import proxy as proxies
from tests.support.proxy import Databases, Proxy
from tests.support.raw_session import SYNC, Answer, RawSession, bind, describe, execute, extended, parse, query
from tests.support.waiting import until

TABLE = "reloaded_things"
OPEN = """\
extends: production
rules:
  - {name: staff-write, who: {groups: [staff]}, does: [write], effect: allow, overrides: [any]}
"""
TIMEOUTS = "{name: patience, who: {groups: [staff]}, statement_timeout: 3s, lock_timeout: 1s}"
READ_ONLY = "{name: look-only, who: {groups: [staff]}, transactions: read_only}"
people = (f"staff{number}@shop.example" for number in itertools.count())


@pytest.fixture(scope="module")
def proxy(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    with ExitStack() as stack:
        with databases.direct() as direct:
            direct.execute(f"CREATE TABLE {TABLE} (id integer PRIMARY KEY, n integer NOT NULL DEFAULT 0)")
            direct.execute(f"GRANT ALL ON {TABLE} TO govproxy_login")
        stack.callback(_drop, databases)
        running = proxies.start(databases, tmp_path_factory.mktemp("reloaded"), policy=OPEN)
        stack.callback(running.stop)
        yield running


def _drop(databases: Databases) -> None:
    with databases.direct() as direct:
        direct.execute(f"DROP TABLE {TABLE}")


@pytest.fixture
def change(proxy: Proxy) -> Iterator[Callable[..., None]]:
    """Put limits in force; at the end there are none."""

    def to(*limits: str, by: str = "file") -> None:
        before = len(proxy.events("policy_change"))
        text = OPEN + ("limits:\n" + "".join(f"  - {limit}\n" for limit in limits) if limits else "")
        (proxy.folder / "policy.yaml").write_text(f"# {time.monotonic_ns()}\n{text}")
        if by == "signal":
            proxy.process.signal(signal.SIGHUP)
        until(lambda: len(proxy.events("policy_change")) > before, "the policy is taken over")

    yield to
    if "limits:" in (proxy.folder / "policy.yaml").read_text():
        to()


Begin = Callable[..., RawSession]


@pytest.fixture
def begin(proxy: Proxy) -> Iterator[Begin]:
    with ExitStack() as stack:

        def session(**settings: str) -> RawSession:
            person = next(people)
            made = RawSession(proxy.port, person, proxy.token(person, ("staff",)), "app", **settings)
            stack.callback(made.socket.close)
            return made

        yield session


def _shown(session: RawSession, name: str) -> str:
    answer = session.ask(query(f"SHOW {name}"))
    assert answer.errors == [], answer
    return (answer.rows[0][0] or b"").decode()


def _write(number: int) -> bytes:
    return query(f"INSERT INTO {TABLE} VALUES ({number}) ON CONFLICT DO NOTHING")


def _refused(answer: Answer) -> None:
    assert [error["C"] for error in answer.errors] == ["25006"], answer


# ---------------------------------------------------------------------- between transactions


@pytest.mark.parametrize("by", ["file", "signal"])
def test_timeouts_reach_an_idle_session_and_go_again(begin: Begin, change: Callable[..., None], by: str) -> None:
    session = begin()
    assert _shown(session, "statement_timeout") == "0"
    change(TIMEOUTS, by=by)
    answer = session.ask(query("SELECT pg_catalog.current_setting('statement_timeout')"))
    assert (answer.kinds, answer.rows) == ("TDCZ", [[b"3s"]])  # and nothing else is seen
    assert _shown(session, "lock_timeout") == "1s"
    assert session.ask(query("SET statement_timeout = '1h'")).errors[0]["C"] == "42501"
    change(by=by)
    assert _shown(session, "statement_timeout") == "0"
    assert _shown(session, "lock_timeout") == "0"


def test_what_the_client_set_stricter_stays(begin: Begin, change: Callable[..., None]) -> None:
    stricter, looser = begin(statement_timeout="700"), begin(statement_timeout="60000")
    own = begin()
    own.ask(query("SET lock_timeout = '300ms'"))
    change(TIMEOUTS)
    assert [_shown(session, "statement_timeout") for session in (stricter, looser, own)] == ["700ms", "3s", "3s"]
    assert _shown(own, "lock_timeout") == "300ms"
    # What a client sets under the limit is its own when the limit goes; what it had before comes back otherwise.
    assert own.ask(query("SET statement_timeout = '3s'")).errors == []
    change()
    assert [_shown(session, "statement_timeout") for session in (stricter, looser, own)] == ["700ms", "1min", "3s"]
    assert _shown(own, "lock_timeout") == "300ms"


def test_what_was_asked_for_at_the_start_comes_back(begin: Begin, change: Callable[..., None]) -> None:
    change(TIMEOUTS)
    asked, silent = begin(statement_timeout="60000"), begin()
    assert [_shown(session, "statement_timeout") for session in (asked, silent)] == ["3s", "3s"]
    change()
    # What the database would have given is not known: it stays as it is.
    assert [_shown(session, "statement_timeout") for session in (asked, silent)] == ["1min", "3s"]


def test_a_tighter_limit_after_a_limit(begin: Begin, change: Callable[..., None]) -> None:
    change(TIMEOUTS)
    session = begin()
    change("{name: hurry, who: {groups: [staff]}, statement_timeout: 900ms}")
    assert _shown(session, "statement_timeout") == "900ms"


@pytest.mark.parametrize("form", ["simple", "extended", "prepared"])
def test_an_open_session_may_only_read_from_its_next_statement_on(
    proxy: Proxy, begin: Begin, change: Callable[..., None], form: str
) -> None:
    session = begin()
    write = f"INSERT INTO {TABLE} VALUES (1) ON CONFLICT DO NOTHING"
    session.ask(parse(write, b"s") + SYNC)
    whole = {
        "simple": query(write),
        "extended": extended(write) + SYNC,
        "prepared": bind(b"", b"s") + describe(b"P") + execute() + SYNC,
    }[form]
    assert session.ask(whole).errors == []
    change(READ_ONLY)
    with proxy.databases.direct() as direct:
        direct.execute(f"DELETE FROM {TABLE}")
        for _ in range(2):
            answer = session.ask(whole)
            _refused(answer)
            assert answer.status == b"I"
        assert "S" not in session.ask(query("SELECT 1")).kinds  # no ParameterStatus of what was set
        assert session.ask(query("BEGIN READ WRITE")).errors[0]["C"] == "42501"
        assert direct.execute(f"SELECT count(*) FROM {TABLE}").fetchone() == (0,)
        change()
        assert session.ask(whole).errors == []
        assert direct.execute(f"SELECT count(*) FROM {TABLE}").fetchone() == (1,)


# ---------------------------------------------------------------------- in a transaction


def test_in_a_transaction(begin: Begin, change: Callable[..., None]) -> None:
    session = begin()
    session.ask(query("BEGIN"))
    assert session.ask(_write(2)).errors == []
    session.ask(query("SAVEPOINT s"))
    change(READ_ONLY, TIMEOUTS)
    assert _shown(session, "statement_timeout") == "3s"
    assert _shown(session, "transaction_read_only") == "on"
    answer = session.ask(_write(3))
    _refused(answer)
    assert answer.status == b"E"
    # What a savepoint takes back is imposed again, also where nobody waits in between.
    for whole in (query("ROLLBACK TO s") + _write(3), extended("ROLLBACK TO s") + SYNC + _write(3)):
        back, written = session.answers(whole, 2)
        assert back.errors == []
        _refused(written)
    pipelined = session.ask(extended("ROLLBACK TO s") + extended(f"INSERT INTO {TABLE} VALUES (4)") + SYNC)
    _refused(pipelined)
    for text in ("ROLLBACK TO s; INSERT INTO {} VALUES (5)", "COMMIT; INSERT INTO {} VALUES (5)"):
        assert session.ask(query(text.format(TABLE))).errors[-1]["C"] == "42501", text
    assert session.ask(query("ROLLBACK TO s")).errors == []
    assert session.ask(query("COMMIT")).messages[0].body == b"COMMIT\0"  # what was written before stays
    _refused(session.ask(_write(6)))
    assert _shown(session, "statement_timeout") == "3s"
    # Texts with several statements pass again.
    assert session.ask(query("BEGIN; SELECT 1; COMMIT")).errors == []


def test_a_chained_transaction(begin: Begin, change: Callable[..., None]) -> None:
    session = begin()
    session.ask(query("BEGIN"))
    change(READ_ONLY, TIMEOUTS)
    assert session.ask(query("COMMIT AND CHAIN")).status == b"T"
    assert _shown(session, "statement_timeout") == "3s"
    _refused(session.ask(_write(7)))


def test_within_a_pipeline_without_its_sync(begin: Begin, change: Callable[..., None]) -> None:
    session = begin()
    first, second = (extended(f"INSERT INTO {TABLE} VALUES ({number})") for number in (8, 9))
    session.send(first + parse("SELECT 1", b"x"))
    change(READ_ONLY)
    answer = session.ask(second + SYNC)
    _refused(answer)
    assert answer.status == b"I"
    _refused(session.ask(_write(10)))


@pytest.mark.parametrize("size", [1, 7, 64])
def test_split_as_it_comes(begin: Begin, change: Callable[..., None], size: int) -> None:
    session = begin()
    change(TIMEOUTS)
    show = "SHOW statement_timeout"
    said = extended(show) + SYNC + query(show) + extended(show) + extended(show) + SYNC
    for start in range(0, len(said), size):
        session.send(said[start : start + size])
    answers = session.answers(b"", 3)
    assert [answer.rows for answer in answers] == [[[b"3s"]], [[b"3s"]], [[b"3s"]] * 2]


# ---------------------------------------------------------------------- taking it back


RESETS = (
    "RESET ALL",
    "RESET statement_timeout",
    "SET statement_timeout TO DEFAULT",
    "SET SESSION statement_timeout = DEFAULT",
)


def test_reset_takes_nothing_back(begin: Begin, change: Callable[..., None]) -> None:
    sessions = [begin() for _ in RESETS]
    change(READ_ONLY, TIMEOUTS)
    for session, text in zip(sessions, RESETS, strict=True):
        assert session.ask(query(text)).errors == []
        assert _shown(session, "statement_timeout") == "3s"
        _refused(session.ask(_write(11)))
        # In one piece with what it is to help, and in one text.
        first, second = session.answers(query(text) + _write(11), 2)
        assert first.errors == []
        _refused(second)
        _refused(session.ask(extended(text) + extended(f"INSERT INTO {TABLE} VALUES (11)") + SYNC))
        answer = session.ask(query(f"{text}; INSERT INTO {TABLE} VALUES (11)"))
        assert answer.errors[-1]["C"] == "42501"
        assert "(limit look-only)" in answer.errors[-1]["M"]
        assert session.ask(query(f"SELECT 1; {text}")).errors == []
        _refused(session.ask(_write(11)))
        for refused in ("RESET default_transaction_read_only", "SET default_transaction_read_only TO DEFAULT"):
            assert session.ask(query(refused)).errors[-1]["C"] == "42501"


def test_sessions_that_begin_later_may_reset(begin: Begin, change: Callable[..., None]) -> None:
    change(READ_ONLY, TIMEOUTS)
    session = begin()
    assert session.ask(query("RESET ALL; SELECT 1")).errors == []
    assert _shown(session, "statement_timeout") == "3s"
    _refused(session.ask(_write(12)))
