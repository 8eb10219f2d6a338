"""Values made of other values, masked part by part: arrays, composites, ranges, and what is in them.

A plan becomes a tree of nodes: leaves mask a value of one type, the others take the wire form of theirs apart and put
it together again: same bounds and dimensions, same fields, NULLs where they were. What does not
read as exactly the form its type has is not taken: what stands for the whole value is sent then.
Forms: ``array_out``, ``record_out``, ``range_out``, ``multirange_out`` and their ``_send`` functions in
PostgreSQL's sources.

Security: no byte of a part comes out but through that part's own node.
"""

cimport cython
from libc.string cimport memcmp, memset

from govproxy._fastpath.columnplan cimport ColumnPlan, fill_spec
from govproxy._fastpath.cursor cimport load_i32, load_u32
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
from govproxy._fastpath.maskpieces cimport fit, is_digit, lower, number_from, put, put_byte, store_u32
from govproxy._fastpath.outbuf cimport OutBuf, outbuf_free, outbuf_init, outbuf_int32
from govproxy._fastpath.prf cimport prf_value
from govproxy._fastpath.prf import subkey as _subkey
from govproxy._fastpath.spans cimport drop_kinds, hits_free
from govproxy._fastpath.textfacts cimport is_candidate

cdef enum:
    MOST_DIMENSIONS = 6     # MAXDIM
    RANGE_EMPTY = 0x01
    RANGE_NO_LOWER = 0x28   # infinite or null
    RANGE_NO_UPPER = 0x50


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


cdef class Parted(Node):
    """What arrays, records and ranges share."""

    def __cinit__(self):
        outbuf_init(&self.plain)
        outbuf_init(&self.made)

    def __dealloc__(self):
        outbuf_free(&self.plain)
        outbuf_free(&self.made)

    cdef int put_part(self, Node node, OutBuf* out) except -1:
        # Masks ``plain`` into ``made``: 1, or 0 for NULL.
        self.made.size = 0
        put_byte(&self.plain, 0)    # an empty part has no buffer of its own yet
        self.plain.size -= 1
        return node.write(self.plain.data, self.plain.size, &self.made)


cdef inline bint is_blank(unsigned char c) noexcept nogil:
    return c == c' ' or 9 <= c <= 13


cdef bint is_null_word(const unsigned char* p, Py_ssize_t n) noexcept nogil:
    return n == 4 and lower(p[0]) == c'n' and lower(p[1]) == c'u' and lower(p[2]) == c'l' and lower(p[3]) == c'l'


# ---------------------------------------------------------------- arrays

