"""Rights to columns: the default, the narrowest, overrides, agents, seeing everything."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from govproxy.identity.identity import Identity
from govproxy.masking.taxonomy import by_name
from govproxy.masking.values import ColumnClass, Masker
from govproxy.policy.engine import column_right, sees_everything
from govproxy.policy.loader import load_policy
from govproxy.policy.rules import Policy
from govproxy.policy.values import ColumnRight, Compare, See
from govproxy.sql.catalog import ColumnRef

from .builders import ANA, CATALOG, CLASSIFICATION, CUSTOMER_EMAIL, CUSTOMER_SSN, DBA, ORDER_EMAIL, agent_of, policy_of


def right(policy: Policy, identity: Identity, column: ColumnRef = CUSTOMER_EMAIL, **more: str) -> ColumnRight:
    relation = CATALOG.relations[column.relation]
    return column_right(
        identity,
        more.get("database", "shop"),
        more.get("environment", "production"),
        CLASSIFICATION.columns[column],
        relation,
        relation.columns[column.attnum - 1].name,
        policy,
    )


def columns(folder: Path, *rules: str) -> Policy:
    return policy_of(folder, "columns:\n" + "".join(f"- {{{rule}}}\n" for rule in rules))


def test_the_default_is_masked_and_compared_by_equality() -> None:
    assert right(load_policy(None), ANA) == ColumnRight(see=See.MASKED, compare=Compare.EQUALITY)


@pytest.mark.parametrize(
    ("rule", "see", "compare"),
    [
        ("see: clear", See.CLEAR, Compare.ANY),
        ("see: clear, compare: equality", See.CLEAR, Compare.EQUALITY),
        ("see: masked", See.MASKED, Compare.EQUALITY),
        ("see: none", See.NONE, Compare.NONE),
        ("compare: any", See.MASKED, Compare.ANY),
        ("compare: none", See.MASKED, Compare.NONE),
        ("mask: hash", See.MASKED, Compare.EQUALITY),
    ],
)
def test_one_rule_replaces_the_default(tmp_path: Path, rule: str, see: See, compare: Compare) -> None:
    found = right(columns(tmp_path, f"name: c, {rule}"), ANA)
    assert (found.see, found.compare) == (see, compare)


@pytest.mark.parametrize(
    ("on", "column", "hit"),
    [
        ("tags: [PII.email]", CUSTOMER_EMAIL, True),
        ("tags: [PII]", CUSTOMER_EMAIL, True),
        ("tags: [PII]", CUSTOMER_SSN, False),
        ("tags: [any]", CUSTOMER_SSN, True),
        ("tables: [public.customers]", CUSTOMER_EMAIL, True),
        ("tables: [public.customers]", ORDER_EMAIL, False),
        ("columns: [public.customers.email]", CUSTOMER_EMAIL, True),
        ("columns: [public.customers.email]", CUSTOMER_SSN, False),
        ('columns: ["*.*.ssn"]', CUSTOMER_SSN, True),
        ("schemas: [hr]", CUSTOMER_EMAIL, False),
        ("databases: [other]", CUSTOMER_EMAIL, False),
        ("environments: [staging]", CUSTOMER_EMAIL, False),
    ],
)
def test_what_a_rule_is_about(tmp_path: Path, on: str, column: ColumnRef, hit: bool) -> None:
    found = right(columns(tmp_path, f"name: c, see: clear, on: {{{on}}}"), ANA, column)
    assert found.see is (See.CLEAR if hit else See.MASKED)


def test_the_narrowest_wins_in_any_order(tmp_path: Path) -> None:
    rules = ["name: a, see: clear", "name: b, mask: hash", "name: c, mask: partial", "name: d, see: none"]
    for count, expected in ((1, See.CLEAR), (2, See.MASKED), (3, See.MASKED), (4, See.NONE)):
        for chosen in itertools.permutations(rules[:count]):
            found = right(columns(tmp_path, *chosen), ANA)
            assert found.see is expected
            assert found.masker is (Masker.HASH if expected is See.MASKED else None)
            assert found.rule == {1: "a", 2: "b", 3: "b", 4: "d"}[count]


def test_the_masker_that_shows_least(tmp_path: Path) -> None:
    # Without `mask` a rule means the class's own masker, partial for an e-mail address.
    assert right(columns(tmp_path, "name: a, see: masked", "name: b, mask: redact"), ANA).masker is Masker.REDACT
    ssn = columns(tmp_path, "name: a, see: masked", "name: b, mask: partial")
    assert right(ssn, ANA, CUSTOMER_SSN).masker in (None, Masker.PARTIAL)


def test_parts_are_settled_apart(tmp_path: Path) -> None:
    found = right(columns(tmp_path, "name: a, see: clear, compare: any", "name: b, compare: none"), ANA)
    assert (found.see, found.compare) == (See.CLEAR, Compare.NONE)


def test_overrides_lift_narrower_rules(tmp_path: Path) -> None:
    narrow, wide = "name: n, see: none", "name: w, see: clear, who: {groups: [dba]}, overrides: [%s]"
    for lifted in ("n", "any"):
        policy = columns(tmp_path, narrow, wide % lifted)
        assert right(policy, DBA).see is See.CLEAR
        assert right(policy, ANA).see is See.NONE
    assert right(columns(tmp_path, narrow, wide.replace(", overrides: [%s]", "")), DBA).see is See.NONE


def test_rules_that_lift_each_other_lift_nothing(tmp_path: Path) -> None:
    both = columns(tmp_path, "name: a, see: clear, overrides: [any]", "name: b, see: none, overrides: [any]")
    assert right(both, ANA).see is See.NONE
    circle = columns(
        tmp_path,
        "name: a, see: clear, overrides: [b]",
        "name: b, see: masked, overrides: [c]",
        "name: c, see: none, overrides: [a]",
    )
    assert right(circle, ANA).see is See.NONE


def test_shadow_changes_nothing(tmp_path: Path) -> None:
    assert right(columns(tmp_path, "name: a, see: clear, mode: shadow"), ANA).see is See.MASKED


def test_an_unknown_relation_narrows_and_does_not_widen(tmp_path: Path) -> None:
    def unknown(policy: Policy) -> ColumnRight:
        return column_right(ANA, "shop", "production", CLASSIFICATION.columns[CUSTOMER_EMAIL], None, "?", policy)

    assert unknown(columns(tmp_path, "name: a, see: clear, on: {tables: [public.customers]}")).see is See.MASKED
    assert unknown(columns(tmp_path, "name: a, see: none, on: {tables: [public.customers]}")).see is See.NONE
    assert unknown(columns(tmp_path, "name: a, see: clear, on: {tags: [PII.email]}")).see is See.CLEAR


class TestAgents:
    def test_what_people_see_their_agents_do_not(self, tmp_path: Path) -> None:
        policy = columns(tmp_path, "name: a, see: clear, who: {groups: [analysts]}")
        assert right(policy, ANA).see is See.CLEAR
        assert right(policy, agent_of(ANA)) == ColumnRight(see=See.MASKED, compare=Compare.EQUALITY)

    def test_what_is_taken_from_people_is_taken_from_their_agents(self, tmp_path: Path) -> None:
        policy = columns(tmp_path, "name: a, see: none, who: {groups: [analysts]}")
        assert right(policy, agent_of(ANA)).see is See.NONE

    def test_granted_to_the_pair(self, tmp_path: Path) -> None:
        human = "name: a, see: clear, who: {groups: [analysts]}"
        pair = "name: b, see: clear, who: {groups: [analysts], agents: [report-bot]}"
        assert right(columns(tmp_path, human, pair), agent_of(ANA)).see is See.CLEAR
        assert right(columns(tmp_path, human, pair), agent_of(ANA, "other")).see is See.MASKED
        assert right(columns(tmp_path, pair), agent_of(ANA)).see is See.MASKED, "never more than the human"

    def test_narrower_for_agents_only(self, tmp_path: Path) -> None:
        policy = columns(tmp_path, "name: a, see: clear", "name: b, see: none, who: {agents: true}")
        assert right(policy, ANA).see is See.CLEAR
        assert right(policy, agent_of(ANA)).see is See.NONE

    def test_a_weaker_mask_for_people_is_not_for_their_agents(self, tmp_path: Path) -> None:
        human = "name: a, mask: partial, on: {tags: [PII]}, who: {groups: [analysts]}"
        name = ColumnClass(sensitive=by_name("street_address"), confidence=1.0, reason="")
        pair = human.replace("name: a", "name: b").replace("[analysts]", "[analysts], agents: true")

        def masker(policy: Policy, identity: Identity) -> Masker | None:
            return column_right(identity, "shop", "production", name, None, "x", policy).masker

        assert name.sensitive.masker is Masker.REDACT
        assert masker(columns(tmp_path, human), ANA) is Masker.PARTIAL
        assert masker(columns(tmp_path, human), agent_of(ANA)) is None
        assert masker(columns(tmp_path, human, pair), agent_of(ANA)) is Masker.PARTIAL

    def test_a_doubtful_mask_still_narrows(self, tmp_path: Path) -> None:
        policy = columns(
            tmp_path, "name: a, see: clear, on: {tags: [any]}", "name: b, see: masked, on: {tables: [public.customers]}"
        )
        email = CLASSIFICATION.columns[CUSTOMER_EMAIL]
        assert column_right(ANA, "shop", "production", email, None, "?", policy).see is See.MASKED
        assert right(policy, ANA, ORDER_EMAIL).see is See.CLEAR

    def test_an_override_for_people_lifts_nothing_for_agents(self, tmp_path: Path) -> None:
        policy = columns(
            tmp_path, "name: n, see: none", "name: w, see: clear, who: {groups: [analysts]}, overrides: [any]"
        )
        assert right(policy, ANA).see is See.CLEAR
        assert right(policy, agent_of(ANA)).see is See.NONE


class TestSeesEverything:
    @pytest.mark.parametrize(
        ("rules", "everything"),
        [
            (["name: a, see: clear, on: {tags: [any]}"], True),
            (["name: a, see: clear"], False),
            (["name: a, see: clear, on: {tags: [PII]}"], False),
            (["name: a, see: clear, on: {tags: [any], tables: ['public.*']}"], False),
            (["name: a, see: clear, on: {tags: [any], environments: [staging]}"], False),
            (["name: a, see: masked, on: {tags: [any]}"], False),
            (["name: a, see: clear, on: {tags: [any]}, mode: shadow"], False),
            (["name: a, see: clear, on: {tags: [any]}", "name: b, see: none, on: {tags: [SECRET]}"], False),
            (["name: a, see: clear, on: {tags: [any]}", "name: b, see: masked, on: {tags: [PCI]}"], False),
            (["name: a, see: clear, on: {tags: [any]}", "name: b, see: clear, on: {tags: [PCI]}"], True),
            (["name: a, see: clear, on: {tags: [any]}", "name: b, see: none, who: {groups: [x]}"], True),
            (["name: a, see: clear, on: {tags: [any]}, overrides: [any]", "name: b, see: none"], True),
        ],
    )
    def test_who_sees_everything(self, tmp_path: Path, rules: list[str], everything: bool) -> None:
        assert sees_everything(ANA, "shop", "production", columns(tmp_path, *rules)) is everything

    def test_nobody_by_the_pack(self) -> None:
        assert not sees_everything(DBA, "shop", "production", load_policy(None))

    def test_not_the_agent_of_who_does(self, tmp_path: Path) -> None:
        policy = columns(tmp_path, "name: a, see: clear, on: {tags: [any]}, who: {groups: [dba]}")
        assert sees_everything(DBA, "shop", "production", policy)
        assert not sees_everything(agent_of(DBA), "shop", "production", policy)
