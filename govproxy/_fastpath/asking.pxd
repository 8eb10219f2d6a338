# What the gate asks the database on the client's own session. See asking.pyx.

from govproxy._fastpath.replies cimport Expected
from govproxy._fastpath.state cimport State

cdef class Inquiry:
    cdef object question          # session.asking.Question
    cdef list notices, rows       # payloads of what was answered so far
    cdef bytes error              # payload of the ErrorResponse, None where nothing failed
    cdef bint sent, answered
    cdef bint alone               # not within a pipeline of the client's: it has a Sync of its own
    cdef bytes undoing            # what takes back what the question has set, until that is done
    cdef int attempts

# Frontend, from within the gate's judgement. False: nothing can be asked in this state.
cdef bint ask(State state, object question) except -1

# Backend
cdef int asked_message(
    State state, unsigned char event, Expected* head, const unsigned char* message, Py_ssize_t total
) except -1
# After what came from the backend is worked off.
# True: nothing is asked any more, and the message that waited may be looked at again.
cdef bint ask_on(State state) except -1
