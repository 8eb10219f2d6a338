# The extended protocol's messages, each to its end. See extended.pyx.

from govproxy._fastpath.cursor cimport Cursor
from govproxy._fastpath.state cimport State

cdef enum:
    NAME_SIZE = 64   # NAMEDATALEN

# ``body`` are the fields of message[0:total]. A message that has to wait leaves the state parked or stalled.
cdef int on_parse(State state, Cursor* body, const unsigned char* message, Py_ssize_t total) except -1
cdef int on_bind(State state, Cursor* body, const unsigned char* message, Py_ssize_t total) except -1
cdef int on_describe(State state, Cursor* body, const unsigned char* message, Py_ssize_t total) except -1
cdef int on_execute(State state, Cursor* body, const unsigned char* message, Py_ssize_t total) except -1
cdef int on_close(State state, Cursor* body, const unsigned char* message, Py_ssize_t total) except -1
