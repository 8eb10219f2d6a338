"""Rows that a limit may stop: nothing behind them, windows counted down, and a CancelRequest that hits nothing else."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from govproxy._fastpath.guard import Stop
from govproxy._fastpath.limits import Limits, Meter, Quota
from tests.protocol.transcript import Stage, StubGate, backend, frontend

LIMITED = b"E" + (4 + 12).to_bytes(4, "big") + b"SERROR\0C53\0\0"
FIRST, SECOND = (frontend(["Query", f"select {number}"]) for number in (1, 2))
FLUSH = frontend(["Flush"])
RUN = frontend(["Parse", "", "select 1"]) + frontend(["Bind", "", ""]) + frontend(["Execute", ""])
DESCRIBED = frontend(["Parse", "", "select 1"]) + frontend(["Bind", "", ""]) + frontend(["Describe", "P", ""])
EXECUTE, SYNC = frontend(["Execute", ""]), frontend(["Sync"])
ROW = backend(["DataRow", "x"])
DESCRIPTION = backend(["RowDescription", "a"])
END = backend(["CommandComplete", "SELECT 1"])
READY = backend(["ReadyForQuery", "I"])
PREPARED = backend(["ParseComplete"]) + backend(["BindComplete"])


class LimitedGate(StubGate):
    """Counts what it is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.stopped: list[Stop] = []
        self.cancels = 0
        self.needs: list[int] = []
        self.ahead = 0

    def limit_reached(self, reason: Stop, number: int) -> bytes:
        self.stopped.append(Stop(reason))
        return LIMITED

    def cancel(self) -> None:
        self.cancels += 1

    def replenish(self, size: int) -> None:
        self.needs.append(size)

    def fetch_ahead(self) -> None:
        self.ahead += 1


class Limited(Stage):
    """A stage whose conversation has limits."""

    def __init__(self, path: Path, limits: Limits) -> None:
        self.limited = LimitedGate()
        super().__init__(path, gate=self.limited)
        self.conversation.set_limits(limits, None, self.limited)


def quota(left: int, *, refused: bool = False) -> Quota:
    """A share that is good for a while; ``refused``: it is known that there is no more."""
    made = Quota()
    made.left = left
    made.until_ns = made.renew_ns = time.monotonic_ns() + 60_000_000_000
    if refused:
        made.refused_until_ns = made.until_ns
    return made


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Callable[[Limits], Limited]]:
    made: list[Limited] = []

    def make(limits: Limits) -> Limited:
        made.append(Limited(tmp_path / "ledger", limits))
        return made[-1]

    yield make
    for one in made:
        one.close()


# ---------------------------------------------------------------------- nothing behind rows that may be stopped


def test_the_next_query_waits_for_rows_that_may_be_stopped(stage: Callable[[Limits], Limited]) -> None:
    talk = stage(Limits(rows=5)).conversation
    assert talk.frontend(FIRST + SECOND) == (FIRST, b"")
    assert talk.backend(DESCRIPTION + ROW + END) == (b"", DESCRIPTION + ROW + END)
    assert talk.backend(READY) == (SECOND, READY)


def test_what_returns_nothing_is_not_waited_for(stage: Callable[[Limits], Limited]) -> None:
    talk = stage(Limits(rows=5)).conversation
    quiet = frontend(["Query", "set norows"])
    assert talk.frontend(quiet + SECOND) == (quiet + SECOND, b"")


@pytest.mark.parametrize("way", ["whole", "bytes"])
def test_within_a_pipeline_an_answer_is_asked_for(stage: Callable[[Limits], Limited], way: str) -> None:
    talk = stage(Limits(rows=5)).conversation
    said = DESCRIBED + EXECUTE + DESCRIBED + EXECUTE + SYNC
    pieces = [said] if way == "whole" else [said[i : i + 1] for i in range(len(said))]
    assert b"".join(talk.frontend(piece)[0] for piece in pieces) == DESCRIBED + EXECUTE + FLUSH
    answer = PREPARED + DESCRIPTION + ROW + END
    # What is behind goes out when the rows have ended, and its Sync is no statement.
    assert talk.backend(answer) == (DESCRIBED + EXECUTE + SYNC, answer)
    assert talk.backend(answer + READY) == (b"", answer + READY)


