"""Pseudonyms of numbers that carry check digits carry right ones, and wallets a right checksum."""

from __future__ import annotations

import pytest

from govproxy._fastpath.columnplan import ColumnPlan
from govproxy._fastpath.rows import MaskPlan
from govproxy.masking import checks
from tests.reference import checkdigits
from tests.reference.keccak import eip55
from tests.reference.rows import decode_row, encode_row

KEYS = [bytes([n]) * 32 for n in range(1, 30)]


def pseudonym(value: str, style: str, key: bytes = KEYS[0], limit: int = -1) -> str:
    plan = ColumnPlan("pseudonym", style=style, key=key, limit=limit)
    (made,) = decode_row(MaskPlan([plan]).apply(encode_row([value.encode()]))[1])
    assert made is not None
    return made.decode()


NUMBERS = {
    "BSN": "111222333",
    "SIN": "046 454 286",
    "NHS": "943 476 5919",
    "CPF": "390.533.447-05",
    "PESEL": "44051401359",
    "German tax number": "86095742719",
    "Turkish number": "10000000146",
    "Aadhaar": "2341 2341 2346",
    "CNPJ": "11.222.333/0001-81",
    "NIR": "1 85 05 78 006 084 91",
    "Chinese number": "11010519491231002X",
    "IMEI": "490154203237518",
}


@pytest.mark.parametrize("name", NUMBERS)
def test_a_right_number_stays_right(name: str) -> None:
    value = NUMBERS[name]
    digits = [int(sign) for sign in value if sign.isdigit()]
    for key in KEYS:
        made = pseudonym(value, "tail4", key)
        assert len(made) == len(value)
        assert made != value
        found = [int(sign) for sign in made if sign.isdigit()]
        if value.endswith("X"):
            last = checkdigits.chinese(found)
            assert made[-1] == ("X" if last == 10 else str(last))
            continue
        (check, *_) = (check for size, check, _ in checkdigits.SCHEMES if size == len(digits) and check(digits))
        assert check(found), made


@pytest.mark.parametrize("value", ["12345678Z", "12.345.678-z", "X1234567L", "Y7654321G"])
def test_spanish_letters_follow_their_digits(value: str) -> None:
    for key in KEYS:
        made = pseudonym(value, "tail4", key)
        bare = "".join(sign for sign in made if sign.isalnum()).upper()
        head = str("XYZ".index(bare[0])) if bare[0] in "XYZ" else ""
        assert bare[-1] == checkdigits.DNI[int(head + bare[len(head) : -1]) % 23]


def test_a_wrong_number_gets_no_check_digit() -> None:
    made = {pseudonym("111222334", "tail4", key) for key in KEYS}
    assert not all((checkdigits.weighted([int(c) for c in m[:8]], range(9, 1, -1)) - int(m[8])) % 11 == 0 for m in made)


@pytest.mark.parametrize("value", ["DE89 3704 0044 0532 0130 00", "GB82WEST12345698765432", "NO9386011117947"])
def test_ibans_keep_country_and_sum(value: str) -> None:
    for key in KEYS:
        made = pseudonym(value, "iban", key)
        assert made[:2] == value[:2]
        assert made != value
        assert checkdigits.iban_rest(made.replace(" ", "").encode()) == 1


@pytest.mark.parametrize(
    ("value", "kept"),
    [("+49 151 23456789", "+49"), ("+1 212 555 0142", "+1"), ("+351 21 0000000", "+351"), ("030 901820", "")],
)
def test_telephone_numbers_keep_their_country(value: str, kept: str) -> None:
    made = {pseudonym(value, "phone", key) for key in KEYS}
    assert all(one.startswith(kept) and len(one) == len(value) for one in made)
    assert len(made) > 20


WALLETS = [
    "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
    "0xfb6916095ca1df60bb79ce92ce3ea74c37c5d359",
    "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
    "bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr",
    "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4",
    "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2",
    "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy",
]


@pytest.mark.parametrize("value", WALLETS)
def test_wallets_keep_kind_and_checksum(value: str) -> None:
    assert checks.is_wallet(value.lower() if value.isupper() else value)
    for key in KEYS:
        made = pseudonym(value, "wallet", key)
        assert made != value
        assert made[:1] == value[:1]
        assert checks.is_wallet(made.lower() if made.isupper() else made), made
        assert (made == made.lower()) == (value == value.lower())


def test_the_checksum_of_ethereum_is_that_of_eip_55() -> None:
    assert eip55(WALLETS[0].lower()) == WALLETS[0]
    assert eip55("0xdbf03b407c01e7cd3cbea99509d93f8dddc8c6fb") == "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB"
    for key in KEYS:
        made = pseudonym(WALLETS[0], "wallet", key)
        assert made == eip55(made.lower())


def test_a_column_too_short_for_a_checksum_gets_none() -> None:
    assert len(pseudonym(WALLETS[5], "wallet", limit=30)) <= 30
