# Rows of COPY … TO STDOUT under a mask plan. See copyrows.pyx.

from govproxy._fastpath.outbuf cimport OutBuf
from govproxy._fastpath.rows cimport MaskPlan, RowCounts

cdef enum CopyFormat:
    COPY_TEXT
    COPY_CSV
    COPY_BINARY

# What a letter behind a backslash stands for in the text form.
cdef inline unsigned char copy_escape(unsigned char c) noexcept nogil:
    if c == c'n':
        return 10
    if c == c't':
        return 9
    if c == c'r':
        return 13
    if c == c'b':
        return 8
    if c == c'f':
        return 12
    if c == c'v':
        return 11
    return c

# Where one field stands in the row as it came, and whether it was quoted.
cdef struct RawField:
    Py_ssize_t start
    Py_ssize_t end
    bint quoted

cdef class CopyOptions:
    cdef readonly CopyFormat format
    cdef readonly bint header
    cdef readonly unsigned char delimiter
    cdef readonly unsigned char quote
    cdef readonly unsigned char escape
    cdef readonly bytes null
    cdef readonly bint null_is_plain
    cdef readonly bytes probe

cdef class CopyMasker:
    cdef CopyOptions options
    cdef MaskPlan plan
    cdef int count
    cdef RawField* fields
    cdef unsigned char* hidden          # one per column: a value that looks like NULL is a value
    cdef OutBuf pending                 # the beginning of a row whose end has not come
    cdef OutBuf row                     # the row at hand as a DataRow
    cdef OutBuf masked                  # and what the plan made of it
    cdef bint header_due
    cdef bint begun                     # binary: the signature is past
    cdef bint ended                     # binary: the trailer is past
    cdef Py_ssize_t max_bytes

    # Checks a CopyOutResponse's body against plan and options.
    cdef int check(self, const unsigned char* p, Py_ssize_t n) except -1
    # Takes the payload of one CopyData. Returns 0 when it may leave as it is; else what may leave
    # by now is appended to ``out``, which may be nothing.
    cdef bint feed(self, const unsigned char* p, Py_ssize_t n, OutBuf* out, RowCounts* counts) except -1
    # The copy is over: nothing may be left half.
    cdef int finish(self) except -1
    cdef Py_ssize_t _take(self, const unsigned char* p, Py_ssize_t n, bint* is_row) except -1
    cdef Py_ssize_t _take_text(self, const unsigned char* p, Py_ssize_t n) except -1
    cdef Py_ssize_t _take_csv(self, const unsigned char* p, Py_ssize_t n) except -1
    cdef Py_ssize_t _take_binary(self, const unsigned char* p, Py_ssize_t n, bint* is_row) except -1
    cdef int _end_field(self, const unsigned char* p, int column, Py_ssize_t start, Py_ssize_t end,
                        bint quoted, Py_ssize_t at) except -1
    cdef int _written(self, const unsigned char* p, OutBuf* out) except -1
    cdef int _write_text(self, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1
    cdef int _write_csv(self, const unsigned char* p, Py_ssize_t n, bint quoted, OutBuf* out) except -1
