"""The machine a report was made on, in a few words that let a reader judge the figures."""

from __future__ import annotations

import os
import platform
import re
import ssl
import subprocess
from importlib.metadata import version
from pathlib import Path

from bench.procfs import accounting
from bench.values import Json

ROOT = Path(__file__).resolve().parents[1]


def describe() -> dict[str, Json]:
    """Processor, cores, memory, kernel, versions of what runs here. No host name, no paths."""
    cpuinfo = _read("/proc/cpuinfo")
    memory = re.search(r"MemTotal:\s+(\d+) kB", _read("/proc/meminfo"))
    return {
        "cpu": _field(cpuinfo, "model name") or platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "cores_usable": len(os.sched_getaffinity(0)),
        "virtual_machine": " hypervisor" in _field(cpuinfo, "flags") if cpuinfo else None,
        "memory_mb": int(memory[1]) // 1024 if memory else None,
        "kernel": platform.release(),
        "system": _system(),
        "python": platform.python_version(),
        "uvloop": _uvloop(),
        "openssl": ssl.OPENSSL_VERSION,
        "cpu_accounting": accounting(),
        "commit": _commit(),
    }


def load_average() -> float:
    """Runnable processes, averaged over the last minute."""
    return round(os.getloadavg()[0], 2)


def _read(name: str) -> str:
    path = Path(name)
    return path.read_text(errors="replace") if path.exists() else ""


def _field(cpuinfo: str, name: str) -> str:
    found = re.search(rf"^{name}\s*: (.*)$", cpuinfo, re.MULTILINE)
    return found[1].strip() if found else ""


def _system() -> str:
    found = re.search(r'^PRETTY_NAME="?([^"\n]*)', _read("/etc/os-release"), re.MULTILINE)
    return found[1] if found else platform.system()


def _uvloop() -> str:
    return version("uvloop")


def head() -> str:
    """The full id of the commit; empty outside a clone."""
    return _git("rev-parse", "HEAD")


def _commit() -> str:
    """The commit, with ``+changes`` when the tree differs from it; empty outside a clone."""
    return _git("describe", "--always", "--dirty=+changes", "--abbrev=12")


def _git(*arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() if done.returncode == 0 else ""
