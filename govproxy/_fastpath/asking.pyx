"""What the gate asks the database about a statement, on the client's own session and unseen by it.

The client's message is parked. Once everything that was sent before it is answered, the question
goes out: where nothing is under way with a Sync of its own, in a transaction block inside a
savepoint that is rolled back; within a pipeline of the client's without a Sync, so that an error
ends the pipeline as the client's own message would have (ADR 16). What comes back stays here.

The question is bytes to this module: ``session.asking`` writes them and reads the answer.

Security: nothing of the client's runs between the first byte of a question and the last of its
answer, so whatever is said meanwhile is said by the database itself.
"""

from cpython.bytes cimport PyBytes_FromStringAndSize

cimport cython

from govproxy._fastpath.replies cimport Expected
from govproxy._fastpath.sinks cimport FLUSH, sink_bytes
from govproxy._fastpath.state cimport State
from govproxy._fastpath.transitions cimport *

from govproxy.errors import UpstreamFault

cdef enum:
    HEADER = 5
    MAX_ATTEMPTS = 3
    MAX_NOTICES = 256


@cython.final
cdef class Inquiry:
    """One question, from the asking to its answer."""


cdef bint ask(State state, object question) except -1:
    # Begins at once where it can; the caller parks the message. False: nothing can be asked now.
    cdef Inquiry inquiry
    if state.phase != PHASE_READY or state.lent is not None:
        return False   # what the message belongs to has failed while it waited for something else: it is dropped
    if state.replies.count == 0 and not state.unsynced and state.transaction_status == <unsigned char>b"E":
        return False   # nothing runs in an aborted transaction, nor can it be asked
    inquiry = Inquiry.__new__(Inquiry)
    inquiry.question = question
    inquiry.notices = []
    inquiry.rows = []
    state.inquiry = inquiry
    if state.replies.count == 0:
        _begin(state, inquiry)
    elif state.unsynced:
        sink_bytes(&state.sinks.backend, FLUSH)
    return True


cdef int _begin(State state, Inquiry inquiry) except -1:
    cdef bint block = state.transaction_status == <unsigned char>b"T"
    cdef Expected* entry
    inquiry.sent = True
    inquiry.alone = not state.unsynced
    if inquiry.alone and state.transaction_status == <unsigned char>b"E":
        inquiry.error = b""
        inquiry.answered = True
        return 0
    messages, closes, undoing = inquiry.question.messages(inquiry.alone, block)
    entry = state.replies.push(REPLY_ASKED, inquiry)
    entry.swallow = True
    entry.aside = closes
    sink_bytes(&state.sinks.backend, messages)
    if not inquiry.alone:
        return 0
    state.segment += 1
    if undoing is not None:
        inquiry.undoing = undoing
        _undo(state, inquiry, 0)
    return 0


cdef int _undo(State state, Inquiry inquiry, int closes) except -1:
    cdef Expected* entry = state.replies.push(REPLY_TAKEN_BACK, inquiry)
    entry.swallow = True
    entry.aside = closes
    if inquiry.alone:
        state.segment += 1
    return sink_bytes(&state.sinks.backend, inquiry.undoing)


# ---------------------------------------------------------------------- answers


cdef int asked_message(
    State state, unsigned char event, Expected* head, const unsigned char* message, Py_ssize_t total
) except -1:
    cdef Inquiry inquiry = <Inquiry>head.subject
    cdef bint question = head.kind == REPLY_ASKED
    if event == EVENT_ASKED_NOTICE:
        if question and len(inquiry.notices) < MAX_NOTICES:
            inquiry.notices.append(_payload(message, total))
    elif event == EVENT_ASKED_ROW:
        if question:
            inquiry.rows.append(_payload(message, total))
    elif event == EVENT_ASKED_ERROR:
        return _failed(state, inquiry, head, message, total)
    elif event == EVENT_ASKED_CLOSED:
        if not inquiry.alone:
            head.aside -= 1
            if head.aside == 0:
                return _ended(state, inquiry, question)
    elif event == EVENT_ASKED_READY:
        if not inquiry.alone or total != HEADER + 1:
            raise UpstreamFault("the database sent something unexpected")
        return _settled(state, inquiry, head, message[HEADER])
    return 0


cdef int _ended(State state, Inquiry inquiry, bint question) except -1:
    # Within a pipeline: all of the question, or of what takes it back, is answered.
    cdef object undo
    state.replies.pop()
    if not question:
        return 0
    undo = inquiry.question.taken_back(inquiry.rows)
    inquiry.undoing = undo[0]
    _undo(state, inquiry, undo[1])
    inquiry.answered = True
    return 0


cdef int _settled(State state, Inquiry inquiry, Expected* head, unsigned char status) except -1:
    # ReadyForQuery of the question, or of what takes it back.
    cdef bint failed = head.stopped
    cdef bint question = head.kind == REPLY_ASKED
    state.replies.pop()
    if question and inquiry.undoing is not None:
        return 0
    if not question and (failed or status != <unsigned char>b"T"):
        # A CancelRequest that came late.
        inquiry.attempts += 1
        if inquiry.attempts >= MAX_ATTEMPTS:
            raise UpstreamFault("the traces of a question cannot be removed")
        return _undo(state, inquiry, 0)
    if status != state.transaction_status:
        raise UpstreamFault("a question has changed the transaction")
    inquiry.answered = True
    return 0


cdef int _failed(
    State state, Inquiry inquiry, Expected* head, const unsigned char* message, Py_ssize_t total
) except -1:
    cdef bytes payload = _payload(message, total)
    cdef bint hidden = state.tainted and not state.clear
    if inquiry.question.is_fatal(payload):
        state.farewell = True
        return sink_bytes(&state.sinks.frontend, inquiry.question.shown(payload, hidden))
    head.stopped = True
    if head.kind == REPLY_ASKED:
        inquiry.error = payload
    if inquiry.alone:
        return 0
    # The backend skips to the client's Sync now, as it would have after the message that waits.
    sink_bytes(&state.sinks.frontend, inquiry.question.shown(payload, hidden))
    return state.drop_to_sync()


# ---------------------------------------------------------------------- going on


cdef bint ask_on(State state) except -1:
    cdef Inquiry inquiry = <Inquiry>state.inquiry
    if state.phase != PHASE_READY:
        # What was sent before the message has failed, or copies: nothing is asked for it any more.
        state.inquiry = None
        state.parked = False
        inquiry.question.dropped()
        return True
    if not inquiry.sent and state.replies.count == 0:
        _begin(state, inquiry)
    if inquiry.answered:
        state.inquiry = None   # the gate may ask again
        inquiry.question.answered(inquiry.alone, inquiry.notices, inquiry.rows, inquiry.error)
    return False


cdef bytes _payload(const unsigned char* message, Py_ssize_t total):
    return PyBytes_FromStringAndSize(<const char*>message + HEADER, total - HEADER)
