"""From a catalog to the map of its sensitive columns, with a reason for each.

Pure and deterministic: the same catalog and corrections give the same map. Evidence comes from the
column's name in its table's context, its type and domains, its comment, and the vote of its values;
then relatives (partitions, generated columns, search vectors) inherit; then corrections have the
last word. Knows nothing of connections, identities and maskers.

Security: reasons name classes, words and shares, never a value.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from govproxy._fastpath.detectors import scan
from govproxy.masking import taxonomy
from govproxy.masking.corrections import Correction, check_correction, correct
from govproxy.masking.detect_samples import array_elements, contradicts, judge_documents, random_share, vote
from govproxy.masking.names import (
    BELIEVED,
    NameEvidence,
    hints_at_secret,
    judge_comment,
    judge_name,
    table_context,
)
from govproxy.masking.own import own_verdict, stronger
from govproxy.masking.system_columns import SYSTEM_SCHEMAS, system_class
from govproxy.masking.taxonomy import Family
from govproxy.masking.type_families import Shape, shape_of, shape_of_type
from govproxy.masking.values import Classification, ColumnClass, OwnTaxonomy
from govproxy.sql.catalog import Catalog, Column, ColumnRef, ColumnStatistics, Relation, RelationKind

__all__ = ["Correction", "check_correction", "classify", "describe", "digest"]

# ctid, xmin, cmin, xmax, cmax, tableoid: the same on every table and never personal.
_SYSTEM_ATTRIBUTES = frozenset(range(-6, 0))
_WITH_SYSTEM_ATTRIBUTES = frozenset(
    {RelationKind.TABLE, RelationKind.PARTITIONED, RelationKind.MATERIALISED_VIEW, RelationKind.FOREIGN_TABLE}
)
# Types wide enough to hold anything: without a look at the values nothing is known about them.
_FREE_FORM = frozenset({Family.TEXT, Family.JSON, Family.KEYED, Family.OTHER, Family.BYTES})
_DOCUMENTS = frozenset({Family.JSON, Family.KEYED})
_DEEPEST_RECORD = 4
NOTHING_OWN = OwnTaxonomy()


def classify(
    catalog: Catalog, corrections: Sequence[Correction] = (), own: OwnTaxonomy = NOTHING_OWN
) -> Classification:
    """The map of ``catalog``, with what a policy knows itself. Raises ValueError for an unusable correction."""
    for correction in corrections:
        check_correction(correction, own.classes)
    found: dict[ColumnRef, ColumnClass] = {}
    known: dict[int, frozenset[int]] = {}
    for oid in sorted(catalog.relations):
        relation = catalog.relations[oid]
        seen = set(_SYSTEM_ATTRIBUTES) if relation.kind in _WITH_SYSTEM_ATTRIBUTES else set()
        for column in relation.columns:
            ref = ColumnRef(oid, column.attnum)
            verdict = _judge(relation, column, catalog)
            if own.recognitions:
                verdict = stronger(_own(relation, column, catalog, own), verdict)
            if verdict is None:
                verdict = _mentions(relation, column, catalog)
            if verdict is None and _unread(relation, column, catalog):
                # Security: listed, not left out, so that whole rows and opaque statements see it too.
                verdict = _class("unread", 0.5, "its values may not be looked at, or not in time")
            if verdict is not None:
                found[ref] = verdict
            seen.add(column.attnum)
        if shows_people(relation, found) and not table_context(relation.name, relation.schema).people:
            _judge_again(relation, catalog, found)
        known[oid] = frozenset(seen)
        _judge_derived(relation, catalog, found)
    _share_among_relatives(catalog, found)
    correct(catalog, corrections, found, known, own.classes)
    return Classification(
        database=catalog.database,
        catalog_version=catalog.version,
        columns={ref: found[ref] for ref in sorted(found, key=lambda ref: (ref.relation, ref.attnum))},
        known=known,
    )


def _class(name: str, confidence: float, reason: str) -> ColumnClass:
    return ColumnClass(sensitive=taxonomy.by_name(name), confidence=round(confidence, 3), reason=reason)


def _own(relation: Relation, column: Column, catalog: Catalog, own: OwnTaxonomy) -> ColumnClass | None:
    """What the policy's own rules see; nothing in system catalogs and in views, which lineage looks through."""
    if relation.schema in SYSTEM_SCHEMAS or relation.kind in {RelationKind.SEQUENCE, RelationKind.INDEX}:
        return None
    if relation.kind is RelationKind.VIEW and relation.definition:
        return None
    shape = shape_of(column, catalog)
    values = _values(catalog.statistics.get(ColumnRef(relation.oid, column.attnum)), shape)
    return own_verdict(relation, column, shape.family, values, own)


def _mentions(relation: Relation, column: Column, catalog: Catalog) -> ColumnClass | None:
    """Text without a class of its own in whose values something stands that is always masked.

    Security: the look at values sees it only as it stands. Turned round, cut or encoded it would pass,
    and so would one guess after the other.
    """
    statistics = catalog.statistics.get(ColumnRef(relation.oid, column.attnum))
    if statistics is None or column.is_key or shape_of(column, catalog).family not in _FREE_FORM:
        return None
    if relation.schema in SYSTEM_SCHEMAS or relation.kind in {RelationKind.SEQUENCE, RelationKind.INDEX}:
        return None
    for value in (*statistics.suspects, *statistics.values):
        if found := scan(value.encode()):
            return _class("mentions", 0.9, f"a value mentions something of the class {found[0][0]}")
    return None


def shows_people(relation: Relation, found: Mapping[ColumnRef, ColumnClass]) -> bool:
    """Whether the columns found so far say that the rows of a table are people, whatever it is called."""
    refs = (ColumnRef(relation.oid, column.attnum) for column in relation.columns)
    return len({found[ref].sensitive.name for ref in refs if ref in found} & taxonomy.ABOUT_PEOPLE) >= 2


def _judge_again(relation: Relation, catalog: Catalog, found: dict[ColumnRef, ColumnClass]) -> None:
    """Columns that were nothing so far, now that the table is known to be about people."""
    for column in relation.columns:
        ref = ColumnRef(relation.oid, column.attnum)
        before = found.get(ref)
        if before is not None and before.sensitive.name not in {"unread", "mentions"}:
            continue
        verdict = _judge(relation, column, catalog, people=True)
        if verdict is not None:
            found[ref] = replace(verdict, reason=f"{verdict.reason}, among columns about people")


def _unread(relation: Relation, column: Column, catalog: Catalog) -> bool:
    """True when the metadata role could not look at values of a type that may hold anything."""
    statistics = catalog.statistics.get(ColumnRef(relation.oid, column.attnum))
    if statistics is None or statistics.source != "none":
        return False
    return shape_of(column, catalog).family in _FREE_FORM


def _judge(relation: Relation, column: Column, catalog: Catalog, *, people: bool = False) -> ColumnClass | None:
    """The class of one column by its own evidence."""
    system = system_class(relation.schema, relation.name, column.name)
    if system is not None:
        return _class(system, 1.0, f"{relation.name}.{column.name} holds copies of data or secrets")
    if relation.schema in SYSTEM_SCHEMAS or relation.kind in {RelationKind.SEQUENCE, RelationKind.INDEX}:
        return None
    if relation.kind is RelationKind.VIEW:
        # Lineage maps a view to its bases; names are the net for a view nobody can look into.
        return None if relation.definition else _by_name(relation, column, shape_of(column, catalog), None, people)
    shape = shape_of(column, catalog)
    statistics = catalog.statistics.get(ColumnRef(relation.oid, column.attnum))
    if shape.family is Family.RECORD:
        return _judge_record(relation, column, shape, catalog)
    return _by_name(relation, column, shape, statistics, people)


def _values(statistics: ColumnStatistics | None, shape: Shape) -> tuple[str, ...]:
    if statistics is None:
        return ()
    if not shape.array:
        return statistics.values
    return tuple(element for value in statistics.values for element in array_elements(value))


