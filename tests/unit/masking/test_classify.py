"""The map: evidence joined, gates, relatives, corrections. Small catalogs made by hand."""

from __future__ import annotations

import pickle
from dataclasses import replace

import pytest

from govproxy.masking.classify import Correction, check_correction, classify, describe, digest
from govproxy.sql.catalog import ColumnRef, RelationKind, Type

from .building import catalog, column, table

EMAILS = [f"user{number}@example.org" for number in range(40)]
WORDS = [f"word{number}" for number in range(40)]
TEXT_ARRAY = Type(oid=1009, schema="pg_catalog", name="_text", kind="b", category="A", element_oid=25)
TEXT = Type(oid=25, schema="pg_catalog", name="text", kind="b", category="S")
TSVECTOR = Type(oid=3614, schema="pg_catalog", name="tsvector", kind="b", category="U")


def name_of(found: object) -> str | None:
    return None if found is None else found.sensitive.name  # type: ignore[attr-defined]


def one(*args: object, values: list[str] | tuple[()] | None = (), **more: object) -> str | None:
    """Class of a single column on table ``t``."""
    made = column(*args, **more)  # type: ignore[arg-type]
    seen = {} if values == () else {(1, 1): values}
    return name_of(classify(catalog(table(1, "t", [made]), values=seen)).columns.get(ColumnRef(1, 1)))


class TestEvidence:
    def test_meaningless_name_is_found_by_its_values(self) -> None:
        assert one("c7", "text", values=EMAILS) == "email"

    def test_array_of_sensitive_text(self) -> None:
        arrays = ["{" + ",".join(EMAILS[place : place + 2]) + "}" for place in range(0, 40, 2)]
        assert one("c7", "_text", values=arrays) == "email"

    def test_reason_tells_name_and_share_and_no_value(self) -> None:
        found = classify(catalog(table(1, "t", [column("email", "text")]), values={(1, 1): EMAILS}))
        reason = found.columns[ColumnRef(1, 1)].reason
        assert reason == "name 'email' (email), 100% of 40 values match e-mail address"
        assert found.columns[ColumnRef(1, 1)].confidence == pytest.approx(0.99)

    def test_comment(self) -> None:
        assert one("c7", "text", comment="e-mail address of the customer") == "email"

    def test_domain(self) -> None:
        domain = Type(oid=5000, schema="public", name="email_address", kind="d", category="S", base_oid=25)
        found = classify(catalog(table(1, "t", [column("c7", 5000)]), types=[TEXT, domain]))
        assert name_of(found.columns.get(ColumnRef(1, 1))) == "email"

    @pytest.mark.parametrize(("kind", "expected"), [("inet", "ip_address"), ("macaddr", "mac_address")])
    def test_types_that_say_it(self, kind: str, expected: str) -> None:
        assert one("c7", kind) == expected

    def test_a_key_counts_when_its_values_look_random(self) -> None:
        tokens = [f"{number:x}Q7zK{number * 7919:x}vPm3{number * 104729:x}wXyZ" for number in range(100, 140)]
        assert one("service_x_key", "text", values=tokens) == "api_token"
        assert one("service_x_key", "text", values=WORDS) is None
        assert one("object_key", "text", values=tokens) is None
        assert one("ref", "text", values=tokens) is None

    def test_text_in_bytes(self) -> None:
        assert one("c7", "bytea", values=EMAILS) == "email"
        assert one("c7", "bytea", values=["\\211PNG"] * 30) is None

    def test_schema_tells_health_care(self) -> None:
        clinic = table(1, "remarks", [column("notes", "text")], schema="clinic")
        sales = table(2, "remarks", [column("notes", "text")], schema="sales")
        assert [ref.relation for ref in classify(catalog(clinic, sales)).columns] == [1]

    def test_doubtful_name_gives_way_to_values(self) -> None:
        assert one("email_mode_x", "text", values=WORDS) is None

    def test_plain_name_is_believed_against_values(self) -> None:
        assert one("email", "text", values=WORDS) == "email"


