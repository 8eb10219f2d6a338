"""A worker's part of the windows that all workers share: statements, rows and bytes, by shares.

The data plane counts down what is in a ``Quota``. Of statements the control process is asked for more when
nothing is left or the share has become old, and the statement waits for its answer; of rows and bytes it is
asked ahead, while there is still some, so that nobody waits as a rule. A share that nobody uses goes back.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from govproxy._fastpath.limits import Quota
from govproxy.identity.identity import Identity
from govproxy.session.shares import WINDOW_S, Shares

if TYPE_CHECKING:
    from govproxy.session.gate import Gate

LIFE_NS = 2_000_000_000  # of statements: what is not used by then goes back
AHEAD_LIFE_NS = 1_000_000_000  # of rows and bytes, which are asked for anew after half of it
MAX_REFUSED_NS = 1_000_000_000  # after that the control process is asked again
MIN_REFUSED_NS = 20_000_000
MAX_BATCH_PART = 20  # a share is at most this part of the limit

Ask = Callable[[str, int, int, int, float], None]


def share_key(identity: Identity, database: str) -> str:
    """Who shares one limit: one human or agent, on one database."""
    return "\0".join((database, identity.user, identity.agent or "", identity.on_behalf_of or ""))


@dataclass(slots=True)
class _Share:
    quota: Quota = field(default_factory=Quota)
    limit: int = 0
    window_s: float = WINDOW_S
    ahead: bool = False
    want: int = 1
    needed: int = 1  # less than that is of no use to whoever waits
    unused: int = 0  # what goes back with the question that is on its way
    again: float = 0.0  # monotonic seconds: when there may be more, as the last answer said
    waiting: list[Gate] = field(default_factory=list)


class Quotas:
    """All shares of one worker. ``ask(key, limit, want, unused, window_s)`` is answered by ``drawn``."""

    def __init__(self, ask: Ask | None = None) -> None:
        self._shares: dict[str, _Share] = {}
        self._ask = ask or self._ask_here
        self._here = Shares()

    def quota(self, key: str, limit: int, window_s: float = WINDOW_S, *, ahead: bool = False) -> Quota:
        """The counter of one identity's sessions; ``ahead``: more is asked for before it is wanted."""
        share = self._shares.setdefault(key, _Share())
        share.limit, share.window_s, share.ahead = limit, window_s, ahead
        return share.quota

    def draw(self, key: str, gate: Gate) -> None:
        """No statement is left: ask for more. The gate's session goes on when the answer is here."""
        share = self._shares[key]
        share.waiting.append(gate)
        quota = share.quota
        if quota.asked:
            return
        used_up = quota.left <= 0 and time.monotonic_ns() < quota.until_ns
        most = max(1, share.limit // MAX_BATCH_PART)
        share.want = min(most, share.want * 2) if used_up else max(1, share.want // 2)
        self._begin(key, share, share.want - min(quota.left, 0))

    def replenish(self, needs: Iterable[tuple[str, int]], gate: Gate) -> None:
        """So much is needed of each of these and not all is there; the gate's session goes on when it is known."""
        now_ns = time.monotonic_ns()
        lacking = [(self._shares[key], key, need) for key, need in needs]
        lacking = [(share, key, need) for share, key, need in lacking if _left(share.quota, now_ns) < need]
        for share, key, need in lacking:
            share.waiting.append(gate)
            if not share.quota.asked:
                self._begin(key, share, max(_batch(share), need - min(share.quota.left, 0)), need)

    def fetch_ahead(self, keys: Iterable[str]) -> None:
        """Whatever runs low of these: ask for more, while nobody waits for it."""
        now_ns = time.monotonic_ns()
        for key in keys:
            share = self._shares[key]
            quota = share.quota
            if not quota.asked and (quota.left < quota.low or now_ns >= quota.renew_ns):
                self._begin(key, share, _batch(share) - min(quota.left, 0))

    def again_s(self, key: str) -> float:
        """In how many seconds there may be more."""
        return max(self._shares[key].again - time.monotonic(), 0.0)

    def drawn(self, key: str, granted: int, again_s: float) -> None:
        """The answer: everybody who waited looks again."""
        share = self._shares[key]
        quota, now_ns = share.quota, time.monotonic_ns()
        quota.asked = False
        # What went back with the question was still used until now.
        quota.left += granted - share.unused
        share.unused = 0
        share.again = time.monotonic() + again_s
        if granted:
            quota.until_ns = now_ns + (AHEAD_LIFE_NS if share.ahead else LIFE_NS)
            quota.renew_ns = now_ns + AHEAD_LIFE_NS // 2
            quota.low = granted // 2
        if quota.left < share.needed:
            quota.refused_until_ns = now_ns + min(max(round(again_s * 1e9), MIN_REFUSED_NS), MAX_REFUSED_NS)
        waited, share.waiting = share.waiting, []
        for gate in waited:
            if gate.link is not None:
                gate.link.proceed(counted=True)

    def give_back(self) -> None:
        """Return what nobody has used in its time."""
        now_ns = time.monotonic_ns()
        for key, share in self._shares.items():
            quota = share.quota
            if quota.left > 0 and not quota.asked and now_ns >= quota.until_ns:
                self._begin(key, share, 0)

    def _begin(self, key: str, share: _Share, want: int, needed: int = 1) -> None:
        quota = share.quota
        quota.asked = True
        share.needed = needed if want else 0
        share.unused = max(quota.left, 0)
        self._ask(key, share.limit, want, share.unused, share.window_s)

    def _ask_here(self, key: str, limit: int, want: int, unused: int, window_s: float) -> None:
        now = time.monotonic()
        self.drawn(key, *self._here.draw(key, limit=limit, want=want, unused=unused, now=now, window_s=window_s))


def _left(quota: Quota, now_ns: int) -> int:
    return quota.left if now_ns < quota.until_ns else 0


def _batch(share: _Share) -> int:
    return max(1, share.limit // MAX_BATCH_PART)
