"""How one value is masked, as a node of a tree: the leaves, and what all that hold others have in common.

A value that holds others is taken apart and put together again by its own module (arrays, composites and ranges:
maskparts; documents: maskjson, maskhstore, maskxml); ``masktree`` makes the tree of a plan.

Security: no byte of a part comes out but through that part's own node. What does not read as exactly the form that
its type has is not taken: what stands for the whole value is sent then.
"""

cimport cython
from libc.string cimport memset

from govproxy._fastpath.columnplan cimport ColumnPlan, fill_spec
from govproxy._fastpath.cursor cimport load_i32
from govproxy._fastpath.detectors cimport detect, is_structured, write_masked
from govproxy._fastpath.ff1 cimport Ff1
from govproxy._fastpath.maskers cimport (
    F_ARRAY,
    F_BYTEA,
    F_JSON,
    F_JSONB,
    F_RECORD,
    F_TEXT,
    OP_FPE,
    OP_PSEUDONYM,
    mask_value,
)
from govproxy._fastpath.maskfpe cimport fpe_settle, mask_fpe
from govproxy._fastpath.maskpieces cimport fit, number_from, put, put_byte, store_u32
from govproxy._fastpath.outbuf cimport OutBuf, outbuf_free, outbuf_init, outbuf_int32
from govproxy._fastpath.prf cimport prf_value
from govproxy._fastpath.prf import subkey as _subkey
from govproxy._fastpath.spans cimport drop_kinds, hits_free
from govproxy._fastpath.textfacts cimport is_candidate


