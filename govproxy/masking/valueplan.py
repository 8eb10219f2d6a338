"""What is done to values of one type and class: the second half of a mask plan.

Knows types, classes and maskers, and no longer why a column has its class: ``masking.plan`` found that out. Values
that hold others are planned part by part: elements of arrays, fields of composites, bounds of ranges,
leaves of documents by their keys. What has no masker of its own is redacted by type.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType

from govproxy._fastpath.columnplan import KEYED, ColumnPlan
from govproxy._fastpath.maskkeys import KeyFact, KeyRules, Leaf
from govproxy._fastpath.spans import KIND_NAMES
from govproxy.masking import taxonomy, wiretypes
from govproxy.masking.name_lists import FAMILY_NAMES, GIVEN_NAMES
from govproxy.masking.names import TableContext, judge_name, judge_within, table_context
from govproxy.masking.values import ColumnClass, Masker
from govproxy.masking.wiretypes import WireType
from govproxy.sql.catalog import Catalog, Column, ColumnRef

_DEEPEST = 16  # composites inside composites


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

    def shift_days(self) -> int:
        """1 to 182 days, either way, the same for every date: what lies between two of them stays."""
        number = int.from_bytes(self.derive("shift")[:8], "big") % 364
        return number - 182 if number < 182 else number - 181


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What the plan of one column's values leans on.

    ``right`` says what the identity may see of a part of the given class; ``classes`` are those of columns,
    composites' fields among them. ``scan`` False leaves out the look at values.
    """

    key: MaskKey
    catalog: Catalog | None
    right: Callable[[ColumnClass], Right]
    classes: Mapping[ColumnRef, ColumnClass]
    scan: bool = True


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
        "crypto_wallet": "wallet",
        "city": "city",
        "birth_place": "city",
        "street_address": "street",
        "device_id": "tail4",
    }
)

# The shapes that values of a class have, where they are not called as the class is.
_SHAPES: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        **dict.fromkeys(
            ("ssn", "tax_id", "passport", "driving_licence", "medical_record", "health_insurance"),
            frozenset({"national_id"}),
        ),
        "bank_account": frozenset({"iban"}),
        "card_track": frozenset({"card_track", "card"}),
    }
)

# Classes whose values stand for one another share a key: a given name is the same in every column of names.
_KEY_LABELS: Mapping[str, str] = MappingProxyType(dict.fromkeys(("given_name", "family_name"), "person_name"))

_INTEGERS = ("int2", "int4", "int8")
_DATES = ("date", "timestamp", "timestamptz")
# Masker -> family -> operation. What is not listed is redacted by type.
# ``fpe`` takes what has six digits or more and no letters; the rest of such a column gets a keyed
# pseudonym of the same shape, which joins as well but cannot be turned back.
_OPERATIONS: Mapping[Masker, Mapping[str, str]] = MappingProxyType(
    {
        Masker.PARTIAL: {
            **dict.fromkeys(("text", *_INTEGERS, "numeric"), "partial"),
            **dict.fromkeys(("inet", "macaddr", *_DATES), "generalise"),
        },
        Masker.HASH: {**dict.fromkeys(("text", *_INTEGERS, "numeric", "uuid", "enum"), "hash")},
        Masker.PSEUDONYM: {
            **dict.fromkeys(("text", *_INTEGERS, "numeric", "uuid", "enum"), "pseudonym"),
            **dict.fromkeys(_DATES, "shift"),
        },
        Masker.FPE: {
            **dict.fromkeys(("text", *_INTEGERS), "fpe"),
            **dict.fromkeys(("numeric", "uuid", "enum"), "pseudonym"),
        },
        Masker.SHIFT: {**dict.fromkeys(("text", *_DATES), "shift")},
        Masker.GENERALISE: dict.fromkeys(
            ("text", *_INTEGERS, "numeric", "float4", "float8", "inet", "macaddr", *_DATES), "generalise"
        ),
    }
)
# Maskers that never turn the order of two values round, so that a range stays one.
_IN_ORDER = frozenset({"shift", "generalise"})
_DOCUMENTS = frozenset({"json", "jsonb", "hstore"})
# Classes that say that something personal is in a value, not what the whole of it is.
_CONTAINERS = frozenset({"personal_json", "personal_record", "personal_data", "free_text", "mentions", "unread"})
# A part of a personal record that no name calls sensitive is seen only where its type holds no text of anybody's.
_TYPED = frozenset({"bool", *_INTEGERS, "numeric", "float4", "float8", *_DATES, "uuid"})
# Security: that holds for a record that is personal for its fields' sake, not for one called personal as a whole.
_BY_ITS_FIELDS = "personal_record"
_SURE_KEY = 0.6
# What a key stands in: nothing said, people, things.
_SURROUNDINGS = (TableContext(people=True), TableContext(people=True), TableContext(goods=True))
_KINDS = frozenset(KIND_NAMES.values())
_LETTERS = re.compile(r"[^\W\d_]+")
_JOINTS = str.maketrans("-.:$/", "_____")  # what joins the words of a key, besides what an identifier may have


