"""What the client says: framed, and handed to whoever reads that kind of message; Query, COPY and function calls.

Nothing leaves for the backend from here that was not judged (admission.pyx): Query and Parse carry texts
that get a verdict, Bind and Execute run only what has one (extended.pyx), everything else is protocol
plumbing. A message that is not understood is not sent.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF

from govproxy._fastpath.admission cimport (
    forwarding,
    hold_statement,
    is_metered,
    is_stoppable,
    record_statement,
    refuse_limited,
    refuse_unrecorded,
    refuse_verdict,
    verdict_on,
)
from govproxy._fastpath.cursor cimport Cursor, at_end, load_i32, read_cstring, read_i32
from govproxy._fastpath.extended cimport NAME_SIZE, on_bind, on_close, on_describe, on_execute, on_parse
from govproxy._fastpath.guard cimport (
    STOP_STATEMENTS,
    STOP_WINDOW,
    alone_with_rows,
    count_statement,
    guard_query,
    held_back,
)
from govproxy._fastpath.metering cimport may_return
from govproxy._fastpath.outbuf cimport outbuf_append, outbuf_byte, outbuf_int32
from govproxy._fastpath.replies cimport Expected
from govproxy._fastpath.sinks cimport FLUSH, sink_bytes, sink_flush, sink_pass
from govproxy._fastpath.state cimport GUARD_NONE, State
from govproxy._fastpath.transitions cimport *
from govproxy._fastpath.verdicts cimport DENY, HOLD, Verdict

from govproxy.errors import LedgerUnavailable, LimitExceeded, NotSupported, ProtocolViolation

cdef enum:
    HEADER = 5
    MAX_EXPECTED = 4096   # replies outstanding before the client is made to wait
    MAX_QUERY = 256 * 1024 + HEADER + 1                     # sql.parse reads no longer text
    MAX_PARSE = MAX_QUERY + NAME_SIZE + 2 + 4 * 65535       # with a name and types of parameters

cdef bytes COPY_FAIL = b"f\x00\x00\x00\x0crefused\x00"
cdef bytes READY_IDLE = b"Z\x00\x00\x00\x05I"


cdef Py_ssize_t frontend_messages(State state, const unsigned char* data, Py_ssize_t size) except -1:
    cdef Py_ssize_t pos = 0
    cdef Py_ssize_t total, part
    cdef const unsigned char* message
    cdef int length
    cdef unsigned char act
    while size - pos >= HEADER and not state.parked and state.phase != PHASE_CLOSED:
        message = data + pos
        length = load_i32(message + 1)
        act = frontend_table[<int>state.phase][message[0]]
        if act == ACT_VIOLATION:
            raise ProtocolViolation(f"unexpected message type 0x{message[0]:02x}")
        if length < 4:
            raise ProtocolViolation("message length below 4")
        total = <Py_ssize_t>length + 1
        if state.replies.count >= MAX_EXPECTED:
            state.stalled = True
            break
        if state.hold and state.phase != PHASE_COPYING and held_back(state, act):
            state.stalled = True   # limits: see guard.pyx
            break
        if act == ACT_COPY_DATA or act == ACT_DISCARD:
            if act == ACT_COPY_DATA and state.phase == PHASE_READY and state.expects_copy_in():
                state.stalled = True   # copy data that ran ahead of CopyInResponse waits for it
                break
            if state.reader is not None and state.phase == PHASE_COPYING:
                if total > state.max_message_bytes:
                    raise LimitExceeded(f"message of {total} bytes; the limit is {state.max_message_bytes} bytes")
                if size - pos < total:
                    break
                if state.reader.feed(message + HEADER, total - HEADER):
                    _refuse_copy(state)
                    pos += total
                    continue
            part = total if total < size - pos else size - pos
            state.frontend_skip = total - part
            state.frontend_skip_drops = act == ACT_DISCARD or state.phase != PHASE_COPYING
            if not state.frontend_skip_drops:
                sink_pass(&state.sinks.backend, message, part)
            pos += part
            continue
        if total > state.max_message_bytes:
            raise LimitExceeded(f"message of {total} bytes; the limit is {state.max_message_bytes} bytes")
        if total > MAX_QUERY and (act == ACT_QUERY or (act == ACT_PARSE and total > MAX_PARSE)):
            # By its length alone: a text of which nothing will be read is not collected first.
            part = total if total < size - pos else size - pos
            state.frontend_skip = total - part
            state.frontend_skip_drops = True
            refuse_verdict(state, state.gate.too_large(state), act == ACT_PARSE, NULL, 0)
            pos += part
            continue
        if size - pos < total:
            break
        _dispatch(state, act, message, total)
        if state.parked or state.stalled:
            break   # the message stays; it is looked at again with its verdict
        pos += total
    return pos


cdef int _dispatch(State state, unsigned char act, const unsigned char* message, Py_ssize_t total) except -1:
    cdef Cursor body
    body.pos = message + HEADER
    body.end = message + total
    if act == ACT_QUERY:
        return _query(state, &body, message, total)
    if act == ACT_PARSE:
        return on_parse(state, &body, message, total)
    if act == ACT_BIND:
        return on_bind(state, &body, message, total)
    if act == ACT_DESCRIBE:
        return on_describe(state, &body, message, total)
    if act == ACT_EXECUTE:
        return on_execute(state, &body, message, total)
    if act == ACT_CLOSE:
        return on_close(state, &body, message, total)
    if act == ACT_SYNC:
        at_end(&body)
        state.replies.push(REPLY_SYNC, None)
        state.segment += 1
        state.unsynced = False
        state.enter(PHASE_READY)
        return sink_pass(&state.sinks.backend, message, total)
    if act == ACT_SYNC_HERE:
        at_end(&body)
        state.enter(PHASE_READY)
        return sink_bytes(&state.sinks.frontend, READY_IDLE)
    if act == ACT_FLUSH:
        at_end(&body)
        return sink_pass(&state.sinks.backend, message, total)
    if act == ACT_COPY_END:
        return _copy_end(state, message, total)
    if act == ACT_FUNCTION_CALL:
        return _function_call(state, &body, message, total)
    if act == ACT_TERMINATE:
        state.enter(PHASE_CLOSED)
        return sink_pass(&state.sinks.backend, message, total)
    raise AssertionError(f"frontend act {act}")


# ---------------------------------------------------------------------- simple protocol


cdef int _query(State state, Cursor* body, const unsigned char* message, Py_ssize_t total) except -1:
    cdef int go
    cdef const unsigned char* text = body.pos
    cdef Py_ssize_t size = read_cstring(body)
    cdef Verdict verdict
    cdef Expected* entry
    at_end(body)
    verdict = verdict_on(state, text, size, NULL, 0, None)
    if verdict is None:
        return 0
    if verdict.outcome == DENY:
        return refuse_verdict(state, verdict, False, text, size)
    if not state.ledger_ready():
        if state.wrapped:
            raise LedgerUnavailable("the ledger cannot be written, so nothing may run")
        return refuse_unrecorded(state, False)
    if state.quota is not None:
        go = count_statement(state, verdict)
        if go != 1:
            return refuse_limited(state, verdict, False, text, size, STOP_STATEMENTS) if go == 2 else 0
    if is_metered(state, verdict):
        go = may_return(state, verdict)
        if go != 1:
            return refuse_limited(state, verdict, False, text, size, STOP_WINDOW) if go == 2 else 0
    if verdict.outcome == HOLD:
        verdict = hold_statement(state, verdict, text, size, None, None)
        if verdict is None:
            return 0
        if verdict.outcome == DENY:
            return refuse_verdict(state, verdict, False, text, size)
    if verdict.copy is not None and state.unsynced:
        # The Sync of the probe would end the client's pipeline in its middle.
        return state.refuse(
            state.gate.error(NotSupported("a simple COPY TO STDOUT must not follow a pipeline without Sync")),
            False,
        )
    if state.limits is not None:
        go = guard_query(state, verdict)
        if go != 1:
            return _refuse_unguarded(state) if go == 2 else 0
    state.counted = False
    if verdict.copy is not None:
        state.probe(verdict, verdict.copy.probe, True)
    entry = state.replies.push(REPLY_QUERY, verdict)
    entry.guarded = state.guard != GUARD_NONE
    entry.number = record_statement(state, verdict, text, size)
    entry.started_ns = state.now_ns
    if is_stoppable(state, verdict):
        alone_with_rows(state)
    if verdict.forward is None:
        sink_pass(&state.sinks.backend, message, total)
    else:
        sink_flush(&state.sinks.backend)
        outbuf_byte(&state.sinks.backend.buf, b"Q")
        outbuf_int32(&state.sinks.backend.buf, 4 + PyBytes_GET_SIZE(verdict.forward) + 1)
        outbuf_append(
            &state.sinks.backend.buf, PyBytes_AS_STRING(verdict.forward), PyBytes_GET_SIZE(verdict.forward) + 1
        )
    return forwarding(state, verdict, True)


cdef int _refuse_unguarded(State state) except -1:
    error = LimitExceeded(
        "a change whose rows are limited cannot follow extended messages without a Sync",
        hint="Send Sync before this Query.",
    )
    return state.refuse(state.gate.error(error), False)


cdef int _copy_end(State state, const unsigned char* message, Py_ssize_t total) except -1:
    if state.phase == PHASE_COPYING:
        state.enter(PHASE_READY)
        sink_pass(&state.sinks.backend, message, total)
        if state.guard != GUARD_NONE and state.replies.head().kind == REPLY_EXECUTE:
            sink_bytes(&state.sinks.backend, FLUSH)   # its count is wanted before the client's Sync goes
        return 0
    if state.expects_copy_in():
        state.stalled = True
    return 0   # the end of a COPY that failed before: the backend would ignore it too


cdef int _refuse_copy(State state) except -1:
    # A masked value is among the rows: the database is made to forget them, and the client hears why.
    cdef Expected* head = state.replies.head()
    cdef bytes error = state.gate.masked_value_copied(state, state.reader.found, head.number)
    Py_INCREF(error)
    head.refusal = <PyObject*>error
    state.enter(PHASE_READY)
    sink_bytes(&state.sinks.backend, COPY_FAIL)
    if state.guard != GUARD_NONE and head.kind == REPLY_EXECUTE:
        sink_bytes(&state.sinks.backend, FLUSH)
    return 0


cdef int _function_call(State state, Cursor* body, const unsigned char* message, Py_ssize_t total) except -1:
    cdef int function_oid = read_i32(body)
    cdef Verdict verdict = state.gate.function_call(state, function_oid & 0xFFFFFFFF)
    cdef Expected* entry
    cdef int go
    if verdict.outcome == DENY:
        return refuse_verdict(state, verdict, False, NULL, 0)
    if not state.ledger_ready():
        return refuse_unrecorded(state, False)
    if is_metered(state, verdict):
        go = may_return(state, None)
        if go != 1:
            return refuse_limited(state, verdict, False, NULL, 0, STOP_WINDOW) if go == 2 else 0
    entry = state.replies.push(REPLY_FUNCTION_CALL, verdict)
    entry.number = state.record(verdict, NULL, 0)
    entry.started_ns = state.now_ns
    sink_pass(&state.sinks.backend, message, total)
    return forwarding(state, verdict, True)
