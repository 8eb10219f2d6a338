"""``govproxy policy diff``: what another policy changes, rule by rule and decision by decision.

Decisions are asked for a matrix: everyone the two policies name, every action, on tables of every kind
they name. It shows what changes for these and proves nothing about statements beyond; a file of cases
may be compared as well.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from govproxy.cli.output import print_json
from govproxy.cli.policies.cases import World, shown
from govproxy.cli.policies.foretell import Foretold, foretell
from govproxy.cli.policies.form import load_cases
from govproxy.identity.identity import Identity
from govproxy.masking import taxonomy
from govproxy.masking.values import Classification, ColumnClass
from govproxy.policy.columns import column_right
from govproxy.policy.engine import decide
from govproxy.policy.loader import load_policy
from govproxy.policy.rules import ApprovalRule, ColumnRule, Policy, Rule
from govproxy.policy.values import Request, Verb
from govproxy.session.nature import nature_of
from govproxy.session.snapshot import DatabaseSnapshot
from govproxy.sql.catalog import Catalog, Column, Relation, RelationKind
from govproxy.sql.values import Action, Analysis, Effect, StatementFacts

MOMENT = datetime(2026, 1, 14, 12, 0, tzinfo=UTC).timestamp()  # a Wednesday at noon
FIRST_OID = 20_000
_ROWS = frozenset({Action.UPDATE, Action.DELETE})
_WHERES = ("by_key", "effective", "missing")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One answer that differs. ``subject`` is an action and its object, or a tag."""

    who: str
    environment: str
    subject: str
    old: str
    new: str


def run(old: Path, new: Path, *, cases: Path | None, as_json: bool) -> None:
    """Print the differences. Exit status 0 in any case: a difference is no mistake."""
    one, other = load_policy(old), load_policy(new)
    rules = rule_changes(one, other)
    decisions = list(decision_changes(one, other))
    by_case = list(case_changes(cases, one, other)) if cases else []
    if as_json:
        print_json(
            {
                "old_version": one.version,
                "new_version": other.version,
                "rules": rules,
                "decisions": [dataclasses.asdict(change) for change in decisions],
                "cases": by_case,
            }
        )
        return
    for kind in ("added", "removed", "changed"):
        for name in rules[kind]:
            sys.stdout.write(f"rule {kind}: {name}\n")
    for change in decisions:
        sys.stdout.write(f"{change.who} in {change.environment}: {change.subject}: {change.old} -> {change.new}\n")
    for case in by_case:
        sys.stdout.write(f"{case['file']}:{case['line']}: {case['old']} -> {case['new']}: {case['sql']}\n")
    if not (any(rules.values()) or decisions or by_case):
        sys.stdout.write("no difference\n")


def rule_changes(old: Policy, new: Policy) -> dict[str, list[str]]:
    """Names of rules added, removed and changed; `classify` and the loop breaker by these words."""
    before, after = _named(old), _named(new)
    changed = [name for name in before.keys() & after.keys() if before[name] != after[name]]
    for word in ("classify", "loop_breaker"):
        if getattr(old, word) != getattr(new, word):
            changed.append(word)
    return {
        "added": sorted(after.keys() - before.keys()),
        "removed": sorted(before.keys() - after.keys()),
        "changed": sorted(changed),
    }


def _named(policy: Policy) -> dict[str, Rule | ColumnRule | ApprovalRule]:
    rules: list[Rule | ColumnRule | ApprovalRule] = [*policy.rules, *policy.columns, *policy.approvals]
    return {rule.name: rule for rule in rules}


def decision_changes(old: Policy, new: Policy) -> Iterator[Change]:
    """Every entry of the matrix that the two answer otherwise."""
    matrix = _Matrix(old, new)
    for who, identity in matrix.people():
        for environment in matrix.environments:
            for subject, facts in matrix.statements():
                answers = [matrix.answer(policy, identity, environment, facts) for policy in (old, new)]
                if answers[0] != answers[1]:
                    yield Change(who=who, environment=environment, subject=subject, old=answers[0], new=answers[1])
            for tag in sorted(matrix.tags):
                rights = [matrix.right(policy, identity, environment, tag) for policy in (old, new)]
                if rights[0] != rights[1]:
                    subject = f"columns tagged {tag}"
                    yield Change(who=who, environment=environment, subject=subject, old=rights[0], new=rights[1])


