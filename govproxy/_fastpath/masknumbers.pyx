"""Maskers for numbers, text and binary: last digits, keyed numbers of the same size, buckets."""

from libc.stdint cimport INT32_MAX, int64_t, uint32_t, uint64_t
from libc.stdio cimport snprintf
from libc.stdlib cimport strtod
from libc.string cimport memcpy

from govproxy._fastpath.cursor cimport load_i16, load_i32, load_u16, load_u32
from govproxy._fastpath.maskers cimport (
    F_FLOAT4,
    F_FLOAT8,
    F_INT2,
    F_INT4,
    F_INT8,
    OP_GENERALISE,
    OP_HASH,
    OP_PARTIAL,
    OP_PSEUDONYM,
    S_CARD,
    S_GEO,
    S_TAIL4,
    MaskSpec,
)
from govproxy._fastpath.maskpieces cimport (
    fall_back,
    is_digit,
    load_i64,
    number_from,
    put,
    put_byte,
    put_decimal,
    put_int64,
)
from govproxy._fastpath.outbuf cimport OutBuf, outbuf_int16, outbuf_int32
from govproxy._fastpath.prf cimport prf_value

cdef int64_t WIDEST = 999999999999999999     # 18 digits: what parse_int reads
cdef int64_t EXACT = 9007199254740991        # 2^53-1, which every client reads exactly


cdef int64_t floor_leading(int64_t value) noexcept nogil:
    # Tens below a hundred, the leading digit above: 37 -> 30, 84500 -> 80000, toward zero.
    cdef int64_t unit = 10
    cdef int64_t size = value if value >= 0 else -value
    while size // unit >= 10:
        unit *= 10
    return value - value % unit if value >= 0 else -(size - size % unit)


cdef int parse_int(const unsigned char* p, Py_ssize_t n, int64_t* value) noexcept nogil:
    # 1 when p is a whole number of at most 18 digits.
    cdef Py_ssize_t i = 0
    cdef bint negative = False
    cdef int64_t total = 0
    if n > 0 and p[0] == c'-':
        negative = True
        i = 1
    if i == n or n - i > 18:
        return 0
    while i < n:
        if not is_digit(p[i]):
            return 0
        total = total * 10 + (p[i] - 48)
        i += 1
    value[0] = -total if negative else total
    return 1


cdef int put_int(const MaskSpec* spec, int64_t value, OutBuf* out) except -1 nogil:
    if not spec.binary:
        put_decimal(out, value)
    elif spec.family == F_INT2:
        outbuf_int16(out, <int>value)
    elif spec.family == F_INT4:
        outbuf_int32(out, <long>value)
    else:
        put_int64(out, value)
    return 1


cdef int whole_number(const MaskSpec* spec, int64_t value, int64_t greatest, int64_t* masked) noexcept nogil:
    # The masked form of a whole number, within +-greatest. 0 when there is none.
    cdef unsigned char[16] tag
    cdef char[24] text
    cdef int size
    cdef int64_t magnitude = value if value >= 0 else -value
    if spec.op == OP_PARTIAL:
        if (spec.style != S_TAIL4 and spec.style != S_CARD) or magnitude < 100000000:
            return 0
        masked[0] = magnitude % 10000
        return 1
    if spec.op == OP_GENERALISE:
        masked[0] = floor_leading(value)
        return 1
    if spec.op == OP_HASH or spec.op == OP_PSEUDONYM:
        # The decimal text is what is hashed, so text and binary agree.
        size = snprintf(text, 24, "%lld", <long long>value)
        prf_value(&spec.key, <const unsigned char*>text, size, tag)
        masked[0] = 1 + <int64_t>(number_from(tag) % <uint64_t>greatest)
        return 1
    return 0


