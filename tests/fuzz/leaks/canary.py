"""Planted values: unique, random, and remembered in pieces that do not come up by chance.

What a masker may show by design (the domain of an address, the last four digits of a card, the
year of a birth date) is not part of any piece.
"""

from __future__ import annotations

import datetime as dt
import random
import uuid
from dataclasses import dataclass, field
from decimal import Decimal

# No vowels, no y: such words are in no language, in no masker's lists, and in no name of the server's.
LETTERS = "bcdfghjkmnpqrstvwxz"


@dataclass(slots=True)
class Secrets:
    """What must not be seen, by how it is recognised."""

    words: list[str] = field(default_factory=list)  # runs of LETTERS: any six in a row are a leak
    digits: list[str] = field(default_factory=list)  # digits that mean something as a whole
    numbers: list[int | Decimal] = field(default_factory=list)
    dates: list[dt.date] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)  # any six bytes in a row are a leak
    wholes: list[str] = field(default_factory=list)  # told apart only as a whole
    hashed: list[str] = field(default_factory=list)  # guessable: their unkeyed digests are leaks too


class Canaries:
    """Makes values of one kind after the other; the same for the same source of randomness."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self.secrets = Secrets()
        # Masked dates are shifted by up to half a year: no two planted ones are that near.
        self._years = chance.sample(range(1204, 1896, 2), 300)

    def word(self, size: int = 9) -> str:
        text = "".join(self._chance.choices(LETTERS, k=size))
        self.secrets.words.append(text)
        return text

    def email(self) -> str:
        return self._hashed(f"{self.word(11)}@mail.example")

    def name(self) -> str:
        return self._hashed(f"{self.word(8).capitalize()} {self.word(8).capitalize()}")

    def phone(self) -> str:
        digits = "".join(self._chance.choices("2346789", k=9))
        self.secrets.digits.append(digits)
        return f"+49 151 {digits[:5]} {digits[5:]}"

    def ssn(self) -> str:
        first = self._chance.choice([*range(101, 666), *range(667, 899)])
        text = f"{first}-{self._chance.randrange(11, 99)}-{self._chance.randrange(1234, 9999)}"
        self.secrets.digits.append(text.replace("-", ""))
        return self._hashed(text)

    def card(self) -> str:
        digits = "4929" + "".join(str(self._chance.randrange(10)) for _ in range(11))
        total = 0
        for place, digit in enumerate(reversed(digits)):
            value = int(digit) * (2 if place % 2 == 0 else 1)
            total += value - 9 if value > 9 else value
        self.secrets.digits.append(digits[4:13])
        return f"{digits}{-total % 10}"

    def iban(self) -> str:
        account = "".join(str(self._chance.randrange(10)) for _ in range(10))
        check = 98 - int(f"37040044{account}131400") % 97
        self.secrets.digits.append(account[:9])
        return f"DE{check:02d}37040044{account}"

    def token(self) -> str:
        return f"sk_live_{self.word(24)}"

    def sentence(self) -> str:
        return f"{self.word(8)} {self.word(7)} {self.word(10)}"

    def integer(self) -> int:
        """Fits int4; nothing of the server's has this size."""
        return self._number(self._chance.randrange(500_000_003, 999_999_999))

    def bigint(self) -> int:
        return self._number(self._chance.randrange(3 * 10**14, 9 * 10**14))

    def decimal(self) -> Decimal:
        value = Decimal(self._chance.randrange(31_000_0001, 99_000_0001)) / 10_000
        self.secrets.numbers.append(value)
        return value

    def date(self) -> dt.date:
        value = dt.date(self._years.pop(), self._chance.randrange(2, 12), self._chance.randrange(2, 28))
        self.secrets.dates.append(value)
        return value

    def data(self) -> bytes:
        value = self._chance.randbytes(14)
        self.secrets.raw.append(value)
        return value

    def identifier(self) -> uuid.UUID:
        value = uuid.UUID(bytes=self._chance.randbytes(16), version=4)
        self.secrets.raw.append(value.bytes)
        return value

    def address(self) -> str:
        text = ".".join(str(self._chance.randrange(101, 254)) for _ in range(4))
        self.secrets.wholes.append(text)
        self.secrets.wholes.append(bytes(int(part) for part in text.split(".")).hex())
        return text

    def hardware(self) -> str:
        text = ":".join(f"{self._chance.randrange(16, 256):02x}" for _ in range(6))
        self.secrets.wholes += [text, text.replace(":", "")]
        return text

    def _number(self, value: int) -> int:
        self.secrets.numbers.append(value)
        return value

    def _hashed(self, text: str) -> str:
        self.secrets.hashed.append(text)
        return text
