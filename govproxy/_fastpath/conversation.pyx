"""One client's conversation with the database, sans I/O: bytes in, bytes and ledger lines out.

The engine feeds what it received and sends what stands in the sinks; it must do so before it
feeds any other conversation, because the sinks may point into the buffer of the feed. Only an
incomplete message that has to be seen whole is kept here; everything else streams.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.ref cimport Py_CLEAR

cimport cython

from govproxy._fastpath.asking cimport ask, ask_on
from govproxy._fastpath.backend cimport backend_messages
from govproxy._fastpath.cursor cimport load_i32
from govproxy._fastpath.frontend cimport frontend_messages
from govproxy._fastpath.guard cimport release_rows
from govproxy._fastpath.lending cimport attempt, end_of, is_lendable, lend, types_of, withdraw
from govproxy._fastpath.outbuf cimport outbuf_append, outbuf_consume, outbuf_free, outbuf_init, outbuf_trim
from govproxy._fastpath.replies cimport Expected
from govproxy._fastpath.sinks cimport sink_bytes, sink_data, sink_flush, sink_pass, sink_reset, sink_size
from govproxy._fastpath.limits cimport Limits, Quota
from govproxy._fastpath.state cimport GUARD_NONE, HOLD_CANCEL, HOLD_QUOTA, HOLD_ROWS, HOLD_SETTINGS, State
from govproxy._fastpath.statements cimport Portal
from govproxy._fastpath.transitions cimport PHASE_CLOSED, REPLY_BIND
from govproxy._fastpath.verdicts cimport Verdict

from govproxy.errors import InternalError, ProtocolViolation

cdef enum:
    HEADER = 5
    MAX_HELD_BYTES = 320 * 1024   # of a client whose statement is held: the longest text, and a little more


@cython.final
cdef class Conversation(State):
    """See state.pxd for the attributes.

    The gate answers what is not in the cache. It is any object with ``judge(conversation, text)
    -> Verdict | None`` (None parks the conversation until ``resume``), ``hold``, ``ending``, ``function_call``,
    ``refusal``, ``error``, ``plan``, ``session_changed``, ``catalog_changed``,
    ``parameter_status``, ``rewrite_error``, ``rewrite_notice``, ``rewrite_notification``.
    """

    def __cinit__(self):
        outbuf_init(&self.frontend_stash)
        outbuf_init(&self.backend_stash)

    def __dealloc__(self):
        outbuf_free(&self.frontend_stash)
        outbuf_free(&self.backend_stash)

    # ------------------------------------------------------------------ feeding

    cdef int feed_frontend(self, const unsigned char* data, Py_ssize_t size) except -1:
        cdef Py_ssize_t part
        self.tick()
        if self.frontend_skip:
            part = size if size < self.frontend_skip else self.frontend_skip
            if not self.frontend_skip_drops:
                sink_pass(&self.sinks.backend, data, part)
            self.frontend_skip -= part
            data += part
            size -= part
        if self.frontend_stash.size:
            outbuf_append(&self.frontend_stash, data, size)
            return self._frontend_stashed()
        if self.parked or self.stalled:
            part = 0
        else:
            part = frontend_messages(self, data, size)
        if part < size:
            outbuf_append(&self.frontend_stash, data + part, size - part)
            self.frontend_taken = 0
            if self.held and self.parked:
                return self._listen_for_terminate()
        return 0

    cdef int _frontend_stashed(self) except -1:
        if not (self.parked or self.stalled):
            self.frontend_taken += frontend_messages(
                self, self.frontend_stash.data + self.frontend_taken, self.frontend_stash.size - self.frontend_taken
            )
        if self.held and self.parked:
            return self._listen_for_terminate()
        return 0

    cdef int _listen_for_terminate(self) except -1:
        # While a statement is held its client may go without a word more than this.
        cdef Py_ssize_t pos = self.frontend_taken
        cdef int length
        while self.frontend_stash.size - pos >= HEADER:
            if self.frontend_stash.data[pos] == <unsigned char>b"X":
                return self.enter(PHASE_CLOSED)
            length = load_i32(self.frontend_stash.data + pos + 1)
            if length < 4:
                raise ProtocolViolation("message length below 4")
            pos += <Py_ssize_t>length + 1
        return 0

    cdef int feed_backend(self, const unsigned char* data, Py_ssize_t size) except -1:
        cdef Py_ssize_t part
        self.tick()
        if self.lent is not None:
            self.lent.heard(PyBytes_FromStringAndSize(<const char*>data, size))
            return 0
        if self.backend_skip:
            part = size if size < self.backend_skip else self.backend_skip
            if not self.backend_skip_drops:
                sink_pass(&self.sinks.frontend, data, part)
            self.backend_skip -= part
            if self.backend_skip == 0:
                self.backend_skip_drops = False
            data += part
            size -= part
        if self.dry:
            return outbuf_append(&self.backend_stash, data, size)
        if self.backend_stash.size:
            outbuf_append(&self.backend_stash, data, size)
            self.backend_taken = backend_messages(self, self.backend_stash.data, self.backend_stash.size)
        else:
            part = backend_messages(self, data, size)
            if part < size:
                outbuf_append(&self.backend_stash, data + part, size - part)
        return self._after_backend()

    cdef int _after_backend(self) except -1:
        if self.hold & HOLD_ROWS:
            release_rows(self)
        if self.inquiry is not None and ask_on(self):
            self._frontend_stashed()
        if self.stalled:
            self.go_on()
        return 0

    cdef int go_on(self) except -1:
        # Looks again at client messages that had to wait.
        self.stalled = False
        if self.frontend_stash.size:
            self._frontend_stashed()
        return 0

    cdef int settle(self) except -1:
        # After the sinks are sent: drop what they pointed into, and what is worked off.
        sink_reset(&self.sinks.backend)
        sink_reset(&self.sinks.frontend)
        self.recorded = False
        if self.frontend_taken:
            outbuf_consume(&self.frontend_stash, self.frontend_taken)
            self.frontend_taken = 0
        if self.backend_taken:
            outbuf_consume(&self.backend_stash, self.backend_taken)
            self.backend_taken = 0
        if self.frontend_stash.capacity:
            outbuf_trim(&self.frontend_stash)
        if self.backend_stash.capacity:
            outbuf_trim(&self.backend_stash)
        return 0

    cdef bint wants_frontend(self) noexcept:
        if self.phase == PHASE_CLOSED:
            return False
        if self.parked:
            # A held statement's client is listened to, a little, so that it is noticed when it goes.
            return self.held and self.frontend_stash.size < MAX_HELD_BYTES
        return not self.stalled

    cdef bint wants_backend(self) noexcept:
        return not self.dry

    # ------------------------------------------------------------------ for the gate and the engine

    def resume(self, Verdict verdict not None):
        """Give a parked conversation its verdict; the waiting message is then worked off."""
        if not self.parked:
            return
        self.tick()
        self.parked = False
        self.pending = verdict
        self._frontend_stashed()

    def ask(self, question not None):
        """Ask the database something for the statement that is judged; the conversation is parked meanwhile.

        ``question`` is a `session.asking.Question`, which is told the answer and gives the verdict.
        False: nothing can be asked as things stand. Outside of a feed the link must ``proceed``.
        """
        return ask(self, question)

    # ------------------------------------------------------------------ while a statement is held

    @property
    def waiting(self):
        """Types of the whole messages that wait, the held one first; of many the first ones."""
        return types_of(self.frontend_stash.data + self.frontend_taken, self.frontend_stash.size - self.frontend_taken)

    def lend(self, borrower not None):
        """What the database says goes to ``borrower.heard(bytes)`` until `take_back` or `give_back`.

        False: nothing of it can be lent as things stand. Where the client's pipeline is ``unsynced`` a Sync of the
        proxy's goes out, whose ReadyForQuery is the first that is heard.
        """
        if not is_lendable(self) or self.backend_stash.size or self.backend_skip or self.dry:
            return False
        lend(self, borrower)
        return True

    def say(self, bytes messages not None):
        """Say something to the database whose connection is lent. Outside of a feed the link must ``proceed``."""
        if self.lent is None:
            raise InternalError("a connection that is not lent")
        sink_bytes(&self.sinks.backend, messages)

    def attempt(self, Verdict verdict not None, Py_ssize_t messages):
        """Forward so many of the messages that wait on trial, as ``verdict`` lets them.

        False: they would not be recorded.
        """
        cdef const unsigned char* data = self.frontend_stash.data + self.frontend_taken
        if self.lent is None or self.attempted:
            raise InternalError("a statement was to be forwarded on trial twice")
        if not self.ledger_ready():
            return False
        attempt(self, verdict, data, end_of(data, self.frontend_stash.size - self.frontend_taken, messages))
        return True

    def commits(self):
        """What was forwarded on trial is about to count: if the session ends now, nobody knows whether it does."""
        self.held = False

    def take_back(self, bytes said not None):
        """Nothing was forwarded; the statement is held as before. ``said``: what the database said besides."""
        self.lent = None
        if self.attempted:
            withdraw(self)
        self._hear(said)

    def give_back(self, bytes said not None, bytes sqlstate not None):
        """What was forwarded on trial counts, and the database's answer to it is ``said``.

        With ``sqlstate`` the commit behind it has failed, which is then its outcome, whatever it said before.
        """
        cdef Expected* head = self.replies.head()
        self.lent = None
        if PyBytes_GET_SIZE(sqlstate) and head != NULL and head.kind == REPLY_BIND:
            self.close_portal(
                <Portal>head.subject, b"error", <const unsigned char*>PyBytes_AS_STRING(sqlstate)
            )
        self.parked = self.held = False
        self.frontend_taken += self.attempted
        self.attempted = 0
        self._hear(said)
        if self.replies.count:
            raise InternalError("the answer to a rehearsed statement is not whole")
        self._frontend_stashed()

    cdef int _hear(self, bytes said) except -1:
        if PyBytes_GET_SIZE(said):
            self.feed_backend(<const unsigned char*>PyBytes_AS_STRING(said), PyBytes_GET_SIZE(said))
            sink_flush(&self.sinks.frontend)   # it must not point into what may be gone before it is sent
        return 0

    def record_again(self, Verdict verdict not None, bytes text not None):
        """The held statement was judged anew and is another one: its line ends, and there is a new one."""
        self.tick()
        self.record_outcome(self.number, self.now_ns, b"withdrawn", NULL, 0, 0, 0)
        self.record(verdict, <const unsigned char*>PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text))

    def set_limits(self, Limits limits, Quota quota, bounds):
        """What the policy allows from the next statement on; None is no limit.

        ``bounds`` is told what happens: ``limit_reached(reason, number)`` gives the ErrorResponse, ``cancel`` stops
        the database, ``draw``, ``replenish(size)`` and ``fetch_ahead`` ask for more of a window.
        """
        self.bounds = bounds
        if limits is not None or self.guard == GUARD_NONE:
            self.limits = limits
        elif self.limits is not None:
            # What is under way ends as it began, but nobody hands out shares of its windows any more.
            self.limits = Limits(
                rows=self.limits.rows, size_bytes=self.limits.size_bytes, changed=self.limits.changed
            )
        self.quota = quota

    def impose(self, imposition not None):
        """Have settings of a changed policy in force before the next statement: see imposing.pyx.

        ``imposition`` is a `session.imposing.Imposing`; given again, it wants something else by now.
        """
        self.imposition = imposition
        self.imposed = False
        self.hold |= HOLD_SETTINGS

    def proceed(self, *, bint cancelled=False, bint counted=False):
        """What the client's next message waited for has happened."""
        if cancelled:
            self.hold &= ~HOLD_CANCEL
        if counted:
            self.hold &= ~HOLD_QUOTA
            if self.dry:
                self.dry = False
                self.tick()
                self.backend_taken = backend_messages(self, self.backend_stash.data, self.backend_stash.size)
                self._after_backend()
                return
        if self.stalled:
            self.tick()
            self.go_on()

    def forget(self, names, *, bint cursors):
        """Names that SQL may have redefined (PREPARE, DEALLOCATE, DECLARE, CLOSE); ``*`` is all.

        Security: what stands under them in the backend is no longer what was judged here.
        """
        cdef dict known = self.portals if cursors else self.statements
        cdef bint everything = "*" in names
        cdef set gone = {name.encode() for name in names}
        cdef Expected* entry
        cdef size_t i
        if known is None:
            return   # the protocol never gave one
        for name in list(known):
            if everything or name in gone:
                self._let_go(known.pop(name))
        for i in range(self.replies.count):
            # Nor is it what a Parse or Bind that fails later would go back to.
            entry = self.replies.at(i)
            if entry.previous != NULL and self._names_of(entry) is known:
                if everything or self._name_of(entry) in gone:
                    self._let_go(<object>entry.previous)
                    Py_CLEAR(entry.previous)

    cdef int _let_go(self, object subject) except -1:
        if isinstance(subject, Portal):
            return self.close_portal(<Portal>subject, b"closed", NULL)
        return 0

    def named_in_protocol(self, name, *, bint cursor):
        """True when Parse (or, with ``cursor``, Bind) ever gave that name, so that SQL may find it there."""
        cdef set used = self.used_portals if cursor else self.used_statements
        return used is not None and (b"*" in used or name.encode() in used)

    def end(self, str status="lost"):
        """Write the outcomes that are still owed when the session ends."""
        cdef bytes word = status.encode()
        cdef Expected* entry
        cdef size_t i
        self.tick()
        self.lent = None
        if self.held:
            self.held = False
            if self.attempted:
                withdraw(self)
            self.record_outcome(self.number, self.now_ns, b"withdrawn", NULL, 0, 0, 0)
        for i in range(self.replies.count):
            entry = self.replies.at(i)
            subject = <object>entry.subject
            if isinstance(subject, Portal):
                self.close_portal(<Portal>subject, PyBytes_AS_STRING(word), NULL)
            elif entry.number:
                self.record_outcome(
                    entry.number, entry.started_ns, PyBytes_AS_STRING(word), NULL,
                    self.rows, self.size_bytes, self.masked_values,
                )
                entry.number = 0
        self.end_portals()
        if self.catalog_touched:
            # Whether it was committed will never be known here.
            self.catalog_touched = False
            self.gate.catalog_changed(self)

    @property
    def idle(self):
        """True between transactions with nothing under way: the point where a drain may end it."""
        return (
            self.replies.count == 0
            and self.transaction_status == <unsigned char>b"I"
            and not self.unsynced
            and not self.parked
            and self.frontend_stash.size == 0
        )

    @property
    def outstanding(self):
        """Replies the backend owes."""
        return self.replies.count

    @property
    def held_bytes(self):
        """Bytes kept for incomplete or waiting messages."""
        return self.frontend_stash.size + self.backend_stash.size

    # ------------------------------------------------------------------ without an engine (tests)

    def frontend(self, bytes data not None):
        """Feed client bytes; returns (bytes to the backend, bytes to the client)."""
        self.feed_frontend(<const unsigned char*>PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))
        return self.drain()

    def backend(self, bytes data not None):
        """Feed database bytes; returns (bytes to the backend, bytes to the client)."""
        self.feed_backend(<const unsigned char*>PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))
        return self.drain()

    def drain(self):
        """Take what stands in the sinks: (bytes to the backend, bytes to the client)."""
        cdef tuple taken = (
            PyBytes_FromStringAndSize(<const char*>sink_data(&self.sinks.backend), sink_size(&self.sinks.backend)),
            PyBytes_FromStringAndSize(<const char*>sink_data(&self.sinks.frontend), sink_size(&self.sinks.frontend)),
        )
        self.settle()
        return taken
