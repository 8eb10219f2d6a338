"""The plan: which witness decides, and that none of them can take suspicion away."""

from __future__ import annotations

import json
import struct
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from govproxy._fastpath.rows import MaskPlan
from govproxy.errors import ProtocolViolation
from govproxy.masking.plan import Field, MaskKey, Right, Sight, build_plan, decode_row_description, describe, redact_all
from govproxy.masking.taxonomy import by_name
from govproxy.masking.values import Classification, ColumnClass, Masker, SensitiveClass
from govproxy.sql.catalog import Catalog, Column, ColumnRef, Relation, RelationKind, Type
from govproxy.sql.values import Derivation, OutputColumn
from tests.reference.rows import decode_row, encode_row, split_run

USERS, VIEW, NOTES, UNSEEN, PG_CLASS, PG_STATS = 20001, 20002, 20003, 29999, 1259, 12345
KEY = MaskKey(bytes(range(32)))


def sensitive(name: str, masker: Masker) -> ColumnClass:
    return ColumnClass(
        sensitive=SensitiveClass(name=name, tags=frozenset({"PII", f"PII.{name}"}), level=3, masker=masker),
        confidence=1.0,
        reason="test",
    )


EMAIL, CARD = sensitive("email", Masker.PARTIAL), sensitive("card", Masker.PARTIAL)
BORN, SALARY = sensitive("birth_date", Masker.GENERALISE), sensitive("income", Masker.REDACT)
CLASSIFICATION = Classification(
    database="shop",
    catalog_version="1",
    columns={
        ColumnRef(USERS, 2): EMAIL,
        ColumnRef(USERS, 3): CARD,
        ColumnRef(USERS, 4): BORN,
        ColumnRef(USERS, 5): SALARY,
        ColumnRef(VIEW, 1): EMAIL,
        ColumnRef(PG_STATS, 10): sensitive("catalog_values", Masker.REDACT),
    },
    known={USERS: frozenset({1, 2, 3, 4, 5}), VIEW: frozenset({1, 2, 3}), NOTES: frozenset({1, 2})},
)
# The view: email, upper(email), id.
VIEW_SOURCES = {
    1: frozenset({ColumnRef(USERS, 2)}),
    2: frozenset({ColumnRef(USERS, 2)}),
    3: frozenset({ColumnRef(USERS, 1)}),
}


def sources(ref: ColumnRef) -> frozenset[ColumnRef]:
    return VIEW_SOURCES.get(ref.attnum, frozenset()) if ref.relation == VIEW else frozenset({ref})


def masked(_ref: ColumnRef, _found: ColumnClass) -> Right:
    return Right()


def plan(
    fields: list[Field],
    outputs: list[OutputColumn] | None,
    *,
    right: object = masked,
    opaque: bool = False,
    reads_sensitive: bool = True,
    scan: bool = True,
    catalog: Catalog | None = None,
) -> MaskPlan:
    return build_plan(
        fields,
        outputs,
        CLASSIFICATION,
        sources,
        right,  # type: ignore[arg-type]
        opaque=opaque,
        reads_sensitive=reads_sensitive,
        key=KEY,
        scan=scan,
        catalog=catalog,
    )


def field(relation: int = 0, attnum: int = 0, type_oid: int = 25, fmt: int = 0, typmod: int = -1) -> Field:
    return Field(name="c", table_oid=relation, attnum=attnum, type_oid=type_oid, format=fmt, typmod=typmod)


def output(derivation: Derivation, *refs: tuple[int, int]) -> OutputColumn:
    return OutputColumn(name="c", sources=frozenset(ColumnRef(*ref) for ref in refs), derivation=derivation)


PLAIN, EXPRESSION, OPAQUE = Derivation.PLAIN, Derivation.EXPRESSION, Derivation.OPAQUE
SAFE, CONSTANT = Derivation.AGGREGATE_SAFE, Derivation.CONSTANT

