"""The ratios to hold: ``bench/baseline.json``, committed, and what counts as worse than it.

A ratio has got worse when its median is above the baseline's by more than the tolerance *and* every single round was
worse than the baseline. One of the two alone is what a busy machine does; ``make bench`` fails on both together.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.ratios import Ratio
from bench.values import PeerFacts, Results

SCHEMA = "govproxy-bench-baseline/1"
TOLERANCE = {"quick": 0.25, "full": 0.15}
FILE = Path(__file__).with_name("baseline.json")


class BadBaseline(ValueError):
    """The file is not a baseline."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """Medians by ``workload/versus``, and the versions they were measured against."""

    commit: str
    mode: str
    cpu: str
    versions: dict[str, str]
    ratios: dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Regression:
    """One ratio that is worse than it was."""

    key: str
    was: float
    now: float
    tolerance: float

    def __str__(self) -> str:
        return (
            f"{self.key}: {self.now:.2f}, was {self.was:.2f}: {self.now / self.was - 1:+.0%}, "
            f"tolerance {self.tolerance:+.0%}, and worse in every round"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """``passed_over``: ratios of the baseline that this run cannot be held to, and why."""

    compared: int
    regressions: tuple[Regression, ...]
    passed_over: tuple[tuple[str, str], ...]


def load(path: Path) -> Baseline | None:
    """None when there is no file. Raises ``BadBaseline`` on one that is broken."""
    if not path.exists():
        return None
    try:
        content = json.loads(path.read_text())
        if content["schema"] != SCHEMA:
            raise BadBaseline(f"{path.name}: schema {content['schema']!r} instead of {SCHEMA!r}")
        return Baseline(
            commit=str(content["commit"]),
            mode=str(content["mode"]),
            cpu=str(content["cpu"]),
            versions={str(name): str(version) for name, version in content["versions"].items()},
            ratios={str(key): float(value) for key, value in content["ratios"].items()},
        )
    except (KeyError, TypeError, AttributeError, json.JSONDecodeError) as error:
        raise BadBaseline(f"{path.name}: {type(error).__name__}: {error}") from error


def save(path: Path, results: Results, ratios: Sequence[Ratio]) -> None:
    """Write what was measured as the ratios to hold."""
    content = {
        "schema": SCHEMA,
        "commit": results.machine.get("commit", ""),
        "mode": results.mode,
        "cpu": results.machine.get("cpu", ""),
        "versions": _versions(results.peers),
        "ratios": {key: round(ratio.spread.median, 3) for key, ratio in sorted(_held(ratios).items())},
    }
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def compare(baseline: Baseline, results: Results, ratios: Sequence[Ratio]) -> Comparison:
    """Hold a run against the baseline."""
    now, versions = _held(ratios), _versions(results.peers)
    tolerance = TOLERANCE[results.mode]
    regressions: list[Regression] = []
    passed_over: list[tuple[str, str]] = []
    compared = 0
    for key, was in sorted(baseline.ratios.items()):
        versus = key.partition("/")[2]
        if key not in now:
            passed_over.append((key, "not measured in this run"))
        elif baseline.versions.get(versus) != versions.get(versus):
            passed_over.append(
                (key, f"version {versions.get(versus)} here, {baseline.versions.get(versus)} in the baseline")
            )
        else:
            compared += 1
            measured = now[key].spread
            if measured.median > was * (1 + tolerance) and measured.low > was:
                regressions.append(Regression(key=key, was=was, now=measured.median, tolerance=tolerance))
    return Comparison(compared=compared, regressions=tuple(regressions), passed_over=tuple(passed_over))


def _held(ratios: Sequence[Ratio]) -> dict[str, Ratio]:
    """Processor time only: rates and latencies of a shared machine would cry wolf."""
    return {f"{ratio.workload}/{ratio.versus}": ratio for ratio in ratios if ratio.metric == "cpu_us"}


def _versions(peers: Sequence[PeerFacts]) -> Mapping[str, str]:
    return {peer.name: peer.version for peer in peers if not peer.absent and not peer.name.startswith("govproxy")}
