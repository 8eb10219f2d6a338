"""What limits do while a statement runs: its rows stop, its changes are taken back.

A statement that returned too much is answered with an error at once; the rest of its rows stays
here while a CancelRequest is on its way. A statement that may change too much runs so that the
proxy has the last word (ADR 10): a simple Query inside a transaction of the proxy's own, an Execute
with nothing forwarded behind it until its count is known. Statements of the proxy's own are
``REPLY_ASIDE`` entries, which the client never hears of.

Nothing is forwarded behind rows that may be stopped before they have ended, nor while a CancelRequest of the
proxy's own is on its way: it can hit the statement it is meant for and no other (ADR 24).

Security: what exceeds a limit is undone before the client may say anything else, and where that
cannot be made sure the session ends, and with it the transaction.
"""

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport INT64_MAX, int64_t, uint64_t

from govproxy._fastpath.cursor cimport load_i32
from govproxy._fastpath.imposing cimport imposes_first
from govproxy._fastpath.limits cimport Limits, Quota
from govproxy._fastpath.metering cimport bytes_left, rows_left
from govproxy._fastpath.replies cimport Expected
from govproxy._fastpath.sinks cimport FLUSH, sink_bytes
from govproxy._fastpath.state cimport *
from govproxy._fastpath.statements cimport Portal
from govproxy._fastpath.transitions cimport *
from govproxy._fastpath.verdicts cimport Verdict

from govproxy.errors import UpstreamFault

cdef enum:
    HEADER = 5
    MAX_ATTEMPTS = 3

cdef const unsigned char* LIMITED = b"53400"


# ---------------------------------------------------------------------- before it is forwarded


cdef int guard_query(State state, Verdict verdict) except -1:
    # A Query that may change something: first a transaction that the proxy can still roll back.
    if state.guard == GUARD_OPEN:
        return _run(state)
    if state.limits is None or not state.limits.undoes or not verdict.writes:
        return 1
    if state.transaction_status == <unsigned char>b"E":
        return 1   # nothing runs in there
    if state.unsynced:
        return 2   # the transaction that is under way ends at a point the proxy does not see
    if state.replies.count:
        return _wait(state, verdict)
    if state.transaction_status == <unsigned char>b"T":
        return _run(state)
    # Security: not sent along with the statement, because a BEGIN can fail (a CancelRequest that
    # comes late) and the statement would then run outside of it.
    begin_aside(state, ASIDE_BEGIN, b"BEGIN")
    state.guard = GUARD_OPENING
    state.hold |= HOLD_GUARD
    return _wait(state, verdict)


cdef int count_statement(State state, Verdict verdict) except -1:
    # One statement of those that are left this minute, once for each message that asks for it.
    cdef Quota quota = state.quota
    if state.counted:
        return 1
    if quota.left > 0 and state.now_ns < quota.until_ns:
        quota.left -= 1
        state.counted = True
        return 1
    if state.now_ns < quota.refused_until_ns:
        return 2
    state.hold |= HOLD_QUOTA
    state.stalled = True
    state.pending = verdict
    state.bounds.draw()
    return 0


cdef bint held_back(State state, unsigned char act) except -1:
    if state.hold & HOLD_ROWS and act != ACT_SYNC and act != ACT_FLUSH:
        if state.unsynced and not state.flushed:
            state.flushed = True   # else the database would keep what is waited for
            sink_bytes(&state.sinks.backend, FLUSH)
        return True
    if state.hold & (HOLD_GUARD | HOLD_CANCEL | HOLD_QUOTA):
        return True
    return (state.hold & HOLD_SETTINGS) != 0 and imposes_first(state, act)


cdef int alone_with_rows(State state) except -1:
    # PostgreSQL has signalled its backend when it closes the connection of a CancelRequest, and a backend forgets
    # a signal that comes between two messages. What is not with it yet cannot be hit.
    state.replies.last().stoppable = True
    state.hold |= HOLD_ROWS
    state.flushed = False
    return 0


