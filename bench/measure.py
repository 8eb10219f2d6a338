"""Runs one cell: a workload through a peer, and what the kernel counted meanwhile.

Metrics by name: ``cpu_us`` (the peer's own processor time per unit of the workload), ``other_cpu_us`` (processes
beside the data path), ``per_s``, ``p50_us``, ``p99_us``, ``max_us``, ``mb_per_s``, ``kb_per_connection``, ``rss_mb``.
"""

from __future__ import annotations

import contextlib
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psycopg

from bench import pgbench
from bench.database import WIDE_QUERY, WIDE_ROWS
from bench.drain import Drain
from bench.peers import Peer
from bench.procfs import cpu_ns, private_kb, resident_kb
from bench.workloads import Kind, Workload
from govproxy.demo.postgres import die_with_parent

FIRST_LOG_S = 2.5  # how long the first buffer of pgbench's log may take
SETTLE_S = 0.15
END_TIMEOUT_S = 20.0
IDLE_SETTLE_S = 0.5


class CellFailed(RuntimeError):
    """This cell has no figure; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Counters at one instant."""

    time_s: float
    epoch_us: int
    cpu_ns: int
    other_ns: int


def read(peer: Peer, pids: list[int], others: list[int]) -> Reading:
    """Clocks and processor time, as close together as can be."""
    return Reading(
        time_s=time.monotonic(),
        epoch_us=time.time_ns() // 1_000,
        cpu_ns=cpu_ns(pids),
        other_ns=cpu_ns(others),
    )


def run_cell(
    workload: Workload, peer: Peer, *, seconds: float, folder: Path, idle_connections: int
) -> dict[str, float]:
    """Measure; raises ``CellFailed`` (or ``ProcessLookupError`` when the peer died)."""
    try:
        match workload.kind:
            case Kind.PGBENCH | Kind.CONNECT:
                return _run_pgbench(workload, peer, seconds, folder)
            case Kind.WIDE:
                return _run_wide(peer, seconds)
            case Kind.IDLE:
                return _run_idle(peer, idle_connections)
            case _:
                raise ValueError(workload.kind)
    except (OSError, psycopg.Error, pgbench.BrokenLog) as error:
        raise CellFailed(f"{type(error).__name__}: {error}") from error


def _per_unit(peer: Peer, before: Reading, after: Reading, units: float) -> dict[str, float]:
    """Processor time per unit, and the rate. A peer without processes (direct) has no processor time."""
    made = {"per_s": units / (after.time_s - before.time_s)}
    if peer.pids():
        made["cpu_us"] = (after.cpu_ns - before.cpu_ns) / units / 1_000
    if peer.other_pids():
        made["other_cpu_us"] = (after.other_ns - before.other_ns) / units / 1_000
    return made


def _run_pgbench(workload: Workload, peer: Peer, seconds: float, folder: Path) -> dict[str, float]:
    prefix = folder / "transactions"
    _remove_logs(prefix)
    errors = folder / "pgbench.err"
    command = pgbench.command(
        peer.ground.pgbench,
        peer.port,
        script=workload.script,
        protocol=workload.protocol,
        clients=workload.clients,
        reconnect=workload.kind is Kind.CONNECT,
        log_prefix=prefix,
    )
    pids, others = peer.pids(), peer.other_pids()
    with errors.open("wb") as stderr:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            env=peer.ground.environment(sslmode=peer.sslmode),
            preexec_fn=die_with_parent(signal.SIGKILL),
        )
    try:
        _wait_for_transactions(process, prefix)
        before = read(peer, pids, others)
        time.sleep(seconds)
        after = read(peer, pids, others)
        if process.poll() is None:
            process.send_signal(signal.SIGALRM)
        status = process.wait(END_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        raise CellFailed(f"pgbench hung: {_tail(errors)}") from None
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    if status != 0:
        raise CellFailed(f"pgbench ended with status {status}: {_tail(errors)}")
    logs = list(folder.glob(f"{prefix.name}.*"))
    window = pgbench.read_window(_lines(logs), before.epoch_us, after.epoch_us)
    _remove_logs(prefix)
    if window.transactions == 0:
        raise CellFailed("no transaction ended inside the window")
    # pgbench lets nobody begin before all are connected, so one transaction says that the logins are over.
    if workload.kind is Kind.PGBENCH and not window.clients_before:
        raise CellFailed("no transaction had ended when counting began: logins may be in the figure")
    if window.clients < workload.clients:
        raise CellFailed(f"{workload.clients - window.clients} of {workload.clients} clients never got an answer")
    return _per_unit(peer, before, after, window.transactions) | {
        "p50_us": window.percentile_us(0.5),
        "p99_us": window.percentile_us(0.99),
        "max_us": float(window.latencies_us[-1]),
    }


def _wait_for_transactions(process: subprocess.Popen[bytes], prefix: Path) -> None:
    """Until pgbench has written its first buffer of log lines: then every client is connected and at work."""
    log = prefix.with_name(f"{prefix.name}.{process.pid}")
    deadline = time.monotonic() + FIRST_LOG_S
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(FileNotFoundError):
            if log.stat().st_size > 0:
                break
        time.sleep(0.01)
    time.sleep(SETTLE_S)


def _lines(logs: list[Path]) -> list[str]:
    return [line for log in logs for line in log.read_text().splitlines()]


def _remove_logs(prefix: Path) -> None:
    for log in prefix.parent.glob(f"{prefix.name}.*"):
        log.unlink()


def _tail(path: Path) -> str:
    return path.read_text(errors="replace").strip()[-400:] or "(it said nothing)"


def _run_wide(peer: Peer, seconds: float) -> dict[str, float]:
    with Drain(peer.dsn()) as drain:
        drain.query(WIDE_QUERY)
        drain.query(WIDE_QUERY)
        pids, others = peer.pids(), peer.other_pids()
        before = read(peer, pids, others)
        queries, received, durations = 0, 0, []
        while (started := time.monotonic()) < before.time_s + seconds:
            received += drain.query(WIDE_QUERY)
            queries += 1
            durations.append(round((time.monotonic() - started) * 1e6))
        after = read(peer, pids, others)
    durations.sort()
    return _per_unit(peer, before, after, queries * WIDE_ROWS / 1_000) | {
        "mb_per_s": received / 1e6 / (after.time_s - before.time_s),
        "p50_us": pgbench.percentile(durations, 0.5),
        "p99_us": pgbench.percentile(durations, 0.99),
    }


def _run_idle(peer: Peer, count: int) -> dict[str, float]:
    """Growth of private memory from the first half of the connections to all of them.

    What a process takes once (arenas, caches, code that is loaded by the first login) is in the first half, and so is
    most of what its start used and gave back, which sessions reuse unseen: hundreds of them where modules had to be
    compiled. The peer must be fresh for the same reason.
    """
    connections: list[psycopg.Connection[tuple[object, ...]]] = []

    def open_one() -> None:
        connection = psycopg.connect(peer.dsn(), autocommit=True)
        connections.append(connection)
        connection.execute("SELECT abalance FROM pgbench_accounts WHERE aid = 1")

    def measure(what: Callable[[list[int]], int]) -> int:
        time.sleep(IDLE_SETTLE_S)
        return what(peer.pids())

    try:
        first = max(1, count // 2)
        for _ in range(first):
            open_one()
        before = measure(private_kb)
        for _ in range(count - first):
            open_one()
        after = measure(private_kb)
        return {
            "kb_per_connection": (after - before) / (count - first),
            "rss_mb": resident_kb(peer.pids()) / 1024,
            "connections": float(count),
        }
    finally:
        for connection in connections:
            connection.close()
