"""The report as one HTML file: no script, nothing from the network, pictures inside."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

from bench.plots import Bar, Dot, bars, dots
from bench.report import BOUNDS, Report, bound, bounds, columns, figure, machine_lines, measured, title_of, told
from bench.targets import Status

STYLE = """\
:root { color-scheme: light dark; --us: #1769aa; --them: #a9b4bf; --bad: #b3261e; --good: #1b7f4b; --line: #c9d0d6;
  --text: #1c2227; --back: #ffffff; }
@media (prefers-color-scheme: dark) { :root { --us: #6cb4ee; --them: #56616b; --bad: #f2857c; --good: #6fd19b;
  --line: #39424a; --text: #e4e8eb; --back: #14181b; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--text); background: var(--back); max-width: 60rem;
  margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; margin: .5rem 0 1.5rem; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: .25rem .6rem; border-bottom: 1px solid var(--line); }
th:first-child, td:first-child, td.words { text-align: left; }
svg { width: 100%; height: auto; display: block; margin: .5rem 0; font-family: inherit; }
.bad { color: var(--bad); font-weight: 600; } .good { color: var(--good); }
"""


def html(report: Report) -> str:
    """The whole page."""
    return "".join(f"{line}\n" for line in _page(report))


def _page(report: Report) -> Iterator[str]:
    yield '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>What govproxy costs</title><style>{STYLE}</style></head><body>"
    yield "<h1>What govproxy costs</h1>"
    yield (
        "<p>The proxy's own processor time, policy, masking and audit on, as a ratio to another proxy in the same "
        "round. Medians; the extremes in brackets and as whiskers. Below 1 is cheaper. "
        "Solid tick: must; dashed: aim.</p>"
    )
    yield from _problems(report)
    ratios = [t for t in report["targets"] if t["unit"] == "×" and t["measured"] and not t["higher_is_better"]]
    if ratios:
        yield dots("Ratios of processor time", [_dot(target) for target in ratios])
    yield "<h2>Targets</h2>"
    yield from _table(
        ["target", "measured", "must", "aim", ""],
        [[t["text"], measured(t), bound(t, "must"), bound(t, "aim"), t["status"]] for t in report["targets"]],
        [_class(t["status"]) for t in report["targets"]],
    )
    yield "<h2>What was on</h2>"
    yield from _list(f"{name}: {text}" for name, text in report["evidence"].items())
    yield "<h2>Who took part</h2>"
    yield from _list(
        f"{p['title']} {p['version']}: " + (f"absent: {p['absent']}" if p["absent"] else "; ".join(p["notes"]))
        for p in report["peers"]
    )
    yield "<h2>The machine</h2>"
    yield from _list(machine_lines(report))
    yield "<h2>Figures</h2>"
    for workload in report["workloads"]:
        yield from _workload(report, workload)
    yield from _mixed(report)
    if rows := told(report):
        yield "<h3>The ledger, in process</h3>"
        yield from _table(["what", "measured"], rows)
    yield from _bounds(report)
    yield "</body></html>"


def _dot(target: dict[str, Any]) -> Dot:
    found = target["measured"]
    return Dot(
        label=target["text"],
        median=found["median"],
        low=found["low"],
        high=found["high"],
        must=target["must"],
        aim=target["aim"],
    )


def _problems(report: Report) -> Iterator[str]:
    found = [
        f"failed: {f['workload']} through {f['peer']}, round {f['round']}: {f['error']}" for f in report["failures"]
    ]
    found += [f"worse than the baseline: {r['text']}" for r in report["baseline"]["regressions"]]
    if found:
        yield '<div class="bad">'
        yield from _list(found)
        yield "</div>"
    yield from _list(f"left out: {s['workload']} through {s['peer']}: {s['why']}" for s in report["skipped"])


def _workload(report: Report, workload: dict[str, Any]) -> Iterator[str]:
    yield f"<h3>{escape(workload['title'])}</h3>"
    metric = "kb_per_connection" if workload["kind"] == "idle" else "cpu_us"
    drawn = [
        Bar(
            label=title_of(report, peer["peer"]),
            median=found["median"],
            low=found["low"],
            high=found["high"],
            ours=peer["peer"].startswith("govproxy"),
        )
        for peer in workload["peers"]
        if (found := peer["metrics"].get(metric)) is not None
    ]
    wanted = columns(workload)
    if drawn:
        yield bars(f"{dict(wanted)[metric]}: {workload['title']}", drawn)
    yield from _table(
        ["peer", *(title for _, title in wanted)],
        [
            [title_of(report, p["peer"]), *(figure(p["metrics"].get(name)) for name, _ in wanted)]
            for p in workload["peers"]
        ],
    )


def _bounds(report: Report) -> Iterator[str]:
    if not report["bounds"]:
        return
    yield "<h3>What one client can make it hold</h3>"
    yield from _table(BOUNDS, bounds(report))


def _mixed(report: Report) -> Iterator[str]:
    mixed = report["mixed"]
    if not mixed:
        return
    yield "<h3>Mixed traffic of many identities (locust)</h3>"
    yield (
        f"<p>{mixed['users']} users for {mixed['seconds']:g} s: {mixed['requests']:,} requests, "
        f"{mixed['failures']} failures, worker CPU {mixed['cpu_us']:.0f} µs per request</p>"
    )
    yield from _table(
        ["what", "requests", "failures", "p50 ms", "p99 ms"],
        [
            [r["name"], f"{r['requests']:,}", str(r["failures"]), f"{r['p50_ms']:g}", f"{r['p99_ms']:g}"]
            for r in mixed["by_name"]
        ],
    )
    yield from _list(mixed["errors"])


def _class(status: str) -> str:
    match status:
        case Status.MISSED:
            return "bad"
        case Status.AIM | Status.MUST:
            return "good"
        case Status.OPEN:
            return ""
        case _:
            raise ValueError(status)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], classes: Sequence[str] = ()) -> Iterator[str]:
    yield "<table><tr>" + "".join(f"<th>{escape(cell)}</th>" for cell in head) + "</tr>"
    for number, row in enumerate(rows):
        last = f' class="{classes[number]}"' if classes and classes[number] else ""
        cells = "".join(f"<td>{escape(cell)}</td>" for cell in row[:-1])
        yield f"<tr>{cells}<td{last}>{escape(row[-1])}</td></tr>"
    yield "</table>"


def _list(lines: Any) -> Iterator[str]:
    made = [f"<li>{escape(line)}</li>" for line in lines]
    if made:
        yield "<ul>" + "".join(made) + "</ul>"
