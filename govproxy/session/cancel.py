"""Our own cancel keys: what clients get in BackendKeyData instead of the database's.

A key's process id tells which worker holds it, so that a CancelRequest that reaches another
worker can be passed on. Randomness is an argument; sending a cancel upstream is ``server``'s work.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, NewType, TypeVar

from govproxy.errors import TooManyConnections
from govproxy.wire.startup import LONG_SECRET_MINOR

SESSION_BITS = 23
MAX_SESSIONS = 1 << SESSION_BITS
MAX_WORKERS = 1 << (31 - SESSION_BITS)
SHORT_SECRET_BYTES = 4
LONG_SECRET_BYTES = 32

Pid = NewType("Pid", int)
T = TypeVar("T")


def worker_of(pid: int) -> int | None:
    """The index of the worker that gave out ``pid``; None for a number we never give out."""
    return pid >> SESSION_BITS if pid > 0 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelKey:
    """What a client gets. Security: the secret never shows in a repr."""

    pid: Pid
    secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Live(CancelKey, Generic[T]):
    """A key that is in use, with what it cancels: one object for both, as there is one per session."""

    target: T = field(repr=False)


class CancelRegistry(Generic[T]):
    """The live keys of one worker and what each cancels.

    Invariant: a pid is in use by one session at a time and never 0, and every pid's high bits are
    this worker's index.
    """

    def __init__(self, worker: int, *, random_bytes: Callable[[int], bytes]) -> None:
        if not 0 <= worker < MAX_WORKERS:
            raise ValueError(f"worker index {worker} is not below {MAX_WORKERS}")
        self._base = worker << SESSION_BITS
        self._random_bytes = random_bytes
        self._live: dict[int, _Live[T]] = {}
        self._last = 0

    def __len__(self) -> int:
        return len(self._live)

    def register(self, target: T, *, minor: int) -> CancelKey:
        """A fresh key for a client of protocol 3.``minor``: 32 secret bytes from 3.2 on, 4 before."""
        if len(self._live) >= MAX_SESSIONS - 1:
            raise TooManyConnections("no cancel key is free")
        while True:
            self._last = self._last % (MAX_SESSIONS - 1) + 1
            pid = self._base | self._last
            if pid not in self._live:
                break
        secret = self._random_bytes(LONG_SECRET_BYTES if minor >= LONG_SECRET_MINOR else SHORT_SECRET_BYTES)
        key = self._live[pid] = _Live(pid=Pid(pid), secret=secret, target=target)
        return key

    def find(self, pid: int, secret: bytes) -> T | None:
        """What the key cancels; None when there is no such key. Takes the same time for any wrong secret."""
        key = self._live.get(pid)
        if key is None or not hmac.compare_digest(key.secret, secret):
            return None
        return key.target

    def release(self, key: CancelKey) -> None:
        """Forget a key at its session's end. Forgetting twice does nothing; another's key stays."""
        live = self._live.get(key.pid)
        if live is not None and hmac.compare_digest(live.secret, key.secret):
            del self._live[key.pid]
