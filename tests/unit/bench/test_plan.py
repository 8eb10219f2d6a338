"""What a run is made of: modes, names, turns."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import cast

import pytest

from bench.compare import _parse, make_plan, rotated
from bench.inprocess import SOURCES, TOLD, read
from bench.peers import PEERS, Peer
from bench.procfs import children, cpu_ns, private_kb
from bench.targets import targets
from bench.workloads import BY_NAME, POINT_SELECTS, WORKLOADS, Kind
from tests.unit.bench.recorded import results


def test_every_named_peer_exists() -> None:
    known = {peer.name for peer in PEERS}
    assert {name for workload in WORKLOADS for name in workload.quick + workload.full} == known
    assert set(POINT_SELECTS) <= BY_NAME.keys()


def test_every_workload_of_a_full_run_has_somebody_to_compare() -> None:
    for workload in WORKLOADS:
        assert len(workload.full) > 1
        assert set(workload.quick) <= set(workload.full) or not workload.quick
        assert workload.unit
        assert any(name.startswith("govproxy") for name in workload.full)


def test_turns_change_with_the_round() -> None:
    peers = cast("list[Peer]", ["a", "b", "c"])
    turns = [rotated(peers, number) for number in (1, 2, 3, 4)]
    assert turns[0] == ["a", "b", "c"] == turns[3]
    assert turns[1] == ["b", "c", "a"]
    for place in range(3):
        assert Counter(cast("str", turn[place]) for turn in turns[:3]) == Counter("abc")
    assert rotated([], 5) == []


def test_modes() -> None:
    quick, full = make_plan(_parse([])), make_plan(_parse(["--full"]))
    assert (quick.mode, full.mode) == ("quick", "full")
    assert full.rounds >= 5
    assert full.mixed_s > 0 == quick.mixed_s
    assert make_plan(_parse(["--locust"])).mixed_s > 0


def test_naming_workloads_measures_them_with_everybody() -> None:
    plan = make_plan(_parse(["--only", "tls-prepared-c8,wide", "--rounds", "7", "--seconds", "0.5"]))
    assert [workload.name for workload in plan.workloads] == ["tls-prepared-c8", "wide"]
    assert plan.peers_of(plan.workloads[1]) == BY_NAME["wide"].full
    assert (plan.rounds, plan.seconds) == (7, 0.5)


@pytest.mark.parametrize("options", [["--only", "nonsense"], ["--peers", "govproxy,nonsense"]])
def test_unknown_names_are_refused(options: list[str]) -> None:
    with pytest.raises(ValueError, match="'nonsense' is not one of"):
        make_plan(_parse(options))


def test_a_quick_run_fits_its_time() -> None:
    """Two rounds at least: a warm-up, a window and pgbench's own start for every cell."""
    plan = make_plan(_parse([]))
    cells = sum(len(plan.peers_of(load)) for load in plan.workloads if load.kind is not Kind.IDLE)
    assert cells * (plan.seconds + 0.6) * 2 <= plan.budget_s <= 240


def test_in_process_figures_are_read_by_name_and_commit(tmp_path: Path) -> None:
    path = tmp_path / "benchmark.json"
    assert read(path, "abc") == {}
    path.write_text(
        json.dumps(
            {
                "commit_info": {"id": "abc"},
                "benchmarks": [
                    {"name": "test_single", "extra_info": {"us_per_value": 1.9}},
                    {"name": "test_rows[scan clean text columns]", "extra_info": {}},
                    {"name": "test_other", "extra_info": {"us_per_value": 7}},
                ],
            }
        )
    )
    assert read(path, "abc") == {"ff1-single": 1.9}
    assert read(path, "another") == {}


def test_every_in_process_figure_has_a_row_and_a_benchmark() -> None:
    rows = {target.key for target in targets(results())}
    sources = "".join(path.read_text() for path in (Path(__file__).resolve().parents[3] / "bench").glob("*.py"))
    assert set(SOURCES) <= rows
    assert rows.isdisjoint(TOLD)
    for name, entry in [*SOURCES.values(), *((name, entry) for name, entry, _, _ in TOLD.values())]:
        assert f"def {name.partition('[')[0]}(" in sources
        assert f'extra_info["{entry}"]' in sources or f'_note_time(benchmark, "{entry}")' in sources
        assert f'"{name.partition("[")[2].rstrip("]")}"' in sources or "[" not in name


def test_the_kernel_counts_this_very_process(tmp_path: Path) -> None:
    import os

    own = [os.getpid()]
    before = cpu_ns(own)
    sum(range(3_000_000))
    assert cpu_ns(own) > before > 0
    assert private_kb(own) > 1_000
    assert os.getpid() in children(os.getppid())
    assert os.getpid() not in children(os.getppid(), having="no such command line")
    with pytest.raises(ProcessLookupError):
        cpu_ns([2**22 + 1])
