"""What feeds each output: names resolved as PostgreSQL does, and everything unknown opaque."""

from __future__ import annotations

import pytest

from govproxy.sql.values import Derivation
from tests.support.lineage import catalog, lineage, relation, shown

CUSTOMERS = relation("customers", "id:23 name email ssn salary:1700 active:16")
ORDERS = relation("orders", "id:23 customer_id:23 total:1700 note")
SHOP = catalog(CUSTOMERS, ORDERS)

EMAIL_SSN = {"customers.email", "customers.ssn"}
NOTE_SSN = {"orders.note", "customers.ssn"}
WHOLE = {f"customers.{name}" for name in ("id", "name", "email", "ssn", "salary", "active")}


@pytest.mark.parametrize(
    ("sql", "name", "sources", "derivation"),
    [
        ("SELECT email FROM customers", "email", {"customers.email"}, "plain"),
        ("SELECT public.customers.email FROM public.customers", "email", {"customers.email"}, "plain"),
        ("SELECT x.b FROM customers AS x(a, b)", "b", {"customers.name"}, "plain"),
        ("SELECT x.email FROM customers AS x(a, b)", "email", {"customers.email"}, "plain"),
        ("SELECT c FROM customers c", "c", WHOLE, "expression"),
        ("SELECT c::text FROM customers c", "c", WHOLE, "expression"),
        ("SELECT row_to_json(c) FROM customers c", "row_to_json", WHOLE, "expression"),
        ("SELECT (c).email FROM customers c", "email", {"customers.email"}, "plain"),
        ("SELECT email(c) FROM customers c", "email", {"customers.email"}, "plain"),
        ("SELECT c.to_jsonb FROM customers c", "to_jsonb", WHOLE, "expression"),
        ("SELECT (s.c).ssn FROM (SELECT c FROM customers c) s", "ssn", {"customers.ssn"}, "plain"),
        ("SELECT (x).f2 FROM (SELECT ROW(id, ssn) AS x FROM customers) s", "f2", {"customers.ssn"}, "plain"),
        ("SELECT u.ssn FROM customers c, unnest(ARRAY[c]) u", "ssn", {"customers.ssn"}, "plain"),
        ("SELECT u FROM customers, unnest(ARRAY[email, ssn]) u", "u", EMAIL_SSN, "expression"),
        ("SELECT ssn::varchar FROM customers", "ssn", {"customers.ssn"}, "expression"),
        ('SELECT ssn COLLATE "C" FROM customers', "ssn", {"customers.ssn"}, "expression"),
        ("SELECT lower(ssn) || email FROM customers", "?column?", EMAIL_SSN, "expression"),
        ("SELECT CASE WHEN ssn LIKE '1%' THEN 1 END FROM customers", "case", {"customers.ssn"}, "expression"),
        ("SELECT coalesce(NULL, ssn) FROM customers", "coalesce", {"customers.ssn"}, "expression"),
        ("SELECT count(ssn) FROM customers", "count", {"customers.ssn"}, "aggregate_safe"),
        ("SELECT 100.0 * count(ssn) / count(*) FROM customers", "?column?", {"customers.ssn"}, "aggregate_safe"),
        ("SELECT max(ssn) FROM customers", "max", {"customers.ssn"}, "expression"),
        ("SELECT mode() WITHIN GROUP (ORDER BY ssn) FROM customers", "mode", {"customers.ssn"}, "expression"),
        ("SELECT lag(ssn) OVER (ORDER BY id) FROM customers", "lag", {"customers.ssn"}, "expression"),
        ("SELECT (SELECT ssn FROM customers LIMIT 1) FROM orders", "ssn", {"customers.ssn"}, "plain"),
        ("SELECT ARRAY(SELECT ssn FROM customers)", "array", {"customers.ssn"}, "expression"),
        ("SELECT EXISTS (SELECT 1 FROM customers)", "exists", set(), "aggregate_safe"),
        ("SELECT note IN (SELECT ssn FROM customers) FROM orders", "?column?", NOTE_SSN, "expression"),
        ("SELECT s.lower FROM (SELECT lower(ssn) FROM customers) s", "lower", {"customers.ssn"}, "expression"),
        ("WITH a AS (TABLE customers) SELECT (SELECT max(ssn) FROM a)", "max", {"customers.ssn"}, "expression"),
        ("SELECT x FROM (SELECT ssn x FROM customers UNION SELECT note FROM orders) s", "x", NOTE_SSN, "expression"),
        ("SELECT ssn FROM customers UNION ALL SELECT ssn FROM customers", "ssn", {"customers.ssn"}, "plain"),
        ("SELECT v.x FROM customers c, LATERAL (VALUES (c.ssn)) v(x)", "x", {"customers.ssn"}, "plain"),
        ("SELECT l.x FROM customers c, LATERAL (SELECT upper(c.ssn) x) l", "x", {"customers.ssn"}, "expression"),
        ("SELECT id FROM customers JOIN orders USING (id)", "id", {"customers.id", "orders.id"}, "plain"),
        ("SELECT id FROM customers FULL JOIN orders USING (id)", "id", {"customers.id", "orders.id"}, "expression"),
        ("SELECT ctid FROM customers", "ctid", {"customers.-1"}, "plain"),
        ("SELECT xmlelement(name x, ssn) FROM customers", "xmlelement", {"customers.ssn"}, "expression"),
        ("SELECT extract(year FROM ssn::date) FROM customers", "extract", {"customers.ssn"}, "expression"),
        ("SELECT $1::int", "int4", set(), "constant"),
        ("SELECT current_user", "current_user", set(), "constant"),
        ("SELECT NULL", "?column?", set(), "constant"),
    ],
)  # fmt: skip
def test_sources_of_one_output(sql: str, name: str, sources: set[str], derivation: str) -> None:
    assert shown(sql, SHOP) == [(name, sources, derivation)]
    assert not lineage(sql, SHOP).opaque


