"""What the database answers: matched with what was asked, masked, forwarded.

Everything that comes back is output. Rows pass the mask plan of their statement, messages are
rebuilt where sensitive data was within reach, and whatever is not expected at this point ends
the session: a byte not understood is a byte not sent.
"""

from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF
from libc.stdint cimport uint64_t

from govproxy._fastpath.asking cimport asked_message
from govproxy._fastpath.copyguard cimport CopyReader
from govproxy._fastpath.copyrows cimport COPY_BINARY, CopyMasker
from govproxy._fastpath.cursor cimport Cursor, load_i32, need, read_cstring
from govproxy._fastpath.guard cimport *
from govproxy._fastpath.imposing cimport imposed_message
from govproxy._fastpath.interning cimport interned
from govproxy._fastpath.metering cimport may_leave, spend
from govproxy._fastpath.replies cimport Expected
from govproxy._fastpath.rows cimport MaskPlan, RowCounts
from govproxy._fastpath.outbuf cimport OutBuf, outbuf_byte, outbuf_int32, outbuf_put_int32
from govproxy._fastpath.sinks cimport sink_adopt, sink_bytes, sink_pass
from govproxy._fastpath.state cimport ASIDE_COMMIT, State
from govproxy._fastpath.statements cimport Portal, PreparedStatement, formatted, with_formats
from govproxy._fastpath.transitions cimport *
from govproxy._fastpath.verdicts cimport Verdict

from govproxy.errors import InternalError, LimitExceeded, UpstreamFault

cdef enum:
    HEADER = 5

cdef const unsigned char* DENIED = b"42501"
cdef bytes COPY_FAIL = b"f\x00\x00\x00\x0climited\x00"


cdef Py_ssize_t backend_messages(State state, const unsigned char* data, Py_ssize_t size) except -1:
    cdef Py_ssize_t pos = 0
    cdef Py_ssize_t total, part
    cdef const unsigned char* message
    cdef Expected* head
    cdef unsigned char event
    cdef int length
    while size - pos >= HEADER:
        message = data + pos
        head = state.replies.head()
        event = backend_table[<int>head.kind if head != NULL else <int>REPLY_NONE][message[0]]
        length = load_i32(message + 1)
        if event == EVENT_VIOLATION or length < 4:
            raise UpstreamFault("the database sent something unexpected")
        total = <Py_ssize_t>length + 1
        if event == EVENT_ROW:
            part = _rows(state, head, message, size - pos, total)
            if part == 0:
                break
            pos += part
            continue
        if event == EVENT_COPY_DATA:
            if state.limits is not None and not head.stopped and not (
                size - pos >= total and is_trailer(message, total)
            ):
                if not _may_go(state, head, total):
                    break
            if head.swallow:
                pos += _dropped_row(state, size - pos, total)
                continue
            if state.copier is not None:
                if size - pos < total:
                    if total > state.max_message_bytes:
                        raise LimitExceeded(f"row of {total} bytes; the limit is {state.max_message_bytes} bytes")
                    break
                _copied(state, message, total)
                pos += total
                if state.limits is not None and state.limits.meter is not None:
                    spend(state, 1, total)
                continue
            part = total if total < size - pos else size - pos
            state.backend_skip = total - part
            state.rows += 1
            state.size_bytes += <uint64_t>total
            sink_pass(&state.sinks.frontend, message, part)
            pos += part
            if state.limits is not None and state.limits.meter is not None:
                spend(state, 1, total)
            continue
        if size - pos < total:
            if total > state.max_message_bytes:
                raise LimitExceeded(f"message of {total} bytes; the limit is {state.max_message_bytes} bytes")
            break
        _account(state, event, head, message, total)
        pos += total
    return pos


