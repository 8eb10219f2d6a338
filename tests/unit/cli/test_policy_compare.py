"""``govproxy policy diff``, ``replay`` and ``schema``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from govproxy.cli.policies import compare, form_schema
from govproxy.cli.policies.replay import replay
from govproxy.policy.loader import load_policy
from govproxy.policy.rules import Policy

ROOT = Path(__file__).parents[3]
BASE = """\
rules:
  - {name: engineers-create, who: {groups: [engineering]}, does: [create], effect: allow}
"""
DRAFT = """\
rules:
  - {name: engineers-create, who: {groups: [engineering, data]}, does: [create], effect: allow}
  - {name: no-deletes-of-orders, does: [delete], on: {tables: [public.orders]}, effect: deny}
columns:
  - {name: support-sees-email, who: {groups: [support]}, on: {tags: [PII.email]}, see: clear}
"""


def _policy(folder: Path, text: str, name: str = "policy.yaml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_a_diff_names_rules_and_decisions(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old, new = _policy(tmp_path, BASE), _policy(tmp_path, DRAFT, "new.yaml")
    compare.run(old, new, cases=None, as_json=True)
    found = orjson.loads(capsys.readouterr().out)
    assert found["rules"] == {
        "added": ["no-deletes-of-orders", "support-sees-email"],
        "removed": [],
        "changed": ["engineers-create"],
    }
    changes = {(c["who"], c["subject"], c["old"], c["new"]) for c in found["decisions"]}
    assert ("group data", "create public.a_table", "deny", "allow") in changes
    assert ("anybody", "delete public.orders (where: by_key)", "allow", "deny") in changes
    assert not any(subject.startswith("delete public.a_table") for _, subject, _, _ in changes)
    assert (
        "group support",
        "columns tagged PII.email",
        "see masked, compare equality",
        "see clear, compare any",
    ) in changes
    assert not any(who == "an agent for group support" and "PII.email" in subject for who, subject, _, _ in changes)


def test_the_same_policy_has_no_difference(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = _policy(tmp_path, DRAFT)
    compare.run(path, path, cases=None, as_json=False)
    assert capsys.readouterr().out == "no difference\n"


def test_cases_are_compared_with_their_masks(tmp_path: Path) -> None:
    cases = _policy(
        tmp_path,
        "schema: CREATE TABLE people (id int PRIMARY KEY, email text)\n"
        "identities: {sam: {user: sam, groups: [support]}}\n"
        "cases:\n  - {as: sam, sql: [SELECT email FROM people, SELECT id FROM people], expect: allow}\n",
        "cases.yaml",
    )
    old, new = load_policy(_policy(tmp_path, BASE)), load_policy(_policy(tmp_path, DRAFT, "new.yaml"))
    (changed,) = compare.case_changes(cases, old, new)
    assert (changed["line"], changed["old"], changed["new"]) == (4, "allow email=partial", "allow email=clear")


def _event(number: int, effects: list[dict[str, Any]], **more: object) -> dict[str, Any]:
    return {
        "id": f"w0-1.{number}",
        "time": "2026-11-22T12:00:00.000000Z",
        "database": "shop",
        "user": "ana",
        "groups": ["engineering"],
        "agent": None,
        "on_behalf_of": None,
        "client": "",
        "application": "",
        "decision": "allow",
        "rules": [],
        "sql": f"statement {number}",
        "effects": effects,
        **more,
    }


def _delete(table: str) -> list[dict[str, Any]]:
    return [{"action": "delete", "object": table, "kind": "table", "facts": {"where": "by_key"}}]


def _replayed(events: list[dict[str, Any]], draft: Policy) -> Any:
    def each() -> Iterator[dict[str, Any]]:
        yield from events

    return replay(each(), load_policy(None), draft, {"shop": "production"})


def test_a_replay_counts_what_a_draft_decides_otherwise(tmp_path: Path) -> None:
    draft = load_policy(_policy(tmp_path, DRAFT))
    events = [_event(number, _delete("public.orders")) for number in range(3)]
    events += [_event(3, _delete("public.products"))]
    events += [_event(4, [{"action": "create", "kind": "table", "object": "public.new"}])]
    events += [_event(5, [{"action": "drop", "kind": "table", "object": "public.x", "temporary": True}])]
    found = _replayed(events, draft)
    assert (found.statements, found.judged) == (6, 6)
    summary = {(d.who, d.old, d.new, d.effects): count for d, count in found.differences.items()}
    assert summary == {
        ("ana", "allow", "deny", "delete public.orders"): 3,
        ("ana", "deny", "allow", "create public.new"): 1,
    }
    assert {example["sql"] for example in found.examples.values()} == {"statement 0", "statement 4"}


def test_what_the_ledger_cannot_answer_is_not_guessed(tmp_path: Path) -> None:
    draft = load_policy(
        _policy(
            tmp_path,
            "rules:\n"
            "  - {name: no-pii, does: [select], on: {tags: [PII]}, effect: deny}\n"
            "  - {name: few, does: [delete], when: statement.estimated_rows > 10, effect: deny}\n",
        )
    )
    select = [{"action": "select", "object": "public.orders", "kind": "table"}]
    events = [
        _event(0, select),
        _event(1, _delete("public.orders")),
        _event(2, [{"action": "insert", "object": "public.orders", "kind": "table"}]),
        _event(3, select, decision="deny", rules=["compare-right"]),
        _event(4, [{"action": "of another version"}]),
        _event(5, select, database="gone"),
    ]
    found = _replayed(events, draft)
    assert found.judged == 1
    assert dict(found.not_judged) == {
        "rule no-pii asks what the ledger does not hold": 1,
        "rule few asks what the ledger does not hold": 1,
        "it was refused for the sake of a column's rights, which need its lineage": 1,
        "the event is not as this version writes it": 2,
    }


HOLDS = """\
rules:
  - {name: deletes, who: {groups: [engineering]}, does: [delete], effect: hold, approvers: {groups: [leads]}}
