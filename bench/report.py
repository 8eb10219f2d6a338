"""The report: results reckoned into one JSON value of a stable schema, and that value told in Markdown.

``build`` makes the value; everything else (Markdown here, HTML in ``page``, the printed table) reads that
value alone, so a report can be told again from its ``report.json``. The schema is described in docs/performance.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from bench.baseline import Baseline, Comparison, compare
from bench.inprocess import TOLD
from bench.ratios import Ratio, paired, summary
from bench.targets import FORMATS, Target, targets
from bench.values import DIRECT, GOVPROXY, GOVPROXY_2, GOVPROXY_TLS, GOVPROXY_UNIX, SCHEMA, Results
from bench.workloads import BY_NAME, Kind

Report = dict[str, Any]
BOUNDS = ("load", "measured", "bound", "", "besides")

_METRICS = (
    "cpu_us",
    "other_cpu_us",
    "per_s",
    "p50_us",
    "p99_us",
    "max_us",
    "mb_per_s",
    "kb_per_connection",
    "rss_mb",
    "connections",
)
_OURS = (GOVPROXY, GOVPROXY_TLS, GOVPROXY_UNIX, GOVPROXY_2)


def build(results: Results, baseline: Baseline | None) -> Report:
    """Reckon everything."""
    ratios = all_ratios(results)
    held = compare(baseline, results, ratios) if baseline else None
    return {
        "schema": SCHEMA,
        "mode": results.mode,
        "started": results.started,
        "rounds": results.rounds,
        "seconds_per_cell": results.seconds_per_cell,
        "machine": results.machine,
        "evidence": results.evidence,
        "peers": [
            {"name": p.name, "title": p.title, "version": p.version, "absent": p.absent, "notes": list(p.notes)}
            for p in results.peers
        ],
        "workloads": _workloads(results),
        "ratios": [
            {
                "workload": ratio.workload,
                "peer": ratio.peer,
                "versus": ratio.versus,
                "metric": ratio.metric,
                **ratio.spread.as_json(),
            }
            for ratio in ratios
        ],
        "targets": [_target(target) for target in targets(results)],
        "in_process": results.in_process,
        "mixed": results.mixed,
        "bounds": list(results.bounds),
        "skipped": [{"workload": w, "peer": p, "why": why} for w, p, why in results.skipped],
        "failures": [
            {"workload": f.workload, "peer": f.peer, "round": f.round, "error": f.error} for f in results.failures
        ],
        "baseline": _baseline(baseline, held),
        "cells": [
            {"workload": c.workload, "peer": c.peer, "round": c.round, "metrics": c.metrics} for c in results.cells
        ],
    }


def all_ratios(results: Results) -> list[Ratio]:
    """Every workload of ours over every other peer in it: processor time, and the rate over direct."""
    found: list[Ratio] = []
    for workload in BY_NAME.values():
        present = list(dict.fromkeys(cell.peer for cell in results.cells if cell.workload == workload.name))
        for ours in (name for name in _OURS if name in present):
            for versus in (name for name in present if name not in _OURS):
                metrics = ("per_s", "p50_us", "p99_us") if versus == DIRECT else ("cpu_us", "kb_per_connection")
                made = (paired(results.cells, workload.name, ours, versus, metric) for metric in metrics)
                found += [ratio for ratio in made if ratio is not None]
    # Two workers are a row of the tables; held against the baseline is one.
    return [ratio for ratio in found if ratio.peer != GOVPROXY_2 or ratio.metric == "per_s"]


def _workloads(results: Results) -> list[dict[str, Any]]:
    made = []
    for workload in BY_NAME.values():
        peers = []
        for peer in results.peers:
            figures = {
                metric: found.as_json()
                for metric in _METRICS
                if (found := summary(results.cells, workload.name, peer.name, metric)) is not None
            }
            if figures:
                peers.append({"peer": peer.name, "metrics": figures})
        if peers:
            made.append(
                {
                    "name": workload.name,
                    "title": workload.title,
                    "kind": str(workload.kind),
                    "unit": workload.unit,
                    "peers": peers,
                }
            )
    return made


def _target(target: Target) -> dict[str, Any]:
    return {
        "key": target.key,
        "text": target.text,
        "unit": target.unit,
        "must": target.must,
        "aim": target.aim,
        "higher_is_better": target.higher_is_better,
        "measured": target.measured.as_json() if target.measured else None,
        "status": str(target.status),
    }


def _baseline(baseline: Baseline | None, held: Comparison | None) -> dict[str, Any]:
    if baseline is None or held is None:
        return {"present": False, "compared": 0, "regressions": [], "passed_over": []}
    return {
        "present": True,
        "commit": baseline.commit,
        "cpu": baseline.cpu,
        "compared": held.compared,
        "regressions": [
            {"key": r.key, "was": r.was, "now": r.now, "tolerance": r.tolerance, "text": str(r)}
            for r in held.regressions
        ],
        "passed_over": [{"key": key, "why": why} for key, why in held.passed_over],
    }


# ------------------------------------------------------------------ told in words


def shown(unit: str, value: float) -> str:
    """A figure as the tables write it."""
    return FORMATS[unit](value)


def bound(target: dict[str, Any], name: str) -> str:
    """``≤ 0.75`` or ``≥ 1.3``; a dash where the bound comes from a measurement that is missing."""
    if target["measured"] is None and target["key"] == "added-p50":
        return "–"
    sign = "≥" if target["higher_is_better"] else "≤"
    return f"{sign} {shown(target['unit'], target[name])}"


def measured(target: dict[str, Any]) -> str:
    """Median, then the extremes when there are several rounds."""
    found, unit = target["measured"], target["unit"]
    if found is None:
        return "–"
    text = shown(unit, found["median"])
    if found["n"] > 1:
        text += f" ({shown(unit, found['low'])} … {shown(unit, found['high'])})"
    return text if unit == "×" else f"{text} {unit}"


def machine_lines(report: Report) -> list[str]:
    """The machine and the circumstances, one fact a line."""
    machine = report["machine"]
    kind = "virtual machine, " if machine.get("virtual_machine") else ""
    return [
        f"Processor: {machine['cpu']}, {kind}{machine['cores_usable']} of {machine['cores']} cores usable, "
        f"{machine['memory_mb']} MB",
        f"System: {machine['system']}, kernel {machine['kernel']}, {machine['openssl']}, Python {machine['python']}, "
        f"uvloop {machine['uvloop']}",
        f"Load average: {machine['load_before']} before, {machine['load_after']} after",
        f"Processor time from /proc/PID/task/*/{machine['cpu_accounting']}, the proxy's own threads alone",
        f"Commit: {machine['commit'] or 'unknown'}",
        f"Run: {report['mode']}, {report['rounds']} alternated rounds, {report['seconds_per_cell']:g} s per cell, "
        f"started {report['started']}",
    ]


def markdown(report: Report) -> str:
    """The whole report."""
    return "\n".join(_markdown(report)) + "\n"


def _markdown(report: Report) -> Iterator[str]:
    yield "# What govproxy costs\n"
    yield "The proxy's own processor time, policy, masking and audit on, as a ratio to another proxy in the same round."
    yield "Medians over the rounds; the extremes stand in brackets. Below 1 is cheaper.\n"
    yield from _problems(report)
    yield "## Targets\n"
    yield from table(
        ["target", "measured", "must", "aim", ""],
        [[t["text"], measured(t), bound(t, "must"), bound(t, "aim"), t["status"]] for t in report["targets"]],
    )
    yield "\n## What was on\n"
    for name, text in report["evidence"].items():
        yield f"* {name}: {text}"
    yield "\n## Who took part\n"
    yield from table(
        ["peer", "version", "settings"],
        [
            [p["title"], p["version"] or "–", f"absent: {p['absent']}" if p["absent"] else "; ".join(p["notes"])]
            for p in report["peers"]
        ],
    )
    yield "\n## The machine\n"
    yield from (f"* {line}" for line in machine_lines(report))
    yield "\n## Figures\n"
    for workload in report["workloads"]:
        yield from _workload(report, workload)
    yield from _mixed(report)
    yield from _told(report)
    yield from _bounds(report)
    yield from _baseline_words(report)


def _problems(report: Report) -> Iterator[str]:
    for failure in report["failures"]:
        where = f"{failure['workload']} through {failure['peer']}, round {failure['round']}"
        yield f"* **Failed:** {where}: {failure['error']}"
    for skipped in report["skipped"]:
        yield f"* Left out: {skipped['workload']} through {skipped['peer']}: {skipped['why']}"
    for peer in report["peers"]:
        if peer["absent"]:
            yield f"* Absent: {peer['title']}: {peer['absent']}"
    for regression in report["baseline"]["regressions"]:
        yield f"* **Worse than the baseline:** {regression['text']}"
    yield ""


def columns(workload: dict[str, Any]) -> list[tuple[str, str]]:
    """The metrics of a workload with their headings, as far as somebody has them."""
    per = f"per {workload['unit']}"
    rate = {Kind.WIDE: "krows/s", Kind.CONNECT: "connections/s"}.get(workload["kind"], "tps")
    titles = {
        "cpu_us": f"CPU µs {per}",
        "other_cpu_us": f"control process µs {per}",
        "per_s": rate,
        "mb_per_s": "MB/s",
        "p50_us": "p50 µs",
        "p99_us": "p99 µs",
        "max_us": "longest µs",
        "kb_per_connection": "KB per connection",
        "rss_mb": "RSS MB",
        "connections": "connections",
    }
    return [
        (metric, title)
        for metric, title in titles.items()
        if any(metric in peer["metrics"] for peer in workload["peers"])
    ]


def title_of(report: Report, peer: str) -> str:
    """A peer's name for people."""
    return next((p["title"] for p in report["peers"] if p["name"] == peer), peer)


