"""Counts decisions on requests of this instance, for its metrics: by whom, how, and after how long."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field

from govproxy.approvals.values import Standing, Status

BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3_600.0)
RULE, PEOPLE, NOBODY = "rule", "people", "nobody"


@dataclass(slots=True)
class Decisions:
    """``ended``: (by, status) → count. ``times``: by → counts per bound of `BOUNDS_S`, and beyond the last."""

    ended: Counter[tuple[str, str]] = field(default_factory=Counter)
    times: dict[str, list[int]] = field(default_factory=dict)
    sums_s: dict[str, float] = field(default_factory=dict)

    def heard(self, standing: Standing) -> None:
        """A request changed. What still waits is not counted."""
        if standing.status is Status.WAITING:
            return
        by = _by(standing)
        self.ended[by, standing.status.value] += 1
        if by == NOBODY:
            return
        took_s = max(0.0, standing.votes[-1].time - standing.hold.asked)
        counts = self.times.setdefault(by, [0] * (len(BOUNDS_S) + 1))
        counts[bisect_left(BOUNDS_S, took_s)] += 1
        self.sums_s[by] = self.sums_s.get(by, 0.0) + took_s


def _by(standing: Standing) -> str:
    if standing.status not in (Status.APPROVED, Status.REFUSED):
        return NOBODY
    return RULE if all(vote.rule is not None for vote in standing.votes) else PEOPLE
