"""A real ``govproxy serve`` as a child process, for the demo and the end-to-end tests.

Knows how to start it, when it is ready, how it ended and what it wrote. Knows nothing of what is
asked of it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg

from govproxy.demo.postgres import die_with_parent
from govproxy.errors import GovproxyError

READY_TIMEOUT_S = 180.0  # for failures alone: a busy machine takes its time
STOP_TIMEOUT_S = 120.0
_LOG_TAIL_CHARACTERS = 4_000
_HOPELESS = 3  # workers that ended while starting
_WORKER_ENDED = "a worker ended"  # how server.supervisor begins to say that it starts one anew


class ProxyFailed(GovproxyError):
    """The proxy did not start, or did not end as it should; the message ends with its log."""


class ProxyProcess:
    """``govproxy serve`` with a configuration file, from ``__enter__`` to ``__exit__``.

    A control process or a worker that ended by itself, by a segmentation fault above all, makes
    ``__exit__`` raise, so that no test run passes over a crash.
    """

    def __init__(
        self, config: Path, *, log_file: Path, ready_dsn: str, environment: Mapping[str, str] | None = None
    ) -> None:
        self.config = config
        self.log_file = log_file
        self._ready_dsn = ready_dsn
        self._environment = dict(environment or {})
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Process id of the control process."""
        if self._process is None:
            raise ProxyFailed("the proxy is not running")
        return self._process.pid

    @property
    def log(self) -> str:
        """What it has written so far."""
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def __enter__(self) -> Self:
        self.start()
        try:
            self.wait_until_ready()
        except BaseException:
            self._kill()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.stop()
        except ProxyFailed as failed:
            if error is None:
                raise
            error.add_note(str(failed))

    def start(self) -> None:
        """Start it and return at once."""
        # Settings of the caller's own client (PGHOST, PGOPTIONS …) are not the proxy's.
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        # A crash leaves the Python stack in the log.
        environment = inherited | {"PYTHONUNBUFFERED": "1", "PYTHONFAULTHANDLER": "1"} | self._environment
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603
                [sys.executable, "-m", "govproxy", "serve", "--config", self.config],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
                cwd=self.config.parent,
                process_group=0,  # Ctrl-C reaches us, and we stop it in order
                preexec_fn=die_with_parent(signal.SIGTERM),
            )

    def wait_until_ready(self) -> None:
        """Return once a session can be opened through it and answers."""
        deadline = time.monotonic() + READY_TIMEOUT_S
        refused = "never tried"
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:
                raise ProxyFailed(f"govproxy ended while starting ({self._status()}):\n{self._log_tail()}")
            if self.log.count(_WORKER_ENDED) >= _HOPELESS:
                raise ProxyFailed(f"the workers of govproxy cannot start:\n{self._log_tail()}")
            try:
                with psycopg.connect(self._ready_dsn, connect_timeout=5, autocommit=True) as connection:
                    connection.execute("SELECT 1")
                return
            except psycopg.OperationalError as error:
                refused = str(error).strip()
            time.sleep(0.05)
        raise ProxyFailed(f"govproxy was not ready after {READY_TIMEOUT_S:.0f} s ({refused}):\n{self._log_tail()}")

    def stop(self) -> None:
        """SIGTERM, and wait for its orderly end. Raises when it ended otherwise. Twice is fine."""
        if self._process is None:
            return
        process = self._process
        ended_before = process.poll() is not None
        if not ended_before:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(timeout=STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self._kill()
                raise ProxyFailed(
                    f"govproxy did not stop within {STOP_TIMEOUT_S:.0f} s of SIGTERM:\n{self._log_tail()}"
                ) from None
        status = self._status()
        self._process = None
        if ended_before or process.returncode != 0:
            raise ProxyFailed(f"govproxy ended by itself or with a failure ({status}):\n{self._log_tail()}")
        if self.crashed:
            raise ProxyFailed(f"a worker of govproxy crashed:\n{self._log_tail()}")

    def kill(self, *, alone: bool = False) -> None:
        """SIGKILL to the control process and its workers, or to it ``alone``. May be started again."""
        if alone and self._process is not None:
            process, self._process = self._process, None
            process.kill()
            process.wait()
        else:
            self._kill()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the control process."""
        os.kill(self.pid, number)

    @property
    def running(self) -> bool:
        """False once the control process has ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def crashed(self) -> bool:
        """True once a worker ended before it was told to."""
        return _WORKER_ENDED in self.log

    def _kill(self) -> None:
        """The hard end, of the whole group that we made: a worker must not outlive its parent."""
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def _status(self) -> str:
        code = self._process.returncode if self._process is not None else None
        if code is not None and code < 0:
            return f"killed by {signal.Signals(-code).name}"
        return f"exit status {code}"

    def _log_tail(self) -> str:
        return self.log[-_LOG_TAIL_CHARACTERS:].strip() or "(it wrote nothing)"