# name, field, lineage (None: there is none), opaque, reads sensitive -> operation
CASES: list[tuple[str, Field, OutputColumn | None, bool, bool, str]] = [
    ("sensitive origin", field(USERS, 2), output(PLAIN, (USERS, 2)), False, True, "partial"),
    ("sensitive origin, no lineage", field(USERS, 2), None, True, True, "partial"),
    ("sensitive origin, lineage says constant", field(USERS, 2), output(CONSTANT), False, True, "partial"),
    ("lineage adds to a clean origin", field(USERS, 1), output(EXPRESSION, (USERS, 2)), False, True, "constant"),
    ("lineage adds to a sensitive origin", field(USERS, 2), output(PLAIN, (USERS, 3)), False, True, "constant"),
    ("clean origin, text", field(NOTES, 1), output(PLAIN, (NOTES, 1)), False, False, "scan"),
    ("clean origin, number", field(USERS, 1, 23), output(PLAIN, (USERS, 1)), False, True, "pass"),
    ("clean origin, opaque lineage", field(NOTES, 1), output(OPAQUE), True, True, "scan"),
    ("clean origin, lineage of an unseen table", field(NOTES, 1), output(PLAIN, (UNSEEN, 1)), False, True, "constant"),
    ("unseen origin", field(UNSEEN, 1), output(PLAIN, (UNSEEN, 1)), False, False, "constant"),
    ("unseen column of a seen table", field(USERS, 9), None, False, False, "constant"),
    ("catalog origin", field(PG_CLASS, 2, 19), None, True, True, "scan"),
    ("values inside the catalog", field(PG_STATS, 10), None, False, True, "constant"),
    ("system column", field(USERS, -6, 27), None, True, True, "pass"),
    ("expression over sensitive", field(), output(EXPRESSION, (USERS, 2)), False, True, "constant"),
    ("expression over sensitive number", field(type_oid=1700), output(EXPRESSION, (USERS, 5)), False, True, "null"),
    ("expression over clean", field(), output(EXPRESSION, (NOTES, 1)), False, True, "scan"),
    ("plain without origin (UNION)", field(), output(PLAIN, (USERS, 2)), False, True, "partial"),
    ("several sensitive sources", field(), output(PLAIN, (USERS, 2), (USERS, 3)), False, True, "constant"),
    ("count", field(type_oid=20), output(SAFE, (USERS, 2)), False, True, "pass"),
    ("opaque over sensitive", field(), output(OPAQUE), True, True, "constant"),
    ("opaque, nothing sensitive reached", field(), output(OPAQUE), False, False, "scan"),
    ("opaque statement without known reads", field(), output(OPAQUE), True, False, "constant"),
    ("constant", field(), output(CONSTANT), True, True, "scan"),
    ("view column, plain", field(VIEW, 1), output(PLAIN, (USERS, 2)), False, True, "partial"),
    ("view column, no lineage", field(VIEW, 1), None, False, True, "constant"),
    ("view expression over sensitive", field(VIEW, 2), output(EXPRESSION, (USERS, 2)), False, True, "constant"),
    ("view column over clean", field(VIEW, 3, 23), output(PLAIN, (USERS, 1)), False, True, "pass"),
    ("whole row of a table with sensitive columns", field(USERS, 0, 20011), None, False, True, "null"),
    ("whole row of a clean table", field(NOTES, 0, 20013), None, False, True, "scan"),
    ("whole row of an unseen table", field(UNSEEN, 0, 20014), None, False, False, "null"),
    ("whole row in lineage", field(type_oid=114), output(EXPRESSION, (USERS, 0)), False, True, "null"),
    ("plain whole row in lineage", field(type_oid=2249), output(PLAIN, (USERS, 0)), False, True, "null"),
]


@pytest.mark.parametrize(
    ("case", "f", "lineage", "opaque", "reads", "operation"), CASES, ids=[case[0] for case in CASES]
)
def test_decision(case: str, f: Field, lineage: OutputColumn | None, opaque: bool, reads: bool, operation: str) -> None:
    made = plan([f], None if lineage is None else [lineage], opaque=opaque, reads_sensitive=reads)
    assert [c.op for c in made.columns] == [operation], made.columns[0].label


