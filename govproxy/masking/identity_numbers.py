"""Numbers that states give to people: checks of one value each, by the issuers' published rules.

Only numbers that can tell themselves from chance stand here, by check digits or a strict shape. Used
on samples in the control process; see ``masking.checks``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType

from govproxy.masking.checks import digits_of, luhn


def _weighted(digits: str, weights: tuple[int, ...]) -> int:
    return sum(int(char) * weight for char, weight in zip(digits, weights, strict=False))


def is_cpf(text: str) -> bool:
    """Brazil: two mod 11 digits."""
    digits = digits_of(text, " .-")
    if len(digits) != 11 or len(set(digits)) == 1:
        return False
    first = _weighted(digits, tuple(range(10, 1, -1))) * 10 % 11 % 10
    second = _weighted(digits, tuple(range(11, 1, -1))) * 10 % 11 % 10
    return digits[9:] == f"{first}{second}"


def is_pesel(text: str) -> bool:
    """Poland: birth date and a mod 10 digit."""
    if len(text) != 11 or not text.isascii() or not text.isdigit():
        return False
    month, day = int(text[2:4]) % 20, int(text[4:6])
    check = -_weighted(text, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3)) % 10
    return 1 <= month <= 12 and 1 <= day <= 31 and check == int(text[10])


def is_bsn(text: str) -> bool:
    """Netherlands: the eleven test over nine digits."""
    digits = digits_of(text, " .-")
    return len(digits) == 9 and digits != "0" * 9 and _weighted(digits, (9, 8, 7, 6, 5, 4, 3, 2, -1)) % 11 == 0


def is_sin(text: str) -> bool:
    """Canada: nine digits, Luhn, no leading 0 or 8."""
    digits = digits_of(text)
    return len(digits) == 9 and digits[0] not in "08" and luhn(digits)


_VERHOEFF_D = tuple(
    tuple(
        (a + b) % 5 if a < 5 and b < 5 else (a - b) % 5 + (5 if b < 5 else 0) if a >= 5 else (a + b) % 5 + 5
        for b in range(10)
    )
    for a in range(10)
)
_VERHOEFF_P = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)


def is_aadhaar(text: str) -> bool:
    """India: twelve digits, Verhoeff, not starting with 0 or 1."""
    digits = digits_of(text)
    if len(digits) != 12 or digits[0] in "01":
        return False
    state = 0
    for place, char in enumerate(reversed(digits)):
        value = int(char)
        for _ in range(place % 8):
            value = _VERHOEFF_P[value]
        state = _VERHOEFF_D[state][value]
    return state == 0


def is_german_tax_id(text: str) -> bool:
    """Germany: eleven digits, ISO 7064 mod 11,10."""
    digits = digits_of(text)
    if len(digits) != 11 or digits[0] == "0":
        return False
    product = 10
    for char in digits[:10]:
        total = (int(char) + product) % 10 or 10
        product = total * 2 % 11
    return (11 - product) % 10 == int(digits[10])


def is_dni(text: str) -> bool:
    """Spain: DNI and NIE with their letter."""
    match = re.fullmatch(r"([XYZxyz]?)-?(\d{7,8})-?([A-Za-z])", text.replace(".", ""))
    if match is None or len(match.group(1)) + len(match.group(2)) != 8:
        return False
    number = int({"": "", "X": "0", "Y": "1", "Z": "2"}[match.group(1).upper()] + match.group(2))
    return "TRWAGMYFPDXBNJZSQVHLCKE"[number % 23] == match.group(3).upper()


_CF_ODD = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23)


def is_codice_fiscale(text: str) -> bool:
    """Italy: sixteen characters with a check letter."""
    code = text.upper()
    if not re.fullmatch(
        r"[A-Z]{6}[0-9LMNPQRSTUV]{2}[ABCDEHLMPRST][0-9LMNPQRSTUV]{2}[A-Z][0-9LMNPQRSTUV]{3}[A-Z]", code
    ):
        return False
    total = 0
    for place, char in enumerate(code[:15]):
        value = int(char) if char.isdigit() else ord(char) - 65
        total += value if place % 2 else _CF_ODD[value]
    return chr(65 + total % 26) == code[15]


def is_nir(text: str) -> bool:
    """France: thirteen digits (Corsica 2A, 2B) and a mod 97 key."""
    compact = text.replace(" ", "").upper()
    if not re.fullmatch(r"[1-478]\d{4}(?:\d\d|2[AB])\d{8}", compact):
        return False
    number = int(compact[:13].replace("2A", "19").replace("2B", "18"))
    return 97 - number % 97 == int(compact[13:])


def is_nino(text: str) -> bool:
    """United Kingdom: two letters, six digits, A to D."""
    return (
        re.fullmatch(
            r"(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D]", text.upper()
        )
        is not None
    )


def is_chinese_id(text: str) -> bool:
    """China: eighteen characters, birth date, ISO 7064 mod 11-2."""
    if not re.fullmatch(r"[1-9]\d{5}(?:18|19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[0-9Xx]", text):
        return False
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    return "10X98765432"[_weighted(text[:17], weights) % 11] == text[17].upper()


def is_curp(text: str) -> bool:
    """Mexico: eighteen characters, by shape and birth date."""
    return (
        re.fullmatch(
            r"[A-Z]{4}\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])[HMX][A-Z]{2}[B-DF-HJ-NP-TV-Z]{3}[0-9A-Z]\d",
            text.upper(),
        )
        is not None
    )


def is_personnummer(text: str) -> bool:
    """Sweden: birth date and Luhn over the last ten digits."""
    match = re.fullmatch(
        r"(?:18|19|20)?(\d{2})(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01]|6[1-9]|[78]\d|9[01])[-+]?(\d{4})", text
    )
    return match is not None and luhn("".join(match.groups()))


def is_indian_pan(text: str) -> bool:
    """India: five letters (the fourth a holder's kind), four digits, a letter."""
    return re.fullmatch(r"[A-Z]{3}[ABCFGHLJPT][A-Z]\d{4}[A-Z]", text) is not None


def is_hetu(text: str) -> bool:
    """Finland: birth date, a sign for the century, serial, mod 31 character."""
    match = re.fullmatch(r"(\d{2})(\d{2})(\d{2})[-+A-FU-Y](\d{3})([0-9A-FHJ-NPR-Y])", text)
    if match is None or not _is_day(int(match.group(1)), int(match.group(2))):
        return False
    return "0123456789ABCDEFHJKLMNPRSTUVWXY"[int("".join(match.groups()[:4])) % 31] == match.group(5)


def _is_day(day: int, month: int) -> bool:
    return 1 <= day <= 31 and 1 <= month <= 12


def is_south_african_id(text: str) -> bool:
    """South Africa: birth date, citizenship digit, Luhn over thirteen."""
    digits = digits_of(text, " ")
    return len(digits) == 13 and _is_day(int(digits[4:6]), int(digits[2:4])) and digits[10] in "012" and luhn(digits)


def is_turkish_id(text: str) -> bool:
    """Turkey: eleven digits, the last two computed."""
    if len(text) != 11 or not text.isascii() or not text.isdigit() or text[0] == "0":
        return False
    n = [int(char) for char in text]
    return (sum(n[0:9:2]) * 7 - sum(n[1:8:2])) % 10 == n[9] and sum(n[:10]) % 10 == n[10]


def is_korean_rrn(text: str) -> bool:
    """South Korea: birth date, dash, century digit and six more (no check digit on those since 2020)."""
    match = re.fullmatch(r"\d{2}(\d{2})(\d{2})-[1-8]\d{6}", text)
    return match is not None and _is_day(int(match.group(2)), int(match.group(1)))


def is_nric(text: str) -> bool:
    """Singapore: NRIC and FIN with their check letters."""
    match = re.fullmatch(r"([STFGM])(\d{7})([A-Z])", text.upper())
    if match is None:
        return False
    lead, digits, check = match.groups()
    total = _weighted(digits, (2, 7, 6, 5, 4, 3, 2)) + {"T": 4, "G": 4, "M": 3}.get(lead, 0)
    letters = {"S": "JZIHGFEDCBA", "T": "JZIHGFEDCBA", "M": "KLJNPQRTUWX"}.get(lead, "XWUTRQPNMLK")
    return letters[(10 - total % 11) if lead == "M" else total % 11] == check


def is_tfn(text: str) -> bool:
    """Australia: tax file number of nine digits, mod 11."""
    digits = digits_of(text, " ")
    return len(digits) == 9 and digits != "0" * 9 and _weighted(digits, (1, 4, 3, 7, 5, 8, 6, 9, 10)) % 11 == 0


def is_norwegian_id(text: str) -> bool:
    """Norway: birth date (D numbers too), two mod 11 digits."""
    digits = digits_of(text, " ")
    if len(digits) != 11 or not _is_day(int(digits[:2]) % 40, int(digits[2:4]) % 40):
        return False
    first = -_weighted(digits, (3, 7, 6, 1, 8, 9, 4, 5, 2)) % 11
    second = -_weighted(digits, (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11
    return first == int(digits[9]) and second == int(digits[10])


def is_danish_cpr(text: str) -> bool:
    """Denmark: birth date, dash, four digits (the check digit is no longer used)."""
    match = re.fullmatch(r"(\d{2})(\d{2})\d{2}-\d{4}", text)
    return match is not None and _is_day(int(match.group(1)), int(match.group(2)))


def is_belgian_number(text: str) -> bool:
    """Belgium: birth date, serial, 97 minus the rest; with a 2 before for those born after 1999."""
    digits = digits_of(text, " .-")
    if len(digits) != 11 or not 0 <= int(digits[2:4]) % 20 <= 12:
        return False
    return int(digits[9:]) in (97 - int(digits[:9]) % 97, 97 - int("2" + digits[:9]) % 97)


def is_portuguese_nif(text: str) -> bool:
    """Portugal: nine digits of a person, mod 11."""
    digits = digits_of(text, " ")
    if len(digits) != 9 or digits[0] not in "123":
        return False
    rest = _weighted(digits, (9, 8, 7, 6, 5, 4, 3, 2)) % 11
    return int(digits[8]) == (0 if rest < 2 else 11 - rest)


def is_ahv(text: str) -> bool:
    """Switzerland: 756, thirteen digits, the check digit of EAN."""
    digits = digits_of(text, " .")
    return len(digits) == 13 and digits.startswith("756") and _weighted(digits, (1, 3) * 6 + (1,)) % 10 == 0


def is_romanian_cnp(text: str) -> bool:
    """Romania: sex and century, birth date, mod 11 over thirteen digits."""
    if len(text) != 13 or not text.isascii() or not text.isdigit() or not _is_day(int(text[5:7]), int(text[3:5])):
        return False
    rest = _weighted(text, (2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9)) % 11
    return text[0] != "0" and int(text[12]) == (1 if rest == 10 else rest)


def is_rut(text: str) -> bool:
    """Chile: seven or eight digits, dash, mod 11 digit or K."""
    match = re.fullmatch(r"(\d{7,8})-([0-9Kk])", text.replace(".", ""))
    if match is None:
        return False
    total = sum(int(char) * (2 + place % 6) for place, char in enumerate(reversed(match.group(1))))
    return "0123456789K0"[11 - total % 11] == match.group(2).upper()


def is_nhs_number(text: str) -> bool:
    """United Kingdom: ten digits, mod 11."""
    digits = digits_of(text)
    if len(digits) != 10 or digits == "0" * 10:
        return False
    return (11 - _weighted(digits, (10, 9, 8, 7, 6, 5, 4, 3, 2)) % 11) % 11 == int(digits[9])


def is_npi(text: str) -> bool:
    """United States, health care providers: ten digits, Luhn behind 80840."""
    return len(text) == 10 and text.isascii() and text.isdigit() and text[0] in "12" and luhn("80840" + text)


def is_dea(text: str) -> bool:
    """United States, prescribers: two letters, seven digits, the last computed."""
    if not re.fullmatch(r"[A-HJ-MP-UX][A-Z9]\d{7}", text):
        return False
    n = [int(char) for char in text[2:]]
    return (n[0] + n[2] + n[4] + 2 * (n[1] + n[3] + n[5])) % 10 == n[6]


def is_cnpj(text: str) -> bool:
    """Brazil, firms and people who trade alone: twelve digits, from 2026 on letters as well, and two mod 11 digits."""
    bare = text.upper().translate({ord(sign): None for sign in " ./-"})
    if (
        re.fullmatch(r"[0-9A-Z]{12}[0-9]{2}", bare) is None
        or not any(map(str.isdigit, bare[:12]))
        or len(set(bare)) == 1
    ):
        return False
    for size in (12, 13):
        rest = sum((ord(sign) - 48) * (2 + place % 8) for place, sign in enumerate(reversed(bare[:size]))) % 11
        if int(bare[size]) != (0 if rest < 2 else 11 - rest):
            return False
    return True


def is_abn(text: str) -> bool:
    """Australia, businesses and people who trade alone: eleven digits, mod 89."""
    digits = digits_of(text, " ")
    if len(digits) != 11 or digits[0] == "0":
        return False
    return (_weighted(digits, (10, *range(1, 21, 2))) - 10) % 89 == 0


def is_australian_medicare(text: str) -> bool:
    """Australia: eight digits, a mod 10 digit, the card's issue, perhaps the person's place on it."""
    digits = digits_of(text, " -/")
    if len(digits) not in (10, 11) or digits[0] not in "23456" or digits[9] == "0":
        return False
    return _weighted(digits[:8], (1, 3, 7, 9, 1, 3, 7, 9)) % 10 == int(digits[8])


def is_mbi(text: str) -> bool:
    """United States, Medicare beneficiaries: eleven characters, each of its own kind, without S, L, O, I, B, Z."""
    letter, either = "[AC-HJKMNP-RT-Y]", "[0-9AC-HJKMNP-RT-Y]"
    shape = f"[1-9]{letter}{either}[0-9]-?{letter}{either}[0-9]-?{letter}{{2}}[0-9]{{2}}"
    return re.fullmatch(shape, text.upper()) is not None


# Numbers of health care, kept apart: another class.
HEALTH: Mapping[str, Callable[[str], bool]] = MappingProxyType(
    {"NHS number": is_nhs_number, "NPI": is_npi, "DEA number": is_dea}
)

INSURANCE: Mapping[str, Callable[[str], bool]] = MappingProxyType(
    {"Australian Medicare number": is_australian_medicare, "Medicare beneficiary id": is_mbi}
)

# Numbers of businesses that single people have as well.
TRADERS: Mapping[str, Callable[[str], bool]] = MappingProxyType({"Brazilian CNPJ": is_cnpj, "Australian ABN": is_abn})

# So long, or with so much besides digits, that chance does not make a column of them.
UNMISTAKABLE = frozenset(
    {
        "Italian codice fiscale",
        "French NIR",
        "Chinese identity number",
        "Mexican CURP",
        "Korean RRN",
        "Finnish identity code",
        "Brazilian CNPJ",
        "Australian ABN",
        "Medicare beneficiary id",
    }
)

NATIONAL: Mapping[str, Callable[[str], bool]] = MappingProxyType(
    {
        "Brazilian CPF": is_cpf,
        "Polish PESEL": is_pesel,
        "Dutch BSN": is_bsn,
        "Canadian SIN": is_sin,
        "Indian Aadhaar": is_aadhaar,
        "German tax id": is_german_tax_id,
        "Spanish DNI or NIE": is_dni,
        "Italian codice fiscale": is_codice_fiscale,
        "French NIR": is_nir,
        "UK National Insurance number": is_nino,
        "Chinese identity number": is_chinese_id,
        "Mexican CURP": is_curp,
        "Swedish personnummer": is_personnummer,
        "Indian PAN": is_indian_pan,
        "Finnish identity code": is_hetu,
        "South African id": is_south_african_id,
        "Turkish id": is_turkish_id,
        "Korean RRN": is_korean_rrn,
        "Singapore NRIC": is_nric,
        "Australian TFN": is_tfn,
        "Norwegian id": is_norwegian_id,
        "Danish CPR": is_danish_cpr,
        "Belgian national number": is_belgian_number,
        "Portuguese NIF": is_portuguese_nif,
        "Swiss AHV": is_ahv,
        "Romanian CNP": is_romanian_cnp,
        "Chilean RUT": is_rut,
    }
)
