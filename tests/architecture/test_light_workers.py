"""What a worker loads: every worker pays for it in memory and in the time to start."""

from __future__ import annotations

import subprocess
import sys

HEAVY = (
    "asyncpg",
    "duckdb",
    "govproxy.console",
    "govproxy.control",
    "httpx2",
    "locust",
    "prometheus_client",
    "prompt_toolkit",
    "psycopg",
    "pydantic",
    "pygments",
    "rich",
    "ruamel",
    "sqlalchemy",
    "stamina",
    "starlette",
    "typer",
    "uvicorn",
)


def test_a_worker_loads_nothing_of_the_control_process() -> None:
    script = f"import sys, govproxy.server.worker; print(*(name for name in {HEAVY!r} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_a_token_does_not_wait_for_the_parser() -> None:
    script = (
        "import sys; from govproxy.cli import app, token; "
        "print(*(name for name in ('pglast', 'uvloop', 'rich.table', 'asyncpg') if name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
