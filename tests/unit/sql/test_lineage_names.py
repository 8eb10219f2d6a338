"""Search paths, overloads, operators and casts: what is built in for certain, and what is not."""

from __future__ import annotations

import pytest

from govproxy.sql.catalog import Catalog
from govproxy.sql.values import Derivation
from tests.support.lineage import INT4, TEXT, catalog, function, lineage, named, relation, shown, user_type

HERE = relation("customers", "id:23 email ssn")
THERE = relation("customers", "id:23 ssn email", schema="archive")
BOTH = catalog(HERE, THERE)


def test_the_first_schema_on_the_path_wins() -> None:
    sql = "SELECT email FROM customers"
    assert shown(sql, BOTH, ("public", "archive"))[0][1] == {"customers.email"}
    assert shown(sql, BOTH, ("archive", "public"))[0][1] == {"archive.customers.email"}


@pytest.mark.parametrize("path", [None, ('"$user"', "public"), ("$user", "public")])
def test_an_unknown_path_means_every_relation_of_the_name(path: tuple[str, ...] | None) -> None:
    traced = lineage("SELECT email FROM customers", BOTH, path)
    assert traced.reads == {HERE.oid, THERE.oid}
    assert traced.outputs is not None
    assert named(BOTH, traced.outputs[0].sources) == {"customers.email", "archive.customers.email"}
    # Their columns differ in order, so nobody can say which output is which.
    assert lineage("SELECT * FROM customers", BOTH, path).outputs is None


def test_a_qualified_name_needs_no_path() -> None:
    assert shown("SELECT * FROM archive.customers", BOTH, None)[1][1] == {"archive.customers.ssn"}


def opaque(sql: str, snapshot: Catalog, path: tuple[str, ...] | None = ("public",)) -> bool:
    """Whether the one output and the whole statement are opaque; they must agree."""
    traced = lineage(sql, snapshot, path)
    assert traced.outputs is not None
    found = traced.outputs[0].derivation is Derivation.OPAQUE
    assert found == traced.opaque
    return found


def test_user_functions_are_opaque_and_keep_their_arguments_as_sources() -> None:
    snapshot = catalog(HERE, functions=[function("wash", TEXT)])
    traced = lineage("SELECT wash(ssn) FROM customers", snapshot)
    assert traced.opaque
    assert traced.outputs is not None
    assert named(snapshot, traced.outputs[0].sources) == {"customers.ssn"}
    assert [use.name for use in traced.functions] == ["wash"]
    assert [candidate.schema for candidate in traced.functions[0].candidates] == ["public"]


@pytest.mark.parametrize("sql", ["SELECT c.wash FROM customers c", "SELECT (c).wash FROM customers c"])
def test_functions_called_like_columns(sql: str) -> None:
    assert opaque(sql, catalog(HERE, functions=[function("wash", 2249)]))


def test_a_user_function_may_shadow_a_built_in_one() -> None:
    builtin = function("lower", TEXT, schema="pg_catalog")
    exact = catalog(HERE, functions=[builtin, function("lower", TEXT)])
    other = catalog(HERE, functions=[builtin, function("lower", INT4)])
    assert opaque("SELECT lower(ssn) FROM customers", exact)
    # Overload resolution takes the exact match: the other cannot be meant …
    assert not opaque("SELECT lower(ssn) FROM customers", other)
    assert not opaque("SELECT lower(ssn) FROM customers", other, None)
    assert not opaque("SELECT lower(ssn) FROM customers", other, ("public", "pg_catalog"))
    # … unless the argument's type is not known.
    assert opaque("SELECT lower($1) FROM customers", other)
    assert opaque("SELECT lower($1) FROM customers", other, None)
    assert not opaque("SELECT pg_catalog.lower(ssn) FROM customers", exact)
    assert not opaque("SELECT lower(ssn) FROM public.customers", exact, ("archive",))


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("price > 1", False),
        ("price * 1.5 - id", False),
        ("placed > now() - interval '1 day'", False),
        ("placed::date = current_date", False),
        ("doc -> 'a' ->> 'b'", False),
        ("doc @> '{}'", False),
        ("state = 'good'", False),
        ("ssn || 'x'", False),
        ("ssn -> 'a'", True),
        ("state || 'x'", True),
        ("tags @> ARRAY['x']", True),  # intarray and kin take arrays exactly
        ("id = price::mystery", True),
    ],
)
def test_operators_that_extensions_also_have(expression: str, expected: bool) -> None:
    """citext, hstore and ltree define most operator names again, for types of their own."""
    mood = user_type("mood", "e")
    table = relation("t", f"id:23 price:1700 placed:1184 doc:3802 ssn tags:1009 state:{mood.oid}")
    builtin = function("now", schema="pg_catalog", return_type=1184, volatility="s")
    names = ["=", ">", "*", "-", "->", "->>", "@>", "||"]
    snapshot = catalog(table, functions=[builtin], types=[mood], user_operators=names)
    assert opaque(f"SELECT {expression} FROM t", snapshot) is expected
    reinterpreted = catalog(table, functions=[builtin], types=[mood], user_operators=names, user_casts=[(1700, 20)])
    assert opaque(f"SELECT {expression} FROM t", reinterpreted)


