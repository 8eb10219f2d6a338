"""From what is known about a result's columns to what is done with each of them.

Joins three witnesses per column: the origin that RowDescription names, the lineage that analysis
found, and the classification of the catalog. Each may add suspicion, none takes another's away.
Whatever stays unknown in a statement that reaches sensitive data is redacted. Pure: no clock, no
connection, no policy; the caller's ``right`` says what the identity may see.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from govproxy._fastpath.columnplan import ColumnPlan
from govproxy._fastpath.rows import MaskPlan
from govproxy.errors import ProtocolViolation
from govproxy.masking import wiretypes
from govproxy.masking.roundtrip import MaskedForm
from govproxy.masking.valueplan import (
    Field,
    Ground,
    MaskKey,
    Right,
    Sight,
    clean,
    field_of,
    in_parts,
    key_label,
    masked,
    redacted,
    shapes_of,
    whole_row,
)
from govproxy.masking.values import Classification, ColumnClass, Masker
from govproxy.masking.wiretypes import FIRST_USER_OID, WireType
from govproxy.sql.catalog import Catalog, ColumnRef, RelationKind
from govproxy.sql.values import Derivation, OutputColumn

__all__ = [
    "Field",
    "MaskKey",
    "Right",
    "Rights",
    "Sight",
    "Sources",
    "build_plan",
    "decode_row_description",
    "describe",
    "masked_form",
    "redact_all",
]

MAX_COLUMNS = 1664  # MaxTupleAttributeNumber: no result has more


Rights: TypeAlias = Callable[[ColumnRef, ColumnClass], Right]
Sources: TypeAlias = Callable[[ColumnRef], frozenset[ColumnRef]]


def decode_row_description(payload: bytes) -> tuple[Field, ...]:
    """The fields of a RowDescription message, given what stands behind its length word.

    Raises ProtocolViolation when the payload is not exactly as long as its fields say.
    """
    if len(payload) < 2:
        raise ProtocolViolation("malformed RowDescription")
    (count,) = struct.unpack_from("!H", payload)
    if count > MAX_COLUMNS:
        raise ProtocolViolation("RowDescription of more columns than a result can have")
    fields = []
    at = 2
    for _ in range(count):
        end = payload.find(b"\0", at)
        if end < 0 or len(payload) - end - 1 < 18:
            raise ProtocolViolation("malformed RowDescription")
        name = payload[at:end].decode("utf-8", "replace")
        table_oid, attnum, type_oid, _size, typmod, code = struct.unpack_from("!IhIhih", payload, end + 1)
        if code not in (0, 1):
            raise ProtocolViolation("RowDescription with an unknown format code")
        fields.append(
            Field(name=name, table_oid=table_oid, attnum=attnum, type_oid=type_oid, typmod=typmod, format=code)
        )
        at = end + 19
    if at != len(payload):
        raise ProtocolViolation("malformed RowDescription")
    return tuple(fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Context:
    classification: Classification
    relation_sources: Sources
    right: Rights
    tainted: bool  # the statement reaches something sensitive or something unknown
    key: MaskKey
    scan: bool
    own: bool
    catalog: Catalog | None


@dataclass(slots=True)
class _Evidence:
    """What the witnesses said about one column so far."""

    sensitive: dict[ColumnRef, tuple[ColumnClass, Right]] = field(default_factory=dict)
    unknown: bool = False  # a source nobody classified
    clean_origin: bool = False
    whole_row: bool = False


def build_plan(
    fields: Sequence[Field],
    outputs: Sequence[OutputColumn] | None,
    classification: Classification,
    relation_sources: Sources,
    right: Rights,
    *,
    opaque: bool,
    reads_sensitive: bool,
    key: MaskKey,
    scan: bool = True,
    own: bool = False,
    catalog: Catalog | None = None,
) -> MaskPlan:
    """The plan for one result.

    ``outputs`` is the statement's lineage, None when there is none; a count that differs from
    ``fields`` counts as none. ``relation_sources`` gives the base columns behind a view's column
    (a table's column gives itself, the empty set means not resolved). ``right`` is asked for
    sensitive columns only. ``opaque`` and ``reads_sensitive`` say what the statement reaches, the
    latter without what the identity sees clear. ``own`` says that every relation the catalog does
    not know is a temporary table that only this session can have filled. ``scan`` False leaves out the look at values.
    ``catalog`` tells types of extensions and NOT NULL.
    """
    context = _Context(
        classification=classification,
        relation_sources=relation_sources,
        right=right,
        tainted=opaque or reads_sensitive,
        key=key,
        scan=scan,
        own=own,
        catalog=catalog,
    )
    lineage: Iterable[OutputColumn | None]
    lineage = outputs if outputs is not None and len(outputs) == len(fields) else (None,) * len(fields)
    return MaskPlan(_column(context, f, output) for f, output in zip(fields, lineage, strict=True))


def masked_form(
    f: Field,
    found: ColumnClass,
    masker: Masker | None,
    key: MaskKey,
    former: Sequence[MaskKey] = (),
    *,
    not_null: bool,
    catalog: Catalog | None,
) -> MaskedForm:
    """How values of one column look when they are masked, for telling them when they come back."""
    context = _Context(
        classification=Classification(database="", catalog_version=""),
        relation_sources=lambda ref: frozenset({ref}),
        right=lambda ref, found: Right(),
        tainted=True,
        key=key,
        scan=False,
        own=False,
        catalog=catalog,
    )
    wire = wiretypes.resolve(f.type_oid, catalog)
    plan = masked(_ground(context, None), f, wire, found, masker, not_null)
    name = key_label(found.sensitive.name)
    return MaskedForm(plan, key.derive(name), tuple(old.derive(name) for old in former))


def redact_all(fields: Sequence[Field]) -> MaskPlan:
    """Every column redacted by type: for a result about which nothing at all is known."""
    return MaskPlan(redacted(f, wiretypes.resolve(f.type_oid), False, "unknown result") for f in fields)


def describe(plan: MaskPlan) -> list[dict[str, str]]:
    """What ``explain`` shows of a plan: name, operation and reason per column."""
    return [{"column": c.name, "operation": c.op, "reason": c.label} for c in plan.columns]


def _column(context: _Context, f: Field, output: OutputColumn | None) -> ColumnPlan:
    wire = wiretypes.resolve(f.type_oid, context.catalog)
    evidence = _Evidence(unknown=_renamed(context, f, output))
    _origin(context, f, evidence)
    derivation = Derivation.OPAQUE if output is None else output.derivation
    counts = derivation is Derivation.AGGREGATE_SAFE and (f.table_oid == 0 or _is_a_views_count(context, f))
    if output is not None and counts and not evidence.unknown:
        return clean(_ground(context, None), f, wire, "aggregate")
    if output is not None:
        for source in output.sources:
            _source(context, source, evidence)
    if any(right.see is Sight.NONE for _, right in evidence.sensitive.values()):
        return ColumnPlan("null", name=f.name, family=wire.family, format=f.format, label="not to be seen")
    not_null = _not_null(context, f)
    if evidence.unknown:
        return redacted(f, wire, not_null, "source unknown")
    if evidence.sensitive and evidence.whole_row and (row := _whole_row(context, f, wire, output)) is not None:
        return row
    if evidence.sensitive:
        return _sensitive(context, f, wire, evidence, derivation, not_null)
    if evidence.clean_origin or derivation is not Derivation.OPAQUE or not context.tainted:
        return clean(_ground(context, None), f, wire, "clean", shown=_shown(context, f, output))
    return redacted(f, wire, not_null, "lineage unknown")


def _is_a_views_count(context: _Context, f: Field) -> bool:
    """Whether the column that the server names is a view's, clean in itself, and shows no value of what is behind it.

    Security: so the server agrees with analysis that it is a count. The column of a table would be one's value.
    """
    ref = ColumnRef(f.table_oid, f.attnum)
    relation = context.catalog.relations.get(f.table_oid) if context.catalog is not None else None
    if relation is None or relation.kind not in (RelationKind.VIEW, RelationKind.MATERIALISED_VIEW):
        return False
    clean_itself = context.classification.is_known(ref) and ref not in context.classification.columns
    return clean_itself and context.relation_sources(ref) == {ref}


def _renamed(context: _Context, f: Field, output: OutputColumn | None) -> bool:
    """Whether the server calls a column otherwise than the catalog did when it was asked for by that name.

    Security: a column that got another name meanwhile holds something else; a look at the catalog will say what.
    """
    if output is None or f.attnum <= 0 or output.name == f.name or context.catalog is None:
        return False
    relation = context.catalog.relations.get(f.table_oid)
    if relation is None:
        return False
    return any(column.attnum == f.attnum and column.name == output.name for column in relation.columns)


def _shown(context: _Context, f: Field, output: OutputColumn | None) -> frozenset[str]:
    """The shapes of the classes that the column is made of, where the identity may see all of them clear.

    Security: only those, and only where nothing else is in it. Whoever may see addresses is not shown the card
    that somebody typed among them, nor the addresses in a note.
    """
    origin = ColumnRef(f.table_oid, f.attnum)
    made_of = frozenset({origin} if f.table_oid else ())
    if output is not None:
        if output.derivation not in (Derivation.PLAIN, Derivation.EXPRESSION):
            return frozenset()
        made_of |= output.sources
    shapes: frozenset[str] = frozenset()
    for source in made_of:
        found = context.classification.columns.get(source)
        if found is None or context.right(source, found).see is not Sight.CLEAR:
            return frozenset()
        shapes |= shapes_of(found.sensitive.name)
    return shapes


def _origin(context: _Context, f: Field, evidence: _Evidence) -> None:
    """The server's own word on where the column comes from."""
    if f.table_oid == 0:
        return
    if context.own and context.catalog is not None and f.table_oid not in context.catalog.relations:
        evidence.clean_origin = True
        return
    if f.attnum < 0:
        evidence.clean_origin = True  # ctid, xmin, tableoid ...: the server's book-keeping
        return
    if f.attnum > 0:
        before = len(evidence.sensitive)
        _source(context, ColumnRef(f.table_oid, f.attnum), evidence)
        evidence.clean_origin = not evidence.unknown and len(evidence.sensitive) == before
        return
    # The whole row: sensitive when any of its columns is.
    evidence.whole_row = True
    attnums = context.classification.known.get(f.table_oid, frozenset())
    listed = {ref.attnum for ref in context.classification.columns if ref.relation == f.table_oid}
    if not attnums and not listed and f.table_oid >= FIRST_USER_OID:
        evidence.unknown = True
    for attnum in attnums | listed:
        _source(context, ColumnRef(f.table_oid, attnum), evidence)
    evidence.clean_origin = not evidence.unknown and not evidence.sensitive


def _source(context: _Context, ref: ColumnRef, evidence: _Evidence) -> None:
    """One source, and what stands behind it when it belongs to a view."""
    classification = context.classification
    if ref.attnum < 0:
        return
    if ref.attnum == 0:
        # Lineage names a whole row: every column of it.
        members = classification.known.get(ref.relation, frozenset())
        if not members and ref.relation >= FIRST_USER_OID:
            evidence.unknown = True
        evidence.whole_row = True
        for attnum in members - {0}:
            _source(context, ColumnRef(ref.relation, attnum), evidence)
        return
    if ref in classification.columns:
        _add(context, ref, evidence)
    elif ref.relation >= FIRST_USER_OID and not classification.is_known(ref):
        evidence.unknown = True
    if ref.relation < FIRST_USER_OID:
        return
    bases = context.relation_sources(ref)
    if not bases and ref not in classification.columns:
        evidence.unknown = True
    for base in bases - {ref}:
        if base.attnum == 0 or base in classification.columns:
            _add_base(context, base, ref, evidence)
        elif base.relation >= FIRST_USER_OID and base.attnum > 0 and not classification.is_known(base):
            evidence.unknown = True


def _add(context: _Context, ref: ColumnRef, evidence: _Evidence) -> None:
    found = context.classification.columns[ref]
    right = context.right(ref, found)
    if right.see is not Sight.CLEAR:
        evidence.sensitive[ref] = (found, right)


def _add_base(context: _Context, base: ColumnRef, view_column: ColumnRef, evidence: _Evidence) -> None:
    """A base column behind a view's column. Where both carry one class they are one source."""
    if base.attnum == 0:
        _source(context, base, evidence)
        return
    outer = evidence.sensitive.get(view_column)
    if outer is not None and outer[0].sensitive.name == context.classification.columns[base].sensitive.name:
        del evidence.sensitive[view_column]
        _add(context, base, evidence)
        # The narrower of the two rights holds: a view does not widen what its base allows, nor the reverse.
        if base not in evidence.sensitive:
            evidence.sensitive[view_column] = outer
        return
    _add(context, base, evidence)


def _sensitive(
    context: _Context, f: Field, wire: WireType, evidence: _Evidence, derivation: Derivation, not_null: bool
) -> ColumnPlan:
    names = ", ".join(sorted({found.sensitive.name for found, _ in evidence.sensitive.values()}))
    if len(evidence.sensitive) > 1:
        return redacted(f, wire, not_null, f"several sources: {names}")
    if evidence.whole_row:
        return redacted(f, wire, not_null, f"whole row with {names}")
    ((ref, (found, right)),) = evidence.sensitive.items()
    origin = ColumnRef(f.table_oid, f.attnum)
    if ref != origin and derivation is not Derivation.PLAIN:
        return redacted(f, wire, not_null, f"expression over {names}")
    return masked(_ground(context, ref), f, wire, found, right.masker, not_null)


def _ground(context: _Context, ref: ColumnRef | None) -> Ground:
    """What the values of a column lean on; ``ref`` is the column that rights on their parts are asked for."""

    def right(found: ColumnClass) -> Right:
        return Right() if ref is None else context.right(ref, found)

    return Ground(
        key=context.key,
        catalog=context.catalog,
        right=right,
        classes=context.classification.columns,
        scan=context.scan,
    )


def _whole_row(context: _Context, f: Field, wire: WireType, output: OutputColumn | None) -> ColumnPlan | None:
    """A row as one value, planned column by column as if each had been asked for; None where it is no plain one.

    Security: only by the server's own word on whose row it is, and where lineage knows of no other source.
    """
    relation = context.catalog.relations.get(f.table_oid) if context.catalog is not None else None
    if relation is None or f.attnum != 0 or wire.relation_oid != f.table_oid:
        return None
    if output is None or any(source.relation != f.table_oid for source in output.sources):
        return None
    ground = _ground(context, None)
    parts = []
    for column in relation.columns:
        inside = replace(field_of(column, f.format), table_oid=f.table_oid, attnum=column.attnum)
        parts.append(in_parts(ground, _column(context, inside, None), inside))
    return whole_row(f, wire, parts, [column.type_oid for column in relation.columns], "whole row, column by column")


def _not_null(context: _Context, f: Field) -> bool:
    """True when the origin is a column declared NOT NULL."""
    if context.catalog is None or f.attnum <= 0:
        return False
    relation = context.catalog.relations.get(f.table_oid)
    if relation is None:
        return False
    return any(column.attnum == f.attnum and column.not_null for column in relation.columns)
