"""What rules that decide held statements may ask of one: drawn from its analysis, where it was judged.

Values in, a value out; knows no session.
"""

from __future__ import annotations

from govproxy.approvals.values import Nature
from govproxy.policy.attributes import estimated_rows
from govproxy.policy.touched import Ground, chain, touched_columns
from govproxy.session.snapshot import DatabaseSnapshot
from govproxy.sql.parse import UnparsableStatement
from govproxy.sql.remarks import ticket_words
from govproxy.sql.values import Action, Analysis, Effect, StatementFacts

_MOST_SENSITIVE = 4
_UNKNOWN = "unknown"
# Whose rows matter to whoever lets them happen.
_COUNTED = frozenset({Action.INSERT, Action.UPDATE, Action.DELETE, Action.MERGE, Action.TRUNCATE, Action.COPY_IN})


def nature_of(
    text: str, analysis: Analysis, snapshot: DatabaseSnapshot, search_path: tuple[str, ...] | None = None
) -> Nature:
    """The nature of a whole text. What is not known reads as the worst."""
    ground = Ground(snapshot.catalog, snapshot.classification)
    parts = [part for statement in analysis.statements for part in chain(statement)]
    effects = [effect for part in parts for effect in part.effects]
    unresolved = tuple(name for part in parts for name in part.unresolved)
    opaque = any(part.opaque or part.outputs is None for part in parts) or bool(unresolved)
    classes = [
        found
        for statement in analysis.statements
        for column in touched_columns(statement, ground)
        if (found := ground.class_of(column)) is not None
    ]
    tags = {tag for found in classes for tag in found.sensitive.tags} | ({_UNKNOWN} if unresolved else set())
    functions = {effect.object for effect in effects if effect.kind == "function"}
    return Nature(
        tag=", ".join(dict.fromkeys(statement.tag for statement in analysis.statements)),
        actions=tuple(sorted({effect.action.value for effect in effects})),
        tables=_tables(parts, ground),
        tags=tuple(sorted(tags)),
        sensitivity=max([found.sensitive.level for found in classes] + [_MOST_SENSITIVE if unresolved else 0]),
        functions=tuple(sorted(functions | {str(e.facts["function"]) for e in effects if "function" in e.facts})),
        wheres=tuple(sorted({str(effect.facts["where"]) for effect in effects if "where" in effect.facts})),
        opaque=opaque,
        estimated_rows=_rows(effects, ground),
        tickets=_tickets(text),
        targets=_targets(effects),
        search_path=search_path,
    )


def _tables(parts: list[StatementFacts], ground: Ground) -> tuple[str, ...]:
    reads = (ground.relation(oid) for part in parts for oid in part.reads)
    names = {f"{relation.schema}.{relation.name}" for relation in reads if relation is not None}
    names |= {e.object for part in parts for e in part.effects if e.relation is not None or "where" in e.facts}
    return tuple(sorted(names | {name for part in parts for name in part.unresolved}))


def _rows(effects: list[Effect], ground: Ground) -> int:
    """The sum over what is changed, or over everything where nothing is; -1 where any of it is unknown."""
    changed = [effect for effect in effects if effect.action in _COUNTED]
    figures = [estimated_rows(effect, ground) for effect in changed or effects]
    return -1 if not figures or any(figure < 0 for figure in figures) else sum(figures)


def _targets(effects: list[Effect]) -> tuple[tuple[str, int, str, str], ...]:
    return tuple(
        sorted(
            {
                (effect.action.value, effect.relation, effect.object, str(effect.facts.get("via", "")))
                for effect in effects
                if effect.relation is not None and not effect.temporary
            }
        )
    )


def _tickets(text: str) -> tuple[str, ...]:
    try:
        return ticket_words(text)
    except UnparsableStatement:
        return ()
