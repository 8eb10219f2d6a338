# Maskers for single values. See maskers.pyx.

from govproxy._fastpath.outbuf cimport OutBuf
from govproxy._fastpath.prf cimport PrfKey

cdef enum Operation:
    OP_PASS
    OP_SCAN
    OP_CONSTANT
    OP_NULL
    OP_PARTIAL
    OP_HASH
    OP_PSEUDONYM
    OP_GENERALISE
    OP_SHIFT
    OP_FPE
    OP_PARTS        # part by part, and by keys: see masktree.pyx
    OP_KEYS

cdef enum Family:
    F_TEXT
    F_INT2
    F_INT4
    F_INT8
    F_FLOAT4
    F_FLOAT8
    F_NUMERIC
    F_BOOL
    F_DATE
    F_TIMESTAMP
    F_TIMESTAMPTZ
    F_UUID
    F_JSON
    F_JSONB
    F_BYTEA
    F_INET
    F_MACADDR
    F_ARRAY
    F_RECORD
    F_RANGE
    F_MULTIRANGE
    F_HSTORE
    F_XML
    F_ENUM
    F_OTHER

# What the value is about, where that changes how it is masked.
cdef enum Style:
    S_GENERIC
    S_EMAIL
    S_TAIL4         # accounts, government ids
    S_PHONE
    S_IBAN
    S_NAME
    S_GIVEN
    S_SURNAME
    S_POSTCODE
    S_IP
    S_DATE
    S_GEO
    S_USER
    S_CARD
    S_WALLET
    S_CITY
    S_STREET

cdef struct MaskSpec:
    int op
    int family
    bint binary
    int style
    Py_ssize_t limit                    # most characters the column takes, -1 no limit
    Py_ssize_t pad                      # characters a bpchar is padded to, -1 not
    int shift_days                      # -182..182, never 0
    PrfKey key
    const unsigned char* fallback       # what stands for a value the masker cannot take
    Py_ssize_t fallback_size            # -1: NULL does

# Appends the masked form of p[0:n]. Returns 1, or 0 when SQL NULL is to be sent instead.
cdef int mask_value(const MaskSpec* spec, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1 nogil

# 16 bytes of which the first few follow a token of ``n`` bytes (at most 15), so that it can be recognised.
cdef void token_check(const PrfKey* key, const unsigned char* p, int n, unsigned char* check) noexcept nogil
