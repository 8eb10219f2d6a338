"""Reads a few values of every column, so that classification may vote on them.

Values come from ``pg_stats`` where the table was analysed, else from a bounded SELECT. What the
metadata role may not read, and what could not be read in time, is recorded as not read
(``source='none'``), which classification takes for unknown, never for clean.

Security: values end in ``ColumnStatistics`` and nowhere else. Log lines name tables and SQLSTATEs.
Foreign tables are never sampled: reading one may run a program or reach another machine.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

import asyncpg  # type: ignore[import-untyped]

from govproxy.control import catalog_queries as queries
from govproxy.control import suspects
from govproxy.control.metadata import MetadataConnection
from govproxy.sql.catalog import Catalog, Column, ColumnRef, ColumnStatistics, Relation, RelationKind


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_log = logging.getLogger(__name__)

SAMPLE_ROWS = 200
SECOND_TRY_ROWS = 20
SAMPLE_TIMEOUT_MS = 2_000
LOCK_TIMEOUT_MS = 300
LONGEST_VALUE = 4_000  # characters; ANALYZE keeps nothing above a thousand bytes
LONGEST_DOCUMENT = 20_000
MOST_VALUES = 400_000  # over all columns of a database
MOST_SAMPLED_TABLES = 5_000
_FEWEST_PER_COLUMN = 40
_RELATIONS_PER_QUERY = 500

_WITH_VALUES = frozenset(
    {RelationKind.TABLE, RelationKind.PARTITIONED, RelationKind.MATERIALISED_VIEW, RelationKind.FOREIGN_TABLE}
)
_DOCUMENTS = frozenset({"json", "jsonb", "hstore", "xml"})
# Of these ANALYZE keeps nothing that could be read: cut documents, bytes in hexadecimal.
_SAMPLED_ALWAYS = _DOCUMENTS | {"bytea"}
# Types whose values say nothing that the type does not: no need to read them.
_TELLING_NOTHING = _words(
    """
    bool timestamptz time timetz interval uuid tsvector inet cidr macaddr macaddr8 oid xid tid
    """
)
_UNREAD = ColumnStatistics(source="none")


async def collect_statistics(
    connection: MetadataConnection, catalog: Catalog, *, progress: Callable[[str], None] | None = None
) -> dict[ColumnRef, ColumnStatistics]:
    """Values of the columns of all user tables, at most ``MOST_VALUES`` of them."""
    tables = [
        relation
        for relation in catalog.relations.values()
        if relation.kind in _WITH_VALUES and relation.schema not in {"pg_catalog", "information_schema"}
    ]
    if not tables:
        return {}
    columns = sum(len(relation.columns) for relation in tables)
    per_column = max(_FEWEST_PER_COLUMN, min(SAMPLE_ROWS, MOST_VALUES // max(columns, 1)))
    statistics = await _analysed(connection, catalog, tables, per_column)
    readable = await _readable(connection, catalog.database)
    sampled = 0
    for place, relation in enumerate(sorted(tables, key=lambda r: r.oid)):
        if progress is not None:
            progress(f"looking at values, table {place + 1} of {len(tables)}")
        wanted: list[Column] = []
        for column in relation.columns:
            ref = ColumnRef(relation.oid, column.attnum)
            if ref in statistics or _kind(catalog, column) in _TELLING_NOTHING:
                continue
            statistics[ref] = _UNREAD
            if ref in readable:
                wanted.append(column)
        if not wanted:
            continue
        sampled += 1
        if sampled > MOST_SAMPLED_TABLES:
            _log.warning("catalog of %s: more than %d tables to sample", catalog.database, MOST_SAMPLED_TABLES)
            break
        statistics.update(await _sampled(connection, catalog, relation, wanted, per_column))
    for relation in sorted(tables, key=lambda r: r.oid)[:MOST_SAMPLED_TABLES]:
        await suspects.search(connection, catalog, relation, statistics, readable)
    # Tables after the limit were not looked at, and say so.
    for relation in tables:
        for column in relation.columns:
            if _kind(catalog, column) not in _TELLING_NOTHING:
                statistics.setdefault(ColumnRef(relation.oid, column.attnum), _UNREAD)
    return statistics


def _kind(catalog: Catalog, column: Column) -> str:
    """Name of the base type; arrays by their element's, documents keep theirs."""
    known = catalog.types.get(column.base_type_oid)
    if known is not None and known.category == "A" and known.element_oid in catalog.types:
        known = catalog.types[known.element_oid]
    return known.name if known is not None else ""


