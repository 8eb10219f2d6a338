"""Readiness on Linux under uvloop: the engine waits itself, and libuv's own descriptors wait with it.

A loop that watches the engine's epoll set pays for every batch twice: it wakes, looks whose it is,
enters the interpreter, and the engine asks its set again. Here it is the other way round. Just before
libuv would wait (a ``uv_prepare_t``), the engine waits in its place, without the interpreter lock, in
a set that has libuv's descriptor in it as well. Sockets are worked off on the spot, and libuv gets its
turn as soon as it has something to do: an event of its own, a callback that somebody has scheduled, a
timer that is due. libuv tells which (``uv_backend_fd``, ``uv_backend_timeout``: its documented
interface for being embedded), and is then kept from waiting by an idle handle.

Neither side starves: libuv gets a turn after any batch that found it ready, and a loop that never
comes to rest lets one batch through per turn.

The functions are taken from the libuv inside uvloop. Where they are not to be had ``available`` says
so, and ``epoll.EpollReadiness`` does the same work on any loop.
"""

from cpython.object cimport PyObject
from cpython.pycapsule cimport PyCapsule_GetPointer, PyCapsule_GetName
from libc.errno cimport EINTR, errno
from libc.stdlib cimport calloc, free

cimport cython

from govproxy._fastpath.epoll cimport (
    BATCH, EPOLL_CTL_ADD, EPOLLIN, EpollReadiness, epoll_ctl, epoll_event, epoll_wait
)

import os
import sys

cdef extern from "<dlfcn.h>" nogil:
    void* dlopen(const char* path, int flags)
    void* dlsym(void* library, const char* name)
    int RTLD_NOW
    int RTLD_NOLOAD

ctypedef void (*handle_callback)(void* handle) noexcept nogil

cdef enum:
    UV_IDLE = 6          # uv_handle_type; libuv 1.x never renumbers
    UV_PREPARE = 9
    LIBUV_MAJOR = 1

cdef struct Libuv:
    size_t (*handle_size)(int kind) noexcept nogil
    int (*prepare_init)(void* loop, void* handle) noexcept nogil
    int (*prepare_start)(void* handle, handle_callback callback) noexcept nogil
    int (*prepare_stop)(void* handle) noexcept nogil
    int (*idle_init)(void* loop, void* handle) noexcept nogil
    int (*idle_start)(void* handle, handle_callback callback) noexcept nogil
    int (*idle_stop)(void* handle) noexcept nogil
    void (*unref)(void* handle) noexcept nogil
    void (*close)(void* handle, handle_callback callback) noexcept nogil
    int (*backend_fd)(const void* loop) noexcept nogil
    int (*backend_timeout)(const void* loop) noexcept nogil
    void (*update_time)(void* loop) noexcept nogil

# In front of libuv's handle in one piece of memory, so that the handle leads back to it.
cdef struct Hook:
    PyObject* readiness      # borrowed; NULL once nobody is to be called any more
    const int* heard         # how many legs it listens to
    void* loop
    void* idle               # its own handle, which keeps libuv from waiting
    int epfd
    int backend_fd

cdef Libuv uv
cdef int _found = -1


cdef int _find() except -1:
    # Looks the functions up once. 1 = all there.
    global _found
    cdef void* library
    cdef void** slot = <void**>&uv
    cdef int i
    if _found >= 0:
        return _found
    _found = 0
    names = (
        "uv_handle_size", "uv_prepare_init", "uv_prepare_start", "uv_prepare_stop", "uv_idle_init", "uv_idle_start",
        "uv_idle_stop", "uv_unref", "uv_close", "uv_backend_fd", "uv_backend_timeout", "uv_update_time",
    )
    module = sys.modules.get("uvloop.loop")
    if module is None or module.libuv_get_version() >> 16 != LIBUV_MAJOR:
        return 0
    path = os.fsencode(module.__file__)
    library = dlopen(path, RTLD_NOW | RTLD_NOLOAD)
    if library == NULL:
        return 0
    for i, name in enumerate(names):
        symbol = name.encode()
        slot[i] = dlsym(library, symbol)
        if slot[i] == NULL:
            return 0
    _found = 1
    return 1


def available(loop) -> bool:
    """Whether ``loop`` is uvloop's and its libuv can be reached."""
    module = sys.modules.get("uvloop.loop")
    return module is not None and isinstance(loop, module.Loop) and _find() == 1


