# How one value is masked, as a node of a tree. See masknodes.pyx.

from govproxy._fastpath.columnplan cimport ColumnPlan
from govproxy._fastpath.ff1 cimport Ff1
from govproxy._fastpath.maskers cimport MaskSpec
from govproxy._fastpath.maskfpe cimport FpeLanes
from govproxy._fastpath.outbuf cimport OutBuf
from govproxy._fastpath.spans cimport Hits

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

cdef class Container(Node):
    cdef OutBuf plain       # a part without its quotes
    cdef int take(self, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1

cdef Py_ssize_t put_sized(Node node, const unsigned char* p, Py_ssize_t n, Py_ssize_t at, OutBuf* out,
                          bint* is_null) except -2
cdef Py_ssize_t read_quoted(const unsigned char* p, Py_ssize_t n, Py_ssize_t i, bint doubled, OutBuf* plain) except -2
cdef int put_quoted(const unsigned char* p, Py_ssize_t n, bint doubled, OutBuf* out) except -1

# The node of a plan for a single value. Raises ValueError for a plan that needs none.
cdef Node leaf_of(ColumnPlan column)
