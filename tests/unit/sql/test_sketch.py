"""A catalog drawn from CREATE statements."""

from __future__ import annotations

import pytest

from govproxy.sql.analyze import analyze
from govproxy.sql.catalog import RelationKind
from govproxy.sql.sketch import NotDrawable, sketch

TEXT = """
CREATE TYPE state AS ENUM ('open', 'paid');
CREATE DOMAIN mail AS text;
CREATE TYPE place AS (street text, city text);
CREATE TABLE customers (id bigint PRIMARY KEY, email mail NOT NULL, home place, tags text[]);
COMMENT ON COLUMN customers.email IS 'where to write';
CREATE TABLE orders (id serial, customer_id bigint REFERENCES customers, state state, PRIMARY KEY (id, state))
  PARTITION BY LIST (state);
CREATE TABLE orders_open PARTITION OF orders FOR VALUES IN ('open');
CREATE VIEW contacts (who, mail) AS WITH c AS (SELECT * FROM customers) SELECT id, email FROM c;
CREATE MATERIALIZED VIEW totals AS SELECT count(*) AS n FROM orders;
CREATE FUNCTION tax(amount numeric, OUT due numeric) LANGUAGE sql IMMUTABLE STRICT AS 'SELECT amount';
CREATE PROCEDURE nightly() LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN END';
CREATE SEQUENCE numbers;
CREATE SCHEMA archive;
CREATE TABLE archive.orders (LIKEd int);
"""


def test_every_kind_is_drawn() -> None:
    catalog = sketch(TEXT, rows={"public.customers": 7, "orders": 9})
    (customers,) = catalog.resolve(None, "customers", ("public",))
    assert customers.primary_key == (1,)
    assert customers.estimated_rows == 7.0
    assert [(c.name, c.not_null, c.base_type_oid) for c in customers.columns][:2] == [
        ("id", True, 20),
        ("email", True, 25),
    ]
    assert customers.columns[1].comment == "where to write"
    (orders,) = catalog.resolve("public", "orders", None)
    assert orders.kind is RelationKind.PARTITIONED
    assert orders.primary_key == (1, 3)
    assert [column.is_key for column in orders.columns] == [True, True, True]
    (part,) = catalog.resolve(None, "orders_open", ("public",))
    assert (orders.children, part.parents) == ((part.oid,), (orders.oid,))
    assert [column.name for column in part.columns] == ["id", "customer_id", "state"]
    assert {f.name: (f.kind, f.volatility, f.security_definer) for f in catalog.functions.values()} == {
        "tax": ("f", "i", False),
        "nightly": ("p", "v", True),
    }
    assert catalog.resolve("archive", "orders", None)


def test_views_lead_to_their_bases() -> None:
    catalog = sketch(TEXT)
    (facts,) = analyze("SELECT mail FROM contacts", catalog, ("public",)).statements
    assert facts.outputs is not None
    (customers,) = catalog.resolve(None, "customers", ("public",))
    assert {(ref.relation, ref.attnum) for ref in facts.outputs[0].sources} >= {(customers.oid, 2)}
    assert not facts.opaque


@pytest.mark.parametrize(
    ("text", "message", "position"),
    [
        ("SELECT 1", "Select cannot be part of a sketched schema", 0),
        ("CREATE TABLE a (x int);\nCREATE TABLE a (x int)", "public.a is there already", 24),
        ("CREATE TABLE a (x geometry)", "type geometry is neither", 0),
        ("CREATE VIEW v AS SELECT * FROM nowhere", "reads what is not sketched", 0),
        ("CREATE TABLE p PARTITION OF nowhere DEFAULT", "public.nowhere is not sketched", 0),
        ("COMMENT ON COLUMN a.b IS 'x'", "public.a is not sketched", 0),
        ("CREATE TABLE a (x int", "syntax error", None),
        ("CREATE TABLE a (LIKE b)", "TableLikeClause", 0),
    ],
)
def test_what_cannot_be_drawn_is_refused(text: str, message: str, position: int | None) -> None:
    with pytest.raises(NotDrawable, match=message) as refused:
        sketch(text)
    assert refused.value.position == position


def test_sizes_of_unknown_tables_are_refused() -> None:
    with pytest.raises(NotDrawable, match=r"public\.nowhere"):
        sketch("", rows={"nowhere": 1})
