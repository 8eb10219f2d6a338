"""Maskers by example, in both wire forms, against values PostgreSQL itself sends."""

from __future__ import annotations

import struct

import pytest

from govproxy._fastpath.columnplan import ColumnPlan
from govproxy._fastpath.masknames import GIVEN, SURNAMES
from govproxy._fastpath.rows import MaskPlan
from tests.reference.maskers import numeric_text
from tests.reference.rows import decode_row, encode_row

KEY = bytes(range(32))


def masked(
    value: bytes,
    op: str,
    family: str = "text",
    fmt: int = 0,
    style: str = "generic",
    *,
    limit: int = -1,
    pad: int = -1,
) -> bytes | None:
    column = ColumnPlan(
        op,
        family=family,
        format=fmt,
        style=style,
        limit=limit,
        pad=pad,
        shift_days=30,
        fallback=b"***",
        key=KEY,
    )
    _, output, _, _ = MaskPlan([column]).apply(encode_row([value]))
    (result,) = decode_row(output)
    return result


@pytest.mark.parametrize(
    ("style", "value", "expected"),
    [
        ("email", b"alice@example.com", b"a***@example.com"),
        ("email", b"a@example.com", b"***@example.com"),
        ("email", "éva@example.com".encode(), b"***@example.com"),
        ("email", b"not an address", b"***"),
        ("email", b"@example.com", b"***"),
        ("email", b"alice@", b"***"),
        ("tail4", b"4111 1111 1111 1111", b"**** **** **** 1111"),
        ("tail4", b"123-45-6789", b"***-**-6789"),
        ("tail4", b"1234567", b"***"),
        ("phone", b"+49 151 2345678", b"+** *** *****78"),
        ("phone", b"12", b"***"),
        ("iban", b"DE89 3704 0044 0532 0130 00", b"DE** **** **** **** **30 00"),
        ("name", b"Alice Smith", b"A***"),
        ("name", "Émile".encode(), b"***"),
        ("name", b"X", b"***"),
        ("postcode", b"10115", b"10***"),
        ("postcode", b"SW1A 1AA", b"SW** ***"),
        ("ip", b"203.0.113.77", b"203.0.113.0"),
        ("ip", b"somewhere", b"***"),
        ("generic", b"value", b"v***"),
        ("generic", b"", b"***"),
    ],
)
def test_partial_text(style: str, value: bytes, expected: bytes) -> None:
    assert masked(value, "partial", style=style) == expected
    assert masked(value, "partial", fmt=1, style=style) == expected


def test_text_keeps_to_its_length() -> None:
    assert masked(b"ab@example.com", "partial", style="email", limit=12) == b"a***@example"
    assert masked("a@bücher.de".encode(), "partial", style="email", limit=6) == "***@bü".encode()
    assert masked(b"alice     ", "partial", style="name", limit=10, pad=10) == b"a***      "
    result = masked(b"alice@a-rather-long-domain.example.com", "pseudonym", style="email", limit=40)
    assert result is not None
    assert result.endswith(b"@example.org")
    assert len(masked(b"x", "hash", limit=10) or b"") == 10


def test_pseudonyms_are_equal_for_equal_values_and_keyed() -> None:
    first = masked(b"Alice@Example.com", "pseudonym", style="email")
    assert first == masked(b" alice@Example.com", "pseudonym", style="email")
    assert first is not None
    assert first.startswith(b"u_")
    assert first.endswith(b"@Example.com")
    assert masked(b"555-12-3456", "hash", style="tail4") == masked(b"555123456", "hash", style="tail4")
    assert masked(b"a", "hash") != masked(b"b", "hash")
    other = ColumnPlan("hash", fallback=b"***", key=bytes(32))
    _, output, _, _ = MaskPlan([other]).apply(encode_row([b"a"]))
    assert decode_row(output) != [masked(b"a", "hash")]


def test_pseudonyms_keep_the_shape_of_numbers_in_text() -> None:
    result = masked(b"+49 (151) 23-AB", "pseudonym", style="phone")
    assert result is not None
    assert [chr(c) for c in result if not chr(c).isalnum()] == list("+ () -")
    assert len(result) == 15
    assert result != b"+49 (151) 23-AB"


def name(value: bytes, style: str = "name") -> bytes:
    return masked(value, "pseudonym", style=style) or b""


def test_names_come_from_the_lists() -> None:
    given, surname = name(b"Grace Hopper").decode().split(" ")
    assert given in GIVEN.split()
    assert surname in SURNAMES.split()
    assert len({name(b"n%04d" % i, "given") for i in range(4000)}) == len(GIVEN.split()) == 128


def test_one_person_has_one_name_everywhere() -> None:
    given, surname = name(b"Grace", "given"), name(b"Hopper", "surname")
    assert name(b"Grace Hopper") == given + b" " + surname
    assert name(b"Hopper, Grace") == surname + b", " + given
    assert name(b"  grace   hopper ") == name(b"grace hopper") == given.lower() + b" " + surname.lower()
    assert name(b"GRACE HOPPER") == given.upper() + b" " + surname.upper()
    assert name(b"Grace B. Hopper").startswith(given + b" ")
    assert len(name(b"Grace B. Hopper")) == len(given + b" X. " + surname)


def test_no_name_stands_for_itself() -> None:
    for word in GIVEN.encode().split():
        assert name(word, "given") != word
    for word in SURNAMES.encode().split():
        assert name(word, "surname") != word


