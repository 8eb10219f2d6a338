"""The collector against a real PostgreSQL, as an ordinary role, and what classification makes of it."""

from __future__ import annotations

import asyncio
import logging
import pickle
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import psycopg
import pytest

from govproxy.control.catalog import MetadataConnection, collect, connect, fingerprint, publishable, values_mark
from govproxy.errors import UpstreamUnavailable
from govproxy.masking.classify import classify, describe
from govproxy.masking.system_columns import SYSTEM_COLUMNS
from govproxy.masking.values import Classification
from govproxy.sql.catalog import Catalog, ColumnRef, Relation, RelationKind
from tests.support.postgres import Postgres, database
from tests.support.waiting import until

T = TypeVar("T")

ROLE = "govproxy_metadata"
SECRET = "planted-in-the-values"

SCHEMA = (
    """
    CREATE SCHEMA crm;
    CREATE TYPE crm.mood AS ENUM ('calm', 'cross');
    CREATE DOMAIN crm.email_address AS varchar(120) CHECK (VALUE LIKE '%@%');
    CREATE DOMAIN crm.work_address AS crm.email_address;
    CREATE DOMAIN crm.geometry_like AS point;
    CREATE TYPE crm.place AS (street text, city text);
    CREATE TABLE crm.customers (
        id bigint PRIMARY KEY,
        full_name text NOT NULL,
        c1 text,
        c2 crm.work_address,
        c3 varchar(20),
        mood crm.mood DEFAULT 'calm',
        home crm.place,
        payload jsonb,
        tags text[],
        dropped text,
        active boolean NOT NULL DEFAULT true,
        lower_name text GENERATED ALWAYS AS (lower(full_name)) STORED
    );
    ALTER TABLE crm.customers DROP COLUMN dropped;
    COMMENT ON COLUMN crm.customers.c3 IS 'Social security number';
    COMMENT ON TABLE crm.customers IS 'people';
    CREATE TABLE crm.orders (
        id bigint PRIMARY KEY, customer_id bigint REFERENCES crm.customers, ref text, placed_at timestamptz
    );
    CREATE VIEW crm.people AS SELECT id, c1 AS contact FROM crm.customers WHERE active;
    CREATE MATERIALIZED VIEW crm.copies AS SELECT id, c1 AS k FROM crm.customers;
    CREATE TABLE crm.events (at date, val text) PARTITION BY RANGE (at);
    CREATE TABLE crm.events_1 PARTITION OF crm.events FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
    CREATE TABLE crm.events_2 PARTITION OF crm.events FOR VALUES FROM ('2021-01-01') TO ('2022-01-01');
    CREATE TABLE crm."We ird""name" (val text);
    CREATE TABLE crm.closed (val text, email text, n int);
    CREATE TABLE crm.odd (val text, raw bytea, raws bytea[], far crm.geometry_like);
    CREATE TABLE crm.half (open text, shut text);
    CREATE TABLE crm.filtered (val text);
    ALTER TABLE crm.filtered ENABLE ROW LEVEL SECURITY;
    CREATE TABLE crm.trapped (val text, who text);
    CREATE FUNCTION crm.trap(text) RETURNS boolean LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'row %', $1; END $$;
    ALTER TABLE crm.trapped ENABLE ROW LEVEL SECURITY;
    CREATE POLICY p ON crm.trapped USING (crm.trap(val));
    CREATE FUNCTION crm.twice(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 * 2';
    CREATE FUNCTION crm.thrice(n int) RETURNS int LANGUAGE sql IMMUTABLE BEGIN ATOMIC SELECT n * 3; END;
    CREATE OPERATOR crm.~~~ (FUNCTION = crm.twice, RIGHTARG = int);
    CREATE FUNCTION crm.to_mood(int) RETURNS crm.mood LANGUAGE sql AS $$ SELECT 'calm'::crm.mood $$;
    CREATE CAST (int AS crm.mood) WITH FUNCTION crm.to_mood(int);
    CREATE FUNCTION crm.noop() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
    CREATE TRIGGER t BEFORE INSERT ON crm.orders FOR EACH ROW EXECUTE FUNCTION crm.noop();
    CREATE FUNCTION crm.tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE '%', NEW; RETURN NEW; END $$;
    CREATE TRIGGER t BEFORE INSERT ON crm.filtered FOR EACH ROW EXECUTE FUNCTION crm.tell();
    """,
    f"""
    INSERT INTO crm.customers (id, full_name, c1, c2, payload, tags)
        SELECT n, 'Person ' || n, 'u' || n || '@{SECRET}.example', 'w' || n || '@example.org',
               jsonb_build_object('user', jsonb_build_object('email', 'x')), ARRAY['t' || n]
        FROM generate_series(1, 60) n;
    INSERT INTO crm.events SELECT '2020-06-01', 'u' || n || '@example.org' FROM generate_series(1, 40) n;
    INSERT INTO crm.events SELECT '2021-06-01', 'word' || n FROM generate_series(1, 40) n;
    INSERT INTO crm.orders SELECT n, n, 'R' || n FROM generate_series(1, 40) n;
    INSERT INTO crm."We ird""name" SELECT 'u' || n || '@example.org' FROM generate_series(1, 40) n;
    INSERT INTO crm.odd SELECT 'word' || n, ('u' || n || '@example.org')::bytea, ARRAY['abc'::bytea], '(1,2)'
        FROM generate_series(1, 40) n;
    INSERT INTO crm.half SELECT 'word' || n, 'word' || n FROM generate_series(1, 40) n;
    INSERT INTO crm.filtered SELECT 'word' || n FROM generate_series(1, 40) n;
    INSERT INTO crm.trapped SELECT '{SECRET}', 'x';
    REFRESH MATERIALIZED VIEW crm.copies;
    ANALYZE crm.customers;
    """,
    f"""
    GRANT USAGE ON SCHEMA crm TO {ROLE};
    GRANT SELECT ON ALL TABLES IN SCHEMA crm TO {ROLE};
    REVOKE SELECT ON crm.closed, crm.half FROM {ROLE};
    GRANT SELECT (open) ON crm.half TO {ROLE};
    """,
)


