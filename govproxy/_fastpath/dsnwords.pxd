# Passwords in connection strings of keywords (host=... password=...). See dsnwords.pyx.

# ``s`` to ``e`` is a word. When it is the key of such a password: the end of the value, its beginning in
# ``start``; 0 otherwise.
cdef Py_ssize_t keyword_password(const unsigned char* p, Py_ssize_t n, Py_ssize_t s, Py_ssize_t e,
                                 Py_ssize_t* start) noexcept nogil
