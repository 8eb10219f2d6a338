"""Whether a policy's rules decide a held statement in a person's place.

Pure: what has to be asked for elsewhere (a count, a ticket, an earlier approval) is an argument, and so
is the time. Doubt is read against the asker: an approval needs everything to be certain, a refusal
fits as soon as it might.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from govproxy.approvals import risk
from govproxy.approvals.values import Hold, Nature, Standing, Status
from govproxy.policy import expressions
from govproxy.policy.automatic import HELD
from govproxy.policy.matching import Reading, place_matches, who_matches
from govproxy.policy.rules import ApprovalRule, Counts, Ruling

ACTUAL_ROWS = "statement.actual_rows"
UNKNOWN_ROWS = expressions.UNKNOWN_ROWS


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A held statement and what is known about it by now."""

    standing: Standing
    now: float
    actual_rows: int = UNKNOWN_ROWS

    @property
    def hold(self) -> Hold:
        return self.standing.hold


def wants_count(rule: ApprovalRule) -> bool:
    """Whether the rule's condition reads how many rows there really are."""
    return bool(rule.when) and ACTUAL_ROWS in expressions.compile(rule.when, HELD).attributes


def concerns(rule: ApprovalRule, asked: Question) -> bool:
    """Whether it is a rule for this place, this person, this hold and this time at all."""
    hold = asked.hold
    reading = Reading.GRANT if rule.ruling is Ruling.APPROVE else Reading.RESTRICT
    if not place_matches(rule.on, hold.environment, hold.subject.database):
        return False
    if not who_matches(rule.who, hold.requester, reading) or not _is_about(rule, hold):
        return False
    return not rule.during or any(window.is_open(asked.now) for window in rule.during)


def fits(rule: ApprovalRule, asked: Question) -> bool:
    """Whether everything fits that needs no question elsewhere: all but ticket and precedent."""
    hold = asked.hold
    if not concerns(rule, asked):
        return False
    if hold.nature is None:
        # Nothing is known of it: no ground to approve, and ground enough to refuse.
        return rule.ruling is Ruling.REFUSE
    if rule.risk is not None and not _bears(rule, asked):
        return False
    return not rule.when or _condition(rule, asked, hold.nature)


def ticket_in(rule: ApprovalRule, hold: Hold, matches: Callable[[str], bool]) -> str | None:
    """The one ticket that a comment names, or None: several that fit are a guess, not a ticket."""
    if rule.ticket is None or hold.nature is None:
        return None
    found = [word for word in hold.nature.tickets if matches(word)]
    return found[0] if len(found) == 1 else None


def may_answer(rule: ApprovalRule, standing: Standing) -> bool:
    """Whether the rule can still say something to it.

    Security: what several people must approve is decided by a rule alone only where the rule names
    each rule that holds it; a general one was not written with those in mind.
    """
    if standing.status is not Status.WAITING:
        return False
    if rule.ruling is Ruling.REFUSE:
        return True
    if rule.counts is Counts.VOICE:
        return not any(vote.rule is not None for vote in standing.votes)
    return standing.hold.rule.quorum == 1 or bool(rule.holds)


def _is_about(rule: ApprovalRule, hold: Hold) -> bool:
    if not rule.holds:
        return True
    held_by = frozenset(hold.rule.names)
    # An approval must be meant for every rule that holds it, a refusal for any.
    return held_by <= rule.holds if rule.ruling is Ruling.APPROVE else bool(held_by & rule.holds)


def _bears(rule: ApprovalRule, asked: Question) -> bool:
    if rule.risk is None:
        return True
    score = risk.score(risk.parts(asked.hold, actual_rows=asked.actual_rows))
    return score <= rule.risk if rule.ruling is Ruling.APPROVE else score >= rule.risk


def _condition(rule: ApprovalRule, asked: Question, nature: Nature) -> bool:
    compiled = expressions.compile(rule.when, HELD)

    def guesses(name: str, known: int) -> tuple[int, ...]:
        if known == UNKNOWN_ROWS and name in compiled.attributes:
            return (UNKNOWN_ROWS, expressions.MANY_ROWS)
        return (known,)

    answers = [
        expressions.holds(rule.when, lambda name, e=e, a=a: _value(name, asked, nature, e, a), HELD)  # type: ignore[misc]
        for e in guesses("statement.estimated_rows", nature.estimated_rows)
        for a in guesses(ACTUAL_ROWS, asked.actual_rows)
    ]
    if rule.ruling is Ruling.APPROVE:
        return all(answer is True for answer in answers)
    return any(answer is not False for answer in answers)


def _value(name: str, asked: Question, nature: Nature, estimated: int, actual: int) -> object:
    namespace, _, field = name.partition(".")
    match namespace:
        case "statement":
            return _of_statement(field, nature, estimated, actual)
        case "hold":
            return _of_hold(field, asked)
        case "request":
            return _of_request(field, asked.hold)
        case "time":
            moment = datetime.fromtimestamp(asked.now, UTC)
            return {"hour": moment.hour, "weekday": moment.isoweekday(), "date": moment.date().isoformat()}[field]
        case _:
            raise KeyError(name)


def _of_statement(field: str, nature: Nature, estimated: int, actual: int) -> object:
    match field:
        case "estimated_rows":
            return estimated
        case "actual_rows":
            return actual
        case "sensitivity" | "opaque":
            return getattr(nature, field)
        case "actions" | "tables" | "tags" | "functions" | "wheres":
            return list(getattr(nature, field))
        case _:
            raise KeyError(field)


def _of_hold(field: str, asked: Question) -> object:
    match field:
        case "rules":
            return list(asked.hold.rule.names)
        case "quorum":
            return asked.hold.rule.quorum
        case "oddities":
            return len(asked.hold.oddities)
        case "risk":
            return risk.score(risk.parts(asked.hold, actual_rows=asked.actual_rows))
        case _:
            raise KeyError(field)


def _of_request(field: str, hold: Hold) -> object:
    requester = hold.requester
    match field:
        case "environment":
            return hold.environment
        case "database":
            return hold.subject.database
        case "user":
            return requester.user
        case "groups":
            return sorted(requester.groups)
        case "agent":
            return requester.agent or ""
        case "on_behalf_of":
            return requester.on_behalf_of or ""
        case _:
            raise KeyError(field)
