"""pgbench as a load: its command line, and what its log of single transactions says.

Processor time and transactions are counted over the same window in the middle of a run, so that logins
and the first, cold statements are in neither. The window's transactions come from ``pgbench --log``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

# Longer than any cell: a run ends by SIGALRM, the signal with which pgbench itself ends a timed run.
TIME_LIMIT_S = 3_600


class BrokenLog(ValueError):
    """The log is not pgbench's, or says that transactions failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The transactions that ended between two instants, with their latencies in µs, ascending."""

    latencies_us: tuple[int, ...]
    clients: int
    clients_before: int  # how many had ended one before the window began

    @property
    def transactions(self) -> int:
        return len(self.latencies_us)

    def percentile_us(self, fraction: float) -> float:
        """By nearest rank. Raises on an empty window."""
        return percentile(self.latencies_us, fraction)


def percentile(ascending: Sequence[int], fraction: float) -> float:
    """The value below or at which ``fraction`` of the values lie, by nearest rank."""
    if not ascending:
        raise ValueError("no values, so no percentile")
    return float(ascending[max(0, math.ceil(fraction * len(ascending)) - 1)])


def command(
    pgbench: Path, port: int, *, script: str, protocol: str, clients: int, reconnect: bool, log_prefix: Path
) -> list[str]:
    """pgbench's command line for one cell."""
    made = [str(pgbench), "-p", str(port), "-n", "-b", script, "-M", protocol, "-c", str(clients), "-j", "1"]
    made += ["-T", str(TIME_LIMIT_S), "-l", f"--log-prefix={log_prefix}"]
    return [*made, "-C"] if reconnect else made


def read_window(lines: Iterable[str], start_us: int, end_us: int) -> Window:
    """Cut the window out of a log: client, transaction, latency µs, script, seconds, microseconds."""
    latencies: list[int] = []
    seen: set[str] = set()
    before: set[str] = set()
    for line in lines:
        fields = line.split()
        if len(fields) < 6 or not fields[2].isdigit():
            raise BrokenLog(f"pgbench logged {line.strip()[:80]!r}")
        ended_us = int(fields[4]) * 1_000_000 + int(fields[5])
        seen.add(fields[0])
        if ended_us < start_us:
            before.add(fields[0])
        elif ended_us < end_us:
            latencies.append(int(fields[2]))
    return Window(latencies_us=tuple(sorted(latencies)), clients=len(seen), clients_before=len(before))
