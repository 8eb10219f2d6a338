# XML, masked by the names of its elements and attributes. See maskxml.pyx.

from govproxy._fastpath.maskkeys cimport Nested, Said
from govproxy._fastpath.outbuf cimport OutBuf

cdef class Xml(Nested):
    cdef Py_ssize_t put_tag(self, const unsigned char* p, Py_ssize_t n, Py_ssize_t i, OutBuf* out) except -2
    cdef Py_ssize_t put_name(self, const unsigned char* p, Py_ssize_t n, Py_ssize_t i, Said outer, Said* said,
                             OutBuf* out) except -2
    cdef int put_leaf(self, Said said, OutBuf* out) except -1
