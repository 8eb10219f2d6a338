"""Keyed BLAKE2s-256 (RFC 7693), the one pseudo-random function of the maskers.

A real PRF with the key block absorbed once per plan: a value of up to 64 bytes is a single
compression, without a call into Python or another library. Checked against ``hashlib.blake2s``.
Knows nothing of what it is used for.
"""

from libc.string cimport memcpy, memset

cdef uint32_t[8] IV
IV[:] = [0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19]

cdef extern from *:
    """
    #include <stdint.h>
    #include <string.h>

    #define GOVPROXY_ROTR(x, n) (((x) >> (n)) | ((x) << (32 - (n))))
    #define G(a, b, c, d, x, y)                        \\
        a += b + m[x]; d = GOVPROXY_ROTR(d ^ a, 16);   \\
        c += d;        b = GOVPROXY_ROTR(b ^ c, 12);   \\
        a += b + m[y]; d = GOVPROXY_ROTR(d ^ a, 8);    \\
        c += d;        b = GOVPROXY_ROTR(b ^ c, 7)
    #define R(a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15) \\
        G(v0, v4, v8, v12, a0, a1);   G(v1, v5, v9, v13, a2, a3);                   \\
        G(v2, v6, v10, v14, a4, a5);  G(v3, v7, v11, v15, a6, a7);                  \\
        G(v0, v5, v10, v15, a8, a9);  G(v1, v6, v11, v12, a10, a11);                \\
        G(v2, v7, v8, v13, a12, a13); G(v3, v4, v9, v14, a14, a15)

    /* RFC 7693 section 3.2, the message schedule of section 2.7 written out. */
    static void govproxy_blake2s(uint32_t *h, const unsigned char *block, uint64_t total, int last)
    {
        uint32_t m[16];
        uint32_t v0 = h[0], v1 = h[1], v2 = h[2], v3 = h[3], v4 = h[4], v5 = h[5], v6 = h[6], v7 = h[7];
        uint32_t v8 = 0x6A09E667u, v9 = 0xBB67AE85u, v10 = 0x3C6EF372u, v11 = 0xA54FF53Au;
        uint32_t v12 = 0x510E527Fu ^ (uint32_t)total, v13 = 0x9B05688Cu ^ (uint32_t)(total >> 32);
        uint32_t v14 = last ? ~0x1F83D9ABu : 0x1F83D9ABu, v15 = 0x5BE0CD19u;
        int i;
        for (i = 0; i < 16; i++)
            m[i] = (uint32_t)block[4 * i] | (uint32_t)block[4 * i + 1] << 8
                | (uint32_t)block[4 * i + 2] << 16 | (uint32_t)block[4 * i + 3] << 24;
        R(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
        R(14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3);
        R(11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4);
        R(7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8);
        R(9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13);
        R(2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9);
        R(12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11);
        R(13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10);
        R(6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5);
        R(10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0);
        h[0] ^= v0 ^ v8;  h[1] ^= v1 ^ v9;  h[2] ^= v2 ^ v10; h[3] ^= v3 ^ v11;
        h[4] ^= v4 ^ v12; h[5] ^= v5 ^ v13; h[6] ^= v6 ^ v14; h[7] ^= v7 ^ v15;
    }
    #undef G
    #undef R
    """
    void govproxy_blake2s(uint32_t* state, const unsigned char* block, uint64_t total, int last) noexcept nogil


cdef void prf_compress(uint32_t* state, const unsigned char* block, uint64_t total, bint last) noexcept nogil:
    govproxy_blake2s(state, block, total, last)


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
