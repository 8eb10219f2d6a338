"""Small catalogs for the tests of classification."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from govproxy.sql.catalog import (
    Catalog,
    Column,
    ColumnRef,
    ColumnStatistics,
    Relation,
    RelationKind,
    Type,
)

OIDS: Mapping[str, int] = {
    "int2": 21,
    "int4": 23,
    "int8": 20,
    "text": 25,
    "varchar": 1043,
    "bpchar": 1042,
    "bool": 16,
    "date": 1082,
    "timestamp": 1114,
    "timestamptz": 1184,
    "numeric": 1700,
    "float4": 700,
    "float8": 701,
    "bytea": 17,
    "uuid": 2950,
    "inet": 869,
    "macaddr": 829,
    "json": 114,
    "jsonb": 3802,
    "_text": 1009,
    "_varchar": 1015,
    "tsvector": 3614,
    "enum": 90_001,
}
ENUM = Type(oid=90_001, schema="public", name="choice", kind="e", category="E", enum_labels=("a", "b"))


def column(name: str, kind: str | int, attnum: int = 1, **more: object) -> Column:
    """A column of a type by name, or by the OID of a type of the test's own."""
    oid = kind if isinstance(kind, int) else OIDS[kind]
    return Column(name=name, attnum=attnum, type_oid=oid, base_type_oid=oid, typmod=-1, **more)  # type: ignore[arg-type]


def table(
    oid: int,
    name: str,
    columns: Sequence[Column],
    *,
    kind: RelationKind = RelationKind.TABLE,
    schema: str = "public",
    **more: object,
) -> Relation:
    """A relation of these columns."""
    return Relation(oid=oid, schema=schema, name=name, kind=kind, columns=tuple(columns), **more)  # type: ignore[arg-type]


def catalog(
    *relations: Relation,
    types: Iterable[Type] = (),
    values: Mapping[tuple[int, int], Sequence[str] | None] | None = None,
) -> Catalog:
    """A snapshot; ``values`` by (relation, attnum), None for "could not be read"."""
    statistics = {
        ColumnRef(*place): ColumnStatistics(source="none")
        if seen is None
        else ColumnStatistics(values=tuple(seen), source="sample")
        for place, seen in (values or {}).items()
    }
    return Catalog.build(
        database="test",
        version="1",
        server_version=150_000,
        relations=relations,
        types=(ENUM, *types),
        statistics=statistics,
    )
