"""Settings that a changed policy imposes on an open session, before its next statement and unseen by its client.

The client's message waits until everything before it is answered; then what is set now is asked for, and what
must be set is sent (``session.imposing`` writes both). Between transactions that is for the session, and done with.
In a transaction, or a pipeline without its Sync, it is for that transaction and made anew before each
statement, because a ROLLBACK TO may take it back; the session's turn comes when the transaction has ended.

Security: nothing that runs goes out behind a changed policy until this is answered.
"""

from cpython.bytes cimport PyBytes_FromStringAndSize

from govproxy._fastpath.replies cimport Expected
from govproxy._fastpath.sinks cimport FLUSH, sink_bytes, sink_pass
from govproxy._fastpath.state cimport HOLD_SETTINGS, State
from govproxy._fastpath.transitions cimport *

from govproxy.errors import UpstreamFault

cdef enum:
    HEADER = 5
    MAX_ATTEMPTS = 3

cdef enum Step:
    STEP_NONE = 0
    STEP_SHOWN
    STEP_SET

cdef bytes SYNC = b"S\x00\x00\x00\x04"


cdef bint imposes_first(State state, unsigned char act) except -1:
    cdef bint runs = act == ACT_QUERY or act == ACT_EXECUTE or act == ACT_FUNCTION_CALL
    if state.imposing != STEP_NONE:
        return True
    if state.phase != PHASE_READY:
        return False   # it is dropped
    if state.imposed:
        state.imposed = not runs   # anew before the next one
        return False
    if not runs and ((act != ACT_PARSE and act != ACT_BIND) or state.unsynced or state.replies.count):
        return False   # it runs nothing by itself, or is a pipeline's, whose Execute waits
    if state.replies.count:
        if state.unsynced and not state.flushed:
            state.flushed = True
            sink_bytes(&state.sinks.backend, FLUSH)
        return True
    state.flushed = False
    if state.transaction_status == <unsigned char>b"E" and not (state.unsynced and state.ran_in == state.segment + 1):
        return False   # nothing runs there but what ends it
    _send(state, STEP_SHOWN, state.imposition.shown())
    return True


cdef int _send(State state, Step step, tuple asked) except -1:
    cdef Expected* entry = state.replies.push(REPLY_IMPOSED, state.imposition)
    cdef bytes messages = asked[0]
    entry.swallow = True
    entry.aside = asked[1]   # CloseComplete to come
    state.imposing = step
    if state.unsynced:
        return sink_bytes(&state.sinks.backend, messages + FLUSH)
    state.segment += 1
    return sink_bytes(&state.sinks.backend, messages + SYNC)


cdef int imposed_message(
    State state, unsigned char event, Expected* head, const unsigned char* message, Py_ssize_t total
) except -1:
    cdef bytes payload
    cdef bint failed
    if event == EVENT_ASKED_ROW:
        state.imposition.row(_payload(message, total))
    elif event == EVENT_ASKED_STATUS:
        payload = _payload(message, total)
        state.gate.parameter_status(state, payload)
        if not state.imposition.hides(payload):
            sink_pass(&state.sinks.frontend, message, total)
    elif event == EVENT_ASKED_ERROR:
        return _failed(state, head, _payload(message, total))
    elif event == EVENT_ASKED_CLOSED:
        head.aside -= 1
        if state.unsynced and head.aside == 0:
            state.replies.pop()
            return _go_on(state)
    elif event == EVENT_ASKED_READY:
        if state.unsynced or total != HEADER + 1:
            raise UpstreamFault("the database sent something unexpected")
        failed = head.stopped
        state.replies.pop()
        if failed:
            return _again(state, message[HEADER])
        if message[HEADER] != state.transaction_status:
            raise UpstreamFault("setting what the policy imposes has changed the transaction")
        return _go_on(state)
    return 0


cdef int _failed(State state, Expected* head, bytes payload) except -1:
    cdef bint hidden = state.tainted and not state.clear
    if state.imposition.is_fatal(payload):
        state.farewell = True
        return sink_bytes(&state.sinks.frontend, state.imposition.error(payload, hidden))
    head.stopped = True
    if not state.unsynced:
        return 0
    # The backend skips to the client's Sync now, as it would have after the message that waits.
    state.imposing = STEP_NONE
    sink_bytes(&state.sinks.frontend, state.imposition.error(payload, hidden))
    return state.drop_to_sync()


cdef int _again(State state, unsigned char status) except -1:
    # A CancelRequest that came late. In a transaction that has failed nothing runs, so the message may go.
    state.imposing = STEP_NONE
    state.attempts += 1
    if status == <unsigned char>b"I" and state.attempts >= MAX_ATTEMPTS:
        raise UpstreamFault("what the policy imposes cannot be set")
    state.transaction_status = status
    return 0


cdef int _go_on(State state) except -1:
    cdef bint between = not state.unsynced and state.transaction_status == <unsigned char>b"I"
    cdef tuple changes
    if state.imposing == STEP_SHOWN:
        changes = state.imposition.changes(between)
        if changes[1]:
            return _send(state, STEP_SET, changes)
    state.imposing = STEP_NONE
    state.attempts = 0
    if not between:
        state.imposed = True
    elif state.imposition.done(state):
        state.imposition = None
        state.hold &= ~HOLD_SETTINGS
    return 0


cdef bytes _payload(const unsigned char* message, Py_ssize_t total):
    return PyBytes_FromStringAndSize(<const char*>message + HEADER, total - HEADER)
