"""Policy cases: who asks what in SQL, and what is decided. Adding a case is adding a line in ``data``."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from govproxy.identity.identity import Identity
from govproxy.policy.engine import decide
from govproxy.policy.loader import load_policy
from govproxy.policy.rules import Policy
from govproxy.policy.values import Decision, Request
from govproxy.sql.analyze import analyze

from .world import CATALOG, classified

DATA = Path(__file__).parent / "data"
NOON_SUNDAY = 1_795_348_800.0


def _identity(user: str, group: str, agent: str | None = None) -> Identity:
    return Identity(user=user, groups=frozenset({group}), agent=agent, on_behalf_of=user if agent else None)


IDENTITIES = {
    "ana": _identity("ana", "analysts"),
    "agent": _identity("ana", "analysts", "bot"),
    "emil": _identity("emil", "engineering"),
    "emils-agent": _identity("emil", "engineering", "bot"),
    "dora": _identity("dora", "dba"),
    "doras-agent": _identity("dora", "dba", "bot"),
    "sam": _identity("sam", "support"),
    "sams-agent": _identity("sam", "support", "bot"),
    "olga": _identity("olga", "owners"),
    "olgas-agent": _identity("olga", "owners", "bot"),
}


def _cases() -> list[tuple[str, str, str, str]]:
    cases: list[tuple[str, str, str, str]] = []
    who = ""
    for line in (DATA / "production.txt").read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        if line.startswith("as "):
            who = line.removeprefix("as ").strip()
            assert who in IDENTITIES, who
            continue
        verb, _, rest = line.partition(" ")
        rule, sql = "", rest.strip()
        if verb == "deny":
            rule, _, sql = sql.partition(" ")
        cases.append((who, verb, rule, sql.strip().replace("\\n", "\n")))
    return cases


CASES = _cases()


@cache
def policy() -> Policy:
    return load_policy(DATA / "people.yaml")


def judge(who: str, sql: str) -> Decision:
    request = Request(
        identity=IDENTITIES[who],
        database="shop",
        environment="production",
        analysis=analyze(sql, CATALOG, ("public",)),
        now=NOON_SUNDAY,
    )
    return decide(request, policy(), classified(policy()), CATALOG)


@pytest.mark.parametrize(("who", "verb", "rule", "sql"), CASES, ids=[f"{who}: {sql}" for who, _, _, sql in CASES])
def test_case(who: str, verb: str, rule: str, sql: str) -> None:
    decision = judge(who, sql)
    said = decision.refusal.message if decision.refusal else ""
    assert decision.verb.value == verb, said
    if verb != "deny":
        assert decision.refusal is None
        assert decision.rules
        return
    assert decision.refusal is not None
    assert rule in decision.rules
    assert decision.refusal.message
    assert decision.refusal.hint
    assert "govproxy" not in decision.refusal.message


@pytest.mark.parametrize("sql", sorted({sql for who, _, _, sql in CASES if who.endswith("agent")}))
def test_an_agent_never_gets_more_than_its_human(sql: str) -> None:
    rank = {"allow": 0, "hold": 1, "deny": 2}
    for who, identity in IDENTITIES.items():
        if identity.agent is None:
            continue
        human = next(name for name, other in IDENTITIES.items() if other.user == identity.user and not other.agent)
        assert rank[judge(who, sql).verb.value] >= rank[judge(human, sql).verb.value]
