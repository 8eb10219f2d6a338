# Masking of whole JSON documents. See maskjson.pyx.

from govproxy._fastpath.outbuf cimport OutBuf

# Appends the document with every leaf replaced. Returns 0 when it is not JSON; what was appended is
# then the caller's to take back.
cdef int mask_leaves(const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1 nogil
