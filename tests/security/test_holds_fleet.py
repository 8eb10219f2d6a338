"""Held statements in a fleet: two instances on one PostgreSQL store, each with clients and approvers of its own."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest

from govproxy.demo.files import write_private
from govproxy.demo.postgres import free_port
from govproxy.demo.proxy import ProxyProcess
from govproxy.errors import ConfigError
from tests.security.holding import ANA, BOT, LEA, PAT, Aside, Desk, policy, run
from tests.support.postgres import Postgres, database
from tests.support.proxy import DBA, Databases, Proxy, start, write_config
from tests.support.waiting import until

LEO = ("leo@shop.example", ("leads",))
KEYS = ("approvals.key", "approvals.pub", "dev.pem")


@dataclass(slots=True, kw_only=True)
class Fleet:
    """Two instances, and the database of their store."""

    first: Proxy
    second: Proxy
    store: str
    databases: Databases

    def desks(self) -> tuple[Desk, Desk]:
        return Desk(self.first), Desk(self.second)

    @contextmanager
    def down(self) -> Iterator[None]:
        """The store cannot be reached: every connection to it is ended, and none can be had."""
        with psycopg.connect(self.databases.postgres.dsn(), autocommit=True) as direct:
            direct.execute(f'ALTER DATABASE "{self.store}" ALLOW_CONNECTIONS false'.encode())
            direct.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (self.store,))
            try:
                yield
            finally:
                direct.execute(f'ALTER DATABASE "{self.store}" ALLOW_CONNECTIONS true'.encode())


@pytest.fixture(scope="module")
def fleet(databases: Databases, postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with databases.direct() as direct:
        direct.execute("CREATE TABLE IF NOT EXISTS shared (id int, word text)")
    with database(postgres) as store:
        folders = [tmp_path_factory.mktemp(name) for name in ("first", "second")]
        secret = folders[0] / "state-password"
        write_private(secret, (postgres.password or "none").encode())
        url = f"postgresql://{postgres.superuser}@{postgres.host}:{postgres.port}/{store}?sslmode=disable"
        extra = f'state: {{url: "{url}", password: {{file: {secret}}}}}'
        first = start(databases, folders[0], policy=policy(), extra=extra)
        second = sibling(first, folders[1], databases, extra)
        try:
            yield Fleet(first=first, second=second, store=store, databases=databases)
        finally:
            first.stop()
            second.stop()


def sibling(first: Proxy, folder: Path, databases: Databases, extra: str) -> Proxy:
    """Another instance with the keys of the first, as instances on one store have."""
    port = free_port()
    config = write_config(folder, databases, port=port, policy=policy(), extra=extra)
    for key in KEYS:
        shutil.copy2(first.folder / key, folder / key)
    made = Proxy(
        process=ProxyProcess(config, log_file=folder / "proxy.log", ready_dsn=""),
        databases=databases,
        folder=folder,
        port=port,
        signing_key=first.signing_key,
    )
    made.process = ProxyProcess(config, log_file=folder / "proxy.log", ready_dsn=made.dsn(*DBA))
    made.process.__enter__()
    return made


@pytest.fixture
def rows(fleet: Fleet) -> Iterator[Callable[[], int]]:
    """Ten rows in a table; how many there are."""
    with fleet.databases.direct() as direct:
        direct.execute("TRUNCATE shared")
        direct.execute("INSERT INTO shared SELECT n, 'word ' || n FROM generate_series(1, 10) n")
        yield lambda: direct.execute("SELECT count(*) FROM shared").fetchone()[0]  # type: ignore[index]


def restart(proxy: Proxy) -> None:
    proxy.process.stop()
    proxy.process.start()
    proxy.process.wait_until_ready()


def steps(proxy: Proxy, approval: str) -> list[str]:
    return [event["status"] for event in proxy.events("approval") if event["approval"] == approval]


def sent(proxy: Proxy, statement: str) -> Any:
    """What becomes of a statement of the agent, which waits for nothing: rows, or the error."""
    with proxy.connect(*BOT) as connection:
        try:
            return connection.execute(statement.encode()).rowcount
        except psycopg.Error as error:
            return error


def test_what_one_instance_decides_runs_at_the_other(fleet: Fleet, rows: Callable[[], int]) -> None:
    here, there = fleet.desks()
    with fleet.first.connect(*ANA) as ana:
        waiting = run(ana, "DELETE FROM shared WHERE id = 1")
        approval = there.waiting("id = 1")["id"]
        assert there.decide(approval)["approval"]["status"] == "approved"
        assert waiting.result == 1
        refused = run(ana, "DELETE FROM shared WHERE id = 2")
        other = there.waiting("id = 2")["id"]
        there.decide(other, "refuse")
        assert refused.error.sqlstate == "42501"
    assert rows() == 9
    assert here.capsule(approval) == there.capsule(approval)
    # Who asked records the question and the use, who decided the decision.
    until(lambda: steps(fleet.first, approval) == ["asked", "used"])
    until(lambda: steps(fleet.second, approval) == ["voted", "approved"])


def test_two_approvers_at_two_instances_make_one_decision(fleet: Fleet, rows: Callable[[], int]) -> None:
    desks = fleet.desks()
    for turn in range(5):
        with fleet.first.connect(*ANA) as ana:
            waiting = run(ana, f"DELETE FROM shared WHERE id = {turn + 1} AND word <> 'both'")
            approval = desks[0].waiting(f"id = {turn + 1} AND")["id"]
            answers = [
                Aside(partial(desk.decide, approval, said, who))
                for desk, said, who in zip(desks, ("approve", "refuse"), (LEA, LEO), strict=True)
            ]
            said = [answer.result for answer in answers]
            assert sorted("objection" in one for one in said) == [False, True]
            assert [one["objection"] for one in said if "objection" in one] == ["decided"]
            (status,) = {desk.status(approval) for desk in desks}
            before = rows()
            if status == "approved":
                assert waiting.result == 1
            else:
                assert waiting.error.sqlstate == "42501"
            assert rows() == before or status == "approved"


def test_uses_count_in_the_whole_fleet_and_over_restarts(fleet: Fleet, rows: Callable[[], int]) -> None:
    statement = "DELETE FROM shared WHERE id = 3 OR id = 33"
    here, there = fleet.desks()
    error = sent(fleet.first, statement)
    assert isinstance(error, psycopg.Error)
    approval = there.waiting("id = 33")["id"]
    restart(fleet.first)
    assert sent(fleet.first, statement).sqlstate == "42501"
    there.decide(approval)
    assert sent(fleet.second, statement) == 1
    assert sent(fleet.first, statement) == 0
    # Two uses were approved.
    for proxy in (fleet.first, fleet.second):
        assert sent(proxy, statement).sqlstate == "42501"
    assert rows() == 9
    assert here.status(approval) == "approved"


def test_what_waits_when_the_deciding_instance_restarts_is_decided_after_it(
    fleet: Fleet, rows: Callable[[], int]
) -> None:
    _, there = fleet.desks()
    with fleet.first.connect(*ANA) as ana:
        waiting = run(ana, "DELETE FROM shared WHERE id = 4")
        approval = there.waiting("id = 4")["id"]
        restart(fleet.second)
        assert there.status(approval) == "waiting"
        there.decide(approval)
        assert waiting.result == 1
    assert rows() == 9


def test_while_the_store_is_down_nothing_that_is_held_runs(fleet: Fleet, rows: Callable[[], int]) -> None:
    here, there = fleet.desks()
    both = (fleet.first, fleet.second)
    sent(fleet.first, "DELETE FROM shared WHERE id = 9")
    approved = here.waiting("id = 9")["id"]
    here.decide(approved)
    with fleet.first.connect(*ANA) as ana, fleet.second.connect(*ANA) as other:
        waiting = run(ana, "DELETE FROM shared WHERE id = 5")
        approval = there.waiting("id = 5")["id"]
        with fleet.down():
            with pytest.raises(psycopg.Error) as raised:
                other.execute("DELETE FROM shared WHERE id = 6")
            for refused in (raised.value, *(sent(proxy, "DELETE FROM shared WHERE id = 6") for proxy in both)):
                assert isinstance(refused, psycopg.Error)
                assert refused.sqlstate == "42501"
                assert "state store" in str(refused.diag.message_hint)
            # What was approved before cannot be used: nobody knows how often it was.
            assert sent(fleet.first, "DELETE FROM shared WHERE id = 9").sqlstate == "42501"
            for desk in (here, there):
                with pytest.raises(ConfigError, match="state store"):
                    desk.decide(approval)
            assert other.execute("SELECT count(*) FROM shared").fetchone() == (10,)
            assert not waiting.is_done
        # It is back: what waited can be decided, and what was approved be used.
        until(lambda: _answers(there, approval))
        there.decide(approval)
        assert waiting.result == 1
    assert sent(fleet.first, "DELETE FROM shared WHERE id = 9") == 1
    assert rows() == 8


def test_an_instance_that_is_killed_takes_what_waited_with_it(fleet: Fleet, rows: Callable[[], int]) -> None:
    """SIGKILL: nobody is asked for ever about what cannot run, and the other instance goes on as if nothing was."""
    here, there = fleet.desks()
    twice = "DELETE FROM shared WHERE id = 6 OR id = 66"
    sent(fleet.first, twice)
    there.decide(there.waiting("id = 66")["id"])
    assert sent(fleet.first, twice) == 1
    with fleet.second.connect(*ANA) as other:
        doomed = [fleet.first.connect(*PAT) for _ in range(3)]
        doomed[0].execute("BEGIN")
        doomed[0].execute("SELECT count(*) FROM shared")
        lost = [run(one, f"DELETE FROM shared WHERE id = {n} AND 8 = 8") for n, one in enumerate(doomed, 1)]
        asked = [there.waiting(f"id = {n} AND 8") for n in (1, 2, 3)]
        approvals = [one["id"] for one in asked]
        waiting = run(other, "DELETE FROM shared WHERE id = 9 AND 9 = 9")
        stays = there.waiting("9 = 9")["id"]
        until(lambda: all(steps(fleet.first, approval) == ["asked"] for approval in approvals))
        fleet.first.process.kill()
        # Somebody is quicker than anybody can notice. What was said is written down, and runs nothing.
        early = there.decide(approvals[0])
        assert early == {"objection": "decided"} or early["approval"]["status"] == "approved"
        assert all(one.error.sqlstate is None for one in lost)
        for approval in approvals[1:]:
            until(lambda approval=approval: there.status(approval) == "withdrawn")
            assert there.decide(approval) == {"objection": "decided"}
        assert rows() == 9
        # Who ended them, and why, is in the ledger of the one that found out; once each.
        for approval in approvals[1:]:
            ended = fleet.second.wait_for_event(lambda event, one=approval: event.get("approval") == one)
            assert (ended["status"], ended["by"]) == ("withdrawn", "govproxy")
            assert "has ended" in ended["reason"]
            assert steps(fleet.second, approval) == ["withdrawn"]
        assert there.status(stays) == "waiting"
        assert not waiting.is_done
        there.decide(stays)
        assert waiting.result == 1
    fleet.first.process.start()
    fleet.first.process.wait_until_ready()
    assert [here.status(one) for one in approvals] == [there.status(one) for one in approvals]
    for one in asked:
        assert steps(fleet.first, one["id"]) == ["asked"]
        [line] = [event for event in fleet.first.events("statement") if event["id"] == one["statement"]]
        assert line["decision"] == "hold"
    # The other use is still there, once.
    assert [getattr(sent(fleet.first, twice), "sqlstate", "ran") for _ in range(2)] == ["ran", "42501"]
    assert rows() == 8
    with fleet.first.connect(*PAT) as pat:
        again = run(pat, "DELETE FROM shared WHERE id = 2 AND 8 = 8")
        approval = there.waiting("id = 2 AND 8")["id"]
        assert approval not in approvals
        there.decide(approval)
        assert again.result == 1
    assert rows() == 7


def _answers(desk: Desk, approval: str) -> bool:
    try:
        return desk.status(approval) == "waiting"
    except ConfigError:
        return False
