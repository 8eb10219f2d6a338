"""The state store: SQLite for one instance, PostgreSQL for a fleet, by the URL in ``state:``.

Work on it is a plain function of a SQLAlchemy connection, run in one transaction away from the
event loop: in a thread of its own for SQLite, through the asynchronous driver for PostgreSQL. Knows
nothing of what is kept in it.

Security: a store that cannot be opened or is not what it should be stops the start; nothing is
guessed and nothing begins anew by itself. Messages name neither host nor user.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol, TypeVar

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from govproxy.config.secrets import Secret
from govproxy.config.settings import Settings, Upstream
from govproxy.config.upstream import parse_upstream
from govproxy.control.metadata import tls_context
from govproxy.control.state.migrations import STEPS, Step
from govproxy.errors import StateUnavailable

SQLITE = "sqlite:///"
TIMEOUT_S = 10.0
_LOCK_NUMBER = 7_226_091_337  # pg_advisory_xact_lock: two instances never migrate at once

_VERSIONS = sa.Table(
    "govproxy_schema",
    sa.MetaData(),
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("subject", sa.Text, nullable=False),
)

T = TypeVar("T")
Work = Callable[[sa.Connection], T]


class StateStore(Protocol):
    """An open store. ``run`` does ``work`` in one transaction; StateUnavailable when it cannot."""

    async def run(self, work: Work[T]) -> T: ...

    async def close(self) -> None: ...


async def open_store(settings: Settings) -> StateStore:
    """The store, its tables brought up to date. Raises StateUnavailable in words for an operator."""
    store = _store(settings)
    try:
        await store.run(migrate)
    except BaseException:
        await store.close()
        raise
    return store


async def read_store(settings: Settings, work: Work[T], *, otherwise: T) -> T:
    """What ``work`` reads, without making or changing anything; ``otherwise`` where there is no store yet.

    For commands that run beside an instance, or where there is none.
    """
    file = sqlite_file(settings)
    if file is not None and not file.exists():
        return otherwise
    store = _store(settings)
    try:
        return await store.run(lambda connection: work(connection) if _version(connection) else otherwise)
    finally:
        await store.close()


def sqlite_file(settings: Settings) -> Path | None:
    """The file of a SQLite store, None for any other."""
    return Path(settings.state.removeprefix(SQLITE)) if settings.state.startswith(SQLITE) else None


def _store(settings: Settings) -> StateStore:
    file = sqlite_file(settings)
    if file is not None:
        return _SqliteStore(file)
    upstream = parse_upstream(settings.state, base=settings.file.parent, default_database="govproxy")
    return _PostgresStore(upstream, settings.state_password)


def _told(error: BaseException, *, hint: str | None = None) -> StateUnavailable:
    code = getattr(getattr(error, "orig", None), "sqlstate", None) or type(error).__name__
    return StateUnavailable(f"the state store cannot be used ({code})", hint=hint)


# ---------------------------------------------------------------- migrations


def migrate(connection: sa.Connection, steps: tuple[Step, ...] = STEPS) -> None:
    """Take the steps that are still to be taken, in the transaction of ``connection``."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK_NUMBER)))
    _VERSIONS.create(connection, checkfirst=True)
    taken = {row.number: row.subject for row in connection.execute(sa.select(_VERSIONS))}
    known = {step.number: step.subject for step in steps}
    if set(taken) - set(known):
        raise StateUnavailable(
            "the state store was made by a newer govproxy", hint="Run that version, or give `state` another place."
        )
    if any(known[number] != subject for number, subject in taken.items()):
        raise StateUnavailable("the state store has tables of another program or version")
    for step in steps:
        if step.number in taken:
            continue
        for statement in step.statements:
            connection.execute(sa.text(statement))
        connection.execute(_VERSIONS.insert().values(number=step.number, subject=step.subject))


def _version(connection: sa.Connection) -> int:
    """The last step taken, 0 for a store without any."""
    if not sa.inspect(connection).has_table(_VERSIONS.name):
        return 0
    found = connection.execute(sa.select(sa.func.max(_VERSIONS.c.number))).scalar()
    return int(found or 0)


# ---------------------------------------------------------------- SQLite


class _SqliteStore:
    """One file, one thread. ``BEGIN IMMEDIATE`` makes writers of several processes wait their turn."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="state")
        self._engine: sa.Engine | None = None

    async def run(self, work: Work[T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._run, work)

    async def close(self) -> None:
        if self._engine is not None:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._engine.dispose)
        self._thread.shutdown(wait=False)

    def _run(self, work: Work[T]) -> T:
        try:
            if self._engine is None:
                _own_file(self._file)
                self._engine = _sqlite_engine(self._file)
            with self._engine.begin() as connection:
                return work(connection)
        except (sa.exc.SQLAlchemyError, OSError) as error:
            raise _told(error, hint=f"The file is {self._file}; a copy from a backup will do.") from error


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


def _sqlite_engine(file: Path) -> sa.Engine:
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


# ---------------------------------------------------------------- PostgreSQL


class _PostgresStore:
    """A database that several instances share."""

    def __init__(self, upstream: Upstream, password: Secret | None) -> None:
        self._engine: AsyncEngine = create_async_engine(
            sa.URL.create("postgresql+asyncpg"),
            pool_size=2,
            max_overflow=2,
            pool_timeout=TIMEOUT_S,
            pool_pre_ping=True,
            connect_args={
                "host": str(upstream.socket_directory) if upstream.socket_directory else upstream.host,
                "port": upstream.port,
                "user": upstream.user,
                "database": upstream.database,
                "password": password.reveal() if password is not None else None,
                "ssl": (None if upstream.socket_directory else tls_context(upstream)) or False,
                "timeout": TIMEOUT_S,
                "command_timeout": TIMEOUT_S,
                # A pooler in between may not keep prepared statements.
                "statement_cache_size": 0,
                "prepared_statement_cache_size": 0,
                "server_settings": {"application_name": "govproxy state"},
            },
        )

    async def run(self, work: Work[T]) -> T:
        try:
            async with asyncio.timeout(2 * TIMEOUT_S), self._engine.begin() as connection:
                return await connection.run_sync(work)
        except (sa.exc.SQLAlchemyError, OSError, TimeoutError) as error:
            raise _told(error, hint="`state` in govproxy.yaml says where it is.") from error
        except Exception as error:
            # The driver's own errors at connect time are not wrapped.
            if type(error).__module__.startswith("asyncpg"):
                raise _told(error, hint="`state` in govproxy.yaml says where it is.") from error
            raise

    async def close(self) -> None:
        await self._engine.dispose()