def _by_name(
    relation: Relation, column: Column, shape: Shape, statistics: ColumnStatistics | None, people: bool
) -> ColumnClass | None:
    values = _values(statistics, shape)
    evidence = list(_named(relation, column, shape, values, people=people))
    if shape.family in _DOCUMENTS:
        return _judge_document(evidence, values, shape, (column.name, relation.name))
    numeric_key = column.is_key and shape.family in {Family.INTEGER, Family.NUMBER, Family.UUID}
    ballot = None if numeric_key else vote(values, shape.family)
    if shape.family is Family.NETWORK:
        evidence.append(("ip_address", 0.9, "type holds network addresses"))
    if shape.family is Family.HARDWARE:
        evidence.append(("mac_address", 0.9, "type holds hardware addresses"))
    if shape.family is Family.POINT and not any(name == "geo" for name, _, _ in evidence):
        evidence.append(("geo", 0.5, "type holds positions"))
    if ballot is not None:
        evidence.append(
            (ballot.name, ballot.confidence, f"{ballot.share:.0%} of {ballot.seen} values match {ballot.shape}")
        )
    elif shape.family is Family.TEXT and not column.is_key and hints_at_secret(column.name):
        share = random_share(values)
        if share >= 0.9:
            evidence.append(
                ("api_token", 0.7, f"name '{column.name}', {share:.0%} of {len(values)} values look random")
            )
    return _combine(evidence)


def _named(
    relation: Relation, column: Column, shape: Shape, values: Sequence[str], *, people: bool = False
) -> Iterable[tuple[str, float, str]]:
    """(class, confidence, reason) from name, domain and comment, past the gates of type and key."""
    said: list[tuple[NameEvidence, str]] = [
        (evidence, f"name '{column.name}' ({evidence.words})")
        for evidence in judge_name(column.name, relation.name, relation.schema, people=people)
    ]
    for domain in shape.domains:
        said.extend((evidence, f"type '{domain}' ({evidence.words})") for evidence in judge_name(domain, relation.name))
    if column.comment:
        said.extend((evidence, f"comment ({evidence.words})") for evidence in judge_comment(column.comment))
    for evidence, reason in said:
        entry = taxonomy.ENTRIES[evidence.name]
        if shape.family not in entry.families or (column.is_key and not entry.identifier):
            continue
        if contradicts(evidence.name, values):
            if evidence.confidence < 0.9:
                continue
            # Security: a plain name is believed even when the values look otherwise today.
            yield evidence.name, evidence.confidence - 0.3, f"{reason}, values look otherwise"
            continue
        yield evidence.name, evidence.confidence, reason


def _combine(evidence: Sequence[tuple[str, float, str]]) -> ColumnClass | None:
    """The class with the most joint evidence; equal ones by level."""
    by_class: dict[str, list[tuple[float, str]]] = {}
    for name, confidence, reason in evidence:
        by_class.setdefault(name, []).append((confidence, reason))
    best: ColumnClass | None = None
    for name, items in by_class.items():
        doubt = 1.0
        for confidence, _ in items:
            doubt *= 1.0 - confidence
        verdict = _class(name, min(1.0 - doubt, 0.99), ", ".join(reason for _, reason in items))
        if verdict.confidence >= BELIEVED and (best is None or _stronger(verdict, best)):
            best = verdict
    return best


def _stronger(one: ColumnClass, other: ColumnClass) -> bool:
    return (one.confidence, one.sensitive.level, other.sensitive.name) > (
        other.confidence,
        other.sensitive.level,
        one.sensitive.name,
    )


def _judge_document(
    evidence: Sequence[tuple[str, float, str]], values: Sequence[str], shape: Shape, owners: Sequence[str]
) -> ColumnClass | None:
    named = _combine(evidence)
    if named is not None:
        return named
    if not values:
        # Security: the first document may come after this look, and keys are only seen in one.
        return _class("personal_json", 0.5, "documents, none of which could be looked at yet")
    found = judge_documents(values, shape.family, owners)
    if found is None:
        return None
    return _class("personal_json", found.confidence, f"documents with {found.reason}, in {len(values)} sampled")


