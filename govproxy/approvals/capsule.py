"""An approval as a signed object that anybody with the public key can check.

It says what may run (`Subject`), for whom, how often, until when, and who decided it and why. What is
signed is JSON with sorted keys and no blanks, in UTF-8, after a line that says what it is; so no other
signature of the same key can be taken for a capsule.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

import orjson

from govproxy.approvals import forms
from govproxy.approvals.values import Hold, Status, Subject, Vote
from govproxy.identity.identity import Identity

CONTEXT = b"govproxy approval 1\n"


class Signer(Protocol):
    """Has the private key."""

    @property
    def key_id(self) -> str: ...
    def sign(self, message: bytes) -> bytes: ...


class Verifier(Protocol):
    """Has the public key."""

    @property
    def key_id(self) -> str: ...
    def verifies(self, signature: bytes, message: bytes) -> bool: ...


class Flaw(StrEnum):
    """Why a capsule lets nothing run. Stable words."""

    FORGED = "forged"  # not signed by the key that is trusted, or changed since
    NOT_APPROVED = "not_approved"
    OTHER_REQUESTER = "other_requester"
    OTHER_DATABASE = "other_database"
    OTHER_STATEMENT = "other_statement"
    OTHER_PARAMETERS = "other_parameters"
    OTHER_OBJECTS = "other_objects"  # a table was dropped and made anew, or a name means another one
    OTHER_SETTINGS = "other_settings"
    OTHER_POLICY = "other_policy"
    EXPIRED = "expired"
    USED_UP = "used_up"


@dataclass(frozen=True, slots=True, kw_only=True)
class Capsule:
    """``content`` is exactly what was signed, less `CONTEXT`."""

    content: bytes
    signature: bytes
    key_id: str

    @property
    def fields(self) -> dict[str, Any]:
        """What it says. Trust it only after `flaw` has found none."""
        found: dict[str, Any] = orjson.loads(self.content)
        return found


def seal(
    hold: Hold, status: Status, votes: Sequence[Vote], signer: Signer, *, uses: int, expires: float, decided: float
) -> Capsule:
    """The evidence of a decision, approval and refusal alike. ``uses`` runs until ``expires``."""
    content = orjson.dumps(
        {
            "id": hold.id,
            "statement": hold.statement,
            "status": status.value,
            "requester": forms.who(hold.requester),
            "environment": hold.environment,
            "subject": forms.subject(hold.subject),
            "rules": list(hold.rule.names),
            "quorum": hold.rule.quorum,
            "votes": [forms.vote(vote) for vote in votes],
            "uses": uses,
            "asked": hold.asked,
            "decided": decided,
            "expires": expires,
            "key_id": signer.key_id,
        },
        option=orjson.OPT_SORT_KEYS,
    )
    return Capsule(content=content, signature=signer.sign(CONTEXT + content), key_id=signer.key_id)


def is_signed(capsule: Capsule, verifier: Verifier) -> bool:
    """Whether exactly this was signed with the other half of that key."""
    if capsule.key_id != verifier.key_id or not verifier.verifies(capsule.signature, CONTEXT + capsule.content):
        return False
    return bool(capsule.fields["key_id"] == verifier.key_id)


def flaw(
    capsule: Capsule, verifier: Verifier, *, subject: Subject, requester: Identity, used: int, now: float
) -> Flaw | None:
    """Why ``capsule`` does not let ``subject`` run now, or None. ``used``: runs that it has let through.

    The signature comes first: nothing of what an unsigned object says is looked at.
    """
    if not is_signed(capsule, verifier):
        return Flaw.FORGED
    said = capsule.fields
    if said["status"] != Status.APPROVED.value:
        return Flaw.NOT_APPROVED
    if said["requester"] != forms.who(requester):
        return Flaw.OTHER_REQUESTER
    if found := _difference(said["subject"], forms.subject(subject)):
        return found
    if now >= said["expires"]:
        return Flaw.EXPIRED
    return Flaw.USED_UP if used >= said["uses"] else None


_COMPARED: tuple[tuple[str, Flaw], ...] = (
    ("database", Flaw.OTHER_DATABASE),
    ("digest", Flaw.OTHER_STATEMENT),
    ("parameters", Flaw.OTHER_PARAMETERS),
    ("objects", Flaw.OTHER_OBJECTS),
    ("settings", Flaw.OTHER_SETTINGS),
    ("policy_version", Flaw.OTHER_POLICY),
)


def _difference(said: dict[str, Any], asked: dict[str, Any]) -> Flaw | None:
    # The catalog's version is evidence, not a condition: another table elsewhere changes it too, and what
    # this statement touches is compared by identity.
    return next((flaw for key, flaw in _COMPARED if said[key] != asked[key]), None)
