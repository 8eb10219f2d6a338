"""A held verdict that is approved is the same one, but for what the approval changes."""

from __future__ import annotations

from govproxy._fastpath.verdicts import Outcome, Verdict
from govproxy.errors import StatementDenied
from govproxy.session.judgement import Basis, approved, not_approved

CHANGED = {"outcome", "basis", "cacheable", "decided"}


def held() -> Verdict:
    return Verdict(
        outcome=Outcome.HOLD,
        text=b"DELETE FROM t",
        context_id=7,
        fragment=b'"decision":"hold"',
        basis=Basis(analysis=None, obligations=None, refusal=None),
        forward=b"DELETE FROM u\0",
        bound=object(),
        clear=True,
        returns_rows=False,
        copies_in=True,
        copies_out=True,
        tainted=False,
        changes_session=True,
        changes_catalog=True,
        cacheable=False,
        writes=True,
    )


def test_an_approved_verdict_has_everything_of_the_held_one() -> None:
    before = held()
    after = approved(before, until=5.0)
    shown = [name for name in dir(Verdict) if not name.startswith("_") and name not in CHANGED]
    assert len(shown) > 10
    assert [name for name in shown if getattr(after, name) != getattr(before, name)] == []
    assert (after.outcome, after.cacheable, after.decided) == (Outcome.ALLOW, False, True)
    assert after.basis.until == 5.0


def test_what_is_not_approved_is_a_denial_for_this_once() -> None:
    refusal = StatementDenied("no")
    after = not_approved(held(), refusal)
    assert (after.outcome, after.cacheable, after.decided) == (Outcome.DENY, False, True)
    assert after.basis.refusal is refusal
