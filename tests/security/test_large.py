"""Texts too long to be judged: refused by their length, before they are here."""

from __future__ import annotations

import pytest

from govproxy.wire.backend import Backend
from tests.security.arena import Arena
from tests.support.raw_session import ERROR, SYNC, extended, query

HUGE = 30 << 20


@pytest.mark.parametrize("kind", [b"Q", b"P"])
def test_a_long_text_is_refused_by_its_length(arena: Arena, kind: bytes) -> None:
    seat = arena.new_seat("analyst")
    try:
        seat.received()
        body = HUGE - 5
        seat.session.send(kind + (body + 4).to_bytes(4, "big") + b"SELECT 1 /* ")
        # The answer is here while the text is not.
        (error,) = seat.session.read_until(ERROR)
        assert b"C42601" in error.body
        if kind == b"Q":
            seat.session.read_until(Backend.READY_FOR_QUERY)
        left = body - len(b"SELECT 1 /* ")
        while left:
            part = min(left, 1 << 20)
            seat.session.send(b"x" * part)
            left -= part
        if kind == b"P":
            assert seat.session.ask(SYNC).kinds == "Z"
        assert seat.received() == b""
        assert seat.session.ask(extended("SELECT 8") + SYNC).rows == [[b"8"]]
    finally:
        seat.session.socket.close()


def test_it_is_in_the_ledger_and_fails_its_transaction(arena: Arena) -> None:
    seat = arena.new_seat("analyst")
    try:
        text = "SELECT '" + "x" * 300_000 + "'"
        assert seat.session.ask(query("BEGIN")).status == b"T"
        answer = seat.session.ask(query(text))
        assert (answer.kinds, answer.status) == ("EZ", b"E")
        request = answer.errors[0]["D"].partition("request_id=")[2].split()[0]
        statement = arena.ledger.event("statement", request)
        assert statement is not None
        assert statement["rules"] == ["unreadable-statement"]
        seat.session.ask(query("ROLLBACK"))
        # Just within what is read it is a matter of the text.
        assert seat.session.ask(query("SELECT length('" + "x" * 260_000 + "')")).rows == [[b"260000"]]
        assert seat.session.ask(extended("SELECT length('" + "x" * 260_000 + "')") + SYNC).rows == [[b"260000"]]
    finally:
        seat.session.socket.close()
