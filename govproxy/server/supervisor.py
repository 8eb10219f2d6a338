"""The parent of the workers: starts them, hands them snapshots, carries words between them.

One supervisor per instance, in the control process. It knows the control plane only as the
``Control`` protocol below, which the command line composes in; so data path and control plane
stay two packages that do not import each other.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

from govproxy.config.settings import Settings
from govproxy.errors import ConfigError, GovproxyError
from govproxy.policy.grants import Grant
from govproxy.server.holds import Approvals, HoldDesk
from govproxy.session import link
from govproxy.session.figures import WorkerFigures
from govproxy.session.log import get_logger
from govproxy.session.snapshot import Keys, Snapshot

RESTART_DELAYS_S = (0.2, 1.0, 5.0)
ANSWER_TIMEOUT_S = 2.0
STOP_GRACE_S = 5.0

log = get_logger("govproxy.supervisor")


class Places(Protocol):
    """Who may have one session more."""

    def enter(self, key: str, session: str, *, limit: int, worker: int) -> Awaitable[bool]: ...
    def leave(self, key: str, session: str) -> None: ...
    def forget_worker(self, worker: int) -> None: ...


class Control(Protocol):
    """The control plane as the supervisor needs it."""

    settings: Settings
    keys: Keys

    @property
    def snapshot(self) -> Snapshot: ...
    @property
    def approvals(self) -> Approvals: ...
    @property
    def places(self) -> Places: ...
    async def start(self, publish: Callable[[Snapshot], None]) -> None: ...
    async def refresh(self, database: str, *, values: bool) -> None: ...
    async def reload(self) -> None: ...
    def listen_to_grants(self, callback: Callable[[tuple[Grant, ...]], None]) -> None: ...
    async def draw(
        self, key: str, *, limit: int, want: int, unused: int, worker: int, window_s: float
    ) -> tuple[int, float]: ...
    def edits(self) -> AsyncIterator[None]: ...
    async def rotate_key(self) -> str: ...
    async def stop(self) -> None: ...


@dataclass(slots=True)
class _Worker:
    """One child process and the socket to it."""

    number: int
    process: asyncio.subprocess.Process
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    ready: bool = False
    # Of its sessions, by database, those whose open transactions redefine things.
    redefining: set[tuple[str, str]] = field(default_factory=set)

    def send(self, message: link.Message) -> None:
        if not self.writer.is_closing():
            self.writer.write(link.encode(message))


class Supervisor:
    """Runs until told to stop; ``run`` returns the exit status."""

    def __init__(self, control: Control, *, workers: int | None = None, on_ready: Callable[[], None] | None = None):
        self._control = control
        self._count = workers or control.settings.workers
        self._on_ready = on_ready or (lambda: None)
        self._workers: dict[int, _Worker] = {}
        self._stopping = asyncio.Event()
        self._tasks: asyncio.TaskGroup
        self._holds: HoldDesk
        self._requests: dict[int, asyncio.Future[link.Message]] = {}
        self._next_request = 1
        self._failed = False
        self._reloading = asyncio.Lock()
        self._announced = False

    async def run(self) -> int:
        """Start everything, serve until SIGTERM or SIGINT, stop in order."""
        _must_be_free(self._control.settings)
        loop = asyncio.get_running_loop()
        for stop in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(stop, self._stopping.set)
        self._control.listen_to_grants(self._send_grants)
        await self._control.start(self._publish)
        try:
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                self._holds = HoldDesk(self._control.approvals, tasks, send=self._send, ready=self._ready_workers)
                loop.add_signal_handler(signal.SIGHUP, lambda: tasks.create_task(self._reload()))
                for number in range(self._count):
                    tasks.create_task(self._keep_alive(number))
                watching = tasks.create_task(self._reload_on_edits())
                await self._stopping.wait()
                watching.cancel()
                for worker in self._workers.values():
                    worker.send(link.Drain())
        finally:
            await self._control.stop()
        return 1 if self._failed else 0

    def _is_ready(self, worker: _Worker) -> None:
        worker.ready = True
        self._holds.worker_ready()
        everybody = len(self._workers) == self._count and all(w.ready for w in self._workers.values())
        if everybody and not self._announced and not self._stopping.is_set():
            self._announced = True
            log.info("ready", listen=str(self._control.settings.listen), workers=self._count)
            self._on_ready()

    async def _reload_on_edits(self) -> None:
        try:
            async for _ in self._control.edits():
                await self._reload()
        except OSError as error:
            log.warning("files cannot be watched; SIGHUP reloads them", error=str(error))

    async def _reload(self) -> None:
        async with self._reloading:
            await self._reload_once()

    async def _reload_once(self) -> None:
        before = self._control.keys.masking_id
        try:
            await self._control.reload()
            if self._control.keys.masking_id != before:
                self._send_keys()
        except GovproxyError as error:
            log.error("reload refused; the old policy stays", error=str(error))
            refused = link.Refused(version=self._control.snapshot.policy.version, reason=str(error))
            # It is one event: one worker records it.
            for worker in [worker for worker in self._workers.values() if worker.ready][:1]:
                worker.send(refused)

    # ------------------------------------------------------------------ workers

    async def _keep_alive(self, number: int) -> None:
        failures = 0
        while not self._stopping.is_set():
            worker = await self._spawn(number)
            status = await self._serve(worker)
            if self._stopping.is_set():
                self._failed = self._failed or status != 0
                return
            log.error("a worker ended and is started again", worker=number, status=status)
            delay = RESTART_DELAYS_S[min(failures, len(RESTART_DELAYS_S) - 1)]
            failures += 1
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), delay)

    async def _spawn(self, number: int) -> _Worker:
        ours, theirs = socket.socketpair()
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "govproxy.server.worker", str(theirs.fileno()), pass_fds=(theirs.fileno(),)
            )
        finally:
            theirs.close()
        reader, writer = await asyncio.open_connection(sock=ours)
        worker = _Worker(number=number, process=process, reader=reader, writer=writer)
        worker.send(
            link.Start(
                worker=number,
                settings=self._control.settings.for_worker(),
                snapshot=self._control.snapshot,
                keys=self._control.keys,
            )
        )
        self._workers[number] = worker
        if self._stopping.is_set():
            worker.send(link.Drain())  # it was not there yet when all were told
        return worker

    async def _serve(self, worker: _Worker) -> int:
        """Answer one worker until it ends; returns its exit status."""
        try:
            while True:
                header = await worker.reader.readexactly(link.HEADER_BYTES)
                body = await worker.reader.readexactly(link.frame_size(header))
                self._answer(worker, link.decode(body))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            worker.writer.close()
            worker.ready = False
            for database, session in worker.redefining:
                # Whether they were committed will never be known here.
                self._tell_others(worker, link.Stale(database=database))
                self._tell_others(worker, link.Redefining(database=database, session=session, redefined=None))
            self._holds.forget_worker(worker.number)
            self._control.places.forget_worker(worker.number)
        try:
            grace = self._control.settings.limits.drain_timeout_s + STOP_GRACE_S
            return await asyncio.wait_for(worker.process.wait(), grace)
        except TimeoutError:
            worker.process.kill()
            return await worker.process.wait()

    def _answer(self, worker: _Worker, message: link.Message) -> None:
        match message:
            case link.Ready():
                self._is_ready(worker)
            case link.Refresh():
                self._tasks.create_task(self._refresh(worker, message))
            case link.Draw():
                self._tasks.create_task(self._draw(worker, message))
            case link.Enter(key=key, session=session, limit=limit):
                place = self._control.places.enter(key, session, limit=limit, worker=worker.number)
                self._tasks.create_task(self._enter(worker, session, place))
            case link.Leave(key=key, session=session):
                self._control.places.leave(key, session)
            case link.AskHold() | link.WithdrawHold() | link.UseHold() | link.HoldRehearsed():
                self._holds.take(worker.number, message)
            case link.Redefining(database=database, session=session, redefined=redefined):
                if redefined is None:
                    worker.redefining.discard((database, session))
                else:
                    worker.redefining.add((database, session))
                self._tell_others(worker, message)
            case link.Cancel() | link.Stale() | link.Noted():
                self._tell_others(worker, message)
            case link.Sessions(request=request) | link.Killed(request=request) | link.Figures(request=request):
                waiting = self._requests.get(request)
                if waiting is not None and not waiting.done():
                    waiting.set_result(message)
            case _:
                raise AssertionError(f"unexpected message from a worker: {type(message).__name__}")

    def _tell_others(self, worker: _Worker, message: link.Message) -> None:
        for other in self._workers.values():
            if other is not worker:
                other.send(message)

    async def _enter(self, worker: _Worker, session: str, place: Awaitable[bool]) -> None:
        worker.send(link.Entered(session=session, admitted=await place))

    async def _draw(self, worker: _Worker, asked: link.Draw) -> None:
        granted, again_s = await self._control.draw(
            asked.key,
            limit=asked.limit,
            want=asked.want,
            unused=asked.unused,
            worker=worker.number,
            window_s=asked.window_s,
        )
        worker.send(link.Drawn(key=asked.key, granted=granted, again_s=again_s))

    async def _refresh(self, worker: _Worker, asked: link.Refresh) -> None:
        try:
            await self._control.refresh(asked.database, values=asked.values)
        except GovproxyError as error:
            log.warning("the catalog could not be refreshed", database=asked.database, error=str(error))
        worker.send(link.Refreshed(database=asked.database, number=asked.number))

    def _send(self, number: int, message: link.Message) -> None:
        worker = self._workers.get(number)
        if worker is not None:
            worker.send(message)

    def _ready_workers(self) -> list[int]:
        return [number for number, worker in self._workers.items() if worker.ready]

    def _publish(self, snapshot: Snapshot) -> None:
        for worker in self._workers.values():
            worker.send(link.Publish(snapshot=snapshot))

    def _send_grants(self, grants: tuple[Grant, ...]) -> None:
        for worker in self._workers.values():
            worker.send(link.GrantsInForce(grants=grants))

    def _send_keys(self) -> None:
        for worker in self._workers.values():
            worker.send(link.NewKeys(keys=self._control.keys))

    # ------------------------------------------------------------------ for the admin socket

    async def rotate_key(self) -> str:
        """Put a new masking key in force on all workers; gives its id."""
        key_id = await self._control.rotate_key()
        self._send_keys()
        log.info("masking key rotated", key=key_id)
        return key_id

    async def sessions(self) -> list[link.SessionInfo]:
        """All live sessions of all workers, oldest first."""
        found: list[link.SessionInfo] = []
        for worker in tuple(self._workers.values()):
            answer = await self._ask(worker, lambda request: link.ListSessions(request=request))
            if isinstance(answer, link.Sessions):
                found.extend(answer.sessions)
        return sorted(found, key=lambda session: session.started)

    async def figures(self) -> list[WorkerFigures]:
        """What every worker has counted, by its number. One that does not answer is left out."""
        found: list[WorkerFigures] = []
        for worker in tuple(self._workers.values()):
            answer = await self._ask(worker, lambda request: link.AskFigures(request=request))
            if isinstance(answer, link.Figures):
                found.append(answer.figures)
        return sorted(found, key=lambda figures: figures.worker)

    async def kill(self, session: str) -> bool:
        """End a session; False when there is none of that id."""
        for worker in tuple(self._workers.values()):
            answer = await self._ask(worker, lambda request: link.Kill(request=request, session=session))
            if isinstance(answer, link.Killed) and answer.found:
                return True
        return False

    async def _ask(self, worker: _Worker, question: Callable[[int], link.Message]) -> link.Message | None:
        request = self._next_request
        self._next_request += 1
        answer: asyncio.Future[link.Message] = asyncio.get_running_loop().create_future()
        self._requests[request] = answer
        worker.send(question(request))
        try:
            return await asyncio.wait_for(answer, ANSWER_TIMEOUT_S)
        except TimeoutError:
            log.warning("a worker does not answer", worker=worker.number)
            return None
        finally:
            del self._requests[request]


def _must_be_free(settings: Settings) -> None:
    # Workers share the port by SO_REUSEPORT, so they would silently share it with another
    # instance too: ask once without it.
    family = socket.AF_INET6 if ":" in settings.listen.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.listen.host, settings.listen.port))
        except OSError as error:
            raise ConfigError(f"cannot listen on {settings.listen}: {error.strerror}", file=settings.file) from error
