"""One worker's ledger: its open segment, its chain, and the thread that syncs and seals.

Three parties, three duties. The data plane appends lines and writes them (``LedgerWriter``). The
sealing thread makes them durable, hashes and signs them, and keeps HEAD. The owner's loop puts the
finished checkpoints into the file (``append_checkpoint``), because only one thread may write it.

Fail closed: whatever goes wrong with the file, statements are refused until a write, to this
segment or to a new one, has succeeded. Knows nothing of sessions, policy or sockets.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from govproxy._fastpath.ledger import LedgerWriter
from govproxy._fastpath.sealing import MerkleTree, RangeHash
from govproxy.audit.chain import Checkpoint, Header, SegmentName, extend
from govproxy.audit.events import encode
from govproxy.audit.keys import LedgerKey
from govproxy.audit.recovery import Link, resume, sync_directory, witness, write_head
from govproxy.errors import LedgerUnavailable

_log = logging.getLogger("govproxy.audit")

SEGMENT_BYTES = 64 << 20
PAST_EVENTS = frozenset({"session_end", "auth_failure"})
# More than this is not hashed on the loop when a segment is closed (about 0.5 ms).
CLOSE_BYTES = 256 << 10
CLOSE_S = 0.01
SEAL_INTERVAL_S = 0.09  # under the 100 ms that are promised, as the sync itself takes a while


class Durability(StrEnum):
    """When a statement's line is safe, relative to the statement being forwarded."""

    STRICT = "strict"  # synced before
    GROUP = "group"  # written before, synced within 100 ms
    ASYNC = "async"  # written within 100 ms


@dataclass(slots=True, kw_only=True)
class _Segment:
    """The open segment. ``chain`` and ``sealed_to`` move when a checkpoint's line is in the file."""

    name: SegmentName
    fd: int
    inode: tuple[int, int]
    chain: bytes
    sealed_to: int = 0
    tree: MerkleTree = field(default_factory=MerkleTree)
    # Taken from the writer and in the tree, but no checkpoint's line covers it yet.
    carry: RangeHash = field(default_factory=RangeHash)
    closed: bool = False


