"""Every way of waiting, on every loop it works on: endless traffic starves nobody, and the loop ends cleanly."""

from __future__ import annotations

import asyncio
import contextlib
import os
import selectors
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import pytest
import uvloop

from govproxy._fastpath.conversation import Conversation
from govproxy._fastpath.engine import Engine, Link
from govproxy.errors import StartingUp
from tests.protocol.transcript import Stage, backend, frontend
from tests.support.waiting import DEADLINE_S, until

Result = TypeVar("Result")

QUERY = frontend(["Query", "select 1"])
ANSWER = (
    backend(["RowDescription", "x:1:1"])
    + backend(["DataRow", "1"])
    + backend(["CommandComplete", "SELECT 1"])
    + backend(["ReadyForQuery", "I"])
)
WAYS = [("asyncio", "loop"), ("uvloop", "loop")]
if sys.platform.startswith("linux"):
    WAYS += [("asyncio", "epoll"), ("uvloop", "epoll"), ("uvloop", "uv")]


def new_loop(kind: str) -> asyncio.AbstractEventLoop:
    return uvloop.new_event_loop() if kind == "uvloop" else asyncio.SelectorEventLoop(selectors.DefaultSelector())


@dataclass
class Owner:
    """Whose link it is: remembers that it was closed."""

    ended: list[Link]
    link: Link | None = None
    refuses: bool = False

    def linked(self, link: Link) -> None:
        self.link = link
        if self.refuses:
            raise StartingUp("not yet")

    def closed(self) -> None:
        assert self.link is not None
        self.ended.append(self.link)

    def last_words(self, error: Exception) -> bytes:
        return backend(["Fatal", "XX000", str(error)])


@dataclass
class Rig:
    """An engine on a loop that runs in a thread of its own, and what went wrong in it."""

    loop: asyncio.AbstractEventLoop
    engine: Engine
    stage: Stage
    complaints: list[dict[str, object]] = field(default_factory=list)
    closed: list[Link] = field(default_factory=list)
    owners: list[Owner] = field(default_factory=list)

    def call(self, function: Callable[[], Result]) -> Result:
        """Run it on the loop."""

        async def run() -> Result:
            return function()

        return asyncio.run_coroutine_threadsafe(run(), self.loop).result(DEADLINE_S)

    def link(self, *, refused: bool = False) -> tuple[socket.socket, socket.socket]:
        """A client's and a database's end of a new link."""
        client, ours = socket.socketpair()
        theirs, database = socket.socketpair()
        ours.setblocking(False)
        theirs.setblocking(False)
        conversation = Conversation(
            gate=self.stage.gate,
            cache=self.stage.cache,
            ledger=self.stage.ledger,
            sinks=self.engine.sinks,
            session_id=b"s",
            session_fragment=b'"session":"s"',
            context_id=1,
        )
        self.owners.append(Owner(self.closed, refuses=refused))
        self.call(
            lambda: self.engine.link(
                conversation,
                client=ours,
                client_tls=None,
                server=theirs,
                server_tls=None,
                owner=self.owners[-1],
            )
        )
        client.settimeout(DEADLINE_S)
        database.settimeout(DEADLINE_S)
        return client, database


def make_engine(loop: asyncio.AbstractEventLoop, way: str, stage: Stage) -> Engine:
    if way == "loop":
        return Engine(loop, stage.ledger)
    from govproxy._fastpath.epoll import EpollReadiness
    from govproxy._fastpath.uvwait import UvReadiness

    readiness = EpollReadiness(loop) if way == "epoll" else UvReadiness(loop)
    engine = Engine(loop, stage.ledger, readiness=readiness)
    readiness.attach(engine)
    return engine


@pytest.fixture(params=WAYS, ids=["-".join(way) for way in WAYS])
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    kind, way = request.param
    stage = Stage(tmp_path / "ledger")
    loop = new_loop(kind)
    made = Rig(loop=loop, engine=make_engine(loop, way, stage), stage=stage)
    loop.set_exception_handler(lambda _, context: made.complaints.append(context))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield made
    with contextlib.suppress(RuntimeError):
        made.call(made.engine.close)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(DEADLINE_S)
    assert not thread.is_alive()
    loop.close()
    stage.close()
    assert made.complaints == []


