"""Values as FF1 takes them: which digits are encrypted, what stays, and walking back into range.

A card of 16 digits keeps its first six and last four, which leaves a domain of exactly 10^6. Whole
numbers keep sign and number of digits. Values with fewer than six digits, with letters, or too long
are not taken.
"""

from libc.stdint cimport INT32_MAX, int64_t

from govproxy._fastpath.cursor cimport load_i32
from govproxy._fastpath.ff1 cimport Ff1
from govproxy._fastpath.maskers cimport F_INT4, F_INT8, F_TEXT, S_TAIL4, MaskSpec
from govproxy._fastpath.masknumbers cimport parse_int, put_int
from govproxy._fastpath.maskpieces cimport is_digit, is_word, load_i64, put
from govproxy._fastpath.outbuf cimport OutBuf

cdef enum:
    MOST_DIGITS = 36
    WALK_LIMIT = 1000

cdef int64_t WIDEST = 999999999999999999


cdef int fpe_text(Ff1 cipher, const MaskSpec* spec, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1:
    cdef unsigned char[MOST_DIGITS] digits
    cdef Py_ssize_t count = 0
    cdef Py_ssize_t head = 0
    cdef Py_ssize_t tail = 0
    cdef Py_ssize_t start = out.size
    cdef Py_ssize_t seen = 0
    cdef Py_ssize_t i
    for i in range(n):
        if is_digit(p[i]):
            if count == MOST_DIGITS:
                return 0
            digits[count] = p[i] - 48
            count += 1
        elif is_word(p[i]):
            return 0
    if spec.style == S_TAIL4 and count == 16:
        head = 6
        tail = 4
    if not cipher.takes(count - head - tail):
        return 0
    cipher.crypt(&digits[head], count - head - tail, NULL, 0, False)
    put(out, p, n)
    for i in range(start, out.size):
        if is_digit(out.data[i]):
            out.data[i] = 48 + digits[seen]
            seen += 1
    return 1


cdef int fpe_int(Ff1 cipher, const MaskSpec* spec, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1:
    cdef unsigned char[MOST_DIGITS] digits
    cdef int64_t value = 0
    cdef int64_t magnitude
    cdef int64_t left
    cdef int64_t greatest = INT32_MAX if spec.family == F_INT4 else WIDEST
    cdef int count = 0
    cdef int i
    cdef int _walked
    if not spec.binary:
        if not parse_int(p, n, &value):
            return 0
    elif spec.family == F_INT4 and n == 4:
        value = load_i32(p)
    elif spec.family == F_INT8 and n == 8:
        value = load_i64(p)
    else:
        return 0
    if value < -greatest or value > greatest:
        return 0
    magnitude = value if value >= 0 else -value
    left = magnitude
    while left:
        count += 1
        left = left // 10
    if not cipher.takes(count):
        return 0
    for i in range(count):
        digits[count - 1 - i] = <unsigned char>(magnitude % 10)
        magnitude = magnitude // 10
    # Cycle walking: FF1 is a permutation, so repeating it comes back into the range we started in.
    for _walked in range(WALK_LIMIT):
        cipher.crypt(digits, count, NULL, 0, False)
        magnitude = 0
        for i in range(count):
            magnitude = magnitude * 10 + digits[i]
        if digits[0] != 0 and magnitude <= greatest:
            return put_int(spec, magnitude if value > 0 else -magnitude, out)
    return 0


cdef int mask_fpe(Ff1 cipher, const MaskSpec* spec, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1:
    if spec.family == F_TEXT:
        return fpe_text(cipher, spec, p, n, out)
    if spec.family == F_INT4 or spec.family == F_INT8:
        return fpe_int(cipher, spec, p, n, out)
    return 0
