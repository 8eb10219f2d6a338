"""How columns are used other than by being shown."""

from __future__ import annotations

import pytest

from tests.support.lineage import catalog, relation, used, view

CUSTOMERS = relation("customers", "id:23 email ssn salary:1700 active:16 tags:1009")
ORDERS = relation("orders", "id:23 customer_id:23 note")
CONTACTS = view("contacts", "mail", "SELECT c.email FROM public.customers c WHERE c.ssn LIKE '1%'")
SHOP = catalog(CUSTOMERS, ORDERS, CONTACTS)

SSN = "customers.ssn"


@pytest.mark.parametrize(
    ("predicate", "comparison"),
    [
        ("ssn = '1'", "equality"),
        ("'1' = ssn", "equality"),
        ("ssn = $1", "equality"),
        ("ssn = '1'::text", "equality"),
        ("ssn::text = '1'", "equality"),
        ("ssn = current_user", "equality"),
        ("ssn = lower('X')", "equality"),
        ("ssn IN ('1', $2)", "equality"),
        ("ssn = ANY ($1)", "equality"),
        ("ssn = ANY (ARRAY['1', '2'])", "equality"),
        ("ssn IS NULL", "equality"),
        ("ssn IS NOT NULL", "equality"),
        ("ssn IS NOT DISTINCT FROM '1'", "equality"),
        ("(ssn) = ('1')", "equality"),
        ("(id, ssn) = (1, '1')", "equality"),
        ("(id, ssn) IN ((1, '1'), (2, '2'))", "equality"),
        ("NOT (ssn = '1' OR id = 1)", "equality"),
        ("(ssn = '1') IS TRUE", "equality"),
        ("ssn <> '1'", "range"),
        ("ssn NOT IN ('1')", "range"),
        ("ssn > '1'", "range"),
        ("ssn BETWEEN '1' AND '2'", "range"),
        ("ssn IS DISTINCT FROM '1'", "range"),
        ("ssn LIKE '1%'", "pattern"),
        ("ssn ILIKE '1%'", "pattern"),
        ("ssn ~ '1'", "pattern"),
        ("ssn SIMILAR TO '1'", "pattern"),
        ("ssn::varchar(3) = '123'", "other"),
        ("lower(ssn) = '1'", "other"),
        ("ssn || 'x' = '1x'", "other"),
        ("left(ssn, 1) IN ('1', '2')", "other"),
        ("starts_with(ssn, '1')", "other"),
        ("coalesce(ssn, '') = ''", "other"),
        ("CASE ssn WHEN '1' THEN true END", "equality"),
        ("CASE WHEN ssn > '1' THEN true END", "range"),
        ("(SELECT ssn LIKE '1%')", "other"),
        ("EXISTS (SELECT 1 WHERE ssn LIKE '1%')", "pattern"),
        ("ssn = (VALUES ('1'))", "join"),
        ("ssn = random()::text", "join"),
        ("ssn = nextval('s')::text", "join"),
        ("ssn IN (VALUES ('1'), ('2'))", "join"),
        ("ssn < ALL (SELECT note FROM orders)", "range"),
    ],
)
def test_comparisons(predicate: str, comparison: str) -> None:
    found = used(f"SELECT 1 FROM customers WHERE {predicate}", SHOP)
    assert comparison in {kind for column, kind, _ in found if column == SSN}


@pytest.mark.parametrize("predicate", ["ssn = '1'", "ssn IN ('1', '2')", "ssn IS NULL", "(id, ssn) = (1, '2')"])
def test_a_plain_lookup_is_nothing_but_a_lookup(predicate: str) -> None:
    found = used(f"SELECT 1 FROM customers WHERE {predicate}", SHOP)
    assert {kind for column, kind, _ in found if column == SSN} == {"equality"}


def test_a_list_of_values_is_a_dictionary_not_a_literal() -> None:
    sql = "SELECT 1 FROM customers JOIN (VALUES ('1'), ('2')) v(x) ON v.x = ssn"
    assert used(sql, SHOP) == {(SSN, "join", None)}
    assert used("SELECT 1 FROM customers, generate_series(1, 9) g WHERE ssn = g::text", SHOP) == {(SSN, "join", None)}


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1 FROM customers JOIN orders ON ssn = note",
        "SELECT 1 FROM customers, orders WHERE note = ssn",
        "SELECT 1 FROM customers WHERE ssn IN (SELECT note FROM orders)",
        "SELECT 1 FROM customers WHERE ssn = ANY (SELECT note FROM orders)",
        "SELECT 1 FROM customers WHERE ssn = (SELECT note FROM orders)",
        "SELECT 1 FROM customers c WHERE EXISTS (SELECT 1 FROM orders WHERE note = c.ssn)",
        "SELECT 1 FROM (SELECT ssn AS k FROM customers) a JOIN (SELECT note AS k FROM orders) b USING (k)",
        "SELECT 1 FROM (SELECT ssn AS k FROM customers) a NATURAL JOIN (SELECT note AS k FROM orders) b",
    ],
)
def test_joins_name_their_partner_both_ways(sql: str) -> None:
    assert {(SSN, "join", "orders.note"), ("orders.note", "join", SSN)} <= used(sql, SHOP)


