"""The service: one decision for everybody who listens, the same through any instance, nothing without the store."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from govproxy.approvals import capsule as capsules
from govproxy.approvals.deciding import Objection
from govproxy.approvals.forms import rule_as_person
from govproxy.approvals.values import Answer, ByRule, Hold, Standing, Status, Vote
from govproxy.audit.keys import SigningKey
from govproxy.control import approvals as service
from govproxy.control.approvals import Approvals
from govproxy.control.state.approvals import Objected
from govproxy.control.state.store import StateStore, open_store
from govproxy.errors import StateUnavailable
from tests.unit.approvals.building import ANA, ASKED, LEA, LEO, SUBJECT, hold
from tests.unit.control.test_state import settings

KEY = SigningKey.generate()


class World:
    """Instances on one store, with a clock that stands until it is moved."""

    def __init__(self, store: StateStore) -> None:
        self.store = store
        self.now = ASKED + 1
        self.instances: list[Approvals] = []
        self.told: list[tuple[str, Status, int]] = []
        self.events: list[Mapping[str, object]] = []

    def instance(self) -> Approvals:
        made = Approvals(self.store, KEY, clock=lambda: self.now)
        made.listen(lambda standing: self.told.append((standing.hold.id, standing.status, len(standing.votes))))
        made.record_with(self.events.append)
        self.instances.append(made)
        return made

    @property
    def steps(self) -> list[object]:
        return [event["status"] for event in self.events]


def in_world(folder: Path, play: Callable[[World], Awaitable[None]]) -> World:
    async def run() -> World:
        world = World(await open_store(settings(folder)))
        try:
            async with asyncio.timeout(60):
                await play(world)
        finally:
            for instance in world.instances:
                await instance.stop()
            await world.store.close()
        return world

    return asyncio.run(run())


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - what is waited for tells nobody
        await asyncio.sleep(0.01)


def test_everybody_who_listens_hears_of_each_step_and_the_ledger_before_them(tmp_path: Path) -> None:
    async def play(world: World) -> None:
        approvals = world.instance()
        assert await approvals.ask(hold(quorum=2)) == Standing(hold=hold(quorum=2))
        await approvals.answer("h1", LEA, Answer.APPROVE, "ticket 12")
        found = await approvals.answer("h1", LEO, Answer.APPROVE, "ticket 12")
        assert isinstance(found, Standing)
        assert found.status is Status.APPROVED
        made = await approvals.capsule("h1")
        assert made is not None
        assert capsules.flaw(made, KEY.public, subject=SUBJECT, requester=ANA, used=0, now=world.now) is None
        assert world.events[-1]["capsule"] == made.content.decode()
        assert world.events[-1]["signature"] == made.signature.hex()

    world = in_world(tmp_path, play)
    assert world.steps == ["asked", "voted", "voted", "approved"]
    assert world.told == [("h1", Status.WAITING, 0), ("h1", Status.WAITING, 1), ("h1", Status.APPROVED, 2)]


def test_an_answer_that_does_not_count_is_heard_by_nobody(tmp_path: Path) -> None:
    async def play(world: World) -> None:
        approvals = world.instance()
        await approvals.ask(hold())
        assert await approvals.answer("h1", ANA, Answer.APPROVE, "x") == Objected(why=Objection.OWN_REQUEST)
        assert await approvals.answer("h2", LEA, Answer.APPROVE, "x") is None

    assert in_world(tmp_path, play).steps == ["asked"]


def test_an_approval_that_has_a_use_left_answers_the_same_request(tmp_path: Path) -> None:
    async def play(world: World) -> None:
        approvals = world.instance()
        await approvals.ask(hold(uses=2))
        await approvals.answer("h1", LEA, Answer.APPROVE, "x")
        for _ in range(2):
            again = await approvals.ask(hold(id="h2", uses=2))
            assert (again.hold.id, again.status) == ("h1", Status.APPROVED)
            assert await approvals.use("h1")
        used_up = await approvals.ask(hold(id="h3", uses=2))
        assert (used_up.hold.id, used_up.status) == ("h3", Status.WAITING)

    in_world(tmp_path, play)


@pytest.mark.parametrize(
    "other",
    [
        hold(LEO, id="h2"),
        hold(
            id="h2", subject=capsules.Subject(database="shop", digest="e" * 64, catalog_version="c", policy_version="v")
        ),
    ],
    ids=["requester", "statement"],
)
def test_an_approval_answers_no_other_request(tmp_path: Path, other: Hold) -> None:
    async def play(world: World) -> None:
        approvals = world.instance()
        await approvals.ask(hold())
        await approvals.answer("h1", LEA, Answer.APPROVE, "x")
        assert (await approvals.ask(other)).hold.id == "h2"

    in_world(tmp_path, play)


def test_who_does_not_wait_finds_the_open_request_again(tmp_path: Path) -> None:
    async def play(world: World) -> None:
        approvals = world.instance()
        await approvals.ask(hold(waits=False))
        assert (await approvals.ask(hold(id="h2", waits=False))).hold.id == "h1"
        assert (await approvals.ask(hold(id="h3", waits=True))).hold.id == "h3"
        world.now = hold().deadline
        assert (await approvals.ask(hold(id="h4", waits=False))).hold.id == "h4"

    in_world(tmp_path, play)


def test_a_decision_of_another_instance_is_heard_at_the_next_look(tmp_path: Path) -> None:
    async def play(world: World) -> None:
        here, there = world.instance(), world.instance()
        await here.start()
        await here.ask(hold())
        world.told.clear()
        await there.answer("h1", LEA, Answer.APPROVE, "x")
        # Once there, where it was said, and once here, where somebody waits.
        await until(lambda: world.told.count(("h1", Status.APPROVED, 1)) == 2)
        await asyncio.sleep(2 * service.POLL_S)  # and no third time

    assert service.POLL_S < 1.0
    world = in_world(tmp_path, play)
    assert world.told == [("h1", Status.APPROVED, 1)] * 2
    assert world.steps == ["asked", "voted", "approved"]


def test_time_ends_what_nobody_answers(tmp_path: Path) -> None:
    async def play(world: World) -> None:
        approvals = world.instance()
        await approvals.start()
        await approvals.ask(hold())
        world.now = hold().deadline
        await until(lambda: ("h1", Status.TIMED_OUT, 0) in world.told)
        assert await approvals.answer("h1", LEA, Answer.APPROVE, "x") == Objected(why=Objection.DECIDED)

    assert in_world(tmp_path, play).steps == ["asked", "timed_out"]


def test_what_is_withdrawn_is_so_once_and_a_decision_stays(tmp_path: Path) -> None:
    async def play(world: World) -> None:
        approvals = world.instance()
        await approvals.ask(hold())
        await approvals.withdraw("h1")
        assert await approvals.withdraw("h1") is None
        await approvals.ask(hold(id="h2"))
        await approvals.answer("h2", LEA, Answer.REFUSE, "no")
        assert await approvals.withdraw("h2") is None

    assert in_world(tmp_path, play).steps == ["asked", "withdrawn", "asked", "voted", "refused"]


def test_a_rule_decides_at_once_and_leaves_the_same_evidence(tmp_path: Path) -> None:
    async def silent(standing: Standing) -> Vote | None:
        return None

    async def broken(standing: Standing) -> Vote | None:
        raise KeyError("a bug in a rule")

    async def small(standing: Standing) -> Vote | None:
        rule = ByRule(name="small-changes", policy_version="v1")
        return Vote(person=rule_as_person(rule.name), rule=rule, answer=Answer.APPROVE, reason="3 rows", time=ASKED + 1)

    async def play(world: World) -> None:
        approvals = world.instance()
        for decider in (silent, broken, small):
            approvals.add_decider(decider)
        # A quorum is one of people; a rule is the policy's own word.
        await approvals.ask(hold(quorum=2))
        await until(lambda: ("h1", Status.APPROVED, 1) in world.told)
        made = await approvals.capsule("h1")
        assert made is not None
        assert capsules.flaw(made, KEY.public, subject=SUBJECT, requester=ANA, used=0, now=world.now) is None
        assert [vote["by"]["rule"] for vote in made.fields["votes"]] == ["small-changes"]

    world = in_world(tmp_path, play)
    assert [event.get("by") for event in world.events] == [None, "rule small-changes", "rule small-changes"]


def test_without_a_store_nothing_is_asked_decided_or_used(tmp_path: Path) -> None:
    class Down:
        async def run(self, work: Any) -> Any:
            raise StateUnavailable("the state store cannot be used")

        async def close(self) -> None: ...

    async def play(world: World) -> None:
        world.store = Down()
        approvals = world.instance()
        with pytest.raises(StateUnavailable):
            await approvals.ask(hold())
        with pytest.raises(StateUnavailable):
            await approvals.answer("h1", LEA, Answer.APPROVE, "x")
        with pytest.raises(StateUnavailable):
            await approvals.use("h1")

    assert in_world(tmp_path, play).told == []
