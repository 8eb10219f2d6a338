/* AES (FIPS 197), encryption only, and AES-CMAC (RFC 4493, SP 800-38B) over it: what maskers are keyed with.
 *
 * Why not a library: a masked value costs one or two blocks, and a call into OpenSSL through Python costs
 * ten times as much as the blocks themselves. Two implementations with the same answers: the processor's own
 * AES instructions on x86-64, and a portable one without tables, whose time does not depend on key or data.
 * tests/unit/fastpath/test_aes.py compares both with the published vectors and with `cryptography`.
 */
#ifndef GOVPROXY_AES_H
#define GOVPROXY_AES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__x86_64__) && defined(__GNUC__)
#define GOVPROXY_AES_X86 1
#include <cpuid.h>
#include <immintrin.h>
#endif

#define GP_AES_LANES 8

typedef struct {
    uint8_t round[15][16];
    int rounds;
    int hardware;
} gp_aes;

typedef struct {
    gp_aes aes;
    uint8_t whole[16];  /* K1: into the last block when it is full */
    uint8_t padded[16]; /* K2: when it was padded */
} gp_cmac;

/* ---- portable: bytes side by side in 64-bit words, no look-up, no branch on data */

#define GP_EACH(byte) (0x0101010101010101ull * (byte))

static inline uint64_t gp_gf_double(uint64_t a)
{
    const uint64_t high = a & GP_EACH(0x80);
    return ((a ^ high) << 1) ^ ((high >> 7) * 0x1b);
}

static inline uint64_t gp_gf_times(uint64_t a, uint64_t b)
{
    uint64_t product = 0;
    for (int i = 0; i < 8; i++) {
        const uint64_t bit = (b >> i) & GP_EACH(1);
        product ^= a & ((bit << 8) - bit);
        a = gp_gf_double(a);
    }
    return product;
}

static inline uint64_t gp_bytes_left(uint64_t a, int n)
{
    return ((a << n) & GP_EACH((0xff << n) & 0xff)) | ((a >> (8 - n)) & GP_EACH(0xff >> (8 - n)));
}

/* SubBytes for eight bytes: the inverse as the 254th power, then the affine map. */
static uint64_t gp_sub_bytes(uint64_t a)
{
    const uint64_t a2 = gp_gf_times(a, a), a3 = gp_gf_times(a2, a);
    const uint64_t a6 = gp_gf_times(a3, a3), a12 = gp_gf_times(a6, a6);
    uint64_t x = gp_gf_times(a12, a3);
    for (int i = 0; i < 4; i++) x = gp_gf_times(x, x);
    x = gp_gf_times(gp_gf_times(x, a12), a2);
    return x ^ gp_bytes_left(x, 1) ^ gp_bytes_left(x, 2) ^ gp_bytes_left(x, 3) ^ gp_bytes_left(x, 4) ^ GP_EACH(0x63);
}

static inline uint8_t gp_double_byte(uint8_t a) { return (uint8_t)((a << 1) ^ (0x1b & -(a >> 7))); }

static void gp_aes_portable(const gp_aes *key, const uint8_t *in, uint8_t *out)
{
    uint8_t state[16], moved[16];
    uint64_t half[2];
    for (int i = 0; i < 16; i++) state[i] = in[i] ^ key->round[0][i];
    for (int round = 1; round <= key->rounds; round++) {
        memcpy(half, state, 16);
        half[0] = gp_sub_bytes(half[0]);
        half[1] = gp_sub_bytes(half[1]);
        memcpy(state, half, 16);
        for (int i = 0; i < 16; i++) moved[i] = state[(i + 4 * (i & 3)) & 15]; /* ShiftRows */
        for (int c = 0; c < 16; c += 4) {
            const uint8_t *m = moved + c;
            const uint8_t all = m[0] ^ m[1] ^ m[2] ^ m[3];
            if (round == key->rounds) {
                memcpy(state + c, m, 4);
                continue;
            }
            for (int r = 0; r < 4; r++) state[c + r] = m[r] ^ all ^ gp_double_byte(m[r] ^ m[(r + 1) & 3]);
        }
        for (int i = 0; i < 16; i++) state[i] ^= key->round[round][i];
    }
    memcpy(out, state, 16);
}

/* ---- the processor's own */

