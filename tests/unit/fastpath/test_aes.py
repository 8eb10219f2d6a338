"""AES and AES-CMAC against FIPS 197, RFC 4493 and ``cryptography``, with the processor's instructions and without."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB
from cryptography.hazmat.primitives.cmac import CMAC
from hypothesis import given, settings
from hypothesis import strategies as st

from govproxy._fastpath.ff1 import Ff1
from govproxy._fastpath.prf import aes_block, aes_lanes, cmac, keyed_tag, subkey

both = pytest.mark.parametrize("portable", [False, True], ids=["hardware", "portable"])
keys = st.sampled_from([16, 24, 32]).flatmap(lambda size: st.binary(min_size=size, max_size=size))

# FIPS 197, appendix C: plain text 00112233..., keys 000102...
FIPS_197 = [
    (16, "69c4e0d86a7b0430d8cdb78070b4c55a"),
    (24, "dda97ca4864cdfe06eaf70a0ec0d7191"),
    (32, "8ea2b7ca516745bfeafc49904b496089"),
]
# RFC 4493, section 4: one key, the first n bytes of one message.
RFC_4493_KEY = bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c")
RFC_4493_MESSAGE = bytes.fromhex(
    "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
    "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"
)
RFC_4493 = [
    (0, "bb1d6929e95937287fa37d129b756746"),
    (16, "070a16b46b4d4144f79bdd9dd04a287c"),
    (40, "dfa66747de9ae63030ca32611497c827"),
    (64, "51f0bebf7e3b9d92fc49741779363cfe"),
]


def library_aes(key: bytes, blocks: bytes) -> bytes:
    return Cipher(AES(key), ECB()).encryptor().update(blocks)


def library_cmac(key: bytes, data: bytes) -> bytes:
    tag = CMAC(AES(key))
    tag.update(data)
    return tag.finalize()


@both
@pytest.mark.parametrize(("size", "expected"), FIPS_197)
def test_aes_vectors(size: int, expected: str, portable: bool) -> None:
    plain = bytes.fromhex("00112233445566778899aabbccddeeff")
    assert aes_block(bytes(range(size)), plain, portable=portable).hex() == expected


@both
@settings(max_examples=150, deadline=None)
@given(keys, st.binary(min_size=128, max_size=128))
def test_aes_is_what_the_library_computes(portable: bool, key: bytes, blocks: bytes) -> None:
    assert aes_block(key, blocks[:16], portable=portable) == library_aes(key, blocks[:16])
    assert aes_lanes(key, blocks, portable=portable) == library_aes(key, blocks)


@both
@pytest.mark.parametrize(("size", "expected"), RFC_4493)
def test_cmac_vectors(size: int, expected: str, portable: bool) -> None:
    assert cmac(RFC_4493_KEY, RFC_4493_MESSAGE[:size], portable=portable).hex() == expected


@both
@pytest.mark.parametrize("size", [*range(50), 63, 64, 65, 1000])
def test_cmac_is_what_the_library_computes(size: int, portable: bool) -> None:
    data = bytes((7 * i + size) % 251 for i in range(size))
    assert cmac(RFC_4493_KEY, data, portable=portable) == library_cmac(RFC_4493_KEY, data)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=70))
def test_folding_is_ascii_lower_case(data: bytes) -> None:
    assert cmac(RFC_4493_KEY, data, folded=True) == library_cmac(RFC_4493_KEY, data.lower())


def test_every_byte_folds_as_ascii_does() -> None:
    data = bytes(range(256))
    assert cmac(RFC_4493_KEY, data, folded=True) == library_cmac(RFC_4493_KEY, data.lower())


@settings(max_examples=100, deadline=None)
@given(st.binary(min_size=32, max_size=32), st.binary(max_size=50))
def test_in_pieces_as_in_one(key: bytes, data: bytes) -> None:
    assert keyed_tag(key, data) == library_cmac(subkey(key, b"cmac"), data)


def test_no_key_serves_two_algorithms() -> None:
    key = bytes(range(32))
    made = {subkey(key, label) for label in (b"cmac", b"stream", b"ff1")}
    assert len(made) == 3
    assert not any(key.startswith(part) or key.endswith(part) for part in made)
    with pytest.raises(ValueError, match="32 bytes"):
        subkey(b"short", b"cmac")


@pytest.mark.parametrize("size", [0, 15, 17, 33])
def test_wrong_sizes_are_refused(size: int) -> None:
    with pytest.raises(ValueError, match="key size"):
        aes_block(bytes(size), bytes(16))
    with pytest.raises(ValueError, match="16 bytes"):
        aes_block(bytes(16), bytes(size))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 9), min_size=6, max_size=36), st.binary(max_size=11))
def test_ff1_is_the_same_without_the_instructions(digits: list[int], tweak: bytes) -> None:
    key = bytes(range(16))
    assert Ff1(key).encrypt(bytes(digits), tweak) == Ff1(key, portable=True).encrypt(bytes(digits), tweak)
