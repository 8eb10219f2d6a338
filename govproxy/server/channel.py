"""One connection during login: a raw non-blocking socket, with or without TLS.

Uses the loop's socket calls, no asyncio transport, so that the descriptor and the TLS object can
be handed to the data plane as they are (``detach``). Knows no protocol.
"""

from __future__ import annotations

import asyncio
import socket
import ssl

from govproxy.errors import GovproxyError, InternalError
from govproxy.server.tls import TlsLink

ALERT_TIMEOUT_S = 0.5
READ_BYTES = 16_384  # logins are short; the data plane has its own, larger buffer


class Channel:
    """Owns its socket until ``detach`` or ``close``; one reader and one writer at a time.

    ``read`` returns ``b""`` at the end of the stream and never otherwise.
    """

    __slots__ = ("_loop", "_socket", "_tls", "_unread")

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self._loop = asyncio.get_running_loop()
        self._socket: socket.socket | None = sock
        self._tls: TlsLink | None = None
        self._unread = b""

    @property
    def tls(self) -> TlsLink | None:
        """The TLS link once it is up."""
        return self._tls

    @property
    def is_open(self) -> bool:
        """False once closed or handed on."""
        return self._socket is not None

    def _open_socket(self) -> socket.socket:
        if self._socket is None:
            raise InternalError("the channel was closed or handed on")
        return self._socket

    async def read(self) -> bytes:
        """The next plaintext bytes; ``b""`` when the peer has closed or gone."""
        if self._unread:
            data, self._unread = self._unread, b""
            return data
        while True:
            received = await self._receive()
            if self._tls is None or not received:
                return received
            plaintext = self._tls.decrypt(received)
            await self._send_pending(self._tls)
            if plaintext or self._tls.closed:
                return plaintext

    async def _receive(self) -> bytes:
        try:
            return await self._loop.sock_recv(self._open_socket(), READ_BYTES)
        except (ConnectionError, TimeoutError, BrokenPipeError):
            return b""

    async def write(self, data: bytes) -> None:
        """Send all of it; ``ConnectionError`` when the peer has gone."""
        await self._loop.sock_sendall(self._open_socket(), data if self._tls is None else self._tls.encrypt(data))

    async def _send_pending(self, link: TlsLink) -> None:
        pending = link.pending_out()
        if pending:
            await self._loop.sock_sendall(self._open_socket(), pending)

    def unread(self, data: bytes) -> None:
        """Put plaintext back in front of what ``read`` returns next."""
        self._unread = data + self._unread

    async def start_tls(
        self,
        context: ssl.SSLContext,
        *,
        server_side: bool,
        already_read: bytes = b"",
        server_hostname: str | None = None,
    ) -> TlsLink:
        """Run the handshake. ``already_read`` are TLS bytes that came before anybody knew it.

        A failed handshake is a ``ProtocolViolation``, its alert has been sent. On every failure the channel
        is closed, because whatever came next the peer would take for TLS.
        """
        if self._tls is not None or self._unread:
            raise InternalError("TLS cannot start here")
        link = TlsLink(context, server_side=server_side, server_hostname=server_hostname)
        try:
            await self._shake_hands(link, already_read)
            # Application data may have come in one piece with the end of the handshake.
            self._unread = link.decrypt(b"")
        except BaseException:
            self.close()
            raise
        self._tls = link
        return link

    async def _shake_hands(self, link: TlsLink, data: bytes) -> None:
        while True:
            try:
                finished = link.handshake(data)
            except GovproxyError:
                await self._send_pending(link)
                await self.close_gently(ALERT_TIMEOUT_S)
                raise
            await self._send_pending(link)
            if finished:
                return
            data = await self._receive()
            if not data:
                raise ConnectionResetError("the peer closed the connection during the TLS handshake")

    def detach(self) -> tuple[socket.socket, TlsLink | None, bytes]:
        """Give everything away: socket, TLS link, plaintext received and not yet read."""
        sock = self._open_socket()
        self._socket = None
        leftover, self._unread = self._unread, b""
        return sock, self._tls, leftover

    async def close_gently(self, timeout_s: float) -> None:
        """Close so that what was written arrives: a close with unread bytes would reset the
        connection and take the last error with it. Waits at most ``timeout_s`` for the peer."""
        sock = self._socket
        if sock is None:
            return
        try:
            async with asyncio.timeout(timeout_s):
                if self._tls is not None:
                    goodbye = self._tls.close_notify()
                    if goodbye:
                        await self._loop.sock_sendall(sock, goodbye)
                sock.shutdown(socket.SHUT_WR)
                discarded = 0
                while discarded < 1 << 20 and (data := await self._loop.sock_recv(sock, READ_BYTES)):
                    discarded += len(data)
        except OSError:  # the peer has gone or takes too long (TimeoutError is one): nothing is lost but courtesy
            pass
        finally:
            self.close()

    async def hang_up(self) -> None:
        """Close without waiting for the peer, but tell it through TLS that this is the end."""
        sock = self._socket
        try:
            if sock is not None and self._tls is not None and (goodbye := self._tls.close_notify()):
                await self._loop.sock_sendall(sock, goodbye)
        except OSError:
            pass  # the peer has gone: nobody to tell
        finally:
            self.close()

    def close(self) -> None:
        """Close at once. Doing it twice is harmless; after ``detach`` it does nothing."""
        sock, self._socket = self._socket, None
        if sock is not None:
            sock.close()
