"""Who is behind a connection, as a value that travels to the gate, the ledger and the backend."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache


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


def shared_identity(identity: Identity) -> Identity:
    """The same identity, as far as possible in the object that other sessions of it have already."""
    if identity.expires_at is None:
        return _same(identity)
    # That of a token is one login's, but whose groups they are is not.
    return replace(identity, groups=_same_groups(identity.groups))


@lru_cache(maxsize=1024)
def _same(identity: Identity) -> Identity:
    return identity


@lru_cache(maxsize=1024)
def _same_groups(groups: frozenset[str]) -> frozenset[str]:
    return groups