class TestGates:
    @pytest.mark.parametrize(
        ("name", "kind"),
        [
            ("email", "bool"),
            ("first_name", "int4"),
            ("birth_date", "bool"),
            ("phone", "timestamptz"),
            ("address", "int8"),
        ],
    )
    def test_type_cannot_hold_the_class(self, name: str, kind: str) -> None:
        assert one(name, kind) is None

    def test_keys_are_not_personal_unless_they_identify(self) -> None:
        assert one("age", "int4", is_key=True) is None
        assert one("salary", "int4", is_key=True) is None
        assert one("ssn", "int4", is_key=True) == "ssn"
        assert one("email", "text", is_key=True) == "email"

    def test_integer_key_is_no_card_by_its_values(self) -> None:
        cards = ["4111111111111111"] * 40
        assert one("id", "int8", is_key=True, values=cards) is None
        assert one("id", "int8", values=cards) == "card"

    def test_birth_date_as_text_needs_dates(self) -> None:
        assert one("dob", "text", values=["1984-02-29"] * 30) == "birth_date"
        assert one("born", "text", values=WORDS) is None


class TestDocuments:
    def test_personal_keys(self) -> None:
        assert one("payload", "jsonb", values=['{"user": {"email": "x"}}']) == "personal_json"

    def test_clean_documents(self) -> None:
        assert one("payload", "jsonb", values=['{"theme": "dark"}'] * 30) is None

    @pytest.mark.parametrize(
        ("owner", "name", "expected"),
        [("customers", "extra", "personal_json"), ("orders", "buyer", "personal_json"), ("products", "extra", None)],
    )
    def test_keys_at_the_top_belong_to_column_and_table(self, owner: str, name: str, expected: str | None) -> None:
        documents = {(1, 1): ['{"name": "Chair"}'] * 3}
        found = classify(catalog(table(1, owner, [column(name, "jsonb")]), values=documents))
        assert name_of(found.columns.get(ColumnRef(1, 1))) == expected

    def test_documents_nobody_saw_are_personal(self) -> None:
        assert one("payload", "jsonb") == "personal_json"
        assert one("payload", "jsonb", values=[]) == "personal_json"


class TestRecords:
    def build(self, *fields: str) -> str | None:
        kind = Type(oid=5000, schema="public", name="t_rec", kind="c", category="C", relation_oid=2)
        record = table(
            2,
            "t_rec",
            [column(name, "text", place + 1) for place, name in enumerate(fields)],
            kind=RelationKind.COMPOSITE,
        )
        array = Type(oid=5001, schema="public", name="_t_rec", kind="b", category="A", element_oid=5000)
        owner = table(1, "t", [column("c7", 5001)])
        found = classify(catalog(owner, record, types=[kind, array, TEXT]))
        return name_of(found.columns.get(ColumnRef(1, 1)))

    def test_sensitive_field(self) -> None:
        assert self.build("a", "email") == "personal_record"

    def test_clean_fields(self) -> None:
        assert self.build("a", "b") is None

    def test_type_nobody_knows(self) -> None:
        kind = Type(oid=5000, schema="public", name="t_rec", kind="c", category="C", relation_oid=77)
        found = classify(catalog(table(1, "t", [column("c7", 5000)]), types=[kind]))
        assert name_of(found.columns.get(ColumnRef(1, 1))) == "personal_record"


