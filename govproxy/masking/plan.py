"""From what is known about a result's columns to what is done with each of them.

Joins three witnesses per column: the origin that RowDescription names, the lineage that analysis
found, and the classification of the catalog. Each may add suspicion, none takes another's away.
Whatever stays unknown in a statement that reaches sensitive data is redacted. Pure: no clock, no
connection, no policy; the caller's ``right`` says what the identity may see.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TypeAlias

from govproxy._fastpath.rows import ColumnPlan, MaskPlan
from govproxy.errors import ProtocolViolation
from govproxy.masking import wiretypes
from govproxy.masking.roundtrip import MaskedForm
from govproxy.masking.values import Classification, ColumnClass, Masker
from govproxy.masking.wiretypes import FIRST_USER_OID, WireType
from govproxy.sql.catalog import Catalog, ColumnRef
from govproxy.sql.values import Derivation, OutputColumn

MAX_COLUMNS = 1664  # MaxTupleAttributeNumber: no result has more


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One column as RowDescription describes it. ``format`` is 0 for text, 1 for binary."""

    name: str
    table_oid: int = 0
    attnum: int = 0
    type_oid: int = 25
    typmod: int = -1
    format: int = 0


class Sight(StrEnum):
    """How an identity sees a sensitive column; spelled as in the policy."""

    CLEAR = "clear"
    MASKED = "masked"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Right:
    """What the identity may see of one sensitive column. ``masker`` None is the class's default."""

    see: Sight = Sight.MASKED
    masker: Masker | None = None


Rights: TypeAlias = Callable[[ColumnRef, ColumnClass], Right]
Sources: TypeAlias = Callable[[ColumnRef], frozenset[ColumnRef]]


@dataclass(frozen=True, slots=True)
class MaskKey:
    """The installation's masking key, 32 bytes. Every class has a key of its own derived from it.

    Security: losing it only breaks that equal values stay equal over time; knowing it turns
    pseudonyms of guessable values back by trying them.
    """

    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.secret) != 32:
            raise ValueError("a masking key has 32 bytes")

    def derive(self, label: str) -> bytes:
        """A 32-byte key for one purpose (keyed BLAKE2s over the label)."""
        return hashlib.blake2s(label.encode(), key=self.secret, person=b"govmask").digest()

    def shift_days(self, label: str) -> int:
        """1 to 182 days, either way, the same for every value under the label."""
        number = int.from_bytes(self.derive(f"shift {label}")[:8], "big") % 364
        return number - 182 if number < 182 else number - 181


# What a class's values look like, where that changes how a masker works on them.
STYLES: Mapping[str, str] = MappingProxyType(
    {
        "email": "email",
        "phone": "phone",
        "iban": "iban",
        "person_name": "name",
        "given_name": "given",
        "family_name": "surname",
        "username": "user",
        "postcode": "postcode",
        "ip_address": "ip",
        "birth_date": "date",
        "death_date": "date",
        "geo": "geo",
        "card": "card",
        "bank_account": "tail4",
        "ssn": "tail4",
        "tax_id": "tail4",
        "national_id": "tail4",
        "passport": "tail4",
        "driving_licence": "tail4",
        "vehicle": "tail4",
        "medical_record": "tail4",
        "health_insurance": "tail4",
        "crypto_wallet": "tail4",
        "device_id": "tail4",
    }
)

# Classes whose values stand for one another share a key: a given name is the same in every column of names.
_KEY_LABELS: Mapping[str, str] = MappingProxyType(dict.fromkeys(("given_name", "family_name"), "person_name"))

_INTEGERS = ("int2", "int4", "int8")
_DATES = ("date", "timestamp", "timestamptz")
_KEYED = frozenset({"hash", "pseudonym", "shift", "fpe"})

# Masker -> family -> operation. What is not listed is redacted by type.
# ``fpe`` takes what has six digits or more and no letters; the rest of such a column gets a keyed
# pseudonym of the same shape, which joins as well but cannot be turned back.
_OPERATIONS: Mapping[Masker, Mapping[str, str]] = MappingProxyType(
    {
        Masker.PARTIAL: {
            **dict.fromkeys(("text", *_INTEGERS, "numeric", "json", "jsonb"), "partial"),
            **dict.fromkeys(("inet", "macaddr", *_DATES), "generalise"),
        },
        Masker.HASH: {**dict.fromkeys(("text", *_INTEGERS, "numeric", "uuid"), "hash")},
        Masker.PSEUDONYM: {
            **dict.fromkeys(("text", *_INTEGERS, "numeric", "uuid"), "pseudonym"),
            **dict.fromkeys(_DATES, "shift"),
        },
        Masker.FPE: {
            **dict.fromkeys(("text", *_INTEGERS), "fpe"),
            **dict.fromkeys(("numeric", "uuid"), "pseudonym"),
        },
        Masker.SHIFT: {**dict.fromkeys(("text", *_DATES), "shift")},
        Masker.GENERALISE: dict.fromkeys(
            ("text", *_INTEGERS, "numeric", "float4", "float8", "inet", "macaddr", *_DATES), "generalise"
        ),
    }
)


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
    plan = _mask(context, f, wire, found, masker or found.sensitive.masker, not_null)
    name = _KEY_LABELS.get(found.sensitive.name, found.sensitive.name)
    return MaskedForm(plan, key.derive(name), tuple(old.derive(name) for old in former))


def redact_all(fields: Sequence[Field]) -> MaskPlan:
    """Every column redacted by type: for a result about which nothing at all is known."""
    return MaskPlan(_redact(f, wiretypes.resolve(f.type_oid), False, "unknown result") for f in fields)


def describe(plan: MaskPlan) -> list[dict[str, str]]:
    """What ``explain`` shows of a plan: name, operation and reason per column."""
    return [{"column": c.name, "operation": c.op, "reason": c.label} for c in plan.columns]


