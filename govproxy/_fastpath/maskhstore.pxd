# hstore, masked by its keys. See maskhstore.pyx.

from govproxy._fastpath.maskkeys cimport Document
from govproxy._fastpath.outbuf cimport OutBuf

cdef class Pairs(Document):
    cdef bint binary
    cdef Py_ssize_t read_part(self, const unsigned char* p, Py_ssize_t n, Py_ssize_t i) except -2
    cdef int take_text(self, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1
    cdef int take_binary(self, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1
