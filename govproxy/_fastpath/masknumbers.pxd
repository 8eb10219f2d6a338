# Maskers for whole numbers, numeric and floating point. See masknumbers.pyx.

from libc.stdint cimport int64_t

from govproxy._fastpath.maskers cimport MaskSpec
from govproxy._fastpath.outbuf cimport OutBuf

cdef int mask_int(const MaskSpec* spec, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1 nogil
cdef int mask_numeric(const MaskSpec* spec, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1 nogil
cdef int mask_float(const MaskSpec* spec, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1 nogil

# A plain decimal in text with its leading digit kept. Returns 0 when it is not one.
cdef int bucket_text(const MaskSpec* spec, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1 nogil

# 1 when p is a whole number of at most 18 digits.
cdef int parse_int(const unsigned char* p, Py_ssize_t n, int64_t* value) noexcept nogil
cdef int put_int(const MaskSpec* spec, int64_t value, OutBuf* out) except -1 nogil