class Ledger:
    """Opens the chain of ``worker`` in ``directory`` and appends to it until ``close``.

    ``wakeup`` is called by the sealing thread when ``append_checkpoint`` should run on the loop
    (``loop.call_soon_threadsafe(ledger.append_checkpoint)``). ``sealing=False`` starts no thread:
    the owner calls ``seal_now``. LedgerUnavailable when the directory cannot be used or another
    process has this chain open.
    """

    def __init__(
        self,
        directory: Path,
        worker: int,
        durability: Durability,
        key: LedgerKey,
        *,
        clock: Callable[[], float] = time.time,
        wakeup: Callable[[], None] | None = None,
        segment_bytes: int = SEGMENT_BYTES,
        seal_interval_s: float = SEAL_INTERVAL_S,
        sealing: bool = True,
    ) -> None:
        self.directory = directory
        self.worker = worker
        self.durability = durability
        self.wakeup = wakeup
        self.segment_bytes = segment_bytes
        self.writer = LedgerWriter(
            synchronous=durability is Durability.STRICT,
            buffered=durability is Durability.ASYNC,
            hash_key=key.hash_key,
        )
        self._key = key
        self._clock = clock
        self._interval_s = seal_interval_s
        self._lock = threading.Lock()
        self._busy = False  # somebody holds the right to take bytes and seal: see ``_claim``
        self._ready: tuple[_Segment, Checkpoint] | None = None
        self._head: bytes | None = None  # line that HEAD should get
        self._retired: list[int] = []  # descriptors of former segments, to be synced and closed
        self._new_name = False  # the directory is to be synced
        self._hash_ahead = False  # the thread is to take what was written, so that the segment can be closed
        self._head_trouble: str | None = None
        self._reported_lost = 0
        self._trouble: str | None = None
        self._event = threading.Event()
        self._stopping = False
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock_fd = self._take_chain()
            link = resume(directory, worker, key, self._now)
            self._start = max(int(clock()), link.start + 1)
            self._number = 0
            self._segment = self._begin(link)
            self.writer.ready()
            self.writer.recover = self._recover
            self.seal_now()
        except OSError as error:
            raise LedgerUnavailable(f"ledger {directory} cannot be opened: {error.strerror}") from error
        self._thread: threading.Thread | None = None
        if sealing:
            self._thread = threading.Thread(target=self._run, name=f"ledger-{worker}", daemon=True)
            self._thread.start()

    # -- for the owner, on its loop ----------------------------------------------------------------

    def record(self, event: Mapping[str, object]) -> None:
        """Writes an event made in Python; ``event["event"]`` names it. LedgerUnavailable on failure.

        ``time`` is set here. Durable as a statement is: on return the operating system has it. What
        has happened and can no longer be refused (``PAST_EVENTS``) never raises: while the file
        cannot be written, it waits in memory.
        """
        past = event["event"] in PAST_EVENTS
        fields = {"event": event["event"], "time": self._now()}
        fields |= {name: value for name, value in event.items() if name not in fields}
        self.writer.line(encode(fields), past=past)
        try:
            self.writer.flush_now()
        except LedgerUnavailable as error:
            if not past:
                raise
            self._failed(error.message)

    def seal_due(self) -> bool:
        """Whether ``append_checkpoint`` has something to do."""
        return self._ready is not None or not self.writer.healthy or self.writer.pending_bytes > 0

    def append_checkpoint(self) -> None:
        """Puts a finished checkpoint into the file and begins a new segment when this one is full.

        Also writes out what durability `async` buffered, and tries again after a failure. Never
        raises LedgerUnavailable: the writer stays unhealthy and the next statement is refused.
        """
        try:
            if not self.writer.healthy or self.writer.pending_bytes:
                self.writer.flush_now()
            if (ready := self._ready) is not None:
                segment, point = ready
                self._commit(segment, point)
                self._ready = None
            if self._is_full() and self._claim():
                try:
                    self._rotate()
                finally:
                    self._busy = False
            self._recovered()
        except LedgerUnavailable as error:
            self._failed(error.message)
        finally:
            self._event.set()

    def seal_now(self) -> None:
        """Writes, syncs and seals everything, here and now. Only where no thread does (``sealing=False``)."""
        self.writer.flush_now()
        segment = self._segment
        self._take(segment)
        if not segment.carry.size:
            return
        try:
            os.fdatasync(segment.fd)
            self._commit(segment, self._checkpoint(segment))
            self._write_head()
        except OSError as error:
            self.writer.fail(f"fdatasync: {error.strerror}")
            raise LedgerUnavailable(f"ledger not writable: {error.strerror}") from error

    def close(self) -> None:
        """Stops the thread, seals and closes the segment. LedgerUnavailable when that could not be done."""
        if self._stopping:
            return
        self._stopping = True
        self._event.set()
        if self._thread is not None:
            self._thread.join()
        try:
            for fd in self._retired:
                os.fdatasync(fd)
            self._flush_at_last()
            self._ready = None  # never written: the last checkpoint covers the same bytes
            self._close_segment(self._segment)
            os.fdatasync(self._segment.fd)
            self._write_head()
        except OSError as error:
            raise LedgerUnavailable(f"ledger not closed: {error.strerror}") from error
        finally:
            self.writer.recover = None
            self.writer.detach()
            for fd in (*self._retired, self._segment.fd, self._lock_fd):
                os.close(fd)

    def _flush_at_last(self) -> None:
        try:
            self.writer.flush_now()
        except LedgerUnavailable:
            # It may only be too early after a failure to try again; there is no later.
            time.sleep(self.writer.retry_interval_ns / 1e9)
            self.writer.flush_now()

    # -- the sealing thread ------------------------------------------------------------------------

    def _run(self) -> None:
        due = time.monotonic() + self._interval_s
        while not self._stopping:
            self._event.wait(max(0.0, due - time.monotonic()))
            self._event.clear()
            try:
                self._settle()
                if self._hash_ahead:
                    self._work_ahead()
                    # The loop closes the segment now; a sync begun here would keep it from that.
                    due = max(due, time.monotonic() + CLOSE_S)
                if time.monotonic() >= due:
                    due = time.monotonic() + self._interval_s
                    self._tick()
            except OSError as error:
                self.writer.fail(f"sealing: {error.strerror}")
                self._failed(f"ledger not writable: sealing: {error.strerror}")
            except Exception:
                # A bug in here must not leave the ledger unsealed and everything running.
                _log.exception("the sealing thread of worker %d failed", self.worker)
                self.writer.fail("sealing failed")

    def _settle(self) -> None:
        """What the loop left for this thread: former segments, and HEAD."""
        if self._new_name:
            self._new_name = False
            sync_directory(self.directory)
        while self._retired:
            fd = self._retired.pop()
            try:
                os.fdatasync(fd)
            finally:
                os.close(fd)
        try:
            self._write_head()
            self._head_trouble = None
        except OSError as error:
            # The segment is as good as it was: no new one, but nothing runs until HEAD is written.
            self._head_trouble = f"HEAD: {error.strerror}"
            self.writer.fail(self._head_trouble, broken=False)
            self._failed(f"ledger not writable: {self._head_trouble}")

    def _tick(self) -> None:
        if self.seal_due():
            self._wake()
        if self._ready is not None or self.writer.broken:
            return
        self._check_in_place()
        if not self._claim():
            return
        try:
            segment = self._segment
            self._take(segment)
            if not segment.carry.size:
                return
            os.fdatasync(segment.fd)
            self._ready = (segment, self._checkpoint(segment))
        finally:
            self._busy = False
        self._wake()

    def _work_ahead(self) -> None:
        """Hashes for the loop what a slow disk let pile up, so that closing a segment does not hold it up."""
        self._hash_ahead = False
        if self.writer.broken or not self._claim():
            return
        try:
            self._take(self._segment)
        finally:
            self._busy = False
        self._wake()

    def _claim(self) -> bool:
        """The right to take bytes from the writer, touch ``carry`` and the tree, and change segments.

        Never waited for: the loop must not wait for a sync, and the thread comes again.
        """
        with self._lock:
            if self._busy or self._ready is not None:
                return False
            self._busy = True
            return True

    def _check_in_place(self) -> None:
        """Fails the writer when the file it writes is no longer the one that people find."""
        segment, before = self._segment, self.writer.written
        found = os.stat(self.directory / str(segment.name))
        if segment is not self._segment:
            return
        if (found.st_dev, found.st_ino) != segment.inode:
            self.writer.fail("the segment was replaced from outside")
        elif found.st_size < before:
            self.writer.fail("the segment was cut from outside")

    def _wake(self) -> None:
        if self.wakeup is None:
            return
        try:
            self.wakeup()
        except RuntimeError as error:
            # The loop is closed: nobody forwards statements any more, and ``close`` seals the rest.
            _log.warning("worker %d: ledger wake-up failed: %s", self.worker, error)

    # -- segments ----------------------------------------------------------------------------------

    def _is_full(self) -> bool:
        """Whether the segment is to be closed now; asks the thread to work ahead when that would take long."""
        written = self.writer.written
        if written < self.segment_bytes:
            return False
        if self._thread is None or self.writer.unsealed_bytes <= CLOSE_BYTES or written >= 2 * self.segment_bytes:
            return True
        self._hash_ahead = True
        return False

    def _take(self, segment: _Segment, *, everything: bool = False) -> None:
        if (taken := self.writer.take(everything=everything)) is not None:
            segment.tree.add_with(segment.carry, taken)

    def _begin(self, link: Link) -> _Segment:
        """Creates the next segment; its header is the first thing in it. OSError on failure."""
        self._number += 1
        name = SegmentName(worker=self.worker, start=self._start, number=self._number)
        path = self.directory / str(name)
        header = Header(
            time=self._now(),
            segment=str(name),
            worker=self.worker,
            key_id=self._key.key_id,
            previous=link.previous,
            previous_chain=link.chain,
            previous_to=link.sealed_to,
            previous_closed=link.closed,
            witness=witness(self.directory, self.worker),
        )
        # O_APPEND: whatever else happens to the offset, lines only ever go to the end.
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            if self._number == 1 or self.durability is Durability.STRICT:
                sync_directory(self.directory)
            else:
                self._new_name = True  # the thread's: a sync would hold up the loop
            status = os.fstat(fd)
            self.writer.begin(fd, header.encode())
        except OSError:
            os.close(fd)
            path.unlink(missing_ok=True)
            raise
        return _Segment(name=name, fd=fd, inode=(status.st_dev, status.st_ino), chain=link.chain)

    def _rotate(self) -> None:
        self._close_segment(self._segment)
        try:
            self._replace_segment()
        except OSError as error:
            self.writer.fail(f"cannot begin a ledger segment: {error.strerror}")
            raise LedgerUnavailable(f"ledger not writable: {error.strerror}") from error

    def _replace_segment(self) -> None:
        old = self._segment
        link = Link(
            previous=str(old.name), chain=old.chain, sealed_to=old.sealed_to, closed=old.closed, start=self._start
        )
        self._segment = self._begin(link)
        self._retired.append(old.fd)

    def _recover(self) -> None:
        """Called by the writer before it tries again: make its segment usable, or raise OSError."""
        segment = self._segment
        if self._head_trouble is not None:
            raise OSError(errno.EIO, self._head_trouble)
        if not self.writer.broken and self._in_place(segment):
            return
        self._ready = None  # its line can no longer go where it belongs; ``carry`` still has the bytes
        if not self._claim():
            raise OSError(errno.EAGAIN, "the ledger is being synced")
        try:
            self.writer.fail(self.writer.reason or "the segment was moved, replaced or changed from outside")
            if not segment.closed and self._in_place(segment):
                self._close_broken(segment)
            self._replace_segment()
        finally:
            self._busy = False

    def _in_place(self, segment: _Segment) -> bool:
        """Whether the descriptor is still that of the named file, with exactly the bytes written."""
        try:
            here, named = os.fstat(segment.fd), os.stat(self.directory / str(segment.name))
        except OSError:
            return False
        same = (here.st_dev, here.st_ino) == (named.st_dev, named.st_ino) == segment.inode
        return same and here.st_size == self.writer.written

    def _close_broken(self, segment: _Segment) -> None:
        """Closes a segment whose sync failed. Its bytes are known here, so they can be sealed still."""
        self._take(segment, everything=True)
        point = self._checkpoint(segment, closed=True)
        line = point.encode() + b"\n"
        size = self.writer.written
        if os.write(segment.fd, line) != len(line):
            os.ftruncate(segment.fd, size)
            raise OSError(errno.ENOSPC, "no room for the last checkpoint of a segment")
        self._committed(segment, point)

    def _close_segment(self, segment: _Segment) -> None:
        """The last checkpoint, with the Merkle root over everything before it."""
        self._take(segment, everything=True)
        self._commit(segment, self._checkpoint(segment, closed=True))

    # -- checkpoints -------------------------------------------------------------------------------

    def _checkpoint(self, segment: _Segment, *, closed: bool = False) -> Checkpoint:
        """Signs what ``carry`` holds. The tree has those lines already."""
        digest = segment.carry.digest()
        return Checkpoint(
            time=self._now(),
            segment=str(segment.name),
            start=segment.sealed_to,
            stop=segment.sealed_to + segment.carry.size,
            lines=segment.carry.lines,
            range_sha256=digest,
            previous=segment.chain,
            chain=extend(segment.chain, digest),
            key_id=self._key.key_id,
            closed=closed,
            total_lines=segment.tree.leaves if closed else 0,
            merkle_root=segment.tree.root() if closed else b"",
            lost_outcomes=self.writer.lost_outcomes - self._reported_lost,
        ).sign(self._key.sign)

    def _commit(self, segment: _Segment, point: Checkpoint) -> None:
        self.writer.checkpoint(point.encode())
        self._committed(segment, point)

    def _committed(self, segment: _Segment, point: Checkpoint) -> None:
        segment.chain, segment.sealed_to, segment.closed = point.chain, point.stop, point.closed
        segment.carry = RangeHash()
        self._reported_lost += point.lost_outcomes
        self._head = point.encode()

    def _write_head(self) -> None:
        if (line := self._head) is not None:
            write_head(self.directory, self.worker, line)
            if self._head is line:
                self._head = None

    # -- small things ------------------------------------------------------------------------------

    def _take_chain(self) -> int:
        fd = os.open(self.directory / f"w{self.worker}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(fd)
            raise LedgerUnavailable(
                f"the ledger of worker {self.worker} in {self.directory} is open in another process"
            ) from None
        return fd

    def _now(self) -> str:
        if self._clock is time.time:
            return self.writer.now()
        return datetime.fromtimestamp(self._clock(), UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def _failed(self, message: str) -> None:
        if self._trouble is None:
            _log.error("%s (worker %d); statements are refused until it can be written again", message, self.worker)
        self._trouble = message

    def _recovered(self) -> None:
        if self._trouble is not None:
            _log.warning("ledger of worker %d: writable again after: %s", self.worker, self._trouble)
            self._trouble = None
