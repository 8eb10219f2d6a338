"""Walks one segment from its first byte to its last and checks all that it says about itself.

Used by verification and by the start after a crash. It reads, and trusts nothing but the public
keys it is given; how segments hang together is ``verify``'s.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from govproxy.audit.chain import (
    SIGNED_PREFIX,
    Checkpoint,
    FormatError,
    Header,
    Merkle,
    decode_checkpoint,
    decode_header,
    extend,
)
from govproxy.audit.keys import PublicKey

MAX_LINE_BYTES = 64 << 20
_CHECKPOINT = b'{"event":"checkpoint",'


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is not as it was written. ``line`` counts from 1; 0 = not about a line."""

    file: str
    message: str
    line: int = 0
    offset: int = 0

    def __str__(self) -> str:
        place = f"{self.file}:{self.line} (byte {self.offset})" if self.line else self.file
        return f"{place}: {self.message}"


@dataclass(slots=True, kw_only=True)
class Walk:
    """What was found. With a ``problem``, everything before its place was sound.

    ``sealed_to`` is the offset behind the last sealed byte, ``chain`` the chain value there.
    ``tail`` holds the bytes behind it: the last checkpoint's own line and lines not yet sealed
    (``unsealed_lines`` counts the latter). ``partial_bytes`` belong to a last line without its end.
    """

    file: str
    header: Header | None = None
    problem: Problem | None = None
    sealed_to: int = 0
    chain: bytes = b""
    closed: bool = False
    recovered_bytes: int = 0
    lost_outcomes: int = 0
    lines: int = 0
    checkpoints: int = 0
    size_bytes: int = 0
    tail: bytearray = field(default_factory=bytearray)
    unsealed_lines: int = 0
    partial_bytes: int = 0
    last_checkpoint: Checkpoint | None = None
    seen: set[bytes] = field(default_factory=set)
    merkle: Merkle = field(default_factory=Merkle)

    @property
    def sound(self) -> bool:
        return self.problem is None


def walk_segment(
    path: Path,
    keys: Mapping[str, PublicKey],
    *,
    watch: Collection[bytes] = (),
    progress: Callable[[int], None] | None = None,
) -> Walk:
    """Checks ``path`` up to its first problem. ``watch``: chain values to note in ``seen``."""
    walk = Walk(file=path.name)
    walker = _Walker(walk=walk, keys=keys, watch=watch)
    try:
        with path.open("rb") as file:
            walker.run(file, progress)
    except OSError as error:
        walk.problem = Problem(file=path.name, message=f"cannot be read: {error.strerror}")
    except _Bad as bad:
        walk.problem = Problem(file=path.name, message=str(bad), line=walker.line, offset=walker.offset)
    return walk


class _Bad(Exception):
    """The line at hand is not as it was written."""


