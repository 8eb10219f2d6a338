"""What is remembered of an identity's standing, and what makes it another one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from govproxy.policy import standing as module
from govproxy.policy.columns import column_right, sees_everything
from govproxy.policy.limits import limits_for
from govproxy.policy.loader import load_policy
from govproxy.policy.standing import Standing, standing_of
from govproxy.policy.values import See
from govproxy.sql.catalog import ColumnRef
from govproxy.sql.values import Action
from tests.unit.policy.builders import (
    ANA,
    CATALOG,
    CLASSIFICATION,
    CUSTOMER_EMAIL,
    CUSTOMERS,
    DBA,
    UNSEEN,
    agent_of,
    policy_of,
)

POLICY = load_policy(None)


def of(identity: object = ANA, policy: object = POLICY, place: tuple[str, str] = ("shop", "production")) -> Standing:
    return standing_of(identity, *place, policy)  # type: ignore[arg-type]


def test_is_remembered() -> None:
    assert of() is of()
    assert of(replace(ANA)) is of()  # an equal identity is the same


@pytest.mark.parametrize(
    "other",
    [
        {"identity": replace(ANA, groups=frozenset({"analysts", "support"}))},
        {"identity": agent_of(ANA)},
        {"identity": replace(ANA, user="eve")},
        {"policy": load_policy(None)},  # the same text, loaded again
        {"place": ("shop", "staging")},
        {"place": ("crm", "production")},
    ],
)
def test_is_another_for_another(other: dict[str, object]) -> None:
    assert of(**other) is not of()  # type: ignore[arg-type]


def test_is_what_the_functions_say(tmp_path: Path) -> None:
    policy = policy_of(
        tmp_path,
        """
extends: production
rules:
  - {name: dba-drops, who: {groups: [dba]}, does: [drop], effect: allow, overrides: [no-drop-in-production]}
columns:
  - {name: dba-sees, who: {groups: [dba]}, on: {tags: [PII.email]}, see: clear}
limits:
  - {name: few, who: {groups: [analysts]}, rows: 10}
""",
    )
    for identity in (ANA, DBA, agent_of(ANA), agent_of(DBA)):
        found = of(identity, policy)
        assert found.clear == sees_everything(identity, "shop", "production", policy)
        assert found.limits == limits_for(identity, "shop", "production", policy)
        rights = found.rights(CLASSIFICATION, CATALOG)
        for column, known in CLASSIFICATION.columns.items():
            relation = CATALOG.relations[column.relation]
            name = relation.columns[column.attnum - 1].name
            expected = column_right(identity, "shop", "production", known, relation, name, policy)
            assert rights.of(column) == (known, expected)
            assert rights.to(column, known) == expected
    assert [rule.name for rule in of(DBA, policy).rules(Action.DROP, 0) if rule.overrides] == ["dba-drops"]
    assert not [rule for rule in of(ANA, policy).rules(Action.DROP, 0) if rule.overrides]
    # What a person gets by group is not their agent's; the person behind it is judged beside.
    agents = of(agent_of(DBA), policy)
    assert not [rule for rule in agents.rules(Action.DROP, 0) if rule.overrides]
    assert [rule.name for rule in agents.rules(Action.DROP, 1) if rule.overrides] == ["dba-drops"]


def test_a_new_picture_brings_new_rights() -> None:
    before = of().rights(CLASSIFICATION, CATALOG)
    assert of().rights(CLASSIFICATION, CATALOG) is before
    nothing = replace(CLASSIFICATION, columns={})
    after = of().rights(nothing, CATALOG)
    assert after is not before
    assert before.of(CUSTOMER_EMAIL) is not None
    assert after.of(CUSTOMER_EMAIL) is None


def test_unknown_is_not_clean() -> None:
    found = of().rights(CLASSIFICATION, CATALOG).of(ColumnRef(UNSEEN, 2))
    assert found is not None
    assert found[1].see is See.MASKED


def test_a_class_of_the_same_column_found_otherwise_has_its_own_right(tmp_path: Path) -> None:
    policy = policy_of(
        tmp_path, "extends: production\ncolumns:\n  - {name: hide, on: {tags: [PII.email]}, see: none}\n"
    )
    rights = of(ANA, policy).rights(CLASSIFICATION, CATALOG)
    email, ssn = CLASSIFICATION.columns[CUSTOMER_EMAIL], CLASSIFICATION.columns[ColumnRef(CUSTOMERS, 3)]
    assert rights.to(CUSTOMER_EMAIL, email).see is See.NONE
    assert rights.to(CUSTOMER_EMAIL, ssn).see is See.MASKED


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_STANDINGS", 3)
    monkeypatch.setattr(module, "MAX_RIGHTS", 2)
    module.forget()
    first = of()
    for number in range(10):
        of(replace(ANA, user=f"u{number}"))
    assert len(module._known) <= 3
    assert of() is not first
    rights = of().rights(CLASSIFICATION, CATALOG)
    for attnum in range(1, 5):
        rights.of(ColumnRef(CUSTOMERS, attnum))
    assert len(rights._known) <= 2
    module.forget()
    assert not module._known
