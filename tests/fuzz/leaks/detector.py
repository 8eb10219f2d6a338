"""Finds planted values in what a client received, in every disguise it knows.

Works in two steps: ``_unwrap`` turns bytes into all the bytes they may stand for (hex, base64,
code points, escapes ...), one inside the other; ``_scan`` looks for pieces of planted values in
each. Values that come in parts are joined over columns, rows and messages beforehand.

A piece that was seen is a sighting, and no find yet: short ones come up by chance among random
digits. ``evidence`` says which sightings are enough.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import itertools
import math
import re
import struct
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from urllib.parse import unquote_to_bytes

from govproxy.wire.backend import Backend
from tests.fuzz.leaks.canary import LETTERS, Secrets
from tests.support.raw_session import Answer

WINDOW = 6
_EPOCH = dt.date(2000, 1, 1)
_DEPTH = 2  # encodings inside encodings
_LONGEST = 200_000

_WORD = re.compile(rb"[%b]{6,}" % LETTERS.encode())
_RUN = re.compile(rb"[a-z]{8,}")
_DIGITS = re.compile(rb"\d{7,}")
_DATE = re.compile(rb"\d{4}[./-]?\d\d[./-]?\d\d|\d\d[./-]?\d\d[./-]?\d{4}")
_SPACED = re.compile(rb"\d(?:[ .,:/_-]?\d){6,}")
_HEX = re.compile(rb"[0-9a-f]{12,}", re.IGNORECASE)
_HEX_SPACED = re.compile(rb"[0-9a-f]{2}(?:[ :,.-][0-9a-f]{2}){5,}", re.IGNORECASE)
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{8,}")
_ESCAPED = re.compile(rb"(?:\\u00|%|=|\\x|&#x)([0-9a-f]{2});?", re.IGNORECASE)
_OCTAL = re.compile(rb"\\([0-3][0-7]{2})")
_CODES = re.compile(rb"\d{2,3}(?:[^0-9]{1,3}\d{2,3}){5,}")
_WIDE = re.compile(rb"(?:\0[\x20-\x7e]|[\x20-\x7e]\0){6,}")
_BINARY_CODES = re.compile(rb"(?:\0\0\0[\x20-\x7e](?:\0\0\0[\x04\x01])?){6,}")
_SPLIT = re.compile(rb"[a-z0-9](?:[^a-z0-9]{1,4}[a-z0-9]){7,}", re.IGNORECASE)
_NOT_TEXT = re.compile(rb"[^\t\n\r\x20-\x7e]")
_SPACE = re.compile(rb"\s+")


# What a digit, a letter of planted words and a byte tell, in bits.
_DIGIT, _LETTER, _BYTE = math.log2(10), math.log2(len(LETTERS)), 8.0
# At least, in a telephone number; in other numbers of nine digits, an address of four figures; in a hardware address.
_PHONE, _NUMBER, _HARDWARE = 25.0, 29.0, 40.0


class Kind(StrEnum):
    """Pieces are looked up among those of their kind."""

    WORD = "word"
    SHIFTED = "shifted"
    DIGITS = "digits"
    DATE = "date"
    WHOLE = "whole"
    RAW = "raw"


Group = tuple[Kind, int]  # what is looked up together: pieces of one kind and one size


@dataclass(frozen=True, slots=True)
class Piece:
    """What a form of a planted value is: whose, all of it, and how many random bits the value had."""

    source: str
    form: bytes
    bits: float


@dataclass(frozen=True, slots=True)
class Sighting:
    """A piece of a planted value, known by its ``form``, and what it was ``shown`` in.

    An independent text holds it in one place with a chance of 2 ** -bits.
    """

    source: str
    kind: Kind
    form: bytes
    shown: str
    bits: float

    @property
    def group(self) -> Group:
        """Among what it was looked up."""
        return group_of(self.kind, self.form)


@dataclass(frozen=True, slots=True)
class Looked:
    """What was seen, and in how many places it was looked for, of each kind and size."""

    sightings: tuple[Sighting, ...]
    tries: Mapping[Group, int]


class Detector:
    """Looks for one set of secrets."""

    def __init__(self, secrets: Secrets) -> None:
        self._pieces: dict[Kind, dict[bytes, Piece]] = {kind: {} for kind in Kind}
        for word in secrets.words:
            self._word(word.lower())
        for digits in secrets.digits:
            # Longer ones begin with a country or a bank.
            self._add_digits(digits, digits, _PHONE if set(digits) <= set("2346789") else _NUMBER)
        for number in secrets.numbers:
            self._number(number)
        # Whoever writes days of that time by chance hits a planted one as often as there are days in it.
        days = (max(secrets.dates) - min(secrets.dates)).days + 1 if secrets.dates else 1
        for date in secrets.dates:
            self._date(date, math.log2(days))
        for data in secrets.raw:
            for at in range(len(data) - WINDOW + 1):
                self._add(Kind.RAW, data[at : at + WINDOW], Piece(data.hex(), data, WINDOW * _BYTE))
        for whole in secrets.wholes:
            for form in (whole.lower(), whole.lower()[::-1]):
                self._add(Kind.WHOLE, form.encode(), Piece(whole, form.encode(), _bits_of(whole)))
        for text in secrets.hashed:
            for shape in {text, text.lower()}:
                for digest in (hashlib.md5(shape.encode()).digest(), hashlib.sha256(shape.encode()).digest()):
                    piece = Piece(f"digest of {text}", digest, WINDOW * _BYTE)
                    self._add(Kind.RAW, digest[:WINDOW], piece)
        self._sizes = {kind: sorted({len(form) for form in pieces}) for kind, pieces in self._pieces.items()}
        # One search for all wholes; there are few of them.
        wholes = self._pieces[Kind.WHOLE]
        self._whole = re.compile(b"|".join(map(re.escape, wholes))) if wholes else None
        self._seen: dict[bytes, Looked] = {}
        self._tries: Counter[Group] = Counter()
        # How many pieces would be recognised.
        self.forms: Mapping[Group, int] = Counter(
            group_of(kind, form) for kind, pieces in self._pieces.items() for form in pieces
        )

    # ------------------------------------------------------------------ looking

    def look(self, answers: Sequence[Answer]) -> tuple[list[Looked], list[Looked]]:
        """What of the planted values these answers show: each message, and what comes of joining them."""
        return [self.find(view) for view in _messages(answers)], [self.find(view) for view in _joined(answers)]

    def find(self, data: bytes) -> Looked:
        """What of the planted values ``data`` shows."""
        known = self._seen.get(data)
        if known is None:
            if len(self._seen) > 20_000:
                self._seen.clear()
            self._tries = Counter()
            found = tuple(dict.fromkeys(self._deep(data[:_LONGEST], _DEPTH)))
            known = self._seen[data] = Looked(found, self._tries)
        return known

    def _deep(self, data: bytes, depth: int) -> Iterator[Sighting]:
        yield from self._scan(data)
        if depth:
            for inner in set(_unwrap(data)) - {data}:
                yield from self._deep(inner, depth - 1)

    def _scan(self, data: bytes) -> Iterator[Sighting]:
        text = data.lower()
        for run in _WORD.findall(text):
            yield from self._windows(Kind.WORD, run, WINDOW, run, _LETTER)
        for run in _RUN.findall(text):
            yield from self._windows(Kind.SHIFTED, _differences(run), 7, run, _LETTER)
        for run in {*_DIGITS.findall(text), *(re.sub(rb"\D", b"", run) for run in _SPACED.findall(text))}:
            for size in self._sizes[Kind.DIGITS]:
                yield from self._windows(Kind.DIGITS, run, size, run)
        for shown in _DATE.findall(text):
            digits = re.sub(rb"\D", b"", shown)
            yield from self._windows(Kind.DATE, digits, len(digits), shown)
        if self._whole is not None:
            self._tries[Kind.WHOLE, 0] += len(text)
            for found in self._whole.findall(text):
                piece = self._pieces[Kind.WHOLE][found]
                yield Sighting(piece.source, Kind.WHOLE, found, _cut(found), piece.bits)
        if _NOT_TEXT.search(data):
            for size in self._sizes[Kind.RAW]:
                yield from self._windows(Kind.RAW, data, size, None, _BYTE)

    def _windows(
        self, kind: Kind, run: bytes, size: int, shown: bytes | None, symbol: float = 0.0
    ) -> Iterator[Sighting]:
        """Sightings in each stretch of that size; what goes on like the value tells ``symbol`` more with each place."""
        pieces = self._pieces[kind]
        self._tries[kind, size] += max(0, len(run) - size + 1)
        for at in range(len(run) - size + 1):
            if (piece := pieces.get(run[at : at + size])) is not None:
                end = at + size
                while symbol and end < len(run) and run[at : end + 1] in piece.form:
                    end += 1
                told = f"bytes {run[at:end].hex()}" if shown is None else _cut(shown)
                yield Sighting(piece.source, kind, run[at : at + size], told, piece.bits + (end - at - size) * symbol)

    # ------------------------------------------------------------------ learning

    def _add(self, kind: Kind, form: bytes, piece: Piece) -> None:
        """Of two values with the same piece, the one that tells less."""
        known = self._pieces[kind].get(form)
        if known is None or piece.bits < known.bits:
            self._pieces[kind][form] = piece

    def _word(self, word: str) -> None:
        for text in (word, word[::-1]):
            form = text.encode()
            for at in range(len(form) - WINDOW + 1):
                self._add(Kind.WORD, form[at : at + WINDOW], Piece(word, form, WINDOW * _LETTER))
            # Seven differences come of eight letters, of which the first may be any.
            steps = _differences(form)
            for at in range(len(steps) - 6):
                self._add(Kind.SHIFTED, steps[at : at + 7], Piece(f"{word} with shifted letters", steps, 7 * _LETTER))

    def _add_digits(self, digits: str, source: str, bits: float) -> None:
        for form in (digits.encode(), digits[::-1].encode()):
            self._add(Kind.DIGITS, form, Piece(source, form, min(bits, len(form) * _DIGIT)))

    def _number(self, number: int | Decimal) -> None:
        source = str(number)
        # Of the first digit little is free, and of the sixteen of a card eleven are.
        bits = min(len(re.sub(r"\D", "", source)) - 1, 11) * _DIGIT + 1

        def raw(form: bytes) -> None:
            self._add(Kind.RAW, form, Piece(source, form, bits))

        for value in (number, number + 1, number * 2, number - 1):
            digits = re.sub(r"\D", "", str(value)).lstrip("0").rstrip("0") or "0"
            if len(digits) >= 7:
                self._add_digits(digits, source, bits)
            for signed in (value, -value):
                raw(struct.pack("!d", float(signed)))
                if isinstance(signed, int) or signed == signed.to_integral_value():
                    whole = int(signed)
                    if abs(whole) >= 1 << 31:
                        raw(struct.pack("!q", whole))
                    elif abs(whole) > 400_000_000:
                        raw(b"\0\0\0\4" + struct.pack("!i", whole))
        groups = _base_10000(Decimal(number))
        if len(groups) > 2:
            raw(b"".join(struct.pack("!H", group) for group in groups))
        if isinstance(number, int):
            form = f"{number:x}".encode()
            self._add(Kind.WHOLE, form, Piece(source, form, bits))

    def _date(self, date: dt.date, bits: float) -> None:
        source, days = str(date), (date - _EPOCH).days
        for form in (f"{date:%Y%m%d}", f"{date:%d%m%Y}", f"{date:%m%d%Y}"):
            digits = form.rjust(8, "0").encode()
            self._add(Kind.DATE, digits, Piece(source, digits, bits))
        for raw in (b"\0\0\0\4" + struct.pack("!i", days), struct.pack("!q", days * 86_400_000_000)):
            self._add(Kind.RAW, raw, Piece(source, raw, bits))


def group_of(kind: Kind, form: bytes) -> Group:
    """Wholes are looked up all at once."""
    return kind, 0 if kind is Kind.WHOLE else len(form)


def _messages(answers: Sequence[Answer]) -> Iterator[bytes]:
    """Each message, without what is no text of it."""
    for answer in answers:
        for message in answer.messages:
            match message.kind:
                case Backend.DATA_ROW:
                    yield message.body[2:]
                case Backend.ERROR_RESPONSE | Backend.NOTICE_RESPONSE:
                    yield from (part[1:] for part in message.body.split(b"\0") if part)
                case _:
                    yield message.body


def _joined(answers: Sequence[Answer]) -> Iterator[bytes]:
    """What comes of joining cells along rows, columns and everything."""
    everything: list[bytes] = []
    for answer in answers:
        for message in answer.messages:
            if message.kind in (Backend.ERROR_RESPONSE, Backend.NOTICE_RESPONSE):
                everything += [part[1:] for part in message.body.split(b"\0") if part]
        rows = answer.rows
        for row in rows:
            cells = [cell for cell in row if cell]
            everything += cells
            yield b"".join(cells)
        for place in range(max(map(len, rows), default=0)):
            cells = [row[place] or b"" for row in rows if place < len(row)]
            if len(cells) > 2:
                yield b"".join(cells)
                short = [cell[-1:] for cell in cells]
                yield b"".join(short)
                yield b"".join(reversed(short))
                yield b",".join(cells)
    yield b"".join(cell for cell in everything if len(cell) <= 4)


def _unwrap(data: bytes) -> Iterator[bytes]:
    """What the bytes may stand for."""
    tight = _SPACE.sub(b"", data) if _SPACE.search(data) else data
    for text in {data, tight}:
        for run in _HEX.findall(text):
            for start in (0, 1):
                even = run[start : start + (len(run) - start) // 2 * 2]
                yield bytes.fromhex(even.decode())
        for run in _BASE64.findall(text):
            plain = run.replace(b"-", b"+").replace(b"_", b"/")
            for start in range(4):
                piece = plain[start : start + (len(plain) - start) // 4 * 4]
                if len(piece) >= 8:
                    yield base64.b64decode(piece)
    for run in _HEX_SPACED.findall(data):
        yield bytes.fromhex(re.sub(rb"[ :,.-]", b"", run).decode())
    if _ESCAPED.search(data):
        yield _ESCAPED.sub(lambda found: bytes([int(found[1], 16)]), data)
    if _OCTAL.search(data):
        yield _OCTAL.sub(lambda found: bytes([int(found[1], 8)]), data)
    if b"%" in data:
        yield unquote_to_bytes(data)
    for run in _CODES.findall(data):
        yield bytes(code for code in map(int, re.findall(rb"\d+", run)) if code < 256)
    for run in (*_WIDE.findall(data), *_BINARY_CODES.findall(data)):
        yield re.sub(rb"[^\x20-\x7e]", b"", run)
    for run in _SPLIT.findall(data):
        yield re.sub(rb"[^A-Za-z0-9]", b"", run)


def _differences(run: bytes) -> bytes:
    """The same for a word and for each of its Caesar shifts."""
    return bytes((after - before) % 26 for before, after in itertools.pairwise(run))


def _base_10000(value: Decimal) -> list[int]:
    """The digits of numeric's binary form."""
    whole, _, fraction = f"{value:f}".partition(".")
    whole = whole.rjust(-(-len(whole) // 4) * 4, "0")
    fraction = fraction.ljust(-(-len(fraction) // 4) * 4, "0")
    return [int(group) for group in re.findall("....", whole + fraction)]


def _bits_of(whole: str) -> float:
    """Of a value that is told only as a whole."""
    if re.fullmatch("[0-9a-f]{12}|[0-9a-f]{2}(:[0-9a-f]{2}){5}", whole):
        return _HARDWARE
    return _NUMBER if re.fullmatch(r"\d+(\.\d+){3}", whole) else _PHONE


def _cut(data: Iterable[int]) -> str:
    return bytes(data)[:60].decode("ascii", "backslashreplace")
