"""A summary of ledger events: who did what, what was refused, what was masked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from govproxy.audit.read import Entry


@dataclass(slots=True, kw_only=True)
class PersonReport:
    """One user, or one agent acting for one."""

    user: str
    agent: str | None
    statements: int = 0
    decisions: Counter[str] = field(default_factory=Counter)
    rows: int = 0
    masked_values: int = 0
    errors: int = 0


@dataclass(slots=True, kw_only=True)
class AuditReport:
    """Totals. ``open_statements`` have no outcome (yet): they may or may not have run."""

    first: str = ""
    last: str = ""
    events: Counter[str] = field(default_factory=Counter)
    people: dict[tuple[str, str | None], PersonReport] = field(default_factory=dict)
    rules: Counter[str] = field(default_factory=Counter)
    denied_by: Counter[str] = field(default_factory=Counter)
    tables: Counter[str] = field(default_factory=Counter)
    auth_failures: Counter[str] = field(default_factory=Counter)
    open_statements: int = 0

    def as_json(self) -> dict[str, object]:
        """For ``--json``."""
        return {
            "first": self.first,
            "last": self.last,
            "events": dict(self.events),
            "people": [
                {
                    "user": person.user,
                    "agent": person.agent,
                    "statements": person.statements,
                    "decisions": dict(person.decisions),
                    "rows": person.rows,
                    "masked_values": person.masked_values,
                    "errors": person.errors,
                }
                for person in sorted(self.people.values(), key=lambda p: -p.statements)
            ],
            "rules": dict(self.rules.most_common()),
            "denied_by": dict(self.denied_by.most_common()),
            "tables": dict(self.tables.most_common()),
            "auth_failures": dict(self.auth_failures.most_common()),
            "open_statements": self.open_statements,
        }


def report(entries: Iterable[Entry]) -> AuditReport:
    """Counts over entries in the order of time. Memory grows with people and open statements only."""
    made = AuditReport()
    running: dict[object, PersonReport] = {}
    for entry in entries:
        made.events[entry.kind] += 1
        made.first = made.first or entry.time
        made.last = entry.time or made.last
        event = entry.event
        match entry.kind:
            case "statement":
                user, agent = str(event.get("user", "")), event.get("agent")
                key = (user, agent if isinstance(agent, str) else None)
                person = made.people.setdefault(key, PersonReport(user=user, agent=key[1]))
                person.statements += 1
                decision = str(event.get("decision", ""))
                person.decisions[decision] += 1
                rules = _texts(event.get("rules"))
                made.rules.update(rules)
                made.tables.update(_texts(event.get("tables")))
                if decision == "deny":
                    made.denied_by.update(rules)
                running[event.get("id")] = person
            case "outcome":
                if (owner := running.pop(event.get("id"), None)) is not None:
                    owner.rows += _number(event.get("rows"))
                    owner.masked_values += _number(event.get("masked_values"))
                    owner.errors += event.get("status") == "error"
            case "auth_failure":
                made.auth_failures[str(event.get("reason", ""))] += 1
            case _:
                pass  # counted above
    made.open_statements = len(running)
    return made


def _texts(value: object) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0
