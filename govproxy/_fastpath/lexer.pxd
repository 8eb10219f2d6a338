# Folding a statement's literals away for the verdict cache. See lexer.pyx.

from govproxy._fastpath.outbuf cimport OutBuf

cdef struct Literal:
    int start       # byte offsets in the text; of a folded IN list: first to last element
    int end

cdef enum:
    MAX_LITERALS = 512

cdef class Folder:
    cdef OutBuf shape                  # the text with every literal as one placeholder byte
    cdef Literal[MAX_LITERALS] literals
    cdef int count
    cdef int tokens                    # at least as many as the server's scanner finds, comments included
    cdef bint redacts                  # every literal as ``?``, lists as they are
    # True when the whole text was understood; otherwise it has no shape and is looked up exactly.
    cdef bint fold(self, const unsigned char* text, Py_ssize_t size) except -1