"""
BY_KEY = (
    HOLDS
    + """\
approvals:
  - {name: by-key, decide: approve, who: {groups: [engineering]}, when: 'statement.wheres.all(w, w == "by_key")'}
"""
)
IN_STAGING = BY_KEY.replace("by-key, ", "by-key, on: {environments: [staging]}, ")


def test_a_diff_shows_what_becomes_of_held_statements(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old, new = _policy(tmp_path, HOLDS), _policy(tmp_path, BY_KEY, "new.yaml")
    compare.run(old, new, cases=None, as_json=True)
    found = orjson.loads(capsys.readouterr().out)
    assert found["rules"] == {"added": ["by-key"], "removed": [], "changed": []}
    changes = {(c["who"], c["subject"], c["old"], c["new"]) for c in found["decisions"]}
    assert changes == {
        (
            "group engineering",
            "delete public.a_table (where: by_key)",
            "hold, waits for group:leads",
            "hold, approved by rule by-key",
        )
    }
    # A place that only a rule under `approvals` names is asked about too.
    compare.run(new, _policy(tmp_path, IN_STAGING, "staging.yaml"), cases=None, as_json=True)
    found = orjson.loads(capsys.readouterr().out)
    assert found["rules"]["changed"] == ["by-key"]
    assert {(c["environment"], c["new"]) for c in found["decisions"]} == {("production", "hold, waits for group:leads")}


def test_cases_are_compared_with_what_becomes_of_them(tmp_path: Path) -> None:
    cases = _policy(
        tmp_path,
        "schema: CREATE TABLE people (id int PRIMARY KEY, email text)\n"
        "identities: {eva: {user: eva, groups: [engineering]}}\n"
        "cases:\n  - {as: eva, sql: DELETE FROM people WHERE id = 1, expect: hold}\n",
        "cases.yaml",
    )
    old, new = load_policy(_policy(tmp_path, HOLDS)), load_policy(_policy(tmp_path, BY_KEY, "new.yaml"))
    (changed,) = compare.case_changes(cases, old, new)
    assert (changed["old"], changed["new"]) == ("hold, waits for group:leads", "hold, approved by rule by-key")


def test_a_replay_shows_what_would_have_become_of_held_statements(tmp_path: Path) -> None:
    current, draft = load_policy(_policy(tmp_path, HOLDS)), load_policy(_policy(tmp_path, BY_KEY, "new.yaml"))
    where = [{"action": "delete", "object": "public.orders", "kind": "table", "facts": {"where": "effective"}}]
    events = [_event(0, _delete("public.orders")), _event(1, where)]
    found = replay(iter(events), current, draft, {"shop": "production"})
    assert (found.statements, found.judged, dict(found.not_judged)) == (2, 2, {})
    assert {(d.old, d.new): count for d, count in found.differences.items()} == {
        ("hold, waits for group:leads", "hold, approved by rule by-key"): 1
    }
    assert {example["sql"] for example in found.examples.values()} == {"statement 0"}


@pytest.mark.parametrize(
    "rule",
    [
        "when: statement.actual_rows < 5",
        "when: '!(\"SPII\" in statement.tags)'",
        "when: hold.risk < 10",
        "risk: {at_most: 90}",
        "ticket: {pattern: 'OPS-[0-9]+'}",
        "who: {users: [ana]}, same_statement_approved: {within: 8h}",
    ],
)
def test_what_the_ledger_does_not_hold_of_a_held_statement_is_not_guessed(tmp_path: Path, rule: str) -> None:
    current = load_policy(_policy(tmp_path, HOLDS))
    draft = load_policy(
        _policy(tmp_path, HOLDS + f"approvals:\n  - {{name: asks, decide: approve, {rule}}}\n", "new.yaml")
    )
    found = replay(iter([_event(0, _delete("public.orders"))]), current, draft, {"shop": "production"})
    assert (found.judged, dict(found.not_judged)) == (0, {"rule asks asks what the ledger does not hold": 1})


@pytest.mark.parametrize("form", form_schema.FORMS)
def test_the_published_schemas_are_those_of_the_code(form: str) -> None:
    """`govproxy policy schema --directory docs/schema` writes them."""
    assert (ROOT / "docs" / "schema" / f"{form}.schema.json").read_text() == form_schema.rendered(form)


def test_a_schema_knows_every_key() -> None:
    found = orjson.loads(form_schema.rendered("policy"))
    assert {"extends", "rules", "columns", "freezes", "classify", "loop_breaker"} <= set(found["properties"])
    assert found["additionalProperties"] is False
    assert "not" in found["$defs"]["WhoEntry"]["properties"]
    assert "from" in found["$defs"]["WindowEntry"]["properties"]
