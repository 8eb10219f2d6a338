"""FF1 against the samples that NIST publishes with SP 800-38G."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from govproxy._fastpath.ff1 import Ff1

KEY_128 = "2B7E151628AED2A6ABF7158809CF4F3C"
KEY_192 = KEY_128 + "EF4359D8D580AA4F"
KEY_256 = KEY_192 + "7F036D6F04FC6A94"
DIGITS, LETTERS = "0123456789", "0123456789abcdefghi"
TWEAK_10, TWEAK_36 = "39383736353433323130", "3737373770717273373737"

SAMPLES = [
    (KEY_128, 10, "", DIGITS, "2433477484"),
    (KEY_128, 10, TWEAK_10, DIGITS, "6124200773"),
    (KEY_128, 36, TWEAK_36, LETTERS, "a9tv40mll9kdu509eum"),
    (KEY_192, 10, "", DIGITS, "2830668132"),
    (KEY_192, 10, TWEAK_10, DIGITS, "2496655549"),
    (KEY_192, 36, TWEAK_36, LETTERS, "xbj3kv35jrawxv32ysr"),
    (KEY_256, 10, "", DIGITS, "6657667009"),
    (KEY_256, 10, TWEAK_10, DIGITS, "1001623463"),
    (KEY_256, 36, TWEAK_36, LETTERS, "xs8a0azh2avyalyzuwd"),
    # Several independent implementations agree on this one.
    (KEY_128, 10, "", "4000000000000000", "7892534216056622"),
]


def numerals(text: str) -> bytes:
    return bytes(int(c, 36) for c in text)


@pytest.mark.parametrize(("key", "radix", "tweak", "plain", "cipher"), SAMPLES)
def test_samples(key: str, radix: int, tweak: str, plain: str, cipher: str) -> None:
    ff1 = Ff1(bytes.fromhex(key), radix)
    assert ff1.encrypt(numerals(plain), bytes.fromhex(tweak)) == numerals(cipher)
    assert ff1.decrypt(numerals(cipher), bytes.fromhex(tweak)) == numerals(plain)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 9), min_size=6, max_size=36), st.binary(max_size=11))
def test_decrypt_undoes_encrypt(digits: list[int], tweak: bytes) -> None:
    ff1 = Ff1(bytes(16))
    assert ff1.decrypt(ff1.encrypt(bytes(digits), tweak), tweak) == bytes(digits)


@pytest.mark.parametrize("digits", [b"", b"\1", b"\1" * 5, b"\1" * 37, b"\1" * 9 + b"\12"])
def test_what_is_refused(digits: bytes) -> None:
    with pytest.raises(ValueError, match=r"outside what|below the radix"):
        Ff1(bytes(16)).encrypt(digits)


def test_tweaks_and_keys_are_checked() -> None:
    with pytest.raises(ValueError, match="outside what"):
        Ff1(bytes(16)).encrypt(b"\1" * 10, bytes(12))
    with pytest.raises(ValueError, match="key size"):
        Ff1(bytes(5))
