"""JSON (RFC 8259) masked by its keys: json, and jsonb with its version byte.

What keys say is maskkeys'; which bytes are a value, and how one is written, is known here.
"""

cimport cython
from libc.string cimport memcmp

from govproxy._fastpath.maskkeys cimport Nested, Said, is_number
from govproxy._fastpath.maskpieces cimport (
    hex_digit,
    hex_value,
    is_digit,
    is_letter,
    is_space,
    put,
    put_byte,
    put_character,
)
from govproxy._fastpath.outbuf cimport OutBuf, outbuf_reserve

cdef enum Expect:
    E_VALUE
    E_VALUE_OR_END
    E_KEY
    E_KEY_OR_END
    E_COMMA_OR_END
    E_NOTHING


cdef int hex_at(const unsigned char* p, Py_ssize_t n, Py_ssize_t i) noexcept nogil:
    # Four hexadecimal digits, -1 where they are none.
    cdef int value = 0
    cdef int digit
    cdef int k
    if n - i < 4:
        return -1
    for k in range(4):
        digit = hex_value(p[i + k])
        if digit < 0:
            return -1
        value = value * 16 + digit
    return value


cdef Py_ssize_t read_string(const unsigned char* p, Py_ssize_t n, Py_ssize_t i, OutBuf* plain) except -2:
    # The string whose quote opens at i, without its escapes, into ``plain``. Behind its closing quote, or -1.
    cdef int code
    cdef int low
    cdef unsigned char c
    plain.size = 0
    outbuf_reserve(plain, 1)    # an empty string has a place as well
    i += 1
    while i < n:
        c = p[i]
        if c == c'"':
            return i + 1
        if c < 0x20:
            return -1
        i += 1
        if c != c'\\':
            put_byte(plain, c)
            continue
        if i == n:
            return -1
        c = p[i]
        i += 1
        if c == c'u':
            code = hex_at(p, n, i)
            if code < 0:
                return -1
            i += 4
            if 0xD800 <= code <= 0xDBFF and n - i >= 6 and p[i] == c'\\' and p[i + 1] == c'u':
                low = hex_at(p, n, i + 2)
                if 0xDC00 <= low <= 0xDFFF:
                    code = 0x10000 + ((code - 0xD800) << 10) + low - 0xDC00
                    i += 6
            put_character(code, plain)
        elif c == c'"' or c == c'\\' or c == c'/':
            put_byte(plain, c)
        elif c == c'b':
            put_byte(plain, 8)
        elif c == c'f':
            put_byte(plain, 12)
        elif c == c'n':
            put_byte(plain, 10)
        elif c == c'r':
            put_byte(plain, 13)
        elif c == c't':
            put_byte(plain, 9)
        else:
            return -1
    return -1


