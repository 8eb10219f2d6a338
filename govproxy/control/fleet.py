"""Limits that outlive a process: windows over statements, rows and bytes, in the state store for a whole fleet.

Workers draw batches; each draw is one short transaction. While the store cannot be used an instance
goes on with its part of the limit, as many instances as it saw last, counted in memory: nobody gets
more than before, and an outage of the store stops nobody's work.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import time
from dataclasses import dataclass, field

from govproxy.control.state.store import StateStore
from govproxy.control.state.windows import draw
from govproxy.errors import StateUnavailable
from govproxy.session.log import get_logger
from govproxy.session.shares import WINDOW_S, Shares

# After a failure the store is left alone for a while, so that nobody waits for its timeouts.
RETRY_S = 2.0
TIMEOUT_S = 2.0
MAX_KEYS = 100_000

log = get_logger("govproxy.fleet")


@dataclass(slots=True)
class _Known:
    """When each worker was given its last batch of one key, and how many instances drew within the window."""

    given_at: dict[int, float] = field(default_factory=dict)
    instances: int = 1


class Fleet:
    """Draws for one instance."""

    def __init__(self, store: StateStore) -> None:
        self._store = store
        self._instance = secrets.token_hex(8)
        self._known: dict[str, _Known] = {}
        self._here = Shares()
        self._retry_at = 0.0

    async def draw(
        self, key: str, *, limit: int, want: int, unused: int, worker: int, window_s: float = WINDOW_S
    ) -> tuple[int, float]:
        """How much of ``want`` may be used now, and in how many seconds there may be more."""
        if len(self._known) > MAX_KEYS:
            self._known.clear()
        known = self._known.setdefault(key, _Known())
        now = time.monotonic()
        if now >= self._retry_at:
            name = hashlib.sha256(key.encode()).hexdigest()
            work = draw(
                name,
                self._instance,
                limit=limit,
                want=want,
                unused=unused,
                unused_of=known.given_at.get(worker, 0.0),
                window_s=window_s,
            )
            try:
                async with asyncio.timeout(TIMEOUT_S):
                    drawn = await self._store.run(work)
            except (StateUnavailable, TimeoutError) as error:
                self._retry_at = time.monotonic() + RETRY_S
                log.warning("limits are counted here alone", error=str(error) or "the store does not answer")
            else:
                if drawn.granted:
                    known.given_at[worker] = drawn.given_at
                known.instances = drawn.instances
                # What is given is remembered here as well, should the store be gone the next time.
                self._here.draw(key, limit=limit, want=drawn.granted, unused=unused, now=now, window_s=window_s)
                return drawn.granted, drawn.again_s
        part = limit // max(known.instances, 1)
        return self._here.draw(key, limit=part, want=want, unused=unused, now=now, window_s=window_s)