def shapes_of(class_name: str) -> frozenset[str]:
    """What the value scan may find in a value of this class because that is what it is."""
    return _SHAPES.get(class_name, _KINDS & {class_name})


def key_label(class_name: str) -> str:
    """Under which name a class's key is derived."""
    return _KEY_LABELS.get(class_name, class_name)


def masked(
    ground: Ground, f: Field, wire: WireType, found: ColumnClass, masker: Masker | None, not_null: bool
) -> ColumnPlan:
    """How values of a class are masked. ``masker`` None: the class's default; it says more of what is inside."""
    name = found.sensitive.name
    chosen = masker or found.sensitive.masker
    label = f"{name}: {chosen.value}"
    if chosen is Masker.NULL:
        return ColumnPlan("null", name=f.name, family=wire.family, format=f.format, label=label)
    if chosen is Masker.SCAN and wire.scannable and name != "personal_json":
        return clean(ground, f, wire, label)
    plan = _parted(ground, f, wire, found, masker, not_null) or _single(ground, f, wire, found, chosen, not_null)
    return plan or redacted(f, wire, not_null, label)


def _single(
    ground: Ground, f: Field, wire: WireType, found: ColumnClass, masker: Masker, not_null: bool
) -> ColumnPlan | None:
    """Values of a type without parts."""
    name = found.sensitive.name
    operation = _OPERATIONS.get(masker, {}).get("enum" if wire.labels else wire.family)
    if operation is None or f.type_oid == wiretypes.XML:
        return None
    return ColumnPlan(
        operation,
        name=f.name,
        family="enum" if wire.labels else wire.family,
        format=f.format,
        style=STYLES.get(name, "generic"),
        limit=wiretypes.length_limit(f.type_oid, f.typmod),
        pad=wiretypes.padding(f.type_oid, f.typmod),
        shift_days=ground.key.shift_days() if operation == "shift" else 0,
        fallback=wiretypes.redaction(f.type_oid, f.typmod, wire, binary=f.format == 1, not_null=not_null),
        key=ground.key.derive(key_label(name)) if operation in KEYED else b"",
        labels=tuple(label.encode() for label in wire.labels),
        label=f"{name}: {masker.value}",
    )


def redacted(f: Field, wire: WireType, not_null: bool, reason: str) -> ColumnPlan:
    """A constant of the type, or NULL."""
    value = wiretypes.redaction(f.type_oid, f.typmod, wire, binary=f.format == 1, not_null=not_null)
    label = f"redacted ({reason})"
    if value is None:
        return ColumnPlan("null", name=f.name, family=wire.family, format=f.format, label=label)
    return ColumnPlan("constant", name=f.name, family=wire.family, format=f.format, constant=value, label=label)


def clean(
    ground: Ground,
    f: Field,
    wire: WireType,
    reason: str,
    *,
    shown: frozenset[str] = frozenset(),
) -> ColumnPlan:
    """Seen, apart from strong shapes in it. ``shown``: those of them that may be seen."""
    operation = "scan" if ground.scan and wire.scannable else "pass"
    return ColumnPlan(
        operation,
        name=f.name,
        family=wire.family,
        format=f.format,
        limit=wiretypes.length_limit(f.type_oid, f.typmod),
        pad=wiretypes.padding(f.type_oid, f.typmod),
        label=reason,
        shown=shown if operation == "scan" else frozenset(),
    )


# ---------------------------------------------------------------------- parts