class TestRelatives:
    def test_partitions_share_what_any_has(self) -> None:
        parent = table(1, "p", [column("c7", "text")], kind=RelationKind.PARTITIONED, children=(2, 3))
        first = table(2, "p1", [column("other", "int4", 1), column("c7", "text", 2)], parents=(1,))
        second = table(3, "p2", [column("c7", "text", 4)], parents=(1,))
        found = classify(catalog(parent, first, second, values={(2, 2): EMAILS, (3, 4): WORDS}))
        assert {ref: name_of(verdict) for ref, verdict in found.columns.items()} == {
            ColumnRef(1, 1): "email",
            ColumnRef(2, 2): "email",
            ColumnRef(3, 4): "email",
        }

    def test_a_partition_nobody_may_read_follows_the_rest(self) -> None:
        parent = table(1, "p", [column("c7", "text")], kind=RelationKind.PARTITIONED, children=(2,))
        child = table(2, "p1", [column("c7", "text")], parents=(1,))
        assert not classify(catalog(parent, child, values={(1, 1): WORDS, (2, 1): None})).columns
        found = classify(catalog(parent, child, values={(1, 1): EMAILS, (2, 1): None})).columns
        assert [name_of(verdict) for verdict in found.values()] == ["email", "email"]
        found = classify(catalog(parent, child, values={(1, 1): None, (2, 1): None})).columns
        assert [name_of(verdict) for verdict in found.values()] == ["unread", "unread"]

    def test_generated_column(self) -> None:
        owner = table(
            1,
            "t",
            [
                column("email", "text", 1),
                column("handle_x", "text", 2, generated=True, default="lower(email)"),
                column("total", "int4", 3, generated=True, default="(a + b)"),
                column("index_x", "tsvector", 4, generated=True, default="to_tsvector('simple'::regconfig, email)"),
            ],
        )
        found = classify(catalog(owner, types=[TSVECTOR]))
        assert {ref.attnum: name_of(verdict) for ref, verdict in found.columns.items()} == {
            1: "email",
            2: "email",
            4: "search_vector",
        }

    def test_search_vector_beside_personal_text(self) -> None:
        beside = table(1, "t", [column("email", "text", 1), column("words", "tsvector", 2)])
        alone = table(2, "u", [column("title", "text", 1), column("words", "tsvector", 2)])
        found = classify(catalog(beside, alone, types=[TSVECTOR]))
        assert ColumnRef(1, 2) in found.columns
        assert ColumnRef(2, 2) not in found.columns


class TestViews:
    def test_views_are_left_to_lineage(self) -> None:
        view = table(
            1, "v", [column("email", "text")], kind=RelationKind.VIEW, definition="SELECT t.email FROM public.t"
        )
        assert not classify(catalog(view)).columns

    def test_a_view_without_definition_is_judged_by_name(self) -> None:
        view = table(1, "v", [column("email", "text")], kind=RelationKind.VIEW)
        assert name_of(classify(catalog(view)).columns.get(ColumnRef(1, 1))) == "email"

    @pytest.mark.parametrize("kind", [RelationKind.MATERIALISED_VIEW, RelationKind.FOREIGN_TABLE])
    def test_stored_relations_are_like_tables(self, kind: RelationKind) -> None:
        relation = table(1, "v", [column("email", "text")], kind=kind, definition="SELECT 1")
        assert name_of(classify(catalog(relation)).columns.get(ColumnRef(1, 1))) == "email"


class TestKnown:
    def test_everything_looked_at_is_known(self) -> None:
        found = classify(catalog(table(1, "t", [column("a", "text", 1), column("email", "text", 2)])))
        assert found.is_known(ColumnRef(1, 1))
        assert found.is_known(ColumnRef(1, 2))
        assert found.is_known(ColumnRef(1, -1))  # ctid
        assert not found.is_known(ColumnRef(1, 0))
        assert not found.is_known(ColumnRef(1, 3))
        assert not found.is_known(ColumnRef(9, 1))

    def test_text_nobody_could_read_is_sensitive(self) -> None:
        owner = table(1, "t", [column("a", "text", 1), column("b", "int4", 2), column("email", "text", 3)])
        found = classify(catalog(owner, values={(1, 1): None, (1, 2): None, (1, 3): None}))
        assert {ref.attnum: name_of(verdict) for ref, verdict in found.columns.items()} == {1: "unread", 3: "email"}
        assert all(found.is_known(ColumnRef(1, attnum)) for attnum in (1, 2, 3))


class TestSystemCatalogs:
    def test_names_do_not_count_and_copies_of_data_do(self) -> None:
        relations = [
            table(1, "pg_class", [column("relname", "text", 1)], schema="pg_catalog"),
            table(2, "pg_user", [column("usename", "text", 1), column("passwd", "text", 2)], schema="pg_catalog"),
            table(
                3,
                "pg_stats",
                [column("tablename", "text", 1), column("histogram_bounds", "text", 2)],
                schema="pg_catalog",
            ),
            table(4, "pg_authid", [column("rolpassword", "text", 1)], schema="pg_catalog"),
            table(
                5,
                "pg_stat_activity",
                [column("query", "text", 1), column("client_addr", "inet", 2)],
                schema="pg_catalog",
            ),
            table(6, "pg_stat_statements", [column("query", "text", 1)], kind=RelationKind.VIEW, definition="SELECT 1"),
        ]
        found = classify(catalog(*relations))
        assert set(found.columns) == {ColumnRef(3, 2), ColumnRef(4, 1), ColumnRef(5, 1), ColumnRef(6, 1)}
        assert found.is_known(ColumnRef(1, 1))


