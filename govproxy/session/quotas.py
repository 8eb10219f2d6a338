"""A worker's part of limits that all workers share: statements per minute, by batches.

The data plane counts down what is in a ``Quota``; when nothing is left, or it has become old, the
control process is asked for more and the statement waits for its answer.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from govproxy._fastpath.limits import Quota
from govproxy.identity.identity import Identity
from govproxy.session.shares import Shares

if TYPE_CHECKING:
    from govproxy.session.gate import Gate

LIFE_NS = 2_000_000_000  # of a batch: what is not used by then goes back
MAX_REFUSED_NS = 1_000_000_000  # after that the control process is asked again
MAX_BATCH_PART = 20  # a batch is at most this part of the limit


def share_key(identity: Identity, database: str) -> str:
    """Who shares one limit: one human or agent, on one database."""
    return "\0".join((database, identity.user, identity.agent or "", identity.on_behalf_of or ""))


@dataclass(slots=True)
class _Share:
    quota: Quota = field(default_factory=Quota)
    limit: int = 0
    want: int = 1
    waiting: list[Gate] = field(default_factory=list)


class Quotas:
    """All shares of one worker. ``ask(key, limit, want, unused)`` is answered by ``drawn``."""

    def __init__(self, ask: Callable[[str, int, int, int], None] | None = None) -> None:
        self._shares: dict[str, _Share] = {}
        self._ask = ask or self._ask_here
        self._here = Shares()

    def quota(self, key: str, limit: int) -> Quota:
        """The counter of one identity's sessions."""
        share = self._shares.setdefault(key, _Share())
        share.limit = limit
        return share.quota

    def draw(self, key: str, gate: Gate) -> None:
        """Nothing is left: ask for more. The gate's session goes on when the answer is here."""
        share = self._shares[key]
        share.waiting.append(gate)
        if len(share.waiting) > 1:
            return
        quota = share.quota
        used_up = quota.left <= 0 and time.monotonic_ns() < quota.until_ns
        most = max(1, share.limit // MAX_BATCH_PART)
        share.want = min(most, share.want * 2) if used_up else max(1, share.want // 2)
        unused, quota.left = max(quota.left, 0), min(quota.left, 0)
        self._ask(key, share.limit, share.want - quota.left, unused)

    def drawn(self, key: str, granted: int, again_s: float) -> None:
        """The answer: everybody who waited looks again."""
        share = self._shares[key]
        now_ns = time.monotonic_ns()
        share.quota.left += granted
        if granted:
            share.quota.until_ns = now_ns + LIFE_NS
        if share.quota.left <= 0:
            share.quota.refused_until_ns = now_ns + min(round(again_s * 1e9), MAX_REFUSED_NS)
        waited, share.waiting = share.waiting, []
        for gate in waited:
            if gate.link is not None:
                gate.link.proceed(counted=True)

    def _ask_here(self, key: str, limit: int, want: int, unused: int) -> None:
        self.drawn(key, *self._here.draw(key, limit=limit, want=want, unused=unused, now=time.monotonic()))
