"""``python -m bench.compare``: what govproxy costs beside other proxies, in alternated rounds.

Starts a PostgreSQL and every peer, measures, writes report.json, .md and .html, and prints the table of targets.
Exit status 1: govproxy failed under load. 2: it cannot run. 3: a ratio is worse than the committed baseline.
"""

from __future__ import annotations

import argparse
import datetime
import json
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from bench import baseline, evidence, inprocess, machine, mixed, report, values
from bench.bounds import Bound, measure_bounds
from bench.database import Ground, ground
from bench.measure import CellFailed, run_cell
from bench.page import html
from bench.peers import PEERS, GovProxy, Peer, PeerAbsent
from bench.targets import Status
from bench.values import Cell, Failure, Json, PeerFacts, Results
from bench.workloads import BY_NAME, WORKLOADS, Kind, Workload
from govproxy.demo.binaries import PostgresNotFound, make_room
from govproxy.demo.postgres import PostgresStartFailed
from govproxy.demo.proxy import ProxyFailed

OUT = Path(__file__).with_name("out")
PGBENCH_SCALE = 10
SLOWER = 3  # exit status
FREE_BYTES_NEEDED = 6 << 30  # the ledger of a full run


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much to measure. ``budget_s``: no further round begins that would not end in time."""

    mode: str
    rounds: int
    seconds: float
    idle_connections: int
    budget_s: float
    workloads: tuple[Workload, ...]
    peers: tuple[str, ...] = ()
    mixed_s: float = 0.0
    bounds: bool = False

    def peers_of(self, workload: Workload) -> tuple[str, ...]:
        """Who takes part in it."""
        planned = workload.quick if self.mode == "quick" else workload.full
        return tuple(name for name in planned if not self.peers or name in self.peers)


QUICK = Plan(mode="quick", rounds=3, seconds=1.0, idle_connections=1_000, budget_s=190.0, workloads=WORKLOADS)
FULL = Plan(
    mode="full",
    rounds=5,
    seconds=4.0,
    idle_connections=1_000,
    budget_s=7_200.0,
    workloads=WORKLOADS,
    mixed_s=20.0,
    bounds=True,
)


@dataclass(slots=True)
class _Run:
    """What has been found so far."""

    cells: list[Cell] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    skipped: dict[tuple[str, str], str] = field(default_factory=dict)
    facts: dict[str, PeerFacts] = field(default_factory=dict)
    rounds: int = 0
    evidence: dict[str, Json] = field(default_factory=dict)
    mixed: dict[str, Json] = field(default_factory=dict)
    bounds: list[Bound] = field(default_factory=list)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and report; the exit status."""
    options = _parse(arguments)
    errors = Console(stderr=True)
    try:
        plan = make_plan(options)
        held = baseline.load(options.baseline)
        results = measure(plan, errors)
    except (RuntimeError, ValueError, PostgresNotFound, PostgresStartFailed, ProxyFailed) as error:
        errors.print(Text(f"bench: {error}", style="bold red"))
        return 2
    content = report.build(results, held)
    write(options.out, content)
    if options.write_baseline:
        baseline.save(options.baseline, results, report.all_ratios(results))
        errors.print(f"baseline written: {options.baseline}")
    if options.json:
        print(json.dumps(content))
    else:
        print_table(Console(), content)
        print(f"written: {options.out}/report.json, report.md, report.html")
    return verdict(content, errors)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.compare", description=__doc__)
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--quick", dest="mode", action="store_const", const="quick", help="under five minutes (default)")
    mode.add_argument("--full", dest="mode", action="store_const", const="full", help="every peer, long cells, locust")
    parser.add_argument("--rounds", type=int, metavar="N", help="alternated rounds")
    parser.add_argument("--seconds", type=float, metavar="S", help="length of one cell")
    parser.add_argument("--only", action="append", default=[], metavar="WORKLOAD", help=", ".join(BY_NAME))
    parser.add_argument("--peers", metavar="A,B", default="", help=", ".join(peer.name for peer in PEERS))
    parser.add_argument("--locust", action="store_true", help="the mixed workload in a quick run too")
    parser.add_argument("--bounds", action="store_true", help="the memory under bursting loads in a quick run too")
    parser.add_argument("--idle", type=int, metavar="N", help="connections for the memory figure")
    parser.add_argument("--out", type=Path, default=OUT, metavar="DIR")
    parser.add_argument("--baseline", type=Path, default=baseline.FILE, metavar="FILE")
    parser.add_argument("--write-baseline", action="store_true", help="keep these ratios as the ones to hold")
    parser.add_argument("--json", action="store_true", help="print report.json instead of the table")
    parser.set_defaults(mode="quick")
    return parser.parse_args(arguments)


