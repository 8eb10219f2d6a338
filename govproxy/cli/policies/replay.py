"""``govproxy policy replay``: what a draft would have decided of the statements in the ledger.

The ledger has no statement's literals, but it has the effects the gate found, and these are what rules
judge: they are judged again by the policy in force and by the draft, at the time and for the identity they
had. What needs more than was recorded (columns' classes and rights, sizes of tables, bursts) is not
guessed but counted as not judged.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from govproxy.audit.read import read_all
from govproxy.audit.search import moment
from govproxy.cli.output import print_json
from govproxy.cli.policies.compare import held
from govproxy.cli.policies.foretell import foretell
from govproxy.config.loader import load
from govproxy.identity.identity import Identity
from govproxy.masking.values import Classification
from govproxy.policy import expressions
from govproxy.policy.automatic import HELD
from govproxy.policy.engine import decide
from govproxy.policy.loader import load_policy
from govproxy.policy.rules import DEFAULT_DENY, RESERVED_NAMES, Policy, Rule
from govproxy.policy.values import Decision, Request, Verb
from govproxy.session.nature import nature_of
from govproxy.session.snapshot import DatabaseSnapshot
from govproxy.sql.catalog import Catalog, Relation, RelationKind
from govproxy.sql.values import Action, Analysis, Effect, StatementFacts

FIRST_OID = 20_000
# Attributes that the ledger does not hold, or not as they were.
NOT_RECORDED = frozenset(
    {
        "statement.statements",
        "statement.tags",
        "statement.sensitivity",
        "statement.estimated_rows",
        "statement.table_size",
        "statement.table_rows",
        "effect.table_size",
        "effect.table_rows",
        "statement.opaque",
        "statement.functions",
        "effect.columns",
        "session.denials",
    }
)
# The same of what rules under `approvals` may read; tickets, earlier approvals and the risk are not recorded either.
NOT_RECORDED_OF_HELD = frozenset(
    {
        "statement.tags",
        "statement.sensitivity",
        "statement.functions",
        "statement.opaque",
        "statement.estimated_rows",
        "statement.actual_rows",
        "hold.risk",
        "hold.oddities",
    }
)
_ACTIONS = {action.value: action for action in Action}
_RELATIONS = frozenset({"", "table", "view", "materialized_view", "foreign_table"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Statements that the draft decides otherwise, alike in everything named here."""

    who: str
    old: str
    new: str
    rules: tuple[str, ...]
    effects: str


@dataclass(slots=True, kw_only=True)
class Replayed:
    """What came of it. ``examples`` is one statement for each difference: its id and redacted SQL."""

    statements: int = 0
    judged: int = 0
    not_judged: Counter[str] = field(default_factory=Counter)
    differences: Counter[Difference] = field(default_factory=Counter)
    examples: dict[Difference, dict[str, str]] = field(default_factory=dict)


def run(config: Path, draft: Path, *, since: str, as_json: bool) -> None:
    """Judge the ledger of ``config`` from ``since`` on by ``draft``; print what differs."""
    settings = load(config)
    current, other = load_policy(settings.policy), load_policy(draft)
    environments = {name: database.environment for name, database in settings.databases.items()}
    begin = moment(since, datetime.now(UTC))
    entries = read_all(settings.audit.directory, since=begin)
    events = (entry.event for entry in entries if entry.kind == "statement" and entry.time >= begin)
    found = replay(events, current, other, environments)
    if as_json:
        print_json(_as_dict(found, current, other))
    else:
        _print(found)


def replay(
    events: Iterator[Mapping[str, Any]], current: Policy, draft: Policy, environments: Mapping[str, str]
) -> Replayed:
    """Every statement by both policies. ``events`` are whole statement events of the ledger."""
    found = Replayed()
    unsure = _unsure_rules(current, draft)
    for event in events:
        found.statements += 1
        try:
            request, world = _asked(event, environments)
        except (KeyError, TypeError, ValueError):
            found.not_judged["the event is not as this version writes it"] += 1
            continue
        if reason := _why_not(event, request, unsure):
            found.not_judged[reason] += 1
            continue
        classification = Classification(
            database=request.database, catalog_version="", known={oid: frozenset() for oid in world.relations}
        )
        old, new = (decide(request, policy, classification, world) for policy in (current, draft))
        answers = [old.verb.value, new.verb.value]
        if old.verb is new.verb is Verb.HOLD and current.approvals != draft.approvals:
            if reason := _why_not_decided(current, draft):
                found.not_judged[reason] += 1
                continue
            answers = [
                _decided(request, decision, policy, world, classification)
                for decision, policy in ((old, current), (new, draft))
            ]
        found.judged += 1
        if answers[0] == answers[1]:
            continue
        difference = Difference(
            who=request.identity.label,
            old=answers[0],
            new=answers[1],
            rules=new.rules,
            effects=", ".join(sorted({f"{e.action.value} {e.object}".strip() for e in _effects(request)})),
        )
        found.differences[difference] += 1
        found.examples.setdefault(difference, {"id": str(event.get("id", "")), "sql": str(event.get("sql", ""))})
    return found


