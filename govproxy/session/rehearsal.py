"""One rehearsal: a held statement tried on its session's own connection, and ended by a decision (ADR 27).

A script over the database's connection, which the conversation lends (`_fastpath.lending`): a transaction of the
proxy's own, or a savepoint in the client's, the statement itself by the messages that the client sent, questions
about what it did, and then COMMIT or ROLLBACK. What the database said to the statement is kept as bytes, and handed
over only when it counts. Sans I/O and without a clock; knows nothing of approvals.

Security: nothing of the client's runs between the trial and its end, because its messages stay parked. Whatever goes
otherwise than expected ends the session, and with it the transaction.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum, auto

from govproxy._fastpath.conversation import Conversation
from govproxy._fastpath.verdicts import Verdict
from govproxy.approvals.rehearsals import Changed, Ran, Row
from govproxy.errors import UpstreamFault
from govproxy.session import messages
from govproxy.session.trialmessages import (
    ASYNCHRONOUS,
    COMPLETE,
    ERROR,
    EXPECTED,
    GONE,
    NOTICE,
    READY,
    Heard,
    one,
    run,
)
from govproxy.session.trialrows import (
    AFTERWARDS_ONLY,
    BRIEFLY,
    SAMPLE_ROWS,
    SHARED,
    WRITERS,
    Given,
    Shown,
)
from govproxy.wire.framing import HEADER_BYTES, encode_message, message_size
from govproxy.wire.frontend import Target, encode_describe, encode_sync

KEPT_BYTES = 1 << 20  # of what the database says to the statement, until that is decided
MAX_UNDOS = 3  # a CancelRequest that comes late may hit one
MAX_LOOKS = 4  # at a few rows each that may have been replaced, or only locked

NAME = '"govproxy rehearsal"'
QUESTION = '"govproxy question"'
CHANGES = (
    "SELECT schemaname, relname, n_tup_ins, n_tup_upd, n_tup_del FROM pg_catalog.pg_stat_xact_user_tables"
    " WHERE n_tup_ins OPERATOR(pg_catalog.>) 0 OR n_tup_upd OPERATOR(pg_catalog.>) 0"
    " OR n_tup_del OPERATOR(pg_catalog.>) 0"
)
COUNTED = "SHOW track_counts"
DEFERRED = "SET CONSTRAINTS ALL IMMEDIATE"
TAKE_BACK = (f"ROLLBACK TO SAVEPOINT {QUESTION}", f"RELEASE SAVEPOINT {QUESTION}")
TIMED_OUT = "57014"

Counts = dict[str, tuple[int, int, int]]


class Pause(Enum):
    """What the script waits for besides the database."""

    DECISION = auto()
    CANCEL = auto()  # that a CancelRequest has been delivered


class _Stopped(Exception):
    """It is to be rolled back."""


@dataclass(slots=True)
class _Before:
    """What was known of the rows before it ran; ``why_not``: why they are not shown.

    ``cursor`` is open on what the table was then; '': it could not be had, or is not needed.
    """

    rows: list[Row] | None = None
    writers: frozenset[str] | None = None
    cursor: str = ""
    why_not: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What is tried. ``messages``: how many of those that wait belong to it. ``shown`` None: no rows are shown;
    ``given`` None: it has no parameters."""

    verdict: Verdict = field(repr=False)
    messages: int
    simple: bool
    codec: str
    shown: Shown | None = None
    given: Given | None = field(default=None, repr=False)
    notes: tuple[str, ...] = ()


Script = Generator["bytes | Pause", "Heard | None", None]
Asked = Generator["bytes | Pause", "Heard | None", "Heard"]