cdef int release_rows(State state) except -1:
    cdef size_t i
    for i in range(state.replies.count):
        if state.replies.at(i).stoppable:
            return 0
    state.hold &= ~HOLD_ROWS
    state.flushed = False
    return 0


cdef int guard_execute(State state, Portal portal) except -1:
    # An Execute that may change something: nothing goes behind it until its count is known, so that
    # the implicit transaction, or the client's own, can still be made to fail.
    if state.limits is None or not state.limits.undoes or not portal.verdict.writes:
        return 1
    if state.transaction_status == <unsigned char>b"E":
        return 1
    if state.replies.count:
        if not state.flushed:
            state.flushed = True
            sink_bytes(&state.sinks.backend, FLUSH)
        state.stalled = True
        return 0
    state.flushed = False
    return _run(state)


cdef int _run(State state) except -1:
    state.guard = GUARD_RUNNING
    state.hold |= HOLD_GUARD
    return 1


cdef int _wait(State state, Verdict verdict) except -1:
    state.stalled = True
    state.pending = verdict   # it is not asked for twice
    return 0


cdef int _free(State state) except -1:
    state.guard = GUARD_NONE
    state.wrapped = False
    state.hold &= ~HOLD_GUARD
    return 0


cdef int guard_ended(State state) except -1:
    # The guarded Execute has failed by itself.
    return _free(state)


cdef int begin_aside(State state, int purpose, bytes query) except -1:
    # A simple Query of the proxy's own.
    cdef Expected* entry = state.replies.push(REPLY_ASIDE, None)
    entry.aside = purpose
    entry.swallow = True
    sink_bytes(&state.sinks.backend, b"Q" + (4 + len(query) + 1).to_bytes(4, "big") + query + b"\x00")
    return 0


# ---------------------------------------------------------------------- rows


cdef Py_ssize_t allowed_rows(State state, Expected* head, const unsigned char* data, Py_ssize_t size) noexcept:
    # How much of the run of DataRow at the start of data may still leave; 0 = not even its first.
    cdef uint64_t rows = state.rows - state.rows_before
    cdef uint64_t sent = state.size_bytes
    cdef Py_ssize_t pos = 0
    cdef Py_ssize_t total
    cdef Limits limits = state.limits
    cdef int64_t left_rows = INT64_MAX
    cdef int64_t left_bytes = INT64_MAX
    if limits.meter is not None:
        left_rows = rows_left(limits.meter, state.now_ns)
        left_bytes = bytes_left(limits.meter, state.now_ns)
    if head.kind == REPLY_EXECUTE:
        rows += (<Portal>head.subject).rows
        sent += (<Portal>head.subject).size_bytes
    while size - pos >= HEADER and data[pos] == b"D":
        total = <Py_ssize_t>load_i32(data + pos + 1) + 1
        rows += 1
        sent += <uint64_t>total
        if (limits.rows and rows > limits.rows) or (limits.size_bytes and sent > limits.size_bytes):
            return pos
        left_rows -= 1
        left_bytes -= total
        if left_rows < 0 or left_bytes < 0:
            return pos
        if total > size - pos:
            break
        pos += total
    return size


cdef bint is_over(State state, Expected* head, Py_ssize_t size) noexcept:
    # Whether one row more of that size is more than a statement may return.
    cdef uint64_t sent = state.size_bytes
    if head.kind == REPLY_EXECUTE:
        sent += (<Portal>head.subject).size_bytes
    return (state.limits.rows != 0 and _rows_of(state, head) + 1 > state.limits.rows) or (
        state.limits.size_bytes != 0 and sent + <uint64_t>size > state.limits.size_bytes
    )


cdef bint is_trailer(const unsigned char* message, Py_ssize_t size) noexcept:
    # COPY's binary format ends in a CopyData that is no row.
    return size == HEADER + 2 and message[HEADER] == 0xFF and message[HEADER + 1] == 0xFF


cdef int stop(State state, Expected* head, Stop reason) except -1:
    # The client hears that it is over; what else this statement says stays here.
    if reason == STOP_NONE:
        reason = STOP_BYTES
        if state.limits.rows and _rows_of(state, head) + 1 > state.limits.rows:
            reason = STOP_ROWS
    _tell(state, head, reason)
    state.hold |= HOLD_CANCEL
    state.bounds.cancel()
    return 0


