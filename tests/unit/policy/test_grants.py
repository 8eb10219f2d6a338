"""Rights for a time: for whom, on what, how long, and never beyond what the policy lets be granted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from govproxy.identity.identity import Identity
from govproxy.policy.columns import column_right, sees_everything
from govproxy.policy.engine import decide
from govproxy.policy.grants import Grant, Scope, live, with_grants
from govproxy.policy.rules import Policy
from govproxy.policy.values import Decision, See, Verb
from govproxy.sql.catalog import Catalog
from govproxy.sql.values import Action, Effect, StatementFacts
from tests.unit.policy.builders import (
    CATALOG,
    CLASSIFICATION,
    CUSTOMER_EMAIL,
    CUSTOMERS,
    ENGINEER,
    ORDERS,
    PAYMENTS,
    PAYMENTS_2026,
    agent_of,
    effect,
    policy_of,
    request,
)

NOW = 1_000.0
HOLDS = """
extends: none
rules:
  - {name: all-read, does: [read], effect: allow}
  - name: held
    does: [delete, update]
    effect: hold
    approvers: {groups: [leads]}
    may_grant: {within: 8h, see: clear}
"""


def grant(identity: Identity = ENGINEER, **changes: object) -> Grant:
    made = Grant(
        id="h1",
        user=identity.user,
        agent=identity.agent,
        issuer=identity.issuer,
        database="shop",
        scope=(Scope(action=Action.DELETE, relations=((ORDERS, "public.orders"),)),),
        lifts=frozenset({"held"}),
        since=NOW,
        until=NOW + 60,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def asked(
    policy: Policy,
    identity: Identity,
    *effects: Effect,
    grants: tuple[Grant, ...],
    now: float = NOW,
    catalog: Catalog = CATALOG,
) -> Decision:
    found = live(grants, identity, "shop", now)
    facts = StatementFacts(tag="", effects=effects)
    return decide(request(identity, facts, now=now), with_grants(policy, found), CLASSIFICATION, catalog)


def verb(policy: Policy, identity: Identity, *effects: Effect, grants: tuple[Grant, ...], now: float = NOW) -> Verb:
    return asked(policy, identity, *effects, grants=grants, now=now).verb


def test_what_was_granted_and_nothing_else(tmp_path: Path) -> None:
    policy = policy_of(tmp_path, HOLDS)
    given = (grant(),)
    found = asked(policy, ENGINEER, effect("delete", ORDERS), grants=given)
    assert (found.verb, found.rules, found.policy_version) == (Verb.ALLOW, ("grant:h1",), policy.version)
    assert verb(policy, ENGINEER, effect("delete", ORDERS), grants=()) is Verb.HOLD
    assert verb(policy, ENGINEER, effect("update", ORDERS), grants=given) is Verb.HOLD
    assert verb(policy, ENGINEER, effect("delete", CUSTOMERS), grants=given) is Verb.HOLD
    assert verb(policy, ENGINEER, effect("truncate", ORDERS), grants=given) is Verb.DENY
    both = (effect("delete", ORDERS), effect("delete", CUSTOMERS))
    assert verb(policy, ENGINEER, *both, grants=given) is Verb.HOLD


def test_two_actions_are_not_their_product(tmp_path: Path) -> None:
    policy = policy_of(tmp_path, HOLDS)
    scope = (
        Scope(action=Action.DELETE, relations=((ORDERS, "public.orders"),)),
        Scope(action=Action.UPDATE, relations=((CUSTOMERS, "public.customers"),)),
    )
    given = (grant(scope=scope),)
    assert verb(policy, ENGINEER, effect("update", CUSTOMERS), grants=given) is Verb.ALLOW
    assert verb(policy, ENGINEER, effect("update", ORDERS), grants=given) is Verb.HOLD
    assert verb(policy, ENGINEER, effect("delete", CUSTOMERS), grants=given) is Verb.HOLD


@pytest.mark.parametrize("now", [NOW - 1, NOW + 60, NOW + 61])
def test_its_time(tmp_path: Path, now: float) -> None:
    policy = policy_of(tmp_path, HOLDS)
    assert verb(policy, ENGINEER, effect("delete", ORDERS), grants=(grant(),), now=now) is Verb.HOLD
    assert verb(policy, ENGINEER, effect("delete", ORDERS), grants=(grant(),), now=NOW + 59.9) is Verb.ALLOW


@pytest.mark.parametrize(
    "other",
    [
        replace(ENGINEER, user="emily"),
        replace(ENGINEER, user="EMIL"),
        replace(ENGINEER, issuer="https://other.example"),
        agent_of(ENGINEER),
        Identity(user="dora", groups=ENGINEER.groups),
    ],
)
def test_nobody_else(tmp_path: Path, other: Identity) -> None:
    policy = policy_of(tmp_path, HOLDS)
    assert verb(policy, other, effect("delete", ORDERS), grants=(grant(),)) is Verb.HOLD


def test_another_database(tmp_path: Path) -> None:
    policy = policy_of(tmp_path, HOLDS)
    assert verb(policy, ENGINEER, effect("delete", ORDERS), grants=(grant(database="crm"),)) is Verb.HOLD


def test_an_agent_stays_within_its_human(tmp_path: Path) -> None:
    bot = agent_of(ENGINEER)
    everybody = policy_of(tmp_path, HOLDS)
    given = (grant(bot),)
    # Its human would be held, so it is.
    assert verb(everybody, bot, effect("delete", ORDERS), grants=given) is Verb.HOLD
    agents = policy_of(
        tmp_path,
        """
