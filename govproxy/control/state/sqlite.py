"""The state store in a file: one instance, one thread, one transaction for all who wait at the same moment.

Every commit is synced, because what was used up must not come back after a power cut; so a commit costs a
round to the disk, and work that has come meanwhile shares the next one. Each piece of work is then a
savepoint: it fails alone. ``BEGIN IMMEDIATE`` makes writers of several processes wait their turn.
"""

from __future__ import annotations

import asyncio
import os
import queue
import sqlite3
import threading
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from govproxy.control.state.signals import Heard
from govproxy.control.state.work import T, Work, told
from govproxy.errors import StateUnavailable

TIMEOUT_S = 10.0
MOST_AT_ONCE = 64  # pieces of work in one transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    work: Work[Any]
    done: Future[Any]


class SqliteStore:
    """One file. Work is done in the order in which it came, by a thread of the store's own."""

    hears = False

    def __init__(self, file: Path) -> None:
        self._file = file
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._engine: sa.Engine | None = None
        self._closed = False

    async def run(self, work: Work[T]) -> T:
        if self._closed:
            raise StateUnavailable("the state store is closed")
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name="state", daemon=True)
            self._thread.start()
        job = _Job(work=work, done=Future())
        self._jobs.put(job)
        # Whoever is cancelled no longer waits; what it asked for is done nevertheless, or not at all.
        found: T = await asyncio.wrap_future(job.done)
        return found

    def listen(self, heard: Heard) -> None:
        """Nobody else has this store, so there is nothing to hear."""

    async def close(self) -> None:
        self._closed = True
        if self._thread is not None:
            self._jobs.put(None)
            await asyncio.get_running_loop().run_in_executor(None, self._thread.join)

    # ------------------------------------------------------------------ in the thread

    def _serve(self) -> None:
        while (first := self._jobs.get()) is not None:
            jobs, last = [first], False
            while len(jobs) < MOST_AT_ONCE:
                try:
                    job = self._jobs.get_nowait()
                except queue.Empty:
                    break
                if job is None:
                    last = True
                    break
                jobs.append(job)
            self._do([job for job in jobs if job.done.set_running_or_notify_cancel()])
            if last:
                break
        if self._engine is not None:
            self._engine.dispose()

    def _do(self, jobs: list[_Job]) -> None:
        """All of it in one transaction. Nobody hears of a result before it is on the disk."""
        if not jobs:
            return
        try:
            results = self._in_one_transaction(jobs)
        except Exception as error:
            # Security: whatever came of the others' work, none of it is kept, so nobody is told that it is.
            for job in jobs:
                job.done.set_exception(self._said(error))
            return
        for job, (result, failure) in zip(jobs, results, strict=True):
            if failure is not None:
                job.done.set_exception(self._said(failure))
            else:
                job.done.set_result(result)

    def _in_one_transaction(self, jobs: list[_Job]) -> list[tuple[Any, Exception | None]]:
        if self._engine is None:
            _own_file(self._file)
            self._engine = _engine(self._file)
        with self._engine.begin() as connection:
            if len(jobs) == 1:
                return [(jobs[0].work(connection), None)]
            return [_apart(connection, job) for job in jobs]

    def _said(self, error: Exception) -> Exception:
        if isinstance(error, sa.exc.SQLAlchemyError | sqlite3.Error | OSError):
            said = told(error, hint=f"The file is {self._file}; a copy from a backup will do.")
            said.__cause__ = error
            return said
        return error


def _apart(connection: sa.Connection, job: _Job) -> tuple[Any, Exception | None]:
    """One of several pieces of work. What fails leaves nothing behind and keeps nobody else from going on.

    An error that ended the whole transaction shows when the savepoint is not there any more.
    """
    # Of the driver itself: what SQLAlchemy does around one costs as much as a statement.
    driver = connection.connection.cursor()
    driver.execute("SAVEPOINT piece")
    try:
        result = job.work(connection)
    except Exception as error:
        driver.execute("ROLLBACK TO piece")
        driver.execute("RELEASE piece")
        return None, error
    driver.execute("RELEASE piece")
    return result, None


def _own_file(file: Path) -> None:
    """Make the file where it is missing. Security: for its owner alone, from its first moment on."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        if file.stat().st_mode & 0o077:
            raise StateUnavailable(
                f"the state store {file} must be readable by its owner alone", hint="chmod 600"
            ) from None


def _engine(file: Path) -> sa.Engine:
    engine = sa.create_engine(sa.URL.create("sqlite", database=str(file)), connect_args={"timeout": TIMEOUT_S})

    @sa.event.listens_for(engine, "connect")
    def _connected(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # transactions begin as below, not as the driver thinks
        # What a class is kept by must survive a power cut: every commit is synced.
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
            connection.execute(f"PRAGMA {pragma}")

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine
