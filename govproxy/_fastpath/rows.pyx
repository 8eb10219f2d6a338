"""Rewriting runs of DataRow by a mask plan.

A run is walked once. Bytes of columns that pass stay where they are; the first change in a run
copies what came before it in one piece, and from then on only the stretches between rewritten
columns are copied. A run in which nothing changed leaves the output alone, so that the caller can
forward the span it was given. No Python object is made per row or per field.

Knows the wire form of DataRow, routines and constants; ``masking.plan`` decides which column gets
what. Every length is checked against the message before it is used.
"""

cimport cython
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

from govproxy.errors import ProtocolViolation

from govproxy._fastpath.cursor cimport load_i32, load_u16, load_u32
from govproxy._fastpath.detectors cimport detect, is_structured, write_masked
from govproxy._fastpath.ff1 cimport Ff1
from govproxy._fastpath.columnplan cimport ColumnPlan, fill_spec
from govproxy._fastpath.maskers cimport (
    F_ARRAY,
    F_BYTEA,
    F_ENUM,
    F_JSON,
    F_JSONB,
    F_RECORD,
    F_TEXT,
    OP_CONSTANT,
    OP_FPE,
    OP_KEYS,
    OP_NULL,
    OP_PARTS,
    OP_PASS,
    OP_PSEUDONYM,
    OP_SCAN,
    mask_value,
)
from govproxy._fastpath.maskers import FAMILIES as _FAMILIES, OPERATIONS as _OPERATIONS
from govproxy._fastpath.maskfpe cimport FpeLanes, fpe_settle, mask_fpe
from govproxy._fastpath.masknodes cimport Node
from govproxy._fastpath.maskpieces cimport fit, hex_digit, store_u32
from govproxy._fastpath.masktree cimport node_of
from govproxy._fastpath.outbuf cimport (
    OutBuf,
    outbuf_append,
    outbuf_free,
    outbuf_init,
    outbuf_int32,
    outbuf_put_int32,
    outbuf_reserve,
)
from govproxy._fastpath.prf import subkey as _subkey
from govproxy._fastpath.spans cimport drop_kinds, hits_free
from govproxy._fastpath.textfacts cimport is_candidate

cdef enum Routine:
    R_PASS
    R_SCAN_TEXT         # these two stand first: the row loop asks is_candidate for them
    R_SCAN_JSON
    R_CONSTANT          # also NULL: the constant is then the bare length word -1
    R_SCAN_HEX          # bytea in text form
    R_SCAN_ARRAY        # binary
    R_SCAN_RECORD       # binary
    R_SCAN_OTHER        # binary of an unknown type: a find makes the value NULL
    R_MASK
    R_NODE              # a value that holds others, by a tree of masknodes
    R_FPE               # FF1, and the pseudonym masker for what it does not take

cdef enum:
    GREATEST_MESSAGE = 0x7FFFFFFF
    ROOM = 64               # free in the output behind what was flushed
    NESTED_LIMIT = 64       # dimensions of an array; PostgreSQL has 6

# Element and field types whose binary form is text, and those that hold no text at all.
cdef frozenset TEXT_OIDS = frozenset({18, 19, 25, 114, 142, 705, 1042, 1043, 2275, 3802})
cdef frozenset PLAIN_OIDS = frozenset({
    16, 20, 21, 23, 26, 700, 701, 1082, 1083, 1114, 1184, 1186, 1266, 1700, 2950, 790, 869, 650, 829, 774,
})


cdef int _malformed() except -1:
    raise ProtocolViolation("malformed DataRow")


cdef int _wrong_count(int got, int expected) except -1:
    raise ProtocolViolation(f"DataRow of {got} columns under a plan of {expected}")


cdef int _routine(ColumnPlan column) except -1:
    cdef int op = _OPERATIONS[column.op]
    cdef int family = _FAMILIES[column.family]
    if op == OP_PASS:
        return R_PASS
    if op == OP_CONSTANT or op == OP_NULL:
        return R_CONSTANT
    if op == OP_PARTS or op == OP_KEYS or family == F_ENUM:
        return R_NODE
    if op == OP_FPE:
        return R_FPE
    if op != OP_SCAN:
        return R_MASK
    if family == F_JSON or family == F_JSONB:
        return R_SCAN_JSON
    if family == F_TEXT:
        return R_SCAN_TEXT
    if column.format == 0:
        return R_SCAN_HEX if family == F_BYTEA else R_SCAN_TEXT
    if family == F_BYTEA:
        return R_SCAN_TEXT
    if family == F_ARRAY:
        return R_SCAN_ARRAY
    if family == F_RECORD:
        return R_SCAN_RECORD
    return R_SCAN_OTHER


