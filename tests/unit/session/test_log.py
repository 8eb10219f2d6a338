"""Logging: readable on a terminal, JSON in a pipe, and no contents of variables in either."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
from collections.abc import Iterator

import pytest
import structlog

from govproxy.session import log

FAILURE = """
import io, sys
{first}
from govproxy.session import log

class Stderr(io.StringIO):
    def isatty(self):
        return {terminal}

def fail_beside_a_secret():
    secret = "4111".join(["4111"] * 3)
    raise RuntimeError(f"a failure near {{len(secret)}} characters")

sys.stderr = Stderr()
log.configure()
try:
    fail_beside_a_secret()
except RuntimeError:
    log.get_logger("test").exception("something failed", session_id="s1")
print(sys.stderr.getvalue())
"""


@pytest.fixture
def logging_restored() -> Iterator[None]:
    handlers = logging.root.handlers[:]
    yield
    structlog.reset_defaults()
    logging.root.handlers[:] = handlers


@pytest.mark.parametrize("terminal", [True, False], ids=["terminal", "pipe"])
@pytest.mark.parametrize("first", ["", "import rich.console"], ids=["light", "with rich"])
def test_a_traceback_shows_no_local_variable(first: str, terminal: bool) -> None:
    script = FAILURE.format(first=first, terminal=terminal)
    written = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert "something failed" in written
    assert "a failure near 20 characters" in written
    assert "in fail_beside_a_secret" in written
    assert "4111411141114111" not in written


@pytest.mark.usefixtures("logging_restored")
def test_a_pipe_gets_json_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    stderr = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stderr)
    logger = log.get_logger("test")
    log.configure(logging.WARNING)
    logger.info("not this")
    logger.warning("this", worker=3)
    (line,) = stderr.getvalue().splitlines()
    entry = json.loads(line)
    assert (entry["event"], entry["level"], entry["worker"]) == ("this", "warning", 3)
    assert entry["timestamp"].endswith("Z")


@pytest.mark.parametrize("first", ["", "import rich.console; "], ids=["light", "with rich"])
def test_rich_stays_importable(first: str) -> None:
    script = f"{first}from govproxy.session import log; import rich.table; print(rich.table.Table.__name__)"
    assert (
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout == "Table\n"
    )