class Rehearsal:
    """``told`` hears once what it came to, then it stands, or is over where it failed; ``cancel`` has what runs
    cancelled and calls back when that is delivered; ``moved`` sends what was said outside of a feed, ``failed``
    ends the session."""

    def __init__(
        self,
        conversation: Conversation,
        trial: Trial,
        *,
        told: Callable[[Ran], None],
        cancel: Callable[[Callable[[], None]], None],
        moved: Callable[[], None],
        failed: Callable[[Exception], None],
    ) -> None:
        self._conversation = conversation
        self._trial = trial
        self._told = told
        self._cancel = cancel
        self._moved = moved
        self._failed = failed
        self._home = chr(conversation.transaction_status)  # what it is to be afterwards
        self._script = self._play(owed=conversation.unsynced)
        self._waits_for: bytes | Pause = b""
        self._commits: bool | None = None
        self._then: Callable[[], None] = _nothing
        self._counts_now: Callable[[], None] = _nothing
        self._cancelling = False
        self._undoing = False
        self._has_told = False
        self._in_feed = False
        self._kept: tuple[bytes, ...] = ()
        self._aside: list[bytes] = []
        # What comes in
        self._buffer = bytearray()
        self._heard: list[bytes] = []
        self._heard_bytes = 0
        self._skip = 0
        self._keeps = False
        self._too_long = False
        self._sqlstate = ""
        self.over = False
        self.lost = False  # with its connection, and so rolled back
        self.ended_with: str | None = None  # the SQLSTATE of its COMMIT, '' for success; None: there was none

    @property
    def in_block(self) -> bool:
        """True inside a transaction of the client's."""
        return self._home == "T"

    def begin(self) -> bool:
        """Try it. False: the connection cannot be had as things stand."""
        if not self._conversation.lend(self):
            return False
        self._go_on(None)
        return True

    def commit(self, counts: Callable[[], None], then: Callable[[], None]) -> None:
        """It counts, as soon as it stands: ``counts`` is called just before. ``then`` is called when its client has
        the answer (`ended_with`), or when it has failed in the meantime and nothing of it is left."""
        self._counts_now = counts
        self._end(commits=True, then=then)

    def roll_back(self, then: Callable[[], None]) -> None:
        """It does not count. What runs is cancelled; ``then`` is called when nothing of it is left."""
        runs = isinstance(self._waits_for, bytes) and not self.over and not self._undoing
        if runs:
            self._stop()
        self._end(commits=False, then=then)

    def drop(self) -> None:
        """The session is over. What still runs is stopped, so that its locks go."""
        if not self.over and isinstance(self._waits_for, bytes):
            self._cancel(_nothing)
        self.over = self.lost = True

    def _end(self, *, commits: bool, then: Callable[[], None]) -> None:
        if self.over:
            then()
            return
        self._commits, self._then = commits, then
        if self._waits_for is Pause.DECISION:
            self._go_on(None)

    def _stop(self) -> None:
        """Have the database give up what it does for the script now."""
        if not self._cancelling:
            self._cancelling = True
            self._cancel(self._cancelled)

    def _cancelled(self) -> None:
        self._cancelling = False
        if self._waits_for is Pause.CANCEL and not self.over:
            self._go_on(None)

    # ------------------------------------------------------------------ the script

    def _play(self, *, owed: bool) -> Script:
        """``owed``: a Sync was sent, because the client's pipeline was open."""
        ran = Ran()
        try:
            if owed:
                yield from self._say(b"", status=self._home)
            yield from self._say(run(f"SAVEPOINT {NAME}" if self.in_block else "BEGIN"), status="T")
            counts = yield from self._counts(deferred=False)
            before = yield from self._before()
            answer = yield from self._try()
            if answer is None:
                ran = Ran(refused="the ledger cannot be written")
            elif answer.too_long:
                ran = Ran(refused=f"it returns more than {KEPT_BYTES} bytes, which are not kept")
            elif answer.sqlstate:
                ran = Ran(failed=answer.sqlstate)
            elif answer.status != "T":
                raise UpstreamFault("a rehearsed statement has ended its transaction")
            else:
                self._kept = answer.raw
                yield from self._decided((yield from self._facts(answer, counts, before)))
                return
        except _Stopped:
            ran = Ran(refused="it was ended before it was done")
        yield from self._undo()
        self._leave(ran)

    def _decided(self, ran: Ran) -> Script:
        self._has_told = True
        self._told(ran)
        if self._commits is None:
            yield Pause.DECISION
        if not self._commits:
            raise _Stopped
        self._counts_now()
        self._conversation.commits()
        heard = yield from self._exchange(run(f"RELEASE SAVEPOINT {NAME}" if self.in_block else "COMMIT"))
        if heard.status != self._home or (heard.sqlstate and self.in_block):
            raise UpstreamFault("a rehearsed transaction cannot be ended")
        if not heard.sqlstate and heard.tag != ("RELEASE" if self.in_block else "COMMIT"):
            raise UpstreamFault("a rehearsed transaction was not committed")
        if heard.sqlstate:
            yield from self._exchange(run())
        self.over, self.ended_with = True, heard.sqlstate
        said = b"".join((*self._aside, *self._said(heard), self._rest()))
        self._conversation.give_back(said, heard.sqlstate.encode())
        self._then()

    def _said(self, end: Heard) -> tuple[bytes, ...]:
        """What a direct run would have said: the answer that was kept, and how the transaction ended."""
        told = tuple(message for message in end.raw if message[0] in (NOTICE, ERROR) or message[0] in ASYNCHRONOUS)
        ready = encode_message(READY, end.status.encode())
        if not self._trial.simple:
            return (*self._kept, *told, ready)
        # The command tag of a simple Query says that all is well, so it comes after the commit.
        last = max(n for n, message in enumerate(self._kept) if message[0] == COMPLETE)
        tag = () if end.sqlstate else self._kept[last:]
        return (*self._kept[:last], *told, *tag, ready)

    def _try(self) -> Generator[bytes | Pause, Heard | None, Heard | None]:
        if not self._conversation.attempt(self._trial.verdict, self._trial.messages):
            return None
        self._keeps = True
        try:
            heard = yield from self._exchange(b"")
        finally:
            self._keeps = False
        yield from self._stop_if_wanted()
        return heard

    def _facts(
        self, answer: Heard, counts: Counts | None, before: _Before
    ) -> Generator[bytes | Pause, Heard | None, Ran]:
        notes, shown = list(self._trial.notes), self._trial.shown
        # First of all: what fires for the count would be in the rows' headers.
        pairs = (yield from self._replaced(shown, before.cursor)) if shown is not None and before.cursor else None
        after = None if counts is None else (yield from self._counts(deferred=not self.in_block))
        if after is None or counts is None:
            notes.append("what it changed by triggers and cascades is not known: the database does not count")
        changed = () if counts is None or after is None else _difference(counts, after)
        ran = Ran(tag=answer.tag, changed=changed)
        if shown is None:
            return replace(ran, notes=tuple(notes))
        ran = replace(ran, relation=shown.relation.oid, names=shown.names)
        size = len(shown.keys)
        if pairs is not None:
            known = [was for was, _ in pairs]
            made = (yield from self._made(shown, before, known)) if len(known) < SAMPLE_ROWS else []
            is_after = (*(now for _, now in pairs), *made)
            ran = replace(ran, before=tuple(row[size:] for row in known), after=is_after)
            notes += shown.left_out(changed, len(known))
        elif not shown.before:
            notes += [AFTERWARDS_ONLY] if shown.replaces else []
            ran = replace(ran, after=tuple((yield from self._made(shown, before))))
        elif before.rows is not None:
            again = (yield from self._again(shown, before, before.rows)) if shown.keys else ()
            ran = replace(ran, before=tuple(row[size:] for row in before.rows), after=again)
        if before.why_not:
            which = "its rows afterwards are" if before.rows is not None else "its rows are"
            which = which if pairs is None else "rows that it adds are"
            notes.append(f"{which} not shown: {before.why_not}")
        return replace(ran, notes=tuple(notes))

    def _counts(self, *, deferred: bool) -> Generator[bytes | Pause, Heard | None, Counts | None]:
        """Rows changed so far, by table; None where the database does not count. ``deferred``: what waits for the
        end of the transaction included."""
        asked = [one(CHANGES), one(COUNTED)]
        heard = yield from self._question(*([one(DEFERRED), *asked] if deferred else asked))
        if deferred and heard.sqlstate:
            heard = yield from self._question(*asked)  # the COMMIT will say it
        if heard.sqlstate or heard.too_long:
            return None
        *rows, counted = heard.rows(self._trial.codec)
        if counted != ("on",):
            return None
        return {
            f"{schema}.{name}": (int(inserted or 0), int(updated or 0), int(deleted or 0))
            for schema, name, inserted, updated, deleted in rows
        }

    def _before(self) -> Generator[bytes | Pause, Heard | None, _Before]:
        """What is to be known of its rows before it runs."""
        before, shown = _Before(), self._trial.shown
        if shown is not None and not shown.before:
            before.writers = yield from self._writers(before)
            if shown.replaces and before.writers is not None:
                before.cursor = yield from self._watch(shown, before.writers)
        elif shown is not None:
            before.rows = yield from self._rows(before, shown.before, given=self._trial.given)
        return before

    def _again(
        self, shown: Shown, before: _Before, rows: list[Row]
    ) -> Generator[bytes | Pause, Heard | None, tuple[Row | None, ...]]:
        """These rows after it, by their keys."""
        found = (yield from self._rows(before, shown.after(rows))) if rows else []
        return () if found is None else shown.again(rows, found)

    def _watch(self, shown: Shown, writers: frozenset[str]) -> Generator[bytes | Pause, Heard | None, str]:
        """A cursor for the rows that it will replace; '' where the database does not let them be read."""
        shared = yield from self._rows(_Before(), SHARED)
        if not shared:
            return ""
        # Nobody else can have a cursor of this name.
        cursor = f'"govproxy {secrets.token_hex(8)}"'
        declare = f"DECLARE {cursor} NO SCROLL CURSOR FOR {shown.watching(writers, int(shared[0][0] or 0))}"
        texts = (f"SAVEPOINT {QUESTION}", declare, f"RELEASE SAVEPOINT {QUESTION}")
        heard = yield from self._say(b"".join((*(one(text, self._trial.codec) for text in texts), GONE, encode_sync())))
        if not heard.sqlstate:
            return cursor
        yield from self._say(run(*TAKE_BACK), status="T")
        return ""

    def _replaced(
        self, shown: Shown, cursor: str
    ) -> Generator[bytes | Pause, Heard | None, list[tuple[Row, Row | None]] | None]:
        """Rows that it has replaced, their keys first, each with itself afterwards. The cursor is closed then."""
        found: list[tuple[Row, Row | None]] = []
        asked = _Before()
        for _ in range(MAX_LOOKS):
            watched = yield from self._rows(asked, f"FETCH {SAMPLE_ROWS} FROM {cursor}")
            now = (yield from self._rows(asked, shown.now(watched))) if watched else []
            if watched is None or now is None:
                break
            found += shown.replaced(watched, now)
            if len(watched) < SAMPLE_ROWS or len(found) >= SAMPLE_ROWS:
                break
        yield from self._say(run(f"CLOSE {cursor}"), status="T")
        return None if asked.why_not else found[:SAMPLE_ROWS]

    def _made(
        self, shown: Shown, before: _Before, known: Sequence[Row] = ()
    ) -> Generator[bytes | Pause, Heard | None, list[Row]]:
        """The rows that bear its number, without those that are known by their keys."""
        writers = None if before.writers is None else (yield from self._writers(before))
        if writers is None or before.writers is None:
            return []
        mine = writers - before.writers
        return ((yield from self._rows(before, shown.made_by(mine, known=known))) or []) if mine else []

    def _writers(self, before: _Before) -> Generator[bytes | Pause, Heard | None, frozenset[str] | None]:
        found = yield from self._rows(before, WRITERS)
        return None if found is None else frozenset(str(row[0]) for row in found)

    def _rows(
        self, before: _Before, text: str, *, given: Given | None = None
    ) -> Generator[bytes | Pause, Heard | None, list[Row] | None]:
        """Rows that the database lets be read; None where it does not, and ``before`` says why."""
        types: tuple[int, ...] = ()
        if given is not None:
            described = encode_describe(Target.STATEMENT, given.statement)
            types = (yield from self._question(described)).parameters
        # As they were meant, whatever the question alone would make of them.
        heard = yield from self._question(one(BRIEFLY), one(text, self._trial.codec, given=given, types=types))
        if heard.too_long:
            before.why_not = f"they take more than {KEPT_BYTES} bytes"
        elif heard.sqlstate == TIMED_OUT:
            before.why_not = "it takes too long to find them"
        elif heard.sqlstate:
            before.why_not = f"the database does not let them be read ({heard.sqlstate})"
        else:
            return heard.rows(self._trial.codec)
        return None

    def _question(self, *asked: bytes) -> Asked:
        """Ask something, so that neither it nor its error leaves a trace."""
        first, last = one(f"SAVEPOINT {QUESTION}"), map(one, TAKE_BACK)
        heard = yield from self._say(b"".join((first, *asked, *last, GONE, encode_sync())))
        if heard.sqlstate:
            yield from self._say(run(*TAKE_BACK), status="T")
        elif heard.status != "T":
            raise UpstreamFault("a question has ended a rehearsal's transaction")
        return heard

    def _undo(self) -> Script:
        self._undoing = True
        back = (f"ROLLBACK TO SAVEPOINT {NAME}", f"RELEASE SAVEPOINT {NAME}")
        undo = run(*back) if self.in_block else run("ROLLBACK")
        for _ in range(MAX_UNDOS):
            while self._cancelling:
                yield Pause.CANCEL
            heard = yield from self._exchange(undo)
            if heard.status == self._home and not heard.sqlstate:
                return
        raise UpstreamFault("a rehearsal cannot be rolled back")

    def _leave(self, ran: Ran) -> None:
        """Nothing of it is left."""
        self.over = True
        self._conversation.take_back(b"".join((*self._aside, self._rest())))
        if not self._has_told and self._commits is not False:
            self._told(ran)
        self._then()

    def _say(self, said: bytes, *, status: str = "") -> Asked:
        """One exchange, after which it may be stopped. With ``status`` only that will do."""
        heard = yield from self._exchange(said)
        yield from self._stop_if_wanted()
        if status and (heard.status != status or heard.sqlstate):
            raise _Stopped
        return heard

    def _stop_if_wanted(self) -> Script:
        if self._commits is False:
            while self._cancelling:
                yield Pause.CANCEL
            raise _Stopped

    def _exchange(self, said: bytes) -> Asked:
        heard = yield said
        if heard is None:
            raise AssertionError("an answer was expected")
        return heard

    def _go_on(self, heard: Heard | None) -> None:
        if self._in_feed:
            self._step(heard)
            return
        try:
            self._step(heard)
        except Exception as error:
            self._failed(error)  # as the engine does with what happens in a feed
            return
        self._moved()

    def _step(self, heard: Heard | None) -> None:
        try:
            self._waits_for = self._script.send(heard)
        except StopIteration:
            self.over = True
            return
        if isinstance(self._waits_for, bytes) and self._waits_for:
            self._conversation.say(self._waits_for)

    # ------------------------------------------------------------------ what the database says

    def heard(self, data: bytes) -> None:
        """Bytes of the database's."""
        self._in_feed = True
        try:
            self._hear(data)
        finally:
            self._in_feed = False

    def _hear(self, data: bytes) -> None:
        self._buffer += data
        while not self.over:
            if self._skip:
                passed = min(self._skip, len(self._buffer))
                del self._buffer[:passed]
                self._skip -= passed
            size = message_size(self._buffer)
            if size is None or self._skip:
                return
            kind = self._buffer[0]
            if kind != READY and self._is_too_much(size):
                self._skip = size
                continue
            if len(self._buffer) < size:
                return
            raw = bytes(self._buffer[:size])
            del self._buffer[:size]
            self._heard_bytes += size
            self._take(kind, raw)

    def _is_too_much(self, size: int) -> bool:
        """Whether no more of this answer is kept, from its next message of ``size`` bytes on."""
        if not self._too_long and self._heard_bytes + size > KEPT_BYTES:
            self._too_long = True
            self._heard = []
            if self._keeps:
                self._stop()
        return self._too_long

    def _take(self, kind: int, raw: bytes) -> None:
        asked = isinstance(self._waits_for, bytes)
        if kind == ERROR:
            fields = messages.fields_of(raw[HEADER_BYTES:])
            if fields.get("V", b"FATAL") != b"ERROR":
                self._lost(raw)
                return
            self._sqlstate = fields.get("C", b"XX000").decode("ascii", "replace")
        if not asked and kind in (*ASYNCHRONOUS, NOTICE):
            self._aside.append(raw)
            return
        if not asked:
            raise UpstreamFault("the database sent something unexpected")
        if kind == READY:
            self._ready(raw)
        elif self._keeps or kind not in ASYNCHRONOUS:
            if not self._keeps and kind not in EXPECTED:
                raise UpstreamFault("the database sent something unexpected")
            self._heard.append(raw)
        else:
            self._aside.append(raw)

    def _ready(self, raw: bytes) -> None:
        heard = Heard(
            raw=tuple(self._heard),
            status=raw[HEADER_BYTES:].decode("latin-1"),
            sqlstate=self._sqlstate,
            too_long=self._too_long,
        )
        self._heard, self._heard_bytes, self._sqlstate, self._too_long = [], 0, "", False
        if heard.status not in ("I", "T", "E"):
            raise UpstreamFault("the database sent something unexpected")
        self._go_on(heard)

    def _lost(self, raw: bytes) -> None:
        """The database ends the session, and with it the transaction."""
        self.over = self.lost = True
        self._conversation.take_back(b"".join((*self._aside, raw, self._rest())))

    def _rest(self) -> bytes:
        rest = bytes(self._buffer)
        self._buffer.clear()
        return rest


def _difference(before: Counts, after: Counts) -> tuple[Changed, ...]:
    found = []
    for table, counts in sorted(after.items()):
        inserted, updated, deleted = (
            now - then for now, then in zip(counts, before.get(table, (0, 0, 0)), strict=True)
        )
        if inserted or updated or deleted:
            found.append(Changed(table=table, inserted=inserted, updated=updated, deleted=deleted))
    return tuple(found)


def _nothing() -> None:
    """Nobody wants to know."""
