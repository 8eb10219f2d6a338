# Where strong shapes are in a text: disjoint spans in order. See spans.pyx.

cdef enum Kind:
    PHONE = 1           # in rising strength: where two spans overlap, the stronger names the union
    EMAIL
    NATIONAL_ID
    WALLET
    CARD
    CARD_TRACK
    IBAN
    DSN_PASSWORD
    TOKEN
    PASSWORD_HASH
    JWT
    PRIVATE_KEY

cdef struct Hit:
    int kind
    Py_ssize_t start
    Py_ssize_t end
    Py_ssize_t keep         # bytes at the front that stay (token prefix, '+' and calling code)

cdef struct Hits:
    Hit* items
    Py_ssize_t size
    Py_ssize_t capacity

cdef void hits_free(Hits* hits) noexcept nogil

# Takes spans of some kinds out again, as bits (1 << Kind).
cdef void drop_kinds(Hits* hits, int kinds) noexcept nogil

# Adds a span behind those there are; what overlaps becomes one.
cdef int add_hit(Hits* hits, int kind, Py_ssize_t start, Py_ssize_t end, Py_ssize_t keep) except -1 nogil
