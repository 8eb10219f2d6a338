"""Grants as they stand: given with an approval, taken back, published while they last.

The store says that there is one and whether it was taken back; what it is stands in the signed capsule, which
is verified here before anything is published. Other instances' grants are heard of by the store's signals, and
seen within a second where one is lost.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass

from govproxy.approvals import deciding
from govproxy.approvals.capsule import CONTEXT, Capsule, Verifier
from govproxy.approvals.grant_forms import read_grant
from govproxy.approvals.values import Standing, Status
from govproxy.control.state import approvals, grants
from govproxy.control.state.signals import Signal, Topic
from govproxy.control.state.store import StateStore
from govproxy.errors import StateUnavailable
from govproxy.identity.identity import Identity
from govproxy.policy.grants import Grant
from govproxy.session.log import get_logger

POLL_S = 0.5
SIGNALLED_POLL_S = 0.8  # where the store's signals are heard, should one be lost
LISTED_S = 7 * 86_400.0  # how long a grant that ended is still listed

log = get_logger("govproxy.grants")

Publish = Callable[[tuple[Grant, ...]], None]
Record = Callable[[Standing, str, str, str], None]  # standing, status, by, reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A grant with how it stands: ``live``, ``ended`` or ``revoked``."""

    grant: Grant
    state: str
    revoked_by: str | None = None
    revoked_reason: str | None = None


class Grants:
    """``publish`` is told all that stand, whenever that changes. ``record`` puts a step into the ledger."""

    def __init__(
        self, store: StateStore, verifier: Verifier, *, clock: Callable[[], float], publish: Publish, record: Record
    ) -> None:
        self._store = store
        self._verifier = verifier
        self._clock = clock
        self._publish = publish
        self._record = record
        self._standing: tuple[Grant, ...] = ()
        self._watch: asyncio.Task[None] | None = None
        self._lock = asyncio.Lock()
        self._woken = asyncio.Event()

    async def start(self) -> None:
        """Publish what stands, and keep looking."""
        await self.refresh()
        self._store.listen(self._signalled)
        self._watch = asyncio.get_running_loop().create_task(self._keep_watching(), name="watch grants")

    async def stop(self) -> None:
        """Stop looking."""
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)

    async def refresh(self) -> None:
        """Read what stands now; publish it where it is something else. Raises StateUnavailable."""
        async with self._lock:
            now = self._clock()
            standing = tuple(
                one.grant for one in await self._read(since=now) if one.state == "live" and one.grant.stands(now)
            )
            if standing != self._standing:
                self._standing = standing
                self._publish(standing)

    async def listed(self) -> list[Listed]:
        """Grants of the last days, the one that ends last first. Raises StateUnavailable."""
        return await self._read(since=self._clock() - LISTED_S)

    async def revoke(self, grant_id: str, person: Identity, reason: str, *, operator: bool = False) -> str | None:
        """Take a grant back. Gives why not, or None when it is done. Raises StateUnavailable.

        Who could approve it can take it back, so can whoever has it, and so can who operates the instance.
        """
        standing = await self._store.run(approvals.read(grant_id))
        if standing is None:
            return "there is no such grant"
        requester = standing.hold.requester
        own = (person.user, person.issuer) == (requester.user, requester.issuer)
        if not (operator or own or deciding.may_revoke(standing, person)):
            return "you are not among those who could approve it"
        if not reason.strip() or len(reason) > deciding.MAX_REASON_CHARACTERS:
            return "a reason is needed"
        if not await self._store.run(grants.revoke(grant_id, person.user, reason, self._clock())):
            return "no grant of this id stands"
        self._record(standing, "grant_revoked", f"user {person.user}", reason)
        await self.refresh()
        return None

    def _signalled(self, signal: Signal) -> None:
        if signal.topic in (None, Topic.GRANTS):
            self._woken.set()

    async def _keep_watching(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SIGNALLED_POLL_S if self._store.hears else POLL_S):
                    await self._woken.wait()
            self._woken.clear()
            try:
                await self.refresh()
            except StateUnavailable as error:
                # Security: what may have been taken back elsewhere is not trusted any longer.
                log.warning("grants cannot be looked at; none is in force", error=str(error))
                if self._standing:
                    self._standing = ()
                    self._publish(())

    async def _read(self, *, since: float) -> list[Listed]:
        now = self._clock()
        found = []
        for row in await self._store.run(grants.read_grants(since=since)):
            grant = self._verified(row.capsule, row.ends)
            if grant is None:
                continue
            state = "revoked" if row.revoked is not None else "live" if grant.stands(now) else "ended"
            found.append(Listed(grant=grant, state=state, revoked_by=row.revoked_by, revoked_reason=row.revoked_reason))
        return found

    def _verified(self, capsule: Capsule, ends: float) -> Grant | None:
        """Security: the store may hold what somebody wrote into it; a grant is what an approval signed."""
        verifier = self._verifier
        if capsule.key_id != verifier.key_id or not verifier.verifies(capsule.signature, CONTEXT + capsule.content):
            log.error("a grant in the store is not signed")
            return None
        try:
            said = capsule.fields
            forms = [vote["grant"] for vote in said["votes"] if vote.get("grant") is not None]
            grant = read_grant(forms[-1]) if len(forms) == 1 else None
        except (KeyError, TypeError, ValueError):
            grant = None
        if grant is None or said["status"] != Status.APPROVED.value or grant.id != said["id"] or grant.until != ends:
            log.error("a grant in the store is not what was signed")
            return None
        return grant