cdef int mask_int(const MaskSpec* spec, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1 nogil:
    cdef int64_t value = 0
    cdef int64_t masked = 0
    cdef int64_t greatest = EXACT
    if spec.family == F_INT2:
        greatest = 32767
    elif spec.family == F_INT4:
        greatest = INT32_MAX
    if spec.binary:
        if spec.family == F_INT2 and n == 2:
            value = load_i16(p)
        elif spec.family == F_INT4 and n == 4:
            value = load_i32(p)
        elif spec.family == F_INT8 and n == 8:
            value = load_i64(p)
            if value > WIDEST or value < -WIDEST:
                return fall_back(spec, out, out.size)
        else:
            return fall_back(spec, out, out.size)
    elif not parse_int(p, n, &value):
        return fall_back(spec, out, out.size)
    if not whole_number(spec, value, greatest, &masked):
        return fall_back(spec, out, out.size)
    return put_int(spec, masked, out)


cdef int bucket_text(const MaskSpec* spec, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1 nogil:
    # A decimal in text: leading digit kept, the rest zeros (two decimals kept for positions).
    # The scale stays. Returns 0 when it is not a plain decimal.
    cdef Py_ssize_t i = 0
    cdef Py_ssize_t first
    cdef Py_ssize_t whole = 0
    cdef Py_ssize_t keep
    cdef Py_ssize_t place = 0
    cdef Py_ssize_t j
    if n > 0 and p[0] == c'-':
        i = 1
    first = i
    while i < n and is_digit(p[i]):
        i += 1
    whole = i - first
    if whole == 0:
        return 0
    if i < n:
        if p[i] != c'.' or i + 1 == n:
            return 0
        for j in range(i + 1, n):
            if not is_digit(p[j]):
                return 0
    # A position has at most three digits before the point; anything else is just a number.
    keep = whole + 2 if spec.style == S_GEO and whole <= 3 else (1 if whole > 1 else 0)
    put(out, p, first)
    for j in range(first, n):
        if p[j] == c'.':
            put_byte(out, c'.')
            continue
        put_byte(out, p[j] if place < keep else c'0')
        place += 1
    return 1


cdef int numeric_from_int(int64_t value, int dscale, OutBuf* out) except -1 nogil:
    # The binary form of numeric: base 10000 digits, most significant first.
    cdef int[6] groups
    cdef int count = 0
    cdef int trailing = 0
    cdef uint64_t left = <uint64_t>(value if value >= 0 else -value)
    cdef int i
    while left:
        groups[count] = <int>(left % 10000)
        left = left // 10000
        count += 1
    while trailing < count and groups[trailing] == 0:
        trailing += 1
    outbuf_int16(out, count - trailing)
    outbuf_int16(out, count - 1 if count else 0)
    outbuf_int16(out, 0x4000 if value < 0 else 0)
    outbuf_int16(out, dscale)
    for i in range(count - 1, trailing - 1, -1):
        outbuf_int16(out, groups[i])
    return 1


cdef int mask_numeric_binary(const MaskSpec* spec, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1 nogil:
    cdef int count
    cdef int weight
    cdef int sign
    cdef int dscale
    cdef int i
    cdef int group
    cdef int64_t value = 0
    cdef int64_t masked = 0
    cdef int64_t bound = 10
    cdef Py_ssize_t start = out.size
    if n < 8:
        return fall_back(spec, out, start)
    count = <int>load_u16(p)
    weight = load_i16(p + 2)
    sign = <int>load_u16(p + 4)
    dscale = <int>load_u16(p + 6)
    if n != 8 + 2 * count or (sign != 0 and sign != 0x4000):
        return fall_back(spec, out, start)
    if (spec.op == OP_GENERALISE and spec.style == S_GEO
            and (weight == -1 or (weight == 0 and count > 0 and load_u16(p + 8) <= 999))):
        # Whole part and two decimals.
        count = min(count, weight + 2)
        outbuf_int16(out, count)
        put(out, p + 2, 6)
        for i in range(count):
            group = <int>load_u16(p + 8 + 2 * i)
            outbuf_int16(out, group - group % 100 if i == weight + 1 else group)
        return 1
    if weight > 3 or count > weight + 1:
        if spec.op != OP_GENERALISE or weight > 3:
            return fall_back(spec, out, start)
    for i in range(weight + 1):
        group = <int>load_u16(p + 8 + 2 * i) if i < count else 0
        if group > 9999:
            return fall_back(spec, out, start)
        value = value * 10000 + group
    if sign:
        value = -value
    # As many digits as there were: what numeric(p,s) took once it takes again.
    while bound <= (value if value >= 0 else -value):
        bound *= 10
    if not whole_number(spec, value, bound - 1, &masked):
        return fall_back(spec, out, start)
    if spec.op == OP_GENERALISE and -10 < value < 10:
        masked = 0
    return numeric_from_int(masked, dscale, out)


cdef int mask_numeric_text(const MaskSpec* spec, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1 nogil:
    cdef Py_ssize_t start = out.size
    cdef Py_ssize_t whole = 0
    cdef Py_ssize_t i
    cdef int64_t value = 0
    cdef int64_t masked = 0
    cdef int64_t bound = 10
    if spec.op == OP_GENERALISE:
        if bucket_text(spec, p, n, out):
            return 1
        return fall_back(spec, out, start)
    # A fraction of zeros does not count; it is written again.
    while whole < n and p[whole] != c'.':
        whole += 1
    for i in range(whole + 1, n):
        if p[i] != c'0':
            return fall_back(spec, out, start)
    if not parse_int(p, whole, &value):
        return fall_back(spec, out, start)
    while bound <= (value if value >= 0 else -value):
        bound *= 10
    if not whole_number(spec, value, bound - 1, &masked):
        return fall_back(spec, out, start)
    put_decimal(out, masked)
    put(out, p + whole, n - whole)
    return 1


cdef int mask_float(const MaskSpec* spec, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1 nogil:
    cdef char[64] text
    cdef double value
    cdef double scaled
    cdef uint32_t bits4
    cdef uint64_t bits8
    cdef float single
    cdef char* end
    cdef int size
    if spec.op != OP_GENERALISE:
        return fall_back(spec, out, out.size)
    if not spec.binary:
        if n >= 40:
            return fall_back(spec, out, out.size)
        memcpy(text, p, <size_t>n)
        text[n] = 0
        value = strtod(text, &end)
        if end != text + n:
            return fall_back(spec, out, out.size)
    elif spec.family == F_FLOAT4 and n == 4:
        bits4 = load_u32(p)
        memcpy(&single, &bits4, 4)
        value = single
    elif spec.family == F_FLOAT8 and n == 8:
        bits8 = (<uint64_t>load_u32(p) << 32) | load_u32(p + 4)
        memcpy(&value, &bits8, 8)
    else:
        return fall_back(spec, out, out.size)
    # Not a number, infinite, or beyond what a whole number holds.
    if not (-1e15 < value < 1e15):
        return fall_back(spec, out, out.size)
    if spec.style == S_GEO and -1000.0 < value < 1000.0:
        scaled = <double>(<int64_t>(value * 100.0)) / 100.0
    else:
        scaled = <double>floor_leading(<int64_t>value)
    if not spec.binary:
        size = snprintf(text, 64, "%.2f" if scaled != <double>(<int64_t>scaled) else "%.0f", scaled)
        put(out, text, size)
    elif spec.family == F_FLOAT4:
        single = <float>scaled
        memcpy(&bits4, &single, 4)
        outbuf_int32(out, <long>bits4)
    else:
        memcpy(&bits8, &scaled, 8)
        put_int64(out, <int64_t>bits8)
    return 1


cdef int mask_numeric(const MaskSpec* spec, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1 nogil:
    if spec.binary:
        return mask_numeric_binary(spec, p, n, out)
    return mask_numeric_text(spec, p, n, out)
