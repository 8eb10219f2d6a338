"""Connections to the databases behind: reach them, encrypt, log in, cancel.

Security: errors that reach clients never name host, user or password; what was meant for the
operator travels as the exception's cause.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from govproxy.config.settings import Database, SslMode, is_loopback
from govproxy.errors import GovproxyError, InvalidAuthorization, ProtocolViolation, UpstreamUnavailable
from govproxy.identity.identity import Identity
from govproxy.server.channel import Channel
from govproxy.server.listener import tune
from govproxy.server.tls import certificate_hash, client_context
from govproxy.server.upstream_login import ROLE_SETTING, Credentials, UpstreamLogin
from govproxy.session.parameters import ClientStartup
from govproxy.wire.backend import TransactionStatus
from govproxy.wire.startup import encode_cancel_request, encode_ssl_request

MAX_APPLICATION_NAME = 63
CANCEL_TIMEOUT_S = 10.0
_UNREACHABLE = "the database cannot be reached"


class UpstreamTarget:
    """One configured database, ready to be connected to: the TLS context is made once."""

    __slots__ = ("context", "database")

    def __init__(self, database: Database) -> None:
        self.database = database
        upstream = database.upstream
        on_socket = upstream.socket_path is not None
        self.context: ssl.SSLContext | None = (
            None if on_socket else client_context(upstream.sslmode, upstream.sslrootcert)
        )

    @property
    def is_local(self) -> bool:
        """True when nothing between us and the database can listen."""
        return self.database.upstream.socket_path is not None or is_loopback(self.database.upstream.host)

    def role_for(self, identity: Identity) -> str | None:
        """The role this identity takes; None when no roles are configured.

        Security: with roles configured, an identity none of them fits must not fall back to the
        login role, which may do more than any of them.
        """
        if not self.database.roles:
            return None
        for group, role in self.database.roles:
            if group in identity.groups:
                return role
        raise InvalidAuthorization(
            f'no role in the database "{self.database.name}" is meant for you',
            hint="Ask for membership in a group that the database's role mapping names.",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamReady:
    """A session at the database, idle and known: see ``upstream_login.LoginResult``."""

    channel: Channel
    parameters: Mapping[str, bytes]
    backend_pid: int | None
    backend_secret: bytes = field(repr=False)
    transaction_status: TransactionStatus
    client_encoding: str
    search_path: tuple[str, ...] | None
    current_user: str | None
    leftover: bytes = field(repr=False)


async def connect_upstream(
    target: UpstreamTarget,
    identity: Identity,
    startup: ClientStartup,
    *,
    connect_timeout_s: float = 10.0,
    login_timeout_s: float = 30.0,
) -> UpstreamReady:
    """A session at the database for this identity, with the client's own settings.

    ``UpstreamUnavailable`` (08006) and relatives; the channel is closed on every failure.
    """
    role = target.role_for(identity)
    settings = dict(startup.settings)
    settings["application_name"] = application_name(identity, startup.application)
    if role is not None:
        settings[ROLE_SETTING] = role
    channel = await open_channel(target, timeout_s=connect_timeout_s)
    try:
        async with asyncio.timeout(login_timeout_s):
            result = await UpstreamLogin(channel, nonce=_nonce).run(
                _credentials(target, channel), tuple(settings.items())
            )
    except TimeoutError as error:
        channel.close()
        raise UpstreamUnavailable("the database takes too long to log in") from error
    except BaseException:
        channel.close()
        raise
    return UpstreamReady(
        channel=channel,
        parameters=result.parameters,
        backend_pid=result.backend_pid,
        backend_secret=result.backend_secret,
        transaction_status=result.transaction_status,
        client_encoding=result.client_encoding,
        search_path=result.search_path,
        current_user=result.current_user,
        leftover=result.leftover,
    )


def application_name(identity: Identity, client: str | None) -> str:
    """``govproxy:<identity> <client's own name>``, at most 63 printable ASCII characters.

    The identity comes first, so that no client can push it out or write another one before it.
    """
    whole = f"govproxy:{identity.label}" + (f" | {client}" if client else "")
    return "".join(character if " " <= character <= "~" else "?" for character in whole)[:MAX_APPLICATION_NAME]


def _nonce() -> str:
    return secrets.token_urlsafe(18)


def _credentials(target: UpstreamTarget, channel: Channel) -> Credentials:
    database = target.database
    link = channel.tls
    certificate = link.peer_certificate() if link is not None else None
    return Credentials(
        user=database.upstream.user,
        database=database.upstream.database,
        password=database.password.reveal() if database.password is not None else None,
        confidential=link is not None or target.is_local,
        binding=certificate_hash(certificate) if certificate is not None else None,
    )


async def open_channel(target: UpstreamTarget, *, timeout_s: float) -> Channel:
    """A connection to the database, encrypted as its sslmode says; nothing has been said on it yet."""
    try:
        async with asyncio.timeout(timeout_s):
            channel = Channel(await _connect(target))
            try:
                if target.context is not None:
                    await _start_tls(channel, target, target.context)
            except BaseException:
                channel.close()
                raise
            return channel
    except TimeoutError as error:
        raise UpstreamUnavailable("the database does not answer") from error
    except ProtocolViolation as error:
        raise UpstreamUnavailable("TLS with the database failed", hint="The operator's log has the reason.") from error
    except OSError as error:
        raise UpstreamUnavailable(_UNREACHABLE) from error


async def _connect(target: UpstreamTarget) -> socket.socket:
    upstream = target.database.upstream
    if upstream.socket_path is not None:
        return await _connect_one(socket.AF_UNIX, str(upstream.socket_path))
    last: OSError = OSError("no address")
    for family, address in await _resolve(upstream.host, upstream.port):
        try:
            return await _connect_one(family, address)
        except OSError as error:
            last = error
    raise last


async def _resolve(host: str, port: int) -> list[tuple[int, Any]]:
    try:
        # A literal address needs no thread.
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except socket.gaierror:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [(family, address) for family, _, _, _, address in found]


async def _connect_one(family: int, address: Any) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        tune(sock)
        await asyncio.get_running_loop().sock_connect(sock, address)
    except BaseException:
        sock.close()
        raise
    return sock


async def _start_tls(channel: Channel, target: UpstreamTarget, context: ssl.SSLContext) -> None:
    await channel.write(encode_ssl_request())
    answer = await channel.read()
    if answer == b"N":
        raise ProtocolViolation("the database offers no TLS")
    # Security: more than the one byte would be plaintext that is read as if TLS had
    # protected it (CVE-2021-23222).
    if answer != b"S":
        raise ProtocolViolation("the database answered SSLRequest with neither S nor N")
    host = target.database.upstream.host
    named = host if target.database.upstream.sslmode is SslMode.VERIFY_FULL or not _is_address(host) else None
    await channel.start_tls(context, server_side=False, server_hostname=named)


def _is_address(host: str) -> bool:
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, host)
        except OSError:
            continue
        return True
    return False


async def send_cancel(target: UpstreamTarget, pid: int, secret: bytes, *, timeout_s: float = CANCEL_TIMEOUT_S) -> None:
    """Ask the database to cancel what ``pid`` runs; encrypted as the sessions are.

    Returns when the database has closed the connection, which is its only answer.
    """
    channel = await open_channel(target, timeout_s=timeout_s)
    try:
        async with asyncio.timeout(timeout_s):
            await channel.write(encode_cancel_request(pid, secret))
            while await channel.read():
                pass
    except (OSError, GovproxyError) as error:
        raise UpstreamUnavailable("the cancel request did not reach the database") from error
    finally:
        channel.close()
