"""Moves bytes between two sockets and a conversation.

The order that must not bend: feed, write the ledger, then send. All links of a worker share one
64 KiB read buffer and one pair of sinks; an idle link owns neither. A peer that does not read
makes its counterpart wait: while something is pending for one leg, the other leg is not read.

How a link hears that a socket is ready is somebody else's: ``readiness`` has ``watch(leg)``, which
makes ``hears_*`` what ``wants_*`` says, ``forget(leg)`` and ``close()``. ``LoopReadiness`` below works
on any event loop; ``epoll.EpollReadiness`` hears of many sockets at once, and then the ledger is
written once for all of them; ``uvwait.UvReadiness`` does without the loop while there is traffic.
Another engine is another such file. Knows nothing of policy.
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

import socket

from govproxy.errors import GovproxyError, ProtocolViolation, UpstreamFault

cdef extern from "<sys/socket.h>" nogil:
    ssize_t recv(int fd, void* data, size_t size, int flags)
    ssize_t send(int fd, const void* data, size_t size, int flags)
    int MSG_NOSIGNAL

cdef extern from "<unistd.h>" nogil:
    int close(int fd)

cdef extern from "<poll.h>" nogil:
    """
    #ifndef POLLRDHUP  /* Linux says it beside _GNU_SOURCE only, and others not at all */
    #ifdef __linux__
    #define POLLRDHUP 0x2000
    #else
    #define POLLRDHUP 0
    #endif
    #endif
    """
    struct pollfd:
        int fd
        short events
        short revents
    int poll(pollfd* fds, unsigned long count, int timeout_ms)
    short POLLRDHUP
    short POLLHUP
    short POLLERR

cdef enum:
    READ_BYTES = 65536
    MAX_UNREAD_BYTES = 262144   # of answers waiting for a client, before it is not listened to any more
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
        self.shut()

    cdef int shut(self) noexcept:
        # An object of Python's around a descriptor takes more than all that is known of it here.
        if self.fd >= 0:
            close(self.fd)
            self.fd = -1
        return 0

    cdef object given_away(self):
        # The socket as an object of Python's, for somebody else to close.
        taken = socket.socket(fileno=self.fd)
        self.fd = -1
        return taken

    def ready(self, bint readable, bint writable):
        """For a readiness written in Python."""
        cdef Link link = self.link   # held here: what follows may let go of it
        if link is not None:
            link.on_ready(self, readable, writable)


cdef Leg _leg(Link link, object given, object tls, bint is_client):
    cdef Leg leg = Leg()
    leg.link = link
    leg.fd = given.detach()
    leg.tls = tls
    leg.is_client = is_client
    return leg


@cython.final
cdef class LoopReadiness:
    """One ``add_reader`` per socket, on any event loop that has it."""

    cdef object loop

    def __init__(self, loop):
        self.loop = loop

    def watch(self, Leg leg not None):
        """Make what is heard what is wanted."""
        if leg.wants_read != leg.hears_read:
            leg.hears_read = leg.wants_read
            if leg.wants_read:
                self.loop.add_reader(leg.fd, leg.ready, True, False)
            else:
                self.loop.remove_reader(leg.fd)
        if leg.wants_write != leg.hears_write:
            leg.hears_write = leg.wants_write
            if leg.wants_write:
                self.loop.add_writer(leg.fd, leg.ready, False, True)
            else:
                self.loop.remove_writer(leg.fd)

    def forget(self, Leg leg not None):
        """Hear nothing more; the socket is about to be closed."""
        leg.wants_read = leg.wants_write = False
        self.watch(leg)

    def close(self):
        """Leave the loop: nothing of it is there."""


@cython.final
cdef class Engine:
    """One per worker.

    ``linger(socket)`` takes a socket with a last message on its way and closes it once the peer
    has read it; without it sockets are closed at once.
    """

    def __init__(self, loop, LedgerWriter ledger not None, *, readiness=None, linger=None):
        self.loop = loop
        self.ledger = ledger
        self.readiness = readiness if readiness is not None else LoopReadiness(loop)
        self.linger = linger
        self.sinks = Sinks()
        self.deferred = []
        self.released = []
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
        owner,
        bytes client_leftover=b"",
        bytes server_leftover=b"",
    ):
        """Join two authenticated, non-blocking sockets, which are taken out of the objects that are given.

        ``*_tls`` is None or an object with ``decrypt``, ``encrypt``, ``pending_out``,
        ``close_notify`` and ``closed``. ``owner.linked(link)`` is called before the first byte: the
        owner keeps the link, as nobody else does. ``owner.closed()`` is called once at the end, and
        ``owner.last_words(error) -> bytes`` turns what ended the session into a FATAL ErrorResponse.
        """
        cdef Link link = Link()
        link.engine = self
        link.conversation = conversation
        link.client = _leg(link, client, client_tls, True)
        link.server = _leg(link, server, server_tls, False)
        link.owner = owner
        try:
            owner.linked(link)
        except Exception as error:
            link._fail(error)   # the sockets are the engine's by now: nobody else would close them
        else:
            link.start(client_leftover, server_leftover)
        return link

    def close(self):
        """Leave the loop; after the last link."""
        self.readiness.close()

    cdef int begin_batch(self) except -1:
        # Until end_batch, output that needs the ledger waits for it: one write for all links.
        self.batching = True
        return 0

    cdef int end_batch(self) except -1:
        cdef Link link
        cdef list waiting = self.deferred
        self.batching = False
        if not waiting:
            return 0
        # Two lists that change places: none is made per batch.
        self.deferred, self.released = self.released, waiting
        try:
            self.ledger.flush()
        except Exception as error:
            # Not recorded, so not sent: what waited is dropped with its session.
            for link in waiting:
                link.client.pending.size = 0
                link.server.pending.size = 0
                try:
                    link._fail(error)
                except Exception as second:
                    self.loop.call_exception_handler({"message": "a session ended badly", "exception": second})
        else:
            for link in waiting:
                link._release()
        waiting.clear()
        return 0


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

    cdef int on_ready(self, Leg leg, bint readable, bint writable) except -1:
        if self.closed:
            return 0
        try:
            if writable and leg.pending.size and not leg.held:
                self._drain(leg)
            if readable and leg.wants_read and not self.closed:
                self._receive(leg)
        except Exception as error:
            self._fail(error)
        return 0

    cdef int _drain(self, Leg leg) except -1:
        cdef ssize_t sent = send(leg.fd, leg.pending.data, <size_t>leg.pending.size, MSG_NOSIGNAL)
        if sent < 0:
            if errno == EAGAIN or errno == EINTR:
                return 0
            return self._finish("lost", False)
        outbuf_consume(&leg.pending, sent)
        outbuf_trim(&leg.pending)
        if leg.pending.size == 0 and self.ending:
            return self._database_gone()
        return self._steer()

    # ------------------------------------------------------------------ bytes

    cdef int _receive(self, Leg leg) except -1:
        cdef ssize_t size = recv(leg.fd, self.engine.buffer, READ_BYTES, 0)
        cdef bytes plain, extra
        if size < 0:
            if errno == EAGAIN or errno == EINTR:
                return 0
            size = 0
        leg.last_size = <int>size
        if size == 0:
            return self._peer_gone(leg.is_client)
        if leg.tls is None:
            return self._feed(self.engine.buffer, size, leg.is_client)
        plain = leg.tls.decrypt(PyBytes_FromStringAndSize(<const char*>self.engine.buffer, size))
        extra = leg.tls.pending_out()
        if extra:
            self._write(leg, <const unsigned char*>PyBytes_AS_STRING(extra), PyBytes_GET_SIZE(extra))
        if not plain:
            return self._peer_gone(leg.is_client) if leg.tls.closed else self._steer()
        return self._feed(<const unsigned char*>PyBytes_AS_STRING(plain), PyBytes_GET_SIZE(plain), leg.is_client)

    cdef int _feed(self, const unsigned char* data, Py_ssize_t size, bint from_client) except -1:
        if from_client:
            self.bytes_in += <unsigned long long>size
            self.conversation.feed_frontend(data, size)
        else:
            self.bytes_out += <unsigned long long>size
            try:
                self.conversation.feed_backend(data, size)
            except ProtocolViolation as error:
                raise UpstreamFault("the database sent something malformed") from error
        return self._deliver()

    cdef int _deliver(self) except -1:
        # Record, then send: the ledger has the statements before the backend gets a byte of them,
        # and a refusal before the client reads it.
        if self.conversation.recorded:
            if self.engine.batching:
                if not self.server.held:
                    self.server.held = self.client.held = True
                    self.engine.deferred.append(self)
            else:
                self.engine.ledger.flush()
        self._send(self.server, &self.engine.sinks.backend)
        self._send(self.client, &self.engine.sinks.frontend)
        self.conversation.settle()
        if self.server.held:
            return 0
        if self.conversation.phase == PHASE_CLOSED:
            return self._finish("lost", False)
        return self._steer()

    cdef int _release(self) except -1:
        # The ledger has what was held back.
        self.server.held = self.client.held = False
        if self.closed:
            return 0
        try:
            if self.server.pending.size:
                self._drain(self.server)
            if self.client.pending.size and not self.closed:
                self._drain(self.client)
            if not self.closed and self.conversation.phase == PHASE_CLOSED:
                self._finish("lost", False)
            elif not self.closed:
                self._steer()
        except Exception as error:
            self._fail(error)
        return 0

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
        if leg.pending.size == 0 and not leg.held:
            sent = send(leg.fd, data, <size_t>size, MSG_NOSIGNAL)
            if sent < 0:
                if errno != EAGAIN and errno != EINTR:
                    return self._finish("lost", False)
                sent = 0
        if sent < size:
            outbuf_append(&leg.pending, data + sent, size - sent)
        return 0

    cdef int _steer(self) except -1:
        # Which readiness is wanted follows from what is pending; nothing else decides it.
        if self.closed or self.server.held:
            return 0
        self._want(
            self.client,
            # Security: refusals cost the backend nothing, so it cannot slow down who reads none of them.
            not self.ending and self.server.pending.size == 0 and self.client.pending.size < MAX_UNREAD_BYTES
            and self.conversation.wants_frontend(),
            self.client.pending.size != 0,
        )
        return self._want(
            self.server,
            not self.ending and self.client.pending.size == 0 and self.conversation.wants_backend(),
            self.server.pending.size != 0,
        )

    cdef int _want(self, Leg leg, bint read, bint write) except -1:
        leg.wants_read = read
        leg.wants_write = write
        if read != leg.hears_read or write != leg.hears_write:
            self.engine.readiness.watch(leg)
        return 0

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

    def proceed(self, *, bint cancelled=False, bint counted=False):
        """What the client's next message waited for has happened."""
        if self.closed:
            return
        try:
            self.conversation.proceed(cancelled=cancelled, counted=counted)
            self._deliver()
        except Exception as error:
            self._fail(error)

    def notify(self, bytes message not None):
        """Send one message of the proxy's own to the client (a NOTICE while a statement waits).

        It is left out for a client that has not read much of what came before.
        """
        if self.closed or self.client.pending.size >= MAX_UNREAD_BYTES:
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

    def drop(self):
        """End the session of a client that has gone without a word."""
        self._finish("lost", False)

    @property
    def idle(self):
        """True where the session can end without cutting anything off."""
        return self.conversation.idle and self.client.pending.size == 0 and self.server.pending.size == 0

    @property
    def client_has_gone(self):
        """True when the client has closed its side, though not all that it sent was read."""
        cdef pollfd asked
        if self.closed:
            return True
        asked.fd = self.client.fd
        asked.events = POLLRDHUP
        asked.revents = 0
        return poll(&asked, 1, 0) > 0 and (asked.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0

    @property
    def is_closed(self):
        return self.closed

    cdef int _peer_gone(self, bint client) except -1:
        if client:
            return self._finish("lost", False)
        if self.client.pending.size == 0:
            return self._database_gone()
        # What the database still said on its way out is for the client.
        self.ending = True
        return self._steer()

    cdef int _database_gone(self) except -1:
        # Without a word of its own, so one of ours; not into the middle of a message that streams.
        if self.conversation.farewell or self.conversation.backend_skip:
            return self._finish("lost", False)
        return self._fail(UpstreamFault("the database has closed the connection"))

    cdef int _fail(self, object error) except -1:
        # The one place where a failure ends a session: a constant or rebuilt text to the client.
        if self.closed:
            return 0
        self.server.held = self.client.held = False
        try:
            self._plain(self.client, self.owner.last_words(error))
        except GovproxyError:
            pass   # TLS is what broke: there is nobody left to tell
        finally:
            self._finish("failed", True)
        return 0

    cdef int _finish(self, str status, bint linger) except -1:
        cdef Leg leg
        cdef object owner = self.owner
        if self.closed:
            return 0
        self.closed = True
        self.engine.readiness.forget(self.client)
        self.engine.readiness.forget(self.server)
        try:
            self._say_goodbye()
            self.conversation.end(status)
        finally:
            self.conversation.settle()
            try:
                if linger and self.engine.linger is not None and self.client.pending.size == 0:
                    self.engine.linger(self.client.given_away())
            finally:
                for leg in (self.client, self.server):
                    leg.shut()
                    leg.link = None
                    outbuf_free(&leg.pending)
                self.owner = None
                owner.closed()
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
