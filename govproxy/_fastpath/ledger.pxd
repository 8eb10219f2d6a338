# The ledger's line buffer in the data plane. See ledger.pyx.

from libc.stdint cimport uint64_t
from govproxy._fastpath.outbuf cimport OutBuf

cdef class LedgerWriter:
    cdef int fd
    cdef OutBuf pending
    cdef readonly bint healthy        # False: statements are refused until a write succeeds again
    cdef readonly bint synchronous    # durability `strict`
    cdef readonly uint64_t written    # bytes in the open segment that the operating system has

    # {"event":"statement","id":"<session_id>.<number>","time":...,<session_fragment>,<statement_fragment>}
    cdef int append_statement(self, bytes session_id, uint64_t number, bytes session_fragment,
                              bytes statement_fragment) except -1
    # {"event":"outcome","id":...,"time":...,"session":...,"status":...,"sqlstate":...|null,"rows":..,
    #  "bytes":..,"masked_values":..,"duration_us":..}; status is a C string, sqlstate five bytes or NULL
    cdef int append_outcome(self, bytes session_id, uint64_t number, const char* status,
                            const unsigned char* sqlstate, uint64_t rows, uint64_t size_bytes,
                            uint64_t masked_values, uint64_t duration_us) except -1
    # One write(2) (and fdatasync when synchronous) of all that is pending. Returns 0; raises
    # LedgerUnavailable after cutting a half-written line off again, and sets healthy to False.
    cdef int flush(self) except -1
