"""What all sessions of one worker share: the current snapshot, the verdict cache, the contexts.

One thread, no locks. A new snapshot replaces the reference; sessions get new context ids, which
makes every older verdict unreachable at once.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from govproxy._fastpath.lexer import Folder
from govproxy._fastpath.verdicts import VerdictCache
from govproxy.errors import StartingUp
from govproxy.policy import standing
from govproxy.policy.grants import Grant
from govproxy.session.figures import Counters
from govproxy.session.history import Counted, History
from govproxy.session.holding import Holds
from govproxy.session.quotas import Ask, Quotas
from govproxy.session.redefining import Redefined
from govproxy.session.snapshot import DatabaseSnapshot, Keys, Snapshot

if TYPE_CHECKING:
    from govproxy.session.gate import Gate

MAX_CONTEXTS = 100_000
MISSING_FOR_S = 2.0
UNREADABLE_FOR_S = 60.0
MAX_MISSING = 10_000


Aside = Callable[[Callable[[], Any], Callable[[Any], None]], None]


@dataclass(slots=True)
class _Look:
    """Looks at one database's catalog: the one under way, and what waits for the next."""

    asked: bool = False
    number: int = 0
    waiting: list[Callable[[None], None]] = field(default_factory=list)
    later: list[Callable[[None], None]] = field(default_factory=list)
    stale_asked: bool = False  # the look under way was asked for after the last DDL
    stale_later: bool = False
    values: bool = False


