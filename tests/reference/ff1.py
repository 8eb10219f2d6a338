"""FF1 (SP 800-38G r1, algorithm 7) in plain Python, step by step as the standard numbers them."""

from __future__ import annotations

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC, ECB


def _number(numerals: bytes, radix: int) -> int:
    value = 0
    for numeral in numerals:
        value = value * radix + numeral
    return value


def _numerals(value: int, radix: int, size: int) -> bytes:
    output = bytearray(size)
    for place in reversed(range(size)):
        value, output[place] = divmod(value, radix)
    return bytes(output)


def encrypt(key: bytes, radix: int, numerals: bytes, tweak: bytes = b"") -> bytes:
    n, t = len(numerals), len(tweak)
    u = n // 2
    v = n - u
    a, b = numerals[:u], numerals[u:]
    half_bytes = ((radix**v - 1).bit_length() + 7) // 8
    d = 4 * -(-half_bytes // 4) + 4
    p = bytes((1, 2, 1)) + radix.to_bytes(3, "big") + bytes((10, u % 256)) + n.to_bytes(4, "big") + t.to_bytes(4, "big")
    for i in range(10):
        padding = bytes((-t - half_bytes - 1) % 16)
        q = tweak + padding + bytes((i,)) + _number(b, radix).to_bytes(half_bytes, "big")
        r = Cipher(AES(key), CBC(bytes(16))).encryptor().update(p + q)[-16:]
        s = r
        block = 1
        while len(s) < d:
            masked = (int.from_bytes(r, "big") ^ block).to_bytes(16, "big")
            s += Cipher(AES(key), ECB()).encryptor().update(masked)
            block += 1
        m = u if i % 2 == 0 else v
        c = (_number(a, radix) + int.from_bytes(s[:d], "big")) % radix**m
        a, b = b, _numerals(c, radix, m)
    return a + b
