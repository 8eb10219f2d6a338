"""What one worker counts, as values that can be sent and added up.

A cached statement is counted in C by whoever handles it anyway; what is here costs something only
on a miss, at the end of a session, or when somebody asks. Knows nothing of who shows the figures.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

# Upper bounds of the time of one miss, in microseconds; the last bucket has none.
BOUNDS_US = (50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 50_000, 250_000)


class Miss(StrEnum):
    """Why the gate was asked."""

    NEW = "new"  # not seen under these circumstances, or long ago; kept from now on
    SESSION = "session"  # depends on what the session has made, so it is kept by nobody
    VARIES = "varies"  # a rule looks at something that changes, such as the time
    UNREADABLE = "unreadable"  # refused before it was understood
    WAITED = "waited"  # the catalog had to be looked at first; decided afterwards, and counted again then


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """``counts`` has one more entry than ``BOUNDS_US``; ``total_us`` is the sum of all times."""

    counts: tuple[int, ...]
    total_us: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerFigures:
    """One worker, since it started."""

    worker: int
    sessions: int
    sessions_total: int
    logins_refused: int
    statements: int
    bytes_in: int
    bytes_out: int
    exact_hits: int
    folded_hits: int
    misses: Mapping[str, int]  # by Miss
    miss_time: Histogram
    verdicts: int
    verdict_bytes: int
    verdict_generations: int
    ledger_healthy: bool
    ledger_pending_bytes: int
    ledger_lost_outcomes: int
    limited: Mapping[str, int]  # statements that a limit stopped or refused, by its key in the policy


@dataclass(slots=True)
class Counters:
    """What changes while a worker runs. One thread."""

    sessions_total: int = 0
    logins_refused: int = 0
    ended_statements: int = 0
    ended_bytes_in: int = 0
    ended_bytes_out: int = 0
    misses: dict[Miss, int] = field(default_factory=lambda: dict.fromkeys(Miss, 0))
    miss_counts: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS_US) + 1))
    miss_total_us: float = 0.0
    limited: dict[str, int] = field(default_factory=dict)

    def was_limited(self, limit: str) -> None:
        """A limit has stopped or refused a statement."""
        self.limited[limit] = self.limited.get(limit, 0) + 1

    def missed(self, reason: Miss, elapsed_us: float) -> None:
        """The gate has answered, or has sent the statement to wait."""
        self.misses[reason] += 1
        self.miss_counts[bisect_left(BOUNDS_US, elapsed_us)] += 1
        self.miss_total_us += elapsed_us

    def ended(self, statements: int, bytes_in: int, bytes_out: int) -> None:
        """A session is over; its figures stay."""
        self.ended_statements += statements
        self.ended_bytes_in += bytes_in
        self.ended_bytes_out += bytes_out

    @property
    def miss_time(self) -> Histogram:
        """The times of all misses so far."""
        return Histogram(counts=tuple(self.miss_counts), total_us=self.miss_total_us)


def hit_ratio(figures: WorkerFigures) -> float | None:
    """Share of texts that the cache knew; None before the first."""
    hits = figures.exact_hits + figures.folded_hits
    looked_up = hits + sum(count for reason, count in figures.misses.items() if reason != Miss.WAITED.value)
    return hits / looked_up if looked_up else None
