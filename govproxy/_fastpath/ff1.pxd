# Format-preserving encryption FF1. See ff1.pyx.

from libc.stdint cimport uint64_t

from govproxy._fastpath.prf cimport gp_aes

cdef extern from "ff1.h" nogil:
    enum:
        GP_FF1_TWEAK_LIMIT
    ctypedef struct gp_ff1:
        gp_aes aes
        int radix
        int n
        uint64_t modulus[2]
    void gp_ff1_shape(gp_ff1* f, int n, int tweak_size) noexcept
    void gp_ff1_crypt(gp_ff1* f, unsigned char** numerals, int count, const unsigned char* tweak,
                      int decrypt) noexcept

cdef class Ff1:
    cdef gp_ff1 state
    # 1 when radix^n is at least a million and its halves fit the arithmetic.
    cdef bint takes(self, Py_ssize_t n) noexcept nogil
    # Numerals (values below radix) in place. The caller has asked ``takes``; the tweak is at most 11 bytes.
    cdef int crypt(self, unsigned char* numerals, Py_ssize_t n, const unsigned char* tweak, Py_ssize_t tweak_size,
                   bint decrypt) except -1
    # Up to GP_AES_LANES values of ``n`` decimal digits each, without a tweak. The caller has asked ``takes``.
    cdef void encrypt_lanes(self, unsigned char** numerals, int count, Py_ssize_t n) noexcept nogil
