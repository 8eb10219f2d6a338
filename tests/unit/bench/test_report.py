"""The report that is made of recorded figures: schema, words, page."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from bench import baseline, report
from bench.bounds import Bound
from bench.compare import verdict, write
from bench.page import html
from bench.plots import Bar, Dot, bars, dots
from bench.values import DIRECT, GOVPROXY, Failure, PeerFacts
from bench.workloads import BY_NAME
from tests.unit.bench.recorded import results, scaled

# What report.json promises; docs/performance.md describes it.
SCHEMA = {
    "schema", "mode", "started", "rounds", "seconds_per_cell", "machine", "evidence", "peers", "workloads", "ratios",
    "targets", "in_process", "mixed", "bounds", "skipped", "failures", "baseline", "cells",
}  # fmt: skip
SPREAD = {"median", "low", "high", "q1", "q3", "n"}


@pytest.fixture
def made() -> report.Report:
    return report.build(results(), None)


def test_schema_is_stable(made: report.Report) -> None:
    assert set(made) == SCHEMA
    assert made["schema"] == "govproxy-bench/1"
    assert json.loads(json.dumps(made)) == made
    for ratio in made["ratios"]:
        assert set(ratio) == {"workload", "peer", "versus", "metric", *SPREAD}
    for target in made["targets"]:
        assert set(target) == {"key", "text", "unit", "must", "aim", "higher_is_better", "measured", "status"}
    for workload in made["workloads"]:
        assert workload["name"] in BY_NAME
        assert all(set(figure) == SPREAD for peer in workload["peers"] for figure in peer["metrics"].values())


def test_the_schema_is_described() -> None:
    text = (Path(__file__).resolve().parents[3] / "docs" / "performance.md").read_text()
    assert {name for name in SCHEMA if f"`{name}`" not in text} == set()


def test_ratios_are_what_the_cells_say(made: report.Report) -> None:
    found = next(
        r for r in made["ratios"] if (r["workload"], r["versus"], r["metric"]) == ("simple-c8", "haproxy", "cpu_us")
    )
    pairs = [
        [c["metrics"]["cpu_us"] for c in made["cells"] if (c["workload"], c["peer"], c["round"]) == ("simple-c8", p, n)]
        for n in (1, 2, 3)
        for p in (GOVPROXY, "haproxy")
    ]
    ratios = sorted(ours[0] / theirs[0] for ours, theirs in zip(pairs[::2], pairs[1::2], strict=True))
    assert [found["low"], found["median"], found["high"]] == pytest.approx(ratios, rel=1e-5)


def test_direct_has_no_processor_time(made: report.Report) -> None:
    assert not [c for c in made["cells"] if c["peer"] == DIRECT and "cpu_us" in c["metrics"]]
    assert not [r for r in made["ratios"] if r["versus"] == DIRECT and r["metric"] == "cpu_us"]


def test_markdown_names_machine_peers_and_what_was_on(made: report.Report) -> None:
    text = report.markdown(made)
    for wanted in ("PgBouncer (session)", "1.18.0", "HAProxy (tcp)", made["machine"]["cpu"], "Load average", "kernel"):
        assert wanted in text
    for wanted in ("policy: on", "masking: on", "audit: on", "DROP TABLE refused with 42501"):
        assert wanted in text
    assert "Left out: prepared-c8 through pgbouncer-transaction: no max_prepared_statements" in text
    assert "Mixed traffic of many identities" in text
    assert "There is no `bench/baseline.json`" in text


def test_markdown_tables_are_whole(made: report.Report) -> None:
    width = None
    for line in report.markdown(made).splitlines():
        if not line.startswith("|"):
            width = None
            continue
        count = len(re.findall(r"(?<!\\)\|", line))
        assert width in (None, count), line
        width = count


def test_an_absent_peer_is_named() -> None:
    absent = PeerFacts(name="haproxy", title="HAProxy (tcp)", absent="haproxy is not installed")
    made = report.build(results(peers=(*results().peers[:2], absent)), None)
    assert "Absent: HAProxy (tcp): haproxy is not installed" in report.markdown(made)
    assert "absent: haproxy is not installed" in html(made)


def test_the_page_is_one_file_and_well_formed(made: report.Report) -> None:
    page = html(made)
    assert "<script" not in page
    assert not re.search(r"(?:src|href)\s*=|url\(|@import", page)
    assert page.count("<svg") >= 5
    for picture in re.findall(r"<svg.*?</svg>", page):
        ElementTree.fromstring(picture)
    for opened in ("table", "ul", "div", "h2", "h3", "p"):
        assert len(re.findall(rf"<{opened}\b", page)) == page.count(f"</{opened}>")


def test_words_from_outside_cannot_break_the_page() -> None:
    evil = '<img src=x onerror=alert(1)>"&|'
    failure = Failure(workload="simple-c8", peer=GOVPROXY, round=1, error=evil)
    peers = tuple(PeerFacts(name=p.name, title=p.title + evil, version=evil) for p in results().peers)
    made = report.build(results(peers=peers, failures=(failure,)), None)
    assert "<img" not in html(made)
    assert "&lt;img" in html(made)


def test_three_files_are_written(tmp_path: Path, made: report.Report) -> None:
    write(tmp_path / "new" / "out", made)
    assert {path.name for path in (tmp_path / "new" / "out").iterdir()} == {"report.json", "report.md", "report.html"}
    assert json.loads((tmp_path / "new" / "out" / "report.json").read_text()) == made


def _verdict(made: report.Report) -> tuple[int, str]:
    console = Console(record=True, width=300, quiet=False, file=(Path("/dev/null")).open("w"))  # noqa: SIM115
    with console.file:
        status = verdict(made, console)
        return status, console.export_text()


def test_exit_status_without_a_baseline(made: report.Report) -> None:
    status, text = _verdict(made)
    assert status == 0
    assert "--write-baseline" in text


def test_a_regression_fails_with_one_clear_line(tmp_path: Path) -> None:
    recorded = results()
    baseline.save(tmp_path / "b.json", recorded, report.all_ratios(recorded))
    made = report.build(results(cells=scaled(4.0)), baseline.load(tmp_path / "b.json"))
    status, text = _verdict(made)
    assert status == 3
    line = next(line for line in text.splitlines() if "simple-c8/pgbouncer-session" in line)
    assert line.startswith("worse than the baseline: ")
    assert "tolerance +25%" in line
    assert "Worse than the baseline" in report.markdown(made)


@pytest.mark.parametrize(("peer", "status"), [(GOVPROXY, 1), ("govproxy-tls", 1), ("haproxy", 0)])
def test_a_failure_of_ours_fails(peer: str, status: int) -> None:
    failure = Failure(workload="wide", peer=peer, round=2, error="the connection ended")
    made = report.build(results(failures=(failure,)), None)
    assert _verdict(made)[0] == status
    assert f"wide through {peer}, round 2: the connection ended" in _verdict(made)[1]


def test_an_error_in_mixed_traffic_fails() -> None:
    mixed: dict[str, Any] = {**results().mixed, "errors": ["denied statement: Wrong: ran: DROP TABLE wide (1×)"]}
    assert _verdict(report.build(results(mixed=mixed), None))[0] == 1


def test_two_workers_are_told_but_not_held() -> None:
    recorded = results()
    two = tuple(
        type(cell)(workload="simple-c32", peer=peer, round=1, metrics={"cpu_us": 10.0, "per_s": 5.0})
        for cell in recorded.cells[:1]
        for peer in ("govproxy", "govproxy-2-workers", "pgbouncer-session", "direct")
    )
    ratios = report.all_ratios(results(cells=two))
    assert [(r.peer, r.metric) for r in ratios if r.versus == "pgbouncer-session"] == [("govproxy", "cpu_us")]
    assert ("govproxy-2-workers", "per_s") in [(r.peer, r.metric) for r in ratios]


def test_pictures_keep_inside_their_frame() -> None:
    picture = ElementTree.fromstring(dots("t", [Dot(label="a & b", median=20, low=1, high=30, must=1, aim=0.7)]))
    xs = [float(circle.attrib["cx"]) for circle in picture.iter("{http://www.w3.org/2000/svg}circle")]
    assert xs
    assert all(0 <= x <= 720 for x in xs)
    picture = ElementTree.fromstring(bars("t", [Bar(label="zero", median=0, low=0, high=0)]))
    assert picture.attrib["aria-label"] == "t"


def test_the_ledger_is_in_every_form() -> None:
    figures = {"ledger-events": 470_000.0, "ledger-append-bytes": 270.0, "ledger-statement": 0.87}
    made = report.build(results(in_process=figures), None)
    for text in (report.markdown(made), html(made)):
        assert "470,000 /s" in text
        assert "270 bytes" in text
        assert "0.87 µs" in text
    assert "The ledger, in process" not in report.markdown(report.build(results(in_process={}), None))


def test_memory_beyond_its_bound_fails_and_is_in_every_form() -> None:
    held = Bound(key="a", text="some load", unit="MB", measured=3.0, limit=8, notes="n")
    burst = Bound(key="b", text="other load", unit="MB", measured=12.5, limit=8, notes="n")
    assert _verdict(report.build(results(bounds=(held.as_json(),)), None))[0] == 0
    made = report.build(results(bounds=(held.as_json(), burst.as_json())), None)
    status, text = _verdict(made)
    assert status == 1
    assert "other load: 12.5 MB" in text
    assert "some load" not in text
    for told in (report.markdown(made), html(made)):
        assert "12.5 MB" in told
        assert "NOT held" in told
