"""The state store that a fleet shares, in a real PostgreSQL: its tables, its signals, and two at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import psycopg
import pytest
import sqlalchemy as sa

from govproxy.approvals.deciding import Objection
from govproxy.approvals.values import Answer, Hold, Standing, Status
from govproxy.audit.keys import SigningKey
from govproxy.config.secrets import Secret
from govproxy.config.settings import Settings
from govproxy.control import approvals as service
from govproxy.control import grants as grants_service
from govproxy.control.approvals import Approvals
from govproxy.control.grants import Grants
from govproxy.control.state import approvals, facts, outbox, retention
from govproxy.control.state import grants as granted
from govproxy.control.state.approvals import Objected
from govproxy.control.state.migrations import STEPS
from govproxy.control.state.outbox import Letter
from govproxy.control.state.signals import ANYTHING, CHANNEL, Signal, Topic
from govproxy.control.state.store import StateStore, migrate, open_store
from govproxy.errors import StateUnavailable
from tests.support.postgres import Postgres, database
from tests.unit.approvals.building import ASKED, LEA, LEO, SUBJECT, hold, vote
from tests.unit.control.test_state import TABLES
from tests.unit.control.test_state import settings as in_a_file
from tests.unit.control.test_state_approvals import sealing

T = TypeVar("T")
KEY = SigningKey.generate()


@pytest.fixture(scope="module")
def name(postgres: Postgres) -> Iterator[str]:
    """A database that the tests of this file share; each has requests of its own."""
    with database(postgres) as made:
        yield made


def settings(postgres: Postgres, name: str, folder: Path) -> Settings:
    url = f"postgresql://{postgres.superuser}@{postgres.host}:{postgres.port}/{name}?sslmode=disable"
    return replace(in_a_file(folder), state=url, state_password=Secret(postgres.password or "none"))


def request(hold_id: str, **changes: Any) -> Hold:
    """A request that no earlier one answers."""
    now = time.time()
    return hold(
        id=hold_id, subject=replace(SUBJECT, digest=hold_id), **({"asked": now, "deadline": now + 60} | changes)
    )


def play(scene: Callable[[], Awaitable[T]]) -> T:
    async def run() -> T:
        async with asyncio.timeout(30):
            return await scene()

    return asyncio.run(run())


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - what is waited for tells nobody
        await asyncio.sleep(0.005)


class Fleet:
    """Instances, each with a connection pool of its own."""

    def __init__(self, given: Settings) -> None:
        self.settings = given
        self.stores: list[StateStore] = []
        self.instances: list[Approvals] = []
        self.now = ASKED + 1

    async def __aenter__(self) -> Fleet:
        return self

    async def __aexit__(self, *_: object) -> None:
        for instance in self.instances:
            await instance.stop()
        for store in self.stores:
            await store.close()

    async def store(self) -> StateStore:
        self.stores.append(await open_store(self.settings))
        return self.stores[-1]

    async def instance(self) -> tuple[Approvals, StateStore]:
        store = await self.store()
        made = Approvals(store, KEY, clock=lambda: self.now)
        self.instances.append(made)
        await made.start()
        await until(lambda: store.hears)
        return made, store


# ---------------------------------------------------------------- tables


@pytest.mark.parametrize("taken", range(len(STEPS) + 1))
def test_every_older_version_is_brought_up_to_date(postgres: Postgres, tmp_path: Path, taken: int) -> None:
    """By two instances that start at the same moment; what was there stays."""
    with database(postgres) as older:
        given = settings(postgres, older, tmp_path)

        def columns(connection: sa.Connection) -> dict[str, set[str]]:
            inspected = sa.inspect(connection)
            return {table.name: {c["name"] for c in inspected.get_columns(table.name)} for table in TABLES}

        async def scene() -> dict[str, set[str]]:
            fleet = Fleet(given)
            async with fleet:
                if taken:
                    with psycopg.connect(postgres.dsn(older), autocommit=True) as direct:
                        direct.execute(
                            "CREATE TABLE govproxy_schema (number bigint PRIMARY KEY, subject text NOT NULL)"
                        )
                        for step in STEPS[:taken]:
                            for statement in step.statements:
                                direct.execute(statement.encode())
                            direct.execute("INSERT INTO govproxy_schema VALUES (%s, %s)", (step.number, step.subject))
                        if taken >= 2:
                            direct.execute(
                                "INSERT INTO govproxy_holds (id, status, database_name, asked, deadline, content)"
                                " VALUES ('old', 'timed_out', 'shop', 1, 2, '{}')"
                            )
                await asyncio.gather(fleet.store(), fleet.store())
                if taken >= 2:
                    old = await fleet.stores[0].run(
                        lambda c: c.execute(sa.select(approvals.HOLDS.c.id)).scalars().all()
                    )
                    assert list(old) == ["old"]
                return await fleet.stores[1].run(columns)

        assert play(scene) == {table.name: {c.name for c in table.columns} for table in TABLES}


def test_a_store_of_a_newer_version_is_left_alone(postgres: Postgres, tmp_path: Path) -> None:
    with database(postgres) as newer:
        given = settings(postgres, newer, tmp_path)

        async def scene() -> None:
            async with Fleet(given) as fleet:
                await (await fleet.store()).run(migrate)
            with psycopg.connect(postgres.dsn(newer), autocommit=True) as direct:
                direct.execute("INSERT INTO govproxy_schema VALUES (99, 'later')")
            with pytest.raises(StateUnavailable, match="newer govproxy"):
                await open_store(given)

        play(scene)


# ---------------------------------------------------------------- two at once


def test_two_approvers_at_once_make_one_decision(postgres: Postgres, name: str, tmp_path: Path) -> None:
    async def scene() -> None:
        async with Fleet(settings(postgres, name, tmp_path)) as fleet:
            one, other = await fleet.store(), await fleet.store()
            for turn in range(10):
                hold_id = f"both-{turn}"
                await one.run(approvals.ask(request(hold_id)))
                found = await asyncio.gather(
                    one.run(approvals.answer(hold_id, vote(LEA, Answer.APPROVE), sealing())),
                    other.run(approvals.answer(hold_id, vote(LEO, Answer.REFUSE), sealing())),
                )
                decided = [standing for standing in found if isinstance(standing, Standing)]
                assert len(decided) == 1
                assert [late for late in found if late not in decided] == [Objected(why=Objection.DECIDED)]
                capsule = await one.run(approvals.capsule(hold_id))
                assert capsule is not None
                assert capsule.fields["status"] == decided[0].status.value

    play(scene)


def test_the_same_person_is_one_person_at_two_instances(postgres: Postgres, name: str, tmp_path: Path) -> None:
    async def scene() -> None:
        async with Fleet(settings(postgres, name, tmp_path)) as fleet:
            one, other = await fleet.store(), await fleet.store()
            await one.run(approvals.ask(request("twice", quorum=2)))
            shouting = replace(LEA, user=LEA.user.upper(), issuer="another")
            found = await asyncio.gather(
                one.run(approvals.answer("twice", vote(LEA), sealing())),
                other.run(approvals.answer("twice", vote(shouting), sealing())),
            )
            assert sum(isinstance(standing, Standing) for standing in found) == 1
            assert Objected(why=Objection.ANSWERED) in found
            after = await one.run(approvals.read("twice"))
            assert after is not None
            assert after.status is Status.WAITING

    play(scene)


def test_uses_are_taken_once_in_the_whole_fleet(postgres: Postgres, name: str, tmp_path: Path) -> None:
    async def scene() -> int:
        async with Fleet(settings(postgres, name, tmp_path)) as fleet:
            stores = [await fleet.store() for _ in range(2)]
            await stores[0].run(approvals.ask(request("uses")))
            await stores[1].run(approvals.answer("uses", vote(LEA), sealing(uses=3, expires=time.time() + 60)))
            taken = await asyncio.gather(*(stores[n % 2].run(approvals.use("uses", ASKED + 5)) for n in range(10)))
            return sum(taken)

    assert play(scene) == 3


def test_what_is_old_is_forgotten_by_two_at_once(postgres: Postgres, tmp_path: Path) -> None:
    """Each takes what the other does not; the store's clock says what is old, and nothing that can be used goes."""

    async def scene(given: Settings) -> None:
        async with Fleet(given) as fleet:
            stores = [await fleet.store() for _ in range(2)]
            for number in range(20):
                await stores[0].run(approvals.ask(request(f"old-{number}")))
                await stores[0].run(approvals.end(f"old-{number}", ASKED, withdrawn=True))
            await stores[0].run(approvals.ask(request("open")))
            await stores[0].run(approvals.ask(request("usable")))
            await stores[0].run(approvals.answer("usable", vote(LEA), sealing(expires=time.time() + 600)))

            def forget(keep_s: float) -> Callable[[sa.Connection], int]:
                return retention.forget_ended(ASKED, keep_s=keep_s, grants_keep_s=0.0, limit=7)

            assert await stores[0].run(forget(3_600)) == 0
            forgotten = 0
            for _ in range(3):
                forgotten += sum(await asyncio.gather(*(store.run(forget(0.0)) for store in stores)))
            assert forgotten == 20
            left = await stores[1].run(approvals.read_all())
            assert {standing.hold.id for standing in left} == {"open", "usable"}
            await stores[0].run(retention.forget_left_behind(ASKED))
            assert await stores[1].run(approvals.use("usable", ASKED))

    with database(postgres) as made:
        given = settings(postgres, made, tmp_path)
        play(lambda: scene(given))


