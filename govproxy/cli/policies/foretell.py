"""What a policy's `approvals:` would say to a held statement, with what would be asked elsewhere given.

The rules are asked as a running instance asks them (`control.rulings`); only counts of rows, tickets'
services and earlier approvals are replaced by what the caller says of them.
"""

from __future__ import annotations

from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

from govproxy.approvals import deciding
from govproxy.approvals.values import Answer, Hold, Nature, Rule, Standing, Status, Subject, Vote
from govproxy.control.rulings import Rulings
from govproxy.policy.rules import Policy
from govproxy.policy.values import Decision, HoldTerms, Request

T = TypeVar("T")
ID = "foretold"


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What would be asked elsewhere. ``rows`` -1: they cannot be counted. ``tickets``: those that the service knows.
    ``approved``: people approved the same before."""

    rows: int = -1
    tickets: frozenset[str] = frozenset()
    approved: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Foretold:
    """``status`` as it stands at once, ``rule`` that said so; ``waits_for`` people where nothing decided it."""

    status: Status
    rule: str = ""
    waits_for: frozenset[str] = frozenset()
    shadow: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """For people; equal where the same would happen."""
        if self.status is Status.WAITING:
            voice = f", rule {self.rule} being one voice" if self.rule else ""
            return f"waits for {', '.join(sorted(self.waits_for)) or 'nobody'}{voice}"
        return f"{self.status.value} by rule {self.rule}"


def foretell(
    request: Request,
    decision: Decision,
    policy: Policy,
    nature: Nature,
    *,
    oddities: tuple[str, ...] = (),
    given: Given = Given(),
) -> Foretold:
    """What becomes of a statement that ``decision`` holds, before any person says something."""
    standing = Standing(hold=_held(request, decision, policy, nature, oddities))
    shadow: list[str] = []

    def would_have(_: Standing, vote: Vote) -> None:
        if vote.rule is not None:
            shadow.append(vote.rule.name)

    rulings = Rulings(
        lambda: policy,
        clock=lambda: request.now,
        count=lambda hold: _said(given.rows),
        confirm=lambda rule, ticket, hold: _said("the cases" if ticket in given.tickets else None),
        earlier=lambda rule, hold, now: _said("the cases say so" if given.approved else None),
        would_have=would_have,
    )
    vote = _finished(rulings.decide(standing))
    after = deciding.ruled(standing, vote) if vote is not None else None
    status = Status.WAITING if after is None else after.status
    rule = vote.rule.name if vote is not None and vote.rule is not None and after is not None else ""
    if (
        status is not Status.WAITING
        and vote is not None
        and (status is Status.REFUSED) != (vote.answer is Answer.REFUSE)
    ):
        raise AssertionError("a rule's answer came to something else")
    waits_for = decision.approvers if status is Status.WAITING else frozenset()
    return Foretold(status=status, rule=rule, waits_for=waits_for, shadow=tuple(shadow))


def _held(request: Request, decision: Decision, policy: Policy, nature: Nature, oddities: tuple[str, ...]) -> Hold:
    terms = decision.terms or HoldTerms()
    return Hold(
        id=ID,
        session="",
        statement="",
        requester=request.identity,
        environment=request.environment,
        subject=Subject(database=request.database, digest="", catalog_version="", policy_version=policy.version),
        rule=Rule.of(decision),
        sql="",
        oddities=oddities,
        nature=nature,
        asked=request.now,
        deadline=request.now + terms.timeout_s,
        waits=terms.waits,
    )


async def _said(value: T) -> T:
    return value


def _finished(work: Coroutine[Any, Any, T]) -> T:
    """What ``work`` gives, which waits for nothing."""
    try:
        work.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    raise AssertionError("something was waited for")
