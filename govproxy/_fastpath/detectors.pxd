# Strong shapes inside text, found and masked. See detectors.pyx.

from govproxy._fastpath.outbuf cimport OutBuf
from govproxy._fastpath.spans cimport Hits

# Fills ``hits`` (emptied first) with disjoint spans in order.
cdef int detect(const unsigned char* p, Py_ssize_t n, Hits* hits) except -1 nogil

# Appends p[0:n] with the spans replaced. ``json`` says that a bare number may stand outside quotes.
cdef int write_masked(const unsigned char* p, Py_ssize_t n, const Hits* hits, bint json,
                      OutBuf* out) except -1 nogil

# True when text looks like JSON or an array or record literal, where a bare number may stand.
cdef bint is_structured(const unsigned char* p, Py_ssize_t n) noexcept nogil
