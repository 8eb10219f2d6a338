"""Values of masking: what a column is, and what is to be done with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from govproxy.sql.catalog import ColumnRef


class Masker(StrEnum):
    """DESIGN 5. One table in ``masking.taxonomy`` says which class gets which by default."""

    REDACT = "redact"
    PARTIAL = "partial"
    HASH = "hash"
    PSEUDONYM = "pseudonym"
    FPE = "fpe"
    SHIFT = "shift"
    GENERALISE = "generalise"
    NULL = "null"
    SCAN = "scan"  # only what looks like a card, an address, a token … inside the value


@dataclass(frozen=True, slots=True, kw_only=True)
class SensitiveClass:
    """One row of the taxonomy, e.g. ``email``: tags ``PII`` and ``PII.email``, level 3."""

    name: str
    tags: frozenset[str]
    level: int
    masker: Masker


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnClass:
    """A column's class with the evidence for it. ``confidence`` is 0..1."""

    sensitive: SensitiveClass
    confidence: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognition:
    """How a policy recognises columns of a class, by any of three ways.

    ``words`` stand in column names, ``columns`` are ``schema.table.column`` patterns, ``values`` is a
    regular expression that at least ``share`` of the sampled values match, '' for none.
    """

    name: str
    words: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    values: str = ""
    share: float = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnTaxonomy:
    """What a policy adds to the built-in taxonomy: classes, and ways to recognise any class."""

    classes: tuple[SensitiveClass, ...] = ()
    recognitions: tuple[Recognition, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Classification:
    """The map of one database for one catalog version: only sensitive columns are listed.

    ``known`` lists every relation that was looked at: a relation outside it is *unknown*, and
    unknown is treated as sensitive, never as clean.
    """

    database: str
    catalog_version: str
    columns: Mapping[ColumnRef, ColumnClass] = field(default_factory=dict)
    known: Mapping[int, frozenset[int]] = field(default_factory=dict)  # relation -> attnums seen

    def is_known(self, column: ColumnRef) -> bool:
        """True when this exact column was classified (as sensitive or as clean)."""
        return column.attnum in self.known.get(column.relation, frozenset())
