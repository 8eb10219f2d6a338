"""From cells to figures: medians with their spread, and ratios of the same round.

A shared machine drifts, so absolute values of different rounds are not compared. A ratio divides two cells of one
round of one workload; what is reported is the median of those ratios, with quartiles and extremes.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from bench.values import Cell, Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """A median and how far the values lie apart."""

    median: float
    low: float
    high: float
    q1: float
    q3: float
    n: int

    def as_json(self) -> dict[str, Json]:
        """As it stands in report.json, six significant digits."""
        return {name: float(f"{value:.6g}") if name != "n" else value for name, value in asdict(self).items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """``peer`` over ``versus``, in ``metric``; below 1 the peer has less of it."""

    workload: str
    peer: str
    versus: str
    metric: str
    spread: Spread


def spread(values: Sequence[float]) -> Spread:
    """Raises on no values."""
    if not values:
        raise ValueError("no values, so no median")
    ascending = sorted(values)
    q1, _, q3 = statistics.quantiles(ascending, n=4, method="inclusive") if len(ascending) > 1 else (ascending[0],) * 3
    return Spread(
        median=statistics.median(ascending), low=ascending[0], high=ascending[-1], q1=q1, q3=q3, n=len(ascending)
    )


def by_round(cells: Iterable[Cell], workload: str, peer: str, metric: str) -> dict[int, float]:
    """The metric's value in each round that has it."""
    return {
        cell.round: cell.metrics[metric]
        for cell in cells
        if (cell.workload, cell.peer) == (workload, peer) and metric in cell.metrics
    }


def summary(cells: Sequence[Cell], workload: str, peer: str, metric: str) -> Spread | None:
    """Median over the rounds; None when no round has it."""
    values = list(by_round(cells, workload, peer, metric).values())
    return spread(values) if values else None


def paired(cells: Sequence[Cell], workload: str, peer: str, versus: str, metric: str) -> Ratio | None:
    """Median of the same-round ratios; None when no round has both. A zero below the line has no ratio."""
    ours, theirs = by_round(cells, workload, peer, metric), by_round(cells, workload, versus, metric)
    values = [ours[number] / theirs[number] for number in sorted(ours.keys() & theirs.keys()) if theirs[number] > 0]
    if not values:
        return None
    return Ratio(workload=workload, peer=peer, versus=versus, metric=metric, spread=spread(values))


def differences(cells: Sequence[Cell], workload: str, peer: str, versus: str, metric: str) -> Spread | None:
    """Median of the same-round differences: what ``peer`` adds to ``versus``."""
    ours, theirs = by_round(cells, workload, peer, metric), by_round(cells, workload, versus, metric)
    values = [ours[number] - theirs[number] for number in sorted(ours.keys() & theirs.keys())]
    return spread(values) if values else None
