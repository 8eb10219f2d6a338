# The one bounds-checked cursor over borrowed memory. All wire bytes of the data plane are read
# through it: ``need`` first, which compares with what is left, then the unchecked loads.
# Security: the comparison is ``n > end - pos``, never ``pos + n > end``, so it cannot overflow.

cdef struct Cursor:
    const unsigned char* pos
    const unsigned char* end

cdef int cursor_short() except -1 nogil

cdef inline int need(const Cursor* cur, Py_ssize_t n) except -1 nogil:
    if n < 0 or n > cur.end - cur.pos:
        return cursor_short()
    return 0

cdef inline unsigned int load_u16(const unsigned char* p) noexcept nogil:
    return (<unsigned int>p[0] << 8) | p[1]

cdef inline int load_i16(const unsigned char* p) noexcept nogil:
    return <int>(<short>((<unsigned int>p[0] << 8) | p[1]))

cdef inline int load_i32(const unsigned char* p) noexcept nogil:
    return <int>((<unsigned int>p[0] << 24) | (<unsigned int>p[1] << 16) | (<unsigned int>p[2] << 8) | p[3])

cdef inline unsigned int load_u32(const unsigned char* p) noexcept nogil:
    return (<unsigned int>p[0] << 24) | (<unsigned int>p[1] << 16) | (<unsigned int>p[2] << 8) | p[3]

cdef inline int read_i16(Cursor* cur) except? -1 nogil:
    need(cur, 2)
    cur.pos += 2
    return load_i16(cur.pos - 2)

# Counts of parameters and formats are unsigned: there may be up to 65,535 of them.
cdef inline int read_u16(Cursor* cur) except -1 nogil:
    need(cur, 2)
    cur.pos += 2
    return <int>load_u16(cur.pos - 2)

cdef inline int read_i32(Cursor* cur) except? -1 nogil:
    need(cur, 4)
    cur.pos += 4
    return load_i32(cur.pos - 4)

# Offset of the NUL that ends the C string at pos; pos moves behind it.
cdef Py_ssize_t read_cstring(Cursor* cur) except -1 nogil

cdef inline Py_ssize_t skip(Cursor* cur, Py_ssize_t size) except -1 nogil:
    need(cur, size)
    cur.pos += size
    return size

# Raises where bytes are left that no field accounts for.
cdef int at_end(const Cursor* cur) except -1
