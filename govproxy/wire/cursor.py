"""A bounds-checked reader over one message body.

For the cold path (login, upstream start-up, tests); the data plane has its own compiled cursor.
Every read is checked first, so a length that lies becomes a ``ProtocolViolation``, never a
short read or a large allocation.
"""

from __future__ import annotations

from govproxy.errors import ProtocolViolation


class Reader:
    """Reads forward through ``data``. Invariant: ``0 <= position <= len(data)``."""

    __slots__ = ("data", "position")

    def __init__(self, data: bytes, position: int = 0) -> None:
        self.data = data
        self.position = position

    def take(self, size: int) -> bytes:
        """Exactly ``size`` bytes."""
        if size < 0 or size > len(self.data) - self.position:
            raise ProtocolViolation("a message is shorter than its fields say")
        start = self.position
        self.position = start + size
        return self.data[start : self.position]

    def byte(self) -> int:
        """One unsigned byte."""
        return self.take(1)[0]

    def int16(self) -> int:
        """A signed 16-bit integer."""
        return int.from_bytes(self.take(2), "big", signed=True)

    def uint16(self) -> int:
        """An unsigned 16-bit integer, as Bind counts its parameters."""
        return int.from_bytes(self.take(2), "big")

    def int32(self) -> int:
        """A signed 32-bit integer."""
        return int.from_bytes(self.take(4), "big", signed=True)

    def uint32(self) -> int:
        """An unsigned 32-bit integer, as OIDs are."""
        return int.from_bytes(self.take(4), "big")

    def cstring(self) -> bytes:
        """Bytes up to a NUL, which is consumed and not returned."""
        end = self.data.find(b"\0", self.position)
        if end < 0:
            raise ProtocolViolation("a string in a message has no end")
        start = self.position
        self.position = end + 1
        return self.data[start:end]

    def text(self) -> str:
        """A NUL-ended string that must be UTF-8."""
        return decode_utf8(self.cstring())

    def rest(self) -> bytes:
        """All that is left."""
        return self.take(len(self.data) - self.position)

    @property
    def at_end(self) -> bool:
        """True when nothing is left."""
        return self.position == len(self.data)

    def finish(self) -> None:
        """Raise when bytes are left over: a message not understood in full is not understood."""
        if not self.at_end:
            raise ProtocolViolation("a message is longer than its fields say")


def decode_utf8(data: bytes) -> str:
    """UTF-8 or a ``ProtocolViolation``; never a replacement character."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise ProtocolViolation("a string in a message is not valid UTF-8") from None


def encode_cstring(text: str | bytes) -> bytes:
    """A NUL-ended string. A NUL inside would end it early and change the meaning of the rest."""
    data = text.encode("utf-8") if isinstance(text, str) else text
    if b"\0" in data:
        raise ProtocolViolation("a string with a NUL byte cannot be sent")
    return data + b"\0"
