"""What falls with an object, compared with what PostgreSQL itself drops.

Each statement is run in a transaction that is rolled back; an event trigger notes what went. All of it must be among
the effects that analysis has found beforehand.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import psycopg
import pytest

from govproxy.control.catalog import collect_structure, connect
from govproxy.sql.analyze import analyze
from govproxy.sql.catalog import Catalog
from govproxy.sql.values import Action, Effect
from tests.support.postgres import Postgres, database

ROLE = "dependents_metadata"
OWNER = "dependents_owner"
SCHEMA = """
CREATE SCHEMA side;
CREATE TYPE mood AS ENUM ('calm', 'cross');
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE TYPE place AS (street text, city text);
CREATE FUNCTION twice(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 * 2';
CREATE FUNCTION same(int, int) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1 = $2';
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE FUNCTION on_ddl() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE FUNCTION to_mood(int) RETURNS mood LANGUAGE sql AS $$ SELECT 'calm'::mood $$;
CREATE CAST (int AS mood) WITH FUNCTION to_mood(int);
CREATE OPERATOR === (LEFTARG = int, RIGHTARG = int, FUNCTION = same);
CREATE AGGREGATE side.doubled (int) (SFUNC = int4pl, STYPE = int, FINALFUNC = twice);
CREATE SEQUENCE numbers;
CREATE COLLATION side.plain (locale = 'C');
CREATE TABLE people (id int PRIMARY KEY, name text UNIQUE, feels mood, age positive, lives place, moods mood[],
    n int DEFAULT nextval('numbers'), m int DEFAULT twice(2), sorted text COLLATE side.plain,
    made int GENERATED ALWAYS AS (twice(1)) STORED, CHECK (twice(3) = 6));
CREATE TABLE own_ids (id serial PRIMARY KEY, other int GENERATED ALWAYS AS IDENTITY);
CREATE TABLE orders (id int PRIMARY KEY, person int REFERENCES people, who text REFERENCES people (name));
CREATE INDEX ON people (twice(id));
CREATE INDEX on_made ON people (made);
CREATE VIEW calm AS SELECT id, name FROM people WHERE feels = 'calm';
CREATE VIEW side.over_calm AS SELECT id FROM calm;
CREATE MATERIALIZED VIEW side.kept AS SELECT id, twice(id) AS t FROM people;
CREATE VIEW of_operator AS SELECT id === 3 AS same FROM orders;
CREATE VIEW by_key AS SELECT id, name FROM people GROUP BY id;
CREATE TRIGGER people_touch BEFORE UPDATE ON people FOR EACH ROW EXECUTE FUNCTION touch();
CREATE TRIGGER orders_touch BEFORE UPDATE OF person ON orders FOR EACH ROW EXECUTE FUNCTION touch();
ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
CREATE POLICY some_orders ON orders USING (twice(id) > 3 AND person IN (SELECT id FROM people));
CREATE RULE noted AS ON INSERT TO orders DO ALSO UPDATE people SET n = 1 WHERE id = new.person;
CREATE FUNCTION whole(people) RETURNS text LANGUAGE sql AS 'SELECT $1.name';
CREATE FUNCTION atomic() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(*) FROM people; END;
CREATE PROCEDURE side.proceed(mood) LANGUAGE sql AS 'SELECT 1';
CREATE TABLE side.parts (id int, at date) PARTITION BY RANGE (at);
CREATE TABLE side.parts_1 PARTITION OF side.parts FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
CREATE TABLE child () INHERITS (orders);
CREATE TABLE of_place OF place;
CREATE TABLE holds (id int, was people, many place[]);
CREATE DOMAIN side.nested AS positive;
CREATE TABLE side.nested_in (x side.nested);
CREATE EVENT TRIGGER watch ON ddl_command_end EXECUTE FUNCTION on_ddl();
CREATE EXTENSION hstore;
CREATE TABLE with_hstore (id int, h hstore);
CREATE FUNCTION of_hstore(hstore) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE STATISTICS side.together ON id, person FROM orders;
CREATE SCHEMA owned AUTHORIZATION dependents_owner;
CREATE TABLE owned.by_somebody_else (id int);
CREATE TABLE owned_table (id int);
CREATE VIEW over_owned AS SELECT id FROM owned_table;
ALTER TABLE owned_table OWNER TO dependents_owner;
CREATE FUNCTION owned_function() RETURNS int LANGUAGE sql AS 'SELECT 1';
ALTER FUNCTION owned_function() OWNER TO dependents_owner;
"""
WATCH = """
CREATE TABLE pg_temp.dropped (kind text, schema text, name text, parts text[]);
CREATE FUNCTION pg_temp.note() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO pg_temp.dropped SELECT object_type, schema_name, object_name, address_names
    FROM pg_event_trigger_dropped_objects(); END $$;
CREATE EVENT TRIGGER noting ON sql_drop EXECUTE FUNCTION pg_temp.note();
"""
DROPS = (
    "DROP TYPE mood CASCADE",
    "DROP TYPE place CASCADE",
    "DROP DOMAIN positive CASCADE",
    "DROP FUNCTION twice(int) CASCADE",
    "DROP FUNCTION same CASCADE",
    "DROP FUNCTION touch CASCADE",
    "DROP FUNCTION on_ddl CASCADE",
    "DROP FUNCTION to_mood(int) CASCADE",
    "DROP CAST (int AS mood) CASCADE",
    "DROP OPERATOR === (int, int) CASCADE",
    "DROP COLLATION side.plain CASCADE",
    "DROP SEQUENCE numbers CASCADE",
    "DROP TABLE people CASCADE",
    "DROP TABLE orders CASCADE",
    "DROP TABLE own_ids",
    "DROP TABLE side.parts",
    "DROP TABLE orders, people, child CASCADE",
    "DROP VIEW calm CASCADE",
    "DROP INDEX on_made",
    "DROP SCHEMA side CASCADE",
    "DROP SCHEMA public CASCADE",
    "DROP EXTENSION hstore CASCADE",
    "DROP TRIGGER people_touch ON people",
    "DROP POLICY some_orders ON orders",
    "DROP RULE noted ON orders CASCADE",
    "ALTER TABLE people DROP COLUMN name CASCADE",
    "ALTER TABLE people DROP COLUMN id CASCADE",
    "ALTER TABLE orders DROP COLUMN person CASCADE",
    "ALTER TABLE people DROP CONSTRAINT people_pkey CASCADE",
    "ALTER TYPE place DROP ATTRIBUTE city CASCADE",
    "DROP OWNED BY dependents_owner CASCADE",
)


@pytest.fixture(scope="module")
def drawn(postgres: Postgres) -> Iterator[tuple[str, Catalog]]:
    with psycopg.connect(postgres.dsn(), autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {ROLE} LOGIN PASSWORD 'dependents'".encode())
        connection.execute(f"CREATE ROLE {OWNER}".encode())
    with database(postgres, SCHEMA) as name:

        async def look() -> Catalog:
            reading = await connect(
                host=postgres.host, port=postgres.port, user=ROLE, password="dependents", database=name
            )
            try:
                return await collect_structure(reading, name)
            finally:
                reading.terminate()

        yield postgres.dsn(name), asyncio.run(look())
    with psycopg.connect(postgres.dsn(), autocommit=True) as connection:
        connection.execute(f"DROP ROLE {ROLE}".encode())
        connection.execute(f"DROP ROLE {OWNER}".encode())


@pytest.mark.parametrize("sql", DROPS)
def test_everything_that_falls_is_an_effect(sql: str, drawn: tuple[str, Catalog]) -> None:
    dsn, catalog = drawn
    (statement,) = analyze(sql, catalog, ("public",)).statements
    with psycopg.connect(dsn) as connection:
        connection.execute(WATCH.encode())
        connection.execute(sql.encode())
        gone = connection.execute("SELECT kind, schema, name, parts FROM pg_temp.dropped").fetchall()
        connection.rollback()
        indexed = connection.execute("SELECT indexname, tablename FROM pg_indexes").fetchall()
    assert gone
    tables = dict(indexed)
    # What guards a foreign key goes with that, and TOAST with its table.
    gone = [row for row in gone if not row[3][-1].startswith("RI_") and row[1] != "pg_toast"]
    missing = [row for row in gone if not _is_told(statement.effects, *row, table=_table_of(row[3], tables))]
    assert not missing
    assert not [effect for effect in statement.effects if effect.facts.get("unresolved") and "by" in effect.facts]


def _table_of(parts: list[str], indexed: dict[str, str]) -> str:
    return indexed.get(parts[-1], parts[1] if len(parts) > 1 else "")


def _is_told(effects: tuple[Effect, ...], kind: str, schema: str, name: str, parts: list[str], table: str) -> bool:
    """Whether what PostgreSQL dropped is told as dropped itself, or as a loss of its table."""
    dropped = [effect for effect in effects if effect.action is Action.DROP]
    match kind:
        case "type" if schema:
            # Of a table, an array's, or one of its own: those are in `parts`.
            return name.lstrip("_") in {effect.name for effect in dropped} or name.endswith("[]")
        case "trigger" | "policy" | "rule" | "table constraint" | "default value" | "index":
            return table in {effect.name for effect in effects if effect.action in (Action.ALTER, Action.DROP)}
        case "table column" | "composite type column":
            found = [effect for effect in dropped if (effect.schema, effect.name) == (schema, parts[1])]
            return any(effect.columns in ((), (parts[-1],)) for effect in found)
        case "function" | "procedure" | "aggregate":
            return (schema, parts[1]) in {(effect.schema, effect.name) for effect in dropped}
        case "domain constraint" | "toast table":
            return True  # goes with its domain, which is asked about as well
        case "cast" | "operator" | "operator class" | "operator family" | "collation":
            return kind.replace(" ", "_") in {effect.kind for effect in dropped}
        case "function of access method" | "operator of access method":
            return "operator_family" in {effect.kind for effect in dropped}
        case _:
            return name in {effect.name for effect in dropped}


def test_with_a_language_goes_what_is_written_in_it(drawn: tuple[str, Catalog]) -> None:
    _, catalog = drawn
    for sql in ("DROP EXTENSION plpgsql CASCADE", "DROP LANGUAGE plpgsql CASCADE"):
        (statement,) = analyze(sql, catalog, ("public",)).statements
        dropped = {effect.object for effect in statement.effects if effect.action is Action.DROP}
        assert {"public.touch", "public.on_ddl", "watch"} <= dropped, sql
        assert "public.twice" not in dropped


def test_what_does_not_fall_is_none(drawn: tuple[str, Catalog]) -> None:
    _, catalog = drawn
    for sql in ("DROP TABLE own_ids", "DROP FUNCTION twice", "DROP VIEW side.over_calm", "DROP TYPE mood"):
        (statement,) = analyze(sql, catalog, ("public",)).statements
        others = {e.object for e in statement.effects if "by" in e.facts}
        assert others <= {"public.own_ids_id_seq", "public.own_ids_other_seq"}, sql
