"""The supervisor's part in held statements: whoever is gone waits for nothing, at whatever moment they went."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import pytest

from govproxy.approvals.capsule import Capsule
from govproxy.approvals.rehearsals import Ran
from govproxy.approvals.values import Hold, Standing
from govproxy.errors import StateUnavailable
from govproxy.server import holds
from govproxy.server.holds import HoldDesk
from govproxy.session import link
from tests.unit.approvals.building import hold


class Slow:
    """Approvals that keep a request when they are let to."""

    def __init__(self) -> None:
        self.kept = asyncio.Event()
        self.withdrawn: list[str] = []
        self.fails = False

    async def ask(self, asked: Hold) -> Standing:
        await self.kept.wait()
        if self.fails:
            raise StateUnavailable("down")
        return Standing(hold=asked)

    async def withdraw(self, hold_id: str) -> Standing | None:
        self.withdrawn.append(hold_id)
        return None

    async def use(self, hold_id: str) -> bool:
        return True

    async def capsule(self, hold_id: str) -> Capsule | None:
        return None

    def listen(self, callback: Callable[[Standing], None]) -> None:
        """Nothing happens to requests here."""

    def record_with(self, record: Callable[[Mapping[str, object]], None]) -> None:
        self.record = record

    def rehearse_with(self, rehearse: Callable[[str], Awaitable[Ran | None]]) -> None:
        """Nobody rehearses here."""


class Scene:
    def __init__(self, tasks: asyncio.TaskGroup) -> None:
        self.approvals = Slow()
        self.sent: list[tuple[int, link.Message]] = []
        self.desk = HoldDesk(
            self.approvals,
            tasks,
            send=lambda number, message: self.sent.append((number, message)),
            ready=lambda: [0, 1],
        )


def play(*, waits: bool = True, before: bool, fails: bool = False) -> Scene:
    """A worker asks and dies, before or after its request is kept."""

    async def run() -> Scene:
        async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
            scene = Scene(tasks)
            scene.approvals.fails = fails
            scene.desk.take(1, link.AskHold(hold=hold(waits=waits)))
            await asyncio.sleep(0)
            if before:
                scene.desk.forget_worker(1)
            scene.approvals.kept.set()
            if not before:
                while not scene.sent:  # noqa: ASYNC110 - nobody tells when it was
                    await asyncio.sleep(0)
                scene.desk.forget_worker(1)
        return scene

    return asyncio.run(run())


@pytest.mark.parametrize("before", [True, False])
def test_what_a_dead_worker_asked_for_is_withdrawn(before: bool) -> None:
    assert play(before=before).approvals.withdrawn == ["h1"]


@pytest.mark.parametrize("before", [True, False])
def test_who_does_not_wait_may_come_back(before: bool) -> None:
    assert play(before=before, waits=False).approvals.withdrawn == []


def test_what_could_not_be_kept_is_told_so() -> None:
    scene = play(before=True, fails=True)
    assert [message for _, message in scene.sent] == [link.HoldStands(asked="h1", standing=None, capsule=None)]


def test_another_workers_request_stays() -> None:
    async def run() -> Slow:
        async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
            scene = Scene(tasks)
            scene.desk.take(0, link.AskHold(hold=hold()))
            scene.desk.forget_worker(1)
            scene.approvals.kept.set()
        return scene.approvals

    assert asyncio.run(run()).withdrawn == []


def test_only_so_many_sessions_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holds, "MAX_SESSIONS", 2)

    async def run() -> list[int]:
        async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
            scene = Scene(tasks)
            scene.approvals.kept.set()
            for session in ("s1", "s2", "s1", "s3"):
                scene.desk.take(1, link.AskHold(hold=hold(session=session)))
            while len(scene.sent) < 4:  # noqa: ASYNC110 - nobody tells when it was
                await asyncio.sleep(0)
            scene.sent.clear()
            for session in ("s1", "s2", "s3"):
                scene.approvals.record({"event": "approval", "session": session})
        return [number for number, message in scene.sent if isinstance(message, link.RecordEvent)]

    # The one that is forgotten is recorded all the same, by whoever is there.
    assert asyncio.run(run()) == [1, 0, 1]
