"""Clients that are slow, silent, greedy or deep: a misbehaving client hurts itself alone.

Beside each of them a client works steadily on the same worker and must feel nothing worse than a
pause while something large is judged.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from govproxy.wire.startup import encode_startup_message
from tests.security.arena import Arena, Seat
from tests.support.raw_client import RawClient
from tests.support.raw_session import RawSession, bind, extended, message, parse, query
from tests.support.steady import Steady
from tests.support.waiting import until

LONGEST_S = 8.0  # of the worker's own time, on a machine that may be several times slower than another
BOUND_BYTES = 24 << 20
pytestmark = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="reads memory from /proc")


def _worker(arena: Arena) -> int:
    (worker,) = arena.proxy.workers
    return worker


def _resident(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) << 10
    raise AssertionError("no VmRSS")


@contextlib.contextmanager
def _memory_stays(arena: Arena) -> Iterator[Callable[[], None]]:
    """Gives a function that asserts that the worker has not grown by more than the bound."""
    worker = _worker(arena)
    before = _resident(worker)

    def check() -> None:
        grown = _resident(worker) - before
        assert grown < BOUND_BYTES, f"the worker grew by {grown >> 20} MiB"

    yield check
    check()


def _send_until_stuck(session: RawSession, whole: bytes, check: Callable[[], None]) -> None:
    session.socket.settimeout(1.0)
    for _ in range(1_000):
        check()
        try:
            session.send(whole)
        except TimeoutError:
            return
    raise AssertionError("the proxy reads on and on")


@pytest.fixture(autouse=True)
def _steady(arena: Arena) -> Iterator[Steady]:
    with Steady(arena.new_seat("analyst").session, longest_s=LONGEST_S, worker=_worker(arena)) as steady:
        yield steady


@pytest.mark.parametrize("who", ["analyst", "dba"])
def test_a_result_that_nobody_reads(who: str, arena: Arena) -> None:
    """300 MB of rows stay in the database, masked or not."""
    text = "SELECT repeat('x', 1000), c.email FROM generate_series(1, 1000) s, customers c"
    with _memory_stays(arena) as check:
        seat = arena.new_seat(who)
        seat.session.send(query(text))
        for _ in range(10):
            time.sleep(0.1)
            check()
        seat.session.socket.close()


def test_a_result_that_is_read_slowly_is_whole(arena: Arena) -> None:
    seat = arena.new_seat("analyst")
    with _memory_stays(arena):
        seat.session.send(query("SELECT n, repeat('y', 500) FROM generate_series(1, 20000) n"))
        size = 0
        while size < 10_000_000:
            size += len(seat.session.socket.recv(200_000))
            time.sleep(0.001)
        tail = seat.session.socket.recv(65_536)
        while not tail.endswith(b"Z\0\0\0\5I"):
            tail = tail[-100:] + seat.session.socket.recv(65_536)
        assert b"SELECT 20000\0" in tail
    assert seat.session.query("SELECT 1").rows == [[b"1"]]
    seat.session.socket.close()


def test_a_client_that_asks_and_asks_and_never_reads(arena: Arena) -> None:
    """Pipelining without end: the proxy stops reading, so the client's own buffers fill."""
    with _memory_stays(arena) as check:
        seat = arena.new_seat("analyst")
        whole = query("SELECT repeat('z', 10000)") * 1_000
        _send_until_stuck(seat.session, whole, check)
        seat.session.socket.close()


def test_a_flood_of_denied_statements_that_nobody_reads(arena: Arena) -> None:
    with _memory_stays(arena) as check:
        seat = arena.new_seat("analyst")
        whole = query("DROP TABLE orders") * 5_000
        _send_until_stuck(seat.session, whole, check)
        seat.session.socket.close()


def test_a_message_over_the_limit(arena: Arena) -> None:
    with _memory_stays(arena):
        for kind in (b"Q", b"P", b"B"):
            seat = arena.new_seat("analyst")
            seat.session.send(kind + (64 * 1024 * 1024 + 1).to_bytes(4, "big") + b"SELECT '")
            assert seat.session.fatal()["C"] == "53400"
            seat.session.socket.close()


