"""AES-128-CMAC (RFC 4493, SP 800-38B), the one pseudo-random function of the maskers.

Subkeys are made once per plan; a value of up to 16 bytes is then a single block. Where a masker needs
more bytes than a tag has, AES over the tag and a counter, under a second key, gives them. The keys
of one class, one per algorithm, are derived from the class's own by keyed BLAKE2s, so that no key
serves two algorithms. Knows nothing of what it is used for.
"""

import hashlib

from libc.stdint cimport uint8_t
from libc.string cimport memcpy


def subkey(key: bytes, label: bytes) -> bytes:
    """The 16-byte key of one algorithm (``cmac``, ``stream``, ``ff1``) under a class's 32-byte key."""
    if len(key) != 32:
        raise ValueError("a masking key has 32 bytes")
    return hashlib.blake2s(label, key=key, person=b"govmask", digest_size=16).digest()


cdef int prf_key(PrfKey* key, bytes secret) except -1:
    cdef const unsigned char* view
    cdef bytes derived = subkey(secret, b"cmac")
    view = derived
    gp_cmac_key(&key.cmac, view, 16, 0)
    derived = subkey(secret, b"stream")
    view = derived
    gp_aes_expand(&key.stream, view, 16, 0)
    return 0


cdef void prf_start(Prf* prf, const PrfKey* key) noexcept nogil:
    cdef int i
    prf.key = &key.cmac
    for i in range(16):
        prf.state[i] = 0
    prf.filled = 0


cdef void prf_absorb(Prf* prf) noexcept nogil:
    cdef int i
    for i in range(16):
        prf.state[i] ^= prf.block[i]
    gp_aes_encrypt(&prf.key.aes, prf.state, prf.state)
    prf.filled = 0


cdef void prf_finish(Prf* prf, unsigned char* tag) noexcept nogil:
    cdef int i
    for i in range(prf.filled):
        prf.state[i] ^= prf.block[i]
    if prf.filled < 16:
        prf.state[prf.filled] ^= 0x80
    for i in range(16):
        prf.state[i] ^= prf.key.whole[i] if prf.filled == 16 else prf.key.padded[i]
    gp_aes_encrypt(&prf.key.aes, prf.state, tag)


cdef void prf_stream(const PrfKey* key, const unsigned char* tag, int number, unsigned char* block) noexcept nogil:
    cdef unsigned char[16] counter
    memcpy(counter, tag, 16)
    counter[14] ^= <unsigned char>(number >> 8 & 0xFF)
    counter[15] ^= <unsigned char>(number & 0xFF)
    gp_aes_encrypt(&key.stream, counter, block)


cdef int _key_size(bytes key) except -1:
    if len(key) not in (16, 24, 32):
        raise ValueError("key size is not that of AES")
    return <int>len(key)


def aes_block(bytes key not None, bytes block not None, *, bint portable=False) -> bytes:
    """One block under AES; ``portable`` leaves the processor's instructions aside. For tests."""
    cdef gp_aes prepared
    cdef unsigned char[16] result
    cdef const unsigned char* secret = key
    cdef const unsigned char* view = block
    if len(block) != 16:
        raise ValueError("a block has 16 bytes")
    gp_aes_expand(&prepared, secret, _key_size(key), portable)
    gp_aes_encrypt(&prepared, view, result)
    return result[:16]


def aes_lanes(bytes key not None, bytes blocks not None, *, bint portable=False) -> bytes:
    """Eight blocks under AES at once. For tests."""
    cdef gp_aes prepared
    cdef uint8_t[8][16] work
    cdef const unsigned char* secret = key
    cdef const unsigned char* view = blocks
    if len(blocks) != 16 * GP_AES_LANES:
        raise ValueError("as many blocks as there are lanes")
    gp_aes_expand(&prepared, secret, _key_size(key), portable)
    memcpy(work, view, 16 * GP_AES_LANES)
    gp_aes_encrypt_lanes(&prepared, work)
    return (<unsigned char*>work)[:16 * GP_AES_LANES]


def cmac(bytes key not None, bytes data not None, *, bint portable=False, bint folded=False) -> bytes:
    """The 16-byte tag; ``folded``: of ``data`` with its ASCII letters in lower case. For tests."""
    cdef gp_cmac prepared
    cdef unsigned char[16] tag
    cdef const unsigned char* secret = key
    cdef const unsigned char* view = data
    gp_cmac_key(&prepared, secret, _key_size(key), portable)
    gp_cmac_of(&prepared, view, <size_t>len(data), folded, tag)
    return tag[:16]


def keyed_tag(bytes key not None, bytes data not None) -> bytes:
    """The tag a masker with the class key ``key`` (32 bytes) computes of ``data``, byte by byte. For tests."""
    cdef PrfKey prepared
    cdef Prf prf
    cdef unsigned char[16] tag
    cdef int value
    prf_key(&prepared, key)
    prf_start(&prf, &prepared)
    for value in data:
        prf_byte(&prf, <unsigned char>value)
    prf_finish(&prf, tag)
    return tag[:16]