@pytest.mark.parametrize("value", [b"", b" ", b",", b" , ,", b" ," * 3000])
def test_what_holds_no_name_falls_back(value: bytes) -> None:
    assert name(value) == b"***"


def test_many_words_give_six_names() -> None:
    assert len(name(b"word " * 3000).split()) == 6
    assert len(name(b", " * 3000 + b"Ann")) < 3010


@pytest.mark.parametrize(
    ("op", "style", "number", "expected"),
    [
        ("generalise", "generic", 37, 30),
        ("generalise", "generic", -37, -30),
        ("generalise", "generic", 7, 0),
        ("generalise", "generic", 84500, 80000),
        ("generalise", "generic", -(10**12) - 5, -(10**12)),
        ("partial", "tail4", 4111111111111111, 1111),
    ],
)
def test_whole_numbers(op: str, style: str, number: int, expected: int) -> None:
    assert masked(b"%d" % number, op, "int8", 0, style) == b"%d" % expected
    assert masked(number.to_bytes(8, "big", signed=True), op, "int8", 1, style) == expected.to_bytes(
        8, "big", signed=True
    )


@pytest.mark.parametrize(
    ("text", "wire", "op", "style", "expected"),
    [
        ("84500.20", "0003 0001 0000 0002 0008 1194 07d0", "generalise", "generic", "80000.00"),
        ("-37.5", "0002 0000 4000 0001 0025 1388", "generalise", "generic", "-30.0"),
        ("52.52345", "0003 0000 0000 0005 0034 1472 1388", "generalise", "geo", "52.52000"),
        ("4111111111111111", "0004 0003 0000 0000 100f 0457 0457 0457", "partial", "tail4", "1111"),
        ("0.001", "0001 ffff 0000 0003 000a", "generalise", "generic", "0.000"),
    ],
)
def test_numeric(text: str, wire: str, op: str, style: str, expected: str) -> None:
    binary = bytes.fromhex(wire)
    assert numeric_text(binary) == text
    result = masked(binary, op, "numeric", 1, style)
    assert result is not None
    assert numeric_text(result) == expected
    assert masked(text.encode(), op, "numeric", 0, style) == expected.encode()


@pytest.mark.parametrize("value", [b"NaN", b"Infinity", b"12.5", b"", b"-", b"1" * 19])
def test_numerics_without_a_masked_form_fall_back(value: bytes) -> None:
    assert masked(value, "hash", "numeric") == b"***"


@pytest.mark.parametrize(
    "wire", ["", "0001", "0001 0000 c000 0000 0001", "0002 0000 0000 0000 0001", "0001 0000 0000 0000 7fff"]
)
def test_numeric_garbage_falls_back(wire: str) -> None:
    assert masked(bytes.fromhex(wire), "hash", "numeric", 1) == b"***"


@pytest.mark.parametrize(("number", "style", "expected"), [(84500.2, "generic", 80000.0), (52.5234, "geo", 52.52)])
def test_floating_point(number: float, style: str, expected: float) -> None:
    assert masked(struct.pack("!d", number), "generalise", "float8", 1, style) == struct.pack("!d", expected)
    assert masked(str(number).encode(), "generalise", "float8", 0, style) == b"%g" % expected
    assert masked(struct.pack("!f", number), "generalise", "float4", 1, style) == struct.pack("!f", expected)


@pytest.mark.parametrize("value", [b"NaN", b"Infinity", b"1e300", b"x", b"1 ", b"9" * 50])
def test_floats_without_a_masked_form_fall_back(value: bytes) -> None:
    assert masked(value, "generalise", "float8") == b"***"


@pytest.mark.parametrize(
    ("value", "year", "shifted"),
    [
        (b"1984-05-17", b"1984-01-01", b"1984-06-16"),
        (b"1984-05-17 10:11:12.5", b"1984-01-01 00:00:00", b"1984-06-16 10:11:12.5"),
        (b"1984-05-17 10:11:12.5+05:30", b"1984-01-01 00:00:00+05:30", b"1984-06-16 10:11:12.5+05:30"),
        (b"1984-05-17T10:11:12Z", b"1984-01-01T00:00:00Z", b"1984-06-16T10:11:12Z"),
        (b"2024-02-29", b"2024-01-01", b"2024-03-30"),
        (b"12024-12-31", b"12024-01-01", b"12025-01-30"),
        (b"infinity", b"infinity", b"infinity"),
        (b"17.05.1984", b"***", b"***"),
        (b"1984-05-17 BC", b"***", b"***"),
        (b"1984-13-17", b"***", b"***"),
        (b"1984-05-1", b"***", b"***"),
        (b"", b"***", b"***"),
    ],
)
def test_dates_in_text(value: bytes, year: bytes, shifted: bytes) -> None:
    assert masked(value, "generalise", "timestamptz") == year
    assert masked(value, "shift", "timestamptz") == shifted
    assert masked(value, "generalise", "text", 0, "date") == year


def test_infinite_dates_stay() -> None:
    for family, size in (("date", 4), ("timestamp", 8)):
        for value in (b"\x7f" + b"\xff" * (size - 1), b"\x80" + bytes(size - 1)):
            assert masked(value, "shift", family, 1) == value


@pytest.mark.parametrize("family", ["json", "jsonb", "bytea", "bool", "array", "record", "other"])
@pytest.mark.parametrize("op", ["partial", "hash", "pseudonym", "generalise", "shift", "fpe"])
def test_families_without_a_masker_fall_back(family: str, op: str) -> None:
    assert masked(b"whatever it is", op, family) == b"***"
    assert masked(b"whatever it is", op, family, 1) == b"***"
