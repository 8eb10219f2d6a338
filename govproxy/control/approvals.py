"""Approvals: requests kept, told of, decided, signed and used up. One service per control process.

Everything goes through the state store, so that a decision made by any instance counts for all, and
nothing is lost in a restart. Decisions made elsewhere are heard of by the store's signals; what this
instance waits for is read again about once a second besides, and more often where there are no signals.
Knows neither sessions nor sockets nor web pages: who wants to hear of changes says so with `listen`; rules
that decide are added with `add_decider`.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from govproxy.approvals import capsule as capsules
from govproxy.approvals.capsule import Capsule, Signer
from govproxy.approvals.deciding import Objection
from govproxy.approvals.granting import GrantAsked, NotGranted, granted
from govproxy.approvals.rehearsals import Ran
from govproxy.approvals.values import Answer, Hold, Standing, Status, Vote
from govproxy.audit import events
from govproxy.control.presence import Presence
from govproxy.control.state import approvals as state
from govproxy.control.state import presence
from govproxy.control.state.approvals import Beside, Objected, Sealed, Sealing
from govproxy.control.state.facts import read as read_facts
from govproxy.control.state.signals import Signal, Topic
from govproxy.control.state.store import StateStore
from govproxy.errors import StateUnavailable
from govproxy.identity.identity import Identity
from govproxy.policy.grants import ceiling
from govproxy.policy.rules import MayGrant
from govproxy.session.log import get_logger

POLL_S = 0.3
SIGNALLED_POLL_S = 0.8  # where signals are heard, should one be lost: still within a second
OVERDUE_S = 2.0  # how often requests that nobody here waits for are looked through
MOST_SIGNALS = 1_000  # signals between two looks that are told apart
MOST_CAPSULES = 1_000  # decisions of this instance that are at hand without a look into the store
LEFT = "the instance at which it waited has ended"

log = get_logger("govproxy.approvals")


Listener = Callable[[Standing], None]
Decider = Callable[[Standing], Awaitable[Vote | None]]
AsksNobody = Callable[[Standing], bool]
Record = Callable[[Mapping[str, object]], None]


class Approvals:
    """``clock`` gives POSIX time. ``record`` puts an event into the ledger, from before anybody hears of it."""

    def __init__(self, store: StateStore, signer: Signer, *, clock: Callable[[], float]) -> None:
        self._store = store
        self._signer = signer
        self._clock = clock
        self._listeners: list[Listener] = []
        self._deciders: list[tuple[Decider, AsksNobody]] = []
        self._beside: Beside = state.nothing_beside
        self._record: Record = lambda event: None
        self._grant_terms: Callable[[], Mapping[str, MayGrant | None]] = dict
        self._granted: Callable[[], Awaitable[None]] = _nothing
        self._rehearse: Callable[[str], Awaitable[Ran | None]] = _nowhere
        self._known: dict[str, Standing] = {}  # what somebody here waits for, as it was told last
        self._sealed: OrderedDict[str, Capsule] = OrderedDict()  # committed, so that it never changes
        self._elsewhere: set[str] = set()  # what another instance has changed
        self._listeners_everywhere: list[Listener] = []
        self._woken = asyncio.Event()
        self._deciding: set[asyncio.Task[None]] = set()
        self._watch: asyncio.Task[None] | None = None
        self._withdrawing: set[str] = set()  # what nobody waits for, though the store could not be told
        self._presence = Presence(store, clock=clock, waits=self._anybody_waits, gone=self._left_at)
        self._keeping: asyncio.Task[None] | None = None

    def listen(self, callback: Listener, *, everywhere: bool = False) -> None:
        """Call ``callback`` after every change: asked, voted, decided, timed out, withdrawn.

        Of requests of this instance; with ``everywhere`` of those of others too, as far as signals are heard.
        """
        self._listeners.append(callback)
        if everywhere:
            self._listeners_everywhere.append(callback)

    def add_decider(self, decider: Decider, asks_nobody: AsksNobody = lambda standing: False) -> None:
        """Let ``decider`` say something to every new request, as a rule's vote; the first that does so is heard.

        Where ``asks_nobody`` says so it answers without looking anywhere, before the request is kept.
        """
        self._deciders.append((decider, asks_nobody))

    def keep_with(self, beside: Beside) -> None:
        """Keep something with every change, in its transaction."""
        self._beside = beside

    def grant_with(
        self, terms: Callable[[], Mapping[str, MayGrant | None]], granted: Callable[[], Awaitable[None]]
    ) -> None:
        """Let approvals give rights for a time: what each hold allows, and whom to tell when there is a new one."""
        self._grant_terms, self._granted = terms, granted

    def record_with(self, record: Record) -> None:
        """Where events for the ledger go."""
        self._record = record

    def rehearse_with(self, rehearse: Callable[[str], Awaitable[Ran | None]]) -> None:
        """Who has a held statement tried on its own connection."""
        self._rehearse = rehearse

    # ------------------------------------------------------------------ from start to end

    async def start(self) -> None:
        """Begin to look for what others decided and for what nobody answered in time."""
        self._store.listen(self._signalled)
        loop = asyncio.get_running_loop()
        self._watch = loop.create_task(self._keep_watching(), name="watch approvals")
        self._keeping = loop.create_task(self._presence.keep(), name="keep presence")

    async def stop(self) -> None:
        """Stop looking; whatever waits stays in the store, and is withdrawn by whoever finds this instance gone."""
        tasks = [*self._deciding, *(task for task in (self._watch, self._keeping) if task is not None)]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._keeping is not None:
            with contextlib.suppress(StateUnavailable):  # a mark that stays is seen not to change
                await self._presence.stop()

    # ------------------------------------------------------------------ a request

    async def ask(self, hold: Hold) -> Standing:
        """Keep a request, or find the earlier one that it repeats. Raises StateUnavailable.

        An approval of the same statement of the same requester that has a use left comes back as it is; so
        does an open request, where nobody waits on the wire.
        """
        vote, undecided = await self._at_once(Standing(hold=hold))
        sealing, made = self._sealing()
        kept = await self._store.run(
            state.ask(
                hold,
                now=self._clock(),
                instance=self._presence.name,
                vote=vote,
                sealing=sealing,
                beside=self._beside,
            )
        )
        if kept.capsule is not None:
            self._at_hand(kept.standing.hold.id, kept.capsule)
        if kept.earlier:
            return kept.standing
        asked = Standing(hold=kept.standing.hold)
        self._known[hold.id] = asked
        self._note(asked, "asked")
        self._tell(asked)
        if kept.standing.votes:
            await self._voted(kept.standing, kept.standing.votes[-1], made)
        elif undecided:
            task = asyncio.get_running_loop().create_task(self._let_rules_decide(asked, undecided))
            self._deciding.add(task)
            task.add_done_callback(self._deciding.discard)
        return kept.standing

    async def _at_once(self, standing: Standing) -> tuple[Vote | None, Sequence[Decider]]:
        """What is said to a new request without asking anybody, and who is still to be asked where nothing is."""
        for at, (decider, asks_nobody) in enumerate(self._deciders):
            try:
                if not asks_nobody(standing):
                    return None, [later for later, _ in self._deciders[at:]]
                vote = await decider(standing)
            except Exception:
                # Security: what fails decides nothing; people still can.
                log.exception("a rule could not decide", approval=standing.hold.id)
                continue
            if vote is not None:
                return vote, ()
        return None, ()

    async def answer(
        self, hold_id: str, person: Identity, answer: Answer, reason: str, grant: GrantAsked | None = None
    ) -> Standing | Objected | None:
        """Count what ``person`` says; None: there is no such request. Raises StateUnavailable.

        With ``grant`` an approval gives this for a time besides the single run; or nothing at all.
        """
        vote = Vote(person=person, answer=answer, reason=reason, time=self._clock())
        if grant is not None:
            given = await self._given(hold_id, vote, grant)
            if not isinstance(given, Vote):
                return given
            vote = given
        sealing, made = self._sealing()
        after = await self._store.run(state.answer(hold_id, vote, sealing, self._beside))
        if isinstance(after, Standing):
            await self._voted(after, after.votes[-1], made)
            if vote.grant is not None and after.status is Status.APPROVED:
                self.note(after, "granted", by=vote.by, reason=reason)
                await self._granted()
        return after

    async def _given(self, hold_id: str, vote: Vote, asked: GrantAsked) -> Vote | Objected | None:
        """``vote`` with the grant that is asked for, held against the policy in force."""
        standing = await self.find(hold_id)
        if standing is None:
            return None
        if vote.answer is not Answer.APPROVE:
            return Objected(why=Objection.NOT_TO_BE_GRANTED, detail="a refusal gives nothing")
        try:
            given = granted(
                standing, asked, by=vote.person, reason=vote.reason, now=vote.time, terms=self._grant_terms()
            )
        except NotGranted as error:
            return Objected(why=Objection.NOT_TO_BE_GRANTED, detail=str(error))
        return replace(vote, grant=given)

    def grantable(self, standing: Standing) -> MayGrant | None:
        """What an approver may give for a time with this request's approval, by the policy in force; None: nothing."""
        hold = standing.hold
        if hold.rule.quorum != 1 or hold.nature is None or hold.nature.opaque:
            return None
        return ceiling(hold.rule.names, self._grant_terms())

    async def withdraw(self, hold_id: str) -> Standing | None:
        """Nobody waits any more. What is decided stays decided, and gives None.

        Raises StateUnavailable; it is tried again then, until the store has heard of it.
        """
        self._known.pop(hold_id, None)
        self._withdrawing.add(hold_id)
        after = await self._end(hold_id, withdrawn=True)
        self._withdrawing.discard(hold_id)
        return after

    async def use(self, hold_id: str) -> bool:
        """Take one use of an approval; False when none is left or its time is over. Raises StateUnavailable."""
        return await self._store.run(state.use(hold_id, self._clock()))

    async def rehearse(self, hold_id: str) -> Ran | None:
        """Try what waits, on its own connection; None: it does not wait at this instance."""
        return await self._rehearse(hold_id)

    def forget(self, hold_id: str) -> None:
        """Nobody here waits for it any more, though it stays as it is."""
        self._known.pop(hold_id, None)

    # ------------------------------------------------------------------ reading

    async def find(self, hold_id: str) -> Standing | None:
        """One request as it stands. Raises StateUnavailable."""
        return await self._store.run(state.read(hold_id))

    async def list(
        self, status: Status | None = None, limit: int = 200, before: tuple[float, str] | None = None
    ) -> list[Standing]:
        """Requests as they stand, the newest first, from after ``before`` on. Raises StateUnavailable."""
        return await self._store.run(state.read_all(status=status, limit=limit, before=before))

    async def capsule(self, hold_id: str) -> Capsule | None:
        """The signed decision; None while there is none. Raises StateUnavailable."""
        found = self._sealed.get(hold_id)
        return await self._store.run(state.capsule(hold_id)) if found is None else found

    async def facts(self, hold_id: str) -> dict[str, Any] | None:
        """What reviewers are shown of it, as it is kept; None where nothing is. Raises StateUnavailable."""
        return await self._store.run(read_facts(hold_id))

    # ------------------------------------------------------------------ deciding

    def would_have(self, standing: Standing, vote: Vote) -> None:
        """Note what a rule in shadow mode would have said."""
        self._note(standing, "shadow", vote)

    async def _voted(self, after: Standing, vote: Vote, made: Sequence[Capsule]) -> None:
        """A vote was counted, and ``made`` with it where that was a decision."""
        self._note(after, "voted", vote)
        if after.status is not Status.WAITING:
            for one in made:
                self._at_hand(after.hold.id, one)
            self._note(after, after.status.value, vote, await self.capsule(after.hold.id))
        self._tell(after)

    def _at_hand(self, hold_id: str, made: Capsule) -> None:
        self._sealed[hold_id] = made
        while len(self._sealed) > MOST_CAPSULES:
            self._sealed.popitem(last=False)

    def _sealing(self) -> tuple[Sealing, Sequence[Capsule]]:
        """What seals one decision, and where it leaves the capsule: good once its transaction is committed."""
        made: list[Capsule] = []

        def seal(standing: Standing) -> Sealed | None:
            if standing.status not in (Status.APPROVED, Status.REFUSED):
                return None
            rule, decided = standing.hold.rule, standing.votes[-1].time
            capsule = capsules.seal(
                standing.hold,
                standing.status,
                standing.votes,
                self._signer,
                uses=rule.uses,
                expires=decided + rule.valid_s,
                decided=decided,
            )
            made[:] = [capsule]
            return Sealed(capsule=capsule, uses=rule.uses, expires=decided + rule.valid_s)

        return seal, made

    async def _let_rules_decide(self, standing: Standing, deciders: Sequence[Decider]) -> None:
        for decider in deciders:
            try:
                vote = await decider(standing)
                if vote is None:
                    continue
                sealing, made = self._sealing()
                after = await self._store.run(state.rule(standing.hold.id, vote, sealing, self._beside))
                if after is not None:
                    await self._voted(after, after.votes[-1], made)
            except Exception:
                # Security: what fails decides nothing; people still can.
                log.exception("a rule could not decide", approval=standing.hold.id)
                continue
            return

    async def _end(self, hold_id: str, *, withdrawn: bool) -> Standing | None:
        after = await self._store.run(state.end(hold_id, self._clock(), withdrawn=withdrawn, beside=self._beside))
        if after is not None:
            self._note(after, after.status.value)
            self._tell(after)
        return after

    def _anybody_waits(self) -> bool:
        return any(standing.hold.waits for standing in self._known.values())

    async def _left_at(self, instance: str) -> None:
        """An instance is gone, and whoever waited there: what was asked for them must not be decided any more."""
        for hold_id in await self._store.run(presence.waiting_at(instance)):
            after = await self._store.run(state.end(hold_id, self._clock(), withdrawn=True, beside=self._beside))
            if after is not None:
                self.note(after, after.status.value, by="govproxy", reason=LEFT)
                self._tell(after)

    # ------------------------------------------------------------------ what happens elsewhere, and in time

    def _signalled(self, signal: Signal) -> None:
        """Another instance has changed something."""
        if signal.topic is Topic.APPROVALS and len(self._elsewhere) < MOST_SIGNALS:
            if signal.key in self._known or self._listeners_everywhere:
                self._elsewhere.add(signal.key)
                self._woken.set()
        elif signal.topic is None:
            self._elsewhere.update(self._known)
            self._woken.set()

    async def _keep_watching(self) -> None:
        overdue_at = polled_at = 0.0
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SIGNALLED_POLL_S if self._store.hears else POLL_S):
                    await self._woken.wait()
            self._woken.clear()
            now = time.monotonic()
            everything, polls = now >= overdue_at, now >= polled_at
            overdue_at = now + OVERDUE_S if everything else overdue_at
            polled_at = now + POLL_S if polls else polled_at
            try:
                await self._look(everything=everything, polls=polls)
            except StateUnavailable as error:
                log.warning("approvals cannot be looked at", error=str(error))

    async def _look(self, *, everything: bool, polls: bool) -> None:
        now = self._clock()
        for hold_id in tuple(self._withdrawing) if polls else ():
            await self.withdraw(hold_id)
        if any(now >= standing.hold.deadline for standing in self._known.values()) or everything:
            for hold_id in await self._store.run(state.overdue(now)):
                await self._end(hold_id, withdrawn=False)
        changed, self._elsewhere = self._elsewhere, set()
        wanted = changed | self._known.keys() if polls else changed
        if not wanted:
            return
        for standing in await self._store.run(state.read_some(tuple(wanted))):
            hold_id = standing.hold.id
            if hold_id in self._known:
                if self._known[hold_id] != standing:
                    self._tell(standing)
            elif hold_id in changed:
                self._tell_those(self._listeners_everywhere, standing)

    def _tell(self, standing: Standing) -> None:
        if standing.hold.id in self._known:
            if standing.status is Status.WAITING:
                self._known[standing.hold.id] = standing
            else:
                del self._known[standing.hold.id]
        self._tell_those(self._listeners, standing)

    def _tell_those(self, listeners: Sequence[Listener], standing: Standing) -> None:
        for listener in tuple(listeners):
            try:
                listener(standing)
            except Exception:
                log.exception("a listener failed", approval=standing.hold.id)

    def note(self, standing: Standing, status: str, *, by: str, reason: str | None) -> None:
        """Put a step that is no vote into the ledger."""
        self._record(
            events.approval(
                statement=standing.hold.statement,
                session=standing.hold.session,
                approval_id=standing.hold.id,
                status=status,
                by=by,
                reason=reason,
            )
        )

    def _note(self, standing: Standing, status: str, vote: Vote | None = None, capsule: Capsule | None = None) -> None:
        hold = standing.hold
        self._record(
            events.approval(
                statement=hold.statement,
                session=hold.session,
                approval_id=hold.id,
                status=status,
                by=None if vote is None else vote.by,
                answer=None if vote is None or status not in ("voted", "shadow") else vote.answer.value,
                reason=None if vote is None else vote.reason,
                capsule=None if capsule is None else capsule.content,
                signature=None if capsule is None else capsule.signature,
                key_id=None if capsule is None else capsule.key_id,
            )
        )


async def _nowhere(hold_id: str) -> Ran | None:
    """Nobody waits here."""
    return None


async def _nothing() -> None:
    """Nobody wants to know."""
