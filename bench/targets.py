"""The figures to reach (DESIGN, section 6), and what was measured of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from bench.ratios import Ratio, Spread, differences, paired, spread, summary
from bench.values import (
    DIRECT,
    GOVPROXY,
    GOVPROXY_TLS,
    HAPROXY,
    PGBOUNCER,
    PGBOUNCER_TLS,
    PGBOUNCER_TX,
    Cell,
    Results,
)
from bench.workloads import BY_NAME, POINT_SELECTS


class Status(StrEnum):
    """How a target stands."""

    AIM = "aim met"
    MUST = "must met"
    MISSED = "NOT met"
    OPEN = "not measured"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One row of the table. ``higher_is_better``: must and aim are lower bounds."""

    key: str
    text: str
    unit: str
    must: float
    aim: float
    measured: Spread | None
    higher_is_better: bool = False

    @property
    def status(self) -> Status:
        """By the median."""
        if self.measured is None:
            return Status.OPEN
        return next(
            (status for status, bound in ((Status.AIM, self.aim), (Status.MUST, self.must)) if self._reaches(bound)),
            Status.MISSED,
        )

    def _reaches(self, bound: float) -> bool:
        assert self.measured is not None
        return self.measured.median >= bound if self.higher_is_better else self.measured.median <= bound


_IN_PROCESS: tuple[tuple[str, str, str, float, float, bool], ...] = (
    ("verdict-lookup", "policy lookup on a cached statement", "µs", 0.5, 0.25, False),
    ("miss-three-joins", "judging a text that the cache does not know, three joins", "µs", 500, 350, False),
    ("mask-2-of-10", "rewriting 2 of 10 columns", "ns/row", 40, 25, False),
    ("scan-clean", "value scan of clean text columns", "GB/s", 1.3, 2.5, True),
    ("ff1-batched", "FF1, 16 digits, batched", "ns", 130, 100, False),
    ("ff1-single", "FF1, 16 digits, single", "µs", 3, 2, False),
    ("ledger-statement", "the ledger's part of a statement: two lines and a write", "µs", 1, 1, False),
)


def targets(results: Results) -> list[Target]:
    """The whole table, in DESIGN's order; what was not measured stays in it."""
    cells = results.cells
    return [
        *_against(cells, PGBOUNCER, "PgBouncer session", POINT_SELECTS, 1.0, 0.75),
        *_against(cells, HAPROXY, "HAProxy", POINT_SELECTS, 0.95, 0.75),
        *_against(cells, PGBOUNCER_TX, "PgBouncer transaction", ("prepared-c8", "prepared-c32"), 0.85, 0.65),
        *_latency(cells),
        _ratio(
            "wide-cpu", "wide result, CPU per row vs PgBouncer session", cells, "wide", PGBOUNCER, "cpu_us", 0.8, 0.55
        ),
        _ratio("wide-throughput", "wide result, rows/s vs direct", cells, "wide", DIRECT, "per_s", 0.95, 1.0),
        *(
            Target(
                key=key,
                text=text + ", in-process",
                unit=unit,
                must=must,
                aim=aim,
                higher_is_better=higher,
                measured=spread([results.in_process[key]]) if key in results.in_process else None,
            )
            for key, text, unit, must, aim, higher in _IN_PROCESS
        ),
        *(
            Target(
                key=f"{name}/{PGBOUNCER_TLS}",
                text=f"{BY_NAME[name].title}, CPU vs PgBouncer TLS",
                unit="×",
                must=1.25,
                aim=0.85,
                measured=_of(paired(cells, name, GOVPROXY_TLS, PGBOUNCER_TLS, "cpu_us")),
            )
            for name in ("tls-simple-c8", "tls-prepared-c8")
        ),
        *(
            Target(
                key=f"{name}-memory",
                text=BY_NAME[name].title,
                unit="KB",
                must=must,
                aim=aim,
                measured=summary(cells, name, peer, "kb_per_connection"),
            )
            for name, peer, must, aim in (("idle", GOVPROXY, 4, 2.4), ("idle-tls", GOVPROXY_TLS, 26, 15))
        ),
    ]


def _against(
    cells: Sequence[Cell], versus: str, title: str, workloads: Sequence[str], must: float, aim: float
) -> Iterator[Target]:
    for name in workloads:
        yield _ratio(
            f"{name}/{versus}", f"{BY_NAME[name].title}, CPU vs {title}", cells, name, versus, "cpu_us", must, aim
        )


def _ratio(
    key: str, text: str, cells: Sequence[Cell], workload: str, versus: str, metric: str, must: float, aim: float
) -> Target:
    return Target(
        key=key,
        text=text,
        unit="×",
        must=must,
        aim=aim,
        measured=_of(paired(cells, workload, GOVPROXY, versus, metric)),
        higher_is_better=metric == "per_s",
    )


def _latency(cells: Sequence[Cell]) -> Iterator[Target]:
    """The must is whatever PgBouncer adds in the same run, and the aim is never looser than that."""
    theirs = differences(cells, "simple-c1", PGBOUNCER, DIRECT, "p50_us")
    ours = differences(cells, "simple-c1", GOVPROXY, DIRECT, "p50_us")
    yield Target(
        key="added-p50",
        text="one client, added p50 over direct (must: what PgBouncer adds)",
        unit="µs",
        must=theirs.median if theirs else 0.0,
        aim=min(30.0, theirs.median) if theirs else 0.0,
        measured=ours if theirs else None,
    )


def _of(ratio: Ratio | None) -> Spread | None:
    return ratio.spread if ratio else None


FORMATS: dict[str, Callable[[float], str]] = {
    "×": lambda value: f"{value:.2f}",
    "µs": lambda value: f"{value:.2f}" if value < 10 else f"{value:.0f}",
    "ns": lambda value: f"{value:.0f}",
    "ns/row": lambda value: f"{value:.1f}",
    "GB/s": lambda value: f"{value:.2f}",
    "KB": lambda value: f"{value:.1f}",
    "bytes": lambda value: f"{value:.0f}",
    "/s": lambda value: f"{value:,.0f}",
}
