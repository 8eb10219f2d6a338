"""Rules that stand for a time, and rules that count."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from govproxy.errors import ConfigErrors, Reason
from govproxy.policy.engine import decide
from govproxy.policy.loader import load_policy
from govproxy.policy.values import Verb
from govproxy.sql.values import Action, Effect, StatementFacts
from tests.unit.policy.builders import (
    ANA,
    CATALOG,
    CLASSIFICATION,
    DBA,
    NOON_SUNDAY,
    agent_of,
    policy_of,
    request,
)

FREEZE = """
extends: none
rules:
  - {name: all, does: [any], effect: allow}
  - {name: dba-lifts, who: {groups: [dba]}, does: [drop], effect: allow, overrides: [sundays]}
freezes:
  - {name: sundays, during: {from: sun 00:00, until: mon 00:00}, on: {environments: [production]}}
"""
BURST = """
extends: none
rules:
  - {name: all, does: [any], effect: allow}
  - {name: few-drops, does: [drop], when: "!effect.temporary", burst: {more_than: 2, within: 10m}, effect: deny}
  - {name: dba-lifts, who: {groups: [dba]}, does: [drop], effect: allow, overrides: [few-drops]}
"""
MONDAY = NOON_SUNDAY + 86_400


def drop(*names: str, temporary: bool = False) -> StatementFacts:
    effects = tuple(
        Effect(action=Action.DROP, kind="table", schema="public", name=name, temporary=temporary) for name in names
    )
    return StatementFacts(tag="DROP TABLE", effects=effects)


def call(volatility: str) -> StatementFacts:
    facts = {"volatility": volatility, "security_definer": False}
    effect = Effect(action=Action.CALL, kind="function", schema="public", name="tax", facts=facts)
    return StatementFacts(tag="SELECT", effects=(effect,))


def test_a_freeze_stands_for_its_time_and_place(tmp_path: Path) -> None:
    policy = policy_of(tmp_path, FREEZE)

    def verb(who: object, facts: StatementFacts, now: float = NOON_SUNDAY, environment: str = "production") -> Verb:
        asked = request(who, facts, environment=environment, now=now)  # type: ignore[arg-type]
        return decide(asked, policy, CLASSIFICATION, CATALOG).verb

    assert verb(ANA, drop("a")) is Verb.DENY
    assert verb(ANA, drop("a"), now=MONDAY) is Verb.ALLOW
    assert verb(ANA, drop("a"), environment="staging") is Verb.ALLOW
    assert verb(ANA, drop("a", temporary=True)) is Verb.ALLOW
    assert verb(DBA, drop("a")) is Verb.ALLOW
    assert verb(agent_of(DBA), drop("a")) is Verb.DENY
    assert verb(ANA, call("s")) is Verb.ALLOW
    assert verb(ANA, call("v")) is Verb.DENY


def test_a_freeze_says_until_when_and_is_not_kept(tmp_path: Path) -> None:
    policy = policy_of(tmp_path, FREEZE)
    frozen = decide(request(ANA, drop("a")), policy, CLASSIFICATION, CATALOG)
    assert frozen.refusal is not None
    assert frozen.refusal.reason is Reason.FREEZE
    assert frozen.refusal.hint.startswith("It ends 2026-11-23 00:00 UTC.")
    free = decide(request(ANA, drop("a"), now=MONDAY), policy, CLASSIFICATION, CATALOG)
    assert frozen.varies
    assert free.varies


def test_a_burst_lets_the_first_pass(tmp_path: Path) -> None:
    policy = policy_of(tmp_path, BURST)

    def after(count: int, *names: str, who: object = ANA, temporary: bool = False) -> object:
        asked = replace(request(who, drop(*names, temporary=temporary)), counted={"few-drops": count})  # type: ignore[arg-type]
        return decide(asked, policy, CLASSIFICATION, CATALOG)

    first = decide(request(ANA, drop("a")), policy, CLASSIFICATION, CATALOG)
    assert (first.verb, first.varies, first.counts) == (Verb.ALLOW, True, (("few-drops", 1),))
    assert after(1, "a").verb is Verb.ALLOW  # type: ignore[attr-defined]
    beyond = after(2, "a")
    assert beyond.verb is Verb.DENY  # type: ignore[attr-defined]
    assert beyond.refusal.reason is Reason.BURST  # type: ignore[attr-defined]
    assert after(0, "a", "b").verb is Verb.ALLOW  # type: ignore[attr-defined]
    assert after(0, "a", "b", "c").verb is Verb.DENY  # type: ignore[attr-defined]
    assert after(9, "a", temporary=True).verb is Verb.ALLOW  # type: ignore[attr-defined]
    assert after(9, "a", who=DBA).verb is Verb.ALLOW  # type: ignore[attr-defined]


def test_an_agents_effects_count_once(tmp_path: Path) -> None:
    policy = policy_of(tmp_path, BURST)
    decision = decide(request(agent_of(ANA), drop("a", "b")), policy, CLASSIFICATION, CATALOG)
    assert (decision.verb, decision.counts) == (Verb.ALLOW, (("few-drops", 2),))


def test_several_statements_of_one_text_count_together(tmp_path: Path) -> None:
    policy = policy_of(tmp_path, BURST)
    asked = request(ANA, *(drop(name) for name in "abc"))
    assert decide(asked, policy, CLASSIFICATION, CATALOG).verb is Verb.DENY


def test_the_pack_breaks_loops_of_agents_until_told_otherwise(tmp_path: Path) -> None:
    pack = load_policy(None).loop_breaker
    assert pack is not None
    assert pack.who[0].any_agent
    assert policy_of(tmp_path, "rules: []").loop_breaker == pack
    assert policy_of(tmp_path, "loop_breaker: false").loop_breaker is None
    own = policy_of(tmp_path, "loop_breaker: {repeats: 3, within: 1m}").loop_breaker
    assert own is not None
    assert (own.repeats, own.within_s, own.end_session_after, own.who) == (3, 60, None, ())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rules: [{name: x, does: [drop], effect: deny, during: []}]", "an empty list is never"),
        ("rules: [{name: x, does: [drop], effect: deny, during: {from: a, until: b}}]", "rule `x`: `a` is no time"),
        ("rules: [{name: x, does: [drop], effect: allow, burst: {more_than: 1, within: 1m}}]", "for deny and hold"),
        ("rules: [{name: x, does: [drop], effect: deny, burst: {more_than: 1, within: soon}}]", "is no duration"),
        ("freezes: [{name: x, during: {from: '10:00', until: '11:00', timezone: Mars}}]", "unknown time zone `Mars`"),
        ("freezes: [{name: no-truncate, during: {from: '10:00', until: '11:00'}}]", "exists already (in the pack)"),
        ("freezes: [{name: x}]", "missing key `during`"),
        ("loop_breaker: {repeats: 5, within: 1m, end_session_after: 5}", "must be more than `repeats`"),
        ("loop_breaker: true", "loop_breaker"),
    ],
)
def test_mistakes(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigErrors) as refused:
        policy_of(tmp_path, text)
    assert message in str(refused.value)


def test_versions_see_times(tmp_path: Path) -> None:
    one = policy_of(tmp_path, FREEZE).version
    assert policy_of(tmp_path, FREEZE.replace("sun 00:00", "sat 00:00")).version != one
    assert policy_of(tmp_path, BURST).version != policy_of(tmp_path, BURST.replace("10m", "11m")).version