async def _analysed(
    connection: MetadataConnection, catalog: Catalog, tables: Sequence[Relation], per_column: int
) -> dict[ColumnRef, ColumnStatistics]:
    """From pg_stats. Documents are left to the sample: what ANALYZE keeps of them is cut."""
    by_oid = {relation.oid: {column.attnum: column for column in relation.columns} for relation in tables}
    oids = sorted(by_oid)
    found: dict[ColumnRef, ColumnStatistics] = {}
    for start in range(0, len(oids), _RELATIONS_PER_QUERY):
        chunk = oids[start : start + _RELATIONS_PER_QUERY]
        try:
            async with connection.transaction(readonly=True):
                rows: list[Any] = await connection.fetch(
                    queries.STATISTICS, per_column, LONGEST_VALUE, chunk[0], chunk[-1]
                )
        except asyncpg.PostgresConnectionError:
            raise
        except asyncpg.PostgresError as error:
            _log.warning("catalog of %s: statistics cannot be read (%s)", catalog.database, error.sqlstate)
            continue
        for row in rows:
            column = by_oid.get(row["relation"], {}).get(row["attnum"])
            if column is None or _kind(catalog, column) in _SAMPLED_ALWAYS:
                continue
            values = tuple(value for value in row["values"] or () if value is not None)
            if not values and row["null_fraction"] < 1.0:
                continue  # a type ANALYZE keeps no values of: sample it
            ref = ColumnRef(row["relation"], row["attnum"])
            earlier = found.get(ref)  # an inheritance parent has statistics with and without its children
            found[ref] = ColumnStatistics(
                values=tuple(dict.fromkeys((*earlier.values, *values)))[: 2 * per_column] if earlier else values,
                n_distinct=row["n_distinct"],
                null_fraction=row["null_fraction"],
                source="pg_stats",
            )
    return found


async def _readable(connection: MetadataConnection, database: str) -> frozenset[ColumnRef]:
    try:
        async with connection.transaction(readonly=True):
            rows = await connection.fetch(queries.READABLE)
    except asyncpg.PostgresConnectionError:
        raise
    except asyncpg.PostgresError as error:
        _log.warning("catalog of %s: column rights cannot be read (%s)", database, error.sqlstate)
        return frozenset()
    return frozenset(ColumnRef(row["relation"], row["attnum"]) for row in rows)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _as_text(catalog: Catalog, column: Column) -> str:
    """An expression for the start of a value. Bytes that are text show as text."""
    known = catalog.types.get(column.base_type_oid)
    name = _quoted(column.name)
    if known is not None and known.name == "bytea":
        start = f"pg_catalog.substring({name}, 1, {LONGEST_VALUE})"
        return f"pg_catalog.left(pg_catalog.encode({start}, 'escape'), {LONGEST_VALUE})"
    longest = LONGEST_DOCUMENT if _kind(catalog, column) in _DOCUMENTS else LONGEST_VALUE
    return f"pg_catalog.left({name}::text, {longest})"


def _query(catalog: Catalog, relation: Relation, columns: Sequence[Column], limit: int) -> str:
    items = ", ".join(_as_text(catalog, column) for column in columns)
    return f"SELECT {items} FROM {_quoted(relation.schema)}.{_quoted(relation.name)} LIMIT {limit}"


async def _rows(connection: MetadataConnection, query: str) -> list[Any]:
    async with connection.transaction(readonly=True):
        await connection.execute(
            f"SET LOCAL statement_timeout = {SAMPLE_TIMEOUT_MS}; SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}; "
            "SET LOCAL search_path = ''"
        )
        return await connection.fetch(query)


async def _sampled(
    connection: MetadataConnection, catalog: Catalog, relation: Relation, columns: Sequence[Column], per_column: int
) -> dict[ColumnRef, ColumnStatistics]:
    """A bounded look at the first rows; nothing of what is refused or takes too long."""
    code = ""
    for limit in (per_column, SECOND_TRY_ROWS):
        try:
            rows = await _rows(connection, _query(catalog, relation, columns, limit))
        except asyncpg.PostgresConnectionError:
            raise
        except asyncpg.QueryCanceledError as error:
            code = error.sqlstate
            continue
        except (asyncpg.DataError, asyncpg.SyntaxOrAccessError) as error:
            code = error.sqlstate
            if len(columns) > 1 and not isinstance(error, asyncpg.InsufficientPrivilegeError):
                return await _one_by_one(connection, catalog, relation, columns, per_column)
            break
        except asyncpg.PostgresError as error:
            code = error.sqlstate
            break
        return _as_statistics(relation, columns, rows)
    _log.warning("catalog of %s: %s.%s cannot be sampled (%s)", catalog.database, relation.schema, relation.name, code)
    return {}


async def _one_by_one(
    connection: MetadataConnection, catalog: Catalog, relation: Relation, columns: Sequence[Column], per_column: int
) -> dict[ColumnRef, ColumnStatistics]:
    """One column that cannot be shown as text must not cost the others their look."""
    found: dict[ColumnRef, ColumnStatistics] = {}
    for column in columns:
        found.update(await _sampled(connection, catalog, relation, (column,), per_column))
    return found


def _as_statistics(
    relation: Relation, columns: Sequence[Column], rows: Sequence[Any]
) -> dict[ColumnRef, ColumnStatistics]:
    if not rows and relation.row_security:
        return {}  # row security may have hidden every row from the metadata role
    found: dict[ColumnRef, ColumnStatistics] = {}
    for place, column in enumerate(columns):
        values = tuple(row[place] for row in rows if row[place] is not None)
        found[ColumnRef(relation.oid, column.attnum)] = ColumnStatistics(
            values=values,
            n_distinct=float(len(set(values))),
            null_fraction=1.0 - len(values) / len(rows) if rows else 0.0,
            source="sample",
        )
    return found
