"""Documents masked by their keys: JSON, hstore and XML.

A key says of what class the values below it are, as the name of a column does, the keys above it being its
table; an inner key that says something counts before an outer one. Leaves of a class are masked by it. The
others become neutral ("***", 0, false), or, where the rules keep them, stay but for strong shapes in them. Structure
stays, types of leaves stay, null stays. A key that is somebody's value itself gets an alias.

Security: what is not exactly JSON (RFC 8259), the output form of hstore, or plain XML without declarations
of its own is not taken at all. Escapes are resolved before a key is looked up or a value is looked at. Nesting needs no
recursion, so depth costs nothing.
"""

cimport cython
from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.object cimport PyObject
from libc.string cimport memcmp

from govproxy._fastpath.bytecache cimport ByteCache
from govproxy._fastpath.columnplan cimport ColumnPlan
from govproxy._fastpath.cursor cimport load_i32
from govproxy._fastpath.detectors cimport detect, write_masked
from govproxy._fastpath.maskparts cimport Node, node_of
from govproxy._fastpath.maskpieces cimport hex_digit, is_digit, is_letter, put, put_byte, put_hex, store_u32
from govproxy._fastpath.outbuf cimport OutBuf, outbuf_free, outbuf_init, outbuf_int32, outbuf_reserve
from govproxy._fastpath.prf cimport prf_key, prf_value
from govproxy._fastpath.spans cimport hits_free
from govproxy._fastpath.textfacts cimport is_candidate

cdef enum:
    LONGEST_KEY = 64        # longer ones are no names
    CACHE_BYTES = 1 << 18
    MOST_FRESH = 2000       # keys that are judged by one plan; further ones say nothing
    MOST_LEAVES = 0xFFFE
    ENTRY = 4               # bytes on the stack for one nesting

cdef enum Expect:
    E_VALUE
    E_VALUE_OR_END
    E_KEY
    E_KEY_OR_END
    E_COMMA_OR_END
    E_NOTHING

cdef const unsigned char* STARS = b"***"


@cython.final
cdef class Leaf:
    """How values of one class are masked where they are leaves: texts, and numbers in text form."""

    def __init__(self, ColumnPlan text not None, ColumnPlan number not None):
        self.text = node_of(text)
        self.number = node_of(number)


@cython.final
cdef class KeyFact:
    """What a key says: the ``leaf`` of its class or None, whether it is ``hidden``, and what is ``about`` below it.

    That is a number of the judge's own, 1 to 255, or -1 where the key says nothing of the kind.
    """

    def __init__(self, leaf=None, *, bint hidden=False, int about=-1):
        if leaf is not None and not isinstance(leaf, Leaf):
            raise TypeError("not a leaf")
        if not (about == -1 or 1 <= about <= 255):
            raise ValueError("1 to 255, or -1")
        self.leaf = leaf
        self.hidden = hidden
        self.about = about
        self.number = -1


