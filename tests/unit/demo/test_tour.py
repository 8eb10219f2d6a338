"""The tour's own judgement: what it calls a leak, a refusal, a missing line."""

from __future__ import annotations

import datetime

import pytest

from govproxy.demo import stage, tour
from govproxy.demo.files import AGENT, ANALYST


def test_a_leak_is_found_inside_other_values() -> None:
    rows = [(1, "call Ada at +1-212-555-0199"), (2, None)]
    assert stage.leaks(rows, ["+1-212-555-0199", "ada@example.com", None]) == ["+1-212-555-0199"]


def test_dates_leak_in_any_type() -> None:
    assert stage.leaks([(datetime.date(1980, 2, 3),)], [datetime.date(1980, 2, 3)]) == ["1980-02-03"]
    assert stage.leaks([("1980-02-03",)], [datetime.date(1980, 2, 3)]) == ["1980-02-03"]


def test_each_statement_needs_a_line_of_its_own() -> None:
    said = [(ANALYST.user, None, True), (ANALYST.user, None, True), (AGENT.user, AGENT.agent, False)]
    line = {"user": ANALYST.user, "agent": None, "decision": "allow"}
    refused = {"user": AGENT.user, "agent": AGENT.agent, "decision": "deny"}
    assert tour._missing(said, [line, refused]) == 1
    assert tour._missing(said, [line, dict(line), refused]) == 0
    assert tour._missing(said, [line, dict(line), dict(refused, decision="allow")]) == 1


def test_a_false_claim_fails_the_step() -> None:
    with pytest.raises(stage.StepFailed, match="was changed"):
        stage.check(False, "the row was changed")


def test_every_step_says_what_it_claims() -> None:
    assert all(step.__doc__ for step in tour.STEPS)
    assert len(tour.STEPS) == len(set(tour.STEPS))
