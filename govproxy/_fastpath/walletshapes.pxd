# Addresses of crypto wallets. See walletshapes.pyx.

# One more value in the checksum of BIP 173 and 350.
cdef inline unsigned int bech32_step(unsigned int state, int value) noexcept nogil:
    cdef unsigned int top = state >> 25
    state = (state & 0x1FFFFFF) << 5 ^ <unsigned int>value
    if top & 1:
        state ^= 0x3B6A57B2
    if top & 2:
        state ^= 0x26508E6D
    if top & 4:
        state ^= 0x1EA119FA
    if top & 8:
        state ^= 0x3D4233DD
    if top & 16:
        state ^= 0x2A1462B3
    return state

# True when the word p[0:size] is one.
cdef bint is_wallet(const unsigned char* p, Py_ssize_t size) noexcept nogil
