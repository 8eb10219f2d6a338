"""Places for sessions over a fleet: no more than the limit, and those of a dead instance come back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa

from govproxy.control import places as control
from govproxy.control.places import LEASE_S, Places
from govproxy.control.state import windows
from govproxy.control.state.places import PLACES
from govproxy.control.state.store import Work, migrate
from govproxy.errors import StateUnavailable


class Store:
    """A store that can be gone."""

    def __init__(self) -> None:
        self.connection = sa.create_engine("sqlite://").connect()
        migrate(self.connection)
        self.is_gone = False
        self.runs = 0

    async def run(self, work: Work[object]) -> object:
        await asyncio.sleep(0)
        if self.is_gone:
            raise StateUnavailable("gone")
        self.runs += 1
        return work(self.connection)

    async def close(self) -> None:
        raise NotImplementedError

    @property
    def rows(self) -> list[int]:
        return sorted(self.connection.execute(sa.select(PLACES.c.taken)).scalars())


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(windows.time, "time", lambda: now[0])
    monkeypatch.setattr(control.time, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def fleet(store: Store) -> Callable[[], Places]:
    return lambda: Places(store)  # type: ignore[arg-type]


numbers: Iterator[int] = iter(range(1_000))


async def _enter(places: Places, limit: int = 3, *, key: str = "k", worker: int = 0) -> bool:
    return await places.enter(key, f"s{next(numbers)}", limit=limit, worker=worker)


def test_instances_count_together(fleet: Callable[[], Places], store: Store) -> None:
    async def story() -> None:
        one, other = fleet(), fleet()
        assert [await _enter(one), await _enter(other), await _enter(one)] == [True] * 3
        assert [await _enter(one), await _enter(other)] == [False] * 2
        assert await _enter(other, key="somebody else")
        assert store.rows == [1, 1, 2]

    asyncio.run(story())


def test_at_the_same_time_nobody_gets_more_nor_less(fleet: Callable[[], Places]) -> None:
    async def story() -> None:
        one, other = fleet(), fleet()
        found = await asyncio.gather(*(_enter(places, 5) for places in (one, other) for _ in range(8)))
        assert sum(found) == 5

    asyncio.run(story())


def test_places_come_back(fleet: Callable[[], Places], store: Store, clock: list[float]) -> None:
    async def story() -> None:
        one, other = fleet(), fleet()
        assert await one.enter("k", "first", limit=1, worker=0)
        one.leave("k", "first")
        assert not await _enter(other, 1)  # not told yet
        await one.renew()
        assert store.rows == []
        assert await _enter(other, 1, worker=7)
        other.forget_worker(7)
        await other.renew()
        assert await _enter(one, 1)
        # Renewed, a lease lasts; of an instance that is dead it does not.
        for _ in range(5):
            clock[0] += LEASE_S - 1.0
            await one.renew()
            assert not await _enter(other, 1)
        clock[0] += LEASE_S
        assert await _enter(other, 1)
        await other.stop()
        assert store.rows == []

    asyncio.run(story())


def test_who_is_there_already_is_only_counted(fleet: Callable[[], Places], store: Store) -> None:
    async def story() -> None:
        one, other = fleet(), fleet()
        assert [await _enter(one, 0) for _ in range(4)] == [True] * 4
        await one.renew()
        assert store.rows == [4]
        assert not await _enter(other, 4)

    asyncio.run(story())


def test_who_leaves_before_it_is_decided_leaves_nothing_behind(fleet: Callable[[], Places], store: Store) -> None:
    async def story() -> None:
        one = fleet()
        entering = one.enter("k", "hasty", limit=1, worker=0)
        one.leave("k", "hasty")
        await entering
        await one.renew()
        assert store.rows == []
        assert await _enter(one, 1)

    asyncio.run(story())


def test_without_the_store_what_was_known_last_counts(
    fleet: Callable[[], Places], store: Store, clock: list[float]
) -> None:
    async def story() -> None:
        one, other = fleet(), fleet()
        assert [await _enter(one, 5), await _enter(other, 5), await _enter(one, 5)] == [True] * 3
        await other.renew()
        store.is_gone = True
        # The second knows of two, the first of one.
        assert [await _enter(other, 5) for _ in range(4)] == [True, True, False, False]
        assert [await _enter(one, 5) for _ in range(4)] == [True, True, False, False]
        # Rows that somebody has removed meanwhile are written again, and then it is one count again.
        store.is_gone = False
        store.connection.execute(sa.delete(PLACES))
        clock[0] += 10.0
        await one.renew()
        await other.renew()
        assert store.rows == [3, 4]
        assert not await _enter(one, 7)

    asyncio.run(story())


def test_nothing_is_asked_where_nobody_is_limited(fleet: Callable[[], Places], store: Store) -> None:
    async def story() -> None:
        await fleet().renew()
        assert store.runs == 0
        alone = Places(None)
        assert [await _enter(alone, 2) for _ in range(3)] == [True, True, False]
        await alone.keep()
        await alone.stop()

    asyncio.run(story())
