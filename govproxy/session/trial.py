"""What of a held statement is tried when it is rehearsed: its messages, its verdict, the questions about its rows.

Made where the statement is held, from the verdict that it would run by. Says no where a trial could not be taken back
or would not be what a direct run is.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from govproxy._fastpath.conversation import Conversation
from govproxy._fastpath.verdicts import Verdict
from govproxy.session.judgement import Basis, analysis_of, approved
from govproxy.session.rehearsable import NotRehearsable, must_be_plain
from govproxy.session.rehearsal import Trial
from govproxy.session.trialrows import Given, shown_rows
from govproxy.sql.counting import NotCountable

if TYPE_CHECKING:
    from govproxy.session.gate import Gate

# A Query; or Bind, what describes it, one Execute, what closes it, and the Sync.
WHOLE = re.compile(rb"Q|B[DH]*E[CH]*S")


def trial_of(gate: Gate, conversation: Conversation, verdict: Verdict, bound: bytes | None, *, until: float) -> Trial:
    """The trial of the statement that waits, ``bound`` the body of its Bind. Raises NotRehearsable, with the reason
    for reviewers."""
    basis: Basis = verdict.basis
    analysis, catalog, source = analysis_of(verdict), gate.snapshot.catalog, verdict.text.decode(gate.codec)
    counts = basis.decision is not None and bool(basis.decision.counts)
    if conversation.catalog_touched:
        raise NotRehearsable("its transaction has changed the catalog")
    if verdict.forward is not None or (verdict.bound is not None and verdict.bound.extras):
        raise NotRehearsable("masked values in it are translated")
    if conversation.limits is not None:
        raise NotRehearsable("the policy limits how much it may return or change, which is measured while it runs")
    if verdict.copy is not None or verdict.copies_in or verdict.copies_out or (verdict.changes_session and not counts):
        raise NotRehearsable("it does more than change rows")
    must_be_plain(source, analysis, catalog, gate.search_path)
    whole = WHOLE.match(conversation.waiting)
    if whole is None:
        raise NotRehearsable("it is part of a longer pipeline, or its client has not sent all of it")
    notes: tuple[str, ...] = ()
    shown = None
    try:
        shown = shown_rows(source, analysis, catalog)
        notes = shown.notes
    except NotCountable as why:
        notes = (f"its rows are not shown: {why}",)
    return Trial(
        # What it touches is as it was, or it would have been asked for anew.
        verdict=approved(verdict, until=until, context_id=conversation.context_id),
        messages=whole.end(),
        simple=whole[0] == b"Q",
        codec=gate.codec,
        shown=shown,
        given=None if bound is None else Given.of(bound),
        notes=notes,
    )