def test_a_count_that_differs_is_no_lineage() -> None:
    lineage = [output(CONSTANT), output(CONSTANT)]
    assert [c.op for c in plan([field()], lineage).columns] == ["constant"]
    assert [c.op for c in plan([field(), field()], lineage).columns] == ["scan", "scan"]


def test_what_is_seen_clear_drops_out() -> None:
    def clear_email(_ref: ColumnRef, found: ColumnClass) -> Right:
        return Right(see=Sight.CLEAR if found.sensitive.name == "email" else Sight.MASKED)

    lineage = [output(EXPRESSION, (USERS, 2)), output(EXPRESSION, (USERS, 2), (USERS, 3)), output(PLAIN, (USERS, 2))]
    made = plan([field(), field(), field(USERS, 2)], lineage, right=clear_email)
    assert [c.op for c in made.columns] == ["scan", "constant", "scan"]
    assert plan([field(USERS, 2)], [lineage[2]], right=clear_email, scan=False).passthrough


@pytest.mark.parametrize(
    ("where", "lineage", "shows"),
    [
        (field(USERS, 2), output(PLAIN, (USERS, 2)), True),
        (field(USERS, 2), None, True),
        (field(), output(EXPRESSION, (USERS, 2)), True),
        (field(VIEW, 1), output(PLAIN, (USERS, 2)), True),
        (field(), output(EXPRESSION, (USERS, 2), (NOTES, 1)), False),
        (field(NOTES, 1), output(PLAIN, (NOTES, 1)), False),
        (field(), output(CONSTANT), False),
        (field(), output(OPAQUE), False),
    ],
)
@pytest.mark.parametrize("fmt", [0, 1])
def test_a_class_that_is_seen_clear_shows_its_own_shape_and_no_other(
    where: Field, lineage: OutputColumn | None, shows: bool, fmt: int
) -> None:
    def clear_email(_ref: ColumnRef, found: ColumnClass) -> Right:
        return Right(see=Sight.CLEAR if found.sensitive.name == "email" else Sight.MASKED)

    made = plan([replace(where, format=fmt)], None if lineage is None else [lineage], right=clear_email)
    _, out, _, _ = made.apply(encode_row([b"ann@example.org"]) + encode_row([b"ann@example.org, 4111111111111111"]))
    alone, beside = (decode_row(part)[0] for part in split_run(out)[0])
    assert (alone == b"ann@example.org") == shows
    assert beside is not None
    assert b"4111111111111111" not in beside
    assert (b"ann@example.org" in beside) == shows


def test_see_none_is_null_whatever_the_type() -> None:
    made = plan([field(USERS, 2)], None, right=lambda *_: Right(see=Sight.NONE))
    assert [c.op for c in made.columns] == ["null"]


def test_the_narrower_right_of_view_and_base_holds() -> None:
    def base_clear(ref: ColumnRef, _found: ColumnClass) -> Right:
        return Right(see=Sight.CLEAR if ref.relation == USERS else Sight.MASKED)

    def view_clear(ref: ColumnRef, _found: ColumnClass) -> Right:
        return Right(see=Sight.CLEAR if ref.relation == VIEW else Sight.MASKED)

    lineage = [output(PLAIN, (USERS, 2))]
    for right in (base_clear, view_clear):
        assert [c.op for c in plan([field(VIEW, 1)], lineage, right=right).columns] == ["partial"]


