"""What the policy's limits mean for one session: figures for the data plane, words for the client.

The data plane counts and stops; here is what it counts to and what is said then.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

from govproxy._fastpath.conversation import Conversation
from govproxy._fastpath.guard import Stop
from govproxy._fastpath.limits import Limits, Meter, Quota
from govproxy.errors import LimitExceeded, Reason, StatementDenied
from govproxy.policy.limits import READ_ONLY_SETTING, TIMEOUTS, WINDOWS, Figure, SessionLimits, limits_for
from govproxy.session.imposing import Imposing, chosen, figures, resets, suffices, unsettling
from govproxy.session.quotas import share_key
from govproxy.sql.values import Analysis
from govproxy.wire.errors import error_response

if TYPE_CHECKING:
    from govproxy.session.gate import Gate


UNLIMITED = SessionLimits()
KEYS = {"size_bytes": "bytes"}  # how the policy calls what is called otherwise here
SHARED = ("statements_per_minute", *WINDOWS)  # by all sessions of an identity


class Bounds:
    """One session's limits as they are now."""

    __slots__ = ("_asked", "_began", "_gate", "_held", "_imposing", "_key", "_late", "_meter", "_unsettled", "limits")

    def __init__(self, gate: Gate, asked: Mapping[str, str], began: Mapping[str, str]) -> None:
        self._gate = gate
        self._asked = asked  # of the settings that limits impose: what the client wanted
        self._began = began  # and what the session began with
        self._held: tuple[int | None, ...] | None = None
        self._imposing: Imposing | None = None
        self._late = False  # the session began with less than the limits want now
        self._unsettled = False  # and they are not in force between transactions yet
        self.limits = UNLIMITED
        self._key = ""
        self._meter: Meter | None = None

    def renew(self, conversation: Conversation) -> None:
        """Read the limits anew: at the start, and when the policy has changed."""
        facts, snapshot = self._gate.facts, self._gate.snapshot
        limits = limits_for(facts.identity, snapshot.name, snapshot.environment, self._gate.shared.snapshot.policy)
        self.limits = limits = _same(limits)
        self._impose(conversation)
        counted = quota = meter = None
        self._key = share_key(facts.identity, snapshot.name) if any(map(_figure(limits), SHARED)) else ""
        if any(map(_figure(limits), WINDOWS)):
            meter = Meter(**{name: self._quota(name) for name in WINDOWS})
        if limits.rows or limits.size_bytes or limits.rows_changed or meter is not None:
            counted = Limits(
                rows=_value(limits.rows),
                size_bytes=_value(limits.size_bytes),
                changed=_value(limits.rows_changed),
                meter=meter,
            )
        if limits.statements_per_minute is not None:
            quota = self._gate.shared.quotas.quota(self._key, limits.statements_per_minute.value)
        conversation.set_limits(counted, quota, self)
        self._meter = meter

    @property
    def walled(self) -> bool:
        """True for a session that has read-only transactions and must keep them."""
        has_them = self._began.get(READ_ONLY_SETTING) == "on" or (self._late and not self._unsettled)
        return bool(self.limits.read_only) and has_them

    @property
    def context(self) -> int:
        """What of it a verdict depends on; 0 for a session that is as its policy wants it from the start."""
        return self._late + 2 * self._unsettled + 4 * (self._imposing is not None)

    def _impose(self, conversation: Conversation) -> None:
        """Have settings in force that the policy did not want when the session began."""
        wanted, first = figures(self.limits), self._held is None
        if wanted == self._held:
            return
        self._held = wanted
        self._late = not suffices(self.limits, self._began)
        if not self._late and self._imposing is None and (first or self._asked == self._began):
            return
        if self._imposing is None:
            self._imposing = Imposing(self._asked, self._began, self._settled)
        self._imposing.want(self.limits)
        self._unsettled = True
        conversation.impose(self._imposing)

    def _settled(self, conversation: Conversation) -> None:
        self._unsettled = False
        conversation.context_id = self._gate.context_id()

    def is_followed(self, analysis: Analysis) -> bool:
        """Whether a text changes what was imposed, so that its run must be noted."""
        return self._imposing is not None and (resets(analysis) or bool(chosen(analysis)))

    def ran(self, conversation: Conversation, analysis: Analysis) -> None:
        """A text is on its way that may have changed what was imposed."""
        if self._imposing is None:
            return
        for name in chosen(analysis):
            self._imposing.forget(name)
        if self._late and resets(analysis):
            self._unsettled = True
            conversation.impose(self._imposing)

    def refusal(self, analysis: Analysis) -> StatementDenied | None:
        """Why a text may not run in a session that was open when its limits changed; None: it may."""
        if not self._late or not unsettling(analysis, transaction=self._unsettled):
            return None
        rule = self.limits.read_only or next(figure.rule for figure in self._imposed())
        return StatementDenied(
            f"a statement behind RESET or the end of a transaction would run without what was imposed (limit {rule})",
            hint="Send each statement as a message of its own, or connect again.",
            reason=Reason.SETTING_PINNED,
            facts={"rule": rule},
        )

    def _imposed(self) -> Iterator[Figure]:
        return filter(None, (_figure(self.limits)(name) for name in TIMEOUTS.values()))

    def draw(self) -> None:
        """No statement is left of this worker's share of the minute."""
        self._gate.shared.quotas.draw(self._key, self._gate)

    def replenish(self, size: int) -> None:
        """A row of ``size`` bytes waits, or a statement that returns rows: more of the windows is needed."""
        needs = [(key, size if WINDOWS[name][0] == "bytes" else 1) for name, key in self._windows()]
        self._gate.shared.quotas.replenish(needs, self._gate)

    def fetch_ahead(self) -> None:
        """Some window runs low."""
        self._gate.shared.quotas.fetch_ahead(key for _, key in self._windows())

    def _quota(self, name: str) -> Quota | None:
        figure = _figure(self.limits)(name)
        if figure is None:
            return None
        return self._gate.shared.quotas.quota(self._key_of(name), figure.value, WINDOWS[name][1], ahead=True)

    def _key_of(self, name: str) -> str:
        return f"{self._key}\0{name}"

    def _windows(self) -> Iterator[tuple[str, str]]:
        """The windows that there are, with the keys of their shares."""
        return ((name, self._key_of(name)) for name in WINDOWS if _figure(self.limits)(name) is not None)

    def _window_full(self) -> LimitExceeded:
        """The error of the window that let something not pass last."""
        meter = self._meter
        name = next((n for n in WINDOWS if meter is not None and meter.full is getattr(meter, n)), None)
        figure = None if name is None else _figure(self.limits)(name)
        if name is None or figure is None:
            # A policy that has changed since may have lifted it.
            facts = {"rule": "lifted since", "limit": "lifted since"}
            return LimitExceeded("a window over rows and bytes is full", hint="Wait, then go on.", facts=facts)
        what, _, length = WINDOWS[name]
        seconds = max(1, math.ceil(self._gate.shared.quotas.again_s(self._key_of(name))))
        return LimitExceeded(
            f"you may be sent {figure.value} {what} within {length}, and that is used up (limit {figure.rule}); "
            f"more may pass in {seconds} s",
            hint="Wait, then go on; ask for fewer rows or columns.",
            facts={"rule": figure.rule, "limit": name, "figure": str(figure.value), "retry_after_s": str(seconds)},
        )

    def limit_reached(self, reason: Stop, number: int) -> bytes:
        """The ErrorResponse for a statement that was stopped or refused, and in the ledger has this number."""
        error = self._exceeded(reason)
        self._gate.shared.counters.was_limited(error.facts["limit"])
        return error_response(error, request_id=f"{self._gate.facts.session_id}.{number}" if number else None)

    def _exceeded(self, reason: Stop) -> LimitExceeded:
        limits = self.limits
        match reason:
            case Stop.STOP_ROWS:
                return _error("the statement returns more than {} rows", limits, "rows", "Ask for fewer rows: LIMIT.")
            case Stop.STOP_BYTES:
                return _error(
                    "the statement returns more than {} bytes", limits, "size_bytes", "Ask for fewer rows or columns."
                )
            case Stop.STOP_CHANGED:
                return _error(
                    "the statement changes more than {} rows and was rolled back",
                    limits,
                    "rows_changed",
                    "Change fewer rows at a time.",
                )
            case Stop.STOP_UNCOUNTED:
                return _error(
                    "the statement was fetched in parts, so its changes could not be held to {} rows",
                    limits,
                    "rows_changed",
                    "Fetch all of its rows at once.",
                )
            case Stop.STOP_STATEMENTS:
                return _error(
                    "you have run {} statements within a minute", limits, "statements_per_minute", "Wait, then go on."
                )
            case Stop.STOP_WINDOW:
                return self._window_full()
            case _:
                raise AssertionError(reason)

    def cancel(self) -> None:
        """Send a CancelRequest; the client's next statement waits until it has been delivered."""
        self._gate.cancel_upstream(self._cancelled)

    def _cancelled(self) -> None:
        if self._gate.link is not None:
            self._gate.link.proceed(cancelled=True)


@lru_cache(maxsize=256)
def _same(limits: SessionLimits) -> SessionLimits:
    # Nearly all sessions have the same: they share one.
    return limits


def _figure(limits: SessionLimits) -> Callable[[str], Figure | None]:
    return lambda name: getattr(limits, name)


def _value(figure: Figure | None) -> int:
    return figure.value if figure is not None else 0


def _error(message: str, limits: SessionLimits, name: str, hint: str) -> LimitExceeded:
    figure = _figure(limits)(name)
    # A policy that has changed since may have lifted it.
    said = message.format(figure.value if figure is not None else "the allowed number of")
    rule = figure.rule if figure is not None else "lifted since"
    facts = {"rule": rule, "limit": KEYS.get(name, name)}
    if figure is not None:
        facts["figure"] = str(figure.value)
    return LimitExceeded(f"{said} (limit {rule})", hint=hint, facts=facts)
