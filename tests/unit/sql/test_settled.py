"""Lists in which the key of a table stands: what else stands there makes no difference, and is no use of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from govproxy.sql.catalog import Catalog, ColumnRef, RelationKind, Type
from tests.support.lineage import catalog, function, lineage, relation, used, view

CITEXT, HOMEMADE = 20_001, 20_002
CUSTOMERS = relation("customers", f"id:23 ssn email mail:{CITEXT}", primary_key=(1,), oid=30_001)
ORDERS = relation("orders", "id:23 customer_id:23 note", primary_key=(1,))
PAIRS = relation("pairs", "a:23 b:23 ssn", primary_key=(1, 2))
NO_KEY = relation("no_key", "id:23 ssn")
ODD = relation("odds", f"id:23 odd:{HOMEMADE}", primary_key=(1,))
PARENT = relation("parent", "id:23 ssn", primary_key=(1,), children=(30_007,))
CHILD = relation("child", "id:23 ssn", parents=(PARENT.oid,), oid=30_007)
PARTED = relation("parted", "id:23 ssn", kind=RelationKind.PARTITIONED, primary_key=(1,))
PEOPLE = view("people", "id:23 ssn", "SELECT c.id, c.ssn FROM public.customers c")
KEYED_BY_SSN = relation("keyed_by_ssn", "ssn note", primary_key=(1,))
TYPES = (
    Type(oid=CITEXT, schema="public", name="citext", kind="b", extension="citext"),
    Type(oid=HOMEMADE, schema="public", name="homemade", kind="b"),
)
SHOP = catalog(CUSTOMERS, ORDERS, PAIRS, NO_KEY, ODD, PARENT, CHILD, PARTED, PEOPLE, KEYED_BY_SSN, types=TYPES)
JOINED = "customers c JOIN orders o ON o.customer_id = c.id"


def secrets(sql: str, snapshot: Catalog = SHOP) -> set[str]:
    return {column for column, _, _ in used(sql, snapshot) if column.split(".")[1] in ("ssn", "email", "mail", "odd")}


@pytest.mark.parametrize(
    "sql",
    [
        f"SELECT c.id, c.ssn, count(*) FROM {JOINED} GROUP BY c.id, c.ssn",
        f"SELECT c.ssn, c.id, count(*) FROM {JOINED} GROUP BY 1, 2",
        f"SELECT c.ssn, count(*) FROM {JOINED} GROUP BY c.email, c.id, c.ssn || c.email, c.ssn",
        f"SELECT c.id, c.ssn AS s, count(*) FROM {JOINED} GROUP BY c.id, s ORDER BY c.id, s",
        f"SELECT c.id, c.ssn || ' ' || c.email AS n, count(*) FROM {JOINED} GROUP BY c.id, n",
        f"SELECT c.id, concat(c.ssn, ' ', lower(c.email)), count(*) FROM {JOINED} GROUP BY 1, 2",
        f"SELECT c.id, coalesce(c.ssn, c.email, '') AS n FROM {JOINED} GROUP BY c.id, coalesce(c.ssn, c.email, '')",
        f"SELECT c.id, o.note, c.ssn FROM {JOINED} GROUP BY o.note, c.ssn, c.id",
        f"SELECT DISTINCT c.id, c.ssn FROM {JOINED}",
        f"SELECT DISTINCT c.* FROM {JOINED}",
        f"SELECT DISTINCT * FROM {JOINED}",
        f"SELECT DISTINCT ON (c.id, c.ssn) c.id, c.ssn, o.note FROM {JOINED} ORDER BY c.id, c.ssn, o.note",
        "SELECT * FROM customers ORDER BY id, ssn",
        "SELECT ssn FROM customers ORDER BY id DESC, ssn DESC NULLS LAST, email",
        "SELECT id, ssn FROM customers ORDER BY 1, 2",
        "SELECT id, ssn FROM public.customers ORDER BY customers.id, customers.ssn",
        "SELECT mail FROM customers GROUP BY id, mail",
        "SELECT a, b, ssn FROM pairs GROUP BY a, ssn, b",
        "SELECT id, ssn FROM parted GROUP BY id, ssn",
        "SELECT (SELECT count(*) FROM (SELECT DISTINCT c.id, c.ssn FROM customers c) x)",
        "WITH w AS (SELECT id, ssn FROM customers GROUP BY id, ssn) SELECT ssn FROM w",
    ],
)
def test_nothing_is_told_by_what_the_key_settles(sql: str) -> None:
    assert not secrets(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT ssn FROM customers GROUP BY ssn",
        # another table's key, half a key, no key, a key that others do not share, a column of that name elsewhere
        f"SELECT o.id, c.ssn FROM {JOINED} GROUP BY o.id, c.ssn",
        "SELECT a, ssn FROM pairs GROUP BY a, ssn",
        "SELECT id, ssn FROM no_key GROUP BY id, ssn",
        "SELECT id, ssn FROM parent GROUP BY id, ssn",
        "SELECT id, ssn FROM people GROUP BY id, ssn",
        "SELECT ssn FROM keyed_by_ssn GROUP BY ssn",
        "SELECT ssn, note FROM keyed_by_ssn ORDER BY ssn, note",
        "SELECT DISTINCT * FROM keyed_by_ssn",
        "SELECT x.id, c.ssn FROM customers c, customers x GROUP BY x.id, c.ssn",
        "SELECT x.id, c.ssn FROM customers c, LATERAL (SELECT c.id) x GROUP BY x.id, c.ssn",
        "SELECT c.id, c.ssn FROM (SELECT id, ssn FROM customers) c GROUP BY c.id, c.ssn",
        "SELECT q.id FROM customers AS q (ssn, id) GROUP BY q.ssn, q.id",
        "SELECT (SELECT string_agg(x.note, '') FROM orders x WHERE true GROUP BY c.id, c.ssn) FROM customers c",
        # each of several sets is a list of its own
        "SELECT id, ssn FROM customers GROUP BY GROUPING SETS ((id, ssn), (ssn))",
        "SELECT id, ssn FROM customers GROUP BY ROLLUP (ssn, id)",
        "SELECT id, ssn FROM customers GROUP BY id, CUBE (ssn)",
        # an output of the key's name that is something else
        "SELECT 0 AS id, ssn FROM customers ORDER BY id, ssn",
        "SELECT 0 AS id, ssn FROM customers ORDER BY 1, ssn",
        "SELECT (ROW(0)).f1 AS id, ssn FROM customers ORDER BY id, 2",
        "SELECT o.id, c.ssn FROM customers c, orders o ORDER BY id, c.ssn",
        "SELECT DISTINCT ON (id, ssn) 0 AS id, ssn FROM customers",
        "SELECT DISTINCT 0 AS id, ssn FROM customers",
        # what stands before the key, or is not a plain column
        "SELECT DISTINCT ssn, id FROM customers",
        "SELECT DISTINCT ssn, customers.* FROM customers",
        "SELECT DISTINCT ON (ssn, id) note FROM customers JOIN orders USING (id)",
        "SELECT DISTINCT ON (ssn, id) id FROM customers",
        "SELECT DISTINCT a, ssn, b FROM pairs",
        "SELECT id FROM customers GROUP BY ssn || email, id",
        "SELECT concat(ssn, '') AS n, id FROM customers GROUP BY n, id",
        "SELECT id FROM customers ORDER BY ssn, id",
        "SELECT id FROM customers ORDER BY id % 2, ssn",
        "SELECT id FROM customers ORDER BY id USING <, ssn USING <",
        "SELECT id FROM customers GROUP BY id, CASE WHEN ssn LIKE 'a%' THEN random() END",
        "SELECT id FROM customers GROUP BY id, ssn LIKE 'a%'",
        "SELECT id FROM customers GROUP BY id, concat(ssn, random())",
        "SELECT id FROM customers GROUP BY id, (SELECT ssn)",
        "SELECT odd FROM odds GROUP BY id, odd",
        "SELECT id, ssn FROM customers UNION SELECT id, ssn FROM customers",
        "SELECT ssn FROM customers JOIN orders USING (id) GROUP BY id, ssn",
    ],
)
def test_what_is_not_settled_is_a_use(sql: str) -> None:
    assert secrets(sql)


def test_a_key_that_may_be_broken_for_a_while_settles_nothing() -> None:
    loose = replace(CUSTOMERS, is_key_deferrable=True)
    assert secrets("SELECT id, ssn FROM customers ORDER BY id, ssn", catalog(loose, types=TYPES))


def test_a_function_of_the_users_own_settles_nothing() -> None:
    mine = catalog(CUSTOMERS, functions=[function("concat", 25, 25, return_type=25)], types=TYPES)
    uses = lineage("SELECT id FROM customers GROUP BY id, concat(ssn, 'x')", mine).uses
    assert ColumnRef(CUSTOMERS.oid, 2) in {use.column for use in uses}


def test_an_operator_of_the_users_own_settles_nothing() -> None:
    mine = catalog(CUSTOMERS, types=TYPES, user_operators=["||"])
    assert secrets("SELECT id FROM customers GROUP BY id, ssn || 'x'", mine)


def test_a_name_that_several_schemas_have_settles_nothing() -> None:
    other = relation("customers", "id:23 ssn", schema="nearer")
    mine = catalog(CUSTOMERS, other, types=TYPES)
    sql = "SELECT id, ssn FROM customers GROUP BY id, ssn"
    assert {column for column, _, _ in used(sql, mine, None) if column.endswith("ssn")}
