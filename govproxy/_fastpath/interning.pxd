# Bytes that come again and again, as one object. See interning.pyx.

cdef bytes interned(const unsigned char* data, Py_ssize_t size)
