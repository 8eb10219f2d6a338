"""The harness itself: what it calls ready, and that a crash cannot pass unseen."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from govproxy.demo.proxy import ProxyFailed, ProxyProcess
from tests.support.proxy import DBA, Proxy
from tests.support.waiting import until


def test_ready_means_that_statements_run(start_proxy: Callable[..., Proxy]) -> None:
    running = start_proxy(workers=2)
    with running.connect(*DBA) as connection:
        assert connection.execute("SELECT 40 + 2").fetchone() == (42,)
    assert len(running.workers) == 2
    running.stop()
    with pytest.raises(psycopg.OperationalError):
        running.connect(*DBA)


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds the worker by /proc, which is Linux's")
def test_a_crashed_worker_is_noticed_and_replaced(start_proxy: Callable[..., Proxy]) -> None:
    running = start_proxy(workers=1)
    before = running.workers
    os.kill(before[0], signal.SIGSEGV)
    until(lambda: running.process.crashed)
    running.process.wait_until_ready()
    assert running.workers != before
    with pytest.raises(ProxyFailed, match="crashed"):
        running.stop()


def test_a_mistake_in_the_configuration_ends_the_start(tmp_path: Path) -> None:
    config = tmp_path / "govproxy.yaml"
    config.write_text("listen: nowhere\n")
    process = ProxyProcess(config, log_file=tmp_path / "proxy.log", ready_dsn="host=127.0.0.1 port=1")
    with pytest.raises(ProxyFailed, match=r"ended while starting \(exit status 1\)"), process:
        pass
    assert "govproxy.yaml:1: " in process.log
