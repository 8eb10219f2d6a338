"""Which columns a statement touches, and which of them are sensitive.

Gathers what analysis spread over outputs, comparisons, flows and effects, for the conditions and
for ``tags``. It errs towards more: an opaque statement touches every column of what it reads.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from govproxy.masking.values import Classification, ColumnClass
from govproxy.policy.columns import UNKNOWN_CLASS
from govproxy.policy.matching import SYSTEM_SCHEMAS
from govproxy.sql.catalog import Catalog, ColumnRef, Relation
from govproxy.sql.values import UNTRACED, Action, Effect, StatementFacts


@dataclass(frozen=True, slots=True)
class Ground:
    """Catalog and classification together: what is known about columns."""

    catalog: Catalog
    classification: Classification

    def relation(self, oid: int) -> Relation | None:
        return self.catalog.relations.get(oid)

    def name(self, column: ColumnRef) -> str:
        """``schema.table.column`` for people."""
        relation = self.relation(column.relation)
        if relation is None:
            return "an unknown column"
        return f"{relation.schema}.{relation.name}.{self.column_name(column)}"

    def column_name(self, column: ColumnRef) -> str:
        relation = self.relation(column.relation)
        if relation is not None:
            for candidate in relation.columns:
                if candidate.attnum == column.attnum:
                    return candidate.name
        return "*"

    def expanded(self, column: ColumnRef) -> tuple[ColumnRef, ...]:
        """A whole-row reference as its columns; any other column as itself."""
        relation = self.relation(column.relation)
        if column.attnum != 0 or relation is None:
            return (column,)
        return tuple(ColumnRef(relation.oid, c.attnum) for c in relation.columns)

    def class_of(self, column: ColumnRef) -> ColumnClass | None:
        """The class of one column; None when it is known to be clean. Unknown is not clean."""
        found = self.classification.columns.get(column)
        if found is not None:
            return found
        relation = self.relation(column.relation)
        if column.attnum < 0 or (relation is not None and relation.schema in SYSTEM_SCHEMAS):
            # System columns (ctid, xmin ...) hold no data; sensitive system relations come as a
            # fact of their effect.
            return None
        return None if self.classification.is_known(column) else UNKNOWN_CLASS

    def sensitive_columns(self, oid: int) -> tuple[tuple[ColumnRef, ColumnClass], ...]:
        """All sensitive columns of one relation; the relation itself when it is unknown."""
        relation = self.relation(oid)
        if relation is None:
            return ((ColumnRef(oid, 0), UNKNOWN_CLASS),)
        columns = (ColumnRef(oid, column.attnum) for column in relation.columns)
        return tuple((ref, found) for ref in columns if (found := self.class_of(ref)) is not None)


def chain(statement: StatementFacts) -> Iterator[StatementFacts]:
    """The statement and what it holds inside (EXPLAIN, PREPARE, DECLARE, COPY of a query)."""
    current: StatementFacts | None = statement
    while current is not None:
        yield current
        current = current.inner


def touched_columns(statement: StatementFacts, ground: Ground) -> frozenset[ColumnRef]:
    """Every base column the statement shows, compares, stores or names."""
    found: set[ColumnRef] = set()
    for facts in chain(statement):
        for output in facts.outputs or ():
            found |= output.sources
        for use in facts.uses:
            if use.column != UNTRACED:
                found.add(use.column)
            if use.partner is not None:
                found.add(use.partner)
        for flow in facts.flows:
            found |= flow.sources
            if flow.target_column is not None:
                found.add(flow.target_column)
        for effect in facts.effects:
            found.update(effect_columns(effect, ground))
        if facts.opaque or facts.outputs is None:
            found.update(ColumnRef(oid, 0) for oid in facts.reads)
    return frozenset(column for ref in found for column in ground.expanded(ref))


def effect_columns(effect: Effect, ground: Ground) -> tuple[ColumnRef, ...]:
    """The columns an effect names, as references; none where its relation is unknown."""
    relation = ground.relation(effect.relation) if effect.relation is not None else None
    if relation is None:
        return ()
    columns = (relation.column(name) for name in effect.columns)
    return tuple(ColumnRef(relation.oid, column.attnum) for column in columns if column is not None)


_SHOWS = frozenset({Action.SELECT, Action.LOCK, Action.EXPLAIN})
_BRINGS_IN = frozenset({Action.INSERT, Action.COPY_IN})


def touched_by_effect(effect: Effect, statement: frozenset[ColumnRef], ground: Ground) -> tuple[ColumnRef, ...] | None:
    """Columns of its own relation that an effect touches; None when its relation is not known.

    Reading touches what the statement shows, compares or stores of it; INSERT the columns it names;
    UPDATE both; everything else the whole row.
    """
    if effect.relation is None:
        return None
    own = {column for column in statement if column.relation == effect.relation}
    if effect.action in _SHOWS:
        return tuple(own)
    named = set(effect_columns(effect, ground))
    if effect.action in _BRINGS_IN and named:
        return tuple(named)
    if effect.action is Action.UPDATE and named:
        return tuple(named | own)
    return ground.expanded(ColumnRef(effect.relation, 0))
