# The protocol core as the engine sees it: bytes in, bytes out. See conversation.pyx.

from govproxy._fastpath.outbuf cimport OutBuf
from govproxy._fastpath.state cimport State

cdef class Conversation(State):
    cdef OutBuf frontend_stash, backend_stash
    cdef Py_ssize_t frontend_taken, backend_taken     # bytes of the stash already worked off

    cdef int feed_frontend(self, const unsigned char* data, Py_ssize_t size) except -1
    cdef int feed_backend(self, const unsigned char* data, Py_ssize_t size) except -1
    cdef int go_on(self) except -1
    cdef int _frontend_stashed(self) except -1
    cdef int _listen_for_terminate(self) except -1
    cdef int settle(self) except -1
    cdef int _after_backend(self) except -1
    cdef int _hear(self, bytes said) except -1
    cdef bint wants_frontend(self) noexcept
    cdef bint wants_backend(self) noexcept
    cdef int _let_go(self, object subject) except -1