@pytest.mark.parametrize("call", ["query_to_xml('select 1', true, true, '')", "pg_read_file('x')", "no_such(ssn)"])
def test_functions_that_read_elsewhere_or_are_unknown(call: str) -> None:
    assert opaque(f"SELECT {call} FROM customers", BOTH)


def test_an_installed_catalog_decides_what_is_built_in() -> None:
    """Where the snapshot lists pg_catalog, a name that is not in it is nobody's."""
    snapshot = catalog(HERE, functions=[function("lower", TEXT, schema="pg_catalog")])
    assert opaque("SELECT upper(ssn) FROM customers", snapshot)


def test_a_function_planted_in_pg_catalog_is_not_built_in() -> None:
    snapshot = catalog(HERE, functions=[function("lower", TEXT, schema="pg_catalog", oid=17000)])
    assert opaque("SELECT lower(ssn) FROM customers", snapshot)


def test_user_operators_are_opaque_unless_types_settle_it() -> None:
    snapshot = catalog(HERE, user_operators=["=", "%"])
    assert not opaque("SELECT id = 5 FROM customers", snapshot)
    assert not opaque("SELECT ssn = $1 FROM customers", snapshot)
    assert opaque("SELECT ssn = id FROM customers", snapshot)
    assert opaque("SELECT $1 = $2 FROM customers", snapshot)
    assert opaque("SELECT ssn % 'x' FROM customers", snapshot)
    assert opaque("SELECT id = 5 FROM customers", snapshot, None)
    assert not opaque("SELECT id = ANY($1) FROM customers", snapshot)
    assert not opaque("SELECT ssn = ANY('{a,b}') FROM customers", snapshot)
    assert not opaque("SELECT ssn = ANY('{a}'::varchar[]) FROM customers", snapshot)
    assert opaque("SELECT ssn = ANY('{1}'::int[]) FROM customers", snapshot)
    assert opaque("SELECT ssn = ANY($1::citext[]) FROM customers", snapshot)
    assert not opaque("SELECT ssn % id OPERATOR(pg_catalog.=) 1 FROM customers", catalog(HERE))
    assert opaque("SELECT ssn OPERATOR(public.||) 'x' FROM customers", catalog(HERE))


@pytest.mark.parametrize(
    ("type_name", "expected"),
    [
        ("text", False),
        ("varchar(3)", False),
        ("int[]", False),
        ("pg_catalog.int4", False),
        ("mood", False),  # input of an enum is a lookup of its labels
        ("positive", True),  # a domain's CHECK may call anything
        ("citext", True),
        ("public.text", True),
        ("missing", True),
    ],
)
def test_casts(type_name: str, expected: bool) -> None:
    types = [user_type("mood", "e"), user_type("positive", "d"), user_type("citext", "b")]
    assert opaque(f"SELECT ssn::{type_name} FROM customers", catalog(HERE, types=types)) is expected


@pytest.mark.parametrize(("extension", "expected"), [("citext", False), ("hstore", False), ("somebodys", True)])
def test_casts_to_types_of_extensions(extension: str, expected: bool) -> None:
    snapshot = catalog(HERE, types=[user_type("kind", "b", extension=extension)])
    assert opaque("SELECT 'a'::kind, id FROM customers", snapshot) is expected
    assert opaque("SELECT $1::public.kind, id FROM customers", snapshot) is expected


def test_a_domain_of_an_extension_may_check_by_anything() -> None:
    snapshot = catalog(HERE, types=[user_type("kind", "d", extension="citext")])
    assert opaque("SELECT 'a'::kind, id FROM customers", snapshot)


def test_casts_that_users_defined_between_built_in_types() -> None:
    snapshot = catalog(HERE, user_casts=[(TEXT, INT4)])
    assert opaque("SELECT ssn::int FROM customers", snapshot)
    assert not opaque("SELECT id::text FROM customers", snapshot)


def test_a_user_type_of_a_built_in_name_is_seen_where_its_schema_is_ahead() -> None:
    snapshot = catalog(HERE, types=[user_type("text", "b")])
    assert not opaque("SELECT id::text FROM customers", snapshot)
    assert opaque("SELECT id::text FROM customers", snapshot, ("public", "pg_catalog"))
    assert opaque("SELECT id::text FROM customers", snapshot, None)