def _judge_record(relation: Relation, column: Column, shape: Shape, catalog: Catalog) -> ColumnClass | None:
    named = _combine(list(_named(relation, column, shape, ())))
    fields = _sensitive_fields(shape.record, column.name, catalog, _DEEPEST_RECORD)
    if fields is None:
        return _class("personal_record", 0.5, "record of a type that could not be looked at")
    if fields:
        return _class("personal_record", 0.9, f"record with personal fields ({', '.join(fields)})")
    return named


def _sensitive_fields(record: int, context: str, catalog: Catalog, depth: int) -> list[str] | None:
    """Names of sensitive fields of a composite type; None when it cannot be looked into."""
    relation = catalog.relations.get(record)
    if relation is None or depth == 0:
        return None
    fields: list[str] = []
    for field in relation.columns:
        shape = shape_of_type(field.type_oid, catalog)
        if shape.family is Family.RECORD:
            inner = _sensitive_fields(shape.record, field.name, catalog, depth - 1)
            if inner is None or inner:
                fields.append(field.name)
            continue
        if shape.family in _DOCUMENTS or _combine(list(_named(relation, field, shape, ()))) is not None:
            fields.append(field.name)
            continue
        by_context = judge_name(field.name, context)
        if any(shape.family in taxonomy.ENTRIES[evidence.name].families for evidence in by_context):
            fields.append(field.name)
    return fields


_IDENTIFIER = re.compile(r'"((?:[^"]|"")+)"|\b([A-Za-z_\u0080-\uffff][\w$]*)')


def _judge_derived(relation: Relation, catalog: Catalog, found: dict[ColumnRef, ColumnClass]) -> None:
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
                found[ref] = _class("search_vector", 0.9, f"search index over '{sources[0]}'")
            elif sources and family is not Family.BOOLEAN:
                source = sensitive[sources[0]]
                found[ref] = _class(source.sensitive.name, source.confidence, f"computed from '{sources[0]}'")
        elif family is Family.SEARCH and sensitive:
            found[ref] = _class("search_vector", 0.7, "search index in a table with personal columns")


def _share_among_relatives(catalog: Catalog, found: dict[ColumnRef, ColumnClass]) -> None:
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
            if verdict is not None and (shared is None or _stronger(verdict, shared)):
                shared = verdict
        if shared is None:
            continue
        for ref in refs:
            reason = shared.reason if ref in found else f"shared with a partition or parent: {shared.reason}"
            found[ref] = replace(shared, reason=reason)


def _is_unread(verdict: ColumnClass | None) -> bool:
    return verdict is not None and verdict.sensitive.name == "unread"


def describe(classification: Classification, catalog: Catalog) -> list[dict[str, object]]:
    """The map for people, one row per sensitive column, sorted by name. Holds no values."""
    rows: list[dict[str, object]] = []
    for ref, verdict in classification.columns.items():
        relation = catalog.relations.get(ref.relation)
        column = next((c for c in relation.columns if c.attnum == ref.attnum), None) if relation else None
        if relation is None or column is None:
            continue
        rows.append(
            {
                "schema": relation.schema,
                "table": relation.name,
                "column": column.name,
                "class": verdict.sensitive.name,
                "tags": sorted(verdict.sensitive.tags),
                "level": verdict.sensitive.level,
                "masker": verdict.sensitive.masker.value,
                "confidence": verdict.confidence,
                "reason": verdict.reason,
            }
        )
    return sorted(rows, key=lambda row: (str(row["schema"]), str(row["table"]), str(row["column"])))


def digest(classification: Classification) -> str:
    """SHA-256 over which column has which class: changes only when masking would."""
    known = sorted((oid, sorted(attnums)) for oid, attnums in classification.known.items())
    columns = [(ref.relation, ref.attnum, c.sensitive.name) for ref, c in classification.columns.items()]
    return hashlib.sha256(repr((classification.database, sorted(columns), known)).encode()).hexdigest()
