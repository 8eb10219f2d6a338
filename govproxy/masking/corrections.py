"""A person's last word on the map: ``classify`` entries of a policy, applied to what was found.

Knows nothing of how the rest of the map came about.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from govproxy.masking import taxonomy
from govproxy.masking.system_columns import system_class
from govproxy.masking.values import ColumnClass, SensitiveClass
from govproxy.sql.catalog import Catalog, Column, ColumnRef, Relation


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """One entry of a policy's ``classify``: ``schema.table.column`` (``*`` in any part) is ``tag``.

    ``tag`` is a tag or a class's name, or ``none`` for "not sensitive".
    """

    pattern: str
    tag: str

    def parts(self) -> tuple[str, str, str]:
        """The three patterns. Raises ValueError when there are not three."""
        parts = self.pattern.split(".")
        if len(parts) != 3 or not all(parts):
            raise ValueError(f"{self.pattern!r} is not schema.table.column")
        return parts[0], parts[1], parts[2]


def check_correction(correction: Correction, own: Sequence[SensitiveClass] = ()) -> None:
    """Raises ValueError, in words for a person, when the pattern or the tag is not usable."""
    correction.parts()
    if correction.tag != "none" and taxonomy.class_for(correction.tag, own) is None:
        raise ValueError(f"unknown tag {correction.tag!r}")


def _matches(patterns: tuple[str, str, str], relation: Relation, column: Column) -> bool:
    names = (relation.schema, relation.name, column.name)
    return all(fnmatchcase(name, pattern) for name, pattern in zip(names, patterns, strict=True))


def correct(
    catalog: Catalog,
    corrections: Sequence[Correction],
    found: dict[ColumnRef, ColumnClass],
    known: dict[int, frozenset[int]],
    own: Sequence[SensitiveClass] = (),
) -> None:
    """Corrections have the last word; their order does not matter.

    Without a wildcard beats with one; among equals "sensitive" beats "none" and the higher level
    the lower. A correction of a parent holds for its partitions unless they have their own.

    Security: a wildcard never opens the columns of the system catalogs.
    """
    parsed = [(correction, correction.parts()) for correction in corrections]
    if not parsed:
        return
    for oid, relation in catalog.relations.items():
        for column in relation.columns:
            chosen = _chosen(parsed, relation, column, own) or _inherited(parsed, relation, column, catalog, own)
            if chosen is None:
                continue
            ref = ColumnRef(oid, column.attnum)
            reason = f"classify: {chosen.pattern} is {chosen.tag}"
            if chosen.tag != "none":
                verdict = taxonomy.class_for(chosen.tag, own)
                if verdict is None:
                    raise ValueError(f"unknown tag {chosen.tag!r}")
                found[ref] = ColumnClass(sensitive=verdict, confidence=1.0, reason=reason)
            elif system_class(relation.schema, relation.name, column.name) and "*" in chosen.pattern:
                continue
            else:
                found.pop(ref, None)
            known[oid] = known.get(oid, frozenset()) | {column.attnum}


def is_corrected(catalog: Catalog, relation: Relation, column: Column, corrections: Sequence[Correction]) -> bool:
    """Whether a person has said what this column is, or is not."""
    parsed = [(correction, correction.parts()) for correction in corrections]
    return (_chosen(parsed, relation, column) or _inherited(parsed, relation, column, catalog)) is not None


def _chosen(
    parsed: Sequence[tuple[Correction, tuple[str, str, str]]],
    relation: Relation,
    column: Column,
    own: Sequence[SensitiveClass] = (),
) -> Correction | None:
    def strength(correction: Correction) -> tuple[bool, bool, int, str]:
        exact = not any(char in correction.pattern for char in "*?[")
        verdict = None if correction.tag == "none" else taxonomy.class_for(correction.tag, own)
        return exact, verdict is not None, verdict.level if verdict else 0, correction.tag

    candidates = [correction for correction, patterns in parsed if _matches(patterns, relation, column)]
    return max(candidates, key=strength, default=None)


def _inherited(
    parsed: Sequence[tuple[Correction, tuple[str, str, str]]],
    relation: Relation,
    column: Column,
    catalog: Catalog,
    own: Sequence[SensitiveClass] = (),
) -> Correction | None:
    seen = {relation.oid}
    queue = list(relation.parents)
    while queue:
        oid = queue.pop(0)
        parent = catalog.relations.get(oid)
        if parent is None or oid in seen:
            continue
        seen.add(oid)
        chosen = _chosen(parsed, parent, column, own)
        if chosen is not None and parent.column(column.name) is not None:
            return chosen
        queue.extend(parent.parents)
    return None
