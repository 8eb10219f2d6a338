# Settings of a changed policy, in force before the next statement. See imposing.pyx.

from govproxy._fastpath.replies cimport Expected
from govproxy._fastpath.state cimport State

# Frontend, with HOLD_SETTINGS: whether the client's next message waits until they are in force.
cdef bint imposes_first(State state, unsigned char act) except -1

# Backend
cdef int imposed_message(
    State state, unsigned char event, Expected* head, const unsigned char* message, Py_ssize_t total
) except -1
