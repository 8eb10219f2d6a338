"""Keyed BLAKE2s-256 (RFC 7693), the one pseudo-random function of the maskers.

A real PRF with the key block absorbed once per plan: a value of up to 64 bytes is a single
compression, without a call into Python or another library. Checked against ``hashlib.blake2s``.
Knows nothing of what it is used for.
"""

from libc.string cimport memcpy, memset

cdef uint32_t[8] IV
IV[:] = [0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19]

cdef unsigned char[160] SIGMA
SIGMA[:] = [
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
    14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3,
    11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4,
    7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8,
    9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13,
    2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9,
    12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11,
    13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10,
    6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5,
    10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0,
]


cdef inline uint32_t rotr(uint32_t x, int n) noexcept nogil:
    return (x >> n) | (x << (32 - n))


cdef inline void mix(uint32_t* v, int a, int b, int c, int d, uint32_t x, uint32_t y) noexcept nogil:
    v[a] = v[a] + v[b] + x
    v[d] = rotr(v[d] ^ v[a], 16)
    v[c] = v[c] + v[d]
    v[b] = rotr(v[b] ^ v[c], 12)
    v[a] = v[a] + v[b] + y
    v[d] = rotr(v[d] ^ v[a], 8)
    v[c] = v[c] + v[d]
    v[b] = rotr(v[b] ^ v[c], 7)


cdef void prf_compress(uint32_t* state, const unsigned char* block, uint64_t total, bint last) noexcept nogil:
    cdef uint32_t[16] v
    cdef uint32_t[16] m
    cdef const unsigned char* s
    cdef int i
    for i in range(16):
        m[i] = (<uint32_t>block[4 * i] | <uint32_t>block[4 * i + 1] << 8
                | <uint32_t>block[4 * i + 2] << 16 | <uint32_t>block[4 * i + 3] << 24)
    for i in range(8):
        v[i] = state[i]
        v[i + 8] = IV[i]
    v[12] ^= <uint32_t>total
    v[13] ^= <uint32_t>(total >> 32)
    if last:
        v[14] = ~v[14]
    for i in range(10):
        s = &SIGMA[16 * i]
        mix(v, 0, 4, 8, 12, m[s[0]], m[s[1]])
        mix(v, 1, 5, 9, 13, m[s[2]], m[s[3]])
        mix(v, 2, 6, 10, 14, m[s[4]], m[s[5]])
        mix(v, 3, 7, 11, 15, m[s[6]], m[s[7]])
        mix(v, 0, 5, 10, 15, m[s[8]], m[s[9]])
        mix(v, 1, 6, 11, 12, m[s[10]], m[s[11]])
        mix(v, 2, 7, 8, 13, m[s[12]], m[s[13]])
        mix(v, 3, 4, 9, 14, m[s[14]], m[s[15]])
    for i in range(8):
        state[i] ^= v[i] ^ v[i + 8]


cdef void prf_key(PrfKey* key, const unsigned char* secret) noexcept nogil:
    cdef unsigned char[64] block
    cdef int i
    memset(block, 0, 64)
    memcpy(block, secret, 32)
    for i in range(8):
        key.state[i] = IV[i]
    # Parameter block: digest length 32, key length 32, fanout 1, depth 1.
    key.state[0] ^= 0x01012020
    prf_compress(key.state, block, 64, False)


cdef void prf_start(Prf* prf, const PrfKey* key) noexcept nogil:
    memcpy(prf.state, key.state, 32)
    prf.filled = 0
    prf.total = 64


cdef void prf_update(Prf* prf, const unsigned char* data, Py_ssize_t size) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(size):
        prf_byte(prf, data[i])


cdef void prf_finish(Prf* prf, unsigned char* digest) noexcept nogil:
    # An empty value counts as one zero byte: the key block itself can then never be the last.
    cdef int i
    if prf.filled == 0:
        prf_byte(prf, 0)
    memset(prf.block + prf.filled, 0, <size_t>(64 - prf.filled))
    prf.total += <uint64_t>prf.filled
    prf_compress(prf.state, prf.block, prf.total, True)
    for i in range(8):
        digest[4 * i] = <unsigned char>(prf.state[i] & 0xFF)
        digest[4 * i + 1] = <unsigned char>((prf.state[i] >> 8) & 0xFF)
        digest[4 * i + 2] = <unsigned char>((prf.state[i] >> 16) & 0xFF)
        digest[4 * i + 3] = <unsigned char>((prf.state[i] >> 24) & 0xFF)


def keyed_digest(bytes key not None, bytes data not None) -> bytes:
    """The 32-byte keyed digest of ``data``; ``key`` has 32 bytes. For tests and cold paths."""
    cdef PrfKey prepared
    cdef Prf prf
    cdef unsigned char[32] digest
    cdef const unsigned char* view = data
    if len(key) != 32:
        raise ValueError("a masking key has 32 bytes")
    prf_key(&prepared, <const unsigned char*>key)
    prf_start(&prf, &prepared)
    prf_update(&prf, view, len(data))
    prf_finish(&prf, digest)
    return digest[:32]
