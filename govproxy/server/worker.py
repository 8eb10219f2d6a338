"""One worker process: a loop, its sessions, and a line to the control process.

Started by the supervisor as ``python -m govproxy.server.worker FD`` with one end of a socket pair.
Workers share nothing and never wait for each other; what they know arrives over that line.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import secrets
import signal
import socket
import sys
import time
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import uvloop

from govproxy._fastpath.engine import Engine
from govproxy._fastpath.ledger import LedgerWriter
from govproxy.audit import events
from govproxy.audit.ledger import Durability, Ledger
from govproxy.config.settings import TlsSettings
from govproxy.errors import GovproxyError, ShuttingDown, TooManyConnections
from govproxy.identity.identity import Identity
from govproxy.policy.limits import SessionLimits, limits_for, startup_settings
from govproxy.server.channel import Channel
from govproxy.server.client import Session, record_failure, serve_client
from govproxy.server.front_door import Door
from govproxy.server.listener import Admission, Listener, open_listening_sockets
from govproxy.server.tls import ServerTls
from govproxy.server.upstream import UpstreamTarget
from govproxy.session import link, log
from govproxy.session.cancel import worker_of
from govproxy.session.figures import WorkerFigures
from govproxy.session.holding import Holds
from govproxy.session.parameters import ClientStartup
from govproxy.session.quotas import share_key
from govproxy.session.redefining import Redefined
from govproxy.session.rules import login_rules
from govproxy.session.shared import Shared
from govproxy.wire.startup import CancelRequest

MAX_LOGINS_AT_ONCE = 256
REFRESH_TIMEOUT_S = 10.0
DRAIN_POLL_S = 0.02
SESSION_ID_BYTES = 6
ENTER_TIMEOUT_S = 5.0
FAREWELL_TIMEOUT_S = 2.0
LAST_EVENTS_S = 2.0
SHARES_INTERVAL_S = 1.0
ENGINE_VARIABLE = "GOVPROXY_ENGINE"

logger = log.get_logger("govproxy.worker")


class Worker:
    """What all sessions of this process share. See ``serve_client`` for the life of one."""

    def __init__(self, start: link.Start, writer: asyncio.StreamWriter) -> None:
        self.number = start.worker
        self.settings = start.settings
        self._writer = writer
        self._loop = asyncio.get_running_loop()
        limits = start.settings.limits
        self.door = Door(
            worker=start.worker,
            rules=login_rules(start.settings, start.keys.logins, now=time.time),
            targets={name: UpstreamTarget(database) for name, database in start.settings.databases.items()},
            tls=_server_tls(start.settings.tls),
            admission=Admission(
                max_sessions=limits.max_sessions, max_logins=min(MAX_LOGINS_AT_ONCE, limits.max_sessions)
            ),
            login_timeout_s=limits.login_timeout_s,
            connect_timeout_s=limits.connect_timeout_s,
            on_failure=lambda failure: record_failure(self, failure),
            forward_cancel=self._forward_cancel,
            settings_for=self._settings_for,
            cancel_held=self._cancel_held,
        )
        self.ledger = Ledger(
            start.settings.audit.directory,
            start.worker,
            Durability(start.settings.audit.durability.value),
            start.keys.ledger,
        )
        self.ledger.wakeup = self._wake_ledger
        self.engine = _engine(self._loop, self.ledger.writer, self._linger)
        self.holds = Holds(
            send=self._send,
            later=self._loop.call_later,
            record=self.ledger.record,
            link_to=start.settings.link_to,
        )
        self.shared = Shared(
            start.snapshot,
            start.keys,
            cache_bytes=limits.verdict_cache_bytes,
            request_refresh=self._request_refresh,
            tell_others=self._tell_others,
            tell_redefined=self._tell_redefined,
            tell_counted=lambda counted: self._send(link.Noted(counted=counted)),
            draw=self._draw,
            clock=time.monotonic,
            aside=self._aside,
            holds=self.holds,
            cancel_upstream=self._cancel_upstream,
            gates=lambda: [session.gate for session in self.sessions.values()],
        )
        # One: who sends long texts waits for others who do, and nobody else waits for them.
        self._analysts = ThreadPoolExecutor(max_workers=1, thread_name_prefix="analysis")
        self.sessions: dict[str, Session] = {}
        self._entering: dict[str, asyncio.Future[bool]] = {}
        self._entered: dict[str, str] = {}  # session -> whose places are counted
        self._draining = False
        self._background: set[asyncio.Task[None]] = set()
        self.listener = Listener(
            open_listening_sockets(start.settings.listen.host, start.settings.listen.port),
            lambda sock, address: serve_client(self, sock, address),
        )

    # ------------------------------------------------------------------ for the sessions

    def new_session_id(self) -> str:
        """Unique in a fleet: random, with the worker in front for people."""
        return f"w{self.number}-{secrets.token_hex(SESSION_ID_BYTES)}"

    def remember(self, session: Session) -> None:
        """A session begins."""
        self.sessions[session.facts.session_id] = session
        self.shared.counters.sessions_total += 1

    def forget(self, session: Session) -> None:
        """A session is over: nothing of it stays."""
        session.gate.end()
        self.sessions.pop(session.facts.session_id, None)
        self.leave(session.facts.session_id)

    def _settings_for(self, identity: Identity, startup: ClientStartup) -> Mapping[str, str]:
        """What a session begins with at the database: the client's wishes within the policy's limits."""
        return startup_settings(self._limits_of(identity, startup.database), startup.settings)

    async def enter(self, session_id: str, identity: Identity, database: str) -> None:
        """A place for a session whose identity may have only so many. Raises `TooManyConnections`."""
        limit = self._limits_of(identity, database).sessions
        if limit is None:
            return
        key = self._entered[session_id] = share_key(identity, database)
        waiting: asyncio.Future[bool] = self._loop.create_future()
        self._entering[session_id] = waiting
        self._send(link.Enter(key=key, session=session_id, limit=limit.value))
        try:
            admitted = await asyncio.wait_for(waiting, ENTER_TIMEOUT_S)
        except TimeoutError:
            admitted = False
        finally:
            self._entering.pop(session_id, None)
        if not admitted:
            self.leave(session_id)
            raise TooManyConnections(
                f"too many sessions of yours: {limit.value} are open (limit {limit.rule})",
                hint="Close one, or wait until one has ended.",
                facts={"rule": limit.rule},
            )

    def leave(self, session_id: str) -> None:
        """Give the place back; twice is harmless."""
        key = self._entered.pop(session_id, None)
        if key is not None:
            self._send(link.Leave(key=key, session=session_id))

    def _count_sessions(self) -> None:
        """With a new policy, sessions may be counted that were not before."""
        for session_id, session in self.sessions.items():
            facts = session.facts
            if session_id in self._entered or self._limits_of(facts.identity, facts.database).sessions is None:
                continue
            key = self._entered[session_id] = share_key(facts.identity, facts.database)
            self._send(link.Enter(key=key, session=session_id, limit=0))

    def _limits_of(self, identity: Identity, database: str) -> SessionLimits:
        environment = self.settings.databases[database].environment
        return limits_for(identity, database, environment, self.shared.snapshot.policy)

    def _cancel_upstream(self, session_id: str, done: Callable[[], None]) -> None:
        """Cancel what a session runs; ``done`` when the database has been told, or could not be."""
        task = self._in_background(self.door.cancel_running(self.sessions[session_id].cancel_key))
        task.add_done_callback(lambda _: done())

    def _aside(self, work: Callable[[], Any], done: Callable[[Any], None]) -> None:
        """Do ``work`` in a thread; ``done`` gets its result or its exception, on the loop."""

        def finished(future: Future[Any]) -> None:
            if not future.cancelled():
                with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                    self._loop.call_soon_threadsafe(done, future.exception() or future.result())

        self._analysts.submit(work).add_done_callback(finished)

    def _cancel_held(self, pid: int) -> bool:
        """End the statement that waits for an approval in the session with this key; False: none does."""
        found = [session for session in self.sessions.values() if session.cancel_key.pid == pid]
        return any(session.gate.holding.cancel() for session in found if session.gate.holding is not None)

    def _linger(self, sock: socket.socket) -> None:
        """Close a client's socket once it has read what was said last."""
        channel = Channel(sock)
        task = self._loop.create_task(channel.close_gently(FAREWELL_TIMEOUT_S))
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    def _wake_ledger(self) -> None:
        self._loop.call_soon_threadsafe(self.ledger.append_checkpoint)

    # ------------------------------------------------------------------ the line to the control process

    def _send(self, message: link.Message) -> None:
        if not self._writer.is_closing():
            self._writer.write(link.encode(message))
            # A write that only stands in a queue does not end the engine's wait (uvwait.pyx); this does.
            self._loop.call_soon(_nothing)

    def _tell_others(self, database: str) -> None:
        self._send(link.Stale(database=database))

    def _tell_redefined(self, database: str, session: str, redefined: Redefined | None) -> None:
        self._send(link.Redefining(database=database, session=session, redefined=redefined))

    def _draw(self, key: str, limit: int, want: int, unused: int, window_s: float) -> None:
        self._send(link.Draw(key=key, limit=limit, want=want, unused=unused, window_s=window_s))

    def _return_shares(self) -> None:
        """Once in a while: what nobody used goes back, so that others may."""
        self.shared.quotas.give_back()
        self._loop.call_later(SHARES_INTERVAL_S, self._return_shares)

    def _request_refresh(self, database: str, values: bool, number: int) -> None:
        self._send(link.Refresh(database=database, values=values, number=number))
        # Whoever waits must not wait for ever: unknown then stays unknown, and is treated so.
        self._loop.call_later(REFRESH_TIMEOUT_S, self.shared.refreshed, database, number)

    async def _forward_cancel(self, holder: int, request: CancelRequest) -> None:
        self._send(link.Cancel(pid=request.pid, secret=request.secret))

    async def listen_to_control(self, reader: asyncio.StreamReader) -> None:
        """Answer the control process until it says Drain or is gone."""
        while True:
            message = await receive(reader)
            match message:
                case None | link.Drain():
                    return
                case link.Publish(snapshot=snapshot):
                    previous = self.shared.snapshot.policy.version
                    self.shared.publish(snapshot)
                    self._count_sessions()
                    if snapshot.policy.version != previous:
                        self.ledger.record(events.policy_change(snapshot.policy.version, previous=previous))
                case link.GrantsInForce(grants=grants):
                    self.shared.grant(grants)
                case link.NewKeys(keys=keys):
                    self.shared.rotate(keys)
                    self.ledger.record(events.masking_key_change(keys.masking_id))
                case link.Refused(version=version, reason=reason):
                    self.ledger.record(events.policy_change(version, status="refused", reason=reason))
                case link.Refreshed(database=database, number=number):
                    self.shared.refreshed(database, number)
                case link.Noted(counted=counted):
                    self.shared.history.heard(counted)
                case link.Stale(database=database):
                    self.shared.catalog_is_stale(database)
                case link.Redefining(database=database, session=session_id, redefined=redefined):
                    self.shared.redefines(database, session_id, redefined, here=False)
                case link.Cancel(pid=pid, secret=secret):
                    if worker_of(pid) == self.number:
                        self._cancel(CancelRequest(pid=pid, secret=secret))
                case link.HoldStands() | link.HoldUsed() | link.RehearseHold():
                    self.holds.heard(message)
                case link.RecordEvent(event=event):
                    self.ledger.record(event)
                case link.ListSessions(request=request):
                    found = tuple(session.info(self.number) for session in self.sessions.values())
                    self._send(link.Sessions(request=request, sessions=found))
                case link.AskFigures(request=request):
                    self._send(link.Figures(request=request, figures=self._figures()))
                case link.Drawn(key=key, granted=granted, again_s=again_s):
                    self.shared.quotas.drawn(key, granted, again_s)
                case link.Entered(session=session_id, admitted=admitted):
                    waiting = self._entering.pop(session_id, None)
                    if waiting is not None and not waiting.done():
                        waiting.set_result(admitted)
                case link.Kill(request=request, session=session_id):
                    self._send(link.Killed(request=request, found=self._kill(session_id)))
                case _:
                    raise AssertionError(f"unexpected message from control: {type(message).__name__}")

    def _figures(self) -> WorkerFigures:
        counters, cache, writer = self.shared.counters, self.shared.cache, self.ledger.writer
        links = [session.link for session in self.sessions.values() if session.link is not None]
        statements = sum(session.conversation.number for session in self.sessions.values())
        return WorkerFigures(
            worker=self.number,
            sessions=len(self.sessions),
            sessions_total=counters.sessions_total,
            logins_refused=counters.logins_refused,
            statements=counters.ended_statements + statements,
            bytes_in=counters.ended_bytes_in + sum(link.bytes_in for link in links),
            bytes_out=counters.ended_bytes_out + sum(link.bytes_out for link in links),
            exact_hits=cache.exact_hits,
            folded_hits=cache.folded_hits,
            misses={reason.value: count for reason, count in counters.misses.items()},
            miss_time=counters.miss_time,
            verdicts=len(cache),
            verdict_bytes=cache.size_bytes,
            verdict_generations=cache.generations,
            ledger_healthy=writer.healthy,
            ledger_pending_bytes=writer.pending_bytes,
            ledger_lost_outcomes=writer.lost_outcomes,
            limited=dict(counters.limited),
        )

    def _kill(self, session_id: str) -> bool:
        session = self.sessions.get(session_id)
        if session is None or session.link is None:
            return False
        key = session.cancel_key
        self._cancel(CancelRequest(pid=key.pid, secret=key.secret))
        session.link.terminate(ShuttingDown("the session was ended by an operator"))
        session.reason = "killed"
        return True

    def _cancel(self, request: CancelRequest) -> asyncio.Task[None]:
        return self._in_background(self.door.cancel(request))

    def _in_background(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self._loop.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        return task

    # ------------------------------------------------------------------ from start to end

    async def run(self, reader: asyncio.StreamReader) -> None:
        """Serve until told to stop, then stop in order."""
        self.listener.start()
        self._send(link.Ready(worker=self.number))
        self._return_shares()
        try:
            await self.listen_to_control(reader)
        finally:
            await self._drain(reader)

    async def _record_last(self, reader: asyncio.StreamReader, owed: int) -> None:
        """Put into the ledger that requests of held statements were withdrawn, which the control process says."""
        while owed > 0 and (message := await receive(reader)) is not None:
            if isinstance(message, link.RecordEvent):
                self.ledger.record(message.event)
                owed -= message.event.get("status") == "withdrawn"

    async def _drain(self, reader: asyncio.StreamReader) -> None:
        """Accept nobody, let transactions end, say 57P01 at the next idle point, then cut."""
        owed = sum(_is_held(session) for session in self.sessions.values())
        await self.listener.stop_accepting()
        self.door.draining = ShuttingDown("the proxy is shutting down", hint="Connect again.")
        deadline = time.monotonic() + self.settings.limits.drain_timeout_s
        farewell = ShuttingDown("terminating connection due to administrator command", hint="Connect again.")
        while self.sessions and time.monotonic() < deadline:
            for session in tuple(self.sessions.values()):
                # What waits for an approval may wait for long; it has not run, so nothing is cut off.
                if session.link is not None and (session.link.idle or _is_held(session)):
                    session.link.terminate(farewell)
            await asyncio.sleep(DRAIN_POLL_S)
        for session in tuple(self.sessions.values()):
            if session.link is not None:
                session.link.terminate(farewell)
        await self.listener.close(1.0)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._record_last(reader, owed), LAST_EVENTS_S)
        for task in tuple(self._background):
            task.cancel()
        self.engine.close()
        self._analysts.shutdown(wait=False, cancel_futures=True)
        self.ledger.wakeup = None
        self.ledger.close()