@cython.final
cdef class Array(Parted):
    """Element by element."""

    cdef int write(self, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1:
        cdef Py_ssize_t start = out.size
        if self.write_binary(p, n, out) if self.binary else self.write_text(p, n, out):
            return 1
        return self.give_up(out, start)

    cdef int write_binary(self, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1:
        # Dimensions, has nulls, element type, (size, lower bound) per dimension, then length-prefixed elements.
        cdef Py_ssize_t start = out.size
        cdef Py_ssize_t at
        cdef Py_ssize_t place
        cdef long long expected = 1
        cdef int dimensions
        cdef int size
        cdef int i
        cdef Node node = self.parts[0]
        if n < 12:
            return 0
        dimensions = load_i32(p)
        if not 0 <= dimensions <= MOST_DIMENSIONS or n < 12 + 8 * dimensions:
            return 0
        if load_u32(p + 8) != <unsigned int>self.oids[0]:
            return 0
        for i in range(dimensions):
            size = load_i32(p + 12 + 8 * i)
            if size < 0:
                return 0
            expected *= size
            if expected > n:
                return 0
        if dimensions == 0:
            expected = 0
        at = 12 + 8 * dimensions
        put(out, p, at)
        while at < n:
            if expected == 0 or n - at < 4:
                return 0
            expected -= 1
            size = load_i32(p + at)
            at += 4
            place = out.size
            outbuf_int32(out, -1)
            if size == -1:
                continue
            if size < 0 or size > n - at:
                return 0
            if node.write(p + at, size, out):
                store_u32(out.data + place, <unsigned int>(out.size - place - 4))
            else:
                out.size = place + 4
                store_u32(out.data + start + 4, 1)      # now there is a NULL in it
            at += size
        return 1 if expected == 0 else 0

    cdef int write_text(self, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1:
        cdef Py_ssize_t i = 0
        cdef int depth = 0
        cdef bint quoted = False
        cdef bint closed = False
        if n > 0 and p[0] == c'[':
            # Bounds that do not begin at one: digits, signs and colons up to the equals sign.
            while i < n and p[i] != c'=':
                if not (is_digit(p[i]) or p[i] == c'[' or p[i] == c']' or p[i] == c':' or p[i] == c'-'):
                    return 0
                i += 1
            i += 1
            if i >= n:
                return 0
            put(out, p, i)
        while i < n:
            if closed:
                return 0
            if p[i] == c'{':
                depth += 1
                if depth > MOST_DIMENSIONS:
                    return 0
            elif depth == 0:
                return 0
            elif p[i] == c'}':
                depth -= 1
                closed = depth == 0
            elif p[i] != c',':
                i = self.read_element(p, n, i, &quoted)
                if i < 0:
                    return 0
                if not quoted and is_null_word(self.plain.data, self.plain.size):
                    put(out, b"NULL", 4)
                elif self.put_part(<Node>self.parts[0], out):
                    self.put_element(out)
                else:
                    put(out, b"NULL", 4)
                continue
            put_byte(out, p[i])
            i += 1
        return 1 if closed else 0

    cdef Py_ssize_t read_element(self, const unsigned char* p, Py_ssize_t n, Py_ssize_t i, bint* quoted) except -2:
        # Into ``plain``. Where the element ends, -1 where it does not read as one.
        self.plain.size = 0
        quoted[0] = p[i] == c'"'
        if quoted[0]:
            i += 1
            while i < n and p[i] != c'"':
                if p[i] == c'\\':
                    i += 1
                    if i == n:
                        return -1
                put_byte(&self.plain, p[i])
                i += 1
            i += 1
        else:
            while i < n and p[i] != c',' and p[i] != c'}':
                if p[i] == c'{' or p[i] == c'"' or p[i] == c'\\':
                    return -1
                put_byte(&self.plain, p[i])
                i += 1
        return i if i < n and (p[i] == c',' or p[i] == c'}') else -1

    cdef int put_element(self, OutBuf* out) except -1:
        cdef const unsigned char* p = self.made.data
        cdef Py_ssize_t n = self.made.size
        cdef Py_ssize_t i
        cdef bint quotes = n == 0 or is_null_word(p, n)
        for i in range(n):
            if (p[i] == c'"' or p[i] == c'\\' or p[i] == c'{' or p[i] == c'}' or p[i] == c',' or p[i] == c';'
                    or is_blank(p[i])):
                quotes = True
                break
        if not quotes:
            return put(out, p, n)
        put_byte(out, c'"')
        for i in range(n):
            if p[i] == c'"' or p[i] == c'\\':
                put_byte(out, c'\\')
            put_byte(out, p[i])
        return put_byte(out, c'"')


# ---------------------------------------------------------------- composites

cdef Py_ssize_t read_quoted(const unsigned char* p, Py_ssize_t n, Py_ssize_t i, OutBuf* plain) except -2:
    # A field or bound in quotes that open at i, into ``plain``; quotes inside are doubled or escaped.
    # Behind the closing quote, -1 where there is none.
    i += 1
    while i < n:
        if p[i] == c'"':
            if i + 1 == n or p[i + 1] != c'"':
                return i + 1
            i += 1
        elif p[i] == c'\\':
            i += 1
            if i == n:
                return -1
        put_byte(plain, p[i])
        i += 1
    return -1


cdef int put_quoted(const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1:
    # As record_out and range_out write a field or bound, in quotes where either would.
    cdef Py_ssize_t i
    cdef bint quotes = n == 0
    for i in range(n):
        if (p[i] == c'"' or p[i] == c'\\' or p[i] == c'(' or p[i] == c')' or p[i] == c'[' or p[i] == c']'
                or p[i] == c',' or is_blank(p[i])):
            quotes = True
            break
    if not quotes:
        return put(out, p, n)
    put_byte(out, c'"')
    for i in range(n):
        if p[i] == c'"' or p[i] == c'\\':
            put_byte(out, p[i])
        put_byte(out, p[i])
    return put_byte(out, c'"')


@cython.final
cdef class Record(Parted):
    """Field by field; number and types of the fields are those of the type."""

    cdef int write(self, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1:
        cdef Py_ssize_t start = out.size
        if self.write_binary(p, n, out) if self.binary else self.write_text(p, n, out):
            return 1
        return self.give_up(out, start)

    cdef int write_binary(self, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1:
        # Number of fields, then type and length-prefixed value of each.
        cdef Py_ssize_t at = 4
        cdef Py_ssize_t place
        cdef int size
        cdef int i
        if n < 4 or load_i32(p) != self.count:
            return 0
        put(out, p, 4)
        for i in range(self.count):
            if n - at < 8 or load_u32(p + at) != <unsigned int>self.oids[i]:
                return 0
            put(out, p + at, 4)
            size = load_i32(p + at + 4)
            at += 8
            place = out.size
            outbuf_int32(out, -1)
            if size == -1:
                continue
            if size < 0 or size > n - at:
                return 0
            if (<Node>self.parts[i]).write(p + at, size, out):
                store_u32(out.data + place, <unsigned int>(out.size - place - 4))
            else:
                out.size = place + 4
            at += size
        return 1 if at == n else 0

    cdef int write_text(self, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1:
        cdef Py_ssize_t i = 1
        cdef int field
        cdef bint present
        if n < 2 or p[0] != c'(':
            return 0
        put_byte(out, c'(')
        for field in range(self.count):
            if field:
                if i >= n or p[i] != c',':
                    return 0
                put_byte(out, c',')
                i += 1
            self.plain.size = 0
            if i < n and p[i] == c'"':
                i = read_quoted(p, n, i, &self.plain)
                if i < 0:
                    return 0
                present = True
            else:
                while i < n and p[i] != c',' and p[i] != c')':
                    if p[i] == c'"' or p[i] == c'\\' or p[i] == c'(':
                        return 0
                    put_byte(&self.plain, p[i])
                    i += 1
                present = self.plain.size > 0
            if present and self.put_part(<Node>self.parts[field], out):
                put_quoted(self.made.data, self.made.size, out)
        if i != n - 1 or p[i] != c')':
            return 0
        put_byte(out, c')')
        return 1


# ---------------------------------------------------------------- ranges

@cython.final
cdef class Range(Parted):
    """Both bounds by a masker that keeps their order; ``several`` of them in a multirange.

    A bound that cannot be masked takes the whole value with it: a range with one bound less is another range.
    """

    cdef int write(self, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1:
        cdef Py_ssize_t start = out.size
        cdef bint taken
        if self.several:
            taken = self.write_several(p, n, out)
        elif self.binary:
            taken = self.write_binary(p, n, out)
        else:
            taken = n > 0 and self.write_text(p, n, out) == n
        return 1 if taken else self.give_up(out, start)

    cdef int write_binary(self, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1:
        # Flags, then each bound that there is, length-prefixed.
        cdef Py_ssize_t at = 1
        cdef Py_ssize_t place
        cdef int size
        cdef int bound
        if n < 1:
            return 0
        put_byte(out, p[0])
        for bound in range(2):
            if p[0] & (RANGE_EMPTY | (RANGE_NO_UPPER if bound else RANGE_NO_LOWER)):
                continue
            if n - at < 4:
                return 0
            size = load_i32(p + at)
            at += 4
            if size < 0 or size > n - at:
                return 0
            place = out.size
            outbuf_int32(out, -1)
            if not (<Node>self.parts[0]).write(p + at, size, out):
                return 0
            store_u32(out.data + place, <unsigned int>(out.size - place - 4))
            at += size
        return 1 if at == n else 0

    cdef Py_ssize_t write_text(self, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1:
        # How far the range at the start reaches, 0 where there is none.
        cdef Py_ssize_t i = 1
        cdef int bound
        if n >= 5 and memcmp(p, b"empty", 5) == 0:
            put(out, p, 5)
            return 5
        if n < 3 or (p[0] != c'[' and p[0] != c'('):
            return 0
        put_byte(out, p[0])
        for bound in range(2):
            self.plain.size = 0
            if i < n and p[i] == c'"':
                i = read_quoted(p, n, i, &self.plain)
                if i < 0:
                    return 0
                if not self.put_part(<Node>self.parts[0], out):
                    return 0
                put_quoted(self.made.data, self.made.size, out)
            else:
                while i < n and p[i] != c',' and p[i] != c')' and p[i] != c']':
                    if p[i] == c'"' or p[i] == c'\\' or p[i] == c'(' or p[i] == c'[':
                        return 0
                    put_byte(&self.plain, p[i])
                    i += 1
                if self.plain.size:
                    if not self.put_part(<Node>self.parts[0], out):
                        return 0
                    put_quoted(self.made.data, self.made.size, out)
            if i >= n or not (p[i] == c',' if bound == 0 else (p[i] == c')' or p[i] == c']')):
                return 0
            put_byte(out, p[i])
            i += 1
        return i

    cdef int write_several(self, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1:
        cdef Py_ssize_t at = 4
        cdef Py_ssize_t used
        cdef Py_ssize_t place
        cdef int left
        cdef int size
        if not self.binary:
            if n < 2 or p[0] != c'{' or p[n - 1] != c'}':
                return 0
            put_byte(out, c'{')
            at = 1
            while at < n - 1:
                if at > 1:
                    if p[at] != c',':
                        return 0
                    put_byte(out, c',')
                    at += 1
                used = self.write_text(p + at, n - 1 - at, out)
                if used == 0:
                    return 0
                at += used
            put_byte(out, c'}')
            return 1
        if n < 4:
            return 0
        left = load_i32(p)
        put(out, p, 4)
        while left > 0:
            if n - at < 4:
                return 0
            size = load_i32(p + at)
            at += 4
            if size < 0 or size > n - at:
                return 0
            place = out.size
            outbuf_int32(out, -1)
            if not self.write_binary(p + at, size, out):
                return 0
            store_u32(out.data + place, <unsigned int>(out.size - place - 4))
            at += size
            left -= 1
        return 1 if left == 0 and at == n else 0


# ---------------------------------------------------------------- from plans

cdef Node node_of(ColumnPlan column):
    cdef Node node
    if column.op == "parts":
        node = _parted(column)
    elif column.op == "keys":
        node = column.rules.node(column.family, column.format)
    elif column.op == "constant" or column.op == "null":
        node = Fixed()
        node.whole = column.constant if column.op == "constant" else None
        return node
    elif column.op == "pass" or column.op == "scan":
        node = _seen(column)
    elif column.family == "enum":
        node = _labelled(column)
    else:
        node = _masked(column)
    node.whole = column.fallback
    return node


cdef Node _parted(ColumnPlan column):
    cdef Parted node
    if column.family == "array":
        node = Array()
    elif column.family == "record":
        node = Record()
    else:
        node = Range()
        (<Range>node).several = column.family == "multirange"
    node.parts = [node_of(part) for part in column.parts]
    node.oids = list(column.part_oids)
    node.count = <int>len(column.parts)
    node.binary = column.format
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
