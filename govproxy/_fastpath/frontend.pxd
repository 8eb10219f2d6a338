# The client's half of a conversation. See frontend.pyx.

from govproxy._fastpath.state cimport State

# Judges and forwards complete messages at the start of data[0:size]; returns the bytes taken.
# Stops early when the state is parked (waiting for a verdict) or stalled (waiting for replies).
cdef Py_ssize_t frontend_messages(State state, const unsigned char* data, Py_ssize_t size) except -1
