"""Who is behind a connection, as a value that travels to the gate, the ledger and the backend."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Method(StrEnum):
    """How the identity was proven."""

    TOKEN = "token"  # noqa: S105
    SCRAM = "scram"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """One authenticated identity.

    ``user`` is who acts: a person, a service, or, with ``agent`` set, the human an agent acts
    for (then ``on_behalf_of`` equals ``user``). Rights are never wider than the human's.
    ``expires_at`` is a POSIX time in seconds or None.
    """

    user: str
    groups: frozenset[str] = frozenset()
    agent: str | None = None
    on_behalf_of: str | None = None
    method: Method = Method.TOKEN
    issuer: str | None = None
    expires_at: float | None = None

    @property
    def label(self) -> str:
        """Short form for ``application_name`` and logs: ``ana`` or ``report-bot for ana``."""
        return f"{self.agent} for {self.user}" if self.agent else self.user
