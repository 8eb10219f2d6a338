# The state of one conversation, shared by its two halves. See state.pyx.

from libc.stdint cimport uint64_t

from govproxy._fastpath.copyguard cimport CopyReader
from govproxy._fastpath.copyrows cimport CopyMasker
from govproxy._fastpath.flags cimport flag
from govproxy._fastpath.ledger cimport LedgerWriter
from govproxy._fastpath.limits cimport Limits, Quota
from govproxy._fastpath.replies cimport Expected, ReplyQueue
from govproxy._fastpath.rows cimport MaskPlan
from govproxy._fastpath.sinks cimport Sinks
from govproxy._fastpath.statements cimport Portal, PreparedStatement
from govproxy._fastpath.transitions cimport Phase
from govproxy._fastpath.verdicts cimport Verdict, VerdictCache

cdef enum Guard:
    # A statement that may change too much, from the first look at it to its end (guard.pyx).
    GUARD_NONE = 0
    GUARD_OPENING    # the proxy's own BEGIN is on its way
    GUARD_OPEN       # the statement may go now
    GUARD_RUNNING    # its count is not known yet
    GUARD_CLOSING    # the proxy's own COMMIT or ROLLBACK is on its way

cdef enum Hold:
    # Why the client's next message waits, as bits.
    HOLD_GUARD = 1
    HOLD_CANCEL = 2  # until a CancelRequest has been delivered: it must not hit the next statement
    HOLD_QUOTA = 4   # until it is known how much is left of a window
    HOLD_SETTINGS = 16  # until what a changed policy imposes is set
    HOLD_ROWS = 8    # until the rows that are coming have ended: a CancelRequest of ours must hit nothing else

cdef enum Aside:
    # What a statement of the proxy's own is for.
    ASIDE_BEGIN = 1
    ASIDE_COMMIT
    ASIDE_ROLLBACK

cdef bytes FAILING_QUERY
cdef bytes FAILING_PARSE

cdef class State:
    # Collaborators
    cdef object gate
    cdef VerdictCache cache
    cdef LedgerWriter ledger
    cdef Sinks sinks
    # Who and under what
    cdef readonly bytes session_id
    cdef bytes session_fragment
    cdef public uint64_t context_id
    cdef readonly Py_ssize_t max_message_bytes
    cdef readonly Py_ssize_t max_names
    # Where the protocol stands. What is small stands side by side: a session has many of them, and waits for long.
    cdef readonly Phase phase
    cdef Guard guard
    cdef readonly int hold                # bits of Hold
    cdef int imposing                     # how far ``imposition`` is, see imposing.pyx
    cdef int attempts
    cdef readonly unsigned char transaction_status   # what the last ReadyForQuery said
    cdef readonly flag unsynced           # extended messages went out since the last Sync
    cdef flag farewell                    # the database has ended the session itself, with a FATAL
    cdef readonly flag catalog_touched    # DDL ran in this transaction
    cdef readonly flag tainted            # sensitive data was within reach in this transaction
    cdef public flag folds                # texts may be folded: UTF-8 in, standard strings
    cdef readonly flag clear              # this identity sees everything untouched
    cdef readonly flag parked             # a message waits for its verdict
    cdef readonly flag stalled            # or for replies to make room
    cdef readonly flag held               # it is held, and the last statement of the ledger is it
    cdef readonly flag dry                # rows wait until it is known how much is left of a window
    cdef readonly flag recorded           # something must be flushed before the backend sink is sent
    cdef flag imposed                     # in force in this transaction, for the next statement
    cdef flag counted                     # the message being looked at has been taken off the quota
    cdef flag wrapped                     # in a transaction that the proxy began
    cdef flag flushed                     # a Flush went out for what a guarded Execute waits for
    cdef flag frontend_skip_drops
    cdef flag backend_skip_drops
    cdef readonly uint64_t rests          # times that no transaction was open and nothing under way
    cdef ReplyQueue replies
    cdef dict statements, portals         # by name; None until one is made
    cdef uint64_t segment                 # Syncs sent so far: an error skips to the end of its segment
    cdef set used_statements, used_portals  # names that the protocol ever gave (frontend.pyx, _used); None = none yet
    # A message waiting for its verdict
    cdef Verdict pending
    cdef object inquiry                   # what the gate asks the database meanwhile (asking.pyx), or None
    cdef object lent                      # who has the database's connection meanwhile (lending.pyx), or None
    cdef Py_ssize_t attempted             # bytes of waiting messages that were forwarded on trial
    cdef readonly bytes binding           # of the Bind that is judged, its payload; b"" of a Parse, else None
    cdef readonly bytes declared          # of the Parse it judges: the types of parameters, four bytes each
    cdef uint64_t ran_in                  # one more than the segment in which something was executed last
    # Limits: None and 0 for a session without any
    cdef readonly Limits limits
    cdef object bounds                    # session.bounds: whom the data plane asks and tells about them
    cdef readonly Quota quota
    cdef object imposition                # session.imposing: what a changed policy imposes, until it is in force
    cdef bytes held_complete              # a CommandComplete that may still turn out untrue
    # Rest of a message that streams through
    cdef Py_ssize_t frontend_skip, backend_skip
    # The result that is coming in
    cdef MaskPlan plan
    cdef PreparedStatement probed         # what the last probe found out, until it is used
    cdef CopyReader reader                # of the COPY that is under way, where its rows are looked at
    cdef CopyMasker copier                # of the COPY that streams, where its rows are masked
    cdef uint64_t rows, rows_before, size_bytes, masked_values
    # The ledger
    cdef readonly uint64_t number         # statements so far
    cdef uint64_t now_ns

    cdef int enter(self, Phase phase) except -1
    cdef int tick(self) except -1
    cdef bint ledger_ready(self) except -1
    cdef uint64_t record(self, Verdict verdict, const unsigned char* text, Py_ssize_t size) except? 0
    cdef int record_outcome(self, uint64_t number, uint64_t started_ns, const char* status,
                            const unsigned char* sqlstate, uint64_t rows, uint64_t size_bytes,
                            uint64_t masked_values) except -1
    cdef int close_portal(self, Portal portal, const char* status, const unsigned char* sqlstate) except -1
    cdef int end_portals(self) except -1
    cdef int refuse(self, bytes error, bint extended) except -1
    cdef int restore(self, size_t index, size_t kept) except -1
    cdef dict _names_of(self, Expected* entry)
    cdef bytes _name_of(self, Expected* entry)
    cdef int drop_to_sync(self) except -1
    cdef int probe(self, Verdict verdict, bytes messages, bint alone) except -1
    cdef bint expects_copy_in(self) noexcept
    cdef int emit_message(self, unsigned char tag, bytes payload) except -1