#ifdef GOVPROXY_AES_X86
__attribute__((target("aes,sse4.1")))
static void gp_aes_x86(const gp_aes *key, const uint8_t *in, uint8_t *out)
{
    const __m128i *k = (const __m128i *)key->round;
    __m128i s = _mm_xor_si128(_mm_loadu_si128((const __m128i *)in), _mm_loadu_si128(k));
    for (int i = 1; i < key->rounds; i++) s = _mm_aesenc_si128(s, _mm_loadu_si128(k + i));
    s = _mm_aesenclast_si128(s, _mm_loadu_si128(k + key->rounds));
    _mm_storeu_si128((__m128i *)out, s);
}

/* The block by value: two words that were just written would have to wait for each other. */
__attribute__((target("aes,sse4.1")))
static void gp_aes_x86_words(const gp_aes *key, uint64_t first, uint64_t second, uint64_t *out)
{
    const __m128i *k = (const __m128i *)key->round;
    __m128i s = _mm_xor_si128(_mm_set_epi64x((long long)second, (long long)first), _mm_loadu_si128(k));
    for (int i = 1; i < key->rounds; i++) s = _mm_aesenc_si128(s, _mm_loadu_si128(k + i));
    s = _mm_aesenclast_si128(s, _mm_loadu_si128(k + key->rounds));
    _mm_storeu_si128((__m128i *)out, s);
}

__attribute__((target("aes,sse4.1")))
static void gp_aes_x86_lanes(const gp_aes *key, uint8_t (*blocks)[16])
{
    const __m128i *k = (const __m128i *)key->round;
    __m128i s[GP_AES_LANES], r = _mm_loadu_si128(k);
#pragma GCC unroll 8
    for (int j = 0; j < GP_AES_LANES; j++) s[j] = _mm_xor_si128(_mm_loadu_si128((const __m128i *)blocks[j]), r);
    for (int i = 1; i < key->rounds; i++) {
        r = _mm_loadu_si128(k + i);
#pragma GCC unroll 8
        for (int j = 0; j < GP_AES_LANES; j++) s[j] = _mm_aesenc_si128(s[j], r);
    }
    r = _mm_loadu_si128(k + key->rounds);
#pragma GCC unroll 8
    for (int j = 0; j < GP_AES_LANES; j++) _mm_storeu_si128((__m128i *)blocks[j], _mm_aesenclast_si128(s[j], r));
}

static int gp_aes_have_x86(void)
{
    unsigned a, b, c, d;
    return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_AES) && (c & bit_SSE4_1);
}
#endif

static int gp_aes_have_hardware(void)
{
#ifdef GOVPROXY_AES_X86
    return gp_aes_have_x86();
#else
    return 0;
#endif
}

static inline void gp_aes_encrypt(const gp_aes *key, const uint8_t *in, uint8_t *out)
{
#ifdef GOVPROXY_AES_X86
    if (key->hardware) {
        gp_aes_x86(key, in, out);
        return;
    }
#endif
    gp_aes_portable(key, in, out);
}

/* Eight independent blocks in place: their rounds overlap. */
static inline void gp_aes_encrypt_lanes(const gp_aes *key, uint8_t (*blocks)[16])
{
#ifdef GOVPROXY_AES_X86
    if (key->hardware) {
        gp_aes_x86_lanes(key, blocks);
        return;
    }
#endif
    for (int j = 0; j < GP_AES_LANES; j++) gp_aes_portable(key, blocks[j], blocks[j]);
}

/* 16, 24 or 32 bytes of key. `portable` leaves the processor's instructions aside. */
static inline void gp_aes_expand(gp_aes *key, const uint8_t *secret, int size, int portable)
{
    uint8_t *w = key->round[0];
    uint8_t constant = 1;
    const int words = size / 4;
    key->rounds = words + 6;
    key->hardware = !portable && gp_aes_have_hardware();
    memcpy(w, secret, (size_t)size);
    for (int i = words; i < 4 * (key->rounds + 1); i++) {
        uint8_t last[8] = {0};
        memcpy(last, w + 4 * (i - 1), 4);
        if (i % words == 0 || (words > 6 && i % words == 4)) {
            uint64_t x;
            if (i % words == 0) {
                const uint8_t first = last[0];
                last[0] = last[1], last[1] = last[2], last[2] = last[3], last[3] = first;
            }
            memcpy(&x, last, 8);
            x = gp_sub_bytes(x);
            memcpy(last, &x, 8);
            if (i % words == 0) {
                last[0] ^= constant;
                constant = gp_double_byte(constant);
            }
        }
        for (int j = 0; j < 4; j++) w[4 * i + j] = w[4 * (i - words) + j] ^ last[j];
    }
}

