"""What the client of a held statement reads when it does not run."""

from __future__ import annotations

from govproxy.approvals.values import Hold, Standing
from govproxy.errors import Reason, StatementDenied, StatementTimeout


def _facts(hold: Hold) -> dict[str, str]:
    return {"rule": ",".join(hold.rule.names), "approvers": ",".join(sorted(hold.rule.approvers)), "approval": hold.id}


def timed_out(hold: Hold, late: str) -> StatementTimeout:
    """Nobody has decided in time."""
    return StatementTimeout(
        f"the statement was not approved: {late} (approval {hold.id})",
        hint="Ask somebody who may decide to be there, and send it again.",
        facts=_facts(hold),
    )


def refused(standing: Standing) -> StatementDenied:
    """Somebody has said no."""
    said = standing.votes[-1]
    return StatementDenied(
        f"the statement was not approved: {said.by} refused it (approval {standing.hold.id})",
        hint=f"They said: {said.reason}",
        reason=Reason.NOT_APPROVED,
        facts=_facts(standing.hold),
    )


def to_be_sent_again(standing: Standing, page: str | None) -> StatementDenied:
    """Its client is not to wait."""
    hold = standing.hold
    return StatementDenied(
        f"the statement needs approval {hold.id} (rule {', '.join(hold.rule.names)})",
        hint=f"Once it is approved, send the same statement again. {page or ''}".rstrip(),
        reason=Reason.NEEDS_APPROVAL,
        facts=_facts(hold),
    )


def unkept(hold: Hold) -> StatementDenied:
    """It cannot be asked for."""
    return StatementDenied(
        f"the statement needs an approval, and requests for approval cannot be kept now (rule {hold.rule.names[0]})",
        hint="The state store does not answer; send it again later.",
        reason=Reason.NEEDS_APPROVAL,
        facts={"rule": ",".join(hold.rule.names)},
    )


def invalid(hold_id: str) -> StatementDenied:
    """What came is no approval of it."""
    return StatementDenied(
        f"the approval {hold_id} is not valid for this statement",
        reason=Reason.NOT_APPROVED,
        facts={"approval": hold_id},
    )


def changed_since(hold_id: str) -> StatementDenied:
    """What was tried is not what would run."""
    return StatementDenied(
        f"the statement was rehearsed for approval {hold_id}, and something it rests on has changed since",
        hint="Send it again.",
        reason=Reason.NOT_APPROVED,
        facts={"approval": hold_id},
    )


def in_failed_transaction(rules: tuple[str, ...]) -> StatementDenied:
    """Nothing would run."""
    return StatementDenied(
        f"the statement needs an approval (rule {', '.join(rules)}), and its transaction has failed",
        hint="Roll back first.",
        reason=Reason.NEEDS_APPROVAL,
        facts={"rule": ",".join(rules)},
    )