cdef int _account(
    State state, unsigned char event, Expected* head, const unsigned char* message, Py_ssize_t total
) except -1:
    cdef bint swallow = head != NULL and head.swallow
    if state.held_complete is not None and event <= EVENT_ERROR and event != EVENT_READY:
        give_held(state)
    if event == EVENT_COMPLETE or event == EVENT_EMPTY:
        if _completed(state, head, message, total):
            return 0
    elif event == EVENT_READY:
        return _ready(state, head, message, total, swallow and not head.stopped)
    elif event == EVENT_PARSED or event == EVENT_NO_DATA or event == EVENT_SUSPENDED:
        if event == EVENT_NO_DATA:
            _described(state, head, b"")
        elif event == EVENT_SUSPENDED:
            end_of_rows(state, <Portal>head.subject)
            if head.guarded and guarded_suspended(state, head):
                return 0
            if head.stopped:
                return fail_stopped(state)
        elif event == EVENT_PARSED and head.kind == REPLY_PARSE:
            (<PreparedStatement>head.subject).confirmed = True
        elif event == EVENT_PARSED and head.kind == REPLY_PROBE:
            state.probed = <PreparedStatement>head.subject
        state.replies.pop()
    elif event == EVENT_BOUND or event == EVENT_CLOSED:
        if head.previous != NULL and isinstance(<object>head.previous, Portal):
            state.close_portal(<Portal>head.previous, b"closed", NULL)
        if head.kind == REPLY_BIND:
            (<Portal>head.subject).confirmed = True
        state.replies.pop()
    elif event == EVENT_ROW_DESCRIPTION:
        _row_description(state, head, message, total)
    elif event == EVENT_PARAMETERS:
        if _translates(head):
            bound = (<PreparedStatement>head.subject).bound
            return _rebuilt(state, b"t", bound.without_extras(_payload(message, total)))
    elif event == EVENT_ERROR:
        return _error(state, head, message, total)
    elif event == EVENT_NOTICE and head != NULL and head.kind == REPLY_PROBE:
        return 0   # the statement itself will say it
    elif event == EVENT_NOTICE:
        if not state.clear and state.tainted:
            return _rebuilt(state, b"N", state.gate.rewrite_notice(state, _payload(message, total)))
        if not state.clear:
            return _rebuilt(state, b"N", state.gate.scan_message(state, _payload(message, total)))
        swallow = False
    elif event == EVENT_NOTIFICATION:
        if not state.clear:
            return _rebuilt(state, b"A", state.gate.rewrite_notification(state, _payload(message, total)))
        swallow = False
    elif event == EVENT_PARAMETER_STATUS:
        state.gate.parameter_status(state, _payload(message, total))
        swallow = False
    elif event == EVENT_COPY_IN:
        if head.stopped:
            return sink_bytes(&state.sinks.backend, COPY_FAIL)
        _copy_in(state, head)
    elif event == EVENT_COPY_OUT:
        _copy_out(state, head, message, total)
    elif event == EVENT_COPY_DONE:
        if state.copier is not None:
            state.copier.finish()
            state.copier = None
        head.kind = REPLY_QUERY if head.kind == REPLY_QUERY_COPY_OUT else REPLY_EXECUTE
    elif event == EVENT_FUNCTION_RESULT:
        if not (<Verdict>head.subject).clear:
            raise InternalError("a function result for an identity that is masked")
        if state.limits is not None and state.limits.meter is not None:
            spend(state, 1, total)
    elif event == EVENT_ASIDE_READY:
        return _aside_ready(state, head, message, total)
    elif event == EVENT_ASIDE_ERROR:
        return _aside_error(state, head, message, total)
    elif event == EVENT_ASIDE:
        pass
    elif event >= EVENT_ASKED and head.kind == REPLY_IMPOSED:
        return imposed_message(state, event, head, message, total)
    elif event >= EVENT_ASKED:
        return asked_message(state, event, head, message, total)
    else:
        raise AssertionError(f"backend event {event}")
    if swallow:
        return 0
    return sink_pass(&state.sinks.frontend, message, total)


# ---------------------------------------------------------------------- results


cdef Verdict _verdict_of(Expected* head):
    if head.kind == REPLY_EXECUTE or head.kind == REPLY_EXECUTE_COPY_OUT:
        return (<Portal>head.subject).verdict
    return <Verdict>head.subject


cdef Py_ssize_t _rows(
    State state, Expected* head, const unsigned char* data, Py_ssize_t size, Py_ssize_t first
) except -1:
    # Takes the run of DataRow at the start of data; 0 when not even the first can be judged yet.
    cdef Verdict verdict = _verdict_of(head)
    cdef Py_ssize_t allowed
    if state.limits is not None and not head.stopped:
        allowed = allowed_rows(state, head, data, size)
        if allowed != 0:
            size = allowed
        elif not _may_go(state, head, first):
            return 0
    if head.swallow:
        return _dropped_row(state, size, first)
    if state.limits is not None and state.limits.meter is not None:
        return _metered_rows(state, head, verdict, data, size, first)
    return _allowed_rows(state, head, verdict, data, size, first)


