"""A client that says exactly what it is told to: for everything a driver would never send."""

from __future__ import annotations

import socket
from types import TracebackType
from typing import Self

from govproxy.wire.backend import Backend
from govproxy.wire.errors import decode_fields
from govproxy.wire.framing import Message, MessageBuffer
from tests.support.waiting import DEADLINE_S


class RawClient:
    """A blocking connection. ``read_message`` and ``read_rest`` fail the test after a deadline."""

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self.socket: socket.socket = socket.create_connection((host, port), timeout=DEADLINE_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = MessageBuffer()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        """Send all of it."""
        self.socket.sendall(data)

    def read_bytes(self, size: int) -> bytes:
        """Exactly that many bytes, before any message is read."""
        data = b""
        while len(data) < size:
            chunk = self.socket.recv(size - len(data))
            assert chunk, f"the connection ended after {data!r}"
            data += chunk
        return data

    def read_message(self) -> Message | None:
        """The next message; None at the end of the stream."""
        while (message := self._buffer.next_message()) is None:
            data = self.socket.recv(65_536)
            if not data:
                assert not self._buffer.take_rest(), "the stream ends in a message"
                return None
            self._buffer.feed(data)
        return message

    def read_all(self) -> list[Message]:
        """All messages up to the end of the stream."""
        messages = []
        while (message := self.read_message()) is not None:
            messages.append(message)
        return messages

    def read_until(self, kind: Backend) -> list[Message]:
        """Messages up to and with the first of this kind."""
        messages: list[Message] = []
        while not messages or messages[-1].kind != kind:
            message = self.read_message()
            assert message is not None, f"the stream ended after {messages}"
            messages.append(message)
        return messages

    def fatal(self) -> dict[str, str]:
        """The FATAL that ends the connection: the last message, and after it the end of the stream."""
        messages = self.read_all()
        assert messages, "the connection was closed without a word"
        assert messages[-1].kind == Backend.ERROR_RESPONSE, messages
        fields = dict(decode_fields(messages[-1].body))
        assert (fields["S"], fields["V"]) == ("FATAL", "FATAL")
        return fields
