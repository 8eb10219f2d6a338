# The queue of replies the backend owes, oldest first. See replies.pyx.

from cpython.object cimport PyObject
from libc.stdint cimport uint64_t

from govproxy._fastpath.transitions cimport Reply

cdef struct Expected:
    Reply kind
    bint swallow           # the proxy asked, not the client: the reply stays here
    bint stopped           # a limit ended it: the client has its error already (of an aside: it failed)
    bint guarded           # its changes can still be taken back
    bint stoppable         # a limit may stop its rows: nothing goes behind it
    int aside              # what a statement of the proxy's own is for
    uint64_t number        # of the ledger's statement this belongs to, 0 if none
    uint64_t started_ns
    PyObject* subject      # Verdict, PreparedStatement or Portal; owned
    PyObject* previous     # what stood under that name before, for the way back; owned, may be NULL
    PyObject* refusal      # bytes of the ErrorResponse to send instead; owned, may be NULL

cdef class ReplyQueue:
    cdef Expected* ring
    cdef size_t capacity, first
    cdef readonly size_t count

    cdef Expected* head(self) noexcept
    cdef Expected* last(self) noexcept
    cdef Expected* at(self, size_t index) noexcept
    cdef Expected* push(self, Reply kind, object subject) except NULL
    cdef int pop(self) except -1
    cdef int pop_last(self) except -1
    cdef int _give_back(self) noexcept
    cdef int _grow(self) except -1
