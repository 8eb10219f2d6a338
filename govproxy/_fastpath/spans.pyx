"""The list of spans that the detectors fill, and the names of what they find."""

from libc.stdlib cimport free, realloc

KIND_NAMES = {
    PHONE: "phone",
    EMAIL: "email",
    NATIONAL_ID: "national_id",
    WALLET: "crypto_wallet",
    CARD: "card",
    CARD_TRACK: "card_track",
    IBAN: "iban",
    DSN_PASSWORD: "dsn",
    TOKEN: "api_token",
    PASSWORD_HASH: "password_hash",
    JWT: "jwt",
    PRIVATE_KEY: "private_key",
}


cdef int _no_memory() except -1 with gil:
    raise MemoryError("detector spans")


cdef void hits_free(Hits* hits) noexcept nogil:
    free(hits.items)
    hits.items = NULL
    hits.size = 0
    hits.capacity = 0


cdef void drop_kinds(Hits* hits, int kinds) noexcept nogil:
    cdef Py_ssize_t i
    cdef Py_ssize_t kept = 0
    for i in range(hits.size):
        if not kinds >> hits.items[i].kind & 1:
            hits.items[kept] = hits.items[i]
            kept += 1
    hits.size = kept


cdef int add_hit(Hits* hits, int kind, Py_ssize_t start, Py_ssize_t end, Py_ssize_t keep) except -1 nogil:
    # Overlapping spans become one: what either wanted hidden is hidden, by the stronger's constant.
    cdef Hit* last
    cdef Hit* grown
    cdef Py_ssize_t capacity
    while hits.size > 0 and hits.items[hits.size - 1].end > start:
        last = &hits.items[hits.size - 1]
        if last.start <= start and last.end >= end and last.kind >= kind:
            return 0
        if start > last.start:
            start = last.start
        if end < last.end:
            end = last.end
        kind = TOKEN if last.kind != kind else kind
        keep = 0
        hits.size -= 1
    if hits.size == hits.capacity:
        capacity = 16 if hits.capacity == 0 else hits.capacity * 2
        grown = <Hit*>realloc(hits.items, <size_t>capacity * sizeof(Hit))
        if grown == NULL:
            return _no_memory()
        hits.items = grown
        hits.capacity = capacity
    last = &hits.items[hits.size]
    last.kind = kind
    last.start = start
    last.end = end
    last.keep = keep
    hits.size += 1
    return 0
