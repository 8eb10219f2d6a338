"""A decision in plain words and plain values, for ``govproxy explain`` and its ``--json``.

Says what ``engine.decide`` decided and what each output column would show. Decides nothing itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from govproxy.masking.values import Classification, Masker
from govproxy.policy.columns import column_right, sees_everything
from govproxy.policy.limits import FIGURES, SessionLimits, limits_for
from govproxy.policy.rules import Policy
from govproxy.policy.touched import Ground
from govproxy.policy.values import ColumnRight, Compare, Decision, Request, See
from govproxy.sql.catalog import Catalog, ColumnRef
from govproxy.sql.values import Derivation, Effect, StatementFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One base column behind an output. ``class_name`` '' and full rights when it is clean."""

    column: str
    class_name: str
    tags: tuple[str, ...]
    level: int
    reason: str
    right: ColumnRight
    masker: Masker | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """One column of the result. ``shown`` is what policy says; the plan may only show less."""

    name: str
    derivation: Derivation
    sources: tuple[Source, ...]
    shown: str  # clear | masked | redacted | none


_CLEAN = ColumnRight(see=See.CLEAR, compare=Compare.ANY)


def outputs(
    request: Request, statement: StatementFacts, policy: Policy, classification: Classification, catalog: Catalog
) -> tuple[Output, ...]:
    """The output columns of one statement with their sources and rights; () when it returns none."""
    ground = Ground(catalog, classification)
    clear = sees_everything(request.identity, request.database, request.environment, policy)
    found: list[Output] = []
    for output in statement.outputs or ():
        columns = sorted(
            {column for ref in output.sources for column in ground.expanded(ref)},
            key=lambda column: (column.relation, column.attnum),
        )
        sources = tuple(_source(request, column, policy, ground) for column in columns)
        shown = "clear" if clear else _shown(output.derivation, sources)
        found.append(Output(name=output.name, derivation=output.derivation, sources=sources, shown=shown))
    return tuple(found)


def _source(request: Request, column: ColumnRef, policy: Policy, ground: Ground) -> Source:
    found = ground.class_of(column)
    if found is None:
        return Source(
            column=ground.name(column), class_name="", tags=(), level=0, reason="clean", right=_CLEAN, masker=None
        )
    right = column_right(
        request.identity,
        request.database,
        request.environment,
        found,
        ground.relation(column.relation),
        ground.column_name(column),
        policy,
    )
    return Source(
        column=ground.name(column),
        class_name=found.sensitive.name,
        tags=tuple(sorted(found.sensitive.tags)),
        level=found.sensitive.level,
        reason=found.reason,
        right=right,
        masker=(right.masker or found.sensitive.masker) if right.see is See.MASKED else None,
    )


def _shown(derivation: Derivation, sources: tuple[Source, ...]) -> str:
    if derivation in (Derivation.CONSTANT, Derivation.AGGREGATE_SAFE):
        return "clear"
    sees = {source.right.see for source in sources}
    if See.NONE in sees:
        return "none"
    if derivation is Derivation.OPAQUE:
        return "redacted"
    if See.MASKED in sees:
        # As in ``masking.plan``: clean sources (a view's own column beside its base's) do not make it several.
        sensitive = [source for source in sources if source.class_name]
        return "masked" if derivation is Derivation.PLAIN and len(sensitive) == 1 else "redacted"
    return "clear"


def describe(
    request: Request, decision: Decision, columns: tuple[tuple[Output, ...], ...], policy: Policy
) -> dict[str, Any]:
    """Everything as JSON values. ``columns``: one tuple of outputs per statement, from ``outputs``."""
    known = {rule.name: rule for rule in policy.rules}
    return {
        "decision": decision.verb.value,
        "rules": [
            {"name": name, "effect": known[name].effect.value if name in known else decision.verb.value}
            for name in decision.rules
        ],
        "shadow": list(decision.shadow),
        "refusal": None
        if decision.refusal is None
        else {
            "rule": decision.refusal.rule,
            "object": decision.refusal.object,
            "message": decision.refusal.message,
            "hint": decision.refusal.hint,
        },
        "approvers": sorted(decision.approvers),
        "sees_everything": decision.clear,
        "depends_on_moment": decision.varies,
        "ends_session": decision.ends_session,
        "policy_version": decision.policy_version,
        "limits": _limits(limits_for(request.identity, request.database, request.environment, policy)),
        "identity": {
            "user": request.identity.user,
            "groups": sorted(request.identity.groups),
            "agent": request.identity.agent,
            "on_behalf_of": request.identity.on_behalf_of,
        },
        "database": request.database,
        "environment": request.environment,
        "statements": [
            {
                "tag": statement.tag,
                "effects": [_effect(effect) for effect in statement.effects],
                "opaque": statement.opaque,
                "outputs": [_output(output) for output in shown],
            }
            for statement, shown in zip(request.analysis.statements, columns, strict=True)
        ],
    }


def _limits(limits: SessionLimits) -> dict[str, Any]:
    figures = {name: getattr(limits, name) for name in FIGURES}
    found: dict[str, Any] = {
        name: {"figure": figure.value, "rule": figure.rule} for name, figure in figures.items() if figure is not None
    }
    return found | ({"transactions": {"figure": "read_only", "rule": limits.read_only}} if limits.read_only else {})


def _effect(effect: Effect) -> dict[str, Any]:
    return {
        "action": effect.action.value,
        "kind": effect.kind,
        "object": effect.object,
        "columns": list(effect.columns),
        "facts": dict(effect.facts),
    }


def _output(output: Output) -> dict[str, Any]:
    return {
        "name": output.name,
        "derivation": output.derivation.value,
        "shown": output.shown,
        "sources": [
            {
                "column": source.column,
                "class": source.class_name,
                "tags": list(source.tags),
                "level": source.level,
                "reason": source.reason,
                "see": source.right.see.value,
                "compare": source.right.compare.value,
                "mask": source.masker.value if source.masker else None,
                "rule": source.right.rule,
            }
            for source in output.sources
        ],
    }
