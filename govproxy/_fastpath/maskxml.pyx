"""XML masked by the names of its elements and attributes. What names say is maskkeys'.

Plain XML without declarations of its own; comments and instructions are left out.
"""

cimport cython
from libc.string cimport memcmp

from govproxy._fastpath.maskkeys cimport Nested, Said
from govproxy._fastpath.maskpieces cimport (
    hex_value,
    is_digit,
    is_letter,
    is_space,
    put,
    put_byte,
    put_character,
)
from govproxy._fastpath.outbuf cimport OutBuf, outbuf_reserve


cdef inline bint is_name_byte(unsigned char c) noexcept nogil:
    return is_letter(c) or is_digit(c) or c == c'_' or c == c'-' or c == c'.' or c == c':' or c >= 0x80


cdef int read_reference(const unsigned char* p, Py_ssize_t n, Py_ssize_t* i, OutBuf* plain) except -1:
    # A character reference at i. 0 for those of a document's own, and for what is none.
    cdef Py_ssize_t end = i[0] + 1
    cdef Py_ssize_t start = end
    cdef int code = 0
    cdef int digit
    cdef int base = 10
    while end < n and end - start < 10 and p[end] != c';':
        end += 1
    if end >= n or p[end] != c';' or end == start:
        return 0
    i[0] = end + 1
    if p[start] == c'#':
        start += 1
        if start < end and p[start] == c'x':
            base = 16
            start += 1
        if start == end:
            return 0
        while start < end:
            digit = hex_value(p[start])
            if not 0 <= digit < base:
                return 0
            code = code * base + digit
            if code > 0x10FFFF:
                return 0
            start += 1
        put_character(code, plain)
        return 1
    if end - start == 2 and memcmp(p + start, b"lt", 2) == 0:
        put_byte(plain, c'<')
    elif end - start == 2 and memcmp(p + start, b"gt", 2) == 0:
        put_byte(plain, c'>')
    elif end - start == 3 and memcmp(p + start, b"amp", 3) == 0:
        put_byte(plain, c'&')
    elif end - start == 4 and memcmp(p + start, b"quot", 4) == 0:
        put_byte(plain, c'"')
    elif end - start == 4 and memcmp(p + start, b"apos", 4) == 0:
        put_byte(plain, c"'")
    else:
        return 0
    return 1


