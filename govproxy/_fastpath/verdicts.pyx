"""Verdicts on statement texts, and the bounded cache that finds them again without Python.

The key is the exact text plus a context id, an integer that stands for everything else a
decision reads (policy and catalog version, identity, search_path, role; see ``session.gate``).
Keys are compared in full, never truncated: a hash collision must not decide anything.

The cache has two generations. New verdicts enter the young one; when it has taken half of the
byte limit, it becomes the old one and the old one is dropped. A hit in the old generation moves
to the young one. So a flood of unique texts pushes out other unique texts, while statements in
use survive every change of generation.
"""

import os

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF, Py_INCREF
from libc.stdint cimport uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcmp, memcpy

cimport cython

from govproxy._fastpath.rows cimport MaskPlan

cdef enum:
    FIRST_SLOTS = 1024
    VERDICT_OVERHEAD_BYTES = 1024
    MAX_PLANS = 16


@cython.final
cdef class Verdict:
    """One judged text. Immutable but for the mask plans that are learned with its results."""

    def __init__(
        self,
        *,
        Outcome outcome,
        bytes text not None,
        uint64_t context_id,
        bytes fragment not None,
        object basis=None,
        bint clear=False,
        bint returns_rows=True,
        bint copies_in=False,
        bint copies_out=False,
        bint tainted=True,
        bint changes_session=False,
        bint changes_catalog=False,
        bint cacheable=True,
    ):
        self.outcome = outcome
        self.text = text
        self.context_id = context_id
        self.fragment = fragment
        self.basis = basis
        self.clear = clear
        self.returns_rows = returns_rows
        self.copies_in = copies_in
        self.copies_out = copies_out
        self.tainted = tainted
        self.changes_session = changes_session
        self.changes_catalog = changes_catalog
        self.cacheable = cacheable
        self.plans = []

    cdef MaskPlan plan_for(self, bytes description):
        for key, plan in self.plans:
            if <bytes>key == description:
                return <MaskPlan>plan
        return None

    cdef int remember_plan(self, bytes description, MaskPlan plan) except -1:
        if len(self.plans) >= MAX_PLANS:
            del self.plans[0]
        self.plans.append((description, plan))
        return 0


cdef inline uint64_t _rotl(uint64_t x, int b) noexcept nogil:
    return (x << b) | (x >> (64 - b))


cdef uint64_t siphash13(const unsigned char* data, Py_ssize_t size, uint64_t k0, uint64_t k1) noexcept nogil:
    # SipHash-1-3: keyed, so that a client cannot choose texts that collide.
    cdef uint64_t v0 = k0 ^ 0x736F6D6570736575ULL
    cdef uint64_t v1 = k1 ^ 0x646F72616E646F6DULL
    cdef uint64_t v2 = k0 ^ 0x6C7967656E657261ULL
    cdef uint64_t v3 = k1 ^ 0x7465646279746573ULL
    cdef uint64_t m
    cdef Py_ssize_t i = 0
    cdef int round_
    cdef Py_ssize_t whole = size - (size % 8)
    while i <= whole:
        if i < whole:
            memcpy(&m, data + i, 8)
        else:
            m = <uint64_t>(size & 0xFF) << 56
            if size > whole:
                memcpy(&m, data + i, <size_t>(size - whole))
                m = (m & ((<uint64_t>1 << (8 * (size - whole))) - 1)) | (<uint64_t>(size & 0xFF) << 56)
        v3 ^= m
        v0 += v1; v1 = _rotl(v1, 13); v1 ^= v0; v0 = _rotl(v0, 32)
        v2 += v3; v3 = _rotl(v3, 16); v3 ^= v2
        v0 += v3; v3 = _rotl(v3, 21); v3 ^= v0
        v2 += v1; v1 = _rotl(v1, 17); v1 ^= v2; v2 = _rotl(v2, 32)
        v0 ^= m
        i += 8
    v2 ^= 0xFF
    for round_ in range(3):
        v0 += v1; v1 = _rotl(v1, 13); v1 ^= v0; v0 = _rotl(v0, 32)
        v2 += v3; v3 = _rotl(v3, 16); v3 ^= v2
        v0 += v3; v3 = _rotl(v3, 21); v3 ^= v0
        v2 += v1; v1 = _rotl(v1, 17); v1 ^= v2; v2 = _rotl(v2, 32)
    return v0 ^ v1 ^ v2 ^ v3


cdef int _open(Generation* generation, size_t slots) except -1:
    generation.slots = <Slot*>calloc(slots, sizeof(Slot))
    if generation.slots == NULL:
        raise MemoryError("verdict cache")
    generation.mask = slots - 1
    generation.used = 0
    generation.size_bytes = 0
    return 0


cdef void _drop(Generation* generation) noexcept:
    cdef size_t i
    if generation.slots == NULL:
        return
    for i in range(generation.mask + 1):
        if generation.slots[i].verdict != NULL:
            Py_DECREF(<object>generation.slots[i].verdict)
    free(generation.slots)
    generation.slots = NULL
    generation.used = 0
    generation.size_bytes = 0
    generation.mask = 0


