# Values made of other values, masked part by part. See maskparts.pyx.

from govproxy._fastpath.columnplan cimport ColumnPlan
from govproxy._fastpath.spans cimport Hits
from govproxy._fastpath.ff1 cimport Ff1
from govproxy._fastpath.maskers cimport MaskSpec
from govproxy._fastpath.maskfpe cimport FpeLanes
from govproxy._fastpath.outbuf cimport OutBuf

cdef class Node:
    cdef bytes whole        # what stands for a value that cannot be read; None: NULL
    # Appends the masked form of p[0:n]. Returns 1, or 0 when SQL NULL is to be sent instead.
    cdef int write(self, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1
    cdef int give_up(self, OutBuf* out, Py_ssize_t start) except -1

cdef class Fixed(Node):
    pass

cdef class Seen(Node):
    cdef MaskSpec spec
    cdef Hits hits
    cdef int shown          # bits of spans.Kind that are left as they are
    cdef bint looks
    cdef bint hex_form
    cdef bint opaque
    cdef bint structured

cdef class Masked(Node):
    cdef MaskSpec spec
    cdef Ff1 cipher
    cdef FpeLanes lanes
    cdef list owned

cdef class Labelled(Node):
    cdef tuple labels
    cdef MaskSpec spec
    cdef list owned

cdef class Parted(Node):
    cdef list parts
    cdef list oids
    cdef bint binary
    cdef int count
    cdef OutBuf plain       # a part without its quotes
    cdef OutBuf made        # its masked form
    cdef int put_part(self, Node node, OutBuf* out) except -1

cdef class Array(Parted):
    cdef int write_binary(self, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1
    cdef int write_text(self, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1
    cdef Py_ssize_t read_element(self, const unsigned char* p, Py_ssize_t n, Py_ssize_t i, bint* quoted) except -2
    cdef int put_element(self, OutBuf* out) except -1

cdef class Record(Parted):
    cdef int write_binary(self, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1
    cdef int write_text(self, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1

cdef class Range(Parted):
    cdef bint several
    cdef int write_binary(self, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1
    cdef Py_ssize_t write_text(self, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1
    cdef int write_several(self, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1

# The node of a plan. Raises ValueError for a plan that needs none.
cdef Node node_of(ColumnPlan column)
