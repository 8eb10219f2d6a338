"""Figures of ``limits`` as C numbers, so that counting costs a compare and no Python.

``Limits`` is what one session's statements may return and change; ``Quota`` is the share of its
identity's statements per minute that this worker holds at the moment. Who hands out shares is
``session.quotas``'s business.
"""

from libc.stdint cimport uint64_t

cimport cython


@cython.final
cdef class Limits:
    def __cinit__(self, *, uint64_t rows=0, uint64_t size_bytes=0, uint64_t changed=0):
        self.rows = rows
        self.size_bytes = size_bytes
        self.changed = changed
        # What is stopped half-way must not stay half done.
        self.undoes = rows != 0 or size_bytes != 0 or changed != 0


@cython.final
cdef class Quota:
    def __cinit__(self):
        self.left = 0
