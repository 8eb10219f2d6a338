"""What a cached decision costs to find.

``pytest bench/test_cache.py``. Goal (DESIGN 6): a policy lookup on a cached statement takes at most 0.5 µs. Measured
through ``VerdictCache.get``, so a call from Python and the result object are in the figure; the data plane, which
calls the same lookup from C, pays less. Every lookup finds its verdict among 10,000 others.
"""

from __future__ import annotations

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from govproxy._fastpath.verdicts import Outcome, Verdict, VerdictCache

LOOKUPS = 1_000
FOREIGN = 10_000
CONTEXT = 7
POINT = b"SELECT abalance FROM pgbench_accounts WHERE aid = %d;"
REPORT = (
    b"SELECT c.region, date_trunc('month', o.placed_at) AS month, count(*), sum(o.total) FROM orders o "
    b"JOIN customers c ON c.id = o.customer_id JOIN payments p ON p.order_id = o.id "
    b"WHERE o.status = 'paid' AND o.total > %d GROUP BY 1, 2"
)
TEXTS = {"point select": POINT, "three-join report": REPORT}


def verdict(text: bytes) -> Verdict:
    return Verdict(outcome=Outcome.ALLOW, text=text, context_id=CONTEXT, fragment=b'"sql":""')


@pytest.fixture(scope="module")
def cache() -> VerdictCache:
    """Ten thousand statements that are not asked for, and one of each kind that is."""
    made = VerdictCache(256 << 20, b"0123456789abcdef")
    for number in range(FOREIGN):
        made.put(verdict(b"SELECT a%d FROM other WHERE id = 1" % number))
    for text in TEXTS.values():
        made.put(verdict(text % 1))
        made.put(verdict(text % 1), [])
    return made


def _measure(benchmark: BenchmarkFixture, cache: VerdictCache, texts: list[bytes], *, folds: bool) -> None:
    def batch() -> None:
        get = cache.get
        for text in texts:
            get(CONTEXT, text, folds=folds)

    assert not [text for text in texts if cache.get(CONTEXT, text, folds=folds) is None]
    benchmark.pedantic(batch, rounds=200, warmup_rounds=5)
    if benchmark.stats is not None:
        benchmark.extra_info["us_per_lookup"] = round(benchmark.stats.stats.median / len(texts) * 1e6, 3)


@pytest.mark.parametrize("name", TEXTS)
def test_exact(benchmark: BenchmarkFixture, cache: VerdictCache, name: str) -> None:
    """The very same text again: prepared statements, and programs that bind their values."""
    _measure(benchmark, cache, [TEXTS[name] % 1] * LOOKUPS, folds=False)


@pytest.mark.parametrize("name", TEXTS)
def test_folded(benchmark: BenchmarkFixture, cache: VerdictCache, name: str) -> None:
    """Another literal each time: the exact key misses, the folded one hits."""
    before = cache.folded_hits
    _measure(benchmark, cache, [TEXTS[name] % (number + 2) for number in range(LOOKUPS)], folds=True)
    assert cache.folded_hits > before