cdef Verdict _find(
    Generation* generation, uint64_t hash_, uint64_t context_id, const unsigned char* text, Py_ssize_t size
):
    cdef size_t i
    cdef Verdict verdict
    if generation.slots == NULL:
        return None
    i = hash_ & generation.mask
    while generation.slots[i].verdict != NULL:
        if generation.slots[i].hash == hash_:
            verdict = <Verdict>generation.slots[i].verdict
            if (
                verdict.context_id == context_id
                and PyBytes_GET_SIZE(verdict.text) == size
                and memcmp(PyBytes_AS_STRING(verdict.text), text, <size_t>size) == 0
            ):
                return verdict
        i = (i + 1) & generation.mask
    return None


cdef void _place(Generation* generation, uint64_t hash_, PyObject* verdict) noexcept:
    cdef size_t i = hash_ & generation.mask
    while generation.slots[i].verdict != NULL:
        i = (i + 1) & generation.mask
    generation.slots[i].hash = hash_
    generation.slots[i].verdict = verdict
    generation.used += 1


cdef int _grow(Generation* generation) except -1:
    cdef Generation bigger
    cdef size_t i
    _open(&bigger, (generation.mask + 1) * 2)
    for i in range(generation.mask + 1):
        if generation.slots[i].verdict != NULL:
            _place(&bigger, generation.slots[i].hash, generation.slots[i].verdict)
    bigger.size_bytes = generation.size_bytes
    free(generation.slots)
    generation[0] = bigger
    return 0


@cython.final
cdef class VerdictCache:
    """Exact text + context id → Verdict. Bounded by bytes, seeded per instance."""

    def __cinit__(self, size_t limit_bytes=64 * 1024 * 1024, bytes seed=None):
        cdef const char* raw
        if seed is None:
            seed = os.urandom(16)
        if len(seed) != 16:
            raise ValueError("seed takes 16 bytes")
        raw = PyBytes_AS_STRING(seed)
        memcpy(&self.seed0, raw, 8)
        memcpy(&self.seed1, raw + 8, 8)
        self.limit_bytes = limit_bytes
        _open(&self.young, FIRST_SLOTS)

    def __dealloc__(self):
        _drop(&self.young)
        _drop(&self.old)

    def __len__(self):
        return self.young.used + self.old.used

    @property
    def size_bytes(self):
        return self.young.size_bytes + self.old.size_bytes

    cdef Verdict lookup(self, uint64_t context_id, const unsigned char* text, Py_ssize_t size):
        cdef uint64_t hash_ = siphash13(text, size, self.seed0 ^ context_id, self.seed1)
        cdef Verdict verdict = _find(&self.young, hash_, context_id, text, size)
        if verdict is None:
            verdict = _find(&self.old, hash_, context_id, text, size)
            if verdict is not None:
                self._add(hash_, verdict)
        if verdict is None:
            self.misses += 1
        else:
            self.hits += 1
        return verdict

    cdef int insert(self, Verdict verdict) except -1:
        cdef const unsigned char* text = <const unsigned char*>PyBytes_AS_STRING(verdict.text)
        cdef Py_ssize_t size = PyBytes_GET_SIZE(verdict.text)
        cdef uint64_t hash_ = siphash13(text, size, self.seed0 ^ verdict.context_id, self.seed1)
        if _find(&self.young, hash_, verdict.context_id, text, size) is not None:
            return 0
        return self._add(hash_, verdict)

    cdef int _add(self, uint64_t hash_, Verdict verdict) except -1:
        cdef size_t cost = <size_t>(len(verdict.text) + len(verdict.fragment)) + VERDICT_OVERHEAD_BYTES
        if cost > self.limit_bytes // 4:
            return 0
        if self.young.size_bytes + cost > self.limit_bytes // 2:
            _drop(&self.old)
            self.old = self.young
            self.young.slots = NULL
            _open(&self.young, FIRST_SLOTS)
            self.generations += 1
        if (self.young.used + 1) * 2 > self.young.mask + 1:
            _grow(&self.young)
        Py_INCREF(verdict)
        _place(&self.young, hash_, <PyObject*>verdict)
        self.young.size_bytes += cost
        return 0

    def clear(self):
        """Forget everything (a new policy or catalog makes all of it unreachable anyway)."""
        _drop(&self.young)
        _drop(&self.old)
        _open(&self.young, FIRST_SLOTS)

    def get(self, uint64_t context_id, bytes text not None):
        """The verdict of ``text`` under ``context_id``, or None."""
        return self.lookup(context_id, <const unsigned char*>PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text))

    def put(self, Verdict verdict not None):
        """Remember ``verdict`` if it says that it may be remembered."""
        if verdict.cacheable:
            self.insert(verdict)
