"""Tells webhooks of requests: one task for each, so that nobody waits for a slow receiver.

Nothing here is waited for by a statement. Messages are kept in the state store, in the transaction of what they
tell (`Webhooks.keep`), so that neither a restart nor a receiver that is down for long loses any; of a fleet the
instance that has a message's lease delivers it. A message is tried a few times at once, then again after
pauses that grow, until it is of no use any more. It is sent at least once: receivers know it by its id.

Security: only the configured addresses are ever asked, redirections are not followed, settings of the
environment (proxies) do not count, and an address is never logged or stored, because it may be a secret.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import httpx2
import orjson
import stamina
import stamina.instrumentation

from govproxy import __version__
from govproxy.approvals.values import Standing, Status
from govproxy.config.settings import HookFormat, Settings, Webhook
from govproxy.console import messages, signing
from govproxy.control.state import outbox
from govproxy.control.state.outbox import Letter
from govproxy.control.state.signals import Signal, Topic
from govproxy.control.state.store import StateStore
from govproxy.errors import StateUnavailable
from govproxy.session.log import get_logger

STOP_TIMEOUT_S = 2.0
LOOK_S = 5.0  # how often it is looked for messages that another instance has left
LEASE_BEYOND_S = 20.0  # what a lease lasts beyond all attempts

log = get_logger("govproxy.webhooks")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How deliveries are tried: so many attempts at once, then a rest, for as long as a message is kept."""

    attempts: int = 3
    first_pause_s: float = 0.5
    longest_pause_s: float = 4.0
    attempt_timeout_s: float = 10.0
    first_rest_s: float = 5.0
    longest_rest_s: float = 60.0
    keep_s: float = 86_400.0

    def rest_s(self, failures: int) -> float:
        """After so many rounds that failed."""
        return float(min(self.longest_rest_s, self.first_rest_s * 2.0 ** min(failures - 1, 20)))

    @property
    def lease_s(self) -> float:
        """Longer than all attempts of one round take."""
        return self.attempts * (self.attempt_timeout_s + self.longest_pause_s) + LEASE_BEYOND_S


