"""Held statements: one waits on its connection until somebody has decided, then runs or is refused.

`Holds` is a worker's line to whoever decides; `Holding` is one session's held statement. The control
process is not simply believed: a capsule has to be signed, and is compared with the statement as it
stands in the client's message, parameters included, at the moment it would run. A statement that is
held is judged again before that, by the policy and the catalog of that moment.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from govproxy._fastpath.conversation import Conversation
from govproxy._fastpath.verdicts import Verdict
from govproxy.approvals import capsule as capsules
from govproxy.approvals.capsule import Capsule
from govproxy.approvals.rehearsals import Changed, Ran
from govproxy.approvals.values import Hold, Rule, Standing, Status, Subject
from govproxy.audit import events
from govproxy.errors import (
    GovproxyError,
    StatementCancelled,
    StatementTimeout,
    UpstreamFault,
)
from govproxy.policy.touched import chain
from govproxy.policy.values import Decision, HoldTerms
from govproxy.policy.wording import subject as worded
from govproxy.session import holdwords as words
from govproxy.session import link
from govproxy.session.judgement import Basis, analysis_of, approved, not_approved
from govproxy.session.log import get_logger
from govproxy.session.nature import nature_of
from govproxy.session.rehearsable import NotRehearsable
from govproxy.session.rehearsal import Rehearsal
from govproxy.session.subject import Circumstances, objects_of, subject_of
from govproxy.session.trial import trial_of
from govproxy.session.waiting import Cause
from govproxy.sql.canonical import canonical
from govproxy.wire.errors import notice_response

if TYPE_CHECKING:
    from govproxy.session.gate import Gate

ID_BYTES = 6
TICK_S = 1.0
GRACE_S = 3.0  # after the deadline, for whoever decides to say so
UNDO_S = 10.0  # for a rehearsal to be rolled back
ANSWER_S = 30.0  # for an error that is to be given at once
MAX_SHOWN_EFFECTS = 50

log = get_logger("govproxy.approvals")


class Timer(Protocol):
    """What calls something later, until it is cancelled."""

    def cancel(self) -> None: ...


Told = link.HoldStands | link.HoldUsed | link.RehearseHold
Heard = Callable[[Told], None]


class Holds:
    """All requests of one worker. ``send`` is its line to the control process, ``later`` calls something after
    some seconds, ``record`` writes into the ledger, ``link_to`` gives the page of a request."""

    def __init__(
        self,
        *,
        send: Callable[[link.Message], None],
        later: Callable[[float, Callable[[], None]], Timer],
        record: Callable[[Mapping[str, object]], None],
        link_to: Callable[[str], str | None] = lambda hold_id: None,
    ) -> None:
        self.later = later
        self.record = record
        self.link_to = link_to
        self._send = send
        self._listening: dict[str, Heard] = {}

    def ask(self, hold: Hold, heard: Heard) -> None:
        """Ask for an approval; ``heard`` is called with how it stands, until `leave`."""
        self._listening[hold.id] = heard
        self._send(link.AskHold(hold=hold))

    def use(self, asked: str, hold_id: str) -> None:
        """Ask for one use of an approval."""
        self._send(link.UseHold(asked=asked, hold=hold_id))

    def leave(self, asked: str, *, withdraw: bool) -> None:
        """Hear no more of it; ``withdraw``: nobody is to decide it any more."""
        if self._listening.pop(asked, None) is not None and withdraw:
            self._send(link.WithdrawHold(hold=asked))

    def rehearsed(self, asked: str, ran: Ran) -> None:
        """Tell what a trial came to."""
        self._send(link.HoldRehearsed(asked=asked, ran=ran))

    def heard(self, message: Told) -> None:
        """The control process says something about a request."""
        listener = self._listening.get(message.asked)
        if listener is not None:
            listener(message)


@dataclass(slots=True, kw_only=True)
class _Asked:
    """What is waited for. ``hold`` as it was asked; ``found`` may be an earlier request for the same."""

    conversation: Conversation
    hold: Hold
    terms: HoldTerms
    verdict: Verdict
    done: Callable[[Callable[[], Verdict | None]], None]
    late: str  # what to say when nobody decides
    timers: list[Timer] = field(default_factory=list)
    told: bool = False
    waited_s: float = 0.0
    capsule: Capsule | None = None
    found: str = ""
    message: tuple[bytes, bytes | None, bytes | None] = (b"", None, None)  # its text, Bind's body, declared types
    rehearsal: Rehearsal | None = None
    ran: Ran | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Granted:
    """One use of an approval was taken for the statement with this number."""

    number: int
    hold_id: str
    capsule: Capsule


class Holding:
    """One session's held statement, while there is one. On the loop's thread."""

    def __init__(self, gate: Gate, holds: Holds) -> None:
        self._gate = gate
        self._holds = holds
        self._asked: _Asked | None = None
        self._granted: _Granted | None = None
        self._number = 0  # the statement that was asked about last

    @property
    def waits(self) -> bool:
        """True while a statement is held."""
        return self._asked is not None

    # ------------------------------------------------------------------ for the conversation

    def hold(
        self,
        conversation: Conversation,
        verdict: Verdict,
        text: bytes,
        bound: bytes | None,
        types: bytes | None,
        in_transaction: bool,
    ) -> Verdict | None:
        """What becomes of a statement that has to be approved, when its turn has come; None: it waits.

        Called again with the same message when something was decided: only what is approved by then, word
        for word and value for value, gets past here.
        """
        if conversation.transaction_status == ord("E"):
            return not_approved(verdict, words.in_failed_transaction(_decision(verdict.basis).rules))
        granted, self._granted = self._granted, None
        if granted is not None and granted.number == conversation.number:
            subject = self._subject(conversation, verdict, text, bound, types)
            if (found := self._flaw(granted.capsule, subject)) is None:
                self._record_use(conversation, granted)
                return approved(verdict, until=granted.capsule.fields["expires"])
            log.warning("an approval does not fit any more", approval=granted.hold_id, flaw=found)
        if self._number == conversation.number:
            conversation.record_again(verdict, text)
        self._number = conversation.number
        self._ask(conversation, verdict, (text, bound, types), in_transaction)
        return None

    def cancel(self) -> bool:
        """The client has cancelled. False when nothing is held."""
        asked = self._asked
        if asked is None:
            return False
        self._deny(asked, StatementCancelled("canceling statement due to user request"), withdraw=True)
        return True

    def end(self) -> None:
        """The session is over."""
        asked, self._asked = self._asked, None
        if asked is not None:
            self._leave(asked, withdraw=asked.hold.waits)
            if asked.rehearsal is not None and not asked.rehearsal.over:
                asked.rehearsal.drop()
            if asked.rehearsal is not None and asked.rehearsal.lost:
                self._record_step(asked, "rolled_back", "the session has ended")

    def snapshot_changed(self) -> None:
        """Another policy, or another catalog. What was asked for may be moot, or mean something else."""
        asked = self._asked
        if asked is None:
            return
        subject, snapshot = asked.hold.subject, self._gate.snapshot
        if subject.policy_version != self._gate.shared.snapshot.policy.version or subject.objects != objects_of(
            analysis_of(asked.verdict), snapshot
        ):
            self._go_on(asked, withdraw=True)

    # ------------------------------------------------------------------ asking

    def _ask(
        self,
        conversation: Conversation,
        verdict: Verdict,
        message: tuple[bytes, bytes | None, bytes | None],
        in_transaction: bool,
    ) -> None:
        text, subject = message[0], self._subject(conversation, verdict, *message)
        basis: Basis = verdict.basis
        decision = _decision(basis)
        terms = decision.terms or HoldTerms()
        seconds = terms.transaction_timeout_s if in_transaction and terms.waits else terms.timeout_s
        hold = self._request(conversation, decision, basis, text, subject, terms, seconds)
        done = self._gate.waiting.begin(Cause.APPROVAL, _made)
        late = "nobody has decided in time"
        if in_transaction and terms.waits:
            late = f"inside an open transaction, which may hold locks, it waits for {seconds:g} s only"
        asked = self._asked = _Asked(
            conversation=conversation, hold=hold, terms=terms, verdict=verdict, done=done, late=late, message=message
        )
        limit_s = seconds + GRACE_S if terms.waits else ANSWER_S
        self._later(
            asked, limit_s, lambda: self._deny(asked, words.timed_out(asked.hold, asked.late), withdraw=hold.waits)
        )
        if hold.waits:
            if (timeout_s := self._gate.statement_timeout_s) is not None:
                said = StatementTimeout("canceling statement due to statement timeout", hint=self._hint(hold.id))
                self._later(asked, timeout_s, lambda: self._deny(asked, said, withdraw=True))
            self._tick(asked)
        self._holds.ask(hold, lambda message: self._heard(asked, message))

    def _request(
        self,
        conversation: Conversation,
        decision: Decision,
        basis: Basis,
        text: bytes,
        subject: Subject,
        terms: HoldTerms,
        seconds: float,
    ) -> Hold:
        gate, facts = self._gate, self._gate.facts
        if basis.analysis is None:
            raise AssertionError("a statement that was not understood is not held")
        source = text.decode(gate.codec)
        shown = canonical(source)
        parts = [(part, effect) for s in basis.analysis.statements for part in chain(s) for effect in part.effects]
        effects = dict.fromkeys(worded(effect, part) for part, effect in parts)
        now = gate.clock()
        return Hold(
            id=secrets.token_hex(ID_BYTES),
            session=facts.session_id,
            statement=f"{facts.session_id}.{conversation.number}",
            requester=facts.identity,
            environment=gate.snapshot.environment,
            subject=subject,
            rule=Rule.of(decision),
            sql=shown.sql,
            oddities=shown.oddities,
            effects=tuple(effects)[:MAX_SHOWN_EFFECTS],
            nature=nature_of(source, basis.analysis, gate.snapshot, gate.search_path),
            asked=now,
            deadline=now + seconds,
            waits=terms.waits,
        )

    def _subject(
        self, conversation: Conversation, verdict: Verdict, text: bytes, bound: bytes | None, types: bytes | None
    ) -> Subject:
        gate, basis = self._gate, verdict.basis
        analysis = analysis_of(verdict)
        return subject_of(
            canonical(text.decode(gate.codec)),
            analysis,
            gate.snapshot,
            Circumstances(
                search_path=gate.search_path,
                settings=gate.styles,
                shadow=basis.shadow,
                cacheable=analysis.cacheable,
                run=f"{gate.facts.session_id}.{conversation.number}",
            ),
            policy_version=_decision(basis).policy_version,
            bound=bound,
            types=types,
        )

    # ------------------------------------------------------------------ hearing

    def _heard(self, asked: _Asked, message: Told) -> None:
        if self._asked is not asked:
            return
        match message:
            case link.RehearseHold():
                self._rehearse(asked)
            case link.HoldUsed(granted=granted):
                if granted and asked.rehearsal is not None and not asked.rehearsal.over:
                    self._commit(asked, asked.rehearsal)
                    return
                if granted and asked.capsule is not None:
                    number = int(asked.hold.statement.rpartition(".")[2])
                    self._granted = _Granted(number=number, hold_id=asked.found, capsule=asked.capsule)
                # Otherwise the last use went to somebody else, and there is a new request.
                self._go_on(asked, withdraw=False)
            case link.HoldStands(standing=standing, capsule=capsule):
                if standing is None:
                    self._deny(asked, words.unkept(asked.hold))
                else:
                    self._stands(asked, standing, capsule)
            case _:
                raise AssertionError(message)

    def _stands(self, asked: _Asked, standing: Standing, capsule: Capsule | None) -> None:
        hold_id = standing.hold.id
        match standing.status:
            case Status.WAITING if not asked.hold.waits:
                self._deny(asked, words.to_be_sent_again(standing, self._holds.link_to(hold_id)), withdraw=False)
            case Status.WAITING:
                if not asked.told:
                    asked.told = True
                    self._notify(self._first_words(asked))
            case Status.APPROVED:
                flaw = None if capsule is None else self._flaw(capsule, asked.hold.subject)
                if capsule is None or flaw is not None:
                    # Security: whatever the line to the control process says, only what is signed counts.
                    log.error("an approval does not hold", approval=hold_id, flaw=flaw or "missing")
                    self._deny(asked, words.invalid(hold_id), withdraw=False)
                elif asked.rehearsal is not None and not asked.rehearsal.over and not self._is_as_tried(asked):
                    self._deny(asked, words.changed_since(hold_id), withdraw=False)
                elif asked.capsule is None:
                    asked.capsule, asked.found = capsule, hold_id
                    self._holds.use(asked.hold.id, hold_id)
            case Status.REFUSED:
                self._deny(asked, words.refused(standing), withdraw=False)
            case Status.TIMED_OUT:
                self._deny(asked, words.timed_out(asked.hold, asked.late), withdraw=False)
            case Status.WITHDRAWN:
                self._deny(asked, StatementCancelled(f"the request for approval {hold_id} was withdrawn"))
            case _:
                raise AssertionError(standing.status)

    def _flaw(self, capsule: Capsule, subject: Subject) -> capsules.Flaw | None:
        verifier = self._gate.shared.keys.approvals
        if verifier is None:
            return capsules.Flaw.FORGED
        requester = self._gate.facts.identity
        return capsules.flaw(capsule, verifier, subject=subject, requester=requester, used=0, now=self._gate.clock())

    def _record_use(self, conversation: Conversation, granted: _Granted) -> None:
        self._holds.record(
            events.approval(
                statement=f"{self._gate.facts.session_id}.{conversation.number}",
                session=self._gate.facts.session_id,
                approval_id=granted.hold_id,
                status="used",
                capsule=granted.capsule.content,
                signature=granted.capsule.signature,
                key_id=granted.capsule.key_id,
            )
        )

    # ------------------------------------------------------------------ rehearsing

    def _rehearse(self, asked: _Asked) -> None:
        """Try it, because a rule or a reviewer wants it seen."""
        if asked.rehearsal is not None and not asked.rehearsal.over:
            if asked.ran is not None:
                self._holds.rehearsed(asked.hold.id, asked.ran)
            return
        gate, conversation = self._gate, asked.conversation
        moving = gate.waiting.link
        until = gate.clock() + asked.terms.rehearsal_s
        try:
            if moving is None or asked.capsule is not None or not self._is_as_tried(asked):
                raise NotRehearsable("it waits no more")
            rehearsal = asked.rehearsal = Rehearsal(
                conversation,
                trial_of(gate, conversation, asked.verdict, asked.message[1], until=until),
                told=lambda ran: self._rehearsed(asked, replace(ran, until=until)),
                cancel=gate.cancel_upstream,
                moved=moving.proceed,
                failed=moving.terminate,
            )
            self._later(asked, asked.terms.rehearsal_s, lambda: self._rehearsed_too_long(asked, rehearsal))
            if not rehearsal.begin():
                asked.rehearsal = None
                raise NotRehearsable("something ran before it in the same pipeline, or its connection is busy")
        except NotRehearsable as why:
            self._holds.rehearsed(asked.hold.id, Ran(refused=str(why)))

    def _rehearsed(self, asked: _Asked, ran: Ran) -> None:
        """It stands, or it has failed and nothing of it is left: then it waits on as it did before."""
        if ran.refused or ran.failed:
            ran = replace(ran, until=0.0)
            self._record_step(asked, "rolled_back", ran.refused or f"it failed with {ran.failed}")
        else:
            self._record_step(asked, "rehearsed", ran.tag, ran.changed)
            self._notify(
                f"the statement was rehearsed for approval {asked.hold.id}: it is committed or rolled back within"
                f" {round(asked.terms.rehearsal_s)} s"
            )
        asked.ran = ran
        self._holds.rehearsed(asked.hold.id, ran)

    def _rehearsed_too_long(self, asked: _Asked, rehearsal: Rehearsal) -> None:
        if asked.rehearsal is rehearsal and not rehearsal.over:
            asked.late = f"rehearsed, with its locks held, it waits for {asked.terms.rehearsal_s:g} s only"
            self._deny(asked, words.timed_out(asked.hold, asked.late), withdraw=True)

    def _is_as_tried(self, asked: _Asked) -> bool:
        """Whether it may still be what was tried: that is not judged anew. What it touches is the capsule's matter, and
        its own locks keep others from giving its tables another meaning."""
        snapshot, grants = self._gate.shared.snapshot, asked.verdict.basis.grants
        same = asked.hold.subject.policy_version == snapshot.policy.version
        return same and snapshot.still_grants(grants, self._gate.clock())

    def _commit(self, asked: _Asked, rehearsal: Rehearsal) -> None:
        """One use of the approval was taken for exactly what stands in the transaction."""
        if asked.capsule is None:
            raise AssertionError("used without an approval")
        conversation = asked.conversation
        # Security: as before any run, from the message itself and by the policy and the catalog of this moment.
        subject = self._subject(conversation, asked.verdict, *asked.message)
        if self._flaw(asked.capsule, subject) is not None or not self._is_as_tried(asked):
            self._deny(asked, words.changed_since(asked.found))
            return
        number = int(asked.hold.statement.rpartition(".")[2])
        granted = _Granted(number=number, hold_id=asked.found, capsule=asked.capsule)

        def ended() -> None:
            if rehearsal.ended_with is not None:
                if rehearsal.ended_with:
                    self._record_step(asked, "rolled_back", f"its commit failed with {rehearsal.ended_with}")
                else:
                    self._record_step(asked, "released" if rehearsal.in_block else "committed", None)
                self._gate.waiting.drop()
            else:
                # It has failed, or was too much to be kept: it runs as it does without a rehearsal.
                self._granted = granted
                asked.done(lambda: self._gate.judge_anew(conversation, asked.verdict.text))

        self._asked = None
        self._leave(asked, withdraw=False)
        rehearsal.commit(lambda: self._record_use(conversation, granted), ended)

    def _record_step(self, asked: _Asked, status: str, reason: str | None, changed: tuple[Changed, ...] = ()) -> None:
        self._holds.record(
            events.approval(
                statement=asked.hold.statement,
                session=asked.hold.session,
                approval_id=asked.hold.id,
                status=status,
                reason=reason,
                changed=[asdict(one) for one in changed],
            )
        )

    # ------------------------------------------------------------------ going on

    def _go_on(self, asked: _Asked, *, withdraw: bool) -> None:
        """Look at the statement again, from the beginning."""
        self._asked = None
        self._leave(asked, withdraw=withdraw)
        self._taken_back(
            asked,
            "it is looked at anew",
            lambda: asked.done(lambda: self._gate.judge_anew(asked.conversation, asked.verdict.text)),
        )

    def _deny(self, asked: _Asked, error: GovproxyError, *, withdraw: bool = False) -> None:
        if self._asked is not asked:
            return
        self._asked = None
        self._leave(asked, withdraw=withdraw)
        self._taken_back(asked, error.message, lambda: asked.done(lambda: not_approved(asked.verdict, error)))

    def _taken_back(self, asked: _Asked, why: str, then: Callable[[], None]) -> None:
        """Go on once nothing is left of its rehearsal, if there was one."""
        rehearsal = asked.rehearsal
        if rehearsal is None or rehearsal.over:
            then()
            return

        def gone() -> None:
            lost.cancel()
            self._record_step(asked, "rolled_back", why)
            then()

        moving = self._gate.waiting.link
        fault = UpstreamFault("a rehearsal is not rolled back in time")
        lost = self._holds.later(UNDO_S, lambda: None if moving is None else moving.terminate(fault))
        rehearsal.roll_back(gone)

    def _leave(self, asked: _Asked, *, withdraw: bool) -> None:
        for timer in asked.timers:
            timer.cancel()
        self._holds.leave(asked.hold.id, withdraw=withdraw)

    # ------------------------------------------------------------------ while it waits

    def _later(self, asked: _Asked, seconds: float, call: Callable[[], None]) -> None:
        asked.timers.append(self._holds.later(seconds, call))

    def _tick(self, asked: _Asked) -> None:
        def tick() -> None:
            moving = self._gate.waiting.link
            if self._asked is not asked or moving is None:
                return
            asked.timers = [timer for timer in asked.timers if timer is not ticking]
            if moving.client_has_gone:
                moving.drop()  # where so much was sent behind the statement that it is not read any more
                return
            before, asked.waited_s = asked.waited_s, asked.waited_s + period
            if int(before / asked.terms.notice_s) != int(asked.waited_s / asked.terms.notice_s) and asked.told:
                self._notify(
                    f"still waiting for approval {asked.hold.id}, for {round(asked.waited_s)} of"
                    f" {round(asked.hold.deadline - asked.hold.asked)} s"
                )
            self._tick(asked)

        period = min(TICK_S, asked.terms.notice_s)
        ticking = self._holds.later(period, tick)
        asked.timers.append(ticking)

    def _notify(self, message: str) -> None:
        moving, asked = self._gate.waiting.link, self._asked
        if moving is None or asked is None:
            return
        moving.notify(notice_response(message, hint=self._hint(asked.hold.id), request_id=asked.hold.statement))

    def _first_words(self, asked: _Asked) -> str:
        hold = asked.hold
        return (
            f"the statement waits for approval {hold.id}: rule {', '.join(hold.rule.names)};"
            f" {', '.join(sorted(hold.rule.approvers))} may decide within {round(hold.deadline - hold.asked)} s"
        )

    def _hint(self, hold_id: str) -> str:
        page = self._holds.link_to(hold_id)
        return f"{page} or govproxy approvals show {hold_id}" if page else f"govproxy approvals show {hold_id}"


def _made(make: Callable[[], Verdict | None]) -> Verdict | None:
    return make()


def _decision(basis: Basis) -> Decision:
    if basis.decision is None:
        raise AssertionError("held without a decision")
    return basis.decision
