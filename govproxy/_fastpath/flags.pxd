# A truth value of one byte: Cython's own ``bint`` is a C int, and a session has many of them.

cdef extern from "<stdbool.h>":
    ctypedef bint flag "bool"