def test_a_sync_goes_along(stage: Callable[[Limits], Limited]) -> None:
    talk = stage(Limits(rows=5)).conversation
    assert talk.frontend(DESCRIBED + EXECUTE + SYNC + FIRST)[0] == DESCRIBED + EXECUTE + SYNC
    assert talk.backend(PREPARED + DESCRIPTION + ROW + END)[0] == FIRST


@pytest.mark.parametrize("delivered_first", [True, False])
@pytest.mark.parametrize("by_itself", [True, False])
def test_nothing_goes_out_until_the_cancel_is_delivered_and_the_statement_over(
    stage: Callable[[Limits], Limited], delivered_first: bool, by_itself: bool
) -> None:
    made = stage(Limits(rows=1))
    talk = made.conversation
    talk.frontend(FIRST + SECOND)
    assert talk.backend(DESCRIPTION + ROW + ROW)[1] == DESCRIPTION + ROW + LIMITED
    assert (made.limited.stopped, made.limited.cancels) == ([Stop.STOP_ROWS], 1)
    end = END if by_itself else backend(["ErrorResponse", "57014", "canceling statement"])
    if delivered_first:
        talk.proceed(cancelled=True)
        assert talk.drain() == (b"", b"")
        assert talk.backend(ROW + end) == (b"", b"")
        assert talk.backend(READY) == (SECOND, READY)
    else:
        assert talk.backend(ROW + end + READY) == (b"", READY)
        talk.proceed(cancelled=True)
        assert talk.drain() == (SECOND, b"")
    answer = DESCRIPTION + ROW + END + READY
    assert talk.backend(answer) == (b"", answer)
    assert [line["status"] for line in made.lines() if line["event"] == "outcome"] == ["limited", "ok"]


# ---------------------------------------------------------------------- windows


@pytest.mark.parametrize("cut", [False, True], ids=["whole", "bytes"])
def test_rows_are_counted_off_the_window_and_stop_where_it_is_full(
    stage: Callable[[Limits], Limited], cut: bool
) -> None:
    minute, hour = quota(2, refused=True), quota(100)
    made = stage(Limits(meter=Meter(rows_per_minute=minute, rows_per_hour=hour)))
    talk = made.conversation
    talk.frontend(FIRST)
    rows = DESCRIPTION + ROW * 5 + END + READY
    pieces = [rows[i : i + 1] for i in range(len(rows))] if cut else [rows]
    assert b"".join(talk.backend(piece)[1] for piece in pieces) == DESCRIPTION + ROW * 2 + LIMITED + READY
    assert (minute.left, hour.left) == (0, 98)
    assert (made.limited.stopped, made.limited.needs) == ([Stop.STOP_WINDOW], [])
    assert talk.limits is not None
    assert talk.limits.meter is not None
    assert talk.limits.meter.full is minute
    talk.proceed(cancelled=True)
    # The next is refused beforehand, and the backend hears nothing of it.
    for _ in range(2):
        assert talk.frontend(FIRST) == (b"", LIMITED + READY)
    assert talk.frontend(RUN + SYNC)[0].endswith(frontend(["FailingParse"]) + SYNC)
    outcomes = [(line["status"], line["rows"]) for line in made.lines() if line["event"] == "outcome"]
    assert outcomes == [("limited", 2), ("limited", 0), ("limited", 0), ("limited", 0)]


@pytest.mark.parametrize("cut", [False, True], ids=["whole", "bytes"])
def test_rows_wait_where_a_share_has_run_out(stage: Callable[[Limits], Limited], cut: bool) -> None:
    share = quota(2)
    made = stage(Limits(meter=Meter(rows_per_minute=share)))
    talk = made.conversation
    talk.frontend(FIRST)
    rows = DESCRIPTION + ROW * 5 + END + READY
    pieces = [rows[i : i + 1] for i in range(len(rows))] if cut else [rows]
    assert b"".join(talk.backend(piece)[1] for piece in pieces) == DESCRIPTION + ROW * 2
    assert talk.dry
    assert made.limited.needs == [len(ROW)]
    share.left += 2
    talk.proceed(counted=True)
    assert talk.drain() == (b"", ROW * 2)
    assert made.limited.needs == [len(ROW)] * 2
    share.left += 10
    talk.proceed(counted=True)
    assert talk.drain() == (b"", ROW + END + READY)
    assert (talk.dry, talk.held_bytes, share.left) == (False, 0, 9)
    assert made.limited.ahead == 0


