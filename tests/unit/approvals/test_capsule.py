"""A capsule lets run what was approved, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest

from govproxy.approvals.capsule import CONTEXT, Capsule, Flaw, flaw, seal
from govproxy.approvals.values import Answer, Object, Status, Subject
from govproxy.audit.keys import LedgerKey
from govproxy.identity.identity import Identity
from tests.unit.approvals.building import ANA, ASKED, BOT, LEA, SUBJECT, hold, person, vote

KEY = LedgerKey.generate()
NOW = ASKED + 2


def sealed(key: LedgerKey = KEY, status: Status = Status.APPROVED, requester: Identity = ANA) -> Capsule:
    answer = Answer.APPROVE if status is Status.APPROVED else Answer.REFUSE
    return seal(hold(requester), status, [vote(LEA, answer)], key, uses=2, expires=ASKED + 600, decided=NOW)


def found(capsule: Capsule, subject: Subject = SUBJECT, requester: Identity = ANA, **changes: Any) -> Flaw | None:
    known: dict[str, Any] = {"used": 0, "now": NOW} | changes
    return flaw(capsule, KEY.public, subject=subject, requester=requester, **known)


def test_what_was_approved_runs() -> None:
    assert found(sealed()) is None
    assert found(sealed(), used=1) is None
    assert found(sealed(requester=BOT), requester=BOT) is None


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"database": "crm"}, Flaw.OTHER_DATABASE),
        ({"digest": "e" * 64}, Flaw.OTHER_STATEMENT),
        ({"parameters": "q" * 64}, Flaw.OTHER_PARAMETERS),
        ({"parameters": ""}, Flaw.OTHER_PARAMETERS),
        ({"objects": (Object(oid=8, name="public.orders", tags=("PII.email",)),)}, Flaw.OTHER_OBJECTS),
        ({"objects": ()}, Flaw.OTHER_OBJECTS),
        ({"settings": ("role=shop_rw", "search_path=evil,public")}, Flaw.OTHER_SETTINGS),
        ({"policy_version": "v2"}, Flaw.OTHER_POLICY),
    ],
)
def test_another_statement_does_not(changes: dict[str, Any], expected: Flaw) -> None:
    assert found(sealed(), subject=replace(SUBJECT, **changes)) is expected


def test_a_table_made_elsewhere_changes_nothing() -> None:
    assert found(sealed(), subject=replace(SUBJECT, catalog_version="c2")) is None


@pytest.mark.parametrize("other", [person("bob@x", "analysts"), person("ana@x", "dba"), BOT])
def test_another_requester_does_not(other: Identity) -> None:
    assert found(sealed(), requester=other) is Flaw.OTHER_REQUESTER


def test_it_ends() -> None:
    assert found(sealed(), used=2) is Flaw.USED_UP
    assert found(sealed(), now=ASKED + 600) is Flaw.EXPIRED


def test_a_refusal_is_evidence_but_no_permission() -> None:
    assert found(sealed(status=Status.REFUSED)) is Flaw.NOT_APPROVED


def test_another_key_does_not_sign() -> None:
    assert found(sealed(LedgerKey.generate())) is Flaw.FORGED
    claimed = replace(sealed(LedgerKey.generate()), key_id=KEY.key_id)
    assert found(claimed) is Flaw.FORGED


def test_no_byte_can_be_changed() -> None:
    capsule = sealed()
    for position in range(len(capsule.content)):
        changed = bytearray(capsule.content)
        changed[position] ^= 1
        assert found(replace(capsule, content=bytes(changed))) is Flaw.FORGED
    for position in range(64):
        signature = bytearray(capsule.signature)
        signature[position] ^= 1
        assert found(replace(capsule, signature=bytes(signature))) is Flaw.FORGED


def test_nothing_else_that_the_key_signed_is_a_capsule() -> None:
    capsule = sealed()
    assert found(replace(capsule, signature=KEY.sign(capsule.content))) is Flaw.FORGED
    assert CONTEXT.endswith(b"\n")


def test_it_says_who_decided_and_why() -> None:
    said = sealed().fields
    assert said["votes"][0]["by"]["user"] == "lea@x"
    assert said["votes"][0]["reason"] == "ticket 12"
    assert orjson.dumps(said, option=orjson.OPT_SORT_KEYS) == sealed().content
