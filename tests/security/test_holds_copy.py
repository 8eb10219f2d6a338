"""COPY FROM STDIN that has to be approved, whatever its rows do meanwhile; FunctionCall, which cannot wait; and
held statements over TLS."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from govproxy.control.admin import ask
from govproxy.wire.errors import decode_detail
from govproxy.wire.startup import encode_cancel_request
from tests.security.holding import ANA, BOT, Aside, Desk, attended, run, until
from tests.support.ledger import Event
from tests.support.proxy import Databases, Proxy, start
from tests.support.raw_client import RawClient
from tests.support.raw_session import FLUSH, SYNC, TERMINATE, Answer, RawSession, bind, execute, message, parse, query

POLICY = """\
extends: production
rules:
  - {name: copies, who: {groups: [engineering]}, does: [copy_in], effect: hold, overrides: [any], rehearse: true,
     on: {tables: [public.copied]}, approvers: {groups: [leads]}, hold: {timeout: 10m, in_transaction: 5m}}
  - {name: bots, who: {agents: true}, does: [copy_in], effect: hold, overrides: [agents-ask-before-writing],
     on: {tables: [public.copied]}, approvers: {groups: [leads]}, hold: {on_hold: refuse, valid: 10m}}
  - {name: waits, who: {groups: [engineering]}, does: [delete], effect: hold, overrides: [any],
     on: {tables: [public.copied]}, approvers: {groups: [leads]}, hold: {timeout: 10m, notice_every: 1s}}
  - {name: calls, who: {groups: [engineering]}, does: [function_message], effect: hold, overrides: [any],
     approvers: {groups: [leads]}}
columns:
  - {name: engineering-sees-everything, who: {users: [eva@shop.example]}, on: {tags: [any]}, see: clear, compare: any}
