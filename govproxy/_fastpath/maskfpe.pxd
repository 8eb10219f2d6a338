# Format-preserving masking of digit strings and whole numbers. See maskfpe.pyx.

from govproxy._fastpath.ff1 cimport Ff1
from govproxy._fastpath.maskers cimport MaskSpec
from govproxy._fastpath.outbuf cimport OutBuf

# Appends the encrypted form and returns 1, or returns 0 with nothing written when the value is not
# one that FF1 is used for; the caller then has another masker.
cdef int mask_fpe(Ff1 cipher, const MaskSpec* spec, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1
