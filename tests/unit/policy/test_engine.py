"""The semantics of DESIGN 2.3: effects, order, overrides, holds, shadow, agents."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import pytest

from govproxy.policy.engine import decide
from govproxy.policy.loader import load_policy
from govproxy.policy.rules import DEFAULT_DENY, NO_COMMON_APPROVER
from govproxy.policy.values import Verb
from govproxy.sql.catalog import ColumnRef
from govproxy.sql.values import Action, Derivation, Effect, OutputColumn, StatementFacts

from .builders import (
    ANA,
    CATALOG,
    CLASSIFICATION,
    CUSTOMER_NOTE,
    CUSTOMER_SSN,
    CUSTOMERS,
    DBA,
    ENGINEER,
    NOON_SUNDAY,
    ORDERS,
    PAYMENTS,
    PAYMENTS_2026,
    SALARIES,
    agent_of,
    ask,
    effect,
    policy_of,
    request,
)

READ = "- {name: r, does: [read], effect: allow}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def test_no_match_is_a_deny(folder: Path) -> None:
    policy = policy_of(folder, "extends: none\n")
    decision = ask(policy, ANA, effect("select", ORDERS))
    assert decision.verb is Verb.DENY
    assert decision.refusal is not None
    assert decision.refusal.rule == DEFAULT_DENY
    assert decision.refusal.object == "public.orders"
    assert "select" in decision.refusal.hint


def test_nothing_to_do_needs_no_rule(folder: Path) -> None:
    policy = policy_of(folder, "extends: none\n")
    assert decide(request(ANA), policy, CLASSIFICATION, CATALOG).verb is Verb.ALLOW


def test_deny_then_hold_then_allow_in_any_order(folder: Path) -> None:
    rules = [
        "- {name: a, does: [delete], effect: allow}\n",
        "- {name: h, does: [delete], effect: hold, approvers: {groups: [leads]}}\n",
        "- {name: d, does: [delete], effect: deny}\n",
    ]
    deleting = effect("delete", ORDERS, where="effective")
    for size, expected in ((1, None), (2, Verb.HOLD), (3, Verb.DENY)):
        for chosen in itertools.permutations(rules[:size]):
            decision = ask(policy_of(folder, "extends: none\nrules:\n" + "".join(chosen)), ANA, deleting)
            assert decision.verb is (expected or Verb.ALLOW)
            assert decision.rules == ("a",) if size == 1 else decision.rules == ("h",) if size == 2 else True
    assert decision.rules == ("d",)


def test_every_effect_must_be_covered_and_the_worst_counts(folder: Path) -> None:
    policy = policy_of(folder, "extends: none\nrules:\n" + READ)
    assert ask(policy, ANA, effect("select", ORDERS)).verb is Verb.ALLOW
    decision = ask(policy, ANA, effect("select", ORDERS), effect("insert", ORDERS))
    assert decision.verb is Verb.DENY
    assert decision.refusal is not None
    assert "INSERT into public.orders" in decision.refusal.message


def test_every_statement_and_every_inner_statement_is_judged(folder: Path) -> None:
    policy = policy_of(folder, "extends: none\nrules:\n" + READ + "- {name: p, does: [prepare], effect: allow}\n")
    good = StatementFacts(tag="SELECT", effects=(effect("select", ORDERS),))
    bad = StatementFacts(tag="DELETE", effects=(effect("delete", ORDERS, where="by_key"),))
    wrapped = StatementFacts(tag="PREPARE", effects=(effect("prepare"),), inner=bad)
    assert decide(request(ANA, good, good), policy, CLASSIFICATION, CATALOG).verb is Verb.ALLOW
    assert decide(request(ANA, good, bad), policy, CLASSIFICATION, CATALOG).verb is Verb.DENY
    assert decide(request(ANA, wrapped), policy, CLASSIFICATION, CATALOG).verb is Verb.DENY


def test_the_refusal_reads_as_promised() -> None:
    decision = ask(load_policy(None), ANA, effect("delete", ORDERS, where="missing"))
    assert decision.refusal is not None
    assert (
        decision.refusal.message == "DELETE without WHERE on public.orders is not allowed (rule no-unqualified-delete)"
    )
    assert decision.refusal.object == "public.orders"
    assert decision.refusal.rule == "no-unqualified-delete"
    assert "WHERE" in decision.refusal.hint
    assert decision.policy_version == load_policy(None).version


class TestOverrides:
    POLICY = """\
