"""Percentiles of decisions, and who made them."""

from __future__ import annotations

from govproxy.approvals.turnaround import Ended, turnaround
from govproxy.approvals.values import Status


def ended(took_s: float, *, automatic: bool = False, status: Status = Status.APPROVED) -> Ended:
    return Ended(status=status, asked=1_000.0, ended=1_000.0 + took_s, automatic=automatic)


def test_nothing_is_nothing() -> None:
    found = turnaround([])
    assert (found.all.count, found.all.p50_s, found.share_automatic, found.statuses) == (0, None, None, {})


def test_percentiles_are_of_decisions() -> None:
    rules = [ended(n / 1_000, automatic=True) for n in range(1, 20)]
    people = [ended(60, status=Status.REFUSED)]
    others = [ended(600, status=Status.TIMED_OUT), ended(1, status=Status.WITHDRAWN)]
    found = turnaround([*people, *rules, *others])
    assert found.statuses == {"approved": 19, "refused": 1, "timed_out": 1, "withdrawn": 1}
    assert (found.all.count, found.all.p50_s, found.all.p95_s, found.all.longest_s) == (20, 0.01, 0.019, 60.0)
    assert (found.by_rule.count, found.by_rule.p50_s, found.by_people.p50_s) == (19, 0.01, 60.0)
    assert found.share_automatic == 0.95


def test_one_decision_is_every_percentile() -> None:
    found = turnaround([ended(3)])
    assert (found.all.p50_s, found.all.p95_s) == (3.0, 3.0)


def test_a_clock_set_back_makes_no_negative_times() -> None:
    assert turnaround([ended(-5)]).all.p50_s == 0.0
