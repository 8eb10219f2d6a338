"""Maskers for identifiers with a fixed form: UUIDs, network and hardware addresses."""

from libc.string cimport memcpy, memset

from govproxy._fastpath.maskers cimport OP_GENERALISE, OP_HASH, OP_PARTIAL, OP_PSEUDONYM, MaskSpec, token_check
from govproxy._fastpath.maskpieces cimport fall_back, hex_value, is_digit, put, put_byte, put_hex, put_name
from govproxy._fastpath.outbuf cimport OutBuf
from govproxy._fastpath.prf cimport prf_value

cdef extern from "arpa/inet.h" nogil:
    int inet_pton(int family, const char* text, void* address)
    const char* inet_ntop(int family, const void* address, char* text, unsigned int size)

cdef extern from "sys/socket.h" nogil:
    int AF_INET
    int AF_INET6


cdef int mask_uuid(const MaskSpec* spec, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1 nogil:
    # Another UUID of the same version and variant, the same from text and from binary.
    cdef unsigned char[16] raw
    cdef unsigned char[16] tag
    cdef unsigned char[16] check
    cdef Py_ssize_t i
    cdef int nibbles = 0
    cdef int value
    if spec.op != OP_PSEUDONYM and spec.op != OP_HASH:
        return fall_back(spec, out, out.size)
    if spec.binary:
        if n != 16:
            return fall_back(spec, out, out.size)
        memcpy(raw, p, 16)
    else:
        memset(raw, 0, 16)
        for i in range(n):
            if p[i] == c'-':
                continue
            value = hex_value(p[i])
            if value < 0 or nibbles == 32:
                return fall_back(spec, out, out.size)
            raw[nibbles >> 1] |= <unsigned char>(value if nibbles & 1 else value << 4)
            nibbles += 1
        if nibbles != 32:
            return fall_back(spec, out, out.size)
    prf_value(&spec.key, raw, 16, tag)
    tag[6] = (tag[6] & 0x0F) | (raw[6] & 0xF0)
    tag[8] = (tag[8] & 0x3F) | (raw[8] & 0xC0)
    token_check(&spec.key, tag, 12, check)
    memcpy(&tag[12], check, 4)
    if spec.binary:
        put(out, tag, 16)
        return 1
    put_hex(out, tag, 4)
    for i in range(4, 16):
        if i == 4 or i == 6 or i == 8 or i == 10:
            put_byte(out, c'-')
        put_hex(out, &tag[i], 1)
    return 1


cdef int network_text(const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1 nogil:
    # 203.0.113.77 -> 203.0.113.0, 2001:db8:1:2::3 -> 2001:db8:1::, a /length behind it stays.
    cdef char[64] text
    cdef unsigned char[16] address
    cdef Py_ssize_t slash = 0
    cdef Py_ssize_t i
    while slash < n and p[slash] != c'/':
        slash += 1
    if slash >= 48 or n - slash > 4:
        return 0
    for i in range(slash + 1, n):
        if not is_digit(p[i]):
            return 0
    memcpy(text, p, <size_t>slash)
    text[slash] = 0
    if inet_pton(AF_INET, text, address) == 1:
        address[3] = 0
        inet_ntop(AF_INET, address, text, 64)
    elif inet_pton(AF_INET6, text, address) == 1:
        memset(&address[6], 0, 10)
        inet_ntop(AF_INET6, address, text, 64)
    else:
        return 0
    put_name(out, text)
    put(out, p + slash, n - slash)
    return 1


cdef int mask_inet(const MaskSpec* spec, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1 nogil:
    cdef Py_ssize_t start = out.size
    if spec.op != OP_GENERALISE and spec.op != OP_PARTIAL:
        return fall_back(spec, out, start)
    if not spec.binary:
        if network_text(p, n, out):
            return 1
        return fall_back(spec, out, start)
    # family, bits, is_cidr, address size, address
    if n == 8 and p[3] == 4:
        put(out, p, 7)
        put_byte(out, 0)
        return 1
    if n == 20 and p[3] == 16:
        put(out, p, 10)
        put(out, b"\0\0\0\0\0\0\0\0\0\0", 10)
        return 1
    return fall_back(spec, out, start)


cdef int mask_hardware(const MaskSpec* spec, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1 nogil:
    # macaddr: the maker's part stays, the device's part is zero.
    cdef Py_ssize_t i
    cdef Py_ssize_t _i
    if spec.op != OP_GENERALISE and spec.op != OP_PARTIAL:
        return fall_back(spec, out, out.size)
    if spec.binary:
        if n != 6 and n != 8:
            return fall_back(spec, out, out.size)
        put(out, p, 3)
        for _i in range(3, n):
            put_byte(out, 0)
        return 1
    if n != 17 and n != 23:
        return fall_back(spec, out, out.size)
    put(out, p, 9)
    for i in range(9, n):
        put_byte(out, c':' if i % 3 == 2 else c'0')
    return 1
