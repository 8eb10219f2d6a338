"""``govproxy policy test``: what passes, what fails and how it says so."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from govproxy.cli.policies import cases
from govproxy.cli.policies.form import load_cases
from govproxy.errors import ConfigErrors

HEAD = """\
schema: |
  CREATE TABLE customers (id bigint PRIMARY KEY, full_name text, email text);
  CREATE TABLE notes (id bigint PRIMARY KEY, body text);
  CREATE VIEW contacts AS SELECT id, email AS address FROM customers;
rows: {customers: 5000}
identities:
  ana: {user: ana@x.example, groups: [support]}
  bot: {user: ana@x.example, groups: [support], agent: helper}
cases:
"""
POLICY = """\
rules:
  - {name: quiet, who: {groups: [support]}, does: [insert], effect: deny, mode: shadow}
  - {name: never-met, does: [listen], effect: deny}
columns:
  - {name: support-sees-email, who: {groups: [support]}, on: {tags: [PII.email]}, see: clear}
"""


def _file(folder: Path, written: str, head: str = HEAD) -> Path:
    (folder / "policy.yaml").write_text(POLICY)
    path = folder / "cases.yaml"
    path.write_text("policy: policy.yaml\n" + head + written)
    return path


def test_cases_that_hold_pass(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = _file(
        tmp_path,
        """\
  - as: ana
    sql: [SELECT 1, SELECT body FROM notes]
    expect: allow
  - {as: ana, sql: "SELECT full_name, email FROM customers", expect: allow, masks: {full_name: masked, email: clear}}
  - {as: ana, sql: SELECT address FROM contacts, expect: allow, masks: {address: clear}}
  - {as: bot, sql: SELECT address FROM contacts, expect: allow, masks: {address: partial}}
  - {as: ana, sql: "SELECT lower(full_name) AS l FROM customers", expect: allow, masks: {l: redacted}}
  - {as: ana, sql: DELETE FROM customers, expect: deny, rules: [no-unqualified-delete]}
  - {as: ana, sql: "SELECT 1 FROM FROM", expect: deny, rules: [unreadable-statement]}
  - {as: ana, sql: "INSERT INTO notes VALUES (1, 'x')", expect: allow, shadow: [quiet]}
""",
    )
    cases.run([path], policy=None, as_json=False)
    printed = capsys.readouterr().out
    assert "9 passed" in printed
    assert "no case meets never-met" in printed


def test_what_fails_is_said_with_its_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = _file(
        tmp_path,
        """\
  - as: ana
    sql:
      - SELECT 1
      - DELETE FROM customers
    expect: allow
  - {as: ana, sql: DELETE FROM customers, expect: deny, rules: [no-truncate]}
  - {as: bot, sql: SELECT email FROM customers, expect: allow, masks: {email: clear}}
  - {as: ana, sql: SELECT email FROM customers, expect: allow, masks: {mail: clear}}
  - {as: ana, sql: "INSERT INTO notes VALUES (1, 'x')", expect: allow, shadow: []}
