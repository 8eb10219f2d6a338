"""The extended protocol's messages: Parse, Bind, Describe, Execute and Close, and the names they give.

A name means what the backend will understand by it, at the moment the message gets there; where that
cannot be told yet, the message waits.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF
from libc.stdint cimport uint64_t

from govproxy._fastpath.admission cimport (
    forwarding,
    hold_statement,
    is_metered,
    is_stoppable,
    is_text,
    record_statement,
    refuse_limited,
    refuse_unrecorded,
    refuse_verdict,
    verdict_on,
)
from govproxy._fastpath.cursor cimport Cursor, at_end, need, read_cstring, read_i32, read_u16, skip
from govproxy._fastpath.guard cimport (
    LIMITED,
    STOP_STATEMENTS,
    STOP_WINDOW,
    alone_with_rows,
    count_statement,
    guard_execute,
)
from govproxy._fastpath.interning cimport interned
from govproxy._fastpath.metering cimport may_return
from govproxy._fastpath.outbuf cimport outbuf_append, outbuf_byte, outbuf_int32
from govproxy._fastpath.replies cimport Expected
from govproxy._fastpath.sinks cimport FLUSH, sink_bytes, sink_flush, sink_pass
from govproxy._fastpath.state cimport GUARD_NONE, State
from govproxy._fastpath.statements cimport Portal, PreparedStatement
from govproxy._fastpath.transitions cimport *
from govproxy._fastpath.verdicts cimport DENY, HOLD, Verdict

from govproxy.errors import LimitExceeded, ProtocolViolation, UndefinedPortal, UndefinedStatement

cdef enum:
    HEADER = 5
    MAX_NAME = 1 << 20
    MAX_BINDING = 64 * 1024   # beyond, nothing is asked about a Bind's values


cdef int on_parse(State state, Cursor* body, const unsigned char* message, Py_ssize_t total) except -1:
    cdef bytes name = _name(body)
    cdef const unsigned char* text = body.pos
    cdef Py_ssize_t size = read_cstring(body)
    cdef int types = read_u16(body)
    cdef const unsigned char* declared = body.pos
    cdef Verdict verdict
    cdef PreparedStatement statement
    cdef Expected* entry
    cdef bytes instead = None
    skip(body, <Py_ssize_t>types * 4)
    at_end(body)
    if not _is_nameable(name):
        return _refuse_name(state)
    verdict = verdict_on(state, text, size, declared, types, b"")
    if verdict is None:
        return 0
    if verdict.outcome == DENY:
        return refuse_verdict(state, verdict, True, text, size)
    if state.statements is None:
        state.statements = {}
    elif len(state.statements) >= state.max_names and name not in state.statements:
        return _refuse_limit(state, "prepared statements")
    statement = PreparedStatement.__new__(PreparedStatement)
    statement.name = name
    statement.verdict = verdict
    if not is_text(verdict.text, text, size):
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


cdef int on_bind(State state, Cursor* body, const unsigned char* message, Py_ssize_t total) except -1:
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
    skip(body, <Py_ssize_t>read_u16(body) * 2)
    count = read_u16(body)
    for _ in range(count):
        length = read_i32(body)
        if length != -1:
            skip(body, length)
    count = read_u16(body)
    codes = body.pos
    skip(body, <Py_ssize_t>count * 2)
    formats = interned(codes, <Py_ssize_t>count * 2)
    at_end(body)

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
            return refuse_verdict(
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
            return refuse_verdict(
                state, verdict, True, <const unsigned char*>PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text)
            )
        if statement.bound is not None:
            instead = verdict.bound.translated(payload)
    if state.portals is None:
        state.portals = {}
    elif len(state.portals) >= state.max_names and portal_name not in state.portals:
        return _refuse_limit(state, "portals")
    if not state.ledger_ready():
        return refuse_unrecorded(state, True)
    if state.quota is not None:
        go = count_statement(state, verdict)
        if go != 1:
            text = _text_of(statement)
            return refuse_limited(
                state, verdict, True, <const unsigned char*>PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text),
                STOP_STATEMENTS,
            ) if go == 2 else 0
    if verdict.outcome == HOLD:
        text = _text_of(statement)
        verdict = hold_statement(
            state, verdict, <const unsigned char*>PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text),
            PyBytes_FromStringAndSize(<const char*>message + HEADER, total - HEADER), statement.declared,
        )
        if verdict is None:
            return 0
        if verdict.outcome == DENY:
            return refuse_verdict(
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
    return forwarding(state, verdict, False)


cdef bytes _text_of(PreparedStatement statement):
    return statement.verdict.text if statement.text is None else statement.text


cdef uint64_t _record_bound(State state, Verdict verdict, PreparedStatement statement) except? 0:
    cdef bytes text = _text_of(statement)
    return record_statement(state, verdict, <const unsigned char*>PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text))


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
    verdict = verdict_on(state, start, len(text), declared, types, binding)
    if verdict is not None and verdict is not statement.verdict and not verdict.decided:
        statement.verdict = verdict
        statement.text = text
        statement.description = None
        statement.describe_asked = False
    return verdict


cdef int on_describe(State state, Cursor* body, const unsigned char* message, Py_ssize_t total) except -1:
    cdef unsigned char kind = _kind(body)
    cdef bytes name = _name(body)
    cdef PreparedStatement statement
    cdef Portal portal
    at_end(body)
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


cdef int on_execute(State state, Cursor* body, const unsigned char* message, Py_ssize_t total) except -1:
    cdef bytes name = _name(body)
    cdef Portal portal
    cdef Expected* entry
    cdef int go
    read_i32(body)
    at_end(body)
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
            return refuse_unrecorded(state, True)
        portal.number = _record_bound(state, portal.verdict, portal.statement)
        portal.started_ns = state.now_ns
        portal.rows = portal.size_bytes = portal.masked_values = 0
        portal.open = True
    if is_metered(state, portal.verdict):
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
    if is_stoppable(state, portal.verdict):
        alone_with_rows(state)
    state.unsynced = True
    state.ran_in = state.segment + 1
    sink_pass(&state.sinks.backend, message, total)
    if entry.guarded:
        sink_bytes(&state.sinks.backend, FLUSH)
    return forwarding(state, portal.verdict, True)


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


cdef int on_close(State state, Cursor* body, const unsigned char* message, Py_ssize_t total) except -1:
    cdef unsigned char kind = _kind(body)
    cdef bytes name = _name(body)
    cdef Expected* entry
    cdef dict names
    cdef object closed
    at_end(body)
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


# ---------------------------------------------------------------------- names


cdef bytes _name(Cursor* body):
    cdef const unsigned char* start = body.pos
    cdef Py_ssize_t size = read_cstring(body)
    if size > MAX_NAME:
        raise ProtocolViolation("name too long")
    return interned(start, size)


cdef str _printable(bytes name):
    return name.decode("utf-8", "replace")


cdef unsigned char _kind(Cursor* body) except 0:
    cdef unsigned char kind
    need(body, 1)
    kind = body.pos[0]
    body.pos += 1
    if kind != b"S" and kind != b"P":
        raise ProtocolViolation("Describe and Close take S or P")
    return kind


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


cdef int _refuse_limit(State state, str what) except -1:
    error = LimitExceeded(f"too many {what} in one session; the limit is {state.max_names}")
    return state.refuse(state.gate.error(error), True)


cdef inline object _named(dict names, bytes name):
    return None if names is None else names.get(name)


cdef int _replace(dict names, bytes name, object subject, Expected* entry) except -1:
    cdef object previous = names.get(name)
    if previous is not None:
        Py_INCREF(previous)
        entry.previous = <PyObject*>previous
    names[name] = subject
    return 0


cdef set _used(set names, bytes name, Py_ssize_t most):
    # Remembers that the protocol gave this name: what SQL finds under it is not (only) what SQL put
    # there. With too many of them ("*") every name counts as given.
    if PyBytes_GET_SIZE(name) == 0:
        return names
    if names is None:
        names = set()
    names.add(name if len(names) <= most else b"*")
    return names


cdef bint _is_unsure(State state, bint confirmed, uint64_t segment) noexcept:
    # True: the message waits. Security: a Parse or Bind of an earlier segment may still fail or be
    # skipped, and then its name means what it meant before, which was judged otherwise. Within one
    # segment such a failure skips this message too.
    if confirmed or segment == state.segment:
        return False
    state.stalled = True
    return True