@pytest.mark.parametrize(
    ("masker", "type_oid", "operation"),
    [
        (Masker.REDACT, 25, "constant"),
        (Masker.REDACT, 23, "null"),
        (Masker.HASH, 25, "hash"),
        (Masker.HASH, 1082, "null"),
        (Masker.PSEUDONYM, 2950, "pseudonym"),
        (Masker.PSEUDONYM, 1114, "shift"),
        (Masker.GENERALISE, 1700, "generalise"),
        (Masker.GENERALISE, 3802, "keys"),
        (Masker.SHIFT, 1184, "shift"),
        (Masker.FPE, 17, "null"),
        (Masker.NULL, 25, "null"),
        (Masker.PARTIAL, 1009, "parts"),
        (Masker.REDACT, 1009, "null"),
        (Masker.PARTIAL, 3802, "keys"),
        (Masker.REDACT, 3802, "null"),
        (Masker.SHIFT, 3912, "parts"),
        (Masker.PSEUDONYM, 4535, "parts"),
        (Masker.HASH, 3904, "null"),
        (Masker.FPE, 3926, "null"),
        (Masker.GENERALISE, 3926, "parts"),
        (Masker.FPE, 25, "fpe"),
        (Masker.FPE, 1700, "pseudonym"),
        (Masker.PARTIAL, 869, "generalise"),
        (Masker.HASH, 99999, "null"),
    ],
)
def test_the_masker_a_rule_names(masker: Masker, type_oid: int, operation: str) -> None:
    made = plan([field(USERS, 2, type_oid, 1)], None, right=lambda *_: Right(masker=masker))
    assert [c.op for c in made.columns] == [operation]


def catalog(*columns: Column, types: dict[int, Type] | None = None) -> Catalog:
    relation = Relation(oid=USERS, schema="public", name="users", kind=RelationKind.TABLE, columns=columns)
    return Catalog(
        database="shop",
        version="1",
        server_version=150000,
        default_search_path=("public",),
        relations={USERS: relation},
        functions={},
        types=types or {},
    )


@pytest.mark.parametrize(
    ("type_oid", "text", "binary"),
    [
        (23, b"0", bytes(4)),
        (1700, b"0", bytes(8)),
        (16, b"f", b"\0"),
        (1082, b"2000-01-01", bytes(4)),
        (3802, b"{}", b"\x01{}"),
        (1009, b"{}", bytes(11) + b"\x19"),
        (2950, b"00000000-0000-0000-0000-000000000000", bytes(16)),
    ],
)
def test_a_not_null_column_gets_a_neutral_value_of_its_type(type_oid: int, text: bytes, binary: bytes) -> None:
    column = Column(name="c", attnum=5, type_oid=type_oid, base_type_oid=type_oid, typmod=-1, not_null=True)
    for fmt, expected in ((0, text), (1, binary)):
        made = plan([field(USERS, 5, type_oid, fmt)], None, catalog=catalog(column))
        assert made.columns[0].op == "constant"
        assert made.columns[0].constant == expected


def test_redaction_keeps_to_the_length() -> None:
    made = plan([field(USERS, 5, 1043, typmod=6), field(USERS, 5, 1042, typmod=9), field(USERS, 5, 18)], None)
    assert [c.constant for c in made.columns] == [b"**", b"***  ", b"*"]


def test_types_of_extensions_go_by_the_catalog() -> None:
    types = {
        30001: Type(oid=30001, schema="public", name="citext", kind="b", category="S"),
        30002: Type(oid=30002, schema="public", name="mood", kind="e", category="E", enum_labels=("sad", "ok")),
        30003: Type(oid=30003, schema="public", name="_citext", kind="b", category="A", element_oid=30001),
        30004: Type(oid=30004, schema="public", name="short", kind="d", category="S", base_oid=1043),
    }
    known = catalog(
        Column(name="c", attnum=2, type_oid=30002, base_type_oid=30002, typmod=-1, not_null=True), types=types
    )
    fields = [field(NOTES, 1, oid, 1) for oid in types]
    assert [(c.op, c.family) for c in plan(fields, None, catalog=known).columns] == [
        ("scan", "text"),
        ("pass", "other"),
        ("scan", "array"),
        ("scan", "text"),
    ]
    assert plan([field(USERS, 2, 30001, 1)], None, catalog=known).columns[0].op == "partial"
    assert plan([field(USERS, 2, 30002, 1)], None, catalog=known).columns[0].constant == b"sad"


def test_equal_values_stay_equal_and_keys_differ_by_class() -> None:
    hashed = plan([field(USERS, 2), field(USERS, 3)], None, right=lambda *_: Right(masker=Masker.HASH))
    _, first, _, _ = hashed.apply(encode_row([b"x@y.org", b"x@y.org"]))
    _, again, _, _ = hashed.apply(encode_row([b"X@Y.org", b"x@y.org"]))
    email, card = decode_row(first)
    assert first == again
    assert email != card