class TestCorrections:
    owner = table(1, "orders", [column("ref", "text", 1), column("email", "text", 2), column("blob", "text", 3)])

    def classes(self, *corrections: tuple[str, str]) -> dict[int, str | None]:
        found = classify(
            catalog(self.owner, values={(1, 3): None}),
            [Correction(pattern=pattern, tag=tag) for pattern, tag in corrections],
        )
        return {ref.attnum: name_of(verdict) for ref, verdict in found.columns.items()}

    def test_tag_and_none(self) -> None:
        found = self.classes(("public.orders.ref", "PII.email"), ("public.orders.email", "none"))
        assert found == {1: "email", 3: "unread"}

    def test_order_never_matters(self) -> None:
        rules = (("public.*.email", "none"), ("public.orders.email", "PII.phone"))
        assert self.classes(*rules) == self.classes(*reversed(rules)) == {2: "phone", 3: "unread"}

    def test_sensitive_beats_none_among_equals(self) -> None:
        assert self.classes(("public.*.ref", "none"), ("*.orders.ref", "SECRET")) == {
            1: "secret",
            2: "email",
            3: "unread",
        }

    def test_a_correction_opens_what_nobody_could_read(self) -> None:
        assert self.classes() == {2: "email", 3: "unread"}
        assert self.classes(("public.orders.blob", "none")) == {2: "email"}

    def test_partitions_follow_their_parent(self) -> None:
        parent = table(1, "p", [column("email", "text")], kind=RelationKind.PARTITIONED, children=(2,))
        child = table(2, "p1", [column("email", "text", 5)], parents=(1,))
        assert not classify(catalog(parent, child), [Correction(pattern="public.p.email", tag="none")]).columns

    def test_wildcards_do_not_open_system_columns(self) -> None:
        system = table(4, "pg_authid", [column("rolpassword", "text", 1)], schema="pg_catalog")
        assert classify(catalog(system), [Correction(pattern="*.*.*", tag="none")]).columns
        assert not classify(
            catalog(system), [Correction(pattern="pg_catalog.pg_authid.rolpassword", tag="none")]
        ).columns

    @pytest.mark.parametrize(
        ("pattern", "tag"), [("orders.ref", "none"), ("a.b.c.d", "none"), ("a..c", "none"), ("a.b.c", "PII.nonsense")]
    )
    def test_unusable_ones_are_refused(self, pattern: str, tag: str) -> None:
        with pytest.raises(ValueError, match=r"schema\.table\.column|unknown tag"):
            check_correction(Correction(pattern=pattern, tag=tag))


class TestAsAValue:
    made = catalog(
        table(2, "t", [column("email", "text")]), table(1, "s", [column("ssn", "text")]), values={(2, 1): EMAILS}
    )

    def test_deterministic_and_picklable(self) -> None:
        first, second = classify(self.made), classify(self.made)
        assert first == second == pickle.loads(pickle.dumps(first))
        assert digest(first) == digest(second)

    def test_digest_follows_classes_and_not_values(self) -> None:
        other = catalog(table(2, "t", [column("email", "text")]), table(1, "s", [column("ssn", "text")]))
        assert digest(classify(other)) == digest(classify(self.made))
        assert digest(classify(other, [Correction(pattern="public.t.email", tag="none")])) != digest(classify(other))

    def test_described_for_people(self) -> None:
        rows = describe(classify(self.made), self.made)
        assert [(row["table"], row["column"], row["class"]) for row in rows] == [
            ("s", "ssn", "ssn"),
            ("t", "email", "email"),
        ]
        assert rows[1]["tags"] == ["PII", "PII.contact", "PII.email"]
        assert "user1" not in repr(rows)


class TestNumbersThatAreNoCards:
    IDS = (*[str(4_000_000_000_000_000 + 97 * number) for number in range(200)],)

    def test_they_mention_nothing(self) -> None:
        """One in ten passes a card's checks by chance: masked as a value, but no ground to distrust the column."""
        assert classify(catalog(table(1, "t", [column("ref", "text")]), values={(1, 1): self.IDS})).columns == {}


