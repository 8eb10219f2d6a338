"""What an approver may give for a time instead of one run: asked for, held against the policy, as a grant.

Never more than the held statement does, never longer than every rule that holds it allows, and only where one
person decides. Pure; the time is an argument.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from govproxy.approvals.values import Standing
from govproxy.identity.identity import Identity
from govproxy.policy.grants import Grant, Scope, ceiling
from govproxy.policy.rules import MayGrant
from govproxy.sql.values import Action


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantAsked:
    """What an approver wants to give. None in ``actions`` and ``tables``: all that the statement does."""

    until: float
    clear: bool = False
    columns: frozenset[str] = frozenset()
    actions: frozenset[str] | None = None
    tables: frozenset[str] | None = None


class NotGranted(ValueError):
    """Why it cannot be given; the text is for the approver."""


def granted(
    standing: Standing,
    asked: GrantAsked,
    *,
    by: Identity,
    reason: str,
    now: float,
    terms: Mapping[str, MayGrant | None],
) -> Grant:
    """The grant. ``terms``: of each hold of the policy in force, by name. Raises NotGranted."""
    hold = standing.hold
    most = ceiling(hold.rule.names, terms)
    if most is None:
        raise NotGranted("a rule that holds it lets nothing be granted (`may_grant`)")
    if hold.rule.quorum != 1:
        raise NotGranted("what several people must approve is approved for single runs only")
    if hold.nature is None or hold.nature.opaque:
        raise NotGranted("what it does is not understood well enough")
    if not now < asked.until <= now + most.within_s:
        raise NotGranted(f"it may be given for {most.within_s} seconds at most")
    if asked.clear and not most.clear:
        raise NotGranted("its columns may be given masked only")
    scope = tuple(_scope(standing, asked))
    if not scope:
        raise NotGranted("it touches no table in that way")
    requester = hold.requester
    return Grant(
        id=hold.id,
        user=requester.user,
        agent=requester.agent,
        issuer=requester.issuer,
        database=hold.subject.database,
        scope=scope,
        lifts=frozenset(hold.rule.names),
        clear=asked.clear,
        columns=asked.columns,
        since=now,
        until=asked.until,
        hold=hold.id,
        by=by.user,
        reason=reason,
    )


def _scope(standing: Standing, asked: GrantAsked) -> list[Scope]:
    nature = standing.hold.nature
    targets = nature.targets if nature is not None else ()
    actions = sorted({action for action, _, _, _ in targets if asked.actions is None or action in asked.actions})
    found = []
    for action in actions:
        direct = tuple(
            (oid, name)
            for what, oid, name, via in targets
            if what == action and not via and (asked.tables is None or name in asked.tables)
        )
        names = {name for _, name in direct}
        through = frozenset(oid for what, oid, _, via in targets if what == action and via in names)
        if direct:
            found.append(Scope(action=Action(action), relations=direct, through=through))
    return found