def figure(spread: dict[str, Any] | None) -> str:
    """A median with as many digits as it is worth."""
    if spread is None:
        return "–"
    value = spread["median"]
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def _workload(report: Report, workload: dict[str, Any]) -> Iterator[str]:
    wanted = columns(workload)
    yield f"### {workload['title']}\n"
    yield from table(
        ["peer", *(title for _, title in wanted)],
        [
            [title_of(report, p["peer"]), *(figure(p["metrics"].get(metric)) for metric, _ in wanted)]
            for p in workload["peers"]
        ],
    )
    ratios = [r for r in report["ratios"] if r["workload"] == workload["name"] and r["metric"] == "cpu_us"]
    for r in ratios:
        yield (
            f"\n{title_of(report, r['peer'])} / {title_of(report, r['versus'])}: **{r['median']:.2f}** "
            f"(quartiles {r['q1']:.2f} … {r['q3']:.2f}, extremes {r['low']:.2f} … {r['high']:.2f}, {r['n']} rounds)"
        )
    yield ""


def _mixed(report: Report) -> Iterator[str]:
    mixed = report["mixed"]
    if not mixed:
        return
    yield "### Mixed traffic of many identities (locust)\n"
    yield (
        f"{mixed['users']} users for {mixed['seconds']:g} s: {mixed['requests']:,} requests, "
        f"{mixed['failures']} failures, {mixed['per_s']:.0f}/s, worker CPU {mixed['cpu_us']:.0f} µs per request\n"
    )
    yield from table(
        ["what", "requests", "failures", "p50 ms", "p99 ms"],
        [
            [r["name"], f"{r['requests']:,}", str(r["failures"]), f"{r['p50_ms']:g}", f"{r['p99_ms']:g}"]
            for r in mixed["by_name"]
        ],
    )
    for error in mixed["errors"]:
        yield f"* **Failed:** {error}"
    yield ""


