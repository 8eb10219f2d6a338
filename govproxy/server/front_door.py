"""From accept() to two authenticated connections: what happens to a client before its first statement.

Drives ``session.login`` over a ``Channel``, connects upstream and makes the client's welcome. Knows
nothing of statements, policy or the ledger: its caller records, then lets the client in.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import secrets
import socket
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from govproxy.errors import GovproxyError, InternalError, LimitExceeded
from govproxy.identity.identity import Identity
from govproxy.identity.methods import ConnectionFacts
from govproxy.server.channel import Channel
from govproxy.server.listener import Admission, Ticket
from govproxy.server.tls import ServerTls, TlsLink
from govproxy.server.upstream import UpstreamReady, UpstreamTarget, connect_upstream, send_cancel
from govproxy.session.cancel import CancelKey, CancelRegistry, worker_of
from govproxy.session.login import Action, Cancel, Established, Login, LoginRules, Refuse, Send, StartTls
from govproxy.session.parameters import ClientStartup
from govproxy.wire import backend
from govproxy.wire.errors import error_response
from govproxy.wire.startup import CancelRequest

GOODBYE_TIMEOUT_S = 1.0
TURN_AWAY_TIMEOUT_S = 5.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientAddress:
    """Where a client came from. ``host`` is '' on a Unix socket."""

    host: str
    port: int
    unix_socket: bool = False

    @property
    def is_local(self) -> bool:
        """True when nothing between the client and us can listen."""
        if self.unix_socket:
            return True
        address = ipaddress.ip_address(self.host.partition("%")[0])
        mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
        return (mapped or address).is_loopback

    def __str__(self) -> str:
        if self.unix_socket:
            return "unix"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamCancel:
    """What one of our cancel keys stands for."""

    target: UpstreamTarget
    pid: int
    secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginFailure:
    """A client that was turned away. ``startup`` None: it did not get as far as naming anybody."""

    error: GovproxyError
    address: ClientAddress
    startup: ClientStartup | None
    identity: Identity | None  # proven, and refused nevertheless


@dataclass(frozen=True, slots=True, kw_only=True)
class Handover:
    """Two descriptors and what the data plane must know of them. The receiver closes both.

    ``client_leftover`` is plaintext the client has sent already, ``upstream_leftover`` plaintext of
    the database; both are to be fed to the conversation before anything is read.
    """

    client: socket.socket
    client_tls: TlsLink | None
    client_leftover: bytes = field(repr=False)
    upstream: socket.socket
    upstream_tls: TlsLink | None
    upstream_leftover: bytes = field(repr=False)


class Door:
    """What a worker lets clients in by. Its attributes are replaced whole when settings change.

    ``settings_for``: what a session of that identity begins with, given what its client asked for.
    ``cancel_held`` cancels what has not reached the database yet, and says whether it did.
    ``forward_cancel`` passes a CancelRequest on to the worker that holds the key. ``draining``:
    when set, every newcomer gets this error.
    """

    def __init__(
        self,
        *,
        worker: int,
        rules: LoginRules,
        targets: Mapping[str, UpstreamTarget],
        tls: ServerTls | None,
        admission: Admission,
        login_timeout_s: float = 30.0,
        connect_timeout_s: float = 10.0,
        on_failure: Callable[[LoginFailure], None],
        forward_cancel: Callable[[int, CancelRequest], Awaitable[None]] | None = None,
        cancel_held: Callable[[int], bool] = lambda pid: False,
        settings_for: Callable[[Identity, ClientStartup], Mapping[str, str]] = lambda identity, startup: (
            startup.settings
        ),
    ) -> None:
        self.worker = worker
        self.rules = rules
        self.targets = targets
        self.tls = tls
        self.admission = admission
        self.login_timeout_s = login_timeout_s
        self.connect_timeout_s = connect_timeout_s
        self.draining: GovproxyError | None = None
        self.cancel_keys: CancelRegistry[UpstreamCancel | None] = CancelRegistry(
            worker, random_bytes=secrets.token_bytes
        )
        self._on_failure = on_failure
        self._forward_cancel = forward_cancel
        self._cancel_held = cancel_held
        self.settings_for = settings_for

    async def welcome(self, sock: socket.socket, address: Any, *, request_id: str | None = None) -> Guest | None:
        """Everything up to the point where the client could be let in; None when there is nobody to let in.

        Owns ``sock``: where None comes back, the refusal has been answered and reported, and it is
        closed. ``request_id`` goes into the DETAIL of a refusal.
        """
        visit = _Visit(self, Channel(sock), client_address(sock, address), request_id)
        guest: Guest | None = None
        try:
            guest = await visit.run()
        except GovproxyError as error:
            try:
                self._on_failure(visit.failure(error))
            finally:
                await say_goodbye(visit.channel, error, request_id)
        except OSError:
            pass  # the client has gone: nobody to tell
        except Exception as error:
            _log.exception("a login failed by an error of ours")
            await say_goodbye(visit.channel, error, request_id)
        finally:
            if guest is None:
                visit.abandon()
        return guest

    async def cancel(self, request: CancelRequest) -> None:
        """Carry out a CancelRequest for one of our keys, here or at the worker that holds it.

        Security: the outcome is never told, not even to the log, beyond failures upstream.
        """
        holder = worker_of(request.pid)
        if holder != self.worker:
            if holder is not None and self._forward_cancel is not None:
                await self._forward_cancel(holder, request)
            return
        found = self.cancel_keys.find(request.pid, request.secret)
        if found is not None and not self._cancel_held(request.pid):
            await self._tell(found)

    def cancel_running(self, key: CancelKey) -> Coroutine[Any, Any, None]:
        """Stop what the database does for one of our sessions, which may be over by the time it is told."""
        found = self.cancel_keys.find(key.pid, key.secret)
        return _nothing() if found is None else self._tell(found)

    def part_with(self, key: CancelKey, ticket: Ticket | None) -> None:
        """The session is over: forget its key and free its place. Twice is harmless."""
        self.cancel_keys.release(key)
        if ticket is not None:
            ticket.release()

    async def _tell(self, found: UpstreamCancel) -> None:
        try:
            await send_cancel(found.target, found.pid, found.secret, timeout_s=self.connect_timeout_s)
        except GovproxyError as error:
            _log.warning("a cancel request was not delivered: %s", error.message)


class Guest:
    """A client whose identity is proven and whose database session is ready, not yet let in.

    Exactly one of ``admit`` and ``refuse`` is called. A session lives long and may be one of many, so
    after ``admit`` nothing is kept of its guest but what ``Door.part_with`` needs at the session's end.
    """

    __slots__ = (
        "_channel",
        "_door",
        "_remaining",
        "_welcome",
        "address",
        "cancel_key",
        "identity",
        "request_id",
        "settings",
        "startup",
        "target",
        "ticket",
        "tls",
        "upstream",
    )

    def __init__(
        self,
        visit: _Visit,
        established: Established,
        target: UpstreamTarget,
        upstream: UpstreamReady,
        settings: Mapping[str, str],
    ) -> None:
        self._door = visit.door
        self._channel = visit.channel
        self.ticket = visit.ticket
        self._remaining = established.remaining
        self.address = visit.address
        self.request_id = visit.request_id
        self.startup = established.startup
        self.identity = established.identity
        self.tls = established.tls
        self.target = target
        self.upstream = upstream
        self.settings = settings
        key_target = None
        if upstream.backend_pid is not None:
            key_target = UpstreamCancel(target=target, pid=upstream.backend_pid, secret=upstream.backend_secret)
        self.cancel_key: CancelKey = self._door.cancel_keys.register(key_target, minor=established.startup.minor)
        self._welcome = established.greeting + encode_welcome(established.startup, upstream, self.cancel_key)

    async def admit(self) -> Handover:
        """Send the welcome, which ends in ReadyForQuery, and give both connections away.

        ``ConnectionError`` when the client has gone; then everything is closed and released.
        """
        try:
            await self._channel.write(self._welcome)
        except BaseException:
            self._close()
            raise
        if self.ticket is not None:
            self.ticket.logged_in()
        client, client_tls, client_leftover = self._channel.detach()
        upstream, upstream_tls, upstream_leftover = self.upstream.channel.detach()
        return Handover(
            client=client,
            client_tls=client_tls,
            client_leftover=self._remaining + client_leftover,
            upstream=upstream,
            upstream_tls=upstream_tls,
            upstream_leftover=self.upstream.leftover + upstream_leftover,
        )

    async def refuse(self, error: GovproxyError) -> None:
        """Turn the client away after all, with a FATAL."""
        try:
            await say_goodbye(self._channel, error, self.request_id)
        finally:
            self._close()

    def _close(self) -> None:
        self._channel.close()
        self.upstream.channel.close()
        self._door.part_with(self.cancel_key, self.ticket)


class _Visit:
    """One client on its way in: holds what must be given back when it does not get there."""

    def __init__(self, door: Door, channel: Channel, address: ClientAddress, request_id: str | None) -> None:
        self.door = door
        self.channel = channel
        self.address = address
        self.request_id = request_id
        self.ticket: Ticket | None = None
        self._login = self._new_login(None)

    def _new_login(self, turn_away: GovproxyError | None) -> Login:
        address = self.address
        facts = ConnectionFacts(encrypted=False, local=address.is_local, unix_socket=address.unix_socket)
        return Login(self.door.rules, facts, nonce=_nonce, turn_away=turn_away)

    async def run(self) -> Guest | None:
        door = self.door
        timeout_s = door.login_timeout_s
        try:
            if door.draining is not None:
                raise door.draining
            self.ticket = door.admission.admit()
        except GovproxyError as error:
            self.ticket = door.admission.turn_away()
            self._login = self._new_login(error)
            timeout_s = min(timeout_s, TURN_AWAY_TIMEOUT_S)
        try:
            async with asyncio.timeout(timeout_s):
                outcome = await self._log_in()
        except TimeoutError:
            raise LimitExceeded(f"the login took longer than {timeout_s:g} seconds") from None
        match outcome:
            case None:
                return None
            case Cancel(request):
                # Closed first: the client waits for nothing but the end of the connection, and must
                # not learn from the time it takes whether the key exists.
                await self.channel.hang_up()
                await door.cancel(request)
                return None
            case Established():
                return await self._reach_database(outcome)
            case _:
                raise InternalError("a login ended in nothing known")

    async def _log_in(self) -> Established | Cancel | None:
        """Feed the login machine until it is through; None when the client went away."""
        while data := await self.channel.read():
            actions = self._login.feed(data)
            while actions:
                action = actions.pop(0)
                match action:
                    case Send(reply):
                        await self.channel.write(reply)
                    case StartTls():
                        actions += await self._start_tls(action)
                    case Refuse(error):
                        raise error
                    case Established() | Cancel():
                        return action
                    case _:
                        raise InternalError("the login machine wants something unknown")
        return None

    async def _start_tls(self, action: StartTls) -> list[Action]:
        tls = self.door.tls
        if tls is None:
            raise InternalError("TLS was accepted without a certificate")
        if action.reply:
            await self.channel.write(action.reply)
        binding = tls.binding
        link = await self.channel.start_tls(tls.context, server_side=True, already_read=action.already_read)
        return self._login.feed_tls_established(alpn=link.alpn, binding=binding)

    async def _reach_database(self, established: Established) -> Guest:
        target = self.door.targets.get(established.startup.database)
        if target is None:
            raise InternalError("a database that may be named has no target")
        settings = self.door.settings_for(established.identity, established.startup)
        upstream = await connect_upstream(
            target,
            established.identity,
            replace(established.startup, settings=settings),
            connect_timeout_s=self.door.connect_timeout_s,
            login_timeout_s=self.door.login_timeout_s,
        )
        try:
            return Guest(self, established, target, upstream, settings)
        except BaseException:
            upstream.channel.close()
            raise

    def failure(self, error: GovproxyError) -> LoginFailure:
        """What to report about this visit."""
        return LoginFailure(
            error=error, address=self.address, startup=self._login.startup, identity=self._login.identity
        )

    def abandon(self) -> None:
        """Give everything back."""
        self.channel.close()
        if self.ticket is not None:
            self.ticket.release()


def encode_welcome(startup: ClientStartup, upstream: UpstreamReady, key: CancelKey) -> bytes:
    """What follows AuthenticationOk: the database's ParameterStatus, our cancel key, ReadyForQuery."""
    messages = bytearray()
    for name, value in upstream.parameters.items():
        # The database knows the session by the name with the identity in it; the client knows its own.
        shown = (startup.application or "").encode("ascii", "replace") if name == "application_name" else value
        messages += backend.encode_parameter_status(name, shown)
    messages += backend.encode_backend_key_data(key.pid, key.secret)
    messages += backend.ready_for_query(upstream.transaction_status)
    return bytes(messages)


async def say_goodbye(channel: Channel, error: Exception, request_id: str | None = None) -> None:
    """FATAL, then an orderly close. Never raises for a client that has gone already."""
    if not channel.is_open:
        return
    try:
        async with asyncio.timeout(GOODBYE_TIMEOUT_S):
            await channel.write(error_response(error, severity="FATAL", request_id=request_id))
        await channel.close_gently(GOODBYE_TIMEOUT_S)
    except (OSError, GovproxyError):
        channel.close()


def client_address(sock: socket.socket, address: Any) -> ClientAddress:
    """The peer's address as a value."""
    if sock.family == socket.AF_UNIX:
        return ClientAddress(host="", port=0, unix_socket=True)
    return ClientAddress(host=address[0], port=address[1])


def _nonce() -> str:
    return secrets.token_urlsafe(18)


async def _nothing() -> None:
    """There is no such session any more."""