@dataclass(slots=True, kw_only=True)
class Figures:
    """What became of the messages of one webhook, as far as this instance had to do with them."""

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
    """All webhooks of an instance. Until `start` messages are only kept."""

    def __init__(self, settings: Settings, *, now: Callable[[], float], pace: Pace = Pace()) -> None:
        self._instance = secrets.token_hex(8)
        self._channels = [_Channel(hook, settings, now, pace, self._instance) for hook in settings.approvals.webhooks]
        self._now = now
        self._tasks: list[asyncio.Task[None]] = []
        self._client: httpx2.AsyncClient | None = None
        self._store: StateStore | None = None
        self._waiting: Mapping[str, int] = {}
        # Keeps messages to those who want to hear of a change, in its transaction.
        self.keep = outbox.keeping(self._letters, self._dropped)

    def start(self, store: StateStore) -> None:
        """Begin to deliver what is kept, by whomever."""
        if not self._channels:
            return
        # Its own notes would go into a registry and a log that nobody reads, with the arguments of the call.
        stamina.instrumentation.set_on_retry_hooks([])
        self._store = store
        store.listen(self._heard)
        self._client = httpx2.AsyncClient(
            follow_redirects=False, trust_env=False, headers={"User-Agent": f"govproxy/{__version__}"}
        )
        loop = asyncio.get_running_loop()
        self._tasks = [
            loop.create_task(channel.run(self._client, store), name=f"webhook {channel.hook.name}")
            for channel in self._channels
        ]

    async def stop(self) -> None:
        """Let what is due go out for a moment, then end. The rest stays kept."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_TIMEOUT_S):
                for channel in self._channels if self._tasks else ():
                    await channel.idle.wait()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._store is not None:
            # Whatever was in the middle of something, somebody else may go on at once.
            with contextlib.suppress(StateUnavailable, TimeoutError):
                async with asyncio.timeout(STOP_TIMEOUT_S):
                    await self._store.run(outbox.release(self._instance))
        if self._client is not None:
            await self._client.aclose()

    def _letters(self, standing: Standing) -> list[Letter]:
        event = messages.event_of(standing)
        wanted = [channel for channel in self._channels if event in channel.hook.events]
        return [letter for channel in wanted if (letter := channel.letter(standing, event)) is not None]

    def _dropped(self, webhook: str, count: int) -> None:
        for channel in self._channels:
            if channel.hook.name == webhook:
                channel.note_drop("too many messages wait", count)

    def changed(self, standing: Standing) -> None:
        """Something was kept. Never waits."""
        event = messages.event_of(standing)
        for channel in self._channels:
            if event in channel.hook.events:
                channel.wake()

    async def figures(self) -> Sequence[tuple[Webhook, int, Figures]]:
        """Each webhook with how many messages wait in the whole fleet, and what became of others here."""
        if self._store is not None:
            with contextlib.suppress(StateUnavailable):
                self._waiting = await self._store.run(outbox.counts())
        return [(channel.hook, self._waiting.get(channel.hook.name, 0), channel.figures) for channel in self._channels]

    def _heard(self, signal: Signal) -> None:
        for channel in self._channels:
            if signal.topic is None or (signal.topic is Topic.OUTBOX and signal.key == channel.hook.name):
                channel.wake()


@dataclass(slots=True, eq=False)
class _Channel:
    hook: Webhook
    settings: Settings
    now: Callable[[], float]
    pace: Pace
    instance: str
    figures: Figures = field(default_factory=Figures)
    idle: asyncio.Event = field(default_factory=asyncio.Event)
    _woken: asyncio.Event = field(default_factory=asyncio.Event)
    _failures: int = 0  # rounds in a row that failed
    _rests: bool = False  # nothing is tried now, whatever comes

    def __post_init__(self) -> None:
        self.idle.set()

    def wake(self) -> None:
        self._woken.set()
        if not self._rests:
            self.idle.clear()

    def letter(self, standing: Standing, event: str) -> Letter | None:
        """What is to be told; None where it could not be made, which must not undo what it would tell."""
        now, waits = self.now(), standing.status is Status.WAITING
        try:
            body = self._body(standing)
        except Exception:
            self.figures.failed += 1
            log.exception("a message could not be made", webhook=self.hook.name, approval=standing.hold.id)
            return None
        keep_until = now + self.pace.keep_s
        return Letter(
            webhook=self.hook.name,
            delivery=messages.id_of(standing),
            hold_id=standing.hold.id,
            step=2 * len(standing.votes) + (not waits),
            event=event,
            body=body.decode(),
            made_at=now,
            until=min(keep_until, standing.hold.deadline) if waits else keep_until,
        )

    async def run(self, client: httpx2.AsyncClient, store: StateStore) -> None:
        with contextlib.suppress(StateUnavailable):
            await store.run(outbox.sweep(self.now() - self.pace.keep_s))
        while True:
            self._woken.clear()
            try:
                pause_s = await self._round(client, store)
            except StateUnavailable as error:
                log.warning("messages cannot be read", webhook=self.hook.name, error=str(error))
                pause_s = LOOK_S
            except Exception:
                log.exception("a message could not be delivered", webhook=self.hook.name)
                pause_s = LOOK_S
            if pause_s:
                self.idle.set()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(pause_s):
                        await self._woken.wait()

    async def _round(self, client: httpx2.AsyncClient, store: StateStore) -> float:
        """Deliver what is due first, if anything is; gives how long to wait before the next."""
        found = await store.run(outbox.claim(self.hook.name, self.instance, now=self.now(), lease_s=self.pace.lease_s))
        for over in found.given_up:
            self._give_up(over)
        letter = found.letter
        if letter is None:
            return LOOK_S if found.next_at is None else min(max(found.next_at - self.now(), 0.01), LOOK_S)
        try:
            error = await self._deliver(client, letter)
        except Exception:
            await store.run(outbox.again(letter, self.instance, at=self.now() + self.pace.longest_rest_s))
            raise
        if error is None:
            self._failures = 0
            await store.run(outbox.done(letter, self.instance))
            self.figures.delivered += 1
            self.figures.last_delivered = self.now()
            log.info("webhook told", webhook=self.hook.name, approval=letter.hold_id, event_told=letter.event)
            return 0.0
        if not error.again:
            await store.run(outbox.done(letter, self.instance))
            self._note_failure(letter, str(error))
            return 0.0
        self._failures += 1
        at = self.now() + self.pace.rest_s(letter.attempts + 1)
        await store.run(outbox.again(letter, self.instance, at=at))
        log.info("a webhook is tried again later", webhook=self.hook.name, approval=letter.hold_id, reason=str(error))
        await self._rest(self.pace.rest_s(self._failures))
        return 0.0

    async def _rest(self, seconds: float) -> None:
        """Whoever does not answer one does not answer another."""
        self._rests = True
        self.idle.set()
        try:
            await asyncio.sleep(seconds)
        finally:
            self._rests = False

    async def _deliver(self, client: httpx2.AsyncClient, letter: Letter) -> NotTaken | None:
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
                    await self._send(client, letter)
        except NotTaken as error:
            return error
        return None

    def _body(self, standing: Standing) -> bytes:
        link = self.settings.link_to(standing.hold.id)
        match self.hook.format:
            case HookFormat.GENERIC:
                return orjson.dumps(messages.generic(standing, link=link, now=self.now()))
            case HookFormat.SLACK:
                return orjson.dumps(messages.slack(standing, link=link, buttons=self.hook.buttons))

    async def _send(self, client: httpx2.AsyncClient, letter: Letter) -> None:
        # Signed anew for each attempt: receivers look at the time.
        timestamp, body = int(self.now()), letter.body.encode()
        headers = {
            "Content-Type": "application/json",
            signing.EVENT: letter.event,
            signing.DELIVERY: letter.delivery,
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
            self.figures.last_error = "no answer in time"
            raise NotTaken("no answer in time", again=True) from None
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            # Security: the texts of these errors may hold the address.
            self.figures.last_error = type(error).__name__
            raise NotTaken(type(error).__name__, again=True) from None
        if not 200 <= status < 300:
            why = self.figures.last_error = f"it answered {status}"
            raise NotTaken(why, again=status in (408, 425, 429) or status >= 500)

    def _give_up(self, letter: Letter) -> None:
        if letter.attempts:
            self._note_failure(letter, "it was tried for as long as it was of use")
        else:
            self.note_drop("nobody can answer it any more", 1)

    def _note_failure(self, letter: Letter, why: str) -> None:
        self.figures.failed += 1
        log.warning("a webhook was not told", webhook=self.hook.name, approval=letter.hold_id, reason=why)

    def note_drop(self, why: str, count: int) -> None:
        """So many messages were left out."""
        before, self.figures.dropped = self.figures.dropped, self.figures.dropped + count
        if any(before < mark <= self.figures.dropped for mark in (1, 10, 100)) or (
            before // 1_000 != self.figures.dropped // 1_000
        ):
            log.warning(
                "messages to a webhook are left out", webhook=self.hook.name, reason=why, so_far=self.figures.dropped
            )


def _may_be_tried_again(error: Exception) -> bool:
    return isinstance(error, NotTaken) and error.again
