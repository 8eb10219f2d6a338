"""policy.yaml into a Policy, and every mistake at once."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from govproxy.errors import ConfigErrors
from govproxy.policy.loader import load_policy
from govproxy.policy.rules import Mode
from govproxy.policy.values import Compare, See, Verb
from govproxy.sql.values import ACTION_SETS, Action

# The example of the contract, word for word where it matters.
CONTRACT = """\
extends: production
rules:
  - name: bulk-deletes-need-a-lead
    who: {groups: [engineering]}
    does: [delete, update]
    on: {environments: [production], tables: ["public.*"]}
    when: statement.estimated_rows > 1000
    effect: hold
    approvers: {groups: [leads]}
  - name: dba-may-drop
    who: {groups: [dba]}
    does: [drop]
    effect: allow
    overrides: [no-drop-in-production]
columns:
  - name: support-sees-email
    who: {groups: [support]}
    on: {tags: [PII.email]}
    see: clear
    compare: any
  - name: support-phone
    who: [{groups: [support]}, {groups: [support], agents: true, not: {agents: [rogue]}}]
    on: {tags: [PII.phone]}
    see: masked
    mask: partial
    mode: shadow
classify:
  - {column: public.orders.ref, tag: none}
"""


def write(folder: Path, text: str) -> Path:
    file = folder / "policy.yaml"
    file.write_text(text)
    return file


def problems(folder: Path, text: str) -> list[tuple[int | None, str]]:
    with pytest.raises(ConfigErrors) as caught:
        load_policy(write(folder, text))
    return [(error.line, error.message) for error in caught.value.errors]


def test_the_example_of_the_contract(tmp_path: Path) -> None:
    policy = load_policy(write(tmp_path, CONTRACT))
    rules = {rule.name: rule for rule in policy.rules}
    hold = rules["bulk-deletes-need-a-lead"]
    assert hold.does == {Action.DELETE, Action.UPDATE}
    assert (hold.effect, hold.approvers) == (Verb.HOLD, {"group:leads"})
    assert rules["dba-may-drop"].overrides == {"no-drop-in-production"}
    assert "no-truncate" in rules
    email, phone = policy.columns
    assert (email.see, email.compare, email.mask) == (See.CLEAR, Compare.ANY, None)
    assert phone.mode is Mode.SHADOW
    assert [who.names_agents for who in phone.who] == [False, True]
    (correction,) = policy.classify
    assert (correction.schema, correction.relation, correction.column, correction.tag) == (
        "public",
        "orders",
        "ref",
        "none",
    )


def test_without_a_file_the_pack_stands() -> None:
    policy = load_policy(None)
    assert {rule.name for rule in policy.rules} >= {"no-drop-in-production", "no-unqualified-delete", "read"}
    assert policy.columns == ()


def test_none_starts_from_nothing(tmp_path: Path) -> None:
    assert load_policy(write(tmp_path, "extends: none\n")).rules == ()


def test_the_pack_is_the_default_base(tmp_path: Path) -> None:
    assert load_policy(write(tmp_path, "rules: []\n")).version == load_policy(None).version


def test_a_policy_travels_to_workers(tmp_path: Path) -> None:
    policy = load_policy(write(tmp_path, CONTRACT))
    assert pickle.loads(pickle.dumps(policy)) == policy


def test_the_version_is_of_the_meaning(tmp_path: Path) -> None:
    one = "extends: none\nrules:\n- {name: a, does: [read], effect: allow}\n- {name: b, does: [drop], effect: deny}\n"
    other = (
        "extends: none  # turned round\nrules:\n"
        "- {effect: deny, name: b, does: [drop]}\n- {name: a, does: [select, explain, copy_out], effect: allow}\n"
    )
    changed = one.replace("drop", "truncate")
    versions = [load_policy(write(tmp_path, text)).version for text in (one, other, changed)]
    assert versions[0] == versions[1] != versions[2]
    assert len(versions[0]) == 16


def test_sets_of_actions(tmp_path: Path) -> None:
    policy = load_policy(write(tmp_path, "extends: none\nrules:\n- {name: a, does: [ddl, select], effect: allow}\n"))
    assert policy.rules[0].does == ACTION_SETS["ddl"] | {Action.SELECT}


def test_all_mistakes_at_once(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        """\
extends: production
rules:
  - name: one
    does: [dorp]
    effect: allow
    overrides: [no-drop-in-producton]
  - name: one
    does: [drop]
    effect: deny
    overrides: [any]
    when: statement.wher == "missing"
  - name: read
    does: [delete]
    effect: hold
    on: {tables: [orders], tags: [PII.emial], schemas: []}
  - name: compare-right
    who: {groups: []}
    does: [drop]
    effect: allow
    overrides: [add-rows, masked-write]
    approvers: {users: [ana]}
    hint: no
columns:
  - {name: c, on: {tags: [PII.email]}}
  - {name: d, see: clear, mask: partial}
  - {name: e, mask: blur, overrides: [nothing]}
classify:
  - {column: orders.ref, tag: none}
  - {column: public.orders.ref, tag: PII.reference}
  - {column: public.orders.ref, tag: PII.email}
