"""Readiness on Linux: one epoll set for all sockets, itself one file descriptor of the event loop.

The loop wakes Python once for a whole batch of sockets. Within a batch the ledger is written once,
for all statements in it, before any of them is sent. Level-triggered: nothing is lost when a link
stops listening for a while, and the set is only touched when what a link wants changes.
"""

from libc.errno cimport EINTR, errno

from govproxy._fastpath.engine cimport Engine, Leg, Link

cdef extern from "<time.h>" nogil:
    struct timespec:
        long tv_sec
        long tv_nsec
    int nanosleep(const timespec* duration, timespec* remaining)

cdef extern from "<unistd.h>" nogil:
    int close(int fd)

cdef enum:
    TURNS = 4
    BULK_BYTES = 8000        # a read of this size: more is on its way
    BULK_PAUSE_NS = 100_000


cdef class EpollReadiness:
    """See the module. ``attach`` gives it its engine, before the first link."""

    def __cinit__(self):
        self.epfd = -1

    def __init__(self, loop):
        self.loop = loop
        self.legs = []
        self.epfd = epoll_create1(EPOLL_CLOEXEC)
        if self.epfd < 0:
            raise OSError(errno, "epoll_create1")

    def __dealloc__(self):
        if self.epfd >= 0:
            close(self.epfd)

    def attach(self, Engine engine not None):
        """The engine whose batches these are; listens from here on."""
        self.engine = engine
        self.loop.add_reader(self.epfd, self._ready)

    def watch(self, Leg leg not None):
        """Make what is heard what is wanted."""
        cdef epoll_event event
        cdef bint known = leg.hears_read or leg.hears_write
        cdef bint wanted = leg.wants_read or leg.wants_write
        cdef int operation
        event.events = (EPOLLIN if leg.wants_read else 0) | (EPOLLOUT if leg.wants_write else 0)
        event.data.fd = leg.fd
        if not known and not wanted:
            return
        operation = EPOLL_CTL_MOD if known and wanted else EPOLL_CTL_ADD if wanted else EPOLL_CTL_DEL
        if epoll_ctl(self.epfd, operation, leg.fd, &event) < 0:
            raise OSError(errno, "epoll_ctl")
        if known != wanted:
            while len(self.legs) <= leg.fd:
                self.legs.append(None)
            self.legs[leg.fd] = leg if wanted else None
            self.heard += 1 if wanted else -1
        leg.hears_read = leg.wants_read
        leg.hears_write = leg.wants_write

    def forget(self, Leg leg not None):
        """Hear nothing more; the socket is about to be closed."""
        leg.wants_read = leg.wants_write = False
        self.watch(leg)

    def _ready(self):
        # While work kept coming in during the last batch, look again before going round the loop.
        cdef epoll_event[BATCH] events
        cdef int count, _
        for _ in range(TURNS):
            count = epoll_wait(self.epfd, events, BATCH, 0)
            if count < 0 and errno != EINTR:
                raise OSError(errno, "epoll_wait")
            if count <= 0:
                return
            self.work_off(events, count)

    cdef int work_off(self, epoll_event* events, int count) except -1:
        cdef int i
        cdef Leg leg
        cdef Link link
        cdef timespec pause
        if count == 1:
            leg = <Leg>self.legs[events[0].data.fd]
            if leg is not None and not leg.is_client and leg.last_size >= BULK_BYTES:
                # A large result from one database and nothing else to do: a moment's rest lets the
                # next read bring eight times as much for the price of one wake-up.
                pause.tv_sec = 0
                pause.tv_nsec = BULK_PAUSE_NS
                with nogil:
                    nanosleep(&pause, NULL)
        self.engine.begin_batch()
        try:
            for i in range(count):
                # Looked up again each time: what came before may have ended this link and given its
                # descriptor to nobody yet, since sockets are opened by other callbacks only.
                leg = <Leg>self.legs[events[i].data.fd]
                if leg is None:
                    continue
                link = leg.link
                if link is not None:
                    link.on_ready(
                        leg,
                        (events[i].events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0,
                        (events[i].events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0,
                    )
        finally:
            self.engine.end_batch()
        return 0

    def close(self):
        """Leave the loop."""
        if self.epfd >= 0:
            self.loop.remove_reader(self.epfd)
            close(self.epfd)
            self.epfd = -1
