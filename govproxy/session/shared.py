"""What all sessions of one worker share: the current snapshot, the verdict cache, the contexts.

One thread, no locks. A new snapshot replaces the reference; sessions get new context ids, which
makes every older verdict unreachable at once.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import TYPE_CHECKING

from govproxy._fastpath.lexer import Folder
from govproxy._fastpath.verdicts import VerdictCache
from govproxy.errors import StartingUp
from govproxy.session.snapshot import DatabaseSnapshot, Keys, Snapshot

if TYPE_CHECKING:
    from govproxy.session.gate import Gate

MAX_CONTEXTS = 100_000
MISSING_FOR_S = 2.0
UNREADABLE_FOR_S = 60.0
MAX_MISSING = 10_000


class Shared:
    """``request_refresh(database, values)`` asks the control process to look at a catalog again, with
    ``values`` at what its tables hold too; whoever gets its answer (or gives up waiting for it)
    calls ``refreshed``."""

    def __init__(
        self,
        snapshot: Snapshot,
        keys: Keys,
        *,
        cache_bytes: int,
        request_refresh: Callable[[str, bool], None],
        clock: Callable[[], float],
    ) -> None:
        self.snapshot = snapshot
        self.keys = keys
        self.cache = VerdictCache(cache_bytes)
        self.folder = Folder()
        self.gates: set[Gate] = set()
        self._request_refresh = request_refresh
        self._clock = clock
        self._contexts: dict[Hashable, int] = {}
        self._next_context = 1
        self._waiting: dict[str, list[Gate]] = {}
        self._missing: dict[tuple[str, str], float] = {}

    def context_id(self, key: Hashable) -> int:
        """A number for ``key``: equal keys have equal numbers, and no number is ever used again."""
        known = self._contexts.get(key)
        if known is not None:
            return known
        if len(self._contexts) >= MAX_CONTEXTS:
            self._contexts.clear()
        number = self._contexts[key] = self._next_context
        self._next_context += 1
        return number

    def database(self, name: str) -> DatabaseSnapshot:
        """The current picture of one database. Raises `StartingUp` while there is none."""
        found = self.snapshot.databases.get(name)
        if found is None:
            raise StartingUp("the database cannot be looked at yet", hint="Try again in a moment.")
        return found

    def publish(self, snapshot: Snapshot) -> None:
        """Take over a new snapshot for every open session."""
        self.snapshot = snapshot
        self._contexts.clear()
        self._missing.clear()
        self.cache.clear()
        for gate in tuple(self.gates):
            gate.snapshot_changed()

    # ------------------------------------------------------------------ looking again

    def worth_a_look(self, database: str, names: Iterable[str]) -> bool:
        """True when a name nobody knows has not been looked for within the last moments."""
        now = self._clock()
        return any(self._missing.get((database, name), 0.0) <= now for name in names)

    def refresh(self, gate: Gate, *, values: bool) -> None:
        """Ask for a fresh catalog; the gate is called when it is there."""
        database = gate.facts.database
        waiting = self._waiting.setdefault(database, [])
        waiting.append(gate)
        if len(waiting) == 1 or values:
            self._request_refresh(database, values)

    def catalog_is_stale(self, database: str) -> None:
        """DDL has run through this worker: look again, with nobody waiting for it."""
        if not self._waiting.get(database):
            self._waiting.setdefault(database, [])
            self._request_refresh(database, False)

    def refreshed(self, database: str) -> None:
        """The catalog was looked at again (or the time for it is up): decide what waited."""
        for gate in self._waiting.pop(database, []):
            gate.catalog_refreshed()

    def still_missing(self, database: str, names: Iterable[str]) -> None:
        """Names that a fresh catalog does not have either: not worth another look for a while."""
        if len(self._missing) > MAX_MISSING:
            self._missing.clear()
        now = self._clock()
        for name in names:
            # A name may come any moment; what may not be read stays so until somebody grants it.
            self._missing[database, name] = now + (UNREADABLE_FOR_S if name.startswith("#") else MISSING_FOR_S)
