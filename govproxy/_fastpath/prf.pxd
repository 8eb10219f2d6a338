# The keyed function behind pseudonyms: AES-128-CMAC (RFC 4493). See prf.pyx.

from libc.stdint cimport uint8_t

cdef extern from "aes.h" nogil:
    ctypedef struct gp_aes:
        pass
    ctypedef struct gp_cmac:
        gp_aes aes
        uint8_t whole[16]
        uint8_t padded[16]
    enum:
        GP_AES_LANES
    void gp_aes_expand(gp_aes* key, const uint8_t* secret, int size, int portable) noexcept
    void gp_aes_encrypt(const gp_aes* key, const uint8_t* block, uint8_t* result) noexcept
    void gp_aes_encrypt_lanes(const gp_aes* key, uint8_t (*blocks)[16]) noexcept
    void gp_cmac_key(gp_cmac* key, const uint8_t* secret, int size, int portable) noexcept
    void gp_cmac_of(const gp_cmac* key, const uint8_t* p, size_t n, int fold, uint8_t* tag) noexcept

cdef struct PrfKey:
    gp_cmac cmac
    gp_aes stream           # under a key of its own, for more bytes than a tag has

# A value that comes in pieces.
cdef struct Prf:
    const gp_cmac* key
    unsigned char state[16]
    unsigned char block[16]
    int filled

cdef int prf_key(PrfKey* key, bytes secret) except -1
cdef void prf_start(Prf* prf, const PrfKey* key) noexcept nogil
cdef void prf_absorb(Prf* prf) noexcept nogil
cdef void prf_finish(Prf* prf, unsigned char* tag) noexcept nogil

# Block ``number`` of the bytes that belong to a tag.
cdef void prf_stream(const PrfKey* key, const unsigned char* tag, int number, unsigned char* block) noexcept nogil

cdef inline void prf_byte(Prf* prf, unsigned char value) noexcept nogil:
    # A full block is kept until more comes: the last one is treated differently.
    if prf.filled == 16:
        prf_absorb(prf)
    prf.block[prf.filled] = value
    prf.filled += 1

# The tag of a whole value, and of a value with its ASCII letters in lower case.
cdef inline void prf_value(const PrfKey* key, const unsigned char* p, Py_ssize_t n, unsigned char* tag) noexcept nogil:
    gp_cmac_of(&key.cmac, p, <size_t>n, 0, tag)

cdef inline void prf_folded(const PrfKey* key, const unsigned char* p, Py_ssize_t n, unsigned char* tag) noexcept nogil:
    gp_cmac_of(&key.cmac, p, <size_t>n, 1, tag)
