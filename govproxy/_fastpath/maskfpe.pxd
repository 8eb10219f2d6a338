# Format-preserving masks of single values. See maskfpe.pyx.

from govproxy._fastpath.ff1 cimport Ff1
from govproxy._fastpath.maskers cimport MaskSpec
from govproxy._fastpath.outbuf cimport OutBuf

cdef enum:
    FPE_MOST_DIGITS = 36
    FPE_LANES = 8           # GP_AES_LANES

# Values of one column and length that wait to be encrypted together. In the output stand zeros for them.
cdef struct FpeLanes:
    int count
    int n                               # digits to encrypt, the same in all
    int head                            # digits before them
    int total
    bint card
    unsigned char digits[FPE_LANES][FPE_MOST_DIGITS]
    Py_ssize_t at[FPE_LANES]            # where the value stands in the output
    Py_ssize_t size[FPE_LANES]

# Appends the encrypted form; a text may stay behind in ``lanes`` until ``fpe_settle``. Returns 0 when it is not taken.
cdef int mask_fpe(Ff1 cipher, const MaskSpec* spec, const unsigned char* p, Py_ssize_t n, OutBuf* out,
                  FpeLanes* lanes) except -1

# Writes what waits to its places in the output.
cdef int fpe_settle(Ff1 cipher, FpeLanes* lanes, OutBuf* out) except -1