""",
    )
    with pytest.raises(SystemExit) as ended:
        cases.run([path], policy=None, as_json=True)
    assert ended.value.code == 1
    (printed,) = orjson.loads(capsys.readouterr().out)["files"]
    first = len(HEAD.splitlines()) + 1
    assert [(failure["line"] - first, failure["problems"][0].split(",")[0]) for failure in printed["failures"]] == [
        (4, "expected allow"),
        (6, "expected rule no-truncate"),
        (7, "expected `email` clear"),
        (8, "no column `mail` in the result (there are: email)"),
        (9, "expected in shadow mode nothing"),
    ]
    with pytest.raises(SystemExit):
        cases.run([path], policy=None, as_json=False)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{path}:{first + 4}: as ana: DELETE FROM customers"
    assert "got deny: DELETE without WHERE on public.customers is not allowed" in lines[1]
    assert lines[-1].startswith(f"{path}: 5 of 6 failed")


def test_another_policy_may_be_given(tmp_path: Path) -> None:
    path = _file(tmp_path, "  - {as: bot, sql: SELECT 1, expect: allow}\n")
    other = tmp_path / "other.yaml"
    other.write_text("extends: none\n")
    assert not cases.run_file(path, None).failures
    assert cases.run_file(path, other).failures


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("  - {as: eve, sql: SELECT 1, expect: allow}\n", "no identity `eve`"),
        ("  - {as: ana, sql: SELECT 1, expect: refuse}\n", "expect"),
        ("  - {as: ana, sql: SELECT 1, expect: allow, mask: {}}\n", "unknown key `mask`; did you mean `masks`?"),
        ("  - {as: ana, sql: SELECT 1, expect: allow, masks: {a: gone}}\n", "unknown mask `gone`"),
        ("  - {as: ana, sql: SELECT 1, expect: deny, masks: {a: clear}}\n", "nothing is shown"),
        ("  - {as: ana, sql: SELECT 1, expect: allow, at: yesterday}\n", "is no time"),
    ],
)
def test_mistakes_in_a_file_have_a_place(tmp_path: Path, written: str, message: str) -> None:
    path = _file(tmp_path, written)
    with pytest.raises(ConfigErrors) as refused:
        load_cases(path)
    assert message in str(refused.value)
    assert refused.value.errors[0].line == len(HEAD.splitlines()) + 2


def test_a_wrong_schema_has_its_line(tmp_path: Path) -> None:
    head = HEAD.replace(
        "  CREATE TABLE notes", "  CREATE TRIGGER x BEFORE INSERT ON notes EXECUTE FUNCTION f();\n  CREATE TABLE notes"
    )
    with pytest.raises(ConfigErrors) as refused:
        load_cases(_file(tmp_path, "  - {as: ana, sql: SELECT 1, expect: allow}\n", head))
    assert refused.value.errors[0].line == 4
    assert "CreateTrig cannot be part of a sketched schema" in str(refused.value)


def test_what_was_found_gives_way_to_the_policy(tmp_path: Path) -> None:
    head = HEAD.replace("identities:", "tags: {public.notes.body: PHI, public.customers.full_name: none}\nidentities:")
    path = _file(
        tmp_path,
        "  - {as: ana, sql: 'SELECT n.body, c.full_name FROM notes n, customers c', expect: allow,"
        " masks: {body: masked, full_name: clear}}\n",
        head,
    )
    assert not cases.run_file(path, None).failures
    (tmp_path / "policy.yaml").write_text(POLICY + "classify:\n  - {column: public.notes.body, tag: none}\n")
    ((_, _, problems),) = cases.run_file(path, None).failures
    assert problems == ["expected `body` masked, got clear"]


HELD_POLICY = """\
rules:
  - {name: deletes, who: {groups: [support]}, does: [delete], effect: hold, overrides: [any],
     approvers: {groups: [leads]}}
  - {name: two-people, who: {groups: [support]}, does: [truncate], effect: hold, overrides: [any],
     approvers: {groups: [leads], quorum: 2}}
approvals:
  - {name: few-rows, decide: approve, holds: [deletes], who: {groups: [support]}, when: statement.actual_rows <= 10}
  - {name: ticket, decide: approve, holds: [deletes], ticket: {pattern: 'OPS-[0-9]+', check: true}}
  - {name: plain-ticket, decide: approve, holds: [deletes], ticket: {pattern: 'DEV-[0-9]+'},
     on: {environments: [staging]}}
  - {name: again, decide: approve, holds: [deletes], who: {groups: [support]}, same_statement_approved: {within: 8h}}
  - {name: never-on-sundays, decide: refuse, when: time.weekday == 7}
  - {name: half, decide: approve, holds: [two-people], who: {groups: [support]}, counts: voice}
  - {name: only-tried, decide: approve, holds: [deletes], who: {groups: [support]}, mode: shadow}
