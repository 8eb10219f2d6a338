"""Rules in a person's place: what they fit, what they are worth, and that doubt is read against the asker."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from govproxy.approvals import risk
from govproxy.approvals.automatic import Question, fits, may_answer, ticket_in, wants_count
from govproxy.approvals.deciding import Objection, objection, ruled
from govproxy.approvals.forms import hold as hold_form
from govproxy.approvals.forms import read_hold, read_vote, rule_as_person
from govproxy.approvals.forms import vote as vote_form
from govproxy.approvals.values import Answer, ByRule, Nature, Standing, Status, Vote
from govproxy.masking.patterns import compiled
from govproxy.policy.loader import load_policy
from govproxy.policy.rules import ApprovalRule
from tests.unit.approvals.building import ANA, ASKED, BOT, LEA, LEO, hold, person, standing, vote

SUNDAY_NOON = 1_795_348_800.0
NATURE = Nature(
    tag="DELETE",
    actions=("delete",),
    tables=("public.orders",),
    tags=("PII", "PII.email"),
    sensitivity=3,
    functions=(),
    wheres=("effective",),
    opaque=False,
    estimated_rows=120,
    tickets=("OPS-1",),
)


def rule(folder: Path, text: str) -> ApprovalRule:
    file = folder / "policy.yaml"
    file.write_text(
        "rules:\n"
        "  - {name: bulk-deletes, does: [delete], effect: hold, approvers: {groups: [leads]}}\n"
        "  - {name: other-hold, does: [update], effect: hold, approvers: {groups: [leads]}}\n"
        f"approvals:\n  - {{name: r, {text}}}\n"
    )
    (found,) = load_policy(file).approvals
    return found


def asked(requester: Any = ANA, *, now: float = SUNDAY_NOON, actual: int = -1, **changes: Any) -> Question:
    changes.setdefault("nature", NATURE)
    return Question(standing=standing(requester, **changes), now=now, actual_rows=actual)


def nature(**changes: Any) -> Nature:
    return replace(NATURE, **changes)


@pytest.mark.parametrize(
    ("when", "question", "expected"),
    [
        ("statement.estimated_rows <= 200", asked(), True),
        ("statement.estimated_rows <= 100", asked(), False),
        ("statement.estimated_rows <= 200", asked(nature=nature(estimated_rows=-1)), False),
        ("statement.estimated_rows >= -1", asked(nature=nature(estimated_rows=-1)), True),
        ("statement.actual_rows <= 200", asked(), False),
        ("statement.actual_rows <= 200", asked(actual=7), True),
        ('!("PII" in statement.tags)', asked(), False),
        ("statement.sensitivity < 4", asked(), True),
        ('statement.tables == ["public.orders"] || statement.tables.size() == 0', asked(), True),
        ('request.environment == "production" && "analysts" in request.groups', asked(), True),
        ('request.agent == "report-bot" && request.on_behalf_of == "ana@x"', asked(BOT), True),
        ("time.weekday == 7 && time.hour == 12", asked(), True),
        ("time.weekday < 6", asked(), False),
        ('"bulk-deletes" in hold.rules && hold.quorum == 1 && hold.oddities == 0', asked(), True),
        ('"missing" in statement.wheres || statement.opaque', asked(), False),
        ("statement.actions.all(a, a == 'delete')", asked(), True),
        # What fails to evaluate is no ground to approve.
        ("statement.functions.size() > 5 || statement.functions[0] != 'f'", asked(), False),
        ("statement.tables[0].startsWith('public.') && statement.tables[1] != ''", asked(), False),
    ],
)
def test_what_an_approval_may_read(when: str, question: Question, expected: bool, tmp_path: Path) -> None:
    written = when.replace('"', '\\"')
    assert fits(rule(tmp_path, f'decide: approve, when: "{written}"'), question) is expected


def test_a_refusal_fits_in_doubt(tmp_path: Path) -> None:
    unsure = rule(tmp_path, "decide: refuse, when: \"statement.functions[0] == 'f'\"")
    assert fits(unsure, asked())
    rows = rule(tmp_path, 'decide: refuse, when: "statement.estimated_rows > 1000"')
    assert fits(rows, asked(nature=nature(estimated_rows=-1)))
    assert not fits(rows, asked())


def test_what_nobody_knows_anything_of(tmp_path: Path) -> None:
    assert not fits(rule(tmp_path, "decide: approve, who: {groups: [analysts]}"), asked(nature=None))
    assert fits(rule(tmp_path, "decide: refuse, who: {groups: [analysts]}"), asked(nature=None))


def test_what_people_get_does_not_extend_to_their_agents(tmp_path: Path) -> None:
    people = rule(tmp_path, "decide: approve, who: {groups: [analysts]}")
    assert fits(people, asked())
    assert not fits(people, asked(BOT))
    assert fits(rule(tmp_path, "decide: approve, who: {groups: [analysts], agents: [report-bot]}"), asked(BOT))
    assert not fits(rule(tmp_path, "decide: approve, who: {groups: [leads], agents: true}"), asked(BOT))
    assert fits(rule(tmp_path, "decide: refuse, who: {groups: [analysts]}"), asked(BOT))


def test_an_approval_must_be_meant_for_every_rule_that_holds(tmp_path: Path) -> None:
    both = asked(names=("bulk-deletes", "other-hold"))
    one = rule(tmp_path, "decide: approve, holds: [bulk-deletes]")
    assert fits(one, asked())
    assert not fits(one, both)
    assert fits(rule(tmp_path, "decide: approve, holds: [bulk-deletes, other-hold]"), both)
    assert fits(rule(tmp_path, "decide: refuse, holds: [other-hold]"), both)


def test_places_and_times(tmp_path: Path) -> None:
    assert not fits(rule(tmp_path, "decide: approve, on: {environments: [staging]}, risk: {at_most: 100}"), asked())
    night = rule(tmp_path, 'decide: approve, during: {from: "22:00", until: "06:00"}, risk: {at_most: 100}')
    assert not fits(night, asked())
    assert fits(night, asked(now=SUNDAY_NOON + 11 * 3600))


def test_the_risk_is_the_sum_of_its_parts(tmp_path: Path) -> None:
    parts = risk.parts(hold(nature=NATURE))
    assert {part.why: part.points for part in parts} == {
        "sensitivity 3": 20,
        "delete": 20,
        "120 rows": 5,
        "production": 15,
    }
    assert risk.score(parts) == 60
    assert risk.told(parts) == "risk 60 of 100: sensitivity 3 20, delete 20, 120 rows 5, production 15"
    assert fits(rule(tmp_path, "decide: approve, risk: {at_most: 60}"), asked())
    assert not fits(rule(tmp_path, "decide: approve, risk: {at_most: 59}"), asked())
    assert fits(rule(tmp_path, "decide: refuse, risk: {at_least: 60}"), asked())
    assert fits(rule(tmp_path, 'decide: approve, when: "hold.risk <= 55"'), asked(actual=3))


def test_what_is_unknown_is_risky() -> None:
    worst = risk.parts(hold(BOT, nature=nature(actions=("unknown",), estimated_rows=-1, opaque=True, sensitivity=4)))
    assert risk.score(worst) == risk.MOST
    assert risk.score(risk.parts(hold())) == risk.MOST
    newly = nature(actions=("select", "something_new"))
    assert "something_new" in {part.why for part in risk.parts(hold(nature=newly))}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("OPS-1",), "OPS-1"),
        (("OPS-1", "v2.0"), "OPS-1"),
        ((), None),
        (("XOPS-1",), None),
        (("OPS-1x",), None),
        (("OPS-12345",), None),
        (("OPS-1", "OPS-2"), None),
    ],
)
def test_one_ticket_and_no_guesses(words: tuple[str, ...], expected: str | None, tmp_path: Path) -> None:
    named = rule(tmp_path, "decide: approve, ticket: {pattern: 'OPS-[0-9]{1,4}', in: comment}")
    assert ticket_in(named, hold(nature=nature(tickets=words)), compiled("OPS-[0-9]{1,4}")) == expected


def test_only_rules_that_read_the_count_wait_for_it(tmp_path: Path) -> None:
    assert wants_count(rule(tmp_path, 'decide: approve, when: "statement.actual_rows < 5"'))
    assert not wants_count(rule(tmp_path, 'decide: approve, when: "statement.estimated_rows < 5"'))


# ---------------------------------------------------------------- what a rule's answer is worth


def by_rule(answer: Answer = Answer.APPROVE, *, alone: bool = True, name: str = "r", time: float = ASKED + 1) -> Vote:
    made = ByRule(name=name, policy_version="v1", evidence=("ticket OPS-1",), alone=alone)
    return Vote(person=rule_as_person(name), answer=answer, reason=f"rule {name}", time=time, rule=made)


def test_a_rule_decides_alone() -> None:
    done = ruled(standing(), by_rule())
    assert done is not None
    assert done.status is Status.APPROVED


def test_a_general_rule_does_not_stand_for_two_people(tmp_path: Path) -> None:
    two = standing(quorum=2)
    assert not may_answer(rule(tmp_path, "decide: approve, risk: {at_most: 100}"), two)
    assert may_answer(rule(tmp_path, "decide: approve, holds: [bulk-deletes]"), two)
    assert may_answer(rule(tmp_path, "decide: refuse, risk: {at_least: 0}"), two)


def test_several_rules_are_one_voice_at_most(tmp_path: Path) -> None:
    voice = rule(tmp_path, "decide: approve, counts: voice, risk: {at_most: 100}")
    two = standing(quorum=2)
    assert may_answer(voice, two)
    once = ruled(two, by_rule(alone=False))
    assert once is not None
    assert once.status is Status.WAITING
    assert not may_answer(voice, once)
    assert ruled(once, by_rule(alone=False, name="other")) is None
    assert objection(once, LEA, "ok", ASKED + 2) is None


def test_a_rule_refuses_alone_and_comes_never_too_late() -> None:
    refused = ruled(standing(quorum=3), by_rule(Answer.REFUSE))
    assert refused is not None
    assert refused.status is Status.REFUSED
    assert ruled(refused, by_rule()) is None
    assert ruled(standing(), by_rule(time=ASKED + 60)) is None
    assert objection(refused, LEA, "ok", ASKED + 2) is Objection.DECIDED


def test_somebody_called_like_a_rule_is_not_one() -> None:
    impostor = person("rule r", "leads")
    form = vote_form(vote(impostor))
    assert read_vote(form).rule is None
    assert "rule" not in form["by"]
    assert vote_form(by_rule())["by"] == {"rule": "r", "policy_version": "v1"}
    assert read_vote(vote_form(by_rule())) == by_rule()
    done = Standing(hold=hold(quorum=2), votes=(vote(impostor),))
    assert objection(done, LEO, "ok", ASKED + 2) is None


def test_what_is_known_of_a_statement_comes_back() -> None:
    made = hold(nature=NATURE)
    assert read_hold(hold_form(made)) == made
    old = hold_form(hold())
    del old["nature"]
    assert read_hold(old).nature is None
