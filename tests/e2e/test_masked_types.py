"""Every type under every masker, in both wire forms, judged by PostgreSQL itself.

The bytes are the server's own, masked by the plan that its own description and catalog lead to. A masked value must be
one that the server reads again in the same type and form, says the same in text and in binary, keeps
the column's length, is no NULL in a NOT NULL column, and is not the value that was there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from govproxy._fastpath.rows import MaskPlan
from govproxy.control.catalog import collect, connect
from govproxy.masking.plan import Field, MaskKey, Right, build_plan, decode_row_description
from govproxy.masking.taxonomy import by_name
from govproxy.masking.values import Classification, ColumnClass, Masker
from govproxy.sql.catalog import Catalog, ColumnRef
from govproxy.wire.backend import Backend
from tests.reference.rows import decode_row
from tests.support.postgres import Postgres, database
from tests.support.raw_session import SYNC, DirectSession, describe, execute, extended, message, parse

# Column: (type, value, class). The class gives the style; the masker is the test's.
COLUMNS: dict[str, tuple[str, str, str]] = {
    "small": ("int2", "1234", "personal_data"),
    "whole": ("int4", "12345678", "ssn"),
    "large": ("int8", "4111111111111111", "card"),
    "negative": ("int8", "-987654321", "bank_account"),
    "exact": ("numeric(12,2)", "84500.20", "income"),
    "digits": ("numeric", "4111111111111111", "card"),
    "not_a_number": ("numeric", "NaN", "income"),
    "position": ("numeric(8,5)", "52.52345", "geo"),
    "single": ("float4", "37.25", "age"),
    "double": ("float8", "52.52345", "geo"),
    "endless": ("float8", "-Infinity", "geo"),
    "price": ("money", "12.34", "income"),
    "flag": ("bool", "true", "criminal_record"),
    "born": ("date", "1984-05-17", "birth_date"),
    "moment": ("timestamp", "1984-05-17 10:11:12.5", "birth_date"),
    "instant": ("timestamptz", "1984-05-17 10:11:12.5+00", "birth_date"),
    "hour": ("time", "10:11:12.5", "personal_data"),
    "zoned_hour": ("timetz", "10:11:12+02", "personal_data"),
    "span": ("interval", "1 year 2 days 03:04", "personal_data"),
    "identity": ("uuid", "550e8400-e29b-41d4-a716-446655440000", "device_id"),
    "address4": ("inet", "203.0.113.77", "ip_address"),
    "address6": ("inet", "2001:db8:1:2::3/64", "ip_address"),
    "network": ("cidr", "203.0.112.0/22", "ip_address"),
    "hardware": ("macaddr", "08:00:2b:01:02:03", "mac_address"),
    "hardware8": ("macaddr8", "08:00:2b:01:02:03:04:05", "mac_address"),
    "mail": ("text", "Alice.Liddell@example.com", "email"),
    "name10": ("varchar(10)", "Grace Hope", "person_name"),
    "padded": ("char(12)", "Hopper", "family_name"),
    "login": ("name", "ghopper", "username"),
    "letter": ('"char"', "x", "gender"),
    "folded": ("citext", "Grace@Example.com", "email"),
    "domain_mail": ("mail_address", "ann@example.com", "email"),
    "phone_text": ("text", "+49 151 23456789", "phone"),
    "card_text": ("varchar(19)", "4111 1111 1111 1111", "card"),
    "iban_text": ("text", "DE89 3704 0044 0532 0130 00", "iban"),
    "accents": ("text", "Ümit Çelik", "person_name"),
    "blob": ("bytea", r"\x00ff10", "photo"),
    "bits": ("bit(5)", "10110", "biometric"),
    "more_bits": ("varbit", "1011", "biometric"),
    "document": ("json", '{"name": "Ann", "n": [1, true, null]}', "personal_json"),
    "document_b": ("jsonb", '{"name": "Ann", "n": [1, true, null]}', "personal_json"),
    "mood": ("mood", "cross", "health"),
    "period": ("daterange", "[1984-05-17,1984-05-20)", "birth_date"),
    "own_range": ("own_range", "[1.5,2.5)", "income"),
    "pairs": ("hstore", "name=>Ann", "personal_data"),
    "weeks": ("datemultirange", "{[1984-05-17,1984-05-20),[1985-01-01,)}", "birth_date"),
    "shifts_at": ("tstzrange", '["1984-05-17 10:00:00+00",infinity)', "birth_date"),
    "nights": ("tsrange[]", '{"[\\"1984-05-17 10:00:00\\",)",NULL,empty}', "birth_date"),
    "numbers": ("int8range", "[123456,987654)", "bank_account"),
    "feeling": ("feeling", "glad", "health"),
    "feelings": ("feeling[]", "{glad,NULL,sad}", "health"),
    "pairs_by_key": ("hstore", 'email=>"ann@example.com", x=>NULL', "personal_json"),
    "documents": ("jsonb[]", '{"{\\"email\\": \\"ann@example.com\\"}",NULL}', "personal_json"),
    "named_json": ("json", '["Ann Miller", {"x": "Bo"}]', "person_name"),
    "person": (
        "person",
        '("Ann ""A"" Miller",ann@example.com,1984-05-17,7,"{a,b}","(""Main St 1"",Rome)")',
        "personal_record",
    ),
    "people": ("person[]", "{}", "personal_record"),
    "person_domain": ("known_person", '("Ann",,,,,)', "personal_record"),
    "mail_domains": ("mail_address[]", "{ann@example.com,NULL}", "email"),
    "place": ("place", '("Main Street",Berlin)', "street_address"),
    "spot": ("point", "(1.5,2.5)", "geo"),
    "words": ("tsvector", "ann miller", "search_vector"),
    "mails": ("text[]", r'{ann@example.com,NULL,"b \"x\" @example.com",""}', "email"),
    "names8": ("varchar(8)[]", '{"Ann Mill",NULL,Bob}', "person_name"),
    "grid": ("int4[]", "[0:1][2:3]={{123456,NULL},{-7654321,98765432}}", "ssn"),
    "births": ("date[]", "{1984-05-17,infinity,NULL}", "birth_date"),
    "identities": ("uuid[]", "{550e8400-e29b-41d4-a716-446655440000}", "device_id"),
    "addresses": ("inet[]", "{203.0.113.77,2001:db8:1:2::3}", "ip_address"),
    "amounts": ("numeric(12,2)[]", "{84500.20,NULL}", "income"),
    "moods": ("mood[]", "{cross,calm}", "health"),
    "nothing_in_it": ("text[]", "{}", "email"),
    "forever": ("date", "infinity", "birth_date"),
    "blank": ("text", "", "email"),
}
# Not the one that only looks for shapes inside a value.
MASKERS = [masker for masker in Masker if masker is not Masker.SCAN]
# What a masker may leave as it was: it says nothing about anybody, or is as coarse already.
UNCHANGED = {"forever", "nothing_in_it", "blank", "network"}
TYPES = (
    "CREATE EXTENSION hstore; CREATE EXTENSION citext; CREATE TYPE mood AS ENUM ('calm', 'cross');"
    "CREATE DOMAIN mail_address AS varchar(40); CREATE TYPE own_range AS RANGE (subtype = float8);"
    "CREATE TYPE feeling AS ENUM ('glad', 'sad', 'calm', 'cross'); CREATE TYPE place AS (street text, city text);"
    "CREATE TYPE person AS (full_name varchar(14), email mail_address, birth_date date, visits int, notes text[],"
    " home place); CREATE DOMAIN known_person AS person"
)


@dataclass(frozen=True, slots=True)
class Ground:
    session: DirectSession
    catalog: Catalog

    def read(self, table: str, column: str, form: int) -> tuple[Field, bytes]:
        """What the server describes, and its DataRow message."""
        answer = self.session.ask(extended(f"SELECT {column} FROM {table}", formats=[form]) + SYNC)
        assert not answer.errors, answer.errors
        bodies = {found.kind: found.body for found in answer.messages}
        (field,) = decode_row_description(bodies[Backend.ROW_DESCRIPTION])
        return field, message(b"D", bodies[Backend.DATA_ROW])

    def as_text(self, value: bytes, type_oid: int, type_name: str, form: int) -> bytes | None:
        """What the server makes of a value it is sent in that form; the same once more in the column's own type."""
        size = len(value).to_bytes(4, "big")
        bound = b"\0\0" + b"\0\1" + form.to_bytes(2, "big") + b"\0\1" + size + value + b"\0\1\0\0"
        text = f"SELECT ($1)::text, CAST($1 AS {type_name})::text"
        asked = parse(text, types=[type_oid]) + message(b"B", bound) + describe(b"P") + execute() + SYNC
        answer = self.session.ask(asked)
        assert not answer.errors, (value, answer.errors)
        ((plain, cast),) = answer.rows
        assert cast == plain, "a masked value that does not fit its column"
        return plain


