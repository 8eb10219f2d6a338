# The first engine: readiness from the event loop, recv and send from C. See engine.pyx.

from govproxy._fastpath.conversation cimport Conversation
from govproxy._fastpath.ledger cimport LedgerWriter
from govproxy._fastpath.outbuf cimport OutBuf
from govproxy._fastpath.sinks cimport Sink, Sinks

cdef class Leg:
    # One socket of a link: its file descriptor, its TLS, and what it could not send yet.
    cdef int fd
    cdef object socket
    cdef object tls
    cdef OutBuf pending
    cdef bint reading, writing

cdef class Engine:
    cdef readonly object loop
    cdef LedgerWriter ledger
    cdef readonly Sinks sinks
    cdef unsigned char* buffer
    cdef readonly set links

cdef class Link:
    cdef Engine engine
    cdef readonly Conversation conversation
    cdef Leg client, server
    cdef object on_closed, describe_failure
    cdef bint ending, closed
    cdef readonly unsigned long long bytes_in, bytes_out

    cdef int _receive(self, Leg leg, bint from_client) except -1
    cdef int _feed(self, const unsigned char* data, Py_ssize_t size, bint from_client) except -1
    cdef int _deliver(self) except -1
    cdef int _send(self, Leg leg, Sink* sink) except -1
    cdef int _write(self, Leg leg, const unsigned char* data, Py_ssize_t size) except -1
    cdef int _steer(self) except -1
    cdef int _fail(self, object error) except -1
    cdef int _finish(self, str status) except -1
