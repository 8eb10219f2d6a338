"""FF1 of NIST SP 800-38G revision 1: encryption of digit strings into digit strings of the same length.

AES comes from ``cryptography`` (OpenSSL, constant time); one open ECB encryptor per key. Only what
masking needs: halves below 2^63, tweaks of at most 11 bytes, so that P is one block and Q at most two.
Domains below a million are refused, as the revision demands. Knows nothing of columns.
"""

cimport cython
from cpython.bytearray cimport PyByteArray_AS_STRING
from libc.stdint cimport uint64_t
from libc.string cimport memcpy, memset

cdef extern from *:
    """
    #include <stdint.h>
    /* A big-endian number modulo m, m < 2^63. */
    static uint64_t govproxy_number_mod(const unsigned char *p, int n, uint64_t m)
    {
        unsigned __int128 r = 0;
        int i;
        for (i = 0; i < n; i++)
            r = (r << 8 | p[i]) % m;
        return (uint64_t)r;
    }
    """
    uint64_t govproxy_number_mod(const unsigned char* p, int n, uint64_t m) noexcept nogil

cdef enum:
    BLOCK = 16
    ROUNDS = 10
    LEAST_DOMAIN = 1000000
    TWEAK_LIMIT = 11

cdef uint64_t HALF_LIMIT = 9223372036854775807


@cython.final
cdef class Ff1:
    """One key and radix. ``key`` has 16, 24 or 32 bytes; numerals are bytes of values below ``radix``."""

    def __init__(self, key: bytes, radix: int = 10):
        # Imported where it is needed: most workers never encrypt formats.
        from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

        if not 2 <= radix <= 256:
            raise ValueError("radix must be 2 to 256")
        self.radix = radix
        self.encryptor = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
        self.source = bytearray(BLOCK)
        self.target = bytearray(2 * BLOCK - 1)      # what update_into asks for

    cdef int aes(self, const unsigned char* block, unsigned char* result) except -1:
        memcpy(PyByteArray_AS_STRING(self.source), block, BLOCK)
        if self.encryptor.update_into(self.source, self.target) != BLOCK:
            raise AssertionError("AES gave less than a block")
        memcpy(result, PyByteArray_AS_STRING(self.target), BLOCK)
        return 0

    cdef bint takes(self, Py_ssize_t n) noexcept nogil:
        cdef uint64_t power = 1
        cdef Py_ssize_t _i
        if n < 2 or n > 128:
            return False
        for _i in range(n - n // 2):
            if power > HALF_LIMIT // <uint64_t>self.radix:
                return False
            power *= <uint64_t>self.radix
        for _i in range(n // 2):
            if power >= LEAST_DOMAIN:
                return True
            power *= <uint64_t>self.radix
        return power >= LEAST_DOMAIN

    cdef int crypt(self, unsigned char* numerals, Py_ssize_t n, const unsigned char* tweak, Py_ssize_t tweak_size,
                   bint decrypt) except -1:
        # SP 800-38G r1, algorithms 7 and 8. Even rounds write the first half (u numerals), odd ones the second.
        cdef unsigned char[16] p
        cdef unsigned char[32] q
        cdef unsigned char[16] after_p
        cdef unsigned char[16] r
        cdef Py_ssize_t u = n // 2
        cdef uint64_t radix = <uint64_t>self.radix
        cdef uint64_t modulus_u = 1
        cdef uint64_t modulus_v = 1
        cdef uint64_t modulus
        cdef uint64_t a = 0
        cdef uint64_t b = 0
        cdef uint64_t left
        cdef uint64_t y
        cdef uint64_t c
        cdef int bytes_of_half = 0
        cdef int q_size
        cdef int d
        cdef int i
        cdef int k
        cdef int step
        if not self.takes(n) or tweak_size > TWEAK_LIMIT or tweak_size < 0:
            raise ValueError("outside what FF1 is used for here")
        for k in range(<int>n):
            if numerals[k] >= self.radix:
                raise ValueError("a numeral is not below the radix")
        for k in range(<int>u):
            modulus_u *= radix
            a = a * radix + numerals[k]
        for k in range(<int>u, <int>n):
            modulus_v *= radix
            b = b * radix + numerals[k]
        left = modulus_v - 1
        while left:
            bytes_of_half += 1
            left >>= 8
        q_size = BLOCK if tweak_size + bytes_of_half < BLOCK else 2 * BLOCK
        d = 4 * ((bytes_of_half + 3) // 4) + 4
        p[0], p[1], p[2] = 1, 2, 1
        p[3], p[4], p[5] = 0, <unsigned char>(self.radix >> 8), <unsigned char>(self.radix & 0xFF)
        p[6], p[7] = ROUNDS, <unsigned char>(u & 0xFF)
        memset(&p[8], 0, 8)
        p[11], p[15] = <unsigned char>n, <unsigned char>tweak_size
        self.aes(p, after_p)
        for step in range(ROUNDS):
            i = ROUNDS - 1 - step if decrypt else step
            memset(q, 0, 2 * BLOCK)
            if tweak_size:
                memcpy(q, tweak, <size_t>tweak_size)
            q[q_size - 1 - bytes_of_half] = <unsigned char>i
            left = a if decrypt else b
            for k in range(bytes_of_half):
                q[q_size - 1 - k] = <unsigned char>(left & 0xFF)
                left >>= 8
            for k in range(BLOCK):
                q[k] ^= after_p[k]
            self.aes(q, r)
            if q_size > BLOCK:
                for k in range(BLOCK):
                    r[k] ^= q[BLOCK + k]
                self.aes(r, r)
            modulus = modulus_v if i & 1 else modulus_u
            y = govproxy_number_mod(r, d, modulus)
            if decrypt:
                c = (b + modulus - y) % modulus
                b = a
                a = c
            else:
                c = (a + y) % modulus
                a = b
                b = c
        for k in range(<int>n - 1, <int>u - 1, -1):
            numerals[k] = <unsigned char>(b % radix)
            b = b // radix
        for k in range(<int>u - 1, -1, -1):
            numerals[k] = <unsigned char>(a % radix)
            a = a // radix
        return 0

    def _numerals(self, numerals: bytes, tweak: bytes, bint decrypt) -> bytes:
        cdef bytearray work = bytearray(numerals)
        self.crypt(<unsigned char*>PyByteArray_AS_STRING(work), len(work), tweak, len(tweak), decrypt)
        return bytes(work)

    def encrypt(self, numerals: bytes, tweak: bytes = b"") -> bytes:
        """Numerals of the same length. ValueError for domains below a million and what is too long."""
        return self._numerals(numerals, tweak, False)

    def decrypt(self, numerals: bytes, tweak: bytes = b"") -> bytes:
        """The inverse of ``encrypt``."""
        return self._numerals(numerals, tweak, True)