"""
DELETE = "DELETE FROM customers WHERE id < 9"


def _held(folder: Path, written: str) -> cases.Tested:
    path = _file(folder, written)
    (folder / "policy.yaml").write_text(HELD_POLICY)
    return cases.run_file(path, None)


def test_what_becomes_of_a_held_statement(tmp_path: Path) -> None:
    leads = "then: {waits: ['group:leads']}"
    sunday = "at: '2026-01-18T12:00'"
    tested = _held(
        tmp_path,
        f"""\
  - {{as: ana, sql: {DELETE}, expect: hold, {leads}}}
  - {{as: ana, sql: {DELETE}, expect: hold, given: {{rows: 10}}, then: {{approved: few-rows}}}}
  - {{as: ana, sql: {DELETE}, expect: hold, given: {{rows: 11}}, {leads}}}
  - {{as: ana, sql: "{DELETE} /* OPS-12 */", expect: hold, given: {{tickets: [OPS-12]}}, then: {{approved: ticket}}}}
  - {{as: ana, sql: "{DELETE} /* OPS-12 */", expect: hold, given: {{tickets: [OPS-13]}}, {leads}}}
  - {{as: ana, sql: "{DELETE} /* DEV-1 */", expect: hold, environment: staging, then: {{approved: plain-ticket}}}}
  - {{as: ana, sql: "{DELETE} /* DEV-1 */", expect: hold, {leads}}}
  - {{as: ana, sql: {DELETE}, expect: hold, given: {{approved: true}}, then: {{approved: again}}}}
  - {{as: ana, sql: {DELETE}, expect: hold, {sunday}, given: {{rows: 1}}, then: {{refused: never-on-sundays}}}}
  - {{as: ana, sql: TRUNCATE customers, expect: hold, {leads}}}
""",
    )
    assert not tested.failures, [(case.line, problems) for case, _, problems in tested.failures]
    assert tested.unused == ()


def test_what_became_of_it_otherwise_is_said(tmp_path: Path) -> None:
    tested = _held(
        tmp_path,
        f"""\
  - {{as: ana, sql: {DELETE}, expect: hold, given: {{rows: 3}}, then: {{waits: ["group:leads"]}}}}
  - {{as: ana, sql: {DELETE}, expect: hold, then: {{approved: few-rows}}}}
  - {{as: ana, sql: {DELETE}, expect: hold, given: {{rows: 3}}, then: {{refused: few-rows}}}}
  - {{as: ana, sql: {DELETE}, expect: hold, then: {{waits: ["group:others"]}}}}
  - {{as: ana, sql: TRUNCATE customers, expect: hold, then: {{approved: half}}}}
""",
    )
    assert [problems for _, _, problems in tested.failures] == [
        ["expected that it waits for group:leads, it is approved by rule few-rows"],
        ["expected it approved by rule few-rows, it waits for group:leads"],
        ["expected it refused by rule few-rows, it is approved by rule few-rows"],
        ["expected that it waits for group:others, it waits for group:leads"],
        ["expected it approved by rule half, it waits for group:leads, rule half being one voice"],
    ]


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("expect: hold, then: {}", "one of `approved`, `refused`, `waits`"),
        ("expect: hold, then: {approved: a, refused: b}", "one of `approved`, `refused`, `waits`"),
        ("expect: allow, then: {approved: a}", "`then` is of what is held (allow)"),
        ("expect: hold, given: {rows: 3}", "`given` is for what `then` says"),
        ("expect: hold, then: {approved: a}, given: {rows: -1}", "rows"),
        ("expect: hold, then: {approved: a}, given: {row: 1}", "row"),
    ],
)
def test_mistakes_in_what_becomes_of_it_have_a_place(tmp_path: Path, written: str, message: str) -> None:
    path = _file(tmp_path, f"  - {{as: ana, sql: SELECT 1, {written}}}\n")
    with pytest.raises(ConfigErrors) as raised:
        load_cases(path)
    assert any(message in str(error) and error.line for error in raised.value.errors)
