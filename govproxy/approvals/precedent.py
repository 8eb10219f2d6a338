"""Whether an earlier approval speaks for the same statement asked again.

The same: the tree with its literals, the parameters, the relations by identity, the settings that change
what names mean, and the policy. Only what people decided counts, and the last word of theirs. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from govproxy.approvals import forms
from govproxy.approvals.capsule import CONTEXT, Capsule, Verifier
from govproxy.approvals.values import Hold, Status
from govproxy.identity.identity import Identity
from govproxy.policy.matching import Reading, who_matches
from govproxy.policy.rules import Alike, ApprovalRule

_SAME = ("database", "digest", "parameters", "objects", "settings", "policy_version")


def precedent(
    hold: Hold, rule: ApprovalRule, earlier: Iterable[Capsule], verifier: Verifier, now: float
) -> Capsule | None:
    """The newest of people's decisions on the same, where it is an approval and recent enough."""
    wanted = rule.precedent
    if wanted is None:
        return None
    subject = forms.subject(hold.subject)
    found: list[tuple[float, str, Capsule]] = []
    for capsule in earlier:
        # Security: the store may hold what somebody wrote into it; only what was signed counts.
        if capsule.key_id != verifier.key_id or not verifier.verifies(capsule.signature, CONTEXT + capsule.content):
            continue
        said = capsule.fields
        if _by_people(said) and all(said["subject"][key] == subject[key] for key in _SAME) and _alike(hold, rule, said):
            found.append((said["decided"], said["id"], capsule))
    if not found:
        return None
    decided, _, newest = max(found, key=lambda one: one[:2])
    said = newest.fields
    if said["status"] != Status.APPROVED.value or not now - wanted.within_s <= decided <= now:
        return None
    # What held it then must have asked for no less than what holds it now.
    if not set(hold.rule.names) <= set(said["rules"]) or said["quorum"] < hold.rule.quorum:
        return None
    return newest


def _by_people(said: dict[str, Any]) -> bool:
    """Security: an approval that a rule gave would prolong itself for ever."""
    return bool(said["votes"]) and not any("rule" in vote["by"] for vote in said["votes"])


def _alike(hold: Hold, rule: ApprovalRule, said: dict[str, Any]) -> bool:
    earlier, now = forms.read_identity(said["requester"]), hold.requester
    if (earlier.agent, earlier.issuer) != (now.agent, now.issuer):
        return False
    match rule.precedent.by if rule.precedent is not None else None:
        case Alike.USER:
            return earlier.user == now.user and earlier.on_behalf_of == now.on_behalf_of
        case Alike.GROUP:
            return any(
                who.groups & earlier.groups & now.groups and who_matches((who,), earlier, Reading.GRANT)
                for who in rule.who
                if who_matches((who,), now, Reading.GRANT)
            )
        case _:
            return False


def requester_of(capsule: Capsule) -> Identity:
    """Who asked then."""
    return forms.read_identity(capsule.fields["requester"])