def test_keys_are_derived_and_not_shown() -> None:
    assert KEY.derive("a") != KEY.derive("b")
    assert "0x" not in repr(KEY)
    assert repr(KEY.secret) not in repr(KEY)
    shifts = {MaskKey(bytes(30) + i.to_bytes(2, "big")).shift_days() for i in range(2000)}
    assert 0 not in shifts
    assert min(shifts) >= -182
    assert max(shifts) <= 182
    assert len(shifts) > 350
    with pytest.raises(ValueError, match="32 bytes"):
        MaskKey(b"short")


def test_describe_names_operation_and_reason() -> None:
    made = plan([field(USERS, 2), field(NOTES, 1)], None)
    assert describe(made) == [
        {"column": "c", "operation": "partial", "reason": "email: partial"},
        {"column": "c", "operation": "scan", "reason": "clean"},
    ]


@pytest.mark.parametrize(
    ("called", "expected", "operation"),
    [("note", "note", "scan"), ("last_name", "note", "constant"), ("x", "x", "scan"), ("note", "other", "scan")],
)
def test_a_column_that_the_server_calls_by_another_name_is_unknown(called: str, expected: str, operation: str) -> None:
    column = Column(name="note", attnum=1, type_oid=25, base_type_oid=25, typmod=-1)
    relation = Relation(oid=NOTES, schema="public", name="notes", kind=RelationKind.TABLE, columns=(column,))
    catalog = Catalog.build(database="shop", version="1", server_version=150000, relations=[relation])
    asked = OutputColumn(name=expected, sources=frozenset({ColumnRef(NOTES, 1)}), derivation=PLAIN)
    described = replace(field(NOTES, 1), name=called)
    made = plan([described], [asked], reads_sensitive=False, catalog=catalog)
    assert [column.op for column in made.columns] == [operation]


def test_redact_all() -> None:
    assert [c.op for c in redact_all([field(), field(type_oid=23), field(type_oid=99999, fmt=1)]).columns] == [
        "constant",
        "null",
        "null",
    ]


def described(*fields: Field) -> bytes:
    body = struct.pack("!H", len(fields))
    for f in fields:
        body += f.name.encode() + b"\0"
        body += struct.pack("!IhIhih", f.table_oid, f.attnum, f.type_oid, -1, f.typmod, f.format)
    return body


def test_row_description() -> None:
    fields = (Field(name="id", table_oid=USERS, attnum=1, type_oid=23), Field(name="", type_oid=4294967295, format=1))
    assert decode_row_description(described(*fields)) == fields
    assert decode_row_description(described()) == ()


@pytest.mark.parametrize("cut", range(len(described(Field(name="id")))))
def test_row_description_cut_short(cut: int) -> None:
    with pytest.raises(ProtocolViolation):
        decode_row_description(described(Field(name="id"))[:cut])


@pytest.mark.parametrize(
    "payload",
    [described() + b"x", struct.pack("!H", 1665), described(Field(name="x", format=2)), struct.pack("!H", 1) + b"id"],
)
def test_row_description_that_lies(payload: bytes) -> None:
    with pytest.raises(ProtocolViolation):
        decode_row_description(payload)


@pytest.mark.parametrize("form", [0, 1])
@pytest.mark.parametrize("masker", [Masker.REDACT, Masker.PARTIAL, Masker.PSEUDONYM, Masker.HASH])
def test_xml_stays_xml(masker: Masker, form: int) -> None:
    made = plan([field(USERS, 2, 142, form)], None, right=lambda *_: Right(masker=masker))
    _, output, _, _ = made.apply(encode_row([b"<p>Ann</p>"]))
    (value,) = decode_row(output)
    assert value is not None
    assert ElementTree.fromstring(value).text != "Ann"
    assert (value == b"<masked/>") == (masker is Masker.REDACT)


PAIR, PAIR_TYPE, HOLDER = 20010, 20011, 20012