cdef inline int _flush(Rewrite* rw, Py_ssize_t upto) except -1:
    # Copies the untouched stretch before a change; the row's header is in it or already copied.
    cdef Py_ssize_t size = upto - rw.copied
    if rw.header < 0:
        rw.header = rw.out.size + rw.row - rw.copied
    if size + ROOM > rw.out.capacity - rw.out.size:
        # For the rest of the run in one piece, and a quarter more.
        outbuf_reserve(rw.out, (rw.limit - rw.data - rw.copied) * 5 // 4 + ROOM)
    if size:
        memcpy(rw.out.data + rw.out.size, rw.data + rw.copied, <size_t>size)
    rw.out.size += size
    return 0


cdef inline void _replaced(Rewrite* rw, Py_ssize_t field, Py_ssize_t size, Py_ssize_t grown) noexcept nogil:
    rw.copied = field + size
    rw.delta += grown
    rw.masked += 1


@cython.final
cdef class MaskPlan:
    """What is done to each column of a result. Immutable after construction.

    One plan serves many results of one worker, one at a time: its scratch space is its own.
    """

    def __cinit__(self):
        self.count = 0
        self.allocated = 0
        self.routines = NULL
        self.ops = NULL
        self.hits.items = NULL
        self.hits.size = 0
        self.hits.capacity = 0
        outbuf_init(&self.scratch)

    def __init__(self, columns):
        cdef ColumnOp* op
        cdef ColumnPlan column
        cdef int i
        cdef bytes constant
        if self.ops != NULL:
            raise TypeError("a MaskPlan does not change")
        self.columns = tuple(columns)
        if len(self.columns) > 1664:
            raise ValueError("more columns than a result can have")
        self.owned = []
        self.ciphers = []
        self.nodes = []
        self.routines = <unsigned char*>calloc(<size_t>len(self.columns) + 1, 1)
        self.ops = <ColumnOp*>calloc(<size_t>len(self.columns) + 1, sizeof(ColumnOp))
        if self.routines == NULL or self.ops == NULL:
            raise MemoryError("mask plan")
        self.allocated = len(self.columns)
        self.keyed = False
        self.passthrough = True
        for i in range(len(self.columns)):
            column = self.columns[i]
            op = &self.ops[i]
            op.routine = _routine(column)
            self.routines[i] = <unsigned char>op.routine
            if op.routine != R_PASS:
                self.passthrough = False
            fill_spec(column, &op.spec, self.owned)
            op.shown = column.shown
            self.ciphers.append(None)
            if op.spec.op == OP_FPE:
                self.keyed = True
                self.ciphers[i] = Ff1(_subkey(column.key, b"ff1"))
                op.lanes = <FpeLanes*>calloc(1, sizeof(FpeLanes))
                if op.lanes == NULL:
                    raise MemoryError("mask plan")
                op.spec.op = OP_PSEUDONYM
            self.nodes.append(node_of(column) if op.routine == R_NODE else None)
            if op.spec.op == OP_NULL:
                constant = b"\xff\xff\xff\xff"
            else:
                constant = len(column.constant).to_bytes(4, "big") + column.constant
            self.owned.append(constant)
            op.constant = constant
            op.constant_size = len(constant)
        # Last: a plan that failed half way handles rows of no columns only.
        self.count = len(self.columns)

    def __dealloc__(self):
        cdef int i
        free(self.routines)
        if self.ops != NULL:
            for i in range(self.allocated):
                free(self.ops[i].lanes)
            memset(self.ops, 0, <size_t>self.allocated * sizeof(ColumnOp))  # Security: holds key state
        free(self.ops)
        hits_free(&self.hits)
        outbuf_free(&self.scratch)

    cdef Py_ssize_t mask_run(self, const unsigned char* data, Py_ssize_t size,
                             OutBuf* out, RowCounts* counts) except -1:
        cdef Rewrite rw
        cdef Py_ssize_t before = out.size
        cdef Py_ssize_t consumed
        cdef unsigned long long rows = 0
        rw.data = data
        rw.limit = data + size
        rw.out = out
        rw.copied = 0
        rw.row = 0
        rw.header = -1
        rw.delta = 0
        rw.masked = 0
        counts.changed = False
        try:
            consumed = self._run(&rw, size, &rows)
            if self.keyed:
                self._settle(out)
        except BaseException:
            # Security: half a run never stays in the output, nor in what waits for encryption.
            out.size = before
            self._forget()
            raise
        if rw.masked:
            outbuf_append(out, data + rw.copied, consumed - rw.copied)
            counts.changed = True
        counts.rows += rows
        counts.masked_values += rw.masked
        return consumed

    cdef int _settle(self, OutBuf* out) except -1:
        cdef int i
        for i in range(self.count):
            if self.ops[i].lanes != NULL and self.ops[i].lanes.count:
                fpe_settle(self.ciphers[i], self.ops[i].lanes, out)
        return 0

    cdef void _forget(self) noexcept:
        cdef int i
        for i in range(self.count):
            if self.ops[i].lanes != NULL:
                memset(self.ops[i].lanes, 0, sizeof(FpeLanes))

    cdef Py_ssize_t _run(self, Rewrite* rw, Py_ssize_t size, unsigned long long* rows) except -1:
        cdef const unsigned char* data = rw.data
        cdef const unsigned char* routines = self.routines
        cdef Py_ssize_t pos = 0
        cdef Py_ssize_t end
        cdef Py_ssize_t at
        cdef Py_ssize_t length
        cdef int field_size
        cdef int column
        cdef int routine
        cdef int count = self.count
        while size - pos >= 5 and data[pos] == c'D':
            length = <Py_ssize_t>load_u32(data + pos + 1)
            if length < 6 or length > GREATEST_MESSAGE - 1:
                _malformed()
            if length > size - pos - 1:
                break
            end = pos + 1 + length
            if <int>load_u16(data + pos + 5) != count:
                _wrong_count(<int>load_u16(data + pos + 5), count)
            rw.row = pos
            rw.header = -1
            rw.delta = 0
            at = pos + 7
            for column in range(count):
                if end - at < 4:
                    _malformed()
                field_size = load_i32(data + at)
                at += 4
                if <unsigned long long>field_size > <unsigned long long>(end - at):
                    # Beyond the row or negative, which is NULL when it is -1.
                    if field_size != -1:
                        _malformed()
                    continue
                routine = routines[column]
                if routine > R_PASS:
                    # Most fields that are scanned end here.
                    if routine > R_SCAN_JSON or is_candidate(data + at, field_size, rw.limit):
                        self._field(rw, column, at, field_size)
                at += field_size
            if at != end:
                _malformed()
            if rw.header >= 0:
                length += rw.delta
                if length > GREATEST_MESSAGE - 1:
                    _malformed()
                store_u32(rw.out.data + rw.header + 1, <unsigned int>length)
            rows[0] += 1
            pos = end
        return pos

    cdef int _field(self, Rewrite* rw, int column, Py_ssize_t field, Py_ssize_t size) except -1:
        # ``field`` is the value's offset; its length word stands before it.
        cdef ColumnOp* op = &self.ops[column]
        cdef Py_ssize_t at
        if op.routine == R_SCAN_TEXT or op.routine == R_SCAN_JSON:
            return self._scan(rw, op, field, size)
        if op.routine == R_CONSTANT:
            _flush(rw, field - 4)
            if op.constant_size > rw.out.capacity - rw.out.size:
                outbuf_reserve(rw.out, op.constant_size)
            memcpy(rw.out.data + rw.out.size, op.constant, <size_t>op.constant_size)
            rw.out.size += op.constant_size
            _replaced(rw, field, size, op.constant_size - 4 - size)
            return 0
        if op.routine == R_MASK:
            _flush(rw, field - 4)
            at = rw.out.size
            rw.out.size = at + 4
            if mask_value(&op.spec, rw.data + field, size, rw.out):
                store_u32(rw.out.data + at, <unsigned int>(rw.out.size - at - 4))
            else:
                rw.out.size = at + 4        # the length word -1 alone: NULL
                store_u32(rw.out.data + at, 0xFFFFFFFF)
            _replaced(rw, field, size, rw.out.size - at - 4 - size)
            return 0
        if op.routine == R_FPE:
            return self._fpe(rw, column, field, size)
        if op.routine == R_NODE:
            return self._node(rw, column, field, size)
        if op.routine == R_SCAN_HEX:
            return self._scan_hex(rw, op, field, size)
        # Nested and unknown binary forms: the question to the whole value covers all its parts.
        if not is_candidate(rw.data + field, size, rw.limit):
            return 0
        if op.routine == R_SCAN_ARRAY or op.routine == R_SCAN_RECORD:
            return self._scan_nested(rw, op, field, size)
        if op.routine != R_SCAN_OTHER:
            raise AssertionError("unknown routine")
        detect(rw.data + field, size, &self.hits)
        drop_kinds(&self.hits, op.shown)
        if self.hits.size:
            _flush(rw, field - 4)
            outbuf_int32(rw.out, -1)
            _replaced(rw, field, size, -size)
        return 0

    cdef int _fpe(self, Rewrite* rw, int column, Py_ssize_t field, Py_ssize_t size) except -1:
        cdef ColumnOp* op = &self.ops[column]
        cdef Ff1 cipher = self.ciphers[column]
        cdef const unsigned char* value = rw.data + field
        cdef Py_ssize_t at
        _flush(rw, field - 4)
        at = rw.out.size
        outbuf_int32(rw.out, -1)
        if mask_fpe(cipher, &op.spec, value, size, rw.out, op.lanes) or mask_value(&op.spec, value, size, rw.out):
            outbuf_put_int32(rw.out, at, rw.out.size - at - 4)
        else:
            rw.out.size = at + 4
        _replaced(rw, field, size, rw.out.size - at - 4 - size)
        return 0

    cdef int _node(self, Rewrite* rw, int column, Py_ssize_t field, Py_ssize_t size) except -1:
        cdef Py_ssize_t at
        _flush(rw, field - 4)
        at = rw.out.size
        outbuf_int32(rw.out, -1)
        if (<Node>self.nodes[column]).write(rw.data + field, size, rw.out):
            outbuf_put_int32(rw.out, at, rw.out.size - at - 4)
        else:
            rw.out.size = at + 4
        _replaced(rw, field, size, rw.out.size - at - 4 - size)
        return 0

    cdef int _scan(self, Rewrite* rw, ColumnOp* op, Py_ssize_t field, Py_ssize_t size) except -1:
        cdef Py_ssize_t at
        cdef bint json
        detect(rw.data + field, size, &self.hits)
        drop_kinds(&self.hits, op.shown)
        if self.hits.size == 0:
            return 0
        json = op.routine == R_SCAN_JSON or is_structured(rw.data + field, size)
        _flush(rw, field - 4)
        at = rw.out.size
        outbuf_int32(rw.out, 0)
        write_masked(rw.data + field, size, &self.hits, json, rw.out)
        fit(&op.spec, rw.out, at + 4)
        outbuf_put_int32(rw.out, at, rw.out.size - at - 4)
        _replaced(rw, field, size, rw.out.size - at - 4 - size)
        return 0

    cdef int _scan_hex(self, Rewrite* rw, ColumnOp* op, Py_ssize_t field, Py_ssize_t size) except -1:
        # bytea_output hex: \x and two digits a byte. The bytes are what is looked at. The older
        # escape form is looked at as it stands.
        cdef const unsigned char* p = rw.data + field
        cdef Py_ssize_t n = (size - 2) // 2
        cdef Py_ssize_t at
        cdef Py_ssize_t i
        cdef int high
        cdef int low
        cdef OutBuf plain
        if size < 2 or p[0] != c'\\' or p[1] != c'x' or size % 2:
            if not is_candidate(p, size, rw.limit):
                return 0
            return self._scan(rw, op, field, size)
        self.scratch.size = 0
        outbuf_reserve(&self.scratch, n)
        for i in range(n):
            high = hex_value(p[2 + 2 * i])
            low = hex_value(p[3 + 2 * i])
            if high < 0 or low < 0:
                _malformed()
            self.scratch.data[i] = <unsigned char>(high << 4 | low)
        self.scratch.size = n
        if not is_candidate(self.scratch.data, n, self.scratch.data + n):
            return 0
        detect(self.scratch.data, n, &self.hits)
        drop_kinds(&self.hits, op.shown)
        if self.hits.size == 0:
            return 0
        outbuf_init(&plain)
        try:
            write_masked(self.scratch.data, n, &self.hits, is_structured(self.scratch.data, n), &plain)
            _flush(rw, field - 4)
            at = rw.out.size
            outbuf_int32(rw.out, 2 + 2 * plain.size)
            outbuf_append(rw.out, b"\\x", 2)
            outbuf_reserve(rw.out, 2 * plain.size)
            for i in range(plain.size):
                rw.out.data[rw.out.size] = hex_digit(plain.data[i] >> 4)
                rw.out.data[rw.out.size + 1] = hex_digit(plain.data[i] & 15)
                rw.out.size += 2
        finally:
            outbuf_free(&plain)
        _replaced(rw, field, size, rw.out.size - at - 4 - size)
        return 0

    cdef int _scan_nested(self, Rewrite* rw, ColumnOp* op, Py_ssize_t field, Py_ssize_t size) except -1:
        cdef int result
        self.scratch.size = 0
        result = self._nested(rw.data + field, size, op.routine == R_SCAN_RECORD, op.shown)
        if result == 0:
            return 0
        _flush(rw, field - 4)
        if result == 2:
            # Not the form that was promised: NULL rather than bytes nobody understood.
            outbuf_int32(rw.out, -1)
            _replaced(rw, field, size, -size)
            return 0
        outbuf_int32(rw.out, self.scratch.size)
        outbuf_append(rw.out, self.scratch.data, self.scratch.size)
        _replaced(rw, field, size, self.scratch.size - size)
        return 0

    cdef int _nested(self, const unsigned char* p, Py_ssize_t n, bint record, int kinds) except -1:
        # Writes the masked value into ``scratch``. 0: nothing found, 1: masked, 2: malformed.
        # Array: ndim, has nulls, element type, (size, lower bound) per dimension, then
        # length-prefixed elements. Record: field count, then type and length-prefixed value each.
        cdef Py_ssize_t at
        cdef int size
        cdef int dimensions
        cdef unsigned int oid = 0
        cdef bint changed = False
        if record:
            at = 4
        else:
            if n < 12:
                return 2
            dimensions = load_i32(p)
            if not 0 <= dimensions <= NESTED_LIMIT:
                return 2
            oid = load_u32(p + 8)
            at = 12 + 8 * dimensions
        if n < at:
            return 2
        outbuf_append(&self.scratch, p, at)
        while at < n:
            if record:
                if n - at < 4:
                    return 2
                oid = load_u32(p + at)
                outbuf_append(&self.scratch, p + at, 4)
                at += 4
            if n - at < 4:
                return 2
            size = load_i32(p + at)
            at += 4
            if size == -1:
                outbuf_int32(&self.scratch, -1)
                continue
            if size < 0 or size > n - at:
                return 2
            self._element(oid, p + at, size, kinds, &changed)
            at += size
        return 1 if changed else 0

    cdef int _element(
        self, unsigned int oid, const unsigned char* p, Py_ssize_t n, int kinds, bint* changed
    ) except -1:
        cdef Py_ssize_t at = self.scratch.size
        if oid not in PLAIN_OIDS:
            detect(p, n, &self.hits)
            drop_kinds(&self.hits, kinds)
            if self.hits.size:
                changed[0] = True
                outbuf_int32(&self.scratch, -1)
                if oid in TEXT_OIDS:
                    write_masked(p, n, &self.hits, oid == 114 or oid == 3802 or is_structured(p, n), &self.scratch)
                    outbuf_put_int32(&self.scratch, at, self.scratch.size - at - 4)
                return 0
        outbuf_int32(&self.scratch, n)
        return outbuf_append(&self.scratch, p, n)

    def apply(self, data: bytes) -> tuple[int, bytes, int, int]:
        """Rewrites the run at the start of ``data``: (consumed, output, rows, masked values).

        For tests and ``explain``; the data plane calls ``mask_run``.
        """
        cdef const unsigned char* p = data
        cdef OutBuf out
        cdef RowCounts counts
        cdef Py_ssize_t consumed
        counts.rows = 0
        counts.masked_values = 0
        outbuf_init(&out)
        try:
            consumed = self.mask_run(p, len(data), &out, &counts)
            output = out.data[:out.size] if counts.changed else data[:consumed]
            return consumed, output, counts.rows, counts.masked_values
        finally:
            outbuf_free(&out)


cdef inline int hex_value(unsigned char c) noexcept nogil:
    if 48 <= c <= 57:
        return c - 48
    c |= 0x20
    return c - 87 if 97 <= c <= 102 else -1
