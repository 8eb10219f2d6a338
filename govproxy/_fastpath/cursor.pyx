"""The raising halves of the cursor, out of line so that the hot loads stay small."""

from libc.string cimport memchr

from govproxy.errors import ProtocolViolation


cdef int cursor_short() except -1 nogil:
    with gil:
        raise ProtocolViolation("message shorter than its fields say")


cdef Py_ssize_t read_cstring(Cursor* cur) except -1 nogil:
    cdef const unsigned char* nul = NULL
    cdef Py_ssize_t size
    if cur.pos < cur.end:
        nul = <const unsigned char*>memchr(cur.pos, 0, <size_t>(cur.end - cur.pos))
    if nul == NULL:
        return cursor_short()
    size = nul - cur.pos
    cur.pos = nul + 1
    return size


cdef int at_end(const Cursor* cur) except -1:
    if cur.pos != cur.end:
        raise ProtocolViolation("message longer than its fields say")
    return 0
