# Documents masked by their keys. See maskdocuments.pyx.

from govproxy._fastpath.bytecache cimport ByteCache
from govproxy._fastpath.spans cimport Hits
from govproxy._fastpath.maskparts cimport Node
from govproxy._fastpath.outbuf cimport OutBuf
from govproxy._fastpath.prf cimport PrfKey

# What stands under a key of one class: how its texts and its numbers are masked.
cdef class Leaf:
    cdef Node text
    cdef Node number

# What is known of one key.
cdef class KeyFact:
    cdef readonly object leaf       # Leaf or None
    cdef readonly bint hidden
    cdef readonly int about         # of what kind it says the things below it are, -1 for no word of it
    cdef int number                 # of the leaf, -1 without one

# What all keys above a place have said: the number of a leaf and one more in the lower 16 bits, above them what the
# place is about.
ctypedef int Said

cdef class KeyRules:
    cdef object judge
    cdef list leaves
    cdef dict numbers
    cdef Said root
    cdef bint keeps
    cdef PrfKey key
    cdef ByteCache known
    cdef long fresh
    cdef Hits hits
    cdef OutBuf plain
    cdef OutBuf made
    # What is said below a key, and whether the key itself is not to be seen.
    cdef Said find(self, const unsigned char* p, Py_ssize_t n, Said outer, bint* hidden) except -2
    cdef int alias(self, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1
    cdef bint has_shape(self, const OutBuf* plain) except -1
    # The masked form of a text leaf into ``made``; -1: it may stay as it is; 0: NULL.
    cdef int text(self, Said said, const unsigned char* p, Py_ssize_t n) except -2
    cdef bint number(self, Said said, const unsigned char* p, Py_ssize_t n) except -1

cdef class Json(Node):
    cdef KeyRules rules
    cdef bint versioned
    cdef OutBuf plain
    cdef OutBuf stack
    cdef int document(self, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1
    cdef Py_ssize_t put_key(self, const unsigned char* p, Py_ssize_t n, Py_ssize_t i, Said* said,
                            OutBuf* out) except -2
    cdef Py_ssize_t put_text(self, const unsigned char* p, Py_ssize_t n, Py_ssize_t i, Said said,
                             OutBuf* out) except -2
    cdef Py_ssize_t put_other(self, const unsigned char* p, Py_ssize_t n, Py_ssize_t i, Said said,
                              OutBuf* out) except -2

cdef class Pairs(Node):
    cdef KeyRules rules
    cdef bint binary
    cdef OutBuf plain
    cdef int write_text(self, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1
    cdef int write_binary(self, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1

cdef class Xml(Node):
    cdef KeyRules rules
    cdef OutBuf plain
    cdef OutBuf stack
    cdef int document(self, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1
    cdef Py_ssize_t put_tag(self, const unsigned char* p, Py_ssize_t n, Py_ssize_t i, OutBuf* out) except -2
    cdef Py_ssize_t put_name(self, const unsigned char* p, Py_ssize_t n, Py_ssize_t i, Said outer, Said* said,
                             OutBuf* out) except -2
    cdef int put_leaf(self, Said said, OutBuf* out) except -1
