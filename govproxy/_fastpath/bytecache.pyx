"""A map from (context id, bytes) to an object: seeded, compared in full, bounded by bytes.

It has two generations. New entries go into the young one; when that has taken half of the limit
it becomes the old one, and the old one is dropped. A hit in the old generation moves to the young
one. So a flood of keys that are used once pushes out only its like, and what is in use stays.
"""

import os

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF, Py_INCREF
from libc.stdint cimport uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcmp, memcpy

cimport cython

cdef enum:
    FIRST_SLOTS = 256
    OVERHEAD_BYTES = 128


cdef inline uint64_t _rotl(uint64_t x, int b) noexcept nogil:
    return (x << b) | (x >> (64 - b))


cdef inline void _round(uint64_t* v) noexcept nogil:
    v[0] += v[1]
    v[1] = _rotl(v[1], 13) ^ v[0]
    v[0] = _rotl(v[0], 32)
    v[2] += v[3]
    v[3] = _rotl(v[3], 16) ^ v[2]
    v[0] += v[3]
    v[3] = _rotl(v[3], 21) ^ v[0]
    v[2] += v[1]
    v[1] = _rotl(v[1], 17) ^ v[2]
    v[2] = _rotl(v[2], 32)


cdef uint64_t siphash13(const unsigned char* data, Py_ssize_t size, uint64_t k0, uint64_t k1) noexcept nogil:
    # Security: SipHash-1-3 is keyed, so that no client can choose texts that collide.
    cdef uint64_t[4] v
    cdef uint64_t m
    cdef Py_ssize_t whole = size & ~<Py_ssize_t>7
    cdef Py_ssize_t i = 0
    v[0] = k0 ^ 0x736F6D6570736575ULL
    v[1] = k1 ^ 0x646F72616E646F6DULL
    v[2] = k0 ^ 0x6C7967656E657261ULL
    v[3] = k1 ^ 0x7465646279746573ULL
    while i < whole:
        memcpy(&m, data + i, 8)
        v[3] ^= m
        _round(v)
        v[0] ^= m
        i += 8
    m = 0
    if size > whole:
        memcpy(&m, data + whole, <size_t>(size - whole))
    m |= <uint64_t>(size & 0xFF) << 56
    v[3] ^= m
    _round(v)
    v[0] ^= m
    v[2] ^= 0xFF
    _round(v)
    _round(v)
    _round(v)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


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
        if generation.slots[i].value != NULL:
            Py_DECREF(<object>generation.slots[i].key)
            Py_DECREF(<object>generation.slots[i].value)
    free(generation.slots)
    generation.slots = NULL
    generation.used = 0
    generation.size_bytes = 0
    generation.mask = 0


cdef Slot* _find(
    Generation* generation, uint64_t hash_, uint64_t context_id, const unsigned char* key, Py_ssize_t size
) noexcept:
    cdef size_t i
    cdef Slot* slot
    if generation.slots == NULL:
        return NULL
    i = hash_ & generation.mask
    while True:
        slot = &generation.slots[i]
        if slot.value == NULL:
            return NULL
        if (
            slot.hash == hash_
            and slot.context_id == context_id
            and PyBytes_GET_SIZE(<object>slot.key) == size
            and memcmp(PyBytes_AS_STRING(<object>slot.key), key, <size_t>size) == 0
        ):
            return slot
        i = (i + 1) & generation.mask


cdef void _place(Generation* generation, Slot* entry) noexcept:
    cdef size_t i = entry.hash & generation.mask
    while generation.slots[i].value != NULL:
        i = (i + 1) & generation.mask
    generation.slots[i] = entry[0]
    generation.used += 1


cdef int _grow(Generation* generation) except -1:
    cdef Generation bigger
    cdef size_t i
    _open(&bigger, (generation.mask + 1) * 2)
    for i in range(generation.mask + 1):
        if generation.slots[i].value != NULL:
            _place(&bigger, &generation.slots[i])
    bigger.size_bytes = generation.size_bytes
    free(generation.slots)
    generation[0] = bigger
    return 0


@cython.final
cdef class ByteCache:
    """See the module. ``seed`` takes 16 bytes; without it the operating system gives them."""

    def __cinit__(self, size_t limit_bytes, bytes seed=None):
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
        """What the entries are accounted with."""
        return self.young.size_bytes + self.old.size_bytes

    cdef PyObject* find(self, uint64_t context_id, const unsigned char* key, Py_ssize_t size) except? NULL:
        cdef uint64_t hash_ = siphash13(key, size, self.seed0 ^ context_id, self.seed1)
        cdef Slot* slot = _find(&self.young, hash_, context_id, key, size)
        cdef PyObject* value
        if slot != NULL:
            return slot.value
        slot = _find(&self.old, hash_, context_id, key, size)
        if slot == NULL:
            return NULL
        # The caller's borrow must outlive the generation it was found in.
        value = slot.value
        self._insert(hash_, context_id, slot.key, value, OVERHEAD_BYTES + <size_t>size)
        return value

    cdef int add(self, uint64_t context_id, bytes key, object value, size_t cost) except -1:
        cdef const unsigned char* raw = <const unsigned char*>PyBytes_AS_STRING(key)
        cdef uint64_t hash_ = siphash13(raw, PyBytes_GET_SIZE(key), self.seed0 ^ context_id, self.seed1)
        cost += OVERHEAD_BYTES + <size_t>PyBytes_GET_SIZE(key)
        if cost > self.limit_bytes // 8 or _find(&self.young, hash_, context_id, raw, PyBytes_GET_SIZE(key)) != NULL:
            return 0
        return self._insert(hash_, context_id, <PyObject*>key, <PyObject*>value, cost)

    cdef int _insert(
        self, uint64_t hash_, uint64_t context_id, PyObject* key, PyObject* value, size_t cost
    ) except -1:
        cdef Slot entry
        entry.hash = hash_
        entry.context_id = context_id
        entry.key = key
        entry.value = value
        # Owned before anything is dropped: they may be held by the generation that goes.
        Py_INCREF(<object>key)
        Py_INCREF(<object>value)
        if self.young.size_bytes + cost > self.limit_bytes // 2:
            _drop(&self.old)
            self.old = self.young
            self.young.slots = NULL
            _open(&self.young, FIRST_SLOTS)
            self.generations += 1
        if (self.young.used + 1) * 2 > self.young.mask + 1:
            _grow(&self.young)
        _place(&self.young, &entry)
        self.young.size_bytes += cost
        return 0

    cdef int clear(self) except -1:
        _drop(&self.young)
        _drop(&self.old)
        return _open(&self.young, FIRST_SLOTS)

    def get(self, uint64_t context_id, bytes key not None):
        """The value, or None."""
        cdef PyObject* found = self.find(
            context_id, <const unsigned char*>PyBytes_AS_STRING(key), PyBytes_GET_SIZE(key)
        )
        return <object>found if found != NULL else None

    def put(self, uint64_t context_id, bytes key not None, value, size_t cost=0):
        """Remember ``value``; an entry that is there already stays."""
        self.add(context_id, key, value, cost)
