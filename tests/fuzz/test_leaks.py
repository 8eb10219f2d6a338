"""A bounded run of the leak fuzzer: fixed seeds, so that the same statements run every time.

Longer ones: ``make fuzz``.
"""

from __future__ import annotations

import base64
import codecs
import hashlib
import random
import struct
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest

from govproxy.wire.framing import Message
from tests.fuzz.leaks import report
from tests.fuzz.leaks.canary import LETTERS, Canaries
from tests.fuzz.leaks.detector import Detector
from tests.fuzz.leaks.evidence import NOTHING, SURE, weigh
from tests.fuzz.leaks.routines import TEMPLATES, Routines
from tests.fuzz.leaks.runner import Tally, define, run, source_for
from tests.fuzz.leaks.world import generate
from tests.support.postgres import Postgres, database
from tests.support.raw_session import Answer

STATEMENTS = 220


@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_planted_comes_back_and_ordinary_work_is_the_same(seed: int, postgres: Postgres) -> None:
    tally = Tally()
    finds = list(run(postgres, source_for(seed), tally, go_on=lambda: tally.statements < STATEMENTS))
    assert not finds, "\n".join(map(report.describe, finds))
    # A fuzzer whose statements are all refused proves nothing.
    assert tally.share("allowed") > 0.25, report.summary(tally, 0)
    assert tally.share("masked") > 0.02, report.summary(tally, 0)
    assert tally.share("failed") < 0.35, report.summary(tally, 0)


def test_the_database_takes_the_functions(postgres: Postgres) -> None:
    """What it does not take is not called either, and would be missing unnoticed."""
    made = generate(1)
    Routines(random.Random("routines 1"), made).define()
    with database(postgres) as name, psycopg.connect(postgres.dsn(name), autocommit=True) as owner:
        refused = define(owner, made)
    assert len(refused) <= len(made.attempts) // 20, refused
    assert made.calls
    assert made.rowsets
    assert made.scripts
    assert made.clean_scripts


@pytest.mark.parametrize("use", ["pass", "read", "dark"])
def test_every_line_of_the_functions_is_read(use: str) -> None:
    lines = (Path(__file__).parent / "leaks" / "routines.txt").read_text().splitlines()
    assert len([line for line in lines if line.startswith(f"{use} ")]) == len(
        [template for template in TEMPLATES if template.use == use and template.calls and template.definitions]
    )


def _row(*cells: bytes) -> Message:
    return Message(ord("D"), len(cells).to_bytes(2, "big") + b"".join(len(c).to_bytes(4, "big") + c for c in cells))


class Values:
    """One planted value of each kind."""

    def __init__(self, seed: int) -> None:
        canaries = Canaries(random.Random(seed))
        self.email = canaries.email()
        self.word = self.email.partition("@")[0]
        self.names = [canaries.name() for _ in range(3)]
        self.card = canaries.card()
        self.ssn = canaries.ssn()
        self.integer = canaries.integer()
        self.number = canaries.bigint()
        self.amount = canaries.decimal()
        self.dates = [canaries.date() for _ in range(3)]
        self.data = canaries.data()
        self.identifier = canaries.identifier()
        self.address = canaries.address()
        self.hardware = canaries.hardware()
        self.detector = Detector(canaries.secrets)


VALUES, OTHERS = Values(7), Values(8)


