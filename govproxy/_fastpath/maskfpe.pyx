"""Values as FF1 takes them: which digits are encrypted, what stays, and walking back into range.

A card keeps its issuer's six digits, and its last digit is set so that the Luhn sum is what it was: a
valid number stays valid, a wrong one wrong. Whole numbers keep sign and number of digits. Values
with fewer than six digits to encrypt, with letters, or too long are not taken. Texts are encrypted eight
at a time: their digits wait, with zeros in their places, until the lanes are full or the run ends.
"""

from libc.stdint cimport INT32_MAX, int64_t
from libc.string cimport memset

from govproxy._fastpath.cursor cimport load_i32
from govproxy._fastpath.ff1 cimport Ff1
from govproxy._fastpath.maskers cimport F_INT4, F_INT8, F_TEXT, S_CARD, MaskSpec
from govproxy._fastpath.masknumbers cimport parse_int, put_int
from govproxy._fastpath.maskpieces cimport is_digit, is_word, load_i64, luhn_sum, put
from govproxy._fastpath.outbuf cimport OutBuf

cdef enum:
    WALK_LIMIT = 1000
    CARD_LEAST = 13     # shorter ones have too few digits to keep six of them
    CARD_HEAD = 6

cdef int64_t WIDEST = 999999999999999999


cdef inline bint has_issuer(const MaskSpec* spec, int count) noexcept nogil:
    return spec.style == S_CARD and CARD_LEAST <= count <= 19


cdef inline void set_check_digit(unsigned char* digits, int count, int total) noexcept nogil:
    digits[count - 1] = 0
    digits[count - 1] = <unsigned char>((total + 10 - luhn_sum(digits, count)) % 10)


cdef int fpe_text(Ff1 cipher, const MaskSpec* spec, const unsigned char* p, Py_ssize_t n, OutBuf* out,
                  FpeLanes* lanes) except -1:
    cdef unsigned char[FPE_MOST_DIGITS] digits
    cdef unsigned char* lane
    cdef int count = 0
    cdef int head = 0
    cdef int inner
    cdef bint card
    cdef Py_ssize_t start
    cdef Py_ssize_t i
    for i in range(n):
        if is_digit(p[i]):
            if count == FPE_MOST_DIGITS:
                return 0
            digits[count] = p[i] - 48
            count += 1
        elif is_word(p[i]):
            return 0
    card = has_issuer(spec, count)
    if card:
        head = CARD_HEAD
    inner = count - head - (1 if card else 0)
    if not cipher.takes(inner):
        return 0
    if lanes.count and (lanes.n != inner or lanes.total != count or lanes.card != card):
        fpe_settle(cipher, lanes, out)
    start = out.size
    put(out, p, n)
    # Security: the real digits are in no output at any time.
    for i in range(start, out.size):
        if is_digit(out.data[i]):
            out.data[i] = c'0'
    lane = lanes.digits[lanes.count]
    for i in range(count):
        lane[i] = digits[i]
    lanes.n = inner
    lanes.head = head
    lanes.total = count
    lanes.card = card
    lanes.at[lanes.count] = start
    lanes.size[lanes.count] = n
    lanes.count += 1
    if lanes.count == FPE_LANES:
        fpe_settle(cipher, lanes, out)
    return 1


cdef int fpe_settle(Ff1 cipher, FpeLanes* lanes, OutBuf* out) except -1:
    cdef unsigned char* numerals[FPE_LANES]
    cdef int[FPE_LANES] sums
    cdef unsigned char* place
    cdef unsigned char* end
    cdef int seen
    cdef int j
    for j in range(lanes.count):
        numerals[j] = lanes.digits[j] + lanes.head
        sums[j] = luhn_sum(lanes.digits[j], lanes.total) if lanes.card else 0
    if lanes.count:
        cipher.encrypt_lanes(numerals, lanes.count, lanes.n)
    for j in range(lanes.count):
        if lanes.card:
            set_check_digit(lanes.digits[j], lanes.total, sums[j])
        place = out.data + lanes.at[j]
        end = place + lanes.size[j]
        seen = 0
        while place < end:
            if place[0] == c'0':
                place[0] = 48 + lanes.digits[j][seen]
                seen += 1
            place += 1
    lanes.count = 0
    memset(lanes.digits, 0, sizeof(lanes.digits))
    return 0


cdef int fpe_int(Ff1 cipher, const MaskSpec* spec, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1:
    cdef unsigned char[FPE_MOST_DIGITS] digits
    cdef int64_t value = 0
    cdef int64_t magnitude
    cdef int64_t left
    cdef int64_t greatest = INT32_MAX if spec.family == F_INT4 else WIDEST
    cdef int count = 0
    cdef int head = 0
    cdef int inner
    cdef int total = 0
    cdef bint card
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
    card = has_issuer(spec, count)
    if card:
        head = CARD_HEAD
    inner = count - head - (1 if card else 0)
    if not cipher.takes(inner):
        return 0
    for i in range(count):
        digits[count - 1 - i] = <unsigned char>(magnitude % 10)
        magnitude = magnitude // 10
    if card:
        total = luhn_sum(digits, count)
    # Cycle walking: FF1 is a permutation, so repeating it comes back into the range we started in.
    for _walked in range(WALK_LIMIT):
        cipher.crypt(&digits[head], inner, NULL, 0, False)
        if card:
            set_check_digit(digits, count, total)
        magnitude = 0
        for i in range(count):
            magnitude = magnitude * 10 + digits[i]
        if digits[0] != 0 and magnitude <= greatest:
            return put_int(spec, magnitude if value > 0 else -magnitude, out)
    return 0


cdef int mask_fpe(Ff1 cipher, const MaskSpec* spec, const unsigned char* p, Py_ssize_t n, OutBuf* out,
                  FpeLanes* lanes) except -1:
    if spec.family == F_TEXT:
        return fpe_text(cipher, spec, p, n, out, lanes)
    if spec.family == F_INT4 or spec.family == F_INT8:
        return fpe_int(cipher, spec, p, n, out)
    return 0
