"""A database that lies, or dies: what of it reaches the client, and that others feel nothing.

What it may say stands in ``data/database.txt``, which says how to read it.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from govproxy.wire.errors import decode_fields
from tests.protocol.transcript import backend
from tests.security.arena import PEOPLE, Arena, Seat
from tests.security.cases import DATA, SEPARATOR
from tests.support.raw_session import SYNC, extended, query
from tests.support.steady import Steady

LONGEST_S = 3.0
ASKED = "SELECT email FROM customers WHERE id = 1"
CASES = [
    tuple(part.strip() for part in line.split("||", 1))
    for line in (DATA / "database.txt").read_text().splitlines()
    if line and not line.startswith("#")
]


def _message(text: str) -> bytes:
    if text.startswith("raw "):
        return bytes.fromhex(text.removeprefix("raw "))
    return backend(shlex.split(text))


@contextmanager
def _own_seat(arena: Arena, who: str = "analyst") -> Iterator[Seat]:
    seat = arena.new_seat(who)
    try:
        yield seat
    finally:
        seat.session.socket.close()


@pytest.fixture(scope="module", autouse=True)
def _steady(arena: Arena) -> Iterator[None]:
    (worker,) = arena.proxy.workers
    with Steady(arena.new_seat("analyst").session, longest_s=LONGEST_S, worker=worker):
        yield


@pytest.mark.parametrize(("sqlstate", "said"), CASES, ids=[said for _, said in CASES])
def test_a_database_that_lies(sqlstate: str, said: str, arena: Arena) -> None:
    with _own_seat(arena) as seat:
        seat.leg.answer = b"".join(_message(part) for part in said.split(SEPARATOR))
        seat.session.send(query(ASKED))
        heard = seat.session.read_all()
        assert b"leak" not in b"".join(message.body for message in heard)
        fields = dict(decode_fields(heard[-1].body))
        assert (fields["V"], fields["C"]) == ("FATAL", sqlstate), fields


@pytest.mark.parametrize("who", ["analyst", "dba"])
@pytest.mark.parametrize("after", [1, 4, 30, 200, 3_000])
@pytest.mark.parametrize("protocol", ["simple", "extended"])
def test_a_database_that_dies_in_an_answer(who: str, after: int, protocol: str, arena: Arena) -> None:
    text = "SELECT * FROM customers"
    with _own_seat(arena, who) as seat:
        seat.leg.cut_after = after
        seat.session.send(query(text) if protocol == "simple" else extended(text) + SYNC)
        # The end of the stream, in the middle of a row that was being passed on or behind a FATAL.
        data = b""
        while chunk := seat.session.socket.recv(65_536):
            data += chunk
        if after < 200:
            assert b"SFATAL\0VFATAL\0C08006\0" in data


def test_a_database_that_is_shut_down_says_so_itself(arena: Arena) -> None:
    with _own_seat(arena) as seat, arena.proxy.databases.direct("shop") as direct:
        pid = seat.session.query("SELECT pg_backend_pid()").rows[0][0]
        assert pid is not None
        direct.execute("SELECT pg_terminate_backend(%s)", (int(pid),))
        heard = seat.session.read_all()
        assert [dict(decode_fields(message.body))["C"] for message in heard] == ["57P01"]


def test_a_database_that_dies_in_a_login(arena: Arena) -> None:
    for after in (0, 1, 20, 100):
        arena.relay.cut_next_after = after
        with pytest.raises(psycopg.OperationalError, match="database") as failed:
            arena.proxy.connect(*PEOPLE["analyst"], database="shop")
        said = re.sub(r"request_id=\S+", "", str(failed.value))
        assert str(arena.relay.port) not in said
        assert "govproxy_login" not in said
    with arena.proxy.connect(*PEOPLE["analyst"], database="shop") as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_the_outcome_of_what_was_under_way_is_recorded(arena: Arena) -> None:
    with _own_seat(arena) as seat:
        first = seat.session.query("SELECT 1 / 0")
        assert first.errors
        seat.leg.cut_after = 30
        seat.session.send(query("SELECT id FROM orders"))
        while seat.session.socket.recv(65_536):
            pass
    event = arena.proxy.wait_for_event(
        lambda event: event["event"] == "outcome" and event["status"] in ("lost", "failed")
    )
    assert event["id"]
