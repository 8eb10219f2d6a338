"""Serves the console on its address for as long as the control process runs."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import uvicorn

from govproxy.config.settings import Settings
from govproxy.console.app import Source, application
from govproxy.errors import ConfigError


class ConsoleServer:
    """Does nothing where no console is configured."""

    def __init__(self, settings: Settings, source: Source) -> None:
        self._settings = settings
        self._source = source
        self._server: uvicorn.Server | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listen. Raises `ConfigError` where the address is taken."""
        console = self._settings.console
        if console is None:
            return
        sock = _listening(self._settings, console.listen.host, console.listen.port)
        config = uvicorn.Config(application(self._source), log_config=None, access_log=False, lifespan="off")
        self._server = _Quiet(config)
        self._task = asyncio.get_running_loop().create_task(self._server.serve([sock]), name="console")

    async def stop(self) -> None:
        """Answer what was asked, then stop."""
        if self._server is not None and self._task is not None:
            self._server.should_exit = True
            await self._task


class _Quiet(uvicorn.Server):
    """Leaves the signals to the supervisor."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


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
