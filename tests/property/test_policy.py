"""Two promises of the policy engine: the order of rules never matters, and an agent never gets more."""

from __future__ import annotations

import dataclasses

from hypothesis import given
from hypothesis import strategies as st

from govproxy.identity.identity import Identity
from govproxy.policy.engine import column_right, decide, sees_everything
from govproxy.policy.rules import ColumnRule, Mode, On, Policy, Rule, Who
from govproxy.policy.values import Compare, See, Verb
from govproxy.sql.values import Action, StatementFacts
from tests.unit.policy.builders import CATALOG, CLASSIFICATION, CUSTOMERS, ORDERS, effect, request

GROUPS = ("analysts", "dba")
NAMES = ("r0", "r1", "r2", "r3", "r4")
ACTIONS = (Action.SELECT, Action.DELETE)

groups = st.frozensets(st.sampled_from(GROUPS), max_size=2)
parts = st.builds(
    Who,
    groups=groups,
    users=st.frozensets(st.sampled_from(("ana", "bob")), max_size=1),
    any_agent=st.booleans(),
    agents=st.frozensets(st.just("bot"), max_size=1),
)
whos = st.lists(st.builds(dataclasses.replace, parts, exempt=st.none() | parts), max_size=2).map(tuple)
places = st.builds(
    On,
    tables=st.sampled_from([(), ("public.orders",), ("public.*",)]),
    tags=st.sampled_from([frozenset(), frozenset({"PII.email"}), frozenset({"any"})]),
)
overriding = st.frozensets(st.sampled_from((*NAMES, "any")), max_size=2)
modes = st.sampled_from([Mode.ENFORCE, Mode.ENFORCE, Mode.SHADOW])
conditions = st.sampled_from(
    ["", 'request.agent == ""', 'statement.functions[0] == "x"', "statement.estimated_rows > 9"]
)


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    rules = [
        Rule(
            name=name,
            does=draw(st.frozensets(st.sampled_from(ACTIONS), min_size=1)),
            effect=(verb := draw(st.sampled_from(list(Verb)))),
            who=draw(whos),
            on=draw(places),
            when=draw(conditions),
            approvers=frozenset({"group:leads"}) if verb is Verb.HOLD else frozenset(),
            overrides=frozenset() if verb is Verb.DENY else draw(overriding),
            mode=draw(modes),
        )
        for name in NAMES[: draw(st.integers(1, 5))]
    ]
    columns = [
        ColumnRule(
            name=f"c{number}",
            who=draw(whos),
            on=draw(places),
            see=draw(st.none() | st.sampled_from(list(See))),
            compare=draw(st.none() | st.sampled_from(list(Compare))),
            overrides=draw(st.frozensets(st.sampled_from(("c0", "c1", "c2", "any")), max_size=1)),
            mode=draw(modes),
        )
        for number in range(draw(st.integers(0, 3)))
    ]
    return Policy(rules=tuple(rules), columns=tuple(columns))


identities = st.builds(
    Identity,
    user=st.sampled_from(("ana", "bob")),
    groups=groups,
    agent=st.none() | st.sampled_from(("bot", "other")),
)
statements = st.builds(
    StatementFacts,
    tag=st.just("X"),
    effects=st.lists(
        st.sampled_from(
            [effect("select", ORDERS), effect("select", CUSTOMERS), effect("delete", ORDERS, where="missing")]
        ),
        min_size=1,
        max_size=2,
    ).map(tuple),
)
RANK = {Verb.ALLOW: 0, Verb.HOLD: 1, Verb.DENY: 2}
SEE = {See.NONE: 0, See.MASKED: 1, See.CLEAR: 2}
COMPARE = {Compare.NONE: 0, Compare.EQUALITY: 1, Compare.ANY: 2}


@given(policies(), identities, statements, st.randoms(use_true_random=False))
def test_order_never_matters(policy: Policy, identity: Identity, statement: StatementFacts, random: object) -> None:
    rules, columns = list(policy.rules), list(policy.columns)
    random.shuffle(rules)  # type: ignore[attr-defined]
    random.shuffle(columns)  # type: ignore[attr-defined]
    shuffled = Policy(rules=tuple(rules), columns=tuple(columns))
    assert shuffled.versioned().version == policy.versioned().version
    asked = request(identity, statement)
    assert decide(asked, policy, CLASSIFICATION, CATALOG) == decide(asked, shuffled, CLASSIFICATION, CATALOG)
    for ref, column in CLASSIFICATION.columns.items():
        relation = CATALOG.relations[ref.relation]
        ask = (identity, "shop", "production", column, relation, relation.columns[ref.attnum - 1].name)
        assert column_right(*ask, policy) == column_right(*ask, shuffled)


@given(policies(), identities.filter(lambda one: one.agent is not None), statements)
def test_an_agent_never_gets_more(policy: Policy, agent: Identity, statement: StatementFacts) -> None:
    human = dataclasses.replace(agent, agent=None)
    decided = [decide(request(who, statement), policy, CLASSIFICATION, CATALOG) for who in (human, agent)]
    assert RANK[decided[1].verb] >= RANK[decided[0].verb]
    assert decided[0].clear or not decided[1].clear
    for ref, column in CLASSIFICATION.columns.items():
        relation = CATALOG.relations[ref.relation]
        name = relation.columns[ref.attnum - 1].name
        of_human, of_agent = (
            column_right(who, "shop", "production", column, relation, name, policy) for who in (human, agent)
        )
        assert SEE[of_agent.see] <= SEE[of_human.see]
        assert COMPARE[of_agent.compare] <= COMPARE[of_human.compare]


@given(policies(), identities, statements)
def test_shadow_rules_change_no_decision(policy: Policy, identity: Identity, statement: StatementFacts) -> None:
    acting = Policy(
        rules=tuple(rule for rule in policy.rules if rule.mode is Mode.ENFORCE),
        columns=tuple(rule for rule in policy.columns if rule.mode is Mode.ENFORCE),
    )
    asked = request(identity, statement)
    one, other = (decide(asked, each, CLASSIFICATION, CATALOG) for each in (policy, acting))
    assert (one.verb, one.rules, one.refusal, one.clear) == (other.verb, other.rules, other.refusal, other.clear)


@given(policies(), identities)
def test_seeing_everything_means_every_column(policy: Policy, identity: Identity) -> None:
    if not sees_everything(identity, "shop", "production", policy):
        return
    for ref, column in CLASSIFICATION.columns.items():
        relation = CATALOG.relations[ref.relation]
        name = relation.columns[ref.attnum - 1].name
        for known in (relation, None):
            assert column_right(identity, "shop", "production", column, known, name, policy).see is See.CLEAR