@dataclass(frozen=True, slots=True)
class Seen:
    catalog: Catalog
    classes: Classification
    log: str

    def relation(self, name: str, schema: str = "crm") -> Relation:
        return self.catalog.relations[self.catalog.by_name[schema, name]]

    def ref(self, table: str, column: str, schema: str = "crm") -> ColumnRef:
        relation = self.relation(table, schema)
        found = relation.column(column)
        assert found is not None
        return ColumnRef(relation.oid, found.attnum)

    def kind(self, table: str, column: str, schema: str = "crm") -> str | None:
        verdict = self.classes.columns.get(self.ref(table, column, schema))
        return None if verdict is None else verdict.sensitive.name


async def over(
    postgres: Postgres, name: str, work: Callable[[MetadataConnection], Awaitable[T]], user: str = ROLE
) -> T:
    connection = await connect(
        host=postgres.host,
        port=postgres.port,
        user=user,
        database=name,
        password=postgres.password if user == postgres.superuser else "metadata",
    )
    try:
        return await work(connection)
    finally:
        await connection.close()


def look(postgres: Postgres, name: str, user: str = ROLE) -> Catalog:
    return asyncio.run(over(postgres, name, lambda connection: collect(connection, name), user))


@pytest.fixture(scope="module")
def crm(postgres: Postgres) -> Iterator[str]:
    with psycopg.connect(postgres.dsn(), autocommit=True) as admin:
        if admin.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (ROLE,)).fetchone() is None:
            admin.execute(f"CREATE ROLE {ROLE} LOGIN PASSWORD 'metadata'".encode())
    with database(postgres, *SCHEMA) as name:
        yield name


@pytest.fixture(scope="module")
def seen(postgres: Postgres, crm: str) -> Seen:
    records: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: records.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("govproxy.control")
    logger.addHandler(handler)
    try:
        catalog = look(postgres, crm)
    finally:
        logger.removeHandler(handler)
    return Seen(catalog, classify(catalog), "\n".join(records))


