"""Who may decide a held statement, and what their answers come to.

Never one's own request, never an agent, never the human an agent acts for unless the rule says so:
whoever asks must not be able to answer, by whatever name. Pure; the time is an argument.
"""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum

from govproxy.approvals.values import Answer, Hold, Standing, Status, Vote
from govproxy.identity.identity import Identity

MAX_REASON_CHARACTERS = 1_000


class Objection(StrEnum):
    """Why somebody's answer does not count. Stable words: clients of the API see them."""

    DECIDED = "decided"  # it is not waiting any more
    TOO_LATE = "too_late"
    AGENT = "agent"
    OWN_REQUEST = "own_request"
    OWN_AGENT = "own_agent"
    NOT_AN_APPROVER = "not_an_approver"
    NOT_YET = "not_yet"  # a delegate, before the delay is over
    ANSWERED = "answered"  # the same person said something already
    NO_REASON = "no_reason"
    NOT_TO_BE_GRANTED = "not_to_be_granted"  # more than the rules let an approver give for a time


def objection(standing: Standing, person: Identity, reason: str, now: float) -> Objection | None:
    """Why ``person`` cannot answer now, or None."""
    hold = standing.hold
    if standing.status is not Status.WAITING:
        return Objection.DECIDED
    if now >= hold.deadline:
        return Objection.TOO_LATE
    if person.agent is not None:
        # Security: a token that an agent holds decides nothing, whoever is behind it.
        return Objection.AGENT
    if own := _own(hold, person):
        return own
    if not _named(hold.rule.approvers, person):
        if not _named(hold.rule.delegates, person):
            return Objection.NOT_AN_APPROVER
        if hold.rule.delegate_after_s is None or now < hold.asked + hold.rule.delegate_after_s:
            return Objection.NOT_YET
    if any(_same(vote.person.user, person.user) for vote in standing.votes):
        return Objection.ANSWERED
    if not reason.strip() or len(reason) > MAX_REASON_CHARACTERS:
        return Objection.NO_REASON
    return None


def answer(standing: Standing, vote: Vote) -> Standing:
    """``standing`` with one more vote counted. Raises ValueError on one that `objection` objects to."""
    found = objection(standing, vote.person, vote.reason, vote.time)
    if found is not None:
        raise ValueError(found.value)
    votes = (*standing.votes, vote)
    return replace(standing, votes=votes, status=_tally(votes, standing.hold.rule.quorum))


def ruled(standing: Standing, vote: Vote) -> Standing | None:
    """``standing`` with the answer of a rule; None where it comes too late or says nothing new.

    At most one rule's voice counts towards a quorum, so that several people are never none.
    """
    if vote.rule is None:
        raise ValueError("a person's vote is counted by `answer`")
    if standing.status is not Status.WAITING or vote.time >= standing.hold.deadline:
        return None
    if not vote.rule.alone and any(before.rule is not None for before in standing.votes):
        return None
    votes = (*standing.votes, vote)
    return replace(standing, votes=votes, status=_tally(votes, standing.hold.rule.quorum))


def may_revoke(standing: Standing, person: Identity) -> bool:
    """Whether ``person`` could have approved it, whoever asked. Taking back is no answer to one's own request."""
    rule = standing.hold.rule
    return person.agent is None and (_named(rule.approvers, person) or _named(rule.delegates, person))


def run_out(standing: Standing, now: float) -> Standing:
    """``standing`` as it is once nobody has answered in time."""
    if standing.status is Status.WAITING and now >= standing.hold.deadline:
        return replace(standing, status=Status.TIMED_OUT)
    return standing


def withdraw(standing: Standing) -> Standing:
    """``standing`` when whoever asked does not wait any more. What is decided stays decided."""
    return replace(standing, status=Status.WITHDRAWN) if standing.status is Status.WAITING else standing


def _tally(votes: tuple[Vote, ...], quorum: int) -> Status:
    if any(vote.answer is Answer.REFUSE for vote in votes):
        return Status.REFUSED
    if any(vote.rule is not None and vote.rule.alone for vote in votes):
        return Status.APPROVED
    return Status.APPROVED if len(votes) >= quorum else Status.WAITING


def _own(hold: Hold, person: Identity) -> Objection | None:
    requester = hold.requester
    if requester.agent is None:
        return Objection.OWN_REQUEST if _same(person.user, requester.user) else None
    if _same(person.user, requester.agent):
        return Objection.OWN_REQUEST
    principals = {requester.user, requester.on_behalf_of or requester.user}
    if any(_same(person.user, principal) for principal in principals) and not hold.rule.principal_may_approve:
        return Objection.OWN_AGENT
    return None


def _named(names: frozenset[str], person: Identity) -> bool:
    return f"user:{person.user}" in names or any(f"group:{group}" in names for group in person.groups)


def _same(one: str, other: str) -> bool:
    # Security: identity providers differ in how they write the same address.
    return one.casefold() == other.casefold()
