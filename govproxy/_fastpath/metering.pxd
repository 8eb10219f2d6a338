# Windows over rows and bytes, as they leave. See metering.pyx.

from libc.stdint cimport int64_t, uint64_t

from govproxy._fastpath.limits cimport Meter
from govproxy._fastpath.state cimport State
from govproxy._fastpath.verdicts cimport Verdict

# Frontend: 1 = what returns something may go, 0 = it waits, 2 = a window is full. ``verdict``: kept while it
# waits; None where the message finds it again.
cdef int may_return(State state, Verdict verdict) except -1

# Backend
cdef int64_t rows_left(Meter meter, uint64_t now_ns) noexcept
cdef int64_t bytes_left(Meter meter, uint64_t now_ns) noexcept
# False: a row of that size may not leave; ``dry`` says whether it waits. Else a window is full.
cdef bint may_leave(State state, Py_ssize_t size) except -1
cdef int spend(State state, uint64_t rows, uint64_t size) except -1
