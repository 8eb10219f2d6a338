"""Growable output buffers for the data plane. Knows bytes, nothing else."""

from libc.stdlib cimport free, realloc
from libc.string cimport memcpy, memmove

cdef enum:
    FIRST_CAPACITY = 512     # what malloc gives and takes back without a search


cdef void outbuf_init(OutBuf* out) noexcept nogil:
    out.data = NULL
    out.size = 0
    out.capacity = 0


cdef void outbuf_free(OutBuf* out) noexcept nogil:
    free(out.data)
    outbuf_init(out)


cdef int _no_memory() except -1 with gil:
    raise MemoryError("output buffer")


cdef int outbuf_reserve(OutBuf* out, Py_ssize_t extra) except -1 nogil:
    cdef Py_ssize_t need = out.size + extra
    cdef Py_ssize_t capacity = out.capacity
    cdef unsigned char* data
    if need <= capacity:
        return 0
    if capacity < FIRST_CAPACITY:
        capacity = FIRST_CAPACITY
    while capacity < need:
        capacity *= 2
    data = <unsigned char*>realloc(out.data, <size_t>capacity)
    if data == NULL:
        return _no_memory()
    out.data = data
    out.capacity = capacity
    return 0


cdef int outbuf_append(OutBuf* out, const void* data, Py_ssize_t size) except -1 nogil:
    outbuf_reserve(out, size)
    memcpy(out.data + out.size, data, <size_t>size)
    out.size += size
    return 0


cdef int outbuf_byte(OutBuf* out, unsigned char value) except -1 nogil:
    outbuf_reserve(out, 1)
    out.data[out.size] = value
    out.size += 1
    return 0


cdef int outbuf_int16(OutBuf* out, int value) except -1 nogil:
    outbuf_reserve(out, 2)
    out.data[out.size] = <unsigned char>((value >> 8) & 0xFF)
    out.data[out.size + 1] = <unsigned char>(value & 0xFF)
    out.size += 2
    return 0


cdef int outbuf_int32(OutBuf* out, long value) except -1 nogil:
    outbuf_reserve(out, 4)
    out.size += 4
    outbuf_put_int32(out, out.size - 4, value)
    return 0


cdef void outbuf_put_int32(OutBuf* out, Py_ssize_t at, long value) noexcept nogil:
    # Overwrites four bytes already in the buffer; ``at`` is the caller's own offset.
    out.data[at] = <unsigned char>((value >> 24) & 0xFF)
    out.data[at + 1] = <unsigned char>((value >> 16) & 0xFF)
    out.data[at + 2] = <unsigned char>((value >> 8) & 0xFF)
    out.data[at + 3] = <unsigned char>(value & 0xFF)


cdef void outbuf_consume(OutBuf* out, Py_ssize_t size) noexcept nogil:
    # Drops the first ``size`` bytes; what is left moves to the front.
    if size >= out.size:
        out.size = 0
        return
    memmove(out.data, out.data + size, <size_t>(out.size - size))
    out.size -= size


cdef void outbuf_trim(OutBuf* out) noexcept nogil:
    # Idle connections own no buffers: an empty buffer gives its memory back.
    if out.size == 0:
        outbuf_free(out)
