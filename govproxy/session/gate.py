"""The gate: what Python decides for one session when the verdict cache has no answer.

Text in, verdict out: analyse, decide, note what the rows will need. Everything a decision reads
is either an argument or part of the context id, so that a cached verdict can be trusted until
one of them changes. The gate owns what later statements depend on: whether search_path is still
known, whether the catalog can be trusted; what SQL prepared and declared is in `sqlnames`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import reduce

from govproxy._fastpath.conversation import Conversation
from govproxy._fastpath.rows import MaskPlan
from govproxy._fastpath.verdicts import Outcome, Verdict
from govproxy.errors import (
    GovproxyError,
    LimitExceeded,
    NotSupported,
    Reason,
    StartingUp,
    StatementDenied,
    UnsupportedEncoding,
    UpstreamFault,
)
from govproxy.identity.identity import Identity
from govproxy.masking.plan import Field, decode_row_description
from govproxy.policy.engine import decide
from govproxy.policy.grants import live, with_grants
from govproxy.policy.matching import Reading, who_matches
from govproxy.policy.standing import standing_of
from govproxy.policy.values import Decision, Request, Verb
from govproxy.session import copying, messages, timeouts
from govproxy.session.bounds import Bounds
from govproxy.session.copying import NO_COPIES
from govproxy.session.distrust import changes_catalog, changes_what_it_reads, distrusted, settled
from govproxy.session.folding import pinned_literals
from govproxy.session.history import NO_COUNTS, Counts
from govproxy.session.holding import Holding
from govproxy.session.imposing import NOTHING as NO_SETTINGS
from govproxy.session.judgement import Basis, analysis_of, denied, fragment_of, unreadable, verdict_of
from govproxy.session.obligations import Obligations
from govproxy.session.parameters import ENCODINGS, safe_encoding
from govproxy.session.questions import Questions
from govproxy.session.reading import Unread, reader
from govproxy.session.redefining import NOTHING_REDEFINED, Redefined
from govproxy.session.refusals import ending, refusal_of, repeated, unasked, written_back
from govproxy.session.shared import Shared
from govproxy.session.snapshot import DatabaseSnapshot
from govproxy.session.sqlnames import MAX_NAMES, NO_NAMES, runs_code
from govproxy.session.translation import NOTHING, Translation, statements_of, translate
from govproxy.session.waiting import Cause, Resumable, Waiting
from govproxy.sql.analyze import NO_SHADOW
from govproxy.sql.parse import MAX_TEXT_BYTES, Refused, UnparsableStatement
from govproxy.sql.values import Action, Analysis, Effect, StatementFacts
from govproxy.wire.errors import error_response

UTF8 = "utf-8"
# Analysing a text of this size takes long enough for others to feel it.
LONG_TEXT_BYTES = 16 * 1024
# Command tags of what Bind plans, and of what takes the names in it for what they mean when it runs.
PLANNED_AT_BIND = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE", "MERGE"})
LOOKED_UP_LATE = frozenset(
    {
        "EXECUTE",
        "FETCH",
        "MOVE",
        "DECLARE CURSOR",
        "PREPARE",
        "EXPLAIN",
        "CREATE TABLE AS",
        "COPY",
        "CALL",
        "CREATE VIEW",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionFacts:
    """What is fixed for a session once it has logged in."""

    session_id: str
    database: str
    identity: Identity
    application: str
    client_address: str


class Gate:
    """One session's gate. Its methods are called by the conversation, on the loop's thread."""

    # An idle session is to cost little: so its objects have no dictionaries.
    __slots__ = (
        "_bounds",
        "_changed_catalog",
        "_conversation",
        "_denials",
        "_initial_timeout_s",
        "_names",
        "_redefined",
        "clock",
        "codec",
        "facts",
        "holding",
        "search_path",
        "shared",
        "statement_timeout_s",
        "styles",
        "waiting",
    )

    def __init__(
        self,
        shared: Shared,
        facts: SessionFacts,
        *,
        search_path: tuple[str, ...] | None,
        client_encoding: str,
        clock: Callable[[], float],
        styles: tuple[str, ...] = (),
        statement_timeout_s: float | None = None,
        asked: Mapping[str, str] = NO_SETTINGS,
        began: Mapping[str, str] = NO_SETTINGS,
    ) -> None:
        self.shared = shared
        self.facts = facts
        self.waiting = Waiting(shared.counters)
        self.styles = styles  # settings that literals are read by, as name=value
        self.statement_timeout_s = self._initial_timeout_s = statement_timeout_s
        self.clock = clock
        self.search_path = search_path
        self.holding: Holding | None = None
        self.codec = _codec(client_encoding)
        self._names = NO_NAMES
        self._redefined = NOTHING_REDEFINED  # what is not what the catalog says
        self._changed_catalog = False
        self._denials = 0
        self._conversation: Conversation | None = None
        self._bounds = Bounds(self, asked, began)

    # ------------------------------------------------------------------ context

    @property
    def snapshot(self) -> DatabaseSnapshot:
        """The database's current picture. Raises `StartingUp` while there is none."""
        return self.shared.database(self.facts.database)

    @property
    def clear(self) -> bool:
        """True when this identity sees everything untouched."""
        snapshot = self.snapshot
        policy = self.shared.snapshot.policy
        return standing_of(self.facts.identity, snapshot.name, snapshot.environment, policy).clear

    def context_id(self) -> int:
        """The number that stands for everything but the text that a decision reads."""
        identity, snapshot, policy = self.facts.identity, self.snapshot, self.shared.snapshot.policy
        return self.shared.context_id(
            (
                snapshot.name,
                snapshot.catalog.version,
                policy.version,
                identity.user,
                identity.groups,
                identity.agent,
                identity.on_behalf_of,
                self.search_path,
                self.codec,
                self._changed_catalog,
                self.shared.epoch(snapshot.name),
                self.shared.unrest(snapshot.name),
                self._names.temporary,
                self._bounds.context,
                tuple(grant.id for grant in self.shared.snapshot.grants if grant.is_for(identity, snapshot.name)),
            )
        )

    @property
    def link(self) -> Resumable | None:
        """What moves the session's bytes; None before there is one."""
        return self.waiting.link

    @property
    def folds(self) -> bool:
        """True when the lexer that folds texts reads them as the server does."""
        return self.codec == UTF8

    def attach(self, conversation: Conversation, link: Resumable | None) -> None:
        """Know the conversation and the link whose parked statements are to be resumed."""
        self._conversation = conversation
        self.waiting.attach(conversation, link)
        self._bounds.renew(conversation)
        conversation.context_id = self.context_id()

    def cancel_upstream(self, done: Callable[[], None]) -> None:
        """Have the database cancel what runs; ``done`` is called when that is delivered, or has failed."""
        self.shared.cancel_upstream(self.facts.session_id, done)

    def end(self) -> None:
        """The session is over."""
        self.waiting.end()
        self.shared.redefines(self.facts.database, self.facts.session_id, None)
        if self.holding is not None:
            self.holding.end()

    def snapshot_changed(self) -> None:
        """A new picture was published: look everything up anew."""
        conversation = self._conversation
        if conversation is None or self.facts.database not in self.shared.snapshot.databases:
            return
        if self._changed_catalog and conversation.idle:
            self._changed_catalog = False
        self._names = self._names.prepared_again(self.snapshot.catalog, self.search_path)
        self._bounds.renew(conversation)
        conversation.context_id = self.context_id()
        if self.holding is not None:
            self.holding.snapshot_changed()

    def context_changed(self) -> None:
        """Other rights stand for a time, or others redefine things: what was judged before is not found again."""
        if self._conversation is not None and self.facts.database in self.shared.snapshot.databases:
            self._conversation.context_id = self.context_id()

    # ------------------------------------------------------------------ judging

    def judge(self, conversation: Conversation, text: bytes) -> Verdict | None:
        """The verdict on ``text``, or None when the catalog must be looked at again first, or the text is long."""
        return self.waiting.judged(lambda: self.judge_anew(conversation, text))

    def judge_anew(self, conversation: Conversation, text: bytes) -> Verdict | None:
        if self.facts.database not in self.shared.snapshot.databases:
            return self._not_understood(text, StartingUp("the database cannot be looked at, so nothing can be judged"))
        if self._changed_catalog and conversation.outstanding == 0 and conversation.transaction_status == ord("I"):
            # Our own DDL is committed now: no decision before the picture shows it.
            self._changed_catalog = False
            conversation.context_id = self.context_id()
            self._look_again(conversation, text)
            return None
        if self.shared.is_stale(self.facts.database) and not self.clear:
            # Somebody's DDL is committed and not in the picture yet.
            self._look_again(conversation, text)
            return None
        return self._attempt(conversation, text, may_wait=True)

    def _look_again(self, conversation: Conversation, text: bytes, *, values: bool = False) -> None:
        """Decide when the catalog, and with ``values`` what its tables hold, was looked at from now on."""

        def then(_: None) -> Verdict | None:
            if self.facts.database not in self.shared.snapshot.databases:
                return self.judge_anew(conversation, text)
            return self._attempt(conversation, text, may_wait=False)

        self.shared.refresh(self.facts.database, self.waiting.begin(Cause.CATALOG, then), values=values)

    def _attempt(self, conversation: Conversation, text: bytes, *, may_wait: bool) -> Verdict | None:
        shadow = self._names.known(conversation)
        read = reader(text, self.codec, self.snapshot.catalog, self.search_path, shadow)
        if len(text) < LONG_TEXT_BYTES or self.shared.aside is None or self.link is None:
            return self._decided(conversation, text, read(), may_wait=may_wait)
        context = conversation.context_id

        def then(found: Analysis | Unread | Exception) -> Verdict | None:
            if isinstance(found, Exception):
                raise found
            if conversation.context_id != context or self.facts.database not in self.shared.snapshot.databases:
                return self.judge_anew(conversation, text)  # things have changed since: begin anew
            return self._decided(conversation, text, found, may_wait=may_wait)

        self.shared.aside(read, self.waiting.begin(Cause.ANALYSIS, then))
        return None

    def _decided(
        self, conversation: Conversation, text: bytes, analysis: Analysis | Unread, *, may_wait: bool
    ) -> Verdict | None:
        if isinstance(analysis, Unread):
            return self._not_understood(text, analysis.error, analysis.source)
        unread = self._unread(analysis)
        missing = (*analysis.unresolved, *unread)
        if not may_wait:
            self.shared.still_missing(self.facts.database, missing)
        elif self.shared.worth_a_look(self.facts.database, missing):
            self._look_again(conversation, text, values=bool(unread))
            return None
        others = self._redefined_by_others(analysis, text)
        if self._changed_catalog or others or changes_what_it_reads(analysis):
            trusted = 0 if self._changed_catalog or others else settled(analysis)
            redefined = reduce(Redefined.beside, others, self._redefined_after(analysis))
            analysis = distrusted(
                analysis, redefined, trusted, text.decode(self.codec), self.snapshot.catalog, asks_freely=self.clear
            )
            if others:
                analysis = replace(analysis, certain=False, cacheable=False)
        return Questions(self.waiting, self._judged, self.judge_anew).judged(
            conversation,
            text,
            analysis,
            self.codec,
            self.snapshot.catalog,
            strict=self.snapshot.strict and not self.clear,
        )

    def _redefined_by_others(self, analysis: Analysis, text: bytes) -> list[Redefined]:
        """What others redefine in open transactions, as far as this may mean something else when they are committed."""
        if self.clear:
            return []
        others = self.shared.redefined_by_others(self.facts.database, self.facts.session_id)
        return [one for one in others if one.reaches(analysis, text.decode(self.codec), self.snapshot.catalog)]

    def _redefined_after(self, analysis: Analysis) -> Redefined:
        classification = self.snapshot.classification
        sensitive = {column.relation for column in classification.columns} | self.snapshot.unread
        before = self._redefined if self._changed_catalog else NOTHING_REDEFINED
        return before.after(
            analysis, self.snapshot.catalog, lambda oid: oid in classification.known and oid not in sensitive
        )

    def still_holds(self, conversation: Conversation, verdict: Verdict) -> bool:
        """Whether a portal may run now by the verdict it was bound with, after the session has changed.

        Security: a query was planned at Bind. Everything else (EXECUTE, FETCH, CREATE TABLE AS, EXPLAIN,
        DECLARE) looks its names up when it runs.
        """
        basis: Basis = verdict.basis
        if not self.shared.snapshot.still_grants(basis.grants, self.clock()):
            return False
        if basis.until is not None and (verdict.context_id != conversation.context_id or self.clock() >= basis.until):
            # Security: what was approved was approved as things stood then, and for a time.
            return False
        bursts = self.shared.snapshot.policy.bursts
        if self.shared.history.went_beyond(self.facts.identity, bursts, basis.counts, self.clock()):
            return False
        late = [s.tag for s in analysis_of(verdict).statements if s.tag not in PLANNED_AT_BIND]
        if not late:
            return True
        if verdict.context_id != conversation.context_id:
            return not any(tag in LOOKED_UP_LATE for tag in late)
        known = self._names.known(conversation)
        return (known.prepared, known.cursors) == (basis.shadow.prepared, basis.shadow.cursors)

    def _unread(self, analysis: Analysis) -> tuple[str, ...]:
        """Relations within reach that were empty or not readable when their values were looked at."""
        unread = self.snapshot.unread
        if not unread:
            return ()
        return tuple(f"#{oid}" for statement in analysis.statements for oid in statement.reads & unread)

    def _judged(self, conversation: Conversation, text: bytes, analysis: Analysis) -> Verdict:
        snapshot, facts = self.snapshot, self.facts
        grants = live(self.shared.snapshot.grants, facts.identity, snapshot.name, self.clock())
        policy = with_grants(self.shared.snapshot.policy, grants)
        request = Request(
            identity=facts.identity,
            database=snapshot.name,
            environment=snapshot.environment,
            analysis=analysis,
            now=self.clock(),
            application=facts.application,
            client_address=facts.client_address,
            denials=self._denials,
            counted=self.shared.history.counted(facts.identity, policy.bursts, self.clock()),
        )
        decision = decide(request, policy, snapshot.classification, snapshot.catalog)
        refusal = self._refusal(decision, analysis)
        obligations = Obligations(
            snapshot=snapshot,
            policy=policy,
            identity=facts.identity,
            analysis=analysis,
            mask_key=self.shared.keys.masking,
            former_keys=self.shared.keys.former_masking,
            distrusted=self._changed_catalog or changes_catalog(analysis) or not analysis.certain,
        )
        copies = NO_COPIES
        if refusal is None:
            try:
                copies = copying.copies(analysis, obligations, self.codec, clear=decision.clear)
            except (NotSupported, UnsupportedEncoding) as error:
                refusal = error
        translation = self._translated(text, analysis, obligations, refused=refusal is not None)
        if translation.written_back:
            refusal = written_back(translation.written_back)
        passing = self._changed_catalog
        basis = Basis(
            analysis=analysis,
            obligations=obligations,
            refusal=refusal,
            decision=decision,
            shadow=NO_SHADOW if analysis.cacheable and not passing else self._names.known(conversation),
            counts=Counts(effects=decision.counts, before=request.counted) if decision.counts else NO_COUNTS,
            translation=translation,
            grants=obligations.concerned(grants),
        )
        verdict = verdict_of(
            text,
            conversation.context_id,
            basis,
            copies=copies,
            changes_session=timeouts.sets_it(analysis) or self._bounds.is_followed(analysis) or runs_code(analysis),
            passing=passing,
        )
        self.shared.cache.put(verdict, self._pinned(text, analysis, translation))
        return verdict

    def _refusal(self, decision: Decision, analysis: Analysis) -> GovproxyError | None:
        """Why the statement may not pass, by the decision or by what the session is bound to."""
        if decision.verb is Verb.ALLOW and self._names.full(analysis):
            return LimitExceeded(f"too many names made in one session; the limit is {MAX_NAMES}")
        if decision.verb is Verb.HOLD and self.shared.holds is None:
            return unasked(decision, "Nobody can be asked here; ask whoever keeps the policy.")
        return refusal_of(decision) or self._bounds.refusal(analysis)

    def _translated(self, text: bytes, analysis: Analysis, obligations: Obligations, *, refused: bool) -> Translation:
        """What becomes of masked values that come back in the text."""
        if refused or self.clear or not any(s.equalities or s.stored for s in statements_of(analysis)):
            return NOTHING
        return translate(
            text.decode(self.codec),
            analysis,
            obligations.comparable,
            obligations.guarded(),
            self.snapshot.catalog,
            codec=self.codec,
        )

    def masked_value_bound(self, conversation: Conversation, verdict: Verdict, column: str) -> Verdict:
        """The verdict on a Bind that would store a masked value in ``column``."""
        basis: Basis = verdict.basis
        if basis.analysis is None or basis.obligations is None or basis.decision is None:
            raise AssertionError("a refused statement was bound")
        translation = replace(basis.translation, written_back=(column,))
        fragment = fragment_of(basis.analysis, basis.decision, basis.obligations, translation, refused=True)
        return denied(verdict, written_back((column,)), fragment)

    def masked_value_copied(self, conversation: Conversation, column: str, number: int) -> bytes:
        """The ErrorResponse of a COPY that would store a masked value in ``column``."""
        request_id = f"{self.facts.session_id}.{number}" if number else None
        return error_response(written_back((column,)), request_id=request_id)

    def _pinned(self, text: bytes, analysis: Analysis, translation: Translation) -> list[int] | None:
        """The literals that matter, by number; None where the verdict is for this text alone."""
        foldable = analysis.foldable - translation.pinned
        if self.codec != UTF8 or not foldable or translation.forward is not None:
            return None
        return pinned_literals(text, foldable, self.shared.folder)

    def _not_understood(self, text: bytes, error: GovproxyError, source: str | None = None) -> Verdict:
        return unreadable(text, error, source, self.shared.snapshot.policy.version)

    def function_call(self, conversation: Conversation, function_oid: int) -> Verdict:
        """The verdict on a FunctionCall message: its result is opaque, so only a clear identity may."""
        function = self.snapshot.catalog.functions.get(function_oid)
        name = f"{function.schema}.{function.name}" if function else str(function_oid)
        effect = Effect(action=Action.FUNCTION_MESSAGE, kind="function", name=name, facts={"function": name})
        facts = StatementFacts(tag="FUNCTION CALL", effects=(effect,), outputs=None, opaque=True)
        analysis = Analysis(statements=(facts,), redacted_sql=f"FunctionCall {name}", digest="", cacheable=False)
        verdict = self._judged(conversation, b"", analysis)
        basis: Basis = verdict.basis
        if verdict.outcome is Outcome.HOLD and basis.decision is not None:
            return denied(
                verdict,
                unasked(basis.decision, "A FunctionCall message cannot wait: call the function in a SELECT."),
            )
        if verdict.outcome is Outcome.ALLOW and not verdict.clear:
            refusal = StatementDenied(
                "FunctionCall is not allowed where results are masked",
                hint="Call the function in a SELECT; its result is masked on the way.",
                reason=Reason.RESULT_NOT_MASKABLE,
                facts={"action": Action.FUNCTION_MESSAGE.value, "object": name},
            )
            return denied(verdict, refusal)
        return verdict

    # ------------------------------------------------------------------ what has to be approved

    def hold(
        self,
        conversation: Conversation,
        verdict: Verdict,
        text: bytes,
        bound: bytes | None,
        types: bytes | None,
        in_transaction: bool,
    ) -> Verdict | None:
        """What becomes of a statement that has to be approved; None: it waits."""
        if self.shared.holds is None:
            raise AssertionError("held, and nobody to ask")
        if self.holding is None:
            self.holding = Holding(self, self.shared.holds)
        return self.holding.hold(conversation, verdict, text, bound, types, in_transaction)

    def ending(self, conversation: Conversation, verdict: Verdict) -> tuple[bytes, bytes]:
        """How a held statement ended that was not approved: a word for the ledger, and the SQLSTATE."""
        basis: Basis = verdict.basis
        if basis.refusal is None:
            raise AssertionError("a denial without a reason")
        return ending(basis.refusal)

    # ------------------------------------------------------------------ what statements change

    def session_changed(self, conversation: Conversation, verdict: Verdict) -> None:
        """The statement goes to the backend now: from here on, what it may change is uncertain."""
        analysis = analysis_of(verdict)
        basis: Basis = verdict.basis
        self.shared.history.note(self.facts.identity, self.shared.snapshot.policy.bursts, basis.counts, self.clock())
        self.statement_timeout_s = timeouts.after(analysis, self.statement_timeout_s, self._initial_timeout_s)
        self._bounds.ran(conversation, analysis)
        was_known = self.search_path is not None
        if any(statement.session.catalog for statement in analysis.statements):
            self._redefined = self._redefined_after(analysis)
            if not self._redefined.is_nothing:
                self.shared.redefines(self.facts.database, self.facts.session_id, self._redefined)
        if any(statement.session.settings for statement in analysis.statements):
            self.search_path = None
        if any(statement.session.catalog for statement in analysis.statements):
            self._changed_catalog = True
        self._names = self._names.made(conversation, analysis, verdict.text.decode(self.codec))
        if was_known and self.search_path is None:
            self._names = self._names.prepared_again(self.snapshot.catalog, self.search_path)
        conversation.context_id = self.context_id()

    def catalog_changed(self, conversation: Conversation) -> None:
        """A transaction with DDL in it has ended: every session of the database needs a new picture."""
        self.shared.catalog_is_stale(self.facts.database)
        self.shared.tell_others(self.facts.database)
        if conversation.outstanding <= 1:
            self.shared.redefines(self.facts.database, self.facts.session_id, None)

    def parameter_status(self, conversation: Conversation, payload: bytes) -> None:
        """The backend reports a setting; some of them decide how bytes are read."""
        name, value, *_ = payload.decode("utf-8", "replace").split("\0")
        match name:
            case "standard_conforming_strings" if value != "on":
                raise UpstreamFault("standard_conforming_strings was turned off; the session cannot be judged")
            case "default_transaction_read_only" if value != "on" and self._bounds.walled:
                # Security: by a way that no analysis saw, such as code that a rule lets run.
                raise UpstreamFault("read-only transactions were turned off; the session cannot be held to them")
            case "client_encoding":
                self.codec = _codec(value)
                conversation.folds = self.folds
            case "search_path" | "session_authorization" | "is_superuser":
                self.search_path = None
            case "DateStyle" | "IntervalStyle" | "TimeZone":
                others = [style for style in self.styles if not style.startswith(f"{name}=")]
                self.styles = tuple(sorted([*others, f"{name}={value}"]))
                return
            case _:
                return
        conversation.context_id = self.context_id()

    # ------------------------------------------------------------------ what comes back

    def plan(self, conversation: Conversation, verdict: Verdict, description: bytes) -> MaskPlan:
        """The mask plan for rows described by ``description`` (a RowDescription payload, b'' = none)."""
        fields: tuple[Field, ...] = decode_row_description(description) if description else ()
        basis: Basis = verdict.basis
        if basis.obligations is None:
            raise AssertionError("rows of a statement that was refused")
        return basis.obligations.plan(fields)

    def scan_message(self, conversation: Conversation, payload: bytes) -> bytes:
        """An ErrorResponse or NoticeResponse that can hold nothing but ordinary values."""
        return messages.scanned(payload)

    def rewrite_error(self, conversation: Conversation, payload: bytes, at_parse: bool) -> bytes:
        """An ErrorResponse as this identity may read it."""
        return messages.rebuild(payload, at_parse=at_parse)

    def probe_error(self, conversation: Conversation, payload: bytes, tainted: bool) -> bytes:
        """An ErrorResponse for a statement, from the error of the proxy's own question about it."""
        return messages.elsewhere(payload, tainted=tainted)

    def rewrite_translated_error(self, conversation: Conversation, verdict: Verdict, payload: bytes) -> bytes:
        """The same of a statement that was sent with another text than the client's."""
        basis: Basis = verdict.basis
        return messages.rebuild(payload, at_parse=False, original_position=basis.translation.original_position)

    def rewrite_notice(self, conversation: Conversation, payload: bytes) -> bytes | None:
        """A NoticeResponse as this identity may read it."""
        return messages.rebuild(payload, at_parse=False)

    def rewrite_notification(self, conversation: Conversation, payload: bytes) -> bytes:
        """A NotificationResponse without its payload, which may be anybody's data."""
        return messages.without_payload(payload)

    # ------------------------------------------------------------------ refusing

    def refusal(self, conversation: Conversation, verdict: Verdict, number: int) -> bytes:
        """The ErrorResponse for a denied statement, with the id under which the ledger has it.

        Raises the refusal, which ends the session, where a rule puts out whoever meets it.
        """
        basis: Basis = verdict.basis
        if basis.refusal is None:
            raise AssertionError("a denial without a reason")
        self._denials += 1
        shape = basis.analysis.digest if basis.analysis else hashlib.sha256(verdict.text).hexdigest()
        if basis.decision is not None and basis.decision.ends_session:
            raise basis.refusal
        error = self._or_repeated(basis.refusal, shape)
        return error_response(error, request_id=f"{self.facts.session_id}.{number}")

    def _or_repeated(self, error: GovproxyError, shape: str) -> GovproxyError:
        """The refusal, or, to somebody who asks the same again and again, that this leads nowhere.

        Raises it, which ends the session, when the policy says that this is often enough.
        """
        breaker, identity = self.shared.snapshot.policy.loop_breaker, self.facts.identity
        if breaker is None or not who_matches(breaker.who, identity, Reading.RESTRICT):
            return error
        count = self.shared.history.refused(identity, shape, breaker, self.clock())
        if count <= breaker.repeats:
            return error
        again = repeated(error, count, breaker)
        if breaker.end_session_after is not None and count >= breaker.end_session_after:
            raise again
        return again

    def too_large(self, conversation: Conversation) -> Verdict:
        """The verdict on a text that is too long to be looked at."""
        return self._not_understood(
            b"", UnparsableStatement(Refused.TOO_LARGE, figure=f" (more than {MAX_TEXT_BYTES} bytes)")
        )

    def error(self, error: Exception) -> bytes:
        """An ErrorResponse of the proxy's own."""
        return error_response(error)


def _codec(client_encoding: str) -> str:
    codec = ENCODINGS[safe_encoding(client_encoding)]
    if codec is None:
        raise UnsupportedEncoding(f'client_encoding "{client_encoding}" cannot be judged', hint="Use UTF8.")
    return codec
