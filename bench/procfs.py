"""What the kernel knows of a process: processor time and private memory.

The figure that counts in the report is a proxy's own processor time, so it is read here and not
estimated from throughput. Linux only.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

PROC = Path("/proc")
_PRIVATE = ("Private_Clean:", "Private_Dirty:")


def accounting() -> str:
    """Where ``cpu_ns`` reads: ``schedstat`` (nanoseconds) or, on kernels without it, ``stat`` (ticks)."""
    return "schedstat" if (PROC / "self" / "schedstat").exists() else "stat"


def cpu_ns(pids: Iterable[int]) -> int:
    """Nanoseconds that all threads of these processes ran, user and kernel together.

    Raises ``ProcessLookupError`` when one of them is gone: a proxy that died has no figure.
    """
    return sum(_one(pid) for pid in pids)


def _one(pid: int) -> int:
    tasks = PROC / str(pid) / "task"
    total = 0
    try:
        threads = os.listdir(tasks)
    except FileNotFoundError:
        raise ProcessLookupError(f"process {pid} is gone") from None
    for thread in threads:
        try:
            total += _thread(tasks / thread)
        except (FileNotFoundError, ProcessLookupError):
            continue  # a thread may end between listing and reading; its process must not
    if not (PROC / str(pid)).exists():
        raise ProcessLookupError(f"process {pid} is gone")
    return total


def _thread(task: Path) -> int:
    try:
        return int((task / "schedstat").read_text().split()[0])
    except FileNotFoundError:
        fields = (task / "stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) * (1_000_000_000 // os.sysconf("SC_CLK_TCK"))


def private_kb(pids: Iterable[int]) -> int:
    """Private memory of these processes in KiB: what would be free if they ended."""
    return sum(
        int(line.split()[1])
        for pid in pids
        for line in (PROC / str(pid) / "smaps_rollup").read_text().splitlines()
        if line.startswith(_PRIVATE)
    )


def resident_kb(pids: Iterable[int]) -> int:
    """Resident memory in KiB, shared pages included."""
    return sum(
        int(line.split()[1])
        for pid in pids
        for line in (PROC / str(pid) / "smaps_rollup").read_text().splitlines()
        if line.startswith("Rss:")
    )


def children(pid: int, *, having: str = "") -> list[int]:
    """Process ids of the direct children whose command line contains ``having``."""
    found = []
    for entry in PROC.iterdir():
        if not entry.name.isdigit():
            continue
        try:
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        if parent == pid and having in command:
            found.append(int(entry.name))
    return sorted(found)
