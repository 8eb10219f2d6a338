# The keyed function behind pseudonyms: BLAKE2s (RFC 7693) with a 32-byte key. See prf.pyx.

from libc.stdint cimport uint32_t, uint64_t

cdef struct PrfKey:
    uint32_t state[8]       # chaining value after the key block, so that a value costs one block

cdef struct Prf:
    uint32_t state[8]
    unsigned char block[64]
    Py_ssize_t filled
    uint64_t total

cdef void prf_key(PrfKey* key, const unsigned char* secret) noexcept nogil
cdef void prf_start(Prf* prf, const PrfKey* key) noexcept nogil
cdef void prf_update(Prf* prf, const unsigned char* data, Py_ssize_t size) noexcept nogil
cdef void prf_finish(Prf* prf, unsigned char* digest) noexcept nogil
cdef void prf_compress(uint32_t* state, const unsigned char* block, uint64_t total, bint last) noexcept nogil

cdef inline void prf_byte(Prf* prf, unsigned char value) noexcept nogil:
    # A full block is kept until more comes: the last block is compressed differently.
    if prf.filled == 64:
        prf.total += 64
        prf_compress(prf.state, prf.block, prf.total, False)
        prf.filled = 0
    prf.block[prf.filled] = value
    prf.filled += 1
