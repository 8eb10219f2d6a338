"""From a catalog to the map of its sensitive columns, with a reason for each.

Pure and deterministic: the same catalog and corrections give the same map. Evidence comes from the
column's name in its table's context, its type and domains, its comment, and the vote of its values;
then relatives (partitions, generated columns, search vectors) inherit; then corrections have the
last word. Knows nothing of connections, identities and maskers.

Security: reasons name classes, words and shares, never a value.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from govproxy._fastpath.detectors import scan
from govproxy.masking import taxonomy
from govproxy.masking.corrections import Correction, check_correction, correct
from govproxy.masking.detect_people import vote_among_people
from govproxy.masking.detect_samples import (
    ENOUGH,
    array_elements,
    contradicts,
    is_number_column,
    judge_documents,
    random_share,
    vote,
)
from govproxy.masking.names import (
    BELIEVED,
    NameEvidence,
    hints_at_name,
    hints_at_secret,
    judge_comment,
    judge_name,
    says_nothing,
    table_context,
)
from govproxy.masking.own import own_verdict, stronger
from govproxy.masking.relatives import column_class, is_stronger, judge_derived, share_among_relatives
from govproxy.masking.system_columns import SYSTEM_SCHEMAS, system_class
from govproxy.masking.taxonomy import Family
from govproxy.masking.type_families import Shape, shape_of, shape_of_type
from govproxy.masking.values import Classification, ColumnClass, OwnTaxonomy
from govproxy.masking.wiretypes import length_limit
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
# The fewest characters that values of some classes have, told generously. Where a column has room for fewer, its
# name means something else: a flag, or the number of a row of another table.
_LEAST = {"vehicle": 4, "email": 6, "ip_address": 7, "device_id": 8, "mac_address": 12, "iban": 15, "jwt": 20}
_SMALL_INTEGERS = frozenset({21, 23})  # int2, int4
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
            if verdict is None and not _is_number(relation, column, catalog):
                verdict = _mentions(relation, column, catalog)
            if verdict is None and _unread(relation, column, catalog):
                # Security: listed, not left out, so that whole rows and opaque statements see it too.
                verdict = column_class("unread", 0.5, "its values may not be looked at, or not in time")
            if verdict is not None:
                found[ref] = verdict
            seen.add(column.attnum)
        if shows_people(relation, found) and not table_context(relation.name, relation.schema).people:
            _judge_again(relation, catalog, found)
        if is_about_people(relation, found):
            _judge_among_people(relation, catalog, found)
        known[oid] = frozenset(seen)
        judge_derived(relation, catalog, found)
    share_among_relatives(catalog, found)
    correct(catalog, corrections, found, known, own.classes)
    return Classification(
        database=catalog.database,
        catalog_version=catalog.version,
        columns={ref: found[ref] for ref in sorted(found, key=lambda ref: (ref.relation, ref.attnum))},
        known=known,
    )


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
            return column_class("mentions", 0.9, f"a value mentions something of the class {found[0][0]}")
    return None


def _is_number(relation: Relation, column: Column, catalog: Catalog) -> bool:
    statistics = catalog.statistics.get(ColumnRef(relation.oid, column.attnum))
    if statistics is None or relation.schema in SYSTEM_SCHEMAS:
        return False
    return shape_of(column, catalog).family is Family.TEXT and is_number_column(statistics.values, statistics.suspects)


def shows_people(relation: Relation, found: Mapping[ColumnRef, ColumnClass]) -> bool:
    """Whether the columns found so far say that the rows of a table are people, whatever it is called."""
    refs = (ColumnRef(relation.oid, column.attnum) for column in relation.columns)
    names = {found[ref].sensitive.name for ref in refs if ref in found}
    # Somebody's name, and how to reach them.
    reached = "person_name" in names and bool(names & {"email", "phone"})
    return reached or len(names & taxonomy.ABOUT_PEOPLE) >= 2


def is_about_people(relation: Relation, found: Mapping[ColumnRef, ColumnClass]) -> bool:
    """Whether a table's name or one of its columns speaks of people: enough for columns whose names say nothing."""
    if relation.schema in SYSTEM_SCHEMAS:
        return False
    refs = (ColumnRef(relation.oid, column.attnum) for column in relation.columns)
    facts = taxonomy.ABOUT_PEOPLE | {"person_name"}
    return table_context(relation.name, relation.schema).people or any(
        found[ref].sensitive.name in facts for ref in refs if ref in found
    )


def _judge_among_people(relation: Relation, catalog: Catalog, found: dict[ColumnRef, ColumnClass]) -> None:
    """Cities and days of birth under names that say nothing, by their values alone."""
    for column in relation.columns:
        ref = ColumnRef(relation.oid, column.attnum)
        if ref in found or column.is_key or not says_nothing(column.name):
            continue
        shape = shape_of(column, catalog)
        ballot = vote_among_people(_values(catalog.statistics.get(ref), shape), shape.family)
        if ballot is not None:
            reason = f"{ballot.share:.0%} of {ballot.seen} values look like {ballot.shape}, in a table about people"
            found[ref] = column_class(ballot.name, ballot.confidence, reason)


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
        return column_class(system, 1.0, f"{relation.name}.{column.name} holds copies of data or secrets")
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
    ballot = None if numeric_key else vote(values, shape.family, named=hints_at_name(column.name))
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
        if _has_no_room(column, shape, values, _LEAST.get(evidence.name, 0)):
            continue
        if contradicts(evidence.name, values):
            if evidence.confidence < 0.9:
                continue
            # Security: a plain name is believed even when the values look otherwise today.
            yield evidence.name, evidence.confidence - 0.3, f"{reason}, values look otherwise"
            continue
        yield evidence.name, evidence.confidence, reason


def _has_no_room(column: Column, shape: Shape, values: Sequence[str], least: int) -> bool:
    """Whether values of that many characters have no place in a column, or none that is looked at comes near it."""
    if least == 0 or shape.array:
        return False
    if shape.family is Family.INTEGER and least >= _LEAST["device_id"]:
        seen = max(map(len, values)) if len(values) >= ENOUGH else least
        return column.base_type_oid in _SMALL_INTEGERS or seen < least
    return shape.family is Family.TEXT and 0 <= length_limit(column.base_type_oid, column.typmod) < least


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
        verdict = column_class(name, min(1.0 - doubt, 0.99), ", ".join(reason for _, reason in items))
        if verdict.confidence >= BELIEVED and (best is None or is_stronger(verdict, best)):
            best = verdict
    return best


def _judge_document(
    evidence: Sequence[tuple[str, float, str]], values: Sequence[str], shape: Shape, owners: Sequence[str]
) -> ColumnClass | None:
    named = _combine(evidence)
    if named is not None:
        return named
    if not values:
        # Security: the first document may come after this look, and keys are only seen in one.
        return column_class("personal_json", 0.5, "documents, none of which could be looked at yet")
    found = judge_documents(values, shape.family, owners)
    if found is None:
        return None
    return column_class("personal_json", found.confidence, f"documents with {found.reason}, in {len(values)} sampled")


def _judge_record(relation: Relation, column: Column, shape: Shape, catalog: Catalog) -> ColumnClass | None:
    named = _combine(list(_named(relation, column, shape, ())))
    fields = _sensitive_fields(shape.record, column.name, catalog, _DEEPEST_RECORD)
    if fields is None:
        return column_class("personal_record", 0.5, "record of a type that could not be looked at")
    if fields:
        return column_class("personal_record", 0.9, f"record with personal fields ({', '.join(fields)})")
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
