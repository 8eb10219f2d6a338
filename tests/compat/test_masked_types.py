"""Masked values of every type, decoded by psycopg in text and binary, by asyncpg, and as a JDBC driver does.

One proxy, one identity per masker. A driver must get a value of the type it expects, or None, and never the real one.
"""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import re
import struct
import uuid
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import asyncpg
import psycopg
import pytest
from psycopg.types.range import Range

from govproxy.masking.values import Masker
from govproxy.wire.backend import Backend
from tests.support.proxy import POLICY, Databases, Proxy, start
from tests.support.raw_session import SYNC, RawSession, extended

# Column: (type, value, tag).
COLUMNS: dict[str, tuple[str, str, str]] = {
    "small": ("int2", "1234", "PII.personal_data"),
    "whole": ("int4", "12345678", "SPII.ssn"),
    "large": ("int8", "4111111111111111", "PCI.card"),
    "exact": ("numeric(12,2)", "84512.20", "PII.income"),
    "single": ("float4", "37.25", "PII.age"),
    "double": ("float8", "52.52345", "ONLINE.geo"),
    "flag": ("bool", "true", "SPII.criminal_record"),
    "born": ("date", "1984-05-17", "PII.birth_date"),
    "moment": ("timestamp", "1984-05-17 10:11:12.5", "PII.birth_date"),
    "instant": ("timestamptz", "1984-05-17 10:11:12.5+00", "PII.birth_date"),
    "hour": ("time", "10:11:12.5", "PII.personal_data"),
    "span": ("interval", "2 days 03:04", "PII.personal_data"),
    "identity": ("uuid", "550e8400-e29b-41d4-a716-446655440000", "ONLINE.device_id"),
    "address4": ("inet", "203.0.113.77", "ONLINE.ip_address"),
    "hardware": ("macaddr", "08:00:2b:01:02:03", "ONLINE.mac_address"),
    "mail": ("text", "alice.liddell@example.com", "PII.email"),
    "name10": ("varchar(10)", "Grace Hope", "PII.person_name"),
    "padded": ("char(12)", "Hopper", "PII.family_name"),
    "card_text": ("text", "4111 1111 1111 1111", "PCI.card"),
    "blob": ("bytea", r"\x00ff10", "PII.photo"),
    "document": ("jsonb", '{"name": "Ann", "n": [1, true, null]}', "PII.personal_json"),
    "mood": ("moods", "cross", "PHI.health"),
    "period": ("daterange", "[1984-05-17,1984-05-20)", "PII.birth_date"),
    "mails": ("text[]", '{ann@example.com,NULL,"b, c @example.com"}', "PII.email"),
    "grid": ("int4[]", "{{123456,NULL},{-7654321,98765432}}", "SPII.ssn"),
    "births": ("date[]", "{1984-05-17,NULL}", "PII.birth_date"),
    "identities": ("uuid[]", "{550e8400-e29b-41d4-a716-446655440000}", "ONLINE.device_id"),
    "feeling": ("feelings", "sad", "PHI.health"),
    "weeks": ("datemultirange", "{[1984-05-17,1984-05-20),[1985-02-01,)}", "PII.birth_date"),
    "moments": ("tstzrange[]", '{"[\\"1984-05-17 10:11:12+00\\",)",NULL}', "PII.birth_date"),
    "pairs": ("hstore", "email=>ann@example.com, other=>Liddell, n=>NULL", "PII.personal_json"),
    "documents": (
        "jsonb[]",
        '{"{\\"email\\": \\"ann@example.com\\", \\"x\\": [\\"Liddell\\"]}",NULL}',
        "PII.personal_json",
    ),
    "person": (
        "person",
        '(Liddell,ann@example.com,1984-05-17,7,"{Liddell}","(""Liddell St 1"",Rome)")',
        "PII.personal_record",
    ),
    "people": ("person[]", '{"(Liddell,ann@example.com,1984-05-17,7,\\"{x}\\",)",NULL}', "PII.personal_record"),
    "domain": ("mail_address", "ann@example.com", "PII.email"),
    "street": ("varchar(25)", "12b Liddell Street, Apt 3", "PII.street_address"),
    "town": ("text", "Liddell", "PII.city"),
    "account": ("text", "DE89 3704 0044 0532 0130 00", "PCI.iban"),
    "call": ("text", "+49 151 23456789", "PII.phone"),
    "no_number": ("numeric", "NaN", "PII.income"),
    "login": ("name", "liddell77", "PII.username"),
    "letter": ('"char"', "x", "PII.gender"),
    "folded": ("citext", "alice.liddell@example.com", "PII.email"),
    "zoned": ("timetz", "10:11:12+02", "PII.personal_data"),
    "price": ("money", "1234.56", "PII.income"),
    "network": ("cidr", "203.0.113.16/28", "ONLINE.ip_address"),
    "address6": ("inet", "2001:db8:1:2::3", "ONLINE.ip_address"),
    "hardware8": ("macaddr8", "08:00:2b:01:02:03:04:05", "ONLINE.mac_address"),
    "raw_document": ("json", '{"name": "Ann Liddell", "n": [1, true, null]}', "PII.personal_json"),
    "bits": ("bit(5)", "10110", "SPII.biometric"),
    "more_bits": ("varbit", "1011", "SPII.biometric"),
    "spot": ("point", "(1.5,2.5)", "ONLINE.geo"),
    "words": ("tsvector", "liddell ann@example.com", "PII.search_vector"),
    "numbers": ("int8range", "[123456,987654)", "PCI.bank_account"),
    "known": ("known_person", '(Liddell,ann@example.com,1984-05-17,7,"{Liddell}",)', "PII.personal_record"),
    "domains": ("mail_address[]", "{ann@example.com,NULL}", "PII.email"),
}
# What settings of a session write otherwise.
SPOKEN: dict[str, tuple[str, str, str]] = {
    "born": ("date", "1984-05-17", "PII.birth_date"),
    "moment": ("timestamp", "1984-05-17 10:11:12.5", "PII.birth_date"),
    "instant": ("timestamptz", "1984-05-17 23:11:12+00", "PII.birth_date"),
    "forever": ("timestamptz", "infinity", "PII.birth_date"),
    "before_christ": ("date", "0044-03-15 BC", "PII.birth_date"),
    "births": ("date[]", "{1984-05-17,-infinity}", "PII.birth_date"),
    "weeks": ("daterange", "[1984-05-17,1984-05-20)", "PII.birth_date"),
    "stays": ("tstzrange", "[1984-05-17 23:00:00+00,)", "PII.birth_date"),
    "blob": ("bytea", r"\x00ff1041", "PII.photo"),
    "span": ("interval", "1 year 2 days 03:04", "PII.personal_data"),
    "double": ("float8", "52.523451234567", "ONLINE.geo"),
    "price": ("money", "1234.56", "PII.income"),
    "full_name": ("varchar(12)", "Zoé Liddöll", "PII.person_name"),
    "street": ("varchar(20)", "Liddöllstraße 12", "PII.street_address"),
    "mail": ("text", "zoé.liddell@example.com", "PII.email"),
    "padded": ("char(9)", "Liddöll", "PII.family_name"),
    "document": ("jsonb", '{"name": "Zoé Liddöll", "born": "1984-05-17"}', "PII.personal_json"),
    "person": ("person", '("Zoé Liddöll",,1984-05-17,7,,)', "PII.personal_record"),
}
SETTINGS = (
    "client_encoding = 'LATIN1'",
    "client_encoding = 'WIN1252'",
    "client_encoding = 'LATIN9'",
    "DateStyle = 'SQL, DMY'",
    "DateStyle = 'SQL, MDY'",
    "DateStyle = 'German'",
    "DateStyle = 'Postgres, DMY'",
    "TimeZone = 'America/St_Johns'",
    "IntervalStyle = 'postgres_verbose'",
    "bytea_output = 'escape'",
    "extra_float_digits = -10",
)
# Values of these are one thing in text and another in binary to a driver that was not told of their type.
UNTOLD = {
    "person",
    "people",
    "pairs",
    "letter",
    "folded",
    "price",
    "hardware8",
    "bits",
    "more_bits",
    "spot",
    "words",
    "known",
    "domains",
    "no_number",
}
# What stands in many values and in none that is masked.
PLANTED = ("Liddell", "ann@example", "alice.liddell")
# Not the one that only looks for shapes inside a value.
MASKERS = [masker for masker in Masker if masker is not Masker.SCAN]
RULES = POLICY + "".join(
    f"  - {{name: by-{m}, who: {{groups: [see_{m}]}}, on: {{tags: [any]}}, see: masked, mask: '{m}'}}\n"
    for m in MASKERS
)
RULES += "classify:\n" + "".join(
    f"  - {{column: public.drivers_{table}.{column}, tag: {tag}}}\n"
    for table, columns in (("free", COLUMNS), ("required", COLUMNS), ("spoken", SPOKEN))
    for column, (_, _, tag) in columns.items()
)
SELECT = {table: f"SELECT {', '.join(COLUMNS)} FROM drivers_{table}" for table in ("free", "required")}
# Columns whose classes' neutral or masked value may be the real one: nothing of anybody's.
MAY_MEET = {"flag"}


