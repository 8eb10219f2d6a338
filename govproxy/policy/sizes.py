"""How large the tables are that a statement reaches: ``table_size`` and ``table_rows`` of conditions.

From ``pg_class`` as of the last look at the catalog, partitions and children added up. A table that was
never analysed has no size, and then a comparison counts as the worse outcome (see ``policy.engine``).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from govproxy.policy.expressions import UNKNOWN_ROWS
from govproxy.policy.matching import SYSTEM_SCHEMAS, descendants
from govproxy.policy.touched import Ground
from govproxy.sql.catalog import Relation, RelationKind
from govproxy.sql.values import Effect, StatementFacts

ATTRIBUTES = frozenset({"statement.table_size", "statement.table_rows", "effect.table_size", "effect.table_rows"})

_STORED = frozenset({RelationKind.TABLE, RelationKind.MATERIALISED_VIEW, RelationKind.PARTITIONED})


class Size(NamedTuple):
    """Bytes and rows; -1 where nobody knows."""

    size_bytes: int
    rows: int


UNKNOWN = Size(UNKNOWN_ROWS, UNKNOWN_ROWS)
NONE = Size(0, 0)


def size_of(relation: Relation, ground: Ground) -> Size:
    """One table with its partitions and children; what stores nothing has no size of its own."""
    if relation.schema in SYSTEM_SCHEMAS or relation.kind in (RelationKind.VIEW, RelationKind.SEQUENCE):
        return NONE
    parts = [part for part in descendants(relation, ground.catalog) if part.kind is not RelationKind.PARTITIONED]
    if any(part.kind not in _STORED or part.estimated_rows < 0 or part.size_bytes < 0 for part in parts):
        return UNKNOWN
    return Size(sum(part.size_bytes for part in parts), int(sum(part.estimated_rows for part in parts)))


def of_effect(effect: Effect, ground: Ground) -> Size:
    """The table that an effect is on. A name that nobody knows is a table of unknown size."""
    relation = ground.relation(effect.relation) if effect.relation is not None else None
    if relation is not None:
        return size_of(relation, ground)
    return UNKNOWN if effect.facts.get("unresolved") or effect.anything else NONE


def of_statement(parts: Iterable[StatementFacts], ground: Ground) -> Size:
    """The largest table that a statement reaches, behind views, triggers and functions as well."""
    largest = NONE
    for facts in parts:
        reads = (ground.relation(oid) for oid in facts.reads)
        sizes = [size_of(relation, ground) for relation in reads if relation is not None]
        sizes += [of_effect(effect, ground) for effect in facts.effects]
        if facts.unresolved or UNKNOWN in sizes:
            return UNKNOWN
        largest = Size(*(max(figures) for figures in zip(largest, *sizes, strict=True)))
    return largest
