# Links, and how they learn that a socket is ready. See engine.pyx.

from govproxy._fastpath.conversation cimport Conversation
from govproxy._fastpath.flags cimport flag
from govproxy._fastpath.ledger cimport LedgerWriter
from govproxy._fastpath.outbuf cimport OutBuf
from govproxy._fastpath.sinks cimport Sink, Sinks

cdef class Leg:
    # One socket of a link: its file descriptor, its TLS, and what it could not send yet.
    cdef readonly int fd           # owned; -1 once it is closed
    cdef int last_size             # of the last read
    cdef flag is_client
    cdef flag held                 # pending waits for the ledger, not for the peer
    cdef readonly flag wants_read, wants_write      # what the link wants to hear of
    cdef public flag hears_read, hears_write        # what readiness has been told
    cdef object tls
    cdef Link link                 # None once the link has ended
    cdef OutBuf pending

    cdef object given_away(self)
    cdef int shut(self) noexcept   # closes the descriptor; twice is harmless

cdef class Engine:
    cdef readonly object loop
    cdef readonly object readiness
    cdef object linger
    cdef LedgerWriter ledger
    cdef readonly Sinks sinks
    cdef unsigned char* buffer
    cdef bint batching
    cdef list deferred             # links whose output waits for the ledger
    cdef list released             # empty between batches

    cdef int begin_batch(self) except -1
    cdef int end_batch(self) except -1

cdef class Link:
    cdef Engine engine
    cdef readonly Conversation conversation
    cdef Leg client, server
    cdef object owner              # None once the link has ended
    cdef flag ending, closed
    cdef readonly unsigned long long bytes_in, bytes_out

    # The one entry for readiness; never raises.
    cdef int on_ready(self, Leg leg, bint readable, bint writable) except -1

    cdef int _receive(self, Leg leg) except -1
    cdef int _feed(self, const unsigned char* data, Py_ssize_t size, bint from_client) except -1
    cdef int _deliver(self) except -1
    cdef int _send(self, Leg leg, Sink* sink) except -1
    cdef int _write(self, Leg leg, const unsigned char* data, Py_ssize_t size) except -1
    cdef int _drain(self, Leg leg) except -1
    cdef int _release(self) except -1
    cdef int _steer(self) except -1
    cdef int _want(self, Leg leg, bint read, bint write) except -1
    cdef int _fail(self, object error) except -1
    cdef int _peer_gone(self, bint client) except -1
    cdef int _database_gone(self) except -1
    cdef int _finish(self, str status, bint linger) except -1