def test_star_expands_in_order_with_merged_columns_first() -> None:
    names = [name for name, _, _ in shown("SELECT * FROM orders o JOIN customers c USING (id)", SHOP)]
    assert names == ["id", "customer_id", "total", "note", "name", "email", "ssn", "salary", "active"]


def test_a_recursive_query_settles_however_values_wander() -> None:
    sql = """
        WITH RECURSIVE t(a, b, c) AS (SELECT 'x', 'y', ssn FROM customers UNION ALL SELECT b, c, a FROM t)
        SELECT a FROM t
    """
    assert shown(sql, SHOP) == [("a", {"customers.ssn"}, "expression")]


def test_a_cte_hides_a_table_from_the_outside_only() -> None:
    sql = "WITH orders AS (SELECT note AS n FROM orders) SELECT n FROM orders"
    assert shown(sql, SHOP) == [("n", {"orders.note"}, "plain")]


def test_a_subquery_that_is_not_lateral_does_not_see_its_neighbours() -> None:
    """``ssn`` is the outer query's, not the neighbour's."""
    sql = "SELECT (SELECT s.x FROM orders o, (SELECT ssn AS x) s LIMIT 1) FROM customers"
    assert shown(sql, SHOP) == [("x", {"customers.ssn"}, "plain")]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT nowhere FROM customers",
        "SELECT customers.nowhere FROM customers",
        "SELECT other.email FROM customers",
        "SELECT (c).nowhere FROM customers c",
        "SELECT nowhere(c) FROM customers c",
    ],
)
def test_a_name_that_means_nothing_could_be_any_column(sql: str) -> None:
    traced = lineage(sql, SHOP)
    assert traced.opaque
    assert traced.outputs is not None
    assert traced.outputs[0].derivation is Derivation.OPAQUE
    assert {ref.attnum for ref in traced.outputs[0].sources} == {1, 2, 3, 4, 5, 6}


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM somewhere",
        "SELECT s.* FROM customers c, somewhere s",
        "SELECT * FROM customers NATURAL JOIN somewhere",
        "SELECT (f(1)).*",
        "SELECT * FROM unnest($1) u",
        "SELECT email FROM customers UNION SELECT * FROM somewhere",
    ],
)
def test_outputs_that_cannot_be_counted_are_not_guessed(sql: str) -> None:
    traced = lineage(sql, SHOP)
    assert traced.outputs is None
    assert traced.opaque


