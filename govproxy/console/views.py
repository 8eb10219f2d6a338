"""Requests as the API shows them to one person. Pure; the time is an argument."""

from __future__ import annotations

from typing import Any

from govproxy.approvals.deciding import objection
from govproxy.approvals.seeing import own
from govproxy.approvals.values import Answer, Standing, Status
from govproxy.console import models
from govproxy.identity.identity import Identity
from govproxy.policy.grants import Grant
from govproxy.policy.rules import MayGrant

MAX_SUMMARY_CHARACTERS = 400


def who(identity: Identity) -> models.Who:
    """An identity without how it was proven."""
    return models.Who(user=identity.user, groups=sorted(identity.groups), agent=identity.agent)


def summary(standing: Standing, person: Identity, now: float) -> models.Summary:
    """For a list."""
    return models.Summary.model_validate(_summary(standing, person, now))


def grant(given: Grant) -> dict[str, object]:
    """A grant's fields."""
    return {
        "id": given.id,
        "user": given.user,
        "agent": given.agent,
        "database": given.database,
        "scope": [
            models.ScopeForm(action=scope.action.value, tables=[name for _, name in scope.relations])
            for scope in given.scope
        ],
        "lifts": sorted(given.lifts),
        "clear": given.clear,
        "columns": sorted(given.columns),
        "since": given.since,
        "until": given.until,
        "by": given.by,
        "reason": given.reason,
    }


def detail(
    standing: Standing,
    person: Identity,
    now: float,
    *,
    facts: dict[str, Any] | None,
    grantable: MayGrant | None,
) -> models.Detail:
    """For a reviewer. ``facts`` None: they are being looked up. ``grantable`` None: nothing may be."""
    hold = standing.hold
    rule, subject = hold.rule, hold.subject
    return models.Detail.model_validate(
        _summary(standing, person, now)
        | {
            "sql": hold.sql,
            "sql_is_cut": False,
            "notices": list(hold.oddities),
            "tables": [models.Table(name=o.name, tags=list(o.tags)) for o in subject.objects],
            "settings": list(subject.settings),
            "has_parameters": bool(subject.parameters),
            "digest": subject.digest,
            "votes": [
                models.VoteForm(
                    by=who(vote.person),
                    rule=None if vote.rule is None else vote.rule.name,
                    evidence=[] if vote.rule is None else list(vote.rule.evidence),
                    through=vote.person.issuer,
                    answer=vote.answer.value,
                    reason=vote.reason,
                    time=vote.time,
                    grant=None if vote.grant is None else models.GrantForm.model_validate(grant(vote.grant)),
                    seen=vote.seen,
                )
                for vote in standing.votes
            ],
            "approvers": sorted(rule.approvers),
            "delegates": sorted(rule.delegates),
            "delegates_from": None if rule.delegate_after_s is None else hold.asked + rule.delegate_after_s,
            "grantable": None
            if grantable is None
            else models.Grantable(within_s=grantable.within_s, clear=grantable.clear),
            "facts": facts,
            "policy_version": subject.policy_version,
            "catalog_version": subject.catalog_version,
            "session": hold.session,
            "statement": hold.statement,
        }
    )


def _summary(standing: Standing, person: Identity, now: float) -> dict[str, object]:
    hold = standing.hold
    # A reason is given with the answer; whether one could be given at all is asked here.
    why = objection(standing, person, "a reason", now)
    settled = standing.status in (Status.APPROVED, Status.REFUSED) and standing.votes
    return {
        "id": hold.id,
        "status": standing.status.value,
        "database": hold.subject.database,
        "environment": hold.environment,
        "requester": who(hold.requester),
        "sql": hold.sql[:MAX_SUMMARY_CHARACTERS],
        "sql_is_cut": len(hold.sql) > MAX_SUMMARY_CHARACTERS,
        "effects": list(hold.effects),
        "rules": list(hold.rule.names),
        "tags": sorted({tag for o in hold.subject.objects for tag in o.tags}),
        "oddities": len(hold.oddities),
        "asked": hold.asked,
        "deadline": hold.deadline,
        "decided": standing.votes[-1].time if settled else None,
        "approvals": sum(vote.answer is Answer.APPROVE for vote in standing.votes),
        "quorum": hold.rule.quorum,
        "mine": own(standing, person),
        "objection": None if why is None else why.value,
    }