cdef int put_string(const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1:
    cdef Py_ssize_t i
    put_byte(out, c'"')
    for i in range(n):
        if p[i] == c'"' or p[i] == c'\\':
            put_byte(out, c'\\')
            put_byte(out, p[i])
        elif p[i] < 0x20:
            put(out, b"\\u00", 4)
            put_byte(out, hex_digit(p[i] >> 4))
            put_byte(out, hex_digit(p[i] & 15))
        else:
            put_byte(out, p[i])
    return put_byte(out, c'"')


@cython.final
cdef class Json(Nested):
    """json, and jsonb with its version byte."""

    cdef int take(self, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1:
        cdef Expect expect = E_VALUE
        cdef Py_ssize_t i = 0
        cdef unsigned char c
        cdef Said said = self.rules.root
        self.stack.size = 0
        if self.versioned:
            if n < 2 or p[0] != 1:      # there has been version 1 only
                return 0
            put_byte(out, 1)
            i = 1
        while i < n:
            c = p[i]
            if is_space(c):
                put_byte(out, c)
                i += 1
                continue
            if expect == E_NOTHING:
                return 0
            if expect == E_COMMA_OR_END:
                if c == c',':
                    expect = E_KEY if self.in_object() else E_VALUE
                    said = self.said_above()
                elif c == (c'}' if self.in_object() else c']'):
                    self.leave()
                    expect = E_COMMA_OR_END if self.stack.size else E_NOTHING
                else:
                    return 0
                put_byte(out, c)
                i += 1
            elif expect == E_KEY or expect == E_KEY_OR_END:
                if c == c'"':
                    said = self.said_above()
                    i = self.put_key(p, n, i, &said, out)
                    if i < 0:
                        return 0
                    expect = E_VALUE
                elif c == c'}' and expect == E_KEY_OR_END:
                    self.leave()
                    expect = E_COMMA_OR_END if self.stack.size else E_NOTHING
                    put_byte(out, c)
                    i += 1
                else:
                    return 0
            elif c == c'{' or c == c'[':
                self.enter(c == c'{', said)
                expect = E_KEY_OR_END if c == c'{' else E_VALUE_OR_END
                put_byte(out, c)
                i += 1
            elif c == c']' and expect == E_VALUE_OR_END:
                self.leave()
                expect = E_COMMA_OR_END if self.stack.size else E_NOTHING
                put_byte(out, c)
                i += 1
            else:
                i = self.put_text(p, n, i, said, out) if c == c'"' else self.put_other(p, n, i, said, out)
                if i < 0:
                    return 0
                expect = E_COMMA_OR_END if self.stack.size else E_NOTHING
        return 1 if expect == E_NOTHING else 0

    cdef Py_ssize_t put_key(self, const unsigned char* p, Py_ssize_t n, Py_ssize_t i, Said* said,
                            OutBuf* out) except -2:
        # The key at i with its colon. Behind both, -1 where they do not stand there.
        cdef bint hidden
        cdef Py_ssize_t end = read_string(p, n, i, &self.plain)
        if end < 0:
            return -1
        said[0] = self.rules.find(self.plain.data, self.plain.size, said[0], &hidden)
        if hidden or self.rules.has_shape(&self.plain):
            put_byte(out, c'"')
            self.rules.alias(self.plain.data, self.plain.size, out)
            put_byte(out, c'"')
        else:
            put(out, p + i, end - i)
        while end < n and is_space(p[end]):
            end += 1
        if end == n or p[end] != c':':
            return -1
        put_byte(out, c':')
        return end + 1

    cdef Py_ssize_t put_text(self, const unsigned char* p, Py_ssize_t n, Py_ssize_t i, Said said,
                             OutBuf* out) except -2:
        cdef Py_ssize_t end = read_string(p, n, i, &self.plain)
        cdef int kind
        if end < 0:
            return -1
        kind = self.rules.text(said, self.plain.data, self.plain.size)
        if kind < 0:
            put(out, p + i, end - i)
        elif kind:
            put_string(self.rules.made.data, self.rules.made.size, out)
        else:
            put(out, b'"***"', 5)       # a text stays a text
        return end

    cdef Py_ssize_t put_other(self, const unsigned char* p, Py_ssize_t n, Py_ssize_t i, Said said,
                              OutBuf* out) except -2:
        cdef Py_ssize_t end = i
        while end < n and (is_digit(p[end]) or is_letter(p[end]) or p[end] == c'.' or p[end] == c'+' or p[end] == c'-'):
            end += 1
        if end - i == 4 and memcmp(p + i, b"null", 4) == 0:
            put(out, b"null", 4)
        elif (end - i == 4 and memcmp(p + i, b"true", 4) == 0) or (end - i == 5 and memcmp(p + i, b"false", 5) == 0):
            if (said & 0xFFFF) == 0 and self.rules.keeps:
                put(out, p + i, end - i)
            else:
                put(out, b"false", 5)
        elif is_number(p + i, end - i):
            self.rules.number(said, p + i, end - i)
            put(out, self.rules.made.data, self.rules.made.size)
        else:
            return -1
        return end
