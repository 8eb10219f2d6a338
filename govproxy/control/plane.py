"""The control plane: policy, catalogs and classification made into snapshots.

Runs in the parent process. Watches every configured database over a metadata connection of its
own, and publishes a new snapshot whenever policy or catalog changed. A database that cannot be
reached is missing from the snapshot, which refuses its clients (57P03) until it is back.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import replace

import asyncpg  # type: ignore[import-untyped]

from govproxy.config.loader import load
from govproxy.config.settings import Database, Settings
from govproxy.control import catalog as catalogs
from govproxy.control.keys import load_keys
from govproxy.control.look import corrections_of
from govproxy.control.metadata import MetadataConnection, connect_to
from govproxy.errors import GovproxyError
from govproxy.masking.classify import classify
from govproxy.masking.kept import KeptClasses
from govproxy.policy.loader import load_policy
from govproxy.session.log import get_logger
from govproxy.session.snapshot import DatabaseSnapshot, Snapshot
from govproxy.sql.catalog import Catalog

POLL_INTERVAL_S = 2.0
VALUES_INTERVAL_S = 2.0
RETRY_INTERVAL_S = 1.0
QUERY_TIMEOUT_S = 60.0

UNREAD = "unread"  # the class of columns nobody could look into

log = get_logger("govproxy.control")


class ControlPlane:
    """Owns the current snapshot; see `server.supervisor.Control` for who uses it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.keys = load_keys(settings)
        self._policy = load_policy(settings.policy)
        self._watched = {name: _Watched(database) for name, database in settings.databases.items()}
        self._snapshot = Snapshot(number=1, policy=self._policy, databases={})
        self._publish: Callable[[Snapshot], None] = lambda snapshot: None
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def snapshot(self) -> Snapshot:
        """What the workers are to hold now."""
        return self._snapshot

    async def start(self, publish: Callable[[Snapshot], None]) -> None:
        """Look at every database once, then keep watching them."""
        self._publish = publish
        for name, watched in self._watched.items():
            await self._look(name, watched)
        self._tasks = [
            asyncio.get_running_loop().create_task(self._watch(name, watched), name=f"watch {name}")
            for name, watched in self._watched.items()
        ]

    async def stop(self) -> None:
        """Stop watching and close the metadata connections."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for watched in self._watched.values():
            await watched.close()

    async def reload(self) -> None:
        """Read configuration and policy again, all or nothing.

        Settings of listeners, databases and identity need a restart; of the configuration only
        the path of the policy counts here.
        """
        settings = load(self.settings.file)
        policy = load_policy(settings.policy)
        changed = policy.version != self._policy.version
        self._policy = policy
        for name, watched in self._watched.items():
            if watched.catalog is not None:
                await self._note(name, watched, watched.catalog)
        self._renew(self._snapshot.databases)
        log.info("policy reloaded", version=policy.version, changed=changed)

    async def refresh(self, database: str, *, values: bool) -> None:
        """Look at one database now, with ``values`` at what its tables hold, changed or not.

        Returns when a changed picture has been published.
        """
        await self._look(database, self._watched[database], values=values)

    # ------------------------------------------------------------------ watching

    async def _watch(self, name: str, watched: _Watched) -> None:
        while True:
            await asyncio.sleep(POLL_INTERVAL_S if watched.catalog else RETRY_INTERVAL_S)
            await self._look(name, watched)

    async def _look(self, name: str, watched: _Watched, *, values: bool = False) -> None:
        began = time.perf_counter()
        try:
            found = await watched.look(values=values)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, GovproxyError) as error:
            # Security: an old picture must not stand for a database that may have changed unseen.
            await watched.close()
            if name in self._snapshot.databases:
                self._renew({key: value for key, value in self._snapshot.databases.items() if key != name})
            log.warning("database cannot be looked at", database=name, error=type(error).__name__)
            return
        if found is None:
            return
        await self._note(name, watched, found)
        log.info(
            "catalog read",
            database=name,
            version=found.version,
            relations=len(found.relations),
            seconds=round(time.perf_counter() - began, 3),
        )

    async def _note(self, name: str, watched: _Watched, catalog: Catalog) -> None:
        corrections = corrections_of(self._policy)
        # Thousands of columns with their values take a while: not on the loop.
        found = await asyncio.to_thread(classify, catalog, corrections)
        classification = watched.kept.keep(catalog, found, corrections)
        picture = DatabaseSnapshot(
            name=name,
            environment=watched.database.environment,
            catalog=catalogs.publishable(catalog),
            classification=classification,
            unread=frozenset(
                c.relation for c, found in classification.columns.items() if found.sensitive.name == UNREAD
            ),
        )
        self._renew({**self._snapshot.databases, name: picture})

    def _renew(self, databases: Mapping[str, DatabaseSnapshot]) -> None:
        self._snapshot = replace(
            self._snapshot,
            number=self._snapshot.number + 1,
            policy=self._policy,
            databases=databases,
        )
        self._publish(self._snapshot)


class _Watched:
    """One database: its metadata connection and what was seen last."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.catalog: Catalog | None = None
        self.kept = KeptClasses()
        self._connection: MetadataConnection | None = None
        self._fingerprint = ""
        self._mark = ""
        self._values_due = 0.0
        self._collected = 0.0
        self._lock = asyncio.Lock()

    async def look(self, *, values: bool) -> Catalog | None:
        """The catalog if it is new or changed, else None. ``values``: new in any case, at most every
        few moments, since looking at all tables costs the database something."""
        async with self._lock, asyncio.timeout(QUERY_TIMEOUT_S):
            if self._connection is None or self._connection.is_closed():
                self._connection = await connect_to(self.database)
                self._fingerprint = ""
            fingerprint = await catalogs.fingerprint(self._connection)
            if fingerprint == self._fingerprint and self.catalog is not None:
                asked = values and time.monotonic() >= self._collected + VALUES_INTERVAL_S
                if not asked and not await self._filled():
                    return None
            # Before the values themselves: what comes in between moves the mark again.
            self._mark = await catalogs.values_mark(self._connection)
            catalog = await catalogs.collect(self._connection, self.database.name)
            self._fingerprint = fingerprint
            self.catalog = catalog
            self._collected = time.monotonic()
            return catalog

    async def _filled(self) -> bool:
        """True when tables have got so many more values that what they hold must be looked at again."""
        if self._connection is None or time.monotonic() < self._values_due:
            return False
        self._values_due = time.monotonic() + VALUES_INTERVAL_S
        mark = await catalogs.values_mark(self._connection)
        changed, self._mark = mark != self._mark, mark
        return changed

    async def close(self) -> None:
        """Forget the connection and what was seen over it."""
        connection, self._connection = self._connection, None
        self.catalog = None
        if connection is not None and not connection.is_closed():
            connection.terminate()
