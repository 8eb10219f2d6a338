"""What a worker counts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from govproxy.session.figures import BOUNDS_US, Counters, Miss, WorkerFigures, hit_ratio


def test_a_time_goes_into_the_bucket_that_holds_it() -> None:
    counters = Counters()
    for elapsed_us in (0.5, BOUNDS_US[0], BOUNDS_US[0] + 0.1, BOUNDS_US[-1] + 1):
        counters.missed(Miss.NEW, elapsed_us)
    counts = counters.miss_time.counts
    assert (counts[0], counts[1], counts[-1], sum(counts)) == (2, 1, 1, 4)
    assert counters.miss_time.total_us == pytest.approx(0.5 + 2 * BOUNDS_US[0] + 0.1 + BOUNDS_US[-1] + 1)
    assert counters.misses[Miss.NEW] == 4


def test_what_ended_sessions_did_is_not_forgotten() -> None:
    counters = Counters()
    counters.ended(3, 100, 1_000)
    counters.ended(4, 10, 20)
    assert (counters.ended_statements, counters.ended_bytes_in, counters.ended_bytes_out) == (7, 110, 1_020)


def test_the_hit_ratio_does_not_count_a_statement_that_waited_twice() -> None:
    figures = WorkerFigures(
        worker=0,
        sessions=1,
        sessions_total=1,
        logins_refused=0,
        statements=10,
        bytes_in=0,
        bytes_out=0,
        exact_hits=5,
        folded_hits=1,
        misses={Miss.NEW.value: 2, Miss.WAITED.value: 1},
        miss_time=Counters().miss_time,
        verdicts=2,
        verdict_bytes=1,
        verdict_generations=0,
        ledger_healthy=True,
        ledger_pending_bytes=0,
        ledger_lost_outcomes=0,
        limited={},
    )
    assert hit_ratio(figures) == pytest.approx(6 / 8)
    assert hit_ratio(replace(figures, exact_hits=0, folded_hits=0, misses={})) is None
