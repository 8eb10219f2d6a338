"""Check digits in plain Python: what ``_fastpath.maskchecks`` must keep of a masked identifier."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

Digits = Sequence[int]
CALLING_PAIRS = frozenset(
    [
        "20",
        "27",
        "30",
        "31",
        "32",
        "33",
        "34",
        "36",
        "39",
        "40",
        "41",
        "43",
        "44",
        "45",
        "46",
        "47",
        "48",
        "49",
        "51",
        "52",
        "53",
        "54",
        "55",
        "56",
        "57",
        "58",
        "60",
        "61",
        "62",
        "63",
        "64",
        "65",
        "66",
        "81",
        "82",
        "84",
        "86",
        "90",
        "91",
        "92",
        "93",
        "94",
        "95",
        "98",
    ]
)
DNI = "TRWAGMYFPDXBNJZSQVHLCKE"
_PERMUTED = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)


def weighted(d: Digits, weights: Sequence[int]) -> int:
    return sum(one * weight for one, weight in zip(d, weights, strict=False))


def luhn(d: Digits) -> bool:
    return sum(v if i % 2 == 0 else 2 * v - 9 * (v > 4) for i, v in enumerate(reversed(d))) % 10 == 0


def cpf(d: Digits) -> bool:
    first, second = weighted(d[:9], range(10, 1, -1)), weighted(d[:10], range(11, 1, -1))
    return (first * 10 % 11 % 10, second * 10 % 11 % 10) == (d[9], d[10])


def cnpj(d: Digits) -> bool:
    for size in (12, 13):
        rest = weighted(d[:size], [(size - 1 - i) % 8 + 2 for i in range(size)]) % 11
        if d[size] != (0 if rest < 2 else 11 - rest):
            return False
    return True


def iso_11_10(d: Digits) -> bool:
    product = 10
    for digit in d[:10]:
        product = ((digit + product) % 10 or 10) * 2 % 11
    return (11 - product) % 10 == d[10]


def turkish(d: Digits) -> bool:
    odd, even = sum(d[0:9:2]), sum(d[1:8:2])
    return d[0] != 0 and (odd * 7 - even) % 10 == d[9] and (odd + even + d[9]) % 10 == d[10]


def verhoeff(d: Digits) -> bool:
    state = 0
    for i, digit in enumerate(reversed(d)):
        for _ in range(i % 8):
            digit = _PERMUTED[digit]
        turned = (state < 5) != (digit < 5)
        state = 5 * turned + (state + digit if state < 5 else state - digit) % 5
    return state == 0


def nir(d: Digits) -> bool:
    return 97 - int("".join(map(str, d[:13]))) % 97 == d[13] * 10 + d[14]


def chinese(d: Digits) -> int:
    total = 0
    for digit in d[:17]:
        total = (total + digit) * 2 % 11
    return (12 - total) % 11


# (length, check, how many digits are check digits), in order; Luhn's sum comes last for all lengths.
SCHEMES: tuple[tuple[int, Callable[[Digits], bool], int], ...] = (
    (9, lambda d: (weighted(d[:8], range(9, 1, -1)) - d[8]) % 11 == 0, 1),
    (9, lambda d: weighted(d, (1, 4, 3, 7, 5, 8, 6, 9, 10)) % 11 == 0, 1),
    (10, lambda d: (11 - weighted(d[:9], range(10, 1, -1)) % 11) % 11 == d[9], 1),
    (11, cpf, 2),
    (11, lambda d: weighted(d, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1)) % 10 == 0, 1),
    (11, iso_11_10, 1),
    (11, turkish, 2),
    (11, lambda d: (weighted(d, (10, *range(1, 21, 2))) - 10) % 89 == 0, 2),
    (12, verhoeff, 1),
    (13, lambda d: (11 - weighted(d[:12], [i % 8 + 2 for i in range(12)]) % 11) % 10 == d[12], 1),
    (14, cnpj, 2),
    (15, nir, 2),
    (18, lambda d: chinese(d) == d[17], 1),
    *((size, luhn, 1) for size in range(9, 20)),
)


def right(check: Callable[[Digits], bool], made: list[int], tail: int) -> bool:
    """Sets the check digits of ``made``; where none will do, the digit before them gives way."""
    for _ in range(10):
        for value in range(10**tail):
            made[-tail:] = [int(sign) for sign in f"{value:0{tail}d}"]
            if check(made):
                return True
        made[-tail - 1] = (made[-tail - 1] + 1) % 10
    return False


def keep_number(value: bytes, masked: bytes) -> bytes:
    """``masked`` with check digits or letter by the scheme that ``value`` is right by."""
    if any(c >= 0x80 for c in value):
        return masked
    places = [i for i, c in enumerate(value) if 48 <= c <= 57]
    letters = [i for i, c in enumerate(value) if chr(c).isalpha()]
    if len(places) > 19:
        return masked
    real, made = [value[i] - 48 for i in places], [masked[i] - 48 for i in places]
    output = bytearray(masked)
    if not letters:
        for size, check, tail in SCHEMES:
            if size == len(real) and check(real) and right(check, made, tail):
                for i, digit in zip(places, made, strict=True):
                    output[i] = 48 + digit
                break
        return bytes(output)
    shape = re.sub(rb"[^A-Za-z0-9]", b"", value).lower()
    last = letters[-1]
    if re.fullmatch(rb"[0-9]{17}x", shape) and chinese(real) == 10:
        number = chinese(made)
        output[last] = value[last] if number == 10 else 48 + number
    elif re.fullmatch(rb"[0-9]{8}[a-z]|[xyz][0-9]{7}[a-z]", shape):
        head = "" if shape[:1].isdigit() else str(shape[0] - ord("x"))
        letter = [DNI[int(head + "".join(map(str, d))) % 23] for d in (real, made)]
        if letter[0].lower() == chr(shape[-1]):
            if head:
                output[letters[0]] = value[letters[0]]
            output[last] = ord(letter[1] if value[last] < 97 else letter[1].lower())
    return bytes(output)


def iban_rest(text: bytes) -> int:
    turned = text[4:] + text[:4]
    return int("".join(str(int(chr(c), 36)) for c in turned)) % 97


def keep_iban(value: bytes, masked: bytes) -> bytes:
    """``masked`` with the country of ``value``, and right check digits where that had them."""
    if any(c >= 0x80 for c in value):
        return masked
    places = [i for i, c in enumerate(value) if chr(c).isalnum()]
    compact = bytes(value[i] for i in places)
    if not re.fullmatch(rb"[A-Za-z]{2}[0-9]{2}[A-Za-z0-9]{8,32}", compact):
        return masked
    output = bytearray(masked)
    output[places[0]], output[places[1]] = value[places[0]], value[places[1]]
    if iban_rest(compact) == 1:
        made = bytes(output[i] for i in places)
        check = 98 - iban_rest(made[:2] + b"00" + made[4:])
        output[places[2]], output[places[3]] = b"%02d" % check
    return bytes(output)


def calling_digits(value: bytes) -> int:
    if not re.match(rb" *\+[1-9]..", value, re.DOTALL):
        return 0
    text = value.lstrip(b" ")[1:4].decode("latin-1")
    if text[0] in "17":
        return 1
    if not ("0" <= text[1] <= "9"):
        return 0
    if text[:2] in CALLING_PAIRS:
        return 2
    return 3 if "0" <= text[2] <= "9" else 0


def keep_calling_code(value: bytes, masked: bytes) -> bytes:
    left = calling_digits(value)
    output = bytearray(masked)
    for i, c in enumerate(value):
        if left and 48 <= c <= 57:
            output[i] = c
            left -= 1
    return bytes(output)
