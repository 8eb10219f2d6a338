# Which classes a byte belongs to, and small questions about the words of a text, shared by the detectors.
#
# The table: ALNUM and its kind for ASCII letters and digits; LOCAL and DOMAIN also for every byte from 0x80 on;
# LOCAL with "._%+-", DOMAIN with ".-", WORDLIKE with "_-", HASHLIKE with "./$=,+:_-".

cdef extern from *:
    """
    static const unsigned char govproxy_class[256] = {
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 128, 16, 0, 0, 0, 0, 0, 144, 128, 240, 176, 128,
        243, 243, 243, 243, 243, 243, 243, 243, 243, 243, 128, 0, 0, 128, 0, 0,
        0, 245, 245, 245, 245, 245, 245, 245, 245, 245, 245, 245, 245, 245, 245, 245,
        245, 245, 245, 245, 245, 245, 245, 245, 245, 245, 245, 0, 0, 0, 0, 208,
        0, 249, 249, 249, 249, 249, 249, 249, 249, 249, 249, 249, 249, 249, 249, 249,
        249, 249, 249, 249, 249, 249, 249, 249, 249, 249, 249, 0, 0, 0, 0, 0,
        48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48,
        48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48,
        48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48,
        48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48,
        48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48,
        48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48,
        48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48,
        48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48};
    """
    const unsigned char[256] CLASS "govproxy_class"

cdef enum:
    ALNUM = 1
    DIGIT = 2
    UPPER = 4
    LOWER = 8
    LOCAL = 16      # local part of an address
    DOMAIN = 32
    WORDLIKE = 64   # [A-Za-z0-9_-], what tokens and JWT parts are made of
    HASHLIKE = 128  # what crypt(3) strings are made of
    ALPHA = 12


cdef inline bint is_alnum(unsigned char c) noexcept nogil:
    return (CLASS[c] & ALNUM) != 0


cdef inline bint is_digit(unsigned char c) noexcept nogil:
    return (CLASS[c] & DIGIT) != 0


cdef inline Py_ssize_t run_end(const unsigned char* p, Py_ssize_t n, Py_ssize_t i, int cls) noexcept nogil:
    while i < n and CLASS[p[i]] & cls:
        i += 1
    return i


cdef inline bint escaped_before(const unsigned char* p, Py_ssize_t i) noexcept nogil:
    # True when the character at i is the letter of an escape such as \n: an odd number of
    # backslashes stands before it.
    cdef Py_ssize_t slashes = 0
    while i - slashes > 0 and p[i - slashes - 1] == c'\\' and slashes < 64:
        slashes += 1
    return slashes & 1 == 1


cdef inline int hex_digit_value(unsigned char c) noexcept nogil:
    if is_digit(c):
        return c - 48
    c |= 0x20
    return c - 87 if 97 <= c <= 102 else -1


cdef inline int unicode_escape(const unsigned char* p, Py_ssize_t i, Py_ssize_t end) noexcept nogil:
    # The code unit of the \uXXXX whose u is at i, -1 when it is not one.
    cdef int value = 0
    cdef int k
    if end - i < 5 or p[i] != c'u' or not escaped_before(p, i):
        return -1
    for k in range(1, 5):
        if hex_digit_value(p[i + k]) < 0:
            return -1
        value = value << 4 | hex_digit_value(p[i + k])
    return value


cdef inline bint begins_word(const unsigned char* p, Py_ssize_t i) noexcept nogil:
    # True when no letter or digit stands before i, other than the end of an escape.
    if i == 0 or not is_alnum(p[i - 1]) or escaped_before(p, i - 1):
        return True
    return i >= 6 and unicode_escape(p, i - 5, i) >= 0


cdef inline Py_ssize_t escape_end(const unsigned char* p, Py_ssize_t i, Py_ssize_t end) noexcept nogil:
    # Behind the escape whose letter is at i: \n is one letter, \u00e4 is five.
    if p[i] == c'u' and end - i >= 5:
        return i + 5
    return i + 1
