"""Rules of the policy as deciders of held statements: what they rest on is asked for here.

A count of rows, a ticket's service, earlier approvals: each only where a rule that fits otherwise wants
it. The judgement itself is ``approvals.automatic``. Whatever cannot be asked or answered in time is no
ground to approve.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass

from govproxy.approvals import risk
from govproxy.approvals.automatic import UNKNOWN_ROWS, Question, concerns, fits, may_answer, ticket_in, wants_count
from govproxy.approvals.deciding import MAX_REASON_CHARACTERS
from govproxy.approvals.forms import rule_as_person
from govproxy.approvals.values import Answer, ByRule, Hold, Standing, Vote
from govproxy.masking.patterns import compiled
from govproxy.policy.rules import ApprovalRule, Counts, Mode, Policy, Ruling
from govproxy.session.log import get_logger

log = get_logger("govproxy.rulings")

Count = Callable[[Hold], Awaitable[int]]  # -1: it could not be counted
Confirm = Callable[[str, str, Hold], Awaitable[str | None]]  # rule, ticket → who confirmed it; None: nobody
Earlier = Callable[[ApprovalRule, Hold, float], Awaitable[str | None]]  # which approval of the same; None: none


async def uncounted(hold: Hold) -> int:
    """For where nothing can be counted."""
    return UNKNOWN_ROWS


async def unconfirmed(rule: str, ticket: str, hold: Hold) -> str | None:
    """For where no service is configured that knows tickets."""
    log.warning("no service is configured that could confirm a ticket", rule=rule, approval=hold.id)
    return None


async def unprecedented(rule: ApprovalRule, hold: Hold, now: float) -> str | None:
    """For where nobody remembers anything."""
    return None


class Rulings:
    """Answers for the rules of the policy in force. ``would_have`` hears of rules in shadow mode."""

    def __init__(
        self,
        policy: Callable[[], Policy],
        *,
        clock: Callable[[], float] = time.time,
        count: Count = uncounted,
        confirm: Confirm = unconfirmed,
        earlier: Earlier = unprecedented,
        would_have: Callable[[Standing, Vote], None] = lambda standing, vote: None,
    ) -> None:
        self._policy = policy
        self._clock = clock
        self._count = count
        self._confirm = confirm
        self._earlier = earlier
        self._would_have = would_have

    def asks_nobody(self, standing: Standing) -> bool:
        """Whether `decide` needs nothing but the request and the policy: no count, no ticket's service, no store."""
        policy, now = self._policy(), self._clock()
        if any(rule.mode is Mode.SHADOW for rule in policy.approvals):
            return False  # what they would have said is told of a request that is there
        question = Question(standing=standing, now=now)
        return not any(
            wants_count(rule) or (_looks_elsewhere(rule) and fits(rule, question))
            for rule in policy.approvals
            if may_answer(rule, standing) and concerns(rule, question)
        )

    async def decide(self, standing: Standing) -> Vote | None:
        """What the rules say to a new request; None: nothing. Raises StateUnavailable."""
        policy = self._policy()
        if not policy.approvals or policy.version != standing.hold.subject.policy_version:
            return None  # of another policy: it is judged anew
        looking = _Looking(self, standing, policy)
        vote = await looking.vote([rule for rule in policy.approvals if rule.mode is Mode.ENFORCE])
        for rule in policy.approvals:
            if rule.mode is Mode.SHADOW and (shadow := await looking.vote([rule])) is not None:
                self._would_have(standing, shadow)
        return vote


@dataclass(slots=True)
class _Looking:
    """One request under judgement."""

    rulings: Rulings
    standing: Standing
    policy: Policy
    rows: int | None = None  # as counted

    async def vote(self, rules: Sequence[ApprovalRule]) -> Vote | None:
        """The answer of these rules. A refusal wins; of approvals one that decides alone."""
        for rule in _in_order(rules):
            if not may_answer(rule, self.standing):
                continue
            grounds = await self._grounds(rule)
            if grounds is not None:
                return self._made(rule, grounds)
        return None

    async def _grounds(self, rule: ApprovalRule) -> tuple[str, ...] | None:
        """What the rule rests on; None where it does not fit."""
        hold = self.standing.hold
        if not concerns(rule, Question(standing=self.standing, now=self.rulings._clock())):
            return None  # nothing is counted for its sake
        rows = await self._counted() if wants_count(rule) else self.rows
        actual = UNKNOWN_ROWS if rows is None else rows
        if not fits(rule, Question(standing=self.standing, now=self.rulings._clock(), actual_rows=actual)):
            return None
        found = [risk.told(risk.parts(hold, actual_rows=actual))]
        if wants_count(rule):
            found.append("rows could not be counted" if actual < 0 else f"{actual} rows counted")
        if rule.when:
            found.append(f"when {rule.when}")
        for ground in (self._ticket, self._precedent):
            said = await ground(rule)
            if said is None:
                return None
            found += said
        return tuple(found)

    async def _counted(self) -> int:
        if self.rows is None:
            self.rows = await self.rulings._count(self.standing.hold)
        return self.rows

    async def _ticket(self, rule: ApprovalRule) -> list[str] | None:
        if rule.ticket is None:
            return []
        ticket = ticket_in(rule, self.standing.hold, compiled(rule.ticket.pattern))
        if ticket is None:
            return None
        if not rule.ticket.check:
            return [f"ticket {ticket}, not checked"]
        confirmed = await self.rulings._confirm(rule.name, ticket, self.standing.hold)
        return None if confirmed is None else [f"ticket {ticket}, confirmed by {confirmed}"]

    async def _precedent(self, rule: ApprovalRule) -> list[str] | None:
        if rule.precedent is None:
            return []
        found = await self.rulings._earlier(rule, self.standing.hold, self.rulings._clock())
        return None if found is None else [found]

    def _made(self, rule: ApprovalRule, grounds: tuple[str, ...]) -> Vote:
        return Vote(
            person=rule_as_person(rule.name),
            answer=Answer.APPROVE if rule.ruling is Ruling.APPROVE else Answer.REFUSE,
            reason=f"rule {rule.name}: {'; '.join(grounds)}"[:MAX_REASON_CHARACTERS],
            time=self.rulings._clock(),
            rule=ByRule(
                name=rule.name,
                policy_version=self.policy.version,
                evidence=grounds,
                alone=rule.ruling is Ruling.REFUSE or rule.counts is Counts.ALONE,
            ),
        )


def _looks_elsewhere(rule: ApprovalRule) -> bool:
    return rule.precedent is not None or (rule.ticket is not None and rule.ticket.check)


def _in_order(rules: Sequence[ApprovalRule]) -> Iterator[ApprovalRule]:
    """Refusals first, then approvals that decide, then voices; each by name."""
    yield from sorted(rules, key=lambda rule: (rule.ruling is Ruling.APPROVE, rule.counts is Counts.VOICE, rule.name))
