"""Whether the instances at which held statements wait are still there.

An instance that was killed cannot withdraw what waited on its connections, and nobody must be asked to
decide what cannot run any more. Each renews a mark in the state store while somebody waits at it; where one has
not changed for several looks in a row, its instance is gone. Counted in looks that worked, so that a store that was
down for a while, or this process standing still, makes nobody look dead. Knows nothing of what then happens.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable

from govproxy.control.state import presence as state
from govproxy.control.state.store import StateStore
from govproxy.errors import StateUnavailable
from govproxy.session.log import get_logger

BEAT_S = 1.0
BEATS_PER_LOOK = 2
LOOKS = 4  # that find the same mark: it has stood for six seconds then
TIMEOUT_S = 5.0

log = get_logger("govproxy.approvals")


class Presence:
    """Of one instance. ``waits`` says whether somebody waits here; ``gone`` is told of an instance that has ended."""

    def __init__(
        self,
        store: StateStore,
        *,
        clock: Callable[[], float],
        waits: Callable[[], bool],
        gone: Callable[[str], Awaitable[None]],
    ) -> None:
        self.name = secrets.token_hex(8)
        self._store = store
        self._clock = clock
        self._waits = waits
        self._gone = gone
        self._seen: dict[str, tuple[float | None, int]] = {}  # mark, and in how many looks it was the same

    async def keep(self) -> None:
        """Renew and look until cancelled."""
        beats = 0
        while True:
            await asyncio.sleep(BEAT_S)
            beats += 1
            try:
                if self._waits():
                    async with asyncio.timeout(TIMEOUT_S):
                        await self._store.run(state.renew(self.name, self._clock()))
                if beats % BEATS_PER_LOOK == 0:
                    await self.look()
            except (StateUnavailable, TimeoutError) as error:
                log.warning("the presence of instances is not known", error=str(error) or "no answer in time")

    async def look(self) -> None:
        """Look once at the marks of the others. Raises StateUnavailable, and begins to count anew then."""
        before, self._seen = self._seen, {}
        async with asyncio.timeout(TIMEOUT_S):
            found = await self._store.run(state.marks(self.name))
        for name, mark in found.items():
            known, looks = before.get(name, (None, 0))
            looks = looks + 1 if looks and known == mark else 1
            self._seen[name] = (mark, looks)
        for name, (_, looks) in tuple(self._seen.items()):
            if looks >= LOOKS:
                log.warning("an instance is gone; what waited there is withdrawn", instance=name)
                await self._gone(name)
                await self._store.run(state.forget(name))
                self._seen.pop(name, None)

    async def stop(self) -> None:
        """Leave no mark behind. Raises StateUnavailable."""
        await self._store.run(state.forget(self.name))
