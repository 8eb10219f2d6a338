"""One worker process: a loop, its sessions, and a line to the control process.

Started by the supervisor as ``python -m govproxy.server.worker FD`` with one end of a socket pair.
Workers share nothing and never wait for each other; what they know arrives over that line.
"""

from __future__ import annotations

import asyncio
import secrets
import signal
import socket
import sys
import time

import structlog
import uvloop

from govproxy._fastpath.engine import Engine
from govproxy.audit import events
from govproxy.audit.ledger import Durability, Ledger
from govproxy.errors import ConfigError, GovproxyError, InternalError, ShuttingDown
from govproxy.server.client import Session, serve_client
from govproxy.server.listener import Admission, Listener, open_listening_sockets
from govproxy.server.tls import ServerTls
from govproxy.server.upstream import UpstreamTarget, send_cancel
from govproxy.session import link, log
from govproxy.session.cancel import CancelRegistry, worker_of
from govproxy.session.rules import login_rules
from govproxy.session.shared import Shared

MAX_LOGINS_AT_ONCE = 256
REFRESH_TIMEOUT_S = 10.0
DRAIN_POLL_S = 0.02
SESSION_ID_BYTES = 6

logger = structlog.get_logger("govproxy.worker")


class Worker:
    """What all sessions of this process share. See ``serve_client`` for the life of one."""

    def __init__(self, start: link.Start, writer: asyncio.StreamWriter) -> None:
        self.number = start.worker
        self.settings = start.settings
        self._writer = writer
        self._loop = asyncio.get_running_loop()
        self.rules = login_rules(start.settings, start.keys.logins, now=time.time)
        self.targets = {name: UpstreamTarget(database) for name, database in start.settings.databases.items()}
        self._server_tls = _server_tls(start.settings.tls)
        self.admission = Admission(
            max_sessions=start.settings.limits.max_sessions,
            max_logins=min(MAX_LOGINS_AT_ONCE, start.settings.limits.max_sessions),
        )
        self.cancel_keys: CancelRegistry[tuple[UpstreamTarget, int | None, bytes]] = CancelRegistry(
            start.worker, random_bytes=secrets.token_bytes
        )
        self.ledger = Ledger(
            start.settings.audit.directory,
            start.worker,
            Durability(start.settings.audit.durability.value),
            start.keys.ledger,
        )
        self.ledger.wakeup = lambda: self._loop.call_soon_threadsafe(self.ledger.append_checkpoint)
        self.engine = Engine(self._loop, self.ledger.writer)
        self.shared = Shared(
            start.snapshot,
            start.keys,
            cache_bytes=start.settings.limits.verdict_cache_bytes,
            request_refresh=self._request_refresh,
            clock=time.monotonic,
        )
        self.sessions: dict[str, Session] = {}
        self._draining = False
        self._background: set[asyncio.Task[None]] = set()
        self.listener = Listener(
            open_listening_sockets(start.settings.listen.host, start.settings.listen.port),
            lambda sock, address: serve_client(self, sock, address),
        )

    # ------------------------------------------------------------------ for the sessions

    @property
    def server_tls(self) -> ServerTls:
        """TLS towards clients; asked for only where the login rules say it is there."""
        if self._server_tls is None:
            raise InternalError("TLS was begun without a certificate")
        return self._server_tls

    def new_session_id(self) -> str:
        """Unique in a fleet: random, with the worker in front for people."""
        return f"w{self.number}-{secrets.token_hex(SESSION_ID_BYTES)}"

    def nonce(self) -> str:
        """A fresh SCRAM nonce."""
        return secrets.token_urlsafe(18)

    def remember(self, session: Session) -> None:
        """A session begins."""
        self.sessions[session.facts.session_id] = session
        self.shared.gates.add(session.gate)

    def forget(self, session: Session) -> None:
        """A session is over: nothing of it stays."""
        self.sessions.pop(session.facts.session_id, None)
        self.shared.gates.discard(session.gate)
        self.cancel_keys.release(session.key)
        session.ticket.release()

    async def cancel(self, pid: int, secret: bytes) -> None:
        """A client's CancelRequest: ours is carried out, another worker's passed on."""
        if worker_of(pid) != self.number:
            self._send(link.Cancel(pid=pid, secret=secret))
            return
        await self._cancel_here(pid, secret)

    async def _cancel_here(self, pid: int, secret: bytes) -> None:
        found = self.cancel_keys.find(pid, secret)
        if found is None or found[1] is None:
            return
        target, backend_pid, backend_secret = found
        try:
            await send_cancel(target, backend_pid, backend_secret)
        except GovproxyError as error:
            logger.warning("cancel request failed", reason=error.message)

    # ------------------------------------------------------------------ the line to the control process

    def _send(self, message: link.Message) -> None:
        if not self._writer.is_closing():
            self._writer.write(link.encode(message))

    def _request_refresh(self, database: str) -> None:
        self._send(link.Refresh(database=database))
        # Whoever waits must not wait for ever: unknown then stays unknown, and is treated so.
        self._loop.call_later(REFRESH_TIMEOUT_S, self.shared.refreshed, database)

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
                    if snapshot.policy.version != previous:
                        self.ledger.record(events.policy_change(snapshot.policy.version, previous=previous))
                case link.Refreshed(database=database):
                    self.shared.refreshed(database)
                case link.Cancel(pid=pid, secret=secret):
                    if worker_of(pid) == self.number:
                        self._in_background(self._cancel_here(pid, secret))
                case link.ListSessions(request=request):
                    found = tuple(session.info(self.number) for session in self.sessions.values())
                    self._send(link.Sessions(request=request, sessions=found))
                case link.Kill(request=request, session=session_id):
                    self._send(link.Killed(request=request, found=self._kill(session_id)))
                case _:
                    raise AssertionError(f"unexpected message from control: {type(message).__name__}")

    def _kill(self, session_id: str) -> bool:
        session = self.sessions.get(session_id)
        if session is None or session.link is None:
            return False
        self._in_background(self._cancel_here(session.key.pid, session.key.secret))
        session.link.terminate(ShuttingDown("the session was ended by an operator"))
        session.reason = "killed"
        return True

    def _in_background(self, work: object) -> None:
        task = self._loop.create_task(work)  # type: ignore[arg-type]
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    # ------------------------------------------------------------------ from start to end

    async def run(self, reader: asyncio.StreamReader) -> None:
        """Serve until told to stop, then stop in order."""
        self.listener.start()
        self._send(link.Ready(worker=self.number))
        try:
            await self.listen_to_control(reader)
        finally:
            await self._drain()

    async def _drain(self) -> None:
        """Accept nobody, let transactions end, say 57P01 at the next idle point, then cut."""
        await self.listener.stop_accepting()
        deadline = time.monotonic() + self.settings.limits.drain_timeout_s
        farewell = ShuttingDown("terminating connection due to administrator command", hint="Connect again.")
        while self.sessions and time.monotonic() < deadline:
            for session in tuple(self.sessions.values()):
                if session.link is not None and session.link.idle:
                    session.link.terminate(farewell)
            await asyncio.sleep(DRAIN_POLL_S)
        for session in tuple(self.sessions.values()):
            if session.link is not None:
                session.link.terminate(farewell)
        await self.listener.close(1.0)
        for task in tuple(self._background):
            task.cancel()
        self.ledger.wakeup = None
        self.ledger.close()


def _server_tls(tls: object) -> ServerTls | None:
    from govproxy.config.settings import TlsSettings

    if not isinstance(tls, TlsSettings):
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
    except (ConfigError, GovproxyError) as error:
        logger.error("worker cannot start", worker=start.worker, reason=str(error))
        return 1
    await worker.run(reader)
    return 0


if __name__ == "__main__":
    # The supervisor decides when to stop; a Ctrl-C at the terminal reaches the whole group.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    log.configure()
    sys.exit(uvloop.run(main(int(sys.argv[1]))))
