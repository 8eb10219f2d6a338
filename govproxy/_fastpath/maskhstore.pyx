"""hstore masked by its keys: texts under keys, one level deep. What keys say is maskkeys'."""

cimport cython
from libc.string cimport memcmp

from govproxy._fastpath.cursor cimport load_i32
from govproxy._fastpath.maskkeys cimport Document, Said
from govproxy._fastpath.masknodes cimport put_quoted, read_quoted
from govproxy._fastpath.maskpieces cimport put, put_byte, store_u32
from govproxy._fastpath.outbuf cimport OutBuf, outbuf_int32, outbuf_reserve


@cython.final
cdef class Pairs(Document):
    """Both wire forms of hstore."""

    cdef int take(self, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1:
        return self.take_binary(p, n, out) if self.binary else self.take_text(p, n, out)

    cdef Py_ssize_t read_part(self, const unsigned char* p, Py_ssize_t n, Py_ssize_t i) except -2:
        # A key or value in quotes at i into ``plain``; behind it, or -1.
        self.plain.size = 0
        outbuf_reserve(&self.plain, 1)
        return read_quoted(p, n, i, False, &self.plain) if i < n and p[i] == c'"' else -1

    cdef int take_text(self, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1:
        cdef Py_ssize_t i = 0
        cdef bint hidden
        cdef Said said
        cdef int kind
        while i < n:
            if i:
                if n - i < 2 or p[i] != c',' or p[i + 1] != c' ':
                    return 0
                put(out, b", ", 2)
                i += 2
            i = self.read_part(p, n, i)
            if i < 0:
                return 0
            said = self.rules.find(self.plain.data, self.plain.size, self.rules.root, &hidden)
            if hidden or self.rules.has_shape(&self.plain):
                put_byte(out, c'"')
                self.rules.alias(self.plain.data, self.plain.size, out)
                put_byte(out, c'"')
            else:
                put_quoted(self.plain.data, self.plain.size, False, out)
            if n - i < 2 or p[i] != c'=' or p[i + 1] != c'>':
                return 0
            put(out, b"=>", 2)
            i += 2
            if n - i >= 4 and memcmp(p + i, b"NULL", 4) == 0:
                put(out, b"NULL", 4)
                i += 4
                continue
            i = self.read_part(p, n, i)
            if i < 0:
                return 0
            kind = self.rules.text(said, self.plain.data, self.plain.size)
            if kind < 0:
                put_quoted(self.plain.data, self.plain.size, False, out)
            elif kind:
                put_quoted(self.rules.made.data, self.rules.made.size, False, out)
            else:
                put(out, b"NULL", 4)
        return 1

    cdef int take_binary(self, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1:
        # Number of pairs, then length-prefixed key and value of each; a value of length -1 is NULL.
        cdef Py_ssize_t at = 4
        cdef Py_ssize_t place
        cdef int left
        cdef int size
        cdef Said said
        cdef int kind
        cdef bint hidden
        if n < 4:
            return 0
        left = load_i32(p)
        put(out, p, 4)
        while left > 0:
            left -= 1
            if n - at < 4:
                return 0
            size = load_i32(p + at)
            at += 4
            if size < 0 or size > n - at:
                return 0
            self.plain.size = 0
            outbuf_reserve(&self.plain, 1)
            put(&self.plain, p + at, size)
            at += size
            said = self.rules.find(self.plain.data, self.plain.size, self.rules.root, &hidden)
            place = out.size
            outbuf_int32(out, size)
            if hidden or self.rules.has_shape(&self.plain):
                self.rules.alias(self.plain.data, self.plain.size, out)
                store_u32(out.data + place, <unsigned int>(out.size - place - 4))
            else:
                put(out, self.plain.data, self.plain.size)
            if n - at < 4:
                return 0
            size = load_i32(p + at)
            at += 4
            place = out.size
            outbuf_int32(out, -1)
            if size == -1:
                continue
            if size < 0 or size > n - at:
                return 0
            kind = self.rules.text(said, p + at, size)
            if kind < 0:
                put(out, p + at, size)
            elif kind:
                put(out, self.rules.made.data, self.rules.made.size)
            if kind:
                store_u32(out.data + place, <unsigned int>(out.size - place - 4))
            at += size
        return 1 if left == 0 and at == n else 0