def _engine(loop: asyncio.AbstractEventLoop, ledger: LedgerWriter, linger: Callable[[socket.socket], None]) -> Engine:
    """The best engine this machine has, or the one that ``GOVPROXY_ENGINE`` asks for: loop, epoll or uv."""
    asked = os.environ.get(ENGINE_VARIABLE, "")
    if not sys.platform.startswith("linux") or asked == "loop":
        return Engine(loop, ledger, linger=linger)
    from govproxy._fastpath.epoll import EpollReadiness
    from govproxy._fastpath.uvwait import UvReadiness, available

    readiness = UvReadiness(loop) if asked == "uv" or (not asked and available(loop)) else EpollReadiness(loop)
    engine = Engine(loop, ledger, readiness=readiness, linger=linger)
    readiness.attach(engine)
    return engine


def _is_held(session: Session) -> bool:
    return session.gate.holding is not None and session.gate.holding.waits


def _nothing() -> None:
    pass


def _server_tls(tls: TlsSettings | None) -> ServerTls | None:
    if tls is None:
        return None
    return ServerTls(certificate=tls.certificate, private_key=tls.private_key, client_ca=tls.client_ca)


async def receive(reader: asyncio.StreamReader) -> link.Message | None:
    """The next message, or None when the other side is gone."""
    try:
        header = await reader.readexactly(link.HEADER_BYTES)
        return link.decode(await reader.readexactly(link.frame_size(header)))
    except (asyncio.IncompleteReadError, ConnectionError):
        return None


async def main(descriptor: int) -> int:
    """The process: first message, then the worker."""
    reader, writer = await asyncio.open_connection(sock=socket.socket(fileno=descriptor))
    start = await receive(reader)
    if not isinstance(start, link.Start):
        return 1
    try:
        worker = Worker(start, writer)
    except GovproxyError as error:
        logger.error("worker cannot start", worker=start.worker, reason=str(error))
        return 1
    await worker.run(reader)
    return 0


if __name__ == "__main__":
    # The supervisor decides when to stop; a Ctrl-C at the terminal reaches the whole group.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    log.configure()
    # A judgement leaves thousands of objects behind that hold no cycles: look for those more seldom, which
    # makes a flood of new texts a tenth cheaper.
    gc.set_threshold(10_000, 20, 50)
    # A thread that analyses a long text gives the interpreter back this often when the loop wants it.
    sys.setswitchinterval(0.001)
    sys.exit(uvloop.run(main(int(sys.argv[1]))))
