"""The least a proxy in Python can do: bytes from one socket to the other, on uvloop, no rules at all.

``python -m bench.relay LISTEN_PORT UPSTREAM_PORT``. A yardstick for the report: what the event loop and its
transports cost without a single line of protocol.
"""

from __future__ import annotations

import asyncio
import sys
from typing import cast

import uvloop

HOST = "127.0.0.1"


class Side(asyncio.Protocol):
    """One of two sockets; ``other`` gets what arrives here."""

    def __init__(self, other: Side | None = None) -> None:
        self.other = other
        self.transport: asyncio.Transport | None = None
        self.early: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        if self.other is not None and self.other.early:
            self.transport.write(b"".join(self.other.early))
            self.other.early.clear()

    def data_received(self, data: bytes) -> None:
        other = self.other
        if other is None or other.transport is None:
            self.early.append(data)
        else:
            other.transport.write(data)

    def connection_lost(self, error: Exception | None) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.close()

    def pause_writing(self) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.resume_reading()


class Client(Side):
    """A client's socket: opens the other one."""

    def __init__(self, upstream_port: int, tasks: set[asyncio.Task[None]]) -> None:
        super().__init__()
        self._upstream_port = upstream_port
        self._tasks = tasks

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        task = asyncio.get_running_loop().create_task(self._open())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _open(self) -> None:
        self.other = other = Side(self)
        try:
            await asyncio.get_running_loop().create_connection(lambda: other, HOST, self._upstream_port)
        except OSError:
            if self.transport is not None:
                self.transport.close()


async def main(port: int, upstream_port: int) -> None:
    """Relay until killed."""
    tasks: set[asyncio.Task[None]] = set()
    server = await asyncio.get_running_loop().create_server(
        lambda: Client(upstream_port, tasks), HOST, port, backlog=1024
    )
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), int(sys.argv[2])))
