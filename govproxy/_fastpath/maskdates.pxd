# Maskers for dates and timestamps. See maskdates.pyx.

from govproxy._fastpath.maskers cimport MaskSpec
from govproxy._fastpath.outbuf cimport OutBuf

cdef int mask_date(const MaskSpec* spec, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1 nogil

# An ISO date or timestamp in text, moved by ``shift`` days, or to its year's first day when that
# is 0. Returns 0 when it is not one.
cdef int date_text(const unsigned char* p, Py_ssize_t n, int shift, OutBuf* out) except -1 nogil
