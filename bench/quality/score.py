"""Precision and recall, per class and together; rates of false alarms of the value scan."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from random import Random

from bench.quality.columns import Judged
from bench.quality.kinds import KINDS, Kind
from bench.quality.negatives import NEGATIVES
from govproxy._fastpath import detectors

MENTIONS = "mentions"


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """Counts over columns. ``wrong``: found, but as another class (masked all the same).

    ``mentions``: clean columns in some of whose values a strong shape was seen, by chance or truly. They are shown,
    those shapes apart, and may be compared by equality only; neither an alarm nor nothing.
    """

    hits: int = 0
    wrong: int = 0
    misses: int = 0
    alarms: int = 0
    clean: int = 0
    mentions: int = 0

    @property
    def precision(self) -> float:
        """Of the columns called sensitive, how many are."""
        found = self.hits + self.wrong + self.alarms
        return (self.hits + self.wrong) / found if found else 1.0

    @property
    def recall(self) -> float:
        """Of the sensitive columns, how many are found."""
        there = self.hits + self.wrong + self.misses
        return (self.hits + self.wrong) / there if there else 1.0

    @property
    def accuracy(self) -> float:
        """Of the found ones, how many have the right class."""
        found = self.hits + self.wrong
        return self.hits / found if found else 1.0

    def as_json(self) -> dict[str, float | int]:
        """All figures."""
        return {
            "hits": self.hits,
            "wrong_class": self.wrong,
            "misses": self.misses,
            "false_alarms": self.alarms,
            "clean": self.clean,
            "mentions": self.mentions,
            "precision": round(self.precision, 4),
            "recall": round(self.recall, 4),
            "class_accuracy": round(self.accuracy, 4),
        }


def score(judged: Iterable[Judged]) -> Score:
    """The score of some columns."""
    counts: Counter[str] = Counter()
    for one in judged:
        if "-" in one.labelled.expected and not one.found:
            counts["clean"] += 1  # a matter of opinion: either is right
        elif one.labelled.expected:
            counts["misses" if not one.found else "hits" if one.found in one.labelled.expected else "wrong"] += 1
        elif one.found == MENTIONS:
            counts["mentions"] += 1
        else:
            counts["alarms" if one.found else "clean"] += 1
    return Score(**counts)


def label_of(judged: Judged) -> str:
    """The class a column counts under: the found one where that is right, else the first of the label."""
    expected = judged.labelled.expected
    if not expected:
        return ""
    return judged.found if judged.found in expected else min(expected)


def per_class(judged: Sequence[Judged]) -> dict[str, dict[str, float | int]]:
    """Precision and recall of each class by its name: here a wrong class is a miss and a false alarm."""
    names = sorted({label_of(one) for one in judged} | {one.found for one in judged} - {"", MENTIONS})
    table: dict[str, dict[str, float | int]] = {}
    for name in filter(None, names):
        right = sum(one.found == name and name in one.labelled.expected for one in judged)
        found = sum(one.found == name for one in judged)
        there = sum(label_of(one) == name for one in judged)
        table[name] = {
            "columns": there,
            "precision": round(right / found, 4) if found else 1.0,
            "recall": round(right / there, 4) if there else 1.0,
        }
    return table


def confusion(judged: Sequence[Judged]) -> list[dict[str, object]]:
    """What was taken for what, most often first; right answers left out. '' is "not sensitive"."""
    pairs = Counter((label_of(one), one.found) for one in judged)
    wrong = [(pair, count) for pair, count in pairs.items() if pair[0] != pair[1]]
    return [
        {"label": label, "found": found, "columns": count}
        for (label, found), count in sorted(wrong, key=lambda item: (-item[1], item[0]))
    ]


# What the value scan calls what it finds, by kind of value; only these act on a single value anywhere.
_STRONG = frozenset({"email", "iban", "card", "jwt", "api_token", "private_key", "password_hash", "dsn"})


def value_alarms(count: int, seed: int) -> dict[str, dict[str, float]]:
    """Shares of values of each hard negative in which the scan of rows sees a strong shape."""
    table: dict[str, dict[str, float]] = {}
    for kind in NEGATIVES:
        found: Counter[str] = Counter()
        for text in _texts(kind, count, seed):
            found.update({name for name, _, _ in detectors.scan(text)})
        table[kind.title] = {name: number / count for name, number in sorted(found.items())}
    return table


def value_recall(count: int, seed: int) -> dict[str, float]:
    """Shares of values of each strong kind that the scan of rows finds in the middle of a sentence."""
    table: dict[str, float] = {}
    for kind in KINDS:
        if not kind.classes & _STRONG or not kind.shaped or kind.type != "text":
            continue
        seen = sum(bool(detectors.scan(b"see " + text + b" , thanks")) for text in _texts(kind, count, seed))
        table[kind.title] = seen / count
    return table


def _texts(kind: Kind, count: int, seed: int) -> Iterable[bytes]:
    chance = Random(f"{seed}/{kind.title}/values")
    return (kind.make(chance).encode() for _ in range(count))
