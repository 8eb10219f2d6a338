"""Filters over ledger events. Streams: memory does not grow with the ledger.

An outcome line has only its statement's id; it is found with its statement, so a filter on the
user also gives what came of that user's statements.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from govproxy.audit.read import HOUSEKEEPING, Entry

_FOLLOWING = frozenset({"outcome", "approval"})
_AGO = re.compile(r"(\d+)\s*([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """What to keep; None or empty = anything. Times as lines carry them, ``since`` inclusive.

    ``text`` is looked for in the SQL, without regard to case; ``table`` matches ``schema.name`` or
    the name alone.
    """

    user: str | None = None
    agent: str | None = None
    database: str | None = None
    table: str | None = None
    decision: str | None = None
    events: frozenset[str] = frozenset()
    session: str | None = None
    id: str | None = None
    text: str | None = None
    since: str = ""
    until: str = ""

    @property
    def _asks_statement(self) -> bool:
        return any((self.user, self.agent, self.database, self.table, self.decision, self.text))

    def in_time(self, entry: Entry) -> bool:
        return (not self.since or entry.time >= self.since) and (not self.until or entry.time < self.until)

    def matches(self, event: Mapping[str, object]) -> bool:
        """Whether one event, looked at by itself, is wanted; time and ``events`` aside."""
        for name, wanted in (
            ("user", self.user),
            ("agent", self.agent),
            ("database", self.database),
            ("decision", self.decision),
            ("session", self.session),
            ("id", self.id),
        ):
            if wanted is not None and event.get(name) != wanted:
                return False
        if self.table is not None and not _has_table(event.get("tables"), self.table):
            return False
        return self.text is None or self.text.casefold() in str(event.get("sql", "")).casefold()


def search(entries: Iterable[Entry], wanted: Filter) -> Iterator[Entry]:
    """The entries that ``wanted`` keeps, in the order given (chains must be in order of time)."""
    open_ids: set[object] = set()  # statements found whose outcome has not come yet
    for entry in entries:
        if entry.kind in HOUSEKEEPING and entry.kind not in wanted.events:
            continue
        event = entry.event
        if entry.kind in _FOLLOWING and wanted._asks_statement:
            found = event.get("id") in open_ids
            if entry.kind == "outcome":
                open_ids.discard(event.get("id"))
        else:
            found = wanted.matches(event)
            if found and entry.kind == "statement" and wanted._asks_statement and wanted.in_time(entry):
                open_ids.add(event.get("id"))
        if found and wanted.in_time(entry) and (not wanted.events or entry.kind in wanted.events):
            yield entry


def moment(text: str, now: datetime) -> str:
    """``2026-01-31``, ``2026-01-31T10:00[:00][Z|+01:00]`` or ``15m`` / ``2h`` / ``7d`` ago, as lines carry times.

    Without an offset it is local time, as people read their clock. ValueError if it is neither.
    """
    if (ago := _AGO.fullmatch(text.strip())) is not None:
        when = now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    else:
        when = datetime.fromisoformat(text.strip())
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _has_table(tables: object, wanted: str) -> bool:
    if not isinstance(tables, list):
        return False
    return any(isinstance(name, str) and (name == wanted or name.rpartition(".")[2] == wanted) for name in tables)
