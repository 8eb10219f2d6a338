"""What the gate has decided about one text, as a verdict: its basis, its line for the ledger, its refusals.

Values and how they are made; what a decision reads is the gate's. Knows no session.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from govproxy._fastpath.verdicts import Outcome, Verdict
from govproxy.audit.events import statement_fragment
from govproxy.errors import GovproxyError, Reason
from govproxy.policy.grants import Grant
from govproxy.policy.limits import writes
from govproxy.policy.values import Decision, Verb
from govproxy.session.copying import Copies
from govproxy.session.figures import Miss
from govproxy.session.history import NO_COUNTS, Counts
from govproxy.session.obligations import Obligations
from govproxy.session.translation import NOTHING, Translation
from govproxy.sql.analyze import NO_SHADOW, Shadow
from govproxy.sql.redact import redact
from govproxy.sql.values import Action, Analysis, Effect

UNREADABLE = "unreadable-statement"
# Command tags of what may return rows without any column, as `SELECT FROM t` does.
BARE_ROWS = frozenset({"SELECT", "EXECUTE", "FETCH"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """What a verdict rests on, kept with it for the rows and errors to come."""

    analysis: Analysis | None
    obligations: Obligations | None
    refusal: GovproxyError | None
    decision: Decision | None = None
    translation: Translation = NOTHING
    shadow: Shadow = NO_SHADOW  # what names made in SQL stood for when this was judged
    counts: Counts = NO_COUNTS
    grants: tuple[Grant, ...] = ()  # that were looked at
    until: float | None = None  # of what was approved: when that ends


def verdict_of(
    text: bytes, context_id: int, basis: Basis, *, copies: Copies, changes_session: bool, passing: bool
) -> Verdict:
    """The verdict that follows from its basis. ``changes_session``: by more than is seen in the analysis. ``passing``:
    it stands for this moment only, because names mean something else than the catalog says.

    Raises AssertionError where the basis is of a text that was not understood.
    """
    analysis, decision, obligations, translation = basis.analysis, basis.decision, basis.obligations, basis.translation
    if analysis is None or decision is None or obligations is None:
        raise AssertionError("a verdict without a decision")
    held = decision.verb is Verb.HOLD
    changes = [statement.session for statement in analysis.statements]
    changes_catalog = any(change.catalog or change.creates_temporary for change in changes)
    return Verdict(
        outcome=Outcome.DENY if basis.refusal else Outcome.HOLD if held else Outcome.ALLOW,
        text=text,
        context_id=context_id,
        fragment=fragment_of(analysis, decision, obligations, translation, refused=basis.refusal is not None),
        basis=basis,
        forward=translation.forward,
        bound=translation.bound,
        clear=decision.clear,
        returns_rows=any(s.outputs is None or s.outputs or s.tag in BARE_ROWS for s in analysis.statements),
        copies_in=any(s.copies_in for s in analysis.statements),
        copy=None if basis.refusal else copies.out,
        copy_guard=copies.guard,
        copies_out=any(
            e.action is Action.COPY_OUT and "by" not in e.facts for s in analysis.statements for e in s.effects
        ),
        tainted=not decision.clear and obligations.tainted,
        changes_session=changes_session
        or changes_catalog
        or bool(decision.counts)
        or any(change.settings or change.prepares or change.cursors for change in changes),
        changes_catalog=changes_catalog,
        # Security: who has to be asked is asked each time.
        cacheable=analysis.cacheable
        and not decision.varies
        and not decision.asks_rows
        and not basis.grants
        and not held
        and not passing,
        writes=any(map(writes, analysis.statements)),
    )


def fragment_of(
    analysis: Analysis, decision: Decision, obligations: Obligations, translation: Translation, *, refused: bool
) -> bytes:
    """The part of the statement's ledger line that is known beforehand."""
    return statement_fragment(
        sql=analysis.redacted_sql,
        digest=analysis.digest,
        effects=[_effect_note(e) for s in analysis.statements for e in s.effects],
        tables=obligations.tables,
        columns=obligations.columns,
        decision=(Verb.DENY if refused and decision.verb is Verb.ALLOW else decision.verb).value,
        rules=[*decision.rules, *([Reason.MASKED_WRITE.value] if translation.written_back else [])],
        translated=translation.places,
        added=analysis.added if analysis.certain else (*analysis.added, "no answer"),
        shadow=list(decision.shadow),
        masks=obligations.masks,
        policy_version=decision.policy_version,
    )


