"""When the state store forgets: once an hour, a little at a time, so that nobody who asks or decides waits for it.

How long is ``approvals: {retention_days: …}``, but never shorter than rules look back. Knows nothing of tables.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from govproxy.control.grants import LISTED_S
from govproxy.control.state import retention as state
from govproxy.control.state.store import StateStore
from govproxy.errors import StateUnavailable
from govproxy.policy.rules import Policy
from govproxy.session.log import get_logger

FIRST_S = 60.0  # after the start, which has enough to do
EVERY_S = 3_600.0
PAUSE_S = 0.2  # between two batches
AT_ONCE = 200  # requests in one transaction
MOST_BATCHES = 500  # in one round; what is left waits for the next
MARGIN_S = 86_400.0  # beyond what rules look back: clocks differ
DAY_S = 86_400.0

log = get_logger("govproxy.state")


def keep_s(days: int, policy: Policy) -> float:
    """How long a request is kept after its end: ``days``, and as long as a rule asks for earlier approvals."""
    looked_back = [rule.precedent.within_s + MARGIN_S for rule in policy.approvals if rule.precedent is not None]
    return max(days * DAY_S, *looked_back, 0.0)


class Retention:
    """``clock`` gives POSIX time, ``kept_s`` how many seconds a request is kept after its end."""

    def __init__(self, store: StateStore, *, clock: Callable[[], float], kept_s: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock
        self._kept_s = kept_s

    async def keep(self) -> None:
        """Forget until cancelled."""
        await asyncio.sleep(FIRST_S)
        while True:
            try:
                await self.forget()
            except StateUnavailable as error:
                log.warning("nothing old can be forgotten", error=str(error))
            await asyncio.sleep(EVERY_S)

    async def forget(self) -> int:
        """One round. Gives how many requests were forgotten. Raises StateUnavailable."""
        forgotten = 0
        for _ in range(MOST_BATCHES):
            batch = state.forget_ended(self._clock(), keep_s=self._kept_s(), grants_keep_s=LISTED_S, limit=AT_ONCE)
            count = await self._store.run(batch)
            forgotten += count
            if count < AT_ONCE:
                break
            await asyncio.sleep(PAUSE_S)
        await self._store.run(state.forget_left_behind(self._clock()))
        if forgotten:
            log.info("ended requests forgotten", count=forgotten, days=round(self._kept_s() / DAY_S, 1))
        return forgotten
