"""Refusals that follow from column rights: comparing, storing, hiding, copying, system catalogs."""

from __future__ import annotations

from pathlib import Path

import pytest

from govproxy.policy.loader import load_policy
from govproxy.policy.rules import (
    COMPARE_RIGHT,
    HIDDEN_COLUMN,
    MASKED_COPY,
    MASKED_WRITE,
    SENSITIVE_CATALOG,
    Policy,
)
from govproxy.policy.values import Decision, Verb
from govproxy.sql.catalog import ColumnRef
from govproxy.sql.values import Comparison, Derivation, Flow, OutputColumn, Use

from .builders import (
    ANA,
    CUSTOMER_EMAIL,
    CUSTOMER_NOTE,
    CUSTOMER_SSN,
    CUSTOMERS,
    DBA,
    ORDER_EMAIL,
    ORDER_TOTAL,
    ORDERS,
    UNSEEN,
    agent_of,
    ask,
    effect,
    policy_of,
)

PACK = load_policy(None)
SEES_ALL = "columns:\n- {name: a, see: clear, on: {tags: [any]}, who: {groups: [dba]}}\n"


def using(policy: Policy, comparison: str, column: ColumnRef, partner: ColumnRef | None = None) -> Decision:
    use = Use(column=column, comparison=Comparison(comparison), partner=partner)
    return ask(policy, ANA, effect("select", column.relation), tag="SELECT", uses=(use,))


@pytest.mark.parametrize(
    ("comparison", "column", "partner", "allowed"),
    [
        ("equality", CUSTOMER_EMAIL, None, True),
        ("group", CUSTOMER_EMAIL, None, False),
        ("range", CUSTOMER_EMAIL, None, False),
        ("pattern", CUSTOMER_EMAIL, None, False),
        ("order", CUSTOMER_EMAIL, None, False),
        ("other", CUSTOMER_EMAIL, None, False),
        ("join", CUSTOMER_EMAIL, ORDER_EMAIL, True),
        ("join", CUSTOMER_EMAIL, CUSTOMER_SSN, False),
        ("join", CUSTOMER_EMAIL, CUSTOMER_NOTE, False),
        ("join", CUSTOMER_NOTE, CUSTOMER_EMAIL, False),
        ("equality", CUSTOMER_NOTE, CUSTOMER_EMAIL, False),
        ("join", CUSTOMER_EMAIL, None, False),
        ("order", CUSTOMER_NOTE, None, True),
        ("pattern", ORDER_TOTAL, None, True),
        ("order", ColumnRef(CUSTOMERS, 0), None, False),  # the whole row holds masked columns
        ("order", ColumnRef(CUSTOMERS, -1), None, True),  # ctid holds nobody's data
        ("order", ColumnRef(UNSEEN, 2), None, False),  # nobody has looked: not clean
        ("equality", ColumnRef(UNSEEN, 2), None, True),
        ("join", ColumnRef(UNSEEN, 2), ColumnRef(UNSEEN, 1), False),
        ("order", ColumnRef(999, 1), None, False),
    ],
)
def test_by_default_equality_only(comparison: str, column: ColumnRef, partner: ColumnRef | None, allowed: bool) -> None:
    decision = using(PACK, comparison, column, partner)
    assert decision.verb is (Verb.ALLOW if allowed else Verb.DENY)
    if not allowed:
        assert decision.refusal is not None
        assert decision.refusal.rule == COMPARE_RIGHT


def test_the_hint_says_what_works() -> None:
    refusal = using(PACK, "order", CUSTOMER_EMAIL).refusal
    assert refusal is not None
    assert refusal.message == "ordering by public.customers.email is not allowed (rule compare-right)"
    assert "email = 'value'" in refusal.hint
    assert "class email" in refusal.hint


def test_the_right_to_compare(tmp_path: Path) -> None:
    anything = policy_of(tmp_path, "columns:\n- {name: c, compare: any, on: {tags: [PII.email]}}\n")
    assert using(anything, "pattern", CUSTOMER_EMAIL).verb is Verb.ALLOW
    assert using(anything, "pattern", CUSTOMER_SSN).verb is Verb.DENY
    nothing = policy_of(tmp_path, "columns:\n- {name: c, compare: none, on: {tags: [PII.email]}}\n")
    for comparison in Comparison:
        assert using(nothing, comparison.value, CUSTOMER_EMAIL).verb is Verb.DENY
    refusal = using(nothing, "equality", CUSTOMER_EMAIL).refusal
    assert refusal is not None
    assert "may not be used" in refusal.hint


def test_a_partner_that_may_not_be_compared(tmp_path: Path) -> None:
    policy = policy_of(tmp_path, "columns:\n- {name: c, compare: none, on: {tables: [public.orders]}}\n")
    assert using(policy, "join", CUSTOMER_EMAIL, ORDER_EMAIL).verb is Verb.DENY


def storing(policy: Policy, *flows: Flow, who: object = ANA, **more: object) -> Decision:
    return ask(policy, who, effect("insert", ORDERS), tag="INSERT", flows=flows, **more)  # type: ignore[arg-type]


def flow(*sources: ColumnRef, opaque: bool = False) -> Flow:
    return Flow(sources=frozenset(sources), target="public.orders", opaque=opaque)


