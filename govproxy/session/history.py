"""What identities did lately, as far as rules with a ``burst`` and the loop breaker ask.

One per worker, by identity and not by session, so that a new connection does not begin anew. Workers tell
each other what they count, so that a moment later all of an instance know. Bounded: each row remembers
no more than the rule can ask for, and the identities heard of longest ago are forgotten first.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from govproxy.identity.identity import Identity
from govproxy.policy.rules import LoopBreaker, Rule

MAX_ROWS = 20_000
MAX_MOMENTS = 1_000

Row = tuple[str, str | None, str, str]  # user, agent, what is counted, its name


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How many effects of a statement rules with a burst count, and what they had counted when it was judged."""

    effects: tuple[tuple[str, int], ...] = ()
    before: Mapping[str, int] = field(default_factory=dict)


NO_COUNTS = Counts()


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """What one worker has counted, for the others: ``count`` at ``moment``, ``most`` worth remembering."""

    row: Row
    count: int
    moment: float
    most: int


class History:
    """Moments by row. ``now`` is POSIX time in seconds, an argument on purpose. ``tell`` the other workers."""

    def __init__(self, tell: Callable[[Counted], None] = lambda counted: None) -> None:
        self._rows: OrderedDict[Row, deque[float]] = OrderedDict()
        self._tell = tell

    def heard(self, counted: Counted) -> None:
        """Another worker has counted something."""
        self._remember(counted)

    def counted(self, identity: Identity, rules: Iterable[Rule], now: float) -> dict[str, int]:
        """For each rule with a burst, how many effects it has counted within its time."""
        found = {}
        for rule in rules:
            if rule.burst is not None and (moments := self._rows.get(_row(identity, "burst", rule.name))):
                found[rule.name] = _since(moments, now - rule.burst.within_s)
        return found

    def note(self, identity: Identity, rules: Iterable[Rule], counts: Counts, now: float) -> None:
        """A statement that counts is on its way."""
        effects = dict(counts.effects)
        for rule in rules if effects else ():
            if rule.burst is not None and rule.name in effects:
                self._add(_row(identity, "burst", rule.name), effects[rule.name], now, rule.burst.count + 1)

    def went_beyond(self, identity: Identity, rules: Iterable[Rule], counts: Counts, now: float) -> bool:
        """Whether a statement that was within every burst when it was judged is beyond one now.

        Security: many portals may be bound before the first of them runs and counts.
        """
        if not counts.effects:
            return False
        bursts = {rule.name: rule for rule in rules}
        counted = self.counted(identity, bursts.values(), now)
        for name, effects in counts.effects:
            burst = bursts[name].burst if name in bursts else None
            if burst is None:
                continue
            was, now_is = (so_far.get(name, 0) + effects for so_far in (counts.before, counted))
            if was <= burst.count < now_is:
                return True
        return False

    def refused(self, identity: Identity, shape: str, breaker: LoopBreaker, now: float) -> int:
        """A statement of this shape is refused once more; how often that was within the breaker's time."""
        row = _row(identity, "refused", shape)
        self._add(row, 1, now, max(breaker.repeats, breaker.end_session_after or 0) + 1)
        return _since(self._rows[row], now - breaker.within_s)

    def _add(self, row: Row, count: int, now: float, most: int) -> None:
        counted = Counted(row=row, count=count, moment=now, most=min(most, MAX_MOMENTS))
        self._remember(counted)
        self._tell(counted)

    def _remember(self, counted: Counted) -> None:
        row, most = counted.row, counted.most
        moments = self._rows.get(row)
        if moments is None or moments.maxlen != most:
            moments = self._rows[row] = deque(moments or (), maxlen=most)
        moments.extend([counted.moment] * min(counted.count, most))
        self._rows.move_to_end(row)
        while len(self._rows) > MAX_ROWS:
            self._rows.popitem(last=False)


def _row(identity: Identity, kind: str, name: str) -> Row:
    return (identity.user, identity.agent, kind, name)


def _since(moments: deque[float], begin: float) -> int:
    return sum(moment > begin for moment in moments)