class Shared:
    """``request_refresh(database, values, number)`` asks the control process to look at a catalog
    again, with ``values`` at what its tables hold too; whoever gets its answer (or gives up waiting
    for it) calls ``refreshed`` with that number. ``aside(work, done)`` does long work beside the loop and
    calls ``done`` on the loop with its result or its exception; without it all is done at once.
    ``cancel_upstream(session_id, done)`` cancels what a session runs, and then calls ``done``.
    ``gates()`` are those of all open sessions."""

    def __init__(
        self,
        snapshot: Snapshot,
        keys: Keys,
        *,
        cache_bytes: int,
        request_refresh: Callable[[str, bool, int], None],
        clock: Callable[[], float],
        tell_others: Callable[[str], None] = lambda database: None,
        tell_redefined: Callable[[str, str, Redefined | None], None] = lambda database, session, redefined: None,
        tell_counted: Callable[[Counted], None] = lambda counted: None,
        draw: Ask | None = None,
        aside: Aside | None = None,
        holds: Holds | None = None,
        cancel_upstream: Callable[[str, Callable[[], None]], None] = lambda session_id, done: done(),
        gates: Callable[[], Iterable[Gate]] = tuple,
    ) -> None:
        self.snapshot = snapshot
        self.keys = keys
        self.cache = VerdictCache(cache_bytes)
        self.folder = Folder()
        self._gates = gates
        self.history = History(tell_counted)
        self.quotas = Quotas(draw)
        self.aside = aside
        self.holds = holds  # None: nobody can be asked, so what needs an approval is refused
        self.counters = Counters()
        self.cancel_upstream = cancel_upstream
        self._request_refresh = request_refresh
        self._clock = clock
        self.tell_others = tell_others  # the other workers, of a database whose catalog is stale
        self._tell_redefined = tell_redefined  # the other workers, too
        self._redefined: dict[str, dict[str, Redefined]] = {}  # by open transactions: database, session
        self._unrest: dict[str, int] = {}
        self._contexts: dict[Hashable, int] = {}
        self._next_context = 1
        self._looks: dict[str, _Look] = {}
        self._epochs: dict[str, int] = {}
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
        standing.forget()
        for gate in tuple(self._gates()):
            gate.snapshot_changed()

    def grant(self, grants: tuple[Grant, ...]) -> None:
        """Take over what is granted now. Sessions of others keep their verdicts: nothing of theirs has changed."""
        self.snapshot = replace(self.snapshot, grants=grants)
        for gate in tuple(self._gates()):
            gate.context_changed()

    def rotate(self, keys: Keys) -> None:
        """Mask by another key from the next statement on."""
        self.keys = keys
        self.publish(self.snapshot)

    # ------------------------------------------------------------------ looking again

    def worth_a_look(self, database: str, names: Iterable[str]) -> bool:
        """True when a name nobody knows has not been looked for within the last moments."""
        now = self._clock()
        return any(self._missing.get((database, name), 0.0) <= now for name in names)

    def refresh(self, database: str, done: Callable[[None], None], *, values: bool) -> None:
        """Ask for a catalog looked at from now on; ``done`` is called when it is there."""
        look = self._looks.setdefault(database, _Look())
        look.later.append(done)
        look.values = look.values or values
        self._ask(database, look)

    def is_stale(self, database: str) -> bool:
        """True from the end of a DDL transaction until the catalog was looked at after it."""
        look = self._looks.get(database)
        return look is not None and (look.stale_asked or look.stale_later)

    def catalog_is_stale(self, database: str) -> None:
        """DDL was committed: no verdict from before it is found again, and new ones wait."""
        self._epochs[database] = self._epochs.get(database, 0) + 1
        look = self._looks.setdefault(database, _Look())
        look.stale_later = True
        self._ask(database, look)
        for gate in tuple(self._gates()):
            if gate.facts.database == database:
                gate.snapshot_changed()

    def epoch(self, database: str) -> int:
        """How often the database's catalog was found stale: part of every context."""
        return self._epochs.get(database, 0)

    def redefines(self, database: str, session: str, redefined: Redefined | None, *, here: bool = True) -> None:
        """What the open transaction of a session has redefined by now; None: it is over. ``here``: in this worker."""
        known = self._redefined.setdefault(database, {})
        if known.get(session) == redefined:
            return
        if redefined is None:
            del known[session]
        else:
            known[session] = redefined
        self._unrest[database] = self.unrest(database) + 1
        if here:
            self._tell_redefined(database, session, redefined)
        for gate in tuple(self._gates()):
            if gate.facts.database == database:
                gate.context_changed()

    def redefined_by_others(self, database: str, session: str) -> list[Redefined]:
        """What open transactions of other sessions have redefined.

        Security: a statement that waits for such a transaction's locks means what the names mean when it goes on.
        """
        known = self._redefined.get(database)
        return [] if not known else [found for other, found in known.items() if other != session]

    def unrest(self, database: str) -> int:
        """How often that changed: part of every context."""
        return self._unrest.get(database, 0)

    def refreshed(self, database: str, number: int) -> None:
        """Look ``number`` is over (or the time for it is up): decide what waited for it."""
        look = self._looks.get(database)
        if look is None or not look.asked or look.number != number:
            return
        waited, look.waiting = look.waiting, []
        look.asked = look.stale_asked = False
        if look.later or look.stale_later:
            self._ask(database, look)
        for done in waited:
            done(None)

    def _ask(self, database: str, look: _Look) -> None:
        # One look at a time. Whoever comes while one is under way needs the next: it may have seen
        # the catalog as it was before.
        if look.asked:
            return
        look.asked = True
        look.number += 1
        look.waiting, look.later = look.later, []
        look.stale_asked, look.stale_later = look.stale_later, False
        values, look.values = look.values, False
        self._request_refresh(database, values, look.number)

    def still_missing(self, database: str, names: Iterable[str]) -> None:
        """Names that a fresh catalog does not have either: not worth another look for a while."""
        if len(self._missing) > MAX_MISSING:
            self._missing.clear()
        now = self._clock()
        for name in names:
            # A name may come any moment; what may not be read stays so until somebody grants it.
            self._missing[database, name] = now + (UNREADABLE_FOR_S if name.startswith("#") else MISSING_FOR_S)