def told(report: Report) -> list[list[str]]:
    """Rows of the in-process figures that have no goal."""
    figures = report["in_process"]
    return [[text, f"{shown(unit, figures[key])} {unit}"] for key, (_, _, text, unit) in TOLD.items() if key in figures]


def _told(report: Report) -> Iterator[str]:
    if rows := told(report):
        yield "### The ledger, in process\n"
        yield from table(["what", "measured"], rows)
        yield ""


def _bounds(report: Report) -> Iterator[str]:
    if not report["bounds"]:
        return
    yield "### What one client can make it hold\n"
    yield from table(BOUNDS, bounds(report))
    yield ""


def bounds(report: Report) -> list[list[str]]:
    """The rows of the table of bounds, in the order of `BOUNDS`."""
    return [
        [
            bound["text"],
            bound_figure(bound, "measured"),
            bound_figure(bound, "limit"),
            "held" if bound["held"] else "NOT held",
            bound["notes"],
        ]
        for bound in report["bounds"]
    ]


def bound_figure(bound: dict[str, Any], which: str) -> str:
    """A figure of `bounds` with its unit."""
    return f"{bound[which]:,.1f} {bound['unit']}"


def _baseline_words(report: Report) -> Iterator[str]:
    yield "## Baseline\n"
    baseline = report["baseline"]
    if not baseline["present"]:
        yield "There is no `bench/baseline.json`: nothing to hold this run to. `--write-baseline` makes one of it."
        return
    yield (
        f"Held against {baseline['commit']} ({baseline['cpu']}): {baseline['compared']} ratios, "
        f"{len(baseline['regressions'])} worse."
    )
    for entry in baseline["passed_over"]:
        yield f"* not compared: {entry['key']}: {entry['why']}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """A Markdown table; the first column to the left, figures to the right."""
    yield "| " + " | ".join(head) + " |"
    yield "|---" + "|--:" * (len(head) - 1) + "|"
    for row in rows:
        yield "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row) + " |"
