"""FF1 of NIST SP 800-38G revision 1: encryption of digit strings into digit strings of the same length.

The rounds are in ``ff1.h``, over the AES of ``aes.h``. Domains below a million are refused, as the
revision demands, and so is what the arithmetic there does not hold. Knows nothing of columns.
"""

cimport cython
from libc.stdint cimport uint64_t
from libc.string cimport memset

from govproxy._fastpath.prf cimport GP_AES_LANES, gp_aes_expand

cdef enum:
    LEAST_DOMAIN = 1000000
    MOST_NUMERALS = 128

cdef uint64_t HALF_LIMIT = 9223372036854775807


@cython.final
cdef class Ff1:
    """One key and radix. ``key`` has 16, 24 or 32 bytes; numerals are bytes of values below ``radix``.

    ``portable`` leaves the processor's AES instructions aside; the answers are the same.
    """

    def __cinit__(self):
        memset(&self.state, 0, sizeof(self.state))

    def __init__(self, key: bytes, radix: int = 10, *, portable: bool = False):
        cdef const unsigned char* secret = key
        if not 2 <= radix <= 256:
            raise ValueError("radix must be 2 to 256")
        if len(key) not in (16, 24, 32):
            raise ValueError("key size is not that of AES")
        self.state.radix = radix
        gp_aes_expand(&self.state.aes, secret, <int>len(key), portable)
        self.state.n = 0

    def __dealloc__(self):
        memset(&self.state, 0, sizeof(self.state))  # Security: holds key state

    @property
    def radix(self) -> int:
        return self.state.radix

    cdef bint takes(self, Py_ssize_t n) noexcept nogil:
        cdef uint64_t radix = <uint64_t>self.state.radix
        cdef uint64_t power = 1
        cdef Py_ssize_t _i
        if n < 2 or n > MOST_NUMERALS or radix < 2:
            return False
        for _i in range(n - n // 2):
            if power > HALF_LIMIT // radix:
                return False
            power *= radix
        for _i in range(n // 2):
            if power >= LEAST_DOMAIN:
                return True
            power *= radix
        return power >= LEAST_DOMAIN

    cdef int crypt(self, unsigned char* numerals, Py_ssize_t n, const unsigned char* tweak, Py_ssize_t tweak_size,
                   bint decrypt) except -1:
        cdef Py_ssize_t k
        if not self.takes(n) or tweak_size > GP_FF1_TWEAK_LIMIT or tweak_size < 0:
            raise ValueError("outside what FF1 is used for here")
        for k in range(n):
            if numerals[k] >= self.state.radix:
                raise ValueError("a numeral is not below the radix")
        gp_ff1_shape(&self.state, <int>n, <int>tweak_size)
        gp_ff1_crypt(&self.state, &numerals, 1, tweak, decrypt)
        return 0

    cdef void encrypt_lanes(self, unsigned char** numerals, int count, Py_ssize_t n) noexcept nogil:
        gp_ff1_shape(&self.state, <int>n, 0)
        gp_ff1_crypt(&self.state, numerals, count, NULL, False)

    def _numerals(self, numerals: bytes, tweak: bytes, bint decrypt) -> bytes:
        cdef bytearray work = bytearray(numerals)
        cdef unsigned char* view = work
        self.crypt(view, len(work), tweak, len(tweak), decrypt)
        return bytes(work)

    def encrypt(self, numerals: bytes, tweak: bytes = b"") -> bytes:
        """Numerals of the same length. ValueError for domains below a million and what is too long."""
        return self._numerals(numerals, tweak, False)

    def decrypt(self, numerals: bytes, tweak: bytes = b"") -> bytes:
        """The inverse of ``encrypt``."""
        return self._numerals(numerals, tweak, True)

    def encrypt_many(self, values: list[bytes]) -> list[bytes]:
        """``encrypt`` for values of one length, eight at a time, without a tweak."""
        cdef list works = [bytearray(value) for value in values]
        cdef unsigned char* lanes[GP_AES_LANES]
        cdef bytearray work
        cdef Py_ssize_t n = len(values[0]) if values else 0
        cdef int count = 0
        if values and not self.takes(n):
            raise ValueError("outside what FF1 is used for here")
        for work in works:
            if len(work) != n:
                raise ValueError("values of one length only")
            if max(work) >= self.state.radix:
                raise ValueError("a numeral is not below the radix")
        for work in works:
            lanes[count] = work
            count += 1
            if count == GP_AES_LANES:
                self.encrypt_lanes(lanes, count, n)
                count = 0
        if count:
            self.encrypt_lanes(lanes, count, n)
        return [bytes(work) for work in works]
