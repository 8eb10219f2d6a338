"""Where a worker's chain stands when its ledger is opened, and the mending of a crashed segment.

Runs before anything is written. What a crash left is sealed with a checkpoint that says so;
what looks altered is left exactly as it is, for ``verify`` to report, and the chain goes on behind it.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from govproxy._fastpath.sealing import replace_file
from govproxy.audit.chain import (
    GENESIS,
    Checkpoint,
    FormatError,
    SegmentName,
    decode_checkpoint,
    extend,
    head_path,
    heads,
    segments,
)
from govproxy.audit.keys import LedgerKey
from govproxy.audit.segment import Walk, apply_head, walk_segment

_log = logging.getLogger("govproxy.audit")


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """The end of the chain that the next segment's header names. ``start`` is the last one's start time."""

    previous: str | None = None
    chain: bytes = GENESIS
    sealed_to: int = 0
    closed: bool = True
    start: int = 0


def resume(directory: Path, worker: int, key: LedgerKey, now: Callable[[], str]) -> Link:
    """The link for the first segment of a new start; closes the last one when a crash left it open.

    ``now`` gives the time for a checkpoint. OSError when the directory cannot be read or written.
    """
    names = segments(directory).get(worker, [])
    head = _read_head(directory, worker, key)
    while names and (head is None or head.segment != str(names[-1])) and _aborted(directory / str(names[-1])):
        # Its header was never completed, so no statement can have followed it.
        (directory / str(names.pop())).unlink()
    if not names:
        return Link() if head is None else _link_of_head(head)
    last = names[-1]
    path = directory / str(last)
    if head is not None and head.closed and head.segment == str(last) and _ends_with(path, head.encode()):
        return Link(previous=str(last), chain=head.chain, sealed_to=head.stop, start=last.start)
    keys = {key.key_id: key.public}
    walk = walk_segment(path, keys)
    if head is not None and head.segment == str(last) and head.stop > walk.sealed_to and walk.sound:
        if not apply_head(walk, head, keys):
            return _left_alone(last, walk, head, "HEAD knows more of it than it holds")
        _append(path, walk, head.encode())
    if walk.problem is not None:
        return _left_alone(last, walk, head, walk.problem.message)
    if not walk.closed:
        _close(path, walk, key, now())
    return Link(previous=str(last), chain=walk.chain, sealed_to=walk.sealed_to, closed=True, start=last.start)


def witness(directory: Path, worker: int) -> tuple[tuple[int, bytes], ...]:
    """The chain values in the other workers' HEAD files, for a segment's header."""
    found = []
    for other in heads(directory):
        if other == worker:
            continue
        try:
            point, _ = decode_checkpoint(head_path(directory, other).read_bytes().rstrip(b"\n"))
        except (OSError, FormatError):
            continue  # nothing to bear witness to; ``verify`` reports the file itself
        found.append((other, point.chain))
    return tuple(found)


def write_head(directory: Path, worker: int, line: bytes) -> None:
    """Replaces HEAD in one step, synced before it takes the name. OSError on failure."""
    path = head_path(directory, worker)
    replace_file(str(path), str(path.with_name(f".{path.name}.new")), line + b"\n")


def sync_directory(directory: Path) -> None:
    """Makes a new file's name durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read_head(directory: Path, worker: int, key: LedgerKey) -> Checkpoint | None:
    path = head_path(directory, worker)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        point, message = decode_checkpoint(content.rstrip(b"\n"))
    except FormatError as error:
        _log.error("%s is not a checkpoint (%s); going on without it", path, error)
        return None
    name = SegmentName.parse(point.segment)
    genuine = point.key_id == key.key_id and key.public.verifies(point.signature, message)
    if name is None or name.worker != worker or not genuine:
        _log.error("%s was not written by this ledger; going on without it", path)
        return None
    return point


def _link_of_head(head: Checkpoint) -> Link:
    name = SegmentName.parse(head.segment)
    start = name.start if name else 0
    return Link(previous=head.segment, chain=head.chain, sealed_to=head.stop, closed=head.closed, start=start)


def _left_alone(last: SegmentName, walk: Walk, head: Checkpoint | None, why: str) -> Link:
    _log.error("ledger segment %s is not as it was written (%s); run `govproxy audit verify`", last, why)
    if head is not None and head.segment == str(last):
        return _link_of_head(head)
    return Link(
        previous=str(last), chain=walk.chain or GENESIS, sealed_to=walk.sealed_to, closed=False, start=last.start
    )


def _aborted(path: Path) -> bool:
    with path.open("rb") as file:
        return b"\n" not in file.read(1 << 20)


def _ends_with(path: Path, line: bytes) -> bool:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - len(line) - 2))
        return file.read().endswith(b"\n" + line + b"\n")


def _append(path: Path, walk: Walk, line: bytes) -> None:
    # Cuts half a line off first: it was never acknowledged to anybody.
    with path.open("r+b") as file:
        whole = walk.size_bytes - walk.partial_bytes
        file.truncate(whole)
        file.seek(whole)
        file.write(line + b"\n")
        file.flush()
        os.fdatasync(file.fileno())
    walk.merkle.add(line)
    walk.lines += 1
    walk.tail += line + b"\n"
    walk.size_bytes = whole + len(line) + 1
    walk.partial_bytes = 0


def _close(path: Path, walk: Walk, key: LedgerKey, time: str) -> None:
    digest = hashlib.sha256(walk.tail).digest()
    stop = walk.sealed_to + len(walk.tail)
    point = Checkpoint(
        time=time,
        segment=path.name,
        start=walk.sealed_to,
        stop=stop,
        lines=walk.tail.count(b"\n"),
        range_sha256=digest,
        previous=walk.chain,
        chain=extend(walk.chain, digest),
        key_id=key.key_id,
        closed=True,
        total_lines=walk.lines,
        merkle_root=walk.merkle.root(),
        recovered=True,
    ).sign(key.sign)
    _append(path, walk, point.encode())
    walk.sealed_to, walk.chain, walk.closed = stop, point.chain, True
    _log.warning(
        "ledger segment %s was left open by a crash; its last %d bytes are sealed now", path.name, len(walk.tail)
    )