cdef bint _may_go(State state, Expected* head, Py_ssize_t size) except -1:
    # One row of that size. False: it waits until it is known whether it may; stopped rows go, to be dropped.
    if is_over(state, head, size):
        stop(state, head, STOP_NONE)
    elif state.limits.meter is not None and not may_leave(state, size):
        if state.dry:
            return False
        stop(state, head, STOP_WINDOW)
    return True


cdef Py_ssize_t _metered_rows(
    State state, Expected* head, Verdict verdict, const unsigned char* data, Py_ssize_t size, Py_ssize_t first
) except -1:
    cdef uint64_t rows = state.rows
    cdef Py_ssize_t taken = _allowed_rows(state, head, verdict, data, size, first)
    if state.rows != rows:
        spend(state, state.rows - rows, <uint64_t>(taken + state.backend_skip))
    return taken


cdef Py_ssize_t _allowed_rows(
    State state, Expected* head, Verdict verdict, const unsigned char* data, Py_ssize_t size, Py_ssize_t first
) except -1:
    cdef MaskPlan plan
    cdef RowCounts counts
    cdef Py_ssize_t taken
    if verdict.clear:
        return _untouched_rows(state, data, size)
    plan = state.plan
    if plan is None:
        if head.kind != REPLY_EXECUTE:
            raise InternalError("rows without a description")
        plan = state.plan = _portal_plan(state, <Portal>head.subject)
    if plan.passthrough:
        return _untouched_rows(state, data, size)
    if size < first:
        if first > state.max_message_bytes:
            raise LimitExceeded(f"row of {first} bytes; the limit is {state.max_message_bytes} bytes")
        return 0
    counts.rows = 0
    counts.masked_values = 0
    counts.changed = False
    taken = plan.mask_run(data, size, &state.sinks.rows, &counts)
    if taken <= 0:
        raise InternalError("a complete row was not taken")
    if counts.changed:
        state.size_bytes += <uint64_t>state.sinks.rows.size
        sink_adopt(&state.sinks.frontend, &state.sinks.rows)
    else:
        state.size_bytes += <uint64_t>taken
        sink_pass(&state.sinks.frontend, data, taken)
    state.rows += counts.rows
    state.masked_values += counts.masked_values
    return taken


cdef Py_ssize_t _dropped_row(State state, Py_ssize_t size, Py_ssize_t first) noexcept:
    # Rows that come after the client was told that there are no more.
    cdef Py_ssize_t part = first if first < size else size
    state.backend_skip = first - part
    state.backend_skip_drops = state.backend_skip != 0
    return part


cdef Py_ssize_t _untouched_rows(State state, const unsigned char* data, Py_ssize_t size) except -1:
    cdef Py_ssize_t pos = 0
    cdef Py_ssize_t total
    cdef int length
    while size - pos >= HEADER and data[pos] == b"D":
        length = load_i32(data + pos + 1)
        if length < 6:
            raise UpstreamFault("the database sent a row that is too short")
        total = <Py_ssize_t>length + 1
        state.rows += 1
        state.size_bytes += <uint64_t>total
        if total > size - pos:
            state.backend_skip = total - (size - pos)
            pos = size
            break
        pos += total
    sink_pass(&state.sinks.frontend, data, pos)
    return pos


cdef MaskPlan _plan(State state, Verdict verdict, bytes description):
    cdef MaskPlan plan = verdict.plan_for(description)
    if plan is None:
        plan = state.gate.plan(state, verdict, description)
        verdict.remember_plan(description, plan)
    return plan


cdef MaskPlan _portal_plan(State state, Portal portal):
    cdef bytes description = portal.description
    if portal.plan is not None:
        return portal.plan
    if description is None and portal.statement.verdict is portal.verdict:
        description = formatted(portal.statement, portal.formats)
    if description is None:
        raise InternalError("rows of a portal that was never described")
    portal.plan = _plan(state, portal.verdict, description)
    return portal.plan


cdef int _row_description(State state, Expected* head, const unsigned char* message, Py_ssize_t total) except -1:
    cdef Verdict verdict
    if head.kind == REPLY_QUERY:
        verdict = <Verdict>head.subject
        if not verdict.clear:
            state.plan = _plan(state, verdict, interned(message + HEADER, total - HEADER))
        return 0
    _described(state, head, interned(message + HEADER, total - HEADER))
    return state.replies.pop()