def _parted(
    ground: Ground, f: Field, wire: WireType, found: ColumnClass, masker: Masker | None, not_null: bool
) -> ColumnPlan | None:
    """Values that hold others; None for other types, and where their parts are not masked one by one."""
    if wire.family in _DOCUMENTS or f.type_oid == wiretypes.XML:
        return _document(ground, f, wire, found, masker, not_null)
    if wire.family == "record":
        # Security: a masker that somebody chose for the whole is not taken for one of its parts.
        return None if masker is Masker.REDACT else _record(ground, f, wire, found, masker, not_null)
    if wire.family not in ("array", "range", "multirange"):
        return None
    inside = Field(
        name=f.name,
        type_oid=wiretypes.base_type(wire.element_oid, ground.catalog),
        typmod=f.typmod if wire.family == "array" else -1,
        format=f.format,
    )
    element = wiretypes.resolve(inside.type_oid, ground.catalog)
    if wire.family == "array":
        part = masked(ground, inside, element, found, masker, False)
        if part.op in ("constant", "null"):
            return None
    else:
        bound = _single(ground, inside, element, found, masker or found.sensitive.masker, False)
        if bound is None or bound.op not in _IN_ORDER or element.family == "text":
            return None
        part = bound
    label = f"{found.sensitive.name}: {(masker or found.sensitive.masker).value} of each part"
    return _parts(f, wire, not_null, (part,), (wire.element_oid,), label)


def _parts(
    f: Field, wire: WireType, not_null: bool, parts: tuple[ColumnPlan, ...], oids: tuple[int, ...], label: str
) -> ColumnPlan:
    return ColumnPlan(
        "parts",
        name=f.name,
        family=wire.family,
        format=f.format,
        fallback=wiretypes.redaction(f.type_oid, f.typmod, wire, binary=f.format == 1, not_null=not_null),
        label=label,
        parts=parts,
        part_oids=oids,
    )


def _record(
    ground: Ground, f: Field, wire: WireType, found: ColumnClass, masker: Masker | None, not_null: bool, depth: int = 0
) -> ColumnPlan | None:
    """A composite, field by field; None where its type is not known."""
    relation = ground.catalog.relations.get(wire.relation_oid) if ground.catalog is not None else None
    if relation is None or depth == _DEEPEST:
        return None
    parts = []
    for column in relation.columns:
        inside = field_of(column, f.format)
        kind = wiretypes.resolve(column.type_oid, ground.catalog)
        own = _class_of(ground, ColumnRef(relation.oid, column.attnum), column, f.name)
        part: ColumnPlan | None = None
        if kind.family == "record":
            part = _record(ground, inside, kind, own or found, masker, False, depth + 1)
        elif own is not None:
            part = _seen_as(ground, inside, kind, own, masker)
        elif found.sensitive.name not in _CONTAINERS:
            part = masked(ground, inside, kind, found, masker, False)
        elif found.sensitive.name == _BY_ITS_FIELDS and (kind.labels or kind.family in _TYPED):
            part = ColumnPlan("pass", name=column.name, family=kind.family, format=f.format, label="of no class")
        parts.append(part or redacted(inside, kind, False, "part of a personal record"))
    oids = tuple(column.type_oid for column in relation.columns)
    return _parts(f, wire, not_null, tuple(parts), oids, f"{found.sensitive.name}: field by field")


def field_of(column: Column, form: int) -> Field:
    """A field of a composite as RowDescription would describe it."""
    return Field(name=column.name, type_oid=column.base_type_oid, typmod=column.typmod, format=form)


def _class_of(ground: Ground, ref: ColumnRef, column: Column, context: str) -> ColumnClass | None:
    """What a composite's field is: by the classification of its type, or by its name in the column's context."""
    known = ground.classes.get(ref)
    if known is not None:
        return known
    evidence = next(iter(judge_name(column.name, context)), None)
    return None if evidence is None else _by_name(evidence.name)


@lru_cache(maxsize=256)
def _by_name(class_name: str) -> ColumnClass:
    return ColumnClass(sensitive=taxonomy.by_name(class_name), confidence=_SURE_KEY, reason="the name of a part")


def _seen_as(ground: Ground, f: Field, wire: WireType, found: ColumnClass, masker: Masker | None) -> ColumnPlan:
    """A part of a class of its own: never clear, since what it stands in is not."""
    right = ground.right(found)
    if right.see is Sight.NONE:
        return ColumnPlan("null", name=f.name, family=wire.family, format=f.format, label="not to be seen")
    return masked(ground, f, wire, found, masker or right.masker, False)


def in_parts(ground: Ground, plan: ColumnPlan, f: Field) -> ColumnPlan:
    """The same for a value that stands inside another: one that is looked at in binary is taken apart for it."""
    if plan.op != "scan" or not plan.format or plan.family not in ("array", "record"):
        return plan
    wire = wiretypes.resolve(f.type_oid, ground.catalog)
    if plan.family == "array":
        inside = replace(f, type_oid=wiretypes.base_type(wire.element_oid, ground.catalog))
        element = clean(ground, inside, wiretypes.resolve(inside.type_oid, ground.catalog), plan.label)
        return _parts(f, wire, False, (in_parts(ground, element, inside),), (wire.element_oid,), plan.label)
    relation = ground.catalog.relations.get(wire.relation_oid) if ground.catalog is not None else None
    if relation is None:
        return redacted(f, wire, False, "record of an unknown type")
    parts = []
    for column in relation.columns:
        inside = field_of(column, f.format)
        part = clean(ground, inside, wiretypes.resolve(inside.type_oid, ground.catalog), plan.label)
        parts.append(in_parts(ground, part, inside))
    return _parts(f, wire, False, tuple(parts), tuple(c.type_oid for c in relation.columns), plan.label)


