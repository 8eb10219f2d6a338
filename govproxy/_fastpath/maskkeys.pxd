# What the keys of documents say. See maskkeys.pyx.

from cython cimport final

from govproxy._fastpath.bytecache cimport ByteCache
from govproxy._fastpath.masknodes cimport Container, Node
from govproxy._fastpath.maskpieces cimport put_byte
from govproxy._fastpath.outbuf cimport OutBuf
from govproxy._fastpath.prf cimport PrfKey
from govproxy._fastpath.spans cimport Hits
from govproxy._fastpath.textfacts cimport is_candidate

cdef enum:
    ENTRY = 4               # bytes on the stack for one nesting

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
    cdef OutBuf made
    # What is said below a key, and whether the key itself is not to be seen.
    cdef Said find(self, const unsigned char* p, Py_ssize_t n, Said outer, bint* hidden) except -2
    cdef int alias(self, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1
    cdef bint finds_shape(self, const OutBuf* plain) except -1

    @final
    cdef inline bint has_shape(self, const OutBuf* plain) except -1:
        return is_candidate(plain.data, plain.size, plain.data + plain.size) and self.finds_shape(plain)

    # The masked form of a text leaf into ``made``; -1: it may stay as it is; 0: NULL.
    cdef int text(self, Said said, const unsigned char* p, Py_ssize_t n) except -2
    cdef bint number(self, Said said, const unsigned char* p, Py_ssize_t n) except -1

cdef class Document(Container):
    cdef KeyRules rules

cdef class Nested(Document):
    cdef OutBuf stack       # for each open object, list or element: is it an object, and what is said in it

    @final
    cdef inline int enter(self, bint is_object, Said said) except -1:
        put_byte(&self.stack, is_object)
        put_byte(&self.stack, <unsigned char>(said >> 16))
        put_byte(&self.stack, <unsigned char>(said >> 8 & 0xFF))
        return put_byte(&self.stack, <unsigned char>(said & 0xFF))

    @final
    cdef inline void leave(self) noexcept:
        self.stack.size -= ENTRY

    @final
    cdef inline bint in_object(self) noexcept:
        return self.stack.data[self.stack.size - ENTRY] != 0

    @final
    cdef inline Said said_above(self) noexcept:
        # What the outer keys have said.
        cdef const unsigned char* top
        if self.stack.size == 0:
            return self.rules.root
        top = self.stack.data + self.stack.size - 3
        return top[0] << 16 | top[1] << 8 | top[2]

cdef bint is_number(const unsigned char* p, Py_ssize_t n) noexcept nogil
