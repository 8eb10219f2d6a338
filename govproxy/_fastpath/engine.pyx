"""Moves bytes between two sockets and a conversation, on any loop with ``add_reader``.

The order that must not bend: feed, write the ledger, then send. All links of a worker share one
64 KiB read buffer and one pair of sinks; an idle link owns neither. A peer that does not read
makes its counterpart wait: while something is pending for one leg, the other leg is not read.

The loop is an argument; this module imports no event loop and knows nothing of policy. Another
engine is another file with the same ``Engine.link``.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.errno cimport EAGAIN, EINTR, errno
from libc.stdlib cimport free, malloc

cimport cython

from govproxy._fastpath.conversation cimport Conversation
from govproxy._fastpath.ledger cimport LedgerWriter
from govproxy._fastpath.outbuf cimport outbuf_append, outbuf_consume, outbuf_free, outbuf_init, outbuf_trim
from govproxy._fastpath.sinks cimport Sink, Sinks, sink_data, sink_size
from govproxy._fastpath.transitions cimport PHASE_CLOSED

from govproxy.errors import GovproxyError

cdef extern from "<sys/socket.h>" nogil:
    ssize_t recv(int fd, void* data, size_t size, int flags)
    ssize_t send(int fd, const void* data, size_t size, int flags)
    int MSG_NOSIGNAL

cdef enum:
    READ_BYTES = 65536
    # Security: detectors may load whole words past the end of the last field.
    SLACK_BYTES = 64

cdef bytes TERMINATE = b"X\x00\x00\x00\x04"


@cython.final
cdef class Leg:
    def __cinit__(self):
        self.fd = -1
        outbuf_init(&self.pending)

    def __dealloc__(self):
        outbuf_free(&self.pending)


cdef Leg _leg(object socket, object tls):
    cdef Leg leg = Leg()
    leg.socket = socket
    leg.fd = socket.fileno()
    leg.tls = tls
    return leg


@cython.final
cdef class Engine:
    """One per worker. ``loop`` needs ``add_reader``, ``add_writer`` and their removal."""

    def __init__(self, loop, LedgerWriter ledger not None):
        self.loop = loop
        self.ledger = ledger
        self.sinks = Sinks()
        self.links = set()
        self.buffer = <unsigned char*>malloc(READ_BYTES + SLACK_BYTES)
        if self.buffer == NULL:
            raise MemoryError("read buffer")

    def __dealloc__(self):
        free(self.buffer)

    def link(
        self,
        Conversation conversation not None,
        *,
        client,
        client_tls,
        server,
        server_tls,
        on_closed,
        describe_failure,
        on_linked=None,
        bytes client_leftover=b"",
        bytes server_leftover=b"",
    ):
        """Join two authenticated, non-blocking sockets. The engine owns both from here on.

        ``*_tls`` is None or an object with ``decrypt``, ``encrypt``, ``pending_out``,
        ``close_notify`` and ``closed``.
        ``describe_failure(error) -> bytes`` turns what ended the session into a FATAL
        ErrorResponse; ``on_linked(link)`` is called before the first byte, ``on_closed(link)`` once
        at the end.
        """
        cdef Link link = Link()
        link.engine = self
        link.conversation = conversation
        link.client = _leg(client, client_tls)
        link.server = _leg(server, server_tls)
        link.on_closed = on_closed
        link.describe_failure = describe_failure
        self.links.add(link)
        if on_linked is not None:
            on_linked(link)
        link.start(client_leftover, server_leftover)
        return link


@cython.final
cdef class Link:
    """Two sockets and the conversation between them."""

    def start(self, bytes client_leftover, bytes server_leftover):
        try:
            self._feed(
                <const unsigned char*>PyBytes_AS_STRING(server_leftover), PyBytes_GET_SIZE(server_leftover), False
            )
            if not self.closed:
                self._feed(
                    <const unsigned char*>PyBytes_AS_STRING(client_leftover), PyBytes_GET_SIZE(client_leftover), True
                )
        except Exception as error:
            self._fail(error)

    # ------------------------------------------------------------------ readiness

    def _client_readable(self):
        try:
            self._receive(self.client, True)
        except Exception as error:
            self._fail(error)

    def _server_readable(self):
        try:
            self._receive(self.server, False)
        except Exception as error:
            self._fail(error)

    def _client_writable(self):
        try:
            self._drain(self.client)
        except Exception as error:
            self._fail(error)

    def _server_writable(self):
        try:
            self._drain(self.server)
        except Exception as error:
            self._fail(error)

    def _drain(self, Leg leg):
        cdef ssize_t sent = send(leg.fd, leg.pending.data, <size_t>leg.pending.size, MSG_NOSIGNAL)
        if sent < 0:
            if errno == EAGAIN or errno == EINTR:
                return
            self._finish("lost")
            return
        outbuf_consume(&leg.pending, sent)
        outbuf_trim(&leg.pending)
        if leg.pending.size == 0 and self.ending:
            self._finish("lost")
            return
        self._steer()

    # ------------------------------------------------------------------ bytes

    cdef int _receive(self, Leg leg, bint from_client) except -1:
        cdef ssize_t size
        cdef bytes plain, extra
        if self.closed:
            return 0
        size = recv(leg.fd, self.engine.buffer, READ_BYTES, 0)
        if size < 0:
            if errno == EAGAIN or errno == EINTR:
                return 0
            size = 0
        if size == 0:
            return self._peer_gone(from_client)
        if leg.tls is None:
            return self._feed(self.engine.buffer, size, from_client)
        plain = leg.tls.decrypt(PyBytes_FromStringAndSize(<const char*>self.engine.buffer, size))
        extra = leg.tls.pending_out()
        if extra:
            self._write(leg, <const unsigned char*>PyBytes_AS_STRING(extra), PyBytes_GET_SIZE(extra))
        if not plain:
            return self._peer_gone(from_client) if leg.tls.closed else self._steer()
        return self._feed(<const unsigned char*>PyBytes_AS_STRING(plain), PyBytes_GET_SIZE(plain), from_client)

    cdef int _feed(self, const unsigned char* data, Py_ssize_t size, bint from_client) except -1:
        if from_client:
            self.bytes_in += <unsigned long long>size
            self.conversation.feed_frontend(data, size)
        else:
            self.bytes_out += <unsigned long long>size
            self.conversation.feed_backend(data, size)
        return self._deliver()

    cdef int _deliver(self) except -1:
        # Record, then send: the ledger has the statements before the backend gets a byte of them.
        if self.conversation.recorded:
            self.engine.ledger.flush()
        self._send(self.server, &self.engine.sinks.backend)
        self._send(self.client, &self.engine.sinks.frontend)
        self.conversation.settle()
        if self.conversation.phase == PHASE_CLOSED and not self.closed:
            return self._finish("lost")
        return self._steer()

    cdef int _send(self, Leg leg, Sink* sink) except -1:
        cdef Py_ssize_t size = sink_size(sink)
        cdef bytes cipher
        if size == 0:
            return 0
        if leg.tls is None:
            return self._write(leg, sink_data(sink), size)
        cipher = leg.tls.encrypt(PyBytes_FromStringAndSize(<const char*>sink_data(sink), size))
        return self._write(leg, <const unsigned char*>PyBytes_AS_STRING(cipher), PyBytes_GET_SIZE(cipher))

    cdef int _write(self, Leg leg, const unsigned char* data, Py_ssize_t size) except -1:
        cdef ssize_t sent = 0
        if self.closed:
            return 0
        if leg.pending.size == 0:
            sent = send(leg.fd, data, <size_t>size, MSG_NOSIGNAL)
            if sent < 0:
                if errno != EAGAIN and errno != EINTR:
                    return self._finish("lost")
                sent = 0
        if sent < size:
            outbuf_append(&leg.pending, data + sent, size - sent)
        return 0

    cdef int _steer(self) except -1:
        # Which readiness we want now follows from what is pending; nothing else decides it.
        cdef bint read_client, read_server
        if self.closed:
            return 0
        read_client = not self.ending and self.server.pending.size == 0 and self.conversation.wants_frontend()
        read_server = not self.ending and self.client.pending.size == 0
        if read_client != self.client.reading:
            self._watch(self.client, self._client_readable, read_client)
        if read_server != self.server.reading:
            self._watch(self.server, self._server_readable, read_server)
        if (self.client.pending.size != 0) != self.client.writing:
            self._watch_writable(self.client, self._client_writable)
        if (self.server.pending.size != 0) != self.server.writing:
            self._watch_writable(self.server, self._server_writable)
        return 0

    def _watch(self, Leg leg, callback, bint wanted):
        leg.reading = wanted
        if wanted:
            self.engine.loop.add_reader(leg.fd, callback)
        else:
            self.engine.loop.remove_reader(leg.fd)

    def _watch_writable(self, Leg leg, callback):
        leg.writing = leg.pending.size != 0
        if leg.writing:
            self.engine.loop.add_writer(leg.fd, callback)
        else:
            self.engine.loop.remove_writer(leg.fd)

    # ------------------------------------------------------------------ the gate's answers

    def resume(self, verdict):
        """Give the parked conversation its verdict and go on."""
        if self.closed:
            return
        try:
            self.conversation.resume(verdict)
            self._deliver()
        except Exception as error:
            self._fail(error)

    def notify(self, bytes message not None):
        """Send one message of the proxy's own to the client (a NOTICE while a statement waits)."""
        if self.closed:
            return
        try:
            self._plain(self.client, message)
            self._steer()
        except Exception as error:
            self._fail(error)

    def _plain(self, Leg leg, bytes message):
        cdef bytes wire = message if leg.tls is None else leg.tls.encrypt(message)
        self._write(leg, <const unsigned char*>PyBytes_AS_STRING(wire), PyBytes_GET_SIZE(wire))

    # ------------------------------------------------------------------ ends

    def terminate(self, error):
        """End the session with what ``describe_failure`` makes of ``error``."""
        self._fail(error)

    @property
    def idle(self):
        """True where the session can end without cutting anything off."""
        return self.conversation.idle and self.client.pending.size == 0 and self.server.pending.size == 0

    @property
    def is_closed(self):
        return self.closed

    def _peer_gone(self, bint client):
        if client or self.client.pending.size == 0:
            self._finish("lost")
            return
        # What the database still said on its way out is for the client.
        self.ending = True
        self._steer()

    cdef int _fail(self, object error) except -1:
        # The one place where a failure ends a session: a constant or rebuilt text to the client.
        if self.closed:
            return 0
        cdef bytes last_words = self.describe_failure(error)
        try:
            self._plain(self.client, last_words)
        except GovproxyError:
            pass   # TLS is what broke: there is nobody left to tell
        finally:
            self._finish("failed")
        return 0

    cdef int _finish(self, str status) except -1:
        cdef Leg leg
        if self.closed:
            return 0
        self.closed = True
        for leg in (self.client, self.server):
            if leg.reading:
                self.engine.loop.remove_reader(leg.fd)
            if leg.writing:
                self.engine.loop.remove_writer(leg.fd)
            leg.reading = leg.writing = False
        self.engine.links.discard(self)
        try:
            self._say_goodbye()
            self.conversation.end(status)
        finally:
            self.conversation.settle()
            for leg in (self.client, self.server):
                leg.socket.close()
                leg.fd = -1
                outbuf_free(&leg.pending)
            self.on_closed(self)
        return 0

    def _say_goodbye(self):
        # Best effort on sockets that may be gone: whatever does not go out at once is dropped.
        if self.conversation.phase != PHASE_CLOSED:
            self._last(self.server, TERMINATE)
        self._last(self.client, b"")
        if self.server.tls is not None:
            self._last(self.server, b"")

    def _last(self, Leg leg, bytes message):
        # The message, and without one TLS's own goodbye, which tells an end from a cut.
        cdef bytes wire = message
        if leg.pending.size:
            return
        if leg.tls is not None:
            try:
                wire = leg.tls.encrypt(message) if message else leg.tls.close_notify()
            except GovproxyError:
                return
        if wire:
            send(leg.fd, PyBytes_AS_STRING(wire), <size_t>PyBytes_GET_SIZE(wire), MSG_NOSIGNAL)