@dataclass(slots=True, kw_only=True)
class _Walker:
    walk: Walk
    keys: Mapping[str, PublicKey]
    watch: Collection[bytes]
    line: int = 0
    offset: int = 0
    ends: deque[tuple[int, bool]] = field(default_factory=deque)  # of lines in the tail: end offset, is an event

    def run(self, file: BinaryIO, progress: Callable[[int], None] | None) -> None:
        walk = self.walk
        while raw := file.readline(MAX_LINE_BYTES):
            self.line += 1
            if not raw.endswith(b"\n"):
                if len(raw) == MAX_LINE_BYTES:
                    raise _Bad("a line longer than any that is ever written")
                if walk.closed:
                    raise _Bad("bytes after the segment was closed")
                walk.partial_bytes = len(raw)
                walk.size_bytes += len(raw)
                break
            self.feed(raw)
            self.offset += len(raw)
            if progress is not None:
                progress(len(raw))
        walk.unsealed_lines = sum(event for _, event in self.ends)
        if walk.header is None and walk.problem is None:
            self.line = 1
            raise _Bad("no header: the segment is empty")

    def feed(self, raw: bytes) -> None:
        walk, line = self.walk, raw[:-1]
        if walk.closed:
            raise _Bad("a line after the segment was closed")
        walk.size_bytes += len(raw)
        walk.tail += raw
        is_checkpoint = False
        if self.line == 1:
            self.begin(line)
        elif line.startswith(_CHECKPOINT):
            self.checkpoint(line)
            is_checkpoint = True
        elif not (line.startswith(b'{"event":"') and line.endswith(b"}")):
            raise _Bad("not a ledger line")
        walk.lines += 1
        self.ends.append((self.offset + len(raw), not is_checkpoint))
        walk.merkle.add(line)

    def begin(self, line: bytes) -> None:
        try:
            header = decode_header(line)
        except FormatError as error:
            raise _Bad(str(error)) from None
        if header.segment != self.walk.file:
            raise _Bad(f"this is segment {header.segment} under another name")
        self.walk.header = header
        self.walk.chain = header.previous_chain
        if header.previous_chain in self.watch:
            self.walk.seen.add(header.previous_chain)

    def checkpoint(self, line: bytes) -> None:
        try:
            found, message = decode_checkpoint(line)
        except FormatError as error:
            raise _Bad(str(error)) from None
        self.authenticate(found, message)
        if found.stop > self.offset:
            raise _Bad("the checkpoint speaks of bytes behind itself")
        if found.closed and found.stop != self.offset:
            raise _Bad("the last checkpoint does not cover everything before it")
        self.accept(found)
        if found.closed:
            if found.total_lines != self.walk.lines or found.merkle_root != self.walk.merkle.root():
                raise _Bad("the lines are not those of the Merkle root")
            self.walk.closed = True

    def authenticate(self, found: Checkpoint, message: bytes) -> None:
        key = self.keys.get(found.key_id)
        if key is None:
            raise _Bad(f"signed with key {found.key_id}, which is not one of {', '.join(self.keys)}")
        if not key.verifies(found.signature, message):
            raise _Bad("the signature is not valid")
        if found.segment != self.walk.file:
            raise _Bad(f"a checkpoint of segment {found.segment}")

    def accept(self, found: Checkpoint) -> None:
        """Compares a checkpoint with the bytes it covers and moves the sealed end there."""
        walk = self.walk
        if (found.start, found.previous) != (walk.sealed_to, walk.chain):
            raise _Bad("the checkpoint does not follow the one before it: something in between is missing or added")
        covered = memoryview(walk.tail)[: found.stop - found.start]
        digest = hashlib.sha256(covered).digest()
        covered.release()
        lines = 0
        boundary = found.start
        while self.ends and self.ends[0][0] <= found.stop:
            boundary = self.ends.popleft()[0]
            lines += 1
        if (digest, lines, boundary) != (found.range_sha256, found.lines, found.stop):
            first = self.line - len(self.ends) - lines
            raise _Bad(
                f"bytes {found.start} to {found.stop} (lines {first} to {first + lines - 1}) "
                f"are not those that were sealed at {found.time}"
            )
        if extend(walk.chain, digest) != found.chain:
            raise _Bad("the chain value is wrong")
        del walk.tail[: found.stop - found.start]
        walk.sealed_to, walk.chain = found.stop, found.chain
        walk.checkpoints += 1
        walk.last_checkpoint = found
        walk.lost_outcomes += found.lost_outcomes
        if found.recovered:
            walk.recovered_bytes += found.stop - found.start
        if found.chain in self.watch:
            walk.seen.add(found.chain)


def apply_head(walk: Walk, head: Checkpoint, keys: Mapping[str, PublicKey]) -> bool:
    """Takes a HEAD checkpoint whose line a crash lost; True when the bytes it seals are there.

    HEAD is written after its bytes were synced but perhaps before its own line was, so after a
    power cut the file may end between the two.
    """
    walker = _Walker(walk=walk, keys=keys, watch=(), line=walk.lines)
    end = walk.sealed_to
    for raw in bytes(walk.tail).splitlines(keepends=True):
        end += len(raw)
        walker.ends.append((end, not raw.startswith(_CHECKPOINT)))
    if walk.closed or head.closed or head.stop > end:
        return False
    try:
        walker.authenticate(head, SIGNED_PREFIX + head.body())
        walker.accept(head)
    except _Bad:
        return False
    walk.unsealed_lines = sum(event for _, event in walker.ends)
    return True
