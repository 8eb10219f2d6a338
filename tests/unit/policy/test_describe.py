"""What ``govproxy explain`` says."""

from __future__ import annotations

from pathlib import Path

import orjson

from govproxy.masking.values import Masker
from govproxy.policy.describe import describe, outputs
from govproxy.policy.engine import decide
from govproxy.policy.loader import load_policy
from govproxy.policy.values import See
from govproxy.sql.catalog import ColumnRef
from govproxy.sql.values import Derivation, OutputColumn, StatementFacts

from .builders import (
    ANA,
    CATALOG,
    CLASSIFICATION,
    CUSTOMER_EMAIL,
    CUSTOMER_NOTE,
    CUSTOMER_SSN,
    CUSTOMERS,
    DBA,
    effect,
    policy_of,
    request,
)


def column(name: str, derivation: Derivation, *sources: ColumnRef) -> OutputColumn:
    return OutputColumn(name=name, derivation=derivation, sources=frozenset(sources))


FACTS = StatementFacts(
    tag="SELECT",
    effects=(effect("select", CUSTOMERS), effect("delete", CUSTOMERS, where="missing")),
    outputs=(
        column("note", Derivation.PLAIN, CUSTOMER_NOTE),
        column("email", Derivation.PLAIN, CUSTOMER_EMAIL),
        column("both", Derivation.EXPRESSION, CUSTOMER_EMAIL, CUSTOMER_NOTE),
        column("n", Derivation.AGGREGATE_SAFE, CUSTOMER_SSN),
        column("what", Derivation.OPAQUE),
        column("ssn", Derivation.PLAIN, CUSTOMER_SSN),
    ),
)


def test_outputs_with_sources_and_rights(tmp_path: Path) -> None:
    policy = policy_of(tmp_path, "columns:\n- {name: h, see: none, on: {tags: [SPII]}}\n")
    found = outputs(request(ANA, FACTS), FACTS, policy, CLASSIFICATION, CATALOG)
    assert [output.shown for output in found] == ["clear", "masked", "redacted", "clear", "redacted", "none"]
    (email,) = found[1].sources
    assert (email.column, email.class_name, email.right.see) == ("public.customers.email", "email", See.MASKED)
    assert email.masker is Masker.PARTIAL
    assert found[0].sources[0].class_name == ""


def test_who_sees_everything_is_told_so(tmp_path: Path) -> None:
    policy = policy_of(tmp_path, "columns:\n- {name: a, see: clear, on: {tags: [any]}}\n")
    found = outputs(request(DBA, FACTS), FACTS, policy, CLASSIFICATION, CATALOG)
    assert {output.shown for output in found} == {"clear"}


def test_the_whole_is_plain_json() -> None:
    policy = load_policy(None)
    asked = request(ANA, FACTS)
    decision = decide(asked, policy, CLASSIFICATION, CATALOG)
    said = describe(asked, decision, (outputs(asked, FACTS, policy, CLASSIFICATION, CATALOG),), policy)
    assert orjson.loads(orjson.dumps(said)) == said
    assert said["decision"] == "deny"
    assert said["rules"] == [{"name": "no-unqualified-delete", "effect": "deny"}]
    assert said["refusal"]["rule"] == "no-unqualified-delete"
    assert said["identity"]["user"] == "ana"
    assert said["statements"][0]["outputs"][1]["sources"][0]["mask"] == "partial"
    assert said["statements"][0]["effects"][1]["facts"] == {"where": "missing"}