def test_an_unknown_relation_taints_what_it_may_own() -> None:
    """A column that a known neighbour has cannot be its own as well: that would be ambiguous."""
    traced = lineage("SELECT nowhere, email FROM customers c, elsewhere.t", SHOP)
    assert traced.unresolved == ("elsewhere.t",)
    assert traced.opaque
    assert traced.outputs is not None
    assert [column.derivation for column in traced.outputs] == [Derivation.OPAQUE, Derivation.PLAIN]


def test_columns_of_an_unknown_inner_relation_may_be_the_outer_ones() -> None:
    traced = lineage("SELECT (SELECT email FROM elsewhere LIMIT 1) FROM customers", SHOP)
    assert traced.outputs is not None
    assert traced.outputs[0].derivation is Derivation.OPAQUE
    assert {ref.attnum for ref in traced.outputs[0].sources} == {3}


@pytest.mark.parametrize("name", ["pg_temp.customers", "pg_temp_3.customers"])
def test_temporary_tables_are_not_in_the_snapshot(name: str) -> None:
    assert lineage(f"SELECT * FROM {name}", SHOP).unresolved == (name,)


def test_a_system_name_is_not_taken_from_a_user_schema() -> None:
    snapshot = catalog(relation("pg_stats", "a"))
    assert lineage("SELECT a FROM pg_stats", snapshot).unresolved == ("pg_stats",)


def test_grammar_younger_than_the_server_is_a_function_there() -> None:
    sql = "SELECT json_value(ssn, '$') FROM customers"
    assert lineage(sql, SHOP).opaque
    assert not lineage(sql, catalog(CUSTOMERS, server_version=170000)).opaque


def test_a_keyword_younger_than_the_server_is_a_column_there() -> None:
    old = catalog(relation("t", "system_user"))
    traced = lineage("SELECT system_user FROM t", old)
    assert traced.opaque
    assert traced.outputs is not None
    assert len(traced.outputs[0].sources) == 1


@pytest.mark.parametrize(
    ("sql", "names"),
    [
        ("SELECT * FROM json_each('{}')", ["key", "value"]),
        ("SELECT * FROM generate_series(1, 2) g", ["g"]),
        ("SELECT * FROM unnest(ARRAY[1], ARRAY['x']) WITH ORDINALITY u(a, b)", ["a", "b", "ordinality"]),
        ("SELECT * FROM json_to_record('{}') AS x(a int, b text)", ["a", "b"]),
        ("SELECT * FROM ROWS FROM (generate_series(1, 2), generate_series(1, 3)) r", ["generate_series"] * 2),
        ("SELECT * FROM XMLTABLE('/a' PASSING ('<a/>'::xml) COLUMNS i FOR ORDINALITY, t text) x", ["i", "t"]),
        ("VALUES (1, 2)", ["column1", "column2"]),
    ],
)
def test_names_of_columns_that_functions_bring(sql: str, names: list[str]) -> None:
    assert [name for name, _, _ in shown(sql, SHOP)] == names


def test_functions_are_listed_with_what_they_may_be() -> None:
    (use,) = lineage("SELECT upper(ssn) FROM customers", SHOP).functions
    assert (use.schema, use.name, use.candidates) == ("", "upper", ())
    assert "ColumnRef" in use.args[0]
