"""Counting clients."""

from __future__ import annotations

import pytest

from govproxy.errors import TooManyConnections
from govproxy.server.listener import Admission


def test_sessions_and_logins_have_limits_of_their_own() -> None:
    admission = Admission(max_sessions=3, max_logins=2)
    first, second = admission.admit(), admission.admit()
    with pytest.raises(TooManyConnections, match="logins"):
        admission.admit()
    first.logged_in()
    third = admission.admit()
    second.logged_in()
    with pytest.raises(TooManyConnections, match="sessions") as caught:
        admission.admit()
    assert caught.value.sqlstate == "53300"
    third.release()
    admission.admit()


def test_releasing_twice_frees_one_place() -> None:
    admission = Admission(max_sessions=2, max_logins=2)
    ticket, other = admission.admit(), admission.admit()
    for _ in range(3):
        ticket.logged_in()
        ticket.release()
    assert (admission.sessions, admission.logins) == (1, 1)
    other.release()
    assert (admission.sessions, admission.logins) == (0, 0)


def test_those_who_are_turned_away_are_counted_apart() -> None:
    admission = Admission(max_sessions=1, max_logins=1)
    inside, outside = admission.admit(), admission.turn_away()
    with pytest.raises(TooManyConnections):
        admission.turn_away()
    outside.release()
    outside.release()
    admission.turn_away()
    assert (admission.sessions, admission.logins, admission.turned_away) == (1, 1, 1)
    inside.release()
    assert admission.sessions == 0
