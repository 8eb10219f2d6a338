/* SHA-256 (FIPS 180-4) for the ledger's sealing thread, and HMAC over it for the fingerprints of texts.
 *
 * Why not hashlib: the Merkle tree hashes every ledger line by itself, and for short inputs
 * hashlib keeps the interpreter lock, which would stall the event loop that shares it. This runs
 * without the lock, and with the processor's SHA instructions where they exist.
 * tests/unit/fastpath/test_ledger_sealing.py and test_ledger_lines.py compare both with hashlib.
 */
#ifndef GOVPROXY_SHA256_H
#define GOVPROXY_SHA256_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__x86_64__) && defined(__GNUC__)
#define GOVPROXY_SHA_X86 1
#include <cpuid.h>
#include <immintrin.h>
#endif

typedef struct {
    uint32_t state[8];
    uint64_t size;
    uint8_t block[64];
} gp_sha256;

static const uint32_t gp_sha256_k[64] = {
    0x428a2f98u, 0x71374491u, 0xb5c0fbcfu, 0xe9b5dba5u, 0x3956c25bu, 0x59f111f1u, 0x923f82a4u, 0xab1c5ed5u,
    0xd807aa98u, 0x12835b01u, 0x243185beu, 0x550c7dc3u, 0x72be5d74u, 0x80deb1feu, 0x9bdc06a7u, 0xc19bf174u,
    0xe49b69c1u, 0xefbe4786u, 0x0fc19dc6u, 0x240ca1ccu, 0x2de92c6fu, 0x4a7484aau, 0x5cb0a9dcu, 0x76f988dau,
    0x983e5152u, 0xa831c66du, 0xb00327c8u, 0xbf597fc7u, 0xc6e00bf3u, 0xd5a79147u, 0x06ca6351u, 0x14292967u,
    0x27b70a85u, 0x2e1b2138u, 0x4d2c6dfcu, 0x53380d13u, 0x650a7354u, 0x766a0abbu, 0x81c2c92eu, 0x92722c85u,
    0xa2bfe8a1u, 0xa81a664bu, 0xc24b8b70u, 0xc76c51a3u, 0xd192e819u, 0xd6990624u, 0xf40e3585u, 0x106aa070u,
    0x19a4c116u, 0x1e376c08u, 0x2748774cu, 0x34b0bcb5u, 0x391c0cb3u, 0x4ed8aa4au, 0x5b9cca4fu, 0x682e6ff3u,
    0x748f82eeu, 0x78a5636fu, 0x84c87814u, 0x8cc70208u, 0x90befffau, 0xa4506cebu, 0xbef9a3f7u, 0xc67178f2u,
};

static inline uint32_t gp_rotr(uint32_t x, int n) { return (x >> n) | (x << (32 - n)); }

static void gp_sha256_blocks_portable(uint32_t state[8], const uint8_t *p, size_t blocks)
{
    uint32_t w[64];
    while (blocks--) {
        uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
        uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
        for (int i = 0; i < 16; i++, p += 4)
            w[i] = ((uint32_t)p[0] << 24) | ((uint32_t)p[1] << 16) | ((uint32_t)p[2] << 8) | p[3];
        for (int i = 16; i < 64; i++) {
            uint32_t s0 = gp_rotr(w[i - 15], 7) ^ gp_rotr(w[i - 15], 18) ^ (w[i - 15] >> 3);
            uint32_t s1 = gp_rotr(w[i - 2], 17) ^ gp_rotr(w[i - 2], 19) ^ (w[i - 2] >> 10);
            w[i] = w[i - 16] + s0 + w[i - 7] + s1;
        }
        for (int i = 0; i < 64; i++) {
            uint32_t s1 = gp_rotr(e, 6) ^ gp_rotr(e, 11) ^ gp_rotr(e, 25);
            uint32_t t1 = h + s1 + ((e & f) ^ (~e & g)) + gp_sha256_k[i] + w[i];
            uint32_t s0 = gp_rotr(a, 2) ^ gp_rotr(a, 13) ^ gp_rotr(a, 22);
            uint32_t t2 = s0 + ((a & b) ^ (a & c) ^ (b & c));
            h = g; g = f; f = e; e = d + t1;
            d = c; c = b; b = a; a = t1 + t2;
        }
        state[0] += a; state[1] += b; state[2] += c; state[3] += d;
        state[4] += e; state[5] += f; state[6] += g; state[7] += h;
    }
}

