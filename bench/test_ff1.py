"""What format-preserving encryption costs: sixteen digits, one by one and in runs of rows.

``pytest bench/test_ff1.py``. Goals (DESIGN 6): at most 3 µs for a single value, 130 ns each in a batch. The batch goes
through ``MaskPlan.apply``, so framing and copying of the rows are in the figure.
"""

from __future__ import annotations

from pytest_benchmark.fixture import BenchmarkFixture

from govproxy._fastpath.columnplan import ColumnPlan
from govproxy._fastpath.ff1 import Ff1
from govproxy._fastpath.rows import MaskPlan
from tests.reference.rows import encode_row

COUNT = 500
NUMERALS = [bytes((number * 7 + place) % 10 for place in range(16)) for number in range(COUNT)]


def test_single(benchmark: BenchmarkFixture) -> None:
    cipher = Ff1(bytes(range(16)))

    def batch() -> None:
        encrypt = cipher.encrypt
        for value in NUMERALS:
            encrypt(value)

    assert cipher.decrypt(cipher.encrypt(NUMERALS[0])) == NUMERALS[0]
    benchmark.pedantic(batch, rounds=100, warmup_rounds=5)
    if benchmark.stats is not None:
        benchmark.extra_info["us_per_value"] = round(benchmark.stats.stats.median / COUNT * 1e6, 3)


def test_rows_of_sixteen_digits(benchmark: BenchmarkFixture) -> None:
    plan = MaskPlan([ColumnPlan("fpe", key=bytes(range(32)), fallback=b"***")])
    data = b"".join(encode_row([bytes(48 + numeral for numeral in numerals)]) for numerals in NUMERALS)
    consumed, _, rows, masked = benchmark(plan.apply, data)
    assert (consumed, rows, masked) == (len(data), COUNT, COUNT)
    if benchmark.stats is not None:
        benchmark.extra_info["ns_per_value"] = round(benchmark.stats.stats.median / COUNT * 1e9, 1)