@contextlib.contextmanager
def traffic(rig: Rig, links: int = 2) -> Iterator[list[int]]:
    """Clients that never pause; the list counts their answers."""
    stop = threading.Event()
    answers = [0] * links
    threads = []

    def run(number: int, client: socket.socket, database: socket.socket) -> None:
        while not stop.is_set():
            client.sendall(QUERY)
            assert database.recv(1 << 16) == QUERY
            database.sendall(ANSWER)
            assert client.recv(1 << 16) == ANSWER
            answers[number] += 1

    ends = [rig.link() for _ in range(links)]
    for number, (client, database) in enumerate(ends):
        threads.append(threading.Thread(target=run, args=(number, client, database)))
        threads[-1].start()
    try:
        yield answers
    finally:
        stop.set()
        for thread in threads:
            thread.join(DEADLINE_S)
        for client, database in ends:
            client.close()
            database.close()


def test_timers_and_chains_of_callbacks_go_on_under_load(rig: Rig) -> None:
    async def tick() -> None:
        for _ in range(20):
            await asyncio.sleep(0.005)
            for _ in range(3):
                await asyncio.sleep(0)

    with traffic(rig) as answers:
        for _ in range(2):
            asyncio.run_coroutine_threadsafe(tick(), rig.loop).result(DEADLINE_S)
            before = min(answers)
            until(lambda: min(answers) > before + 20, "every link goes on")  # noqa: B023 - waited for at once


def test_sockets_of_the_loop_go_on_under_load(rig: Rig) -> None:
    async def talk() -> int:
        left, right = socket.socketpair()
        reader, writer = await asyncio.open_connection(sock=left)
        echo_reader, echo_writer = await asyncio.open_connection(sock=right)
        turns = 0
        for _ in range(20):
            writer.write(b"x" * 1_000)
            assert await echo_reader.readexactly(1_000) == b"x" * 1_000
            echo_writer.write(b"y")
            assert await reader.readexactly(1) == b"y"
            turns += 1
        writer.close()
        echo_writer.close()
        return turns

    with traffic(rig):
        assert asyncio.run_coroutine_threadsafe(talk(), rig.loop).result(DEADLINE_S) == 20


def test_what_a_batch_schedules_runs_at_once(rig: Rig) -> None:
    """A gate that schedules something while the engine works: the loop gets its turn without being woken."""
    ran: list[float] = []
    judge = rig.stage.gate.judge

    def judging(conversation: Conversation, text: bytes) -> object:
        asked = time.monotonic()
        rig.loop.call_soon(lambda: ran.append(time.monotonic() - asked))
        rig.loop.call_later(0.02, lambda: ran.append(time.monotonic() - asked))
        return judge(conversation, text)

    rig.stage.gate.judge = judging  # type: ignore[method-assign, assignment]
    client, database = rig.link()
    client.sendall(QUERY)
    assert database.recv(1 << 16) == QUERY
    # Nothing else happens on this loop: without its turn it would have none until somebody wrote.
    until(lambda: len(ran) == 2, "both callbacks run")
    client.close()
    database.close()


def test_an_idle_engine_does_not_spin(rig: Rig) -> None:
    client, database = rig.link()
    client.sendall(QUERY)
    assert database.recv(1 << 16) == QUERY
    before = rig.call(time.thread_time)
    time.sleep(0.5)
    assert rig.call(time.thread_time) - before < 0.2
    client.close()
    database.close()


def test_a_link_that_ends_within_a_batch(rig: Rig) -> None:
    for _ in range(5):
        with traffic(rig, links=1):
            client, database = rig.link()
            client.sendall(QUERY + b"?garbage?")
            while client.recv(1 << 16):
                pass
            client.close()
            database.close()
    until(lambda: len(rig.closed) >= 10, "every link is closed")
    assert len(rig.closed) == 10


def test_a_link_that_its_owner_cannot_take(rig: Rig) -> None:
    """Both ends hear of it, and nobody is left with a socket."""
    client, database = rig.link(refused=True)
    assert client.recv(1 << 16) == backend(["Fatal", "XX000", "not yet"])
    assert client.recv(1 << 16) == b""
    assert database.recv(1 << 16) == frontend(["Terminate"])
    assert database.recv(1 << 16) == b""
    assert len(rig.closed) == 1
    client.close()
    database.close()


def test_descriptors_are_closed_once_and_all(rig: Rig) -> None:
    """What another thread opens meanwhile may get a number that was free for a moment: it stays open."""
    before = len(os.listdir("/dev/fd"))
    for _ in range(20):
        client, database = rig.link()
        client.close()
        other = socket.socketpair()
        assert database.recv(1 << 16) == frontend(["Terminate"])
        other[0].sendall(b"x")
        assert other[1].recv(1) == b"x"
        for one in (*other, database):
            one.close()
    until(lambda: len(rig.closed) == 20, "every link is closed")
    assert len(os.listdir("/dev/fd")) <= before
