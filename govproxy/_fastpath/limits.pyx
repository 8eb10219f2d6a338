"""Figures of ``limits`` as C numbers, so that counting costs a compare and no Python.

``Limits`` is what one session's statements may return and change; ``Quota`` is the share of one of its
identity's windows (statements, rows, bytes) that this worker holds at the moment, and ``Meter`` the
quotas of rows and bytes together. Who hands out shares is ``session.quotas``'s business, what is done
with them ``guard``'s and ``metering``'s.
"""

from libc.stdint cimport uint64_t

cimport cython


@cython.final
cdef class Limits:
    def __cinit__(self, *, uint64_t rows=0, uint64_t size_bytes=0, uint64_t changed=0, Meter meter=None):
        self.rows = rows
        self.size_bytes = size_bytes
        self.changed = changed
        self.meter = meter
        self.stops = rows != 0 or size_bytes != 0 or meter is not None
        # What is stopped half-way must not stay half done.
        self.undoes = self.stops or changed != 0


@cython.final
cdef class Quota:
    def __cinit__(self):
        self.left = 0


@cython.final
cdef class Meter:
    def __cinit__(
        self,
        *,
        Quota rows_per_minute=None,
        Quota rows_per_hour=None,
        Quota bytes_per_minute=None,
        Quota bytes_per_hour=None,
    ):
        self.rows_per_minute = rows_per_minute
        self.rows_per_hour = rows_per_hour
        self.bytes_per_minute = bytes_per_minute
        self.bytes_per_hour = bytes_per_hour