@cython.final
cdef class UvReadiness(EpollReadiness):
    """See the module. Raises RuntimeError where it is not ``available``."""

    cdef Hook* hook

    def __cinit__(self):
        self.hook = NULL

    def __init__(self, loop):
        if not available(loop):
            raise RuntimeError("this loop's libuv cannot be reached")
        super().__init__(loop)

    def __dealloc__(self):
        # libuv still has the handles: they stay, and call nobody.
        if self.hook != NULL:
            self.hook.readiness = NULL

    def attach(self, engine not None):
        """The engine whose batches these are; listens from here on."""
        cdef Hook* hook
        cdef epoll_event event
        self.engine = engine
        capsule = sys.modules["uvloop.loop"].libuv_get_loop_t_ptr(self.loop)
        hook = <Hook*>calloc(1, sizeof(Hook) + uv.handle_size(UV_PREPARE))
        if hook == NULL:
            raise MemoryError("a handle of libuv")
        hook.idle = calloc(1, uv.handle_size(UV_IDLE))
        if hook.idle == NULL:
            free(hook)
            raise MemoryError("a handle of libuv")
        hook.loop = PyCapsule_GetPointer(capsule, PyCapsule_GetName(capsule))
        hook.epfd = self.epfd
        hook.backend_fd = uv.backend_fd(hook.loop)
        event.events = EPOLLIN
        event.data.fd = hook.backend_fd
        if epoll_ctl(self.epfd, EPOLL_CTL_ADD, hook.backend_fd, &event) < 0:
            free(hook.idle)
            free(hook)
            raise OSError(errno, "epoll_ctl")
        hook.readiness = <PyObject*>self
        hook.heard = &self.heard
        uv.idle_init(hook.loop, hook.idle)
        uv.prepare_init(hook.loop, _handle(hook))
        # They keep nobody's loop running.
        uv.unref(hook.idle)
        uv.unref(_handle(hook))
        uv.prepare_start(_handle(hook), _before_waiting)
        self.hook = hook

    cdef bint batch(self, epoll_event* events, int count) noexcept:
        # What epoll_wait gave. False: it is the loop's turn.
        cdef bint alone = True
        cdef int i
        for i in range(count):
            if events[i].data.fd == self.hook.backend_fd:
                count -= 1
                events[i] = events[count]
                alone = False
                break
        try:
            if count < 0:
                raise OSError(errno, "epoll_wait")
            if count:
                self.work_off(events, count)
        except BaseException as error:
            self.loop.call_exception_handler({"message": "a batch of the engine failed", "exception": error})
            alone = False
        return alone

    def close(self):
        """Leave the loop, which has to go round once more after this."""
        cdef Hook* hook = self.hook
        if hook == NULL:
            return
        self.hook = NULL
        hook.readiness = NULL
        uv.close(hook.idle, _closed_idle)
        uv.close(_handle(hook), _closed_prepare)


cdef inline void* _handle(Hook* hook) noexcept nogil:
    return <void*>(hook + 1)


cdef void _closed_idle(void* handle) noexcept nogil:
    free(handle)


cdef void _closed_prepare(void* handle) noexcept nogil:
    free(<Hook*>handle - 1)


cdef void _at_once(void* handle) noexcept nogil:
    # An idle handle that is started keeps libuv from waiting; there is nothing to do in it.
    pass


cdef void _before_waiting(void* handle) noexcept nogil:
    # libuv is about to wait: do it in its place.
    cdef Hook* hook = <Hook*>handle - 1
    cdef epoll_event[BATCH] events
    cdef int timeout, count
    cdef bint go_on = True
    uv.idle_stop(hook.idle)
    while go_on:
        if hook.readiness == NULL or hook.heard[0] == 0:
            return
        uv.update_time(hook.loop)
        timeout = uv.backend_timeout(hook.loop)
        go_on = timeout != 0
        count = epoll_wait(hook.epfd, events, BATCH, timeout)
        if count > 0 or (count < 0 and errno != EINTR):
            with gil:
                go_on = (<UvReadiness>hook.readiness).batch(events, count) and go_on
    if hook.readiness != NULL:
        uv.idle_start(hook.idle, _at_once)