@pytest.fixture(scope="module")
def masking_proxy(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    free = ", ".join(f"{name} {kind}" for name, (kind, _, _) in COLUMNS.items())
    required = ", ".join(f"{name} {kind} NOT NULL" for name, (kind, _, _) in COLUMNS.items())
    values = ", ".join("'" + value + "'" for _, value, _ in COLUMNS.values())
    with databases.direct() as direct:
        direct.execute("CREATE TYPE moods AS ENUM ('calm', 'cross')")
        direct.execute("CREATE TYPE feelings AS ENUM ('glad', 'sad', 'calm', 'cross')")
        direct.execute("CREATE EXTENSION hstore; CREATE EXTENSION citext; CREATE DOMAIN mail_address AS varchar(40)")
        direct.execute("CREATE TYPE place AS (street text, city text)")
        direct.execute(
            "CREATE TYPE person AS (full_name varchar(12), email mail_address, birth_date date, visits int, "
            "notes text[], home place)"
        )
        direct.execute("CREATE DOMAIN known_person AS person")
        direct.execute(f"CREATE TABLE drivers_free ({free}); CREATE TABLE drivers_required ({required})".encode())
        direct.execute(f"INSERT INTO drivers_free VALUES ({values})".encode())
        direct.execute("INSERT INTO drivers_required SELECT * FROM drivers_free")
        direct.execute(
            "CREATE TABLE drivers_people (id int, full_name text, email mail_address, born date, size numeric(6,2), "
            "emails varchar(30)[], likes text, gone int)"
        )
        direct.execute("ALTER TABLE drivers_people DROP COLUMN gone")
        direct.execute(
            "INSERT INTO drivers_people VALUES (7, 'Ann Liddell', 'alice.liddell@example.com', '1984-05-17', 17.50, "
            "'{Liddell@example.com,x}', 'tea'), (8, NULL, NULL, NULL, NULL, NULL, NULL)"
        )
        spoken = ", ".join(f"{name} {kind}" for name, (kind, _, _) in SPOKEN.items())
        direct.execute(f"CREATE TABLE drivers_spoken ({spoken})".encode())
        direct.execute("SET client_encoding = 'UTF8'")
        values = ", ".join("'" + value + "'" for _, value, _ in SPOKEN.values())
        direct.execute(f"INSERT INTO drivers_spoken VALUES ({values})".encode())
        direct.execute("GRANT SELECT ON drivers_spoken TO PUBLIC")
        direct.execute("GRANT SELECT ON drivers_free, drivers_required, drivers_people TO PUBLIC")
    proxy = start(databases, tmp_path_factory.mktemp("masking"), policy=RULES)
    try:
        yield proxy
    finally:
        proxy.stop()
        with databases.direct() as direct:
            direct.execute(
                "DROP TABLE drivers_free, drivers_required, drivers_people, drivers_spoken; DROP DOMAIN known_person;"
                "DROP TYPE moods, feelings, person, place"
            )
            direct.execute("DROP DOMAIN mail_address; DROP EXTENSION hstore, citext")


def who(masker: Masker) -> tuple[str, tuple[str, ...]]:
    return f"{masker}@shop.example", (f"see_{masker}",)


def judge(masker: Masker, table: str, real: tuple[Any, ...], seen: tuple[Any, ...]) -> None:
    assert len(real) == len(seen) == len(COLUMNS)
    for name, before, after in zip(COLUMNS, real, seen, strict=True):
        if after is None:
            assert table == "free" or masker is Masker.NULL, f"{name}: NULL in a NOT NULL column"
            continue
        # What stands for every inet in a NOT NULL column is 0.0.0.0.
        neutral = name == "address6" and after == ipaddress.IPv4Address("0.0.0.0")
        assert type(after) is type(before) or neutral, f"{name}: {before!r} became {after!r}"
        assert not [part for part in PLANTED if part in str(after)], f"{name}: {after!r}"
        if isinstance(after, list):
            flat = str(after)
            assert not any(str(e) in flat for e in before if e is not None and not isinstance(e, list)), name
        assert name in MAY_MEET or after != before, name


def test_every_type_has_its_own_way_back() -> None:
    # What the comparisons below lean on: each of these is one Python type and no subclass of another's.
    kinds = {bool, int, float, Decimal, str, bytes, list, dict, datetime.date, datetime.datetime, datetime.time}
    assert len(kinds | {datetime.timedelta, uuid.UUID, ipaddress.IPv4Address, Range}) == 15


@pytest.mark.parametrize("binary", [False, True], ids=["text", "binary"])
@pytest.mark.parametrize("masker", MASKERS)
def test_psycopg(masker: Masker, binary: bool, masking_proxy: Proxy, databases: Databases) -> None:
    with databases.direct() as direct, masking_proxy.connect(*who(masker)) as connection:
        for table, query in SELECT.items():
            real = direct.execute(query.encode(), binary=binary).fetchone()
            seen = connection.execute(query.encode(), binary=binary).fetchone()
            assert real is not None
            assert seen is not None
            judge(masker, table, real, seen)


@pytest.mark.parametrize("masker", MASKERS)
def test_text_and_binary_are_the_same_values(masker: Masker, masking_proxy: Proxy) -> None:
    with masking_proxy.connect(*who(masker)) as connection:
        for query in SELECT.values():
            forms = [connection.execute(query.encode(), binary=binary).fetchone() for binary in (False, True)]
            text, wire = (dict(zip(COLUMNS, row or (), strict=True)) for row in forms)
            again = connection.execute(query.encode(), binary=True).fetchone()
            assert again == forms[1], "the same value is masked alike every time"
            for name in UNTOLD:
                assert (text.pop(name) is None) == (wire.pop(name) is None)
            # psycopg reads a macaddr and an enum it was not told of as text, and leaves their binary form alone.
            if text["hardware"] is not None:
                wire["hardware"] = wire["hardware"].hex(":")
            if text["mood"] is not None:
                wire["mood"] = wire["mood"].decode()
            if text["feeling"] is not None:
                wire["feeling"] = wire["feeling"].decode()
            assert text == wire


@pytest.mark.parametrize("masker", MASKERS)
def test_asyncpg(masker: Masker, masking_proxy: Proxy, databases: Databases) -> None:
    async def run() -> None:
        direct = await asyncpg.connect(databases.postgres.dsn("app"))
        user, groups = who(masker)
        connection = await asyncpg.connect(
            host="127.0.0.1",
            port=masking_proxy.port,
            user=user,
            password=masking_proxy.token(user, groups),
            database="app",
            ssl=False,
        )
        for table, query in SELECT.items():
            judge(masker, table, tuple(await direct.fetchrow(query)), tuple(await connection.fetchrow(query)))
        await connection.close()
        await direct.close()

    asyncio.run(run())


@pytest.mark.parametrize("masker", MASKERS)
def test_in_whatever_way_a_session_writes_values(masker: Masker, masking_proxy: Proxy, databases: Databases) -> None:
    """Nothing of a value comes out, and the server reads what does by the same settings, in the same type."""
    query = f"SELECT {', '.join(SPOKEN)} FROM drivers_spoken"
    casts = ", ".join(f"%s::{kind}" for kind, _, _ in SPOKEN.values())
    with masking_proxy.connect(*who(masker)) as through, databases.direct() as around:
        for setting in SETTINGS:
            for connection in (through, around):
                connection.execute(f"SET {setting}".encode())
            heard = []
            for _ in range(2):
                result = through.execute(query.encode()).pgresult
                assert result is not None
                heard.append([result.get_value(0, place) for place in range(len(SPOKEN))])
            assert heard[0] == heard[1]
            real = around.execute(query.encode()).pgresult
            assert real is not None
            texts = [None if value is None else value.decode(through.info.encoding) for value in heard[0]]
            for place, (name, seen) in enumerate(zip(SPOKEN, texts, strict=True)):
                # What a shifted range moves to may be one of its real ends: it is compared as a whole.
                told = "Lidd|oé" if name in ("weeks", "stays") else "Lidd|oé|1984-05-17|17[./-]05|05[./-]17|May 17"
                assert seen is None or not re.search(told, seen), (setting, name)
                assert name == "forever" or heard[0][place] is None or heard[0][place] != real.get_value(0, place), name
            read = psycopg.ClientCursor(around).execute(f"SELECT {casts}".encode(), texts).pgresult
            assert read is not None
            again = [read.get_value(0, place) for place in range(len(SPOKEN))]
            for name, seen_bytes, back in zip(SPOKEN, heard[0], again, strict=True):
                # Where both ends of a range have become one day, the server calls it empty.
                # And a moment keeps the offset of the real one, which the server writes as it is on that day.
                moved = "TimeZone" in setting and name in ("instant", "stays")
                assert seen_bytes == back or back == b"empty" or moved, (setting, name)
            for connection in (through, around):
                undo = "SET client_encoding = 'UTF8'" if "encoding" in setting else f"RESET {setting.split()[0]}"
                connection.execute(undo.encode())


@pytest.mark.parametrize("masker", [Masker.PARTIAL, Masker.PSEUDONYM, Masker.HASH, Masker.REDACT])
def test_a_whole_row_is_its_columns(masker: Masker, masking_proxy: Proxy) -> None:
    async def run() -> None:
        user, groups = who(masker)
        connection = await asyncpg.connect(
            host="127.0.0.1",
            port=masking_proxy.port,
            user=user,
            password=masking_proxy.token(user, groups),
            database="app",
            ssl=False,
        )
        columns = [tuple(row) for row in await connection.fetch("SELECT * FROM drivers_people ORDER BY id")]
        assert columns[0][0] == 7
        assert columns[0][6] == "tea"
        assert "Liddell" not in str(columns)
        for query in ("SELECT p FROM drivers_people p ORDER BY id", "SELECT p.id, p FROM drivers_people p ORDER BY 1"):
            rows = await connection.fetch(query)
            assert [tuple(row[-1]) for row in rows] == columns
        # Not plainly the row of one table: nothing of it is seen.
        hidden = await connection.fetch("SELECT q FROM (SELECT full_name, email FROM drivers_people) q")
        assert "Liddell" not in str(hidden)
        await connection.close()

    asyncio.run(run())


def _numeric(value: bytes) -> Decimal:
    count, weight, sign, dscale = struct.unpack_from("!hhHh", value)
    groups = struct.unpack_from(f"!{count}H", value, 8)
    assert len(value) == 8 + 2 * count
    number = sum((Decimal(g) * Decimal(10000) ** (weight - i) for i, g in enumerate(groups)), Decimal(0))
    return (-number if sign else number).quantize(Decimal(1).scaleb(-dscale))


# How a JDBC driver reads binary results: fixed sizes, and an exception where they do not fit.
JDBC: dict[str, Callable[[bytes], object]] = {
    "small": lambda v: struct.unpack("!h", v)[0],
    "whole": lambda v: struct.unpack("!i", v)[0],
    "large": lambda v: struct.unpack("!q", v)[0],
    "exact": _numeric,
    "single": lambda v: struct.unpack("!f", v)[0],
    "double": lambda v: struct.unpack("!d", v)[0],
    "flag": lambda v: {b"\0": False, b"\1": True}[v],
    "born": lambda v: struct.unpack("!i", v)[0],
    "moment": lambda v: struct.unpack("!q", v)[0],
    "instant": lambda v: struct.unpack("!q", v)[0],
    "hour": lambda v: struct.unpack("!q", v)[0],
    "identity": lambda v: uuid.UUID(bytes=v),
    "mail": bytes.decode,
    "name10": bytes.decode,
    "padded": bytes.decode,
    "card_text": bytes.decode,
    "blob": bytes,
}


@pytest.mark.parametrize("masker", MASKERS)
def test_as_a_jdbc_driver_does(masker: Masker, masking_proxy: Proxy, databases: Databases) -> None:
    # The driver asks for binary where it can read it, by column, and for text elsewhere.
    formats = [1 if name in JDBC else 0 for name in COLUMNS]
    user, groups = who(masker)
    with RawSession(masking_proxy.port, user, masking_proxy.token(user, groups), "app") as session:
        for table, query in SELECT.items():
            answer = session.ask(extended(query, formats=formats) + SYNC)
            assert not answer.errors, answer.errors
            assert [m.kind for m in answer.messages].count(Backend.DATA_ROW) == 1
            (row,) = answer.rows
            for (name, (kind, real, _)), value in zip(COLUMNS.items(), row, strict=True):
                if value is None:
                    assert table == "free" or masker is Masker.NULL, name
                    continue
                decoded = JDBC[name](value) if name in JDBC else value.decode()
                assert str(decoded) != real or name in MAY_MEET, name
                assert not [part for part in PLANTED if part in str(decoded)], name
                if kind.startswith(("varchar", "char")) and isinstance(decoded, str):
                    limit = int(kind.partition("(")[2].rstrip(")"))
                    assert len(decoded) == limit if kind.startswith("char") else len(decoded) <= limit
