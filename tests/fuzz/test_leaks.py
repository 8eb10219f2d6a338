"""A bounded run of the leak fuzzer: fixed seeds, so that the same statements run every time.

Longer ones: ``make fuzz``.
"""

from __future__ import annotations

import base64
import codecs
import random

import pytest

from govproxy.wire.framing import Message
from tests.fuzz.leaks import report
from tests.fuzz.leaks.canary import Canaries
from tests.fuzz.leaks.detector import Detector
from tests.fuzz.leaks.runner import Tally, run, source_for
from tests.support.postgres import Postgres
from tests.support.raw_session import Answer

STATEMENTS = 220


@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_planted_comes_back_and_ordinary_work_is_the_same(seed: int, postgres: Postgres) -> None:
    tally = Tally()
    finds = list(run(postgres, source_for(seed), tally, go_on=lambda: tally.statements < STATEMENTS))
    assert not finds, "\n".join(map(report.describe, finds))
    # A fuzzer whose statements are all refused proves nothing.
    assert tally.share("allowed") > 0.25, report.summary(tally, 0)
    assert tally.share("masked") > 0.03, report.summary(tally, 0)
    assert tally.share("failed") < 0.35, report.summary(tally, 0)


def _row(*cells: bytes) -> Message:
    return Message(ord("D"), len(cells).to_bytes(2, "big") + b"".join(len(c).to_bytes(4, "big") + c for c in cells))


class TestTheDetector:
    """It must find what it says it finds, or a clean run says nothing."""

    canaries = Canaries(random.Random(7))
    email = canaries.email()
    word = email.partition("@")[0]
    card = canaries.card()
    number = canaries.bigint()
    amount = canaries.decimal()
    date = canaries.date()
    data = canaries.data()
    detector = Detector(canaries.secrets)

    @pytest.mark.parametrize(
        "shown",
        [
            email.encode(),
            email.upper().encode(),
            email[::-1].encode(),
            email.encode().hex().encode(),
            email.encode().hex().upper().encode(),
            base64.b64encode(email.encode()),
            base64.b64encode(b"x" + email.encode()),
            base64.b64encode(b"xy" + email.encode()),
            codecs.encode(email, "rot13").encode(),
            "".join(f"%{ord(letter):02x}" for letter in word).encode(),
            "".join(f"\\u{ord(letter):04x}" for letter in word).encode(),
            "".join(f"={ord(letter):02X}" for letter in word).encode(),
            " ".join(str(ord(letter)) for letter in word).encode(),
            ",".join(word).encode(),
            email.encode("utf-16-le"),
            base64.b64encode(email.encode().hex().encode()),
            f"prefix {word[2:9]} suffix".encode(),
            f"{card[:4]}-{card[4:8]}-{card[8:12]}-{card[12:]}".encode(),
            str(number).encode(),
            str(number * 2).encode(),
            str(-number - 1).encode(),
            number.to_bytes(8, "big"),
            str(amount).encode(),
            str(amount + 1).encode(),
            str(date).encode(),
            f"{date:%d.%m.%Y}".encode(),
            data,
            data.hex().encode(),
        ],
    )
    def test_finds_a_value_in_a_cell(self, shown: bytes) -> None:
        assert self.detector.look([Answer([_row(b"1", shown)])])

    def test_finds_a_value_over_rows(self) -> None:
        rows = [_row(str(place).encode(), letter.encode()) for place, letter in enumerate(self.word)]
        assert self.detector.look([Answer(rows)])

    def test_finds_a_value_over_columns(self) -> None:
        assert self.detector.look([Answer([_row(*(letter.encode() for letter in self.word))])])

    def test_finds_a_value_over_messages(self) -> None:
        answers = [Answer([_row(self.word[place : place + 3].encode())]) for place in range(0, 9, 3)]
        assert self.detector.look(answers)

    @pytest.mark.parametrize("kind", [ord("E"), ord("N")])
    def test_finds_a_value_in_an_error(self, kind: int) -> None:
        body = f'SERROR\0C22P02\0Minvalid input syntax for type integer: "{self.email}"\0\0'.encode()
        assert self.detector.look([Answer([Message(kind, body)])])

    @pytest.mark.parametrize("clean", [b"kilo", b"2024-03-05", b"13.10", b"***", b"\0\0\0\5", b"************0969"])
    def test_finds_nothing_in_what_is_clean(self, clean: bytes) -> None:
        assert not self.detector.look([Answer([_row(clean, clean)] * 5)])
