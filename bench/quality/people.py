"""Tables about people, and tables about other things, all of whose columns have meaningless names.

What is weak alone (a city, a day, a year) must be told by what stands beside it, and left alone in the other tables.
"""

from __future__ import annotations

from random import Random

from bench.quality import makers as m
from bench.quality import words
from bench.quality.columns import Labelled
from bench.quality.makers import Maker

TABLES = 40

# kind, type, classes ('' for not sensitive), values
_Column = tuple[str, str, str, Maker]


def _city(chance: Random) -> str:
    return chance.choice(words.CITIES)


def _day(first: int, last: int) -> Maker:
    return lambda r: f"{r.randint(first, last)}-{r.randint(1, 12):02d}-{r.randint(1, 28):02d}"


_PEOPLE: tuple[_Column, ...] = (
    ("given name", "text", "given_name|person_name", m.given),
    ("family name", "text", "family_name|person_name", m.family),
    ("city", "text", "city", _city),
    ("birth date", "date", "birth_date", m.date()),
    ("birth date as text", "text", "birth_date", m.date("{2:02d}/{1:02d}/{0:04d}")),
    ("birth year", "int4", "birth_year|birth_date", lambda r: str(m.birth(r)[0])),
    ("e-mail", "text", "email", m.email),
    ("joined", "date", "", _day(2019, 2026)),
    ("plan", "text", "", m.pick("basic", "plus", "gold")),
    ("visits", "int4", "", lambda r: str(r.randint(0, 400))),
    ("card of the library", "text", "", m.shape("################")),
)
_OTHERS: tuple[_Column, ...] = (
    ("branch city", "text", "", _city),
    ("opened", "date", "", _day(1931, 2019)),
    ("first year", "int4", "", lambda r: str(r.randint(1931, 2015))),
    ("product", "text", "", m.plain_words(2)),
    ("tracking number", "text", "", m.shape("################")),
    ("note", "text", "", m.plain_words(9)),
    ("stock", "int4", "", lambda r: str(r.randint(0, 5000))),
)


def tables(count: int, seed: int) -> list[Labelled]:
    """``TABLES`` of each sort, a table's columns in any order."""
    made: list[Labelled] = []
    for sort, columns in (("p", _PEOPLE), ("o", _OTHERS)):
        for number in range(TABLES):
            chance = Random(f"{seed}/{sort}/{number}")
            order = chance.sample(columns, len(columns))
            made.extend(
                _column(f"{sort}{number}", place, column, count, chance) for place, column in enumerate(order, 1)
            )
    return made


def _column(table: str, place: int, column: _Column, count: int, chance: Random) -> Labelled:
    kind, type_, classes, make = column
    return Labelled(
        table=f"t_{table}",
        column=f"c{place}",
        type=type_,
        expected=frozenset(filter(None, classes.split("|"))),
        values=tuple(make(chance) for _ in range(count)),
        kind=kind,
        style="meaningless",
    )
