"""What row rewriting and value scanning cost, in process.

``pytest bench/test_rows.py``. Goals (DESIGN 6): two of ten columns at most 40 ns a row, clean text
at least 1.3 GB/s. Each round goes through ``MaskPlan.apply``, so an output buffer's allocation and
copy are in the figure; the data plane has neither. No assertion on time here.
"""

from __future__ import annotations

import random

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from govproxy._fastpath.detectors import scan
from govproxy._fastpath.rows import ColumnPlan, MaskPlan
from tests.reference.rows import encode_row

CHUNK = 65_536
KEY = bytes(range(32))
TEXT = (
    "the quick brown fox jumps over a lazy dog while people wait for coffee in long queues near the central station "
    "and talk about weather prices delivery returns"
)
WORDS = TEXT.split()
PASS, SCAN = ColumnPlan("pass"), ColumnPlan("scan")
STARS = ColumnPlan("constant", constant=b"***")
EMAIL = ColumnPlan("partial", style="email", fallback=b"***")
NAME = ColumnPlan("pseudonym", style="name", key=KEY, fallback=b"***")


def words(rng: random.Random, count: int) -> bytes:
    return " ".join(rng.choice(WORDS) for _ in range(count)).encode()


def chunk(*, clean: bool) -> tuple[bytes, int]:
    rng = random.Random(7)
    data = b""
    rows = 0
    while len(data) < CHUNK - 300:
        data += encode_row(
            [
                b"%d" % rows,
                words(rng, 1),
                words(rng, 3) if clean else b"user%d@example.com" % rows,
                words(rng, 2) if clean else b"Ann Smith",
                b"12345.67",
                b"2024-01-05 10:11:12.123456+00",
                b"t",
                b"active",
                b"550e8400-e29b-41d4-a716-446655440000",
                words(rng, 8),
            ]
        )
        rows += 1
    return data, rows


PLANS = {
    "pass all": ([PASS] * 10, False),
    "constant 2 of 10": ([PASS, PASS, STARS, STARS, *[PASS] * 6], False),
    "partial and constant 2 of 10": ([PASS, PASS, EMAIL, STARS, *[PASS] * 6], False),
    "pseudonym name 1 of 10": ([PASS, PASS, PASS, NAME, *[PASS] * 6], False),
    "scan clean text columns": ([PASS, SCAN, SCAN, SCAN, PASS, PASS, PASS, SCAN, PASS, SCAN], True),
    "scan and mask": ([PASS, SCAN, SCAN, SCAN, PASS, PASS, PASS, SCAN, PASS, SCAN], False),
}


@pytest.mark.parametrize("name", PLANS)
def test_rows(benchmark: BenchmarkFixture, name: str) -> None:
    columns, clean = PLANS[name]
    data, rows = chunk(clean=clean)
    plan = MaskPlan(columns)
    consumed, _, seen, masked = benchmark(plan.apply, data)
    assert (consumed, seen) == (len(data), rows)
    assert (masked > 0) == (not clean and name != "pass all")
    if benchmark.stats is not None:
        best = benchmark.stats.stats.min
        benchmark.extra_info["ns_per_row"] = round(best / rows * 1e9, 1)
        benchmark.extra_info["gb_per_s"] = round(len(data) / best / 1e9, 2)


def test_scan_of_one_long_clean_text(benchmark: BenchmarkFixture) -> None:
    text = words(random.Random(7), 12_000)
    assert benchmark(scan, text) == []
    if benchmark.stats is not None:
        benchmark.extra_info["gb_per_s"] = round(len(text) / benchmark.stats.stats.min / 1e9, 2)
