"""Reads a database's catalog over the metadata connection into an immutable snapshot.

Runs in the control process with the rights of an ordinary role. A relative of PostgreSQL that lacks
a catalog gets an empty part and a warning. Values of columns are read by ``control.samples``. Knows
nothing of policy, classes and clients.

Security: log lines name catalogs and SQLSTATEs; the server's messages are left out, for they may
quote a value.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import asyncpg  # type: ignore[import-untyped]

from govproxy.control import catalog_queries as queries
from govproxy.control.dependencies import read_dependencies
from govproxy.control.hidden import Behind, aggregates, path_of, read_hidden, settings_of, size_of
from govproxy.control.metadata import COLLECT_TIMEOUT_MS, MetadataConnection, connect
from govproxy.control.samples import collect_statistics
from govproxy.sql.catalog import Catalog, Column, Function, Relation, RelationKind, Type
from govproxy.sql.functions import COMPUTING_EXTENSIONS

__all__ = ["MetadataConnection", "collect", "connect", "fingerprint", "publishable", "values_mark", "version_of"]

_log = logging.getLogger(__name__)

LOCK_TIMEOUT_MS = 1_000
_DEEPEST_DOMAIN = 32

_Row = Mapping[str, Any]


async def collect(
    connection: MetadataConnection, database: str, *, progress: Callable[[str], None] | None = None
) -> Catalog:
    """The snapshot of everything the metadata role can see, with values of columns as statistics.

    Catalog tables are read in one read-only transaction, so that they agree with each other; values
    after it, in short ones of their own. ``progress`` is told what is being done, for people.
    """
    return await with_values(connection, await collect_structure(connection, database), progress=progress)


async def with_values(
    connection: MetadataConnection, structure: Catalog, *, progress: Callable[[str], None] | None = None
) -> Catalog:
    """A snapshot without values, with them."""
    return replace(structure, statistics=await collect_statistics(connection, structure, progress=progress))


async def collect_structure(connection: MetadataConnection, database: str) -> Catalog:
    """The same without values: much cheaper, and enough to know whether anything changed."""
    reader = _Reader(connection, database)
    settings = await reader.settings()
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        await reader.prepare()
        types, typmods = _types(
            await reader.rows("types", queries.TYPES), await reader.rows("enums", queries.ENUM_LABELS)
        )
        hidden = await read_hidden(reader.rows)
        dependencies = await read_dependencies(reader.rows)
        relations = await _relations(reader, types, typmods, hidden.relations)
        functions = await _functions(reader)
        extensions = [row["name"] for row in await reader.rows("extensions", queries.EXTENSIONS)]
        # What comes with such an extension computes from its operands, as PostgreSQL's own does.
        operators = [row for row in await reader.rows("operators", queries.OPERATORS) if not _only_computes(row)]
        casts = [row for row in await reader.rows("casts", queries.CASTS) if not _only_computes(row)]
    structure = Catalog.build(
        database=database,
        version="",
        server_version=settings.version,
        default_search_path=settings.path,
        relations=relations,
        functions=functions,
        types=types.values(),
        extensions=extensions,
        user_operators=[row["name"] for row in operators],
        user_casts=[(row["source"], row["target"]) for row in casts],
        explicit_casts=[(row["source"], row["target"]) for row in casts if row["context"] != "i"],
        written_casts=[(row["source"], row["target"]) for row in casts if row["context"] == "e"],
        operator_functions=hidden.operator_functions,
        operators=hidden.operators,
        cast_functions=hidden.cast_functions,
        domain_functions=hidden.domain_functions,
        event_triggers=hidden.event_triggers,
        dependencies=dependencies,
    )
    return replace(structure, version=version_of(structure))


def _only_computes(row: asyncpg.Record) -> bool:
    return row["extension"] in COMPUTING_EXTENSIONS


async def fingerprint(connection: MetadataConnection) -> str:
    """A figure that changes with any change of a user's objects; cheap enough to be polled.

    Take it *before* ``collect``: then a change during the collection shows in the next poll.
    """
    try:
        return str(await connection.fetchval(queries.FINGERPRINT))
    except (asyncpg.SyntaxOrAccessError, asyncpg.FeatureNotSupportedError) as error:
        _log.debug("no fingerprint by row versions (%s)", error.sqlstate)
        return str(await connection.fetchval(queries.FINGERPRINT_PLAIN))


async def values_mark(connection: MetadataConnection) -> str:
    """A figure that changes when tables have filled up or were analysed since: time to ``collect`` again.

    It moves in steps of four times, so that a busy database does not ask for it all day. A server
    without these counters gives a constant: there, collect again by the clock.
    """
    try:
        return str(await connection.fetchval(queries.VALUES_MARK))
    except (asyncpg.SyntaxOrAccessError, asyncpg.FeatureNotSupportedError) as error:
        _log.debug("no counters of tables (%s)", error.sqlstate)
        return ""


def version_of(catalog: Catalog) -> str:
    """SHA-256 over the structure: everything but sampled values and row counts, in a fixed order."""
    digest = hashlib.sha256()
    for relation in sorted(catalog.relations.values(), key=lambda r: r.oid):
        digest.update(repr(replace(relation, estimated_rows=-1.0, size_bytes=-1)).encode())
    for function in sorted(catalog.functions.values(), key=lambda f: f.oid):
        digest.update(repr(function).encode())
    for kind in sorted(catalog.types.values(), key=lambda t: t.oid):
        digest.update(repr(kind).encode())
    rest = (
        catalog.database,
        catalog.server_version,
        catalog.default_search_path,
        sorted(catalog.extensions),
        sorted(catalog.user_operators),
        sorted(catalog.user_casts),
        sorted(catalog.explicit_casts),
        sorted(catalog.written_casts),
        catalog.operator_functions,
        sorted(catalog.operators.items()),
        catalog.cast_functions,
        catalog.domain_functions,
        catalog.event_triggers,
        catalog.dependencies,
    )
    digest.update(repr(rest).encode())
    return digest.hexdigest()


def publishable(catalog: Catalog) -> Catalog:
    """The snapshot as workers may have it: without a single value of a row."""
    return replace(catalog, statistics={})


@dataclass(frozen=True, slots=True)
class _Settings:
    version: int
    path: tuple[str, ...]


class _Reader:
    """Runs catalog queries one by one, each under a savepoint, and outlives the missing ones."""

    def __init__(self, connection: MetadataConnection, database: str) -> None:
        self._connection = connection
        self._database = database

    async def settings(self) -> _Settings:
        """Read before the search_path is emptied."""
        rows = await self._connection.fetch(queries.SETTINGS)
        return _Settings(version=rows[0]["version"], path=tuple(rows[0]["path"]))

    async def prepare(self) -> None:
        """An empty search_path makes the server qualify every name in what it prints."""
        for setting, value in (
            ("search_path", ""),
            ("statement_timeout", str(COLLECT_TIMEOUT_MS)),
            ("lock_timeout", str(LOCK_TIMEOUT_MS)),
        ):
            await self.rows(setting, "SELECT pg_catalog.set_config($1::text, $2::text, true)", setting, value)

    async def rows(self, what: str, query: str, *args: object) -> list[_Row]:
        """The rows, or none with a warning when this server has no such catalog or refuses it."""
        try:
            async with self._connection.transaction():
                return list(await self._connection.fetch(query, *args))
        except asyncpg.PostgresConnectionError:
            raise
        except asyncpg.PostgresError as error:
            _log.warning("catalog of %s: %s cannot be read (%s)", self._database, what, error.sqlstate)
            return []


def _types(rows: Iterable[_Row], labels: Iterable[_Row]) -> tuple[dict[int, Type], dict[int, int]]:
    """Types by OID, and the modifiers that domains carry."""
    by_type: dict[int, list[str]] = {}
    for row in labels:
        by_type.setdefault(row["type"], []).append(row["label"])
    types: dict[int, Type] = {}
    typmods: dict[int, int] = {}
    for row in rows:
        types[row["oid"]] = Type(
            oid=row["oid"],
            schema=row["schema"],
            name=row["name"],
            kind=row["kind"],
            category=row["category"],
            element_oid=row["element"],
            base_oid=row["base"],
            relation_oid=row["relation"],
            enum_labels=tuple(by_type.get(row["oid"], ())),
            default=row["default"],
            extension=row["extension"],
        )
        typmods[row["oid"]] = row["typmod"]
    return types, typmods


def resolve_domain(oid: int, typmod: int, types: Mapping[int, Type], typmods: Mapping[int, int]) -> tuple[int, int]:
    """The type and modifier under a domain: a column of a domain over varchar(10) holds ten characters."""
    for _ in range(_DEEPEST_DOMAIN):
        known = types.get(oid)
        if known is None or known.kind != "d" or not known.base_oid:
            break
        typmod = typmods.get(oid, -1) if typmod < 0 else typmod
        oid = known.base_oid
    return oid, typmod


@dataclass(slots=True)
class _Parts:
    """What belongs to one relation, gathered from several catalogs."""

    columns: list[Column] = field(default_factory=list)
    primary_key: tuple[int, ...] = ()
    is_key_deferrable: bool = False
    keys: set[int] = field(default_factory=set)
    children: list[int] = field(default_factory=list)
    parents: list[int] = field(default_factory=list)


async def _relations(
    reader: _Reader, types: Mapping[int, Type], typmods: Mapping[int, int], hidden: Mapping[int, Behind]
) -> list[Relation]:
    listed = await reader.rows("relations", queries.RELATIONS)
    parts: dict[int, _Parts] = {row["oid"]: _Parts() for row in listed}
    for row in await reader.rows("keys", queries.KEYS):
        if (part := parts.get(row["relation"])) is None:
            continue
        part.keys.update(row["attnums"] or ())
        if row["kind"] == "p":
            part.primary_key = tuple(row["attnums"] or ())
            part.is_key_deferrable = row["deferrable"]
    for row in await reader.rows("inheritance", queries.INHERITANCE):
        if row["child"] in parts and row["parent"] in parts:
            parts[row["parent"]].children.append(row["child"])
            parts[row["child"]].parents.append(row["parent"])
    comments = {
        (row["relation"], row["attnum"]): row["comment"] for row in await reader.rows("comments", queries.COMMENTS)
    }
    defaults = {
        (row["relation"], row["attnum"]): row["expression"] for row in await reader.rows("defaults", queries.DEFAULTS)
    }
    for row in await reader.rows("columns", queries.COLUMNS):
        if (part := parts.get(row["relation"])) is None:
            continue
        place = (row["relation"], row["attnum"])
        base, typmod = resolve_domain(row["type"], row["typmod"], types, typmods)
        kind = types.get(row["type"])
        part.columns.append(
            Column(
                name=row["name"],
                attnum=row["attnum"],
                type_oid=row["type"],
                base_type_oid=base,
                typmod=typmod,
                not_null=row["not_null"],
                comment=comments.get(place),
                is_key=row["attnum"] in part.keys,
                default=defaults.get(place, None if kind is None else kind.default),
                generated=row["generated"],
            )
        )
    definitions = await _definitions(reader, listed)
    return [
        _relation(row, parts[row["oid"]], definitions.get(row["oid"]), hidden.get(row["oid"], Behind()))
        for row in listed
    ]


def _relation(row: _Row, part: _Parts, definition: str | None, behind: Behind) -> Relation:
    return Relation(
        oid=row["oid"],
        schema=row["schema"],
        name=row["name"],
        kind=RelationKind(row["kind"]),
        columns=tuple(part.columns),
        definition=definition,
        comment=row["comment"],
        primary_key=part.primary_key,
        is_key_deferrable=part.is_key_deferrable,
        children=tuple(part.children),
        parents=tuple(part.parents),
        estimated_rows=row["rows"],
        size_bytes=size_of(row["pages"], row["rows"]),
        has_triggers=row["triggers"],
        has_rules=row["rules"],
        owner=row["owner"],
        row_security=row["row_security"],
        triggers=tuple(behind.triggers),
        switched_off=tuple(behind.switched_off),
        rules=tuple(behind.rules),
        references=tuple(behind.references),
        runs=tuple(behind.runs),
        tests=tuple(behind.tests),
    )


async def _definitions(reader: _Reader, listed: Sequence[_Row]) -> dict[int, str]:
    """Definitions of views. One view that cannot be printed must not cost the others theirs."""
    rows = await reader.rows("views", queries.VIEWS)
    if rows:
        return {row["relation"]: row["definition"] for row in rows if row["definition"]}
    found: dict[int, str] = {}
    for view in listed:
        if view["kind"] not in {"v", "m"} or view["schema"] in {"pg_catalog", "information_schema"}:
            continue
        for row in await reader.rows("a view", queries.VIEW, view["oid"]):
            if row["definition"]:
                found[view["oid"]] = row["definition"]
    return found


async def _functions(reader: _Reader) -> list[Function]:
    bodies = {row["oid"]: row["body"] for row in await reader.rows("parsed bodies", queries.FUNCTION_BODIES)}
    owners = {
        row["oid"]: row["extension"]
        for row in await reader.rows("functions of extensions", queries.FUNCTION_EXTENSIONS)
    }
    defaults = {
        row["oid"]: row["defaults"] for row in await reader.rows("defaults of arguments", queries.FUNCTION_DEFAULTS)
    }
    parts = await aggregates(reader.rows)
    return [
        Function(
            oid=row["oid"],
            schema=row["schema"],
            name=row["name"],
            kind=row["kind"],
            volatility=row["volatility"],
            language=row["language"],
            security_definer=row["security_definer"],
            strict=row["strict"],
            returns_set=row["returns_set"],
            argument_types=tuple(row["arguments"] or ()),
            return_type=row["result"],
            extension=owners.get(row["oid"]),
            body=bodies.get(row["oid"]) or row["body"],
            argument_names=tuple(row["names"] or ()),
            argument_modes="".join(row["modes"] or ()),
            search_path=path_of(row["settings"]),
            parts=parts.get(row["oid"], ()),
            output_types=_outputs(row["modes"] or (), row["all_arguments"] or ()),
            optional=row["optional"],
            defaults=defaults.get(row["oid"]),
            settings=settings_of(row["settings"]),
        )
        for row in await reader.rows("functions", queries.FUNCTIONS)
    ]


def _outputs(modes: Sequence[str], types: Sequence[int]) -> tuple[int, ...]:
    """Types of the arguments that come out, and of the columns of RETURNS TABLE."""
    return tuple(kind for mode, kind in zip(modes, types, strict=False) if mode in ("o", "b", "t"))
