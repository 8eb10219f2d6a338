"""Short ways to build a small catalog and to trace a text against it."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable
from typing import Any

from pglast.parser import parse_sql_json

from govproxy.sql.catalog import Catalog, Column, ColumnRef, Function, Relation, RelationKind, Type
from govproxy.sql.lineage import Lineage, trace

TEXT, INT4, BOOL, VARCHAR = 25, 23, 16, 1043

_oids = itertools.count(20000)


def parse_one(sql: str) -> dict[str, Any]:
    """The node of the one statement in ``sql``."""
    (statement,) = json.loads(parse_sql_json(sql))["stmts"]
    node: dict[str, Any] = statement["stmt"]
    return node


def relation(
    name: str,
    columns: str = "",
    *,
    schema: str = "public",
    kind: RelationKind = RelationKind.TABLE,
    definition: str | None = None,
    **more: Any,
) -> Relation:
    """``relation("t", "id:23 email")``: columns are text unless a type OID follows.

    Columns get attnums from 1 on; a ``-`` leaves a gap, as a dropped column does.
    """
    made = []
    for attnum, entry in enumerate(columns.split(), 1):
        if entry == "-":
            continue
        column, _, type_oid = entry.partition(":")
        oid = int(type_oid or TEXT)
        made.append(Column(name=column, attnum=attnum, type_oid=oid, base_type_oid=oid, typmod=-1))
    return Relation(
        oid=more.pop("oid", None) or next(_oids),
        schema=schema,
        name=name,
        kind=kind,
        columns=tuple(made),
        definition=definition,
        **more,
    )


def view(name: str, columns: str, definition: str, **more: Any) -> Relation:
    """A view with the given column names."""
    return relation(name, columns, kind=RelationKind.VIEW, definition=definition, **more)


def function(name: str, *argument_types: int, schema: str = "public", **more: Any) -> Function:
    """A function; built-in ones (``schema="pg_catalog"``) get a built-in OID."""
    return Function(
        oid=more.pop("oid", None) or (next(_oids) - (16000 if schema == "pg_catalog" else 0)),
        schema=schema,
        name=name,
        kind=more.pop("kind", "f"),
        volatility=more.pop("volatility", "i"),
        language=more.pop("language", "sql"),
        security_definer=False,
        strict=False,
        returns_set=False,
        argument_types=argument_types,
        return_type=more.pop("return_type", TEXT),
        **more,
    )


def user_type(name: str, kind: str, **more: Any) -> Type:
    """A type outside pg_catalog."""
    return Type(oid=next(_oids), schema=more.pop("schema", "public"), name=name, kind=kind, **more)


def catalog(
    *relations: Relation,
    functions: Iterable[Function] = (),
    types: Iterable[Type] = (),
    server_version: int = 150000,
    **more: Any,
) -> Catalog:
    """A catalog of these; functions of pg_catalog are known by the built-in lists."""
    return Catalog.build(
        database="test",
        version="1",
        server_version=server_version,
        relations=relations,
        functions=functions,
        types=types,
        **more,
    )


def lineage(sql: str, snapshot: Catalog, path: tuple[str, ...] | None = ("public",)) -> Lineage:
    """``trace`` of one statement's text."""
    return trace(parse_one(sql), snapshot, path)


def named(snapshot: Catalog, sources: Iterable[ColumnRef]) -> set[str]:
    """Sources as ``table.column`` (with the schema where it is not public), for reading."""
    names = set()
    for ref in sources:
        found = snapshot.relations[ref.relation]
        columns = {column.attnum: column.name for column in found.columns}
        prefix = "" if found.schema == "public" else f"{found.schema}."
        names.add(f"{prefix}{found.name}.{columns.get(ref.attnum, ref.attnum)}")
    return names


def shown(sql: str, snapshot: Catalog, path: tuple[str, ...] | None = ("public",)) -> list[tuple[str, set[str], str]]:
    """Name, sources and derivation of each output; fails where the outputs could not be told."""
    traced = lineage(sql, snapshot, path)
    assert traced.outputs is not None, f"outputs of {sql!r} could not be told"
    return [(column.name, named(snapshot, column.sources), column.derivation.value) for column in traced.outputs]


def used(sql: str, snapshot: Catalog, path: tuple[str, ...] | None = ("public",)) -> set[tuple[str, str, str | None]]:
    """Column, comparison and partner of each use."""
    return {
        (
            named(snapshot, [use.column]).pop(),
            use.comparison.value,
            named(snapshot, [use.partner]).pop() if use.partner else None,
        )
        for use in lineage(sql, snapshot, path).uses
    }
