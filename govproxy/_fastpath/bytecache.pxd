# A bounded map from (number, bytes) to an object. See bytecache.pyx.

from cpython.object cimport PyObject
from libc.stdint cimport uint64_t

cdef struct Slot:
    uint64_t hash
    uint64_t context_id
    PyObject* key       # bytes; owned
    PyObject* value     # owned

cdef struct Generation:
    Slot* slots
    size_t mask
    size_t used
    size_t size_bytes

cdef class ByteCache:
    cdef Generation young, old
    cdef uint64_t seed0, seed1
    cdef readonly size_t limit_bytes
    cdef readonly uint64_t generations

    # Borrowed, or NULL.
    cdef PyObject* find(self, uint64_t context_id, const unsigned char* key, Py_ssize_t size) except? NULL
    cdef int add(self, uint64_t context_id, bytes key, object value, size_t cost) except -1
    cdef int _insert(self, uint64_t hash_, uint64_t context_id, PyObject* key, PyObject* value, size_t cost) except -1
    cdef int clear(self) except -1
