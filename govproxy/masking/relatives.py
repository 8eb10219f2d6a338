"""What columns take over from others: computed columns, search vectors, partitions and inheritance.

Knows nothing of names, values and corrections: it only spreads what was found.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from govproxy.masking import taxonomy
from govproxy.masking.system_columns import SYSTEM_SCHEMAS
from govproxy.masking.taxonomy import Family
from govproxy.masking.type_families import shape_of
from govproxy.masking.values import ColumnClass
from govproxy.sql.catalog import Catalog, ColumnRef, Relation


def column_class(name: str, confidence: float, reason: str) -> ColumnClass:
    """A verdict of the built-in class of that name."""
    return ColumnClass(sensitive=taxonomy.by_name(name), confidence=round(confidence, 3), reason=reason)


def is_stronger(one: ColumnClass, other: ColumnClass) -> bool:
    """True when one verdict goes before the other: surer, then of a higher level, then by name."""
    return (one.confidence, one.sensitive.level, other.sensitive.name) > (
        other.confidence,
        other.sensitive.level,
        one.sensitive.name,
    )


_IDENTIFIER = re.compile(r'"((?:[^"]|"")+)"|\b([A-Za-z_\u0080-\uffff][\w$]*)')


def judge_derived(relation: Relation, catalog: Catalog, found: dict[ColumnRef, ColumnClass]) -> None:
    """Generated columns and search vectors repeat what other columns of the same table hold."""
    if relation.schema in SYSTEM_SCHEMAS:
        return
    sensitive = {
        column.name: found[ColumnRef(relation.oid, column.attnum)]
        for column in relation.columns
        if ColumnRef(relation.oid, column.attnum) in found
    }
    for column in relation.columns:
        ref = ColumnRef(relation.oid, column.attnum)
        if ref in found:
            continue
        family = shape_of(column, catalog).family
        if column.generated and column.default:
            named = {quoted.replace('""', '"') or plain for quoted, plain in _IDENTIFIER.findall(column.default)}
            sources = sorted(named & sensitive.keys(), key=lambda name: (-sensitive[name].sensitive.level, name))
            if sources and family is Family.SEARCH:
                found[ref] = column_class("search_vector", 0.9, f"search index over '{sources[0]}'")
            elif sources and family is not Family.BOOLEAN:
                source = sensitive[sources[0]]
                found[ref] = column_class(source.sensitive.name, source.confidence, f"computed from '{sources[0]}'")
        elif family is Family.SEARCH and sensitive:
            found[ref] = column_class("search_vector", 0.7, "search index in a table with personal columns")


def share_among_relatives(catalog: Catalog, found: dict[ColumnRef, ColumnClass]) -> None:
    """Partitions and inheritance children share with their parents what any of them has.

    A select from the parent returns the children's rows under the parent's column.
    """
    group: dict[int, int] = {}

    def root(oid: int) -> int:
        while group.get(oid, oid) != oid:
            group[oid] = group.get(group[oid], group[oid])
            oid = group[oid]
        return oid

    for oid, relation in catalog.relations.items():
        for other in (*relation.parents, *relation.children):
            if other in catalog.relations:
                group[max(root(oid), root(other))] = min(root(oid), root(other))
    families: dict[int, list[int]] = {}
    for oid in sorted(catalog.relations):
        relation = catalog.relations[oid]
        if relation.parents or relation.children:
            families.setdefault(root(oid), []).append(oid)
    for members in families.values():
        _share(members, catalog, found)


def _share(members: Sequence[int], catalog: Catalog, found: dict[ColumnRef, ColumnClass]) -> None:
    """One family of relatives: under each column name the strongest class of any member."""
    places: dict[str, list[ColumnRef]] = {}
    for oid in members:
        for column in catalog.relations[oid].columns:
            places.setdefault(column.name, []).append(ColumnRef(oid, column.attnum))
    for refs in places.values():
        verdicts = [found.get(ref) for ref in refs]
        if any(not _is_unread(verdict) for verdict in verdicts):
            # New partitions often have no grants of their own; what was seen of the rest counts for them.
            for ref, verdict in zip(refs, verdicts, strict=True):
                if _is_unread(verdict):
                    del found[ref]
        shared = None
        for ref in refs:
            verdict = found.get(ref)
            if verdict is not None and (shared is None or is_stronger(verdict, shared)):
                shared = verdict
        if shared is None:
            continue
        for ref in refs:
            reason = shared.reason if ref in found else f"shared with a partition or parent: {shared.reason}"
            found[ref] = replace(shared, reason=reason)


def _is_unread(verdict: ColumnClass | None) -> bool:
    return verdict is not None and verdict.sensitive.name == "unread"
