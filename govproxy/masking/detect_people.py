"""What values say once it is known that the rows are people: where they live and when they were born.

A column of cities or of days says nothing by itself: shops have both. Beside columns that people alone have, under
a name that says nothing, it is taken for theirs. Knows nothing of catalogs; see ``masking.detect_samples``.

Security: results hold counts and shares only, never a value.
"""

from __future__ import annotations

import re
import statistics
from collections.abc import Callable, Sequence

from govproxy.masking.detect_samples import ENOUGH, Vote
from govproxy.masking.name_lists import CITIES
from govproxy.masking.names import fold
from govproxy.masking.taxonomy import Family

_SHARE = 0.95
_CITIES = 0.4
# No clock: the same values give the same map. Days of later years are rather things that happened.
_FIRST_YEAR, _LAST_YEAR = 1900, 2018
_SPREAD_YEARS = 25
_MIDDLE = range(1930, 2013)

_TEXTS = frozenset({Family.TEXT, Family.OTHER, Family.ENUM})
_DAY = re.compile(r"(?:(\d{4})[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.](\d{4}))(?:[T ]00:00:00.*)?")
_YEAR = re.compile(r"(\d{4})")


def vote_among_people(values: Sequence[str], family: Family) -> Vote | None:
    """City, birth date or birth year; None when the values say nothing of the kind."""
    texts = [value.strip() for value in values if value and value.strip()]
    if len(texts) < ENOUGH:
        return None
    if family in _TEXTS:
        folded = {fold(text).lower() for text in texts}
        share = sum(text in CITIES for text in folded) / len(folded)
        if len(folded) >= 8 and share >= _CITIES:
            return Vote(name="city", shape="city", share=share, seen=len(texts), confidence=0.7)
    if family in _TEXTS | {Family.DATE}:
        return _born(texts, _year_of_day, "birth_date", "day of birth")
    if family in {Family.INTEGER, Family.NUMBER}:
        return _born(texts, _year_alone, "birth_year", "year of birth")
    return None


def _year_of_day(text: str) -> int | None:
    found = _DAY.fullmatch(text)
    return None if found is None else int(found[1] or found[2])


def _year_alone(text: str) -> int | None:
    found = _YEAR.fullmatch(text)
    return None if found is None else int(found[1])


def _born(texts: Sequence[str], year_of: Callable[[str], int | None], name: str, shape: str) -> Vote | None:
    """Days or years spread over a lifetime, and next to none of them recent."""
    found = (year_of(text) for text in texts)
    years = sorted(year for year in found if year is not None and _FIRST_YEAR <= year <= _LAST_YEAR)
    share = len(years) / len(texts)
    if share < _SHARE or len(set(texts)) < ENOUGH:
        return None
    tail = len(years) // 20
    if years[-1 - tail] - years[tail] < _SPREAD_YEARS or statistics.median_low(years) not in _MIDDLE:
        return None
    return Vote(name=name, shape=shape, share=share, seen=len(texts), confidence=0.7)
