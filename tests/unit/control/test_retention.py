"""What is forgotten and what is not, by a clock that is moved."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from govproxy.approvals.granting import GrantAsked
from govproxy.approvals.values import Answer, Hold, Standing, Status
from govproxy.audit.keys import SigningKey
from govproxy.control import retention as service
from govproxy.control.approvals import Approvals
from govproxy.control.grants import LISTED_S
from govproxy.control.precedents import Precedents
from govproxy.control.retention import DAY_S, MARGIN_S, Retention, keep_s
from govproxy.control.state import facts, grants, once, outbox, places, presence, windows
from govproxy.control.state.approvals import CAPSULES, HOLDS, VOTES
from govproxy.control.state.outbox import Letter
from govproxy.control.state.retention import LEFT_BEHIND_S
from govproxy.control.state.store import StateStore, open_store
from govproxy.policy.rules import Alike, ApprovalRule, MayGrant, Policy, Precedent, Ruling
from tests.unit.approvals.building import ANA, ASKED, LEA, SUBJECT, hold
from tests.unit.approvals.test_automatic import NATURE
from tests.unit.control.test_state import settings

KEY = SigningKey.generate()
DAYS = 30
KEPT_S = DAYS * DAY_S


class World:
    """One instance on a store; its clock stands until it is moved."""

    def __init__(self, store: StateStore) -> None:
        self.store = store
        self.now = ASKED + 1
        self.approvals = Approvals(store, KEY, clock=lambda: self.now)
        self.approvals.grant_with(lambda: {"bulk-deletes": MayGrant(within_s=400 * 86_400)}, self._nothing)
        self.retention = Retention(store, clock=lambda: self.now, kept_s=lambda: KEPT_S)

    async def _nothing(self) -> None:
        """Nobody hears of grants here."""

    async def ask(self, hold_id: str, **changes: object) -> Hold:
        """A request like no other, for as long as the default says from now on."""
        asked = hold(
            id=hold_id, asked=self.now, deadline=self.now + 60, subject=replace(SUBJECT, digest=hold_id), **changes
        )
        await self.approvals.ask(asked)
        return asked

    async def decide(self, hold_id: str, answer: Answer = Answer.APPROVE, grant: GrantAsked | None = None) -> Standing:
        after = await self.approvals.answer(hold_id, LEA, answer, "x", grant)
        assert isinstance(after, Standing)
        return after

    async def rows(self, table: sa.Table) -> int:
        return await self.store.run(
            lambda connection: connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
        )

    async def left(self) -> set[str]:
        return {standing.hold.id for standing in await self.approvals.list(limit=10_000)}


def in_world(folder: Path, scene: Callable[[World], Awaitable[None]]) -> None:
    async def run() -> None:
        world = World(await open_store(settings(folder)))
        try:
            async with asyncio.timeout(60):
                await scene(world)
        finally:
            await world.store.close()

    asyncio.run(run())


def test_what_ended_long_ago_is_forgotten_with_all_that_belongs_to_it(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        for hold_id in ("approved", "refused", "withdrawn"):
            await world.ask(hold_id)
        assert await world.store.run(facts.keep("approved", {"actual_rows": 3}))
        await world.decide("approved")
        await world.decide("refused", Answer.REFUSE)
        await world.approvals.withdraw("withdrawn")
        world.now += KEPT_S - 1
        assert await world.retention.forget() == 0
        assert await world.left() == {"approved", "refused", "withdrawn"}
        assert await world.approvals.capsule("refused") is not None
        world.now += 1
        assert await world.retention.forget() == 3
        for table in (HOLDS, VOTES, CAPSULES, facts.FACTS):
            assert await world.rows(table) == 0
        assert await world.retention.forget() == 0

    in_world(tmp_path, scene)


def test_what_is_open_stays_however_old_it_is(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        await world.ask("waits")
        await world.ask("said", quorum=2)
        await world.decide("said")
        assert await world.store.run(facts.keep("waits", {"actual_rows": 3}))
        world.now += 10 * KEPT_S
        assert await world.retention.forget() == 0
        assert await world.left() == {"waits", "said"}
        assert (await world.rows(VOTES), await world.rows(facts.FACTS)) == (1, 1)

    in_world(tmp_path, scene)


def test_an_approval_with_a_use_left_stays_until_it_expires(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        await world.ask("lasting", uses=2, valid_s=3 * KEPT_S)
        await world.ask("used", uses=1, valid_s=3 * KEPT_S)
        await world.decide("lasting")
        await world.decide("used")
        assert await world.approvals.use("lasting")
        assert await world.approvals.use("used")
        world.now += 2 * KEPT_S
        assert await world.retention.forget() == 1
        assert await world.left() == {"lasting"}
        assert await world.approvals.use("lasting")
        assert not await world.approvals.use("lasting")
        assert await world.retention.forget() == 1

    in_world(tmp_path, scene)


@pytest.mark.parametrize("revoked", [True, False])
def test_a_grant_stays_as_long_as_it_is_in_force_or_listed(tmp_path: Path, revoked: bool) -> None:
    async def scene(world: World) -> None:
        until = world.now + 2 * KEPT_S
        await world.ask("giving", nature=replace(NATURE, targets=(("delete", 7, "public.orders", ""),)))
        await world.decide("giving", grant=GrantAsked(until=until))
        if revoked:
            assert await world.store.run(grants.revoke("giving", "lea@x", "done", world.now))
        for world.now in (until - 1, until + LISTED_S - 1):
            assert await world.retention.forget() == 0
            [row] = await world.store.run(grants.read_grants(since=0.0))
            assert row.ends == until
            assert (row.revoked is not None) == revoked
        world.now = until + LISTED_S
        assert await world.retention.forget() == 1
        assert await world.rows(grants.GRANTS) == 0

    in_world(tmp_path, scene)


def test_what_a_message_waits_for_stays_until_it_is_told(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        await world.ask("told")
        await world.decide("told")
        world.now += KEPT_S
        letter = Letter(
            webhook="ops",
            delivery="d1",
            hold_id="told",
            step=1,
            event="approved",
            body="{}",
            made_at=world.now,
            until=world.now + DAY_S,
        )
        await world.store.run(lambda connection: outbox.put(connection, [letter]))
        assert await world.retention.forget() == 0
        # It is neither told nor given up: somebody swept it away after days.
        world.now += DAY_S + LEFT_BEHIND_S
        assert await world.retention.forget() == 0
        assert await world.retention.forget() == 1

    in_world(tmp_path, scene)


def test_a_rule_finds_what_it_looks_back_to(tmp_path: Path) -> None:
    """`same_statement_approved` counts further back than the configuration keeps: what it needs is kept."""
    rule = ApprovalRule(
        name="again", ruling=Ruling.APPROVE, precedent=Precedent(within_s=int(60 * DAY_S), by=Alike.USER)
    )
    policy = Policy(approvals=(rule,))
    assert keep_s(DAYS, policy) == 60 * DAY_S + MARGIN_S
    assert keep_s(90, policy) == 90 * DAY_S
    assert keep_s(DAYS, Policy()) == KEPT_S

    async def scene(world: World) -> None:
        asked = await world.ask("before")
        await world.decide("before")
        retention = Retention(world.store, clock=lambda: world.now, kept_s=lambda: keep_s(DAYS, policy))
        precedents = Precedents(world.store, KEY.public)
        world.now += 60 * DAY_S
        assert await retention.forget() == 0
        assert await precedents.found(rule, asked, world.now) is not None
        world.now += MARGIN_S
        assert await precedents.found(rule, asked, world.now) is None
        assert await retention.forget() == 1

    in_world(tmp_path, scene)


def test_it_is_done_a_little_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "AT_ONCE", 2)
    monkeypatch.setattr(service, "MOST_BATCHES", 3)
    monkeypatch.setattr(service, "PAUSE_S", 0.0)

    async def scene(world: World) -> None:
        for number in range(7):
            await world.ask(f"h{number}")
            world.now += 1
            await world.decide(f"h{number}", Answer.REFUSE)
        world.now += KEPT_S
        assert await world.retention.forget() == 6
        # The oldest first.
        assert await world.left() == {"h6"}
        assert await world.retention.forget() == 1

    in_world(tmp_path, scene)


def test_what_others_left_behind_goes_too(tmp_path: Path) -> None:
    name = "ab" * 32

    async def scene(world: World) -> None:
        await world.store.run(presence.renew("gone", world.now))
        await world.store.run(once.take("nonce", world.now, world.now + 60))
        for table, row in (
            (windows.WINDOWS, {"name": name, "instance": "i", "given_at": world.now, "given": 3}),
            (places.PLACES, {"name": name, "instance": "i", "taken": 1, "renewed": world.now}),
        ):
            await world.store.run(lambda connection, table=table, row=row: connection.execute(table.insert(), row))
        tables = (presence.INSTANCES, once.ONCE, windows.WINDOWS, places.PLACES)
        world.now += LEFT_BEHIND_S - 1
        await world.retention.forget()
        assert [await world.rows(table) for table in tables] == [1, 1, 1, 1]
        world.now += 61
        await world.retention.forget()
        assert [await world.rows(table) for table in tables] == [0, 0, 0, 0]

    in_world(tmp_path, scene)


def test_the_same_can_be_asked_again_once_it_is_forgotten(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        await world.ask("first", waits=False)
        await world.decide("first")
        world.now += KEPT_S
        assert await world.retention.forget() == 1
        asked = hold(
            ANA,
            id="second",
            asked=world.now,
            deadline=world.now + 60,
            subject=replace(SUBJECT, digest="first"),
            waits=False,
        )
        again = await world.approvals.ask(asked)
        assert (again.hold.id, again.status) == ("second", Status.WAITING)

    in_world(tmp_path, scene)
