"""The control plane: policy, catalogs and classification made into snapshots.

Runs in the parent process. Watches every configured database over a metadata connection of its
own, and publishes a new snapshot whenever policy or catalog changed. A database that cannot be
reached is missing from the snapshot, which refuses its clients (57P03) until it is back. What was
found goes into the state store before it is published, so that no class is lost by a restart.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import asyncpg  # type: ignore[import-untyped]

from govproxy.approvals.rehearsals import Ran
from govproxy.approvals.values import Hold, Standing, Status
from govproxy.config.loader import load
from govproxy.config.settings import Database, Settings
from govproxy.control import catalog as catalogs
from govproxy.control.approvals import Approvals
from govproxy.control.decisions import Decisions
from govproxy.control.edits import edits
from govproxy.control.fleet import Fleet
from govproxy.control.grants import Grants
from govproxy.control.keys import load_approval_key, load_keys, rotate_masking_key
from govproxy.control.look import Seen, class_named, corrections_of, evidence_of
from govproxy.control.metadata import MetadataConnection, connect_to
from govproxy.control.places import Places
from govproxy.control.precedents import Precedents
from govproxy.control.rehearsal import Rehearsals
from govproxy.control.retention import Retention, keep_s
from govproxy.control.review import Reviewer, World
from govproxy.control.rulings import Rulings, unconfirmed
from govproxy.control.state.classification import (
    ClassNamed,
    StoredMap,
    load_kept,
    load_map,
    save_kept,
    save_map,
)
from govproxy.control.state.facts import keep as keep_facts
from govproxy.control.state.store import StateStore, open_store, sqlite_file
from govproxy.control.tickets import Tickets
from govproxy.errors import GovproxyError, StateUnavailable
from govproxy.masking.classify import classify
from govproxy.masking.kept import Kept, KeptClasses
from govproxy.masking.values import Classification
from govproxy.policy.grants import Grant, grant_terms
from govproxy.policy.loader import load_policy
from govproxy.policy.rules import Policy
from govproxy.session.log import get_logger
from govproxy.session.snapshot import DatabaseSnapshot, Snapshot
from govproxy.sql.catalog import ColumnRef

# How long a change made around the proxy may go unseen. In between, a look at the fingerprint may take one
# fiftieth of the time of one connection: some 5 ms where there are five hundred tables.
SHORTEST_POLL_S = 0.25
LONGEST_POLL_S = 2.0
POLL_SHARE = 50
VALUES_INTERVAL_S = 2.0
RETRY_INTERVAL_S = 1.0
QUERY_TIMEOUT_S = 60.0

_UNREACHABLE = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, GovproxyError)
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
        self._store: StateStore | None = None
        self._fleet: Fleet | None = None
        self._places: Places | None = None
        self._approvals: Approvals | None = None
        self._tickets: Tickets | None = None
        self._grants: Grants | None = None
        self._tell_grants: Callable[[tuple[Grant, ...]], None] = lambda grants: None
        self.reviewer = Reviewer(self._world, Rehearsals(self._try_held), self._keep_facts)
        self.decisions = Decisions()
        self._when_up: list[Callable[[Approvals, StateStore], None]] = []
        self._before_down: list[Callable[[], Awaitable[None]]] = []

    def when_up(self, use: Callable[[Approvals, StateStore], None]) -> None:
        """Call ``use`` once approvals and their store are open, before anything is asked of them."""
        self._when_up.append(use)

    def before_down(self, finish: Callable[[], Awaitable[None]]) -> None:
        """Call ``finish`` while the store can still be used."""
        self._before_down.append(finish)

    @property
    def approvals(self) -> Approvals:
        """The approvals of this instance; from `start` on."""
        if self._approvals is None:
            raise AssertionError("not started")
        return self._approvals

    @property
    def places(self) -> Places:
        """Who may have one session more; from `start` on."""
        if self._places is None:
            raise AssertionError("not started")
        return self._places

    @property
    def grants(self) -> Grants:
        """The rights given for a time; from `start` on."""
        if self._grants is None:
            raise AssertionError("not started")
        return self._grants

    @property
    def snapshot(self) -> Snapshot:
        """What the workers are to hold now."""
        return self._snapshot

    async def start(self, publish: Callable[[Snapshot], None]) -> None:
        """Look at every database once, then keep watching them. Raises StateUnavailable."""
        self._publish = publish
        self._store = await open_store(self.settings)
        self._fleet = Fleet(self._store)
        self._places = Places(None if sqlite_file(self.settings) else self._store)
        self._approvals = Approvals(self._store, load_approval_key(self.settings), clock=time.time)
        self._decide_by_rule(self._store, self._approvals)
        for use in self._when_up:
            use(self._approvals, self._store)
        await self._approvals.start()
        await self.grants.start()
        for name, watched in self._watched.items():
            await watched.remember(self._store, class_named(self._policy), name)
        for name, watched in self._watched.items():
            await self._look(name, watched)
        self._tasks = [
            asyncio.get_running_loop().create_task(self._watch(name, watched), name=f"watch {name}")
            for name, watched in self._watched.items()
        ]
        retention = Retention(
            self._store,
            clock=time.time,
            kept_s=lambda: keep_s(self.settings.approvals.retention_days, self._policy),
        )
        for name, keep in (("keep places", self._places.keep()), ("forget", retention.keep())):
            self._tasks.append(asyncio.get_running_loop().create_task(keep, name=name))

    def _decide_by_rule(self, store: StateStore, approvals: Approvals) -> None:
        """Let the policy's rules answer requests, and look into what people have to answer."""
        service = self.settings.approvals.tickets
        self._tickets = None if service is None else Tickets(service)
        rulings = Rulings(
            lambda: self._policy,
            count=self.reviewer.count,
            confirm=unconfirmed if self._tickets is None else self._tickets.confirm,
            earlier=Precedents(store, load_approval_key(self.settings).public).found,
            would_have=approvals.would_have,
        )
        approvals.add_decider(rulings.decide, rulings.asks_nobody)
        approvals.listen(self._review)
        approvals.listen(self.decisions.heard)
        self._grants = Grants(
            store,
            load_approval_key(self.settings).public,
            clock=time.time,
            publish=self._grants_changed,
            record=lambda standing, status, by, reason: approvals.note(standing, status, by=by, reason=reason),
        )
        approvals.grant_with(lambda: grant_terms(self._policy), self._grants.refresh)

    def listen_to_grants(self, callback: Callable[[tuple[Grant, ...]], None]) -> None:
        """Call ``callback`` with all grants that stand, whenever those are others."""
        self._tell_grants = callback

    def _grants_changed(self, grants: tuple[Grant, ...]) -> None:
        self._snapshot = replace(self._snapshot, grants=grants)
        self._tell_grants(grants)

    def _review(self, standing: Standing) -> None:
        """Look into what waits for people; what waits no more is not kept."""
        if standing.status is Status.WAITING:
            self.reviewer.begin_soon(standing.hold)
        else:
            self.reviewer.forget(standing.hold.id)

    async def _keep_facts(self, hold_id: str, form: dict[str, Any]) -> None:
        if self._store is None:
            raise AssertionError("not started")
        await self._store.run(keep_facts(hold_id, form))

    async def _try_held(self, hold: Hold) -> Ran | None:
        return await self.approvals.rehearse(hold.id)

    def _world(self, name: str) -> World | None:
        """What a look at a held statement is made with."""
        database, snapshot = self.settings.databases.get(name), self._snapshot.databases.get(name)
        if database is None or snapshot is None:
            return None
        return World(database=database, snapshot=snapshot, policy=self._policy, mask_key=self.keys.masking)

    async def stop(self) -> None:
        """Stop watching and close the metadata connections."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for watched in self._watched.values():
            await watched.close()
        for finish in self._before_down:
            await finish()
        if self._places is not None:
            await self._places.stop()
        if self._grants is not None:
            await self._grants.stop()
        if self._approvals is not None:
            await self._approvals.stop()
        await self.reviewer.stop()
        if self._tickets is not None:
            await self._tickets.close()
        if self._store is not None:
            await self._store.close()

    async def reload(self) -> None:
        """Read configuration and policy again, all or nothing.

        Settings of listeners, databases and identity need a restart; of the configuration only
        the path of the policy counts here.
        """
        settings = load(self.settings.file)
        policy = load_policy(settings.policy)
        keys = load_keys(self.settings)  # rotated by another instance that shares them, or by hand
        changed = policy.version != self._policy.version
        pictures: dict[str, DatabaseSnapshot] = {}
        for name, watched in self._watched.items():
            async with watched.lock:
                try:
                    seen = await watched.with_values(policy)
                except _UNREACHABLE as error:
                    await watched.close()  # the watch finds it again, and judges it by the new policy
                    log.warning("database cannot be looked at", database=name, error=type(error).__name__)
                    continue
                if seen is not None:
                    pictures[name] = await self._picture(name, watched, seen, policy)
        self.keys = keys
        self._policy = policy
        # Security: what could not be judged by the new policy is not shown by the old one.
        self._renew(pictures)
        log.info("policy reloaded", version=policy.version, changed=changed)

    async def draw(
        self, key: str, *, limit: int, want: int, unused: int, worker: int, window_s: float
    ) -> tuple[int, float]:
        """A share of one identity's window: how much, and in how many seconds there may be more."""
        if self._fleet is None:
            raise AssertionError("not started")
        return await self._fleet.draw(key, limit=limit, want=want, unused=unused, worker=worker, window_s=window_s)

    def edits(self) -> AsyncIterator[None]:
        """Once for each change of the configuration's or the policy's file."""
        return edits(file for file in (self.settings.file, self.settings.policy) if file is not None)

    async def rotate_key(self) -> str:
        """Put a new masking key in force; gives its id. ConfigError where the old cannot be read."""
        made = rotate_masking_key(self.settings, now=datetime.now(UTC))
        self.keys = load_keys(self.settings)
        return made.id

    async def refresh(self, database: str, *, values: bool) -> None:
        """Look at one database now, with ``values`` at what its tables hold, changed or not.

        Returns when a changed picture has been published.
        """
        await self._look(database, self._watched[database], values=values)

    # ------------------------------------------------------------------ watching

    async def _watch(self, name: str, watched: _Watched) -> None:
        while True:
            await asyncio.sleep(watched.pause_s if watched.is_seen else RETRY_INTERVAL_S)
            await self._look(name, watched)

    async def _look(self, name: str, watched: _Watched, *, values: bool = False) -> None:
        async with watched.lock:
            await self._look_alone(name, watched, values)

    async def _look_alone(self, name: str, watched: _Watched, values: bool) -> None:
        began = time.perf_counter()
        picture: DatabaseSnapshot | None = None
        seen: Seen | None = None
        try:
            seen = await watched.look(self._policy, values=values)
            if seen is not None:
                picture = await self._picture(name, watched, seen, self._policy)
        except _UNREACHABLE as error:
            # Security: an old picture must not stand for a database that may have changed unseen.
            await watched.close()
            if name in self._snapshot.databases:
                self._renew({key: value for key, value in self._snapshot.databases.items() if key != name})
            log.warning("database cannot be looked at", database=name, error=type(error).__name__)
            return
        if picture is None or seen is None:
            return
        self._renew({**self._snapshot.databases, name: picture})
        log.info(
            "catalog read",
            database=name,
            version=picture.catalog.version,
            relations=len(picture.catalog.relations),
            map="made" if seen.has_values else "stored",
            seconds=round(time.perf_counter() - began, 3),
        )

    async def _picture(self, name: str, watched: _Watched, seen: Seen, policy: Policy) -> DatabaseSnapshot:
        """What is to be published of a database. Raises StateUnavailable when a class could be lost."""
        corrections = corrections_of(policy)
        found = watched.stored_map(seen, policy)
        if found is None:
            # Thousands of columns with their values take a while: not on the loop.
            found = await asyncio.to_thread(classify, seen.catalog, corrections, policy.own)
        classification = watched.kept.keep(seen.catalog, found, corrections)
        await self._save(name, watched, seen, policy, found)
        return DatabaseSnapshot(
            name=name,
            environment=watched.database.environment,
            strict=watched.database.strict_lineage,
            catalog=catalogs.publishable(seen.catalog),
            classification=classification,
            unread=frozenset(
                c.relation for c, found in classification.columns.items() if found.sensitive.name == UNREAD
            ),
        )

    async def _save(self, name: str, watched: _Watched, seen: Seen, policy: Policy, found: Classification) -> None:
        if self._store is None:
            raise AssertionError("not started")
        known = dict(watched.kept.known)
        if known != watched.saved:
            # Security: first stored, then published. A class that only memory holds would be gone after a restart.
            await self._store.run(save_kept(name, watched.saved, known))
            watched.saved = known
        if not seen.has_values or any(verdict.sensitive.name == UNREAD for verdict in found.columns.values()):
            return  # nothing new, or something that another look may see
        try:
            await self._store.run(save_map(name, evidence_of(seen, policy), found))
        except StateUnavailable as error:
            log.warning("the map is not stored; the next start makes it anew", database=name, error=str(error))

    def _renew(self, databases: Mapping[str, DatabaseSnapshot]) -> None:
        self._snapshot = replace(
            self._snapshot,
            number=self._snapshot.number + 1,
            policy=self._policy,
            databases=databases,
        )
        self._publish(self._snapshot)


