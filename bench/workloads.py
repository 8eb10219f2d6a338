"""What is measured, through whom, and how much of it a quick run takes. Tables only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bench.values import (
    DIRECT,
    GOVPROXY,
    GOVPROXY_2,
    GOVPROXY_TLS,
    GOVPROXY_UNIX,
    HAPROXY,
    PGBOUNCER,
    PGBOUNCER_TLS,
    PGBOUNCER_TX,
    PGBOUNCER_UNIX,
    RELAY,
)


class Kind(StrEnum):
    """How a workload is run."""

    PGBENCH = "pgbench"
    CONNECT = "connect"  # pgbench with a new connection per transaction
    WIDE = "wide"  # one client that drains a wide result again and again
    IDLE = "idle"  # memory of connections that did one thing and wait


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """``quick`` are the peers of a quick run (none: it leaves this out), ``full`` those of a full one."""

    name: str
    title: str
    kind: Kind
    clients: int = 1
    protocol: str = "simple"
    script: str = "select-only"
    quick: tuple[str, ...] = ()
    full: tuple[str, ...] = ()

    @property
    def unit(self) -> str:
        """What one unit of ``cpu_us`` is spent on."""
        match self.kind:
            case Kind.PGBENCH:
                return "transaction"
            case Kind.CONNECT:
                return "connection"
            case Kind.WIDE:
                return "1,000 rows"
            case Kind.IDLE:
                return "connection"
            case _:
                raise ValueError(self.kind)


_MAIN = (DIRECT, GOVPROXY, PGBOUNCER, HAPROXY)
_ALL = (DIRECT, GOVPROXY, PGBOUNCER, PGBOUNCER_TX, HAPROXY, RELAY)
_TLS = (GOVPROXY_TLS, PGBOUNCER_TLS)
_PREPARED = (DIRECT, GOVPROXY, PGBOUNCER, PGBOUNCER_TX, HAPROXY)


def _select(protocol: str, clients: int, quick: tuple[str, ...], full: tuple[str, ...] = _ALL) -> Workload:
    return Workload(
        name=f"{protocol}-c{clients}",
        title=f"point select, {protocol}, {clients} client{'s' if clients > 1 else ''}",
        kind=Kind.PGBENCH,
        protocol=protocol,
        clients=clients,
        quick=quick,
        full=full,
    )


WORKLOADS: tuple[Workload, ...] = (
    _select("simple", 8, _ALL),
    _select("extended", 8, _MAIN),
    _select("prepared", 8, _PREPARED),
    _select("simple", 32, _MAIN, (*_ALL, GOVPROXY_2)),
    _select("extended", 32, _MAIN),
    _select("prepared", 32, _PREPARED),
    _select("simple", 1, _MAIN),
    Workload(
        name="unix-c32",
        title="point select, simple, 32 clients, the database on a Unix socket",
        kind=Kind.PGBENCH,
        clients=32,
        full=(GOVPROXY_UNIX, PGBOUNCER_UNIX),
    ),
    Workload(
        name="tpcb-c8",
        title="TPC-B like mix, simple, 8 clients",
        kind=Kind.PGBENCH,
        script="tpcb-like",
        clients=8,
        quick=(DIRECT, GOVPROXY, PGBOUNCER),
        full=_ALL,
    ),
    Workload(
        name="wide",
        title="10,000 rows × 10 columns, 2 masked",
        kind=Kind.WIDE,
        quick=_MAIN,
        full=_ALL,
    ),
    Workload(
        name="connect-c4",
        title="a connection per transaction, 4 clients",
        kind=Kind.CONNECT,
        clients=4,
        quick=_MAIN,
        full=_ALL,
    ),
    Workload(
        name="tls-simple-c8",
        title="point select over TLS, simple, 8 clients",
        kind=Kind.PGBENCH,
        clients=8,
        quick=_TLS,
        full=_TLS,
    ),
    Workload(
        name="tls-prepared-c8",
        title="point select over TLS, prepared, 8 clients",
        kind=Kind.PGBENCH,
        clients=8,
        protocol="prepared",
        full=_TLS,
    ),
    Workload(
        name="idle",
        title="memory per idle connection",
        kind=Kind.IDLE,
        quick=(GOVPROXY, PGBOUNCER, PGBOUNCER_TX, HAPROXY),
        full=(GOVPROXY, PGBOUNCER, PGBOUNCER_TX, HAPROXY, RELAY),
    ),
    Workload(
        name="idle-tls",
        title="memory per idle TLS connection",
        kind=Kind.IDLE,
        quick=(),
        full=_TLS,
    ),
)

BY_NAME = {workload.name: workload for workload in WORKLOADS}
POINT_SELECTS = tuple(
    f"{protocol}-c{clients}" for clients in (8, 32) for protocol in ("simple", "extended", "prepared")
)
