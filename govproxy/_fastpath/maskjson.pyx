"""JSON with its structure and keys kept and every leaf replaced by a neutral one of the same type.

A string becomes "***", a number 0, a boolean false; null stays. Keys in which a strong shape stands
are replaced as well. Only structure, white space and what is written here comes out: bytes that are
not JSON make the whole value fail. Nesting needs no stack, so depth costs nothing.
"""

from libc.string cimport memcmp

from govproxy._fastpath.detectors cimport Hits, detect, hits_free
from govproxy._fastpath.maskpieces cimport is_digit, put, put_byte
from govproxy._fastpath.outbuf cimport OutBuf
from govproxy._fastpath.textfacts cimport is_candidate


cdef inline bint is_space(unsigned char c) noexcept nogil:
    return c == c' ' or c == c'\n' or c == c'\t' or c == c'\r'


cdef Py_ssize_t string_end(const unsigned char* p, Py_ssize_t n, Py_ssize_t i) noexcept nogil:
    # Behind the closing quote of the string that opens at i, -1 when it does not close.
    i += 1
    while i < n:
        if p[i] == c'"':
            return i + 1
        i += 2 if p[i] == c'\\' else 1
    return -1


cdef bint holds_shape(const unsigned char* p, Py_ssize_t n) except -1 nogil:
    cdef Hits hits
    cdef bint found
    if not is_candidate(p, n, p + n):
        return False
    hits.items = NULL
    hits.size = 0
    hits.capacity = 0
    detect(p, n, &hits)
    found = hits.size > 0
    hits_free(&hits)
    return found


cdef int mask_leaves(const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1 nogil:
    cdef Py_ssize_t i = 0
    cdef Py_ssize_t end
    cdef Py_ssize_t after
    cdef unsigned char c
    cdef bint any_token = False
    while i < n:
        c = p[i]
        if c == c'{' or c == c'}' or c == c'[' or c == c']' or c == c':' or c == c',' or is_space(c):
            any_token = any_token or not is_space(c)
            put_byte(out, c)
            i += 1
            continue
        any_token = True
        if c == c'"':
            end = string_end(p, n, i)
            if end < 0:
                return 0
            after = end
            while after < n and is_space(p[after]):
                after += 1
            if after < n and p[after] == c':' and not holds_shape(p + i + 1, end - i - 2):
                put(out, p + i, end - i)
            else:
                put(out, b'"***"', 5)
            i = end
        elif c == c'-' or is_digit(c):
            end = i + 1
            while end < n and (is_digit(p[end]) or p[end] == c'.' or p[end] == c'e' or p[end] == c'E'
                               or p[end] == c'+' or p[end] == c'-'):
                end += 1
            put_byte(out, c'0')
            i = end
        elif n - i >= 4 and memcmp(p + i, b"null", 4) == 0:
            put(out, b"null", 4)
            i += 4
        elif n - i >= 4 and memcmp(p + i, b"true", 4) == 0:
            put(out, b"false", 5)
            i += 4
        elif n - i >= 5 and memcmp(p + i, b"false", 5) == 0:
            put(out, b"false", 5)
            i += 5
        else:
            return 0
    return 1 if any_token else 0
