"""What a held statement does, tried in a transaction: told to its reviewers, its rows masked.

A statement that waits on its connection is tried there, and the decision commits or rolls back that very
transaction (`session.rehearsal`); its rows come here as they are, and are masked here. One whose client was sent away
has no connection: where the policy says `rehearse`, it is run on one of this process's own, under the role that the
requester has in the database, within strict times, and rolled back whatever happens; what is approved then runs anew.

Exact counts for every table, those that triggers and cascades changed included, and the first rows before and
after. Triggers run before anybody has approved anything, and not all they can do is undone by a rollback.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

import asyncpg  # type: ignore[import-untyped]

from govproxy.approvals.rehearsals import Changed, Ran, Row
from govproxy.approvals.values import Hold
from govproxy.control.metadata import MetadataConnection
from govproxy.control.review import (
    ACTIVE,
    LOCK_TIMEOUT_MS,
    SAMPLE_COLUMNS,
    SAMPLE_ROWS,
    STATEMENT_TIMEOUT_MS,
    WHOLE_TIMEOUT_S,
    NotLooked,
    Question,
    World,
    masked_sample,
    must_mean_the_same,
    question_of,
    under_the_role,
)
from govproxy.session.trialrows import NEW_KEYS, key_names
from govproxy.sql.analyze import analyze
from govproxy.sql.catalog import Relation
from govproxy.sql.counting import NotCountable, quoted
from govproxy.sql.values import Action

# Its client was sent away, so there is no transaction that could wait for a decision.
ANEW = "it was tried on another connection and rolled back: once approved, it runs anew when it is sent again"
_PLAIN = frozenset({Action.SELECT, Action.UPDATE, Action.DELETE})

_CHANGES = """
SELECT schemaname, relname, n_tup_ins AS inserted, n_tup_upd AS updated, n_tup_del AS deleted
FROM pg_catalog.pg_stat_xact_user_tables
WHERE n_tup_ins + n_tup_upd + n_tup_del > 0
ORDER BY schemaname, relname
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """What would happen. ``before`` and ``after`` are the same rows, masked; None in ``after``: it is gone. Those in
    ``after`` that go beyond ``before`` are rows that it made or, where a note says so, changed.

    ``failed`` is the SQLSTATE of a statement that did not get through, '' otherwise. ``tag`` is the command's.
    ``until``: it stands in its transaction until then (POSIX seconds) for a decision; 0: it is rolled back.
    """

    tag: str = ""
    changed: tuple[Changed, ...] = ()
    columns: tuple[str, ...] = ()
    before: tuple[Row, ...] = ()
    after: tuple[Row | None, ...] = ()
    failed: str = ""
    until: float = 0.0


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


class Rehearsals:
    """Tries held statements: see `control.review.Rehearse`. ``try_held`` has one tried on the connection that it waits
    on; None: it does not wait at this instance."""

    def __init__(self, try_held: Callable[[Hold], Awaitable[Ran | None]]) -> None:
        self._try_held = try_held

    async def __call__(self, hold: Hold, world: World) -> tuple[dict[str, Any] | None, tuple[str, ...]]:
        """What it does, as JSON, and notes for reviewers. Raises NotCountable, and what connecting raises."""
        if not hold.waits:
            async with asyncio.timeout(WHOLE_TIMEOUT_S):
                question = question_of(hold, world)
                notes = (ANEW, NEW_KEYS) if _found_by(question) == () and question.relation.primary_key else (ANEW,)
                return asdict(await rehearse(hold, world, question)), notes
        ran = await self._try_held(hold)
        if ran is None:
            raise NotCountable("it does not wait at this instance")
        if ran.refused:
            raise NotCountable(ran.refused)
        return asdict(told(ran, world)), ran.notes


def told(ran: Ran, world: World) -> Rehearsal:
    """What was tried on the session's own connection, with its rows masked. Raises NotLooked."""
    made = Rehearsal(tag=ran.tag, changed=ran.changed, failed=ran.failed, until=ran.until)
    if not ran.before and not ran.after:
        return made
    relation = world.snapshot.catalog.relations.get(ran.relation)
    if relation is None or any(relation.column(name) is None for name in ran.names):
        raise NotLooked("its table is another one by now")
    shown = masked_sample(world, relation, ran.names, [*ran.before, *(row for row in ran.after if row is not None)])
    left = iter(shown.rows[len(ran.before) :])
    return replace(
        made,
        columns=shown.columns,
        before=shown.rows[: len(ran.before)],
        after=tuple(None if row is None else next(left) for row in ran.after),
    )


async def _run(connection: MetadataConnection, hold: Hold, world: World, question: Question) -> Rehearsal:
    await connection.execute(
        f"SET LOCAL statement_timeout = {STATEMENT_TIMEOUT_MS}; SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}"
    )
    await must_mean_the_same(connection, hold, question)
    relation = question.relation
    names = tuple(column.name for column in relation.columns[:SAMPLE_COLUMNS])
    keys = _found_by(question)
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


def _found_by(question: Question) -> tuple[str, ...]:
    """By what its rows are found again; nothing where there is no primary key, or where that is what it changes."""
    keys = key_names(question.relation)
    return () if question.text.sets & set(keys) else keys


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
