"""The ledger's line buffer in the data plane: lines in, one write(2) out, before anything is forwarded.

Knows bytes, a file descriptor and the clock. It does not know what a segment, a key or a policy is
(``audit.ledger``), and it never parses: the two fragments of a statement line are JSON members that
somebody encoded before. The second is the same for every execution of a text, so a segment has it
in full once, and later lines name that line (``"like"``). What it does check is what could break
the file: newlines in a fragment, ids and SQLSTATEs (the latter come from the database) with
characters that JSON would have to escape.

After a failed write nothing that was appended is lost: it waits in memory (bounded) and goes out
with the next write that succeeds, so a refused attempt is on record as well. Should that be a write
to another segment, the lines that name a line of the former one are made whole first.
"""

import os

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF, Py_INCREF
from cython cimport final
from libc.errno cimport EINTR, errno
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memchr, memcmp, memcpy, memset, strerror, strlen
from posix.stat cimport fstat, struct_stat
from posix.time cimport CLOCK_MONOTONIC, CLOCK_REALTIME, clock_gettime, timespec
from posix.unistd cimport ftruncate, write

from govproxy._fastpath.outbuf cimport OutBuf, outbuf_append, outbuf_free, outbuf_init, outbuf_reserve, outbuf_trim
from govproxy._fastpath.sealing cimport Range, make_range
from govproxy.errors import LedgerUnavailable

cdef extern from "unistd.h" nogil:
    int fdatasync(int fd)

cdef extern from "sha256.h" nogil:
    void gp_hmac_key(gp_hmac* h, const unsigned char* key, size_t size) noexcept
    void gp_hmac_text(const gp_hmac* h, const unsigned char* text, size_t size, unsigned char* out) noexcept

cdef extern from "time.h" nogil:
    ctypedef long time_t
    struct tm:
        int tm_sec, tm_min, tm_hour, tm_mday, tm_mon, tm_year
    tm* gmtime_r(const time_t* when, tm* out)

cdef enum:
    STAMP = 27                  # characters of a time
    ROOM = 512                  # keys, punctuation and numbers of one line, generously
    STATEMENT_HEAD = 27         # {"event":"statement","id":"
    BEHIND_ID = 10 + STAMP + 1  # ","time":"<stamp>"
    MIN_KEY = 32
    MAX_STATUS = 32
    EARLY_WRITE = 1 << 20       # more than this pending is written without waiting for flush
    MAX_WAITING = 8 << 20       # more than this is not kept in memory while the file cannot be written
    ASYNC_BYTES = 1 << 16

# A pending line that leans on another one: enough to write it anew.
cdef struct Reference:
    Py_ssize_t line             # where it begins in ``pending``
    Py_ssize_t rest             # where the session's members end and the rest begins
    PyObject* fragment          # owned
    char fingerprint[FINGERPRINT]

cdef const char* HEXADECIMAL = b"0123456789abcdef"
cdef int64_t NS = 1000000000
cdef int64_t ASYNC_NS = 100000000
cdef int64_t RETRY_NS = 200000000

HINT = "the ledger cannot be written; nothing runs until it can"

# Numbers for segments and keys. Of the process, not of a writer: a fragment may meet several writers.
cdef uint64_t _last_number = 0


cdef uint64_t _next_number() noexcept:
    global _last_number
    _last_number += 1
    return _last_number


cdef inline int64_t _clock(int which) noexcept nogil:
    cdef timespec now
    clock_gettime(which, &now)
    return <int64_t>now.tv_sec * NS + now.tv_nsec


cdef inline char* _put(char* at, const char* text, Py_ssize_t size) noexcept nogil:
    memcpy(at, text, <size_t>size)
    return at + size


cdef inline char* _put_number(char* at, uint64_t value) noexcept nogil:
    cdef char digits[20]
    cdef int n = 0
    while True:
        digits[n] = <char>(48 + value % 10)
        n += 1
        value //= 10
        if value == 0:
            break
    while n:
        n -= 1
        at[0] = digits[n]
        at += 1
    return at


