# The epoll set of a worker's links. See epoll.pyx.

from libc.stdint cimport uint32_t

from govproxy._fastpath.engine cimport Engine, Leg

cdef extern from "<sys/epoll.h>" nogil:
    ctypedef union epoll_data_t:
        int fd
    struct epoll_event:
        uint32_t events
        epoll_data_t data
    int epoll_create1(int flags)
    int epoll_ctl(int epfd, int operation, int fd, epoll_event* event)
    int epoll_wait(int epfd, epoll_event* events, int maximum, int timeout)
    int EPOLL_CLOEXEC
    int EPOLL_CTL_ADD
    int EPOLL_CTL_MOD
    int EPOLL_CTL_DEL
    uint32_t EPOLLIN
    uint32_t EPOLLOUT
    uint32_t EPOLLERR
    uint32_t EPOLLHUP

cdef enum:
    BATCH = 128              # events asked for at once

cdef class EpollReadiness:
    cdef object loop
    cdef Engine engine
    cdef list legs           # by file descriptor; None where there is no link
    cdef int heard           # legs in the set
    cdef int epfd

    # What the kernel reported, worked off as one batch of the engine.
    cdef int work_off(self, epoll_event* events, int count) except -1
