"""The table of DESIGN's figures: complete, and judged the right way round."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.targets import FORMATS, Status, Target, targets
from bench.values import Cell
from tests.unit.bench.recorded import cells, results


def by_key(measured: tuple[Cell, ...], **changes: object) -> dict[str, Target]:
    return {target.key: target for target in targets(results(cells=measured, **changes))}


def test_every_row_is_there_even_when_nothing_was_measured() -> None:
    empty = by_key(())
    assert len(empty) == 28
    assert {target.status for target in empty.values()} == {Status.OPEN}
    assert {target.unit for target in empty.values()} <= FORMATS.keys()


@pytest.mark.parametrize(
    ("ours", "status"), [(7.5, Status.AIM), (7.6, Status.MUST), (10.0, Status.MUST), (10.1, Status.MISSED)]
)
def test_lower_is_better(ours: float, status: Status) -> None:
    measured = cells(("simple-c8", "govproxy", 1, ours), ("simple-c8", "pgbouncer-session", 1, 10.0))
    assert by_key(measured)["simple-c8/pgbouncer-session"].status is status


@pytest.mark.parametrize(("ours", "status"), [(1.0, Status.AIM), (0.97, Status.MUST), (0.9, Status.MISSED)])
def test_higher_is_better(ours: float, status: Status) -> None:
    measured = cells(("wide", "govproxy", 1, ours), ("wide", "direct", 1, 1.0), metric="per_s")
    assert by_key(measured)["wide-throughput"].status is status


@pytest.mark.parametrize(
    ("ours", "theirs", "status"),
    [(125, 140, Status.AIM), (135, 140, Status.MUST), (145, 140, Status.MISSED), (115, 110, Status.MISSED)],
)
def test_the_added_latency_is_held_to_what_pgbouncer_adds(ours: int, theirs: int, status: Status) -> None:
    measured = cells(
        ("simple-c1", "direct", 1, 100),
        ("simple-c1", "govproxy", 1, ours),
        ("simple-c1", "pgbouncer-session", 1, theirs),
        metric="p50_us",
    )
    target = by_key(measured)["added-p50"]
    assert target.status is status
    assert target.must == theirs - 100
    assert target.aim <= target.must


def test_without_pgbouncer_nothing_is_said_of_added_latency() -> None:
    measured = cells(("simple-c1", "direct", 1, 100), ("simple-c1", "govproxy", 1, 110), metric="p50_us")
    assert by_key(measured)["added-p50"].status is Status.OPEN


def test_in_process_figures() -> None:
    found = by_key((), in_process={"scan-clean": 2.6, "verdict-lookup": 0.3, "ff1-single": 3.5})
    assert found["scan-clean"].status is Status.AIM
    assert found["verdict-lookup"].status is Status.MUST
    assert found["ff1-single"].status is Status.MISSED
    assert found["ff1-batched"].status is Status.OPEN


def test_another_peer_does_not_stand_in() -> None:
    measured = cells(("simple-c8", "govproxy", 1, 1.0), ("simple-c8", "pgbouncer-transaction", 1, 10.0))
    assert by_key(measured)["simple-c8/pgbouncer-session"].status is Status.OPEN


def test_status_needs_a_figure() -> None:
    target = by_key(())["idle-memory"]
    assert replace(target, measured=None).status is Status.OPEN
