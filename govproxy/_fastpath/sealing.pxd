# What the sealing thread works on: ranges of ledger bytes and the Merkle tree of a segment.
# See sealing.pyx.

from cython cimport final
from libc.stdint cimport uint64_t
from govproxy._fastpath.outbuf cimport OutBuf

cdef extern from "sha256.h" nogil:
    ctypedef struct gp_sha256:
        pass

cdef enum:
    TREE_LEVELS = 48


@final
cdef class Range:
    cdef OutBuf bytes_                    # owned; whole lines
    cdef readonly uint64_t start          # offset of the first byte in the segment
    cdef readonly uint64_t lines


@final
cdef class MerkleTree:
    cdef readonly uint64_t leaves
    cdef unsigned char nodes[TREE_LEVELS][32]   # one finished subtree per set bit of ``leaves``
    cdef int add_leaf(self, const unsigned char* line, Py_ssize_t size) except -1 nogil
    cdef int add_lines(self, const unsigned char* at, Py_ssize_t size) except -1 nogil


@final
cdef class RangeHash:
    cdef gp_sha256 state
    cdef readonly uint64_t size
    cdef readonly uint64_t lines
    cdef void add_bytes(self, const unsigned char* data, Py_ssize_t size) noexcept nogil


# Moves the bytes of ``source`` into a new Range; ``source`` is empty afterwards.
cdef Range make_range(OutBuf* source, uint64_t start, uint64_t lines)
