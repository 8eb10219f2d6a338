# Maskers for uuid, inet, cidr and macaddr. See maskids.pyx.

from govproxy._fastpath.maskers cimport MaskSpec
from govproxy._fastpath.outbuf cimport OutBuf

cdef int mask_uuid(const MaskSpec* spec, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1 nogil
cdef int mask_inet(const MaskSpec* spec, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1 nogil
cdef int mask_hardware(const MaskSpec* spec, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1 nogil

# An IPv4 or IPv6 address in text with its host bits zero. Returns 0 when it is not one.
cdef int network_text(const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1 nogil
