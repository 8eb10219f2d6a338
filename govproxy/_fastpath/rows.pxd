# Rewriting runs of DataRow by a mask plan. See rows.pyx.

from govproxy._fastpath.outbuf cimport OutBuf

cdef struct RowCounts:
    unsigned long long rows
    unsigned long long masked_values
    bint changed          # the whole consumed run is in ``out``; otherwise ``out`` is as it was

cdef class MaskPlan:
    # True when no row needs a look: the conversation then forwards spans untouched.
    cdef readonly bint passthrough
    # Handles the consecutive *complete* DataRow messages (tag 'D' and length included) at the
    # start of data[0:size]; stops before the first other or incomplete message. Returns the bytes
    # consumed and adds to ``counts``. A malformed row, or one whose column count is not the
    # plan's, raises: nothing that was not understood is forwarded.
    cdef Py_ssize_t mask_run(self, const unsigned char* data, Py_ssize_t size,
                             OutBuf* out, RowCounts* counts) except -1
