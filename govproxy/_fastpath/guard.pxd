# What limits do while a statement runs: stop its rows, take its changes back. See guard.pyx.

from libc.stdint cimport uint64_t

from govproxy._fastpath.replies cimport Expected
from govproxy._fastpath.state cimport State
from govproxy._fastpath.statements cimport Portal
from govproxy._fastpath.verdicts cimport Verdict

cpdef enum Stop:
    # Which limit stopped a statement.
    STOP_NONE = 0
    STOP_ROWS
    STOP_BYTES
    STOP_CHANGED
    STOP_UNCOUNTED       # its changes were not counted when it paused
    STOP_STATEMENTS
    STOP_WINDOW          # a window over rows or bytes is full

cdef const unsigned char* LIMITED   # the SQLSTATE of a statement that a limit stopped

# Frontend: 1 = go on and forward it, 0 = it waits, 2 = it cannot be guarded here.
cdef int guard_query(State state, Verdict verdict) except -1
cdef int guard_execute(State state, Portal portal) except -1

# Frontend: 1 = one statement more is allowed, 0 = it waits, 2 = refused.
cdef int count_statement(State state, Verdict verdict) except -1

# Frontend, with something in ``hold``: whether the client's next message waits.
cdef bint held_back(State state, unsigned char act) except -1
# Frontend: what is pushed last returns rows that may be stopped, so nothing goes behind it.
cdef int alone_with_rows(State state) except -1
# Backend: after what came is worked off.
cdef int release_rows(State state) except -1

# Backend
cdef Py_ssize_t allowed_rows(State state, Expected* head, const unsigned char* data, Py_ssize_t size) noexcept
cdef bint is_over(State state, Expected* head, Py_ssize_t size) noexcept
cdef bint is_trailer(const unsigned char* message, Py_ssize_t size) noexcept
cdef int stop(State state, Expected* head, Stop reason) except -1
cdef int guarded_complete(State state, Expected* head, const unsigned char* message, Py_ssize_t total) except -1
cdef int guarded_ready(State state, Expected* head, unsigned char status) except -1
cdef int guarded_suspended(State state, Expected* head) except -1
cdef int give_held(State state) except -1
cdef int guard_ended(State state) except -1
cdef int fail_stopped(State state) except -1
cdef int aside_ready(State state, Expected* head, unsigned char status) except -1
cdef int begin_aside(State state, int purpose, bytes query) except -1

# Shared with backend.pyx
cdef int end_of_rows(State state, Portal portal) except -1
cdef int new_result(State state) except -1
cdef uint64_t affected(const unsigned char* tag, Py_ssize_t size) noexcept
