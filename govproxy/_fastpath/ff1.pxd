# Format-preserving encryption FF1. See ff1.pyx.

cdef class Ff1:
    cdef readonly int radix
    cdef object encryptor
    cdef bytearray source
    cdef bytearray target
    cdef int aes(self, const unsigned char* block, unsigned char* result) except -1
    # 1 when radix^n is at least a million and its halves fit the arithmetic.
    cdef bint takes(self, Py_ssize_t n) noexcept nogil
    # Numerals (values below radix) in place. The caller has asked ``takes``; the tweak is at most 11 bytes.
    cdef int crypt(self, unsigned char* numerals, Py_ssize_t n, const unsigned char* tweak, Py_ssize_t tweak_size,
                   bint decrypt) except -1