cdef uint64_t _rows_of(State state, Expected* head) noexcept:
    cdef uint64_t rows = state.rows - state.rows_before
    if head.kind == REPLY_EXECUTE:
        rows += (<Portal>head.subject).rows
    return rows


cdef int _tell(State state, Expected* head, Stop reason) except -1:
    cdef Portal portal
    state.held_complete = None
    sink_bytes(&state.sinks.frontend, state.bounds.limit_reached(reason, head.number))
    if head.kind == REPLY_EXECUTE or head.kind == REPLY_EXECUTE_COPY_OUT:
        portal = <Portal>head.subject
        end_of_rows(state, portal)
        state.close_portal(portal, b"limited", LIMITED)
    elif head.number:
        state.record_outcome(
            head.number, head.started_ns, b"limited", LIMITED, state.rows, state.size_bytes, state.masked_values
        )
        head.number = 0
    head.stopped = head.swallow = True
    return 0


# ---------------------------------------------------------------------- changes


cdef int guarded_complete(State state, Expected* head, const unsigned char* message, Py_ssize_t total) except -1:
    # CommandComplete (or EmptyQueryResponse) of a guarded statement. 1: it does not leave now.
    cdef uint64_t changed = 0
    if message[0] == b"C" and _counts(message + HEADER, total - HEADER):
        changed = affected(message + HEADER, total - HEADER)
    if not head.stopped and state.limits.changed and changed > state.limits.changed:
        _tell(state, head, STOP_CHANGED)
    if head.kind == REPLY_EXECUTE:
        _free(state)
        if head.stopped:
            _fail_behind(state)
            return 1
        return 0
    if not head.stopped:
        # Not before the COMMIT has succeeded: a deferred constraint may still refuse.
        give_held(state)
        state.held_complete = PyBytes_FromStringAndSize(<const char*>message, total)
    return 1


cdef int guarded_suspended(State state, Expected* head) except -1:
    # Part of RETURNING was fetched: the database tells no count. 1: it does not leave.
    if not head.stopped and state.limits.changed:
        _tell(state, head, STOP_UNCOUNTED)
    _free(state)
    if head.stopped:
        _fail_behind(state)
        return 1
    return 0


cdef int _fail_behind(State state) except -1:
    # The database must notice that something failed, so that its transaction ends as the client believes.
    # The head is answered; its entry goes.
    cdef size_t sync = 1
    cdef size_t i
    while sync < state.replies.count and state.replies.at(sync).kind != REPLY_SYNC:
        sync += 1
    if sync < state.replies.count:
        # Too late: the rest of the pipeline is with the database, Sync and all. Its replies stay here.
        for i in range(1, sync):
            state.replies.at(i).swallow = True
        state.replies.at(sync).stopped = True
        return state.replies.pop()
    state.replies.pop()
    for i in range(state.replies.count):
        state.replies.at(i).swallow = True
    state.replies.push(REPLY_PARSE_REFUSED, None).swallow = True
    sink_bytes(&state.sinks.backend, FAILING_PARSE)
    state.unsynced = True
    return state.enter(PHASE_SKIPPING)


cdef int fail_stopped(State state) except -1:
    # An Execute whose rows were stopped has come to its end before the CancelRequest did.
    return _fail_behind(state)