@pytest.fixture(scope="module")
def ground(postgres: Postgres) -> Iterator[Ground]:
    definitions = ", ".join(f"{name} {kind}" for name, (kind, _, _) in COLUMNS.items())
    required = ", ".join(f"{name} {kind} NOT NULL" for name, (kind, _, _) in COLUMNS.items())
    values = ", ".join("'" + value.replace("'", "''") + "'" for _, value, _ in COLUMNS.values())
    tables = f"CREATE TABLE kinds ({definitions}); CREATE TABLE required ({required});"
    fill = (
        f"INSERT INTO kinds VALUES ({values}); UPDATE kinds SET people = ARRAY[person, NULL, person];"
        "INSERT INTO required SELECT * FROM kinds"
    )
    with database(postgres, TYPES, tables, fill) as name:

        async def look() -> Catalog:
            connection = await connect(
                host=postgres.host,
                port=postgres.port,
                user=postgres.superuser,
                database=name,
                password=postgres.password,
            )
            try:
                return await collect(connection, name)
            finally:
                await connection.close()

        catalog = asyncio.run(look())
        session = DirectSession(postgres.dsn(name))
        try:
            yield Ground(session, catalog)
        finally:
            session.close()


def plan_for(ground: Ground, field: Field, masker: Masker, name: str) -> MaskPlan:
    ref = ColumnRef(field.table_oid, field.attnum)
    found = ColumnClass(sensitive=by_name(name), confidence=1.0, reason="test")
    classification = Classification(
        database="test", catalog_version="1", columns={ref: found}, known={ref.relation: frozenset({ref.attnum})}
    )
    return build_plan(
        [field],
        None,
        classification,
        lambda source: frozenset({source}),
        lambda _ref, _found: Right(masker=masker),
        opaque=False,
        reads_sensitive=True,
        key=MaskKey(bytes(range(32))),
        catalog=ground.catalog,
    )


@pytest.mark.parametrize("masker", MASKERS)
@pytest.mark.parametrize("column", COLUMNS)
def test_the_server_takes_what_is_masked(column: str, masker: Masker, ground: Ground) -> None:
    type_name, _, class_name = COLUMNS[column]
    for table in ("kinds", "required"):
        seen: list[bytes | None] = []
        for form in (0, 1):
            field, row = ground.read(table, column, form)
            plan = plan_for(ground, field, masker, class_name)
            (clear,) = decode_row(row)
            _, output, _, masked = plan.apply(row)
            (value,) = decode_row(output)
            assert masked == 1
            assert clear is not None
            if value is None:
                assert table == "kinds" or masker is Masker.NULL, "NULL in a NOT NULL column"
                seen.append(None)
                continue
            if column not in UNCHANGED and plan.columns[0].op not in ("constant", "null"):
                assert value != clear
            seen.append(ground.as_text(value, field.type_oid, type_name, form))
        assert seen[0] == seen[1], "text and binary do not agree"
