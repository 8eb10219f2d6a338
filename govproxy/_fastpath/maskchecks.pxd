# Check digits of masked identifiers. See maskchecks.pyx.

from govproxy._fastpath.maskers cimport MaskSpec
from govproxy._fastpath.outbuf cimport OutBuf

# How many digits at the front of a telephone number say the country; 0 where none do.
cdef int calling_digits(const unsigned char* p, Py_ssize_t n) noexcept nogil

# ``masked`` has the places of p[0:n]: its country and check digits become what they were, or right.
cdef void keep_number(const unsigned char* p, Py_ssize_t n, unsigned char* masked) noexcept nogil
cdef void keep_iban(const unsigned char* p, Py_ssize_t n, unsigned char* masked) noexcept nogil
cdef void keep_calling_code(const unsigned char* p, Py_ssize_t n, unsigned char* masked) noexcept nogil

# Another address of the same kind with a right checksum. 0 for what is no address of a known kind.
cdef int put_wallet(const MaskSpec* spec, const unsigned char* p, Py_ssize_t n, const unsigned char* tag,
                    OutBuf* out) except -1 nogil
