# JSON, masked by its keys. See maskjson.pyx.

from govproxy._fastpath.maskkeys cimport Nested, Said
from govproxy._fastpath.outbuf cimport OutBuf

cdef class Json(Nested):
    cdef bint versioned
    cdef Py_ssize_t put_key(self, const unsigned char* p, Py_ssize_t n, Py_ssize_t i, Said* said,
                            OutBuf* out) except -2
    cdef Py_ssize_t put_text(self, const unsigned char* p, Py_ssize_t n, Py_ssize_t i, Said said,
                             OutBuf* out) except -2
    cdef Py_ssize_t put_other(self, const unsigned char* p, Py_ssize_t n, Py_ssize_t i, Said said,
                              OutBuf* out) except -2
