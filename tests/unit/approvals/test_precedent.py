"""When an earlier approval speaks for the same statement, and when it does not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from govproxy.approvals.capsule import Capsule, seal
from govproxy.approvals.precedent import precedent
from govproxy.approvals.values import Answer, ByRule, Object, Status, Subject, Vote
from govproxy.audit.keys import LedgerKey
from govproxy.identity.identity import Identity
from govproxy.policy.rules import Alike, ApprovalRule, Precedent, Ruling, Who
from tests.unit.approvals.building import ANA, ASKED, BOT, LEA, SUBJECT, hold, person, vote

KEY = LedgerKey.generate()
LATER = ASKED + 3_600
ADA = person("ada@x", "analysts", "everybody")
EVE = person("eve@x", "guests", "everybody")


def rule(by: Alike = Alike.USER, *, within_s: int = 8 * 3600, who: tuple[Who, ...] = ()) -> ApprovalRule:
    return ApprovalRule(name="again", ruling=Ruling.APPROVE, who=who, precedent=Precedent(within_s=within_s, by=by))


ANALYSTS = rule(Alike.GROUP, who=(Who(groups=frozenset({"analysts"})),))


def decided(
    requester: Identity = ANA, answer: Answer = Answer.APPROVE, *, at: float = ASKED, **changes: Any
) -> Capsule:
    key = changes.pop("key", KEY)
    votes = changes.pop("votes", [vote(LEA, answer)])
    status = Status.APPROVED if answer is Answer.APPROVE else Status.REFUSED
    made = hold(requester, **changes)
    return seal(replace(made, id=f"h{at}"), status, votes, key, uses=1, expires=at + 60, decided=at)


def found(
    *earlier: Capsule, asker: Identity = ANA, by: ApprovalRule | None = None, now: float = LATER, **changes: Any
) -> bool:
    return precedent(hold(asker, **changes), by or rule(), earlier, KEY.public, now) is not None


def test_the_same_again() -> None:
    assert found(decided())
    assert not found()


@pytest.mark.parametrize(
    "changes",
    [
        {"digest": "e" * 64},
        {"parameters": "q" * 64},
        {"parameters": ""},
        {"objects": (Object(oid=8, name="public.orders", tags=("PII.email",)),)},  # dropped and made anew
        {"objects": (Object(oid=7, name="public.orders", tags=()),)},
        {"objects": ()},
        {"settings": ("role=shop_rw", "search_path=evil,public")},
        {"policy_version": "v2"},
        {"database": "crm"},
    ],
)
def test_another_statement_is_not_the_same(changes: dict[str, Any]) -> None:
    other: Subject = replace(SUBJECT, **changes)
    assert not found(decided(), subject=other)
    assert not found(decided(subject=other))


def test_time() -> None:
    assert not found(decided(), by=rule(within_s=3_599))
    assert found(decided(), by=rule(within_s=3_600))
    assert not found(decided(at=LATER + 1))  # of a clock that goes wrong


def test_who_asked_then() -> None:
    assert not found(decided(), asker=ADA)
    assert found(decided(), asker=ADA, by=ANALYSTS)
    assert not found(decided(EVE), asker=ADA, by=ANALYSTS)  # a group in common, but not the one that is meant
    assert not found(decided(), asker=EVE, by=ANALYSTS)


def test_people_and_their_agents_do_not_speak_for_each_other() -> None:
    agents = rule(Alike.GROUP, who=(Who(groups=frozenset({"analysts"}), any_agent=True),))
    for by in (rule(), ANALYSTS, agents):
        assert not found(decided(), asker=BOT, by=by)
        assert not found(decided(BOT), asker=ANA, by=by)
    other = person("ada@x", "analysts", agent="report-bot")
    assert found(decided(BOT), asker=BOT)
    assert not found(decided(BOT), asker=other)
    assert found(decided(BOT), asker=other, by=agents)
    assert not found(decided(BOT), asker=person("ada@x", "analysts", agent="helper"), by=agents)
    assert not found(decided(replace(ANA, issuer="https://other.example")))


def test_the_last_word_counts() -> None:
    no = decided(answer=Answer.REFUSE, at=ASKED + 10)
    assert not found(decided(), no)
    assert not found(no, decided())
    assert found(decided(at=ASKED + 20), no)


def test_what_a_rule_approved_is_no_precedent() -> None:
    made = ByRule(name="again", policy_version="v1")
    ruled = Vote(person=LEA, answer=Answer.APPROVE, reason="rule", time=ASKED, rule=made)
    assert not found(decided(votes=[ruled]))
    assert not found(decided(votes=[vote(LEA), replace(ruled, rule=replace(made, alone=False))]))


def test_what_nobody_signed_is_no_precedent() -> None:
    assert not found(decided(key=LedgerKey.generate()))
    honest = decided(answer=Answer.REFUSE)
    bent = replace(honest, content=honest.content.replace(b'"refused"', b'"approved"'))
    assert not found(bent)


def test_what_asked_for_less_then() -> None:
    assert not found(decided(), names=("bulk-deletes", "other-hold"))
    assert not found(decided(), quorum=2)
    assert found(decided(quorum=2, names=("bulk-deletes", "other-hold")))
