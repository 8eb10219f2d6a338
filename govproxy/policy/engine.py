"""The decision: ``decide(request, policy, classification, catalog) -> Decision``, pure.

For each effect: a matching deny that is not lifted wins, then hold, then allow; no match is a deny.
The statement gets the worst over its effects, the text the worst over its statements. The order of
rules never matters. An agent gets the worse of what its session and what its human would get.
No I/O, no clock: time is in the request.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from govproxy.errors import Reason
from govproxy.identity.identity import Identity
from govproxy.masking.values import Classification
from govproxy.policy import expressions, sizes
from govproxy.policy.attributes import ROWS, Attributes, estimated_rows, is_exact
from govproxy.policy.columns import column_right, sees_everything
from govproxy.policy.guards import Guard
from govproxy.policy.limits import refusal as limits_refusal
from govproxy.policy.matching import Reading, object_matches, tags_match, who_matches
from govproxy.policy.rules import ANY, NO_COMMON_APPROVER, Mode, Policy, Rule
from govproxy.policy.standing import Standing, reading_of, standing_of
from govproxy.policy.touched import Ground, chain, touched_by_effect, touched_columns
from govproxy.policy.values import Decision, HoldTerms, Refusal, Request, Verb
from govproxy.policy.wording import refused_by, subject
from govproxy.sql.catalog import Catalog, ColumnRef
from govproxy.sql.values import Action, Effect, StatementFacts

__all__ = ["column_right", "decide", "sees_everything"]

_RANK = {Verb.ALLOW: 0, Verb.HOLD: 1, Verb.DENY: 2}


def decide(request: Request, policy: Policy, classification: Classification, catalog: Catalog) -> Decision:
    """Judge everything a text does. Never raises for what a statement or a rule says."""
    standing = standing_of(request.identity, request.database, request.environment, policy)
    guard = Guard(rights=standing.rights(classification, catalog), clear=standing.clear)
    outcome = _Outcome()
    if (refusal := guard.copy_refusal(request.analysis)) is not None:
        outcome.refuse(refusal)
    for statement in request.analysis.statements:
        scope = _Scope(request, standing, guard.ground, statement)
        for facts in _judged(statement):
            for effect in facts.effects:
                for view in range(len(standing.views)):
                    scope.judge(effect, facts, view, outcome)
            if (refusal := guard.refusal(facts)) is not None:
                outcome.refuse(refusal)
    if (limited := limits_refusal(standing.limits, request.analysis)) is not None:
        outcome.refuse(limited)
    return outcome.decision(clear=standing.clear, version=policy.version)


def _judged(statement: StatementFacts) -> Iterator[StatementFacts]:
    """The statement and what it holds inside, unless it only shows the plan of that."""
    for facts in chain(statement):
        yield facts
        if any(e.action is Action.EXPLAIN and e.facts.get("analyze") is False for e in facts.effects):
            return


@dataclass(slots=True)
class _Outcome:
    """The worst so far, and who said what."""

    verb: Verb = Verb.ALLOW
    rules: dict[Verb, set[str]] = field(default_factory=lambda: {verb: set() for verb in Verb})
    shadow: set[str] = field(default_factory=set)
    refusal: Refusal | None = None
    approvers: frozenset[str] | None = None
    terms: HoldTerms | None = None
    held: str = ""
    varies: bool = False
    asked: int = 0  # conditions on how many rows an effect touches, of which only a bound was known
    firm: bool = False  # refused whatever that figure is
    ends: bool = False
    counted: dict[str, set[tuple[int, int]]] = field(default_factory=dict)  # by a rule's burst: which effects

    def refuse(self, refusal: Refusal, *, firm: bool = True) -> None:
        self.verb = Verb.DENY
        self.firm |= firm
        self.rules[Verb.DENY].add(refusal.rule)
        self.refusal = self.refusal or refusal

    def hold(self, rules: list[Rule], what: str) -> None:
        self.verb = max(self.verb, Verb.HOLD, key=_RANK.__getitem__)
        for rule in rules:
            self.rules[Verb.HOLD].add(rule.name)
            self.approvers = rule.approvers if self.approvers is None else self.approvers & rule.approvers
            self.terms = rule.terms if self.terms is None else self.terms.and_(rule.terms)
        self.held = self.held or what

    def decision(self, *, clear: bool, version: str) -> Decision:
        if self.verb is Verb.HOLD and not self.approvers:
            # Nobody may approve all of it: waiting would be for nothing.
            self.refuse(
                Refusal(
                    rule=NO_COMMON_APPROVER,
                    reason=Reason.NO_COMMON_APPROVER,
                    object="",
                    message=f"{self.held} needs approvals that nobody can give together (rule {NO_COMMON_APPROVER})",
                    hint=f"Rules {', '.join(sorted(self.rules[Verb.HOLD]))} name no approver in common.",
                ),
                firm=False,
            )
        return Decision(
            verb=self.verb,
            rules=tuple(sorted(self.rules[self.verb])),
            shadow=tuple(sorted(self.shadow)),
            refusal=self.refusal if self.verb is Verb.DENY else None,
            approvers=(self.approvers or frozenset()) if self.verb is Verb.HOLD else frozenset(),
            terms=self.terms if self.verb is Verb.HOLD else None,
            clear=clear,
            policy_version=version,
            varies=self.varies,
            counts=tuple(sorted((name, len(effects)) for name, effects in self.counted.items())),
            asks_rows=self.asked > 0 and not self.firm,
            ends_session=self.verb is Verb.DENY and self.ends,
        )


class _Scope:
    """One statement under judgement, with what conditions may ask about it."""

    def __init__(self, request: Request, standing: Standing, ground: Ground, statement: StatementFacts) -> None:
        self.request = request
        self.standing = standing
        self.ground = ground
        self.statement = statement

    @cached_property
    def columns(self) -> frozenset[ColumnRef]:
        return touched_columns(self.statement, self.ground)

    def judge(self, effect: Effect, facts: StatementFacts, view: int, outcome: _Outcome) -> None:
        """Judge one effect for one of the identities that must all be entitled, into ``outcome``."""
        identity = self.standing.views[view]
        matched: list[Rule] = []
        asked = outcome.asked
        for rule in self.standing.rules(effect.action, view, anything=effect.anything):
            if self._matches(rule, effect, facts, identity, outcome):
                if rule.mode is Mode.SHADOW:
                    outcome.shadow.add(rule.name)
                else:
                    matched.append(rule)
        if len(matched) == 1 and matched[0].effect is Verb.ALLOW:
            outcome.rules[Verb.ALLOW].add(matched[0].name)  # what almost every effect comes to
            return
        standing = _not_lifted(matched, identity)
        denies = sorted((r for r in standing if r.effect is Verb.DENY), key=_importance)
        holds = [r for r in standing if r.effect is Verb.HOLD]
        allows = [r for r in standing if r.effect is Verb.ALLOW]
        if denies:
            outcome.rules[Verb.DENY].update(rule.name for rule in denies)
            outcome.ends |= any(rule.end_session for rule in denies)
            outcome.refuse(self._refused(denies[0], effect, facts), firm=asked == outcome.asked)
        elif holds:
            outcome.hold(holds, subject(effect, facts))
        elif allows or "via" in effect.facts:
            # An effect `via` a view or a partition is there for restrictions: what was named is judged itself.
            outcome.rules[Verb.ALLOW].update(rule.name for rule in allows)
        else:
            outcome.refuse(self._refused(None, effect, facts), firm=asked == outcome.asked)

    def _refused(self, rule: Rule | None, effect: Effect, facts: StatementFacts) -> Refusal:
        return refused_by(rule, effect, facts, self.ground.catalog, self.request.now)

    def _matches(
        self, rule: Rule, effect: Effect, facts: StatementFacts, identity: Identity, outcome: _Outcome
    ) -> bool:
        reading = reading_of(rule)
        opaque = facts.opaque or effect.action is Action.UNKNOWN
        if not object_matches(rule.on, effect, self.ground.catalog, opaque=opaque, reading=reading):
            return False
        if rule.on.tags and not tags_match(rule.on.tags, self._tags(effect, reading), reading):
            return False
        if rule.when and not self._condition(rule, effect, identity, outcome):
            return False
        return self._in_time(rule, outcome) and self._beyond(rule, effect, facts, outcome)

    def _in_time(self, rule: Rule, outcome: _Outcome) -> bool:
        if not rule.during:
            return True
        outcome.varies = True
        return any(window.is_open(self.request.now) for window in rule.during)

    def _beyond(self, rule: Rule, effect: Effect, facts: StatementFacts, outcome: _Outcome) -> bool:
        """Whether what the rule counts is beyond its burst with this effect."""
        if rule.burst is None:
            return True
        if effect.facts.get("by") == "cascade":
            return False  # what goes with something else is counted with that
        outcome.varies = True
        seen = outcome.counted.setdefault(rule.name, set())
        seen.add((id(facts), id(effect)))  # once, though an agent's effects are judged for its human as well
        return self.request.counted.get(rule.name, 0) + len(seen) > rule.burst.count

    def _tags(self, effect: Effect, reading: Reading) -> Iterator[frozenset[str]]:
        touched = touched_by_effect(effect, self.columns, self.ground)
        if touched is None:
            # Without a known relation: what the whole statement touches, as far as that restricts.
            touched = tuple(self.columns) if reading is Reading.RESTRICT else ()
        for column in touched:
            found = self.ground.class_of(column)
            yield frozenset() if found is None else found.sensitive.tags

    def _condition(self, rule: Rule, effect: Effect, identity: Identity, outcome: _Outcome) -> bool:
        compiled = expressions.compile(rule.when)
        outcome.varies |= compiled.varies
        guesses = [estimated_rows(effect, self.ground)]
        if ROWS in compiled.attributes:
            outcome.asked += not is_exact(effect)
            if guesses[0] == expressions.UNKNOWN_ROWS:
                guesses.append(expressions.MANY_ROWS)
        unknowns = [expressions.UNKNOWN_ROWS]
        if not sizes.ATTRIBUTES.isdisjoint(compiled.attributes):
            unknowns.append(expressions.MANY_ROWS)
        answers = [
            expressions.holds(
                rule.when,
                Attributes(
                    request=self.request,
                    ground=self.ground,
                    statement=self.statement,
                    touched=lambda: self.columns,
                    effect=effect,
                    identity=identity,
                    rows=rows,
                    unknown=unknown,
                ).value,
            )
            for rows in guesses
            for unknown in unknowns
        ]
        # An error (None), and one of two possible row counts, count as a match only where that restricts.
        if rule.effect is Verb.ALLOW:
            return all(answer is True for answer in answers)
        return any(answer is not False for answer in answers)


def _not_lifted(matched: list[Rule], identity: Identity) -> list[Rule]:
    """Allow rules lift deny and hold rules they override, hold rules lift deny rules and, named, the pack's holds."""
    standing: list[Rule] = []
    for rule in matched:
        lifted = any(
            _RANK[lifter.effect] < _RANK[rule.effect] and (ANY in lifter.overrides or rule.name in lifter.overrides)
            for lifter in matched
            if lifter.overrides and who_matches(lifter.who, identity, Reading.GRANT)
        )
        if not lifted:
            standing.append(rule)
    # A hold stands for one of the pack's only where it is not lifted itself. The pack's override nothing, so
    # no two can lift each other.
    stood_for = {
        name
        for rule in standing
        if rule.effect is Verb.HOLD and who_matches(rule.who, identity, Reading.GRANT)
        for name in rule.overrides
    }
    return [rule for rule in standing if rule.effect is not Verb.HOLD or rule.name not in stood_for]


def _importance(rule: Rule) -> tuple[bool, bool, str]:
    """Which of several denials speaks: one that time does not lift, with a hint of its own, then by name."""
    return (rule.freeze or rule.burst is not None, not rule.hint, rule.name)
