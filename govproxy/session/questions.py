"""What is asked of the database about a statement before it is decided, one thing after the other.

First what it makes of the text (`lineage: strict`), then, where a rule wants to know, how many rows it
expects. Each may have the statement wait; without anything to ask it is decided at once.
"""

from __future__ import annotations

from collections.abc import Callable

from govproxy._fastpath.conversation import Conversation
from govproxy._fastpath.verdicts import Outcome, Verdict
from govproxy.errors import StatementTimeout
from govproxy.session.asking import CANCELED, Answer, Wanted, ask
from govproxy.session.estimate import Estimate
from govproxy.session.judgement import Basis, denied, until_bound
from govproxy.session.opinion import Opinion
from govproxy.session.waiting import Waiting
from govproxy.sql.catalog import Catalog
from govproxy.sql.values import Analysis

Decide = Callable[[Conversation, bytes, Analysis], Verdict]
Anew = Callable[[Conversation, bytes], Verdict | None]


class Questions:
    """Of one statement. ``decide`` makes the verdict of an analysis, ``anew`` begins with the text again."""

    def __init__(self, waiting: Waiting, decide: Decide, anew: Anew) -> None:
        self._waiting = waiting
        self._decide = decide
        self._anew = anew

    def judged(
        self, conversation: Conversation, text: bytes, analysis: Analysis, codec: str, catalog: Catalog, *, strict: bool
    ) -> Verdict | None:
        """The verdict, or None while an answer is waited for."""
        if not strict:
            return self._weighed(conversation, text, analysis, codec, catalog)
        opinion = Opinion(text, codec, conversation.declared, analysis, catalog)

        def then(answer: Answer) -> Verdict | None:
            return self._weighed(conversation, text, opinion.agreed(answer), codec, catalog)

        if opinion.is_wanted and self._ask(conversation, text, opinion.question, then):
            return None
        return self._weighed(conversation, text, opinion.without_answer, codec, catalog)

    def _weighed(
        self, conversation: Conversation, text: bytes, analysis: Analysis, codec: str, catalog: Catalog
    ) -> Verdict | None:
        verdict = self._decide(conversation, text, analysis)
        basis: Basis = verdict.basis
        if basis.decision is None or not basis.decision.asks_rows:
            return verdict
        estimate = Estimate(text, codec, analysis, catalog, conversation.declared, conversation.binding)

        def then(answer: Answer) -> Verdict | None:
            return self._decide(conversation, text, estimate.weighed(answer))

        if estimate.is_wanted and self._ask(conversation, text, estimate.question, then):
            return None
        if estimate.comes_with_values and verdict.outcome is Outcome.DENY:
            # Parse runs nothing. Whether it may run is decided by the values.
            return until_bound(verdict)
        return verdict

    def _ask(
        self, conversation: Conversation, text: bytes, wanted: Wanted, then: Callable[[Answer], Verdict | None]
    ) -> bool:
        context = conversation.context_id

        def answered(answer: Answer) -> Verdict | None:
            if conversation.context_id != context:
                return self._anew(conversation, text)  # things have changed since
            verdict = then(answer)
            if answer.sqlstate == CANCELED and verdict is not None:
                return denied(verdict, StatementTimeout("canceling statement due to user request or timeout"))
            return verdict

        return ask(self._waiting, conversation, wanted, answered)