def _asked(event: Mapping[str, Any], environments: Mapping[str, str]) -> tuple[Request, Catalog]:
    """The request as it was, and a catalog of the names in it."""
    names = {str(item["object"]) for item in event["effects"] if item.get("object") and "." in str(item["object"])}
    oids = {name: FIRST_OID + at for at, name in enumerate(sorted(names))}
    effects = tuple(_effect(item, oids) for item in event["effects"])
    relations = [
        Relation(oid=oid, schema=name.split(".", 1)[0], name=name.split(".", 1)[1], kind=RelationKind.TABLE, columns=())
        for name, oid in oids.items()
    ]
    database = str(event["database"])
    agent = event.get("agent")
    identity = Identity(
        user=str(event["user"]),
        groups=frozenset(map(str, event.get("groups", ()))),
        agent=agent,
        on_behalf_of=event.get("on_behalf_of"),
    )
    request = Request(
        identity=identity,
        database=database,
        environment=environments[database],
        analysis=Analysis(statements=(StatementFacts(tag="", effects=effects),), redacted_sql="", digest=""),
        now=datetime.fromisoformat(str(event["time"])).timestamp(),
        application=str(event.get("application", "")),
        client_address=str(event.get("client", "")),
    )
    return request, Catalog.build(database=database, version="", server_version=150000, relations=relations)


def _effect(item: Mapping[str, Any], oids: Mapping[str, int]) -> Effect:
    written, kind = str(item.get("object", "")), str(item.get("kind", ""))
    schema, _, name = written.rpartition(".")
    return Effect(
        action=_ACTIONS[item["action"]],
        kind=kind,
        schema=schema,
        name=name,
        relation=oids.get(written) if kind in _RELATIONS else None,
        temporary=bool(item.get("temporary", False)),
        facts=dict(item.get("facts", {})),
    )


def _effects(request: Request) -> Iterator[Effect]:
    for statement in request.analysis.statements:
        yield from statement.effects


def _unsure_rules(current: Policy, draft: Policy) -> tuple[Rule, ...]:
    """Rules that differ between the two and ask what the ledger cannot answer."""
    before = {rule.name: rule for rule in current.rules}
    after = {rule.name: rule for rule in draft.rules}
    changed = [rule for name, rule in (before | after).items() if before.get(name) != after.get(name)]
    return tuple(
        rule
        for rule in changed
        if rule.on.tags
        or rule.burst is not None
        or (rule.when and not expressions.compile(rule.when).attributes.isdisjoint(NOT_RECORDED))
    )


def _why_not(event: Mapping[str, Any], request: Request, unsure: tuple[Rule, ...]) -> str:
    if set(event.get("rules", ())) & (RESERVED_NAMES - {DEFAULT_DENY}):
        return "it was refused for the sake of a column's rights, which need its lineage"
    actions = {effect.action for effect in _effects(request)}
    for rule in unsure:
        if rule.does & actions:
            return f"rule {rule.name} asks what the ledger does not hold"
    return ""


def _why_not_decided(current: Policy, draft: Policy) -> str:
    """Why it cannot be told what the rules under `approvals` would have said to a held statement; '' where it can."""
    for rule in (*current.approvals, *draft.approvals):
        asked = expressions.compile(rule.when, HELD).attributes if rule.when else frozenset()
        if rule.ticket or rule.precedent or rule.risk is not None or asked & NOT_RECORDED_OF_HELD:
            return f"rule {rule.name} asks what the ledger does not hold"
    return ""


def _decided(
    request: Request, decision: Decision, policy: Policy, world: Catalog, classification: Classification
) -> str:
    snapshot = DatabaseSnapshot(
        name=request.database, environment=request.environment, catalog=world, classification=classification
    )
    return held(decision.verb, foretell(request, decision, policy, nature_of("", request.analysis, snapshot)))


def _as_dict(found: Replayed, current: Policy, draft: Policy) -> dict[str, Any]:
    return {
        "policy_version": current.version,
        "draft_version": draft.version,
        "statements": found.statements,
        "judged": found.judged,
        "not_judged": dict(found.not_judged),
        "differences": [
            {
                "who": difference.who,
                "old": difference.old,
                "new": difference.new,
                "rules": list(difference.rules),
                "effects": difference.effects,
                "count": count,
                "example": found.examples[difference],
            }
            for difference, count in found.differences.most_common()
        ],
    }


def _print(found: Replayed) -> None:
    for difference, count in found.differences.most_common():
        rules = f" ({', '.join(difference.rules)})" if difference.rules else ""
        sys.stdout.write(
            f"{count} x {difference.who}: {difference.old} -> {difference.new}{rules}: {difference.effects}\n"
        )
        example = found.examples[difference]
        sys.stdout.write(f"  as {example['id']}: {' '.join(example['sql'].split())[:120]}\n")
    changed = sum(found.differences.values())
    sys.stdout.write(f"{found.statements} statements, {found.judged} judged, {changed} decided otherwise\n")
    for reason, count in found.not_judged.most_common():
        sys.stdout.write(f"{count} not judged: {reason}\n")
