# Small inline pieces the maskers share: classes of bytes, what is written in the end, fitting a column.

from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.stdio cimport snprintf
from libc.string cimport memcpy

from govproxy._fastpath.cursor cimport load_u32
from govproxy._fastpath.maskers cimport MaskSpec
from govproxy._fastpath.outbuf cimport OutBuf, outbuf_int32, outbuf_reserve


cdef inline int put(OutBuf* out, const void* data, Py_ssize_t size) except -1 nogil:
    # outbuf_append without the call: most pieces are a few bytes.
    if size > out.capacity - out.size:
        outbuf_reserve(out, size)
    if size:
        memcpy(out.data + out.size, data, <size_t>size)
    out.size += size
    return 0


cdef inline int put_byte(OutBuf* out, unsigned char value) except -1 nogil:
    if out.size == out.capacity:
        outbuf_reserve(out, 1)
    out.data[out.size] = value
    out.size += 1
    return 0


cdef inline bint is_digit(unsigned char c) noexcept nogil:
    return 48 <= c <= 57


cdef inline bint is_letter(unsigned char c) noexcept nogil:
    return 97 <= (c | 0x20) <= 122


cdef inline bint is_word(unsigned char c) noexcept nogil:
    # Bytes of multi-byte characters count as letters.
    return is_digit(c) or is_letter(c) or c >= 0x80


cdef inline unsigned char lower(unsigned char c) noexcept nogil:
    return c | 0x20 if 65 <= c <= 90 else c


cdef inline bint is_space(unsigned char c) noexcept nogil:
    # As JSON and XML have it.
    return c == c' ' or c == c'\n' or c == c'\t' or c == c'\r'


cdef inline int fall_back(const MaskSpec* spec, OutBuf* out, Py_ssize_t start) except -1 nogil:
    # Whatever was begun is taken back.
    out.size = start
    if spec.fallback_size < 0:
        return 0
    put(out, spec.fallback, spec.fallback_size)
    return 1


cdef inline int fit(const MaskSpec* spec, OutBuf* out, Py_ssize_t start) except -1 nogil:
    # Cuts to the column's length in characters and pads bpchar; never inside a UTF-8 character.
    cdef Py_ssize_t i = start
    cdef Py_ssize_t count = 0
    if spec.limit >= 0 and out.size - start > spec.limit:
        while i < out.size:
            if out.data[i] & 0xC0 != 0x80:
                if count == spec.limit:
                    break
                count += 1
            i += 1
        out.size = i
    if spec.pad >= 0:
        count = 0
        for i in range(start, out.size):
            if out.data[i] & 0xC0 != 0x80:
                count += 1
        while count < spec.pad:
            put_byte(out, c' ')
            count += 1
    return 1


cdef inline int luhn_sum(const unsigned char* digits, int n) noexcept nogil:
    # Modulo 10, of values 0 to 9; 0 says that the last digit is right.
    cdef int total = 0
    cdef int i
    cdef int digit
    for i in range(n):
        digit = digits[i]
        if (n - i) & 1 == 0:
            digit = 2 * digit - (9 if digit > 4 else 0)
        total += digit
    return total % 10


cdef inline void store_u32(unsigned char* p, uint32_t value) noexcept nogil:
    p[0] = <unsigned char>(value >> 24)
    p[1] = <unsigned char>((value >> 16) & 0xFF)
    p[2] = <unsigned char>((value >> 8) & 0xFF)
    p[3] = <unsigned char>(value & 0xFF)


cdef inline unsigned char hex_digit(int value) noexcept nogil:
    return <unsigned char>(48 + value if value < 10 else 87 + value)


cdef inline int hex_value(unsigned char c) noexcept nogil:
    # -1 for what is no digit.
    if is_digit(c):
        return c - 48
    c |= 0x20
    return c - 87 if 97 <= c <= 102 else -1


cdef inline int put_hex(OutBuf* out, const unsigned char* data, Py_ssize_t size) except -1 nogil:
    cdef Py_ssize_t i
    outbuf_reserve(out, 2 * size)
    for i in range(size):
        put_byte(out, hex_digit(data[i] >> 4))
        put_byte(out, hex_digit(data[i] & 15))
    return 0


cdef inline int put_character(int code, OutBuf* out) except -1 nogil:
    # In UTF-8; half a pair, which no text can hold, becomes a question mark.
    if code < 0x80:
        return put_byte(out, <unsigned char>code)
    if code < 0x800:
        put_byte(out, <unsigned char>(0xC0 | code >> 6))
        return put_byte(out, <unsigned char>(0x80 | code & 0x3F))
    if 0xD800 <= code <= 0xDFFF:
        return put_byte(out, c'?')
    if code >= 0x10000:
        put_byte(out, <unsigned char>(0xF0 | code >> 18))
        put_byte(out, <unsigned char>(0x80 | (code >> 12 & 0x3F)))
    else:
        put_byte(out, <unsigned char>(0xE0 | code >> 12))
    put_byte(out, <unsigned char>(0x80 | (code >> 6 & 0x3F)))
    return put_byte(out, <unsigned char>(0x80 | code & 0x3F))


cdef inline uint64_t number_from(const unsigned char* tag) noexcept nogil:
    cdef uint64_t value = 0
    cdef int i
    for i in range(8):
        value = (value << 8) | tag[i]
    return value


cdef inline int put_decimal(OutBuf* out, int64_t value) except -1 nogil:
    cdef char[24] text
    cdef int size = snprintf(text, 24, "%lld", <long long>value)
    return put(out, text, size)


cdef inline int put_name(OutBuf* out, const char* name) except -1 nogil:
    cdef Py_ssize_t i = 0
    while name[i]:
        put_byte(out, <unsigned char>name[i])
        i += 1
    return 0


cdef inline int put_int64(OutBuf* out, int64_t value) except -1 nogil:
    outbuf_int32(out, <long>((<uint64_t>value) >> 32))
    return outbuf_int32(out, <long><uint32_t><uint64_t>value)


cdef inline int64_t load_i64(const unsigned char* p) noexcept nogil:
    return <int64_t>((<uint64_t>load_u32(p) << 32) | load_u32(p + 4))
