# The database's connection, lent while a statement is held. See lending.pyx.

from govproxy._fastpath.state cimport State
from govproxy._fastpath.verdicts cimport Verdict

cdef bint is_lendable(State state) noexcept
# Sends a Sync where the client's pipeline is open; its ReadyForQuery is the borrower's to read.
cdef int lend(State state, object borrower) except -1
# Types of the whole messages in data, and where the first ``count`` of them end.
cdef bytes types_of(const unsigned char* data, Py_ssize_t size)
cdef Py_ssize_t end_of(const unsigned char* data, Py_ssize_t size, Py_ssize_t count) except -1
cdef int attempt(State state, Verdict verdict, const unsigned char* data, Py_ssize_t size) except -1
cdef int withdraw(State state) except -1
