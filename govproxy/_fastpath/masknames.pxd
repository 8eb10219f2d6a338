# Names of people from lists. See masknames.pyx.

from govproxy._fastpath.maskers cimport MaskSpec
from govproxy._fastpath.outbuf cimport OutBuf

# Appends another city or address, by the spec's style. Returns 0 when there is nothing in it.
cdef int put_place(const MaskSpec* spec, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1 nogil

# Appends other names in the shape of p[0:n], by the spec's style. Returns 0 when there is no word in it.
cdef int put_person(const MaskSpec* spec, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1 nogil
