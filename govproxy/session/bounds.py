"""What the policy's limits mean for one session: figures for the data plane, words for the client.

The data plane counts and stops; here is what it counts to and what is said then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from govproxy._fastpath.conversation import Conversation
from govproxy._fastpath.guard import Stop
from govproxy._fastpath.limits import Limits
from govproxy.errors import LimitExceeded
from govproxy.policy.limits import Figure, SessionLimits, limits_for
from govproxy.session.quotas import share_key

if TYPE_CHECKING:
    from govproxy.session.gate import Gate


UNLIMITED = SessionLimits()


class Bounds:
    """One session's limits as they are now."""

    __slots__ = ("_began_read_only", "_gate", "_key", "limits")

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self.limits = UNLIMITED
        self._key = ""
        self._began_read_only: bool | None = None

    def renew(self, conversation: Conversation) -> None:
        """Read the limits anew: at the start, and when the policy has changed."""
        facts, snapshot = self._gate.facts, self._gate.snapshot
        limits = limits_for(facts.identity, snapshot.name, snapshot.environment, self._gate.shared.snapshot.policy)
        if self._began_read_only is None:
            self._began_read_only = bool(limits.read_only)
        self.limits = limits
        counted = None
        if limits.rows or limits.size_bytes or limits.rows_changed:
            counted = Limits(
                rows=_value(limits.rows), size_bytes=_value(limits.size_bytes), changed=_value(limits.rows_changed)
            )
        quota = None
        if limits.statements_per_minute is not None:
            self._key = share_key(facts.identity, snapshot.name)
            quota = self._gate.shared.quotas.quota(self._key, limits.statements_per_minute.value)
        conversation.set_limits(counted, quota)

    @property
    def walled(self) -> bool:
        """True for a session that began with read-only transactions and must keep them."""
        return bool(self._began_read_only and self.limits.read_only)

    def draw(self) -> None:
        """No statement is left of this worker's share of the minute."""
        self._gate.shared.quotas.draw(self._key, self._gate)

    def exceeded(self, reason: Stop) -> LimitExceeded:
        """The error for a statement that was stopped."""
        limits = self.limits
        match reason:
            case Stop.STOP_ROWS:
                return _error("the statement returns more than {} rows", limits.rows, "Ask for fewer rows: LIMIT.")
            case Stop.STOP_BYTES:
                return _error(
                    "the statement returns more than {} bytes", limits.size_bytes, "Ask for fewer rows or columns."
                )
            case Stop.STOP_CHANGED:
                return _error(
                    "the statement changes more than {} rows and was rolled back",
                    limits.rows_changed,
                    "Change fewer rows at a time.",
                )
            case Stop.STOP_UNCOUNTED:
                return _error(
                    "the statement was fetched in parts, so its changes could not be held to {} rows",
                    limits.rows_changed,
                    "Fetch all of its rows at once.",
                )
            case Stop.STOP_STATEMENTS:
                return _error(
                    "you have run {} statements within a minute", limits.statements_per_minute, "Wait, then go on."
                )
            case _:
                raise AssertionError(reason)

    def cancel(self) -> None:
        """Send a CancelRequest; the client's next statement waits until it has been delivered."""
        self._gate.cancel_upstream(self._cancelled)

    def _cancelled(self) -> None:
        if self._gate.link is not None:
            self._gate.link.proceed(cancelled=True)


def _value(figure: Figure | None) -> int:
    return figure.value if figure is not None else 0


def _error(message: str, figure: Figure | None, hint: str) -> LimitExceeded:
    # A policy that has changed since may have lifted it.
    said = message.format(figure.value if figure is not None else "the allowed number of")
    rule = figure.rule if figure is not None else "lifted since"
    return LimitExceeded(f"{said} (limit {rule})", hint=hint, facts={"rule": rule})
