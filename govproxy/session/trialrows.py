"""Which rows of a trial are shown, and what is asked for them on its own connection.

Of an UPDATE or DELETE the rows as they were, by its own condition, and by their keys afterwards. Of an INSERT or MERGE
those that bear the number of the trial's transaction once it ran: its condition, or its source, may not find the same
rows a second time. What those looked like that it changed or deleted, a cursor knows that was declared before: it
reads by its old snapshot, and in the rows' headers stands who has replaced them since. Values in, values out; knows no
session.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from govproxy.approvals.rehearsals import Changed, Row
from govproxy.sql.catalog import Catalog, Relation, RelationKind
from govproxy.sql.counting import NotCountable, countable, quoted
from govproxy.sql.parse import parse
from govproxy.sql.tree import Node
from govproxy.sql.values import Action, Analysis
from govproxy.wire.frontend import decode_bind

SAMPLE_ROWS = 5
SAMPLE_COLUMNS = 40
QUESTION_TIMEOUT_MS = 2_000

# What the transaction has numbers for: itself and its open savepoints, each once it has written something.
WRITERS = (
    "SELECT transactionid FROM pg_catalog.pg_locks WHERE locktype OPERATOR(pg_catalog.=) 'transactionid'"
    " AND mode OPERATOR(pg_catalog.=) 'ExclusiveLock' AND pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid()"
)
# How many MultiXacts there are, more or less: what counts is how many come along.
SHARED = "SELECT pg_catalog.mxid_age('1'::pg_catalog.xid)"
# Until the savepoint behind which a question stands is rolled back.
BRIEFLY = f"SET LOCAL statement_timeout = {QUESTION_TIMEOUT_MS}"

AFTERWARDS_ONLY = "rows that it changes are shown as they are afterwards, and those that it deletes are not shown"
NEW_KEYS = "its rows are shown as they were only: it changes what they would be found by"
UNFOUND = "not all rows that it changed were found as they had been, so that some of these may only look new"
NOT_ADDED = "rows that it adds are not shown, as there are so many that it changes"
_PLACE = ("tableoid", "ctid")
_MADE = {"InsertStmt": Action.INSERT, "MergeStmt": Action.MERGE}
_NUMBERED = frozenset({RelationKind.TABLE, RelationKind.PARTITIONED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """The parameters of a trial, as its Bind gives them to the prepared statement of this name."""

    statement: str
    formats: tuple[int, ...]
    values: tuple[bytes | None, ...] = field(repr=False)

    @classmethod
    def of(cls, bound: bytes) -> Given | None:
        """By the body of the Bind; None where there are none, or none that the database would take."""
        bind = decode_bind(bound)
        if not bind.values or not set(bind.parameter_formats) <= {0, 1}:
            return None
        return cls(statement=bind.statement, formats=bind.parameter_formats, values=bind.values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """The rows of which some are shown.

    ``before`` asks for them as they were, with the trial's own parameters; '': they are those that it makes.
    ``keys`` may be empty: then those that were are not found again. ``tables``: where they may be, as the database
    counts them (schema, point, name). ``replaces``: what it makes may take the place of rows that can be told by
    `watching`.
    """

    relation: Relation
    keys: tuple[str, ...]
    names: tuple[str, ...]
    before: str = ""
    notes: tuple[str, ...] = ()
    replaces: bool = False
    tables: frozenset[str] = frozenset()

    def after(self, found: Sequence[Row]) -> str:
        """The question for the same rows: their keys first."""
        return f"{self._select((*self.keys, *self.names))} WHERE {self._either(found)}"

    def again(self, found: Sequence[Row], rows: Sequence[Row]) -> tuple[Row | None, ...]:
        """The rows afterwards, in the order of those before; None for one that is gone."""
        size = len(self.keys)
        there = {row[:size]: row[size:] for row in rows}
        return tuple(there.get(row[:size]) for row in found)

    def made_by(self, writers: Collection[str], *, known: Sequence[Row] = ()) -> str:
        """The question for rows that were written under these numbers (of `WRITERS`), without those that are known
        by their keys."""
        mine = f"xmin OPERATOR(pg_catalog.=) ANY ({_numbers(writers)})"
        others = f" AND NOT ({self._either(known)})" if known else ""
        return f"{self._select(self.names)} WHERE {mine}{others} LIMIT {SAMPLE_ROWS - len(known)}"

    def watching(self, writers: Collection[str], shared: int) -> str:
        """The query of a cursor for rows that are about to be replaced: declared before that, and first read after.

        ``writers`` and ``shared`` are answers to `WRITERS` and `SHARED` by then. Among them are rows that were only
        locked. A row with several lockers has the number of a list of them (a MultiXact), and only those that came
        along since may be asked what is in them.
        """
        mine = f"{WRITERS} AND transactionid OPERATOR(pg_catalog.<>) ALL ({_numbers(writers)})"
        lists = (
            "SELECT FROM pg_catalog.pg_get_multixact_members(xmax) m"
            f" WHERE m.xid OPERATOR(pg_catalog.=) ANY (ARRAY({mine}))"
        )
        age = "pg_catalog.mxid_age(xmax)"
        fresh = f"pg_catalog.mxid_age('1'::pg_catalog.xid)::pg_catalog.int8 OPERATOR(pg_catalog.-) ({shared})"
        return (
            f"{self._select((*_PLACE, *self.keys, *self.names))} WHERE xmax OPERATOR(pg_catalog.=) ANY (ARRAY({mine}))"
            f" OR CASE WHEN {age} OPERATOR(pg_catalog.>) 0 AND {age} OPERATOR(pg_catalog.<=) ({fresh})"
            f" THEN EXISTS ({lists}) ELSE false END"
        )

    def now(self, watched: Sequence[Row]) -> str:
        """The question for the rows that `watching` found: where they are now first, and then as for `after`."""
        found = [row[len(_PLACE) :] for row in watched]
        return f"{self._select((*_PLACE, *self.keys, *self.names))} WHERE {self._either(found)}"

    def replaced(self, watched: Sequence[Row], rows: Sequence[Row]) -> list[tuple[Row, Row | None]]:
        """Of the rows that `watching` found those that are not only locked, their keys first, each with itself
        afterwards; None for one that is gone."""
        start = len(_PLACE)
        end = start + len(self.keys)
        there = {row[start:end]: row for row in rows}
        pairs = ((row, there.get(row[start:end])) for row in watched)
        return [
            (was[start:], None if now is None else now[end:])
            for was, now in pairs
            if now is None or now[:start] != was[:start]
        ]

    def left_out(self, changed: Collection[Changed], found: int) -> list[str]:
        """What is to be said about rows that ``found`` replaced ones do not tell of."""
        here = [one for one in changed if one.table in self.tables]
        if found >= SAMPLE_ROWS:
            return [NOT_ADDED] if any(one.inserted for one in here) else []
        return [UNFOUND] if found < sum(one.updated + one.deleted for one in here) else []

    def _either(self, found: Sequence[Row]) -> str:
        return " OR ".join(
            "("
            + " AND ".join(
                f"{quoted(name)}::pg_catalog.text OPERATOR(pg_catalog.=) {_literal(value)}"
                for name, value in zip(self.keys, row, strict=False)
            )
            + ")"
            for row in found
        )

    def _select(self, names: tuple[str, ...]) -> str:
        items = ", ".join(f"{quoted(name)}::pg_catalog.text" for name in names)
        return f"SELECT {items} FROM {quoted(self.relation.schema)}.{quoted(self.relation.name)}"


def shown_rows(source: str, analysis: Analysis, catalog: Catalog) -> Shown:
    """Which rows are shown of the one statement. Raises NotCountable where no question can be made of it."""
    ((kind, body),) = parse(source)[0]["stmt"].items()
    if kind in _MADE:
        return _made(kind, body, analysis, catalog)
    (facts,) = analysis.statements
    if kind == "SelectStmt":
        raise NotCountable("it changes rows inside WITH")
    if any(effect.kind == "sequence" for effect in facts.effects):
        raise NotCountable("it uses up numbers of a sequence")
    text = countable(source, parameters=True)
    schema, name = text.relation
    if name in text.ctes:
        raise NotCountable("which table it changes cannot be told")
    relation = _target(schema, name, (Action.UPDATE, Action.DELETE), analysis, catalog)
    keys, names = key_names(relation), _sample(relation)
    before = text.rows((*keys, *names), SAMPLE_ROWS)
    if text.sets & set(keys):
        return Shown(relation=relation, keys=(), names=names, before=text.rows(names, SAMPLE_ROWS), notes=(NEW_KEYS,))
    return Shown(relation=relation, keys=keys, names=names, before=before)


def key_names(relation: Relation) -> tuple[str, ...]:
    """By what a row is found again; nothing where there is no primary key."""
    by_number = {column.attnum: column.name for column in relation.columns}
    return tuple(by_number[number] for number in relation.primary_key if number in by_number)


def _made(kind: str, body: Node, analysis: Analysis, catalog: Catalog) -> Shown:
    named = body["relation"]
    relation = _target(named.get("schemaname", ""), named["relname"], (_MADE[kind],), analysis, catalog)
    if relation.kind not in _NUMBERED:
        raise NotCountable("it writes into something other than a table")
    clauses = [clause["MergeWhenClause"] for clause in body.get("mergeWhenClauses", ())]
    conflict = body.get("onConflictClause", {})
    if kind == "InsertStmt" and conflict.get("action") != "ONCONFLICT_UPDATE":
        return Shown(relation=relation, keys=(), names=_sample(relation))
    updates = [conflict, *(clause for clause in clauses if clause.get("commandType") == "CMD_UPDATE")]
    sets = {item["ResTarget"].get("name", "") for one in updates for item in one.get("targetList", ())}
    keys = key_names(relation)
    is_unique = relation.kind is RelationKind.PARTITIONED or not relation.children  # keys of children are their own
    if not keys or sets & set(keys) or not is_unique:
        return Shown(relation=relation, keys=(), names=_sample(relation), notes=(AFTERWARDS_ONLY,))
    return Shown(
        relation=relation, keys=keys, names=_sample(relation), replaces=True, tables=_tables(relation, catalog)
    )


def _tables(relation: Relation, catalog: Catalog) -> frozenset[str]:
    """It, and all partitions or children below it."""
    found, left = set[str](), [relation.oid]
    while left:
        one = catalog.relations.get(left.pop())
        if one is not None and (name := f"{one.schema}.{one.name}") not in found:
            found.add(name)
            left += one.children
    return frozenset(found)


def _target(schema: str, name: str, actions: tuple[Action, ...], analysis: Analysis, catalog: Catalog) -> Relation:
    (facts,) = analysis.statements
    changed = {e.relation for e in facts.effects if e.action in actions and "by" not in e.facts}
    found = [
        relation
        for relation in (catalog.relations.get(oid) for oid in changed if oid is not None)
        if relation is not None and relation.name == name and schema in ("", relation.schema)
    ]
    if len(found) != 1:
        raise NotCountable("which table it changes cannot be told")
    return found[0]


def _sample(relation: Relation) -> tuple[str, ...]:
    return tuple(column.name for column in relation.columns[:SAMPLE_COLUMNS])


def _literal(value: str | None) -> str:
    # Strings are standard ones, or the session would have ended.
    return "NULL" if value is None else "'" + value.replace("'", "''") + "'"


def _numbers(writers: Collection[str]) -> str:
    if not all(number.isascii() and number.isdigit() for number in writers):
        raise ValueError("a transaction without a number")
    numbers = ", ".join(f"'{number}'" for number in sorted(writers))
    return f"ARRAY[{numbers}]::pg_catalog.xid[]"