@pytest.mark.parametrize("off_s", [-7_200.0, 7_200.0], ids=["behind", "ahead"])
def test_the_stores_clock_counts_whatever_an_instance_thinks(
    postgres: Postgres, name: str, tmp_path: Path, off_s: float
) -> None:
    """Nobody approves what is over, uses what has run out, or ends what still waits, by a clock that is wrong."""

    async def scene() -> None:
        async with Fleet(settings(postgres, name, tmp_path)) as fleet:
            fleet.now = time.time() + off_s
            here, store = await fleet.instance()
            over = request(f"over {off_s}", asked=time.time() - 60, deadline=time.time() - 1)
            await store.run(approvals.ask(over, now=time.time()))
            found = await here.answer(over.id, LEA, Answer.APPROVE, "late")
            assert isinstance(found, Objected)
            assert found.why in (Objection.TOO_LATE, Objection.DECIDED)
            # As its own worker asks: by the same wrong clock.
            asked = await here.ask(request(f"wrong {off_s}", asked=fleet.now, deadline=fleet.now + 60, waits=False))
            assert abs(asked.hold.asked - time.time()) < 30
            await asyncio.sleep(2.5 * service.POLL_S)
            still = await here.find(asked.hold.id)
            assert still is not None
            assert still.status is Status.WAITING
            after = await here.answer(asked.hold.id, LEA, Answer.APPROVE, "in time")
            assert isinstance(after, Standing)
            capsule = await here.capsule(asked.hold.id)
            assert capsule is not None
            assert abs(capsule.fields["expires"] - time.time() - after.hold.rule.valid_s) < 30
            assert await here.use(asked.hold.id)
            await store.run(approvals.ask(request(f"ran out {off_s}")))
            await store.run(approvals.answer(f"ran out {off_s}", vote(LEA), sealing(expires=time.time() - 1)))
            assert not await here.use(f"ran out {off_s}")

    play(scene)