@cython.final
cdef class KeyRules:
    """What keys say. ``judge`` is asked once for each key, as text without escapes, and answers with a KeyFact.

    It is told what the nearest key above that said something is about, 0 where none did.

    ``root`` is the leaf of what stands under no key that says something, None for none; ``keeps``: leaves of
    no class stay. ``key`` has 32 bytes and makes the aliases of keys that are not to be seen.
    """

    def __init__(self, judge, *, bytes key not None, root=None, bint keeps=False):
        self.judge = judge
        self.leaves = []
        self.numbers = {}
        self.keeps = keeps
        self.root = 0
        self.known = ByteCache(CACHE_BYTES)
        self.fresh = 0
        prf_key(&self.key, key)
        if root is not None:
            self.leaves.append(<Leaf?>root)
            self.numbers[id(root)] = 0
            self.root = 1

    def __cinit__(self):
        self.hits.items = NULL
        self.hits.size = 0
        self.hits.capacity = 0
        outbuf_init(&self.plain)
        outbuf_init(&self.made)

    def __dealloc__(self):
        hits_free(&self.hits)
        outbuf_free(&self.plain)
        outbuf_free(&self.made)

    def node(self, str family not None, int form) -> Node:
        """What masks documents of a family (``json``, ``jsonb``, ``hstore``, ``xml``) in one of the two forms."""
        cdef Json json
        cdef Pairs pairs
        cdef Xml xml
        if family == "json" or family == "jsonb":
            json = Json()
            json.rules = self
            json.versioned = form == 1 and family == "jsonb"
            return json
        if family == "hstore":
            pairs = Pairs()
            pairs.rules = self
            pairs.binary = form == 1
            return pairs
        if family == "xml":
            xml = Xml()
            xml.rules = self
            return xml
        raise ValueError(f"no documents: {family!r}")

    cdef Said find(self, const unsigned char* p, Py_ssize_t n, Said outer, bint* hidden) except -2:
        cdef PyObject* borrowed
        cdef KeyFact fact
        cdef bytes key
        cdef int about = outer >> 16
        hidden[0] = False
        if n > LONGEST_KEY:
            hidden[0] = True
            return outer
        borrowed = self.known.find(about, p, n)
        if borrowed != NULL:
            fact = <KeyFact>borrowed
        elif self.fresh >= MOST_FRESH:
            # Security: a map from somebody's numbers or names to values; its keys are not shown unjudged.
            hidden[0] = True
            return outer
        else:
            self.fresh += 1
            key = PyBytes_FromStringAndSize(<const char*>p, n)
            fact = self.judge(key.decode("utf-8", "replace"), about)
            if fact.leaf is not None:
                if id(fact.leaf) not in self.numbers:
                    if len(self.leaves) == MOST_LEAVES:
                        raise OverflowError("more leaves than there can be classes")
                    self.numbers[id(fact.leaf)] = len(self.leaves)
                    self.leaves.append(fact.leaf)
                fact.number = self.numbers[id(fact.leaf)]
            self.known.add(about, key, fact, 64)
        hidden[0] = fact.hidden
        if fact.number >= 0:
            outer = (outer & ~0xFFFF) | (fact.number + 1)
        if fact.about >= 0:
            outer = (outer & 0xFFFF) | (fact.about << 16)
        return outer

    cdef bint has_shape(self, const OutBuf* plain) except -1:
        if not is_candidate(plain.data, plain.size, plain.data + plain.size):
            return False
        detect(plain.data, plain.size, &self.hits)
        return self.hits.size > 0

    cdef int alias(self, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1:
        # Plain letters and digits, different for different keys.
        cdef unsigned char[16] tag
        prf_value(&self.key, p, n, tag)
        put(out, b"k_", 2)
        return put_hex(out, tag, 6)

    cdef int text(self, Said said, const unsigned char* p, Py_ssize_t n) except -2:
        cdef int leaf = (said & 0xFFFF) - 1
        self.made.size = 0
        if leaf >= 0:
            return (<Leaf>self.leaves[leaf]).text.write(p, n, &self.made)
        if not self.keeps:
            put(&self.made, STARS, 3)
            return 1
        if is_candidate(p, n, p + n):
            detect(p, n, &self.hits)
            if self.hits.size:
                write_masked(p, n, &self.hits, False, &self.made)
                return 1
        return -1

    cdef bint number(self, Said said, const unsigned char* p, Py_ssize_t n) except -1:
        # Into ``made``: the masked number, 0 where there is none, or the number itself.
        cdef int leaf = (said & 0xFFFF) - 1
        cdef bint stays = False
        self.made.size = 0
        if leaf >= 0:
            stays = (<Leaf>self.leaves[leaf]).number.write(p, n, &self.made) == 1
            stays = stays and is_number(self.made.data, self.made.size)
        elif self.keeps:
            self.hits.size = 0
            if is_candidate(p, n, p + n):
                detect(p, n, &self.hits)
            stays = self.hits.size == 0
            put(&self.made, p, n)
        if not stays:
            self.made.size = 0
            put_byte(&self.made, c'0')
        return True


cdef bint is_number(const unsigned char* p, Py_ssize_t n) noexcept nogil:
    # The grammar of a number in JSON.
    cdef Py_ssize_t i = 0
    if n and p[0] == c'-':
        i = 1
    if i == n or not is_digit(p[i]):
        return False
    if p[i] == c'0':
        i += 1
    else:
        while i < n and is_digit(p[i]):
            i += 1
    if i < n and p[i] == c'.':
        i += 1
        if i == n or not is_digit(p[i]):
            return False
        while i < n and is_digit(p[i]):
            i += 1
    if i < n and p[i] | 0x20 == c'e':
        i += 1
        if i < n and (p[i] == c'+' or p[i] == c'-'):
            i += 1
        if i == n or not is_digit(p[i]):
            return False
        while i < n and is_digit(p[i]):
            i += 1
    return i == n


# ---------------------------------------------------------------- JSON

cdef inline bint is_space(unsigned char c) noexcept nogil:
    return c == c' ' or c == c'\n' or c == c'\t' or c == c'\r'


cdef int hex_at(const unsigned char* p, Py_ssize_t n, Py_ssize_t i) noexcept nogil:
    # Four hexadecimal digits, -1 where they are none.
    cdef int value = 0
    cdef int digit
    cdef int k
    if n - i < 4:
        return -1
    for k in range(4):
        digit = p[i + k]
        if is_digit(<unsigned char>digit):
            digit -= 48
        elif 97 <= (digit | 0x20) <= 102:
            digit = (digit | 0x20) - 87
        else:
            return -1
        value = value * 16 + digit
    return value


cdef int put_code(int code, OutBuf* out) except -1:
    # In UTF-8; half a pair, which no text can hold, becomes a question mark.
    if code < 0x80:
        return put_byte(out, <unsigned char>code)
    if code < 0x800:
        put_byte(out, <unsigned char>(0xC0 | code >> 6))
        return put_byte(out, <unsigned char>(0x80 | code & 0x3F))
    if 0xD800 <= code <= 0xDFFF:
        return put_byte(out, c'?')
    if code >= 0x10000:
        put_byte(out, <unsigned char>(0xF0 | code >> 18))
        put_byte(out, <unsigned char>(0x80 | (code >> 12 & 0x3F)))
    else:
        put_byte(out, <unsigned char>(0xE0 | code >> 12))
    put_byte(out, <unsigned char>(0x80 | (code >> 6 & 0x3F)))
    return put_byte(out, <unsigned char>(0x80 | code & 0x3F))


cdef Py_ssize_t read_string(const unsigned char* p, Py_ssize_t n, Py_ssize_t i, OutBuf* plain) except -2:
    # The string whose quote opens at i, without its escapes, into ``plain``. Behind its closing quote, or -1.
    cdef int code
    cdef int low
    cdef unsigned char c
    plain.size = 0
    outbuf_reserve(plain, 1)    # an empty string has a place as well
    i += 1
    while i < n:
        c = p[i]
        if c == c'"':
            return i + 1
        if c < 0x20:
            return -1
        i += 1
        if c != c'\\':
            put_byte(plain, c)
            continue
        if i == n:
            return -1
        c = p[i]
        i += 1
        if c == c'u':
            code = hex_at(p, n, i)
            if code < 0:
                return -1
            i += 4
            if 0xD800 <= code <= 0xDBFF and n - i >= 6 and p[i] == c'\\' and p[i + 1] == c'u':
                low = hex_at(p, n, i + 2)
                if 0xDC00 <= low <= 0xDFFF:
                    code = 0x10000 + ((code - 0xD800) << 10) + low - 0xDC00
                    i += 6
            put_code(code, plain)
        elif c == c'"' or c == c'\\' or c == c'/':
            put_byte(plain, c)
        elif c == c'b':
            put_byte(plain, 8)
        elif c == c'f':
            put_byte(plain, 12)
        elif c == c'n':
            put_byte(plain, 10)
        elif c == c'r':
            put_byte(plain, 13)
        elif c == c't':
            put_byte(plain, 9)
        else:
            return -1
    return -1


cdef int put_string(const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1:
    cdef Py_ssize_t i
    put_byte(out, c'"')
    for i in range(n):
        if p[i] == c'"' or p[i] == c'\\':
            put_byte(out, c'\\')
            put_byte(out, p[i])
        elif p[i] < 0x20:
            put(out, b"\\u00", 4)
            put_byte(out, hex_digit(p[i] >> 4))
            put_byte(out, hex_digit(p[i] & 15))
        else:
            put_byte(out, p[i])
    return put_byte(out, c'"')


cdef int push(OutBuf* stack, bint is_object, Said said) except -1:
    put_byte(stack, is_object)
    put_byte(stack, <unsigned char>(said >> 16))
    put_byte(stack, <unsigned char>(said >> 8 & 0xFF))
    return put_byte(stack, <unsigned char>(said & 0xFF))


cdef inline bint in_object(const OutBuf* stack) noexcept nogil:
    return stack.data[stack.size - ENTRY] != 0


cdef inline Said said_on(const OutBuf* stack, Said root) noexcept nogil:
    # What the outer keys have said.
    cdef const unsigned char* top
    if stack.size == 0:
        return root
    top = stack.data + stack.size - 3
    return top[0] << 16 | top[1] << 8 | top[2]


@cython.final
cdef class Json(Node):
    """json, and jsonb with its version byte."""

    def __cinit__(self):
        outbuf_init(&self.plain)
        outbuf_init(&self.stack)

    def __dealloc__(self):
        outbuf_free(&self.plain)
        outbuf_free(&self.stack)

    cdef int write(self, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1:
        cdef Py_ssize_t start = out.size
        if self.versioned:
            if n < 2 or p[0] != 1:      # there has been version 1 only
                return self.give_up(out, start)
            put_byte(out, 1)
            p += 1
            n -= 1
        return 1 if self.document(p, n, out) else self.give_up(out, start)

    cdef int document(self, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1:
        cdef Expect expect = E_VALUE
        cdef Py_ssize_t i = 0
        cdef unsigned char c
        cdef Said said = self.rules.root
        self.stack.size = 0
        while i < n:
            c = p[i]
            if is_space(c):
                put_byte(out, c)
                i += 1
                continue
            if expect == E_NOTHING:
                return 0
            if expect == E_COMMA_OR_END:
                if c == c',':
                    expect = E_KEY if in_object(&self.stack) else E_VALUE
                    said = said_on(&self.stack, self.rules.root)
                elif c == (c'}' if in_object(&self.stack) else c']'):
                    self.stack.size -= ENTRY
                    expect = E_COMMA_OR_END if self.stack.size else E_NOTHING
                else:
                    return 0
                put_byte(out, c)
                i += 1
            elif expect == E_KEY or expect == E_KEY_OR_END:
                if c == c'"':
                    said = said_on(&self.stack, self.rules.root)
                    i = self.put_key(p, n, i, &said, out)
                    if i < 0:
                        return 0
                    expect = E_VALUE
                elif c == c'}' and expect == E_KEY_OR_END:
                    self.stack.size -= ENTRY
                    expect = E_COMMA_OR_END if self.stack.size else E_NOTHING
                    put_byte(out, c)
                    i += 1
                else:
                    return 0
            elif c == c'{' or c == c'[':
                push(&self.stack, c == c'{', said)
                expect = E_KEY_OR_END if c == c'{' else E_VALUE_OR_END
                put_byte(out, c)
                i += 1
            elif c == c']' and expect == E_VALUE_OR_END:
                self.stack.size -= ENTRY
                expect = E_COMMA_OR_END if self.stack.size else E_NOTHING
                put_byte(out, c)
                i += 1
            else:
                i = self.put_text(p, n, i, said, out) if c == c'"' else self.put_other(p, n, i, said, out)
                if i < 0:
                    return 0
                expect = E_COMMA_OR_END if self.stack.size else E_NOTHING
        return 1 if expect == E_NOTHING else 0

    cdef Py_ssize_t put_key(self, const unsigned char* p, Py_ssize_t n, Py_ssize_t i, Said* said,
                            OutBuf* out) except -2:
        # The key at i with its colon. Behind both, -1 where they do not stand there.
        cdef bint hidden
        cdef Py_ssize_t end = read_string(p, n, i, &self.plain)
        if end < 0:
            return -1
        said[0] = self.rules.find(self.plain.data, self.plain.size, said[0], &hidden)
        if hidden or self.rules.has_shape(&self.plain):
            put_byte(out, c'"')
            self.rules.alias(self.plain.data, self.plain.size, out)
            put_byte(out, c'"')
        else:
            put(out, p + i, end - i)
        while end < n and is_space(p[end]):
            end += 1
        if end == n or p[end] != c':':
            return -1
        put_byte(out, c':')
        return end + 1

    cdef Py_ssize_t put_text(self, const unsigned char* p, Py_ssize_t n, Py_ssize_t i, Said said,
                             OutBuf* out) except -2:
        cdef Py_ssize_t end = read_string(p, n, i, &self.plain)
        cdef int kind
        if end < 0:
            return -1
        kind = self.rules.text(said, self.plain.data, self.plain.size)
        if kind < 0:
            put(out, p + i, end - i)
        elif kind:
            put_string(self.rules.made.data, self.rules.made.size, out)
        else:
            put(out, b'"***"', 5)       # a text stays a text
        return end

    cdef Py_ssize_t put_other(self, const unsigned char* p, Py_ssize_t n, Py_ssize_t i, Said said,
                              OutBuf* out) except -2:
        cdef Py_ssize_t end = i
        while end < n and (is_digit(p[end]) or is_letter(p[end]) or p[end] == c'.' or p[end] == c'+' or p[end] == c'-'):
            end += 1
        if end - i == 4 and memcmp(p + i, b"null", 4) == 0:
            put(out, b"null", 4)
        elif (end - i == 4 and memcmp(p + i, b"true", 4) == 0) or (end - i == 5 and memcmp(p + i, b"false", 5) == 0):
            if (said & 0xFFFF) == 0 and self.rules.keeps:
                put(out, p + i, end - i)
            else:
                put(out, b"false", 5)
        elif is_number(p + i, end - i):
            self.rules.number(said, p + i, end - i)
            put(out, self.rules.made.data, self.rules.made.size)
        else:
            return -1
        return end


# ---------------------------------------------------------------- hstore

cdef Py_ssize_t read_pair_part(const unsigned char* p, Py_ssize_t n, Py_ssize_t i, OutBuf* plain) except -2:
    # A key or value in quotes at i; behind it, or -1.
    plain.size = 0
    outbuf_reserve(plain, 1)
    if i >= n or p[i] != c'"':
        return -1
    i += 1
    while i < n and p[i] != c'"':
        if p[i] == c'\\':
            i += 1
            if i == n:
                return -1
        put_byte(plain, p[i])
        i += 1
    return i + 1 if i < n else -1


cdef int put_pair_part(const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1:
    cdef Py_ssize_t i
    put_byte(out, c'"')
    for i in range(n):
        if p[i] == c'"' or p[i] == c'\\':
            put_byte(out, c'\\')
        put_byte(out, p[i])
    return put_byte(out, c'"')


@cython.final
cdef class Pairs(Node):
    """hstore: texts under keys, one level deep."""

    def __cinit__(self):
        outbuf_init(&self.plain)

    def __dealloc__(self):
        outbuf_free(&self.plain)

    cdef int write(self, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1:
        cdef Py_ssize_t start = out.size
        if self.write_binary(p, n, out) if self.binary else self.write_text(p, n, out):
            return 1
        return self.give_up(out, start)

    cdef int write_text(self, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1:
        cdef Py_ssize_t i = 0
        cdef bint hidden
        cdef Said said
        cdef int kind
        while i < n:
            if i:
                if n - i < 2 or p[i] != c',' or p[i + 1] != c' ':
                    return 0
                put(out, b", ", 2)
                i += 2
            i = read_pair_part(p, n, i, &self.plain)
            if i < 0:
                return 0
            said = self.rules.find(self.plain.data, self.plain.size, self.rules.root, &hidden)
            if hidden or self.rules.has_shape(&self.plain):
                put_byte(out, c'"')
                self.rules.alias(self.plain.data, self.plain.size, out)
                put_byte(out, c'"')
            else:
                put_pair_part(self.plain.data, self.plain.size, out)
            if n - i < 2 or p[i] != c'=' or p[i + 1] != c'>':
                return 0
            put(out, b"=>", 2)
            i += 2
            if n - i >= 4 and memcmp(p + i, b"NULL", 4) == 0:
                put(out, b"NULL", 4)
                i += 4
                continue
            i = read_pair_part(p, n, i, &self.plain)
            if i < 0:
                return 0
            kind = self.rules.text(said, self.plain.data, self.plain.size)
            if kind < 0:
                put_pair_part(self.plain.data, self.plain.size, out)
            elif kind:
                put_pair_part(self.rules.made.data, self.rules.made.size, out)
            else:
                put(out, b"NULL", 4)
        return 1

    cdef int write_binary(self, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1:
        # Number of pairs, then length-prefixed key and value of each; a value of length -1 is NULL.
        cdef Py_ssize_t at = 4
        cdef Py_ssize_t place
        cdef int left
        cdef int size
        cdef Said said
        cdef int kind
        cdef bint hidden
        if n < 4:
            return 0
        left = load_i32(p)
        put(out, p, 4)
        while left > 0:
            left -= 1
            if n - at < 4:
                return 0
            size = load_i32(p + at)
            at += 4
            if size < 0 or size > n - at:
                return 0
            self.plain.size = 0
            outbuf_reserve(&self.plain, 1)
            put(&self.plain, p + at, size)
            at += size
            said = self.rules.find(self.plain.data, self.plain.size, self.rules.root, &hidden)
            place = out.size
            outbuf_int32(out, size)
            if hidden or self.rules.has_shape(&self.plain):
                self.rules.alias(self.plain.data, self.plain.size, out)
                store_u32(out.data + place, <unsigned int>(out.size - place - 4))
            else:
                put(out, self.plain.data, self.plain.size)
            if n - at < 4:
                return 0
            size = load_i32(p + at)
            at += 4
            place = out.size
            outbuf_int32(out, -1)
            if size == -1:
                continue
            if size < 0 or size > n - at:
                return 0
            kind = self.rules.text(said, p + at, size)
            if kind < 0:
                put(out, p + at, size)
            elif kind:
                put(out, self.rules.made.data, self.rules.made.size)
            if kind:
                store_u32(out.data + place, <unsigned int>(out.size - place - 4))
            at += size
        return 1 if left == 0 and at == n else 0


# ---------------------------------------------------------------- XML

cdef inline bint is_name_byte(unsigned char c) noexcept nogil:
    return is_letter(c) or is_digit(c) or c == c'_' or c == c'-' or c == c'.' or c == c':' or c >= 0x80


cdef int read_reference(const unsigned char* p, Py_ssize_t n, Py_ssize_t* i, OutBuf* plain) except -1:
    # A character reference at i. 0 for those of a document's own, and for what is none.
    cdef Py_ssize_t end = i[0] + 1
    cdef Py_ssize_t start = end
    cdef int code = 0
    cdef int digit
    cdef int base = 10
    while end < n and end - start < 10 and p[end] != c';':
        end += 1
    if end >= n or p[end] != c';' or end == start:
        return 0
    i[0] = end + 1
    if p[start] == c'#':
        start += 1
        if start < end and p[start] == c'x':
            base = 16
            start += 1
        if start == end:
            return 0
        while start < end:
            digit = p[start]
            if is_digit(<unsigned char>digit):
                digit -= 48
            elif base == 16 and 97 <= (digit | 0x20) <= 102:
                digit = (digit | 0x20) - 87
            else:
                return 0
            code = code * base + digit
            if code > 0x10FFFF:
                return 0
            start += 1
        put_code(code, plain)
        return 1
    if end - start == 2 and memcmp(p + start, b"lt", 2) == 0:
        put_byte(plain, c'<')
    elif end - start == 2 and memcmp(p + start, b"gt", 2) == 0:
        put_byte(plain, c'>')
    elif end - start == 3 and memcmp(p + start, b"amp", 3) == 0:
        put_byte(plain, c'&')
    elif end - start == 4 and memcmp(p + start, b"quot", 4) == 0:
        put_byte(plain, c'"')
    elif end - start == 4 and memcmp(p + start, b"apos", 4) == 0:
        put_byte(plain, c"'")
    else:
        return 0
    return 1


cdef int put_escaped(const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1:
    cdef Py_ssize_t i
    for i in range(n):
        if p[i] == c'<':
            put(out, b"&lt;", 4)
        elif p[i] == c'>':
            put(out, b"&gt;", 4)
        elif p[i] == c'&':
            put(out, b"&amp;", 5)
        elif p[i] == c'"':
            put(out, b"&quot;", 6)
        elif p[i] >= 0x20 or is_space(p[i]):
            put_byte(out, p[i])
    return 0


cdef Py_ssize_t find_from(const unsigned char* p, Py_ssize_t n, Py_ssize_t i, const char* end, int size) noexcept nogil:
    # Where ``end`` begins, -1 nowhere.
    while n - i >= size:
        if memcmp(p + i, end, <size_t>size) == 0:
            return i
        i += 1
    return -1


@cython.final
cdef class Xml(Node):
    """xml: elements and attributes by their names. Comments and instructions are left out."""

    def __cinit__(self):
        outbuf_init(&self.plain)
        outbuf_init(&self.stack)

    def __dealloc__(self):
        outbuf_free(&self.plain)
        outbuf_free(&self.stack)

    cdef int write(self, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1:
        cdef Py_ssize_t start = out.size
        return 1 if self.document(p, n, out) else self.give_up(out, start)

    cdef int document(self, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1:
        cdef Py_ssize_t i = 0
        cdef Py_ssize_t end
        self.stack.size = 0
        self.plain.size = 0
        outbuf_reserve(&self.plain, 1)
        while i < n:
            if p[i] == c'&':
                if not read_reference(p, n, &i, &self.plain):
                    return 0
            elif p[i] != c'<':
                put_byte(&self.plain, p[i])
                i += 1
            elif n - i >= 4 and memcmp(p + i, b"<!--", 4) == 0:
                end = find_from(p, n, i + 4, b"-->", 3)
                if end < 0:
                    return 0
                i = end + 3
            elif n - i >= 9 and memcmp(p + i, b"<![CDATA[", 9) == 0:
                end = find_from(p, n, i + 9, b"]]>", 3)
                if end < 0:
                    return 0
                put(&self.plain, p + i + 9, end - i - 9)
                i = end + 3
            elif n - i >= 2 and p[i + 1] == c'?':
                end = find_from(p, n, i + 2, b"?>", 2)
                if end < 0:
                    return 0
                i = end + 2
            else:
                self.put_leaf(said_on(&self.stack, self.rules.root), out)
                i = self.put_tag(p, n, i, out)
                if i < 0:
                    return 0
        if self.stack.size:
            return 0
        self.put_leaf(self.rules.root, out)
        return 1

    cdef Py_ssize_t put_tag(self, const unsigned char* p, Py_ssize_t n, Py_ssize_t i, OutBuf* out) except -2:
        # The tag that opens at i. Behind it, -1 where it is none (a declaration, say).
        cdef Said outer
        cdef Said said
        cdef unsigned char quote
        cdef bint closing = i + 1 < n and p[i + 1] == c'/'
        put_byte(out, c'<')
        i += 1
        if closing:
            # Its name is judged, and shown, where that of the opening tag was.
            if self.stack.size == 0:
                return -1
            self.stack.size -= ENTRY
            put_byte(out, c'/')
            i += 1
        outer = said_on(&self.stack, self.rules.root)
        i = self.put_name(p, n, i, outer, &said, out)
        while i >= 0:
            while i < n and is_space(p[i]):
                i += 1
            if i >= n:
                return -1
            if p[i] == c'>':
                put_byte(out, c'>')
                if not closing:
                    push(&self.stack, False, said)
                return i + 1
            if p[i] == c'/' and i + 1 < n and p[i + 1] == c'>' and not closing:
                put(out, b"/>", 2)
                return i + 2
            if closing:
                return -1
            put_byte(out, c' ')
            i = self.put_name(p, n, i, said, &outer, out)
            if i < 0 or n - i < 2 or p[i] != c'=' or (p[i + 1] != c'"' and p[i + 1] != c"'"):
                return -1
            quote = p[i + 1]
            i += 2
            self.plain.size = 0
            while i < n and p[i] != quote:
                if p[i] == c'&':
                    if not read_reference(p, n, &i, &self.plain):
                        return -1
                    continue
                if p[i] == c'<':
                    return -1
                put_byte(&self.plain, p[i])
                i += 1
            if i >= n:
                return -1
            put(out, b'="', 2)
            self.put_leaf(outer, out)
            put_byte(out, c'"')
            i += 1
        return -1

    cdef Py_ssize_t put_name(self, const unsigned char* p, Py_ssize_t n, Py_ssize_t i, Said outer, Said* said,
                             OutBuf* out) except -2:
        # The name of an element or attribute at i; a prefix before a colon says nothing.
        cdef Py_ssize_t start = i
        cdef Py_ssize_t local = i
        cdef bint hidden
        while i < n and is_name_byte(p[i]):
            i += 1
            if p[i - 1] == c':':
                local = i
        if i == local:
            return -1
        said[0] = self.rules.find(p + local, i - local, outer, &hidden)
        if hidden:
            self.rules.alias(p + start, i - start, out)
        else:
            put(out, p + start, i - start)
        return i

    cdef int put_leaf(self, Said said, OutBuf* out) except -1:
        # What was collected of text; blanks between elements are structure.
        cdef Py_ssize_t i = 0
        cdef int kind
        while i < self.plain.size and is_space(self.plain.data[i]):
            i += 1
        if i == self.plain.size:
            put(out, self.plain.data, self.plain.size)
        else:
            kind = self.rules.text(said, self.plain.data, self.plain.size)
            if kind < 0:
                put_escaped(self.plain.data, self.plain.size, out)
            elif kind:
                put_escaped(self.rules.made.data, self.rules.made.size, out)
        self.plain.size = 0
        return 0
