"""Which rows of a trial are shown, and what is asked for them on its own connection.

Of an UPDATE or DELETE the rows as they were, by its own condition, and by their keys afterwards. Of an INSERT or MERGE
those that bear the number of the trial's transaction once it ran: its condition, or its source, may not find the same
rows a second time. Values in, values out; knows no session.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from govproxy.approvals.rehearsals import Row
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
# Until the savepoint behind which a question stands is rolled back.
BRIEFLY = f"SET LOCAL statement_timeout = {QUESTION_TIMEOUT_MS}"

AFTERWARDS_ONLY = "rows that it changes are shown as they are afterwards, and those that it deletes are not shown"
NEW_KEYS = "its rows are shown as they were only: it changes what they would be found by"
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
    ``keys`` may be empty: then those that were are not found again.
    """

    relation: Relation
    keys: tuple[str, ...]
    names: tuple[str, ...]
    before: str = ""
    notes: tuple[str, ...] = ()

    def after(self, found: Sequence[Row]) -> str:
        """The question for the same rows: their keys first."""
        either = " OR ".join(
            "("
            + " AND ".join(
                f"{quoted(name)}::pg_catalog.text OPERATOR(pg_catalog.=) {_literal(value)}"
                for name, value in zip(self.keys, row, strict=False)
            )
            + ")"
            for row in found
        )
        return f"{self._select((*self.keys, *self.names))} WHERE {either}"

    def again(self, found: Sequence[Row], rows: Sequence[Row]) -> tuple[Row | None, ...]:
        """The rows afterwards, in the order of those before; None for one that is gone."""
        size = len(self.keys)
        there = {row[:size]: row[size:] for row in rows}
        return tuple(there.get(row[:size]) for row in found)

    def made_by(self, writers: Collection[str]) -> str:
        """The question for rows that were written under these numbers (of `WRITERS`)."""
        if not all(number.isascii() and number.isdigit() for number in writers):
            raise ValueError("a transaction without a number")
        numbers = ", ".join(f"'{number}'" for number in sorted(writers))
        mine = f"xmin OPERATOR(pg_catalog.=) ANY (ARRAY[{numbers}]::pg_catalog.xid[])"
        return f"{self._select(self.names)} WHERE {mine} LIMIT {SAMPLE_ROWS}"

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
    updates = body.get("onConflictClause", {}).get("action") == "ONCONFLICT_UPDATE"
    inserts_only = kind == "InsertStmt" and not updates
    return Shown(relation=relation, keys=(), names=_sample(relation), notes=() if inserts_only else (AFTERWARDS_ONLY,))


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
