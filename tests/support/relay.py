"""A relay between proxy and database that keeps what the proxy said: "the backend received nothing" as a fact.

Bytes are kept before they are passed on, so whoever has read an answer to something can look up
what the database had got by then. It also stands for a database that lies or dies: ``answer``
replaces what the real one says next, ``cut_after`` ends the connection in the middle of it.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

CHUNK_BYTES = 65_536
JOIN_S = 60.0


@dataclass(slots=True, eq=False)
class Leg:
    """One relayed connection: ``received`` is everything the database got over it."""

    proxy: socket.socket
    database: socket.socket
    received: bytearray = field(default_factory=bytearray)
    answer: bytes | None = None
    cut_after: int | None = None
    _running: int = 2  # directions that are passed on
    _lock: threading.Lock = field(default_factory=threading.Lock)

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
        """End both connections. Whoever passes bytes on hears of it and closes them."""
        for sock in (self.proxy, self.database):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def direction_ended(self) -> None:
        """Close what nobody uses any more: only that makes a database stop that is still sending."""
        with self._lock:
            self._running -= 1
            if self._running == 0:
                self.proxy.close()
                self.database.close()


class RecordingRelay:
    """Listens on loopback, connects on to ``target`` for each connection, records one direction.

    Two threads for each connection, so that one that is not read keeps no other waiting.
    """

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._threads = [threading.Thread(target=self._accept, name="recording-relay")]
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
        self._threads[0].start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._threads[0].join(JOIN_S)
        for leg in self.legs:
            leg.cut()
        for thread in self._threads:
            thread.join(JOIN_S)
            assert not thread.is_alive(), "the relay did not stop"
        self._listening.close()

    def _accept(self) -> None:
        while True:
            try:
                proxy, _ = self._listening.accept()
            except OSError:
                return
            leg = Leg(proxy, socket.create_connection(self._target), cut_after=self.cut_next_after)
            self.cut_next_after = None
            for sock in (leg.proxy, leg.database):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.legs.append(leg)
            if leg.cut_after == 0:
                leg.cut()
            for from_proxy in (True, False):
                thread = threading.Thread(target=self._pass_on, args=(leg, from_proxy), name="recording-relay-leg")
                self._threads.append(thread)
                thread.start()

    def _pass_on(self, leg: Leg, from_proxy: bool) -> None:
        source, target = (leg.proxy, leg.database) if from_proxy else (leg.database, leg.proxy)
        try:
            while data := source.recv(CHUNK_BYTES):
                if from_proxy:
                    leg.received += data
                else:
                    data = leg.said(data)
                target.sendall(data)
                if leg.cut_after == 0:
                    leg.cut()
            target.shutdown(socket.SHUT_WR)
        except OSError:
            # One side is gone in the middle of something: the other must hear of it, or would wait for ever.
            leg.cut()
        finally:
            leg.direction_ended()
