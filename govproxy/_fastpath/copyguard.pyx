"""Rows of COPY … FROM STDIN on their way in, looked at where a column takes no masked values.

The bytes go on as they come; this only reads along, and says when a masked value has gone by. The COPY is then failed,
so that nothing of it stays. Only fields of watched columns are collected. How rows are cut into
messages does not matter. What does not read as the form that was declared is the database's to
refuse. A field of more than a mebibyte is not looked at.

Source: PostgreSQL manual, "COPY", File Formats.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize

from govproxy._fastpath.copyrows cimport COPY_BINARY, COPY_CSV, COPY_TEXT, copy_escape
from govproxy._fastpath.cursor cimport load_i16, load_i32
from govproxy._fastpath.maskpieces cimport hex_value
from govproxy._fastpath.outbuf cimport OutBuf, outbuf_append, outbuf_byte, outbuf_free, outbuf_init

cdef enum:
    SIGNATURE_SIZE = 11
    LONGEST_FIELD = 1 << 20

_FORMATS = {"text": COPY_TEXT, "csv": COPY_CSV, "binary": COPY_BINARY}


@cython.final
cdef class CopyGuard:
    """How a COPY's rows are written, and which of their fields are watched.

    ``watched``: place of a column in the row -> (label, what is asked whether bytes are a masked value).
    """

    def __cinit__(self, *, str format, bytes delimiter, bytes quote, bytes escape, dict watched not None):
        self.format = _FORMATS[format]
        if not (len(delimiter) == len(quote) == len(escape) == 1):
            raise ValueError("delimiter, quote and escape are one byte each")
        self.delimiter = <unsigned char>PyBytes_AS_STRING(delimiter)[0]
        self.quote = <unsigned char>PyBytes_AS_STRING(quote)[0]
        self.escape = <unsigned char>PyBytes_AS_STRING(escape)[0]
        self.watched = watched


@cython.final
cdef class CopyReader:
    """One COPY under way."""

    def __cinit__(self, CopyGuard guard not None):
        self.guard = guard
        outbuf_init(&self.field)
        outbuf_init(&self.plain)
        self.stage = AT_START
        self.wanted = SIGNATURE_SIZE + 8
        self.next_column(0)

    def __dealloc__(self):
        outbuf_free(&self.field)
        outbuf_free(&self.plain)

    cdef bint feed(self, const unsigned char* p, Py_ssize_t n) except -1:
        if self.found is None:
            if self.guard.format == COPY_TEXT:
                self.feed_text(p, n)
            elif self.guard.format == COPY_CSV:
                self.feed_csv(p, n)
            else:
                self.feed_binary(p, n)
        return self.found is not None

    cdef int next_column(self, Py_ssize_t column) except -1:
        self.column = column
        self.field.size = 0
        self.watching = self.guard.watched.get(column)
        return 0

    cdef int keep(self, unsigned char c) except -1:
        if self.watching is not None and self.field.size <= LONGEST_FIELD:
            outbuf_byte(&self.field, c)
        return 0

    cdef int end_field(self) except -1:
        cdef OutBuf* value = &self.field
        if self.watching is None or self.field.size == 0 or self.field.size > LONGEST_FIELD:
            return 0
        if self.guard.format == COPY_TEXT:
            self.decode_text()
            value = &self.plain
        elif self.guard.format == COPY_CSV:
            self.decode_csv()
            value = &self.plain
        label, recognises = self.watching
        if recognises(PyBytes_FromStringAndSize(<const char*>value.data, value.size)):
            self.found = label
        return 0

    # ------------------------------------------------------------------ text

    cdef int feed_text(self, const unsigned char* p, Py_ssize_t n) except -1:
        cdef Py_ssize_t i
        cdef unsigned char c
        for i in range(n):
            c = p[i]
            if self.stage == AFTER_ESCAPE:
                self.stage = IN_FIELD
                self.keep(c)
            elif c == self.guard.delimiter:
                self.end_field()
                self.next_column(self.column + 1)
            elif c == c'\n' or c == c'\r':
                self.end_field()
                self.next_column(0)
            else:
                if c == c'\\':
                    self.stage = AFTER_ESCAPE
                self.keep(c)
        return 0

    cdef int decode_text(self) except -1:
        cdef const unsigned char* p = self.field.data
        cdef Py_ssize_t n = self.field.size
        cdef Py_ssize_t i = 0
        cdef int value
        cdef int digits
        self.plain.size = 0
        outbuf_byte(&self.plain, 0)
        self.plain.size = 0
        while i < n:
            if p[i] != c'\\' or i + 1 == n:
                outbuf_byte(&self.plain, p[i])
                i += 1
                continue
            i += 1
            value = -1
            digits = 0
            if c'0' <= p[i] <= c'7':
                value = 0
                while i < n and digits < 3 and c'0' <= p[i] <= c'7':
                    value = value * 8 + p[i] - 48
                    digits += 1
                    i += 1
            elif p[i] == c'x' and i + 1 < n and hex_value(p[i + 1]) >= 0:
                value = 0
                i += 1
                while i < n and digits < 2 and hex_value(p[i]) >= 0:
                    value = value * 16 + hex_value(p[i])
                    digits += 1
                    i += 1
            if value >= 0:
                outbuf_byte(&self.plain, <unsigned char>(value & 0xFF))
                continue
            outbuf_byte(&self.plain, copy_escape(p[i]))
            i += 1
        return 0

    # ------------------------------------------------------------------ CSV

    cdef int feed_csv(self, const unsigned char* p, Py_ssize_t n) except -1:
        cdef Py_ssize_t i
        cdef unsigned char c
        for i in range(n):
            c = p[i]
            if self.stage == AFTER_QUOTED_ESCAPE:
                self.stage = IN_QUOTES
            elif self.stage == IN_QUOTES:
                # A doubled quote leaves the quotes and enters them again.
                if c == self.guard.quote:
                    self.stage = IN_FIELD
                elif c == self.guard.escape:
                    self.stage = AFTER_QUOTED_ESCAPE
            elif c == self.guard.quote:
                self.stage = IN_QUOTES
            elif c == self.guard.delimiter or c == c'\n' or c == c'\r':
                self.end_field()
                self.next_column(self.column + 1 if c == self.guard.delimiter else 0)
                continue
            self.keep(c)
        return 0

    cdef int decode_csv(self) except -1:
        cdef const unsigned char* p = self.field.data
        cdef Py_ssize_t n = self.field.size
        cdef Py_ssize_t i = 0
        cdef bint quoted = False
        self.plain.size = 0
        outbuf_byte(&self.plain, 0)
        self.plain.size = 0
        while i < n:
            if quoted and p[i] == self.guard.escape and i + 1 < n and (
                    p[i + 1] == self.guard.quote or p[i + 1] == self.guard.escape):
                outbuf_byte(&self.plain, p[i + 1])
                i += 2
                continue
            if p[i] == self.guard.quote:
                quoted = not quoted
            else:
                outbuf_byte(&self.plain, p[i])
            i += 1
        return 0

    # ------------------------------------------------------------------ binary

    cdef int feed_binary(self, const unsigned char* p, Py_ssize_t n) except -1:
        # ``field`` collects what ``wanted`` says, of fields only those that are watched.
        cdef Py_ssize_t part
        cdef const unsigned char* head
        while n > 0 and self.stage != AT_END and self.found is None:
            part = self.wanted if self.wanted < n else n
            if self.stage != IN_FIELD or (self.watching is not None and self.field.size + part <= LONGEST_FIELD):
                outbuf_append(&self.field, p, part)
            p += part
            n -= part
            self.wanted -= part
            if self.wanted:
                break
            head = self.field.data
            if self.stage == AT_START:
                # Signature, flags and how much there is of an extension, which is then passed over.
                self.stage = AT_ROW
                self.wanted = 2
                if not self.signed:
                    self.signed = True
                    part = load_i32(head + SIGNATURE_SIZE + 4)
                    if part > 0:
                        self.stage = AT_START
                        self.wanted = part
                        self.field.size = 0
                        self.watching = None
                        continue
            elif self.stage == AT_ROW:
                self.fields = load_i16(head)
                self.column = -1
                if self.fields < 0:
                    self.stage = AT_END
                    break
                self.after_field()
            elif self.stage == AT_SIZE:
                self.wanted = load_i32(head)
                self.next_column(self.column + 1)
                self.stage = IN_FIELD
                if self.wanted <= 0:
                    self.after_field()
            else:
                self.end_field()
                self.after_field()
            self.field.size = 0
        return 0

    cdef int after_field(self) except -1:
        if self.fields == 0:
            self.stage = AT_ROW
            self.wanted = 2
            return 0
        self.fields -= 1
        self.stage = AT_SIZE
        self.wanted = 4
        return 0

    def apply(self, chunks):
        """Reads the payloads of CopyData messages: the column in which a masked value stood, or None. For tests."""
        cdef bytes chunk
        for item in chunks:
            chunk = item
            if self.feed(<const unsigned char*>PyBytes_AS_STRING(chunk), len(chunk)):
                break
        return self.found
