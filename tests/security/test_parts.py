"""Values inside values: nothing that is planted in a composite, a document or an array is talked out of it.

Rows are made at random, of what is awkward in one of the wire forms: quotes, separators, escapes, letters of
several bytes, emptiness. Every form of reading them is tried, COPY among them.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.support.proxy import Databases, Proxy
from tests.support.raw_session import SYNC, RawSession, extended

ANALYST = ("ana@shop.example", ("analysts",))
SECRET = "Quirinus"
AWKWARD = ('"', "\\", ",", "(", ")", "{", "}", "=>", " ", "'", "\n", "é", "猫", "null", "<", "&", ":", "[")
PIECES = (SECRET, SECRET, *AWKWARD)
KEYS = ("email", "full_name", "notes", "address", "x", "", 'a"b', "ssn", "Quirinus Miller", "status", "\\u0065mail")
COLUMNS = ("who", "crew", "nested", "profile", "raw_profile", "profiles", "attributes")
READS = (
    *(f"SELECT {column} FROM parts_people" for column in COLUMNS),
    "SELECT * FROM parts_people",
    "SELECT p FROM parts_people p",
    "SELECT (p).who FROM parts_people p",
    "SELECT (who).full_name, (who).email FROM parts_people",
    "SELECT (who).* FROM parts_people",
    "SELECT who::text, crew::text FROM parts_people",
    "SELECT unnest(crew) FROM parts_people",
    "SELECT crew[1], crew[1:2], (crew[1]).email FROM parts_people",
    "SELECT to_json(who), row_to_json(p), to_jsonb(crew) FROM parts_people p",
    "SELECT profile -> 'email', profile ->> 'full_name', profile #> '{}', profile['x'] FROM parts_people",
    "SELECT jsonb_each_text(profile), jsonb_object_keys(profile) FROM parts_people",
    "SELECT jsonb_path_query(profile, '$.**') FROM parts_people",
    "SELECT jsonb_pretty(profile), profile::text, raw_profile::text FROM parts_people",
    "SELECT profiles[1], unnest(profiles) FROM parts_people",
    "SELECT attributes -> 'email', akeys(attributes), avals(attributes), hstore_to_json(attributes) FROM parts_people",
    "SELECT each(attributes) FROM parts_people",
    "SELECT array_agg(who), json_agg(p), jsonb_agg(profile) FROM parts_people p",
    "SELECT who FROM parts_people UNION ALL SELECT who FROM parts_people",
    "SELECT coalesce(who, who), nullif(profile, '{}') FROM parts_people",
    "SELECT (nested).inside, ((nested).inside)[1], (nested).one FROM parts_people",
)


def text(random_: random.Random) -> str:
    return "".join(random_.choice(PIECES) for _ in range(random_.randint(0, 6)))


def document(random_: random.Random, depth: int = 0) -> object:
    match random_.randint(0, 6 if depth < 4 else 3):
        case 0:
            return random_.choice((None, True, 17, -1.5e20))
        case 1 | 2 | 3:
            return text(random_)
        case 4:
            return [document(random_, depth + 1) for _ in range(random_.randint(0, 3))]
        case _:
            return {random_.choice(KEYS): document(random_, depth + 1) for _ in range(random_.randint(0, 4))}


@pytest.fixture(scope="module")
def people(proxy: Proxy, databases: Databases) -> Iterator[Proxy]:
    random_ = random.Random(11)
    with databases.direct() as direct:
        direct.execute("CREATE EXTENSION hstore")
        direct.execute("CREATE TYPE parts_person AS (full_name text, email varchar(60), notes text[], visits int)")
        direct.execute("CREATE TYPE parts_nested AS (one parts_person, inside parts_person[], label text)")
        direct.execute(
            "CREATE TABLE parts_people (id int PRIMARY KEY, who parts_person, crew parts_person[], "
            "nested parts_nested, profile jsonb, raw_profile json, profiles jsonb[], attributes hstore)"
        )
        person = "ROW(%s, %s, %s, 3)::parts_person"
        for number in range(60):
            people = [(text(random_), text(random_), [text(random_), None]) for _ in range(4)]
            profile = {**{key: document(random_) for key in KEYS[:4]}, "status": SECRET}
            pairs = [random_.choice(KEYS[:-1]) + str(n) for n in range(3)]
            insert = (
                f"INSERT INTO parts_people SELECT %s, {person}, ARRAY[{person}, NULL], "
                f"ROW({person}, ARRAY[{person}], %s::text)::parts_nested, "
                "%s, %s::json, ARRAY[%s, NULL]::jsonb[], hstore(%s::text[], %s::text[])"
            )
            direct.execute(
                insert.encode(),
                [
                    number,
                    *(value for one in people for value in one),
                    text(random_),
                    Jsonb(profile),
                    # Every sign of it escaped.
                    '{"email": "' + "".join(f"\\u{ord(sign):04x}" for sign in SECRET) + '"}'
                    if number % 2
                    else json.dumps(document(random_)),
                    Jsonb(document(random_)),
                    ["email", *pairs],
                    [SECRET, *(text(random_) for _ in pairs)],
                ],
            )
        direct.execute("GRANT SELECT ON parts_people TO PUBLIC")
        direct.execute("ANALYZE parts_people")
    try:
        yield proxy
    finally:
        with databases.direct() as direct:
            direct.execute("DROP TABLE parts_people; DROP TYPE parts_nested, parts_person; DROP EXTENSION hstore")


def clean(answer: bytes) -> bool:
    """Whether the name is nowhere, neither plainly nor as JSON may write it."""
    return SECRET.encode() not in answer and SECRET not in answer.decode("utf-8", "replace")


@pytest.mark.parametrize("query", READS)
def test_no_part_comes_out(query: str, people: Proxy) -> None:
    user, groups = ANALYST
    with RawSession(people.port, user, people.token(user, groups), "app") as session:
        for _ in range(2):
            for formats in ([], [1]):
                answer = session.ask(extended(query, formats=formats) + SYNC)
                seen = b"".join(found.body for found in answer.messages)
                assert clean(seen), query
                for row in answer.rows:
                    for value in row:
                        assert value is None or clean(value)
    with people.connect(*ANALYST) as connection:
        assert SECRET not in told(connection, query), query
        for options in ("", "(FORMAT csv)", "(FORMAT binary)"):
            assert SECRET not in told(connection, f"COPY ({query}) TO STDOUT {options}"), query


def told(connection: psycopg.Connection[Any], statement: str) -> str:
    """All that a driver gets to see of a statement: its rows, what is copied out, or why it was refused."""
    try:
        if not statement.startswith("COPY"):
            return str(connection.execute(statement.encode()).fetchall())
        with connection.cursor().copy(statement.encode()) as copied:
            return b"".join(bytes(part) for part in copied).decode("utf-8", "replace")
    except psycopg.Error as refused:
        connection.rollback()
        return str(refused)


@pytest.mark.parametrize("column", COLUMNS)
def test_structure_stays(column: str, people: Proxy, databases: Databases) -> None:
    """What is masked has the same number of elements, fields and leaves as what is there."""
    query = f"SELECT {column} FROM parts_people ORDER BY id".encode()
    with databases.direct() as direct, people.connect(*ANALYST) as connection:
        real = [row[0] for row in direct.execute(query).fetchall()]
        seen = [row[0] for row in connection.execute(query).fetchall()]
    assert len(seen) == len(real)
    assert all((one is None) == (other is None) for one, other in zip(real, seen, strict=True))
    if "profile" in column:
        assert [outline(one) for one in seen] == [outline(one) for one in real]


def outline(value: object) -> object:
    match value:
        case dict():
            return [outline(one) for one in value.values()]
        case list():
            return [outline(one) for one in value]
        case bool() | None:
            return type(value)
        case int() | float():
            return float
        case _:
            return type(value)