cdef inline void _two(char* at, int value) noexcept nogil:
    at[0] = <char>(48 + value // 10)
    at[1] = <char>(48 + value % 10)


cdef inline bint _plain(const unsigned char* text, Py_ssize_t size) noexcept nogil:
    # Letters, digits, '-', '_', '.': needs no escaping anywhere.
    cdef Py_ssize_t i
    cdef unsigned char c
    for i in range(size):
        c = text[i]
        if not (48 <= c <= 57 or 65 <= c <= 90 or 97 <= c <= 122 or c == 45 or c == 95 or c == 46):
            return False
    return True


cdef int _check_id(bytes session_id) except -1:
    if session_id is None:
        raise TypeError("session id is None")
    cdef Py_ssize_t size = PyBytes_GET_SIZE(session_id)
    if size == 0 or size > MAX_ID or not _plain(<const unsigned char*>PyBytes_AS_STRING(session_id), size):
        raise ValueError("a session id is 1 to 64 letters, digits, '-', '_' or '.'")
    return 0


cdef int _check_fragment(bytes fragment) except -1:
    if fragment is None:
        raise TypeError("fragment is None")
    cdef Py_ssize_t size = PyBytes_GET_SIZE(fragment)
    # Security: a newline would let a fragment pass for a line of its own.
    if size == 0 or memchr(PyBytes_AS_STRING(fragment), c"\n", <size_t>size) != NULL:
        raise ValueError("a ledger fragment is JSON members on one line")
    return 0


cdef char* _put_rest(char* at, Fragment fragment, const char* fingerprint, bint known) noexcept:
    # The part of a statement line behind the session's members.
    if not known or memcmp(fingerprint, fragment.first_fingerprint, FINGERPRINT) != 0:
        at = _put(at, b',"sql_hash":"', 13)
        at = _put(at, fingerprint, FINGERPRINT)
        at[0] = c'"'
        at += 1
    if known:
        at = _put(at, b',"like":"', 9)
        at = _put(at, fragment.first_id, fragment.first_size)
        return _put(at, b'"}\n', 3)
    at[0] = c","
    at = _put(at + 1, PyBytes_AS_STRING(fragment.members), PyBytes_GET_SIZE(fragment.members))
    return _put(at, b"}\n", 2)


cdef void _has_it(Fragment fragment, uint64_t segment_number, const char* id, Py_ssize_t size,
                  const char* fingerprint) noexcept:
    # The line ``id`` has the fragment in full.
    memcpy(fragment.first_id, id, <size_t>size)
    memcpy(fragment.first_fingerprint, fingerprint, FINGERPRINT)
    fragment.first_size = size
    fragment.segment = segment_number


@final
cdef class Fragment:
    """The part of statement lines that one verdict gives; ``text`` is what was judged, as the client sent it.

    Lives as long as the verdict: it remembers the fingerprint of ``text``, and which line of the open
    segment has ``members`` in full.
    """

    def __cinit__(self, bytes members not None, bytes text not None):
        _check_fragment(members)
        self.members = members
        self.text = text


@final
cdef class LedgerWriter:
    """Lines of one worker's open segment.

    ``healthy`` is False from a failed write until one succeeds; ``written`` is the offset behind
    the last whole line in the file. Used by one thread (the loop's), except ``take``, ``fail`` and
    the read-only attributes, which the sealing thread uses under the interpreter lock: no method
    here gives that lock away between changing the file and changing the counters.
    """

    def __cinit__(self, *, bint synchronous=False, bint buffered=False, bytes hash_key=None):
        outbuf_init(&self.pending)
        outbuf_init(&self.unsealed)
        outbuf_init(&self.references)
        if hash_key is None:
            # Security: never without a key. One of our own only makes fingerprints incomparable with others'.
            hash_key = os.urandom(MIN_KEY)
        if PyBytes_GET_SIZE(hash_key) < MIN_KEY:
            raise ValueError("a ledger hash key has at least 32 bytes")
        gp_hmac_key(&self.key, <const unsigned char*>PyBytes_AS_STRING(hash_key), <size_t>PyBytes_GET_SIZE(hash_key))
        self.key_number = _next_number()
        self.fd = -1
        self.healthy = False
        self.broken = True  # nothing is open yet
        self.reason = "no segment is open"
        self.synchronous = synchronous
        self.buffered = buffered
        self.retry_interval_ns = RETRY_NS
        self.frozen_ns = -1
        self.stamped_second = -1

    def __dealloc__(self):
        self.drop_references()
        outbuf_free(&self.references)
        outbuf_free(&self.pending)
        outbuf_free(&self.unsealed)
        memset(&self.key, 0, sizeof(gp_hmac))

    # -- the data plane's surface ----------------------------------------------------------------

    cdef int append_statement(self, bytes session_id, uint64_t number, bytes session_fragment,
                              Fragment fragment, const unsigned char* text, Py_ssize_t text_size) except -1:
        cdef char room[FINGERPRINT]
        cdef const char* fingerprint
        cdef Py_ssize_t first, second
        cdef bint known
        cdef char* start
        cdef char* rest
        cdef char* at
        cdef Reference* reference
        _check_id(session_id)
        _check_fragment(session_fragment)
        if fragment is None:
            raise TypeError("fragment is None")
        self.make_room()   # may begin another segment: only now is it known which one gets the line
        known = fragment.segment == self.segment_number
        first = PyBytes_GET_SIZE(session_fragment)
        second = 0 if known else PyBytes_GET_SIZE(fragment.members)
        outbuf_reserve(&self.pending, first + second + ROOM)
        if known:
            outbuf_reserve(&self.references, sizeof(Reference))
        # From here on nothing fails.
        fingerprint = self.fingerprint_of(fragment, text, text_size, room)
        start = <char*>self.pending.data + self.pending.size
        at = self.put_head(start, b'{"event":"statement","id":"', STATEMENT_HEAD, session_id, number)
        second = at - start - STATEMENT_HEAD - BEHIND_ID   # of the id
        at[0] = c","
        rest = _put(at + 1, PyBytes_AS_STRING(session_fragment), first)
        at = _put_rest(rest, fragment, fingerprint, known)
        if known:
            reference = <Reference*>(self.references.data + self.references.size)
            reference.line = self.pending.size
            reference.rest = self.pending.size + (rest - start)
            Py_INCREF(fragment)
            reference.fragment = <PyObject*>fragment
            memcpy(reference.fingerprint, fingerprint, FINGERPRINT)
            self.references.size += sizeof(Reference)
        else:
            _has_it(fragment, self.segment_number, start + STATEMENT_HEAD, second, fingerprint)
        self.pending.size += at - start
        self.pending_lines += 1
        self.pending_events += 1
        return 0

    cdef int append_outcome(self, bytes session_id, uint64_t number, const char* status,
                            const unsigned char* sqlstate, uint64_t rows, uint64_t size_bytes,
                            uint64_t masked_values, uint64_t duration_us) except -1:
        cdef Py_ssize_t status_size = <Py_ssize_t>strlen(status)
        cdef char* start
        cdef char* at
        cdef int i
        _check_id(session_id)
        if status_size > MAX_STATUS or not _plain(<const unsigned char*>status, status_size):
            raise ValueError("a status is at most 32 letters, digits, '-', '_' or '.'")
        if not self.make_room_in_memory():
            return 0
        outbuf_reserve(&self.pending, ROOM)
        start = <char*>self.pending.data + self.pending.size
        at = self.put_head(start, b'{"event":"outcome","id":"', 25, session_id, number)
        at = _put(at, b',"session":"', 12)
        at = _put(at, PyBytes_AS_STRING(session_id), PyBytes_GET_SIZE(session_id))
        at = _put(at, b'","status":"', 12)
        at = _put(at, status, status_size)
        if sqlstate == NULL:
            at = _put(at, b'","sqlstate":null', 17)
        else:
            at = _put(at, b'","sqlstate":"', 14)
            # Security: these five bytes are the database's, which may be anything.
            for i in range(5):
                at[0] = <char>sqlstate[i] if _plain(sqlstate + i, 1) else c"?"
                at += 1
            at = _put(at, b'"', 1)
        at = _put_number(_put(at, b',"rows":', 8), rows)
        at = _put_number(_put(at, b',"bytes":', 9), size_bytes)
        at = _put_number(_put(at, b',"masked_values":', 17), masked_values)
        at = _put_number(_put(at, b',"duration_us":', 15), duration_us)
        at = _put(at, b"}\n", 2)
        self.pending.size += at - start
        self.pending_lines += 1
        self.pending_events += 1
        return 0

    cdef int flush(self) except -1:
        if not self.healthy:
            return self.attempt()
        if self.pending.size == 0:
            return 0
        if (self.buffered and self.pending.size < ASYNC_BYTES
                and _clock(CLOCK_MONOTONIC) - self.pending_since_ns < ASYNC_NS):
            return 0
        return self.write_pending()

    # -- inside ----------------------------------------------------------------------------------

    cdef const char* fingerprint_of(self, Fragment fragment, const unsigned char* text, Py_ssize_t size,
                                    char* room) noexcept:
        # That of the fragment's own text is computed once; another text's goes to ``room``.
        cdef const unsigned char* own_text = <const unsigned char*>PyBytes_AS_STRING(fragment.text)
        cdef Py_ssize_t own_size = PyBytes_GET_SIZE(fragment.text)
        cdef char* digits = room
        cdef unsigned char digest[32]
        cdef int i
        if text == NULL or size == own_size and (text == own_text or memcmp(text, own_text, <size_t>size) == 0):
            if fragment.hashed_by == self.key_number:
                return fragment.fingerprint
            text = own_text
            size = own_size
            digits = fragment.fingerprint
            fragment.hashed_by = self.key_number
        gp_hmac_text(&self.key, text, <size_t>size, digest)
        for i in range(32):
            digits[2 * i] = HEXADECIMAL[digest[i] >> 4]
            digits[2 * i + 1] = HEXADECIMAL[digest[i] & 15]
        return digits

    cdef int make_self_contained(self, uint64_t segment_number) except -1:
        # Pending lines are going to another segment: they may name each other, but no line of the
        # former. Afterwards they are right in any segment, as they are only ever written together.
        cdef OutBuf made
        cdef Reference* reference
        cdef Fragment fragment
        cdef Py_ssize_t i, done = 0
        cdef Py_ssize_t count = self.references.size // <Py_ssize_t>sizeof(Reference)
        cdef const unsigned char* start
        cdef const unsigned char* id
        cdef const unsigned char* end
        cdef char* at
        cdef bint known
        if count == 0:
            return 0
        outbuf_init(&made)
        try:
            for i in range(count):
                reference = <Reference*>self.references.data + i
                fragment = <Fragment>reference.fragment
                start = self.pending.data + reference.line
                outbuf_append(&made, self.pending.data + done, reference.rest - done)
                known = fragment.segment == segment_number
                outbuf_reserve(&made, ROOM + (0 if known else PyBytes_GET_SIZE(fragment.members)))
                at = <char*>made.data + made.size
                made.size += _put_rest(at, fragment, reference.fingerprint, known) - at
                if not known:
                    id = start + STATEMENT_HEAD
                    end = <const unsigned char*>memchr(id, c'"', MAX_STATEMENT_ID + 1)
                    _has_it(fragment, segment_number, <const char*>id, end - id, reference.fingerprint)
                end = <const unsigned char*>memchr(
                    self.pending.data + reference.rest, c"\n", <size_t>(self.pending.size - reference.rest)
                )
                done = end + 1 - self.pending.data
            outbuf_append(&made, self.pending.data + done, self.pending.size - done)
        except MemoryError:
            outbuf_free(&made)
            raise
        outbuf_free(&self.pending)
        self.pending = made
        self.drop_references()
        return 0

    cdef void drop_references(self) noexcept:
        cdef Py_ssize_t i
        cdef Reference* reference
        for i in range(self.references.size // <Py_ssize_t>sizeof(Reference)):
            reference = <Reference*>self.references.data + i
            Py_DECREF(<Fragment>reference.fragment)
        self.references.size = 0
        if self.references.capacity > EARLY_WRITE:
            outbuf_trim(&self.references)

    cdef char* put_head(self, char* at, const char* kind, Py_ssize_t kind_size, bytes session_id,
                        uint64_t number) noexcept:
        # <kind><session id>.<number>","time":"<stamp>" ; the caller has reserved ROOM.
        if self.buffered and self.pending.size == 0:
            self.pending_since_ns = _clock(CLOCK_MONOTONIC)
        self.refresh_stamp()
        at = _put(at, kind, kind_size)
        at = _put(at, PyBytes_AS_STRING(session_id), PyBytes_GET_SIZE(session_id))
        at[0] = c"."
        at = _put_number(at + 1, number)
        at = _put(at, b'","time":"', 10)
        at = _put(at, self.stamp, STAMP)
        at[0] = c'"'
        return at + 1

    cdef void refresh_stamp(self) noexcept:
        # RFC 3339 UTC with microseconds; the calendar is asked once a second.
        cdef int64_t now = self.frozen_ns if self.frozen_ns >= 0 else _clock(CLOCK_REALTIME)
        cdef int64_t second = now // NS
        cdef int64_t micros = (now % NS) // 1000
        cdef time_t when
        cdef tm parts
        cdef int year, i
        if second != self.stamped_second:
            when = <time_t>second
            gmtime_r(&when, &parts)
            year = parts.tm_year + 1900
            memcpy(self.stamp, b"0000-00-00T00:00:00.000000Z", STAMP + 1)
            _two(self.stamp, year // 100)
            _two(self.stamp + 2, year % 100)
            _two(self.stamp + 5, parts.tm_mon + 1)
            _two(self.stamp + 8, parts.tm_mday)
            _two(self.stamp + 11, parts.tm_hour)
            _two(self.stamp + 14, parts.tm_min)
            _two(self.stamp + 17, parts.tm_sec)
            self.stamped_second = second
        for i in range(6):
            self.stamp[25 - i] = <char>(48 + micros % 10)
            micros //= 10
        self.now_ns = now

    cdef int make_room(self) except -1:
        # Before a line that must not be lost: the file can be written and memory is bounded.
        if not self.healthy:
            self.attempt()
        elif self.pending.size > EARLY_WRITE:
            self.write_pending()
        return 0

    cdef bint make_room_in_memory(self) except -1:
        # Before a line about what has happened already: it waits in memory when it must. False
        # when too much waits; then the line is lost, and the next checkpoint says that one was.
        if self.pending.size > EARLY_WRITE and self.healthy:
            try:
                self.write_pending()
            except LedgerUnavailable:
                # The statement ran: its client gets the result. The failure is in ``healthy``
                # and ``reason`` already, and the next statement is refused because of it.
                pass
        if self.pending.size > MAX_WAITING:
            self.lost_outcomes += 1
            return False
        return True

    cdef int append_line(self, const unsigned char* line, Py_ssize_t size, bint event) except -1:
        outbuf_reserve(&self.pending, size + 1)
        if self.buffered and self.pending.size == 0:
            self.pending_since_ns = _clock(CLOCK_MONOTONIC)
        outbuf_append(&self.pending, line, size)
        outbuf_append(&self.pending, b"\n", 1)
        self.pending_lines += 1
        self.pending_events += event
        return 0

    cdef int attempt(self) except -1:
        # One more try after a failure, not more often than every retry interval.
        cdef int64_t now = _clock(CLOCK_MONOTONIC)
        if now < self.retry_at_ns:
            raise LedgerUnavailable(f"ledger not writable: {self.reason}", hint=HINT)
        self.retry_at_ns = now + self.retry_interval_ns
        if self.recover is not None:
            try:
                self.recover()
            except OSError as error:
                self.reason = f"{error.strerror or error}"
                raise LedgerUnavailable(f"ledger not writable: {self.reason}", hint=HINT) from error
        if self.broken or self.fd < 0:
            raise LedgerUnavailable(f"ledger not writable: {self.reason}", hint=HINT)
        if self.pending.size:
            self.write_pending()
        self.healthy = True
        self.reason = None
        return 0

    cdef int write_pending(self) except -1:
        cdef Py_ssize_t done = 0
        cdef ssize_t n
        cdef int error
        if self.broken or self.fd < 0:
            return self.failed("no segment is open", 0, 0)
        # Room first: after the write there must be nothing left that can fail.
        outbuf_reserve(&self.unsealed, self.pending.size)
        while done < self.pending.size:
            n = write(self.fd, self.pending.data + done, <size_t>(self.pending.size - done))
            if n > 0:
                done += n
                continue
            error = errno if n < 0 else 0
            if n < 0 and error == EINTR:
                continue
            return self.failed("write", error, done)
        outbuf_append(&self.unsealed, self.pending.data, done)
        self.written += <uint64_t>done
        self.unsealed_lines += self.pending_lines
        self.unsealed_events += self.pending_events
        self.pending_lines = 0
        self.pending_events = 0
        self.pending.size = 0
        self.drop_references()
        if self.pending.capacity > EARLY_WRITE:
            outbuf_trim(&self.pending)
        if self.synchronous and fdatasync(self.fd) != 0:
            error = errno
            # Security: after a failed sync the kernel may have dropped the pages and will report
            # success next time. What was written here cannot be vouched for: begin another segment.
            self.broken = True
            return self.failed("fdatasync", error, 0)
        return 0

    cdef int failed(self, str what, int error, Py_ssize_t partial) except -1:
        if partial > 0 and ftruncate(self.fd, <long>self.written) != 0:
            # Half a line stays behind (not a regular file, or the disk is gone altogether).
            self.broken = True
        self.healthy = False
        self.retry_at_ns = _clock(CLOCK_MONOTONIC) + self.retry_interval_ns
        self.reason = f"{what}: {strerror(error).decode('ascii', 'replace')}" if error else what
        raise LedgerUnavailable(f"ledger not writable: {self.reason}", hint=HINT)

    # -- for audit.ledger and tests ---------------------------------------------------------------

    def open(self, int fd) -> None:
        """Appends to ``fd`` from its present end on; what is pending stays pending."""
        cdef struct_stat status
        cdef uint64_t number = _next_number()
        if fstat(fd, &status) != 0:
            raise OSError(errno, strerror(errno).decode("ascii", "replace"))
        self.make_self_contained(number)
        self.segment_number = number
        self.fd = fd
        self.written = <uint64_t>status.st_size
        self.unsealed.size = 0
        self.unsealed_start = self.written
        self.unsealed_lines = 0
        self.unsealed_events = 0
        self.broken = False
        self.healthy = True
        self.reason = None

    def begin(self, int fd, bytes header not None) -> None:
        """Begins a segment: ``header`` (one line) goes first, before anything pending.

        Raises OSError, with the previous segment still in place, when it cannot be written.
        """
        cdef Py_ssize_t size = PyBytes_GET_SIZE(header)
        cdef uint64_t number = _next_number()
        cdef ssize_t n
        _check_fragment(header)
        header += b"\n"
        outbuf_reserve(&self.unsealed, size + 1)
        self.make_self_contained(number)
        n = write(fd, PyBytes_AS_STRING(header), <size_t>(size + 1))
        if n != size + 1:
            raise OSError(errno if n < 0 else 28, "cannot write the header of a ledger segment")
        self.segment_number = number
        self.fd = fd
        self.unsealed.size = 0
        outbuf_append(&self.unsealed, PyBytes_AS_STRING(header), size + 1)
        self.written = <uint64_t>(size + 1)
        self.unsealed_start = 0
        self.unsealed_lines = 1
        self.unsealed_events = 1
        self.broken = False

    def ready(self) -> None:
        """After ``begin`` outside a recovery: statements may be written again."""
        if self.broken:
            raise LedgerUnavailable("ledger not writable: no segment is open")
        self.healthy = True
        self.reason = None

    def detach(self) -> None:
        """Forgets the descriptor (the owner closes it); everything is refused from now on."""
        self.fd = -1
        self.fail("the ledger is closed")

    def fail(self, str reason not None, *, bint broken=True) -> None:
        """Somebody else found the segment unusable: refuse until a recovery succeeded."""
        if self.healthy:
            self.retry_at_ns = 0
        self.healthy = False
        self.broken = self.broken or broken
        self.reason = reason

    def take(self, *, bint everything=False) -> Range | None:
        """The written, unsealed bytes for the sealing thread, or None when there are none.

        A lone checkpoint line is not worth another checkpoint, unless ``everything`` is asked for.
        """
        cdef Range taken
        if self.unsealed_events == 0 and not (everything and self.unsealed.size):
            return None
        taken = make_range(&self.unsealed, self.unsealed_start, self.unsealed_lines)
        self.unsealed_start = self.written
        self.unsealed_lines = 0
        self.unsealed_events = 0
        return taken

    def checkpoint(self, bytes line not None) -> None:
        """Writes everything pending, then ``line``; on failure ``line`` is not kept, the rest is."""
        cdef Py_ssize_t before
        cdef bint synchronous
        _check_fragment(line)
        if not self.healthy:
            self.attempt()
        if self.pending.size:
            self.write_pending()
        before = self.pending.size
        self.make_room()
        self.append_line(<const unsigned char*>PyBytes_AS_STRING(line), PyBytes_GET_SIZE(line), False)
        synchronous = self.synchronous
        self.synchronous = False  # the next sync covers it; so a failure here means that it is not in the file
        try:
            self.write_pending()
        except LedgerUnavailable:
            self.pending.size = before
            self.pending_lines -= 1
            raise
        finally:
            self.synchronous = synchronous

    def line(self, bytes line not None, *, bint past=False) -> None:
        """Appends one JSON object (no newline at the end) made in Python.

        ``past``: it tells of something that cannot be refused any more. Then it waits in memory while the
        file cannot be written, as outcomes do, instead of raising LedgerUnavailable.
        """
        _check_fragment(line)
        if not past:
            self.make_room()
        elif not self.make_room_in_memory():
            return
        self.append_line(<const unsigned char*>PyBytes_AS_STRING(line), PyBytes_GET_SIZE(line), True)

    def statement(self, bytes session_id, uint64_t number, bytes session_fragment, Fragment fragment,
                  bytes text=None) -> None:
        cdef const unsigned char* start = NULL
        if text is not None:
            start = <const unsigned char*>PyBytes_AS_STRING(text)
        self.append_statement(
            session_id, number, session_fragment, fragment, start, 0 if text is None else PyBytes_GET_SIZE(text)
        )

    def outcome(self, bytes session_id, uint64_t number, bytes status not None, bytes sqlstate, uint64_t rows,
                uint64_t size_bytes, uint64_t masked_values, uint64_t duration_us) -> None:
        cdef const unsigned char* state = NULL
        if sqlstate is not None:
            if PyBytes_GET_SIZE(sqlstate) != 5:
                raise ValueError("a SQLSTATE has five characters")
            state = <const unsigned char*>PyBytes_AS_STRING(sqlstate)
        self.append_outcome(session_id, number, PyBytes_AS_STRING(status), state,
                            rows, size_bytes, masked_values, duration_us)

    def flush_now(self) -> None:
        """``flush``, and with durability `async` without the delay."""
        if self.healthy and self.pending.size:
            self.write_pending()
        else:
            self.flush()

    def flush_when_due(self) -> None:
        """``flush`` as the data plane calls it."""
        self.flush()

    def now(self) -> str:
        """The present time as lines carry it."""
        self.refresh_stamp()
        return self.stamp[:STAMP].decode("ascii")

    def freeze(self, int64_t now_ns) -> None:
        """For tests: all lines carry this POSIX time in nanoseconds; -1 = the real clock again."""
        self.frozen_ns = now_ns

    @property
    def pending_bytes(self) -> int:
        return self.pending.size

    @property
    def unsealed_bytes(self) -> int:
        return self.unsealed.size
