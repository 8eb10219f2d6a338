"""Broken and hostile messages after the login: the cases stand in ``data/wire.txt``, which says how to read them."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from govproxy.wire.backend import Backend
from govproxy.wire.errors import decode_fields
from tests.protocol.transcript import frontend
from tests.security.arena import PROBE, Arena, Seat
from tests.security.cases import DATA, SEPARATOR
from tests.support.raw_session import SYNC, TERMINATE, bind, describe, execute, extended, message, parse, query
from tests.support.waiting import until

KNOWN = b"QPBDECHSFXdcf"
CASES = [
    tuple(part.strip() for part in line.split("||", 1))
    for line in (DATA / "wire.txt").read_text().splitlines()
    if line and not line.startswith("#")
]


def _step(text: str) -> bytes:
    if text.startswith("raw "):
        return bytes.fromhex(text.removeprefix("raw "))
    return frontend(shlex.split(text))


@contextmanager
def _own_seat(arena: Arena) -> Iterator[Seat]:
    seat = arena.new_seat("analyst")
    try:
        yield seat
    finally:
        seat.session.socket.close()


def _others_feel_nothing(arena: Arena) -> None:
    assert arena.seat("agent").session.ask(PROBE).rows == [[b"1"]]


def _wait_for_the_end(seat: Seat) -> bytes:
    """What the database got of the session since it began, once the proxy has said goodbye to it."""
    until(lambda: seat.leg.received.endswith(TERMINATE), "the database is told that the session is over")
    return bytes(seat.leg.received[seat.mark : -len(TERMINATE)])


def _ends_with(seat: Seat, sqlstate: str) -> None:
    fields = seat.session.fatal()
    assert fields["C"] == sqlstate, fields


@pytest.mark.parametrize(("expected", "steps"), CASES, ids=[f"{steps}" for _, steps in CASES])
def test_wire(expected: str, steps: str, arena: Arena) -> None:
    sent = [_step(step) for step in steps.split(SEPARATOR)]
    with _own_seat(arena) as seat:
        severity, _, sqlstate = expected.partition(" ")
        if severity == "FATAL":
            seat.session.send(b"".join(sent))
            _ends_with(seat, sqlstate)
            assert _wait_for_the_end(seat) in (b"".join(sent[:-1]), b"")
        else:
            seat.session.send(b"".join(sent) + PROBE)
            kinds, row = "", b""
            errors: list[str] = []
            while not kinds.endswith("TDCZ") or row != b"1":
                found = seat.session.read_message()
                assert found is not None, (kinds, errors)
                kinds += chr(found.kind)
                if found.kind == Backend.DATA_ROW:
                    row = found.body[6:]
                if found.kind == Backend.ERROR_RESPONSE:
                    errors.append(dict(decode_fields(found.body))["C"])
            assert errors[-1:] == ([sqlstate] if sqlstate else []), errors
            assert seat.session.query("SELECT 'in step'").rows == [[b"in step"]]
    _others_feel_nothing(arena)


def test_every_other_message_type_is_a_violation(arena: Arena) -> None:
    for kind in sorted(set(range(256)) - set(KNOWN))[::6]:
        with _own_seat(arena) as seat:
            seat.session.send(message(bytes((kind,)), b"DROP TABLE orders\0"))
            _ends_with(seat, "08P01")
            assert _wait_for_the_end(seat) == b""
    _others_feel_nothing(arena)


def test_what_is_cut_off_does_not_run(arena: Arena) -> None:
    for whole in (query("DELETE FROM orders WHERE id = 1"), extended("DELETE FROM orders WHERE id = 1") + SYNC):
        for size in (1, 4, 5, 20, len(whole) - 6):
            with _own_seat(arena) as seat:
                seat.session.send(whole[:size])
            assert b"E\0\0\0\x09" not in _wait_for_the_end(seat)
    with arena.proxy.databases.direct("shop") as direct:
        assert direct.execute("SELECT count(*) FROM orders WHERE id = 1").fetchone() == (1,)


def test_a_query_while_copying(arena: Arena) -> None:
    with _own_seat(arena) as seat:
        copy = query("COPY attack_log FROM STDIN")
        seat.session.send(copy)
        seat.session.read_until(Backend.COPY_IN_RESPONSE)
        seat.session.send(query("DROP TABLE orders"))
        _ends_with(seat, "08P01")
        assert _wait_for_the_end(seat) == copy


def test_bytes_behind_terminate_are_not_read(arena: Arena) -> None:
    with _own_seat(arena) as seat:
        seat.session.send(TERMINATE + query("SELECT 'behind'"))
        assert seat.session.read_all() == []
        assert b"behind" not in _wait_for_the_end(seat)


def test_one_denied_among_a_hundred(arena: Arena) -> None:
    with _own_seat(arena) as seat:
        whole = b"".join(extended(f"SELECT {number}") for number in range(50))
        tail = b"".join(extended(f"SELECT {number}") for number in range(50, 100))
        answer = seat.session.ask(whole + extended("DROP TABLE orders") + tail + SYNC)
        assert [row[0] for row in answer.rows] == [b"%d" % number for number in range(50)]
        assert [error["C"] for error in answer.errors] == ["42501"]
        assert b"DROP" not in seat.received()
        assert b"SELECT 77" not in bytes(seat.leg.received)


def test_other_result_formats_are_another_plan(arena: Arena) -> None:
    """Parse once, Bind twice, text and binary: the masks must hold in both, and in all portals at once."""
    with _own_seat(arena) as seat, arena.proxy.databases.direct("shop") as direct:
        clear = direct.execute("SELECT email, ssn, birth_date::text FROM customers WHERE id = 1").fetchone()
        assert clear is not None
        text = "SELECT email, ssn, birth_date FROM customers WHERE id = 1"
        whole = parse(text, b"s") + bind(b"a", b"s", formats=[0]) + bind(b"b", b"s", formats=[1])
        whole += bind(b"c", b"s", formats=[0, 1, 1]) + describe(b"P", b"b")
        whole += b"".join(execute(name) for name in (b"a", b"b", b"c")) + SYNC
        first, second, third = seat.session.ask(whole).rows
        assert first[0] == second[0] == third[0]
        for row in (first, second, third):
            for shown, value in zip(row, clear, strict=True):
                assert value is None or shown != value.encode()
        assert len(second[2] or b"1234") == len(third[2] or b"1234") == 4


def test_rows_that_a_rule_of_the_database_adds_are_masked(arena: Arena) -> None:
    """The statement has no rows of its own; what comes nevertheless is understood by nobody."""
    with arena.proxy.databases.direct("shop") as direct:
        row = direct.execute("SELECT email FROM customers WHERE id = 1").fetchone()
        assert row is not None
        direct.execute(
            "CREATE RULE tell AS ON INSERT TO attack_log DO ALSO"
            " SELECT email, lower(email) AS a, 'x' || email AS b FROM customers WHERE id = 1"
        )
        try:
            with _own_seat(arena) as seat:
                for _ in range(2):
                    answer = seat.session.query("INSERT INTO attack_log VALUES (1, 'a')")
                    assert row[0].lower().encode() not in b"".join(m.body.lower() for m in answer.messages)
                    seat.session.query("DELETE FROM attack_log WHERE id = 1")
                assert not seat.session.ask(extended("INSERT INTO attack_log VALUES (2, 'a')") + SYNC).errors
        finally:
            direct.execute("DROP RULE tell ON attack_log; DELETE FROM attack_log")
