# The ledger's line buffer in the data plane. See ledger.pyx.

from libc.stdint cimport int64_t, uint64_t
from govproxy._fastpath.outbuf cimport OutBuf

cdef extern from "sha256.h" nogil:
    ctypedef struct gp_hmac:
        pass

cdef enum:
    MAX_ID = 64                  # characters of a session id
    MAX_STATEMENT_ID = 85        # of "<session id>.<number>"
    FINGERPRINT = 64             # hexadecimal digits of a text's HMAC-SHA256

# What a statement line says about the verdict, and where the open segment has it in full already.
cdef class Fragment:
    cdef readonly bytes members             # JSON members without braces
    cdef bytes text                         # that was judged; others may have been folded into it
    # -- private to ledger.pyx
    cdef uint64_t hashed_by                 # number of the key that ``fingerprint`` is under, 0 = none yet
    cdef char fingerprint[FINGERPRINT]      # of ``text``
    cdef uint64_t segment                   # number of the segment that has the members in full, 0 = none
    cdef Py_ssize_t first_size
    cdef char first_id[MAX_STATEMENT_ID]    # of the line there that has them
    cdef char first_fingerprint[FINGERPRINT]  # on that line

cdef class LedgerWriter:
    cdef int fd
    cdef OutBuf pending
    cdef readonly bint healthy        # False: statements are refused until a write succeeds again
    cdef readonly bint synchronous    # durability `strict`
    cdef readonly uint64_t written    # bytes in the open segment that the operating system has

    # {"event":"statement","id":"<session_id>.<number>","time":...,<session_fragment>,"sql_hash":...,<fragment>}
    # ``text`` is what the client sent; NULL = the fragment's own. Where the segment has the fragment
    # already, "like":"<id>" of that line stands in its place (and for the same sql_hash).
    # While unhealthy it first tries to write again (at most every 200 ms) and raises
    # LedgerUnavailable, with nothing appended, when that fails.
    cdef int append_statement(self, bytes session_id, uint64_t number, bytes session_fragment,
                              Fragment fragment, const unsigned char* text, Py_ssize_t text_size) except -1
    # {"event":"outcome","id":...,"time":...,"session":...,"status":...,"sqlstate":...|null,"rows":..,
    #  "bytes":..,"masked_values":..,"duration_us":..}; status is a C string, sqlstate five bytes or NULL.
    # Never raises LedgerUnavailable: while the file cannot be written, outcomes wait in memory.
    cdef int append_outcome(self, bytes session_id, uint64_t number, const char* status,
                            const unsigned char* sqlstate, uint64_t rows, uint64_t size_bytes,
                            uint64_t masked_values, uint64_t duration_us) except -1
    # One write(2) (and fdatasync when synchronous) of all that is pending. Returns 0; raises
    # LedgerUnavailable after cutting a half-written line off again, and sets healthy to False.
    cdef int flush(self) except -1

    # -- private to ledger.pyx ---------------------------------------------------------------
    cdef readonly bint buffered             # durability `async`
    cdef readonly bint broken               # the open segment cannot be trusted: a new one must be begun
    cdef readonly object reason             # of the last failure, a str, or None
    cdef readonly uint64_t lost_outcomes    # lines dropped because too much waited in memory
    cdef public int64_t retry_interval_ns
    cdef public object recover              # Callable[[], None] | None, see Ledger._recover
    cdef OutBuf unsealed                    # written, not yet taken for sealing
    cdef uint64_t unsealed_start
    cdef uint64_t unsealed_lines
    cdef uint64_t unsealed_events           # as unsealed_lines, without checkpoint lines
    cdef uint64_t pending_lines
    cdef uint64_t pending_events
    cdef int64_t pending_since_ns
    cdef int64_t retry_at_ns
    cdef int64_t frozen_ns                  # tests: the time of all lines; -1 = the real clock
    cdef int64_t stamped_second
    cdef int64_t now_ns
    cdef char stamp[28]                     # 2026-01-31T23:59:59.123456Z
    # Security: not visible from Python, and wiped with the writer.
    cdef gp_hmac key
    cdef uint64_t key_number                # stands for the key in ``Fragment.hashed_by``
    cdef readonly uint64_t segment_number   # of the open segment, never used again for another
    cdef OutBuf references                  # one Reference per pending line that says "like"

    cdef const char* fingerprint_of(self, Fragment fragment, const unsigned char* text, Py_ssize_t size,
                                    char* room) noexcept
    cdef int make_self_contained(self, uint64_t segment_number) except -1
    cdef void drop_references(self) noexcept
    cdef int append_line(self, const unsigned char* line, Py_ssize_t size, bint event) except -1
    cdef int make_room(self) except -1
    cdef bint make_room_in_memory(self) except -1
    cdef int attempt(self) except -1
    cdef int write_pending(self) except -1
    cdef int failed(self, str what, int error, Py_ssize_t partial) except -1
    cdef char* put_head(self, char* at, const char* kind, Py_ssize_t kind_size, bytes session_id,
                        uint64_t number) noexcept
    cdef void refresh_stamp(self) noexcept
