"""Held statements on the wire: they wait, they are decided, and exactly what was approved runs."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from govproxy.control.admin import ask
from govproxy.demo.proxy import ProxyFailed
from govproxy.wire.errors import decode_detail
from tests.security.holding import ANA, BOT, BRITA, LEA, PAT, QUIRIN, Aside, Desk, policy, run
from tests.support.proxy import Databases, Proxy, start
from tests.support.raw_session import RawSession, bind, execute, message, parse, query
from tests.support.waiting import until

Connection = psycopg.Connection[Any]


@pytest.fixture(scope="module")
def proxy(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    with databases.direct() as direct:
        direct.execute("CREATE TABLE IF NOT EXISTS held (id int, word text)")
    running = start(databases, tmp_path_factory.mktemp("holds"), policy=policy(), workers=2)
    yield running
    running.stop()


@pytest.fixture
def desk(proxy: Proxy) -> Desk:
    return Desk(proxy)


@pytest.fixture
def rows(databases: Databases) -> Iterator[Callable[[], int]]:
    """Ten rows in a table; how many there are."""
    with databases.direct() as direct:
        direct.execute("CREATE TABLE IF NOT EXISTS held (id int, word text); TRUNCATE held")
        direct.execute("INSERT INTO held SELECT n, 'word ' || n FROM generate_series(1, 10) n")
        yield lambda: direct.execute("SELECT count(*) FROM held").fetchone()[0]  # type: ignore[index]


@pytest.fixture
def ana(proxy: Proxy) -> Iterator[Connection]:
    with proxy.connect(*ANA) as connection:
        yield connection


def steps(proxy: Proxy, approval: str) -> list[str]:
    return [event["status"] for event in proxy.events("approval") if event["approval"] == approval]


def outcome(proxy: Proxy, statement: str) -> dict[str, Any]:
    return proxy.wait_for_event(lambda event: event["event"] == "outcome" and event["id"] == statement)


def test_what_is_approved_runs_on_its_connection(
    proxy: Proxy, desk: Desk, ana: Connection, rows: Callable[[], int]
) -> None:
    notices: list[str] = []
    ana.add_notice_handler(lambda notice: notices.append(notice.message_primary or ""))
    done = run(ana, "DELETE FROM held WHERE id = 1")
    asked = desk.waiting("id = 1")
    until(lambda: any("still waiting" in notice for notice in notices))
    assert asked["id"] in notices[0]
    assert "deletes" in notices[0]
    assert rows() == 10
    assert desk.decide(asked["id"])["approval"]["status"] == "approved"
    assert done.result == 1
    assert rows() == 9
    assert outcome(proxy, asked["statement"])["status"] == "ok"
    assert steps(proxy, asked["id"]) == ["asked", "voted", "approved", "used"]
    lines = [event for event in proxy.events("statement") if event["id"] == asked["statement"]]
    assert [line["decision"] for line in lines] == ["hold"]


def test_what_is_refused_does_not_run_and_the_connection_goes_on(
    proxy: Proxy, desk: Desk, ana: Connection, rows: Callable[[], int]
) -> None:
    done = run(ana, "DELETE FROM held WHERE id = 2")
    asked = desk.waiting("id = 2")
    desk.decide(asked["id"], "refuse", reason="not on a Sunday")
    error = done.error
    assert error.sqlstate == "42501"
    assert "reason=not-approved" in str(error.diag.message_detail)
    assert "not on a Sunday" in str(error.diag.message_hint)
    assert outcome(proxy, asked["statement"])["status"] == "denied"
    assert steps(proxy, asked["id"]) == ["asked", "voted", "refused"]
    assert rows() == 10
    assert ana.execute("SELECT 1").fetchone() == (1,)


def test_nobody_answers(proxy: Proxy, desk: Desk, rows: Callable[[], int]) -> None:
    with proxy.connect(*QUIRIN) as connection:
        error = run(connection, "DELETE FROM held WHERE id = 3").error
        assert error.sqlstate == "57014"
        [asked] = desk.requests("id = 3")
        until(lambda: desk.status(asked["id"]) == "timed_out")
        assert desk.decide(asked["id"])["objection"] == "decided"
    assert outcome(proxy, asked["statement"])["status"] == "timed_out"
    assert rows() == 10


def test_asked_once_is_not_asked_for_ever(desk: Desk, ana: Connection, rows: Callable[[], int]) -> None:
    """A verdict that needs somebody is never kept as one that does not."""
    for _ in range(2):
        done = run(ana, "DELETE FROM held WHERE id = 4 OR id = 5")
        asked = desk.waiting("id = 4 OR id = 5")
        assert not done.is_done
        desk.decide(asked["id"])
        assert done.result in (2, 0)


def test_a_cancel_request_ends_it(proxy: Proxy, desk: Desk, ana: Connection, rows: Callable[[], int]) -> None:
    done = run(ana, "DELETE FROM held WHERE id = 6")
    asked = desk.waiting("id = 6")
    ana.cancel_safe()
    assert done.error.sqlstate == "57014"
    until(lambda: desk.status(asked["id"]) == "withdrawn")
    assert outcome(proxy, asked["statement"])["status"] == "cancelled"
    assert rows() == 10
    assert ana.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.parametrize("behind", [0, 2_000_000], ids=["alone", "much behind it"])
def test_a_client_that_goes_is_noticed(proxy: Proxy, desk: Desk, rows: Callable[[], int], behind: int) -> None:
    session = RawSession(proxy.port, ANA[0], proxy.token(*ANA), "app")
    session.socket.sendall(query(f"DELETE FROM held WHERE id = 7 AND {behind} = {behind}"))
    asked = desk.waiting(f"{behind} = {behind}")
    if behind:
        session.socket.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            session.socket.send(query("SELECT 1") * (behind // 20))
    session.socket.close()
    until(lambda: desk.status(asked["id"]) == "withdrawn")
    assert outcome(proxy, asked["statement"])["status"] == "withdrawn"
    assert rows() == 10


@pytest.mark.parametrize("together", [True, False])
def test_terminate_ends_it_though_the_socket_stays(
    proxy: Proxy, desk: Desk, rows: Callable[[], int], together: bool
) -> None:
    session = RawSession(proxy.port, ANA[0], proxy.token(*ANA), "app")
    held = query(f"DELETE FROM held WHERE id = 8 AND {together}")
    session.socket.sendall(held + message(b"X") if together else held)
    if not together:
        desk.waiting("id = 8 AND false")
        session.socket.sendall(message(b"X"))
    [asked] = until(lambda: desk.requests(f"id = 8 AND {str(together).lower()}", "withdrawn"))
    assert outcome(proxy, asked["statement"])["status"] == "withdrawn"
    assert rows() == 10
    session.socket.close()


def test_the_clients_own_timeout_counts(proxy: Proxy, desk: Desk, ana: Connection, rows: Callable[[], int]) -> None:
    ana.execute("SET statement_timeout = '300ms'")
    error = run(ana, "DELETE FROM held WHERE id = 9 AND 'short' = 'short'").error
    assert error.sqlstate == "57014"
    assert "statement timeout" in str(error)
    [asked] = until(lambda: desk.requests("short", "withdrawn"))
    assert outcome(proxy, asked["statement"])["status"] == "timed_out"
    ana.execute("RESET statement_timeout")
    done = run(ana, "DELETE FROM held WHERE id = 9 AND 'long' = 'long'")
    desk.decide(desk.waiting("'long'")["id"])
    assert done.result == 1


def test_in_a_transaction_the_time_is_short(ana: Connection, rows: Callable[[], int]) -> None:
    ana.autocommit = False
    ana.execute("SELECT 1")
    error = run(ana, "DELETE FROM held WHERE id = 9").error
    assert error.sqlstate == "57014"
    assert "transaction" in str(error)
    with pytest.raises(psycopg.errors.InFailedSqlTransaction):
        ana.execute("SELECT 1")
    failed = run(ana, "DELETE FROM held WHERE id = 10").error
    assert failed.sqlstate in ("42501", "25P02")
    ana.rollback()
    assert rows() == 10


def test_in_a_transaction_what_is_approved_runs(proxy: Proxy, desk: Desk, rows: Callable[[], int]) -> None:
    with proxy.connect(*PAT) as connection:
        connection.autocommit = False
        connection.execute("SELECT 1")
        done = run(connection, "DELETE FROM held WHERE id = 9 RETURNING id")
        desk.decide(desk.waiting("RETURNING")["id"])
        assert done.result == 1
        connection.commit()
    assert rows() == 9


@pytest.mark.parametrize("binary", [False, True])
def test_parameters_are_part_of_what_is_approved(
    proxy: Proxy, desk: Desk, ana: Connection, rows: Callable[[], int], binary: bool
) -> None:
    word = f"binary {binary}"
    statement = f"DELETE FROM held WHERE id = %s AND '{word}' = '{word}'"
    done = run(ana, statement, (1,), binary=binary)
    asked = desk.waiting(word)
    assert len(asked["subject"]["parameters"]) == 64
    desk.decide(asked["id"])
    assert done.result == 1
    assert rows() == 9


def test_a_pipeline_keeps_its_order(proxy: Proxy, desk: Desk, rows: Callable[[], int]) -> None:
    def play() -> list[Any]:
        with proxy.connect(*PAT) as connection, connection.pipeline():
            first = connection.execute("SELECT count(*) FROM held")
            second = connection.execute("DELETE FROM held WHERE id = %s AND 'piped' = 'piped'", (2,))
            third = connection.execute("SELECT count(*) FROM held")
            return [first.fetchone(), second.rowcount, third.fetchone()]

    done = Aside(play)
    asked = desk.waiting("piped")
    # Something ran before it in the same transaction, so there is less time.
    assert asked["deadline"] - asked["asked"] == 60
    desk.decide(asked["id"])
    assert done.result == [(10,), 1, (9,)]


def test_what_failed_before_it_in_a_pipeline_spares_the_question(
    proxy: Proxy, desk: Desk, rows: Callable[[], int]
) -> None:
    session = RawSession(proxy.port, ANA[0], proxy.token(*ANA), "app")
    answer = session.ask(
        parse("SELECT 1/0")
        + bind()
        + execute()
        + parse("DELETE FROM held WHERE id = 3 AND 'spared' = 'spared'")
        + bind()
        + execute()
        + message(b"S")
    )
    assert [error["C"] for error in answer.errors] == ["22012"]
    assert desk.requests("spared") == []
    session.socket.close()


def test_another_policy_makes_it_be_asked_again(
    proxy: Proxy, desk: Desk, ana: Connection, rows: Callable[[], int]
) -> None:
    done = run(ana, "DELETE FROM held WHERE id = 4")
    old = desk.waiting("id = 4")
    (proxy.folder / "policy.yaml").write_text(policy("two"))
    until(lambda: desk.status(old["id"]) == "withdrawn")
    new = desk.waiting("id = 4")
    assert new["subject"]["policy_version"] != old["subject"]["policy_version"]
    assert desk.decide(old["id"])["objection"] == "decided"
    assert rows() == 10
    desk.decide(new["id"])
    assert done.result == 1
    assert outcome(proxy, old["statement"])["status"] == "withdrawn"
    assert outcome(proxy, new["statement"])["status"] == "ok"


def test_a_table_made_anew_makes_it_be_asked_again(
    proxy: Proxy, databases: Databases, desk: Desk, ana: Connection
) -> None:
    with databases.direct() as direct:
        direct.execute("DROP TABLE IF EXISTS remade; CREATE TABLE remade (id int); INSERT INTO remade VALUES (1)")
        until(lambda: _known(proxy, "remade"))
        done = run(ana, "DELETE FROM remade WHERE id = 1")
        old = desk.waiting("remade")
        direct.execute("DROP TABLE remade; CREATE TABLE remade (id int); INSERT INTO remade VALUES (1)")
        until(lambda: desk.status(old["id"]) == "withdrawn")
        new = desk.waiting("remade")
        assert new["subject"]["objects"] != old["subject"]["objects"]
        desk.decide(new["id"])
        assert done.result == 1


def _known(proxy: Proxy, table: str) -> bool:
    with proxy.connect(*ANA) as connection:
        return bool(connection.execute("SELECT to_regclass(%s) IS NOT NULL", (table,)).fetchone())


# ---------------------------------------------------------------------- who does not wait


def come_back(proxy: Proxy, statement: str, parameters: Any = None, who: tuple[Any, ...] = BOT) -> psycopg.Error | int:
    with proxy.connect(*who) as connection:
        try:
            return connection.execute(statement, parameters).rowcount
        except psycopg.Error as error:
            return error


def needs(result: psycopg.Error | int) -> str:
    """The approval that a refusal names."""
    assert isinstance(result, psycopg.Error)
    assert result.sqlstate == "42501"
    detail = str(result.diag.message_detail)
    assert "reason=needs-approval" in detail or "because=needs-approval" in detail  # said often
    return detail.partition("approval=")[2].split()[0]


def test_an_agent_comes_back_with_the_same_statement(proxy: Proxy, desk: Desk, rows: Callable[[], int]) -> None:
    first = needs(come_back(proxy, "DELETE FROM held WHERE id = 1"))
    assert needs(come_back(proxy, "DELETE FROM held WHERE id = 1")) == first
    assert desk.decide(first)["approval"]["status"] == "approved"
    # Another meaning, another value, somebody else: not what was approved.
    assert needs(come_back(proxy, "DELETE FROM held WHERE id = 2")) != first
    assert needs(come_back(proxy, "DELETE FROM held WHERE id = 1 OR id = 2")) != first
    assert needs(come_back(proxy, "DELETE FROM held WHERE id = 1", who=("ana@shop.example", (), "x-bot")))
    assert (
        needs(come_back(proxy, "DELETE FROM held WHERE id = 1", who=("otto@shop.example", (), "report-bot"))) != first
    )
    assert rows() == 10
    # White space and comments are not meaning. Two uses, no more.
    assert come_back(proxy, "delete  from held /* really */ where id = 1") == 1
    assert come_back(proxy, "DELETE FROM held WHERE id = 1") == 0
    assert needs(come_back(proxy, "DELETE FROM held WHERE id = 1")) != first
    assert steps(proxy, first) == ["asked", "voted", "approved", "used", "used"]


def test_who_asks_too_often_reads_what_would_let_it_pass(proxy: Proxy, desk: Desk) -> None:
    impatient = ("ana@shop.example", (), "impatient")
    statement = "DELETE FROM held WHERE id = 77"
    said = [come_back(proxy, statement, who=impatient) for _ in range(6)]
    assert len({needs(one) for one in said}) == 1
    last = said[-1]
    assert isinstance(last, psycopg.Error)
    detail = decode_detail(str(last.diag.message_detail))
    assert (detail["reason"], detail["stopped_by"]) == ("repeated", "loop-breaker")
    assert (detail["because"], detail["passes"], detail["retry"]) == ("needs-approval", "after-approval", "later")
    assert detail["approvers"]
    assert "loop breaker" in str(last.diag.message_primary)
    assert str(last.diag.message_hint).startswith("Wait: the same passes once")
    desk.decide(detail["approval"])
    assert come_back(proxy, statement, who=impatient) == 0


def test_a_changed_parameter_is_another_statement(proxy: Proxy, desk: Desk, rows: Callable[[], int]) -> None:
    statement = "DELETE FROM held WHERE id = %s AND 'bound' = 'bound'"
    first = needs(come_back(proxy, statement, (3,)))
    desk.decide(first)
    assert needs(come_back(proxy, statement, (4,))) != first
    assert rows() == 10
    assert come_back(proxy, statement, (3,)) == 1


def test_an_approval_runs_out(proxy: Proxy, desk: Desk, rows: Callable[[], int]) -> None:
    first = needs(come_back(proxy, "DELETE FROM held WHERE id = 5", who=BRITA))
    decided = desk.decide(first)
    assert decided["approval"]["status"] == "approved"
    until(lambda: time.time() > decided["approval"]["votes"][-1]["time"] + 1)
    assert needs(come_back(proxy, "DELETE FROM held WHERE id = 5", who=BRITA)) != first
    assert rows() == 10


def test_a_table_made_anew_is_another_one(proxy: Proxy, databases: Databases, desk: Desk) -> None:
    with databases.direct() as direct:
        direct.execute("DROP TABLE IF EXISTS reborn; CREATE TABLE reborn (id int); INSERT INTO reborn VALUES (1)")
        first = needs(come_back(proxy, "DELETE FROM reborn WHERE id = 1"))
        desk.decide(first)
        oid = direct.execute("SELECT 'reborn'::regclass::oid").fetchone()
        direct.execute("DROP TABLE reborn; CREATE TABLE reborn (id int); INSERT INTO reborn VALUES (1)")

        def seen() -> bool:
            return needs(
                come_back(proxy, f"DELETE FROM reborn WHERE id = {time.monotonic_ns() % 1_000_000}")
            ) != "" and (
                desk.requests("reborn")[0]["subject"]["objects"][0]["oid"] != oid[0]  # type: ignore[index]
            )

        until(seen)
        assert needs(come_back(proxy, "DELETE FROM reborn WHERE id = 1")) != first
        assert direct.execute("SELECT count(*) FROM reborn").fetchone() == (1,)


# ---------------------------------------------------------------------- who must not decide


@pytest.mark.parametrize(
    ("who", "why"),
    [
        (ANA, "own_request"),
        (("ANA@shop.example", ("leads",)), "own_request"),
        (("lea@shop.example", ("leads",), "lea-bot"), "agent"),
        (("otto@shop.example", ("engineering",)), "not_an_approver"),
    ],
)
def test_who_may_not_decide(
    desk: Desk, ana: Connection, rows: Callable[[], int], who: tuple[Any, ...], why: str
) -> None:
    done = run(ana, f"DELETE FROM held WHERE word = '{why} {who[0]}'")
    asked = desk.waiting(f"{why} {who[0]}")
    assert desk.decide(asked["id"], who=who) == {"objection": why}
    assert desk.decide(asked["id"], reason="  ") == {"objection": "no_reason"}
    assert not done.is_done
    desk.decide(asked["id"], "refuse")
    assert done.error.sqlstate == "42501"


def test_an_agents_human_does_not_decide_for_it(proxy: Proxy, desk: Desk, rows: Callable[[], int]) -> None:
    first = needs(come_back(proxy, "DELETE FROM held WHERE id = 6"))
    assert desk.decide(first, who=("ana@shop.example", ("leads",))) == {"objection": "own_agent"}


def test_a_token_that_does_not_hold_decides_nothing(proxy: Proxy, desk: Desk, rows: Callable[[], int]) -> None:
    from govproxy.errors import ConfigError
    from govproxy.identity.keys import generate_signing_key

    first = needs(come_back(proxy, "DELETE FROM held WHERE id = 7"))
    for token in (
        proxy.token(*LEA, key=generate_signing_key()),
        proxy.token(*LEA, now=time.time() - 7_200),
        proxy.token(*LEA, audience="elsewhere"),
        "",
    ):
        with pytest.raises(ConfigError):
            desk.decide(first, token=token)
    assert desk.status(first) == "waiting"


# ---------------------------------------------------------------------- who writes into the store


@pytest.mark.parametrize("attack", ["content", "signature", "other key", "other statement", "status", "requester"])
def test_a_decision_that_is_not_signed_lets_nothing_run(
    proxy: Proxy, desk: Desk, rows: Callable[[], int], attack: str
) -> None:
    """Whoever can write into the state store still cannot approve."""
    from govproxy.approvals.capsule import CONTEXT
    from govproxy.audit.keys import SigningKey

    statement = f"DELETE FROM held WHERE word = '{attack}'"
    target = needs(come_back(proxy, statement))
    other = needs(come_back(proxy, f"DELETE FROM held WHERE id = 8 AND word <> '{attack}'"))
    mine = needs(come_back(proxy, statement, who=("otto@shop.example", (), "report-bot")))
    source = mine if attack == "requester" else other
    desk.decide(source, "refuse" if attack == "status" else "approve")
    with desk.store() as store:
        [content, signature, key_id] = store.execute(
            "SELECT content, signature, key_id FROM govproxy_capsules WHERE hold_id = ?", (source,)
        ).fetchone()
        if attack == "content":
            [real] = store.execute("SELECT content FROM govproxy_holds WHERE id = ?", (target,)).fetchone()
            digest = real.partition('"digest":"')[2][:64]
            content = content.replace(content.partition('"digest":"')[2][:64], digest)
        elif attack == "signature":
            signature = "00" * 64
        elif attack == "other key":
            forger = SigningKey.generate()
            content = content.replace(key_id, forger.key_id)
            signature, key_id = forger.sign(CONTEXT + content.encode()).hex(), forger.key_id
        elif attack == "status":
            content = content.replace('"status":"refused"', '"status":"approved"')
        store.execute(
            "INSERT INTO govproxy_capsules (hold_id, content, signature, key_id, uses, used, expires)"
            " VALUES (?, ?, ?, ?, 99, 0, 9e12)",
            (target, content, signature, key_id),
        )
        store.execute("UPDATE govproxy_holds SET status = 'approved', decided = 1 WHERE id = ?", (target,))
    error = come_back(proxy, statement)
    assert isinstance(error, psycopg.Error)
    assert error.sqlstate == "42501"
    assert "not valid" in str(error)
    assert rows() == 10


def test_without_a_store_nothing_that_is_held_runs(databases: Databases, start_proxy: Callable[..., Proxy]) -> None:
    proxy = start_proxy(policy=policy())
    with databases.direct() as direct:
        direct.execute("CREATE TABLE IF NOT EXISTS held (id int, word text)")
    with Desk(proxy).store() as store:
        store.execute("ALTER TABLE govproxy_holds RENAME TO gone")
    for who in (ANA, BOT):
        error = come_back(proxy, "DELETE FROM held WHERE id = 1", who=who)
        assert isinstance(error, psycopg.Error)
        assert error.sqlstate == "42501"
        assert "state store" in str(error.diag.message_hint)
    assert come_back(proxy, "SELECT 1", who=ANA) == 1


# ---------------------------------------------------------------------- ends


def test_a_killed_session_withdraws(proxy: Proxy, desk: Desk, rows: Callable[[], int]) -> None:
    with proxy.connect(*ANA) as connection:
        done = run(connection, "DELETE FROM held WHERE id = 9 AND 'kill' = 'kill'")
        asked = desk.waiting("kill")
        assert ask(desk.settings, {"command": "kill", "session": asked["session"]}) == {"killed": True}
        assert done.error.sqlstate in ("57P01", "57014")
    until(lambda: desk.status(asked["id"]) == "withdrawn")
    assert rows() == 10


def test_the_backend_dies(proxy: Proxy, databases: Databases, desk: Desk, rows: Callable[[], int]) -> None:
    with proxy.connect(*ANA) as connection, databases.direct() as direct:
        pid = connection.execute("SELECT pg_backend_pid()").fetchone()
        done = run(connection, "DELETE FROM held WHERE id = 9 AND 'death' = 'death'")
        asked = desk.waiting("death")
        direct.execute("SELECT pg_terminate_backend(%s)", pid)
        assert done.error is not None
    until(lambda: desk.status(asked["id"]) == "withdrawn")
    assert rows() == 10


def test_a_shutdown_withdraws_and_says_so(databases: Databases, start_proxy: Callable[..., Proxy]) -> None:
    proxy = start_proxy(policy=policy())
    desk = Desk(proxy)
    with databases.direct() as direct:
        direct.execute("CREATE TABLE IF NOT EXISTS held (id int, word text)")
    with proxy.connect(*ANA) as connection:
        done = run(connection, "DELETE FROM held WHERE id = 1")
        asked = desk.waiting("id = 1")
        stopped = Aside(proxy.stop)
        assert done.error.sqlstate == "57P01"
        stopped.result  # noqa: B018 - raises what went wrong
    with desk.store() as store:
        assert store.execute("SELECT status FROM govproxy_holds WHERE id = ?", (asked["id"],)).fetchone() == (
            "withdrawn",
        )
    assert steps(proxy, asked["id"]) == ["asked", "withdrawn"]


def test_a_worker_that_dies_leaves_nothing_waiting(databases: Databases, start_proxy: Callable[..., Proxy]) -> None:
    proxy = start_proxy(policy=policy())
    desk = Desk(proxy)
    with databases.direct() as direct:
        direct.execute("CREATE TABLE IF NOT EXISTS held (id int, word text)")
    connection = proxy.connect(*ANA)
    done = run(connection, "DELETE FROM held WHERE id = 1")
    asked = desk.waiting("id = 1")
    [worker] = proxy.workers
    os.kill(worker, signal.SIGKILL)
    until(lambda: desk.status(asked["id"]) == "withdrawn")
    until(lambda: steps(proxy, asked["id"]) == ["asked", "withdrawn"])
    assert done.error is not None
    connection.close()
    with pytest.raises(ProxyFailed, match="a worker of govproxy crashed"):
        proxy.stop()


def test_a_control_process_that_is_killed_leaves_nothing_open(
    start_proxy: Callable[..., Proxy], rows: Callable[[], int]
) -> None:
    """Its workers notice, and go. What was approved before is kept; what waited is withdrawn by the next start."""
    proxy = start_proxy(policy=policy(), workers=2)
    desk = Desk(proxy)
    twice = "DELETE FROM held WHERE id = 5 OR id = 55"

    def come_back() -> Any:
        with proxy.connect(*BOT) as bot:
            try:
                return bot.execute(twice.encode()).rowcount
            except psycopg.Error as error:
                return error.sqlstate

    assert come_back() == "42501"
    desk.decide(desk.waiting("id = 55")["id"])
    assert come_back() == 1
    with proxy.connect(*ANA) as first, proxy.connect(*PAT) as second:
        second.execute("BEGIN")
        second.execute("SELECT count(*) FROM held")
        lost = [run(one, f"DELETE FROM held WHERE id = {n} AND 8 = 8") for n, one in enumerate((first, second), 1)]
        approvals = [desk.waiting(f"id = {n} AND 8")["id"] for n in (1, 2)]
        until(lambda: all(steps(proxy, approval) == ["asked"] for approval in approvals))
        workers = proxy.workers
        proxy.process.kill(alone=True)
        assert {one.error.sqlstate for one in lost} <= {None, "57P01"}
    until(lambda: not any(Path(f"/proc/{worker}/exe").exists() for worker in workers))
    assert rows() == 9
    proxy.process.start()
    proxy.process.wait_until_ready()
    for approval in approvals:
        until(lambda approval=approval: desk.status(approval) == "withdrawn")
        assert desk.decide(approval) == {"objection": "decided"}
        ended = proxy.wait_for_event(
            lambda event, approval=approval: (event.get("approval"), event.get("status")) == (approval, "withdrawn")
        )
        assert ended["by"] == "govproxy"
        assert steps(proxy, approval) == ["asked", "withdrawn"]
    assert [come_back() for _ in range(2)] == [0, "42501"]
    assert rows() == 9
