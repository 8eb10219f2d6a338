"""Holds and votes as JSON values, for the store, the API and what is signed. One form for all three."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from typing import Any

import orjson

from govproxy.approvals.grant_forms import grant_form, read_grant
from govproxy.approvals.values import Answer, ByRule, Hold, Nature, Object, Rule, Subject, Vote
from govproxy.identity.identity import Identity, Method

Form = dict[str, Any]


def who(identity: Identity) -> Form:
    """An identity as far as a decision is bound to it."""
    return {
        "user": identity.user,
        "groups": sorted(identity.groups),
        "agent": identity.agent,
        "on_behalf_of": identity.on_behalf_of,
        "issuer": identity.issuer,
    }


def subject(what: Subject) -> Form:
    """What is to run."""
    return {
        "database": what.database,
        "digest": what.digest,
        "parameters": what.parameters,
        "objects": [{"oid": o.oid, "name": o.name, "tags": list(o.tags)} for o in what.objects],
        "settings": list(what.settings),
        "catalog_version": what.catalog_version,
        "policy_version": what.policy_version,
    }


def vote(said: Vote) -> Form:
    """What one person said, or a rule."""
    form: Form = {"by": who(said.person), "answer": said.answer.value, "reason": said.reason, "time": said.time}
    if (rule := said.rule) is not None:
        # Security: not a person's form, so that no name somebody may log in with looks like a rule's.
        form["by"] = {"rule": rule.name, "policy_version": rule.policy_version}
        form |= {"evidence": list(rule.evidence), "alone": rule.alone}
    if said.grant is not None:
        form["grant"] = grant_form(said.grant)
    if said.seen is not None:
        form["seen"] = said.seen
    return form


def nature(found: Nature | None) -> Form | None:
    """What rules may ask of a statement."""
    return None if found is None else asdict(found)


def hold(asked: Hold) -> Form:
    """A whole request."""
    rule = asked.rule
    return {
        "id": asked.id,
        "session": asked.session,
        "statement": asked.statement,
        "requester": who(asked.requester),
        "environment": asked.environment,
        "subject": subject(asked.subject),
        "rule": {
            "names": list(rule.names),
            "approvers": sorted(rule.approvers),
            "quorum": rule.quorum,
            "delegates": sorted(rule.delegates),
            "delegate_after_s": rule.delegate_after_s,
            "principal_may_approve": rule.principal_may_approve,
            "uses": rule.uses,
            "valid_s": rule.valid_s,
        },
        "sql": asked.sql,
        "oddities": list(asked.oddities),
        "effects": list(asked.effects),
        "nature": nature(asked.nature),
        "asked": asked.asked,
        "deadline": asked.deadline,
        "waits": asked.waits,
    }


def fingerprint(asked: Hold) -> str:
    """Equal for the same statement of the same requester under the same policy: 64 hexadecimal digits."""
    what = subject(asked.subject)
    del what["catalog_version"]  # evidence, not a condition
    content = orjson.dumps({"requester": who(asked.requester), "subject": what}, option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(content).hexdigest()


def read_identity(form: Form) -> Identity:
    """The inverse of `who`. How the identity was proven is not part of the form."""
    return Identity(
        user=form["user"],
        groups=frozenset(form["groups"]),
        agent=form["agent"],
        on_behalf_of=form["on_behalf_of"],
        issuer=form["issuer"],
        method=Method.TOKEN,
    )


def read_vote(form: Form) -> Vote:
    """The inverse of `vote`."""
    by, rule = form["by"], None
    if "rule" in by:
        rule = ByRule(
            name=by["rule"],
            policy_version=by["policy_version"],
            evidence=tuple(form["evidence"]),
            alone=form["alone"],
        )
    return Vote(
        person=read_identity(by) if rule is None else rule_as_person(rule.name),
        answer=Answer(form["answer"]),
        reason=form["reason"],
        time=form["time"],
        rule=rule,
        grant=read_grant(form["grant"]) if "grant" in form else None,
        seen=form.get("seen"),
    )


def rule_as_person(name: str) -> Identity:
    """How a rule is named where people are."""
    return Identity(user=f"rule {name}", method=Method.TOKEN)


def read_nature(form: Form | None) -> Nature | None:
    """The inverse of `nature`."""
    if form is None:
        return None
    read: Form = {key: tuple(value) if isinstance(value, list) else value for key, value in form.items()}
    read["targets"] = tuple((action, oid, name, via) for action, oid, name, via in form["targets"])
    return Nature(**read)


def read_hold(form: Form) -> Hold:
    """The inverse of `hold`."""
    rule, what = form["rule"], form["subject"]
    return Hold(
        id=form["id"],
        session=form["session"],
        statement=form["statement"],
        requester=read_identity(form["requester"]),
        environment=form["environment"],
        subject=Subject(
            database=what["database"],
            digest=what["digest"],
            parameters=what["parameters"],
            objects=tuple(Object(oid=o["oid"], name=o["name"], tags=tuple(o["tags"])) for o in what["objects"]),
            settings=tuple(what["settings"]),
            catalog_version=what["catalog_version"],
            policy_version=what["policy_version"],
        ),
        rule=Rule(
            names=tuple(rule["names"]),
            approvers=frozenset(rule["approvers"]),
            quorum=rule["quorum"],
            delegates=frozenset(rule["delegates"]),
            delegate_after_s=rule["delegate_after_s"],
            principal_may_approve=rule["principal_may_approve"],
            uses=rule["uses"],
            valid_s=rule["valid_s"],
        ),
        sql=form["sql"],
        oddities=tuple(form["oddities"]),
        effects=tuple(form["effects"]),
        nature=read_nature(form.get("nature")),
        asked=form["asked"],
        deadline=form["deadline"],
        waits=form["waits"],
    )
