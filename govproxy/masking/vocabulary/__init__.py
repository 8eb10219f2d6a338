"""The words that column and table names are made of, in several languages, and what they mean.

Data only; ``masking.names`` reads it. Words are lower case, without accents, German umlauts both as
plain vowels and as ae/oe/ue where that is usual. A phrase is words separated by spaces; phrases are
separated by commas. A longer phrase covers a shorter one inside it, so ``NOT_PERSONAL`` can take
``file name`` away from ``name``. Several modules may add to one class.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from govproxy.masking.vocabulary import health, languages, numbers, persons, registers, secrets
from govproxy.masking.vocabulary.around import (
    CANCEL_AFTER,
    CANCEL_BEFORE,
    CUT_SHORT,
    NEUTRAL,
    NOT_PERSONAL,
    SAYING_NOTHING,
    SECRET_HINTS,
)
from govproxy.masking.vocabulary.context import Context, Phrases
from govproxy.masking.vocabulary.tables import (
    ADDRESS_TABLES,
    CARD_TABLES,
    GOODS_TABLES,
    MEDICAL_TABLES,
    OTHER_CARDS,
    PEOPLE,
    PLACE_QUALIFIERS,
    PROFILE,
    TABLE_AFFIXES,
)

__all__ = [
    "ADDRESS_TABLES",
    "CANCEL_AFTER",
    "CANCEL_BEFORE",
    "CARD_TABLES",
    "CUT_SHORT",
    "GOODS_TABLES",
    "MEDICAL_TABLES",
    "NEUTRAL",
    "NOT_PERSONAL",
    "OTHER_CARDS",
    "PEOPLE",
    "PHRASES",
    "PLACE_QUALIFIERS",
    "PROFILE",
    "SAYING_NOTHING",
    "SECRET_HINTS",
    "TABLE_AFFIXES",
    "Context",
]


def _merged(*parts: Phrases) -> Mapping[str, Mapping[Context, str]]:
    together: dict[str, dict[Context, str]] = {}
    for part in parts:
        for name, by_context in part.items():
            found = together.setdefault(name, {})
            for context, phrases in by_context.items():
                found[context] = f"{found[context]}, {phrases}" if context in found else phrases
    return MappingProxyType({name: MappingProxyType(by_context) for name, by_context in together.items()})


# class -> context -> phrases
PHRASES = _merged(
    numbers.PHRASES, health.PHRASES, persons.PHRASES, secrets.PHRASES, languages.PHRASES, registers.PHRASES
)
