"""What row rewriting and value scanning cost, in process.

``pytest bench/test_rows.py``. Goals (DESIGN 6): two of ten columns at most 40 ns a row, clean text
at least 1.3 GB/s. Each round goes through ``MaskPlan.apply``, so an output buffer's allocation and
copy are in the figure; the data plane has neither. No assertion on time here.
"""

from __future__ import annotations

import hashlib
import random

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from govproxy._fastpath.columnplan import ColumnPlan
from govproxy._fastpath.detectors import scan
from govproxy._fastpath.rows import MaskPlan
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


def wide_chunk() -> tuple[bytes, int]:
    """Rows as ``bench.database`` makes them for the wide result."""
    data = b""
    rows = 0
    while len(data) < CHUNK - 300:
        rows += 1
        given = ("ann", "bert", "cora", "dirk", "eva")[rows % 5]
        row = [
            str(rows),
            f"batch {rows % 97}",
            f"user{rows}@mail.example.org",
            f"{given} {('miller', 'schmidt', 'kowalski', 'rossi')[rows % 4]}",
            f"{rows * 37 % 1000}.00",
            f"2024-01-01 00:{rows % 60:02}:00+00",
            "ft"[rows % 2],
            ("open", "closed", "waiting")[rows % 3],
            hashlib.md5(str(rows).encode(), usedforsecurity=False).hexdigest(),
            f"the quick brown fox jumps over the lazy dog while people wait in the queue {rows % 7}",
        ]
        data += encode_row([value.encode() for value in row])
    return data, rows


# What the wide table gets by default: its address and its name are masked, its other texts are looked at.
WIDE = [PASS, SCAN, EMAIL, NAME, PASS, PASS, PASS, SCAN, SCAN, SCAN]
WIDE_CASES = {
    "as it is masked": WIDE,
    "without the checksums": [PASS if number == 8 else column for number, column in enumerate(WIDE)],
    "the address alone": [EMAIL if number == 2 else PASS for number in range(10)],
    "the name alone": [NAME if number == 3 else PASS for number in range(10)],
    "the checksums alone": [SCAN if number == 8 else PASS for number in range(10)],
}


@pytest.mark.parametrize("name", WIDE_CASES)
def test_wide_result(benchmark: BenchmarkFixture, name: str) -> None:
    data, rows = wide_chunk()
    plan = MaskPlan(WIDE_CASES[name])
    consumed, _, seen, _ = benchmark(plan.apply, data)
    assert (consumed, seen) == (len(data), rows)
    if benchmark.stats is not None:
        benchmark.extra_info["ns_per_row"] = round(benchmark.stats.stats.min / rows * 1e9, 1)


def test_scan_of_one_long_clean_text(benchmark: BenchmarkFixture) -> None:
    text = words(random.Random(7), 12_000)
    assert benchmark(scan, text) == []
    if benchmark.stats is not None:
        benchmark.extra_info["gb_per_s"] = round(len(text) / benchmark.stats.stats.min / 1e9, 2)