def case_changes(file: Path, old: Policy, new: Policy) -> Iterator[dict[str, Any]]:
    """Cases of a file that the two answer otherwise, masks included."""
    cases = load_cases(file)
    worlds = [World(cases, policy) for policy in (old, new)]
    for case in cases.cases:
        answers = [world.answer(case) for world in worlds]
        written = [
            f"{answer.verb.value} {', '.join(f'{output.name}={shown(output)}' for output in answer.outputs)}".rstrip()
            if answer.verb is Verb.ALLOW
            else held(answer.verb, answer.then)
            for answer in answers
        ]
        if written[0] != written[1]:
            yield {
                "file": str(file),
                "line": case.line,
                "as": case.who,
                "sql": case.sql,
                "old": written[0],
                "new": written[1],
            }


def held(verb: Verb, then: Foretold | None) -> str:
    """A decision in a word, of a hold with what becomes of it."""
    return verb.value if then is None else f"{verb.value}, {then.words}"


class _Matrix:
    """Everyone and everything that either policy names."""

    def __init__(self, old: Policy, new: Policy) -> None:
        rules: list[Rule | ColumnRule] = [*old.rules, *old.columns, *new.rules, *new.columns]
        deciding: list[Rule | ColumnRule | ApprovalRule] = [*rules, *old.approvals, *new.approvals]
        self.groups = sorted({group for rule in deciding for who in rule.who for group in who.groups})
        self.users = sorted({user for rule in deciding for who in rule.who for user in who.users})
        self.agents = sorted({agent for rule in deciding for who in rule.who for agent in who.agents}) or ["an agent"]
        named = {place for rule in deciding for place in rule.on.environments if not set(place) & set("*?[")}
        self.environments = sorted(named | {"production"})
        self.tags = {tag for rule in rules for tag in rule.on.tags if tag in taxonomy.TAGS} | {"PII", "SPII"}
        tables = {pattern.replace("*", "x").replace("?", "x") for rule in rules for pattern in rule.on.tables}
        self.tables = sorted(tables | {"public.a_table"})
        relations = [_relation(FIRST_OID + at, name) for at, name in enumerate(self.tables)]
        self.catalog = Catalog.build(database="diff", version="1", server_version=150000, relations=relations)
        self.classification = Classification(
            database="diff", catalog_version="1", known={relation.oid: frozenset({1}) for relation in relations}
        )

    def people(self) -> Iterator[tuple[str, Identity]]:
        humans = [("anybody", Identity(user="anybody"))]
        humans += [(f"group {name}", Identity(user="anybody", groups=frozenset({name}))) for name in self.groups]
        humans += [(f"user {name}", Identity(user=name)) for name in self.users]
        for label, human in humans:
            yield label, human
            for agent in self.agents:
                yield f"{agent} for {label}", dataclasses.replace(human, agent=agent, on_behalf_of=human.user)

    def statements(self) -> Iterator[tuple[str, StatementFacts]]:
        for at, table in enumerate(self.tables):
            schema, _, name = table.partition(".")
            for action in Action:
                for where in _WHERES if action in _ROWS else ("",):
                    effect = Effect(
                        action=action,
                        kind="table",
                        schema=schema,
                        name=name,
                        relation=FIRST_OID + at,
                        facts={"where": where} if where else {},
                    )
                    label = f"{action.value} {table}" + (f" (where: {where})" if where else "")
                    yield label, StatementFacts(tag=action.value.upper(), effects=(effect,))

    def answer(self, policy: Policy, identity: Identity, environment: str, facts: StatementFacts) -> str:
        request = Request(
            identity=identity,
            database="diff",
            environment=environment,
            analysis=Analysis(statements=(facts,), redacted_sql="", digest=""),
            now=MOMENT,
        )
        decision = decide(request, policy, self.classification, self.catalog)
        if decision.verb is not Verb.HOLD:
            return decision.verb.value
        snapshot = DatabaseSnapshot(
            name="diff", environment=environment, catalog=self.catalog, classification=self.classification
        )
        nature = nature_of("", request.analysis, snapshot)
        return held(decision.verb, foretell(request, decision, policy, nature))

    def right(self, policy: Policy, identity: Identity, environment: str, tag: str) -> str:
        found = taxonomy.class_for(tag)
        if found is None:
            raise AssertionError(tag)
        column = ColumnClass(sensitive=found, confidence=1.0, reason="asked")
        right = column_right(identity, "diff", environment, column, None, "", policy)
        masker = f" by {right.masker.value}" if right.masker else ""
        return f"see {right.see.value}{masker}, compare {right.compare.value}"


def _relation(oid: int, name: str) -> Relation:
    schema, _, bare = name.partition(".")
    column = Column(name="id", attnum=1, type_oid=23, base_type_oid=23, typmod=-1)
    return Relation(oid=oid, schema=schema, name=bare, kind=RelationKind.TABLE, columns=(column,), primary_key=(1,))
