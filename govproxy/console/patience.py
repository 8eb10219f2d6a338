"""HTTP/1.1 as uvicorn speaks it, without patience for connections that never finish asking.

uvicorn gives a connection all the time there is for its first request, and for a later one of which it has
seen a byte; whoever opens many and says little would keep everybody else out.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

REQUEST_TIMEOUT_S = 10.0  # for all headers of a request; what comes after them is bounded where it is read


class ImpatientProtocol(H11Protocol):
    """Looks now and then whether the connection still waits for the same request to be said."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._look: asyncio.TimerHandle | None = None
        self._last: tuple[object] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to look."""
        super().connection_made(transport)
        self._last = (self.cycle,)
        self._look = self.loop.call_later(REQUEST_TIMEOUT_S, self._look_again)

    def connection_lost(self, exc: Exception | None) -> None:
        """Look no more."""
        if self._look is not None:
            self._look.cancel()
        super().connection_lost(exc)

    def _look_again(self) -> None:
        asked_nothing = self.cycle is None or self.cycle.response_complete
        if asked_nothing and self._last is not None and self._last[0] is self.cycle:
            self.transport.close()
            return
        self._last = (self.cycle,) if asked_nothing else None
        self._look = self.loop.call_later(REQUEST_TIMEOUT_S, self._look_again)
