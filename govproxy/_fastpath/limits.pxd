# How much a session may use, as the data plane counts it. See limits.pyx.

from libc.stdint cimport int64_t, uint64_t

cdef class Limits:
    # Of one session; zero is no limit. Replaced as a whole when the policy changes.
    cdef readonly uint64_t rows, size_bytes, changed
    cdef readonly Meter meter             # windows over what is returned; None: there are none
    cdef readonly bint undoes             # writes run so that they can be taken back
    cdef readonly bint stops              # rows may be stopped half-way

cdef class Quota:
    # What an identity may still use of one window on this worker; shared by its sessions.
    cdef public int64_t left
    cdef public uint64_t until_ns         # CLOCK_MONOTONIC; what is left then is void
    cdef public uint64_t refused_until_ns  # the window is full until then
    cdef public int64_t low               # with less than that, or from renew_ns on, more is asked for ahead
    cdef public uint64_t renew_ns
    cdef public bint asked                # an answer is on its way

cdef class Meter:
    # Windows over rows and bytes of one identity; None where there is none.
    cdef readonly Quota rows_per_minute, rows_per_hour, bytes_per_minute, bytes_per_hour
    cdef readonly Quota full              # the one that let something not pass last
