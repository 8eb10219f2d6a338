"""The values that travel between measuring, reckoning and reporting. Nothing here measures."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

SCHEMA = "govproxy-bench/1"

DIRECT = "direct"
GOVPROXY = "govproxy"
GOVPROXY_2 = "govproxy-2-workers"
GOVPROXY_TLS = "govproxy-tls"
GOVPROXY_UNIX = "govproxy-unix"
PGBOUNCER = "pgbouncer-session"
PGBOUNCER_UNIX = "pgbouncer-session-unix"
PGBOUNCER_TX = "pgbouncer-transaction"
PGBOUNCER_TLS = "pgbouncer-session-tls"
HAPROXY = "haproxy"
RELAY = "uvloop-relay"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One workload through one peer in one round: what was measured, by the metric's name."""

    workload: str
    peer: str
    round: int
    metrics: dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A cell that gave no figure, and why. A peer that cannot do something is not a failure."""

    workload: str
    peer: str
    round: int
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerFacts:
    """What a report says of a peer. ``absent``: why it did not take part; empty when it did."""

    name: str
    title: str
    version: str = ""
    absent: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """Everything that was measured, before any reckoning."""

    mode: str
    started: str
    seconds_per_cell: float
    rounds: int
    machine: dict[str, Json]
    peers: tuple[PeerFacts, ...]
    cells: tuple[Cell, ...]
    failures: tuple[Failure, ...] = ()
    skipped: tuple[tuple[str, str, str], ...] = ()  # workload, peer, why it cannot take part
    evidence: dict[str, Json] = field(default_factory=dict)  # that policy, masking and audit were on
    in_process: dict[str, float] = field(default_factory=dict)
    mixed: dict[str, Json] = field(default_factory=dict)
    bounds: tuple[dict[str, Json], ...] = ()