extends: production
rules:
  - {name: dba-may-drop, who: {groups: [dba]}, does: [drop], effect: allow, overrides: [no-drop-in-production]}
"""

    def test_a_named_rule_is_lifted_for_whom_it_matches(self, folder: Path) -> None:
        policy = policy_of(folder, self.POLICY)
        drop = effect("drop", ORDERS)
        assert ask(policy, DBA, drop).verb is Verb.ALLOW
        assert ask(policy, ENGINEER, drop).verb is Verb.DENY
        assert ask(policy, DBA, effect("truncate", ORDERS)).verb is Verb.DENY

    def test_other_denials_stand(self, folder: Path) -> None:
        policy = policy_of(folder, self.POLICY + "  - {name: freeze, does: [any], effect: deny}\n")
        decision = ask(policy, DBA, effect("drop", ORDERS))
        assert (decision.verb, decision.rules) == (Verb.DENY, ("freeze",))

    def test_any_lifts_all(self, folder: Path) -> None:
        policy = policy_of(
            folder,
            "rules:\n- {name: all, who: {groups: [dba]}, does: [any], effect: allow, overrides: [any]}\n"
            "- {name: freeze, does: [any], effect: deny}\n"
            "- {name: wait, does: [drop], effect: hold, approvers: {groups: [leads]}}\n",
        )
        for action in Action:
            if action is not Action.COPY_OUT:
                assert ask(policy, DBA, effect(action.value, ORDERS)).verb is Verb.ALLOW, action
        assert ask(policy, ENGINEER, effect("select", ORDERS)).verb is Verb.DENY

    def test_a_rule_whose_condition_fails_lifts_nothing(self, folder: Path) -> None:
        policy = policy_of(
            folder,
            "rules:\n- {name: a, does: [drop], effect: allow, overrides: [any], when: request.environment == 'test'}\n",
        )
        assert ask(policy, ANA, effect("drop", ORDERS)).verb is Verb.DENY
        assert ask(policy, ANA, effect("drop", ORDERS), environment="test").verb is Verb.ALLOW

    def test_a_hold_may_lift_a_deny(self, folder: Path) -> None:
        policy = policy_of(
            folder,
            "rules:\n- {name: ask, does: [drop], effect: hold, approvers: {groups: [leads], users: [lea]},"
            " overrides: [no-drop-in-production]}\n",
        )
        decision = ask(policy, ANA, effect("drop", ORDERS))
        assert (decision.verb, decision.approvers) == (Verb.HOLD, {"group:leads", "user:lea"})
        assert decision.refusal is None


class TestHolds:
    BULK = """\
rules:
  - name: bulk
    who: {groups: [engineering]}
    does: [delete, update]
    on: {environments: [production], tables: ["public.*"]}
    when: statement.estimated_rows > 1000
    effect: hold
    approvers: {groups: [leads]}
