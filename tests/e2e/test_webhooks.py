"""Who is told of held statements: signed, retried, and nobody waits for anybody."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from govproxy.approvals.values import Answer
from govproxy.config.settings import HookFormat
from govproxy.console import messages
from govproxy.console.signing import DELIVERY
from govproxy.console.webhooks import Pace
from govproxy.control.approvals import Approvals
from govproxy.control.state import outbox
from govproxy.control.state.once import take, taker
from govproxy.control.state.outbox import Letter
from govproxy.demo.postgres import free_port
from tests.support.console import PACE, Console, running
from tests.support.receiver import Receiver, receiving
from tests.support.waiting import DEADLINE_S, until
from tests.unit.approvals.building import BOT, LEA, LEO, person, standing, vote

SECRET, FORMER = "s" * 32, "f" * 32
LITERAL = "4111 1111 1111 1111"
SQL = f"DELETE FROM payments WHERE card = '{LITERAL}' AND amount > 98765432101"

CONFIG = """\
approvals:
  link_base: https://gate.example
  webhooks:
    - name: good
      url: "{good}/hook?key=sesame"
      secret: {{file: secret}}
      former_secret: {{file: former}}
      events: [asked, voted, approved, refused]
    - {{name: second, url: "{second}/hook", secret: {{file: secret}}}}
    - {{name: chat, url: "{chat}/services/T/B/sesame", format: slack, buttons: true, events: [asked, approved]}}
    - {{name: down, url: "http://127.0.0.1:{down}/sesame", secret: {{file: secret}}, events: [asked]}}