def test_a_huge_message_that_is_allowed_gives_its_memory_back(arena: Arena) -> None:
    seat = arena.new_seat("analyst")
    size = 32 << 20
    with _memory_stays(arena):
        (error,) = seat.session.query(b"SELECT '" + b"x" * size + b"'").errors
        assert error["C"] == "42601"
        whole = parse("SELECT length($1)") + bind(b"", b"", [b"x" * size])
        answer = seat.session.ask(whole + extended("SELECT 1")[len(parse("SELECT 1")) + len(bind()) :] + message(b"S"))
        assert answer.rows == [[b"%d" % size]]
        assert seat.session.query("SELECT 1").rows == [[b"1"]]
        time.sleep(0.1)
    seat.session.socket.close()


def test_copy_data_without_end_for_a_copy_that_does_not_run(arena: Arena) -> None:
    with _memory_stays(arena) as check:
        seat = arena.new_seat("analyst")
        for _ in range(20):
            seat.session.send(message(b"d", b"x" * 1_000_000))
            check()
        assert seat.session.query("SELECT 1").rows == [[b"1"]]
        seat.session.socket.close()


def test_a_wide_copy_in_streams(arena: Arena) -> None:
    with _memory_stays(arena) as check:
        seat = arena.new_seat("dba")
        seat.session.query("CREATE TEMP TABLE filled (a text)")
        seat.session.send(query("COPY filled FROM STDIN"))
        for _ in range(40):
            seat.session.send(message(b"d", b"x" * 500_000 + b"\n"))
            check()
        answer = seat.session.ask(message(b"c"))
        assert not answer.errors, answer
        seat.session.socket.close()


def test_three_hundred_logins_half_way(arena: Arena) -> None:
    port = arena.proxy.port
    startup = encode_startup_message((("user", "ana@shop.example"), ("database", "shop")), minor=0)
    with contextlib.ExitStack() as stack, _memory_stays(arena):
        for number in range(300):
            client = stack.enter_context(RawClient(port))
            # Nothing, half a message, a whole one without a password, half a password.
            client.send((b"", startup[:9], startup, startup + b"p\0\0\1\0abc")[number % 4])
        time.sleep(0.5)

    def seat_again() -> Seat | None:
        with contextlib.suppress(AssertionError, OSError):
            return arena.new_seat("analyst")
        return None

    seat = until(seat_again, "room again when they are gone")
    assert seat is not None
    seat.session.socket.close()


def test_deep_and_long_texts_one_after_the_other(arena: Arena) -> None:
    texts = (
        "SELECT " + "1+" * 40_000 + "1",
        "SELECT " + "(" * 40_000,
        "SELECT 1;" * 20_000,
        "/*" + "/**/" * 60_000,
        "SELECT " + "+" * 200_000,
        "SELECT id FROM orders WHERE id IN (" + ",".join(map(str, range(30_000))) + ")",
        "DELETE FROM orders WHERE " + " OR ".join(f"id = -{n}" for n in range(1, 9_000)),
        "INSERT INTO attack_log VALUES " + ",".join("(1, 'x')" for _ in range(9_000)),
    )
    seat = arena.new_seat("analyst")
    for text in texts:
        seat.session.query(text)
        assert seat.session.query("SELECT 1").rows == [[b"1"]]
    seat.session.socket.close()


def test_many_names_are_bounded(arena: Arena) -> None:
    seat = arena.new_seat("analyst")
    with _memory_stays(arena):
        codes: set[str] = set()
        for start in range(0, 11_000, 500):
            names = [b"n%d" % number for number in range(start, start + 500)]
            answer = seat.session.ask(b"".join(parse("SELECT 1", name) for name in names) + message(b"S"))
            codes |= {error["C"] for error in answer.errors}
        assert codes == {"53400"}
    seat.session.socket.close()


def test_connections_that_come_and_go(arena: Arena) -> None:
    arguments = ("ana@shop.example", arena.proxy.token("ana@shop.example", ("analysts",)), "shop")
    with _memory_stays(arena):
        for number in range(60):
            session = RawSession(arena.proxy.port, *arguments)
            if number % 3:
                session.send(query("SELECT * FROM orders, order_items"))
            session.socket.close()
