"""Serves the console on its address for as long as the control process runs."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
import ssl
from collections.abc import Iterator

import uvicorn

from govproxy.audit.keys import PublicKey
from govproxy.config.settings import Settings, TlsSettings
from govproxy.console.app import Source, application
from govproxy.console.callbacks import Take
from govproxy.console.desk import Desk, Looks, Rights
from govproxy.console.feed import Feed
from govproxy.console.patience import ImpatientProtocol
from govproxy.console.webhooks import Webhooks
from govproxy.control.decisions import Decisions
from govproxy.errors import ConfigError

MAX_CONNECTIONS = 512
STOP_TIMEOUT_S = 5


class ConsoleServer:
    """Does nothing where no console is configured. Until `attach`, it knows of no approvals (503)."""

    def __init__(
        self,
        settings: Settings,
        source: Source,
        *,
        looks: Looks,
        webhooks: Webhooks,
        public_key: PublicKey,
        decisions: Decisions | None = None,
    ) -> None:
        self._decisions = decisions
        self._settings = settings
        self._source = source
        self._desk: Desk | None = None
        self._rights: Rights | None = None
        self._looks = looks
        self._webhooks = webhooks
        self._take: Take | None = None
        self._public_key = public_key
        self._feed = Feed(boot=secrets.token_hex(4))
        self._server: uvicorn.Server | None = None
        self._task: asyncio.Task[None] | None = None

    def attach(self, desk: Desk, rights: Rights, take: Take) -> None:
        """Serve these approvals from now on, and tell their changes. ``take`` remembers nonces."""
        self._desk = desk
        self._rights = rights
        self._take = take
        # Requests of other instances too: whoever looks at the page does not know which one it is of.
        desk.listen(self._feed.changed, everywhere=True)

    async def start(self) -> None:
        """Listen. Raises `ConfigError` where the address is taken, or keys cannot be read."""
        console = self._settings.console
        if console is None:
            return
        app = application(
            self._settings,
            self._source,
            desk=lambda: self._desk,
            looks=self._looks,
            rights=lambda: self._rights,
            take=lambda: self._take,
            webhooks=self._webhooks,
            feed=self._feed,
            public_key=self._public_key,
            decisions=self._decisions,
        )
        tls = None if console.tls is None else _tls_context(console.tls)
        sock = _listening(self._settings, console.listen.host, console.listen.port)
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="off",
            http=ImpatientProtocol,
            ws="none",
            server_header=False,
            # Security: who a request is from is who connected, not what a header says.
            proxy_headers=False,
            limit_concurrency=MAX_CONNECTIONS,
            timeout_graceful_shutdown=STOP_TIMEOUT_S,
            ssl_context_factory=None if tls is None else lambda config, default: tls,
        )
        self._server = _Quiet(config)
        self._task = asyncio.get_running_loop().create_task(self._server.serve([sock]), name="console")

    async def stop(self) -> None:
        """Answer what was asked, then stop."""
        self._feed.close()
        if self._server is not None and self._task is not None:
            self._server.should_exit = True
            await self._task


class _Quiet(uvicorn.Server):
    """Leaves the signals to the supervisor."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _tls_context(tls: TlsSettings) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(tls.certificate, tls.private_key)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError("the console's certificate and key cannot be used together", file=tls.certificate) from error
    return context


def _listening(settings: Settings, host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        sock.listen()
    except OSError as error:
        sock.close()
        raise ConfigError(
            f"the console cannot listen on {host}:{port}: {error.strerror}", file=settings.file
        ) from error
    return sock
