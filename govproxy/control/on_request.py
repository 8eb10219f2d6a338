"""A rehearsal that a reviewer asks for: who may, that it is recorded, how long they wait for it.

For the admin socket and the HTTP API alike; knows neither, nor how a rehearsal is made.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from govproxy.approvals.deciding import Objection, objection
from govproxy.approvals.values import Hold, Standing
from govproxy.identity.identity import Identity

WAIT_S = 5.0  # it goes on without whoever asked, and is shown when it is there

Found = TypeVar("Found")


class Notes(Protocol):
    """Puts a step into the ledger: ``control.approvals.Approvals``."""

    def note(self, standing: Standing, status: str, *, by: str, reason: str | None) -> None: ...


async def rehearsed_for(
    person: Identity,
    standing: Standing,
    *,
    notes: Notes,
    rehearse: Callable[[Hold], Awaitable[Found]],
    now: float,
) -> Found | Objection | None:
    """What is found out with a rehearsal, or why ``person`` may not ask for one; None: it takes longer."""
    why = objection(standing, person, "wants to see it", now)
    if why is not None:
        return why
    notes.note(standing, "rehearsal_asked", by=f"user {person.user}", reason=None)
    try:
        async with asyncio.timeout(WAIT_S):
            return await rehearse(standing.hold)
    except TimeoutError:
        return None