def _column(context: _Context, f: Field, output: OutputColumn | None) -> ColumnPlan:
    wire = wiretypes.resolve(f.type_oid, context.catalog)
    evidence = _Evidence()
    _origin(context, f, evidence)
    derivation = Derivation.OPAQUE if output is None else output.derivation
    no_origin = f.table_oid == 0
    if output is not None and derivation is Derivation.AGGREGATE_SAFE and no_origin:
        return _clean(context, f, wire, "aggregate")
    if output is not None:
        for source in output.sources:
            _source(context, source, evidence)
    if any(right.see is Sight.NONE for _, right in evidence.sensitive.values()):
        return ColumnPlan("null", name=f.name, family=wire.family, format=f.format, label="not to be seen")
    not_null = _not_null(context, f)
    if evidence.unknown:
        return _redact(f, wire, not_null, "source unknown")
    if evidence.sensitive:
        return _sensitive(context, f, wire, evidence, derivation, not_null)
    if evidence.clean_origin or derivation is not Derivation.OPAQUE or not context.tainted:
        return _clean(context, f, wire, "clean")
    return _redact(f, wire, not_null, "lineage unknown")


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
        return _redact(f, wire, not_null, f"several sources: {names}")
    if evidence.whole_row:
        return _redact(f, wire, not_null, f"whole row with {names}")
    ((ref, (found, right)),) = evidence.sensitive.items()
    origin = ColumnRef(f.table_oid, f.attnum)
    if ref != origin and derivation is not Derivation.PLAIN:
        return _redact(f, wire, not_null, f"expression over {names}")
    masker = right.masker or found.sensitive.masker
    return _mask(context, f, wire, found, masker, not_null)


def _mask(
    context: _Context, f: Field, wire: WireType, found: ColumnClass, masker: Masker, not_null: bool
) -> ColumnPlan:
    name = found.sensitive.name
    label = f"{name}: {masker.value}"
    if masker is Masker.NULL:
        return ColumnPlan("null", name=f.name, family=wire.family, format=f.format, label=label)
    if masker is Masker.SCAN and wire.scannable:
        return _clean(context, f, wire, label)
    if wire.family == "array":
        return _mask_elements(context, f, wire, found, masker, not_null)
    operation = _OPERATIONS.get(masker, {}).get(wire.family)
    if operation is None or f.type_oid == wiretypes.XML:
        return _redact(f, wire, not_null, label)
    keyed = operation in _KEYED
    return ColumnPlan(
        operation,
        name=f.name,
        family=wire.family,
        format=f.format,
        style=STYLES.get(name, "generic"),
        limit=wiretypes.length_limit(f.type_oid, f.typmod),
        pad=wiretypes.padding(f.type_oid, f.typmod),
        shift_days=context.key.shift_days(name) if operation == "shift" else 0,
        fallback=wiretypes.redaction(f.type_oid, f.typmod, wire, binary=f.format == 1, not_null=not_null),
        key=context.key.derive(_KEY_LABELS.get(name, name)) if keyed else b"",
        label=label,
    )


def _mask_elements(
    context: _Context, f: Field, wire: WireType, found: ColumnClass, masker: Masker, not_null: bool
) -> ColumnPlan:
    """An array whose elements are masked like a column of their type; elements may be NULL in any case."""
    name = found.sensitive.name
    label = f"{name}: {masker.value} of each element"
    element = wiretypes.resolve(wire.element_oid, context.catalog)
    operation = _OPERATIONS.get(masker, {}).get(element.family)
    if operation is None or wire.element_oid == wiretypes.XML:
        return _redact(f, wire, not_null, f"{name}: {masker.value}")
    binary = f.format == 1
    return ColumnPlan(
        operation,
        name=f.name,
        family="array",
        format=f.format,
        style=STYLES.get(name, "generic"),
        limit=wiretypes.length_limit(wire.element_oid, f.typmod),
        pad=wiretypes.padding(wire.element_oid, f.typmod),
        shift_days=context.key.shift_days(name) if operation == "shift" else 0,
        fallback=wiretypes.redaction(wire.element_oid, f.typmod, element, binary=binary, not_null=False),
        key=context.key.derive(_KEY_LABELS.get(name, name)) if operation in _KEYED else b"",
        label=label,
        element=element.family,
        element_oid=wire.element_oid,
        whole=wiretypes.redaction(f.type_oid, f.typmod, wire, binary=binary, not_null=not_null),
    )


def _redact(f: Field, wire: WireType, not_null: bool, reason: str) -> ColumnPlan:
    value = wiretypes.redaction(f.type_oid, f.typmod, wire, binary=f.format == 1, not_null=not_null)
    label = f"redacted ({reason})"
    if value is None:
        return ColumnPlan("null", name=f.name, family=wire.family, format=f.format, label=label)
    return ColumnPlan("constant", name=f.name, family=wire.family, format=f.format, constant=value, label=label)


def _clean(context: _Context, f: Field, wire: WireType, reason: str) -> ColumnPlan:
    operation = "scan" if context.scan and wire.scannable else "pass"
    return ColumnPlan(
        operation,
        name=f.name,
        family=wire.family,
        format=f.format,
        limit=wiretypes.length_limit(f.type_oid, f.typmod),
        pad=wiretypes.padding(f.type_oid, f.typmod),
        label=reason,
    )


def _not_null(context: _Context, f: Field) -> bool:
    """True when the origin is a column declared NOT NULL."""
    if context.catalog is None or f.attnum <= 0:
        return False
    relation = context.catalog.relations.get(f.table_oid)
    if relation is None:
        return False
    return any(column.attnum == f.attnum and column.not_null for column in relation.columns)
