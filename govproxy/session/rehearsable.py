"""Whether a held statement may be tried before anybody has approved it.

What it does itself must be taken back by a rollback: it changes and reads rows of tables, and calls nothing that
is not known to be harmless. What tables bring along (triggers, cascades, checks) runs because the policy, or a
reviewer, wants it seen. Values in, values out; knows no session.
"""

from __future__ import annotations

from dataclasses import replace

from govproxy.sql.analyze import analyze
from govproxy.sql.catalog import Catalog, RelationKind
from govproxy.sql.parse import UnparsableStatement
from govproxy.sql.values import Action, Analysis

TAGS = frozenset({"INSERT", "UPDATE", "DELETE", "MERGE", "SELECT"})
CHANGES = frozenset({Action.INSERT, Action.UPDATE, Action.DELETE, Action.MERGE})
PLAIN = CHANGES | {Action.SELECT}
ACTIVE = frozenset({"sequence", "function", "operator"})
_ELSEWHERE = frozenset({RelationKind.FOREIGN_TABLE})


class NotRehearsable(Exception):
    """Why a statement is not tried; the text is for reviewers."""


def must_be_plain(source: str, analysis: Analysis, catalog: Catalog, path: tuple[str, ...] | None) -> None:
    """Raises NotRehearsable unless the statement itself does nothing but read and change rows of tables.

    Security: what it calls would run, approved or not.
    """
    if len(analysis.statements) != 1:
        raise NotRehearsable("it is several statements in one")
    (whole,) = analysis.statements
    if whole.tag not in TAGS or not any(e.action in CHANGES and "by" not in e.facts for e in whole.effects):
        raise NotRehearsable("only statements that change rows themselves are rehearsed")
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
