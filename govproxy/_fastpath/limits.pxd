# How much a session may use, as the data plane counts it. See limits.pyx.

from libc.stdint cimport int64_t, uint64_t

cdef class Limits:
    # Of one session; zero is no limit. Replaced as a whole when the policy changes.
    cdef readonly uint64_t rows, size_bytes, changed
    cdef readonly bint undoes             # writes run so that they can be taken back

cdef class Quota:
    # Statements an identity may still run on this worker; shared by its sessions.
    cdef public int64_t left
    cdef public uint64_t until_ns         # CLOCK_MONOTONIC; what is left then is void
    cdef public uint64_t refused_until_ns  # the window is full until then
