"""Holds and people to try the rules on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from govproxy.approvals.values import Answer, Hold, Object, Rule, Standing, Subject, Vote
from govproxy.identity.identity import Identity

ASKED = 1_000.0
SUBJECT = Subject(
    database="shop",
    digest="d" * 64,
    parameters="p" * 64,
    objects=(Object(oid=7, name="public.orders", tags=("PII.email",)),),
    settings=("role=shop_rw", "search_path=public"),
    catalog_version="c1",
    policy_version="v1",
)


def person(user: str, *groups: str, agent: str | None = None) -> Identity:
    return Identity(user=user, groups=frozenset(groups), agent=agent, on_behalf_of=user if agent else None)


ANA = person("ana@x", "analysts")
BOT = person("ana@x", "analysts", agent="report-bot")
LEA = person("lea@x", "leads")
LEO = person("leo@x", "leads")
OPS = person("olga@x", "ops")


def hold(requester: Identity = ANA, **changes: Any) -> Hold:
    rule = Rule(names=("bulk-deletes",), approvers=frozenset({"group:leads"}))
    of_the_rule = {name: changes.pop(name) for name in list(changes) if name in Rule.__slots__}
    made = Hold(
        id="h1",
        session="w0-1",
        statement="w0-1.4",
        requester=requester,
        environment="production",
        subject=SUBJECT,
        rule=replace(rule, **of_the_rule),
        sql="DELETE FROM orders WHERE id > 5",
        asked=ASKED,
        deadline=ASKED + 60,
    )
    return replace(made, **changes)


def standing(requester: Identity = ANA, **changes: Any) -> Standing:
    return Standing(hold=hold(requester, **changes))


def vote(by: Identity, answer: Answer = Answer.APPROVE, reason: str = "ticket 12", time: float = ASKED + 1) -> Vote:
    return Vote(person=by, answer=answer, reason=reason, time=time)
