/* Keccak-256 of short inputs, as Ethereum uses it (the original padding, not SHA-3's). For checksums of
 * addresses only. Source: "The Keccak reference", version 3.0. */

#ifndef GOVPROXY_KECCAK_H
#define GOVPROXY_KECCAK_H

#include <stdint.h>
#include <string.h>

static inline uint64_t gp_keccak_rotate(uint64_t x, int n) { return n ? (x << n) | (x >> (64 - n)) : x; }

static inline void gp_keccak_permute(uint64_t *a)
{
    int round, x, y, t;
    uint8_t lfsr = 1;
    for (round = 0; round < 24; round++) {
        uint64_t c[5], b[25];
        for (x = 0; x < 5; x++)
            c[x] = a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20];
        for (x = 0; x < 5; x++) {
            uint64_t d = c[(x + 4) % 5] ^ gp_keccak_rotate(c[(x + 1) % 5], 1);
            for (y = 0; y < 25; y += 5)
                a[x + y] ^= d;
        }
        /* rho and pi: the offsets are the triangular numbers along the walk */
        b[0] = a[0];
        x = 1;
        y = 0;
        for (t = 0; t < 24; t++) {
            int next = (2 * x + 3 * y) % 5;
            b[y + 5 * next] = gp_keccak_rotate(a[x + 5 * y], ((t + 1) * (t + 2) / 2) % 64);
            x = y;
            y = next;
        }
        for (y = 0; y < 25; y += 5)
            for (x = 0; x < 5; x++)
                a[x + y] = b[x + y] ^ (~b[(x + 1) % 5 + y] & b[(x + 2) % 5 + y]);
        for (t = 0; t < 7; t++) {
            if (lfsr & 1)
                a[0] ^= (uint64_t)1 << ((1 << t) - 1);
            lfsr = (uint8_t)((lfsr << 1) ^ ((lfsr >> 7) * 0x71));
        }
    }
}

/* At most 135 bytes. */
static inline void gp_keccak256(const uint8_t *p, size_t n, uint8_t *digest)
{
    uint64_t state[25];
    uint8_t block[136];
    int i;
    memset(state, 0, sizeof state);
    memset(block, 0, sizeof block);
    memcpy(block, p, n);
    block[n] = 0x01;
    block[135] |= 0x80;
    for (i = 0; i < 136; i++)
        state[i / 8] ^= (uint64_t)block[i] << (8 * (i % 8));
    gp_keccak_permute(state);
    for (i = 0; i < 32; i++)
        digest[i] = (uint8_t)(state[i / 8] >> (8 * (i % 8)));
}

#endif