class TestAmongPeople:
    CITIES = (*["Berlin", "Lyon", "Porto", "Madrid", "Leeds", "Torino", "Utrecht", "Graz", "Oslo", "Chicago"] * 4,)
    DAYS = (*[f"{1940 + number * 7 % 66}-0{1 + number % 9}-{10 + number % 18}" for number in range(60)],)
    YEARS = (*[str(1940 + number * 7 % 66) for number in range(60)],)
    NAMES = (*["Anna", "Marta", "Pierre", "Carlos", "Laura", "Hans", "Giulia", "Tomasz", "Emma", "Lars"] * 4,)

    def judged(self, table_name: str, names: list[str]) -> dict[str, str | None]:
        columns = [
            column(names[0], "text", 1),
            column(names[1], "text", 2),
            column(names[2], "date", 3),
            column(names[3], "int4", 4),
        ]
        people = [f"{name}{'' if place < 10 else ' ' + str(place)}" for place, name in enumerate(self.NAMES)]
        values = {(1, 1): people[:10] * 4, (1, 2): self.CITIES, (1, 3): self.DAYS, (1, 4): self.YEARS}
        found = classify(catalog(table(1, table_name, columns), values=values))
        return {made.name: name_of(found.columns.get(ColumnRef(1, made.attnum))) for made in columns}

    def test_beside_people_under_names_that_say_nothing(self) -> None:
        assert self.judged("customers", ["c1", "c2", "c3", "c4"]) == {
            "c1": None,
            "c2": "city",
            "c3": "birth_date",
            "c4": "birth_year",
        }

    def test_not_in_a_table_of_anything(self) -> None:
        assert set(self.judged("t9", ["c1", "c2", "c3", "c4"]).values()) == {None}

    def test_not_under_a_name_that_says_something_else(self) -> None:
        found = self.judged("customers", ["plan", "branch_office", "contract_signed", "model_version"])
        assert set(found.values()) == {None}

    def test_recent_days_are_no_births(self) -> None:
        recent = [f"202{number % 6}-0{1 + number % 9}-{10 + number % 18}" for number in range(60)]
        made = [column("c3", "date")]
        assert classify(catalog(table(1, "customers", made), values={(1, 1): recent})).columns == {}


@pytest.mark.parametrize(
    ("name", "kind", "limit", "found"),
    [
        ("device_id", "int4", -1, None),
        ("device_id", "int8", -1, "device_id"),
        ("device_id", "text", -1, "device_id"),
        ("kennzeichen", "bpchar", 1, None),
        ("kennzeichen", "varchar", 10, "vehicle"),
        ("email", "varchar", 1, None),
        ("email", "varchar", 254, "email"),
    ],
)
def test_what_has_no_room_for_a_class_is_not_of_it(name: str, kind: str, limit: int, found: str | None) -> None:
    made = replace(column(name, kind), typmod=-1 if limit < 0 else limit + 4)
    columns = classify(catalog(table(1, "readings", [made]))).columns
    assert name_of(columns.get(ColumnRef(1, 1))) == found


def test_numbers_that_refer_to_rows_are_no_devices() -> None:
    for values, found in (
        ([str(n) for n in range(1, 60)], None),
        ([f"3512345678{n:05d}" for n in range(60)], "device_id"),
    ):
        made = catalog(table(1, "readings", [column("device_id", "int8")]), values={(1, 1): values})
        assert name_of(classify(made).columns.get(ColumnRef(1, 1))) == found


def test_a_name_and_a_way_to_reach_it_make_a_table_one_of_people() -> None:
    reached = [column("display_name_of_person", "text"), column("email", "text", 2), column("city", "text", 3)]
    firms = [column("company_name", "text"), column("email", "text", 2), column("city", "text", 3)]
    named = [replace(reached[0], name="full_name"), *reached[1:]]
    assert name_of(classify(catalog(table(1, "res_partner", named))).columns.get(ColumnRef(1, 3))) == "city"
    assert ColumnRef(1, 3) not in classify(catalog(table(1, "res_partner", firms))).columns
