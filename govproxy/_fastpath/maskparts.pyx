"""Values made of parts, masked part by part: arrays, composites, ranges.

The wire form is taken apart and put together again: same bounds and dimensions, same fields, NULLs where they were.
Forms: ``array_out``, ``record_out``, ``range_out``, ``multirange_out`` and their ``_send`` functions in
PostgreSQL's sources. What they share with documents, and the rule for all of them, is masknodes'.
"""

cimport cython
from libc.string cimport memcmp

from govproxy._fastpath.cursor cimport load_i32, load_u32
from govproxy._fastpath.masknodes cimport Node, put_quoted, put_sized, read_quoted
from govproxy._fastpath.maskpieces cimport is_digit, lower, put, put_byte, store_u32
from govproxy._fastpath.outbuf cimport OutBuf, outbuf_free, outbuf_init, outbuf_int32

cdef enum:
    MOST_DIMENSIONS = 6     # MAXDIM
    RANGE_EMPTY = 0x01
    RANGE_NO_LOWER = 0x28   # infinite or null
    RANGE_NO_UPPER = 0x50


cdef class Parted(Container):
    """What arrays, records and ranges share."""

    def __cinit__(self):
        outbuf_init(&self.made)

    def __dealloc__(self):
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

    cdef int take(self, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1:
        return self.take_binary(p, n, out) if self.binary else self.take_text(p, n, out)

    cdef int take_binary(self, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1:
        # Dimensions, has nulls, element type, (size, lower bound) per dimension, then length-prefixed elements.
        cdef Py_ssize_t start = out.size
        cdef Py_ssize_t at
        cdef long long expected = 1
        cdef int dimensions
        cdef int size
        cdef int i
        cdef bint is_null
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
            at = put_sized(node, p, n, at, out, &is_null)
            if expected == 0 or at < 0:
                return 0
            expected -= 1
            if is_null:
                store_u32(out.data + start + 4, 1)      # if not before, now there is a NULL in it
        return 1 if expected == 0 else 0

    cdef int take_text(self, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1:
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
            i = read_quoted(p, n, i, False, &self.plain)
        else:
            while i < n and p[i] != c',' and p[i] != c'}':
                if p[i] == c'{' or p[i] == c'"' or p[i] == c'\\':
                    return -1
                put_byte(&self.plain, p[i])
                i += 1
        return i if 0 <= i < n and (p[i] == c',' or p[i] == c'}') else -1

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
        return put_quoted(p, n, False, out) if quotes else put(out, p, n)


# ---------------------------------------------------------------- composites

cdef int put_field(const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1:
    # As record_out and range_out write a field or bound, in quotes where either would.
    cdef Py_ssize_t i
    cdef bint quotes = n == 0
    for i in range(n):
        if (p[i] == c'"' or p[i] == c'\\' or p[i] == c'(' or p[i] == c')' or p[i] == c'[' or p[i] == c']'
                or p[i] == c',' or is_blank(p[i])):
            quotes = True
            break
    return put_quoted(p, n, True, out) if quotes else put(out, p, n)


@cython.final
cdef class Record(Parted):
    """Field by field; number and types of the fields are those of the type."""

    cdef int take(self, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1:
        return self.take_binary(p, n, out) if self.binary else self.take_text(p, n, out)

    cdef int take_binary(self, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1:
        # Number of fields, then type and length-prefixed value of each.
        cdef Py_ssize_t at = 4
        cdef int i
        cdef bint is_null
        if n < 4 or load_i32(p) != self.count:
            return 0
        put(out, p, 4)
        for i in range(self.count):
            if n - at < 4 or load_u32(p + at) != <unsigned int>self.oids[i]:
                return 0
            put(out, p + at, 4)
            at = put_sized(<Node>self.parts[i], p, n, at + 4, out, &is_null)
            if at < 0:
                return 0
        return 1 if at == n else 0

    cdef int take_text(self, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1:
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
                i = read_quoted(p, n, i, True, &self.plain)
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
                put_field(self.made.data, self.made.size, out)
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

    cdef int take(self, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1:
        if self.several:
            return self.take_several(p, n, out) if self.binary else self.take_several_text(p, n, out)
        if self.binary:
            return self.take_binary(p, n, out)
        return n > 0 and self.take_text(p, n, out) == n

    cdef int take_binary(self, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1:
        # Flags, then each bound that there is, length-prefixed.
        cdef Py_ssize_t at = 1
        cdef int bound
        cdef bint is_null
        if n < 1:
            return 0
        put_byte(out, p[0])
        for bound in range(2):
            if p[0] & (RANGE_EMPTY | (RANGE_NO_UPPER if bound else RANGE_NO_LOWER)):
                continue
            at = put_sized(<Node>self.parts[0], p, n, at, out, &is_null)
            if at < 0 or is_null:
                return 0
        return 1 if at == n else 0

    cdef Py_ssize_t take_text(self, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1:
        # How far the range at the start reaches, 0 where there is none.
        cdef Py_ssize_t i = 1
        cdef int bound
        cdef bint present
        if n >= 5 and memcmp(p, b"empty", 5) == 0:
            put(out, p, 5)
            return 5
        if n < 3 or (p[0] != c'[' and p[0] != c'('):
            return 0
        put_byte(out, p[0])
        for bound in range(2):
            self.plain.size = 0
            present = i < n and p[i] == c'"'
            if present:
                i = read_quoted(p, n, i, True, &self.plain)
                if i < 0:
                    return 0
            else:
                while i < n and p[i] != c',' and p[i] != c')' and p[i] != c']':
                    if p[i] == c'"' or p[i] == c'\\' or p[i] == c'(' or p[i] == c'[':
                        return 0
                    put_byte(&self.plain, p[i])
                    i += 1
                present = self.plain.size > 0
            if present:
                if not self.put_part(<Node>self.parts[0], out):
                    return 0
                put_field(self.made.data, self.made.size, out)
            if i >= n or not (p[i] == c',' if bound == 0 else (p[i] == c')' or p[i] == c']')):
                return 0
            put_byte(out, p[i])
            i += 1
        return i

    cdef int take_several(self, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1:
        # How many, then each with its size before it.
        cdef Py_ssize_t at = 4
        cdef Py_ssize_t place
        cdef int left
        cdef int size
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
            if not self.take_binary(p + at, size, out):
                return 0
            store_u32(out.data + place, <unsigned int>(out.size - place - 4))
            at += size
            left -= 1
        return 1 if left == 0 and at == n else 0

    cdef int take_several_text(self, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1:
        cdef Py_ssize_t at = 1
        cdef Py_ssize_t used
        if n < 2 or p[0] != c'{' or p[n - 1] != c'}':
            return 0
        put_byte(out, c'{')
        while at < n - 1:
            if at > 1:
                if p[at] != c',':
                    return 0
                put_byte(out, c',')
                at += 1
            used = self.take_text(p + at, n - 1 - at, out)
            if used == 0:
                return 0
            at += used
        put_byte(out, c'}')
        return 1
