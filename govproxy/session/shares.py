"""What all workers of an instance share of one identity's limits: windows, sessions.

Lives in the control process, as long as it does. Pure: time is an argument.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

WINDOW_S = 60.0
MAX_KEYS = 100_000


@dataclass(slots=True)
class _Window:
    """Grants of the last minute or hour, oldest first: [when, how many]."""

    grants: deque[list[float]] = field(default_factory=deque)
    total: int = 0
    length_s: float = WINDOW_S


class Shares:
    """Hands out statements and places. Keys are identities on a database."""

    def __init__(self) -> None:
        self._windows: dict[str, _Window] = {}
        self._sessions: dict[str, dict[str, int]] = {}  # key -> session -> worker

    def draw(
        self, key: str, *, limit: int, want: int, unused: int, now: float, window_s: float = WINDOW_S
    ) -> tuple[int, float]:
        """How much of ``want`` may be used now, and in how many seconds there may be more.

        ``unused`` of what was given last come back. Within any ``window_s`` no more than ``limit`` are given.
        """
        window = self._windows.setdefault(key, _Window())
        window.length_s = window_s
        self._give_back(window, unused)
        while window.grants and window.grants[0][0] <= now - window_s:
            window.total -= int(window.grants.popleft()[1])
        granted = max(0, min(want, limit - window.total))
        if granted:
            window.grants.append([now, granted])
            window.total += granted
        if len(self._windows) > MAX_KEYS:
            self._forget_idle(now)
        again = window.grants[0][0] + window_s - now if window.grants else window_s
        return granted, max(again, 0.0)

    def enter(self, key: str, session: str, *, limit: int, worker: int) -> bool:
        """A place for one more session; False when there is none. ``limit`` 0 counts and never refuses."""
        sessions = self._sessions.setdefault(key, {})
        if limit and len(sessions) >= limit:
            return False
        sessions[session] = worker
        return True

    def leave(self, key: str, session: str) -> None:
        """A session is over."""
        sessions = self._sessions.get(key)
        if sessions is not None:
            sessions.pop(session, None)
            if not sessions:
                del self._sessions[key]

    def count(self, key: str) -> int:
        """How many sessions there are."""
        return len(self._sessions.get(key, ()))

    def counts(self) -> dict[str, int]:
        """How many sessions there are of each."""
        return {key: len(sessions) for key, sessions in self._sessions.items()}

    def forget_worker(self, worker: int) -> None:
        """A worker has ended, and its sessions with it."""
        for key in tuple(self._sessions):
            kept = {session: holder for session, holder in self._sessions[key].items() if holder != worker}
            if kept:
                self._sessions[key] = kept
            else:
                del self._sessions[key]

    def _give_back(self, window: _Window, unused: int) -> None:
        while unused > 0 and window.grants:
            last = window.grants[-1]
            taken = min(unused, int(last[1]))
            last[1] -= taken
            window.total -= taken
            unused -= taken
            if last[1] <= 0:
                window.grants.pop()

    def _forget_idle(self, now: float) -> None:
        for key in [k for k, w in self._windows.items() if not w.grants or w.grants[-1][0] <= now - w.length_s]:
            del self._windows[key]
