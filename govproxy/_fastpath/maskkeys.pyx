"""What the keys of documents say of the values below them, as the name of a column does.

The keys above one are its table; an inner key that says something counts before an outer one. Leaves of a class are
masked by it. The others become neutral ("***", 0, false), or, where the rules keep them, stay but for strong shapes in
them. Structure stays, types of leaves stay, null stays. A key that is somebody's value itself gets an alias.

The forms are read and written by maskjson, maskhstore and maskxml. Security: what is not exactly of its form is not
taken at all. Escapes are resolved before a key is looked up or a value is looked at. Nesting needs no recursion, so
depth costs nothing.
"""

cimport cython
from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.object cimport PyObject

from govproxy._fastpath.bytecache cimport ByteCache
from govproxy._fastpath.columnplan cimport ColumnPlan
from govproxy._fastpath.detectors cimport detect, write_masked
from govproxy._fastpath.masknodes cimport leaf_of
from govproxy._fastpath.maskpieces cimport is_digit, put, put_byte, put_hex
from govproxy._fastpath.outbuf cimport OutBuf, outbuf_free, outbuf_init
from govproxy._fastpath.prf cimport prf_key, prf_value
from govproxy._fastpath.spans cimport hits_free
from govproxy._fastpath.textfacts cimport is_candidate

cdef enum:
    LONGEST_KEY = 64        # longer ones are no names
    CACHE_BYTES = 1 << 18
    MOST_FRESH = 2000       # keys that are judged by one plan; further ones say nothing
    MOST_LEAVES = 0xFFFE

cdef const unsigned char* STARS = b"***"


@cython.final
cdef class Leaf:
    """How values of one class are masked where they are leaves: texts, and numbers in text form."""

    def __init__(self, ColumnPlan text not None, ColumnPlan number not None):
        self.text = leaf_of(text)
        self.number = leaf_of(number)


@cython.final
cdef class KeyFact:
    """What a key says: the ``leaf`` of its class or None, whether it is ``hidden``, and what is ``about`` below it.

    That is a number of the judge's own, 1 to 255, or -1 where the key says nothing of the kind.
    """

    def __init__(self, leaf=None, *, bint hidden=False, int about=-1):
        if leaf is not None and not isinstance(leaf, Leaf):
            raise TypeError("not a leaf")
        if not (about == -1 or 1 <= about <= 255):
            raise ValueError("1 to 255, or -1")
        self.leaf = leaf
        self.hidden = hidden
        self.about = about
        self.number = -1