class TestStructure:
    def test_relations_and_columns(self, seen: Seen) -> None:
        customers = seen.relation("customers")
        assert customers.kind is RelationKind.TABLE
        assert customers.comment == "people"
        assert customers.owner is not None
        assert [column.name for column in customers.columns] == [
            "id", "full_name", "c1", "c2", "c3", "mood", "home", "payload", "tags", "active", "lower_name",
        ]  # fmt: skip
        assert customers.primary_key == (1,)
        assert customers.columns[0].is_key
        assert customers.columns[1].not_null
        assert customers.columns[4].comment == "Social security number"
        assert customers.columns[-1].generated
        assert "full_name" in (customers.columns[-1].default or "")
        assert customers.estimated_rows == 60
        assert customers.column("dropped") is None

    def test_foreign_keys_and_triggers(self, seen: Seen) -> None:
        orders = seen.relation("orders")
        customer = orders.column("customer_id")
        assert customer is not None
        assert customer.is_key
        assert not orders.has_triggers, "its trigger does nothing, those of foreign keys tell nothing"
        assert seen.relation("filtered").has_triggers

    def test_domains_are_resolved_with_their_length(self, seen: Seen) -> None:
        column = seen.relation("customers").column("c2")
        assert column is not None
        assert seen.catalog.types[column.type_oid].name == "work_address"
        assert column.base_type_oid == 1043
        assert column.typmod == 124

    def test_views_are_fully_qualified(self, seen: Seen) -> None:
        assert "crm.customers" in (seen.relation("people").definition or "")
        assert "crm.customers" in (seen.relation("copies").definition or "")

    def test_partitions(self, seen: Seen) -> None:
        parent, first = seen.relation("events"), seen.relation("events_1")
        assert parent.kind is RelationKind.PARTITIONED
        assert set(parent.children) == {first.oid, seen.relation("events_2").oid}
        assert first.parents == (parent.oid,)

    def test_functions(self, seen: Seen) -> None:
        by_name = seen.catalog.functions_by_name
        twice = next(seen.catalog.functions[oid] for oid in by_name["twice"])
        assert (twice.schema, twice.language, twice.volatility, twice.argument_types) == ("crm", "sql", "i", (23,))
        assert twice.body == "SELECT $1 * 2"
        assert any(seen.catalog.functions[oid].schema == "pg_catalog" for oid in by_name["lower"])

    def test_bodies_kept_parsed(self, seen: Seen) -> None:
        if seen.catalog.server_version < 140_000:
            pytest.skip("PostgreSQL 14 keeps bodies parsed")
        thrice = next(seen.catalog.functions[oid] for oid in seen.catalog.functions_by_name["thrice"])
        assert "n * 3" in (thrice.body or "")

    def test_types_operators_casts(self, seen: Seen) -> None:
        mood = next(kind for kind in seen.catalog.types.values() if kind.name == "mood")
        assert mood.enum_labels == ("calm", "cross")
        assert "~~~" in seen.catalog.user_operators
        assert (23, mood.oid) in seen.catalog.user_casts
        assert "plpgsql" in seen.catalog.extensions
        assert seen.catalog.default_search_path == ("public",)

    def test_system_catalogs_are_there(self, seen: Seen) -> None:
        assert seen.relation("pg_class", "pg_catalog").column("relname") is not None
        assert seen.relation("columns", "information_schema").kind is RelationKind.VIEW

    def test_no_row_leaves_with_the_snapshot_for_workers(self, seen: Seen) -> None:
        assert any(SECRET in value for value in seen.catalog.statistics[seen.ref("customers", "c1")].values)
        assert SECRET not in repr(seen.catalog)
        assert SECRET.encode() not in pickle.dumps(publishable(seen.catalog))
        assert SECRET.encode() not in pickle.dumps(seen.classes)
        assert SECRET not in repr(describe(seen.classes, seen.catalog))