extends: none
rules:
  - {name: people, who: {groups: [engineering]}, does: [delete], effect: allow}
  - name: held
    who: {agents: true}
    does: [delete]
    effect: hold
    approvers: {groups: [leads]}
    may_grant: {within: 8h}
""",
    )
    assert verb(agents, bot, effect("delete", ORDERS), grants=given) is Verb.ALLOW
    assert verb(agents, agent_of(ENGINEER, "other"), effect("delete", ORDERS), grants=given) is Verb.HOLD
    stranger = agent_of(Identity(user="ana", groups=frozenset({"engineering"})))
    assert verb(agents, stranger, effect("delete", ORDERS), grants=given) is Verb.HOLD
    nobody = agent_of(Identity(user="emil"))  # in no group any more
    assert verb(agents, nobody, effect("delete", ORDERS), grants=given) is Verb.DENY


@pytest.mark.parametrize(
    "rule",
    [
        # The name is a deny by now, or gone, or lets nothing be granted any more.
        "{name: held, does: [delete], effect: deny}",
        "{name: gone, does: [delete], effect: hold, approvers: {groups: [leads]}, may_grant: {within: 8h}}",
        "{name: held, does: [delete], effect: hold, approvers: {groups: [leads]}}",
    ],
)
def test_the_policy_in_force_is_the_ceiling(tmp_path: Path, rule: str) -> None:
    policy = policy_of(tmp_path, f"extends: none\nrules:\n  - {rule}\n")
    assert verb(policy, ENGINEER, effect("delete", ORDERS), grants=(grant(),)) is not Verb.ALLOW


def test_a_deny_and_another_hold_stay(tmp_path: Path) -> None:
    denied = policy_of(
        tmp_path, HOLDS + '  - {name: never, does: [delete], on: {tables: ["public.*"]}, effect: deny}\n'
    )
    assert verb(denied, ENGINEER, effect("delete", ORDERS), grants=(grant(),)) is Verb.DENY
    two = "  - {name: more, does: [delete], effect: hold, approvers: {groups: [leads]}, may_grant: {within: 8h}}\n"
    assert verb(policy_of(tmp_path, HOLDS + two), ENGINEER, effect("delete", ORDERS), grants=(grant(),)) is Verb.HOLD


def test_names_do_not_matter(tmp_path: Path) -> None:
    policy = policy_of(tmp_path, HOLDS)
    # Dropped and made anew: the same name, another table.
    made_anew = replace(effect("delete", ORDERS), relation=999)
    assert verb(policy, ENGINEER, made_anew, grants=(grant(),)) is Verb.HOLD
    for name in ("ORDERS", 'orders"', "*", "orders "):
        assert verb(policy, ENGINEER, replace(made_anew, name=name), grants=(grant(),)) is Verb.HOLD
    unknown = replace(effect("delete", ORDERS), relation=None)
    assert verb(policy, ENGINEER, unknown, grants=(grant(),)) is Verb.HOLD
    star = grant(scope=(Scope(action=Action.DELETE, relations=((7, "*.*"),)),))
    assert verb(policy, ENGINEER, effect("delete", ORDERS), grants=(star,)) is Verb.HOLD


def test_what_is_reached_through_a_table_is_granted_that_way_only(tmp_path: Path) -> None:
    policy = policy_of(tmp_path, HOLDS)
    part = Scope(
        action=Action.DELETE, relations=((PAYMENTS_2026, "public.payments_2026"),), through=frozenset({PAYMENTS})
    )
    given = (grant(scope=(part,)),)
    via = replace(effect("delete", PAYMENTS), facts={"via": "public.payments_2026"})
    assert verb(policy, ENGINEER, effect("delete", PAYMENTS_2026), via, grants=given) is Verb.ALLOW
    assert verb(policy, ENGINEER, effect("delete", PAYMENTS), grants=given) is Verb.HOLD
    other = replace(via, facts={"via": "public.orders"})
    assert verb(policy, ENGINEER, effect("delete", ORDERS), other, grants=given) is Verb.HOLD


def right(policy: Policy, identity: Identity, *grants: Grant, now: float = NOW) -> See:
    found = with_grants(policy, live(grants, identity, "shop", now))
    relation = CATALOG.relations[CUSTOMERS]
    kind = CLASSIFICATION.columns[CUSTOMER_EMAIL]
    return column_right(identity, "shop", "production", kind, relation, "email", found).see


def test_columns(tmp_path: Path) -> None:
    policy = policy_of(tmp_path, HOLDS)
    shown = grant(scope=(Scope(action=Action.DELETE, relations=((CUSTOMERS, "public.customers"),)),), clear=True)
    assert right(policy, ENGINEER, shown) is See.CLEAR
    assert right(policy, ENGINEER, shown, now=NOW + 60) is See.MASKED
    assert right(policy, ENGINEER, replace(shown, columns=frozenset({"ssn"}))) is See.MASKED
    assert right(policy, ENGINEER, replace(shown, columns=frozenset({"*"}))) is See.MASKED
    assert right(policy, ENGINEER, replace(shown, clear=False)) is See.MASKED
    assert right(policy, agent_of(ENGINEER), shown) is See.MASKED
    assert right(policy, agent_of(ENGINEER), replace(shown, agent="report-bot")) is See.MASKED
    assert right(policy, ENGINEER, grant(clear=True)) is See.MASKED
    assert not sees_everything(ENGINEER, "shop", "production", with_grants(policy, (shown,)))
    masked_only = policy_of(tmp_path, HOLDS.replace("see: clear", "see: masked"))
    assert right(masked_only, ENGINEER, shown) is See.MASKED
    none = policy_of(tmp_path, HOLDS + "columns:\n  - {name: hidden, on: {tags: [PII]}, see: none}\n")
    assert right(none, ENGINEER, shown) is See.NONE


def test_the_same_question_gives_the_same_policy(tmp_path: Path) -> None:
    policy = policy_of(tmp_path, HOLDS)
    assert with_grants(policy, ()) is policy
    assert with_grants(policy, (grant(),)) is with_grants(policy, (grant(),))
    assert with_grants(policy, (grant(),)) is not with_grants(policy, (grant(id="h2"),))


def test_a_file_cannot_name_a_rule_like_a_grant(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="pattern"):
        policy_of(tmp_path, HOLDS.replace("name: held", "name: 'grant:h1'"))