def whole_row(f: Field, wire: WireType, parts: Sequence[ColumnPlan], oids: Sequence[int], label: str) -> ColumnPlan:
    """A row as one value, by the plans of its columns."""
    return _parts(f, wire, False, tuple(parts), tuple(oids), label)


# ---------------------------------------------------------------------- documents


def _document(
    ground: Ground, f: Field, wire: WireType, found: ColumnClass, masker: Masker | None, not_null: bool
) -> ColumnPlan | None:
    """JSON, hstore and XML by their keys; None where the whole is redacted."""
    chosen = masker or found.sensitive.masker
    if chosen is Masker.REDACT:
        return None
    name = found.sensitive.name
    return ColumnPlan(
        "keys",
        name=f.name,
        family="xml" if f.type_oid == wiretypes.XML else wire.family,
        format=f.format,
        fallback=wiretypes.redaction(f.type_oid, f.typmod, wire, binary=f.format == 1, not_null=not_null),
        label=f"{name}: {chosen.value} by keys",
        rules=_rules(ground, found, masker),
    )


def _rules(ground: Ground, found: ColumnClass, masker: Masker | None) -> KeyRules:
    leaves: dict[str, Leaf] = {}
    # What the whole is masked by is no masker for a part: ``partial`` and ``scan`` of a document are this.
    chosen = None if masker in (Masker.PARTIAL, Masker.SCAN) else masker

    def leaf(of: ColumnClass) -> Leaf:
        if of.sensitive.name not in leaves:
            leaves[of.sensitive.name] = _leaf(ground, of, chosen)
        return leaves[of.sensitive.name]

    def judge(key: str, above: int) -> KeyFact:
        if _is_value(key):
            return KeyFact(None, hidden=True)
        about = _about(key)
        evidence = next(iter(judge_within(key, _SURROUNDINGS[above])), None)
        if evidence is None or evidence.confidence < _SURE_KEY:
            return KeyFact(about=about)
        return KeyFact(leaf(_by_name(evidence.name)), about=about)

    container = found.sensitive.name in _CONTAINERS
    return KeyRules(
        judge,
        key=ground.key.derive("key of a document"),
        root=None if container else leaf(found),
        keeps=(masker or found.sensitive.masker) is Masker.SCAN,
    )


def _about(key: str) -> int:
    """What stands below a key, as a place in ``_SURROUNDINGS``; -1 where the key does not say.

    Security: everything in a personal document is somebody's, but for what a key plainly calls a thing.
    """
    context = table_context(key)
    if context.people:
        return 1
    return 2 if context.goods and not context.places and not context.medical else -1


def _leaf(ground: Ground, found: ColumnClass, masker: Masker | None) -> Leaf:
    right = ground.right(found)
    chosen = masker or right.masker or found.sensitive.masker
    hidden = right.see is Sight.NONE or chosen in (Masker.REDACT, Masker.NULL, Masker.SCAN)
    text, number = Field(name="leaf"), Field(name="leaf", type_oid=1700)
    if hidden:
        return Leaf(ColumnPlan("constant", constant=b"***"), ColumnPlan("null"))
    return Leaf(
        masked(ground, text, wiretypes.resolve(text.type_oid), found, chosen, True),
        masked(ground, number, wiretypes.resolve(number.type_oid), found, chosen, False),
    )


def _is_value(key: str) -> bool:
    """A key that is somebody's name or number, as in ``{"Ann Miller": 3}``, or may well be.

    Security: what is no plain identifier and means nothing as the name of a column is not shown.
    """
    if sum(sign.isdigit() for sign in key) >= 5 or "@" in key:
        return True
    words = [word.lower() for word in _LETTERS.findall(key)]
    named = any(word in GIVEN_NAMES or word in FAMILY_NAMES for word in words)
    if key.translate(_JOINTS).isidentifier() or not key:
        return named and len(words) == 1 and key[:1].isupper() and not key.isupper()
    return named or not judge_name(key, people=True)