@cython.final
cdef class KeyRules:
    """What keys say. ``judge`` is asked once for each key, as text without escapes, and answers with a KeyFact.

    It is told what the nearest key above that said something is about, 0 where none did.

    ``root`` is the leaf of what stands under no key that says something, None for none; ``keeps``: leaves of
    no class stay. ``key`` has 32 bytes and makes the aliases of keys that are not to be seen.
    """

    def __init__(self, judge, *, bytes key not None, root=None, bint keeps=False):
        self.judge = judge
        self.leaves = []
        self.numbers = {}
        self.keeps = keeps
        self.root = 0
        self.known = ByteCache(CACHE_BYTES)
        self.fresh = 0
        prf_key(&self.key, key)
        if root is not None:
            self.leaves.append(<Leaf?>root)
            self.numbers[id(root)] = 0
            self.root = 1

    def __cinit__(self):
        self.hits.items = NULL
        self.hits.size = 0
        self.hits.capacity = 0
        outbuf_init(&self.made)

    def __dealloc__(self):
        hits_free(&self.hits)
        outbuf_free(&self.made)

    cdef Said find(self, const unsigned char* p, Py_ssize_t n, Said outer, bint* hidden) except -2:
        cdef PyObject* borrowed
        cdef KeyFact fact
        cdef bytes key
        cdef int about = outer >> 16
        hidden[0] = False
        if n > LONGEST_KEY:
            hidden[0] = True
            return outer
        borrowed = self.known.find(about, p, n)
        if borrowed != NULL:
            fact = <KeyFact>borrowed
        elif self.fresh >= MOST_FRESH:
            # Security: a map from somebody's numbers or names to values; its keys are not shown unjudged.
            hidden[0] = True
            return outer
        else:
            self.fresh += 1
            key = PyBytes_FromStringAndSize(<const char*>p, n)
            fact = self.judge(key.decode("utf-8", "replace"), about)
            if fact.leaf is not None:
                if id(fact.leaf) not in self.numbers:
                    if len(self.leaves) == MOST_LEAVES:
                        raise OverflowError("more leaves than there can be classes")
                    self.numbers[id(fact.leaf)] = len(self.leaves)
                    self.leaves.append(fact.leaf)
                fact.number = self.numbers[id(fact.leaf)]
            self.known.add(about, key, fact, 64)
        hidden[0] = fact.hidden
        if fact.number >= 0:
            outer = (outer & ~0xFFFF) | (fact.number + 1)
        if fact.about >= 0:
            outer = (outer & 0xFFFF) | (fact.about << 16)
        return outer

    cdef bint finds_shape(self, const OutBuf* plain) except -1:
        detect(plain.data, plain.size, &self.hits)
        return self.hits.size > 0

    cdef int alias(self, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1:
        # Plain letters and digits, different for different keys.
        cdef unsigned char[16] tag
        prf_value(&self.key, p, n, tag)
        put(out, b"k_", 2)
        return put_hex(out, tag, 6)

    cdef int text(self, Said said, const unsigned char* p, Py_ssize_t n) except -2:
        cdef int leaf = (said & 0xFFFF) - 1
        self.made.size = 0
        if leaf >= 0:
            return (<Leaf>self.leaves[leaf]).text.write(p, n, &self.made)
        if not self.keeps:
            put(&self.made, STARS, 3)
            return 1
        if is_candidate(p, n, p + n):
            detect(p, n, &self.hits)
            if self.hits.size:
                write_masked(p, n, &self.hits, False, &self.made)
                return 1
        return -1

    cdef bint number(self, Said said, const unsigned char* p, Py_ssize_t n) except -1:
        # Into ``made``: the masked number, 0 where there is none, or the number itself.
        cdef int leaf = (said & 0xFFFF) - 1
        cdef bint stays = False
        self.made.size = 0
        if leaf >= 0:
            stays = (<Leaf>self.leaves[leaf]).number.write(p, n, &self.made) == 1
            stays = stays and is_number(self.made.data, self.made.size)
        elif self.keeps:
            self.hits.size = 0
            if is_candidate(p, n, p + n):
                detect(p, n, &self.hits)
            stays = self.hits.size == 0
            put(&self.made, p, n)
        if not stays:
            self.made.size = 0
            put_byte(&self.made, c'0')
        return True


cdef bint is_number(const unsigned char* p, Py_ssize_t n) noexcept nogil:
    # The grammar of a number in JSON.
    cdef Py_ssize_t i = 0
    if n and p[0] == c'-':
        i = 1
    if i == n or not is_digit(p[i]):
        return False
    if p[i] == c'0':
        i += 1
    else:
        while i < n and is_digit(p[i]):
            i += 1
    if i < n and p[i] == c'.':
        i += 1
        if i == n or not is_digit(p[i]):
            return False
        while i < n and is_digit(p[i]):
            i += 1
    if i < n and p[i] | 0x20 == c'e':
        i += 1
        if i < n and (p[i] == c'+' or p[i] == c'-'):
            i += 1
        if i == n or not is_digit(p[i]):
            return False
        while i < n and is_digit(p[i]):
            i += 1
    return i == n


# ---------------------------------------------------------------- documents

cdef class Document(Container):
    """A document whose keys the rules judge."""


cdef class Nested(Document):
    """One with documents inside."""

    def __cinit__(self):
        outbuf_init(&self.stack)

    def __dealloc__(self):
        outbuf_free(&self.stack)
