"""Listening sockets, the accept loop, and how many clients there may be.

Each worker has its own sockets (SO_REUSEPORT): the kernel spreads connections over them. Knows
nothing of what happens on a connection: that is ``serve_client``'s work.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from govproxy.errors import ConfigError, TooManyConnections

BACKLOG = 1024
KEEPALIVE_IDLE_S = 60
KEEPALIVE_INTERVAL_S = 10
KEEPALIVE_PROBES = 6
EXHAUSTED_PAUSE_S = 0.1
SESSIONS, LOGINS, TURNED_AWAY = "sessions", "logins", "turned away"

_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_log = logging.getLogger(__name__)

ServeClient = Callable[[socket.socket, Any], Awaitable[None]]


class Ticket:
    """One client's place: counted under its name, and as a login until that is over."""

    __slots__ = ("_counts", "_is_login", "_name")

    def __init__(self, admission: Admission, name: str, *, is_login: bool = False) -> None:
        self._counts = admission.counts
        self._name: str | None = name
        self._is_login = is_login
        self._counts[name] += 1
        if is_login:
            self._counts[LOGINS] += 1

    def logged_in(self) -> None:
        """The login is over; the session goes on. Twice is harmless."""
        if self._is_login:
            self._is_login = False
            self._counts[LOGINS] -= 1

    def release(self) -> None:
        """The client is gone. Twice is harmless."""
        self.logged_in()
        if self._name is not None:
            self._counts[self._name] -= 1
            self._name = None


class Admission:
    """Counts the clients of one worker.

    Invariants: ``logins <= sessions <= max_sessions``; besides them at most ``max_logins`` clients
    are on their way to being turned away.
    """

    __slots__ = ("_max_logins", "_max_sessions", "counts")

    def __init__(self, *, max_sessions: int, max_logins: int) -> None:
        self._max_sessions = max_sessions
        self._max_logins = max_logins
        self.counts: dict[str, int] = {SESSIONS: 0, LOGINS: 0, TURNED_AWAY: 0}

    @property
    def sessions(self) -> int:
        """Clients that are in or logging in."""
        return self.counts[SESSIONS]

    @property
    def logins(self) -> int:
        """Clients that are logging in."""
        return self.counts[LOGINS]

    @property
    def turned_away(self) -> int:
        """Clients that are being turned away."""
        return self.counts[TURNED_AWAY]

    def admit(self) -> Ticket:
        """A place, or ``TooManyConnections`` (53300) that says which limit is reached."""
        if self.sessions >= self._max_sessions:
            raise TooManyConnections(f"too many sessions, the limit is {self._max_sessions}")
        if self.logins >= self._max_logins:
            raise TooManyConnections(f"too many logins at once, the limit is {self._max_logins}")
        return Ticket(self, SESSIONS, is_login=True)

    def turn_away(self) -> Ticket:
        """A place outside, to be told properly why not; ``TooManyConnections`` when that is full too."""
        if self.turned_away >= self._max_logins:
            raise TooManyConnections("too many connections")
        return Ticket(self, TURNED_AWAY)


def open_listening_sockets(host: str, port: int, *, backlog: int = BACKLOG) -> list[socket.socket]:
    """A non-blocking listening socket for each address of ``host``. All or none, else ``ConfigError``."""
    opened: list[socket.socket] = []
    try:
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, kind, protocol, _, address in dict.fromkeys(addresses):
            sock = socket.socket(family, kind, protocol)
            opened.append(sock)
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.bind(address)
            sock.listen(backlog)
    except OSError as error:
        for sock in opened:
            sock.close()
        raise ConfigError(f"cannot listen on {host}:{port}: {error.strerror}") from error
    return opened


def tune(sock: socket.socket) -> None:
    """No delay, and keep-alive probes, so that a peer that vanished is noticed."""
    if sock.family not in (socket.AF_INET, socket.AF_INET6):
        return
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (
        ("TCP_KEEPIDLE", KEEPALIVE_IDLE_S),
        ("TCP_KEEPINTVL", KEEPALIVE_INTERVAL_S),
        ("TCP_KEEPCNT", KEEPALIVE_PROBES),
    ):
        if hasattr(socket, name):  # the names differ between systems
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


class Listener:
    """Accepts on its sockets and runs ``serve_client`` for each connection.

    ``serve_client`` owns the socket it gets, closes it on every path, and raises nothing it can
    help; what it raises nevertheless is logged and ends that client alone. No task is ever lost
    sight of: ``close`` waits for or cancels all of them.
    """

    def __init__(self, sockets: Sequence[socket.socket], serve_client: ServeClient) -> None:
        self._sockets = list(sockets)
        self._serve_client = serve_client
        self._accepting: list[asyncio.Task[None]] = []
        self._clients: set[asyncio.Task[None]] = set()

    @property
    def clients(self) -> int:
        """How many ``serve_client`` calls are running."""
        return len(self._clients)

    def start(self) -> None:
        """Begin to accept."""
        loop = asyncio.get_running_loop()
        self._accepting = [loop.create_task(self._accept(sock)) for sock in self._sockets]

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                sock, address = await loop.sock_accept(listening)
            except OSError as error:
                if error.errno in _EXHAUSTED:
                    _log.warning("out of file descriptors or memory: accepting pauses")
                    await asyncio.sleep(EXHAUSTED_PAUSE_S)
                continue  # otherwise the client went away before it was accepted
            tune(sock)
            task = loop.create_task(self._serve(sock, address))
            self._clients.add(task)
            task.add_done_callback(self._clients.discard)

    async def _serve(self, sock: socket.socket, address: Any) -> None:
        try:
            await self._serve_client(sock, address)
        except Exception:
            _log.exception("a client connection ended by an error of ours")
            sock.close()

    async def stop_accepting(self) -> None:
        """Close the listening sockets; clients go on."""
        for task in self._accepting:
            task.cancel()
        await asyncio.gather(*self._accepting, return_exceptions=True)
        self._accepting = []
        for sock in self._sockets:
            sock.close()
        self._sockets = []

    async def close(self, timeout_s: float) -> None:
        """Stop accepting, wait for the running clients, cancel those that take longer."""
        await self.stop_accepting()
        if not self._clients:
            return
        _, late = await asyncio.wait(self._clients, timeout=timeout_s)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
