"""What a rehearsal says to the database, and how it reads what is said to that. Messages in and out; knows no order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from govproxy.approvals.rehearsals import Row
from govproxy.session.trialrows import Given
from govproxy.wire.cursor import Reader
from govproxy.wire.framing import HEADER_BYTES
from govproxy.wire.frontend import Target, encode_bind, encode_close, encode_execute, encode_parse, encode_sync

STATEMENT = "govproxy rehearsal"  # the proxy's own; the unnamed one is the client's, and a simple Query would end it

# What an error has left there: its portal lives on in the aborted transaction.
GONE = encode_close(Target.PORTAL, STATEMENT) + encode_close(Target.STATEMENT, STATEMENT)
ROW, COMPLETE, ERROR, NOTICE, READY, PARAMETERS = (ord(kind) for kind in "DCENZt")
ASYNCHRONOUS = frozenset(map(ord, "AS"))
EXPECTED = frozenset(map(ord, "123DCEINZAStnT"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What was said up to one ReadyForQuery, without it. ``raw`` are whole messages."""

    raw: tuple[bytes, ...]
    status: str
    sqlstate: str
    too_long: bool = False

    @property
    def tag(self) -> str:
        """The last command's."""
        for message in reversed(self.raw):
            if message[0] == COMPLETE:
                return message[HEADER_BYTES:-1].decode("ascii", "replace")
        return ""

    def rows(self, codec: str) -> list[Row]:
        """All rows, as text."""
        return [_values(message[HEADER_BYTES:], codec) for message in self.raw if message[0] == ROW]

    @property
    def parameters(self) -> tuple[int, ...]:
        """Types of the parameters of what was described."""
        for message in self.raw:
            if message[0] == PARAMETERS:
                reader = Reader(message[HEADER_BYTES:])
                return tuple(reader.uint32() for _ in range(reader.uint16()))
        return ()


def run(*texts: str) -> bytes:
    """The messages that run statements of the proxy's own, one after another, and leave none behind."""
    return b"".join((*map(one, texts), GONE, encode_sync()))


def one(text: str, codec: str = "ascii", *, given: Given | None = None, types: Sequence[int] = ()) -> bytes:
    """The messages that run one of them, with parameters of these types."""
    values, formats = ((), ()) if given is None else (given.values, given.formats)
    return b"".join(
        (
            GONE,
            encode_parse(text.encode(codec), name=STATEMENT, parameter_types=types),
            encode_bind(portal=STATEMENT, statement=STATEMENT, values=values, parameter_formats=formats),
            encode_execute(STATEMENT),
        )
    )


def _values(body: bytes, codec: str) -> Row:
    reader = Reader(body)
    values: list[str | None] = []
    for _ in range(reader.uint16()):
        size = reader.int32()
        values.append(None if size < 0 else reader.take(size).decode(codec, "replace"))
    return tuple(values)
