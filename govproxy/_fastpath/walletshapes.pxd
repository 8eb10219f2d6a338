# Addresses of crypto wallets. See walletshapes.pyx.

# True when the word p[0:size] is one.
cdef bint is_wallet(const unsigned char* p, Py_ssize_t size) noexcept nogil
