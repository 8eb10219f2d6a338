"""The verdict cache: exact and folded keys, contexts, bounds, floods."""

from __future__ import annotations

import pytest

from govproxy._fastpath.bytecache import ByteCache
from govproxy._fastpath.verdicts import Outcome, Verdict, VerdictCache


def verdict(text: bytes, context: int = 1, *, cacheable: bool = True) -> Verdict:
    return Verdict(outcome=Outcome.ALLOW, text=text, context_id=context, fragment=b'"sql":""', cacheable=cacheable)


def test_exact_text_and_context() -> None:
    cache = VerdictCache()
    known = verdict(b"select 1")
    cache.put(known)
    assert cache.get(1, b"select 1") is known
    assert cache.get(2, b"select 1") is None
    assert cache.get(1, b"select 1 ") is None
    assert cache.get(1, b"select 2", folds=True) is None


def test_folded_text() -> None:
    cache = VerdictCache()
    known = verdict(b"select a, 7 from t where id = 5")
    cache.put(known, [0])
    assert cache.get(1, b"select a, 7 from t where id = 123456", folds=True) is known
    assert cache.get(1, b"select a, 7 from t  where id = /* c */ 6", folds=True) is known
    assert cache.get(1, b"select a, 8 from t where id = 5", folds=True) is None
    assert cache.get(1, b"select a, 7 from t where id = '5'", folds=True) is None
    assert cache.get(1, b"select a, 7 from t where id = 123456") is None
    assert cache.get(2, b"select a, 7 from t where id = 123456", folds=True) is None


def test_one_shape_has_a_verdict_per_pinned_value() -> None:
    cache = VerdictCache()
    seven, eight = verdict(b"select a, 7 from t where id = 5"), verdict(b"select a, 8 from t where id = 5")
    cache.put(seven, [0])
    cache.put(eight, [0])
    assert cache.get(1, b"select a, 7 from t where id = 1", folds=True) is seven
    assert cache.get(1, b"select a, 8 from t where id = 1", folds=True) is eight


def test_no_text_can_be_taken_for_a_folded_key() -> None:
    cache = VerdictCache()
    cache.put(verdict(b"select a from t where id = 5"), [])
    assert cache.get(1, b"select a from t where id = \x02", folds=True) is None


def test_what_must_not_be_remembered_is_not() -> None:
    cache = VerdictCache()
    cache.put(verdict(b"fetch c", cacheable=False))
    assert cache.get(1, b"fetch c") is None
    assert len(cache) == 0


def test_a_shape_must_be_there_to_be_pinned() -> None:
    cache = VerdictCache()
    with pytest.raises(ValueError, match="shape"):
        cache.put(verdict(b"select $$x$$"), [])
    with pytest.raises(ValueError, match="literals"):
        cache.put(verdict(b"select 1"), [3])


def test_bounded_under_a_flood_and_fair_to_what_is_in_use() -> None:
    limit = 1 << 20
    cache = VerdictCache(limit)
    hot = verdict(b"select hot")
    cache.put(hot)
    for number in range(20_000):
        cache.put(verdict(b"select flood_%d" % number))
        if number % 50 == 0:
            assert cache.get(1, b"select hot") is hot
        assert cache.size_bytes <= limit
    assert cache.generations > 2
    assert cache.get(1, b"select flood_3") is None


def test_clear_forgets_everything() -> None:
    cache = VerdictCache()
    cache.put(verdict(b"select 1"))
    cache.put(verdict(b"select a from t where id = 5"), [])
    cache.clear()
    assert cache.get(1, b"select 1") is None
    assert cache.get(1, b"select a from t where id = 6", folds=True) is None


def test_bytecache_compares_keys_in_full() -> None:
    cache = ByteCache(1 << 20, b"0" * 16)
    long = b"x" * 5_000
    cache.put(1, long + b"a", "a")
    cache.put(1, long + b"b", "b")
    assert cache.get(1, long + b"a") == "a"
    assert cache.get(1, long + b"b") == "b"
    assert cache.get(1, long) is None


@pytest.mark.parametrize("size", range(40))
def test_bytecache_takes_keys_of_every_length(size: int) -> None:
    cache = ByteCache(1 << 20)
    cache.put(7, b"k" * size, size)
    assert cache.get(7, b"k" * size) == size
    assert cache.get(7, b"k" * (size + 1)) is None


def test_bytecache_refuses_what_would_fill_it() -> None:
    cache = ByteCache(1_000)
    cache.put(1, b"k" * 500, "v")
    assert cache.get(1, b"k" * 500) is None


def test_bytecache_needs_a_whole_seed() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        ByteCache(1_000, b"short")
