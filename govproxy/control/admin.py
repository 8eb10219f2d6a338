"""The admin socket: what the command line asks a running instance.

A Unix socket in the state directory, for the owner of the instance alone (0600). One JSON object
per line in each direction: ``{"command": "sessions"}`` or ``{"command": "kill", "session": id}``.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

import orjson

from govproxy.config.settings import Settings
from govproxy.control.keys import state_directory
from govproxy.errors import ConfigError, GovproxyError
from govproxy.session.figures import WorkerFigures
from govproxy.session.link import SessionInfo

SOCKET_NAME = "govproxy.sock"
MAX_LINE_BYTES = 16 << 20
TIMEOUT_S = 10.0


class Sessions(Protocol):
    """Who knows the live sessions: the supervisor."""

    async def sessions(self) -> list[SessionInfo]: ...
    async def kill(self, session: str) -> bool: ...
    async def figures(self) -> list[WorkerFigures]: ...
    async def rotate_key(self) -> str: ...


class Desk(Protocol):
    """Answers questions about one subject; None: it is about something else."""

    async def answer(self, question: dict[str, Any]) -> dict[str, Any] | None: ...


def socket_path(settings: Settings) -> Path:
    """Where the admin socket of an instance is."""
    return state_directory(settings) / SOCKET_NAME


class AdminServer:
    """Answers on the admin socket while the instance runs."""

    def __init__(self, settings: Settings, sessions: Sessions, *desks: Desk) -> None:
        self._path = socket_path(settings)
        self._sessions = sessions
        self._desks = desks
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen. A socket left by an instance that is gone is replaced; a living one is an error."""
        if self._path.exists():
            if _answers(self._path):
                raise ConfigError("another instance runs with this state directory", file=self._path)
            self._path.unlink()
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        # Security: nobody else may connect, not even for a moment.
        sock.bind(str(self._path))
        self._path.chmod(0o600)
        self._server = await asyncio.start_unix_server(self._serve, sock=sock, limit=MAX_LINE_BYTES)

    async def stop(self) -> None:
        """Stop listening and remove the socket."""
        if self._server is not None:
            self._server.close()
            self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(TIMEOUT_S):
                line = await reader.readline()
                writer.write(orjson.dumps(await self._answer(line)) + b"\n")
                await writer.drain()
        except (TimeoutError, ValueError, ConnectionError):
            pass  # whoever asked is gone, or said something that is no question
        finally:
            writer.close()

    async def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            question = orjson.loads(line)
        except orjson.JSONDecodeError:
            return {"error": "not a JSON object"}
        match question:
            case {"command": "sessions"}:
                return {"sessions": [asdict(session) for session in await self._sessions.sessions()]}
            case {"command": "figures"}:
                return {"workers": [asdict(figures) for figures in await self._sessions.figures()]}
            case {"command": "rotate-key"}:
                try:
                    return {"key": await self._sessions.rotate_key()}
                except (GovproxyError, OSError) as error:
                    return {"error": str(error)}
            case {"command": "kill", "session": str(session)}:
                return {"killed": await self._sessions.kill(session)}
            case _:
                for desk in self._desks:
                    if (answer := await desk.answer(question)) is not None:
                        return answer
                return {"error": "unknown command"}


def ask(settings: Settings, question: Mapping[str, Any]) -> dict[str, Any]:
    """Ask a running instance. ConfigError when none runs with this configuration."""
    path = socket_path(settings)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
            sock.settimeout(TIMEOUT_S)
            sock.connect(str(path))
            sock.sendall(orjson.dumps(question) + b"\n")
            with sock.makefile("rb") as stream:
                answer: dict[str, Any] = orjson.loads(stream.readline(MAX_LINE_BYTES))
    except OSError as error:
        raise ConfigError("no instance answers for this configuration", file=path, hint="govproxy serve") from error
    if "error" in answer:
        raise ConfigError(f"the instance refused: {answer['error']}", file=path)
    return answer


def is_running(settings: Settings) -> bool:
    """Whether an instance answers for this configuration."""
    return socket_path(settings).exists() and _answers(socket_path(settings))


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
        return True
