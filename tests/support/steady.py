"""A client that does ordinary work beside what a test does, and notices whatever it feels of it."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.raw_session import RawSession
from tests.support.waiting import DEADLINE_S

_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


class Steady:
    """Runs one statement after the other on a session of its own, from ``__enter__`` to ``__exit__``.

    ``__exit__`` fails the test when a statement failed, when the session ended, or when one waited
    longer than ``longest_s`` while ``worker`` worked at something else. Time that the machine gave to
    other processes does not count: without a worker to ask only the deadline does.
    """

    def __init__(self, session: RawSession, *, longest_s: float = DEADLINE_S, worker: int | None = None) -> None:
        self._session = session
        self._longest_s = longest_s
        self._stat = None if worker is None else Path(f"/proc/{worker}/stat")
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="steady-client")
        self._failure: BaseException | None = None
        self.count = 0
        self.slowest_s = 0.0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(DEADLINE_S)
        self._session.socket.close()
        if error is not None:
            return
        assert not self._thread.is_alive(), "the steady client still waits for an answer"
        if self._failure is not None:
            raise AssertionError("the steady client felt it") from self._failure
        assert self.count > 0
        assert self.slowest_s < self._longest_s, f"a statement waited for {self.slowest_s:.3f} s beside this"

    def _worked_s(self) -> float:
        """What the worker has worked so far; the time of day where nobody can say."""
        if self._stat is None:
            return time.monotonic()
        fields = self._stat.read_bytes().rpartition(b")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS_A_SECOND

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                began = self._worked_s()
                answer = self._session.query(f"SELECT {self.count}")
                assert answer.rows == [[b"%d" % self.count]], answer
                self.slowest_s = max(self.slowest_s, self._worked_s() - began)
                self.count += 1
                self._stop.wait(0.005)
        except (AssertionError, OSError) as failure:
            self._failure = failure
