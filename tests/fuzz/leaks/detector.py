"""Finds planted values in what a client received, in every disguise it knows.

Works in two steps: ``_unwrap`` turns bytes into all the bytes they may stand for (hex, base64,
code points, escapes ...), one inside the other; ``_scan`` looks for pieces of planted values in
each. Values that come in parts are joined over columns, rows and messages beforehand.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import itertools
import re
import struct
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from urllib.parse import unquote_to_bytes

from govproxy.wire.backend import Backend
from tests.fuzz.leaks.canary import LETTERS, Secrets
from tests.support.raw_session import Answer

WINDOW = 6
_EPOCH = dt.date(2000, 1, 1)
_SURE = 9  # digits in a row that do not come up by putting others together
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


class Detector:
    """Looks for one set of secrets."""

    def __init__(self, secrets: Secrets) -> None:
        self._windows: dict[bytes, str] = {}
        self._shifted: dict[bytes, str] = {}
        self._digits: dict[bytes, str] = {}
        self._dates: dict[bytes, str] = {}
        self._raw: dict[bytes, str] = {}
        self._wholes: dict[bytes, str] = {}
        for word in secrets.words:
            self._word(word.lower())
        for digits in secrets.digits:
            self._digits[digits.encode()] = digits
            self._digits[digits[::-1].encode()] = digits
        for number in secrets.numbers:
            self._number(number)
        for date in secrets.dates:
            self._date(date)
        for data in secrets.raw:
            for at in range(len(data) - WINDOW + 1):
                self._raw[data[at : at + WINDOW]] = data.hex()
        for whole in secrets.wholes:
            self._wholes[whole.lower().encode()] = whole
            self._wholes[whole.lower()[::-1].encode()] = whole
        for text in secrets.hashed:
            for form in {text, text.lower()}:
                for digest in (hashlib.md5(form.encode()).digest(), hashlib.sha256(form.encode()).digest()):
                    self._raw[digest[:WINDOW]] = f"digest of {text}"
        self._digit_sizes = sorted({len(piece) for piece in self._digits})
        self._raw_sizes = sorted({len(piece) for piece in self._raw})
        # One search for all wholes; there are few of them.
        self._whole = re.compile(b"|".join(map(re.escape, self._wholes))) if self._wholes else None
        self._least = 0
        self._seen: dict[tuple[bool, bytes], tuple[str, ...]] = {}

    # ------------------------------------------------------------------ looking

    def look(self, answers: Sequence[Answer]) -> list[str]:
        """What of the planted values these answers show, in words."""
        found: dict[str, None] = {}
        for view, is_joined in _views(answers):
            found.update(dict.fromkeys(self.find(view, is_joined=is_joined)))
        return list(found)

    def find(self, data: bytes, *, is_joined: bool = False) -> tuple[str, ...]:
        """What of the planted values ``data`` shows. In cells put together, few digits mean nothing."""
        self._least = _SURE if is_joined else 0
        known = self._seen.get((is_joined, data))
        if known is None:
            if len(self._seen) > 20_000:
                self._seen.clear()
            known = self._seen[is_joined, data] = tuple(dict.fromkeys(self._deep(data[:_LONGEST], _DEPTH)))
        return known

    def _deep(self, data: bytes, depth: int) -> Iterator[str]:
        yield from self._scan(data)
        if depth:
            for inner in set(_unwrap(data)) - {data}:
                yield from self._deep(inner, depth - 1)

    def _scan(self, data: bytes) -> Iterator[str]:
        text = data.lower()
        for run in _WORD.findall(text):
            for at in range(len(run) - WINDOW + 1):
                if (source := self._windows.get(run[at : at + WINDOW])) is not None:
                    yield f"{source} in {_cut(run)}"
        for run in _RUN.findall(text):
            for at in range(len(run) - 7):
                if (source := self._shifted.get(_differences(run[at : at + 8]))) is not None:
                    yield f"{source} (its letters shifted) in {_cut(run)}"
        for run in {*_DIGITS.findall(text), *(re.sub(rb"\D", b"", run) for run in _SPACED.findall(text))}:
            for size in self._digit_sizes:
                if size < self._least:
                    continue
                for at in range(len(run) - size + 1):
                    if (source := self._digits.get(run[at : at + size])) is not None:
                        yield f"{source} in {_cut(run)}"
        for shown in _DATE.findall(text):
            if (source := self._dates.get(re.sub(rb"\D", b"", shown))) is not None:
                yield f"{source} as {_cut(shown)}"
        if self._whole is not None:
            for piece in self._whole.findall(text):
                yield f"{self._wholes[piece]} as {_cut(piece)}"
        if _NOT_TEXT.search(data):
            for size in self._raw_sizes:
                for at in range(len(data) - size + 1):
                    if (source := self._raw.get(data[at : at + size])) is not None:
                        yield f"{source} as bytes {data[at : at + size].hex()}"

    # ------------------------------------------------------------------ learning

    def _word(self, word: str) -> None:
        for form in (word, word[::-1]):
            for at in range(len(form) - WINDOW + 1):
                self._windows[form[at : at + WINDOW].encode()] = word
            for at in range(len(form) - 7):
                self._shifted[_differences(form[at : at + 8].encode())] = word

    def _number(self, number: int | Decimal) -> None:
        source = str(number)
        for value in (number, number + 1, number * 2, number - 1):
            digits = re.sub(r"\D", "", str(value)).lstrip("0").rstrip("0") or "0"
            if len(digits) >= 7:
                self._digits[digits.encode()] = source
                self._digits[digits[::-1].encode()] = source
            for signed in (value, -value):
                self._raw[struct.pack("!d", float(signed))] = source
                if isinstance(signed, int) or signed == signed.to_integral_value():
                    whole = int(signed)
                    if abs(whole) >= 1 << 31:
                        self._raw[struct.pack("!q", whole)] = source
                    elif abs(whole) > 400_000_000:
                        self._raw[b"\0\0\0\4" + struct.pack("!i", whole)] = source
        groups = _base_10000(Decimal(number))
        if len(groups) > 2:
            self._raw[b"".join(struct.pack("!H", group) for group in groups)] = source
        if isinstance(number, int):
            self._wholes[f"{number:x}".encode()] = source

    def _date(self, date: dt.date) -> None:
        source, days = str(date), (date - _EPOCH).days
        for form in (f"{date:%Y%m%d}", f"{date:%d%m%Y}", f"{date:%m%d%Y}"):
            self._dates[form.rjust(8, "0").encode()] = source
        self._raw[b"\0\0\0\4" + struct.pack("!i", days)] = source
        self._raw[struct.pack("!q", days * 86_400_000_000)] = source


def _views(answers: Sequence[Answer]) -> Iterator[tuple[bytes, bool]]:
    """The messages, and what comes of joining cells along rows, columns and everything."""
    for answer in answers:
        for message in answer.messages:
            match message.kind:
                case Backend.DATA_ROW:
                    yield message.body[2:], False
                case Backend.ERROR_RESPONSE | Backend.NOTICE_RESPONSE:
                    yield from ((part[1:], False) for part in message.body.split(b"\0") if part)
                case _:
                    yield message.body, False
    for view in _joined(answers):
        yield view, True


def _joined(answers: Sequence[Answer]) -> Iterator[bytes]:
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


def _cut(data: Iterable[int]) -> str:
    return bytes(data)[:60].decode("ascii", "backslashreplace")
