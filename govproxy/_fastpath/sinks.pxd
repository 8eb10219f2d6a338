# Where the bytes of a conversation go. See sinks.pyx.

from govproxy._fastpath.outbuf cimport OutBuf

cdef struct Sink:
    OutBuf buf                   # what had to be assembled
    const unsigned char* span    # or, while buf is empty: one untouched span of the input
    Py_ssize_t span_size

# Both are borrowed until the engine has sent them: a span points into the input of the same feed.
cdef class Sinks:
    cdef Sink backend
    cdef Sink frontend
    cdef OutBuf rows             # scratch of the mask plan

cdef bytes FLUSH   # the message: the backend is to send what it has

cdef int sink_flush(Sink* sink) except -1 nogil
cdef int sink_pass(Sink* sink, const unsigned char* data, Py_ssize_t size) except -1 nogil
cdef int sink_emit(Sink* sink, const void* data, Py_ssize_t size) except -1 nogil
cdef int sink_bytes(Sink* sink, bytes data) except -1
cdef int sink_adopt(Sink* sink, OutBuf* assembled) except -1 nogil
cdef const unsigned char* sink_data(Sink* sink) noexcept nogil
cdef Py_ssize_t sink_size(Sink* sink) noexcept nogil
cdef void sink_reset(Sink* sink) noexcept nogil
