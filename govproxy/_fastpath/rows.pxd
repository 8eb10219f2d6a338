# Rewriting runs of DataRow by a mask plan. See rows.pyx.

from govproxy._fastpath.spans cimport Hits
from govproxy._fastpath.maskfpe cimport FpeLanes
from govproxy._fastpath.maskers cimport MaskSpec
from govproxy._fastpath.outbuf cimport OutBuf

cdef struct RowCounts:
    unsigned long long rows
    unsigned long long masked_values
    bint changed          # the whole consumed run is in ``out``; otherwise ``out`` is as it was

# What is done to one column: a routine, and what it needs.
cdef struct ColumnOp:
    int routine
    MaskSpec spec
    FpeLanes* lanes                     # of FF1 columns
    const unsigned char* constant       # length word and value, ready to be copied
    Py_ssize_t constant_size
    int shown                           # bits of spans.Kind that a scan leaves as they are

# Where a run is being rewritten. All offsets are into ``data``.
cdef struct Rewrite:
    const unsigned char* data
    const unsigned char* limit          # end of readable memory
    OutBuf* out
    Py_ssize_t copied       # everything before it is in ``out`` or replaced
    Py_ssize_t row          # start of the row at hand
    Py_ssize_t header       # its header's offset in ``out``, -1 while the row is unchanged
    Py_ssize_t delta        # what the row has grown by
    unsigned long long masked

cdef class MaskPlan:
    # True when no row needs a look: the conversation then forwards spans untouched.
    cdef readonly bint passthrough
    cdef readonly tuple columns
    cdef int count
    cdef int allocated
    cdef bint keyed                     # some column is encrypted by FF1
    cdef unsigned char* routines        # one byte per column: all that PASS columns touch
    cdef ColumnOp* ops
    cdef list owned                     # bytes that ``ops`` points into
    cdef list ciphers                   # an Ff1 per column that needs one, else None
    cdef list nodes                     # a masknodes.Node per column whose values hold others, else None
    cdef Hits hits
    cdef OutBuf scratch

    # Handles the consecutive *complete* DataRow messages (tag 'D' and length included) at the
    # start of data[0:size]; stops before the first other or incomplete message. Returns the bytes
    # consumed and adds to ``counts``. A malformed row, or one whose column count is not the
    # plan's, raises: nothing that was not understood is forwarded.
    cdef Py_ssize_t mask_run(self, const unsigned char* data, Py_ssize_t size,
                             OutBuf* out, RowCounts* counts) except -1
    cdef int _settle(self, OutBuf* out) except -1
    cdef void _forget(self) noexcept
    cdef Py_ssize_t _run(self, Rewrite* rw, Py_ssize_t size, unsigned long long* rows) except -1
    cdef int _field(self, Rewrite* rw, int column, Py_ssize_t field, Py_ssize_t size) except -1
    cdef int _fpe(self, Rewrite* rw, int column, Py_ssize_t field, Py_ssize_t size) except -1
    cdef int _node(self, Rewrite* rw, int column, Py_ssize_t field, Py_ssize_t size) except -1
    cdef int _scan(self, Rewrite* rw, ColumnOp* op, Py_ssize_t field, Py_ssize_t size) except -1
    cdef int _scan_nested(self, Rewrite* rw, ColumnOp* op, Py_ssize_t field, Py_ssize_t size) except -1
    cdef int _scan_hex(self, Rewrite* rw, ColumnOp* op, Py_ssize_t field, Py_ssize_t size) except -1
    cdef int _nested(self, const unsigned char* p, Py_ssize_t n, bint record, int kinds) except -1
    cdef int _element(self, unsigned int oid, const unsigned char* p, Py_ssize_t n, int kinds,
                      bint* changed) except -1
