# Strong shapes inside text, found and masked. See detectors.pyx.

from govproxy._fastpath.outbuf cimport OutBuf

cdef struct Hit:
    int kind
    Py_ssize_t start
    Py_ssize_t end
    Py_ssize_t keep         # bytes at the front that stay (token prefix, '+' and calling code)

cdef struct Hits:
    Hit* items
    Py_ssize_t size
    Py_ssize_t capacity

cdef void hits_free(Hits* hits) noexcept nogil

# Fills ``hits`` (emptied first) with disjoint spans in order.
cdef int detect(const unsigned char* p, Py_ssize_t n, Hits* hits) except -1 nogil

# Appends p[0:n] with the spans replaced. ``json`` says that a bare number may stand outside quotes.
cdef int write_masked(const unsigned char* p, Py_ssize_t n, const Hits* hits, bint json,
                      OutBuf* out) except -1 nogil

# True when text looks like JSON or an array or record literal, where a bare number may stand.
cdef bint is_structured(const unsigned char* p, Py_ssize_t n) noexcept nogil

cdef bint luhn_ok(const unsigned char* digits, Py_ssize_t n) noexcept nogil
