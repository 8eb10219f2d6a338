"""Where a text compares columns with written values, and what it stores where."""

from __future__ import annotations

import pytest

from govproxy.sql.analyze import analyze
from govproxy.sql.values import StatementFacts
from tests.support.lineage import catalog, relation, view

CUSTOMERS = relation("customers", "id:23 email ssn")
ORDERS = relation("orders", "id:23 note")
CONTACTS = view("contacts", "mail", "SELECT c.email FROM public.customers c")
SHOP = catalog(CUSTOMERS, ORDERS, CONTACTS)


def facts(sql: str) -> StatementFacts:
    (statement,) = analyze(sql, SHOP, ("public",)).statements
    return statement


@pytest.mark.parametrize(
    ("predicate", "values"),
    [
        ("ssn = '1'", ["1"]),
        ("'1' = ssn", ["1"]),
        ("ssn = $1", [1]),
        ("c.ssn = '1'::text", ["1"]),
        ("CAST('1' AS text) = c.ssn", ["1"]),
        ("ssn = text '1'", ["1"]),
        ("ssn::text = E'\\x31'", ["1"]),
        ("ssn IN ('1', $2)", ["1", 2]),
        ("ssn = ANY ($1)", [1]),
        ("ssn = ANY ($1::text[])", [1]),
        ("ssn = ANY (ARRAY['1', '2'])", ["1", "2"]),
        ("ssn = ANY ('{1,2}')", ["{1,2}"]),
    ],
)
def test_equalities_are_found_with_their_values(predicate: str, values: list[object]) -> None:
    sql = f"SELECT id FROM customers c WHERE {predicate}"
    (found,) = facts(sql).equalities
    assert [value.parameter or value.text for value in found.values] == values
    assert sql[found.starts_at :] == predicate
    assert sql[found.operator_at :].startswith(("=", "IN"))
    assert {column.relation for column in found.columns} == {CUSTOMERS.oid}


@pytest.mark.parametrize(
    "predicate",
    [
        "ssn <> '1'",
        "ssn LIKE '1'",
        "ssn > '1'",
        "ssn NOT IN ('1')",
        "ssn = ALL ('{1}')",
        "ssn IS NOT DISTINCT FROM '1'",
        "(ssn, id) = ('1', 2)",
        "lower(ssn) = '1'",
        "ssn = lower('1')",
        "ssn = '1' || '2'",
        "ssn = email",
        "'1' = '1'",
        "ssn BETWEEN '1' AND '1'",
        "ssn = (SELECT '1')",
        "ssn OPERATOR(public.=) '1'",
    ],
)
def test_nothing_else_is_such_an_equality(predicate: str) -> None:
    assert facts(f"SELECT id FROM customers WHERE {predicate}").equalities == ()


def test_an_equality_that_decides_nothing_does_not_count() -> None:
    assert facts("SELECT ssn = '1' FROM customers").equalities == ()


def test_a_view_has_the_columns_behind_it() -> None:
    (found,) = facts("SELECT 1 FROM contacts WHERE mail = 'a'").equalities
    assert CUSTOMERS.oid in {column.relation for column in found.columns}


@pytest.mark.parametrize(
    ("sql", "stored"),
    [
        ("INSERT INTO customers VALUES (1, 'a', $1)", [("id", ["1"]), ("email", ["a"]), ("ssn", [1])]),
        ("INSERT INTO customers (ssn) VALUES ('a'), ('b')", [("ssn", ["a"]), ("ssn", ["b"])]),
        ("INSERT INTO customers (email) SELECT lower('a')", [("email", ["a"])]),
        ("INSERT INTO customers (email) SELECT x FROM (VALUES ('a')) v(x) WHERE x = 'b'", [(None, ["a"])]),
        ("UPDATE customers SET email = $2 WHERE id = $1", [("email", [2])]),
        ("UPDATE customers SET (email, ssn) = ('a', $1)", [("email", ["a"]), ("ssn", [1])]),
        ("UPDATE customers SET email = coalesce($1, email) WHERE email = 'x'", [("email", [1])]),
        ("UPDATE customers c SET email = v.e FROM unnest($1::text[]) v(e)", [(None, [1])]),
        ("UPDATE customers SET email = CASE WHEN email = 'x' THEN 'y' ELSE email END", [("email", ["y"])]),
        ("WITH w AS (UPDATE customers SET email = 'a' RETURNING 1) SELECT 'b'", [("email", ["a"])]),
        (
            "INSERT INTO customers (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET email = 'a'",
            [("id", ["1"]), ("email", ["a"])],
        ),
        (
            "MERGE INTO customers c USING orders o ON c.id = o.id WHEN MATCHED THEN UPDATE SET email = 'a' "
            "WHEN NOT MATCHED THEN INSERT (id, ssn) VALUES (1, $1)",
            [("email", ["a"]), ("id", ["1"]), ("ssn", [1])],
        ),
        ("DELETE FROM customers WHERE email = 'a'", []),
        ("SELECT 'a'", []),
    ],
)
def test_stored_values_are_found_with_their_columns(sql: str, stored: list[object]) -> None:
    found = [(one.column, [value.parameter or value.text for value in one.values]) for one in facts(sql).stored]
    assert found == stored
