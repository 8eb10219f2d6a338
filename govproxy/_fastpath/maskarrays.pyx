"""Arrays whose elements are masked one by one: same bounds, same dimensions, NULLs where they were.

In text the literal of ``array_out``, quotes and backslashes included; in binary what ``array_send``
writes. What does not read as an array of the declared elements is not taken: the caller then sends
what stands for the whole value.
"""

from govproxy._fastpath.cursor cimport load_i32, load_u32
from govproxy._fastpath.ff1 cimport Ff1
from govproxy._fastpath.maskers cimport MaskSpec, mask_value
from govproxy._fastpath.maskfpe cimport FpeLanes, fpe_settle, mask_fpe
from govproxy._fastpath.maskpieces cimport lower, put, put_byte, store_u32
from govproxy._fastpath.outbuf cimport OutBuf, outbuf_free, outbuf_init, outbuf_int32

cdef enum:
    MOST_DIMENSIONS = 6     # MAXDIM


cdef void array_room_init(ArrayRoom* room) noexcept nogil:
    outbuf_init(&room.plain)
    outbuf_init(&room.made)


cdef void array_room_free(ArrayRoom* room) noexcept nogil:
    outbuf_free(&room.plain)
    outbuf_free(&room.made)


cdef int mask_element(const MaskSpec* spec, Ff1 cipher, FpeLanes* lanes, const unsigned char* p, Py_ssize_t n,
                      OutBuf* out) except -1:
    # 1, or 0 for NULL.
    if cipher is not None and mask_fpe(cipher, spec, p, n, out, lanes):
        fpe_settle(cipher, lanes, out)
        return 1
    return mask_value(spec, p, n, out)


cdef int mask_binary(const MaskSpec* spec, Ff1 cipher, FpeLanes* lanes, unsigned int element_oid,
                     const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1:
    # Dimensions, has nulls, element type, (size, lower bound) per dimension, then length-prefixed elements.
    cdef Py_ssize_t start = out.size
    cdef Py_ssize_t at
    cdef Py_ssize_t place
    cdef long long expected = 1
    cdef int dimensions
    cdef int size
    cdef int i
    if n < 12:
        return 0
    dimensions = load_i32(p)
    if not 0 <= dimensions <= MOST_DIMENSIONS or load_u32(p + 8) != element_oid or n < 12 + 8 * dimensions:
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
        if mask_element(spec, cipher, lanes, p + at, size, out):
            store_u32(out.data + place, <unsigned int>(out.size - place - 4))
        else:
            out.size = place + 4
            store_u32(out.data + start + 4, 1)      # now there is a NULL in it
        at += size
    return 1 if expected == 0 else 0


cdef bint needs_quotes(const unsigned char* p, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    if n == 0 or is_null(p, n):
        return True
    for i in range(n):
        if (p[i] == c'"' or p[i] == c'\\' or p[i] == c'{' or p[i] == c'}' or p[i] == c',' or p[i] == c';'
                or p[i] == c' ' or 9 <= p[i] <= 13):
            return True
    return False


cdef bint is_null(const unsigned char* p, Py_ssize_t n) noexcept nogil:
    return n == 4 and lower(p[0]) == c'n' and lower(p[1]) == c'u' and lower(p[2]) == c'l' and lower(p[3]) == c'l'


cdef int put_element(const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1:
    cdef Py_ssize_t i
    if not needs_quotes(p, n):
        return put(out, p, n)
    put_byte(out, c'"')
    for i in range(n):
        if p[i] == c'"' or p[i] == c'\\':
            put_byte(out, c'\\')
        put_byte(out, p[i])
    return put_byte(out, c'"')


cdef int mask_literal(const MaskSpec* spec, Ff1 cipher, FpeLanes* lanes, const unsigned char* p, Py_ssize_t n,
                      OutBuf* out, ArrayRoom* room) except -1:
    cdef Py_ssize_t i = 0
    cdef int depth = 0
    cdef bint quoted
    cdef bint closed = False
    if n > 0 and p[0] == c'[':
        # Bounds that do not begin at one: digits, signs and colons up to the equals sign.
        while i < n and p[i] != c'=':
            if not (48 <= p[i] <= 57 or p[i] == c'[' or p[i] == c']' or p[i] == c':' or p[i] == c'-'):
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
            put_byte(out, p[i])
            i += 1
            continue
        if depth == 0:
            return 0
        if p[i] == c'}':
            depth -= 1
            closed = depth == 0
            put_byte(out, p[i])
            i += 1
            continue
        if p[i] == c',':
            put_byte(out, p[i])
            i += 1
            continue
        room.plain.size = 0
        quoted = p[i] == c'"'
        if quoted:
            i += 1
            while i < n and p[i] != c'"':
                if p[i] == c'\\':
                    i += 1
                    if i == n:
                        return 0
                put_byte(&room.plain, p[i])
                i += 1
            if i == n:
                return 0
            i += 1
        else:
            while i < n and p[i] != c',' and p[i] != c'}':
                if p[i] == c'{' or p[i] == c'"' or p[i] == c'\\':
                    return 0
                put_byte(&room.plain, p[i])
                i += 1
        if i == n or (p[i] != c',' and p[i] != c'}'):
            return 0
        if not quoted and is_null(room.plain.data, room.plain.size):
            put(out, b"NULL", 4)
            continue
        room.made.size = 0
        # An empty element has no buffer of its own yet.
        put_byte(&room.plain, 0)
        if mask_element(spec, cipher, lanes, room.plain.data, room.plain.size - 1, &room.made):
            put_element(room.made.data, room.made.size, out)
        else:
            put(out, b"NULL", 4)
    return 1 if closed else 0


cdef int mask_array(const MaskSpec* spec, Ff1 cipher, FpeLanes* lanes, unsigned int element_oid,
                    const unsigned char* p, Py_ssize_t n, OutBuf* out, ArrayRoom* room) except -1:
    cdef Py_ssize_t start = out.size
    cdef int taken
    if spec.binary:
        taken = mask_binary(spec, cipher, lanes, element_oid, p, n, out)
    else:
        taken = mask_literal(spec, cipher, lanes, p, n, out, room)
    if not taken:
        out.size = start
    return taken
