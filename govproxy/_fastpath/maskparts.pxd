# Values made of parts, masked part by part. See maskparts.pyx.

from govproxy._fastpath.masknodes cimport Container, Node
from govproxy._fastpath.outbuf cimport OutBuf

cdef class Parted(Container):
    cdef list parts         # a Node for each field, or one for all elements
    cdef list oids
    cdef bint binary
    cdef int count
    cdef OutBuf made        # the masked form of a part
    cdef int put_part(self, Node node, OutBuf* out) except -1

cdef class Array(Parted):
    cdef int take_binary(self, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1
    cdef int take_text(self, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1
    cdef Py_ssize_t read_element(self, const unsigned char* p, Py_ssize_t n, Py_ssize_t i, bint* quoted) except -2
    cdef int put_element(self, OutBuf* out) except -1

cdef class Record(Parted):
    cdef int take_binary(self, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1
    cdef int take_text(self, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1

cdef class Range(Parted):
    cdef bint several
    cdef int take_binary(self, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1
    cdef Py_ssize_t take_text(self, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1
    cdef int take_several(self, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1
    cdef int take_several_text(self, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1
