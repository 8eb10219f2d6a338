"""What the control process publishes and the workers hold: one immutable picture of the rules.

A worker replaces its reference when a new one arrives and never changes what it holds. The values
travel pickled over a socket pair that only the two processes have; nothing else is unpickled.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from govproxy.audit.keys import LedgerKey, PublicKey
from govproxy.masking.values import Classification
from govproxy.policy.grants import Grant
from govproxy.policy.rules import Policy
from govproxy.sql.catalog import Catalog


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseSnapshot:
    """One database as the workers see it. ``catalog`` carries no statistics: those are row data."""

    name: str
    environment: str
    catalog: Catalog
    classification: Classification
    strict: bool = False  # lineage: strict, the database is asked what it makes of a statement
    unread: frozenset[int] = frozenset()  # relations with columns whose values nobody has seen yet


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """All of it. ``number`` grows with each one published by this control process."""

    number: int
    policy: Policy
    databases: Mapping[str, DatabaseSnapshot]
    grants: tuple[Grant, ...] = ()  # all that stood when they were told last

    def still_grants(self, grants: tuple[Grant, ...], now: float) -> bool:
        """Whether all of these still stand: none was taken back, the time of none is over."""
        return all(grant.stands(now) and grant in self.grants for grant in grants)


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """Secrets a worker needs. Security: never in a repr, never in a log."""

    ledger: LedgerKey = field(repr=False)
    masking: bytes = field(repr=False)  # 32 bytes: pseudonyms and the like
    masking_id: str = ""  # its name for people
    former_masking: tuple[bytes, ...] = field(repr=False, default=())  # recognise what was masked before, newest first
    logins: bytes = field(repr=False)  # 32 bytes: what strangers are answered, the same on every worker
    approvals: PublicKey | None = None  # whose decisions on held statements count
