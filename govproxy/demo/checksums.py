"""Check digits for made-up card and account numbers, so that they look like what they stand for."""

from __future__ import annotations

import random
import string

# Bank identifiers that no bank has; country, length of the rest.
_BANKS = (("DE", "00000000", 10), ("GB", "XXXX000000", 8), ("NL", "XXXX", 10), ("ES", "00000000", 12))


def luhn_complete(digits: str) -> str:
    """``digits`` with the check digit of ISO/IEC 7812-1 appended."""
    total = 0
    for position, sign in enumerate(reversed(digits)):
        value = int(sign) * (2 if position % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return digits + str(-total % 10)


def luhn_valid(digits: str) -> bool:
    """True when the last digit is the check digit of the others."""
    return len(digits) > 1 and luhn_complete(digits[:-1]) == digits


def iban(chance: random.Random) -> str:
    """An account number with the check digits of ISO 13616."""
    country, bank, length = chance.choice(_BANKS)
    account = bank + "".join(chance.choices(string.digits, k=length))
    return f"{country}{98 - _modulus(account + country + '00'):02d}{account}"


def iban_valid(text: str) -> bool:
    """True when the check digits fit."""
    return len(text) > 4 and _modulus(text[4:] + text[:4]) == 1


def _modulus(text: str) -> int:
    return int("".join(str(int(sign, 36)) for sign in text)) % 97
