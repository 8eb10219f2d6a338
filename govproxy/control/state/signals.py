"""How instances on one PostgreSQL store tell each other at once that something has changed (LISTEN, NOTIFY).

A signal says which subject and which row, never what: whoever hears one reads the store. It is sent in
the transaction of the change, so it is heard when, and only when, that was committed. Signals can be lost
(the connection breaks, a pooler stands in between), so that everybody who listens also looks by itself from
time to time; after a break they are told that anything may have changed.

Security: whoever may NOTIFY in the store's database can make instances look, and nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import asyncpg  # type: ignore[import-untyped]
import sqlalchemy as sa

from govproxy.errors import GovproxyError
from govproxy.session.log import get_logger

CHANNEL = "govproxy_state"
SENDER = "govproxy sender"  # of `Connection.info`
RETRY_S = 1.0
HEARTBEAT_S = 5.0
HEARTBEAT_TIMEOUT_S = 3.0
MAX_PAYLOAD_CHARACTERS = 400

_BROKEN = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, GovproxyError)

log = get_logger("govproxy.state")


class Topic(StrEnum):
    """What can change."""

    APPROVALS = "approvals"
    GRANTS = "grants"
    OUTBOX = "outbox"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """Something of ``topic`` has changed: the one with that ``key``. ``topic`` None: anything may have."""

    topic: Topic | None
    key: str = ""


ANYTHING = Signal(topic=None)
Heard = Callable[[Signal], None]
# A connection of its own for listening. Raises what asyncpg raises.
Connect = Callable[[], Awaitable[Any]]


def tell(connection: sa.Connection, topic: Topic, key: str = "") -> None:
    """Let the other instances hear of a change once it is committed. Where there are none, nothing happens."""
    if connection.dialect.name == "postgresql":
        payload = f"{connection.info.get(SENDER, '')} {topic.value} {key}"
        connection.execute(sa.select(sa.func.pg_notify(CHANNEL, payload)))


def read_payload(payload: str, *, own: str) -> Signal | None:
    """What a payload says; None for one's own. One that cannot be read says that anything may have changed."""
    sender, _, rest = payload[:MAX_PAYLOAD_CHARACTERS].partition(" ")
    if sender == own:
        return None
    word, _, key = rest.partition(" ")
    try:
        return Signal(topic=Topic(word), key=key)
    except ValueError:
        return ANYTHING


class Listening:
    """Hears the signals of other instances for as long as it runs. ``own`` is how this one signs its own."""

    def __init__(self, connect: Connect, *, own: str) -> None:
        self._connect = connect
        self._own = own
        self._listeners: list[Heard] = []
        self._task: asyncio.Task[None] | None = None
        self.hears = False  # whether signals arrive now, as far as is known

    def listen(self, heard: Heard) -> None:
        """Call ``heard`` with each signal, on the loop; begins to listen with the first."""
        self._listeners.append(heard)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._keep_listening(), name="listen to the store")

    async def stop(self) -> None:
        """Listen no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _keep_listening(self) -> None:
        while True:
            try:
                await self._listen_once()
            except _BROKEN as error:
                log.warning("signals of other instances are not heard; looking instead", error=type(error).__name__)
            await asyncio.sleep(RETRY_S)

    async def _listen_once(self) -> None:
        connection = await self._connect()
        lost = asyncio.Event()
        try:
            connection.add_termination_listener(lambda _: lost.set())
            await connection.add_listener(CHANNEL, self._payload)
            self.hears = True
            # Whatever was said before has been missed.
            self._pass_on(ANYTHING)
            while not lost.is_set():
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(HEARTBEAT_S):
                        await lost.wait()
                if not lost.is_set():
                    async with asyncio.timeout(HEARTBEAT_TIMEOUT_S):
                        await connection.execute("SELECT 1")
            log.warning("the connection for signals was lost; looking instead")
        finally:
            self.hears = False
            connection.terminate()

    def _payload(self, _connection: object, _pid: int, _channel: str, payload: str) -> None:
        signal = read_payload(payload, own=self._own)
        if signal is not None:
            self._pass_on(signal)

    def _pass_on(self, signal: Signal) -> None:
        for heard in tuple(self._listeners):
            try:
                heard(signal)
            except Exception:
                log.exception("a listener failed", topic=None if signal.topic is None else signal.topic.value)