"""

    @pytest.mark.parametrize(
        ("relation", "where", "verb"),
        [
            (CUSTOMERS, "effective", Verb.HOLD),
            (CUSTOMERS, "by_key", Verb.ALLOW),
            (ORDERS, "effective", Verb.ALLOW),
            (SALARIES, "effective", Verb.ALLOW),  # not in public
            (CUSTOMERS, "missing", Verb.DENY),
        ],
    )
    def test_by_estimated_rows(self, folder: Path, relation: int, where: str, verb: Verb) -> None:
        policy = policy_of(folder, self.BULK)
        assert ask(policy, ENGINEER, effect("delete", relation, where=where)).verb is verb

    def test_only_where_and_for_whom_it_matches(self, folder: Path) -> None:
        policy = policy_of(folder, self.BULK)
        deleting = effect("delete", CUSTOMERS, where="effective")
        assert ask(policy, ANA, deleting).verb is Verb.ALLOW
        assert ask(policy, ENGINEER, deleting, environment="staging").verb is Verb.ALLOW

    def test_an_unknown_count_is_the_worse_one(self, folder: Path) -> None:
        policy = policy_of(folder, self.BULK.replace("public.*", "*.*"))
        assert ask(policy, ENGINEER, effect("delete", SALARIES, where="effective")).verb is Verb.HOLD
        small = "rules:\n- {name: s, does: [truncate], when: statement.estimated_rows < 10, effect: allow}\n"
        policy = policy_of(folder, "extends: none\n" + small)
        assert ask(policy, ANA, effect("truncate", SALARIES)).verb is Verb.DENY

    def test_several_holds_need_a_common_approver(self, folder: Path) -> None:
        rules = (
            "extends: none\nrules:\n"
            "- {name: h1, does: [drop], effect: hold, approvers: {groups: [leads, dba]}}\n"
            "- {name: h2, does: [drop], effect: hold, approvers: {groups: [%s]}}\n"
        )
        decision = ask(policy_of(folder, rules % "dba, owners"), ANA, effect("drop", ORDERS))
        assert (decision.verb, decision.approvers) == (Verb.HOLD, {"group:dba"})
        decision = ask(policy_of(folder, rules % "owners"), ANA, effect("drop", ORDERS))
        assert decision.verb is Verb.DENY
        assert decision.refusal is not None
        assert decision.refusal.rule == NO_COMMON_APPROVER


class TestShadow:
    def test_it_records_and_does_nothing(self, folder: Path) -> None:
        policy = policy_of(
            folder,
            "rules:\n- {name: s-deny, does: [select], effect: deny, mode: shadow}\n"
            "- {name: s-allow, does: [drop], effect: allow, overrides: [any], mode: shadow}\n",
        )
        reading = ask(policy, ANA, effect("select", ORDERS))
        assert (reading.verb, reading.rules, reading.shadow) == (Verb.ALLOW, ("read",), ("s-deny",))
        dropping = ask(policy, ANA, effect("drop", ORDERS))
        assert (dropping.verb, dropping.shadow) == (Verb.DENY, ("s-allow",))


class TestErrorsInConditions:
    FAILS = "when: 'statement.functions[0] == \"x\"'"  # fails without functions

    @pytest.mark.parametrize(("verb", "expected"), [("deny", Verb.DENY), ("hold", Verb.HOLD), ("allow", Verb.DENY)])
    def test_an_error_matches_only_where_that_restricts(self, folder: Path, verb: str, expected: Verb) -> None:
        base = "" if verb == "allow" else "- {name: base, does: [drop], effect: allow}\n"
        approvers = ", approvers: {groups: [leads]}" if verb == "hold" else ""
        text = f"extends: none\nrules:\n{base}- {{name: x, does: [drop], effect: {verb}{approvers}, {self.FAILS}}}\n"
        assert ask(policy_of(folder, text), ANA, effect("drop", ORDERS)).verb is expected


class TestAgents:
    def test_what_is_for_everyone_is_for_agents_too(self) -> None:
        policy = load_policy(None)
        agent = agent_of(ANA)
        assert ask(policy, agent, effect("select", ORDERS)).verb is Verb.ALLOW
        held = ask(policy, agent, effect("delete", ORDERS, where="by_key"))
        assert (held.verb, held.rules) == (Verb.HOLD, ("agents-ask-before-writing",))
        assert "no-ddl-by-agents" in ask(policy, agent, effect("create", ORDERS)).rules

    def test_grants_to_people_do_not_extend_to_their_agents(self, folder: Path) -> None:
        rule = "- {name: g, who: {groups: [dba]}, does: [drop], effect: allow, overrides: [any]}\n"
        policy = policy_of(folder, "rules:\n" + rule)
        drop = effect("drop", ORDERS)
        assert ask(policy, DBA, drop).verb is Verb.ALLOW
        assert ask(policy, agent_of(DBA), drop).verb is Verb.DENY

    def test_an_agent_gets_what_both_are_granted(self, folder: Path) -> None:
        human = "- {name: g, who: {groups: [dba]}, does: [drop], effect: allow, overrides: [any]}\n"
        pair = (
            "- {name: p, who: {groups: [dba], agents: [report-bot]}, does: [drop], effect: allow, overrides: [any]}\n"
        )
        drop = effect("drop", ORDERS)
        both = policy_of(folder, "rules:\n" + human + pair)
        assert ask(both, agent_of(DBA), drop).verb is Verb.ALLOW
        assert ask(both, agent_of(DBA, "other-bot"), drop).verb is Verb.DENY
        assert ask(both, agent_of(ANA), drop).verb is Verb.DENY
        only_agent = policy_of(folder, "rules:\n" + pair.replace("groups: [dba], ", ""))
        assert ask(only_agent, agent_of(DBA), drop).verb is Verb.DENY, "never more than the human"

    def test_a_list_of_who_names_both_at_once(self, folder: Path) -> None:
        policy = policy_of(
            folder,
            "rules:\n- {name: p, who: [{groups: [dba]}, {groups: [dba], agents: true}], does: [drop],"
            " effect: allow, overrides: [any]}\n",
        )
        assert ask(policy, DBA, effect("drop", ORDERS)).verb is Verb.ALLOW
        assert ask(policy, agent_of(DBA), effect("drop", ORDERS)).verb is Verb.ALLOW
        assert ask(policy, agent_of(ANA), effect("drop", ORDERS)).verb is Verb.DENY

    def test_denials_reach_through_to_agents(self, folder: Path) -> None:
        policy = policy_of(folder, "rules:\n- {name: d, who: {groups: [analysts]}, does: [insert], effect: deny}\n")
        assert ask(policy, agent_of(ANA), effect("insert", ORDERS)).verb is Verb.DENY
        policy = policy_of(folder, "rules:\n- {name: d, who: {agents: true}, does: [insert], effect: deny}\n")
        assert ask(policy, agent_of(ANA), effect("insert", ORDERS)).verb is Verb.DENY
        assert ask(policy, ANA, effect("insert", ORDERS)).verb is Verb.ALLOW

    def test_exemptions_of_people_do_not_extend_to_their_agents(self, folder: Path) -> None:
        text = "rules:\n- {name: d, who: {not: {groups: [dba]}}, does: [insert], effect: deny}\n"
        with pytest.raises(Exception, match="names nobody"):
            policy_of(folder, text.replace("{groups: [dba]}", "{}"))
        policy = policy_of(folder, text)
        assert ask(policy, DBA, effect("insert", ORDERS)).verb is Verb.ALLOW
        assert ask(policy, ANA, effect("insert", ORDERS)).verb is Verb.DENY
        assert ask(policy, agent_of(DBA), effect("insert", ORDERS)).verb is Verb.DENY
        named = policy_of(folder, text.replace("[dba]}", "[dba], agents: true}"))
        assert ask(named, agent_of(DBA), effect("insert", ORDERS)).verb is Verb.DENY, "dora herself is not exempt"


class TestObjects:
    def deny(self, folder: Path, on: str) -> object:
        return policy_of(folder, f"rules:\n- {{name: d, does: [any], on: {{{on}}}, effect: deny}}\n")

    @pytest.mark.parametrize(
        ("on", "relation", "hit"),
        [
            ("tables: [public.orders]", ORDERS, True),
            ("tables: [public.orders]", CUSTOMERS, False),
            ('tables: ["public.*"]', CUSTOMERS, True),
            ('tables: ["*.salaries"]', SALARIES, True),
            ('tables: ["*.salaries"]', ORDERS, False),
            ("schemas: [hr]", SALARIES, True),
            ("schemas: [hr]", ORDERS, False),
            ("tables: [public.payments]", PAYMENTS_2026, True),  # a partition is part of its table
            ("tables: [public.payments_2026]", PAYMENTS, True),  # and reading the table reads it
            ("databases: [shop]", ORDERS, True),
            ("databases: [other]", ORDERS, False),
            ('environments: ["prod*"]', ORDERS, True),
            ("environments: [staging]", ORDERS, False),
            ("tags: [SPII]", CUSTOMERS, True),
            ("tags: [SPII]", ORDERS, False),
            ("tags: [PII.email]", ORDERS, True),
            ("tags: [any]", PAYMENTS, False),
        ],
    )
    def test_what_a_denial_is_about(self, folder: Path, on: str, relation: int, hit: bool) -> None:
        whole_row = {"outputs": None, "reads": frozenset({relation})}
        decision = ask(self.deny(folder, on), ANA, effect("select", relation), **whole_row)  # type: ignore[arg-type]
        assert decision.verb is (Verb.DENY if hit else Verb.ALLOW)

    @pytest.mark.parametrize(
        ("action", "named", "shown", "hit"),
        [
            ("select", (), CUSTOMER_SSN, True),
            ("select", (), CUSTOMER_NOTE, False),
            ("select", (), None, False),  # count(*)
            ("insert", ("note",), CUSTOMER_SSN, False),
            ("insert", ("ssn",), None, True),
            ("insert", (), None, True),
            ("update", ("note",), None, False),
            ("update", ("ssn",), None, True),
            ("update", ("note",), CUSTOMER_SSN, True),  # in its WHERE or RETURNING
            ("delete", (), None, True),
        ],
    )
    def test_which_columns_an_effect_touches(
        self, folder: Path, action: str, named: tuple[str, ...], shown: ColumnRef | None, hit: bool
    ) -> None:
        one = Effect(
            action=Action(action),
            kind="table",
            schema="public",
            name="customers",
            relation=CUSTOMERS,
            columns=named,
            facts={"where": "by_key"},
        )
        outputs = (OutputColumn(name="x", sources=frozenset({shown}), derivation=Derivation.PLAIN),) if shown else ()
        decision = ask(self.deny(folder, "tags: [SPII]"), ANA, one, outputs=outputs)  # type: ignore[arg-type]
        assert decision.verb is (Verb.DENY if hit else Verb.ALLOW)

    def test_an_unresolved_schema_may_be_any(self, folder: Path) -> None:
        policy = self.deny(folder, "tables: [hr.salaries]")
        unresolved = Effect(action=Action.SELECT, kind="table", name="salaries")
        assert ask(policy, ANA, unresolved).verb is Verb.DENY  # type: ignore[arg-type]

    def test_an_effect_without_an_object_may_be_about_any_table(self, folder: Path) -> None:
        policy = policy_of(
            folder,
            "extends: none\nrules:\n- {name: a, does: [any], effect: allow}\n"
            "- {name: d, does: [any], on: {tables: [hr.salaries]}, effect: deny}\n",
        )
        assert ask(policy, ANA, effect("do")).verb is Verb.DENY
        assert ask(policy, ANA, effect("transaction")).verb is Verb.ALLOW
        assert ask(policy, ANA, effect("select")).verb is Verb.ALLOW
        assert ask(policy, ANA, effect("select"), opaque=True).verb is Verb.DENY
        dropped = Effect(action=Action.DROP, kind="schema", name="hr")
        assert ask(policy, ANA, dropped).verb is Verb.DENY

    @pytest.mark.parametrize(
        ("on", "relation", "allowed"),
        [
            ("tables: [public.orders]", ORDERS, True),
            ("tables: [public.payments]", PAYMENTS_2026, False),  # a grant is read narrowly
            ("tags: [PII.email]", ORDERS, False),  # its other columns carry no such tag
            ("tables: [public.orders]", None, False),
        ],
    )
    def test_what_a_grant_is_about(self, folder: Path, on: str, relation: int | None, allowed: bool) -> None:
        policy = policy_of(folder, f"extends: none\nrules:\n- {{name: a, does: [any], on: {{{on}}}, effect: allow}}\n")
        assert ask(policy, ANA, effect("select", relation)).verb is (Verb.ALLOW if allowed else Verb.DENY)


class TestAttributes:
    @pytest.mark.parametrize(
        ("condition", "holds"),
        [
            ('statement.tag == "DELETE"', True),
            ("statement.statements == 1", True),
            ('statement.actions == ["delete", "select"]', True),
            ('"select" in statement.actions', True),
            ('"public.orders" in statement.tables', True),
            ('"public.customers.ssn" in statement.columns', True),
            ('"SPII" in statement.tags && !("PCI" in statement.tags)', True),
            ("statement.sensitivity == 4", True),
            ('"public.f" in statement.functions', False),
            ("statement.opaque", True),
            ('statement.where == "effective"', True),
            ("statement.estimated_rows == 500", True),
            ('effect.action == "delete" && effect.kind == "table"', True),
            ('effect.object == "public.orders" && effect.schema == "public" && effect.name == "orders"', True),
            ("effect.temporary", False),
            ('"where=effective" in effect.facts', True),
            ('effect.value == "" && effect.function == ""', True),
            ("size(effect.columns) == 0", True),
            ('request.environment == "production" && request.database == "shop"', True),
            ('request.user == "ana" && "analysts" in request.groups', True),
            ('request.agent == "" && request.on_behalf_of == ""', True),
            ('request.application == "psql" && request.address == "127.0.0.1"', True),
            ("session.denials == 0", True),
            ('time.hour == 12 && time.weekday == 7 && time.date == "2026-11-22"', True),
        ],
    )
    def test_values(self, folder: Path, condition: str, holds: bool) -> None:
        policy = policy_of(folder, f"rules:\n- {{name: d, does: [delete], effect: deny, when: '{condition}'}}\n")
        decision = ask(
            policy,
            ANA,
            effect("delete", ORDERS, where="effective"),
            effect("select", CUSTOMERS),
            tag="DELETE",
            opaque=True,
            reads=frozenset({CUSTOMERS}),
        )
        assert decision.verb is (Verb.DENY if holds else Verb.ALLOW)

    def test_denials_make_an_answer_vary(self, folder: Path) -> None:
        policy = policy_of(folder, "rules:\n- {name: d, does: [delete], effect: deny, when: session.denials > 1}\n")
        facts = StatementFacts(tag="DELETE", effects=(effect("delete", ORDERS, where="effective"),))
        decisions = [
            decide(replace(request(ANA, facts), denials=number), policy, CLASSIFICATION, CATALOG) for number in range(3)
        ]
        assert [decision.verb for decision in decisions] == [Verb.ALLOW, Verb.ALLOW, Verb.DENY]
        assert all(decision.varies for decision in decisions)

    def test_time_makes_an_answer_vary(self, folder: Path) -> None:
        policy = policy_of(folder, "rules:\n- {name: d, does: [insert], effect: deny, when: time.weekday > 5}\n")
        sunday = ask(policy, ANA, effect("insert", ORDERS))
        monday = ask(policy, ANA, effect("insert", ORDERS), now=NOON_SUNDAY + 86_400)
        assert (sunday.verb, monday.verb) == (Verb.DENY, Verb.ALLOW)
        assert sunday.varies
        assert monday.varies
        assert not ask(policy, ANA, effect("select", ORDERS)).varies

    @pytest.mark.parametrize(
        ("relation", "verb"),
        [
            (CUSTOMERS, Verb.DENY),
            (ORDERS, Verb.ALLOW),
            (PAYMENTS, Verb.ALLOW),  # its partitions count
            (SALARIES, Verb.DENY),  # never analysed, so it may be large
            (None, Verb.DENY),
        ],
    )
    @pytest.mark.parametrize("attribute", ["statement.table_size", "effect.table_size"])
    def test_by_size_of_table(self, folder: Path, attribute: str, relation: int | None, verb: Verb) -> None:
        policy = policy_of(
            folder, f"rules:\n- {{name: d, does: [update], effect: deny, when: {attribute} > 1000000}}\n"
        )
        named = effect("update", relation, where="effective")
        named = named if relation else replace(named, name="x", facts={**named.facts, "unresolved": True})
        assert ask(policy, ANA, named).verb is verb

    def test_an_allow_by_size_needs_a_known_one(self, folder: Path) -> None:
        policy = policy_of(
            folder,
            "extends: none\nrules:\n- {name: a, does: [update], effect: allow, when: effect.table_rows < 1000}\n",
        )
        verbs = [ask(policy, ANA, effect("update", table)).verb for table in (ORDERS, CUSTOMERS, SALARIES)]
        assert verbs == [Verb.ALLOW, Verb.DENY, Verb.DENY]

    def test_what_cannot_be_read_fits_every_restriction_on_a_table(self, folder: Path) -> None:
        policy = policy_of(
            folder,
            "rules:\n- {name: d, does: [delete], on: {tables: [public.orders]}, effect: deny}\n"
            "- {name: a, does: [call], effect: allow, overrides: [no-volatile-functions]}\n",
        )
        call = Effect(action=Action.CALL, kind="function", schema="public", name="f", facts={"volatility": "v"})
        closed = replace(call, facts={**call.facts, "body": "unreadable"})
        assert ask(policy, ANA, call).verb is Verb.ALLOW
        decision = ask(policy, ANA, closed)
        assert (decision.verb, decision.rules) == (Verb.DENY, ("d",))

    def test_what_goes_with_something_is_no_drop_of_its_own(self, folder: Path) -> None:
        policy = policy_of(
            folder,
            "extends: none\nrules:\n- {name: a, does: [drop], effect: allow}\n"
            "- {name: b, does: [drop], effect: deny, burst: {more_than: 1, within: 1m}}\n",
        )
        along = [effect("drop", table, via="x", by="cascade") for table in (ORDERS, CUSTOMERS)]
        assert ask(policy, ANA, effect("drop", PAYMENTS), *along).verb is Verb.ALLOW
        assert ask(policy, ANA, effect("drop", PAYMENTS), effect("drop", ORDERS)).verb is Verb.DENY

    def test_every_declared_attribute_has_a_value(self, folder: Path) -> None:
        from govproxy.policy.attributes import Attributes
        from govproxy.policy.expressions import TABLE, Kind
        from govproxy.policy.touched import Ground

        one = effect("delete", ORDERS, where="effective")
        facts = StatementFacts(tag="DELETE", effects=(one,))
        attributes = Attributes(
            request=request(ANA, facts),
            ground=Ground(CATALOG, CLASSIFICATION),
            statement=facts,
            touched=frozenset,
            effect=one,
            identity=ANA,
            rows=3,
        )
        types = {Kind.STRING: str, Kind.INT: int, Kind.BOOL: bool, Kind.STRINGS: list}
        for attribute in TABLE:
            assert type(attributes.value(attribute.name)) is types[attribute.kind], attribute.name
        with pytest.raises(KeyError):
            attributes.value("statement.nonsense")