def make_plan(options: argparse.Namespace) -> Plan:
    """The mode's plan with what the command line changes. Raises ``ValueError`` on an unknown name."""
    plan = FULL if options.mode == "full" else QUICK
    names = [name for text in options.only for name in text.split(",") if name]
    peers = tuple(name for name in options.peers.split(",") if name)
    for name, known in [(name, BY_NAME) for name in names] + [(name, {p.name: p for p in PEERS}) for name in peers]:
        if name not in known:
            raise ValueError(f"{name!r} is not one of {', '.join(known)}")
    if names:
        # Named workloads are measured with everybody; only then is nothing left out.
        chosen = (BY_NAME[name] for name in dict.fromkeys(names))
        plan = replace(plan, workloads=tuple(replace(one, quick=one.full) for one in chosen))
    if options.rounds is not None:
        plan = replace(plan, rounds=options.rounds, budget_s=float("inf"))
    mixed_s = plan.mixed_s if not names else 0.0
    return replace(
        plan,
        seconds=options.seconds or plan.seconds,
        idle_connections=options.idle or plan.idle_connections,
        peers=peers,
        mixed_s=(mixed_s or 8.0) if options.locust else mixed_s,
        bounds=options.bounds or (plan.bounds and not names),
    )


def measure(plan: Plan, errors: Console) -> Results:
    """Everything between starting PostgreSQL and having stopped it."""
    folder = make_room()
    started = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    load_before = machine.load_average()
    run = _Run()
    try:
        if plan.mode == "full" and shutil.disk_usage(folder).free < FREE_BYTES_NEEDED:
            raise RuntimeError(f"a full run needs {FREE_BYTES_NEEDED >> 30} GiB free beside {folder}")
        with ground(folder, scale=PGBENCH_SCALE) as base, Progress(console=errors, transient=True) as progress:
            _measure(plan, run, base, progress)
    finally:
        shutil.rmtree(folder)
    described = machine.describe() | {"load_before": load_before, "load_after": machine.load_average()}
    return Results(
        mode=plan.mode,
        started=started,
        seconds_per_cell=plan.seconds,
        rounds=run.rounds,
        machine=described,
        peers=tuple(run.facts.values()),
        cells=tuple(run.cells),
        failures=tuple(run.failures),
        skipped=tuple((workload, peer, why) for (workload, peer), why in run.skipped.items()),
        evidence=run.evidence,
        in_process=inprocess.read(OUT / "benchmark.json", machine.head()),
        mixed=run.mixed,
        bounds=tuple(bound.as_json() for bound in run.bounds),
    )


