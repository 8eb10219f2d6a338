"""Runs a held UPDATE or DELETE in a transaction that is rolled back, and tells what it did.

Exact counts for every table, those that triggers and cascades changed included, and the first rows
before and after, masked. On a connection of its own, under the role that the requester has in the
database, within strict times; only where the policy says `rehearse`, because triggers run before anybody
has approved anything, and not all they can do is undone by a rollback (sequences, other servers).

The transaction is never committed: what is approved runs anew, on the session that asked. What has
happened in between, and what that session has not committed yet, is not in a rehearsal.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import asyncpg  # type: ignore[import-untyped]

from govproxy.approvals.values import Hold
from govproxy.control.metadata import MetadataConnection
from govproxy.control.review import (
    ACTIVE,
    LOCK_TIMEOUT_MS,
    SAMPLE_COLUMNS,
    SAMPLE_ROWS,
    STATEMENT_TIMEOUT_MS,
    NotLooked,
    Question,
    World,
    masked_sample,
    must_mean_the_same,
    under_the_role,
)
from govproxy.sql.analyze import analyze
from govproxy.sql.catalog import Relation
from govproxy.sql.counting import NotCountable, quoted
from govproxy.sql.values import Action

Row = tuple[str | None, ...]
_PLAIN = frozenset({Action.SELECT, Action.UPDATE, Action.DELETE})

_CHANGES = """
SELECT schemaname, relname, n_tup_ins AS inserted, n_tup_upd AS updated, n_tup_del AS deleted
FROM pg_catalog.pg_stat_xact_user_tables
WHERE n_tup_ins + n_tup_upd + n_tup_del > 0
ORDER BY schemaname, relname
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """Rows of one table."""

    table: str
    inserted: int
    updated: int
    deleted: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """What would happen. ``before`` and ``after`` are the same rows, masked; None in ``after``: it is gone.

    ``failed`` is the SQLSTATE of a statement that did not get through, '' otherwise. ``tag`` is the command's.
    """

    tag: str = ""
    changed: tuple[Changed, ...] = ()
    columns: tuple[str, ...] = ()
    before: tuple[Row, ...] = ()
    after: tuple[Row | None, ...] = ()
    failed: str = ""


def must_be_plain(hold: Hold, world: World, question: Question) -> None:
    """Raises NotCountable unless the statement itself does nothing but read and change rows of tables.

    Security: what it calls would run, approved or not. What tables bring along (triggers, cascades, checks) runs
    because the policy wants it seen.
    """
    catalog = world.snapshot.catalog
    bare = {
        oid: replace(relation, triggers=(), has_triggers=False, references=(), runs=())
        for oid, relation in catalog.relations.items()
    }
    (facts,) = analyze(hold.sql, replace(catalog, relations=bare), question.path).statements
    for effect in facts.effects:
        if effect.action not in _PLAIN or effect.kind in ACTIVE or "function" in effect.facts or effect.temporary:
            raise NotCountable("it does more than change rows")
    if facts.opaque or facts.unresolved:
        raise NotCountable("it calls something that is not known to be harmless")


async def rehearse(hold: Hold, world: World, question: Question) -> Rehearsal:
    """One rehearsal, rolled back whatever happens. Raises NotCountable, and what connecting raises."""
    must_be_plain(hold, world, question)
    async with under_the_role(hold, world) as connection:
        await connection.execute("BEGIN READ WRITE")
        try:
            return await _run(connection, hold, world, question)
        except asyncpg.PostgresError as error:
            # Security: no message of the server's, which may quote a value.
            return Rehearsal(failed=error.sqlstate or "")
        finally:
            # Before anything else can be said on this connection, which then ends.
            await connection.execute("ROLLBACK")


async def rehearsal_form(hold: Hold, world: World, question: Question) -> dict[str, Any]:
    """The same as JSON."""
    return asdict(await rehearse(hold, world, question))


async def _run(connection: MetadataConnection, hold: Hold, world: World, question: Question) -> Rehearsal:
    await connection.execute(
        f"SET LOCAL statement_timeout = {STATEMENT_TIMEOUT_MS}; SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}"
    )
    await must_mean_the_same(connection, hold, question)
    relation = question.relation
    names = tuple(column.name for column in relation.columns[:SAMPLE_COLUMNS])
    keys = _keys(relation)
    asked = await connection.fetch(question.text.rows((*keys, *names), SAMPLE_ROWS))
    before: list[Row] = [tuple(row)[len(keys) :] for row in asked]
    tag = str(await connection.execute(hold.sql))
    # What waits for the end of a transaction belongs to what it does.
    await connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
    changed = [_changed(row) for row in await connection.fetch(_CHANGES)]
    after = [await _again(connection, relation, keys, names, tuple(row)[: len(keys)]) for row in asked] if keys else []
    # One plan for all, so that what is equal before and after looks equal.
    shown = masked_sample(world, relation, names, [*before, *(row for row in after if row is not None)])
    left = iter(shown.rows[len(before) :])
    return Rehearsal(
        tag=tag,
        changed=tuple(changed),
        columns=shown.columns,
        before=shown.rows[: len(before)],
        after=tuple(None if row is None else next(left) for row in after),
    )


def _keys(relation: Relation) -> tuple[str, ...]:
    """By what a row is found again; nothing where there is no primary key."""
    by_number = {column.attnum: column.name for column in relation.columns}
    return tuple(by_number[number] for number in relation.primary_key if number in by_number)


async def _again(
    connection: MetadataConnection, relation: Relation, keys: tuple[str, ...], names: tuple[str, ...], key: Row
) -> Row | None:
    items = ", ".join(f"{quoted(name)}::pg_catalog.text" for name in names)
    found_by = " AND ".join(f"{quoted(name)}::pg_catalog.text = ${n}" for n, name in enumerate(keys, 1))
    rows: list[Any] = await connection.fetch(
        f"SELECT {items} FROM {quoted(relation.schema)}.{quoted(relation.name)} WHERE {found_by}", *key
    )
    if len(rows) > 1:
        raise NotLooked("a key finds several rows")
    return tuple(rows[0]) if rows else None


def _changed(row: Any) -> Changed:
    return Changed(
        table=f"{row['schemaname']}.{row['relname']}",
        inserted=row["inserted"],
        updated=row["updated"],
        deleted=row["deleted"],
    )
