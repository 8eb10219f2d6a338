"""What reviewers are shown of held statements, on a real PostgreSQL: figures, masked rows, refusals to look."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from govproxy.approvals.rehearsals import Ran
from govproxy.approvals.values import Hold, Object
from govproxy.config.secrets import Secret
from govproxy.config.settings import Database, SslMode, Upstream
from govproxy.control.catalog import collect
from govproxy.control.metadata import connect_to
from govproxy.control.rehearsal import Rehearsal, Rehearsals, rehearse
from govproxy.control.review import Reviewer, ReviewFacts, World, question_of
from govproxy.masking.classify import classify
from govproxy.policy.loader import load_policy
from govproxy.policy.rules import Policy
from govproxy.session.snapshot import DatabaseSnapshot
from govproxy.sql.canonical import canonical
from govproxy.sql.counting import NotCountable
from tests.support.postgres import Postgres, database
from tests.unit.approvals.building import ANA, SUBJECT, hold, person
from tests.unit.approvals.test_automatic import NATURE

PLANTED = "petra.planted@secret-address.example"
CARD = "4111111111111111"
SCHEMA = (
    f"""
    CREATE TABLE customers (id bigint PRIMARY KEY, email text NOT NULL, note text, segment text, big numeric);
    INSERT INTO customers SELECT n, 'p' || n || '@x.example', 'ordinary', 'public', n FROM generate_series(1, 40) n;
    UPDATE customers SET email = '{PLANTED}', note = 'call {PLANTED} or card {CARD}' WHERE id <= 3;
    CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint, total numeric);
    INSERT INTO orders SELECT n, n % 10, n FROM generate_series(1, 100) n;
    CREATE TABLE parts (id int, who text) PARTITION BY RANGE (id);
    CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (10);
    INSERT INTO parts VALUES (1, '{PLANTED}'), (2, 'b@x.example');
    CREATE VIEW people AS SELECT id, email FROM customers;
    CREATE TABLE hits (n int);
    CREATE FUNCTION spy(text) RETURNS boolean LANGUAGE sql AS $$ SELECT true $$;
    CREATE FUNCTION harmless_name(text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$ SELECT true $$;
    CREATE TABLE lines (id int PRIMARY KEY, customer_id bigint REFERENCES customers ON DELETE CASCADE, note text);
    INSERT INTO lines SELECT n, 1 + n % 3, '{PLANTED}' FROM generate_series(1, 6) n;
    CREATE TABLE trail (at timestamptz DEFAULT now(), was text);
    CREATE FUNCTION note_it() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN INSERT INTO trail (was) VALUES (old.email); RETURN NULL; END $$;
    CREATE TRIGGER noted AFTER UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION note_it();
    CREATE SCHEMA evil;
    CREATE TABLE evil.orders (id bigint, customer_id bigint, total numeric);
    """,
    "CREATE TABLE only_other (id int, email text)",
    "ANALYZE",
)


@dataclass(frozen=True, slots=True)
class Shop:
    """The database, and a way to look at statements on it."""

    world: World
    direct: Callable[[str], None]

    def look(self, sql: str, *, world: World | None = None, **changes: object) -> ReviewFacts:
        asked = self.hold(sql, **changes)

        async def run() -> ReviewFacts:
            reviewer = Reviewer(lambda name: world or self.world)
            try:
                return await reviewer.facts(asked)
            finally:
                await reviewer.stop()

        return asyncio.run(run())

    def hold(self, sql: str, **changes: object) -> Hold:
        made = canonical(sql)
        relations = self.world.snapshot.catalog.relations.values()
        objects = tuple(Object(oid=r.oid, name=f"{r.schema}.{r.name}") for r in relations if r.schema == "public")
        subject = replace(
            SUBJECT,
            digest=made.digest,
            objects=objects,
        )
        path = changes.pop("search_path", ("public",))
        nature = replace(NATURE, search_path=path)  # type: ignore[arg-type]
        asked = hold(ANA, nature=nature, subject=replace(subject, **changes.pop("subject", {})), sql=made.sql)  # type: ignore[arg-type]
        return replace(asked, **changes)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def shop(postgres: Postgres) -> Iterator[Shop]:
    with database(postgres, *SCHEMA) as name:
        upstream = Upstream(
            host=postgres.host,
            port=postgres.port,
            user=postgres.superuser,
            database=name,
            sslmode=SslMode.DISABLE,
        )
        database_settings = Database(
            name="shop", upstream=upstream, environment="production", password=Secret(postgres.password)
        )

        async def seen() -> World:
            connection = await connect_to(database_settings)
            catalog = await collect(connection, "shop")
            connection.terminate()
            snapshot = DatabaseSnapshot(
                name="shop", environment="production", catalog=catalog, classification=classify(catalog)
            )
            return World(database=database_settings, snapshot=snapshot, policy=load_policy(None), mask_key=b"k" * 32)

        def direct(sql: str) -> None:
            with psycopg.connect(postgres.dsn(name), autocommit=True) as connection:
                connection.execute(sql.encode())

        yield Shop(asyncio.run(seen()), direct)


def test_figures_are_of_the_rows_concerned(shop: Shop) -> None:
    facts = shop.look("DELETE FROM orders WHERE customer_id = 3")
    assert (facts.actual_rows, facts.notes) == (10, ())
    assert facts.planned_rows > 0
    assert (
        shop.look("UPDATE customers SET segment = 'x' FROM orders o WHERE o.customer_id = customers.id").actual_rows
        == 9
    )
    assert shop.look("WITH few AS (SELECT 5 AS i) DELETE FROM orders USING few WHERE id <= few.i").actual_rows == 5
    assert shop.look("DELETE FROM orders").actual_rows == 100
    assert shop.look("DELETE FROM parts WHERE id = 1").actual_rows == 1


def test_nothing_is_changed_by_looking(shop: Shop) -> None:
    shop.look("DELETE FROM orders")
    assert shop.look("DELETE FROM orders").actual_rows == 100


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM customers WHERE id <= 3",
        "UPDATE customers SET segment = 'x' WHERE id <= 3",
        'DELETE FROM customers AS "Odd ""one" WHERE "Odd ""one".id <= 3',
        "DELETE FROM parts WHERE id = 1",
        "DELETE FROM people WHERE id <= 3",
    ],
)
def test_the_sample_is_masked(shop: Shop, sql: str) -> None:
    facts = shop.look(sql)
    assert facts.sample is not None, facts.notes
    assert facts.sample.rows
    shown = repr(facts.form)
    assert PLANTED not in shown
    assert "petra" not in shown
    assert CARD not in shown


def test_clean_columns_are_shown_and_nulls_stay(shop: Shop) -> None:
    facts = shop.look("DELETE FROM orders WHERE id = 7")
    assert facts.sample is not None
    assert (facts.sample.columns, facts.sample.rows) == (("id", "customer_id", "total"), (("7", "7", "7"),))


def test_a_rule_that_shows_everybody_everything_shows_reviewers_nothing_more(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text("columns:\n  - {name: open, on: {tags: [any]}, see: clear}\n")
    policy: Policy = load_policy(tmp_path / "policy.yaml")
    facts = shop.look("DELETE FROM customers WHERE id <= 3", world=replace(shop.world, policy=policy))
    assert facts.sample is not None
    assert PLANTED not in repr(facts.form)


def test_columns_that_nobody_has_looked_at_are_redacted(shop: Shop) -> None:
    unknown = replace(
        shop.world,
        snapshot=replace(
            shop.world.snapshot, classification=replace(shop.world.snapshot.classification, columns={}, known={})
        ),
    )
    facts = shop.look("DELETE FROM customers WHERE id <= 3", world=unknown)
    assert facts.sample is not None
    assert {value for row in facts.sample.rows for value in row[1:4]} <= {"***", None}


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM orders WHERE spy(total::text)",
        "DELETE FROM orders WHERE harmless_name('x')",
        "DELETE FROM orders WHERE pg_sleep(1) IS NULL",
        "DELETE FROM orders WHERE nextval('s') > 1",
        "DELETE FROM orders WHERE set_config('role', 'postgres', false) = ''",
        "DELETE FROM orders WHERE query_to_xml('DELETE FROM orders', true, true, '') IS NOT NULL",
        "DELETE FROM orders WHERE pg_advisory_lock(1) IS NULL",
        "WITH d AS (DELETE FROM customers RETURNING id) DELETE FROM orders USING d WHERE orders.id = d.id",
        "DELETE FROM orders WHERE id IN (SELECT id FROM customers FOR UPDATE)",
        "DELETE FROM orders WHERE id = $1",
        "TRUNCATE orders",
        "DELETE FROM missing WHERE id = 1",
    ],
)
def test_what_could_do_more_than_read_is_not_asked(shop: Shop, sql: str) -> None:
    facts = shop.look(sql)
    assert (facts.actual_rows, facts.sample) == (-1, None)
    assert facts.notes


def test_a_text_that_is_shown_altered_is_not_asked(shop: Shop) -> None:
    facts = shop.look("DELETE FROM orders WHERE total::text = '\u202e1'")
    assert facts.actual_rows == -1
    other = canonical("DELETE FROM orders WHERE id < 3").digest
    assert shop.look("DELETE FROM orders", subject={"digest": other}).actual_rows == -1


def test_a_name_that_means_another_table_here_is_not_asked(shop: Shop) -> None:
    assert shop.look("DELETE FROM orders", search_path=("evil", "public")).actual_rows == -1
    assert shop.look("DELETE FROM orders", search_path=None).actual_rows == -1
    assert shop.look("DELETE FROM public.orders", search_path=None).actual_rows == 100
    gone = tuple(one for one in shop.hold("DELETE FROM orders").subject.objects if one.name != "public.orders")
    again = (*gone, Object(oid=1, name="public.orders"))
    assert shop.look("DELETE FROM orders", subject={"objects": again}).actual_rows == -1


def test_a_look_that_takes_too_long_says_so(shop: Shop) -> None:
    sql = (
        "DELETE FROM orders WHERE EXISTS (SELECT FROM generate_series(1, 100000000) g, generate_series(1, 100) h "
        "WHERE g + h = -1 - orders.id)"
    )
    facts = shop.look(sql)
    assert (facts.actual_rows, facts.sample) == (-1, None)
    assert any("too long" in note for note in facts.notes)


def test_it_is_asked_under_the_requesters_role(shop: Shop, postgres: Postgres) -> None:
    shop.direct("DROP ROLE IF EXISTS review_ro; CREATE ROLE review_ro; GRANT SELECT ON orders TO review_ro")
    try:
        limited = replace(shop.world, database=replace(shop.world.database, roles=(("analysts", "review_ro"),)))
        assert shop.look("DELETE FROM orders", world=limited).actual_rows == 100
        assert shop.look("DELETE FROM customers", world=limited).actual_rows == -1
        nobody = shop.look("DELETE FROM orders", world=limited, requester=person("guest@x", "guests"))
        assert nobody.actual_rows == -1
    finally:
        shop.direct("REVOKE ALL ON orders FROM review_ro; DROP ROLE review_ro")


# ---------------------------------------------------------------- rehearsals


def rehearsed(shop: Shop, sql: str, **changes: Any) -> Rehearsal:
    asked = shop.hold(sql, **changes)
    return asyncio.run(rehearse(asked, shop.world, question_of(asked, shop.world)))


def test_a_rehearsal_counts_cascades_and_leaves_nothing(shop: Shop) -> None:
    found = rehearsed(shop, "DELETE FROM customers WHERE id <= 3")
    assert found.tag == "DELETE 3"
    assert {(one.table, one.deleted) for one in found.changed} == {("public.customers", 3), ("public.lines", 6)}
    assert (len(found.before), found.after) == (3, (None, None, None))
    assert shop.look("DELETE FROM customers").actual_rows == 40
    assert shop.look("DELETE FROM lines").actual_rows == 6


def test_a_rehearsal_shows_rows_before_and_after_masked_and_what_triggers_did(shop: Shop) -> None:
    found = rehearsed(shop, "UPDATE customers SET segment = 'private', note = email WHERE id <= 2")
    assert {(one.table, one.inserted, one.updated) for one in found.changed} == {
        ("public.customers", 0, 2),
        ("public.trail", 2, 0),
    }
    at = found.columns.index("segment")
    assert [row[at] for row in found.before] == ["public", "public"]
    assert [row[at] for row in found.after if row is not None] == ["private", "private"]
    assert PLANTED not in repr(found)
    assert "petra" not in repr(found)
    assert shop.look("UPDATE customers SET note = '' WHERE segment = 'private'").actual_rows == 0


async def nowhere(asked: Hold) -> Ran | None:
    """It waits at no connection."""
    return None


def test_a_rehearsal_is_made_where_the_rule_says_so_and_never_for_a_count(shop: Shop, tmp_path: Path) -> None:
    def facts(rehearse: str) -> tuple[int, ReviewFacts, int]:
        (tmp_path / "policy.yaml").write_text(
            "rules:\n  - {name: bulk-deletes, does: [delete], effect: hold, approvers: {groups: [leads]}"
            f", rehearse: {rehearse}}}\n"
        )
        world = replace(shop.world, policy=load_policy(tmp_path / "policy.yaml"))
        asked = shop.hold("DELETE FROM customers WHERE id <= 3")
        asked = replace(asked, waits=False)
        made = 0
        rehearsals = Rehearsals(nowhere)

        async def counted(*about: Any) -> tuple[dict[str, Any] | None, tuple[str, ...]]:
            nonlocal made
            made += 1
            return await rehearsals(*about)

        async def run() -> tuple[int, ReviewFacts, int]:
            reviewer = Reviewer(lambda name: world, counted)
            try:
                await reviewer.count(asked)
                before = made
                found = await reviewer.facts(asked)
                await reviewer.facts(asked)
                return before, found, made
            finally:
                await reviewer.stop()

        return asyncio.run(run())

    before, found, made = facts("true")
    assert (before, made) == (0, 1)
    assert found.rehearsal is not None
    assert found.rehearsal["tag"] == "DELETE 3"
    assert PLANTED not in repr(found.form)
    assert facts("false")[1].rehearsal is None


def test_a_rehearsal_that_fails_says_how_and_nothing_more(shop: Shop) -> None:
    found = rehearsed(shop, f"UPDATE customers SET id = 1, note = '{PLANTED}' WHERE id = 2")
    assert (found.failed, found.changed, found.before) == ("23505", (), ())


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE customers SET note = set_config('role', 'x', false) WHERE id = 1",
        "UPDATE customers SET big = nextval('s') WHERE id = 1",
        "UPDATE customers SET note = spy('x')::text WHERE id = 1",
        "UPDATE customers SET note = query_to_xml('DELETE FROM orders', true, true, '')::text WHERE id = 1",
        "UPDATE customers SET big = pg_backend_pid() WHERE pg_terminate_backend(1)",
        "DELETE FROM customers WHERE id = 1 RETURNING pg_sleep(5)",
        "DELETE FROM customers WHERE id = $1",
    ],
)
def test_what_does_more_than_change_rows_is_not_rehearsed(shop: Shop, sql: str) -> None:
    with pytest.raises(NotCountable):
        rehearsed(shop, sql)
