"""Addresses of crypto wallets by their own checksums: base58check, bech32, and the form of Ethereum's."""

from libc.string cimport memset

from govproxy._fastpath.charclass cimport CLASS, LOWER, is_digit

cdef extern from "sha256.h" nogil:
    ctypedef struct gp_sha256:
        pass
    void gp_sha256_init(gp_sha256* s) noexcept
    void gp_sha256_update(gp_sha256* s, const unsigned char* p, size_t size) noexcept
    void gp_sha256_final(gp_sha256* s, unsigned char* out) noexcept

cdef const char* BASE58 = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
cdef const char* BECH32 = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l"


cdef int place_in(const char* alphabet, int size, unsigned char c) noexcept nogil:
    cdef int i
    for i in range(size):
        if <unsigned char>alphabet[i] == c:
            return i
    return -1


cdef bint base58check(const unsigned char* p, Py_ssize_t size) noexcept nogil:
    # A version byte, 20 bytes and the start of a double SHA-256 over them.
    cdef unsigned char[25] raw
    cdef unsigned char[32] digest
    cdef gp_sha256 hasher
    cdef int carry
    cdef int i
    cdef Py_ssize_t at
    memset(raw, 0, 25)
    for at in range(size):
        carry = place_in(BASE58, 58, p[at])
        if carry < 0:
            return False
        for i in range(25):
            carry += 58 * raw[24 - i]
            raw[24 - i] = <unsigned char>(carry & 0xFF)
            carry >>= 8
        if carry:
            return False
    gp_sha256_init(&hasher)
    gp_sha256_update(&hasher, raw, 21)
    gp_sha256_final(&hasher, digest)
    gp_sha256_init(&hasher)
    gp_sha256_update(&hasher, digest, 32)
    gp_sha256_final(&hasher, digest)
    return digest[0] == raw[21] and digest[1] == raw[22] and digest[2] == raw[23] and digest[3] == raw[24]


cdef bint bech32(const unsigned char* p, Py_ssize_t size) noexcept nogil:
    # BIP 173 and 350 with the prefixes of Bitcoin, in small letters as wallets write them.
    cdef unsigned int state = 1
    cdef int value
    cdef Py_ssize_t i
    if not 14 <= size <= 74 or p[1] != c'c' and p[1] != c'b' or p[2] != c'1':
        return False
    state = bech32_step(bech32_step(state, p[0] >> 5), p[1] >> 5)
    state = bech32_step(state, 0)
    state = bech32_step(bech32_step(state, p[0] & 31), p[1] & 31)
    for i in range(3, size):
        value = place_in(BECH32, 32, p[i])
        if value < 0:
            return False
        state = bech32_step(state, value)
    return state == 1 or state == 0x2BC830A3


cdef bint is_wallet(const unsigned char* p, Py_ssize_t size) noexcept nogil:
    cdef Py_ssize_t i
    if (p[0] == c'1' or p[0] == c'3') and 26 <= size <= 35:
        return base58check(p, size)
    if p[0] == c'0' and size == 42 and p[1] == c'x':
        for i in range(2, 42):
            if not (is_digit(p[i]) or 97 <= (p[i] | 0x20) <= 102):
                return False
        return True
    return (p[0] == c'b' or p[0] == c't') and size >= 14 and (CLASS[p[1]] & LOWER) != 0 and bech32(p, size)
