"""A lexer that folds literals, so that texts that differ only in data share one cache entry.

The result is a shape: the token stream with one placeholder byte per literal, white space and
comments as one space. Two texts with one shape have the same tokens except for the values of
literals of the same kind. Which of those values matter is not known here: the gate pins the ones
that do (``sql.folding``), and the cache compares the pinned ones byte by byte.

Security: what is rare or subtle is not folded, the whole text then has no shape: E'', U&'', B'', X'',
N'' and dollar-quoted strings, continued strings, numbers with trailing junk, control characters,
unfinished anything. Reads UTF-8 with ``standard_conforming_strings`` on; the gate sees to both.
Source: PostgreSQL manual, "Lexical Structure", and src/backend/parser/scan.l.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport INT32_MAX
from libc.string cimport memset

cimport cython

from govproxy._fastpath.outbuf cimport outbuf_free, outbuf_init, outbuf_reserve

cdef enum:
    # Character classes
    ODD = 0          # control characters and whatever else has no business outside quotes
    SPACE = 1
    LETTER = 2
    DIGIT = 3
    OPERATOR = 4     # characters that may form operators
    PUNCTUATION = 5
    QUOTE = 6
    DOUBLE_QUOTE = 7
    DOLLAR = 8
    # Placeholders: bytes that no text outside quotes may hold
    STRING_MARK = 1
    INTEGER_MARK = 2
    FLOAT_MARK = 3
    LIST_MARK = 4

cdef unsigned char[256] CLASSES


def _classify():
    cdef int c
    memset(CLASSES, ODD, sizeof(CLASSES))
    for c in (9, 10, 12, 13, 32):
        CLASSES[c] = SPACE
    for c in range(128, 256):
        CLASSES[c] = LETTER
    for text, kind in (
        (b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_", LETTER),
        (b"0123456789", DIGIT),
        (b"+-*/<>=~!@#%^&|?`", OPERATOR),
        (b"()[],;:.", PUNCTUATION),
    ):
        for c in text:
            CLASSES[c] = kind
    CLASSES[39] = QUOTE
    CLASSES[34] = DOUBLE_QUOTE
    CLASSES[36] = DOLLAR


_classify()


@cython.final
cdef class Folder:
    """Scratch space for one text at a time; one per worker."""

    def __cinit__(self):
        outbuf_init(&self.shape)
        self.count = 0
        self.tokens = 0
        self.redacts = False

    def __dealloc__(self):
        outbuf_free(&self.shape)

    cdef bint fold(self, const unsigned char* text, Py_ssize_t size) except -1:
        self.shape.size = 0
        self.count = 0
        self.tokens = 0
        if size > 1 << 20:
            return False
        # No token of the shape is longer than its text, and each literal shrinks to one byte.
        outbuf_reserve(&self.shape, size + 16)
        return _fold(self, text, <int>size)

    def shape_of(self, bytes text not None):
        """(shape, [(start, end), …]) of a text, or None when it is not folded. For the gate and tests."""
        cdef int i
        if not self.fold(<const unsigned char*>PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text)):
            return None
        return (
            PyBytes_FromStringAndSize(<const char*>self.shape.data, self.shape.size),
            [(self.literals[i].start, self.literals[i].end) for i in range(self.count)],
        )

    def redacted(self, bytes text not None):
        """(text, tokens): the text with ``?`` for every literal and one space for white space and comments, and
        a number of tokens that the server's scanner does not exceed. None for a text that has no shape.
        """
        self.redacts = True
        try:
            if not self.fold(<const unsigned char*>PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text)):
                return None
        finally:
            self.redacts = False
        return PyBytes_FromStringAndSize(<const char*>self.shape.data, self.shape.size), self.tokens


cdef int _space(Folder folder, const unsigned char* text, int size, int i) noexcept nogil:
    # White space and comments from i on: the position behind them, or -1 when a comment never ends.
    cdef int depth
    while i < size:
        if CLASSES[text[i]] == SPACE:
            i += 1
        elif text[i] == 45 and i + 1 < size and text[i + 1] == 45:             # -- to the end of the line
            folder.tokens += 1
            i += 2
            while i < size and text[i] != 10 and text[i] != 13:
                i += 1
        elif text[i] == 47 and i + 1 < size and text[i + 1] == 42:             # /* nests */
            folder.tokens += 1
            depth = 1
            i += 2
            while depth:
                if i + 1 >= size:
                    return -1
                if text[i] == 47 and text[i + 1] == 42:
                    depth += 1
                    i += 2
                elif text[i] == 42 and text[i + 1] == 47:
                    depth -= 1
                    i += 2
                else:
                    i += 1
        else:
            return i
    return i


cdef bint _literal(Folder folder, int start, int end, unsigned char mark) noexcept nogil:
    # False when there are too many to keep.
    if folder.count >= MAX_LITERALS:
        return False
    folder.literals[folder.count].start = start
    folder.literals[folder.count].end = end
    folder.count += 1
    folder.shape.data[folder.shape.size] = 63 if folder.redacts else mark
    folder.shape.size += 1
    return True


cdef int _string(const unsigned char* text, int size, int i) noexcept nogil:
    # Behind the string that begins at i, or -1: unfinished, or continued on another line.
    i += 1
    while i < size:
        if text[i] == 39:
            if i + 1 < size and text[i + 1] == 39:
                i += 2
                continue
            return i + 1
        i += 1
    return -1


cdef int _number(const unsigned char* text, int size, int i, unsigned char* mark) noexcept nogil:
    # Behind the number that begins at i, or -1 for anything but plain digits, point and exponent.
    cdef long long value = 0
    mark[0] = INTEGER_MARK
    while i < size and CLASSES[text[i]] == DIGIT:
        if value <= INT32_MAX:
            value = value * 10 + (text[i] - 48)
        i += 1
    if value > INT32_MAX:
        mark[0] = FLOAT_MARK   # as the server's scanner: what does not fit four bytes is no integer
    if i < size and text[i] == 46:
        if i + 1 < size and text[i + 1] == 46:
            return -1
        mark[0] = FLOAT_MARK
        i += 1
        while i < size and CLASSES[text[i]] == DIGIT:
            i += 1
    if i < size and (text[i] == 101 or text[i] == 69):
        mark[0] = FLOAT_MARK
        i += 1
        if i < size and (text[i] == 43 or text[i] == 45):
            i += 1
        if i >= size or CLASSES[text[i]] != DIGIT:
            return -1
        while i < size and CLASSES[text[i]] == DIGIT:
            i += 1
    if i < size and (CLASSES[text[i]] == LETTER or text[i] == 36 or text[i] == 46):
        return -1
    return i


cdef bint _is_in(const unsigned char* text, int start, int end) noexcept nogil:
    return end - start == 2 and (text[start] | 32) == 105 and (text[start + 1] | 32) == 110


cdef int _list(Folder folder, const unsigned char* text, int size, int i) noexcept nogil:
    # ``IN (`` was read, i is behind the bracket: a list of literals alone becomes one placeholder,
    # whatever its length. Returns the position of the closing bracket, or -1 when it is no such list.
    cdef int start = -1
    cdef int end = -1
    cdef int elements = 0
    cdef unsigned char mark = 0
    cdef unsigned char kind = 0
    while True:
        i = _space(folder, text, size, i)
        if i < 0 or i >= size:
            return -1
        if start < 0:
            start = i
        if text[i] == 39:
            i = _string(text, size, i)
            mark = STRING_MARK
        elif CLASSES[text[i]] == DIGIT:
            i = _number(text, size, i, &mark)
        else:
            return -1
        if i < 0:
            return -1
        if elements and mark != kind:
            return -1
        kind = mark
        elements += 1
        end = i
        i = _space(folder, text, size, i)
        if i < 0 or i >= size:
            return -1
        if text[i] == 44:
            i += 1
            continue
        if text[i] != 41 or folder.count >= MAX_LITERALS:
            return -1
        folder.shape.data[folder.shape.size] = LIST_MARK
        folder.shape.size += 1
        _literal(folder, start, end, kind)
        return i


cdef bint _fold(Folder folder, const unsigned char* text, int size) noexcept nogil:
    cdef int i = 0
    cdef int start, end, closed
    cdef unsigned char c, mark
    cdef unsigned char* shape = folder.shape.data
    cdef bint after_in = False         # the last token was the word IN
    cdef bint spaced
    cdef int last_string = -1          # end of a string literal, while only space has followed
    while i < size:
        start = i
        i = _space(folder, text, size, i)
        if i < 0:
            return False
        spaced = i > start
        if i >= size:
            break
        if spaced and folder.shape.size:
            shape[folder.shape.size] = 32
            folder.shape.size += 1
        c = text[i]
        start = i
        folder.tokens += 1
        if CLASSES[c] == LETTER:
            i += 1
            while i < size and (CLASSES[text[i]] == LETTER or CLASSES[text[i]] == DIGIT or text[i] == 36):
                i += 1
            if i < size and (text[i] == 39 or (text[i] == 38 and i - start == 1 and (c | 32) == 117)):
                return False   # E'', B'', X'', N'', U&"" …: a prefix that changes how quotes are read
            for end in range(start, i):
                shape[folder.shape.size] = text[end]
                folder.shape.size += 1
            after_in = _is_in(text, start, i)
            last_string = -1
            continue
        if CLASSES[c] == QUOTE:
            if last_string >= 0:
                return False   # 'a' <newline> 'b' is one literal
            i = _string(text, size, i)
            if i < 0 or not _literal(folder, start, i, STRING_MARK):
                return False
            last_string = i
            after_in = False
            continue
        last_string = -1
        if c == 46 and i + 1 < size and text[i + 1] == 46:
            return False   # .. is a token of its own
        if CLASSES[c] == DIGIT or (c == 46 and i + 1 < size and CLASSES[text[i + 1]] == DIGIT):
            i = _number(text, size, i, &mark)
            if i < 0 or not _literal(folder, start, i, mark):
                return False
            after_in = False
            continue
        if CLASSES[c] == DOUBLE_QUOTE:
            i += 1
            while True:
                if i >= size:
                    return False
                if text[i] == 34:
                    i += 1
                    if i < size and text[i] == 34:
                        i += 1
                        continue
                    break
                i += 1
        elif CLASSES[c] == DOLLAR:
            i += 1
            if i >= size or CLASSES[text[i]] != DIGIT:
                return False   # a dollar quote
            while i < size and CLASSES[text[i]] == DIGIT:
                i += 1
            if i < size and (CLASSES[text[i]] == LETTER or text[i] == 36):
                return False
        elif CLASSES[c] == OPERATOR or CLASSES[c] == PUNCTUATION:
            i += 1
        else:
            return False
        for end in range(start, i):
            shape[folder.shape.size] = text[end]
            folder.shape.size += 1
        if c == 40 and after_in and not folder.redacts:
            closed = _list(folder, text, size, i)
            if closed >= 0:
                i = closed
        after_in = False
    return True
