"""Planted values: how they are made, put into the database, and found again in any disguise.

Every planted value is unique and random enough that six of its characters in a row do not come up
by chance. ``Finder`` looks for such pieces in what a client received: as they are, reversed, in
hexadecimal, base64, UTF-16, as code points, and as the binary forms of numbers and dates.

Ids of sessions and masked UUIDs are random digits of hexadecimal: among them, a shorter piece than
``SURE`` that is made of such digits does come up by chance, so that it has to stand by itself.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import json
import random
import re
import struct
import uuid
from collections.abc import Iterable, Iterator
from decimal import Decimal

import psycopg
from psycopg.types.json import Jsonb

ROWS = 60
WINDOW = 6
SURE = 9
_LETTERS = "bcdfghjkmnpqrstvwxz"
_EPOCH = dt.date(2000, 1, 1)


class Planted:
    """The planted values, made from one seed. ``secret`` are the parts that must not be seen."""

    def __init__(self, seed: int = 20) -> None:
        self._random = random.Random(seed)
        self.texts: list[str] = []
        self.numbers: list[int | Decimal] = []
        self.dates: list[dt.date] = []
        self.bytes: list[bytes] = []
        self.wholes: list[str] = []
        self.people = [self._person(i) for i in range(1, ROWS + 1)]
        self.accounts = [self._account(i) for i in range(1, ROWS + 1)]
        self.holders = [self._holder(i) for i in range(1, ROWS + 1)]

    # ------------------------------------------------------------------ single values

    def word(self, size: int = 10) -> str:
        """A planted word; the first character is a capital nowhere."""
        text = "".join(self._random.choice(_LETTERS) for _ in range(size))
        self.texts.append(text)
        return text

    def email(self) -> str:
        # The masker of e-mail addresses keeps the domain.
        return f"{self.word(13)}@mail.example"

    def phone(self) -> str:
        digits = "".join(self._random.choice("2346789") for _ in range(9))
        text = f"+49 151 {digits[:5]} {digits[5:]}"
        self.wholes += [text, f"{digits[:5]} {digits[5:]}", "49151" + digits]
        return text

    def ssn(self) -> str:
        first = self._random.choice([*range(100, 666), *range(667, 899)])
        text = f"{first}-{self._random.randrange(11, 99)}-{self._random.randrange(1234, 9999)}"
        self.wholes += [text, text.replace("-", ""), text[:9]]
        return text

    def card(self) -> str:
        digits = "4929" + "".join(str(self._random.randrange(10)) for _ in range(11))
        number = digits + _luhn(digits)
        self.texts.append(number[4:13])
        self.wholes.append(number)
        return number

    def iban(self) -> str:
        account = "".join(str(self._random.randrange(10)) for _ in range(10))
        body = "37040044" + account
        check = 98 - int(body + "131400") % 97
        self.texts.append(account[:9])
        return f"DE{check:02d}{body}"

    def name(self) -> str:
        return f"{self.word(8).capitalize()} {self.word(9).capitalize()}"

    def number(self, low: int, high: int) -> int:
        value = self._random.randrange(low, high)
        self.numbers.append(value)
        return value

    def date(self) -> dt.date:
        value = dt.date(1931, 1, 1) + dt.timedelta(days=self._random.randrange(25_000))
        if (value.month, value.day) == (1, 1):
            value += dt.timedelta(days=45)
        self.dates.append(value)
        return value

    def address(self) -> str:
        text = f"{self._random.randrange(81, 99)}.{self._random.randrange(101, 254)}." + ".".join(
            str(self._random.randrange(101, 254)) for _ in range(2)
        )
        self.wholes.append(text)
        return text

    def note(self, email: str, card: str) -> str:
        filler = self._random.choice(["asked for an invoice", "wants to be called back", "complained about delivery"])
        return f"The customer {filler}; write to {email} or charge {card} as agreed in spring."

    # ------------------------------------------------------------------ rows

    def _person(self, number: int) -> tuple[object, ...]:
        choose = self._random.choice
        email = self.email()
        mac = ":".join(f"{self._random.randrange(16, 256):02x}" for _ in range(6))
        self.wholes.append(mac)
        salary = Decimal(self.number(31_000_00, 99_000_00)) / 100
        self.numbers.append(salary)
        return (
            number,
            self.name(),
            email,
            self.phone(),
            self.ssn(),
            self.date(),
            salary,
            f"{self._random.randrange(1, 99)} {self.word(9).capitalize()} Street",
            self.address(),
            mac,
            "$2b$12$" + "".join(choice for _ in range(53) if (choice := choose(_LETTERS))),
            "sk_live_" + self.word(24),
            [self.email(), self.email()],
            Jsonb({"contact": {"email": self.email()}, "ssn": self.ssn(), "visits": number, "name": self.name()}),
            self.note(self.email(), self.card()),
            choose(["DE", "FR", "PL", "ES"]),
            choose(["retail", "trade", "public"]),
            choose(["calm", "busy", "tired"]),
            number % 3 == 0,
            number * 7 % 50,
            [choose(["red", "green", "blue"]), choose(["old", "new"])],
            dt.datetime(2024, 1, 1, tzinfo=dt.UTC) + dt.timedelta(hours=number * 31),
        )

    def _account(self, number: int) -> tuple[object, ...]:
        card = self.card()
        digits = int(self.card())
        self.numbers.append(digits)
        return (
            number,
            number,
            card,
            self.iban(),
            digits,
            "C" + self.word(8).upper(),
            dt.date(2020, 1, 1) + dt.timedelta(days=number),
            self._random.choice(["basic", "plus"]),
        )

    def _holder(self, number: int) -> tuple[object, ...]:
        token = self._random.randbytes(18)
        device = uuid.UUID(bytes=self._random.randbytes(16), version=4)
        self.bytes += [token, device.bytes]
        words = f"{self.word(9)} {self.word(9)}"
        return (
            number,
            f"({self.email()},{self.phone()})",
            [f"({self.email()},{self.phone()})"],
            self.email(),
            token,
            device,
            self.date(),
            words,
            self._random.choice(["home", "office"]),
        )


def plant(connection: psycopg.Connection[tuple[object, ...]], *, seed: int = 20) -> Planted:
    """Fill the tables of ``leaks_schema.sql``."""
    planted = Planted(seed)
    cursor = connection.cursor()

    def rows(table: str, values: Iterable[tuple[object, ...]], casts: str = "") -> None:
        listed = list(values)
        marks = casts or ", ".join(["%s"] * len(listed[0]))
        cursor.executemany(f"INSERT INTO {table} VALUES ({marks})".encode(), listed)

    rows("people", planted.people, "%s,%s,%s,%s,%s,%s,%s,%s,%s,%s,%s,%s,%s,%s,%s,%s,%s,%s::mood,%s,%s,%s,%s")
    rows("accounts", planted.accounts)
    rows("holders", planted.holders, "%s,%s::contact,%s::contact[],%s,%s,%s,%s,to_tsvector('simple',%s),%s")
    rows("products", (_product(n) for n in range(1, 41)))
    rows("orders", (_order(n) for n in range(1, 121)))
    rows("t7", ((n, planted.email(), planted.card(), planted.ssn(), planted.iban(), _word(n), int(planted.card()))
                for n in range(1, ROWS + 1)))  # fmt: skip
    planted.numbers += [row[0] for row in cursor.execute("SELECT c7 FROM t7").fetchall() if isinstance(row[0], int)]
    cursor.executemany("INSERT INTO made VALUES (%s, %s)", [(n, planted.email()) for n in range(1, 31)])
    rows('"Kunden Übersicht"', ((n, planted.email(), 150 + n, _word(n)) for n in range(1, 31)))
    rows("events", ((n, _word(n), planted.email(), json.dumps({"user": {"email": planted.email()}, "n": n}),
                     dt.date(2024 + n % 2, 3, 1 + n % 27)) for n in range(1, 61)))  # fmt: skip
    rows("documents", ((n, f"Report {n}") for n in range(1, 11)))
    rows("letters", ((n, f"Letter {n}", planted.email(), f"Dear {_word(n)}") for n in range(11, 41)))
    rows("items", ((n, f"item {_word(n)}", n * 3) for n in range(1, 31)))
    rows("other.items", ((n, planted.email(), n * 5) for n in range(1, 31)))
    rows("other.people", ((n, f"none {n}", "DE") for n in range(1, 11)))
    rows("vault.people", ((n, _word(n), planted.name()) for n in range(1, 31)))
    rows("tickets", (_ticket(n, planted) for n in range(1, 601)))
    rows("scratch", ((n, _word(n), n, None, None) for n in range(1, 6)))
    for table in ("check", "generated", "when", "body", "rule", "index", "policy"):
        cursor.execute(
            f"INSERT INTO asked_{table} (id, email, label, n) "
            "SELECT id, email, 'row ' || id, 0 FROM people WHERE id < 4".encode()
        )
    for view in ("m_people", "m_clean"):
        cursor.execute(f"REFRESH MATERIALIZED VIEW {view}".encode())
    cursor.execute("ANALYZE")
    return planted


_WORDS = (
    *("alpha", "bravo", "delta", "echo", "hotel", "india", "kilo"),
    *("lima", "mike", "oscar", "papa", "romeo", "sierra", "tango"),
)


def _word(number: int) -> str:
    return f"{_WORDS[number % len(_WORDS)]} {number}"


def _ticket(number: int, planted: Planted) -> tuple[object, ...]:
    """One in thirty mentions somebody, more often than not behind the first two hundred rows."""
    said = f"Order {number} came late, {_word(number)} is not what I wanted."
    if number % 30 == 0:
        said = f"{said} Write to {planted.email()} please, or charge {planted.card()} once more."
    lines = [f"line {number}", f"call {planted.email()}" if number == 511 else "no more"]
    return number, f"Late delivery {number}", said, lines, json.dumps({"n": number}), dt.date(2024, 1, 1 + number % 28)


def _product(number: int) -> tuple[object, ...]:
    return (
        number,
        f"SKU-{number:04d}",
        f"{_WORDS[number % 14].capitalize()} lamp",
        ["light", "desk", "floor"][number % 3],
        Decimal(number * 13 + 95) / 10,
        number * 3 % 17,
        ["sale", "new"][: number % 3],
        number / 8,
        dt.date(2023, 5, 1) + dt.timedelta(days=number),
    )


def _order(number: int) -> tuple[object, ...]:
    return (
        number,
        number % ROWS + 1,
        number % 40 + 1,
        ["open", "paid", "sent"][number % 3],
        Decimal(number * 17) / 4,
        dt.datetime(2024, 6, 1) + dt.timedelta(hours=number * 5),
        number % 5 + 1,
    )


def _luhn(digits: str) -> str:
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return str(-total % 10)


class Finder:
    """Finds planted values, or six characters in a row of them, in bytes."""

    def __init__(self, planted: Planted) -> None:
        self._pieces: dict[bytes, str] = {}
        for text in planted.texts:
            # Digits are everywhere: of them it takes more to be sure.
            for piece in _windows(text, 9 if text.isdigit() else WINDOW):
                self._text(piece, text)
            self._digests(text)
        for text in planted.wholes:
            self._text(text, text)
        for row in planted.people:
            for value in (row[1], row[2], row[4]):
                self._digests(str(value))
        for number in planted.numbers:
            self._number(number)
        for date in planted.dates:
            self._date(date)
        for data in planted.bytes:
            for at in range(len(data) - WINDOW + 1):
                raw = data[at : at + WINDOW]
                self._add(raw, data.hex())
                self._add(raw.hex().encode(), data.hex())
                self._add(str(uuid.UUID(bytes=data[:16].ljust(16))).encode(), data.hex())
            self._base64(data, data.hex())
        self._sizes = {len(piece) for piece in self._pieces}
        self._alone = {piece for piece in self._pieces if len(piece) < SURE and set(piece) <= _HEX}

    def find(self, data: bytes) -> list[str]:
        """What of the planted values stands in ``data``."""
        found = []
        for text in {data, data.lower(), *_code_points(data)}:
            for size in self._sizes:
                for at in range(len(text) - size + 1):
                    piece = text[at : at + size]
                    source = self._pieces.get(piece)
                    if source is not None and not (piece in self._alone and _runs_on(text, at, at + size)):
                        found.append(f"{source} as {piece!r}")
        return found

    def _add(self, piece: bytes, source: str) -> None:
        self._pieces.setdefault(piece, source)

    def _text(self, piece: str, source: str) -> None:
        for form in (piece, piece[::-1]):
            self._add(form.lower().encode(), source)
            self._add(form.encode(), source)
            self._add(form.encode().hex().encode(), source)
            self._add(form.upper().encode().hex().encode(), source)
            self._add(form.encode("utf-16-be"), source)
            self._add(form.encode("utf-16-le"), source)
            self._add(form.translate(_ROT13).encode(), source)
        self._base64(piece.encode(), source)

    def _base64(self, data: bytes, source: str) -> None:
        for shift in range(3):
            encoded = base64.b64encode(b"\0" * shift + data)
            inner = encoded[{0: 0, 1: 2, 2: 3}[shift] : -4]
            if len(inner) >= 6:
                self._add(inner, source)

    def _digests(self, text: str) -> None:
        data = text.encode()
        for digest in (hashlib.md5(data).digest(), hashlib.sha256(data).digest()):
            self._add(digest[:8], f"digest of {text}")
            self._add(digest.hex()[:16].encode(), f"digest of {text}")

    def _number(self, number: int | Decimal) -> None:
        source = str(number)
        self._add(source.encode(), source)
        if isinstance(number, int):
            self._add(f"{number:x}".encode(), source)
            if number > 1 << 31:
                self._add(struct.pack("!q", number), source)
                self._add(str(number)[::-1].encode(), source)
        groups = _base_10000(Decimal(number))
        if len(groups) > 2:
            self._add(b"".join(struct.pack("!H", group) for group in groups), source)
        self._add(struct.pack("!d", float(number)), source)

    def _date(self, date: dt.date) -> None:
        source = str(date)
        days = (date - _EPOCH).days
        forms = ("%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%m-%d-%Y", "%d-%m-%Y", "%Y%m%d", "%d %b %Y")
        for form in forms:
            self._add(format(date, form).lower().encode(), source)
        self._add(b"\0\0\0\4" + struct.pack("!i", days), source)
        self._add(struct.pack("!q", days * 86_400_000_000), source)


_HEX = frozenset(b"0123456789abcdefABCDEF")


def _runs_on(text: bytes, start: int, end: int) -> bool:
    """Whether hexadecimal digits stand directly beside that part of the text."""
    return not _HEX.isdisjoint(text[max(start - 1, 0) : start] + text[end : end + 1])


_CODES = re.compile(rb"\d{2,3}(?:[^0-9]{1,3}\d{2,3}){5,}")
_BINARY_CODES = re.compile(rb"(?:\0\0\0[a-z0-9@.](?:\0\0\0[\x04\x01])?){6,}")


def _code_points(data: bytes) -> Iterator[bytes]:
    """Runs of numbers that may be characters, as those characters."""
    for run in _CODES.findall(data):
        yield bytes(code for code in map(int, re.findall(rb"\d+", run)) if code < 128).lower()
    for run in _BINARY_CODES.findall(data):
        yield re.sub(rb"[^a-z0-9@.]", b"", run)


_ROT13 = str.maketrans("abcdefghijklmnopqrstuvwxyz", "nopqrstuvwxyzabcdefghijklm")


def _windows(text: str, size: int) -> Iterator[str]:
    for at in range(len(text) - size + 1):
        yield text[at : at + size]


def _base_10000(value: Decimal) -> list[int]:
    whole, _, fraction = f"{value:f}".partition(".")
    whole = whole.rjust(-(-len(whole) // 4) * 4, "0")
    fraction = fraction.ljust(-(-len(fraction) // 4) * 4, "0")
    return [int(group) for group in re.findall("....", whole + fraction)]
