# The database's half of a conversation. See backend.pyx.

from govproxy._fastpath.state cimport State

# Accounts for and forwards the messages at the start of data[0:size]; returns the bytes taken.
cdef Py_ssize_t backend_messages(State state, const unsigned char* data, Py_ssize_t size) except -1