cdef int _described(State state, Expected* head, bytes description) except -1:
    cdef object subject = <object>head.subject
    if isinstance(subject, PreparedStatement):
        (<PreparedStatement>subject).description = description
    elif isinstance(subject, Portal):
        (<Portal>subject).description = description
    return 0


cdef int _completed(State state, Expected* head, const unsigned char* message, Py_ssize_t total) except -1:
    cdef Verdict verdict = _verdict_of(head)
    cdef Portal portal
    cdef uint64_t count = 0
    if message[0] == b"C" and state.rows == state.rows_before:   # no rows: the tag has the figure
        count = affected(message + HEADER, total - HEADER)
    if verdict.changes_catalog:
        state.catalog_touched = True
    if head.kind == REPLY_EXECUTE:
        portal = <Portal>head.subject
        state.rows += count
        if head.guarded and guarded_complete(state, head, message, total):
            return 1
        end_of_rows(state, portal)
        if head.stopped:
            return fail_stopped(state) + 1
        state.close_portal(portal, b"ok", NULL)
        state.replies.pop()
    else:
        # Several statements in one Query: their figures add up until ReadyForQuery.
        state.rows += count
        state.rows_before = state.rows
        state.plan = None
        if head.guarded:
            return guarded_complete(state, head, message, total)
    return 0


cdef int _ready(
    State state, Expected* head, const unsigned char* message, Py_ssize_t total, bint swallow
) except -1:
    cdef unsigned char status
    if total != HEADER + 1:
        raise UpstreamFault("the database sent something unexpected")
    status = message[HEADER]
    if status != b"I" and status != b"T" and status != b"E":
        raise UpstreamFault("the database sent something unexpected")
    if head.guarded or head.stopped:
        if guarded_ready(state, head, status):
            state.transaction_status = status
            return 0
    if (head.kind == REPLY_QUERY or head.kind == REPLY_FUNCTION_CALL) and head.number:
        state.record_outcome(
            head.number, head.started_ns, b"ok", NULL, state.rows, state.size_bytes, state.masked_values
        )
    return _settle(state, status, message, total, swallow)


cdef int _settle(
    State state, unsigned char status, const unsigned char* message, Py_ssize_t total, bint swallow
) except -1:
    new_result(state)
    state.transaction_status = status
    if status == b"I" and state.catalog_touched:
        # Committed (or rolled back) only now: before, nobody else could have seen it.
        state.catalog_touched = state.replies.count > 1   # what is under way may be more of it
        state.gate.catalog_changed(state)
    if status == b"I" and not state.unsynced and state.replies.count == 1:
        # Between transactions, with nothing under way: portals are gone, and what was read is past.
        state.tainted = False
        state.rests += 1
        if state.portals:
            state.end_portals()
    state.replies.pop()
    if swallow:
        return 0
    return sink_pass(&state.sinks.frontend, message, total)


# ---------------------------------------------------------------------- statements of the proxy's own


cdef int _aside_ready(State state, Expected* head, const unsigned char* message, Py_ssize_t total) except -1:
    cdef unsigned char status
    if total != HEADER + 1:
        raise UpstreamFault("the database sent something unexpected")
    status = message[HEADER]
    if aside_ready(state, head, status):
        state.transaction_status = status
        return state.replies.pop()
    return _settle(state, status, message, total, False)


cdef int _aside_error(State state, Expected* head, const unsigned char* message, Py_ssize_t total) except -1:
    cdef const unsigned char* sqlstate = _field(message + HEADER, total - HEADER, b"C", 5)
    cdef const unsigned char* severity = _field(message + HEADER, total - HEADER, b"V", 1)
    cdef bint fatal = severity != NULL and severity[0] != b"E"
    head.stopped = True
    if fatal or head.aside == ASIDE_COMMIT:
        # What a COMMIT says is meant for who wrote what is committed.
        state.held_complete = None
        if head.number:
            state.record_outcome(head.number, head.started_ns, b"error", sqlstate, 0, 0, 0)
            head.number = 0
        if state.clear or not state.tainted:
            sink_pass(&state.sinks.frontend, message, total)
        else:
            _rebuilt(state, b"E", state.gate.rewrite_error(state, _payload(message, total), False))
    if fatal:
        state.farewell = True
    return 0


# ---------------------------------------------------------------------- copy


