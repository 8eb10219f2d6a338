"""Grants through the service: given with an approval, seen by other instances, taken back, and never forged."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from govproxy.approvals.deciding import Objection
from govproxy.approvals.granting import GrantAsked
from govproxy.approvals.values import Answer, Hold, Standing, Status
from govproxy.audit.keys import SigningKey
from govproxy.control.approvals import Approvals
from govproxy.control.grants import Grants
from govproxy.control.state import grants as state
from govproxy.control.state.approvals import CAPSULES, Objected
from govproxy.control.state.store import StateStore, open_store
from govproxy.errors import StateUnavailable
from govproxy.policy.grants import Grant
from govproxy.policy.rules import MayGrant
from govproxy.sql.values import Action
from tests.unit.approvals.building import ANA, ASKED, BOT, LEA, OPS, hold, person
from tests.unit.approvals.test_automatic import NATURE
from tests.unit.control.test_approvals import until
from tests.unit.control.test_state import settings

KEY = SigningKey.generate()
NOW = ASKED + 1
TARGETS = (
    ("delete", 7, "public.orders", ""),
    ("delete", 6, "public.all_orders", "public.orders"),
    ("select", 8, "public.lists", ""),
)
HOUR = GrantAsked(until=NOW + 3_600)


class World:
    """One instance, and another that shares its store."""

    def __init__(self, store: StateStore) -> None:
        self.store = store
        self.now = NOW
        self.terms: dict[str, MayGrant | None] = {"bulk-deletes": MayGrant(within_s=7_200)}
        self.events: list[Mapping[str, object]] = []
        self.approvals = Approvals(store, KEY, clock=lambda: self.now)
        self.approvals.record_with(self.events.append)
        self.published: list[tuple[Grant, ...]] = []
        self.elsewhere: list[tuple[Grant, ...]] = []
        self.grants = self.instance(self.published)
        self.other = self.instance(self.elsewhere)
        self.approvals.grant_with(lambda: self.terms, self.grants.refresh)

    def instance(self, published: list[tuple[Grant, ...]]) -> Grants:
        return Grants(
            self.store,
            KEY.public,
            clock=lambda: self.now,
            publish=published.append,
            record=lambda standing, status, by, reason: self.approvals.note(standing, status, by=by, reason=reason),
        )

    async def given(self, asked: GrantAsked = HOUR, **changes: object) -> Standing | Objected | None:
        made: Hold = replace(hold(nature=replace(NATURE, targets=TARGETS)), **changes)  # type: ignore[arg-type]
        await self.approvals.ask(made)
        return await self.approvals.answer(made.id, LEA, Answer.APPROVE, "until lunch", asked)


def play(folder: Path, scene: Callable[[World], Awaitable[None]]) -> None:
    async def run() -> None:
        store = await open_store(settings(folder))
        world = World(store)
        try:
            async with asyncio.timeout(60):
                await scene(world)
        finally:
            await world.grants.stop()
            await world.other.stop()
            await world.approvals.stop()
            await store.close()

    asyncio.run(run())


def test_given_with_an_approval_in_force_at_once_and_in_the_ledger(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        found = await world.given()
        assert isinstance(found, Standing)
        assert found.status is Status.APPROVED
        ((made,),) = world.published
        assert (made.user, made.agent, made.until, made.by) == ("ana@x", None, NOW + 3_600, "lea@x")
        assert [(s.action, s.relations, s.through) for s in made.scope] == [
            (Action.DELETE, ((7, "public.orders"),), frozenset({6})),
            (Action.SELECT, ((8, "public.lists"),), frozenset()),
        ]
        assert [event["status"] for event in world.events] == ["asked", "voted", "approved", "granted"]
        assert (await world.approvals.find("h1")) == found

    play(tmp_path, scene)


def test_another_instance_sees_it_and_its_end_and_its_revocation(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        await world.other.start()
        await world.given()
        await until(lambda: len(world.elsewhere) == 1 and len(world.elsewhere[0]) == 1)
        assert await world.grants.revoke("h1", LEA, "enough") is None
        assert world.published[-1] == ()
        await until(lambda: world.elsewhere[-1] == ())
        assert world.events[-1]["status"] == "grant_revoked"
        (listed,) = await world.grants.listed()
        assert (listed.state, listed.revoked_by, listed.revoked_reason) == ("revoked", "lea@x", "enough")
        assert await world.grants.revoke("h1", LEA, "again") == "no grant of this id stands"

    play(tmp_path, scene)


def test_it_ends(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        await world.given()
        world.now = NOW + 3_600
        await world.grants.refresh()
        assert world.published[-1] == ()
        assert [one.state for one in await world.grants.listed()] == ["ended"]
        assert await world.grants.revoke("h1", LEA, "late") is not None

    play(tmp_path, scene)


def test_who_may_take_it_back(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        await world.given()
        for somebody in (OPS, person("lea@x", "leads", agent="bot"), person("eve@x")):
            assert await world.grants.revoke("h1", somebody, "no") == "you are not among those who could approve it"
        assert await world.grants.revoke("h1", LEA, " ") == "a reason is needed"
        assert await world.grants.revoke("h9", LEA, "no") == "there is no such grant"
        assert await world.grants.revoke("h1", ANA, "I am done") is None

    play(tmp_path, scene)


@pytest.mark.parametrize(
    ("asked", "changes"),
    [
        (GrantAsked(until=NOW + 7_201), {}),
        (GrantAsked(until=NOW), {}),
        (GrantAsked(until=NOW + 60, clear=True), {}),
        (GrantAsked(until=NOW + 60, actions=frozenset({"truncate"})), {}),
        (GrantAsked(until=NOW + 60, tables=frozenset({"public.Orders"})), {}),
        (GrantAsked(until=NOW + 60, tables=frozenset({'public."orders"'})), {}),
        (GrantAsked(until=NOW + 60, tables=frozenset({"*.*"})), {}),
        (HOUR, {"nature": None}),
        (HOUR, {"nature": replace(NATURE, targets=TARGETS, opaque=True)}),
        (HOUR, {"nature": replace(NATURE, targets=())}),
        (HOUR, {"rule": replace(hold().rule, quorum=2)}),
        (HOUR, {"rule": replace(hold().rule, names=("bulk-deletes", "other-hold"))}),
    ],
)
def test_what_is_not_to_be_granted(asked: GrantAsked, changes: dict[str, object], tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        found = await world.given(asked, **changes)
        assert isinstance(found, Objected)
        assert (found.why, bool(found.detail)) == (Objection.NOT_TO_BE_GRANTED, True)
        standing = await world.approvals.find("h1")
        assert standing is not None
        assert standing.status is Status.WAITING
        assert await world.grants.listed() == []

    play(tmp_path, scene)


def test_one_can_give_less(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        await world.given(
            GrantAsked(until=NOW + 60, actions=frozenset({"delete"}), tables=frozenset({"public.orders"}))
        )
        ((made,),) = world.published
        assert [(scope.action, scope.relations) for scope in made.scope] == [(Action.DELETE, ((7, "public.orders"),))]

    play(tmp_path, scene)


def test_objections_to_the_person_come_first(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        made = hold(person("lea@x", "leads"), nature=replace(NATURE, targets=TARGETS))
        await world.approvals.ask(made)
        found = await world.approvals.answer("h1", LEA, Answer.APPROVE, "mine", HOUR)
        assert isinstance(found, Objected)
        assert found.why is Objection.OWN_REQUEST
        assert await world.approvals.answer("h9", LEA, Answer.APPROVE, "none", HOUR) is None
        assert isinstance(await world.approvals.answer("h1", OPS, Answer.REFUSE, "no", HOUR), Objected)
        assert await world.grants.listed() == []

    play(tmp_path, scene)


def test_an_agents_grant_is_the_pairs(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        await world.given(requester=BOT)
        ((made,),) = world.published
        assert (made.user, made.agent) == ("ana@x", "report-bot")

    play(tmp_path, scene)


def test_what_somebody_wrote_into_the_store_is_no_grant(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        await world.given()
        for change in (
            sa.update(state.GRANTS).values(ends=NOW + 99_999),
            sa.update(CAPSULES).values(content=sa.func.replace(CAPSULES.c.content, "ana@x", "eve@x")),
        ):
            await world.store.run(lambda connection, change=change: connection.execute(change))  # type: ignore[misc]
            await world.grants.refresh()
            assert world.published[-1] == ()
            assert await world.grants.listed() == []
        made = replace(hold(), id="h2")
        await world.approvals.ask(made)
        await world.approvals.answer("h2", LEA, Answer.APPROVE, "a single run")
        await world.store.run(lambda connection: state.keep(connection, "h2", NOW + 60))
        assert await world.grants.listed() == []

    play(tmp_path, scene)


def test_without_the_store_nothing_is_granted(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        await world.grants.start()
        await world.given()
        assert len(world.published[-1]) == 1

        class Down:
            async def run(self, work: object) -> object:
                raise StateUnavailable("planted")

        world.grants._store = Down()  # type: ignore[assignment]
        await until(lambda: world.published[-1] == ())

    play(tmp_path, scene)
