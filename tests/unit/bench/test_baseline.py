"""What counts as a regression, and what is passed over."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from bench import baseline
from bench.baseline import TOLERANCE, BadBaseline, compare, load, save
from bench.report import all_ratios
from bench.values import Results
from tests.unit.bench.recorded import cells, results, scaled

KEY = "simple-c8/pgbouncer-session"


def kept(path: Path, measured: Results) -> baseline.Baseline:
    save(path, measured, all_ratios(measured))
    found = load(path)
    assert found is not None
    return found


def run(*ours: float) -> Results:
    pairs = [
        cell
        for number, value in enumerate(ours, 1)
        for cell in cells(("simple-c8", "govproxy", number, value), ("simple-c8", "pgbouncer-session", number, 10.0))
    ]
    return results(cells=tuple(pairs))


def test_the_same_figures_are_no_regression(tmp_path: Path) -> None:
    measured = results()
    found = compare(kept(tmp_path / "b.json", measured), measured, all_ratios(measured))
    assert found.compared > 5
    assert not found.regressions
    assert not found.passed_over


def test_a_far_higher_cost_is_a_regression_everywhere(tmp_path: Path) -> None:
    measured = results()
    worse = results(cells=scaled(20.0))
    found = compare(kept(tmp_path / "b.json", measured), worse, all_ratios(worse))
    keys = {regression.key for regression in found.regressions}
    assert keys == {
        f"{r.workload}/{r.versus}" for r in all_ratios(measured) if r.metric == "cpu_us" and r.peer == "govproxy"
    }
    assert KEY in keys
    assert "tolerance" in str(found.regressions[0])


@pytest.mark.parametrize(
    ("now", "worse"),
    [
        ((12.6, 12.6, 12.6), True),
        ((12.4, 12.4, 12.4), False),  # within the tolerance
        ((9.9, 20.0, 20.0), False),  # one round was as good as ever
        ((10.1, 20.0, 20.0), True),
    ],
)
def test_median_beyond_tolerance_and_every_round_worse(tmp_path: Path, now: tuple[float, ...], worse: bool) -> None:
    assert TOLERANCE["quick"] == 0.25
    held = kept(tmp_path / "b.json", run(10.0, 10.0, 10.0))
    measured = run(*now)
    assert bool(compare(held, measured, all_ratios(measured)).regressions) is worse


def test_another_version_of_a_peer_is_passed_over(tmp_path: Path) -> None:
    held = kept(tmp_path / "b.json", run(1.0))
    measured = run(50.0)
    newer = replace(
        measured,
        peers=tuple(replace(p, version="99") if p.name == "pgbouncer-session" else p for p in measured.peers),
    )
    found = compare(held, newer, all_ratios(newer))
    assert (found.compared, found.regressions) == (0, ())
    assert found.passed_over[0][0] == KEY
    assert "99" in found.passed_over[0][1]


def test_what_was_not_measured_is_passed_over(tmp_path: Path) -> None:
    nothing = results(cells=())
    found = compare(kept(tmp_path / "b.json", run(1.0)), nothing, all_ratios(nothing))
    assert found.passed_over == ((KEY, "not measured in this run"),)


def test_no_file_is_no_baseline(tmp_path: Path) -> None:
    assert load(tmp_path / "none.json") is None


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"schema": "another"}', '{"schema": "govproxy-bench-baseline/1"}']
)
def test_a_broken_file_is_an_error(tmp_path: Path, content: str) -> None:
    path = tmp_path / "b.json"
    path.write_text(content)
    with pytest.raises(BadBaseline, match=r"b\.json"):
        load(path)


def test_the_file_holds_no_figure_of_time(tmp_path: Path) -> None:
    kept(tmp_path / "b.json", results())
    content = json.loads((tmp_path / "b.json").read_text())
    assert set(content) == {"schema", "commit", "mode", "cpu", "versions", "ratios"}
    assert all(0 < value < 100 for value in content["ratios"].values())


def test_the_committed_one_can_be_read() -> None:
    """``load`` raises on one that is broken."""
    assert (load(baseline.FILE) is not None) == baseline.FILE.exists()
