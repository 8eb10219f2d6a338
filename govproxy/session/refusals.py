"""A decision that does not let a statement pass, as the error its client gets.

Names rule, action and object for programs (docs/errors.md), and what would pass for people. Decides
nothing.
"""

from __future__ import annotations

from govproxy.errors import GovproxyError, Reason, Retry, StatementCancelled, StatementDenied, StatementTimeout
from govproxy.policy.rules import LoopBreaker
from govproxy.policy.values import Decision, Verb


def refusal_of(decision: Decision) -> GovproxyError | None:
    """The error of a decision; None when it allows, or somebody is to be asked."""
    match decision.verb:
        case Verb.ALLOW | Verb.HOLD:
            return None
        case Verb.DENY:
            refusal = decision.refusal
            if refusal is None:
                raise AssertionError("a denial without a reason")
            return StatementDenied(
                refusal.message,
                hint=refusal.hint,
                reason=refusal.reason,
                facts={"rule": refusal.rule, "action": refusal.action, "object": refusal.object},
            )
        case _:
            raise AssertionError(decision.verb)


def ending(refusal: GovproxyError) -> tuple[bytes, bytes]:
    """How a held statement ended that was not approved: a word for the ledger, and the SQLSTATE."""
    match refusal:
        case StatementTimeout():
            word = b"timed_out"
        case StatementCancelled():
            word = b"cancelled"
        case _:
            word = b"denied"
    return word, refusal.sqlstate.encode()


def unasked(decision: Decision, hint: str) -> StatementDenied:
    """The refusal of what would have to be approved, where it cannot be asked for."""
    return StatementDenied(
        f"the statement needs an approval (rule {', '.join(decision.rules)})",
        hint=hint,
        reason=Reason.NEEDS_APPROVAL,
        facts={"rule": ",".join(decision.rules), "approvers": ",".join(sorted(decision.approvers))},
    )


def written_back(columns: tuple[str, ...]) -> StatementDenied:
    """The refusal of a masked value that was to be stored in one of these columns."""
    named = ", ".join(columns)
    rule = Reason.MASKED_WRITE.value
    return StatementDenied(
        f"storing a masked value in {named} is not allowed (rule {rule})",
        hint="What was read masked is not the data: leave the column out of the statement, or write a real value.",
        reason=Reason.MASKED_WRITE,
        facts={"rule": rule, "object": named},
    )


# What lets it pass after all: `passes=` of a refusal that has come too often.
_PASSES = {Retry.NO: "with-permission", Retry.CHANGED: "changed", Retry.LATER: "later"}


def repeated(error: GovproxyError, count: int, breaker: LoopBreaker) -> StatementDenied:
    """The same refusal for the ``count``-th time, for a model to read: stop, and ask somebody."""
    ends = f" At {breaker.end_session_after} this session ends." if breaker.end_session_after else ""
    if error.retry is Retry.LATER:
        nothing = "asking more often changes nothing"
        stop = "Wait: the same passes once what it waits for has happened; ask once a minute at most."
    else:
        nothing = "repeating it changes nothing"
        stop = "Stop and ask the person you act for."
    again = StatementDenied(
        f"{error.message}; refused {count} times within {breaker.within_s} s: {nothing} (loop breaker)",
        hint=f"{stop}{ends} {error.hint or ''}".rstrip(),
        reason=Reason.REPEATED,
        facts={
            **error.facts,
            "stopped_by": "loop-breaker",
            "refused": str(count),
            "because": error.reason.value,
            "passes": "after-approval" if error.reason is Reason.NEEDS_APPROVAL else _PASSES[error.retry],
        },
        retry=error.retry,
    )
    again.sqlstate = error.sqlstate  # it is the same refusal, whatever is said with it
    return again
