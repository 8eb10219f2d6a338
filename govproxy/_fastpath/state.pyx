"""State of one conversation and the few steps both of its halves take.

``frontend`` judges what the client sends, ``backend`` accounts for what the database answers;
both work on this. One function writes the phase (``enter``), one sends a refusal (``refuse``),
one drops a failed pipeline (``drop_to_sync``).
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF
from libc.stdint cimport uint64_t
from posix.time cimport CLOCK_MONOTONIC, clock_gettime, timespec

from govproxy._fastpath.ledger cimport LedgerWriter
from govproxy._fastpath.outbuf cimport outbuf_append, outbuf_byte, outbuf_int32
from govproxy._fastpath.replies cimport Expected, ReplyQueue
from govproxy._fastpath.sinks cimport Sinks, sink_bytes, sink_flush
from govproxy._fastpath.statements cimport Portal, PreparedStatement
from govproxy._fastpath.transitions cimport *
from govproxy._fastpath.verdicts cimport Verdict, VerdictCache

from govproxy.errors import LedgerUnavailable

# Sent in place of a denied message where the backend must notice that something failed: no SQL
# grammar accepts it, so it ends in a syntax error before anything is looked up or run, also in
# an aborted transaction. The error that comes back is swapped for the refusal.
cdef bytes FAILING_TEXT = b"govproxy refused this statement\x00"
FAILING_QUERY = b"Q" + (4 + len(FAILING_TEXT)).to_bytes(4, "big") + FAILING_TEXT
FAILING_PARSE = (
    b"P" + (4 + 1 + len(FAILING_TEXT) + 2).to_bytes(4, "big") + b"\x00" + FAILING_TEXT + b"\x00\x00"
)
cdef bytes SYNC = b"S\x00\x00\x00\x04"
cdef bytes READY_IDLE = b"Z\x00\x00\x00\x05I"


cdef class State:
    """See the attributes in state.pxd, which are its table of contents."""

    def __cinit__(
        self,
        *,
        gate,
        VerdictCache cache not None,
        LedgerWriter ledger not None,
        Sinks sinks not None,
        bytes session_id not None,
        bytes session_fragment not None,
        uint64_t context_id,
        bint clear=False,
        bint folds=False,
        Py_ssize_t max_message_bytes=64 * 1024 * 1024,
        Py_ssize_t max_names=10_000,
    ):
        self.gate = gate
        self.cache = cache
        self.ledger = ledger
        self.sinks = sinks
        self.session_id = session_id
        self.session_fragment = session_fragment
        self.context_id = context_id
        self.clear = clear
        self.folds = folds
        self.max_message_bytes = max_message_bytes
        self.max_names = max_names
        self.phase = PHASE_READY
        self.transaction_status = b"I"
        self.replies = ReplyQueue()
        self.declared = b""

    cdef int enter(self, Phase phase) except -1:
        self.phase = phase
        return 0

    cdef int tick(self) except -1:
        # One clock reading for all messages of a chunk.
        cdef timespec now
        clock_gettime(CLOCK_MONOTONIC, &now)
        self.now_ns = <uint64_t>now.tv_sec * 1_000_000_000 + <uint64_t>now.tv_nsec
        return 0

    # ------------------------------------------------------------------ the ledger

    cdef bint ledger_ready(self) except -1:
        # Record, then send: with a ledger that cannot be written, nothing is sent.
        if self.ledger.healthy:
            return True
        try:
            self.ledger.flush()
        except LedgerUnavailable:
            return False
        return self.ledger.healthy

    cdef uint64_t record(self, Verdict verdict, const unsigned char* text, Py_ssize_t size) except? 0:
        # ``text`` is what the client sent, which may be another than the verdict's own (NULL).
        self.number += 1
        self.ledger.append_statement(
            self.session_id, self.number, self.session_fragment, verdict.recording, text, size
        )
        self.recorded = True
        return self.number

    cdef int record_outcome(
        self,
        uint64_t number,
        uint64_t started_ns,
        const char* status,
        const unsigned char* sqlstate,
        uint64_t rows,
        uint64_t size_bytes,
        uint64_t masked_values,
    ) except -1:
        cdef uint64_t duration_us = (self.now_ns - started_ns) // 1000 if self.now_ns > started_ns else 0
        self.ledger.append_outcome(
            self.session_id, number, status, sqlstate, rows, size_bytes, masked_values, duration_us
        )
        return 0

    cdef int close_portal(self, Portal portal, const char* status, const unsigned char* sqlstate) except -1:
        if portal is None or not portal.open:
            return 0
        portal.open = False
        return self.record_outcome(
            portal.number, portal.started_ns, status, sqlstate, portal.rows, portal.size_bytes, portal.masked_values
        )

    cdef int end_portals(self) except -1:
        # A transaction's portals end with it.
        cdef Portal portal = None
        if self.portals is None:
            return 0
        for known in self.portals.values():
            portal = <Portal>known
            self.close_portal(portal, b"closed", NULL)
        if len(self.portals) == 1:
            del self.portals[portal.name]   # the usual case; ``clear`` would give the table back
        else:
            self.portals.clear()
        return 0

    # ------------------------------------------------------------------ refusing

    cdef int refuse(self, bytes error, bint extended) except -1:
        # ``error`` is a whole ErrorResponse. Where nothing is under way the backend need not know;
        # anywhere else it has to fail too, so that pipeline and transaction end as they must.
        cdef bint here = (
            self.replies.count == 0 and not self.unsynced and self.transaction_status == <unsigned char>b"I"
        )
        cdef Expected* entry
        if here:
            sink_bytes(&self.sinks.frontend, error)
            if extended:
                self.enter(PHASE_SKIPPING_HERE)
            else:
                sink_bytes(&self.sinks.frontend, READY_IDLE)
            return 0
        entry = self.replies.push(REPLY_PARSE_REFUSED if extended else REPLY_QUERY_REFUSED, None)
        Py_INCREF(error)
        entry.refusal = <PyObject*>error
        if extended:
            sink_bytes(&self.sinks.backend, FAILING_PARSE)
            self.unsynced = True
            self.enter(PHASE_SKIPPING)
        else:
            sink_bytes(&self.sinks.backend, FAILING_QUERY)
        return 0

    # ------------------------------------------------------------------ taking back

    cdef int restore(self, size_t index, size_t kept) except -1:
        # Takes back what entry ``index`` changed in the maps, because the backend did not do it.
        # Entries from ``kept`` on stay in the queue; those before it are taken back too, last first.
        cdef Expected* entry = self.replies.at(index)
        cdef dict names
        cdef bytes name
        cdef Portal portal
        cdef size_t i
        cdef Expected* later
        cdef PyObject* swapped
        if entry.kind == REPLY_PARSE:
            names = self.statements
            name = (<PreparedStatement>entry.subject).name
        elif entry.kind == REPLY_BIND:
            names = self.portals
            portal = <Portal>entry.subject
            name = portal.name
            self.close_portal(portal, b"not_executed", NULL)
        elif entry.kind == REPLY_CLOSE and entry.previous != NULL:
            names = self._names_of(entry)
            name = self._name_of(entry)
        elif entry.kind == REPLY_DESCRIBE_STATEMENT or entry.kind == REPLY_DESCRIBE_PORTAL:
            # Nobody will describe it now: whoever runs it asks again.
            subject = <object>entry.subject
            if isinstance(subject, PreparedStatement):
                (<PreparedStatement>subject).describe_asked = (<PreparedStatement>subject).description is not None
            elif isinstance(subject, Portal):
                (<Portal>subject).describe_asked = (<Portal>subject).description is not None
            return 0
        else:
            return 0
        for i in range(kept, self.replies.count):
            # A later pipeline has already put something under that name: what *it* would go back
            # to is now what stood there before this entry.
            later = self.replies.at(i)
            if self._names_of(later) is names and self._name_of(later) == name:
                swapped = later.previous
                later.previous = entry.previous
                entry.previous = swapped
                return 0
        if entry.previous == NULL:
            names.pop(name, None)
        else:
            names[name] = <object>entry.previous
        return 0

    cdef dict _names_of(self, Expected* entry):
        # The map an entry changed, or None.
        if entry.kind == REPLY_PARSE:
            return self.statements
        if entry.kind == REPLY_BIND:
            return self.portals
        if entry.kind == REPLY_CLOSE and entry.previous != NULL:
            return self.portals if isinstance(<object>entry.previous, Portal) else self.statements
        return None

    cdef bytes _name_of(self, Expected* entry):
        cdef object changed = <object>(entry.previous if entry.kind == REPLY_CLOSE else entry.subject)
        if isinstance(changed, Portal):
            return (<Portal>changed).name
        return (<PreparedStatement>changed).name

    cdef int drop_to_sync(self) except -1:
        # After an error the backend reads on to Sync without a word: nothing before it is answered.
        cdef size_t sync = 0
        cdef size_t i, _
        while sync < self.replies.count and self.replies.at(sync).kind != REPLY_SYNC:
            sync += 1
        if sync == self.replies.count:
            self.enter(PHASE_SKIPPING)
        for i in range(sync):
            self.restore(sync - 1 - i, sync)
        for _ in range(sync):
            self.replies.pop()
        self.plan = None
        self.flushed = False
        return 0

    # ------------------------------------------------------------------ asking for the client

    cdef int probe(self, Verdict verdict, bytes messages, bint alone) except -1:
        # Parse, Describe and Close of a statement of the proxy's own, whose replies stay here.
        # ``alone``: not part of a pipeline of the client's, so that it needs a Sync.
        cdef PreparedStatement found = PreparedStatement.__new__(PreparedStatement)
        cdef int _
        found.verdict = verdict
        for _ in range(3):
            self.replies.push(REPLY_PROBE, found).swallow = True
        sink_bytes(&self.sinks.backend, messages)
        if not alone:
            return 0
        self.replies.push(REPLY_SYNC, None).swallow = True
        self.segment += 1
        return sink_bytes(&self.sinks.backend, SYNC)

    # ------------------------------------------------------------------ small questions

    cdef bint expects_copy_in(self) noexcept:
        cdef size_t i
        cdef Expected* entry
        for i in range(self.replies.count):
            entry = self.replies.at(i)
            if entry.kind == REPLY_QUERY and (<Verdict>entry.subject).copies_in:
                return True
            if entry.kind == REPLY_EXECUTE and (<Portal>entry.subject).verdict.copies_in:
                return True
        return False

    cdef int emit_message(self, unsigned char tag, bytes payload) except -1:
        # A rebuilt message to the client.
        sink_flush(&self.sinks.frontend)
        outbuf_byte(&self.sinks.frontend.buf, tag)
        outbuf_int32(&self.sinks.frontend.buf, PyBytes_GET_SIZE(payload) + 4)
        return outbuf_append(&self.sinks.frontend.buf, PyBytes_AS_STRING(payload), PyBytes_GET_SIZE(payload))