class TestStoring:
    def test_masked_columns_are_not_copied(self) -> None:
        decision = storing(PACK, flow(CUSTOMER_NOTE, CUSTOMER_EMAIL))
        assert decision.refusal is not None
        assert decision.refusal.rule == MASKED_WRITE
        assert "public.customers.email" in decision.refusal.message
        assert storing(PACK, flow(ColumnRef(CUSTOMERS, 0))).verb is Verb.DENY
        assert storing(PACK, flow(ColumnRef(UNSEEN, 2))).verb is Verb.DENY

    def test_clean_columns_are(self) -> None:
        assert storing(PACK, flow(CUSTOMER_NOTE, ORDER_TOTAL)).verb is Verb.ALLOW
        assert storing(PACK, flow()).verb is Verb.ALLOW

    @pytest.mark.parametrize(
        ("reads", "unresolved"),
        [({CUSTOMERS}, ()), ({UNSEEN}, ()), ({999}, ()), (set(), ("somewhere",)), (set(), ())],
    )
    def test_what_is_not_understood_is_not_stored(self, reads: set[int], unresolved: tuple[str, ...]) -> None:
        # Also where nothing is named: a function of somebody's own reads what it likes.
        decision = storing(PACK, flow(opaque=True), reads=frozenset(reads), unresolved=unresolved)
        assert decision.refusal is not None
        assert decision.refusal.rule == MASKED_WRITE

    def test_who_sees_it_may_copy_it(self, tmp_path: Path) -> None:
        policy = policy_of(tmp_path, SEES_ALL)
        assert storing(policy, flow(CUSTOMER_EMAIL), who=DBA).verb is Verb.ALLOW
        assert storing(policy, flow(CUSTOMER_EMAIL), who=agent_of(DBA)).verb is Verb.DENY
        email = policy_of(tmp_path, "columns:\n- {name: c, see: clear, on: {tags: [PII.email]}}\n")
        assert storing(email, flow(CUSTOMER_EMAIL)).verb is Verb.ALLOW
        assert storing(email, flow(CUSTOMER_EMAIL, CUSTOMER_SSN)).verb is Verb.DENY

    def test_rules_do_not_lift_it(self, tmp_path: Path) -> None:
        policy = policy_of(tmp_path, "rules:\n- {name: all, does: [any], effect: allow, overrides: [any]}\n")
        assert storing(policy, flow(CUSTOMER_EMAIL)).verb is Verb.DENY


class TestHidden:
    POLICY = "columns:\n- {name: h, see: none, on: {tags: [SPII]}}\n"

    def showing(self, policy: Policy, *outputs: OutputColumn) -> Decision:
        return ask(policy, ANA, effect("select", CUSTOMERS), outputs=outputs, reads=frozenset({CUSTOMERS}))

    @pytest.mark.parametrize(
        ("source", "derivation", "allowed"),
        [
            (CUSTOMER_SSN, Derivation.PLAIN, False),
            (CUSTOMER_SSN, Derivation.EXPRESSION, False),
            (ColumnRef(CUSTOMERS, 0), Derivation.PLAIN, False),
            (CUSTOMER_SSN, Derivation.AGGREGATE_SAFE, True),
            (CUSTOMER_EMAIL, Derivation.PLAIN, True),
        ],
    )
    def test_hidden_columns_are_not_asked_for(
        self, tmp_path: Path, source: ColumnRef, derivation: Derivation, allowed: bool
    ) -> None:
        policy = policy_of(tmp_path, self.POLICY)
        decision = self.showing(policy, OutputColumn(name="x", sources=frozenset({source}), derivation=derivation))
        assert decision.verb is (Verb.ALLOW if allowed else Verb.DENY)
        if not allowed:
            assert decision.refusal is not None
            assert decision.refusal.rule == HIDDEN_COLUMN
            assert "public.customers.ssn" in decision.refusal.hint

    def test_unnamed_outputs_may_hold_them(self, tmp_path: Path) -> None:
        policy = policy_of(tmp_path, self.POLICY)
        decision = ask(policy, ANA, effect("select", CUSTOMERS), outputs=None, reads=frozenset({CUSTOMERS}))
        assert decision.verb is Verb.DENY
        assert (
            ask(PACK, ANA, effect("select", CUSTOMERS), outputs=None, reads=frozenset({CUSTOMERS})).verb is Verb.ALLOW
        )


def test_copy_out_that_cannot_be_read_is_for_who_sees_everything(tmp_path: Path) -> None:
    policy = policy_of(tmp_path, SEES_ALL)
    copying = effect("copy_out", ORDERS, target="wire")
    refused = ask(policy, ANA, copying)
    assert refused.refusal is not None
    assert refused.refusal.rule == MASKED_COPY
    assert "of its own" in refused.refusal.hint
    allowed = ask(policy, DBA, copying)
    assert (allowed.verb, allowed.clear) == (Verb.ALLOW, True)
    assert ask(policy, agent_of(DBA), copying).verb is Verb.DENY


def test_sensitive_system_relations(tmp_path: Path) -> None:
    policy = policy_of(tmp_path, SEES_ALL)
    reading = effect("select", None, catalog="sensitive")
    refused = ask(policy, ANA, reading)
    assert refused.refusal is not None
    assert refused.refusal.rule == SENSITIVE_CATALOG
    assert ask(policy, DBA, reading).verb is Verb.ALLOW
    assert ask(policy, ANA, effect("select", None, catalog="system")).verb is Verb.ALLOW


def test_inner_statements_are_guarded_too() -> None:
    from govproxy.policy.engine import decide
    from govproxy.sql.values import StatementFacts

    from .builders import CATALOG, CLASSIFICATION, request

    inner = StatementFacts(tag="SELECT", effects=(), uses=(Use(column=CUSTOMER_EMAIL, comparison=Comparison.PATTERN),))
    outer = StatementFacts(tag="DECLARE CURSOR", effects=(effect("cursor"),), inner=inner)
    assert decide(request(ANA, outer), PACK, CLASSIFICATION, CATALOG).verb is Verb.DENY
