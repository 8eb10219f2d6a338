"""A worker's shares of windows: asked for ahead, exchanged while they are used, given back."""

from __future__ import annotations

import time
from typing import cast

import pytest

from govproxy._fastpath.limits import Quota
from govproxy.session import quotas
from govproxy.session.gate import Gate
from govproxy.session.quotas import Quotas


class Link:
    """Counts how often its session went on."""

    def __init__(self) -> None:
        self.went_on = 0

    def proceed(self, *, counted: bool) -> None:
        self.went_on += counted


class Waiter:
    """As much of a gate as is needed to be told."""

    def __init__(self) -> None:
        self.link = Link()

    @property
    def gate(self) -> Gate:
        return cast(Gate, self)


class Control:
    """Notes what is asked; the test answers."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, int, int, int, float]] = []
        self.quotas = Quotas(lambda *question: self.asked.append(question))

    def rows(self, limit: int = 1000) -> Quota:
        return self.quotas.quota("k", limit, 3_600.0, ahead=True)


def test_one_question_for_all_who_wait() -> None:
    control, one, other = Control(), Waiter(), Waiter()
    quota = control.rows()
    control.quotas.replenish([("k", 1)], one.gate)
    control.quotas.replenish([("k", 1)], other.gate)
    assert control.asked == [("k", 1000, 50, 0, 3_600.0)]
    control.quotas.drawn("k", 50, 3_600.0)
    assert (one.link.went_on, other.link.went_on, quota.left, quota.asked) == (1, 1, 50, False)


def test_a_share_is_exchanged_while_it_is_used() -> None:
    control = Control()
    quota = control.rows()
    control.quotas.fetch_ahead(["k"])
    control.quotas.drawn("k", 50, 3_600.0)
    quota.left = 20
    control.quotas.fetch_ahead(["k"])
    control.quotas.fetch_ahead(["k"])
    assert control.asked[1:] == [("k", 1000, 50, 20, 3_600.0)]
    quota.left -= 7  # meanwhile
    control.quotas.drawn("k", 50, 3_600.0)
    assert quota.left == 43


def test_a_row_larger_than_a_share_gets_what_it_needs_or_is_refused() -> None:
    control, one = Control(), Waiter()
    quota = control.rows()
    control.quotas.replenish([("k", 400)], one.gate)
    assert control.asked == [("k", 1000, 400, 0, 3_600.0)]
    control.quotas.drawn("k", 399, 77.0)
    now_ns = time.monotonic_ns()
    assert quota.left == 399
    assert now_ns < quota.refused_until_ns <= now_ns + quotas.MAX_REFUSED_NS
    assert control.quotas.again_s("k") == pytest.approx(77.0, abs=1.0)


def test_what_nobody_uses_goes_back() -> None:
    control = Control()
    quota = control.rows()
    control.quotas.fetch_ahead(["k"])
    control.quotas.drawn("k", 50, 3_600.0)
    control.quotas.give_back()
    assert len(control.asked) == 1
    quota.until_ns = time.monotonic_ns() - 1
    control.quotas.give_back()
    control.quotas.give_back()
    assert control.asked[1:] == [("k", 1000, 0, 50, 3_600.0)]
    control.quotas.drawn("k", 0, 0.0)
    assert (quota.left, quota.refused_until_ns) == (0, 0)


def test_statements_are_asked_for_by_those_who_wait() -> None:
    control, one = Control(), Waiter()
    quota = control.quotas.quota("s", 100)
    for expected in (1, 2, 4, 5, 5):
        control.quotas.draw("s", one.gate)
        assert control.asked[-1] == ("s", 100, expected, 0, 60.0)
        control.quotas.drawn("s", expected, 60.0)
        quota.left = 0
    control.quotas.draw("s", one.gate)
    quota.left = -3  # refused statements count as well
    control.quotas.drawn("s", 0, 30.0)
    control.quotas.draw("s", one.gate)
    assert control.asked[-1][2:4] == (5 + 3, 0)
    assert one.link.went_on == 6
