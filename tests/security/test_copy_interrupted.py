"""COPY that ends before its time: no clear row gets out, the protocol stays in step, the ledger says how it ended.

The same is asked of a long SELECT, because both pass the same machinery by different doors.
"""

from __future__ import annotations

import itertools
import socket
import struct
import time
from typing import Self

import psycopg
import pytest

from govproxy.wire.backend import Backend
from govproxy.wire.framing import Message
from govproxy.wire.startup import encode_cancel_request
from tests.security.leak_lab import ANALYST, Lab
from tests.security.test_leaks import DATABASE, lab
from tests.support.ledger import Event
from tests.support.raw_client import RawClient
from tests.support.raw_session import READY, SYNC, Answer, RawSession, bind, execute, message, parse, query
from tests.support.waiting import until

__all__ = ["lab"]

# Some ten megabytes, of which every row is masked.
LONG = "SELECT 1 AS {mark}, p.* FROM people p, generate_series(1, 400) g ORDER BY g, p.id"
FORMS = {
    "text": "COPY ({}) TO STDOUT",
    "csv": "COPY ({}) TO STDOUT (FORMAT csv)",
    "binary": "COPY ({}) TO STDOUT (FORMAT binary)",
    "select": "{}",
}
_NUMBERS = itertools.count(1)
ENOUGH = 20_000  # bytes after which somebody interrupts


class Running:
    """A statement under way, of which some has been read. ``mark`` names it in the database and in the ledger."""

    def __init__(self, lab: Lab, form: str) -> None:
        self.lab = lab
        self.mark = f"run_{next(_NUMBERS)}"
        self.session = _session(lab, self.mark)
        self.messages: list[Message] = []
        self.session.send(query(FORMS[form].format(LONG.format(mark=self.mark))))
        size = 0
        while size < ENOUGH:
            found = self.session.read_message()
            assert found is not None
            self.messages.append(found)
            size += len(found.body)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.session.socket.close()

    def read_on(self) -> list[Message]:
        """Everything up to ReadyForQuery or the end of the stream, also if it ends in the middle of a message."""
        while self.messages[-1].kind != READY:
            try:
                found = self.session.read_message()
            except (ConnectionError, AssertionError):
                break
            if found is None:
                break
            self.messages.append(found)
        assert not self.lab.watcher.look([Answer(self.messages)])
        return self.messages

    def outcome(self) -> Event:
        """What the ledger says of its end."""
        return _outcome(self.lab, self.mark)


def _session(lab: Lab, mark: str) -> RawSession:
    return RawSession(lab.proxy.port, ANALYST[0], lab.proxy.token(*ANALYST), DATABASE, application_name=mark)


def _outcome(lab: Lab, mark: str) -> Event:
    """Of the first statement of the session with that name."""
    statement = lab.proxy.wait_for_event(lambda e: e["event"] == "statement" and e["application"] == mark)
    return lab.proxy.wait_for_event(lambda e: e["event"] == "outcome" and e["id"] == statement["id"])


def _kinds(messages: list[Message]) -> str:
    return "".join(chr(found.kind) for found in messages)


def _code(messages: list[Message]) -> str:
    (error,) = (error["C"] for error in Answer(messages).errors)
    return error


def _still_works(session: RawSession) -> None:
    answer = session.query("SELECT count(*) FROM people")
    assert answer.status == b"I"
    assert answer.rows == [[b"60"]]


@pytest.mark.parametrize("form", FORMS)
def test_canceled_by_the_client(form: str, lab: Lab) -> None:
    with Running(lab, form) as running:
        (key,) = (m.body for m in running.session.greeting if m.kind == Backend.BACKEND_KEY_DATA)
        with RawClient(lab.proxy.port) as canceller:
            canceller.send(encode_cancel_request(int.from_bytes(key[:4], "big"), key[4:]))
        messages = running.read_on()
        assert _kinds(messages)[-2:] == "EZ"
        assert _code(messages) == "57014"
        _still_works(running.session)
        outcome = running.outcome()
        assert (outcome["status"], outcome["sqlstate"]) == ("error", "57014")


@pytest.mark.parametrize("form", FORMS)
def test_the_backend_dies(form: str, lab: Lab) -> None:
    with Running(lab, form) as running:
        with psycopg.connect(lab.postgres.dsn(), autocommit=True) as admin:
            ended = admin.execute(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = %s AND usename = %s"
                " AND state = 'active' AND query LIKE %s",
                (DATABASE, lab.role, f"%{running.mark}%"),
            ).fetchone()
        assert ended == (1,)
        messages = running.read_on()
        assert _kinds(messages)[-1] == "E"
        # A backend that is ended while it waits for its reader says nothing more: then the connection is lost.
        assert _code(messages) in ("57P01", "08006")
        assert running.outcome()["status"] != "ok"


