"""What a text costs that the verdict cache does not know.

``pytest bench/test_miss.py``. Goal (docs/performance.md): a report over three joins takes under 500 µs, everything on.
Each call judges a text that was never seen: another literal, and the cache is not asked.
"""

from __future__ import annotations

import gc
import itertools

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench import judging
from govproxy._fastpath.verdicts import Outcome

BATCH = 20


@pytest.mark.parametrize("name", judging.TEXTS)
def test_miss(benchmark: BenchmarkFixture, name: str) -> None:
    """Text in, verdict out: parsing, lineage, decision, masks, the ledger's part, the cache."""
    made, conversation = judging.gate()
    text = judging.texts(name)
    numbers = itertools.count(1)
    first = judging.judge(made, conversation, text(next(numbers)))
    assert first.outcome is Outcome.ALLOW
    assert first.cacheable

    def batch() -> None:
        for _ in range(BATCH):
            made.judge(conversation, text(next(numbers)))

    thresholds = gc.get_threshold()
    judging.settle()
    try:
        benchmark.pedantic(batch, rounds=40, warmup_rounds=3)
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()
    if benchmark.stats is not None:
        benchmark.extra_info["us_per_miss"] = round(benchmark.stats.stats.median / BATCH * 1e6, 1)