def test_a_message_has_one_lease(postgres: Postgres, name: str, tmp_path: Path) -> None:
    letter = Letter(
        webhook="ops", delivery="d", hold_id="l", step=0, event="asked", body="{}", made_at=1_000.0, until=9_000.0
    )
    letters = [replace(letter, delivery=f"d{n}", hold_id=f"l{n // 2}", step=n % 2) for n in range(12)]

    async def scene() -> None:
        async with Fleet(settings(postgres, name, tmp_path)) as fleet:
            stores = [await fleet.store() for _ in range(3)]

            def keep(connection: sa.Connection) -> None:
                outbox.put(connection, letters)

            await stores[0].run(keep)
            claims = await asyncio.gather(
                *(stores[n % 3].run(outbox.claim("ops", str(n), now=2_000.0, lease_s=60)) for n in range(10))
            )
            claimed = [(found.letter, str(n)) for n, found in enumerate(claims) if found.letter is not None]
            # The first of each request, to one claimant each.
            assert sorted(one.delivery for one, _ in claimed) == ["d0", "d10", "d2", "d4", "d6", "d8"]
            for one, owner in claimed:
                assert not await stores[0].run(outbox.done(one, "somebody else"))
                assert await stores[1].run(outbox.done(one, owner))
            assert (await stores[2].run(outbox.counts()))["ops"] == 6

    play(scene)


# ---------------------------------------------------------------- signals


def test_a_decision_made_elsewhere_is_heard_by_its_signal(
    postgres: Postgres, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With nobody looking by themselves, so that it can have come no other way."""
    monkeypatch.setattr(service, "SIGNALLED_POLL_S", 600.0)
    monkeypatch.setattr(service, "POLL_S", 600.0)

    async def scene() -> None:
        async with Fleet(settings(postgres, name, tmp_path)) as fleet:
            (here, _), (there, _) = await fleet.instance(), await fleet.instance()
            told: list[Status] = []
            feed: list[tuple[str, Status]] = []
            here.listen(lambda standing: told.append(standing.status))
            there.listen(lambda standing: feed.append((standing.hold.id, standing.status)), everywhere=True)
            await here.ask(request("signal"))
            # Whoever shows requests hears of new ones too, wherever they were asked.
            await until(lambda: ("signal", Status.WAITING) in feed)
            await there.answer("signal", LEA, Answer.APPROVE, "yes")
            await until(lambda: told == [Status.WAITING, Status.APPROVED])
            assert here._known == {}

    play(scene)


def test_without_signals_it_is_looked_for(
    postgres: Postgres, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The listening connection is ended, and cannot be had again: the decision is found all the same."""

    async def scene() -> None:
        async with Fleet(settings(postgres, name, tmp_path)) as fleet:
            (here, store), (there, _) = await fleet.instance(), await fleet.instance()
            told: list[Status] = []
            here.listen(lambda standing: told.append(standing.status))
            await here.ask(request("lost"))

            async def unreachable() -> None:
                raise OSError("nobody there")

            listening = store._listening  # type: ignore[attr-defined]
            monkeypatch.setattr(listening, "_connect", unreachable)
            with psycopg.connect(postgres.dsn(name), autocommit=True) as direct:
                direct.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND application_name = 'govproxy state, listening'"
                )
            await until(lambda: not store.hears)
            await there.answer("lost", LEA, Answer.APPROVE, "yes")
            await until(lambda: told[-1] is Status.APPROVED)
            assert not store.hears

    play(scene)