@pytest.mark.parametrize("form", FORMS)
def test_a_reader_that_waits_gets_all(form: str, lab: Lab) -> None:
    with Running(lab, form) as running:
        time.sleep(0.3)  # meanwhile all buffers between the database and here fill up
        messages = running.read_on()
        assert _kinds(messages)[-2:] == "CZ"
        _still_works(running.session)
        outcome = running.outcome()
        assert outcome["status"] == "ok"
        assert outcome["rows"] == 400 * 60


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("rudely", [False, True])
def test_the_reader_goes_away(rudely: bool, form: str, lab: Lab) -> None:
    with Running(lab, form) as running:
        if rudely:
            running.session.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert running.outcome()["status"] != "ok"
    _nothing_runs(lab, running.mark)


def _nothing_runs(lab: Lab, mark: str) -> None:
    running = "SELECT 1 FROM pg_stat_activity WHERE state = 'active' AND query LIKE %s AND pid <> pg_backend_pid()"
    with psycopg.connect(lab.postgres.dsn(), autocommit=True) as admin:
        until(lambda: admin.execute(running, (f"%{mark}%",)).fetchone() is None, "an end without a reader")


@pytest.mark.parametrize("form", FORMS)
def test_an_error_in_the_middle(form: str, lab: Lab) -> None:
    text = "SELECT p.*, 1 / least(400 - g, 1) AS q FROM people p, generate_series(1, 400) g ORDER BY g, p.id"
    with lab.connect() as session:
        answer = session.query(FORMS[form].format(text))
        assert not lab.watcher.look([answer])
        assert answer.kinds[-2:] == "EZ"
        assert answer.errors[0]["C"] == "22012"
        _still_works(session)


@pytest.mark.parametrize("stray", [message(b"c"), message(b"f", b"no\0"), message(b"d", b"1\tx\n")])
@pytest.mark.parametrize("form", ["text", "binary"])
def test_copy_messages_of_the_client_during_copy_out(form: str, stray: bytes, lab: Lab) -> None:
    text = FORMS[form].format("SELECT id, email, ssn FROM people")
    with lab.connect() as session:
        session.send(query(text) + stray + query("SELECT 1 AS behind"))
        messages: list[Message] = []
        while _kinds(messages).count("Z") < 2:
            found = session.read_message()
            if found is None:
                break
            messages.append(found)
        assert not lab.watcher.look([Answer(messages)])


@pytest.mark.parametrize("extended", [False, True])
def test_copy_fail_while_copying_in(extended: bool, lab: Lab) -> None:
    text, mark = "COPY scratch (id, what) FROM STDIN", f"run_{next(_NUMBERS)}"
    with _session(lab, mark) as session:
        begin = parse(text) + bind() + execute() + SYNC if extended else query(text)
        session.send(begin)
        messages: list[Message] = []
        while not messages or messages[-1].kind not in (ord("G"), ord("E")):
            found = session.read_message()
            assert found is not None
            messages.append(found)
        assert messages[-1].kind == ord("G"), messages
        session.send(message(b"d", b"700001\tfirst\n700002\tsec") + message(b"f", b"changed my mind\0"))
        if extended:
            session.send(SYNC)
        messages = session.read_until(READY)
        assert _kinds(messages) == "EZ"
        assert _code(messages) == "57014"
        assert not lab.watcher.look([Answer(messages)])
        _still_works(session)
        assert session.query("SELECT count(*) FROM scratch WHERE id IN (700001, 700002)").rows == [[b"0"]]
    outcome = _outcome(lab, mark)
    assert (outcome["status"], outcome["sqlstate"]) == ("error", "57014")


def test_copy_in_is_left_by_a_client_that_goes_away(lab: Lab) -> None:
    mark = f"run_{next(_NUMBERS)}"
    with _session(lab, mark) as session:
        session.send(query("COPY scratch (id, what) FROM STDIN"))
        while (found := session.read_message()) is not None and found.kind != ord("G"):
            assert found.kind != ord("E"), found
        session.send(message(b"d", b"710001\tnever\n"))
    assert _outcome(lab, mark)["status"] != "ok"
    with lab.connect() as other:
        assert other.query("SELECT count(*) FROM scratch WHERE id = 710001").rows == [[b"0"]]