/* ---- CMAC */

static inline void gp_cmac_double(const uint8_t *in, uint8_t *out)
{
    const uint8_t carry = in[0] >> 7;
    for (int i = 0; i < 16; i++) out[i] = (uint8_t)((in[i] << 1) | (i < 15 ? in[i + 1] >> 7 : 0));
    out[15] ^= 0x87 & -carry;
}

static inline void gp_cmac_key(gp_cmac *key, const uint8_t *secret, int size, int portable)
{
    uint8_t zero[16] = {0};
    gp_aes_expand(&key->aes, secret, size, portable);
    gp_aes_encrypt(&key->aes, zero, zero);
    gp_cmac_double(zero, key->whole);
    gp_cmac_double(key->whole, key->padded);
}

static inline uint64_t gp_fold8(uint64_t x)
{
    const uint64_t low = x & GP_EACH(0x7f);
    const uint64_t upper = (low + GP_EACH(0x80 - 'A')) & ~(low + GP_EACH(0x7f - 'Z')) & ~x & GP_EACH(0x80);
    return x | (upper >> 2);
}

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define GP_SHIFT(word, bytes) ((word) << (8 * (bytes))) /* towards the end of the block */
#define GP_FIRST_BYTE(value) ((uint64_t)(value))
#else
#define GP_SHIFT(word, bytes) ((word) >> (8 * (bytes)))
#define GP_FIRST_BYTE(value) ((uint64_t)(value) << 56)
#endif

/* 1 to 8 bytes into a word, zeros behind them; reads nothing outside p[0:n]. Loads that overlap, so that none
 * has to wait for bytes that were written singly. */
static inline uint64_t gp_load_word(const uint8_t *p, size_t n)
{
    uint64_t word = 0, tail = 0;
    if (n == 8) {
        memcpy(&word, p, 8);
    } else if (n >= 4) {
        memcpy(&word, p, 4);
        memcpy(&tail, p + n - 4, 4);
        word |= GP_SHIFT(tail, n - 4);
    } else {
        word = GP_FIRST_BYTE(p[0]) | GP_SHIFT(GP_FIRST_BYTE(p[n / 2]), n / 2);
        word |= GP_SHIFT(GP_FIRST_BYTE(p[n - 1]), n - 1);
    }
    return word;
}

/* One block that is in registers. */
static inline void gp_aes_words(const gp_aes *key, uint64_t *state)
{
#ifdef GOVPROXY_AES_X86
    if (key->hardware) {
        gp_aes_x86_words(key, state[0], state[1], state);
        return;
    }
#endif
    gp_aes_portable(key, (const uint8_t *)state, (uint8_t *)state);
}

/* The tag of p[0:n]; with `fold`, of p[0:n] with ASCII letters in lower case. */
static inline void gp_cmac_of(const gp_cmac *key, const uint8_t *p, size_t n, int fold, uint8_t *tag)
{
    uint64_t state[2] = {0, 0}, word[2], sub[2];
    while (n > 16) {
        memcpy(word, p, 16);
        state[0] ^= fold ? gp_fold8(word[0]) : word[0];
        state[1] ^= fold ? gp_fold8(word[1]) : word[1];
        gp_aes_words(&key->aes, state);
        p += 16;
        n -= 16;
    }
    word[0] = n ? gp_load_word(p, n < 8 ? n : 8) : 0;
    word[1] = n > 8 ? gp_load_word(p + 8, n - 8) : 0;
    state[0] ^= fold ? gp_fold8(word[0]) : word[0];
    state[1] ^= fold ? gp_fold8(word[1]) : word[1];
    if (n < 8) state[0] ^= GP_SHIFT(GP_FIRST_BYTE(0x80), n);
    else if (n < 16) state[1] ^= GP_SHIFT(GP_FIRST_BYTE(0x80), n - 8);
    memcpy(sub, n == 16 ? key->whole : key->padded, 16);
    state[0] ^= sub[0];
    state[1] ^= sub[1];
    gp_aes_words(&key->aes, state);
    memcpy(tag, state, 16);
}

#endif