class TestClasses:
    @pytest.mark.parametrize(
        ("table", "column", "expected"),
        [
            ("customers", "id", None),
            ("customers", "full_name", "person_name"),
            ("customers", "c1", "email"),
            ("customers", "c2", "email"),
            ("customers", "c3", "ssn"),
            ("customers", "mood", None),
            ("customers", "home", "personal_record"),
            ("customers", "payload", "personal_json"),
            ("customers", "tags", None),
            ("customers", "lower_name", "person_name"),
            ("orders", "ref", None),
            ("orders", "customer_id", None),
            ("copies", "k", "email"),
            ("people", "contact", None),
            ("events", "val", "email"),
            ("events_1", "val", "email"),
            ("events_2", "val", "email"),
            ('We ird"name', "val", "email"),
            ("closed", "email", "email"),
            ("odd", "val", None),
            ("odd", "raw", "email"),
            ("odd", "raws", None),
            ("odd", "far", "geo"),
        ],
    )
    def test_found_without_configuration(self, seen: Seen, table: str, column: str, expected: str | None) -> None:
        assert seen.kind(table, column) == expected

    def test_analysed_and_sampled(self, seen: Seen) -> None:
        assert seen.catalog.statistics[seen.ref("customers", "c1")].source == "pg_stats"
        assert seen.catalog.statistics[seen.ref("orders", "ref")].source == "sample"

    @pytest.mark.parametrize(
        ("table", "column", "expected"),
        [
            ("closed", "val", "unread"),
            ("closed", "email", "email"),
            ("closed", "n", None),
            ("half", "open", None),
            ("half", "shut", "unread"),
            ("filtered", "val", "unread"),
            ("trapped", "val", "unread"),
            ("orders", "ref", None),
        ],
    )
    def test_what_may_not_be_read_is_sensitive(self, seen: Seen, table: str, column: str, expected: str | None) -> None:
        assert seen.kind(table, column) == expected

    def test_copies_of_data_in_system_catalogs(self, seen: Seen) -> None:
        assert seen.kind("pg_stats", "histogram_bounds", "pg_catalog") == "catalog_values"
        assert seen.kind("pg_authid", "rolpassword", "pg_catalog") == "password_hash"
        assert seen.kind("pg_stat_activity", "query", "pg_catalog") == "catalog_values"
        assert seen.kind("pg_class", "relname", "pg_catalog") is None

    def test_every_listed_system_column_exists_on_this_server(self, seen: Seen) -> None:
        """A typing error in the list would leave a column open without a word."""
        newer = {("pg_stats", "range_bounds_histogram"): 170_000, ("pg_subscription", "subconninfo"): 100_000}
        for table, columns in SYSTEM_COLUMNS.items():
            schema = "information_schema" if table in {"user_mapping_options", "_pg_user_mappings"} else "pg_catalog"
            if table == "pg_stats_ext_exprs" and seen.catalog.server_version < 140_000:
                continue
            for column in columns:
                if seen.catalog.server_version >= newer.get((table, column), 0):
                    assert seen.relation(table, schema).column(column) is not None, (table, column)

    def test_log_names_the_table_and_no_value(self, seen: Seen) -> None:
        assert "crm.trapped cannot be sampled (P0001)" in seen.log
        assert SECRET not in seen.log


