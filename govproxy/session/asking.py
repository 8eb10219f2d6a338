"""A question that the proxy asks the database about a statement, as the bytes of messages.

Where it is asked, on the client's own session, and how the answer gets back is `_fastpath.asking`'s.
Here is what is sent so that no trace is left: settings for the question alone, under a name of the
proxy's own, inside a savepoint where a transaction is open. Knows nothing of what is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from govproxy._fastpath.conversation import Conversation
from govproxy._fastpath.verdicts import Verdict
from govproxy.errors import UpstreamFault
from govproxy.session import messages
from govproxy.session.copying import PROBE
from govproxy.session.waiting import Cause, Waiting
from govproxy.wire.cursor import Reader
from govproxy.wire.frontend import (
    Target,
    encode_bind,
    encode_close,
    encode_execute,
    encode_flush,
    encode_parse,
    encode_sync,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back: payloads of NoticeResponse and DataRow in their order, and of an ErrorResponse."""

    notices: tuple[bytes, ...] = ()
    rows: tuple[bytes, ...] = ()
    error: bytes | None = None

    @property
    def sqlstate(self) -> str:
        """The error's code; '' without one."""
        return messages.fields_of(self.error).get("C", b"").decode("ascii", "replace") if self.error else ""


CANCELED = "57014"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be asked. ``asked`` are extended messages with neither Flush nor Sync that close whatever they open;
    ``closes`` how many Close are among them, the last message one of them. ``prefix``: how many characters
    of the text that may fail stand before the client's own."""

    settings: tuple[tuple[str, str], ...]
    asked: bytes
    closes: int
    prefix: int = 0


class Question:
    """One question under way, as `_fastpath.asking` uses it."""

    def __init__(self, wanted: Wanted, then: Callable[[Answer], None], dropped: Callable[[], None]) -> None:
        self._wanted = wanted
        self._then = then
        self.dropped = dropped

    def messages(self, alone: bool, block: bool) -> tuple[bytes, int, bytes | None]:
        """What is sent, how many CloseComplete end it (0: ReadyForQuery does), and what takes it back."""
        apply = b"".join(run(f"SET LOCAL {name} = {value}") for name, value in self._wanted.settings)
        if not alone:
            shown = b"".join(run(f"SHOW {name}") for name, _ in self._wanted.settings)
            closes = 2 * 2 * len(self._wanted.settings) + self._wanted.closes
            return shown + apply + self._wanted.asked + encode_flush(), closes, None
        if not block:
            # Without a block the settings last until Sync.
            return apply + self._wanted.asked + encode_sync(), 0, None
        return run(f'SAVEPOINT "{PROBE}"') + apply + self._wanted.asked + encode_sync(), 0, _BACK

    def taken_back(self, rows: Sequence[bytes]) -> tuple[bytes, int]:
        """Within a pipeline: what gives the settings their values back, and how many CloseComplete end it."""
        settings = self._wanted.settings
        values = [_only_value(row) for row in rows[: len(settings)]]
        back = [run(f"SET LOCAL {name} = {value}") for (name, _), value in zip(settings, values, strict=True)]
        return b"".join(reversed(back)) + encode_flush(), 2 * len(back)

    def answered(self, alone: bool, notices: Sequence[bytes], rows: Sequence[bytes], error: bytes | None) -> None:
        """All of it has come back."""
        first = 0 if alone else len(self._wanted.settings)  # what SHOW gave
        self._then(Answer(notices=tuple(notices), rows=tuple(rows[first:]), error=error))

    def shown(self, payload: bytes, hidden: bool) -> bytes:
        """The ErrorResponse that the client reads in the place of its own message's."""
        return messages.instead(payload, tainted=hidden, prefix=self._wanted.prefix)

    def is_fatal(self, payload: bytes) -> bool:
        """Whether the session ends with it."""
        return messages.fields_of(payload).get("V", b"FATAL") not in (b"ERROR",)


def ask(waiting: Waiting, conversation: Conversation, wanted: Wanted, then: Callable[[Answer], Verdict | None]) -> bool:
    """Let the statement that is judged wait for an answer, which ``then`` makes a verdict of. False: nothing
    can be asked as things stand."""
    asked = conversation.ask(Question(wanted, waiting.begin(Cause.QUESTION, then), waiting.drop))
    if not asked:
        waiting.drop()
    return asked


@lru_cache(maxsize=256)
def run(text: str, codec: str = "utf-8") -> bytes:
    """The messages that run one statement of the proxy's own: three, and two that close."""
    return (
        encode_parse(text.encode(codec), name=PROBE)
        + encode_bind(portal=PROBE, statement=PROBE)
        + encode_execute(PROBE)
        + encode_close(Target.PORTAL, PROBE)
        + encode_close(Target.STATEMENT, PROBE)
    )


def _only_value(row: bytes) -> str:
    """The one value of a DataRow as a literal."""
    reader = Reader(row)
    if reader.uint16() != 1:
        raise UpstreamFault("the database sent something unexpected")
    return "'" + reader.take(reader.int32()).decode("utf-8").replace("'", "''") + "'"


_BACK = run(f'ROLLBACK TO SAVEPOINT "{PROBE}"') + run(f'RELEASE SAVEPOINT "{PROBE}"') + encode_sync()
