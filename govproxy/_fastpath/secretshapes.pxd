# Tokens, JSON web tokens, private keys and password hashes. See secretshapes.pyx.
#
# ``p[0:n]`` is the text, ``s`` where a word begins (a '$' for ``match_dollar_hash``). The end of what was
# consumed; 0 when nothing was found.

from govproxy._fastpath.spans cimport Hits

cdef Py_ssize_t match_secret(const unsigned char* p, Py_ssize_t n, Py_ssize_t s, Hits* hits) except -1 nogil
cdef Py_ssize_t match_dollar_hash(const unsigned char* p, Py_ssize_t n, Py_ssize_t s, Hits* hits) except -1 nogil