@pytest.mark.parametrize(
    ("name", "number"),
    [("personal_data", None), ("free_text", None), ("unread", None), ("personal_record", b"526922786")],
)
def test_what_is_personal_as_a_whole_shows_no_number_in_it(name: str, number: bytes | None) -> None:
    """Found by the fuzzer: a record that somebody calls personal, with a number under a name that says nothing."""
    fields = tuple(
        Column(name=field, attnum=at, type_oid=oid, base_type_oid=oid, typmod=-1)
        for at, (field, oid) in enumerate((("a", 25), ("b", 23)), 1)
    )
    catalog = Catalog.build(
        database="shop",
        version="1",
        server_version=150000,
        relations=[Relation(oid=PAIR, schema="public", name="pair", kind=RelationKind.COMPOSITE, columns=fields)],
        types=[Type(oid=PAIR_TYPE, schema="public", name="pair", kind="c", category="C", relation_oid=PAIR)],
    )
    column = ColumnRef(HOLDER, 1)
    plan = build_plan(
        (Field(name="pair_x", table_oid=HOLDER, attnum=1, type_oid=PAIR_TYPE),),
        (OutputColumn(name="pair_x", sources=frozenset({column}), derivation=Derivation.PLAIN),),
        Classification(
            database="shop",
            catalog_version="1",
            columns={column: sensitive(name, Masker.REDACT)},
            known={HOLDER: frozenset({1})},
        ),
        lambda ref: frozenset({ref}),
        masked,
        opaque=False,
        own=False,
        reads_sensitive=True,
        key=KEY,
        catalog=catalog,
    )
    _, out, _, _ = plan.apply(encode_row([b"(fgsbkfknp,526922786)"]))
    (shown,) = decode_row(out)
    assert shown is None or b"fgsbkfknp" not in shown
    assert (b"526922786" in (shown or b"")) == (number is not None)


def masked_document(document: object, masker: Masker | None) -> object:
    """As an identity sees it that may see the column masked."""
    personal = ColumnClass(sensitive=by_name("personal_json"), confidence=1.0, reason="test")
    ref = ColumnRef(USERS, 2)
    classification = Classification(
        database="shop", catalog_version="1", columns={ref: personal}, known={USERS: frozenset({2})}
    )
    made = build_plan(
        [field(USERS, 2, 3802)],
        None,
        classification,
        lambda source: frozenset({source}),
        lambda _ref, _found: Right(masker=masker),
        opaque=False,
        reads_sensitive=True,
        key=KEY,
    )
    _, output, _, _ = made.apply(encode_row([json.dumps(document).encode()]))
    (value,) = decode_row(output)
    assert value is not None
    return json.loads(value)


def test_the_name_of_a_thing_is_no_persons() -> None:
    lamp = {"name": "Lamp", "price": 5, "label": "new", "maker": {"name": "Acme"}}
    document = {
        "product": lamp,
        "items": [{"details": lamp}],
        "customer": {"name": "Ann Miller", "data": {"name": "Ann Miller"}},
        "team": {"name": "Blue", "members": [{"name": "Ann Miller"}]},
        "name": "Ann Miller",
        "anything": {"name": "Ann Miller"},
    }
    kept = masked_document(document, Masker.SCAN)
    assert isinstance(kept, dict)
    assert (kept["product"], kept["items"], kept["team"]["name"]) == (lamp, [{"details": lamp}], "Blue")
    for shown in (kept, masked_document(document, None)):
        assert "Miller" not in json.dumps(shown)
    assert "Lamp" not in json.dumps(masked_document(document, None))


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        ("email", True),
        ("First Name", True),
        ("status", True),
        ("$ref", True),
        ("", True),
        ("Ann", False),
        ("Ann Miller", False),
        ("miller, ann 2", False),
        ("ann@example.com", False),
        ("4930901820", False),
        ("order total", False),
    ],
)
def test_keys_that_may_be_values_are_not_shown(key: str, shown: bool) -> None:
    kept = masked_document({key: 1}, Masker.SCAN)
    assert isinstance(kept, dict)
    assert (key in kept) == shown
