"""Classes that columns keep when they are given another name.

A name is evidence, and whoever may rename a column could take it away: ``salary`` called ``c9`` would
be numbers like any others. Values do not change by a new name, so neither does the class, for as long
as this memory lives. A person's correction still has the last word. Knows nothing of connections.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from govproxy.masking.corrections import Correction, is_corrected
from govproxy.masking.values import Classification, ColumnClass
from govproxy.sql.catalog import Catalog, Column, ColumnRef, Relation

# Classes of what could not be looked at yet have no more; they go when it can.
UNSURE = 0.5


class _Known(NamedTuple):
    names: tuple[str, str, str]
    verdict: ColumnClass


class KeptClasses:
    """The memory of one database: what each column was found to be, and under which names."""

    def __init__(self) -> None:
        self._known: dict[ColumnRef, _Known] = {}

    def keep(self, catalog: Catalog, found: Classification, corrections: Sequence[Correction] = ()) -> Classification:
        """``found`` with the classes of columns that only their new names have made harmless."""
        columns = dict(found.columns)
        known: dict[ColumnRef, _Known] = {}
        for relation, column in _columns(catalog):
            ref = ColumnRef(relation.oid, column.attnum)
            names = (relation.schema, relation.name, column.name)
            verdict, before = columns.get(ref), self._known.get(ref)
            renamed = before is not None and before.names != names and before.verdict.confidence > UNSURE
            if (
                before is not None
                and renamed
                and verdict is None
                and not is_corrected(catalog, relation, column, corrections)
            ):
                columns[ref] = replace(before.verdict, reason=f"{before.verdict.reason}, before it was renamed")
                known[ref] = before
            elif verdict is not None:
                known[ref] = _Known(names, verdict)
        self._known = known
        ordered = sorted(columns, key=lambda ref: (ref.relation, ref.attnum))
        return replace(found, columns={ref: columns[ref] for ref in ordered})


def _columns(catalog: Catalog) -> list[tuple[Relation, Column]]:
    return [(relation, column) for relation in catalog.relations.values() for column in relation.columns]
