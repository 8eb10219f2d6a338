# Words that begin with a digit, and lines that machines read. See numbershapes.pyx.
#
# ``p[0:n]`` is the text, ``s`` to ``e`` a word in it. The end of what was consumed; 0 when nothing was found.

from govproxy._fastpath.spans cimport Hits

cdef Py_ssize_t match_number(const unsigned char* p, Py_ssize_t n, Py_ssize_t s, Py_ssize_t e,
                             Hits* hits) except -1 nogil
cdef Py_ssize_t match_machine_readable(const unsigned char* p, Py_ssize_t n, Py_ssize_t s, Py_ssize_t e,
                                       Hits* hits) except -1 nogil
