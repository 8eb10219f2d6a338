"""Reads events back: all chains of a directory merged by time, whole or following.

Statement lines come out whole: what a line shares with an earlier one of its segment is filled in
(``expand``). Reading is not verifying: a line that is not JSON comes out as an event of kind ``unreadable``
instead of stopping the reader, and ``verify`` says what is wrong with it.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import orjson

from govproxy.audit.chain import SegmentName, segments
from govproxy.audit.events import encode
from govproxy.audit.expand import LIKE, Expander

# Lines about the file itself, of interest to verification only.
HOUSEKEEPING = frozenset({"segment", "checkpoint"})
_LOOK_BACK_BYTES = 64 << 10
_LIKE = b',"like":'


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line. ``raw`` is the line as written, without its newline; ``event`` is whole."""

    segment: str
    offset: int
    raw: bytes
    event: Mapping[str, object]

    @property
    def time(self) -> str:
        value = self.event.get("time")
        return value if isinstance(value, str) else ""

    @property
    def kind(self) -> str:
        value = self.event.get("event")
        return value if isinstance(value, str) else "unreadable"

    @property
    def json(self) -> bytes:
        """The whole event as a line of JSON; as written where nothing was filled in."""
        as_written = self.kind != "unreadable" and (_LIKE not in self.raw or LIKE in self.event)
        return self.raw if as_written else encode(self.event)


def decode(raw: bytes) -> Mapping[str, object]:
    """A line as a mapping; of a damaged one, an ``unreadable`` event with its beginning."""
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError:
        value = None
    if isinstance(value, dict):
        return value
    return {"event": "unreadable", "text": raw[:200].decode("utf-8", "replace")}


def read_segment(path: Path, offset: int = 0, expander: Expander | None = None) -> Iterator[Entry]:
    """The whole lines of a segment from ``offset`` on; half a line at its end is not there yet.

    ``expander``: that of earlier readings of the same segment, so that nothing is looked up twice.
    """
    expander = expander or Expander(path)
    with path.open("rb") as file:
        file.seek(offset)
        for line in file:
            if not line.endswith(b"\n"):
                return
            event = expander.whole(decode(line[:-1]), offset)
            yield Entry(segment=path.name, offset=offset, raw=line[:-1], event=event)
            offset += len(line)


def read_all(directory: Path, *, since: str = "") -> Iterator[Entry]:
    """Every event of every chain in the order of time. OSError when the directory cannot be read.

    ``since`` (a time as lines carry it) skips segments that ended before it without reading them.
    """
    chains = []
    for names in segments(directory).values():
        paths = [directory / str(name) for name in names]
        # A segment can be skipped when the one after it began before ``since``.
        first = max((i for i, path in enumerate(paths) if _begins(path) <= since), default=0) if since else 0
        chains.append(_chain(paths[first:]))
    return heapq.merge(*chains, key=lambda entry: entry.time)


def recent(directory: Path, last: int) -> list[Entry]:
    """The ``last`` events of all chains, housekeeping aside, in the order of time."""
    return _look_back(directory, last)[0]


def follow(
    directory: Path,
    *,
    last: int = 10,
    wait: Callable[[], object] = lambda: time.sleep(0.2),
) -> Iterator[Entry]:
    """``recent``, then new events as they are written, for ever.

    Finds new segments and new chains by itself. ``wait`` is called between looks; an exception in
    it ends the following.
    """
    entries, offsets = _look_back(directory, last)
    yield from entries
    expanders: dict[SegmentName, Expander] = {}
    while True:
        wait()
        batch: list[Entry] = []
        for names in segments(directory).values():
            for name in names:
                if name not in offsets and name < max((n for n in offsets if n.worker == name.worker), default=name):
                    continue  # older than where following began: it grows no more
                offset, path = offsets.setdefault(name, 0), directory / str(name)
                for entry in read_segment(path, offset, expanders.setdefault(name, Expander(path))):
                    offset = entry.offset + len(entry.raw) + 1
                    batch.append(entry)
                offsets[name] = offset
        batch.sort(key=lambda entry: entry.time)
        yield from (entry for entry in batch if entry.kind not in HOUSEKEEPING)


def _look_back(directory: Path, last: int) -> tuple[list[Entry], dict[SegmentName, int]]:
    """The last events, and up to which offset each chain's last segment has been read."""
    found: list[Entry] = []
    offsets: dict[SegmentName, int] = {}
    for names in segments(directory).values():
        newest: list[Entry] = []
        for name in reversed(names):
            here, end = _last_of(directory / str(name), last - len(newest))
            offsets.setdefault(name, end)
            newest = here + newest
            if len(newest) >= last:
                break
        found += newest
    found.sort(key=lambda entry: entry.time)
    return found[-last:] if last else [], offsets


def _last_of(path: Path, last: int) -> tuple[list[Entry], int]:
    """The last events of a segment and the offset behind its last whole line; reads from the end."""
    size, chunk, expander = path.stat().st_size, _LOOK_BACK_BYTES, Expander(path)
    while True:
        start = max(0, size - chunk)
        entries, end = [], start
        for entry in read_segment(path, start, expander):
            end = entry.offset + len(entry.raw) + 1
            # The first line of a chunk may be the end of a longer one.
            if (start == 0 or entry.offset > start) and entry.kind not in HOUSEKEEPING:
                entries.append(entry)
        if start == 0 or (len(entries) >= last and end > start):
            return entries[-last:] if last else [], end
        chunk *= 8


def _chain(paths: list[Path]) -> Iterator[Entry]:
    for path in paths:
        yield from read_segment(path)


def _begins(path: Path) -> str:
    for entry in read_segment(path):
        return entry.time
    return ""
