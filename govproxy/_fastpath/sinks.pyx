"""Output of a conversation: one untouched span of the input, or an assembled buffer.

The common case is a chunk that nobody changed: it leaves as a span of the read buffer, with one
send and no copy. As soon as something else has to stand before, behind or inside it, the span is
copied into the buffer and everything after follows it there. One pair serves all conversations
of a worker, because each of them is drained before the next is fed.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE

cimport cython

from govproxy._fastpath.outbuf cimport OutBuf, outbuf_append, outbuf_free, outbuf_init

cdef enum:
    KEEP_BYTES = 1 << 20

cdef bytes FLUSH = b"H\x00\x00\x00\x04"


@cython.final
cdef class Sinks:
    def __cinit__(self):
        outbuf_init(&self.backend.buf)
        outbuf_init(&self.frontend.buf)
        outbuf_init(&self.rows)
        sink_reset(&self.backend)
        sink_reset(&self.frontend)

    def __dealloc__(self):
        outbuf_free(&self.backend.buf)
        outbuf_free(&self.frontend.buf)
        outbuf_free(&self.rows)


cdef int sink_flush(Sink* sink) except -1 nogil:
    if sink.span_size:
        outbuf_append(&sink.buf, sink.span, sink.span_size)
        sink.span_size = 0
    return 0


cdef int sink_pass(Sink* sink, const unsigned char* data, Py_ssize_t size) except -1 nogil:
    # ``data`` stays where it is until the sink is reset; adjacent spans grow together.
    if sink.buf.size == 0:
        if sink.span_size == 0:
            sink.span = data
            sink.span_size = size
            return 0
        if sink.span + sink.span_size == data:
            sink.span_size += size
            return 0
        sink_flush(sink)
    return outbuf_append(&sink.buf, data, size)


cdef int sink_emit(Sink* sink, const void* data, Py_ssize_t size) except -1 nogil:
    sink_flush(sink)
    return outbuf_append(&sink.buf, data, size)


cdef int sink_bytes(Sink* sink, bytes data) except -1:
    return sink_emit(sink, PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))


cdef int sink_adopt(Sink* sink, OutBuf* assembled) except -1 nogil:
    # Takes over what the mask plan assembled; without a copy where the sink is still empty.
    cdef OutBuf swapped
    sink_flush(sink)
    if sink.buf.size == 0:
        swapped = sink.buf
        sink.buf = assembled[0]
        assembled[0] = swapped
    else:
        outbuf_append(&sink.buf, assembled.data, assembled.size)
    assembled.size = 0
    return 0


cdef const unsigned char* sink_data(Sink* sink) noexcept nogil:
    if sink.buf.size:
        return sink.buf.data
    return sink.span


cdef Py_ssize_t sink_size(Sink* sink) noexcept nogil:
    return sink.buf.size if sink.buf.size else sink.span_size


cdef void sink_reset(Sink* sink) noexcept nogil:
    sink.span = NULL
    sink.span_size = 0
    sink.buf.size = 0
    if sink.buf.capacity > KEEP_BYTES:
        outbuf_free(&sink.buf)
