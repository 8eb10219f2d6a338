"""Ratios pair cells of one round, and nothing else."""

from __future__ import annotations

import pytest

from bench.ratios import differences, paired, spread, summary
from tests.unit.bench.recorded import cells

DRIFTING = cells(
    # The machine slows down by ten from round to round; the ratio stays.
    ("w", "govproxy", 1, 8.0),
    ("w", "other", 1, 10.0),
    ("w", "govproxy", 2, 80.0),
    ("w", "other", 2, 100.0),
    ("w", "govproxy", 3, 900.0),
    ("w", "other", 3, 1000.0),
    ("w", "govproxy", 4, 1.0),  # nobody to pair with
    ("v", "other", 4, 1.0),
)


def test_ratios_are_of_the_same_round() -> None:
    ratio = paired(DRIFTING, "w", "govproxy", "other", "cpu_us")
    assert ratio is not None
    assert (ratio.spread.median, ratio.spread.low, ratio.spread.high, ratio.spread.n) == (0.8, 0.8, 0.9, 3)


def test_no_pair_is_no_ratio() -> None:
    assert paired(DRIFTING, "v", "govproxy", "other", "cpu_us") is None
    assert paired(DRIFTING, "w", "govproxy", "other", "per_s") is None
    assert paired(cells(("w", "a", 1, 1.0), ("w", "b", 1, 0.0)), "w", "a", "b", "cpu_us") is None


def test_differences_are_of_the_same_round() -> None:
    found = differences(DRIFTING, "w", "other", "govproxy", "cpu_us")
    assert found is not None
    assert (found.median, found.n) == (20.0, 3)


def test_summary_is_over_all_rounds() -> None:
    found = summary(DRIFTING, "w", "govproxy", "cpu_us")
    assert found is not None
    assert (found.low, found.median, found.high, found.n) == (1.0, 44.0, 900.0, 4)
    assert summary(DRIFTING, "w", "nobody", "cpu_us") is None


def test_spread() -> None:
    assert spread([3.0]).as_json() == {"median": 3.0, "low": 3.0, "high": 3.0, "q1": 3.0, "q3": 3.0, "n": 1}
    found = spread([5.0, 1.0, 2.0, 4.0, 3.0])
    assert (found.low, found.q1, found.median, found.q3, found.high) == (1.0, 2.0, 3.0, 4.0, 5.0)
    with pytest.raises(ValueError, match="no values"):
        spread([])
