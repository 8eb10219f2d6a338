"""Rules as deciders: through the service, with tickets, counts and precedents, and none where anything fails."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

from govproxy.approvals.values import Answer, Hold, Standing, Status, Subject
from govproxy.audit.keys import SigningKey
from govproxy.control.approvals import Approvals
from govproxy.control.precedents import Precedents
from govproxy.control.rulings import Rulings
from govproxy.control.state.store import StateStore, open_store
from govproxy.policy.loader import load_policy
from govproxy.policy.rules import Policy
from tests.unit.approvals.building import ANA, ASKED, LEA, SUBJECT, hold
from tests.unit.approvals.test_automatic import NATURE
from tests.unit.control.test_approvals import until
from tests.unit.control.test_state import settings

KEY = SigningKey.generate()


def policy_of(folder: Path, *approvals: str) -> Policy:
    file = folder / "policy.yaml"
    listed = "".join(f"  - {{{entry}}}\n" for entry in approvals)
    file.write_text(
        "rules:\n  - {name: bulk-deletes, does: [delete], effect: hold, approvers: {groups: [leads]}}\n"
        f"approvals:\n{listed}"
    )
    return load_policy(file)


class World:
    """One instance with rules, on a store."""

    def __init__(self, store: StateStore, policy: Policy) -> None:
        self.policy = policy
        self.now = ASKED + 0.004
        self.approvals = Approvals(store, KEY, clock=lambda: self.now)
        self.shadows: list[tuple[str, str]] = []
        self.counted = 0
        self.rows = -1
        self.confirmed: str | None = None
        self.confirming: list[tuple[str, str]] = []
        rulings = Rulings(
            lambda: self.policy,
            clock=lambda: self.now,
            count=self._count,
            confirm=self._confirm,
            earlier=Precedents(store, KEY.public).found,
            would_have=lambda standing, vote: self.shadows.append((vote.by, vote.answer.value)),
        )
        self.approvals.add_decider(rulings.decide)

    async def _count(self, asked: Hold) -> int:
        self.counted += 1
        return self.rows

    async def _confirm(self, rule: str, ticket: str, asked: Hold) -> str | None:
        self.confirming.append((rule, ticket))
        return self.confirmed

    def hold(self, hold_id: str = "h1", **changes: object) -> Hold:
        subject: Subject = replace(SUBJECT, policy_version=self.policy.version)
        return replace(hold(ANA, subject=subject, nature=NATURE), **({"id": hold_id} | changes))  # type: ignore[arg-type]

    async def asked(self, hold_id: str = "h1", **changes: object) -> Standing:
        """How a request stands once the rules have said what they have to say."""
        await self.approvals.ask(self.hold(hold_id, **changes))
        await until(lambda: not self.approvals._deciding)
        found = await self.approvals.find(hold_id)
        assert found is not None
        return found


def play(folder: Path, policy: Policy, scene: Callable[[World], Awaitable[None]]) -> None:
    async def run() -> None:
        store = await open_store(settings(folder))
        world = World(store, policy)
        try:
            async with asyncio.timeout(60):
                await scene(world)
        finally:
            await world.approvals.stop()
            await store.close()

    asyncio.run(run())


def test_a_rule_approves_with_the_evidence_of_a_person(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        found = await world.asked()
        assert found.status is Status.APPROVED
        (vote,) = found.votes
        assert (vote.by, vote.answer) == ("rule small", Answer.APPROVE)
        made = await world.approvals.capsule("h1")
        assert made is not None
        (said,) = made.fields["votes"]
        assert said["by"] == {"rule": "small", "policy_version": world.policy.version}
        assert said["evidence"][0].startswith("risk 60 of 100: sensitivity 3 20, delete 20")
        assert "when statement.estimated_rows < 500" in said["evidence"]

    play(tmp_path, policy_of(tmp_path, "name: small, decide: approve, when: statement.estimated_rows < 500"), scene)


def test_a_refusal_wins_whatever_the_order(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        found = await world.asked()
        assert (found.status, found.votes[0].by) == (Status.REFUSED, "rule z-never")

    rules = (
        "name: a-small, decide: approve, risk: {at_most: 100}",
        "name: z-never, decide: refuse, risk: {at_least: 50}",
    )
    play(tmp_path, policy_of(tmp_path, *rules), scene)


def test_where_no_rule_fits_people_decide(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        assert (await world.asked()).status is Status.WAITING
        after = await world.approvals.answer("h1", LEA, Answer.APPROVE, "ok")
        assert isinstance(after, Standing)
        assert after.status is Status.APPROVED

    play(tmp_path, policy_of(tmp_path, "name: small, decide: approve, when: statement.estimated_rows < 100"), scene)


def test_shadow_only_tells(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        assert (await world.asked()).status is Status.WAITING
        assert world.shadows == [("rule dry", "approve")]

    play(tmp_path, policy_of(tmp_path, "name: dry, decide: approve, risk: {at_most: 100}, mode: shadow"), scene)


def test_rows_are_counted_only_where_a_rule_asks_and_once(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        assert (await world.asked()).status is Status.WAITING
        world.rows = 3
        found = await world.asked("h2")
        assert (found.status, world.counted) == (Status.APPROVED, 2)
        assert "3 rows counted" in found.votes[0].reason

    rules = (
        "name: few, decide: approve, when: statement.actual_rows < 5",
        "name: fewer, decide: approve, when: statement.actual_rows < 2",
    )
    play(tmp_path, policy_of(tmp_path, *rules), scene)


def test_a_ticket_is_confirmed_or_nothing_is_decided(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        assert (await world.asked()).status is Status.WAITING
        assert world.confirming == [("t", "OPS-1")]
        world.confirmed = "jira.example"
        found = await world.asked("h2")
        assert found.status is Status.APPROVED
        assert "ticket OPS-1, confirmed by jira.example" in found.votes[0].reason
        assert await world.approvals.use("h2")
        assert (await world.asked("h3", nature=replace(NATURE, tickets=()))).status is Status.WAITING
        assert (await world.asked("h4", nature=replace(NATURE, tickets=("OPS-1", "OPS-2")))).status is Status.WAITING
        assert len(world.confirming) == 2

    play(tmp_path, policy_of(tmp_path, "name: t, decide: approve, ticket: {pattern: 'OPS-[0-9]+', check: true}"), scene)


def test_what_people_approved_before_is_approved_again_but_not_for_ever(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        assert (await world.asked()).status is Status.WAITING
        await world.approvals.answer("h1", LEA, Answer.APPROVE, "ok")
        await world.approvals.use("h1")
        world.now += 3_000
        found = await world.asked("h2", asked=world.now, deadline=world.now + 60)
        assert found.status is Status.APPROVED
        assert "approved as h1 by lea@x" in found.votes[0].reason
        await world.approvals.use("h2")
        other = replace(world.hold().subject, parameters="q" * 64)
        assert (
            await world.asked("h3", asked=world.now, deadline=world.now + 60, subject=other)
        ).status is Status.WAITING
        world.now += 3_000  # 100 minutes after the person, 50 after the rule
        assert (await world.asked("h4", asked=world.now, deadline=world.now + 60)).status is Status.WAITING

    again = "name: again, decide: approve, same_statement_approved: {within: 1h}"
    play(tmp_path, policy_of(tmp_path, again), scene)


def test_another_policy_than_the_one_in_force_decides_nothing(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        old = replace(world.hold().subject, policy_version="old")
        assert (await world.asked(subject=old)).status is Status.WAITING

    play(tmp_path, policy_of(tmp_path, "name: all, decide: approve, risk: {at_most: 100}"), scene)


def test_a_rule_that_fails_decides_nothing_and_people_still_can(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        async def broken(asked: Hold) -> int:
            raise RuntimeError("planted")

        world._count = broken  # type: ignore[method-assign]
        rulings = Rulings(lambda: world.policy, count=broken)
        world.approvals._deciders[:] = [(rulings.decide, rulings.asks_nobody)]
        assert (await world.asked()).status is Status.WAITING
        after = await world.approvals.answer("h1", LEA, Answer.APPROVE, "ok")
        assert isinstance(after, Standing)
        assert after.status is Status.APPROVED

    play(tmp_path, policy_of(tmp_path, "name: few, decide: approve, when: statement.actual_rows < 5"), scene)


def test_a_voice_counts_beside_people_and_never_twice(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        two = replace(world.hold().rule, quorum=2)
        found = await world.asked(rule=two)
        assert (found.status, [vote.by for vote in found.votes]) == (Status.WAITING, ["rule one"])
        after = await world.approvals.answer("h1", LEA, Answer.APPROVE, "ok")
        assert isinstance(after, Standing)
        assert after.status is Status.APPROVED

    rules = (
        "name: one, decide: approve, counts: voice, risk: {at_most: 100}",
        "name: two, decide: approve, counts: voice, risk: {at_most: 100}",
    )
    play(tmp_path, policy_of(tmp_path, *rules), scene)