""",
    )
    lines = [line for line, _ in found]
    assert lines == [4, 6, 7, 10, 11, 12, 12, 15, 15, 15, 16, 17, 20, 20, 21, 22, 24, 25, 26, 26, 28, 29, 30]
    text = "\n".join(message for _, message in found)
    for words in (
        "unknown action `dorp`; did you mean `drop`?",
        "overrides no rule: `no-drop-in-producton`; did you mean `no-drop-in-production`?",
        "rule `one` exists already (in line 3)",
        "rule `read` exists already (in the pack)",
        "unknown field `statement.wher`; did you mean `statement.where`?",
        "unknown tag `PII.emial`; did you mean `PII.email`?",
        "`orders` is not schema.table",
        "a hold needs `approvers`",
        "`compare-right` is a name of govproxy's own",
        "follows from column rights",
        "`add-rows` is an allow",
        "unknown masker `blur`",
        "is corrected twice",
    ):
        assert words in text, words


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("extends: development\n", 1, "'production' or 'none'"),
        ("rules:\n- {name: A b, does: [read], effect: allow}\n", 2, "name"),
        ("rules:\n- {name: a, does: [], effect: allow}\n", 2, "at least 1"),
        ("rules:\n- {name: a, does: read, effect: allow}\n", 2, "valid list"),
        ("rules:\n- {name: a, does: [read], efect: allow}\n", 2, "unknown key `efect`; did you mean `effect`?"),
        ("rules:\n- {name: a, does: [read], effect: allow, who: {}}\n", 2, "names nobody"),
        ("rules:\n- {name: a, does: [read], effect: allow, who: []}\n", 2, "for nobody"),
        ("rules:\n- {name: a, does: [read], effect: deny, who: {agents: false}}\n", 2, "agents"),
        ("rules:\n- {name: a, does: [read], effect: deny, on: {tables: ['']}}\n", 2, "at least 1 character"),
        ("rules:\n- {name: a, does: [read], effect: deny, on: {columns: [a.b.c]}}\n", 2, "unknown key `columns`"),
        (
            "rules:\n- {name: h, does: [drop], effect: hold, approvers: {groups: [a]}}\n"
            "- {name: i, does: [drop], effect: hold, approvers: {groups: [a]}, overrides: [h]}\n",
            3,
            "a hold lifts deny rules and holds of the pack",
        ),
        ("rules:\n- {name: h, does: [drop], effect: hold, approvers: {}}\n", 2, "names nobody"),
        ("columns:\n- {name: c, see: invisible}\n", 2, "'clear', 'masked' or 'none'"),
        ("rules: [\n", 2, "YAML"),
    ],
)
def test_single_mistakes(tmp_path: Path, text: str, line: int, says: str) -> None:
    found = problems(tmp_path, text)
    assert any(at == line and says in message for at, message in found), found


def test_a_broken_condition_is_never_an_unconditional_rule(tmp_path: Path) -> None:
    assert problems(tmp_path, 'rules:\n- {name: a, does: [drop], effect: allow, when: "true ||"}\n')


OWN = """\
classes:
  - {name: loyalty_number, tags: [PII, PII.cards], level: 3, mask: partial}
recognise:
  - {class: loyalty_number, words: [loyalty number], columns: ["crm.*.card_ref"], values: 'LC-[0-9]{8}', share: 0.8}
  - {class: email, words: [postfach]}
columns:
  - {name: desk-sees-cards, who: {groups: [desk]}, on: {tags: [PII.cards]}, see: clear}
classify:
  - {column: public.a.b, tag: PII.loyalty_number}
"""


def test_own_classes_are_part_of_the_policy_and_travel_to_workers(tmp_path: Path) -> None:
    policy = load_policy(write(tmp_path, OWN))
    (own,) = policy.own.classes
    assert (own.level, own.masker.value) == (3, "partial")
    assert own.tags == {"PII", "PII.cards", "PII.loyalty_number"}
    assert [rule.name for rule in policy.own.recognitions] == ["loyalty_number", "email"]
    assert pickle.loads(pickle.dumps(policy)) == policy
    other = load_policy(write(tmp_path, OWN.replace("[0-9]{8}", "[0-9]{9}")))
    assert other.version != policy.version


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("name: loyalty_number", "name: email", 2, "class `email` is built in"),
        ("tags: [PII, PII.cards]", "tags: [loyal]", 2, "exactly one of the tags"),
        ("tags: [PII, PII.cards]", "tags: [PII, PCI]", 2, "exactly one of the tags"),
        ("tags: [PII, PII.cards]", "tags: [PII, PCI.cards]", 2, "begin with `PII.`"),
        ("mask: partial", "mask: partail", 2, "unknown masker `partail`"),
        ("level: 3", "level: 0", 2, "greater than or equal to 1"),
        ("class: loyalty_number,", "class: loyalty_nummer,", 4, "unknown class `loyalty_nummer`; did you mean"),
        ("'LC-[0-9]{8}'", r"'(a)\1'", 4, "backreferences are not supported"),
        ("'LC-[0-9]{8}'", "'(?=a)a'", 4, "look-around"),
        ("crm.*.card_ref", "crm.card_ref", 4, "is not schema.table.column"),
        ("words: [postfach]", "words: []", 5, "recognises nothing"),
        ("[postfach]", "[p-f]", 5, "words of a column's name"),
        ("share: 0.8", "share: 0.1", 4, "greater than or equal to 0.5"),
        ("on: {tags: [PII.cards]}", "on: {tags: [PII.card]}", 7, "unknown tag `PII.card`"),
    ],
)
def test_mistakes_in_own_classes_have_a_line(tmp_path: Path, old: str, new: str, line: int, message: str) -> None:
    assert old in OWN
    found = problems(tmp_path, OWN.replace(old, new, 1))
    assert any(at == line and message in text for at, text in found), found