cdef int put_escaped(const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1:
    cdef Py_ssize_t i
    for i in range(n):
        if p[i] == c'<':
            put(out, b"&lt;", 4)
        elif p[i] == c'>':
            put(out, b"&gt;", 4)
        elif p[i] == c'&':
            put(out, b"&amp;", 5)
        elif p[i] == c'"':
            put(out, b"&quot;", 6)
        elif p[i] >= 0x20 or is_space(p[i]):
            put_byte(out, p[i])
    return 0


cdef Py_ssize_t find_from(const unsigned char* p, Py_ssize_t n, Py_ssize_t i, const char* end, int size) noexcept nogil:
    # Where ``end`` begins, -1 nowhere.
    while n - i >= size:
        if memcmp(p + i, end, <size_t>size) == 0:
            return i
        i += 1
    return -1


@cython.final
cdef class Xml(Nested):
    """A document, or a part of one: xml holds both."""

    cdef int take(self, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1:
        cdef Py_ssize_t i = 0
        cdef Py_ssize_t end
        self.stack.size = 0
        self.plain.size = 0
        outbuf_reserve(&self.plain, 1)
        while i < n:
            if p[i] == c'&':
                if not read_reference(p, n, &i, &self.plain):
                    return 0
            elif p[i] != c'<':
                put_byte(&self.plain, p[i])
                i += 1
            elif n - i >= 4 and memcmp(p + i, b"<!--", 4) == 0:
                end = find_from(p, n, i + 4, b"-->", 3)
                if end < 0:
                    return 0
                i = end + 3
            elif n - i >= 9 and memcmp(p + i, b"<![CDATA[", 9) == 0:
                end = find_from(p, n, i + 9, b"]]>", 3)
                if end < 0:
                    return 0
                put(&self.plain, p + i + 9, end - i - 9)
                i = end + 3
            elif n - i >= 2 and p[i + 1] == c'?':
                end = find_from(p, n, i + 2, b"?>", 2)
                if end < 0:
                    return 0
                i = end + 2
            else:
                self.put_leaf(self.said_above(), out)
                i = self.put_tag(p, n, i, out)
                if i < 0:
                    return 0
        if self.stack.size:
            return 0
        self.put_leaf(self.rules.root, out)
        return 1

    cdef Py_ssize_t put_tag(self, const unsigned char* p, Py_ssize_t n, Py_ssize_t i, OutBuf* out) except -2:
        # The tag that opens at i. Behind it, -1 where it is none (a declaration, say).
        cdef Said outer
        cdef Said said
        cdef unsigned char quote
        cdef bint closing = i + 1 < n and p[i + 1] == c'/'
        put_byte(out, c'<')
        i += 1
        if closing:
            # Its name is judged, and shown, where that of the opening tag was.
            if self.stack.size == 0:
                return -1
            self.leave()
            put_byte(out, c'/')
            i += 1
        outer = self.said_above()
        i = self.put_name(p, n, i, outer, &said, out)
        while i >= 0:
            while i < n and is_space(p[i]):
                i += 1
            if i >= n:
                return -1
            if p[i] == c'>':
                put_byte(out, c'>')
                if not closing:
                    self.enter(False, said)
                return i + 1
            if p[i] == c'/' and i + 1 < n and p[i + 1] == c'>' and not closing:
                put(out, b"/>", 2)
                return i + 2
            if closing:
                return -1
            put_byte(out, c' ')
            i = self.put_name(p, n, i, said, &outer, out)
            if i < 0 or n - i < 2 or p[i] != c'=' or (p[i + 1] != c'"' and p[i + 1] != c"'"):
                return -1
            quote = p[i + 1]
            i += 2
            self.plain.size = 0
            while i < n and p[i] != quote:
                if p[i] == c'&':
                    if not read_reference(p, n, &i, &self.plain):
                        return -1
                    continue
                if p[i] == c'<':
                    return -1
                put_byte(&self.plain, p[i])
                i += 1
            if i >= n:
                return -1
            put(out, b'="', 2)
            self.put_leaf(outer, out)
            put_byte(out, c'"')
            i += 1
        return -1

    cdef Py_ssize_t put_name(self, const unsigned char* p, Py_ssize_t n, Py_ssize_t i, Said outer, Said* said,
                             OutBuf* out) except -2:
        # The name of an element or attribute at i; a prefix before a colon says nothing.
        cdef Py_ssize_t start = i
        cdef Py_ssize_t local = i
        cdef bint hidden
        while i < n and is_name_byte(p[i]):
            i += 1
            if p[i - 1] == c':':
                local = i
        if i == local:
            return -1
        said[0] = self.rules.find(p + local, i - local, outer, &hidden)
        if hidden:
            self.rules.alias(p + start, i - start, out)
        else:
            put(out, p + start, i - start)
        return i

    cdef int put_leaf(self, Said said, OutBuf* out) except -1:
        # What was collected of text; blanks between elements are structure.
        cdef Py_ssize_t i = 0
        cdef int kind
        while i < self.plain.size and is_space(self.plain.data[i]):
            i += 1
        if i == self.plain.size:
            put(out, self.plain.data, self.plain.size)
        else:
            kind = self.rules.text(said, self.plain.data, self.plain.size)
            if kind < 0:
                put_escaped(self.plain.data, self.plain.size, out)
            elif kind:
                put_escaped(self.rules.made.data, self.rules.made.size, out)
        self.plain.size = 0
        return 0