cdef class Node:
    """How one value is masked. Immutable but for its scratch space, so that one node serves one value at a time."""

    cdef int write(self, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1:
        raise AssertionError("a node that masks nothing")

    cdef int give_up(self, OutBuf* out, Py_ssize_t start) except -1:
        # Whatever was begun is taken back.
        cdef const unsigned char* view
        out.size = start
        if self.whole is None:
            return 0
        view = self.whole
        put(out, view, len(self.whole))
        return 1


@cython.final
cdef class Fixed(Node):
    """The same for every value: a constant, or NULL."""

    cdef int write(self, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1:
        return self.give_up(out, out.size)


@cython.final
cdef class Seen(Node):
    """A value that may be seen, apart from strong shapes in it."""

    def __cinit__(self):
        self.hits.items = NULL
        self.hits.size = 0
        self.hits.capacity = 0

    def __dealloc__(self):
        hits_free(&self.hits)

    cdef int write(self, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1:
        cdef Py_ssize_t start = out.size
        if not self.looks:
            pass
        elif self.hex_form:
            # bytea in text: the bytes behind the digits would have to be looked at. Long ones are not shown.
            if n > 2 + 2 * 15:
                return self.give_up(out, start)
        elif is_candidate(p, n, p + n):
            detect(p, n, &self.hits)
            drop_kinds(&self.hits, self.shown)
            if self.hits.size:
                if self.opaque:
                    return self.give_up(out, start)
                write_masked(p, n, &self.hits, self.structured or is_structured(p, n), out)
                return fit(&self.spec, out, start)
        put(out, p, n)
        return 1


@cython.final
cdef class Masked(Node):
    """A value of a single type, by a masker."""

    cdef int write(self, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1:
        if self.cipher is not None and mask_fpe(self.cipher, &self.spec, p, n, out, &self.lanes):
            fpe_settle(self.cipher, &self.lanes, out)
            return 1
        return mask_value(&self.spec, p, n, out)

    def __dealloc__(self):
        memset(&self.spec, 0, sizeof(self.spec))    # Security: holds key state
        memset(&self.lanes, 0, sizeof(self.lanes))


@cython.final
cdef class Labelled(Node):
    """A label of an enum, by another one of the same type that follows from it."""

    cdef int write(self, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1:
        cdef unsigned char[16] tag
        cdef bytes label = p[:n]
        cdef const unsigned char* view
        cdef Py_ssize_t count = len(self.labels)
        cdef Py_ssize_t chosen
        # Security: of two labels the other one would say which it was.
        if count < 3 or label not in self.labels:
            return self.give_up(out, out.size)
        prf_value(&self.spec.key, p, n, tag)
        chosen = <Py_ssize_t>(number_from(tag) % <unsigned long long>(count - 1))
        if chosen >= self.labels.index(label):
            chosen += 1
        label = self.labels[chosen]
        view = label
        put(out, view, len(label))
        return 1

    def __dealloc__(self):
        memset(&self.spec, 0, sizeof(self.spec))    # Security: holds key state


cdef class Container(Node):
    """A value that holds others. ``take`` gives 1, or 0 where the value does not read as its type."""

    def __cinit__(self):
        outbuf_init(&self.plain)

    def __dealloc__(self):
        outbuf_free(&self.plain)

    cdef int write(self, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1:
        cdef Py_ssize_t start = out.size
        return 1 if self.take(p, n, out) else self.give_up(out, start)

    cdef int take(self, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1:
        raise AssertionError("a container of nothing")


# ---------------------------------------------------------------- pieces of their forms

cdef Py_ssize_t put_sized(Node node, const unsigned char* p, Py_ssize_t n, Py_ssize_t at, OutBuf* out,
                          bint* is_null) except -2:
    # The value at ``at``, masked, with its size before it as there. Behind it, -1 where none stands there.
    cdef Py_ssize_t place = out.size
    cdef int size
    if n - at < 4:
        return -1
    size = load_i32(p + at)
    at += 4
    outbuf_int32(out, -1)
    is_null[0] = size == -1
    if size == -1:
        return at
    if size < 0 or size > n - at:
        return -1
    if node.write(p + at, size, out):
        store_u32(out.data + place, <unsigned int>(out.size - place - 4))
    else:
        out.size = place + 4
        is_null[0] = True
    return at + size


cdef Py_ssize_t read_quoted(const unsigned char* p, Py_ssize_t n, Py_ssize_t i, bint doubled, OutBuf* plain) except -2:
    # What stands in quotes that open at i, onto ``plain``: escaped by a backslash or, if ``doubled``, also by itself.
    # Behind the closing quote, -1 where there is none.
    i += 1
    while i < n:
        if p[i] == c'"':
            if not doubled or i + 1 == n or p[i + 1] != c'"':
                return i + 1
            i += 1
        elif p[i] == c'\\':
            i += 1
            if i == n:
                return -1
        put_byte(plain, p[i])
        i += 1
    return -1


cdef int put_quoted(const unsigned char* p, Py_ssize_t n, bint doubled, OutBuf* out) except -1:
    cdef Py_ssize_t i
    put_byte(out, c'"')
    for i in range(n):
        if p[i] == c'"' or p[i] == c'\\':
            put_byte(out, p[i] if doubled else c'\\')
        put_byte(out, p[i])
    return put_byte(out, c'"')


# ---------------------------------------------------------------- from plans

cdef Node leaf_of(ColumnPlan column):
    cdef Node node
    if column.op == "constant" or column.op == "null":
        node = Fixed()
        node.whole = column.constant if column.op == "constant" else None
        return node
    if column.op == "pass" or column.op == "scan":
        node = _seen(column)
    elif column.family == "enum":
        node = _labelled(column)
    else:
        node = _masked(column)
    node.whole = column.fallback
    return node


cdef Node _seen(ColumnPlan column):
    cdef Seen node = Seen()
    cdef int family
    fill_spec(column, &node.spec, [])
    node.spec.fallback_size = -1
    family = node.spec.family
    node.looks = column.op == "scan"
    node.shown = column.shown
    node.structured = family == F_JSON or family == F_JSONB
    node.hex_form = family == F_BYTEA and not column.format
    node.opaque = column.format and not (node.structured or family == F_TEXT or family == F_BYTEA)
    if column.format and (family == F_ARRAY or family == F_RECORD):
        raise ValueError("an array or record is looked at part by part")
    return node


cdef Node _masked(ColumnPlan column):
    cdef Masked node = Masked()
    node.owned = []
    fill_spec(column, &node.spec, node.owned)
    memset(&node.lanes, 0, sizeof(node.lanes))
    if node.spec.op == OP_FPE:
        node.cipher = Ff1(_subkey(column.key, b"ff1"))
        node.spec.op = OP_PSEUDONYM
    return node


cdef Node _labelled(ColumnPlan column):
    cdef Labelled node = Labelled()
    node.owned = []
    fill_spec(column, &node.spec, node.owned)
    node.labels = column.labels
    return node