#ifdef GOVPROXY_SHA_X86
__attribute__((target("sha,sse4.1,ssse3")))
static void gp_sha256_blocks_x86(uint32_t state[8], const uint8_t *p, size_t blocks)
{
    const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL);
    __m128i low = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)&state[0]), 0xB1);
    __m128i high = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)&state[4]), 0x1B);
    __m128i abef = _mm_alignr_epi8(low, high, 8);
    __m128i cdgh = _mm_blend_epi16(high, low, 0xF0);

    while (blocks--) {
        const __m128i abef_before = abef, cdgh_before = cdgh;
        __m128i w[4];
#pragma GCC unroll 16
        for (int i = 0; i < 16; i++) {
            __m128i k;
            if (i < 4) {
                w[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(p + 16 * i)), swap);
            } else {
                __m128i sum = _mm_sha256msg1_epu32(w[i & 3], w[(i + 1) & 3]);
                sum = _mm_add_epi32(sum, _mm_alignr_epi8(w[(i + 3) & 3], w[(i + 2) & 3], 4));
                w[i & 3] = _mm_sha256msg2_epu32(sum, w[(i + 3) & 3]);
            }
            k = _mm_add_epi32(w[i & 3], _mm_loadu_si128((const __m128i *)&gp_sha256_k[4 * i]));
            cdgh = _mm_sha256rnds2_epu32(cdgh, abef, k);
            abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(k, 0x0E));
        }
        abef = _mm_add_epi32(abef, abef_before);
        cdgh = _mm_add_epi32(cdgh, cdgh_before);
        p += 64;
    }

    low = _mm_shuffle_epi32(abef, 0x1B);
    high = _mm_shuffle_epi32(cdgh, 0xB1);
    _mm_storeu_si128((__m128i *)&state[0], _mm_blend_epi16(low, high, 0xF0));
    _mm_storeu_si128((__m128i *)&state[4], _mm_alignr_epi8(high, low, 8));
}

static int gp_sha256_have_x86(void)
{
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_SSE4_1) || !(c & bit_SSSE3)) return 0;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return 0;
    return (b >> 29) & 1; /* leaf 7, EBX bit 29: SHA extensions */
}
#endif

static int gp_sha256_accelerated = -1; /* -1: not asked yet; tests set it to 0 to try the other */

static void gp_sha256_blocks(uint32_t state[8], const uint8_t *p, size_t blocks)
{
#ifdef GOVPROXY_SHA_X86
    if (gp_sha256_accelerated < 0) gp_sha256_accelerated = gp_sha256_have_x86();
    if (gp_sha256_accelerated) {
        gp_sha256_blocks_x86(state, p, blocks);
        return;
    }
#endif
    gp_sha256_blocks_portable(state, p, blocks);
}

static void gp_sha256_init(gp_sha256 *s)
{
    static const uint32_t first[8] = {0x6a09e667u, 0xbb67ae85u, 0x3c6ef372u, 0xa54ff53au,
                                      0x510e527fu, 0x9b05688cu, 0x1f83d9abu, 0x5be0cd19u};
    memcpy(s->state, first, sizeof first);
    s->size = 0;
}

static void gp_sha256_update(gp_sha256 *s, const uint8_t *p, size_t size)
{
    size_t used = (size_t)(s->size & 63), whole;
    s->size += size;
    if (used) {
        size_t room = 64 - used;
        if (size < room) {
            memcpy(s->block + used, p, size);
            return;
        }
        memcpy(s->block + used, p, room);
        gp_sha256_blocks(s->state, s->block, 1);
        p += room;
        size -= room;
    }
    whole = size / 64;
    if (whole) gp_sha256_blocks(s->state, p, whole);
    if (size & 63) memcpy(s->block, p + 64 * whole, size & 63);
}

static void gp_sha256_final(gp_sha256 *s, uint8_t out[32])
{
    size_t used = (size_t)(s->size & 63);
    uint64_t bits = s->size * 8;
    s->block[used++] = 0x80;
    if (used > 56) {
        memset(s->block + used, 0, 64 - used);
        gp_sha256_blocks(s->state, s->block, 1);
        used = 0;
    }
    memset(s->block + used, 0, 56 - used);
    for (int i = 0; i < 8; i++) s->block[56 + i] = (uint8_t)(bits >> (56 - 8 * i));
    gp_sha256_blocks(s->state, s->block, 1);
    for (int i = 0; i < 8; i++) {
        out[4 * i] = (uint8_t)(s->state[i] >> 24);
        out[4 * i + 1] = (uint8_t)(s->state[i] >> 16);
        out[4 * i + 2] = (uint8_t)(s->state[i] >> 8);
        out[4 * i + 3] = (uint8_t)s->state[i];
    }
}

/* HMAC (RFC 2104): the two states behind the padded key, so that a short text costs two blocks. */
typedef struct {
    gp_sha256 inner;
    gp_sha256 outer;
} gp_hmac;

static inline void gp_hmac_key(gp_hmac *h, const uint8_t *key, size_t size)
{
    uint8_t block[64] = {0};
    if (size > 64) {
        gp_sha256_init(&h->inner);
        gp_sha256_update(&h->inner, key, size);
        gp_sha256_final(&h->inner, block);
    } else {
        memcpy(block, key, size);
    }
    for (int i = 0; i < 64; i++) block[i] ^= 0x36;
    gp_sha256_init(&h->inner);
    gp_sha256_update(&h->inner, block, 64);
    for (int i = 0; i < 64; i++) block[i] ^= 0x36 ^ 0x5c;
    gp_sha256_init(&h->outer);
    gp_sha256_update(&h->outer, block, 64);
}

static inline void gp_hmac_text(const gp_hmac *h, const uint8_t *text, size_t size, uint8_t out[32])
{
    gp_sha256 s = h->inner;
    gp_sha256_update(&s, text, size);
    gp_sha256_final(&s, out);
    s = h->outer;
    gp_sha256_update(&s, out, 32);
    gp_sha256_final(&s, out);
}

#endif
