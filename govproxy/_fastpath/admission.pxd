# Whether a statement goes to the database. See admission.pyx.

from libc.stdint cimport uint64_t

from govproxy._fastpath.guard cimport Stop
from govproxy._fastpath.state cimport State
from govproxy._fastpath.verdicts cimport Verdict

# None: the gate was asked and the conversation is parked until it has answered.
# ``declared``: four bytes for each of as many types of parameters. ``binding``: see state.pxd.
cdef Verdict verdict_on(
    State state,
    const unsigned char* text,
    Py_ssize_t size,
    const unsigned char* declared,
    Py_ssize_t types,
    bytes binding,
)
cdef bint is_text(bytes known, const unsigned char* text, Py_ssize_t size) noexcept
# After the statement was sent; ``runs_now``: not at a Bind.
cdef int forwarding(State state, Verdict verdict, bint runs_now) except -1

# The statement's line in the ledger, which a held one has since somebody was asked about it; gives its number.
cdef uint64_t record_statement(State state, Verdict verdict, const unsigned char* text, Py_ssize_t size) except? 0

# Answers in place of the backend.
cdef int refuse_verdict(
    State state, Verdict verdict, bint extended, const unsigned char* text, Py_ssize_t size
) except -1
cdef int refuse_unrecorded(State state, bint extended) except -1
cdef int refuse_limited(
    State state, Verdict verdict, bint extended, const unsigned char* text, Py_ssize_t size, Stop reason
) except -1

# Whether what it returns counts against a window; whether it may be stopped in the middle.
cdef bint is_metered(State state, Verdict verdict) noexcept
cdef bint is_stoppable(State state, Verdict verdict) noexcept

# A statement that somebody has to approve; None: it waits. ``bound`` is the body of its Bind, None for a
# Query, and ``types`` what its parameters were declared as, None for nothing.
cdef Verdict hold_statement(
    State state, Verdict verdict, const unsigned char* text, Py_ssize_t size, bytes bound, bytes types
)