cdef int guarded_ready(State state, Expected* head, unsigned char status) except -1:
    # ReadyForQuery of a guarded Query, or of one that was stopped. 1: it does not leave.
    cdef uint64_t number = head.number
    cdef uint64_t started_ns = head.started_ns
    cdef bint stopped = head.stopped
    cdef bint last = state.replies.count == 1
    cdef Expected* failing
    if head.guarded and not state.wrapped:
        _free(state)
    if not head.guarded or not state.wrapped:
        if stopped and status == <unsigned char>b"T" and last:
            state.replies.pop()
            failing = state.replies.push(REPLY_QUERY_REFUSED, None)
            failing.swallow = failing.stopped = True
            sink_bytes(&state.sinks.backend, FAILING_QUERY)
            new_result(state)
            return 1
        if head.guarded and stopped and status == <unsigned char>b"I":
            raise UpstreamFault("a change that exceeds a limit can no longer be taken back")
        give_held(state)
        return 0
    if status == <unsigned char>b"I":
        raise UpstreamFault("the transaction around a limited statement has ended in it")
    state.replies.pop()
    state.guard = GUARD_CLOSING
    if stopped or status == <unsigned char>b"E":
        give_held(state)
        new_result(state)
        return begin_aside(state, ASIDE_ROLLBACK, b"ROLLBACK") + 1
    begin_aside(state, ASIDE_COMMIT, b"COMMIT")
    state.replies.last().number = number
    state.replies.last().started_ns = started_ns
    return 1


cdef int give_held(State state) except -1:
    # What was kept until it is known to be true.
    if state.held_complete is not None:
        sink_bytes(&state.sinks.frontend, state.held_complete)
        state.held_complete = None
    return 0


cdef int aside_ready(State state, Expected* head, unsigned char status) except -1:
    # ReadyForQuery of a statement of ours. 1: it does not leave.
    cdef int purpose = head.aside
    cdef bint failed = head.stopped
    if purpose == ASIDE_BEGIN:
        state.hold &= ~HOLD_GUARD
        if not failed and status == <unsigned char>b"T":
            state.attempts = 0
            state.wrapped = True
            state.guard = GUARD_OPEN
            return 1
        state.guard = GUARD_NONE
        state.attempts += 1
        if state.attempts >= MAX_ATTEMPTS:
            raise UpstreamFault("a transaction cannot be begun")
        return 1
    if purpose == ASIDE_ROLLBACK and status != <unsigned char>b"I" and state.attempts < MAX_ATTEMPTS:
        state.attempts += 1   # hit by the CancelRequest that stopped the statement
        return begin_aside(state, ASIDE_ROLLBACK, b"ROLLBACK") + 1
    if purpose == ASIDE_COMMIT or purpose == ASIDE_ROLLBACK:
        if status != <unsigned char>b"I":
            raise UpstreamFault("a transaction cannot be ended")
        if purpose == ASIDE_COMMIT and not failed:
            state.record_outcome(
                head.number, head.started_ns, b"ok", NULL, state.rows, state.size_bytes, state.masked_values
            )
        give_held(state)
        _free(state)
        return 0
    raise AssertionError(f"a statement of the proxy's own for {purpose}")


# ---------------------------------------------------------------------- figures


cdef int end_of_rows(State state, Portal portal) except -1:
    portal.rows += state.rows
    portal.size_bytes += state.size_bytes
    portal.masked_values += state.masked_values
    return new_result(state)


cdef int new_result(State state) except -1:
    state.plan = None
    state.copier = None
    state.rows = 0
    state.rows_before = 0
    state.size_bytes = 0
    state.masked_values = 0
    return 0


cdef bint _counts(const unsigned char* tag, Py_ssize_t size) noexcept:
    # INSERT, UPDATE, DELETE, MERGE and COPY have changed as many rows as their tag says.
    if size < 3:
        return False
    return (
        tag[0] == b"I"
        or tag[0] == b"U"
        or (tag[0] == b"D" and tag[1] == b"E")
        or (tag[0] == b"M" and tag[1] == b"E")
        or (tag[0] == b"C" and tag[1] == b"O")
    )


cdef uint64_t affected(const unsigned char* tag, Py_ssize_t size) noexcept:
    # The count at the end of a command tag ("UPDATE 3"), 0 where there is none ("BEGIN").
    cdef uint64_t value = 0
    cdef uint64_t unit = 1
    cdef Py_ssize_t i = size - 2   # before the NUL
    while i >= 0 and 48 <= tag[i] <= 57 and unit < 10_000_000_000_000_000:   # '0' to '9'
        value += <uint64_t>(tag[i] - 48) * unit
        unit *= 10
        i -= 1
    return value if i >= 0 and tag[i] == 32 else 0   # behind a space