cdef int _copy_in(State state, Expected* head) except -1:
    cdef Verdict verdict = _verdict_of(head)
    if not verdict.copies_in:
        raise InternalError("the database asks for copy data that was not judged")
    state.reader = None if verdict.copy_guard is None else CopyReader(verdict.copy_guard)
    if head.kind == REPLY_EXECUTE:
        # A Sync sent along with the Execute is ignored by the backend while it copies.
        while state.replies.count > 1 and state.replies.last().kind == REPLY_SYNC:
            state.replies.pop_last()
            state.unsynced = True
    if state.replies.count > 1:
        raise LimitExceeded("a COPY FROM STDIN must be the last statement of its pipeline")
    return state.enter(PHASE_COPYING)


cdef int _copy_out(State state, Expected* head, const unsigned char* message, Py_ssize_t total) except -1:
    cdef Verdict verdict = _verdict_of(head)
    cdef PreparedStatement probed = state.probed
    if not verdict.copies_out:
        raise InternalError("the database sends copy data that was not judged")
    if not verdict.clear:
        # Security: what was asked before this very statement, and nothing older.
        state.probed = None
        if verdict.copy is None or probed is None or probed.verdict is not verdict or not probed.description:
            raise UpstreamFault("the database sends copy data that it did not describe")
        _begin_copy(state, verdict, probed.description, message, total)
    head.kind = REPLY_QUERY_COPY_OUT if head.kind == REPLY_QUERY else REPLY_EXECUTE_COPY_OUT
    return 0


cdef int _begin_copy(
    State state, Verdict verdict, bytes description, const unsigned char* message, Py_ssize_t total
) except -1:
    cdef CopyMasker copier
    if verdict.copy.format == COPY_BINARY:
        description = with_formats(description, b"\x00\x01")
    copier = CopyMasker(verdict.copy, _plan(state, verdict, description), state.max_message_bytes)
    copier.check(message + HEADER, total - HEADER)
    if not copier.plan.passthrough:
        state.copier = copier
    return 0


cdef int _copied(State state, const unsigned char* message, Py_ssize_t total) except -1:
    # One CopyData, complete. Leaves as it is, or what may leave of it and of what came before.
    cdef RowCounts counts
    cdef OutBuf* out = &state.sinks.rows
    counts.rows = 0
    counts.masked_values = 0
    counts.changed = False
    out.size = 0
    outbuf_byte(out, b"d")
    outbuf_int32(out, 0)
    if not state.copier.feed(message + HEADER, total - HEADER, out, &counts):
        out.size = 0
        state.size_bytes += <uint64_t>total
        sink_pass(&state.sinks.frontend, message, total)
    elif out.size > HEADER:
        outbuf_put_int32(out, 1, out.size - 1)
        state.size_bytes += <uint64_t>out.size
        sink_adopt(&state.sinks.frontend, out)
    else:
        out.size = 0
    state.rows += counts.rows
    state.masked_values += counts.masked_values
    return 0


# ---------------------------------------------------------------------- errors


cdef bint _translates(Expected* head):
    # True for a prepared statement that went to the backend with parameters of the proxy's own.
    cdef object subject = <object>head.subject if head != NULL else None
    return isinstance(subject, PreparedStatement) and (<PreparedStatement>subject).bound is not None


cdef Verdict _translated(Expected* head):
    # The verdict on what failed, where it went to the backend with another text than the client's.
    cdef object subject = <object>head.subject if head != NULL and head.refusal == NULL else None
    if isinstance(subject, Portal) and (<Portal>subject).statement.sent is not None:
        return (<Portal>subject).verdict
    if isinstance(subject, PreparedStatement) and (<PreparedStatement>subject).sent is not None:
        return (<PreparedStatement>subject).verdict
    if isinstance(subject, Verdict) and (<Verdict>subject).forward is not None:
        return <Verdict>subject
    return None


