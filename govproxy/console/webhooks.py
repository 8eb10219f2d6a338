"""Tells webhooks of requests: one queue and one task each, so that nobody waits for a slow receiver.

Nothing here is waited for by a statement: `changed` only puts a message into queues. Deliveries are
retried with growing pauses; what cannot be delivered is counted, logged and left out. Messages that wait
are lost in a restart (the page and the API show the same).

Security: only the configured addresses are ever asked, redirections are not followed, settings of the
environment (proxies) do not count, and an address is never logged, because it may be a secret.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import httpx2
import orjson
import stamina
import stamina.instrumentation

from govproxy import __version__
from govproxy.approvals.values import Standing, Status
from govproxy.config.settings import HookFormat, Settings, Webhook
from govproxy.console import messages, signing
from govproxy.errors import StateUnavailable
from govproxy.session.log import get_logger

MAX_WAITING = 1_000
STOP_TIMEOUT_S = 2.0
REMEMBERED_S = 7 * 86_400.0

log = get_logger("govproxy.webhooks")

# Takes a name once in a fleet: True for whoever comes first.
Take = Callable[[str, float], Awaitable[bool]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How deliveries are tried."""

    attempts: int = 8
    first_pause_s: float = 0.5
    longest_pause_s: float = 30.0
    attempt_timeout_s: float = 10.0


@dataclass(slots=True, kw_only=True)
class Figures:
    """What became of the messages of one webhook."""

    delivered: int = 0
    failed: int = 0
    dropped: int = 0
    last_error: str | None = None
    last_delivered: float | None = None


class NotTaken(Exception):
    """The receiver did not take it. ``again``: it may later."""

    def __init__(self, why: str, *, again: bool) -> None:
        super().__init__(why)
        self.again = again


