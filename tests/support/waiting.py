"""Waiting for what comes by itself: on a condition, never for a time.

The deadline is for failures alone and so long that no busy machine reaches it; what a test has to
say about time it says some other way.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event
from typing import Any, TypeVar

import psycopg

DEADLINE_S = 60.0
_PAUSE_S = 0.01
_AGAIN_S = 5.0

Found = TypeVar("Found")


def until(found: Callable[[], Found], what: str = "") -> Found:
    """What ``found`` gives, once it gives something true; AssertionError when it never does."""
    deadline = time.monotonic() + DEADLINE_S
    while not (result := found()):
        assert time.monotonic() < deadline, f"waited in vain{what and ': '}{what}"
        time.sleep(_PAUSE_S)
    return result


def runs(direct: psycopg.Connection[tuple[Any, ...]], text: str) -> bool:
    """Whether some session of the database executes this text right now, as seen from a session beside it."""
    asked = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query = %s AND pid <> pg_backend_pid()"
    return direct.execute(asked, (text,)).fetchone() != (0,)


@contextmanager
def canceled_when(ready: Callable[[], object], cancel: Callable[[], object]) -> Iterator[None]:
    """Cancels from another thread what the block runs, as soon as it is ready to be: earlier it would be lost.

    ``ready`` should see this very session: where it sees another one's waiting, the cancel is lost all the same, and
    is sent again so that nothing hangs.
    """
    over = Event()

    def run() -> None:
        until(ready, "what is to be canceled runs")
        cancel()
        while not over.wait(_AGAIN_S):
            cancel()

    with ThreadPoolExecutor(max_workers=1) as aside:
        done = aside.submit(run)
        try:
            yield
        finally:
            over.set()
        done.result()