def _measure(plan: Plan, run: _Run, base: Ground, progress: Progress) -> None:
    loads = [workload for workload in plan.workloads if workload.kind is not Kind.IDLE]
    wanted = {name for workload in plan.workloads for name in plan.peers_of(workload)}
    peers = {peer.name: peer(base) for peer in PEERS if peer.name in wanted}
    run.facts = {name: _facts(peer) for name, peer in peers.items()}
    present = {name: peer for name, peer in peers.items() if not run.facts[name].absent}
    with _up([peer for peer in present.values() if any(peer.name in plan.peers_of(load) for load in loads)]) as up:
        governed = up.get(values.GOVPROXY)
        if isinstance(governed, GovProxy):
            run.evidence = evidence.collect(governed)
        if loads:
            _rounds(plan, run, loads, up, progress)
    for workload in plan.workloads:
        if workload.kind is Kind.IDLE:
            for name in plan.peers_of(workload):
                if name in present:
                    _fresh_cell(plan, run, workload, present[name])
    if plan.mixed_s:
        try:
            run.mixed = mixed.run(base, plan.mixed_s)
        except (RuntimeError, ProcessLookupError, ProxyFailed) as error:
            run.failures.append(Failure(workload="mixed", peer=values.GOVPROXY, round=1, error=str(error)))
    if plan.bounds:
        bar = progress.add_task("bounds", total=None)
        try:
            run.bounds = measure_bounds(base, lambda text: progress.update(bar, description=text))
        except (RuntimeError, ProcessLookupError, ProxyFailed) as error:
            run.failures.append(Failure(workload="bounds", peer=values.GOVPROXY, round=1, error=str(error)))


def _fresh_cell(plan: Plan, run: _Run, workload: Workload, peer: Peer) -> None:
    """One cell through a process that has done nothing else. A failure here must not cost the rounds before it."""
    try:
        with _up([peer]):
            _cell(plan, run, workload, peer, 1)
    except (RuntimeError, ProxyFailed) as error:
        run.failures.append(Failure(workload=workload.name, peer=peer.name, round=1, error=str(error)))


def _facts(peer: Peer) -> PeerFacts:
    try:
        return peer.facts()
    except PeerAbsent as absent:
        return PeerFacts(name=peer.name, title=peer.title, absent=str(absent))


@contextmanager
def _up(peers: Sequence[Peer]) -> Iterator[dict[str, Peer]]:
    """All of them, running."""
    with ExitStack() as stack:
        for peer in peers:
            stack.callback(peer.stop)
            peer.start()
        yield {peer.name: peer for peer in peers}


def _rounds(plan: Plan, run: _Run, loads: Sequence[Workload], up: dict[str, Peer], progress: Progress) -> None:
    cells = sum(len(plan.peers_of(load)) for load in loads)
    bar = progress.add_task("measuring", total=cells * plan.rounds)
    began = time.monotonic()
    for number in range(1, plan.rounds + 1):
        if number > 1 and (elapsed := time.monotonic() - began) * number / (number - 1) > plan.budget_s:
            progress.console.print(f"{number - 1} rounds took {elapsed:.0f} s: no further one")
            break
        for load in loads:
            for peer in rotated([up[name] for name in plan.peers_of(load) if name in up], number):
                progress.update(bar, description=f"round {number}: {load.name}, {peer.title}")
                _cell(plan, run, load, peer, number)
                progress.advance(bar)
        run.rounds = number


def rotated(peers: Sequence[Peer], number: int) -> list[Peer]:
    """Each round begins with another peer, so that nobody always has the warm or the tired machine."""
    start = (number - 1) % len(peers) if peers else 0
    return [*peers[start:], *peers[:start]]


def _cell(plan: Plan, run: _Run, workload: Workload, peer: Peer, number: int) -> None:
    if why := peer.cannot(workload.protocol):
        run.skipped[workload.name, peer.name] = why
        return
    try:
        metrics = run_cell(
            workload,
            peer,
            seconds=plan.seconds,
            folder=peer.ground.folder,
            idle_connections=plan.idle_connections,
        )
    except (CellFailed, ProcessLookupError) as error:
        text = "\n".join(part for part in (str(error), peer.complaint()) if part)
        run.failures.append(Failure(workload=workload.name, peer=peer.name, round=number, error=text))
        return
    run.cells.append(Cell(workload=workload.name, peer=peer.name, round=number, metrics=metrics))