@pytest.mark.parametrize(
    ("sql", "comparison"),
    [
        ("SELECT id FROM customers ORDER BY ssn", "order"),
        ("SELECT id, ssn FROM customers ORDER BY 2", "order"),
        ("SELECT ssn AS x FROM customers ORDER BY x", "order"),
        ("SELECT id FROM customers ORDER BY lower(ssn)", "order"),
        ("SELECT ssn FROM customers UNION ALL SELECT '' ORDER BY 1", "order"),
        ("SELECT row_number() OVER (ORDER BY ssn) FROM customers", "order"),
        ("SELECT array_agg(id ORDER BY ssn) FROM customers", "order"),
        ("SELECT count(*) FROM customers GROUP BY ssn", "group"),
        ("SELECT lower(ssn) AS s FROM customers GROUP BY s", "group"),
        ("SELECT ssn FROM customers GROUP BY 1", "group"),
        ("SELECT 1 FROM customers GROUP BY CUBE (ssn, id)", "group"),
        ("SELECT DISTINCT ssn FROM customers", "group"),
        ("SELECT DISTINCT ON (ssn) id FROM customers", "group"),
        ("SELECT array_agg(DISTINCT ssn) FROM customers", "group"),
        ("SELECT count(DISTINCT ssn) FROM customers", "equality"),
        ("SELECT count(DISTINCT lower(ssn)) FROM customers", "equality"),
        ("SELECT count(DISTINCT left(ssn, 1)) FROM customers", "other"),
        ("SELECT ssn FROM customers UNION SELECT ''", "group"),
        ("SELECT ssn FROM customers EXCEPT ALL SELECT ''", "group"),
        ("SELECT sum(1) OVER w FROM customers WINDOW w AS (PARTITION BY ssn)", "group"),
        ("SELECT count(*) FILTER (WHERE ssn ~ '1') FROM customers", "pattern"),
        ("SELECT 1 FROM customers GROUP BY id HAVING max(ssn) > '1'", "other"),
        ("SELECT count(nullif(ssn LIKE '1%', false)) FROM customers", "other"),
        ("SELECT count(CASE WHEN ssn LIKE '1%' THEN 1 END) FROM customers", "pattern"),
        ("SELECT 1 FROM customers, generate_series(1, length(ssn))", "other"),
        ("SELECT count(*) FROM (SELECT generate_series(1, length(ssn)) FROM customers) s", "other"),
        ("SELECT lower(email) AS ssn FROM customers GROUP BY ssn, email", "group"),
        ("SELECT 1 FROM orders LIMIT (SELECT length(ssn) FROM customers LIMIT 1)", "other"),
        ("SELECT 1 FROM customers, unnest(string_to_array(ssn, NULL)) u", "other"),
        ("INSERT INTO customers (ssn) VALUES ('1') ON CONFLICT (ssn) DO NOTHING", "equality"),
        ("INSERT INTO customers (ssn) SELECT note FROM orders ON CONFLICT (ssn) DO NOTHING", "join"),
        ("UPDATE customers SET id = 1 WHERE ssn = '1'", "equality"),
        ("DELETE FROM orders USING customers WHERE ssn LIKE note", "pattern"),
        ("MERGE INTO orders o USING customers c ON c.ssn > o.note WHEN MATCHED THEN DELETE", "range"),
        ("MERGE INTO orders o USING customers c ON true WHEN MATCHED AND c.ssn ~ '1' THEN DELETE", "pattern"),
    ],
)
def test_other_ways_to_look(sql: str, comparison: str) -> None:
    assert (SSN, comparison, None) in used(sql, SHOP)


def test_a_view_column_is_used_with_what_is_behind_it() -> None:
    found = used("SELECT 1 FROM contacts WHERE mail LIKE 'a%'", SHOP)
    assert found == {("contacts.mail", "pattern", None), ("customers.email", "pattern", None)}


def test_showing_is_not_using() -> None:
    assert used("SELECT ssn, lower(ssn), count(ssn), ssn = '1' FROM customers", SHOP) == set()


def test_counts_may_be_compared() -> None:
    assert used("SELECT id FROM customers GROUP BY id HAVING count(ssn) > 1", SHOP) == {("customers.id", "group", None)}
