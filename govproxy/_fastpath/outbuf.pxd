# A growable byte buffer: the only place where the data plane allocates for output.

cdef struct OutBuf:
    unsigned char* data
    Py_ssize_t size
    Py_ssize_t capacity

cdef void outbuf_init(OutBuf* out) noexcept nogil
cdef void outbuf_free(OutBuf* out) noexcept nogil
cdef int outbuf_reserve(OutBuf* out, Py_ssize_t extra) except -1 nogil
cdef int outbuf_append(OutBuf* out, const void* data, Py_ssize_t size) except -1 nogil
cdef int outbuf_byte(OutBuf* out, unsigned char value) except -1 nogil
cdef int outbuf_int16(OutBuf* out, int value) except -1 nogil
cdef int outbuf_int32(OutBuf* out, long value) except -1 nogil
cdef void outbuf_put_int32(OutBuf* out, Py_ssize_t at, long value) noexcept nogil
cdef void outbuf_consume(OutBuf* out, Py_ssize_t size) noexcept nogil
cdef void outbuf_trim(OutBuf* out) noexcept nogil
