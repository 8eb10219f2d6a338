"""Earlier approvals of the same statement, looked for in the state store."""

from __future__ import annotations

from govproxy.approvals.capsule import Verifier
from govproxy.approvals.precedent import precedent
from govproxy.approvals.values import Hold
from govproxy.control.state import approvals as state
from govproxy.control.state.store import StateStore
from govproxy.policy.rules import ApprovalRule


class Precedents:
    """``verifier`` proves what the store has: only what was signed counts."""

    def __init__(self, store: StateStore, verifier: Verifier) -> None:
        self._store = store
        self._verifier = verifier

    async def found(self, rule: ApprovalRule, hold: Hold, now: float) -> str | None:
        """Which approval speaks for ``hold``, in words; None: none does. Raises StateUnavailable."""
        if rule.precedent is None:
            return None
        earlier = await self._store.run(state.decided_alike(hold, now - rule.precedent.within_s))
        capsule = precedent(hold, rule, earlier, self._verifier, now)
        if capsule is None:
            return None
        people = ", ".join(vote["by"]["user"] for vote in capsule.fields["votes"])
        return f"the same statement was approved as {capsule.fields['id']} by {people}"
