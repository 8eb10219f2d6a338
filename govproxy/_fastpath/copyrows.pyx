"""Rows of COPY … TO STDOUT under a mask plan, in text, CSV and binary.

Each row is read into a DataRow, the plan is applied to that as to any other, and only what the
plan changed is written anew, in the form the client asked for. Fields that stay keep their bytes,
and a message in which nothing changed leaves as it came.

PostgreSQL sends one row per CopyData, but nothing here relies on it: a row may be split over
messages, within a bound. What does not read as the options say ends the session.

Source: PostgreSQL manual, "COPY", File Formats; "Message Formats", CopyData, CopyOutResponse.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdlib cimport calloc, free
from libc.string cimport memchr, memcmp

from govproxy._fastpath.cursor cimport load_i32, load_u16
from govproxy._fastpath.outbuf cimport (
    OutBuf,
    outbuf_append,
    outbuf_byte,
    outbuf_consume,
    outbuf_free,
    outbuf_init,
    outbuf_int16,
    outbuf_int32,
    outbuf_put_int32,
)
from govproxy._fastpath.rows cimport MaskPlan, RowCounts

from govproxy.errors import LimitExceeded, UpstreamFault

cdef enum:
    ROW_HEADER = 7          # 'D', length, count of fields
    SIGNATURE_SIZE = 11

cdef bytes SIGNATURE = b"PGCOPY\n\xff\r\n\x00"
_FORMATS = {"text": COPY_TEXT, "csv": COPY_CSV, "binary": COPY_BINARY}
# What stands for NULL by convention. Another word might be somebody's value: `NULL 'guess'` would tell.
_PLAIN_NULLS = frozenset({b"", b"\\N", b"\\n", b"NULL", b"null", b"Null", b"nil", b"None", b"NA", b"N/A", b"-", b"?"})


cdef int _malformed() except -1:
    raise UpstreamFault("the database sent copy data in another form than was asked for")


@cython.final
cdef class CopyOptions:
    """How a COPY writes its rows, and the messages that ask for the description of its query."""

    def __cinit__(self, *, str format, bytes delimiter, bytes quote, bytes escape, bytes null, bint header,
                  bytes probe not None):
        self.format = _FORMATS[format]
        if not (len(delimiter) == len(quote) == len(escape) == 1):
            raise ValueError("delimiter, quote and escape are one byte each")
        self.delimiter = <unsigned char>PyBytes_AS_STRING(delimiter)[0]
        self.quote = <unsigned char>PyBytes_AS_STRING(quote)[0]
        self.escape = <unsigned char>PyBytes_AS_STRING(escape)[0]
        self.null = null
        self.null_is_plain = null in _PLAIN_NULLS
        self.header = header
        self.probe = probe


@cython.final
cdef class CopyMasker:
    """One COPY under way. ``max_bytes`` bounds a row that comes in pieces."""

    def __cinit__(self, CopyOptions options not None, MaskPlan plan not None, Py_ssize_t max_bytes=64 * 1024 * 1024):
        cdef int i
        self.options = options
        self.plan = plan
        self.count = <int>len(plan.columns)
        self.max_bytes = max_bytes
        self.header_due = options.header
        outbuf_init(&self.pending)
        outbuf_init(&self.row)
        outbuf_init(&self.masked)
        self.fields = <RawField*>calloc(<size_t>self.count + 1, sizeof(RawField))
        self.hidden = <unsigned char*>calloc(<size_t>self.count + 1, 1)
        if self.fields == NULL or self.hidden == NULL:
            raise MemoryError("copy")
        for i in range(self.count):
            self.hidden[i] = not options.null_is_plain and plan.columns[i].op not in ("pass", "scan")

    def __dealloc__(self):
        free(self.fields)
        free(self.hidden)
        outbuf_free(&self.pending)
        outbuf_free(&self.row)
        outbuf_free(&self.masked)

    cdef int check(self, const unsigned char* p, Py_ssize_t n) except -1:
        if n < 3 or p[0] != (1 if self.options.format == COPY_BINARY else 0):
            _malformed()
        if <int>load_u16(p + 1) != self.count or n != 3 + 2 * <Py_ssize_t>self.count:
            raise UpstreamFault("the database copies other columns than it described")
        return 0

    cdef bint feed(self, const unsigned char* p, Py_ssize_t n, OutBuf* out, RowCounts* counts) except -1:
        cdef bint joined = self.pending.size > 0
        cdef bint is_row, changed = False
        cdef const unsigned char* data = p
        cdef Py_ssize_t size = n
        cdef Py_ssize_t pos = 0
        cdef Py_ssize_t copied = 0
        cdef Py_ssize_t used
        if joined:
            outbuf_append(&self.pending, p, n)
            data = self.pending.data
            size = self.pending.size
        while pos < size:
            used = self._take(data + pos, size - pos, &is_row)
            if used == 0:
                break
            if is_row:
                counts.changed = False
                self.masked.size = 0
                if self.plan.mask_run(self.row.data, self.row.size, &self.masked, counts) != self.row.size:
                    _malformed()
                if counts.changed:
                    changed = True
                    outbuf_append(out, data + copied, pos - copied)
                    self._written(data + pos, out)
                    copied = pos + used
            pos += used
        if not joined and not changed and pos == size:
            return False
        outbuf_append(out, data + copied, pos - copied)
        if size - pos > self.max_bytes:
            raise LimitExceeded(f"copied row of more than {self.max_bytes} bytes")
        if joined:
            outbuf_consume(&self.pending, pos)
        else:
            outbuf_append(&self.pending, data + pos, size - pos)
        return True

    cdef int finish(self) except -1:
        if self.pending.size or (self.options.format == COPY_BINARY and not self.ended):
            _malformed()
        return 0

    # ------------------------------------------------------------------ reading

    cdef Py_ssize_t _take(self, const unsigned char* p, Py_ssize_t n, bint* is_row) except -1:
        # One row (or what is none: header, signature, trailer); 0 when its end has not come.
        cdef Py_ssize_t used
        is_row[0] = True
        if self.options.format == COPY_BINARY:
            return self._take_binary(p, n, is_row)
        self.row.size = 0
        outbuf_byte(&self.row, b"D")
        outbuf_int32(&self.row, 0)
        outbuf_int16(&self.row, self.count)
        used = self._take_text(p, n) if self.options.format == COPY_TEXT else self._take_csv(p, n)
        if used and self.header_due:
            self.header_due = False   # names of columns, which the client gave or may look up
            is_row[0] = False
        outbuf_put_int32(&self.row, 1, self.row.size - 1)
        return used

    cdef Py_ssize_t _take_text(self, const unsigned char* p, Py_ssize_t n) except -1:
        cdef const unsigned char* found = <const unsigned char*>memchr(p, b"\n", <size_t>n)
        cdef unsigned char delimiter = self.options.delimiter
        cdef unsigned char c
        cdef Py_ssize_t end, at
        cdef Py_ssize_t i = 0
        cdef Py_ssize_t start = 0
        cdef int column = 0
        if found == NULL:
            return 0
        # Line feeds inside values are written as \n, so the first one ends the row.
        end = found - p
        if self.count == 0:
            if end:
                _malformed()
            return 1
        at = self.row.size
        outbuf_int32(&self.row, 0)
        while i < end:
            c = p[i]
            i += 1
            if c == delimiter:
                self._end_field(p, column, start, i - 1, False, at)
                column += 1
                start = i
                if column >= self.count:
                    _malformed()
                at = self.row.size
                outbuf_int32(&self.row, 0)
                continue
            if c == b"\\":
                if i == end:
                    _malformed()
                c = copy_escape(p[i])
                i += 1
            outbuf_byte(&self.row, c)
        if column != self.count - 1:
            _malformed()
        self._end_field(p, column, start, end, False, at)
        return end + 1

    cdef Py_ssize_t _take_csv(self, const unsigned char* p, Py_ssize_t n) except -1:
        cdef unsigned char delimiter = self.options.delimiter
        cdef unsigned char quote = self.options.quote
        cdef unsigned char escape = self.options.escape
        cdef Py_ssize_t i = 0
        cdef Py_ssize_t start, at
        cdef int column = 0
        cdef bint quoted
        if self.count == 0:
            if n and p[0] != b"\n":
                _malformed()
            return 1 if n else 0
        while True:
            at = self.row.size
            outbuf_int32(&self.row, 0)
            start = i
            quoted = i < n and p[i] == quote
            if quoted:
                i += 1
                while True:
                    if i >= n:
                        return 0
                    if p[i] == escape and i + 1 < n and (p[i + 1] == quote or p[i + 1] == escape):
                        i += 1
                    elif p[i] == escape and escape != quote and i + 1 >= n:
                        return 0
                    elif p[i] == quote:
                        break
                    outbuf_byte(&self.row, p[i])
                    i += 1
                i += 1
            else:
                while i < n and p[i] != delimiter and p[i] != b"\n":
                    outbuf_byte(&self.row, p[i])
                    i += 1
            if i >= n:
                return 0
            if p[i] != delimiter and p[i] != b"\n":
                _malformed()
            if column >= self.count:
                _malformed()
            self._end_field(p, column, start, i, quoted, at)
            column += 1
            i += 1
            if p[i - 1] == b"\n":
                break
        if column != self.count:
            _malformed()
        return i

    cdef int _end_field(self, const unsigned char* p, int column, Py_ssize_t start, Py_ssize_t end,
                        bint quoted, Py_ssize_t at) except -1:
        # The field's value is in ``row`` behind its length word at ``at``.
        cdef RawField* field = &self.fields[column]
        cdef Py_ssize_t size = PyBytes_GET_SIZE(self.options.null)
        field.start = start
        field.end = end
        field.quoted = quoted
        if not quoted and not self.hidden[column] and end - start == size:
            if memcmp(p + start, PyBytes_AS_STRING(self.options.null), <size_t>size) == 0:
                self.row.size = at
                outbuf_int32(&self.row, -1)
                return 0
        outbuf_put_int32(&self.row, at, self.row.size - at - 4)
        return 0

    cdef Py_ssize_t _take_binary(self, const unsigned char* p, Py_ssize_t n, bint* is_row) except -1:
        cdef Py_ssize_t at = 2
        cdef int extension, size, _
        if self.ended:
            _malformed()
        if not self.begun:
            if n < SIGNATURE_SIZE + 8:
                return 0
            extension = load_i32(p + SIGNATURE_SIZE + 4)
            if memcmp(p, PyBytes_AS_STRING(SIGNATURE), SIGNATURE_SIZE) != 0 or extension < 0:
                _malformed()
            if n - SIGNATURE_SIZE - 8 < extension:
                return 0
            self.begun = True
            is_row[0] = False
            return SIGNATURE_SIZE + 8 + extension
        if n < 2:
            return 0
        if p[0] == 0xFF and p[1] == 0xFF:
            self.ended = True
            is_row[0] = False
            return 2
        if <int>load_u16(p) != self.count:
            _malformed()
        for _ in range(self.count):
            if n - at < 4:
                return 0
            size = load_i32(p + at)
            at += 4
            if size < -1:
                _malformed()
            if size > n - at:
                return 0
            if size > 0:
                at += size
        self.row.size = 0
        outbuf_byte(&self.row, b"D")
        outbuf_int32(&self.row, at + 4)
        outbuf_append(&self.row, p, at)
        return at

    # ------------------------------------------------------------------ writing

    cdef int _written(self, const unsigned char* p, OutBuf* out) except -1:
        # The masked row in the client's form. ``p`` is the row as it came.
        cdef const unsigned char* old = self.row.data + ROW_HEADER
        cdef const unsigned char* new = self.masked.data + ROW_HEADER
        cdef int column, old_size, new_size
        cdef RawField* field
        if self.options.format == COPY_BINARY:
            return outbuf_append(out, self.masked.data + 5, self.masked.size - 5)
        for column in range(self.count):
            field = &self.fields[column]
            old_size = load_i32(old)
            new_size = load_i32(new)
            old += 4
            new += 4
            if column:
                outbuf_byte(out, self.options.delimiter)
            if new_size == old_size and (new_size <= 0 or memcmp(old, new, <size_t>new_size) == 0):
                outbuf_append(out, p + field.start, field.end - field.start)
            elif new_size < 0:
                outbuf_append(out, PyBytes_AS_STRING(self.options.null), PyBytes_GET_SIZE(self.options.null))
            elif self.options.format == COPY_TEXT:
                self._write_text(new, new_size, out)
            else:
                self._write_csv(new, new_size, field.quoted, out)
            if old_size > 0:
                old += old_size
            if new_size > 0:
                new += new_size
        return outbuf_byte(out, b"\n")

    cdef int _write_text(self, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1:
        cdef unsigned char c
        cdef Py_ssize_t i
        for i in range(n):
            c = p[i]
            if 8 <= c <= 13:
                outbuf_byte(out, b"\\")
                c = <unsigned char>(b"btnvfr"[c - 8])
            elif c == b"\\" or c == self.options.delimiter:
                outbuf_byte(out, b"\\")
            outbuf_byte(out, c)
        return 0

    cdef int _write_csv(self, const unsigned char* p, Py_ssize_t n, bint quoted, OutBuf* out) except -1:
        cdef unsigned char c
        cdef Py_ssize_t i
        cdef bytes null = self.options.null
        if n == PyBytes_GET_SIZE(null) and memcmp(p, PyBytes_AS_STRING(null), <size_t>n) == 0:
            quoted = True
        elif self.count == 1 and n == 2 and p[0] == b"\\" and p[1] == b".":
            quoted = True
        for i in range(n):
            c = p[i]
            if c == self.options.delimiter or c == self.options.quote or c == b"\n" or c == b"\r":
                quoted = True
                break
        if not quoted:
            return outbuf_append(out, p, n)
        outbuf_byte(out, self.options.quote)
        for i in range(n):
            c = p[i]
            if c == self.options.quote or c == self.options.escape:
                outbuf_byte(out, self.options.escape)
            outbuf_byte(out, c)
        return outbuf_byte(out, self.options.quote)

    def apply(self, chunks, bint end=True):
        """Masks the payloads of CopyData messages: (payloads sent on, rows, masked values). For tests."""
        cdef OutBuf out
        cdef RowCounts counts
        cdef const unsigned char* p
        cdef bytes chunk
        sent = []
        counts.rows = 0
        counts.masked_values = 0
        outbuf_init(&out)
        try:
            for item in chunks:
                chunk = item
                p = <const unsigned char*>PyBytes_AS_STRING(chunk)
                out.size = 0
                if not self.feed(p, PyBytes_GET_SIZE(chunk), &out, &counts):
                    sent.append(chunk)
                elif out.size:
                    sent.append(out.data[:out.size])
            if end:
                self.finish()
            return sent, counts.rows, counts.masked_values
        finally:
            outbuf_free(&out)