class Webhooks:
    """All webhooks of an instance. Until `start` messages only queue."""

    def __init__(self, settings: Settings, *, now: Callable[[], float], pace: Pace = Pace()) -> None:
        self._settings = settings
        self._now = now
        self._channels = [_Channel(hook, settings, now, pace) for hook in settings.approvals.webhooks]
        self._tasks: list[asyncio.Task[None]] = []
        self._client: httpx2.AsyncClient | None = None

    def start(self, take: Take) -> None:
        """Begin to deliver."""
        if not self._channels:
            return
        # Its own notes would go into a registry and a log that nobody reads, with the arguments of the call.
        stamina.instrumentation.set_on_retry_hooks([])
        self._client = httpx2.AsyncClient(
            follow_redirects=False, trust_env=False, headers={"User-Agent": f"govproxy/{__version__}"}
        )
        loop = asyncio.get_running_loop()
        self._tasks = [
            loop.create_task(channel.run(self._client, take), name=f"webhook {channel.hook.name}")
            for channel in self._channels
        ]

    async def stop(self) -> None:
        """Let what is queued go out for a moment, then end."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_TIMEOUT_S):
                for channel in self._channels if self._tasks else ():
                    await channel.idle.wait()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._client is not None:
            await self._client.aclose()

    def changed(self, standing: Standing) -> None:
        """Tell those who want to hear of it. Never waits."""
        event = messages.event_of(standing)
        for channel in self._channels:
            if event in channel.hook.events:
                channel.put(standing)

    @property
    def figures(self) -> Sequence[tuple[Webhook, int, Figures]]:
        """Each webhook with how many messages wait and what became of the others."""
        return [(channel.hook, channel.waiting, channel.figures) for channel in self._channels]


@dataclass(slots=True, eq=False)
class _Channel:
    hook: Webhook
    settings: Settings
    now: Callable[[], float]
    pace: Pace
    figures: Figures = field(default_factory=Figures)
    idle: asyncio.Event = field(default_factory=asyncio.Event)
    _queue: deque[Standing] = field(default_factory=deque)
    _woken: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.idle.set()

    @property
    def waiting(self) -> int:
        return len(self._queue) + (not self.idle.is_set() and not self._queue)

    def put(self, standing: Standing) -> None:
        if len(self._queue) >= MAX_WAITING:
            self._queue.popleft()
            self._note_drop("too many messages wait")
        self._queue.append(standing)
        self.idle.clear()
        self._woken.set()

    async def run(self, client: httpx2.AsyncClient, take: Take) -> None:
        while True:
            await self._woken.wait()
            self._woken.clear()
            while self._queue:
                standing = self._queue.popleft()
                try:
                    await self._tell(client, take, standing)
                except Exception:
                    self.figures.failed += 1
                    log.exception("a message could not be made", webhook=self.hook.name, approval=standing.hold.id)
            self.idle.set()

    async def _tell(self, client: httpx2.AsyncClient, take: Take, standing: Standing) -> None:
        if standing.status is Status.WAITING and self.now() >= standing.hold.deadline:
            self._note_drop("nobody can answer it any more")
            return
        try:
            if not await take(f"webhook {self.hook.name} {messages.id_of(standing)}", REMEMBERED_S):
                return
        except StateUnavailable:
            # Twice is better than never; receivers know the message by its id.
            log.warning("webhooks may be told twice while the state store is down", webhook=self.hook.name)
        body = self._body(standing)
        try:
            async for attempt in stamina.retry_context(
                on=_may_be_tried_again,
                attempts=self.pace.attempts,
                timeout=None,
                wait_initial=self.pace.first_pause_s,
                wait_max=self.pace.longest_pause_s,
                wait_jitter=self.pace.first_pause_s,
            ):
                with attempt:
                    await self._send(client, standing, body)
        except NotTaken as error:
            self.figures.failed += 1
            self.figures.last_error = str(error)
            log.warning("a webhook was not told", webhook=self.hook.name, approval=standing.hold.id, reason=str(error))
            return
        self.figures.delivered += 1
        self.figures.last_delivered = self.now()
        log.info(
            "webhook told", webhook=self.hook.name, approval=standing.hold.id, event_told=messages.event_of(standing)
        )

    def _body(self, standing: Standing) -> bytes:
        link = self.settings.link_to(standing.hold.id)
        match self.hook.format:
            case HookFormat.GENERIC:
                return orjson.dumps(messages.generic(standing, link=link, now=self.now()))
            case HookFormat.SLACK:
                return orjson.dumps(messages.slack(standing, link=link, buttons=self.hook.buttons))

    async def _send(self, client: httpx2.AsyncClient, standing: Standing, body: bytes) -> None:
        # Signed anew for each attempt: receivers look at the time.
        timestamp = int(self.now())
        headers = {
            "Content-Type": "application/json",
            signing.EVENT: messages.event_of(standing),
            signing.DELIVERY: messages.id_of(standing),
            signing.TIMESTAMP: str(timestamp),
        }
        if self.hook.secrets:
            headers[signing.SIGNATURE] = signing.sign(signing.OURS, self.hook.secrets, timestamp, body)
        try:
            async with (
                asyncio.timeout(self.pace.attempt_timeout_s),
                client.stream("POST", self.hook.url.reveal(), content=body, headers=headers) as answer,
            ):
                # What it says besides is not read.
                status = answer.status_code
        except TimeoutError:
            self._note_error("no answer in time")
            raise NotTaken("no answer in time", again=True) from None
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            # Security: the texts of these errors may hold the address.
            self._note_error(type(error).__name__)
            raise NotTaken(type(error).__name__, again=True) from None
        if not 200 <= status < 300:
            why = f"it answered {status}"
            self._note_error(why)
            raise NotTaken(why, again=status in (408, 425, 429) or status >= 500)

    def _note_error(self, why: str) -> None:
        self.figures.last_error = why

    def _note_drop(self, why: str) -> None:
        self.figures.dropped += 1
        if self.figures.dropped in (1, 10, 100) or self.figures.dropped % 1_000 == 0:
            log.warning(
                "messages to a webhook are left out", webhook=self.hook.name, reason=why, so_far=self.figures.dropped
            )


def _may_be_tried_again(error: Exception) -> bool:
    return isinstance(error, NotTaken) and error.again
