"""Searches ordinary text for values that mention something which is always masked.

A sample of two hundred values tells what a column is, not whether one note in a thousand holds a
card number. So the database itself looks through the first thousands of rows for what may be one,
and gives back a handful per column; `masking.classify` decides with the detectors of the data plane.

Security: values end in ``ColumnStatistics`` and nowhere else. Log lines name tables and SQLSTATEs.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, MutableMapping, Set
from dataclasses import replace

import asyncpg  # type: ignore[import-untyped]

from govproxy._fastpath.secretshapes import TOKEN_TABLE
from govproxy.control.metadata import MetadataConnection
from govproxy.sql.catalog import Catalog, Column, ColumnRef, ColumnStatistics, Relation, RelationKind

_log = logging.getLogger(__name__)

ROWS = 5_000
LONGEST_VALUE = 20_000  # characters
TIMEOUT_MS = 1_000
LOCK_TIMEOUT_MS = 300
_TEXTS = frozenset({"text", "varchar", "bpchar", "citext", "json", "jsonb", "xml", "hstore"})
# More than what the detectors of the data plane find, and quick to look for. Apart, because order numbers
# and the like are many: rows of digits, as in cards, accounts and telephone numbers.
_TOKENS = "|".join(f"{prefix.decode()}[[:alnum:]_-]{{{min(least, 20)}}}" for prefix, least, _, _ in TOKEN_TABLE)
_SUSPICIOUS = (
    (
        rf"@[[:alnum:]-]+[.][[:alpha:]]|\m[A-Z]{{2}}[0-9]{{2}} ?[[:alnum:]]{{4}}|://[^ ]*:[^ ]*@|-----BEGIN"
        rf"|eyJ[[:alnum:]]|[$][0-9a-z]+[$]|{_TOKENS}",
        20,
    ),
    (r"[0-9]([ .()/-]?[0-9]){6,}", 200),
)


async def search(
    connection: MetadataConnection,
    catalog: Catalog,
    relation: Relation,
    statistics: MutableMapping[ColumnRef, ColumnStatistics],
    readable: Set[ColumnRef],
) -> None:
    """Add to ``statistics`` the suspicious values of one table's texts.

    What cannot be read in time adds nothing: classes and the look at values do not rest on it.
    """
    if relation.kind is RelationKind.FOREIGN_TABLE:
        return
    columns = [c for c in relation.columns if _is_text(c, relation, catalog, statistics, readable)]
    if not columns:
        return
    try:
        async with connection.transaction(readonly=True):
            await connection.execute(
                f"SET LOCAL statement_timeout = {TIMEOUT_MS}; SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}; "
                "SET LOCAL search_path = ''"
            )
            (row,) = await connection.fetch(_query(relation, columns))
    except asyncpg.PostgresConnectionError:
        raise
    except asyncpg.PostgresError as error:
        name = f"{relation.schema}.{relation.name}"
        _log.info("catalog of %s: texts of %s cannot be searched (%s)", catalog.database, name, error.sqlstate)
        return
    for place, column in enumerate(columns):
        ref = ColumnRef(relation.oid, column.attnum)
        found = tuple(value for value in row[place] or () if value is not None)
        if found:
            statistics[ref] = replace(statistics[ref], suspects=found)


def _is_text(
    column: Column,
    relation: Relation,
    catalog: Catalog,
    statistics: Mapping[ColumnRef, ColumnStatistics],
    readable: Set[ColumnRef],
) -> bool:
    ref = ColumnRef(relation.oid, column.attnum)
    known = catalog.types.get(column.base_type_oid)
    if known is not None and known.category == "A" and known.element_oid in catalog.types:
        known = catalog.types[known.element_oid]
    seen = statistics.get(ref)
    return (
        known is not None
        and known.name in _TEXTS
        and ref in readable
        and seen is not None
        and seen.source != "none"
        and not column.is_key
    )


def _query(relation: Relation, columns: list[Column]) -> str:
    table = f"{_quoted(relation.schema)}.{_quoted(relation.name)}"
    items = [
        " || ".join(
            f"ARRAY(SELECT pg_catalog.left(v, {LONGEST_VALUE}) FROM (SELECT {_quoted(column.name)}::text AS v "
            f"FROM {table} LIMIT {ROWS}) s WHERE v OPERATOR(pg_catalog.~) '{pattern}' LIMIT {most})"
            for pattern, most in _SUSPICIOUS
        )
        for column in columns
    ]
    return f"SELECT {', '.join(items)}"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
