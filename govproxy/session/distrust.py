"""What is believed of a text when names may mean something else by the time it runs.

Pure: an analysis in, a more careful one out. Sources and suspicion are only added.
"""

from __future__ import annotations

from dataclasses import replace

from govproxy.sql.values import Action, Analysis, Effect


def changes_what_it_reads(analysis: Analysis) -> bool:
    # Several statements in one text, one of which redefines things: the others' lineage is a guess.
    return len(analysis.statements) > 1 and any(
        s.session.catalog or s.session.settings or s.session.prepares or s.session.cursors for s in analysis.statements
    )


def changes_catalog(analysis: Analysis) -> bool:
    # Security: what the server says of the origin of a column is looked up in a catalog that is old by then.
    return len(analysis.statements) > 1 and any(s.session.catalog for s in analysis.statements)


def distrusted(analysis: Analysis, renamed: frozenset[int]) -> Analysis:
    # Security: a comparison with what is called otherwise now may be one with a masked column.
    compared = Effect(action=Action.UNKNOWN, kind="node", facts={"node": "ConditionOnRenamedColumns"})
    return replace(
        analysis,
        statements=tuple(
            replace(
                s,
                opaque=True,
                outputs=None if s.outputs is None or s.outputs else s.outputs,
                flows=tuple(replace(flow, opaque=True) for flow in s.flows),
                effects=(*s.effects, compared) if any(u.column.relation in renamed for u in s.uses) else s.effects,
            )
            for s in analysis.statements
        ),
    )
