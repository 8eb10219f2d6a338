"""Texts too long to be judged: refused by their length, before they are here."""

from __future__ import annotations

import threading

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


def long_report(marker: int) -> str:
    """Legal, within what is read, and much to analyse: no two are one shape."""
    columns = ", ".join(
        f"upper(lower(name || id::text)) || coalesce(sku, 'none') AS c{n}_{marker}" for n in range(1_300)
    )
    return f"SELECT {columns} FROM products WHERE id = {marker}"


def test_others_go_on_while_a_long_text_is_analysed(arena: Arena) -> None:
    slow, quick = arena.new_seat("analyst"), arena.new_seat("analyst")
    try:
        quick.session.query("SELECT 1")
        answered = threading.Event()
        texts = [long_report(marker) for marker in (1, 2)]
        assert all(16_384 < len(text) < 262_144 for text in texts)

        def ask() -> None:
            # Cold, warm, and within a pipeline: the wait is the same message's.
            for data in (query(texts[0]), query(texts[0]), extended(texts[1]) + SYNC):
                answer = slow.session.ask(data)
                assert not answer.errors, answer.errors
            answered.set()

        thread = threading.Thread(target=ask)
        thread.start()
        between = 0
        while not answered.is_set() and thread.is_alive():
            assert quick.session.query(f"SELECT {between}").rows == [[str(between).encode()]]
            between += 1
        thread.join()
        assert answered.is_set()
        # The two texts take the loop's place for a second when they are analysed on it: three answers then.
        assert between > 20
    finally:
        slow.session.socket.close()
        quick.session.socket.close()


def test_a_client_that_goes_while_its_long_text_is_analysed(arena: Arena) -> None:
    for marker in range(3, 6):
        gone = arena.new_seat("analyst")
        gone.session.send(query(long_report(marker)))
        gone.session.socket.close()
    seat = arena.new_seat("analyst")
    try:
        assert seat.session.query("SELECT 7").rows == [[b"7"]]
        assert not seat.session.query(long_report(9)).errors
        # Denied ones are denied as ever, and the session goes on.
        refused = seat.session.query(long_report(10) + "; DROP TABLE products")
        assert [error["C"] for error in refused.errors] == ["42501"]
        assert seat.session.query("SELECT 8").rows == [[b"8"]]
    finally:
        seat.session.socket.close()


def exhausting(select: str) -> str:
    """Short to write and to run, and more columns than are traced in one statement."""
    columns = ", ".join(f"id AS c{n}" for n in range(16))
    doubled = "".join(f", d{n} AS (SELECT a.*, b.* FROM d{n - 1} a, d{n - 1} b)" for n in range(1, 7))
    again = "".join(f", e{n} AS (TABLE d6)" for n in range(70))
    return f"WITH d0 AS (SELECT {columns} FROM products){doubled}{again} {select}"


@pytest.mark.parametrize(
    ("select", "rule"),
    [
        ("SELECT id FROM customers WHERE email LIKE 'a%'", "compare-right"),
        ("SELECT count(*) FROM customers WHERE ssn > '5'", "compare-right"),
        ("SELECT 1 FROM products ORDER BY (SELECT max(email) FROM customers), id", "compare-right"),
        ("INSERT INTO attack_log (id, note) SELECT id, email FROM customers WHERE id = 1", "compare-right"),
        ("INSERT INTO attack_log (id, note) SELECT 2, 'x' FROM products WHERE id = 1", "masked-write"),
    ],
)
def test_a_statement_too_large_to_be_traced_is_no_way_round_the_right_to_compare(
    arena: Arena, select: str, rule: str
) -> None:
    seat = arena.new_seat("analyst")
    try:
        text = exhausting(select)
        seat.received()
        for data in (query(text), query(text), extended(text) + SYNC, extended(text, formats=[1]) + SYNC):
            answer = seat.session.ask(data)
            assert [error["C"] for error in answer.errors] == ["42501"]
            assert seat.received() == b""
            request = answer.errors[0]["D"].partition("request_id=")[2].split()[0]
            statement = arena.ledger.event("statement", request)
            assert statement is not None
            assert statement["rules"] == [rule]
    finally:
        seat.session.socket.close()


def test_a_statement_too_large_to_be_traced_runs_over_what_is_clean(arena: Arena) -> None:
    seat = arena.new_seat("analyst")
    try:
        for data in (query(exhausting("SELECT count(*) FROM products")),) * 2:
            assert not seat.session.ask(data).errors
    finally:
        seat.session.socket.close()
