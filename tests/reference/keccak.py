"""Keccak-256 in plain Python, and the letters of an address that follow from it (EIP-55)."""

from __future__ import annotations

_MASK = 2**64 - 1


def _rotated(x: int, n: int) -> int:
    n %= 64
    return ((x << n) | (x >> (64 - n))) & _MASK


def _permuted(lanes: list[list[int]]) -> list[list[int]]:
    state = 1
    for _ in range(24):
        c = [lanes[x][0] ^ lanes[x][1] ^ lanes[x][2] ^ lanes[x][3] ^ lanes[x][4] for x in range(5)]
        d = [c[(x - 1) % 5] ^ _rotated(c[(x + 1) % 5], 1) for x in range(5)]
        lanes = [[lanes[x][y] ^ d[x] for y in range(5)] for x in range(5)]
        x, y, current = 1, 0, lanes[1][0]
        for step in range(24):
            x, y = y, (2 * x + 3 * y) % 5
            current, lanes[x][y] = lanes[x][y], _rotated(current, (step + 1) * (step + 2) // 2)
        for y in range(5):
            row = [lanes[x][y] for x in range(5)]
            for x in range(5):
                lanes[x][y] = row[x] ^ (~row[(x + 1) % 5] & row[(x + 2) % 5] & _MASK)
        for step in range(7):
            state = ((state << 1) ^ ((state >> 7) * 0x71)) % 256
            if state & 2:
                lanes[0][0] ^= 1 << ((1 << step) - 1)
    return lanes


def keccak256(data: bytes) -> bytes:
    """At most 135 bytes."""
    block = bytearray(data.ljust(136, b"\0"))
    block[len(data)] ^= 0x01
    block[135] ^= 0x80
    words = [int.from_bytes(block[8 * i : 8 * i + 8], "little") for i in range(17)] + [0] * 8
    lanes = _permuted([[words[x + 5 * y] for y in range(5)] for x in range(5)])
    return b"".join(lanes[x][0].to_bytes(8, "little") for x in range(4))


def eip55(address: str) -> str:
    """The address in the letters that its checksum gives it."""
    text = address[2:].lower()
    digest = keccak256(text.encode()).hex()
    return "0x" + "".join(sign.upper() if int(digest[i], 16) >= 8 else sign for i, sign in enumerate(text))