def write(out: Path, content: report.Report) -> None:
    """The three files."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "report.json").write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    (out / "report.md").write_text(report.markdown(content))
    (out / "report.html").write_text(html(content))


def print_table(console: Console, content: report.Report) -> None:
    """The targets, and everything that went wrong or was left out."""
    table = Table(title="CPU ratios are medians of same-round pairs; extremes in brackets")
    for heading in ("target", "measured", "must", "aim", ""):
        table.add_column(heading, justify="left" if heading in ("target", "") else "right")
    colours = {Status.AIM: "green", Status.MUST: "cyan", Status.MISSED: "bold red", Status.OPEN: "dim"}
    for target in content["targets"]:
        if target["measured"] is None:
            continue
        table.add_row(
            Text(target["text"]),
            report.measured(target),
            report.bound(target, "must"),
            report.bound(target, "aim"),
            Text(target["status"], style=colours[Status(target["status"])]),
        )
    missing = sum(target["measured"] is None for target in content["targets"])
    if missing < len(content["targets"]):
        console.print(table)
    if missing:
        console.print(f"{missing} of {len(content['targets'])} targets were not measured; report.md names them")
    _print_other_ratios(console, content)
    _print_bounds(console, content)
    for skipped in content["skipped"]:
        console.print(Text(f"left out: {skipped['workload']} through {skipped['peer']}: {skipped['why']}"))
    for peer in content["peers"]:
        if peer["absent"]:
            console.print(Text(f"absent: {peer['title']}: {peer['absent']}"))


def _print_other_ratios(console: Console, content: report.Report) -> None:
    """Processor time where no goal is set."""
    table = Table(title="Other ratios of CPU")
    for heading in ("workload", "versus", "median", "rounds"):
        table.add_column(heading, justify="left" if heading in ("workload", "versus") else "right")
    goals = {target["key"] for target in content["targets"]} | {f"wide/{values.PGBOUNCER}"}
    for ratio in content["ratios"]:
        if ratio["metric"] == "cpu_us" and f"{ratio['workload']}/{ratio['versus']}" not in goals:
            spread = f"{ratio['median']:.2f} ({ratio['low']:.2f} … {ratio['high']:.2f})"
            versus = report.title_of(content, ratio["versus"])
            table.add_row(Text(BY_NAME[ratio["workload"]].title), Text(versus), spread, str(ratio["n"]))
    if table.row_count:
        console.print(table)


def _print_bounds(console: Console, content: report.Report) -> None:
    """Memory under loads that burst it."""
    table = Table(title="What one client can make it hold")
    for heading in ("load", "measured", "bound", "", "besides"):
        table.add_column(heading, justify="right" if heading in ("measured", "bound") else "left")
    for bound in content["bounds"]:
        measured, limit = report.bound_figure(bound, "measured"), report.bound_figure(bound, "limit")
        table.add_row(Text(bound["text"]), measured, limit, "" if bound["held"] else "NOT held", Text(bound["notes"]))
    if table.row_count:
        console.print(table)


def verdict(content: report.Report, errors: Console) -> int:
    """One clear line for each reason to fail."""
    if not content["baseline"]["present"]:
        errors.print("no bench/baseline.json to hold this run to; --write-baseline makes one")
    status = 0
    for failure in content["failures"]:
        ours = failure["peer"].startswith("govproxy")
        status = 1 if ours else status
        line = f"{failure['workload']} through {failure['peer']}, round {failure['round']}: {failure['error']}"
        errors.print(Text(f"failed: {line}", style="bold red" if ours else "yellow"))
    for error in content["mixed"].get("errors", ()):
        status = 1
        errors.print(Text(f"failed: mixed traffic: {error}", style="bold red"))
    for bound in content["bounds"]:
        if not bound["held"]:
            status = 1
            line = f"{bound['text']}: {report.bound_figure(bound, 'measured')}"
            errors.print(Text(f"failed: beyond its bound: {line}", style="bold red"))
    for regression in content["baseline"]["regressions"]:
        status = status or SLOWER
        errors.print(Text(f"worse than the baseline: {regression['text']}", style="bold red"))
    return status


if __name__ == "__main__":
    sys.exit(main())