def test_a_lost_connection_is_made_anew_and_everything_looked_at(
    postgres: Postgres, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("govproxy.control.state.signals.RETRY_S", 0.01)

    async def scene() -> list[Signal]:
        async with Fleet(settings(postgres, name, tmp_path)) as fleet:
            store = await fleet.store()
            heard: list[Signal] = []
            store.listen(heard.append)
            await until(lambda: store.hears)
            with psycopg.connect(postgres.dsn(name), autocommit=True) as direct:
                direct.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND application_name = 'govproxy state, listening'"
                )
                await until(lambda: len(heard) == 2)
                # What anybody may say there makes an instance look, and nothing else.
                for payload in ("", "nonsense", "x approvals h-7", "\u202e" * 100, "y outbox " + "z" * 5000):
                    direct.execute("SELECT pg_notify(%s, %s)", (CHANNEL, payload))
            await until(lambda: len(heard) == 7)
            return heard

    heard = play(scene)
    assert heard[:5] == [ANYTHING, ANYTHING, ANYTHING, ANYTHING, Signal(topic=Topic.APPROVALS, key="h-7")]
    assert heard[5] == ANYTHING
    assert heard[6].topic is Topic.OUTBOX
    assert len(heard[6].key) < 500


def test_a_change_that_is_taken_back_is_not_told(postgres: Postgres, name: str, tmp_path: Path) -> None:
    async def scene() -> None:
        async with Fleet(settings(postgres, name, tmp_path)) as fleet:
            here, there = await fleet.store(), await fleet.store()
            heard: list[Signal] = []
            there.listen(heard.append)
            await until(lambda: there.hears)
            heard.clear()

            def fails(connection: sa.Connection) -> None:
                approvals.ask(request("undone"))(connection)
                raise KeyError("after it")

            with pytest.raises(KeyError):
                await here.run(fails)
            await here.run(approvals.ask(request("done")))
            await until(lambda: bool(heard))
            assert heard == [Signal(topic=Topic.APPROVALS, key="done")]

    play(scene)


def test_a_grant_taken_back_elsewhere_is_heard_by_its_signal(
    postgres: Postgres, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grants_service, "SIGNALLED_POLL_S", 600.0)
    monkeypatch.setattr(grants_service, "POLL_S", 600.0)

    async def scene() -> None:
        async with Fleet(settings(postgres, name, tmp_path)) as fleet:
            here, there = await fleet.store(), await fleet.store()
            looked: list[float] = []

            def clock() -> float:
                looked.append(0.0)
                return ASKED

            grants = Grants(here, KEY.public, clock=clock, publish=lambda found: None, record=lambda *parts: None)
            await grants.start()
            try:
                await until(lambda: here.hears)
                await asyncio.sleep(0)
                await until(lambda: len(looked) >= 4)  # at the start, and once signals were heard
                before = len(looked)
                await there.run(lambda connection: granted.keep(connection, "g", ASKED + 60))
                await until(lambda: len(looked) > before)
                before = len(looked)
                assert await there.run(granted.revoke("g", "lea", "over", ASKED + 1))
                await until(lambda: len(looked) > before)
            finally:
                await grants.stop()

    play(scene)


# ---------------------------------------------------------------- facts


def test_facts_are_kept_once_and_named_by_the_vote(postgres: Postgres, name: str, tmp_path: Path) -> None:
    async def scene() -> None:
        async with Fleet(settings(postgres, name, tmp_path)) as fleet:
            one, other = await fleet.store(), await fleet.store()
            await one.run(approvals.ask(request("facts")))
            kept = await asyncio.gather(
                *(store.run(facts.keep("facts", {"rows": n})) for n, store in enumerate((one, other)))
            )
            assert sorted(kept) == [False, True]
            found = await other.run(facts.read("facts"))
            after = await one.run(approvals.answer("facts", vote(LEA), sealing()))
            assert isinstance(after, Standing)
            assert after.votes[0].seen == await one.run(lambda connection: facts.digest(connection, "facts"))
            assert await one.run(facts.read("facts")) == found == {"rows": kept.index(True)}
            assert not await one.run(facts.keep("facts", {"rows": 9}))

    play(scene)
