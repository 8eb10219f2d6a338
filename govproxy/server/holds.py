"""The supervisor's part in held statements: which worker waits for which request, and what they say to each other.

Between workers, which ask, and the approvals service, which it knows as the ``Approvals`` protocol below.
Events for the ledger go to the worker that waits before it hears of what they say, so that a decision is
written down before it is acted upon.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Protocol

from govproxy.approvals.capsule import Capsule
from govproxy.approvals.rehearsals import Ran
from govproxy.approvals.values import Hold, Standing, Status
from govproxy.session import link
from govproxy.session.log import get_logger

MAX_UNRECORDED = 10_000
MAX_SESSIONS = 10_000  # whose events go to their own worker; those of others go to any

log = get_logger("govproxy.approvals")


class Approvals(Protocol):
    """The approvals service as the supervisor needs it."""

    async def ask(self, hold: Hold) -> Standing: ...
    async def withdraw(self, hold_id: str) -> Standing | None: ...
    async def use(self, hold_id: str) -> bool: ...
    async def capsule(self, hold_id: str) -> Capsule | None: ...
    def listen(self, callback: Callable[[Standing], None]) -> None: ...
    def record_with(self, record: Callable[[Mapping[str, object]], None]) -> None: ...
    def rehearse_with(self, rehearse: Callable[[str], Awaitable[Ran | None]]) -> None: ...


class HoldDesk:
    """``send`` gives a message to a worker by its number; ``ready`` lists the workers that are there."""

    def __init__(
        self,
        approvals: Approvals,
        tasks: asyncio.TaskGroup,
        *,
        send: Callable[[int, link.Message], None],
        ready: Callable[[], list[int]],
    ) -> None:
        self._approvals = approvals
        self._tasks = tasks
        self._send = send
        self._ready = ready
        self._waiting: dict[str, tuple[int, str]] = {}  # request -> worker, and as what it asked
        self._sessions: OrderedDict[str, int] = OrderedDict()  # of those: session -> worker
        self._gone: set[str] = set()  # asked for, and withdrawn before that was kept
        self._asking: dict[str, tuple[int, bool]] = {}  # what is being kept: as what it was asked -> worker, waits
        self._unrecorded: deque[link.RecordEvent] = deque()
        self._trials: dict[str, asyncio.Future[Ran | None]] = {}  # as what it asked -> what trying it came to
        approvals.rehearse_with(self._rehearse)
        approvals.listen(self._changed)
        approvals.record_with(self._record)

    # ------------------------------------------------------------------ what workers say

    def take(self, worker: int, message: link.AskHold | link.WithdrawHold | link.UseHold | link.HoldRehearsed) -> None:
        """One message of a worker."""
        match message:
            case link.AskHold(hold=hold):
                self._asking[hold.id] = (worker, hold.waits)
                self._note_session(hold.session, worker)
                self._tasks.create_task(self._ask(worker, hold))
            case link.WithdrawHold(hold=hold_id):
                if hold_id in self._asking:
                    self._gone.add(hold_id)
                else:
                    self._tasks.create_task(self._withdraw(hold_id))
            case link.UseHold():
                self._tasks.create_task(self._use(worker, message))
            case link.HoldRehearsed(asked=asked, ran=ran):
                self._tried(asked, ran)
            case _:
                raise AssertionError(message)

    def forget_worker(self, worker: int) -> None:
        """A worker has ended: nobody waits there any more."""
        self._gone.update(asked for asked, (number, waits) in self._asking.items() if number == worker and waits)
        for hold_id in [hold_id for hold_id, (number, _) in self._waiting.items() if number == worker]:
            self._tasks.create_task(self._withdraw(hold_id))

    def worker_ready(self) -> None:
        """There is somebody to write into the ledger."""
        unrecorded, self._unrecorded = self._unrecorded, deque()
        for message in unrecorded:
            self._record(message.event)

    def _note_session(self, session: str, worker: int) -> None:
        self._sessions[session] = worker
        self._sessions.move_to_end(session)
        while len(self._sessions) > MAX_SESSIONS:
            self._sessions.popitem(last=False)

    async def _ask(self, worker: int, hold: Hold) -> None:
        standing: Standing | None = None
        capsule: Capsule | None = None
        try:
            standing = await self._approvals.ask(hold)
            if hold.waits and standing.status is Status.WAITING:
                self._waiting[standing.hold.id] = (worker, hold.id)
            elif hold.waits and standing.hold.id == hold.id:
                # Decided by a rule in the same moment: its client is told of the request all the same.
                asked = replace(standing, status=Status.WAITING, votes=())
                self._send(worker, link.HoldStands(asked=hold.id, standing=asked, capsule=None))
            if standing.status is not Status.WAITING:
                capsule = await self._approvals.capsule(standing.hold.id)
        except Exception:
            # Security: whatever went wrong, what cannot be asked for does not run.
            standing = None
            log.exception("a request for approval cannot be kept", approval=hold.id)
        finally:
            self._asking.pop(hold.id, None)
        self._send(worker, link.HoldStands(asked=hold.id, standing=standing, capsule=capsule))
        if hold.id in self._gone:
            self._gone.discard(hold.id)
            await self._withdraw(hold.id)

    async def _withdraw(self, hold_id: str) -> None:
        worker, asked = self._waiting.pop(hold_id, (-1, ""))
        self._tried(asked, None)
        try:
            await self._approvals.withdraw(hold_id)
        except Exception:
            log.exception("a request could not be withdrawn; it is tried again", approval=hold_id, worker=worker)

    async def _use(self, worker: int, message: link.UseHold) -> None:
        granted = False
        try:
            granted = await self._approvals.use(message.hold)
        except Exception:
            log.exception("an approval could not be used", approval=message.hold)
        self._send(worker, link.HoldUsed(asked=message.asked, granted=granted))

    async def _rehearse(self, hold_id: str) -> Ran | None:
        """Have it tried on its own connection; None: it does not wait at this instance, or not any more."""
        found = self._waiting.get(hold_id)
        if found is None:
            return None
        worker, asked = found
        trial = self._trials.get(asked)
        if trial is None:
            trial = self._trials[asked] = asyncio.get_running_loop().create_future()
            self._send(worker, link.RehearseHold(asked=asked))
        return await asyncio.shield(trial)

    def _tried(self, asked: str, ran: Ran | None) -> None:
        trial = self._trials.pop(asked, None)
        if trial is not None and not trial.done():
            trial.set_result(ran)

    # ------------------------------------------------------------------ what happens to requests

    def _changed(self, standing: Standing) -> None:
        if standing.hold.id in self._waiting:
            self._tasks.create_task(self._tell(standing))

    async def _tell(self, standing: Standing) -> None:
        capsule: Capsule | None = None
        if standing.status in (Status.APPROVED, Status.REFUSED):
            try:
                capsule = await self._approvals.capsule(standing.hold.id)
            except Exception:
                log.exception("a decision cannot be read", approval=standing.hold.id)
        if standing.status is Status.WAITING:
            found = self._waiting.get(standing.hold.id)
        else:
            found = self._waiting.pop(standing.hold.id, None)
            if found is not None:
                self._tried(found[1], None)
        if found is not None:
            worker, asked = found
            self._send(worker, link.HoldStands(asked=asked, standing=standing, capsule=capsule))

    def _record(self, event: Mapping[str, object]) -> None:
        message = link.RecordEvent(event=event)
        ready = self._ready()
        worker = self._sessions.get(str(event["session"]))
        if worker not in ready:
            worker = ready[0] if ready else None
        if worker is not None:
            self._send(worker, message)
        elif len(self._unrecorded) < MAX_UNRECORDED:
            self._unrecorded.append(message)
        else:
            log.critical("an event of an approval is lost", **{str(name): value for name, value in event.items()})
