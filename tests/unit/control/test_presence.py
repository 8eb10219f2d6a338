"""Who is gone is found out by marks that do not change, and by nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import pytest

from govproxy.approvals.deciding import Objection
from govproxy.approvals.values import Answer, Standing, Status
from govproxy.audit.keys import SigningKey
from govproxy.control import presence as service
from govproxy.control.approvals import LEFT, Approvals
from govproxy.control.presence import LOOKS, Presence
from govproxy.control.state import approvals, presence
from govproxy.control.state.approvals import Objected
from govproxy.control.state.store import StateStore, open_store
from govproxy.control.state.work import T, Work
from govproxy.errors import StateUnavailable
from tests.unit.approvals.building import ASKED, LEA, hold
from tests.unit.control.test_state import settings

KEY = SigningKey.generate()


class Flaky:
    """A store that can be down."""

    hears = False

    def __init__(self, store: StateStore) -> None:
        self._store = store
        self.is_down = False

    async def run(self, work: Work[T]) -> T:
        if self.is_down:
            raise StateUnavailable("down")
        return await self._store.run(work)

    def listen(self, heard: object) -> None:
        """Nobody else is heard."""

    async def close(self) -> None:
        await self._store.close()


class World:
    def __init__(self, store: StateStore) -> None:
        self.store = Flaky(store)
        self.now = ASKED + 1
        self.gone: list[str] = []
        self.looker = Presence(self.store, clock=lambda: self.now, waits=lambda: False, gone=self._gone)

    async def _gone(self, name: str) -> None:
        self.gone.append(name)
        for hold_id in await self.store.run(presence.waiting_at(name)):
            await self.store.run(approvals.end(hold_id, self.now, withdrawn=True))

    async def asked(self, hold_id: str, instance: str, **changes: object) -> None:
        await self.store.run(approvals.ask(hold(id=hold_id, **changes), instance=instance))

    async def lives(self, name: str) -> None:
        self.now += 1
        await self.store.run(presence.renew(name, self.now))

    async def looks(self, count: int = LOOKS) -> None:
        for _ in range(count):
            await self.looker.look()


def in_world(folder: Path, scene: Callable[[World], Awaitable[None]]) -> World:
    async def run() -> World:
        world = World(await open_store(settings(folder)))
        try:
            async with asyncio.timeout(60):
                await scene(world)
        finally:
            await world.store.close()
        return world

    return asyncio.run(run())


@pytest.mark.parametrize("marked", [True, False])
def test_one_whose_mark_stands_still_is_gone(tmp_path: Path, marked: bool) -> None:
    async def scene(world: World) -> None:
        await world.asked("h1", "other")
        if marked:
            await world.lives("other")
        await world.looks(LOOKS - 1)
        assert world.gone == []
        await world.looks(1)
        assert world.gone == ["other"]
        assert await world.store.run(presence.marks("me")) == {}
        await world.looks()

    assert in_world(tmp_path, scene).gone == ["other"]


def test_one_that_renews_its_mark_is_there(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        await world.asked("h1", "other")
        for _ in range(2 * LOOKS):
            await world.lives("other")
            await world.looks(LOOKS - 1)

    assert in_world(tmp_path, scene).gone == []


def test_who_waits_for_nothing_may_be_silent(tmp_path: Path) -> None:
    """An old mark is no reason: one that was silent for long begins anew with what it asks."""

    async def scene(world: World) -> None:
        await world.lives("other")
        await world.looks(3 * LOOKS)
        await world.asked("h1", "other")
        await world.looks(LOOKS - 1)
        await world.lives("other")
        await world.looks(LOOKS - 1)

    assert in_world(tmp_path, scene).gone == []


def test_one_does_not_look_at_itself(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        await world.asked("h1", world.looker.name)
        await world.looks(2 * LOOKS)

    assert in_world(tmp_path, scene).gone == []


def test_what_is_asked_without_waiting_has_no_instance(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        await world.asked("h1", "other", waits=False)
        await world.looks(2 * LOOKS)
        found = await world.store.run(approvals.read("h1"))
        assert found is not None
        assert found.status is Status.WAITING

    assert in_world(tmp_path, scene).gone == []


def test_a_store_that_was_down_makes_nobody_look_dead(tmp_path: Path) -> None:
    """While it is down nobody can renew anything: the looks before that do not count."""

    async def scene(world: World) -> None:
        await world.asked("h1", "other")
        await world.lives("other")
        await world.looks(LOOKS - 1)
        world.store.is_down = True
        with pytest.raises(StateUnavailable):
            await world.looks(1)
        world.store.is_down = False
        await world.looks(LOOKS - 1)
        await world.lives("other")
        await world.looks(LOOKS - 1)

    assert in_world(tmp_path, scene).gone == []


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - what is waited for tells nobody
        await asyncio.sleep(0.005)


def test_what_waited_at_a_dead_instance_cannot_be_decided_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two that live and one that does not: each keeps its own, and one of them ends what is left, once."""
    monkeypatch.setattr(service, "BEAT_S", 0.01)
    events: list[Mapping[str, object]] = []

    async def scene(world: World) -> None:
        made = [Approvals(world.store, KEY, clock=lambda: world.now) for _ in range(3)]
        for one in made:
            one.record_with(events.append)
        for one in made:
            await one.start()
        for number, one in enumerate(made):
            await one.ask(hold(id=f"h{number}", deadline=ASKED + 9_000))
        # Time passes for whoever lives.
        ticking = asyncio.create_task(_pass(world))
        dead = made[0]
        for task in (dead._watch, dead._keeping):  # what SIGKILL does to it
            assert task is not None
            task.cancel()
        await until(lambda: any(event["status"] == "withdrawn" for event in events))
        assert await made[1].answer("h0", LEA, Answer.APPROVE, "late") == Objected(why=Objection.DECIDED)
        for _ in range(3 * LOOKS):
            await asyncio.sleep(service.BEAT_S * service.BEATS_PER_LOOK)
        for number in (1, 2):
            after = await made[1].answer(f"h{number}", LEA, Answer.APPROVE, "x")
            assert isinstance(after, Standing)
            assert after.status is Status.APPROVED
        ticking.cancel()
        for one in made[1:]:
            await one.stop()

    in_world(tmp_path, scene)
    [ended] = [event for event in events if event["status"] == "withdrawn"]
    assert (ended["approval"], ended["by"], ended["reason"]) == ("h0", "govproxy", LEFT)


async def _pass(world: World) -> None:
    while True:
        world.now += 0.01
        await asyncio.sleep(0.001)


def test_what_could_not_be_withdrawn_is_so_once_the_store_is_back(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        one = Approvals(world.store, KEY, clock=lambda: world.now)
        steps: list[object] = []
        one.record_with(lambda event: steps.append(event["status"]))
        await one.start()
        await one.ask(hold(deadline=ASKED + 9_000))
        world.store.is_down = True
        with pytest.raises(StateUnavailable):
            await one.withdraw("h1")
        world.store.is_down = False
        await until(lambda: "withdrawn" in steps)
        found = await one.find("h1")
        assert found is not None
        assert found.status is Status.WITHDRAWN
        await one.stop()

    in_world(tmp_path, scene)
