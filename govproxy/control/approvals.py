"""Approvals: requests kept, told of, decided, signed and used up. One service per control process.

Everything goes through the state store, so that a decision made by any instance counts for all, and
nothing is lost in a restart. What this instance waits for is read again several times a second, which
is how it hears of decisions made elsewhere. Knows neither sessions nor sockets nor web pages: who wants
to hear of changes says so with `listen`; rules that decide are added with `add_decider`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from govproxy.approvals import capsule as capsules
from govproxy.approvals.capsule import Capsule, Signer
from govproxy.approvals.deciding import Objection
from govproxy.approvals.granting import GrantAsked, NotGranted, granted
from govproxy.approvals.values import Answer, Hold, Standing, Status, Vote
from govproxy.audit import events
from govproxy.control.state import approvals as state
from govproxy.control.state.approvals import Objected, Sealed
from govproxy.control.state.store import StateStore
from govproxy.errors import StateUnavailable
from govproxy.identity.identity import Identity
from govproxy.policy.grants import ceiling
from govproxy.policy.rules import MayGrant
from govproxy.session.log import get_logger

POLL_S = 0.3
OVERDUE_S = 2.0  # how often requests that nobody here waits for are looked through

log = get_logger("govproxy.approvals")


Listener = Callable[[Standing], None]
Decider = Callable[[Standing], Awaitable[Vote | None]]
Record = Callable[[Mapping[str, object]], None]


class Approvals:
    """``clock`` gives POSIX time. ``record`` puts an event into the ledger, from before anybody hears of it."""

    def __init__(self, store: StateStore, signer: Signer, *, clock: Callable[[], float]) -> None:
        self._store = store
        self._signer = signer
        self._clock = clock
        self._listeners: list[Listener] = []
        self._deciders: list[Decider] = []
        self._record: Record = lambda event: None
        self._grant_terms: Callable[[], Mapping[str, MayGrant | None]] = dict
        self._granted: Callable[[], Awaitable[None]] = _nothing
        self._known: dict[str, Standing] = {}  # what somebody here waits for, as it was told last
        self._deciding: set[asyncio.Task[None]] = set()
        self._watch: asyncio.Task[None] | None = None

    def listen(self, callback: Listener) -> None:
        """Call ``callback`` after every change: asked, voted, decided, timed out, withdrawn."""
        self._listeners.append(callback)

    def add_decider(self, decider: Decider) -> None:
        """Let ``decider`` say something to every new request, as a rule's vote; the first that does so is heard."""
        self._deciders.append(decider)

    def grant_with(
        self, terms: Callable[[], Mapping[str, MayGrant | None]], granted: Callable[[], Awaitable[None]]
    ) -> None:
        """Let approvals give rights for a time: what each hold allows, and whom to tell when there is a new one."""
        self._grant_terms, self._granted = terms, granted

    def record_with(self, record: Record) -> None:
        """Where events for the ledger go."""
        self._record = record

    # ------------------------------------------------------------------ from start to end

    async def start(self) -> None:
        """Begin to look for what others decided and for what nobody answered in time."""
        self._watch = asyncio.get_running_loop().create_task(self._keep_watching(), name="watch approvals")

    async def stop(self) -> None:
        """Stop looking; whatever waits stays in the store."""
        tasks = [*self._deciding, *([self._watch] if self._watch else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # ------------------------------------------------------------------ a request

    async def ask(self, hold: Hold) -> Standing:
        """Keep a request, or find the earlier one that it repeats. Raises StateUnavailable.

        An approval of the same statement of the same requester that has a use left comes back as it is; so
        does an open request, where nobody waits on the wire.
        """
        earlier = await self._store.run(state.earlier(hold, self._clock()))
        if earlier is not None:
            return earlier
        await self._store.run(state.ask(hold))
        standing = Standing(hold=hold)
        self._known[hold.id] = standing
        self._note(standing, "asked")
        self._tell(standing)
        if self._deciders:
            task = asyncio.get_running_loop().create_task(self._let_rules_decide(standing))
            self._deciding.add(task)
            task.add_done_callback(self._deciding.discard)
        return standing

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
        after = await self._store.run(state.answer(hold_id, vote, self._sealing))
        if isinstance(after, Standing):
            await self._voted(after, vote)
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
        """Nobody waits any more. What is decided stays decided, and gives None. Raises StateUnavailable."""
        self._known.pop(hold_id, None)
        return await self._end(hold_id, withdrawn=True)

    async def use(self, hold_id: str) -> bool:
        """Take one use of an approval; False when none is left or its time is over. Raises StateUnavailable."""
        return await self._store.run(state.use(hold_id, self._clock()))

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
        return await self._store.run(state.capsule(hold_id))

    # ------------------------------------------------------------------ deciding

    def would_have(self, standing: Standing, vote: Vote) -> None:
        """Note what a rule in shadow mode would have said."""
        self._note(standing, "shadow", vote)

    async def _voted(self, after: Standing, vote: Vote) -> None:
        self._note(after, "voted", vote)
        if after.status is not Status.WAITING:
            self._note(after, after.status.value, vote, await self.capsule(after.hold.id))
        self._tell(after)

    def _sealing(self, standing: Standing) -> Sealed | None:
        if standing.status not in (Status.APPROVED, Status.REFUSED):
            return None
        rule, decided = standing.hold.rule, standing.votes[-1].time
        made = capsules.seal(
            standing.hold,
            standing.status,
            standing.votes,
            self._signer,
            uses=rule.uses,
            expires=decided + rule.valid_s,
            decided=decided,
        )
        return Sealed(capsule=made, uses=rule.uses, expires=decided + rule.valid_s)

    async def _let_rules_decide(self, standing: Standing) -> None:
        for decider in self._deciders:
            try:
                vote = await decider(standing)
                if vote is None:
                    continue
                after = await self._store.run(state.rule(standing.hold.id, vote, self._sealing))
                if after is not None and vote in after.votes:
                    await self._voted(after, vote)
            except Exception:
                # Security: what fails decides nothing; people still can.
                log.exception("a rule could not decide", approval=standing.hold.id)
                continue
            return

    async def _end(self, hold_id: str, *, withdrawn: bool) -> Standing | None:
        after = await self._store.run(state.end(hold_id, self._clock(), withdrawn=withdrawn))
        if after is not None:
            self._note(after, after.status.value)
            self._tell(after)
        return after

    # ------------------------------------------------------------------ what happens elsewhere, and in time

    async def _keep_watching(self) -> None:
        rounds = 0
        while True:
            await asyncio.sleep(POLL_S)
            rounds += 1
            try:
                await self._look(everything=rounds % round(OVERDUE_S / POLL_S) == 0)
            except StateUnavailable as error:
                log.warning("approvals cannot be looked at", error=str(error))

    async def _look(self, *, everything: bool) -> None:
        now = self._clock()
        if any(now >= standing.hold.deadline for standing in self._known.values()) or everything:
            for hold_id in await self._store.run(state.overdue(now)):
                await self._end(hold_id, withdrawn=False)
        if self._known:
            for standing in await self._store.run(state.read_some(tuple(self._known))):
                if self._known.get(standing.hold.id, standing) != standing:
                    self._tell(standing)

    def _tell(self, standing: Standing) -> None:
        if standing.hold.id in self._known:
            if standing.status is Status.WAITING:
                self._known[standing.hold.id] = standing
            else:
                del self._known[standing.hold.id]
        for listener in tuple(self._listeners):
            try:
                listener(standing)
            except Exception:
                log.exception("a listener failed", approval=standing.hold.id)

    def note(self, standing: Standing, status: str, *, by: str, reason: str) -> None:
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


async def _nothing() -> None:
    """Nobody wants to know."""
