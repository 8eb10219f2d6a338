"""Places for sessions, of which an identity may have only so many: over the workers of an instance, and over a fleet.

Where instances share a state store each notes there how many sessions it holds for whom, and renews that
every second, so that the places of one that dies come back. While the store cannot be used an instance goes on
with its own count and what it heard last of the others.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import secrets
import time
from collections import defaultdict
from collections.abc import Awaitable

from govproxy.control.state import places
from govproxy.control.state.store import StateStore
from govproxy.errors import StateUnavailable
from govproxy.session.log import get_logger
from govproxy.session.shares import Shares

RENEW_S = 1.0
LEASE_S = 6.0
TIMEOUT_S = 2.0
RETRY_S = 2.0  # after a failure the store is left alone for a while, so that nobody waits for its timeouts

log = get_logger("govproxy.places")


class Places:
    """Of one instance. ``store`` None: nobody shares it."""

    def __init__(self, store: StateStore | None) -> None:
        self._store = store
        self._instance = secrets.token_hex(8)
        self._here = Shares()
        self._entering: dict[str, int] = {}  # session -> worker
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._written: dict[str, int] = {}  # what the store has of this instance, by digest
        self._others: dict[str, int] = {}
        self._retry_at = 0.0

    def enter(self, key: str, session: str, *, limit: int, worker: int) -> Awaitable[bool]:
        """A place for one more session; False when there is none. ``limit`` 0 counts and never refuses.

        Noted at once, so that a session that leaves before it was decided leaves nothing behind.
        """
        self._entering[session] = worker
        return self._enter(key, session, limit, worker)

    async def _enter(self, key: str, session: str, limit: int, worker: int) -> bool:
        async with self._locks[key]:
            admitted = self._here.enter(key, session, limit=limit, worker=worker)
            if admitted and limit and self._store is not None:
                admitted = await self._enter_fleet(_name(key), self._here.count(key), limit)
            if self._entering.pop(session, None) is None or not admitted:
                self._here.leave(key, session)
        if not self._here.count(key):
            self._locks.pop(key, None)
        return admitted

    async def _enter_fleet(self, name: str, taken: int, limit: int) -> bool:
        if self._store is not None and time.monotonic() >= self._retry_at:
            work = places.enter(name, self._instance, taken=taken, limit=limit, lease_s=LEASE_S)
            try:
                async with asyncio.timeout(TIMEOUT_S):
                    entered = await self._store.run(work)
            except (StateUnavailable, TimeoutError) as error:
                self._failed(error)
            else:
                self._others[name] = entered.others
                if entered.admitted:
                    self._written[name] = taken
                return entered.admitted
        return taken + self._others.get(name, 0) <= limit

    def leave(self, key: str, session: str) -> None:
        """A session is over."""
        self._entering.pop(session, None)
        self._here.leave(key, session)

    def forget_worker(self, worker: int) -> None:
        """A worker has ended, and its sessions with it."""
        self._here.forget_worker(worker)
        self._entering = {session: holder for session, holder in self._entering.items() if holder != worker}

    async def keep(self) -> None:
        """Renew until cancelled what the store has of this instance."""
        if self._store is None:
            return
        while True:
            await asyncio.sleep(RENEW_S)
            if time.monotonic() >= self._retry_at:
                await self.renew()

    async def renew(self) -> None:
        """Tell the store what is held here, and hear what others hold."""
        for _ in range(2):  # once more where rows are missing: all of them
            held = {_name(key): count for key, count in self._here.counts().items()}
            if self._store is None or not (held or self._written):
                return
            changed = {name: count for name, count in held.items() if self._written.get(name) != count}
            gone = tuple(name for name in self._written if name not in held)
            work = places.renew(self._instance, changed, gone, known=len(held), lease_s=LEASE_S)
            try:
                async with asyncio.timeout(TIMEOUT_S):
                    others = await self._store.run(work)
            except (StateUnavailable, TimeoutError) as error:
                self._failed(error)
                return
            self._written = {} if others is None else held
            if others is not None:
                self._others = others
                return

    async def stop(self) -> None:
        """Give all places back."""
        if self._store is not None and self._written:
            with contextlib.suppress(StateUnavailable):  # they come back by themselves
                await self._store.run(places.give_up(self._instance))

    def _failed(self, error: Exception) -> None:
        self._retry_at = time.monotonic() + RETRY_S
        log.warning("sessions are counted here alone", error=str(error) or "the store does not answer")


def _name(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
