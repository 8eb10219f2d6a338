"""What a running instance says about itself: over HTTP and on the command line."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable

import orjson
import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families

from govproxy.demo.postgres import free_port
from tests.support.proxy import HOST, Proxy
from tests.support.waiting import DEADLINE_S

ANA = ("ana@shop.example", ("analysts",))


@pytest.fixture(scope="module")
def console_port() -> int:
    return free_port()


@pytest.fixture
def metered(start_proxy: Callable[..., Proxy], console_port: int) -> Proxy:
    return start_proxy(extra=f'console: {{listen: "{HOST}:{console_port}"}}')


def samples(port: int) -> dict[tuple[str, str], float]:
    """(sample's name, the label besides the worker) → value."""
    with urllib.request.urlopen(f"http://{HOST}:{port}/metrics", timeout=DEADLINE_S) as answer:
        page = answer.read().decode()
    return {
        (sample.name, next((v for k, v in sample.labels.items() if k != "worker"), "")): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }


def test_hits_and_misses_by_reason(metered: Proxy, console_port: int) -> None:
    with metered.connect(*ANA, database="shop") as connection:
        before = samples(console_port)
        for number in (1, 2, 3):
            connection.execute(f"SELECT name FROM products WHERE id = {number}".encode())
        connection.execute(b"SELECT name FROM products WHERE id = 3")
        with pytest.raises(psycopg.Error):
            connection.execute(b"SELECT FROM FROM")
        connection.execute(b"PREPARE p AS SELECT 1")
        connection.execute(b"EXECUTE p")
        after = samples(console_port)

    def grown(name: str, label: str = "") -> float:
        return after[name, label] - before[name, label]

    assert grown("govproxy_verdict_cache_misses_total", "new") >= 1
    assert grown("govproxy_verdict_cache_hits_total", "shape") >= 2
    assert grown("govproxy_verdict_cache_misses_total", "unreadable") == 1
    assert grown("govproxy_verdict_cache_misses_total", "session") >= 1
    assert grown("govproxy_statements_total") == 7
    assert grown("govproxy_gate_seconds_count") >= 3
    assert 0 < grown("govproxy_gate_seconds_sum") < 10
    assert after["govproxy_sessions", ""] == 1
    assert after["govproxy_ledger_writable", ""] == 1


def test_health(metered: Proxy, console_port: int) -> None:
    with urllib.request.urlopen(f"http://{HOST}:{console_port}/healthz", timeout=DEADLINE_S) as answer:
        assert (answer.status, answer.read()) == (200, b"ok\n")
    with pytest.raises(urllib.error.HTTPError) as missing:
        urllib.request.urlopen(f"http://{HOST}:{console_port}/nothing", timeout=DEADLINE_S)
    assert missing.value.code == 404
    missing.value.close()


def test_the_command_says_the_same(proxy: Proxy) -> None:
    with proxy.connect(*ANA, database="shop") as connection:
        connection.execute("SELECT 1")
    command = [sys.executable, "-m", "govproxy", "metrics", "--config", str(proxy.folder / "govproxy.yaml")]
    [worker] = orjson.loads(subprocess.run([*command, "--json"], capture_output=True, check=True).stdout)
    assert worker["statements"] >= 1
    assert worker["sessions_total"] >= 1
    wide = {**os.environ, "COLUMNS": "200"}
    table = subprocess.run(command, capture_output=True, text=True, check=True, env=wide).stdout
    assert "hit ratio" in table
    assert "writable" in table


def test_a_taken_console_address_is_an_error(
    start_proxy: Callable[..., Proxy], metered: Proxy, console_port: int
) -> None:
    taken = metered.folder.parent / "taken"
    taken.mkdir()
    text = (metered.folder / "govproxy.yaml").read_text().replace(f":{metered.port}", f":{free_port()}")
    (taken / "govproxy.yaml").write_text(text)
    for name in ("policy.yaml", "upstream-password", "dev.pem"):
        (taken / name).write_bytes((metered.folder / name).read_bytes())
        (taken / name).chmod(0o600)
    done = subprocess.run(
        [sys.executable, "-m", "govproxy", "serve", "--config", str(taken / "govproxy.yaml")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert f"the console cannot listen on {HOST}:{console_port}" in done.stderr
