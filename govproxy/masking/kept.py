"""Classes that columns keep when they are given another name.

A name is evidence, and whoever may rename a column could take it away: ``salary`` called ``c9`` would
be numbers like any others, and ``ssn`` called ``email`` shown to whoever may see addresses. Values do
not change by a new name, so neither does the class, unless the new one is of a higher level. A
person's correction still has the last word. Knows nothing of connections and of where it is stored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from govproxy.masking.corrections import Correction, is_corrected
from govproxy.masking.values import Classification, ColumnClass
from govproxy.sql.catalog import Catalog, Column, ColumnRef, Relation

# Classes of what could not be looked at yet have no more; they go when it can.
UNSURE = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What a column was found to be, and under which names (schema, table, column)."""

    names: tuple[str, str, str]
    verdict: ColumnClass


class KeptClasses:
    """The memory of one database. ``known`` may come from an earlier run of the program."""

    def __init__(self, known: Mapping[ColumnRef, Kept] | None = None) -> None:
        self._known: dict[ColumnRef, Kept] = dict(known or {})

    @property
    def known(self) -> Mapping[ColumnRef, Kept]:
        """All of it, to be stored."""
        return MappingProxyType(self._known)

    def keep(self, catalog: Catalog, found: Classification, corrections: Sequence[Correction] = ()) -> Classification:
        """``found`` with the classes of columns that only their new names would have changed."""
        columns = dict(found.columns)
        known: dict[ColumnRef, Kept] = {}
        listed = _columns(catalog)
        for relation, column in listed:
            ref = ColumnRef(relation.oid, column.attnum)
            names = (relation.schema, relation.name, column.name)
            verdict, before = columns.get(ref), self._known.get(ref)
            if before is not None and before.names != names and _stays(before.verdict, verdict):
                # A correction shows something else, but is no evidence: without it the old class stands again.
                known[ref] = before
                if not is_corrected(catalog, relation, column, corrections):
                    earlier = before.verdict
                    columns[ref] = replace(earlier, reason=f"{earlier.reason}, before it was renamed")
            elif verdict is not None:
                known[ref] = Kept(names=names, verdict=verdict)
        if not listed:
            # Security: a catalog that shows nothing at all was not read; nothing is forgotten for it.
            known = self._known
        self._known = known
        ordered = sorted(columns, key=lambda ref: (ref.relation, ref.attnum))
        return replace(found, columns={ref: columns[ref] for ref in ordered})


def _stays(before: ColumnClass, now: ColumnClass | None) -> bool:
    """Whether the class from before a new name outlives what is found under it."""
    if before.confidence <= UNSURE:
        return False
    if now is None:
        return True
    return now.sensitive.name != before.sensitive.name and now.sensitive.level <= before.sensitive.level


def _columns(catalog: Catalog) -> list[tuple[Relation, Column]]:
    return [(relation, column) for relation in catalog.relations.values() for column in relation.columns]
