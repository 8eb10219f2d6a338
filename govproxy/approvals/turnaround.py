"""How long requests took until they were decided, and how many of them a rule decided.

Nearest-rank percentiles over what was decided; what was withdrawn or timed out is counted and has no time
to decision. Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from govproxy.approvals.values import Status

_DECIDED = frozenset({Status.APPROVED, Status.REFUSED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A request that waits no more. ``automatic``: a rule decided it, and no person said anything."""

    status: Status
    asked: float
    ended: float
    automatic: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """Of so many decisions. In seconds; None where there are none."""

    count: int
    p50_s: float | None
    p95_s: float | None
    longest_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Turnaround:
    """``share_automatic`` of what was decided, None where nothing was."""

    statuses: dict[str, int]
    all: Times
    by_rule: Times
    by_people: Times
    share_automatic: float | None

    @property
    def form(self) -> dict[str, Any]:
        def times(found: Times) -> dict[str, Any]:
            return {
                "count": found.count,
                "p50_s": found.p50_s,
                "p95_s": found.p95_s,
                "longest_s": found.longest_s,
            }

        return {
            "requests": self.statuses,
            "decided": times(self.all),
            "by_rule": times(self.by_rule),
            "by_people": times(self.by_people),
            "share_automatic": self.share_automatic,
        }


def turnaround(found: Iterable[Ended]) -> Turnaround:
    """What all of these come to."""
    ended = list(found)
    decided = [one for one in ended if one.status in _DECIDED]
    automatic = [one for one in decided if one.automatic]
    return Turnaround(
        statuses=dict(sorted(Counter(one.status.value for one in ended).items())),
        all=_times(decided),
        by_rule=_times(automatic),
        by_people=_times([one for one in decided if not one.automatic]),
        share_automatic=len(automatic) / len(decided) if decided else None,
    )


def _times(decided: Sequence[Ended]) -> Times:
    # A clock that was set back in between makes no negative times.
    times = sorted(max(0.0, one.ended - one.asked) for one in decided)

    def rank(share: float) -> float | None:
        return round(times[max(0, -int(-share * len(times) // 1) - 1)], 6) if times else None

    return Times(count=len(times), p50_s=rank(0.5), p95_s=rank(0.95), longest_s=rank(1.0))