class _Watched:
    """One database: its metadata connection and what was seen last. ``lock`` is held over a whole look."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.lock = asyncio.Lock()
        self.kept = KeptClasses()
        self.saved: dict[ColumnRef, Kept] = {}
        self._stored: StoredMap | None = None
        self._seen: Seen | None = None
        self._connection: MetadataConnection | None = None
        self.pause_s = LONGEST_POLL_S  # until the next look at the fingerprint
        self._fingerprint = ""
        self._mark = ""
        self._values_due = 0.0
        self._collected = 0.0

    @property
    def is_seen(self) -> bool:
        """Whether its catalog is known now."""
        return self._seen is not None

    async def remember(self, store: StateStore, named: ClassNamed, name: str) -> None:
        """Take up what an earlier run knew. Raises StateUnavailable."""
        self.saved = await store.run(load_kept(name, named))
        self.kept = KeptClasses(self.saved)
        self._stored = await store.run(load_map(name, named))

    def stored_map(self, seen: Seen, policy: Policy) -> Classification | None:
        """The map of an earlier run, when it was made of exactly what is seen now."""
        if self._stored is None or self._stored.evidence != evidence_of(seen, policy):
            return None
        return replace(self._stored.classification, catalog_version=seen.catalog.version)

    async def look(self, policy: Policy, *, values: bool) -> Seen | None:
        """What is there if it is new or changed, else None. ``values``: new in any case, at most every
        few moments, since looking at all tables costs the database something."""
        async with asyncio.timeout(QUERY_TIMEOUT_S):
            if self._connection is None or self._connection.is_closed():
                self._connection = await connect_to(self.database)
                self._fingerprint = ""
            began = time.monotonic()
            fingerprint = await catalogs.fingerprint(self._connection)
            took = time.monotonic() - began
            self.pause_s = min(max(took * POLL_SHARE, SHORTEST_POLL_S), LONGEST_POLL_S)
            if fingerprint == self._fingerprint and self._seen is not None:
                asked = values and time.monotonic() >= self._collected + VALUES_INTERVAL_S
                if not asked and not await self._filled():
                    return None
            # Before the values themselves: what comes in between moves the mark again.
            self._mark = await catalogs.values_mark(self._connection)
            catalog = await catalogs.collect_structure(self._connection, self.database.name)
            seen = Seen(catalog=catalog, marks=(fingerprint, self._mark), has_values=False)
            if values or self.stored_map(seen, policy) is None:
                self._stored = None
                catalog = await catalogs.with_values(self._connection, catalog)
                seen = replace(seen, catalog=catalog, has_values=True)
                self._collected = time.monotonic()
            self._fingerprint = fingerprint
            self._seen = seen
            return seen

    async def with_values(self, policy: Policy) -> Seen | None:
        """What was seen last, with values to weigh again; None when the database is not there."""
        if self._seen is None or self._seen.has_values:
            return self._seen
        return await self.look(policy, values=True)

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
        self._seen = None
        if connection is not None and not connection.is_closed():
            connection.terminate()
