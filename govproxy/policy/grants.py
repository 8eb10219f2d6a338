"""Rights for a time, given by an approver in place of a single run: as values, and as rules while they last.

A grant lifts the holds it was given for and nothing else, on tables known by identity, for one person or
one agent of one person. What it comes to is worked out against the policy in force: where that has become
stricter, a grant is worth less. Pure; the time is an argument.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from govproxy.identity.identity import Identity
from govproxy.policy.rules import ColumnRule, MayGrant, On, Policy, Rule, Who
from govproxy.policy.values import See, Verb
from govproxy.sql.values import Action

PREFIX = "grant:"  # of the names under which grants stand beside rules; no rule of a file has a colon in its name
MAX_KEPT = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """One action and the relations, as (oid, schema.table), on which it is granted.

    ``through``: what is reached by naming one of them, such as the whole of which it is a partition. It is
    granted that way only.
    """

    action: Action
    relations: tuple[tuple[int, str], ...]
    through: frozenset[int] = frozenset()

    @property
    def oids(self) -> frozenset[int]:
        return frozenset(oid for oid, _ in self.relations)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """``scope``: what may be done on what.

    ``clear``: their columns are shown as they are, those of ``columns`` where any are named. ``lifts`` are the holds
    it was given for. Times are POSIX seconds. ``by``, ``reason`` and ``hold`` say where it comes from.
    """

    id: str
    user: str
    agent: str | None
    issuer: str | None
    database: str
    scope: tuple[Scope, ...]
    lifts: frozenset[str]
    clear: bool = False
    columns: frozenset[str] = frozenset()
    since: float
    until: float
    hold: str = ""
    by: str = ""
    reason: str = ""

    @property
    def name(self) -> str:
        """As the ledger names it among the rules."""
        return PREFIX + self.id

    @property
    def oids(self) -> frozenset[int]:
        """Of all relations that are named in it."""
        return frozenset[int]().union(*(scope.oids for scope in self.scope))

    def is_for(self, identity: Identity, database: str) -> bool:
        """Whether it was given to exactly this identity. Security: a person's is not their agent's, nor the
        other way round, nor one agent's another's."""
        return (self.user, self.agent, self.issuer, self.database) == (
            identity.user,
            identity.agent,
            identity.issuer,
            database,
        )

    def stands(self, now: float) -> bool:
        return self.since <= now < self.until


def live(grants: Iterable[Grant], identity: Identity, database: str, now: float) -> tuple[Grant, ...]:
    """Those of an identity that stand now."""
    return tuple(grant for grant in grants if grant.is_for(identity, database) and grant.stands(now))


_known: dict[tuple[int, tuple[Grant, ...]], tuple[Policy, Policy]] = {}


def with_grants(policy: Policy, grants: tuple[Grant, ...]) -> Policy:
    """``policy`` as it is for whoever these were given to, with the version it has without them.

    The same arguments give the same object, so that what was worked out from it can be found again.
    """
    if not grants:
        return policy
    key = (id(policy), grants)
    known = _known.get(key)
    if known is not None and known[0] is policy:
        return known[1]
    terms = grant_terms(policy)
    # Security: a hold that is gone, or a deny by now, or lets nothing be granted any more, makes a grant worth nothing.
    standing = [(grant, most) for grant in grants if (most := ceiling(grant.lifts, terms)) is not None]
    made = dataclasses.replace(
        policy,
        rules=policy.rules + tuple(rule for grant, _ in standing for rule in _rules(grant)),
        columns=policy.columns + tuple(_column_rule(grant) for grant, most in standing if grant.clear and most.clear),
    )
    if len(_known) >= MAX_KEPT:
        _known.clear()
    _known[key] = (policy, made)
    return made


def grant_terms(policy: Policy) -> dict[str, MayGrant | None]:
    """What each hold of a policy lets an approver grant."""
    return {rule.name: rule.may_grant for rule in policy.rules if rule.effect is Verb.HOLD}


def ceiling(names: Iterable[str], terms: Mapping[str, MayGrant | None]) -> MayGrant | None:
    """What all of these holds let an approver grant; None: nothing, or one of them is no hold any more."""
    found = [terms.get(name) for name in names]
    allowed = [one for one in found if one is not None]
    if not allowed or len(allowed) != len(found):
        return None
    return MayGrant(within_s=min(one.within_s for one in allowed), clear=all(one.clear for one in allowed))


def _rules(grant: Grant) -> Iterator[Rule]:
    for scope in grant.scope:
        yield Rule(
            name=grant.name,
            does=frozenset({scope.action}),
            effect=Verb.ALLOW,
            who=(_who(grant),),
            on=On(relations=scope.oids, through=scope.through),
            overrides=grant.lifts,
        )


def _column_rule(grant: Grant) -> ColumnRule:
    return ColumnRule(
        name=grant.name,
        who=(_who(grant),),
        on=On(relations=grant.oids, column_names=grant.columns),
        see=See.CLEAR,
    )


def _who(grant: Grant) -> Who:
    agents = frozenset({grant.agent}) if grant.agent is not None else frozenset[str]()
    return Who(users=frozenset({grant.user}), agents=agents)
