"""Who may decide, and what answers come to."""

from __future__ import annotations

from dataclasses import replace

import pytest

from govproxy.approvals.deciding import MAX_REASON_CHARACTERS, Objection, answer, objection, run_out, withdraw
from govproxy.approvals.values import Answer, Rule, Standing, Status
from tests.unit.approvals.building import ANA, ASKED, BOT, LEA, LEO, OPS, person, standing, vote

SOON = ASKED + 1


def test_an_approver_of_the_group_decides() -> None:
    done = answer(standing(), vote(LEA))
    assert (done.status, [v.person for v in done.votes]) == (Status.APPROVED, [LEA])


def test_a_named_approver_decides() -> None:
    asked = standing(approvers=frozenset({"user:olga@x"}))
    assert objection(asked, OPS, "ok", SOON) is None
    assert objection(asked, LEA, "ok", SOON) is Objection.NOT_AN_APPROVER


@pytest.mark.parametrize(
    ("requester", "decider", "expected"),
    [
        (LEA, LEA, Objection.OWN_REQUEST),
        (LEA, person("LEA@X", "leads"), Objection.OWN_REQUEST),
        (person("lea@x", "leads", agent="bot"), LEA, Objection.OWN_AGENT),
        (person("lea@x", "leads", agent="bot"), person("Lea@x", "leads"), Objection.OWN_AGENT),
        (person("lea@x", "leads", agent="bot"), person("bot", "leads"), Objection.OWN_REQUEST),
        (ANA, person("lea@x", "leads", agent="bot"), Objection.AGENT),
        (ANA, OPS, Objection.NOT_AN_APPROVER),
        (ANA, person("group:leads"), Objection.NOT_AN_APPROVER),
        (ANA, person("leads"), Objection.NOT_AN_APPROVER),
        (BOT, LEA, None),
    ],
)
def test_who_asks_never_answers(requester: object, decider: object, expected: Objection | None) -> None:
    assert objection(standing(requester), decider, "ok", SOON) is expected  # type: ignore[arg-type]


def test_a_human_may_answer_their_agent_where_the_rule_says_so() -> None:
    asked = standing(person("lea@x", "leads", agent="bot"), principal_may_approve=True)
    assert objection(asked, LEA, "ok", SOON) is None
    assert objection(standing(LEA, principal_may_approve=True), LEA, "ok", SOON) is Objection.OWN_REQUEST


def test_a_quorum_needs_different_people() -> None:
    once = answer(standing(quorum=2), vote(LEA))
    assert once.status is Status.WAITING
    assert objection(once, LEA, "again", SOON) is Objection.ANSWERED
    assert objection(once, person("LEA@x", "leads"), "again", SOON) is Objection.ANSWERED
    assert answer(once, vote(LEO)).status is Status.APPROVED


def test_one_refusal_is_enough() -> None:
    once = answer(standing(quorum=2), vote(LEA))
    refused = answer(once, vote(LEO, Answer.REFUSE))
    assert refused.status is Status.REFUSED
    assert objection(refused, person("lu@x", "leads"), "ok", SOON) is Objection.DECIDED


def test_delegates_decide_after_the_delay() -> None:
    asked = standing(delegates=frozenset({"group:ops"}), delegate_after_s=30.0)
    assert objection(asked, OPS, "ok", ASKED + 29.9) is Objection.NOT_YET
    assert objection(asked, OPS, "ok", ASKED + 30) is None
    assert objection(standing(delegates=frozenset({"group:ops"})), OPS, "ok", ASKED + 59) is Objection.NOT_YET


@pytest.mark.parametrize("reason", ["", " \n", "x" * (MAX_REASON_CHARACTERS + 1)])
def test_a_reason_is_needed(reason: str) -> None:
    assert objection(standing(), LEA, reason, SOON) is Objection.NO_REASON


def test_time_runs_out() -> None:
    asked = standing()
    assert run_out(asked, ASKED + 59.9) is asked
    assert objection(asked, LEA, "ok", ASKED + 60) is Objection.TOO_LATE
    assert run_out(asked, ASKED + 60).status is Status.TIMED_OUT
    with pytest.raises(ValueError, match="too_late"):
        answer(asked, vote(LEA, time=ASKED + 60))


def test_what_is_decided_stays_decided() -> None:
    done = answer(standing(), vote(LEA))
    assert withdraw(done) is done
    assert run_out(done, ASKED + 100) is done
    gone = withdraw(standing())
    assert gone.status is Status.WITHDRAWN
    assert objection(gone, LEA, "ok", SOON) is Objection.DECIDED


def test_a_rule_without_a_quorum_is_none() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Rule(names=("r",), approvers=frozenset(), quorum=0)


def test_nobody_decides_where_nobody_is_named() -> None:
    asked: Standing = replace(standing(), hold=standing(approvers=frozenset()).hold)
    assert objection(asked, LEA, "ok", SOON) is Objection.NOT_AN_APPROVER
