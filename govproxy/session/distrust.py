"""What is left of an analysis where a text, or a transaction, redefines what its names mean.

A statement behind ``SET search_path`` or a rename reads something else than the catalog says. What runs
before the first redefinition keeps its facts, and so does what reads nothing.
"""

from __future__ import annotations

from dataclasses import replace

from govproxy.session.redefining import Redefined
from govproxy.sql.catalog import Catalog
from govproxy.sql.values import REDEFINED_NAMES, Action, Analysis, Effect, StatementFacts

# What reads and calls nothing, as far as it returns no rows.
_OF_THE_SESSION = frozenset({Action.SET, Action.CURSOR, Action.LISTEN, Action.TRANSACTION})


def changes_what_it_reads(analysis: Analysis) -> bool:
    # Several statements in one text, one of which redefines things: the others' lineage is a guess.
    return len(analysis.statements) > 1 and any(map(_redefines, analysis.statements))


def _redefines(statement: StatementFacts) -> bool:
    change = statement.session
    return bool(change.catalog or change.settings or change.prepares or change.cursors)


def _means_the_same(statement: StatementFacts) -> bool:
    """Whether it neither reads nor calls anything, so that nothing before it can change what it does."""
    return statement.outputs == () and all(effect.action in _OF_THE_SESSION for effect in statement.effects)


def settled(analysis: Analysis) -> int:
    """How many statements of a text run before anything in it is redefined: those up to the first that does."""
    return next((at for at, statement in enumerate(analysis.statements, 1) if _redefines(statement)), 0)


def changes_catalog(analysis: Analysis) -> bool:
    # Security: what the server says of the origin of a column is looked up in a catalog that is old by then.
    return len(analysis.statements) > 1 and any(s.session.catalog for s in analysis.statements)


def distrusted(
    analysis: Analysis, redefined: Redefined, trusted: int, text: str, catalog: Catalog, *, asks_freely: bool
) -> Analysis:
    """``trusted``: how many of its statements run before anything is redefined. ``asks_freely``: who sends it may
    compare whatever it is."""
    # Security: a comparison with what is called otherwise now may be one with a masked column.
    mentioned = redefined.mentioned(text, analysis)
    compared = Effect(action=Action.UNKNOWN, kind="node", facts={"node": REDEFINED_NAMES})
    return replace(
        analysis,
        statements=tuple(
            s
            if at < trusted or _means_the_same(s)
            else replace(
                s,
                opaque=True,
                outputs=None if s.outputs is None or s.outputs else s.outputs,
                flows=tuple(replace(flow, opaque=True) for flow in s.flows),
                effects=s.effects
                if asks_freely or not redefined.concerns(s, catalog, mentioned=mentioned)
                else (*s.effects, compared),
            )
            for at, s in enumerate(analysis.statements)
        ),
    )
