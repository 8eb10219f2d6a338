"""FF1 against the samples that NIST publishes with SP 800-38G."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from govproxy._fastpath.columnplan import ColumnPlan
from govproxy._fastpath.ff1 import Ff1
from govproxy._fastpath.prf import subkey
from govproxy._fastpath.rows import MaskPlan
from govproxy.errors import ProtocolViolation
from tests.reference import ff1 as reference
from tests.reference.maskers import luhn_sum
from tests.reference.rows import decode_row, encode_row

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


@pytest.mark.parametrize("portable", [False, True], ids=["hardware", "portable"])
@pytest.mark.parametrize(("key", "radix", "tweak", "plain", "cipher"), SAMPLES)
def test_samples(key: str, radix: int, tweak: str, plain: str, cipher: str, portable: bool) -> None:
    ff1 = Ff1(bytes.fromhex(key), radix, portable=portable)
    assert ff1.encrypt(numerals(plain), bytes.fromhex(tweak)) == numerals(cipher)
    assert ff1.decrypt(numerals(cipher), bytes.fromhex(tweak)) == numerals(plain)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 9), min_size=6, max_size=36), st.binary(max_size=11))
def test_decrypt_undoes_encrypt(digits: list[int], tweak: bytes) -> None:
    ff1 = Ff1(bytes(16))
    assert ff1.decrypt(ff1.encrypt(bytes(digits), tweak), tweak) == bytes(digits)


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from([(2, 20, 120), (10, 6, 36), (36, 4, 22), (256, 3, 14)]),
    st.data(),
    st.binary(max_size=11),
    st.randoms(use_true_random=False),
)
def test_the_reference_says_the_same(
    shape: tuple[int, int, int], data: st.DataObject, tweak: bytes, random: Random
) -> None:
    radix, least, most = shape
    size = data.draw(st.integers(least, most))
    values = [bytes(random.randrange(radix) for _ in range(size)) for _ in range(random.randrange(1, 20))]
    key = bytes(random.randrange(256) for _ in range(16))
    assert Ff1(key, radix).encrypt(values[0], tweak) == reference.encrypt(key, radix, values[0], tweak)
    assert Ff1(key, radix).encrypt_many(values) == [reference.encrypt(key, radix, value) for value in values]


@pytest.mark.parametrize("count", [1, 2, 7, 8, 9, 16, 17])
@pytest.mark.parametrize("size", [6, 7, 9, 16, 19, 36])
def test_many_at_once_is_one_by_one(count: int, size: int) -> None:
    ff1 = Ff1(bytes(range(16)))
    values = [bytes((3 * i + 7 * j) % 10 for j in range(size)) for i in range(count)]
    assert ff1.encrypt_many(values) == [ff1.encrypt(value) for value in values]


@pytest.mark.parametrize("values", [[b"\1" * 5], [b"\1" * 8, b"\1" * 9], [b"\1" * 8, b"\12" * 8]])
def test_many_are_refused_as_one_is(values: list[bytes]) -> None:
    with pytest.raises(ValueError, match=r"outside what|one length|below the radix"):
        Ff1(bytes(16)).encrypt_many(values)


@pytest.mark.parametrize("digits", [b"", b"\1", b"\1" * 5, b"\1" * 37, b"\1" * 9 + b"\12"])
def test_what_is_refused(digits: bytes) -> None:
    with pytest.raises(ValueError, match=r"outside what|below the radix"):
        Ff1(bytes(16)).encrypt(digits)


def test_tweaks_and_keys_are_checked() -> None:
    with pytest.raises(ValueError, match="outside what"):
        Ff1(bytes(16)).encrypt(b"\1" * 10, bytes(12))
    with pytest.raises(ValueError, match="key size"):
        Ff1(bytes(5))


KEY = bytes(range(32))


def masked(value: bytes, family: str = "text", fmt: int = 0, style: str = "generic") -> bytes:
    column = ColumnPlan("fpe", family=family, format=fmt, style=style, key=KEY, fallback=b"***")
    _, output, _, _ = MaskPlan([column]).apply(encode_row([value]))
    (result,) = decode_row(output)
    assert result is not None
    return result


def undo(digits: bytes) -> bytes:
    return bytes(48 + d for d in Ff1(subkey(KEY, b"ff1")).decrypt(bytes(c - 48 for c in digits)))


def test_a_column_keeps_the_shape_and_can_be_turned_back() -> None:
    result = masked(b"+49 (151) 234-5678")
    assert [c for c in result if not chr(c).isdigit()] == list(b"+ () -")
    assert undo(bytes(c for c in result if chr(c).isdigit())) == b"491512345678"


@pytest.mark.parametrize("card", [b"4111 1111 1111 1111", b"4222222222222", b"3782-822463-10005", b"4111111111111112"])
def test_a_card_keeps_its_issuer_and_is_as_valid_as_before(card: bytes) -> None:
    result = masked(card, style="card")
    before, after = ([c - 48 for c in value if chr(c).isdigit()] for value in (card, result))
    assert after[:6] == before[:6]
    assert after[6:] != before[6:]
    assert luhn_sum(after) == luhn_sum(before)
    assert [c for c in result if not chr(c).isdigit()] == [c for c in card if not chr(c).isdigit()]
    assert undo(bytes(48 + d for d in after[6:-1])) == bytes(48 + d for d in before[6:-1])


def test_a_card_is_the_same_as_text_and_as_a_number() -> None:
    text = masked(b"4111111111111111", style="card")
    assert masked(b"4111111111111111", "int8", 0, "card") == text
    assert masked((4111111111111111).to_bytes(8, "big"), "int8", 1, "card") == int(text).to_bytes(8, "big")


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.from_regex(r"[0-9]{6,19}( [0-9]{2})?", fullmatch=True), st.from_regex(r"\+[0-9]{8}|x", fullmatch=True)
        ),
        max_size=40,
    )
)
def test_many_rows_are_masked_like_one(rows: list[tuple[str, str]]) -> None:
    # Values wait for one another to be encrypted together; each must come back to its own place.
    columns = [
        ColumnPlan("fpe", style="card", key=KEY, fallback=b"***"),
        ColumnPlan("pass"),
        ColumnPlan("fpe", key=KEY),
    ]
    messages = [encode_row([a.encode(), b"between", b.encode()]) for a, b in rows]
    one_by_one = [MaskPlan(columns).apply(message)[1] for message in messages]
    assert MaskPlan(columns).apply(b"".join(messages))[1] == b"".join(one_by_one)


def test_a_broken_row_leaves_nothing_waiting() -> None:
    plan = MaskPlan([ColumnPlan("fpe", key=KEY)])
    good = encode_row([b"123456789"])
    expected = plan.apply(good)
    with pytest.raises(ProtocolViolation):
        plan.apply(encode_row([b"987654321"]) + b"D\0\0\0\x0a\0\1\0\0\0\x09")
    assert plan.apply(good) == expected


@pytest.mark.parametrize("value", [b"12345", b"C01X00T47", b"1" * 37, b"", b"no digits"])
def test_what_ff1_does_not_take_gets_another_mask(value: bytes) -> None:
    result = masked(value, style="tail4")
    assert len(result) == len(value)
    assert result != value or not value


@pytest.mark.parametrize("number", [123456, -123456, 2147483647, -2147483647, 1000000, 999999])
def test_whole_numbers_keep_sign_and_length(number: int) -> None:
    text = masked(b"%d" % number, "int4")
    binary = masked(number.to_bytes(4, "big", signed=True), "int4", 1)
    assert int(text) == int.from_bytes(binary, "big", signed=True)
    assert len(text) == len(str(number))
    assert (int(text) < 0) == (number < 0)
    assert int(text) != number


@settings(max_examples=60, deadline=None)
@given(st.sets(st.integers(10**5, 10**6 - 1), max_size=40))
def test_different_numbers_stay_different(numbers: set[int]) -> None:
    assert len({masked(b"%d" % n, "int4") for n in numbers}) == len(numbers)
