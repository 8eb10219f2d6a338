"""Changes of requests, to everybody who looks: one bounded queue each, and the last few for who comes back.

Knows neither HTTP nor who may see what; whoever reads filters.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from govproxy.approvals.values import Standing

MAX_KEPT = 256
MAX_QUEUED = 256
MAX_READERS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change. ``number`` grows by one with each."""

    number: int
    standing: Standing


class Full(Exception):
    """No more readers are taken."""


class Reader:
    """One that reads. ``lost``: it was too slow, and must look at everything anew."""

    def __init__(self, missed: list[Change], *, lost: bool) -> None:
        self._queue: deque[Change] = deque(missed)
        self._lost = lost
        self._woken = asyncio.Event()
        if missed or lost:
            self._woken.set()

    def push(self, change: Change | None) -> None:
        """``None``: wake up, it is over."""
        if change is not None:
            if len(self._queue) >= MAX_QUEUED:
                self._queue.clear()
                self._lost = True
            self._queue.append(change)
        self._woken.set()

    async def take(self, timeout_s: float) -> tuple[bool, list[Change]]:
        """What came since the last call, after ``timeout_s`` at the latest; with whether something was lost."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._woken.wait()
        except TimeoutError:
            return False, []
        self._woken.clear()
        lost, self._lost = self._lost, False
        changes = list(self._queue)
        self._queue.clear()
        return lost, changes


class Feed:
    """``boot`` tells the numbers of this start from those of an earlier one."""

    def __init__(self, *, boot: str) -> None:
        self.boot = boot
        self._kept: deque[Change] = deque(maxlen=MAX_KEPT)
        self._number = 0
        self._readers: set[Reader] = set()
        self.closed = False

    def changed(self, standing: Standing) -> None:
        """Tell everybody. Never waits."""
        self._number += 1
        change = Change(number=self._number, standing=standing)
        self._kept.append(change)
        for reader in self._readers:
            reader.push(change)

    @property
    def readers(self) -> int:
        """How many look on now."""
        return len(self._readers)

    @contextmanager
    def reading(self, last: str | None) -> Iterator[Reader]:
        """Read from after the event ``last`` on; None: from now on. Raises `Full`."""
        if len(self._readers) >= MAX_READERS:
            raise Full
        missed, lost = self._missed(last)
        reader = Reader(missed, lost=lost)
        self._readers.add(reader)
        try:
            yield reader
        finally:
            self._readers.discard(reader)

    def close(self) -> None:
        """End all readers, so that the server can stop."""
        self.closed = True
        for reader in self._readers:
            reader.push(None)

    def id_of(self, change: Change) -> str:
        """The event's id, as it comes back in ``Last-Event-ID``."""
        return f"{self.boot}-{change.number}"

    def _missed(self, last: str | None) -> tuple[list[Change], bool]:
        if last is None:
            return [], False
        boot, _, text = last.rpartition("-")
        if boot != self.boot or not text.isdecimal() or len(text) > 18:
            return [], True
        number = int(text)
        oldest = self._kept[0].number if self._kept else self._number + 1
        if number > self._number or number + 1 < oldest:
            return [], True
        return [change for change in self._kept if change.number > number], False