class TestVersionAndFingerprint:
    def test_version_follows_structure_and_not_values(self, postgres: Postgres, scratch: str) -> None:
        user = postgres.superuser
        with psycopg.connect(postgres.dsn(scratch), autocommit=True) as admin:
            admin.execute("CREATE TABLE t (a text)")
            first = look(postgres, scratch, user).version
            admin.execute("INSERT INTO t SELECT 'x' FROM generate_series(1, 100)")
            admin.execute("ANALYZE t")
            assert look(postgres, scratch, user).version == first
            admin.execute("ALTER TABLE t RENAME a TO b")
            assert look(postgres, scratch, user).version != first

    @pytest.mark.parametrize(
        "change",
        [
            "CREATE TABLE u (a int)",
            "ALTER TABLE t ADD COLUMN b int",
            "ALTER TABLE t RENAME a TO z",
            "ALTER TABLE t ALTER w TYPE varchar(5)",
            "ALTER TABLE t ALTER a SET DEFAULT 'x'",
            "ALTER TABLE t ENABLE ROW LEVEL SECURITY",
            "COMMENT ON COLUMN t.a IS 'x'",
            "ALTER TABLE t ADD PRIMARY KEY (a)",
            "CREATE OR REPLACE VIEW v AS SELECT a, 2 AS x FROM t",
            "CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 2'",
            "ALTER TYPE e ADD VALUE 'b'",
            "CREATE SCHEMA s",
            "ALTER SCHEMA old RENAME TO new",
            "ALTER TABLE t SET SCHEMA old",
            "DROP VIEW v",
            "CREATE DOMAIN d AS text",
        ],
    )
    def test_fingerprint_sees(self, postgres: Postgres, scratch: str, change: str) -> None:
        with psycopg.connect(postgres.dsn(scratch), autocommit=True) as admin:
            admin.execute(
                b"CREATE TABLE t (a text NOT NULL, w text); CREATE SCHEMA old;"
                b"CREATE VIEW v AS SELECT a, 1 AS x FROM t;"
                b"CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'; CREATE TYPE e AS ENUM ('a')"
            )
            before = asyncio.run(over(postgres, scratch, fingerprint, postgres.superuser))
            admin.execute(change.encode())
            assert asyncio.run(over(postgres, scratch, fingerprint, postgres.superuser)) != before

    def test_fingerprint_leaves_data_and_temporary_tables_alone(self, postgres: Postgres, scratch: str) -> None:
        with psycopg.connect(postgres.dsn(scratch), autocommit=True) as admin:
            admin.execute("CREATE TABLE t (a text)")
            admin.execute("CREATE TEMP TABLE first (a text)")
            before = asyncio.run(over(postgres, scratch, fingerprint, postgres.superuser))
            admin.execute("INSERT INTO t SELECT 'x' FROM generate_series(1, 100)")
            admin.execute("ANALYZE t")
            admin.execute("VACUUM t")
            admin.execute("CREATE TEMP TABLE x (a text DEFAULT 'y', b int PRIMARY KEY)")
            assert asyncio.run(over(postgres, scratch, fingerprint, postgres.superuser)) == before

    def test_values_mark_moves_when_a_table_fills_up(self, postgres: Postgres, scratch: str) -> None:
        def mark() -> str:
            return asyncio.run(over(postgres, scratch, values_mark, postgres.superuser))

        with psycopg.connect(postgres.dsn(scratch), autocommit=True) as admin:
            admin.execute("CREATE TABLE t (a text)")
            before = mark()
            admin.execute("INSERT INTO t SELECT 'x' FROM generate_series(1, 100)")
        # The server's counters come with a delay.
        assert len(until(lambda: found if (found := mark()) != before else "")) == 32

    def test_ordinary_role_may_take_it(self, postgres: Postgres, crm: str) -> None:
        assert len(asyncio.run(over(postgres, crm, fingerprint))) == 32


class TestFailures:
    def test_connection_is_read_only(self, postgres: Postgres, crm: str) -> None:
        async def write(connection: MetadataConnection) -> None:
            await connection.execute("CREATE TABLE public.x (a int)")

        with pytest.raises(Exception, match="read-only transaction"):
            asyncio.run(over(postgres, crm, write, postgres.superuser))

    def test_refused_connection_names_no_host(self) -> None:
        with pytest.raises(UpstreamUnavailable) as caught:
            asyncio.run(connect(host="127.0.0.1", port=1, user="u", database="shop"))
        assert "127.0.0.1" not in str(caught.value)
        assert "shop" in str(caught.value)

    def test_a_locked_table_costs_a_moment_and_is_sensitive(self, postgres: Postgres, scratch: str) -> None:
        with psycopg.connect(postgres.dsn(scratch), autocommit=True) as admin:
            admin.execute("CREATE TABLE t (val text)")
            with psycopg.connect(postgres.dsn(scratch)) as holder:
                holder.execute("LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
                catalog = look(postgres, scratch, postgres.superuser)
        table = catalog.relations[catalog.by_name["public", "t"]]
        assert classify(catalog).columns[ColumnRef(table.oid, 1)].sensitive.name == "unread"
