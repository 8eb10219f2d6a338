"""Prepared statements and portals: what was judged under which name.

Invariant: a name maps to what the backend will have under it once it has worked off everything
sent so far. The conversation changes the maps when it forwards and takes the change back when
the backend refuses (see ``Expected.previous``).
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.string cimport memcpy

cimport cython

from govproxy._fastpath.cursor cimport Cursor, need, read_cstring, read_i16


@cython.final
@cython.freelist(64)
cdef class PreparedStatement:
    pass


@cython.final
@cython.freelist(64)
cdef class Portal:
    pass


cdef bytes formatted(PreparedStatement statement, bytes formats):
    # The statement's description with Bind's codes in it; None before there is one. A driver says the same codes
    # each time.
    cdef bytes description = statement.description
    if description is None:
        return None
    if statement.last_described is not description or statement.last_formats != formats:
        statement.last_formatted = with_formats(description, formats)
        statement.last_described = description
        statement.last_formats = formats
    return statement.last_formatted


cdef bytes with_formats(bytes description, bytes formats):
    # A statement-level RowDescription says format 0 throughout; Bind's codes are the true ones:
    # none = all text, one = for all columns, else one each.
    cdef Py_ssize_t size = PyBytes_GET_SIZE(description)
    cdef Py_ssize_t codes = PyBytes_GET_SIZE(formats) // 2
    cdef const char* source = PyBytes_AS_STRING(formats)
    cdef bytes result
    cdef unsigned char* raw
    cdef Cursor cur
    cdef int fields, i
    if codes == 0 or size < 2:
        return description
    result = PyBytes_FromStringAndSize(PyBytes_AS_STRING(description), size)
    raw = <unsigned char*>PyBytes_AS_STRING(result)
    cur.pos = raw
    cur.end = raw + size
    fields = read_i16(&cur)
    if codes != 1 and codes != fields:
        return None
    for i in range(fields):
        read_cstring(&cur)
        need(&cur, 18)
        memcpy(raw + (cur.pos - raw) + 16, source + (2 * i if codes > 1 else 0), 2)
        cur.pos += 18
    return result
