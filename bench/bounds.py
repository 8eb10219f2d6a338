"""What one client, or many, can make a proxy hold: memory under the loads that usually burst it.

Each figure comes from a fresh govproxy with everything on, and stands beside the bound that it may not pass. They
are counted once and not in rounds: memory does not depend on what else the machine does.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg.pq import ExecStatus

from bench.database import Ground
from bench.drain import Drain
from bench.measure import CellFailed
from bench.peers import GovProxy
from bench.procfs import cpu_ns, private_kb, resident_kb
from bench.values import Json

SESSIONS = 1_000
PREPARED = 9_990  # a session may hold 10,000 names
DISTINCT = 100_000
BULK_ROWS = 1_000
BULK_ROW_BYTES = 1_000_000
STOP_S = 4.0
SETTLE_S = 0.5
CACHE_LIMIT_KB = 64 << 10  # of verdicts, as it comes

POINT_SELECT = "SELECT abalance FROM pgbench_accounts WHERE aid = 1"
BULK = f"SELECT repeat('x', {BULK_ROW_BYTES}) FROM generate_series(1, {BULK_ROWS})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """``measured`` and ``limit`` are in ``unit``; ``notes`` say what else was seen."""

    key: str
    text: str
    unit: str
    measured: float
    limit: float
    notes: str

    @property
    def held(self) -> bool:
        return self.measured <= self.limit

    def as_json(self) -> dict[str, Json]:
        """For ``report.json``."""
        return {
            "key": self.key,
            "text": self.text,
            "unit": self.unit,
            "measured": round(self.measured, 2),
            "limit": self.limit,
            "held": self.held,
            "notes": self.notes,
        }


class BoundsGovProxy(GovProxy):
    """A proxy of its own, with its own ledger."""

    @property
    def folder(self) -> Path:
        return self.ground.folder / "bounds"


def measure_bounds(ground: Ground, tell: Callable[[str], None]) -> list[Bound]:
    """Measure all of them. Raises ``CellFailed`` when a load could not be run."""
    found = []
    for measure in (_idle, _prepared, _stopped_reader, _distinct):
        tell((measure.__doc__ or "").rstrip("."))
        with _fresh(ground) as proxy:
            found.append(measure(proxy))
    return found


@contextmanager
def _fresh(ground: Ground) -> Iterator[GovProxy]:
    proxy = BoundsGovProxy(ground)
    proxy.start()
    try:
        with psycopg.connect(proxy.dsn(), autocommit=True) as connection:
            connection.execute(POINT_SELECT)  # what a process takes once is not what is asked
        yield proxy
    except (OSError, psycopg.Error) as error:
        raise CellFailed(f"{type(error).__name__}: {error}") from error
    finally:
        proxy.stop()


def _held_kb(proxy: GovProxy) -> int:
    time.sleep(SETTLE_S)
    return private_kb(proxy.pids())


def _idle(proxy: GovProxy) -> Bound:
    """A thousand idle sessions."""
    count = min(SESSIONS, proxy.ground.max_connections - 20)
    before = _held_kb(proxy)
    connections: list[psycopg.Connection[tuple[object, ...]]] = []
    try:
        for _ in range(count):
            connections.append(psycopg.connect(proxy.dsn(), autocommit=True))
            connections[-1].execute(POINT_SELECT)
        grown = _held_kb(proxy) - before
        resident = resident_kb(proxy.pids()) / 1024
    finally:
        for connection in connections:
            connection.close()
    return Bound(
        key="idle-sessions",
        text=f"{count:,} idle sessions, memory of the worker",
        unit="MB",
        measured=grown / 1024,
        limit=10,
        notes=f"{grown / count:.1f} KB each; {resident:.0f} MB resident in all",
    )


def _prepared(proxy: GovProxy) -> Bound:
    """Ten thousand prepared statements in one session."""
    with psycopg.connect(proxy.dsn(), autocommit=True) as connection:
        link = connection.pgconn
        before = _held_kb(proxy)
        for number in range(PREPARED):
            text = f"SELECT abalance AS balance_{number} FROM pgbench_accounts WHERE aid = $1"
            result = link.prepare(b"statement_%d" % number, text.encode())
            if result.status != ExecStatus.COMMAND_OK:
                raise CellFailed(f"Parse {number}: {result.error_message.decode()}")
        grown = _held_kb(proxy) - before
        last = link.exec_prepared(b"statement_%d" % (PREPARED - 1), [b"1"])
        if last.status != ExecStatus.TUPLES_OK:
            raise CellFailed(f"the last of them does not run: {last.error_message.decode()}")
        refused = 0
        for number in range(100):
            result = link.prepare(b"more_%d" % number, b"SELECT 1")
            refused += result.status != ExecStatus.COMMAND_OK
    if not refused:
        raise CellFailed("a session may hold any number of prepared statements")
    return Bound(
        key="prepared-statements",
        text=f"{PREPARED:,} prepared statements in one session, memory of the worker",
        unit="MB",
        measured=grown / 1024,
        limit=CACHE_LIMIT_KB / 1024 + 32,
        notes=f"{grown / PREPARED:.1f} KB each, verdicts included; beyond the limit Parse is refused",
    )


def _stopped_reader(proxy: GovProxy) -> Bound:
    """A gigabyte to a client that stops reading."""
    expected = BULK_ROWS * BULK_ROW_BYTES
    before = _held_kb(proxy)
    with Drain(proxy.dsn()) as drain:
        drain.send(BULK)
        peak, deadline = 0, time.monotonic() + STOP_S
        while time.monotonic() < deadline:
            peak = max(peak, private_kb(proxy.pids()) - before)
            time.sleep(0.05)
        received = drain.receive()
        peak_reading = max(peak, private_kb(proxy.pids()) - before)
    if received < expected:
        raise CellFailed(f"{received:,} bytes came of {expected:,}")
    return Bound(
        key="stopped-reader",
        text="1 GB to a client that stops reading, memory of the worker",
        unit="MB",
        measured=peak_reading / 1024,
        limit=8,
        notes=f"{peak / 1024:.1f} MB while it stood still for {STOP_S:g} s; then {received / 1e9:.2f} GB arrived",
    )


def _distinct(proxy: GovProxy) -> Bound:
    """A flood of statements that are all different."""
    with psycopg.connect(proxy.dsn(), autocommit=True) as connection:
        link = connection.pgconn
        before = _held_kb(proxy)
        used = cpu_ns(proxy.pids())
        began = time.monotonic()
        for number in range(DISTINCT):
            result = link.exec_(f"SELECT 1 AS column_{number}".encode())
            if result.status != ExecStatus.TUPLES_OK:
                raise CellFailed(f"statement {number}: {result.error_message.decode()}")
        took = time.monotonic() - began
        used = cpu_ns(proxy.pids()) - used
        grown = _held_kb(proxy) - before
    return Bound(
        key="distinct-statements",
        text=f"{DISTINCT:,} distinct statements, memory of the worker",
        unit="MB",
        measured=grown / 1024,
        limit=CACHE_LIMIT_KB / 1024 * 1.5,
        notes=f"the cache is bounded at {CACHE_LIMIT_KB >> 10} MB; {used / DISTINCT / 1_000:.0f} µs of CPU each, "
        f"{DISTINCT / took:,.0f}/s",
    )
