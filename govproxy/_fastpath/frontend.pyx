"""What the client says: framed, judged, recorded, forwarded.

Nothing leaves for the backend from here that was not judged: Query and Parse carry texts that
get a verdict, Bind and Execute run only what has one, everything else is protocol plumbing. A
message that is not understood is not sent.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF
from libc.stdint cimport uint64_t
from libc.string cimport memcmp

from govproxy._fastpath.cursor cimport Cursor, load_i32, need, read_cstring, read_u16, read_i32
from govproxy._fastpath.guard cimport (
    STOP_STATEMENTS,
    STOP_WINDOW,
    Stop,
    alone_with_rows,
    count_statement,
    guard_execute,
    guard_query,
    held_back,
)
from govproxy._fastpath.interning cimport interned
from govproxy._fastpath.metering cimport may_return
from govproxy._fastpath.outbuf cimport outbuf_append, outbuf_byte, outbuf_int32
from govproxy._fastpath.replies cimport Expected
from govproxy._fastpath.sinks cimport sink_bytes, sink_flush, sink_pass
from govproxy._fastpath.state cimport GUARD_NONE, State
from govproxy._fastpath.statements cimport Portal, PreparedStatement
from govproxy._fastpath.transitions cimport *
from govproxy._fastpath.verdicts cimport DENY, HOLD, Verdict

from govproxy.errors import (
    LedgerUnavailable,
    LimitExceeded,
    NotSupported,
    ProtocolViolation,
    UndefinedPortal,
    UndefinedStatement,
)

cdef enum:
    HEADER = 5
    MAX_EXPECTED = 4096   # replies outstanding before the client is made to wait
    MAX_SHORT_MESSAGE = 1 << 20
    MAX_BINDING = 64 * 1024   # beyond, nothing is asked about a Bind's values
    NAME_SIZE = 64        # NAMEDATALEN
    MAX_QUERY = 256 * 1024 + HEADER + 1                     # sql.parse reads no longer text
    MAX_PARSE = MAX_QUERY + NAME_SIZE + 2 + 4 * 65535       # with a name and types of parameters

cdef bytes COPY_FAIL = b"f\x00\x00\x00\x0crefused\x00"
cdef bytes FLUSH = b"H\x00\x00\x00\x04"
cdef const unsigned char* LIMITED = b"53400"
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
            _refuse_verdict(state, state.gate.too_large(state), act == ACT_PARSE, NULL, 0)
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
        return _parse(state, &body, message, total)
    if act == ACT_BIND:
        return _bind(state, &body, message, total)
    if act == ACT_DESCRIBE:
        return _describe(state, &body, message, total)
    if act == ACT_EXECUTE:
        return _execute(state, &body, message, total)
    if act == ACT_CLOSE:
        return _close(state, &body, message, total)
    if act == ACT_SYNC:
        _at_end(&body)
        state.replies.push(REPLY_SYNC, None)
        state.segment += 1
        state.unsynced = False
        state.enter(PHASE_READY)
        return sink_pass(&state.sinks.backend, message, total)
    if act == ACT_SYNC_HERE:
        _at_end(&body)
        state.enter(PHASE_READY)
        return sink_bytes(&state.sinks.frontend, READY_IDLE)
    if act == ACT_FLUSH:
        _at_end(&body)
        return sink_pass(&state.sinks.backend, message, total)
    if act == ACT_COPY_END:
        return _copy_end(state, message, total)
    if act == ACT_FUNCTION_CALL:
        return _function_call(state, &body, message, total)
    if act == ACT_TERMINATE:
        state.enter(PHASE_CLOSED)
        return sink_pass(&state.sinks.backend, message, total)
    raise AssertionError(f"frontend act {act}")


# ---------------------------------------------------------------------- verdicts


cdef Verdict _verdict(
    State state,
    const unsigned char* text,
    Py_ssize_t size,
    const unsigned char* declared,
    Py_ssize_t types,
    bytes binding,
):
    # None: the gate was asked and the conversation is parked until it has answered.
    # ``declared``: four bytes for each of as many types of parameters. ``binding``: see state.pxd.
    cdef Verdict verdict = state.pending
    if verdict is not None:
        state.pending = None
        # Security: the message that waited for it may have been dropped in the meantime, because
        # something before it failed. A verdict is on its own text and on no other.
        if _is_text(verdict.text, text, size):
            return verdict
    verdict = state.cache.lookup(state.context_id, text, size, state.folds)
    if verdict is None:
        state.binding = binding
        state.declared = PyBytes_FromStringAndSize(<const char*>declared, 4 * types)
        verdict = state.gate.judge(state, PyBytes_FromStringAndSize(<const char*>text, size))
        if verdict is None:
            state.parked = True
    return verdict


cdef int _refuse_verdict(
    State state, Verdict verdict, bint extended, const unsigned char* text, Py_ssize_t size
) except -1:
    # The denial is in the ledger before the client reads it.
    cdef bint can_record = state.ledger_ready()
    if not can_record:
        return _refuse_unrecorded(state, extended)
    if state.quota is not None and not state.counted:
        state.quota.left -= 1   # asking counts, too
    state.counted = False
    _record(state, verdict, text, size)
    if verdict.decided:
        _record_end(state, state.gate.ending(state, verdict))
    else:
        state.record_outcome(state.number, state.now_ns, b"denied", NULL, 0, 0, 0)
    return state.refuse(state.gate.refusal(state, verdict, state.number), extended)


cdef int _record_end(State state, tuple ending) except -1:
    # How a held statement ended that did not run: a word, and the SQLSTATE its client gets.
    cdef bytes status = ending[0]
    cdef bytes sqlstate = ending[1]
    return state.record_outcome(
        state.number, state.now_ns, PyBytes_AS_STRING(status), <const unsigned char*>PyBytes_AS_STRING(sqlstate),
        0, 0, 0,
    )


cdef uint64_t _record(State state, Verdict verdict, const unsigned char* text, Py_ssize_t size) except? 0:
    # The statement's line in the ledger, which a held one has since somebody was asked about it.
    if state.held:
        state.held = False
        if verdict.decided:
            state.recorded = True   # what was decided is written before it is done
            return state.number
        # It was judged anew, and otherwise.
        state.record_outcome(state.number, state.now_ns, b"withdrawn", NULL, 0, 0, 0)
    return state.record(verdict, text, size)


# ---------------------------------------------------------------------- holding


cdef Verdict _hold(
    State state, Verdict verdict, const unsigned char* text, Py_ssize_t size, bytes bound, bytes types
):
    # A statement that somebody has to approve; None: it waits. ``bound`` is the body of its Bind, None for a
    # Query, and ``types`` what its parameters were declared as, None for nothing.
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


cdef int _refuse_unrecorded(State state, bint extended) except -1:
    return state.refuse(
        state.gate.error(LedgerUnavailable("the ledger cannot be written, so nothing may run")), extended
    )


cdef int _forwarding(State state, Verdict verdict, bint runs_now) except -1:
    if verdict.tainted:
        state.tainted = True
    if runs_now and verdict.changes_session:
        state.gate.session_changed(state, verdict)
    return 0


# ---------------------------------------------------------------------- simple protocol


cdef int _refuse_limited(
    State state, Verdict verdict, bint extended, const unsigned char* text, Py_ssize_t size, Stop reason
) except -1:
    # Nothing is left of this minute's statements, or of a window over what is returned.
    _record(state, verdict, text, size)
    state.record_outcome(state.number, state.now_ns, b"limited", LIMITED, 0, 0, 0)
    state.counted = False
    return state.refuse(state.bounds.limit_reached(reason, state.number), extended)


cdef bint _is_metered(State state, Verdict verdict) noexcept:
    return state.limits is not None and state.limits.meter is not None and (verdict.returns_rows or verdict.copies_out)


cdef bint _is_stoppable(State state, Verdict verdict) noexcept:
    return state.limits is not None and state.limits.stops and (verdict.returns_rows or verdict.copies_out)


cdef int _refuse_unguarded(State state) except -1:
    error = LimitExceeded(
        "a change whose rows are limited cannot follow extended messages without a Sync",
        hint="Send Sync before this Query.",
    )
    return state.refuse(state.gate.error(error), False)


cdef int _query(State state, Cursor* body, const unsigned char* message, Py_ssize_t total) except -1:
    cdef int go
    cdef const unsigned char* text = body.pos
    cdef Py_ssize_t size = read_cstring(body)
    cdef Verdict verdict
    cdef Expected* entry
    _at_end(body)
    verdict = _verdict(state, text, size, NULL, 0, None)
    if verdict is None:
        return 0
    if verdict.outcome == DENY:
        return _refuse_verdict(state, verdict, False, text, size)
    if not state.ledger_ready():
        if state.wrapped:
            raise LedgerUnavailable("the ledger cannot be written, so nothing may run")
        return _refuse_unrecorded(state, False)
    if state.quota is not None:
        go = count_statement(state, verdict)
        if go != 1:
            return _refuse_limited(state, verdict, False, text, size, STOP_STATEMENTS) if go == 2 else 0
    if _is_metered(state, verdict):
        go = may_return(state, verdict)
        if go != 1:
            return _refuse_limited(state, verdict, False, text, size, STOP_WINDOW) if go == 2 else 0
    if verdict.outcome == HOLD:
        verdict = _hold(state, verdict, text, size, None, None)
        if verdict is None:
            return 0
        if verdict.outcome == DENY:
            return _refuse_verdict(state, verdict, False, text, size)
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
    entry.number = _record(state, verdict, text, size)
    entry.started_ns = state.now_ns
    if _is_stoppable(state, verdict):
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
    return _forwarding(state, verdict, True)


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
        return _refuse_verdict(state, verdict, False, NULL, 0)
    if not state.ledger_ready():
        return _refuse_unrecorded(state, False)
    if _is_metered(state, verdict):
        go = may_return(state, None)
        if go != 1:
            return _refuse_limited(state, verdict, False, NULL, 0, STOP_WINDOW) if go == 2 else 0
    entry = state.replies.push(REPLY_FUNCTION_CALL, verdict)
    entry.number = state.record(verdict, NULL, 0)
    entry.started_ns = state.now_ns
    sink_pass(&state.sinks.backend, message, total)
    return _forwarding(state, verdict, True)


# ---------------------------------------------------------------------- extended protocol


cdef int _parse(State state, Cursor* body, const unsigned char* message, Py_ssize_t total) except -1:
    cdef bytes name = _name(body)
    cdef const unsigned char* text = body.pos
    cdef Py_ssize_t size = read_cstring(body)
    cdef int types = read_u16(body)
    cdef const unsigned char* declared = body.pos
    cdef Verdict verdict
    cdef PreparedStatement statement
    cdef Expected* entry
    cdef bytes instead = None
    _skip(body, <Py_ssize_t>types * 4)
    _at_end(body)
    if not _is_nameable(name):
        return _refuse_name(state)
    verdict = _verdict(state, text, size, declared, types, b"")
    if verdict is None:
        return 0
    if verdict.outcome == DENY:
        return _refuse_verdict(state, verdict, True, text, size)
    if state.statements is None:
        state.statements = {}
    elif len(state.statements) >= state.max_names and name not in state.statements:
        return _refuse_limit(state, "prepared statements")
    statement = PreparedStatement.__new__(PreparedStatement)
    statement.name = name
    statement.verdict = verdict
    if not _is_text(verdict.text, text, size):
        statement.text = PyBytes_FromStringAndSize(<const char*>text, size)   # found by its shape
    if verdict.forward is not None:
        instead = verdict.bound.parse(
            name, PyBytes_FromStringAndSize(<const char*>declared, <Py_ssize_t>types * 4)
        )
        if instead is not None:
            statement.sent = verdict.forward
            statement.bound = verdict.bound if verdict.bound.extras else None
    if types:
        statement.declared = interned(declared, <Py_ssize_t>types * 4)
    statement.segment = state.segment
    state.used_statements = _used(state.used_statements, name, state.max_names)
    entry = state.replies.push(REPLY_PARSE, statement)
    _replace(state.statements, name, statement, entry)
    state.unsynced = True
    if instead is not None:
        return sink_bytes(&state.sinks.backend, instead)
    return sink_pass(&state.sinks.backend, message, total)


cdef int _bind(State state, Cursor* body, const unsigned char* message, Py_ssize_t total) except -1:
    cdef bytes portal_name = _name(body)
    cdef bytes name = _name(body)
    cdef PreparedStatement statement
    cdef Verdict verdict
    cdef Portal portal
    cdef Expected* entry
    cdef bytes formats, text
    cdef bytes instead = None
    cdef bytes payload = None
    cdef const unsigned char* codes
    cdef int _, count, length, go
    _skip(body, <Py_ssize_t>read_u16(body) * 2)
    count = read_u16(body)
    for _ in range(count):
        length = read_i32(body)
        if length != -1:
            _skip(body, length)
    count = read_u16(body)
    codes = body.pos
    _skip(body, <Py_ssize_t>count * 2)
    formats = interned(codes, <Py_ssize_t>count * 2)
    _at_end(body)

    if not _is_nameable(portal_name):
        return _refuse_name(state)
    statement = <PreparedStatement>_named(state.statements, name)
    if statement is not None and _is_unsure(state, statement.confirmed, statement.segment):
        return 0
    if statement is None:
        # Security: it may exist in the backend (SQL PREPARE), but nobody judged it under this name.
        return state.refuse(
            state.gate.error(UndefinedStatement(f'prepared statement "{_printable(name)}" does not exist')), True
        )
    verdict = statement.verdict
    if verdict.context_id != state.context_id or not verdict.cacheable or state.pending is not None:
        if total <= MAX_BINDING:
            payload = PyBytes_FromStringAndSize(<const char*>message + HEADER, total - HEADER)
        verdict = _judge_again(state, statement, payload)
        if verdict is None:
            return 0
        if verdict.outcome == DENY:
            text = _text_of(statement)
            return _refuse_verdict(
                state, verdict, True, <const unsigned char*>PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text)
            )
    if statement.sent is not None and (verdict.forward is None or verdict.forward != statement.sent):
        # Security: what was prepared holds what this identity may no longer ask.
        error = UndefinedStatement(f'prepared statement "{_printable(name)}" was made under other rules')
        return state.refuse(state.gate.error(error), True)
    if verdict.bound is not None or statement.bound is not None:
        payload = PyBytes_FromStringAndSize(<const char*>message + HEADER, total - HEADER)
        column = None if verdict.bound is None else verdict.bound.written_back(payload)
        if column is not None:
            text = _text_of(statement)
            verdict = state.gate.masked_value_bound(state, verdict, column)
            return _refuse_verdict(
                state, verdict, True, <const unsigned char*>PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text)
            )
        if statement.bound is not None:
            instead = verdict.bound.translated(payload)
    if state.portals is None:
        state.portals = {}
    elif len(state.portals) >= state.max_names and portal_name not in state.portals:
        return _refuse_limit(state, "portals")
    if not state.ledger_ready():
        return _refuse_unrecorded(state, True)
    if state.quota is not None:
        go = count_statement(state, verdict)
        if go != 1:
            text = _text_of(statement)
            return _refuse_limited(
                state, verdict, True, <const unsigned char*>PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text),
                STOP_STATEMENTS,
            ) if go == 2 else 0
    if verdict.outcome == HOLD:
        text = _text_of(statement)
        verdict = _hold(
            state, verdict, <const unsigned char*>PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text),
            PyBytes_FromStringAndSize(<const char*>message + HEADER, total - HEADER), statement.declared,
        )
        if verdict is None:
            return 0
        if verdict.outcome == DENY:
            return _refuse_verdict(
                state, verdict, True, <const unsigned char*>PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text)
            )
    state.counted = False
    portal = Portal.__new__(Portal)
    portal.name = portal_name
    portal.verdict = verdict
    portal.statement = statement
    portal.formats = formats
    portal.started_ns = state.now_ns
    portal.number = _record_bound(state, verdict, statement)
    portal.open = True
    portal.segment = state.segment
    state.used_portals = _used(state.used_portals, portal_name, state.max_names)
    entry = state.replies.push(REPLY_BIND, portal)
    _replace(state.portals, portal_name, portal, entry)
    state.unsynced = True
    if instead is None:
        sink_pass(&state.sinks.backend, message, total)
    else:
        sink_bytes(&state.sinks.backend, instead)
    return _forwarding(state, verdict, False)


cdef bytes _text_of(PreparedStatement statement):
    return statement.verdict.text if statement.text is None else statement.text


cdef uint64_t _record_bound(State state, Verdict verdict, PreparedStatement statement) except? 0:
    cdef bytes text = _text_of(statement)
    return _record(state, verdict, <const unsigned char*>PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text))


cdef Verdict _judge_again(State state, PreparedStatement statement, bytes binding):
    # The policy, the catalog or the session changed since Parse: what counts is now.
    cdef bytes text = _text_of(statement)
    cdef const unsigned char[::1] view = text
    cdef const unsigned char* start = NULL
    cdef const unsigned char* declared = NULL
    cdef Py_ssize_t types = 0
    cdef Verdict verdict
    if len(text):
        start = &view[0]
    if statement.declared is not None:
        declared = <const unsigned char*>PyBytes_AS_STRING(statement.declared)
        types = PyBytes_GET_SIZE(statement.declared) // 4
    verdict = _verdict(state, start, len(text), declared, types, binding)
    if verdict is not None and verdict is not statement.verdict and not verdict.decided:
        statement.verdict = verdict
        statement.text = text
        statement.description = None
        statement.describe_asked = False
    return verdict


cdef int _describe(State state, Cursor* body, const unsigned char* message, Py_ssize_t total) except -1:
    cdef unsigned char kind = _kind(body)
    cdef bytes name = _name(body)
    cdef PreparedStatement statement
    cdef Portal portal
    _at_end(body)
    if kind == b"S":
        statement = <PreparedStatement>_named(state.statements, name)
        if statement is not None:
            if _is_unsure(state, statement.confirmed, statement.segment):
                return 0
            statement.describe_asked = True
            statement.asked_in = state.segment
        state.replies.push(REPLY_DESCRIBE_STATEMENT, statement)
    else:
        portal = <Portal>_named(state.portals, name)
        if portal is not None:
            if _is_unsure(state, portal.confirmed, portal.segment):
                return 0
            portal.describe_asked = True
            portal.asked_in = state.segment
        state.replies.push(REPLY_DESCRIBE_PORTAL, portal)
    state.unsynced = True
    return sink_pass(&state.sinks.backend, message, total)


cdef int _execute(State state, Cursor* body, const unsigned char* message, Py_ssize_t total) except -1:
    cdef bytes name = _name(body)
    cdef Portal portal
    cdef Expected* entry
    cdef int go
    read_i32(body)
    _at_end(body)
    portal = <Portal>_named(state.portals, name)
    if portal is None:
        # Security: a cursor of that name may exist, but its rows would come without a plan.
        return state.refuse(state.gate.error(UndefinedPortal(f'portal "{_printable(name)}" does not exist')), True)
    if _is_unsure(state, portal.confirmed, portal.segment):
        return 0
    if portal.verdict.context_id != state.context_id or not portal.verdict.cacheable:
        if (not state.clear or portal.verdict.decided) and not state.gate.still_holds(state, portal.verdict):
            error = UndefinedPortal(f'portal "{_printable(name)}" was bound before the session changed; bind it again')
            return state.refuse(state.gate.error(error), True)
    if not portal.open and portal.verdict.decided:
        # Security: an approval is for one run.
        error = UndefinedPortal(f'portal "{_printable(name)}" has run; bind it again')
        return state.refuse(state.gate.error(error), True)
    if not portal.open:
        # Run again after it ended or was suspended by an error: that is a statement of its own.
        if not state.ledger_ready():
            return _refuse_unrecorded(state, True)
        portal.number = _record_bound(state, portal.verdict, portal.statement)
        portal.started_ns = state.now_ns
        portal.rows = portal.size_bytes = portal.masked_values = 0
        portal.open = True
    if _is_metered(state, portal.verdict):
        go = may_return(state, None)
        if go != 1:
            return _refuse_run(state, portal) if go == 2 else 0
    if state.limits is not None and guard_execute(state, portal) != 1:
        return 0
    if not portal.verdict.clear and portal.verdict.returns_rows and not _will_be_described(state, portal):
        _ask_for_description(state, portal)
    if portal.verdict.copy is not None:
        state.probe(portal.verdict, portal.verdict.copy.probe, False)
    entry = state.replies.push(REPLY_EXECUTE, portal)
    entry.number = portal.number
    entry.guarded = state.guard != GUARD_NONE
    if _is_stoppable(state, portal.verdict):
        alone_with_rows(state)
    state.unsynced = True
    state.ran_in = state.segment + 1
    sink_pass(&state.sinks.backend, message, total)
    if entry.guarded:
        sink_bytes(&state.sinks.backend, FLUSH)
    return _forwarding(state, portal.verdict, True)


cdef int _refuse_run(State state, Portal portal) except -1:
    # A window is full: what was bound does not run.
    state.close_portal(portal, b"limited", LIMITED)
    return state.refuse(state.bounds.limit_reached(STOP_WINDOW, portal.number), True)


cdef bint _will_be_described(State state, Portal portal) noexcept:
    # By the time its rows come in, is the RowDescription here?
    # A Describe of an earlier segment that is still unanswered may have been skipped.
    cdef PreparedStatement statement = portal.statement
    if portal.description is not None or (portal.describe_asked and portal.asked_in == state.segment):
        return True
    if statement.verdict is not portal.verdict:
        return False
    return statement.description is not None or (statement.describe_asked and statement.asked_in == state.segment)


cdef int _ask_for_description(State state, Portal portal) except -1:
    # The client never asks what it gets, so the proxy does; the reply stays here.
    cdef Expected* entry = state.replies.push(REPLY_DESCRIBE_PORTAL, portal)
    entry.swallow = True
    portal.describe_asked = True
    portal.asked_in = state.segment
    sink_flush(&state.sinks.backend)
    outbuf_byte(&state.sinks.backend.buf, b"D")
    outbuf_int32(&state.sinks.backend.buf, 4 + 1 + len(portal.name) + 1)
    outbuf_byte(&state.sinks.backend.buf, b"P")
    outbuf_append(&state.sinks.backend.buf, <const char*>portal.name, len(portal.name) + 1)
    return 0


cdef int _close(State state, Cursor* body, const unsigned char* message, Py_ssize_t total) except -1:
    cdef unsigned char kind = _kind(body)
    cdef bytes name = _name(body)
    cdef Expected* entry
    cdef dict names
    cdef object closed
    _at_end(body)
    if not _is_nameable(name):
        return _refuse_name(state)
    entry = state.replies.push(REPLY_CLOSE, None)
    names = state.statements if kind == b"S" else state.portals
    closed = None if names is None else names.pop(name, None)
    if closed is not None:
        Py_INCREF(closed)
        entry.previous = <PyObject*>closed
    state.unsynced = True
    return sink_pass(&state.sinks.backend, message, total)


cdef bint _is_unsure(State state, bint confirmed, uint64_t segment) noexcept:
    # True: the message waits. Security: a Parse or Bind of an earlier segment may still fail or be
    # skipped, and then its name means what it meant before, which was judged otherwise. Within one
    # segment such a failure skips this message too.
    if confirmed or segment == state.segment:
        return False
    state.stalled = True
    return True


cdef bint _is_nameable(bytes name) noexcept:
    # Security: the server cuts longer names and reads others in the client's encoding, so that two
    # names here would be one there.
    cdef const unsigned char* raw = <const unsigned char*>PyBytes_AS_STRING(name)
    cdef Py_ssize_t i
    if PyBytes_GET_SIZE(name) >= NAME_SIZE:
        return False
    for i in range(PyBytes_GET_SIZE(name)):
        if raw[i] >= 0x80:
            return False
    return True


cdef int _refuse_name(State state) except -1:
    error = LimitExceeded("names of prepared statements and portals must be ASCII of less than 64 bytes")
    return state.refuse(state.gate.error(error), True)


cdef set _used(set names, bytes name, Py_ssize_t most):
    # Remembers that the protocol gave this name: what SQL finds under it is not (only) what SQL put
    # there. With too many of them ("*") every name counts as given.
    if PyBytes_GET_SIZE(name) == 0:
        return names
    if names is None:
        names = set()
    names.add(name if len(names) <= most else b"*")
    return names


cdef inline object _named(dict names, bytes name):
    return None if names is None else names.get(name)


cdef int _replace(dict names, bytes name, object subject, Expected* entry) except -1:
    cdef object previous = names.get(name)
    if previous is not None:
        Py_INCREF(previous)
        entry.previous = <PyObject*>previous
    names[name] = subject
    return 0


cdef int _refuse_limit(State state, str what) except -1:
    error = LimitExceeded(f"too many {what} in one session; the limit is {state.max_names}")
    return state.refuse(state.gate.error(error), True)


# ---------------------------------------------------------------------- fields


cdef bytes _name(Cursor* body):
    cdef const unsigned char* start = body.pos
    cdef Py_ssize_t size = read_cstring(body)
    if size > MAX_SHORT_MESSAGE:
        raise ProtocolViolation("name too long")
    return interned(start, size)


cdef unsigned char _kind(Cursor* body) except 0:
    cdef unsigned char kind
    need(body, 1)
    kind = body.pos[0]
    body.pos += 1
    if kind != b"S" and kind != b"P":
        raise ProtocolViolation("Describe and Close take S or P")
    return kind


cdef Py_ssize_t _skip(Cursor* body, Py_ssize_t size) except -1:
    need(body, size)
    body.pos += size
    return size


cdef int _at_end(Cursor* body) except -1:
    if body.pos != body.end:
        raise ProtocolViolation("message longer than its fields say")
    return 0


cdef bint _is_text(bytes known, const unsigned char* text, Py_ssize_t size) noexcept:
    return PyBytes_GET_SIZE(known) == size and memcmp(PyBytes_AS_STRING(known), text, <size_t>size) == 0


cdef str _printable(bytes name):
    return name.decode("utf-8", "replace")
