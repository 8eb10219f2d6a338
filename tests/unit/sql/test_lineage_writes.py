"""What is stored where, and what RETURNING shows of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.lineage import catalog, lineage, named, relation, shown, view

CUSTOMERS = relation("customers", "id:23 name ssn")
ORDERS = relation("orders", "id:23 note memo")
SIMPLE = view("simple", "id name", "SELECT id, name FROM public.customers")
SHOP = catalog(CUSTOMERS, ORDERS, SIMPLE)


def flows(sql: str) -> set[tuple[frozenset[str], str, str | None]]:
    """Sources, target and target column of each flow."""
    return {
        (
            frozenset(named(SHOP, flow.sources)),
            flow.target,
            named(SHOP, [flow.target_column]).pop() if flow.target_column else None,
        )
        for flow in lineage(sql, SHOP).flows
    }


SSN = frozenset({"customers.ssn"})
INTO_NOTE = (SSN, "public.orders", "orders.note")


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO orders (note) SELECT ssn FROM customers",
        "INSERT INTO orders SELECT 1, ssn FROM customers",
        "INSERT INTO orders (id, note) VALUES (1, 'x'), (2, (SELECT ssn FROM customers))",
        "INSERT INTO orders (note) SELECT '' ON CONFLICT (id) DO UPDATE SET note = (SELECT ssn FROM customers)",
        "UPDATE orders SET note = ssn FROM customers",
        "UPDATE orders o SET (memo, note) = ('x', c.ssn) FROM customers c",
        "UPDATE orders SET (memo, note) = (SELECT 'x', ssn FROM customers)",
        "MERGE INTO orders o USING customers c ON true WHEN MATCHED THEN UPDATE SET note = c.ssn",
        "MERGE INTO orders o USING customers c ON true WHEN NOT MATCHED THEN INSERT (note) VALUES (c.ssn)",
        "WITH i AS (INSERT INTO orders (note) SELECT ssn FROM customers) SELECT 1",
        "WITH s AS (SELECT ssn FROM customers) INSERT INTO orders (note) TABLE s",
    ],
)
def test_stored_columns(sql: str) -> None:
    assert INTO_NOTE in flows(sql)


def test_excluded_carries_what_was_to_be_inserted() -> None:
    source = "INSERT INTO orders (id, memo) SELECT id, ssn FROM customers"
    assert INTO_NOTE in flows(f"{source} ON CONFLICT (id) DO UPDATE SET note = excluded.memo")


@pytest.mark.parametrize("sql", ["CREATE TABLE t AS SELECT ssn FROM customers", "SELECT ssn INTO t FROM customers"])
def test_new_relations(sql: str) -> None:
    assert flows(sql) == {(SSN, "t", None)}
    assert lineage(sql, SHOP).outputs == ()


def test_settings_and_channels_are_places_too() -> None:
    assert flows("SELECT set_config('a.b', ssn, false) FROM customers") == {(SSN, "pg_catalog.set_config()", None)}
    assert flows("SELECT pg_notify('c', ssn) FROM customers") == {(SSN, "pg_catalog.pg_notify()", None)}


def test_a_view_that_is_written_stores_in_its_base() -> None:
    found = flows("UPDATE simple SET name = note FROM orders")
    note = frozenset({"orders.note"})
    assert found == {(note, "public.simple", "simple.name"), (note, "public.simple", "customers.name")}


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO orders (note) VALUES ($1)",
        "UPDATE orders SET note = 'x'",
        "UPDATE orders SET note = note",
        "DELETE FROM orders",
    ],
)
def test_constants_and_the_same_column_are_no_flow(sql: str) -> None:
    assert flows(sql) == set()


def test_the_same_tables_other_column_is_one() -> None:
    assert flows("UPDATE customers SET name = ssn") == {(SSN, "public.customers", "customers.name")}


def test_a_column_cut_down_in_place_is_one() -> None:
    """Cut to a prefix and then compared by equality, a masked value could be read letter by letter."""
    assert flows("UPDATE customers SET ssn = left(ssn, 1)") == {(SSN, "public.customers", "customers.ssn")}


def test_a_flow_into_the_unknown_is_kept() -> None:
    (flow,) = lineage("INSERT INTO elsewhere.t (a) SELECT ssn FROM customers", SHOP).flows
    assert (flow.target, flow.target_column) == ("elsewhere.t", None)


def test_columns_without_a_place_may_end_in_any() -> None:
    found = flows("INSERT INTO orders SELECT * FROM customers, elsewhere.t")
    assert {column for _, _, column in found} == {"orders.id", "orders.note", "orders.memo"}


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO orders (note) SELECT ssn FROM customers RETURNING note",
        "UPDATE orders SET note = ssn FROM customers RETURNING note",
        "WITH i AS (INSERT INTO orders (note) SELECT ssn FROM customers RETURNING *) SELECT note FROM i",
        "INSERT INTO orders (note) VALUES ('') ON CONFLICT (id)"
        " DO UPDATE SET note = (SELECT ssn FROM customers) RETURNING note",
        "MERGE INTO orders o USING customers c ON true WHEN MATCHED THEN UPDATE SET note = ssn RETURNING o.note",
        "UPDATE orders SET note = ssn FROM customers RETURNING new.note",
    ],
)
def test_returning_shows_what_was_just_written(sql: str) -> None:
    assert shown(sql, SHOP) == [("note", {"orders.note", "customers.ssn"}, "expression")]


def test_returning_shows_other_columns_as_they_are() -> None:
    assert shown("UPDATE orders SET note = 'x' RETURNING *", SHOP) == [
        ("id", {"orders.id"}, "plain"),
        ("note", {"orders.note"}, "plain"),
        ("memo", {"orders.memo"}, "plain"),
    ]
    names = [name for name, _, _ in shown("DELETE FROM orders USING customers c RETURNING *", SHOP)]
    assert names == ["id", "note", "memo", "id", "name", "ssn"]


def test_reads() -> None:
    assert lineage("INSERT INTO orders (id) VALUES (1)", SHOP).reads == set()
    assert lineage("INSERT INTO orders (id) VALUES (1) RETURNING id", SHOP).reads == {ORDERS.oid}
    assert lineage("UPDATE orders SET id = 1", SHOP).reads == {ORDERS.oid}
    assert lineage("INSERT INTO orders SELECT * FROM simple", SHOP).reads == {SIMPLE.oid, CUSTOMERS.oid}


def test_what_a_rule_or_an_instead_trigger_does_is_not_known() -> None:
    ruled = catalog(replace(ORDERS, has_rules=True))
    assert lineage("INSERT INTO orders (id) VALUES (1)", ruled).opaque
    assert not lineage("SELECT id FROM orders", ruled).opaque
    diverted = catalog(CUSTOMERS, replace(SIMPLE, has_rules=True, has_triggers=True))
    assert lineage("INSERT INTO simple (id) VALUES (1)", diverted).opaque
    assert not lineage("INSERT INTO simple (id) VALUES (1)", catalog(CUSTOMERS, SIMPLE)).opaque
    assert lineage("INSERT INTO orders (id) VALUES (1)", catalog(replace(ORDERS, has_triggers=True))).opaque
    assert lineage("INSERT INTO orders (id) VALUES (1) RETURNING id", ruled).outputs is None
