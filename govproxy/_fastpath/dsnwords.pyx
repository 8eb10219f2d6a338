"""Passwords in connection strings made of keywords: ``host=db user=app password=...``, ``Server=db;Pwd=...``.

The value counts when another key of a connection string stands near, so that prose and placeholders
do not. Everything is bounded: what is looked at beside a word, and how long a password may be.
"""

cdef enum:
    LONGEST = 512   # characters of a password
    NEAR = 200      # bytes before and behind in which another key is looked for


cdef inline bint is_letter(unsigned char c) noexcept nogil:
    return 97 <= c | 0x20 <= 122


cdef inline bint same(const unsigned char* p, const char* word, Py_ssize_t size) noexcept nogil:
    # Without regard to case; ``word`` is small letters.
    cdef Py_ssize_t i
    for i in range(size):
        if p[i] | 0x20 != <unsigned char>word[i]:
            return False
    return True


cdef inline Py_ssize_t behind_equals(const unsigned char* p, Py_ssize_t n, Py_ssize_t e) noexcept nogil:
    # Behind "=" and the blanks around it, 0 when there is none.
    cdef Py_ssize_t i = e
    while i < n and p[i] == c' ' and i - e < 4:
        i += 1
    if i >= n or p[i] != c'=':
        return 0
    i += 1
    while i < n and p[i] == c' ' and i - e < 8:
        i += 1
    return i


cdef bint is_key(const unsigned char* p, Py_ssize_t size) noexcept nogil:
    # A key that says where to connect, or as whom.
    if size == 3:
        return same(p, b"uid", 3)
    if size == 4:
        return same(p, b"host", 4) or same(p, b"user", 4)
    if size == 6:
        return same(p, b"server", 6) or same(p, b"dbname", 6) or same(p, b"source", 6)
    if size == 8:
        return same(p, b"database", 8) or same(p, b"hostaddr", 8) or same(p, b"username", 8)
    return False


cdef bint names_a_server(const unsigned char* p, Py_ssize_t n, Py_ssize_t s, Py_ssize_t e) noexcept nogil:
    cdef Py_ssize_t i = s - NEAR if s > NEAR else 0
    cdef Py_ssize_t limit = e + NEAR if e + NEAR < n else n
    cdef Py_ssize_t j
    while i < limit:
        if not is_letter(p[i]):
            i += 1
            continue
        j = i
        while j < limit and (is_letter(p[j]) or 48 <= p[j] <= 57):
            j += 1
        if is_key(p + i, j - i) and behind_equals(p, limit, j):
            return True
        i = j
    return False


cdef inline bint ends_value(unsigned char c, bint quoted) noexcept nogil:
    # A span never holds a quote or a backslash, whatever was opened before it.
    if c <= 32 or c == c'"' or c == c"'" or c == c'\\':
        return True
    return not quoted and (c == c';' or c == c'&' or c == c',' or c == c')' or c == c'}')


cdef inline bint is_placeholder(unsigned char c) noexcept nogil:
    return c == c'$' or c == c'?' or c == c'%' or c == c'<' or c == c'{'


cdef Py_ssize_t keyword_password(const unsigned char* p, Py_ssize_t n, Py_ssize_t s, Py_ssize_t e,
                                 Py_ssize_t* start) noexcept nogil:
    cdef Py_ssize_t size = e - s
    cdef Py_ssize_t i
    cdef Py_ssize_t end
    cdef bint quoted = False
    if not ((size == 8 and same(p + s, b"password", 8)) or (size == 6 and same(p + s, b"passwd", 6))
            or (size == 3 and same(p + s, b"pwd", 3))):
        return 0
    i = behind_equals(p, n, e)
    if i == 0:
        return 0
    if i < n and p[i] == c'\\':
        i += 1
    if i < n and (p[i] == c"'" or p[i] == c'"'):
        quoted = True
        i += 1
    end = i
    while end < n and end - i <= LONGEST and not ends_value(p[end], quoted):
        end += 1
    if end - i < 3 or end - i > LONGEST or is_placeholder(p[i]) or not names_a_server(p, n, s, e):
        return 0
    start[0] = i
    return end