"""
# Of those that are to be given up soon; whoever answers at all gets the time that a busy machine takes.
HASTY = replace(PACE, attempt_timeout_s=0.3, keep_s=1.0)


@dataclass(slots=True, kw_only=True)
class World:
    console: Console
    good: Receiver
    second: Receiver
    chat: Receiver


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("webhooks")
    (folder / "secret").write_text(SECRET)
    (folder / "former").write_text(FORMER)
    with ExitStack() as stack:
        good, second, chat = (stack.enter_context(receiving()) for _ in range(3))
        extra = CONFIG.format(good=good.at, second=second.at, chat=chat.at, down=free_port())
        console = stack.enter_context(running(folder, extra))
        world = World(console=console, good=good, second=second, chat=chat)
        pace_of(world, "down", HASTY)
        yield world


@pytest.fixture(autouse=True)
def _all_well(world: World) -> None:
    for receiver in (world.good, world.second, world.chat):
        receiver.answers[:] = [204]
        receiver.location = ""
        receiver.hang.clear()


def pace_of(world: World, name: str, pace: Pace) -> None:
    """Deliver to this one at another pace from now on."""
    (channel,) = [one for one in world.console.webhooks._channels if one.hook.name == name]
    channel.pace = pace


number = iter(range(1_000_000))


def fresh() -> str:
    return f"w-{next(number)}"


def figures(world: World, name: str) -> dict[str, Any]:
    said = world.console.get("/api/webhooks", world.console.token("lea@x")).json["webhooks"]
    (found,) = [row for row in said if row["name"] == name]
    return dict(found)


def signature(secret: str, timestamp: str, body: bytes) -> str:
    return "v1=" + hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


# ------------------------------------------------------------------ what is told


def test_a_request_is_told_and_signed_under_both_secrets(world: World) -> None:
    hold_id = fresh()
    world.console.ask(id=hold_id, requester=BOT, sql=SQL)
    told = world.good.wait_for("asked", hold_id)
    assert told.path == "/hook?key=sesame"
    assert told.headers["Govproxy-Event"] == "asked"
    assert abs(int(told.headers["Govproxy-Timestamp"]) - time.time()) < 60
    given = told.headers["Govproxy-Signature"].split(",")
    assert given == [signature(secret, told.headers["Govproxy-Timestamp"], told.body) for secret in (SECRET, FORMER)]
    message = told.json
    assert (message["event"], message["id"]) == ("asked", f"{hold_id}:asked:0")
    assert message["link"] == f"https://gate.example/approvals/{hold_id}"
    assert message["approval"]["requester"] == {"user": "ana@x", "agent": "report-bot"}
    assert message["approval"]["sql"] == "DELETE FROM payments WHERE card = ? AND amount > ?"
    assert message["approval"]["tables"] == ["public.orders"]


def test_decisions_are_told_without_their_reasons(world: World) -> None:
    hold_id = fresh()
    console = world.console
    console.ask(id=hold_id, sql=SQL, quorum=2)
    console.run(console.approvals.answer(hold_id, LEA, Answer.APPROVE, f"the row of {LITERAL}"))
    console.run(console.approvals.answer(hold_id, LEO, Answer.APPROVE, "sesame street"))
    assert world.good.wait_for("voted", hold_id).json["approval"]["status"] == "waiting"
    done = world.good.wait_for("approved", hold_id).json["approval"]
    assert [(said["by"], said["answer"]) for said in done["answers"]] == [
        ("user lea@x", "approve"),
        ("user leo@x", "approve"),
    ]
    # In their order, and to each webhook what it asked for.
    about = [d.headers["Govproxy-Event"] for d in world.good.deliveries if hold_id in d.headers["Govproxy-Delivery"]]
    assert about == ["asked", "voted", "approved"]
    world.second.wait_for("approved", hold_id)
    second = [d.headers["Govproxy-Event"] for d in world.second.deliveries if hold_id in d.headers["Govproxy-Delivery"]]
    assert second == ["asked", "approved"]


def test_no_message_holds_data(world: World) -> None:
    hold_id = fresh()
    console = world.console
    odd = (f"“{LITERAL}” mixes letters",)
    console.ask(id=hold_id, sql=SQL + " -- the card " + LITERAL, oddities=odd)
    console.run(console.approvals.answer(hold_id, LEA, Answer.APPROVE, LITERAL))
    for receiver in (world.good, world.second, world.chat):
        receiver.wait_for("approved", hold_id)
        for delivery in receiver.deliveries:
            assert LITERAL.encode() not in delivery.body
            assert b"98765432101" not in delivery.body
            assert b"sesame" not in delivery.body


def test_a_message_for_slack(world: World) -> None:
    hold_id = fresh()
    world.console.ask(id=hold_id, sql=SQL, requester=person("<!channel> *max*"))
    told = world.chat.wait_for("asked", hold_id)
    assert "Govproxy-Signature" not in told.headers
    message = told.json
    assert "<" not in message["text"]
    # Whatever somebody chose is text, nowhere markup.
    texts = [element["type"] for block in message["blocks"] for element in walk(block) if "text" in element]
    assert "mrkdwn" not in str(message["blocks"])
    assert set(texts) <= {"section", "plain_text", "text", "button"}
    (link,) = [e for b in message["blocks"] for e in walk(b) if e.get("url")]
    assert link["url"] == f"https://gate.example/approvals/{hold_id}"
    buttons = {e["action_id"]: e["value"] for b in message["blocks"] for e in walk(b) if e.get("type") == "button"}
    assert buttons[messages.APPROVE_ACTION] == buttons[messages.REFUSE_ACTION] == hold_id
    world.console.run(world.console.approvals.answer(hold_id, LEO, Answer.REFUSE, "no"))
    done = messages.slack(
        replace(standing(), votes=(vote(LEO),)), link="https://gate.example/approvals/x", buttons=False
    )
    assert "govproxy_approve" not in str(done)


def walk(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from walk(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from walk(inner)


def test_statements_that_cannot_be_read_are_withheld() -> None:
    unreadable = replace(standing(), hold=standing(sql="SELECT 'hunter2").hold)
    assert "hunter2" not in str(messages.generic(unreadable, link=None, now=1.0))
    assert "hunter2" not in str(messages.slack(unreadable, link=None, buttons=True))


# ------------------------------------------------------------------ receivers that are not well


def test_one_that_is_down_is_tried_and_given_up(world: World) -> None:
    before = figures(world, "down")["failed"]
    hold_id = fresh()
    world.console.ask(id=hold_id)
    world.good.wait_for("asked", hold_id)
    until(lambda: figures(world, "down")["failed"] > before)
    assert figures(world, "down")["last_error"] == "ConnectError"
    until(lambda: figures(world, "good")["waiting"] == 0)


def test_one_that_recovers_gets_it(world: World) -> None:
    hold_id = fresh()
    world.good.answers[:] = [503, 429, 204]
    world.console.ask(id=hold_id)
    tries = world.good.wait(lambda all: sum(hold_id in d.headers["Govproxy-Delivery"] for d in all) == 3)
    ours = [d for d in tries if hold_id in d.headers["Govproxy-Delivery"]]
    assert len({d.headers["Govproxy-Delivery"] for d in ours}) == 1
    for delivery in ours:
        given = delivery.headers["Govproxy-Signature"].split(",")[0]
        assert given == signature(SECRET, delivery.headers["Govproxy-Timestamp"], delivery.body)
    until(lambda: figures(world, "good")["waiting"] == 0)


@pytest.mark.parametrize("status", [301, 302, 307, 308, 400, 401, 404, 410])
def test_what_it_will_never_take_is_sent_once(world: World, status: int) -> None:
    """Redirections among them: only the configured address is ever asked."""
    before = figures(world, "good")["failed"]
    seen = len(world.chat.deliveries)
    hold_id = fresh()
    world.good.answers[:] = [status]
    world.good.location = world.second.at + "/elsewhere"
    world.console.ask(id=hold_id)
    until(lambda: figures(world, "good")["failed"] == before + 1)
    assert sum(hold_id in d.headers["Govproxy-Delivery"] for d in world.good.deliveries) == 1
    assert not [d for d in world.second.deliveries if d.path == "/elsewhere"]
    assert figures(world, "good")["last_error"] == f"it answered {status}"
    assert len(world.chat.deliveries) >= seen


@pytest.fixture
def good_in_haste(world: World) -> Iterator[None]:
    pace_of(world, "good", HASTY)
    yield
    pace_of(world, "good", PACE)


@pytest.mark.usefixtures("good_in_haste")
def test_a_slow_one_delays_neither_the_others_nor_the_hold(world: World) -> None:
    world.good.hang.set()
    ids = [fresh() for _ in range(5)]
    for hold_id in ids:
        world.console.ask(id=hold_id)  # returns although nobody has been told
    for hold_id in ids:
        world.second.wait_for("asked", hold_id)
        world.chat.wait_for("asked", hold_id)
    # All of them could be decided while the slow one still had the first.
    assert figures(world, "good")["waiting"] >= 1
    before = figures(world, "good")["failed"]
    until(lambda: figures(world, "good")["failed"] > before)
    assert figures(world, "good")["last_error"] == "no answer in time"
    world.good.hang.clear()
    until(lambda: figures(world, "good")["waiting"] == 0)


def test_the_queue_is_bounded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("govproxy.control.state.outbox.MAX_WAITING", 3)
    before = figures(world, "good")["dropped"]
    world.good.hang.set()
    for _ in range(8):
        world.console.ask(id=fresh())
    assert figures(world, "good")["dropped"] - before >= 3
    assert figures(world, "good")["waiting"] <= 4
    world.good.hang.clear()
    until(lambda: figures(world, "good")["waiting"] == 0)


def test_nobody_is_asked_about_what_is_over(world: World) -> None:
    before = figures(world, "good")["dropped"]
    now = time.time()
    world.console.ask(id=fresh(), asked=now - 60, deadline=now - 1)
    until(lambda: figures(world, "good")["dropped"] > before)


def test_addresses_are_in_no_log_and_no_answer(world: World, capfd: pytest.CaptureFixture[str]) -> None:
    hold_id = fresh()
    world.console.ask(id=hold_id)
    world.good.wait_for("asked", hold_id)
    before = figures(world, "down")["failed"]
    until(lambda: figures(world, "down")["waiting"] == 0 or figures(world, "down")["failed"] > before)
    written = capfd.readouterr()
    assert "sesame" not in written.out + written.err
    said = world.console.get("/api/webhooks", world.console.token("lea@x"))
    assert b"sesame" not in said.body
    assert b"sesame" not in world.console.get("/metrics").body


def test_metrics(world: World) -> None:
    until(lambda: figures(world, "second")["waiting"] == 0)
    page = world.console.get("/metrics").body.decode()
    delivered = figures(world, "second")["delivered"]
    assert f'govproxy_webhook_messages_total{{result="delivered",webhook="second"}} {float(delivered)}' in page
    assert 'govproxy_webhook_messages_waiting{webhook="down"}' in page


# ------------------------------------------------------------------ restarts


PATIENT = Pace(
    attempts=1,
    first_pause_s=0.01,
    longest_pause_s=0.01,
    attempt_timeout_s=DEADLINE_S,
    first_rest_s=0.02,
    longest_rest_s=0.05,
    keep_s=600.0,
)


def test_what_was_not_delivered_is_after_a_restart_in_order(tmp_path: Path) -> None:
    """A receiver that is down for longer than an instance lives gets everything, of each request in its order."""
    (tmp_path / "secret").write_text(SECRET)
    with receiving() as receiver:
        receiver.answers[:] = [503]
        events = "events: [asked, voted, approved]"
        hook = f'{{name: ops, url: "{receiver.at}/x?key=sesame", secret: {{file: secret}}, {events}}}'
        extra = f"approvals: {{webhooks: [{hook}]}}\n"
        ids = [fresh() for _ in range(3)]
        with running(tmp_path, extra, pace=PATIENT) as console:
            for hold_id in ids:
                console.ask(id=hold_id, quorum=2)
            console.run(console.approvals.answer(ids[0], LEA, Answer.APPROVE, "yes"))
            receiver.wait(lambda all: len(all) >= 4)
            waiting = console.get("/api/webhooks", console.token("lea@x")).json["webhooks"][0]["waiting"]
            assert waiting == 4
        seen = len(receiver.deliveries)
        # What is kept says neither where it goes nor what it is signed with.
        kept = b"".join(file.read_bytes() for file in tmp_path.glob("state.db*"))
        assert b":voted:1" in kept
        for secret in (b"sesame", SECRET.encode(), str(receiver.server.server_port).encode() + b"/x"):
            assert secret not in kept
        receiver.answers[:] = [204]
        with running(tmp_path, extra, pace=PATIENT) as console:
            console.run(console.approvals.answer(ids[0], LEO, Answer.APPROVE, "yes"))
            receiver.wait_for("approved", ids[0])
            for hold_id in ids[1:]:
                receiver.wait(lambda all, wanted=hold_id: any(wanted in d.headers[DELIVERY] for d in all[seen:]))
            until(lambda: console.get("/api/webhooks", console.token("lea@x")).json["webhooks"][0]["waiting"] == 0)
        told = [d.headers[DELIVERY] for d in receiver.deliveries[seen:]]
        assert sorted(told) == sorted({*told})
        assert [one for one in told if one.startswith(f"{ids[0]}:")] == [
            f"{ids[0]}:asked:0",
            f"{ids[0]}:voted:1",
            f"{ids[0]}:approved:2",
        ]


def test_what_another_instance_left_in_the_middle_is_taken_up(world: World) -> None:
    """One that died with a lease: nobody delivers it before the lease is over, somebody does then."""
    console, now = world.console, time.time()
    hold_id = fresh()
    letter = Letter(
        webhook="good",
        delivery=f"{hold_id}:asked:0",
        hold_id=hold_id,
        step=0,
        event="asked",
        body="{}",
        made_at=now - 5,
        until=now + 60,
    )

    async def left(lease_s: float) -> None:
        await console.store.run(lambda connection: outbox.put(connection, [letter]))
        found = await console.store.run(outbox.claim("good", "who died", now=now - 1, lease_s=lease_s))
        assert found.letter is not None

    console.run(left(1.2))
    found = console.run(console.store.run(outbox.claim("good", "somebody", now=now, lease_s=60)))
    assert found.letter is None
    assert world.good.wait_for("asked", hold_id).body == b"{}"


def test_a_change_that_is_not_kept_is_not_told(world: World) -> None:
    console = world.console
    hold_id = fresh()

    def fails(connection: sa.Connection) -> None:
        console.webhooks.keep(connection, standing(id=hold_id, deadline=time.time() + 60))
        raise KeyError("after it")

    with pytest.raises(KeyError):
        console.run(console.store.run(fails))
    last = fresh()
    console.ask(id=last)
    world.good.wait_for("asked", last)
    assert not [d for d in world.good.deliveries if hold_id in d.headers[DELIVERY]]


# ------------------------------------------------------------------ several instances


def test_of_two_instances_one_tells(world: World) -> None:
    """Both hear of the decision; the message goes out once."""
    console = world.console
    hold_id = fresh()

    async def other() -> Approvals:
        return Approvals(console.store, console.key, clock=time.time)

    console.ask(id=hold_id)
    world.good.wait_for("asked", hold_id)
    elsewhere = console.run(other())
    elsewhere.keep_with(console.webhooks.keep)
    elsewhere.listen(console.webhooks.changed)
    console.run(elsewhere.answer(hold_id, LEO, Answer.APPROVE, "yes"))
    world.good.wait_for("approved", hold_id)
    # This instance reads it from the store some moments later, and tells its listeners as well.
    last = fresh()
    until(lambda: hold_id not in console.approvals._known)
    console.ask(id=last)
    world.good.wait_for("asked", last)
    told = [d for d in world.good.deliveries if d.headers["Govproxy-Delivery"] == f"{hold_id}:approved:1"]
    assert len(told) == 1


def test_a_name_is_taken_once_until_its_time_is_over(world: World) -> None:
    # Later than any message of the other tests: who delivers one forgets the names that are over by then.
    start = time.time() + 1_000_000

    async def play() -> list[bool]:
        store = world.console.store
        return [
            await store.run(take("n", start, start + 10)),
            await store.run(take("n", start + 5, start + 15)),
            await store.run(take("m", start + 5, start + 15)),
            await store.run(take("n", start + 10, start + 20)),
            await taker(store, clock=lambda: start + 11)("n", 5.0),
        ]

    assert world.console.run(play()) == [True, False, True, True, False]


def test_settings_of_the_environment_do_not_count(
    tmp_path: Path, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy named there would see what is meant for the receiver alone."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, world.second.at)
    (tmp_path / "secret").write_text(SECRET)
    with receiving() as receiver:
        hook = f'{{url: "{receiver.at}/own", secret: {{file: secret}}}}'
        with running(tmp_path, f"approvals: {{webhooks: [{hook}]}}\n") as console:
            console.ask(id="env-1")
            assert receiver.wait_for("asked", "env-1").path == "/own"
            assert console.settings.approvals.webhooks[0].format is HookFormat.GENERIC
    assert not [d for d in world.second.deliveries if "/own" in d.path]
