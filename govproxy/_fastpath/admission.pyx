"""Whether a statement goes to the database: its verdict, its line in the ledger, its limits, whoever has to approve it.

The same for Query, Bind and function calls, before any of their bytes leave.

Security: the order is the promise. What is refused is in the ledger before the client reads it; what runs is
in the ledger before it is forwarded; a ledger that cannot be written refuses everything.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint64_t
from libc.string cimport memcmp

from govproxy._fastpath.guard cimport LIMITED, Stop
from govproxy._fastpath.sinks cimport FLUSH, sink_bytes
from govproxy._fastpath.state cimport State
from govproxy._fastpath.verdicts cimport Verdict

from govproxy.errors import LedgerUnavailable


cdef Verdict verdict_on(
    State state,
    const unsigned char* text,
    Py_ssize_t size,
    const unsigned char* declared,
    Py_ssize_t types,
    bytes binding,
):
    cdef Verdict verdict = state.pending
    if verdict is not None:
        state.pending = None
        # Security: the message that waited for it may have been dropped in the meantime, because
        # something before it failed. A verdict is on its own text and on no other.
        if is_text(verdict.text, text, size):
            return verdict
    verdict = state.cache.lookup(state.context_id, text, size, state.folds)
    if verdict is None:
        state.binding = binding
        state.declared = PyBytes_FromStringAndSize(<const char*>declared, 4 * types)
        verdict = state.gate.judge(state, PyBytes_FromStringAndSize(<const char*>text, size))
        if verdict is None:
            state.parked = True
    return verdict


cdef int forwarding(State state, Verdict verdict, bint runs_now) except -1:
    if verdict.tainted:
        state.tainted = True
    if runs_now and verdict.changes_catalog:
        # Though it may fail: whoever heard that it began must hear that it is over.
        state.catalog_touched = True
    if runs_now and verdict.changes_session:
        state.gate.session_changed(state, verdict)
    return 0


cdef bint is_text(bytes known, const unsigned char* text, Py_ssize_t size) noexcept:
    return PyBytes_GET_SIZE(known) == size and memcmp(PyBytes_AS_STRING(known), text, <size_t>size) == 0


# ---------------------------------------------------------------------- the ledger


cdef uint64_t record_statement(State state, Verdict verdict, const unsigned char* text, Py_ssize_t size) except? 0:
    if state.held:
        state.held = False
        if verdict.decided:
            state.recorded = True   # what was decided is written before it is done
            return state.number
        # It was judged anew, and otherwise.
        state.record_outcome(state.number, state.now_ns, b"withdrawn", NULL, 0, 0, 0)
    return state.record(verdict, text, size)


cdef int _record_end(State state, tuple ending) except -1:
    # How a held statement ended that did not run: a word, and the SQLSTATE its client gets.
    cdef bytes status = ending[0]
    cdef bytes sqlstate = ending[1]
    return state.record_outcome(
        state.number, state.now_ns, PyBytes_AS_STRING(status), <const unsigned char*>PyBytes_AS_STRING(sqlstate),
        0, 0, 0,
    )


# ---------------------------------------------------------------------- refusing


cdef int refuse_verdict(
    State state, Verdict verdict, bint extended, const unsigned char* text, Py_ssize_t size
) except -1:
    # The denial is in the ledger before the client reads it.
    cdef bint can_record = state.ledger_ready()
    if not can_record:
        return refuse_unrecorded(state, extended)
    if state.quota is not None and not state.counted:
        state.quota.left -= 1   # asking counts, too
    state.counted = False
    record_statement(state, verdict, text, size)
    if verdict.decided:
        _record_end(state, state.gate.ending(state, verdict))
    else:
        state.record_outcome(state.number, state.now_ns, b"denied", NULL, 0, 0, 0)
    return state.refuse(state.gate.refusal(state, verdict, state.number), extended)


cdef int refuse_unrecorded(State state, bint extended) except -1:
    return state.refuse(
        state.gate.error(LedgerUnavailable("the ledger cannot be written, so nothing may run")), extended
    )


cdef int refuse_limited(
    State state, Verdict verdict, bint extended, const unsigned char* text, Py_ssize_t size, Stop reason
) except -1:
    # Nothing is left of this minute's statements, or of a window over what is returned.
    record_statement(state, verdict, text, size)
    state.record_outcome(state.number, state.now_ns, b"limited", LIMITED, 0, 0, 0)
    state.counted = False
    return state.refuse(state.bounds.limit_reached(reason, state.number), extended)


# ---------------------------------------------------------------------- limits and approvals


cdef bint is_metered(State state, Verdict verdict) noexcept:
    return state.limits is not None and state.limits.meter is not None and (verdict.returns_rows or verdict.copies_out)


cdef bint is_stoppable(State state, Verdict verdict) noexcept:
    return state.limits is not None and state.limits.stops and (verdict.returns_rows or verdict.copies_out)


cdef Verdict hold_statement(
    State state, Verdict verdict, const unsigned char* text, Py_ssize_t size, bytes bound, bytes types
):
    if state.replies.count:
        # What went before comes first: it may fail, and then nobody need be asked.
        if state.unsynced and not state.flushed:
            state.flushed = True
            sink_bytes(&state.sinks.backend, FLUSH)
        state.stalled = True
        state.pending = verdict
        return None
    state.flushed = False
    if not state.held:
        state.record(verdict, text, size)
        state.held = True
    verdict = state.gate.hold(
        state, verdict, PyBytes_FromStringAndSize(<const char*>text, size), bound, types,
        state.transaction_status != <unsigned char>b"I" or state.ran_in == state.segment + 1,
    )
    if verdict is None:
        state.parked = True
    return verdict
