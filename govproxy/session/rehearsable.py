"""Whether a held statement may be tried before anybody has approved it, and what is asked about its rows.

What it does itself must be taken back by a rollback: it changes and reads rows of tables, and calls nothing that
is not known to be harmless. What tables bring along (triggers, cascades, checks) runs because the policy, or a
reviewer, wants it seen. Values in, values out; knows no session.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from govproxy.approvals.rehearsals import Row
from govproxy.sql.analyze import analyze
from govproxy.sql.catalog import Catalog, Relation, RelationKind
from govproxy.sql.counting import NotCountable, countable, quoted
from govproxy.sql.parse import UnparsableStatement
from govproxy.sql.values import Action, Analysis

SAMPLE_ROWS = 5
SAMPLE_COLUMNS = 40

TAGS = frozenset({"INSERT", "UPDATE", "DELETE", "MERGE"})
PLAIN = frozenset({Action.SELECT, Action.INSERT, Action.UPDATE, Action.DELETE, Action.MERGE})
ACTIVE = frozenset({"sequence", "function", "operator"})
_ELSEWHERE = frozenset({RelationKind.FOREIGN_TABLE})


class NotRehearsable(Exception):
    """Why a statement is not tried; the text is for reviewers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """The rows of which some are shown: as they were, asked for by ``before``, and by their keys afterwards.

    ``keys`` may be empty: then they are not found again.
    """

    relation: Relation
    keys: tuple[str, ...]
    names: tuple[str, ...]
    before: str

    def after(self, found: Sequence[Row]) -> str:
        """The question for the same rows: their keys first."""
        items = ", ".join(f"{quoted(name)}::pg_catalog.text" for name in (*self.keys, *self.names))
        either = " OR ".join(
            "("
            + " AND ".join(
                f"{quoted(name)}::pg_catalog.text OPERATOR(pg_catalog.=) {_literal(value)}"
                for name, value in zip(self.keys, row, strict=False)
            )
            + ")"
            for row in found
        )
        return f"SELECT {items} FROM {quoted(self.relation.schema)}.{quoted(self.relation.name)} WHERE {either}"

    def again(self, found: Sequence[Row], rows: Sequence[Row]) -> tuple[Row | None, ...]:
        """The rows afterwards, in the order of those before; None for one that is gone."""
        size = len(self.keys)
        there = {row[:size]: row[size:] for row in rows}
        return tuple(there.get(row[:size]) for row in found)


def must_be_plain(source: str, analysis: Analysis, catalog: Catalog, path: tuple[str, ...] | None) -> None:
    """Raises NotRehearsable unless the statement itself does nothing but read and change rows of tables.

    Security: what it calls would run, approved or not.
    """
    if len(analysis.statements) != 1:
        raise NotRehearsable("it is several statements in one")
    if analysis.statements[0].tag not in TAGS:
        raise NotRehearsable("only INSERT, UPDATE, DELETE and MERGE are rehearsed")
    touched = {oid for statement in analysis.statements for oid in statement.reads}
    touched |= {e.relation for statement in analysis.statements for e in statement.effects if e.relation is not None}
    reached = [relation for oid in touched if (relation := catalog.relations.get(oid)) is not None]
    if any(relation.kind in _ELSEWHERE for relation in reached):
        raise NotRehearsable("it reaches a table of another server")
    bare = dict(catalog.relations)
    for relation in reached:
        bare[relation.oid] = replace(relation, triggers=(), has_triggers=False, references=(), runs=())
    try:
        (facts,) = analyze(source, replace(catalog, relations=bare), path).statements
    except UnparsableStatement:
        raise NotRehearsable("it cannot be read") from None
    for effect in facts.effects:
        if effect.kind == "sequence":
            continue  # a number that is used up is a gap, as after any rollback
        if effect.action not in PLAIN or effect.kind in ACTIVE or "function" in effect.facts or effect.temporary:
            raise NotRehearsable("it does more than change rows")
    if facts.opaque or facts.unresolved:
        raise NotRehearsable("it calls something that is not known to be harmless")


def shown_rows(source: str, analysis: Analysis, catalog: Catalog) -> Shown:
    """Which rows are shown. Raises NotCountable where no question can be made of it."""
    (facts,) = analysis.statements
    if any(effect.kind == "sequence" for effect in facts.effects):
        raise NotCountable("it uses up numbers of a sequence")
    text = countable(source)
    schema, name = text.relation
    changed = {e.relation for e in facts.effects if e.action in (Action.UPDATE, Action.DELETE) and "by" not in e.facts}
    found = [
        relation
        for relation in (catalog.relations.get(oid) for oid in changed if oid is not None)
        if relation is not None and relation.name == name and schema in ("", relation.schema)
    ]
    if len(found) != 1 or name in text.ctes:
        raise NotCountable("which table it changes cannot be told")
    keys, names = key_names(found[0]), tuple(column.name for column in found[0].columns[:SAMPLE_COLUMNS])
    return Shown(relation=found[0], keys=keys, names=names, before=text.rows((*keys, *names), SAMPLE_ROWS))


def key_names(relation: Relation) -> tuple[str, ...]:
    """By what a row is found again; nothing where there is no primary key."""
    by_number = {column.attnum: column.name for column in relation.columns}
    return tuple(by_number[number] for number in relation.primary_key if number in by_number)


def _literal(value: str | None) -> str:
    # Strings are standard ones, or the session would have ended.
    return "NULL" if value is None else "'" + value.replace("'", "''") + "'"
