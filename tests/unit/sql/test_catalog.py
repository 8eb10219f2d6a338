"""Looking names up in the snapshot."""

from __future__ import annotations

import pickle

import pytest

from govproxy.sql.catalog import Catalog, Type, effective_path, is_temporary_schema
from tests.unit.sql.world import CATALOG, function, relation


def oids(schema: str | None, name: str, path: tuple[str, ...] | None) -> list[int]:
    return [found.oid for found in CATALOG.resolve(schema, name, path)]


@pytest.mark.parametrize(
    ("schema", "name", "path", "expected"),
    [
        (None, "t", ("public",), [100]),
        (None, "t", ("archive", "public"), [107]),
        (None, "t", ("nowhere",), []),
        (None, "t", (), []),
        (None, "t", None, [100, 107]),
        ("archive", "t", ("public",), [107]),
        ("archive", "u", ("public",), []),
        ("pg_temp", "t", ("public",), []),
        ("pg_temp_3", "t", None, []),
        (None, "nothing", None, []),
    ],
)
def test_resolve(schema: str | None, name: str, path: tuple[str, ...] | None, expected: list[int]) -> None:
    assert oids(schema, name, path) == expected


def test_pg_catalog_comes_first_unless_placed() -> None:
    catalog = Catalog.build(
        database="d",
        version="1",
        server_version=150000,
        relations=(relation(1, "pg_class", schema="pg_catalog"), relation(2, "pg_class")),
    )
    assert [found.oid for found in catalog.resolve(None, "pg_class", ("public",))] == [1]
    assert [found.oid for found in catalog.resolve(None, "pg_class", ("public", "pg_catalog"))] == [2]
    assert effective_path(("public",)) == ("pg_catalog", "public")


def test_functions_are_found_over_the_whole_path() -> None:
    catalog = Catalog.build(
        database="d",
        version="1",
        server_version=150000,
        functions=(function(1, "f"), function(2, "f", schema="other"), function(3, "f", schema="hidden")),
    )
    assert {found.oid for found in catalog.resolve_function(None, "f", ("public", "other"))} == {1, 2}
    assert {found.oid for found in catalog.resolve_function(None, "f", None)} == {1, 2, 3}
    assert {found.oid for found in catalog.resolve_function("hidden", "f", ("public",))} == {3}


def test_the_first_type_on_the_path_is_meant() -> None:
    catalog = Catalog.build(
        database="d",
        version="1",
        server_version=150000,
        types=(Type(oid=1, schema="a", name="x", kind="e"), Type(oid=2, schema="b", name="x", kind="e")),
    )
    assert [found.oid for found in catalog.resolve_type(None, "x", ("b", "a"))] == [2]
    assert [found.oid for found in catalog.resolve_type(None, "x", None)] == [1, 2]
    assert [found.oid for found in catalog.resolve_type("a", "x", ("b",))] == [1]


@pytest.mark.parametrize(
    ("schema", "expected"), [("pg_temp", True), ("pg_temp_12", True), ("pg_toast_temp_1", True), ("pg_tempo", False)]
)
def test_temporary_schemas(schema: str, expected: bool) -> None:
    assert is_temporary_schema(schema) is expected


def test_the_snapshot_travels_to_workers() -> None:
    assert pickle.loads(pickle.dumps(CATALOG)) == CATALOG
