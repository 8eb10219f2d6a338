"""What a phrase means by itself and in which surroundings."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Context(StrEnum):
    """What must be around a phrase for it to count."""

    ANY = "any"  # it says enough by itself
    SOLO = "solo"  # only neutral words and words for people beside it
    PEOPLE = "people"  # SOLO, and the table or a word beside it is about people
    PLACE = "place"  # SOLO, and the table or a word beside it is about people or addresses
    MEDICAL = "medical"  # SOLO, and the table or a word beside it is about health care
    CARD = "card"  # SOLO, and the table is about payment cards
    PERSONAL = "personal"  # SOLO, and the table is not about goods or places


# class -> context -> phrases
Phrases = Mapping[str, Mapping[Context, str]]


def words_in(text: str) -> frozenset[str]:
    """The words of a list written as text."""
    return frozenset(text.split())
