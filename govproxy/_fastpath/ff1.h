/* FF1 (SP 800-38G r1, algorithms 7 and 8) for up to eight values of one length at once.
 *
 * Only what masking needs: halves below 2^63 and tweaks of at most 11 bytes, so that P is one block and Q at
 * most two. What depends on the length alone is kept from one call to the next.
 */
#ifndef GOVPROXY_FF1_H
#define GOVPROXY_FF1_H

#include "aes.h"

#define GP_FF1_ROUNDS 10
#define GP_FF1_TWEAK_LIMIT 11

typedef struct {
    gp_aes aes;
    int radix;
    /* The shape at hand: n numerals (0: none yet), a tweak of so many bytes. */
    int n, tweak_size;
    int half_bytes, short_y;
    uint64_t modulus[2]; /* of the first half and of the second */
    uint64_t inverse[2]; /* floor((2^64 - 1) / modulus) */
    uint8_t after_p[16];
} gp_ff1;

static inline void gp_ff1_shape(gp_ff1 *f, int n, int tweak_size)
{
    const int u = n / 2;
    uint64_t left;
    uint8_t p[16] = {1, 2, 1, 0, (uint8_t)(f->radix >> 8), (uint8_t)f->radix, GP_FF1_ROUNDS, (uint8_t)u};
    if (f->n == n && f->tweak_size == tweak_size) return;
    f->modulus[0] = 1;
    for (int i = 0; i < u; i++) f->modulus[0] *= (uint64_t)f->radix;
    f->modulus[1] = 2 * u == n ? f->modulus[0] : f->modulus[0] * (uint64_t)f->radix;
    for (int i = 0; i < 2; i++) f->inverse[i] = UINT64_MAX / f->modulus[i];
    f->half_bytes = 0;
    for (left = f->modulus[1] - 1; left; left >>= 8) f->half_bytes++;
    f->short_y = f->half_bytes <= 4; /* y has eight bytes, otherwise twelve */
    p[11] = (uint8_t)n;
    p[15] = (uint8_t)tweak_size;
    gp_aes_encrypt(&f->aes, p, f->after_p);
    f->n = n;
    f->tweak_size = tweak_size;
}

static inline uint64_t gp_from_big_endian(uint64_t value)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    return __builtin_bswap64(value);
#else
    return value;
#endif
}

static inline uint64_t gp_first_word(const uint8_t *p)
{
    uint64_t value;
    memcpy(&value, p, 8);
    return gp_from_big_endian(value);
}

static inline uint64_t gp_ff1_reduce(const gp_ff1 *f, const uint8_t *r, int which)
{
    const uint64_t m = f->modulus[which], high = gp_first_word(r);
    if (f->short_y) {
        /* The quotient is at most two too small. */
        uint64_t y = high - (uint64_t)(((unsigned __int128)high * f->inverse[which]) >> 64) * m;
        y -= y >= m ? m : 0;
        return y - (y >= m ? m : 0);
    }
    return (uint64_t)(((unsigned __int128)high << 32 | gp_first_word(r + 8) >> 32) % m);
}

static inline uint64_t gp_ff1_read(const gp_ff1 *f, const uint8_t *numerals, int n)
{
    uint64_t value = 0;
    if (f->radix == 10) {
        for (int i = 0; i < n; i++) value = value * 10 + numerals[i];
    } else {
        for (int i = 0; i < n; i++) value = value * (uint64_t)f->radix + numerals[i];
    }
    return value;
}

static inline void gp_ff1_write(const gp_ff1 *f, uint8_t *numerals, int n, uint64_t value)
{
    if (f->radix == 10) {
        for (int i = n - 1; i >= 0; i--, value /= 10) numerals[i] = (uint8_t)(value % 10);
    } else {
        for (int i = n - 1; i >= 0; i--, value /= (uint64_t)f->radix) numerals[i] = (uint8_t)(value % (uint64_t)f->radix);
    }
}

static inline __attribute__((always_inline)) void
gp_ff1_rounds(gp_ff1 *f, uint8_t *const *numerals, const int count, const uint8_t *tweak, int decrypt)
{
    const int n = f->n, u = n / 2, two = f->tweak_size + f->half_bytes >= 16;
    const int plain = f->tweak_size == 0 && f->half_bytes < 8;
    uint64_t a[GP_AES_LANES], b[GP_AES_LANES];
    uint8_t q[GP_AES_LANES][16], second[GP_AES_LANES][16];
    memset(q, 0, sizeof q);
    for (int j = 0; j < count; j++) {
        a[j] = gp_ff1_read(f, numerals[j], u);
        b[j] = gp_ff1_read(f, numerals[j] + u, n - u);
    }
    for (int step = 0; step < GP_FF1_ROUNDS; step++) {
        const int i = decrypt ? GP_FF1_ROUNDS - 1 - step : step, which = i & 1;
        for (int j = 0; j < count; j++) {
            uint64_t half = decrypt ? a[j] : b[j];
            uint64_t w[2], x[2];
            memcpy(x, f->after_p, 16);
            if (plain) {
                /* Whole words: nothing has to wait for bytes that were written singly. */
                half |= (uint64_t)i << (8 * f->half_bytes);
                w[0] = x[0];
                w[1] = x[1] ^ gp_from_big_endian(half);
                memcpy(q[j], w, 16);
                continue;
            }
            {
                uint8_t last[16] = {0}, first[16] = {0};
                /* The last eight bytes hold the half; where it has eight, the round stands before them. */
                for (int k = 0; k < 8; k++, half >>= 8) last[15 - k] = (uint8_t)half;
                last[15 - f->half_bytes] = (uint8_t)i;
                if (f->tweak_size) memcpy(two ? first : last, tweak, (size_t)f->tweak_size);
                memcpy(w, two ? first : last, 16);
                w[0] ^= x[0];
                w[1] ^= x[1];
                memcpy(q[j], w, 16);
                if (two) memcpy(second[j], last, 16);
            }
        }
        for (int again = 0; again <= two; again++) {
            if (again) {
                for (int j = 0; j < count; j++)
                    for (int k = 0; k < 16; k++) q[j][k] ^= second[j][k];
            }
            if (count == 1) gp_aes_encrypt(&f->aes, q[0], q[0]);
            else gp_aes_encrypt_lanes(&f->aes, q);
        }
        for (int j = 0; j < count; j++) {
            const uint64_t m = f->modulus[which], y = gp_ff1_reduce(f, q[j], which);
            if (decrypt) {
                const uint64_t c = b[j] >= y ? b[j] - y : b[j] + (m - y);
                b[j] = a[j];
                a[j] = c;
            } else {
                const uint64_t c = a[j] >= m - y ? a[j] - (m - y) : a[j] + y;
                a[j] = b[j];
                b[j] = c;
            }
        }
    }
    for (int j = 0; j < count; j++) {
        gp_ff1_write(f, numerals[j], u, a[j]);
        gp_ff1_write(f, numerals[j] + u, n - u, b[j]);
    }
}

/* In place; the caller has asked for the shape. count is 1 to GP_AES_LANES. */
static inline void gp_ff1_crypt(gp_ff1 *f, uint8_t *const *numerals, int count, const uint8_t *tweak, int decrypt)
{
    static const uint8_t none[1] = {0};
    if (!tweak) tweak = none;
    if (count == GP_AES_LANES) gp_ff1_rounds(f, numerals, GP_AES_LANES, tweak, decrypt);
    else if (count == 1) gp_ff1_rounds(f, numerals, 1, tweak, decrypt);
    else gp_ff1_rounds(f, numerals, count, tweak, decrypt);
}

#endif
