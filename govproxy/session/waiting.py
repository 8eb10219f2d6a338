"""A statement that waits: for what, and what happens when that is there.

The data plane has parked the session's conversation, so at most one statement of a session waits, and
for one thing at a time. Whatever is waited for (a catalog looked at again, a text analysed beside the
loop) is handed a function to call with the answer; it may come late, twice or never, and only the
answer that is waited for now counts. Knows nothing of how a statement is judged.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol, TypeVar

from govproxy._fastpath.conversation import Conversation
from govproxy._fastpath.verdicts import Verdict
from govproxy.session.figures import Counters
from govproxy.session.judgement import why_missed

T = TypeVar("T")


class Cause(StrEnum):
    """What a statement waits for."""

    CATALOG = "catalog"  # looked at from now on
    ANALYSIS = "analysis"  # of a long text, in a thread
    QUESTION = "question"  # to the database, about the statement
    APPROVAL = "approval"  # by whoever the policy names


class Resumable(Protocol):
    """The engine's link, as far as a session's Python needs it."""

    def resume(self, verdict: Verdict) -> None: ...
    def proceed(self, *, cancelled: bool = False, counted: bool = False) -> None: ...
    def terminate(self, error: Exception) -> None: ...
    def notify(self, message: bytes) -> None: ...
    def drop(self) -> None: ...
    @property
    def client_has_gone(self) -> bool: ...


@dataclass(frozen=True, slots=True, eq=False)
class _Wait:
    """One wait. Compared by identity: what was asked for before is another one."""

    cause: Cause


class Waiting:
    """What one session's statement waits for. All on the loop's thread."""

    __slots__ = ("_conversation", "_counters", "_current", "link")

    def __init__(self, counters: Counters) -> None:
        self.link: Resumable | None = None
        self._conversation: Conversation | None = None
        self._counters = counters
        self._current: _Wait | None = None

    def attach(self, conversation: Conversation, link: Resumable | None) -> None:
        """Know what is to go on."""
        self._conversation = conversation
        self.link = link

    @property
    def cause(self) -> Cause | None:
        """What is waited for now."""
        return None if self._current is None else self._current.cause

    def judged(self, decide: Callable[[], Verdict | None]) -> Verdict | None:
        """What ``decide`` says, counted with the time it took; None: another wait has begun."""
        began = time.perf_counter_ns()
        verdict = decide()
        self._counters.missed(why_missed(verdict), (time.perf_counter_ns() - began) / 1_000)
        return verdict

    def begin(self, cause: Cause, then: Callable[[T], Verdict | None]) -> Callable[[T], None]:
        """Wait from now on. What is waited for calls the result with its answer, on the loop, after the
        statement was parked; ``then`` makes the verdict of it, or begins another wait and gives None."""
        wait = self._current = _Wait(cause)

        def answered(answer: T) -> None:
            if self._current is wait:
                self._current = None
                self._go_on(then, answer)

        return answered

    def drop(self) -> None:
        """What waited is not to be decided any more: what came before it has failed."""
        self._current = None

    def end(self) -> None:
        """Nobody waits any more: the session is over."""
        self._current = None
        self.link = None

    def _go_on(self, then: Callable[[Any], Verdict | None], answer: object) -> None:
        conversation, link = self._conversation, self.link
        if link is None or conversation is None or not conversation.parked:
            return  # the client has gone
        try:
            verdict = self.judged(lambda: then(answer))
        except Exception as error:
            link.terminate(error)  # as the engine does with what is judged at once
            return
        if verdict is not None:
            link.resume(verdict)
        else:
            link.proceed()  # with the question that this may have led to
