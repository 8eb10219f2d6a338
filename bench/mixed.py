"""Runs the mixed workload of ``locustfile`` against a proxy with many identities, and reads what came of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from bench.database import Ground
from bench.measure import CellFailed
from bench.peers import GovProxy, MixedUser
from bench.procfs import cpu_ns
from bench.values import Json
from govproxy.demo.postgres import die_with_parent

USERS = 40
SPAWN_PER_S = 40
END_TIMEOUT_S = 60.0
_GROUPS = ("analysts", "services", "engineering", "support")
_FILE = Path(__file__).with_name("locustfile.py")


class MixedGovProxy(GovProxy):
    """A proxy that knows everybody in the mix."""

    users = tuple(
        MixedUser(name=f"person-{number}", groups=(_GROUPS[number % len(_GROUPS)],)) for number in range(USERS)
    )

    @property
    def folder(self) -> Path:
        return self.ground.folder / "mixed"


def run(ground: Ground, seconds: float) -> dict[str, Json]:
    """Start a proxy, let locust loose on it, give ``report.json``'s ``mixed``. Raises ``CellFailed``."""
    proxy = MixedGovProxy(ground)
    out = ground.folder / "mixed.json"
    proxy.start()
    try:
        pids = proxy.pids()
        before = cpu_ns(pids)
        _locust(proxy, out, seconds)
        used_ns = cpu_ns(proxy.pids()) - before
    finally:
        proxy.stop()
    content: dict[str, Json] = json.loads(out.read_text())
    requests = content["requests"]
    if not isinstance(requests, int) or requests == 0:
        raise CellFailed("locust made no request at all")
    return {"users": USERS, "seconds": seconds, "cpu_us": round(used_ns / requests / 1_000, 1), **content}


def _locust(proxy: GovProxy, out: Path, seconds: float) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LOCUST_"))}
    environment |= {
        "GOVPROXY_MIXED_DSN": proxy.dsn().replace(f"user={proxy.user} ", ""),
        "GOVPROXY_MIXED_USERS": ",".join(user.name for user in proxy.users),
        "GOVPROXY_MIXED_OUT": str(out),
    }
    log = proxy.ground.folder / "locust.log"
    command = [sys.executable, "-m", "locust", "-f", str(_FILE), "--headless", "--only-summary", "--stop-timeout", "5"]
    command += [
        "-u",
        str(USERS),
        "-r",
        str(SPAWN_PER_S),
        "-t",
        f"{max(1, round(seconds))}s",
        "--exit-code-on-error",
        "0",
    ]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd=_FILE.parents[1],
            preexec_fn=die_with_parent(signal.SIGKILL),
        )
    deadline = time.monotonic() + seconds + END_TIMEOUT_S
    try:
        status = process.wait(deadline - time.monotonic())
    except subprocess.TimeoutExpired:
        raise CellFailed(f"locust hung: {log.read_text(errors='replace')[-500:]}") from None
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    if status != 0 or not out.exists():
        raise CellFailed(f"locust ended with status {status}: {log.read_text(errors='replace')[-500:]}")