def unreadable(text: bytes, error: GovproxyError, source: str | None, policy_version: str) -> Verdict:
    """The denial of a text that was not understood. ``source``: the text, if it could be decoded."""
    redacted, digest = redact(source) if source is not None else ("<unreadable statement>", "")
    return Verdict(
        outcome=Outcome.DENY,
        text=text,
        context_id=0,
        fragment=statement_fragment(
            sql=redacted,
            digest=digest,
            effects=[{"action": Action.UNKNOWN.value}],
            tables=[],
            columns=[],
            decision=Verb.DENY.value,
            rules=[UNREADABLE],
            masks=[],
            policy_version=policy_version,
        ),
        basis=Basis(analysis=None, obligations=None, refusal=error),
        cacheable=False,
    )


def denied(verdict: Verdict, refusal: GovproxyError, fragment: bytes | None = None) -> Verdict:
    """The same verdict as a denial, for this once; with another ``fragment`` where one is given."""
    return Verdict(
        outcome=Outcome.DENY,
        text=verdict.text,
        context_id=verdict.context_id,
        fragment=verdict.fragment if fragment is None else fragment,
        basis=Basis(analysis=None, obligations=None, refusal=refusal),
        cacheable=False,
    )


def approved(verdict: Verdict, *, until: float, context_id: int | None = None) -> Verdict:
    """A held verdict as one that lets this one run pass, if it begins before ``until``; in another context if given."""
    return Verdict(
        outcome=Outcome.ALLOW,
        text=verdict.text,
        context_id=verdict.context_id if context_id is None else context_id,
        fragment=verdict.fragment,
        basis=replace(verdict.basis, until=until),
        forward=verdict.forward,
        bound=verdict.bound,
        clear=verdict.clear,
        returns_rows=verdict.returns_rows,
        copies_in=verdict.copies_in,
        copies_out=verdict.copies_out,
        copy=verdict.copy,
        copy_guard=verdict.copy_guard,
        tainted=verdict.tainted,
        changes_session=verdict.changes_session,
        changes_catalog=verdict.changes_catalog,
        cacheable=False,
        writes=verdict.writes,
        decided=True,
    )


def until_bound(verdict: Verdict) -> Verdict:
    """Lets Parse of a refused text through, which runs nothing: Bind judges it again, since this is not kept."""
    return Verdict(
        outcome=Outcome.ALLOW,
        text=verdict.text,
        context_id=verdict.context_id,
        fragment=verdict.fragment,
        basis=replace(verdict.basis, refusal=None),
        clear=verdict.clear,
        returns_rows=verdict.returns_rows,
        tainted=verdict.tainted,
        cacheable=False,
    )


def not_approved(verdict: Verdict, refusal: GovproxyError) -> Verdict:
    """A held verdict as the denial of this one run."""
    return Verdict(
        outcome=Outcome.DENY,
        text=verdict.text,
        context_id=verdict.context_id,
        fragment=verdict.fragment,
        basis=Basis(analysis=verdict.basis.analysis, obligations=None, refusal=refusal),
        cacheable=False,
        decided=True,
    )


def analysis_of(verdict: Verdict) -> Analysis:
    """The analysis behind a statement that was let through."""
    basis: Basis = verdict.basis
    if basis.analysis is None:
        raise AssertionError("a refused statement was forwarded")
    return basis.analysis


def why_missed(verdict: Verdict | None) -> Miss:
    """Why the cache could not know this verdict."""
    if verdict is None:
        return Miss.WAITED
    basis: Basis = verdict.basis
    if verdict.cacheable:
        return Miss.NEW
    if basis.analysis is None:
        return Miss.UNREADABLE
    return Miss.VARIES if basis.analysis.cacheable else Miss.SESSION


def _effect_note(effect: Effect) -> dict[str, object]:
    note: dict[str, object] = {"action": effect.action.value}
    if effect.object:
        note["object"] = effect.object
    if effect.kind:
        note["kind"] = effect.kind
    if effect.facts:
        note["facts"] = dict(effect.facts)
    if effect.temporary:
        note["temporary"] = True
    return note
