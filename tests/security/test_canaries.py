"""The finder of planted values: finds them wherever they are shown, and not in what is merely random."""

from __future__ import annotations

import struct

import pytest

from tests.security.canaries import SURE, WINDOW, Finder, Planted

AROUND = ("%s", "|%s|", "{%s,7}", '{"n": "%s"}', r"\x%s ", "\0\0\0\6%s\0\0\0\1", "x%s\tgone", "total:%s;")


@pytest.fixture(scope="module")
def planted() -> Planted:
    return Planted()


@pytest.fixture(scope="module")
def finder(planted: Planted) -> Finder:
    return Finder(planted)


@pytest.mark.parametrize("around", AROUND)
def test_a_number_is_found_in_decimal_and_in_hexadecimal(planted: Planted, finder: Finder, around: str) -> None:
    for number in planted.numbers:
        assert finder.find((around % number).encode()), number
        if isinstance(number, int):
            for form in (f"{number:x}", f"{number:X}"):
                assert finder.find((around % form).encode()), form


def test_a_long_number_is_found_among_other_digits(planted: Planted, finder: Finder) -> None:
    cards = [number for number in planted.numbers if number > 1 << 40]
    assert cards
    for card in cards:
        for form in (f"77{card}8", f"abc{int(card):x}def", str(card)[::-1]):
            assert finder.find(form.encode()), form
        assert finder.find(struct.pack("!q", int(card)))


def test_six_letters_of_a_text_are_found_in_any_disguise(planted: Planted, finder: Finder) -> None:
    for text in [text for text in planted.texts if text.isalpha()][:100]:
        for start in range(len(text) - WINDOW + 1):
            piece = text[start : start + WINDOW]
            for form in (piece, piece.upper(), piece[::-1], piece.encode().hex(), f"a1{piece}2b"):
                assert finder.find(form.encode()), form


def test_a_short_number_within_an_id_is_chance(planted: Planted, finder: Finder) -> None:
    short = [number for number in planted.numbers if isinstance(number, int) and len(str(number)) < SURE]
    assert short
    for number in short:
        for form in (f"{number:x}", str(number)):
            assert not finder.find(f"request_id=w0-1{form}b97.4 reason=x".encode())
            assert not finder.find(f"20504c16-b44c-4716-a56b-d{form}81c7"[:36].encode())
