"""Values of a rehearsal: what a held statement did when it was tried, as whoever tried it tells it."""

from __future__ import annotations

from dataclasses import dataclass, field

Row = tuple[str | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """Rows of one table."""

    table: str
    inserted: int
    updated: int
    deleted: int

    @property
    def text(self) -> str:
        """In a few words."""
        counts = (("inserted", self.inserted), ("updated", self.updated), ("deleted", self.deleted))
        return f"{self.table}: " + ", ".join(f"{count} {word}" for word, count in counts if count)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What one trial on the session's own connection came to. Rows are as the database gave them, not masked.

    ``refused``: why nothing was tried; ``failed``: the SQLSTATE it ended with; both mean that nothing of it is left.
    Otherwise it stands in its transaction until ``until`` (POSIX seconds). ``before`` and ``after`` are the same
    rows of the table ``relation`` with the columns ``names``; None in ``after``: it is gone. Those in ``after`` that go
    beyond ``before`` are rows that it made or, where a note says so, changed.
    """

    tag: str = ""
    changed: tuple[Changed, ...] = ()
    relation: int = 0
    names: tuple[str, ...] = ()
    before: tuple[Row, ...] = field(default=(), repr=False)
    after: tuple[Row | None, ...] = field(default=(), repr=False)
    failed: str = ""
    refused: str = ""
    notes: tuple[str, ...] = ()
    until: float = 0.0
