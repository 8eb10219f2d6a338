"""The database's connection, lent while its session's statement is held (ADR 27).

Who rehearses the statement borrows it: what the database says goes to the borrower alone, who may
say what it likes and may have the held messages forwarded on trial, by the one path that messages
take. What is expected in return stays in the queue of replies. In the end it is either taken back,
as if nothing had been forwarded, or what the database said to it is fed to this conversation, as
if it said so then.

Security: the message stays parked and none behind it is looked at, so between the trial and its
end nothing of the client's reaches the database. Nothing that came back is shown before.
"""

from cpython.bytes cimport PyBytes_FromStringAndSize

from govproxy._fastpath.cursor cimport load_i32
from govproxy._fastpath.frontend cimport frontend_messages
from govproxy._fastpath.replies cimport Expected
from govproxy._fastpath.sinks cimport sink_bytes
from govproxy._fastpath.state cimport State
from govproxy._fastpath.statements cimport Portal
from govproxy._fastpath.transitions cimport *
from govproxy._fastpath.verdicts cimport Verdict

from govproxy.errors import InternalError

cdef enum:
    HEADER = 5
    MAX_TYPES = 64

cdef bytes SYNC = b"S\x00\x00\x00\x04"


cdef bint is_lendable(State state) noexcept:
    # A statement is held, everything before it is answered, and ending its pipeline ends nothing else.
    if not state.parked or not state.held or state.lent is not None or state.inquiry is not None:
        return False
    if state.replies.count or state.phase != PHASE_READY or state.hold:
        return False
    if state.transaction_status == <unsigned char>b"E" or state.ran_in == state.segment + 1:
        return False
    return not state.unsynced or state.transaction_status == <unsigned char>b"T" or not state.portals


cdef int lend(State state, object borrower) except -1:
    state.lent = borrower
    if not state.unsynced:
        return 0
    state.unsynced = False
    state.segment += 1
    return sink_bytes(&state.sinks.backend, SYNC)


cdef bytes types_of(const unsigned char* data, Py_ssize_t size):
    cdef unsigned char[MAX_TYPES] found
    cdef Py_ssize_t pos = 0
    cdef Py_ssize_t count = 0
    cdef int length
    while count < MAX_TYPES and size - pos >= HEADER:
        length = load_i32(data + pos + 1)
        if length < 4 or size - pos - 1 < length:
            break
        found[count] = data[pos]
        count += 1
        pos += <Py_ssize_t>length + 1
    return PyBytes_FromStringAndSize(<const char*>found, count)


cdef Py_ssize_t end_of(const unsigned char* data, Py_ssize_t size, Py_ssize_t count) except -1:
    cdef Py_ssize_t pos = 0
    cdef Py_ssize_t _
    for _ in range(count):
        if size - pos < HEADER or load_i32(data + pos + 1) < 4 or size - pos - 1 < load_i32(data + pos + 1):
            raise InternalError("a message that is not there was to be forwarded")
        pos += <Py_ssize_t>load_i32(data + pos + 1) + 1
    return pos


cdef int attempt(State state, Verdict verdict, const unsigned char* data, Py_ssize_t size) except -1:
    # ``data`` are the held message and those that belong to it, up to where its ReadyForQuery is asked for.
    cdef Py_ssize_t taken
    state.parked = False
    state.pending = verdict
    taken = frontend_messages(state, data, size)
    if taken != size or state.parked or state.stalled or not _is_whole(state):
        # Security: whatever it was that went otherwise than when it was held, the session ends with it.
        raise InternalError("a statement could not be forwarded on trial")
    state.attempted = size
    state.parked = True
    state.held = True
    return 0


cdef bint _is_whole(State state) noexcept:
    cdef size_t i
    if state.replies.count == 0 or state.phase != PHASE_READY:
        return False
    for i in range(state.replies.count):
        if state.replies.at(i).refusal != NULL:
            return False
    if state.replies.head().kind == REPLY_QUERY:
        return state.replies.count == 1
    return state.replies.head().kind == REPLY_BIND and state.replies.last().kind == REPLY_SYNC


cdef int withdraw(State state) except -1:
    # Nothing that was forwarded on trial has been: what it changed here is taken back, last first.
    cdef Expected* entry
    cdef size_t i
    cdef size_t count = state.replies.count
    for i in range(count):
        entry = state.replies.at(i)
        entry.number = 0
        if entry.kind == REPLY_BIND:
            (<Portal>entry.subject).open = False   # its outcome is the held statement's
    for i in range(count):
        state.restore(count - 1 - i, count)
    while state.replies.count:
        state.replies.pop()
    state.attempted = 0
    state.plan = None
    state.counted = state.quota is not None   # it has been
    return 0