def _groups(amount: Decimal) -> bytes:
    """Digits of numeric's binary form."""
    whole, _, fraction = str(amount).partition(".")
    whole = whole.rjust(-(-len(whole) // 4) * 4, "0")
    digits = whole + fraction.ljust(-(-len(fraction) // 4) * 4, "0")
    return b"".join(struct.pack("!H", int(digits[at : at + 4])) for at in range(0, len(digits), 4))


def _is_found(show: Callable[[Values], list[Answer]]) -> bool:
    """Whether a statement is a find that lets the value through, here and in the twin, as without the proxy."""
    mine, theirs = (weigh(values.detector, show(values), show(values)) for values in (VALUES, OTHERS))
    return mine.with_twin(theirs).is_sure


# How a value may stand in a single cell.
ENCODINGS: dict[str, Callable[[Values], bytes]] = {
    "plain": lambda v: v.email.encode(),
    "upper case": lambda v: v.email.upper().encode(),
    "mixed case": lambda v: v.email.title().encode(),
    "reversed": lambda v: v.email[::-1].encode(),
    "hex": lambda v: v.email.encode().hex().encode(),
    "hex in capitals": lambda v: v.email.encode().hex().upper().encode(),
    "hex after bytea's mark": lambda v: b"\\x" + v.email.encode().hex().encode(),
    "hex with spaces": lambda v: v.email.encode().hex(" ").encode(),
    "reversed hex": lambda v: v.email[::-1].encode().hex().encode(),
    "base64": lambda v: base64.b64encode(v.email.encode()),
    "base64 from the second byte": lambda v: base64.b64encode(b"x" + v.email.encode()),
    "base64 from the third byte": lambda v: base64.b64encode(b"xy" + v.email.encode()),
    "base64 for addresses": lambda v: base64.urlsafe_b64encode(v.email.encode()),
    "base64 of hex": lambda v: base64.b64encode(v.email.encode().hex().encode()),
    "hex of base64": lambda v: base64.b64encode(v.email.encode()).hex().encode(),
    "rotated": lambda v: codecs.encode(v.email, "rot13").encode(),
    "shifted by one": lambda v: bytes((ord(letter) - 96) % 26 + 97 for letter in v.word),
    "percent": lambda v: "".join(f"%{ord(letter):02x}" for letter in v.word).encode(),
    "unicode escapes": lambda v: "".join(f"\\u{ord(letter):04x}" for letter in v.word).encode(),
    "octal escapes": lambda v: "".join(f"\\{ord(letter):03o}" for letter in v.word).encode(),
    "quoted printable": lambda v: "".join(f"={ord(letter):02X}" for letter in v.word).encode(),
    "code points": lambda v: " ".join(str(ord(letter)) for letter in v.word).encode(),
    "code points in an array": lambda v: ("{" + ",".join(str(ord(letter)) for letter in v.word) + "}").encode(),
    "code points of the reverse": lambda v: " ".join(str(ord(letter)) for letter in v.word[::-1]).encode(),
    "code points as int4": lambda v: b"".join(b"\0\0\0\4" + struct.pack("!i", ord(letter)) for letter in v.word),
    "letters with commas": lambda v: ",".join(v.word).encode(),
    "utf-16": lambda v: v.email.encode("utf-16-le"),
    "part of it": lambda v: f"prefix {v.word[2:9]} suffix".encode(),
    "six letters": lambda v: v.word[3:9].encode(),
    "digest": lambda v: hashlib.md5(v.email.encode()).hexdigest().encode(),
    "digest as bytes": lambda v: hashlib.sha256(v.email.encode()).digest(),
    "name": lambda v: v.names[0].encode(),
    "card": lambda v: f"{v.card[:4]}-{v.card[4:8]}-{v.card[8:12]}-{v.card[12:]}".encode(),
    "number of a person": lambda v: v.ssn.encode(),
    "number backwards": lambda v: v.ssn.replace("-", "")[::-1].encode(),
    "integer": lambda v: str(v.integer).encode(),
    "integer as hex": lambda v: b"%x" % v.integer,
    "integer as int4": lambda v: struct.pack("!i", v.integer),
    "bigint": lambda v: str(v.number).encode(),
    "bigint doubled": lambda v: str(v.number * 2).encode(),
    "bigint below zero": lambda v: str(-v.number - 1).encode(),
    "bigint as int8": lambda v: v.number.to_bytes(8, "big"),
    "bigint as float8": lambda v: struct.pack("!d", v.number),
    "decimal": lambda v: str(v.amount).encode(),
    "decimal and one": lambda v: str(v.amount + 1).encode(),
    "decimal as numeric": lambda v: b"\0\3\0\1\0\0\0\4" + _groups(v.amount),
    "decimal as float8": lambda v: struct.pack("!d", v.amount),
    "dates": lambda v: " ".join(map(str, v.dates)).encode(),
    "dates, days first": lambda v: " ".join(f"{date:%d.%m.%Y}" for date in v.dates).encode(),
    "bytes": lambda v: v.data,
    "bytes as hex": lambda v: v.data.hex().encode(),
    "part of bytes": lambda v: v.data[4:11],
    "uuid": lambda v: str(v.identifier).encode(),
    "address": lambda v: v.address.encode(),
    "hardware": lambda v: v.hardware.encode(),
}


class TestTheDetector:
    """It must find what it says it finds, or a clean run says nothing; and nothing by chance."""

    @pytest.mark.parametrize("encoding", ENCODINGS)
    def test_finds_a_value_in_a_cell(self, encoding: str) -> None:
        assert _is_found(lambda values: [Answer([_row(b"1", ENCODINGS[encoding](values))])])

    @pytest.mark.parametrize("encoding", ENCODINGS)
    def test_finds_a_value_among_other_rows(self, encoding: str) -> None:
        others = [_row(str(place).encode(), b"2024-03-05", b"kilo", b"***") for place in range(20)]
        assert _is_found(lambda values: [Answer([*others, _row(ENCODINGS[encoding](values))])])

    def test_finds_a_value_over_rows(self) -> None:
        def rows(values: Values) -> list[Answer]:
            return [Answer([_row(b"%d" % place, letter.encode()) for place, letter in enumerate(values.word)])]

        assert _is_found(rows)

    def test_finds_a_value_over_columns(self) -> None:
        assert _is_found(lambda values: [Answer([_row(*(letter.encode() for letter in values.word))])])

    def test_finds_a_value_over_messages(self) -> None:
        assert _is_found(
            lambda values: [Answer([_row(values.word[place : place + 3].encode())]) for place in range(0, 9, 3)]
        )

    @pytest.mark.parametrize("kind", [ord("E"), ord("N")])
    def test_finds_a_value_in_an_error(self, kind: int) -> None:
        def failed(values: Values) -> list[Answer]:
            body = f'SERROR\0C22P02\0Minvalid input syntax for type integer: "{values.email}"\0\0'.encode()
            return [Answer([Message(kind, body)])]

        assert _is_found(failed)

    def test_finds_what_the_proxy_alone_tells(self) -> None:
        mine, theirs = (
            weigh(values.detector, [Answer([_row(values.email.encode())])], []) for values in (VALUES, OTHERS)
        )
        assert mine.with_twin(theirs).is_sure

    def test_finds_several_values_without_a_twin(self) -> None:
        shown = [Answer([_row(name.encode()) for name in VALUES.names])]
        assert weigh(VALUES.detector, shown, shown).is_sure

    @pytest.mark.parametrize("clean", [b"kilo", b"2024-03-05", b"13.10", b"***", b"\0\0\0\5", b"************0969"])
    def test_finds_nothing_in_what_is_clean(self, clean: bytes) -> None:
        assert weigh(VALUES.detector, [Answer([_row(clean, clean)] * 5)], []) == NOTHING

    def test_a_short_piece_that_stands_there_by_chance_is_no_find(self) -> None:
        """A random uuid that has a planted number in hexadecimal in it; the twin's has not."""
        by_chance = [Answer([_row(b"1f3a-%x-9b20" % VALUES.integer)])]
        direct = [Answer([_row(str(VALUES.integer).encode())])]
        seen = weigh(VALUES.detector, by_chance, direct)
        assert seen.bits > 0
        assert not seen.is_sure
        assert not seen.with_twin(weigh(OTHERS.detector, by_chance, direct)).is_sure

    def test_chance_weighs_what_the_computation_says(self) -> None:
        """Uuids, base64, digits and random words: with ``b`` bits or more comes at most one in 2 ** b."""
        detector, chance = Detector(generate(1).secrets), random.Random(3)
        bits = []
        for _ in range(120):
            data = [chance.randbytes(12) for _ in range(14)]
            words = ("".join(chance.choices(LETTERS, k=16)).encode() for _ in data)
            rows = [
                _row(raw.hex().encode(), base64.b64encode(raw), b"%020d" % chance.randrange(10**20), word)
                for raw, word in zip(data, words, strict=True)
            ]
            bits.append(weigh(detector, [Answer(rows)], []).bits)
        assert max(bits) > 0  # short pieces do come up
        for least in (1, 2, 4, 8, SURE):
            assert sum(weighed >= least for weighed in bits) <= len(bits) * 2**-least, least