"""
EVA = ("eva@shop.example", ("engineering",))
ROWS = b"1\tone\ta@x.example\n2\ttwo\tb@x.example\n3\t\\N\t\\N\n"
BINARY = b"PGCOPY\n\xff\r\n\0" + bytes(8) + b"\0\3\0\0\0\4\0\0\0\7\0\0\0\1w\0\0\0\1e" + b"\xff\xff"
FORMATS = {"text": ("COPY copied FROM STDIN", ROWS, 3), "binary": ("COPY copied FROM STDIN (FORMAT binary)", BINARY, 1)}
DONE, FAIL = message(b"c"), message(b"f", b"no more\0")


@pytest.fixture(scope="module")
def proxy(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    with databases.direct() as direct:
        direct.execute("DROP TABLE IF EXISTS copied; CREATE TABLE copied (id int PRIMARY KEY, word text, email text)")
    running = start(databases, tmp_path_factory.mktemp("copies"), policy=POLICY)
    yield running
    running.stop()
    with databases.direct() as direct:
        direct.execute("DROP TABLE copied")


@pytest.fixture
def desk(proxy: Proxy) -> Iterator[Desk]:
    with attended(proxy, "copied") as found:
        yield found


@pytest.fixture
def count(databases: Databases) -> Iterator[Callable[[], int]]:
    """How many rows there are, none at first."""
    with databases.direct() as direct:
        direct.execute("TRUNCATE copied")
        yield lambda: direct.execute("SELECT count(*) FROM copied").fetchone()[0]  # type: ignore[index]


@pytest.fixture
def session(proxy: Proxy) -> Iterator[RawSession]:
    found = RawSession(proxy.port, ANA[0], proxy.token(*ANA), "app")
    yield found
    found.socket.close()


def begun(text: str, how: str) -> bytes:
    """What starts it, without the Sync."""
    return query(text) if how == "simple" else parse(text) + bind() + execute()


def whole(text: str, rows: bytes, how: str, end: bytes = DONE) -> bytes:
    """All that is said, rows in two messages."""
    data = message(b"d", rows[:7]) + message(b"d", rows[7:]) + end
    return begun(text, how) + data + (b"" if how == "simple" else SYNC)


def outcome(proxy: Proxy, statement: str) -> Event:
    return proxy.wait_for_event(lambda event: event["event"] == "outcome" and event["id"] == statement)


def steps(proxy: Proxy, approval: str) -> list[str]:
    return [event["status"] for event in proxy.events("approval") if event["approval"] == approval]


def nothing_came(databases: Databases, pid: int, how: str) -> bool:
    """Whether the backend was asked for no COPY. A Parse runs nothing, and may have come."""
    with databases.direct() as direct:
        row = direct.execute("SELECT query FROM pg_stat_activity WHERE pid = %s", (pid,)).fetchone()
        runs = direct.execute("SELECT count(*) FROM pg_stat_progress_copy WHERE pid = %s", (pid,)).fetchone()
    return row is not None and runs == (0,) and (how == "extended" or "COPY" not in row[0])


def pid_of(session: RawSession) -> int:
    return int(session.query("SELECT pg_backend_pid()").rows[0][0] or b"")


def still_in_step(session: RawSession) -> None:
    assert session.query("SELECT 7").rows == [[b"7"]]
    assert session.ask(parse("SELECT 8") + bind() + execute() + SYNC).rows == [[b"8"]]


@pytest.mark.parametrize("sending", ["together", "byte by byte"])
@pytest.mark.parametrize("how", ["simple", "extended"])
@pytest.mark.parametrize("form", sorted(FORMATS))
@pytest.mark.parametrize("answer", ["approve", "refuse"])
def test_rows_that_run_ahead_wait_with_it(
    proxy: Proxy,
    databases: Databases,
    desk: Desk,
    count: Callable[[], int],
    session: RawSession,
    answer: str,
    form: str,
    how: str,
    sending: str,
) -> None:
    text, rows, number = FORMATS[form]
    pid, sent = pid_of(session), whole(text, rows, how)
    waiting = Aside(lambda: session.in_pieces(sent, () if sending == "together" else range(1, len(sent))))
    asked = desk.waiting("copied")
    notes = until(lambda: ask(desk.settings, {"command": "approval", "id": asked["id"]})["facts"])["notes"]
    assert any("not rehearsed" in note for note in notes)
    assert count() == 0
    assert nothing_came(databases, pid, how)
    assert not waiting.is_done
    desk.decide(asked["id"], answer)
    said: Answer = waiting.result
    ended = outcome(proxy, asked["statement"])
    if answer == "approve":
        assert (said.errors, count()) == ([], number)
        assert f"COPY {number}".encode() in b"".join(one.body for one in said.messages if chr(one.kind) == "C")
        assert steps(proxy, asked["id"]) == ["asked", "voted", "approved", "used"]
        assert ended["status"] == "ok"
    else:
        assert [error["C"] for error in said.errors] == ["42501"]
        assert "G" not in said.kinds
        assert (count(), nothing_came(databases, pid, how)) == (0, True)
        assert steps(proxy, asked["id"]) == ["asked", "voted", "refused"]
        assert (ended["status"], ended["sqlstate"]) == ("denied", "42501")
    still_in_step(session)


@pytest.mark.parametrize("how", ["simple", "extended"])
@pytest.mark.parametrize("end", ["done", "fail"])
def test_rows_that_wait_for_copy_in_response(
    proxy: Proxy, desk: Desk, count: Callable[[], int], session: RawSession, how: str, end: str
) -> None:
    """As drivers do: rows follow once the database has asked for them."""

    def play() -> Answer:
        session.send(begun("COPY copied FROM STDIN", how) + (b"" if how == "simple" else FLUSH))
        while (found := session.read_message()) is not None and chr(found.kind) != "G":
            assert chr(found.kind) in "N12", found
        rest = message(b"d", ROWS) + (DONE if end == "done" else FAIL)
        return session.ask(rest + (b"" if how == "simple" else SYNC))

    waiting = Aside(play)
    asked = desk.waiting("copied")
    desk.decide(asked["id"])
    assert [error["C"] for error in waiting.result.errors] == ([] if end == "done" else ["57014"])
    assert count() == (3 if end == "done" else 0)
    assert outcome(proxy, asked["statement"])["status"] == ("ok" if end == "done" else "error")
    still_in_step(session)


@pytest.mark.parametrize("how", ["simple", "extended"])
@pytest.mark.parametrize("ends", ["cancel", "close", "terminate"])
def test_it_ends_before_it_is_decided(
    proxy: Proxy, desk: Desk, count: Callable[[], int], session: RawSession, how: str, ends: str
) -> None:
    waiting = Aside(lambda: session.ask(whole("COPY copied FROM STDIN", ROWS, how)))
    asked = desk.waiting("copied")
    if ends == "cancel":
        (key,) = (one.body for one in session.greeting if chr(one.kind) == "K")
        canceller = RawClient(proxy.port)
        canceller.send(encode_cancel_request(int.from_bytes(key[:4], "big"), key[4:]))
        canceller.socket.close()
        assert [error["C"] for error in waiting.result.errors] == ["57014"]
        still_in_step(session)
    elif ends == "terminate":
        session.send(TERMINATE)
    else:
        session.socket.shutdown(2)
    until(lambda: desk.status(asked["id"]) == "withdrawn")
    assert desk.decide(asked["id"])["objection"] == "decided"
    assert count() == 0
    assert outcome(proxy, asked["statement"])["status"] == ("cancelled" if ends == "cancel" else "withdrawn")


@pytest.mark.parametrize("answer", ["approve", "refuse"])
def test_in_a_transaction(desk: Desk, count: Callable[[], int], session: RawSession, answer: str) -> None:
    session.query("BEGIN")
    waiting = Aside(lambda: session.ask(whole("COPY copied FROM STDIN", ROWS, "simple")))
    desk.decide(desk.waiting("copied")["id"], answer)
    assert waiting.result.status == (b"T" if answer == "approve" else b"E")
    session.query("COMMIT")
    assert count() == (3 if answer == "approve" else 0)
    still_in_step(session)


def test_what_the_database_refuses_in_the_middle_is_its_error(
    proxy: Proxy, desk: Desk, count: Callable[[], int], session: RawSession
) -> None:
    waiting = Aside(lambda: session.ask(whole("COPY copied FROM STDIN", ROWS + b"x\ty\tz\n", "extended")))
    asked = desk.waiting("copied")
    desk.decide(asked["id"])
    assert [error["C"] for error in waiting.result.errors] == ["22P02"]
    assert count() == 0
    assert outcome(proxy, asked["statement"])["status"] == "error"
    still_in_step(session)


def test_masked_values_do_not_come_back_in_an_approved_copy(
    proxy: Proxy, databases: Databases, desk: Desk, count: Callable[[], int], session: RawSession
) -> None:
    """What was approved is the COPY; its rows are looked at when they flow."""
    with databases.direct() as direct:
        direct.execute("INSERT INTO copied VALUES (100, 'x', 'petra@planted.example')")
    ((shown,),) = session.query("SELECT email FROM copied").rows
    assert shown is not None
    assert shown != b"petra@planted.example"
    waiting = Aside(lambda: session.ask(whole("COPY copied FROM STDIN", b"1\tw\t" + shown + b"\n", "simple")))
    asked = desk.waiting("copied")
    desk.decide(asked["id"])
    assert [error["C"] for error in waiting.result.errors] == ["42501"]
    assert count() == 1
    still_in_step(session)


@pytest.mark.parametrize("how", ["simple", "extended"])
def test_who_does_not_wait_comes_back_with_the_same_copy(
    proxy: Proxy, databases: Databases, desk: Desk, count: Callable[[], int], how: str
) -> None:
    with RawSession(proxy.port, BOT[0], proxy.token(*BOT), "app") as session:
        pid = pid_of(session)
        for _ in range(2):
            said = session.ask(whole("COPY copied FROM STDIN", ROWS, how))
            assert [error["C"] for error in said.errors] == ["42501"]
            assert "needs approval" in said.errors[0]["M"]
            assert (count(), nothing_came(databases, pid, how)) == (0, True)
        asked = desk.waiting("copied")
        desk.decide(asked["id"])
        assert session.ask(whole("COPY  copied FROM STDIN", ROWS, how)).errors == []
        assert count() == 3
        again = session.ask(whole("COPY copied FROM STDIN", b"9\ta\tb\n", how))
        assert [error["C"] for error in again.errors] == ["42501"]
        still_in_step(session)


# ---------------------------------------------------------------------- what cannot wait

LO_CREATE = (715).to_bytes(4, "big")


def function_call(number: int) -> bytes:
    """FunctionCall of lo_create."""
    value = number.to_bytes(4, "big")
    return message(b"F", LO_CREATE + b"\0\1\0\1" + b"\0\1" + (4).to_bytes(4, "big") + value + b"\0\1")


@pytest.mark.parametrize("who", [ANA, EVA], ids=["masked", "clear"])
@pytest.mark.parametrize("sending", ["together", "byte by byte", "in a transaction"])
def test_a_function_call_that_needs_an_approval_is_refused_at_once(
    proxy: Proxy, databases: Databases, desk: Desk, who: tuple[str, tuple[str, ...]], sending: str
) -> None:
    with RawSession(proxy.port, who[0], proxy.token(*who), "app") as session:
        if sending == "in a transaction":
            session.query("BEGIN")
        for number in (700_001, 700_002):  # the second time it is known
            sent = function_call(number)
            if sending == "byte by byte":
                said = session.in_pieces(sent, range(1, len(sent)))
            else:
                said, behind = session.answers(sent + query("SELECT 7"), 2)
                assert behind.rows == ([[b"7"]] if sending == "together" else [])
            ((error,), kinds) = said.errors, said.kinds
            assert error["C"] == "42501"
            assert "FunctionCall" in error["H"]
            assert "SELECT" in error["H"]
            assert outcome(proxy, decode_detail(error["D"])["request_id"])["status"] == "denied"
            assert "V" not in kinds
        session.query("ROLLBACK")
        still_in_step(session)
    with databases.direct() as direct:
        made = direct.execute("SELECT count(*) FROM pg_largeobject_metadata WHERE oid IN (700001, 700002)").fetchone()
    assert made == (0,)
    assert desk.requests("FunctionCall") == []


# ---------------------------------------------------------------------- over TLS


def test_a_statement_over_tls_waits_is_told_so_and_runs(
    databases: Databases, start_proxy: Callable[..., Proxy], count: Callable[[], int]
) -> None:
    proxy = start_proxy(policy=POLICY, tls=True)
    desk, told = Desk(proxy), list[str]()
    with databases.direct() as direct:
        direct.execute("INSERT INTO copied VALUES (1, 'a', 'b'), (2, 'a', 'b'), (3, 'a', 'b')")
    with proxy.connect(*ANA) as ana:
        assert ana.pgconn.ssl_in_use
        ana.add_notice_handler(lambda notice: told.append(str(notice.message_primary)))
        for prepare, answer in ((False, "approve"), (True, "refuse"), (True, "approve")):
            told.clear()
            done = run(ana, "DELETE FROM copied WHERE id = %s", (1 if not prepare else 2,), prepare=prepare)
            asked = desk.waiting("copied")
            until(lambda: sum("still waiting" in one for one in told) >= 2)
            assert any(asked["id"] in one and "waits for approval" in one for one in told)
            desk.decide(asked["id"], answer)
            if answer == "approve":
                assert done.result == 1
            else:
                assert done.error.sqlstate == "42501"
            assert ana.execute("SELECT 1").fetchone() == (1,)
        copying = Aside(lambda: _copied(ana))
        desk.decide(desk.waiting("COPY")["id"])
        assert copying.result is None
        done = run(ana, "DELETE FROM copied WHERE id = 3")
        desk.waiting("= 3")
        ana.cancel_safe()
        assert done.error.sqlstate == "57014"
    assert count() == 2


def _copied(connection: psycopg.Connection[Any]) -> None:
    with connection.cursor() as cursor, cursor.copy("COPY copied FROM STDIN") as copy:
        copy.write(b"50\ta\tb\n")