def test_bytes_are_those_of_whole_rows(stage: Callable[[Limits], Limited]) -> None:
    share = quota(2 * len(ROW) + 1, refused=True)
    made = stage(Limits(meter=Meter(bytes_per_hour=share)))
    made.conversation.frontend(FIRST)
    assert made.conversation.backend(DESCRIPTION + ROW * 3)[1] == DESCRIPTION + ROW * 2 + LIMITED
    assert share.left == 1


def test_copied_rows_count(stage: Callable[[Limits], Limited]) -> None:
    share = quota(2, refused=True)
    made = stage(Limits(meter=Meter(rows_per_hour=share)))
    made.limited.clear = True
    made.conversation.frontend(frontend(["Query", "copyout"]))
    begin, line = backend(["CopyOutResponse"]), backend(["CopyData", "x"])
    assert made.conversation.backend(begin + line * 3)[1] == begin + line * 2 + LIMITED
    assert share.left == 0


def test_every_execute_of_a_portal_counts(stage: Callable[[Limits], Limited]) -> None:
    share = quota(3, refused=True)
    made = stage(Limits(meter=Meter(rows_per_minute=share)))
    talk = made.conversation
    first = DESCRIBED + frontend(["Execute", "", "rows=2"])
    talk.frontend(first + FLUSH)
    talk.backend(PREPARED + DESCRIPTION + ROW * 2 + backend(["PortalSuspended"]))
    assert talk.frontend(frontend(["Execute", "", "rows=2"]) + FLUSH)[0]
    assert talk.backend(ROW * 2)[1] == ROW + LIMITED
    assert share.left == 0


def test_a_statement_waits_until_it_is_known_whether_it_may(stage: Callable[[Limits], Limited]) -> None:
    share = quota(0)
    made = stage(Limits(meter=Meter(rows_per_minute=share)))
    talk = made.conversation
    assert talk.frontend(FIRST + SECOND) == (b"", b"")
    assert made.limited.needs == [1]
    share.left = 7
    talk.proceed(counted=True)
    assert talk.drain() == (FIRST, b"")
    # What returns nothing, such as COMMIT, is let through all the same.
    share.left, share.refused_until_ns = 0, share.until_ns
    answer = DESCRIPTION + END + READY
    assert talk.backend(answer) == (b"", answer + LIMITED + READY)
    assert talk.frontend(frontend(["Query", "commit norows"]))[0] == frontend(["Query", "commit norows"])


def test_a_window_that_is_lifted_stops_nothing_under_way(stage: Callable[[Limits], Limited]) -> None:
    made = stage(Limits(meter=Meter(rows_per_minute=quota(1))))
    talk = made.conversation
    made.limited.writes = True
    talk.frontend(FIRST)
    assert talk.backend(backend(["CommandComplete", "BEGIN"]) + backend(["ReadyForQuery", "T"]))[0] == FIRST
    talk.set_limits(None, None, made.limited)
    assert talk.backend(DESCRIPTION + ROW * 3)[1] == DESCRIPTION + ROW * 3
    assert made.limited.needs == []


def test_more_is_asked_for_while_there_is_some(stage: Callable[[Limits], Limited]) -> None:
    share = quota(10)
    share.low = 5
    made = stage(Limits(meter=Meter(rows_per_minute=share)))
    talk = made.conversation
    talk.frontend(FIRST)
    talk.backend(DESCRIPTION + ROW * 5)
    assert made.limited.ahead == 0
    talk.backend(ROW)
    assert made.limited.ahead == 1
    share.asked = True
    talk.backend(ROW)
    assert made.limited.ahead == 1
