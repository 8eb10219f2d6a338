"""The state store: SQLite for one instance, PostgreSQL for a fleet, by the URL in ``state:``.

Work on it is a plain function of a SQLAlchemy connection, run in one transaction away from the
event loop: in a thread of its own for SQLite (`sqlite`), through the asynchronous driver for PostgreSQL
(`postgres`). Knows nothing of what is kept in it.

Security: a store that cannot be opened or is not what it should be stops the start; nothing is
guessed and nothing begins anew by itself. Messages name neither host nor user.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import sqlalchemy as sa

from govproxy.config.settings import Settings
from govproxy.config.upstream import parse_upstream
from govproxy.control.state.migrations import STEPS, Step
from govproxy.control.state.postgres import PostgresStore
from govproxy.control.state.signals import Heard
from govproxy.control.state.sqlite import SqliteStore
from govproxy.control.state.work import T, Work
from govproxy.errors import StateUnavailable

SQLITE = "sqlite:///"
_LOCK_NUMBER = 7_226_091_337  # pg_advisory_xact_lock: two instances never migrate at once

_VERSIONS = sa.Table(
    "govproxy_schema",
    sa.MetaData(),
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("subject", sa.Text, nullable=False),
)


class StateStore(Protocol):
    """An open store. ``run`` does ``work`` in one transaction; StateUnavailable when it cannot.

    ``listen``: hear of what other instances change, while ``hears`` is True; otherwise one has to look.
    """

    @property
    def hears(self) -> bool: ...

    def listen(self, heard: Heard) -> None: ...

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
        return SqliteStore(file)
    upstream = parse_upstream(settings.state, base=settings.file.parent, default_database="govproxy")
    return PostgresStore(upstream, settings.state_password)


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
