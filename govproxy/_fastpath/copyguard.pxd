# Rows of COPY … FROM STDIN on their way in, looked at where a column takes no masked values. See copyguard.pyx.

from govproxy._fastpath.copyrows cimport CopyFormat
from govproxy._fastpath.outbuf cimport OutBuf

cdef enum Stage:
    AT_START            # of the whole (binary), or of a field (text, CSV)
    IN_FIELD
    IN_QUOTES
    AFTER_ESCAPE        # text: whatever follows belongs to the field
    AFTER_QUOTED_ESCAPE
    AT_ROW              # binary
    AT_SIZE
    AT_END

cdef class CopyGuard:
    cdef readonly CopyFormat format
    cdef unsigned char delimiter
    cdef unsigned char quote
    cdef unsigned char escape
    cdef readonly dict watched          # place of a column -> what knows its masked values, with a label

cdef class CopyReader:
    cdef CopyGuard guard
    cdef object watching                # what knows the masked values of the column at hand, or None
    cdef Stage stage
    cdef Py_ssize_t column
    cdef Py_ssize_t wanted              # binary: bytes that belong to what is being read
    cdef Py_ssize_t fields              # binary: fields left in the row
    cdef bint signed
    cdef OutBuf field
    cdef OutBuf plain
    cdef readonly str found             # the column that a masked value was to be stored in
    # Takes the payload of one CopyData. True where a masked value is in what has come by now.
    cdef bint feed(self, const unsigned char* p, Py_ssize_t n) except -1
    cdef int next_column(self, Py_ssize_t column) except -1
    cdef int end_field(self) except -1
    cdef int keep(self, unsigned char c) except -1
    cdef int feed_text(self, const unsigned char* p, Py_ssize_t n) except -1
    cdef int feed_csv(self, const unsigned char* p, Py_ssize_t n) except -1
    cdef int feed_binary(self, const unsigned char* p, Py_ssize_t n) except -1
    cdef int after_field(self) except -1
    cdef int decode_text(self) except -1
    cdef int decode_csv(self) except -1
