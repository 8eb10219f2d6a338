"""Maskers for dates and timestamps, text (ISO) and binary, in the proleptic Gregorian calendar."""

from libc.stdint cimport INT32_MAX, INT32_MIN, int64_t
from libc.stdio cimport snprintf
from libc.string cimport memcmp

from govproxy._fastpath.cursor cimport load_i32
from govproxy._fastpath.maskers cimport F_DATE, OP_GENERALISE, OP_SHIFT, MaskSpec
from govproxy._fastpath.maskpieces cimport fall_back, is_digit, is_letter, load_i64, put, put_byte, put_int64
from govproxy._fastpath.outbuf cimport OutBuf, outbuf_int32

cdef enum:
    EPOCH_DAYS = 10957      # days from 1970-01-01 to PostgreSQL's 2000-01-01

cdef int64_t DAY_US = 86400000000
# 366 days inside PostgreSQL's own bounds (4713 BC to 294276 AD), in microseconds since 2000.
cdef int64_t FIRST_US = -211781865600000000
cdef int64_t LAST_US = 9223339708800000000
cdef int64_t INFINITE_US = 9223372036854775807


cdef int64_t days_from_civil(int64_t y, int m, int d) noexcept nogil:
    # Days since 1970-01-01; March-based years as in the usual closed formula.
    cdef int64_t era
    cdef int64_t yoe
    cdef int64_t doy
    if m <= 2:
        y -= 1
    era = y // 400     # rounds down, as all integer division here
    yoe = y - era * 400
    doy = (153 * (m - 3 if m > 2 else m + 9) + 2) // 5 + d - 1
    return era * 146097 + yoe * 365 + yoe // 4 - yoe // 100 + doy - 719468


cdef void civil_from_days(int64_t z, int64_t* y, int* m, int* d) noexcept nogil:
    cdef int64_t era
    cdef int64_t doe
    cdef int64_t yoe
    cdef int64_t doy
    cdef int64_t mp
    z += 719468
    era = z // 146097
    doe = z - era * 146097
    yoe = (doe - doe // 1460 + doe // 36524 - doe // 146096) // 365
    doy = doe - (365 * yoe + yoe // 4 - yoe // 100)
    mp = (5 * doy + 2) // 153
    d[0] = <int>(doy - (153 * mp + 2) // 5 + 1)
    m[0] = <int>(mp + 3 if mp < 10 else mp - 9)
    y[0] = yoe + era * 400 + (1 if m[0] <= 2 else 0)


cdef int date_text(const unsigned char* p, Py_ssize_t n, int shift, OutBuf* out) except -1 nogil:
    # ISO dates and timestamps (YYYY-MM-DD, then blank or T and the time of day). With a shift the
    # day moves and the time stays; without, it becomes the first day of the year, midnight.
    # Returns 0 for anything else, other DateStyles included.
    cdef Py_ssize_t i = 0
    cdef Py_ssize_t rest
    cdef int64_t year = 0
    cdef int month
    cdef int day
    cdef char[32] text
    cdef int size
    if (n == 8 and memcmp(p, b"infinity", 8) == 0) or (n == 9 and memcmp(p, b"-infinity", 9) == 0):
        put(out, p, n)
        return 1
    while i < n and is_digit(p[i]) and i < 7:
        year = year * 10 + (p[i] - 48)
        i += 1
    if i < 4 or n - i < 6 or p[i] != c'-' or p[i + 3] != c'-':
        return 0
    if not (is_digit(p[i + 1]) and is_digit(p[i + 2]) and is_digit(p[i + 4]) and is_digit(p[i + 5])):
        return 0
    month = (p[i + 1] - 48) * 10 + p[i + 2] - 48
    day = (p[i + 4] - 48) * 10 + p[i + 5] - 48
    rest = i + 6
    if year < 1 or not 1 <= month <= 12 or not 1 <= day <= 31:
        return 0
    for i in range(rest, n):
        # The era would turn the order of days round; letters belong to no ISO form.
        if is_letter(p[i]) and p[i] != c'T' and p[i] != c'Z':
            return 0
    if rest < n and p[rest] != c' ' and p[rest] != c'T':
        return 0
    if shift:
        civil_from_days(days_from_civil(year, month, day) + shift, &year, &month, &day)
        if year < 1:
            return 0
        size = snprintf(text, 32, "%04lld-%02d-%02d", <long long>year, month, day)
        put(out, text, size)
        put(out, p + rest, n - rest)
        return 1
    size = snprintf(text, 32, "%04lld-01-01", <long long>year)
    put(out, text, size)
    if rest < n:
        # Midnight at the same offset; fractions go.
        put_byte(out, p[rest])
        i = rest + 1
        while i < n and p[i] != c'.' and p[i] != c'+' and p[i] != c'-' and p[i] != c'Z':
            put_byte(out, c'0' if is_digit(p[i]) else p[i])
            i += 1
        while i < n and (p[i] == c'.' or is_digit(p[i])):
            i += 1
        put(out, p + i, n - i)
    return 1


cdef int mask_date(const MaskSpec* spec, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1 nogil:
    cdef Py_ssize_t start = out.size
    cdef int shift = spec.shift_days if spec.op == OP_SHIFT else 0
    cdef int64_t value
    cdef int64_t days
    cdef int64_t year = 0
    cdef int month = 0
    cdef int day = 0
    if spec.op != OP_SHIFT and spec.op != OP_GENERALISE:
        return fall_back(spec, out, start)
    if not spec.binary:
        if date_text(p, n, shift, out):
            return 1
        return fall_back(spec, out, start)
    if spec.family == F_DATE:
        if n != 4:
            return fall_back(spec, out, start)
        value = load_i32(p)
        if value == INT32_MAX or value == INT32_MIN:
            put(out, p, n)    # infinity says nothing about anybody
            return 1
        if spec.op == OP_SHIFT:
            value += shift
        else:
            civil_from_days(value + EPOCH_DAYS, &year, &month, &day)
            value = days_from_civil(year, 1, 1) - EPOCH_DAYS
        if not -2451545 <= value <= 2145031948:
            return fall_back(spec, out, start)
        outbuf_int32(out, <long>value)
        return 1
    if n != 8:
        return fall_back(spec, out, start)
    value = load_i64(p)
    if value == INFINITE_US or value == -INFINITE_US - 1:
        put(out, p, n)
        return 1
    if not FIRST_US <= value <= LAST_US:
        return fall_back(spec, out, start)
    if spec.op == OP_SHIFT:
        value += shift * DAY_US
    else:
        days = value // DAY_US
        civil_from_days(days + EPOCH_DAYS, &year, &month, &day)
        value = (days_from_civil(year, 1, 1) - EPOCH_DAYS) * DAY_US
    put_int64(out, value)
    return 1