cdef int _error(State state, Expected* head, const unsigned char* message, Py_ssize_t total) except -1:
    cdef const unsigned char* sqlstate = _field(message + HEADER, total - HEADER, b"C", 5)
    cdef const unsigned char* severity = _field(message + HEADER, total - HEADER, b"V", 1)
    cdef bint fatal = severity != NULL and severity[0] != b"E"
    cdef Reply kind = head.kind if head != NULL else REPLY_NONE
    cdef Portal portal
    if kind == REPLY_PROBE and not fatal:
        _probe_failed(state, message, total)
        head = state.replies.head()
        kind = head.kind if head != NULL else REPLY_NONE
        if kind == REPLY_SYNC:
            return 0
    elif head != NULL and head.swallow and not fatal and not _asked_for_execute(state, head):
        pass   # the client has been told, or never asked
    elif head != NULL and head.refusal != NULL and not fatal:
        sink_bytes(&state.sinks.frontend, <bytes>head.refusal)
        if state.reader is not None:
            sqlstate = DENIED   # the COPY that failed because the proxy had it fail
    elif _translated(head) is not None:
        _rebuilt(state, b"E", state.gate.rewrite_translated_error(state, _translated(head), _payload(message, total)))
    elif state.clear:
        sink_pass(&state.sinks.frontend, message, total)
    elif not state.tainted and kind != REPLY_NONE:
        _rebuilt(state, b"E", state.gate.scan_message(state, _payload(message, total)))
    else:
        _rebuilt(state, b"E", state.gate.rewrite_error(state, _payload(message, total), kind == REPLY_PARSE))
    if fatal:
        state.farewell = True
    if fatal or head == NULL:
        return 0
    if head.guarded and kind == REPLY_EXECUTE:
        guard_ended(state)
    if kind == REPLY_BIND or kind == REPLY_EXECUTE or kind == REPLY_EXECUTE_COPY_OUT or _asked_for_execute(state, head):
        portal = <Portal>head.subject
        if kind != REPLY_BIND:
            end_of_rows(state, portal)
        state.close_portal(portal, b"error", sqlstate)
    elif (kind == REPLY_QUERY or kind == REPLY_QUERY_COPY_OUT or kind == REPLY_FUNCTION_CALL) and head.number:
        state.record_outcome(
            head.number, head.started_ns, b"error", sqlstate, state.rows, state.size_bytes, state.masked_values
        )
        head.number = 0
    state.reader = None
    if state.phase == PHASE_COPYING:
        state.enter(PHASE_READY)
    if kind == REPLY_QUERY or kind == REPLY_QUERY_COPY_OUT:
        head.kind = REPLY_QUERY
    elif kind == REPLY_QUERY_REFUSED or kind == REPLY_FUNCTION_CALL or kind == REPLY_SYNC:
        pass   # ReadyForQuery follows by itself
    else:
        state.drop_to_sync()
    return 0


cdef bint _asked_for_execute(State state, Expected* head) noexcept:
    # A Describe of the proxy's own before an Execute that the client waits for: what is wrong with the portal is
    # all that this Execute will hear, because the backend skips it.
    return (
        head.kind == REPLY_DESCRIBE_PORTAL
        and head.swallow
        and state.replies.count > 1
        and not state.replies.at(1).swallow
    )


cdef int _probe_failed(State state, const unsigned char* message, Py_ssize_t total) except -1:
    # Whatever is wrong with the query is wrong with the statement around it. Before a simple Query
    # that will find it out itself, but in a transaction block it will only hear that the block has
    # failed: then the client reads this error in its place.
    cdef Expected* query
    cdef bytes error
    state.probed = None
    while state.replies.count and state.replies.head().kind == REPLY_PROBE:
        state.replies.pop()
    error = state.gate.probe_error(state, _payload(message, total), state.tainted and not state.clear)
    if state.replies.count == 0 or state.replies.head().kind != REPLY_SYNC:
        sink_bytes(&state.sinks.frontend, error)
    elif state.transaction_status == b"T":
        query = state.replies.at(1)
        Py_INCREF(error)
        query.refusal = <PyObject*>error
    return 0


cdef const unsigned char* _field(
    const unsigned char* fields, Py_ssize_t size, unsigned char wanted, Py_ssize_t least
) except? NULL:
    # The value of one field of an ErrorResponse, or NULL when it is absent or too short.
    cdef Cursor cur
    cdef const unsigned char* value
    cdef unsigned char code
    cur.pos = fields
    cur.end = fields + size
    while True:
        need(&cur, 1)
        code = cur.pos[0]
        cur.pos += 1
        if code == 0:
            return NULL
        value = cur.pos
        if read_cstring(&cur) >= least and code == wanted:
            return value


cdef int _rebuilt(State state, unsigned char tag, bytes payload) except -1:
    if payload is None:
        return 0
    return state.emit_message(tag, payload)


cdef bytes _payload(const unsigned char* message, Py_ssize_t total):
    return PyBytes_FromStringAndSize(<const char*>message + HEADER, total - HEADER)
