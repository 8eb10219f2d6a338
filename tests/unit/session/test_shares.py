"""Statements per minute and places for sessions, as the control process counts them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from govproxy.session.shares import WINDOW_S, Shares


def test_a_minute_gives_what_the_limit_says() -> None:
    shares = Shares()
    assert shares.draw("a", limit=10, want=6, unused=0, now=0.0)[0] == 6
    assert shares.draw("a", limit=10, want=6, unused=0, now=1.0)[0] == 4
    granted, again = shares.draw("a", limit=10, want=1, unused=0, now=2.0)
    assert (granted, again) == (0, WINDOW_S - 2.0)
    assert shares.draw("b", limit=10, want=1, unused=0, now=2.0)[0] == 1
    assert shares.draw("a", limit=10, want=9, unused=0, now=WINDOW_S)[0] == 6


def test_what_was_not_used_comes_back() -> None:
    shares = Shares()
    shares.draw("a", limit=10, want=10, unused=0, now=0.0)
    assert shares.draw("a", limit=10, want=10, unused=7, now=1.0)[0] == 7


@given(st.lists(st.tuples(st.floats(0, 30), st.integers(1, 20), st.integers(0, 20)), max_size=40))
def test_no_minute_gives_more(steps: list[tuple[float, int, int]]) -> None:
    shares, now, given_out = Shares(), 0.0, []
    for wait, want, unused in steps:
        now += wait
        back = min(unused, given_out[-1][1]) if given_out else 0
        if back:
            given_out[-1][1] -= back
        granted, again = shares.draw("a", limit=25, want=want, unused=back, now=now)
        assert again >= 0
        given_out.append([now, granted])
        assert sum(count for when, count in given_out if when > now - WINDOW_S) <= 25


def test_places_are_counted_over_workers() -> None:
    shares = Shares()
    assert shares.enter("a", "s1", limit=2, worker=0)
    assert shares.enter("a", "s2", limit=2, worker=1)
    assert not shares.enter("a", "s3", limit=2, worker=1)
    assert shares.enter("b", "s4", limit=2, worker=1)
    shares.leave("a", "s1")
    shares.leave("a", "s1")
    assert shares.enter("a", "s3", limit=2, worker=1)
    shares.forget_worker(1)
    assert shares.enter("a", "s5", limit=1, worker=0)
    # Those that were there before the limit are counted without being asked.
    assert shares.enter("a", "s6", limit=0, worker=0)
    assert not shares.enter("a", "s7", limit=2, worker=0)
