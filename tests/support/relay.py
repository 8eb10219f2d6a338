"""A relay between proxy and database that keeps what the proxy said: "the backend received nothing" as a fact.

Bytes are kept before they are passed on, so whoever has read an answer to something can look up
what the database had got by then. It also stands for a database that lies or dies: ``answer``
replaces what the real one says next, ``cut_after`` ends the connection in the middle of it.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

CHUNK_BYTES = 65_536
JOIN_S = 10.0


@dataclass(slots=True, eq=False)
class Leg:
    """One relayed connection: ``received`` is everything the database got over it."""

    proxy: socket.socket
    database: socket.socket
    received: bytearray = field(default_factory=bytearray)
    answer: bytes | None = None
    cut_after: int | None = None

    def said(self, data: bytes) -> bytes:
        """What the proxy hears when the database says this."""
        if self.answer is not None:
            data, self.answer = self.answer, None
        if self.cut_after is None:
            return data
        data = data[: self.cut_after]
        self.cut_after -= len(data)
        return data

    def cut(self) -> None:
        """End both connections."""
        for sock in (self.proxy, self.database):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)


class RecordingRelay:
    """Listens on loopback, connects on to ``target`` for each connection, records one direction."""

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._wake, self._woken = socket.socketpair()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="recording-relay")
        self.legs: list[Leg] = []
        self.cut_next_after: int | None = None  # of the next connection

    @property
    def port(self) -> int:
        """Where the proxy connects to."""
        return int(self._listening.getsockname()[1])

    def leg_with(self, marker: bytes) -> Leg:
        """The one connection that carried ``marker`` towards the database."""
        (found,) = [leg for leg in tuple(self.legs) if marker in leg.received]
        return found

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping = True
        self._wake.send(b"x")
        self._thread.join(JOIN_S)
        assert not self._thread.is_alive(), "the relay did not stop"
        for leg in self.legs:
            leg.proxy.close()
            leg.database.close()
        for sock in (self._listening, self._wake, self._woken):
            sock.close()

    def _run(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._listening, selectors.EVENT_READ)
            selector.register(self._woken, selectors.EVENT_READ)
            while not self._stopping:
                for key, _ in selector.select():
                    if key.fileobj is self._listening:
                        self._accept(selector)
                    elif key.fileobj is not self._woken:
                        self._pass_on(selector, key)

    def _accept(self, selector: selectors.BaseSelector) -> None:
        proxy, _ = self._listening.accept()
        database = socket.create_connection(self._target)
        for sock in (proxy, database):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        leg = Leg(proxy, database, cut_after=self.cut_next_after)
        self.cut_next_after = None
        self.legs.append(leg)
        selector.register(proxy, selectors.EVENT_READ, leg)
        selector.register(database, selectors.EVENT_READ, leg)
        if leg.cut_after == 0:
            leg.cut()

    def _pass_on(self, selector: selectors.BaseSelector, key: selectors.SelectorKey) -> None:
        leg: Leg = key.data
        from_proxy = key.fileobj is leg.proxy
        source, target = (leg.proxy, leg.database) if from_proxy else (leg.database, leg.proxy)
        try:
            data = source.recv(CHUNK_BYTES)
            if from_proxy:
                leg.received += data
            elif data:
                data = leg.said(data)
            target.sendall(data)
            if leg.cut_after == 0:
                leg.cut()
        except OSError:
            data = b""
        if not data:
            selector.unregister(source)
            with contextlib.suppress(OSError):
                target.shutdown(socket.SHUT_WR)
