"""Checks a whole ledger with public keys only: every byte, link, signature, root and HEAD.

Never writes, and cannot forge: no private key is ever loaded here. What it cannot see (everything
removed together with every copy of HEAD) is in ``docs/ledger.md``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from govproxy.audit.chain import (
    GENESIS,
    Checkpoint,
    FormatError,
    SegmentName,
    decode_checkpoint,
    decode_header,
    head_path,
    heads,
    segments,
)
from govproxy.audit.keys import PublicKey
from govproxy.audit.segment import MAX_LINE_BYTES, Problem, Walk, apply_head, walk_segment


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainReport:
    """One worker's chain. ``unsealed_lines`` are events at the tail without a checkpoint yet."""

    worker: int
    segments: int
    lines: int
    checkpoints: int
    size_bytes: int
    sealed_until: str  # time of the last checkpoint, '' without one
    open: bool
    unsealed_lines: int
    recovered_bytes: int
    lost_outcomes: int


@dataclass(slots=True, kw_only=True)
class VerifyReport:
    """``problems`` in the order found, the first bad place of each segment; empty = all is proven."""

    chains: list[ChainReport] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        return not self.problems


def total_bytes(directory: Path) -> int:
    """Size of all segments: what ``progress`` counts up to."""
    return sum((directory / str(name)).stat().st_size for names in segments(directory).values() for name in names)


def verify(
    directory: Path,
    keys: Iterable[PublicKey],
    *,
    anchors: Iterable[bytes] = (),
    progress: Callable[[int], None] | None = None,
) -> VerifyReport:
    """Verifies every chain in ``directory``. OSError when it cannot be listed.

    ``anchors`` are contents of HEAD files kept elsewhere: each must still be on its chain, which
    shows that nothing older than it was cut off or rewritten. ``progress`` gets bytes as they pass.
    """
    by_id = {key.key_id: key for key in keys}
    if not by_id:
        raise ValueError("nothing can be verified without a public key")
    report = VerifyReport()
    # HEAD files first: a ledger in use only grows after this.
    present = heads(directory)
    chains = segments(directory)
    if not chains and not present:
        # An emptied directory must not look like a sound ledger.
        report.problems.append(Problem(file=str(directory), message="there is no ledger here"))
    fixed = _Fixed(report=report, keys=by_id)
    for worker in present:
        fixed.load(head_path(directory, worker))
    for number, anchor in enumerate(anchors, 1):
        fixed.add(anchor, f"anchor {number}", is_head=False)
    witnesses = _witnesses(directory, chains)
    watch = {point.chain for _, point in fixed.points} | {value for _, _, value in witnesses}
    seen: set[bytes] = set()
    walks: dict[int, list[Walk]] = {}
    for worker, names in chains.items():
        walks[worker] = []
        for name in names:
            walk = walk_segment(directory / str(name), by_id, watch=watch, progress=progress)
            walks[worker].append(walk)
            seen |= walk.seen
        _check_links(report, names, walks[worker])
    for label, point in fixed.points:
        if point.chain not in seen and not _line_lost(walks, point, by_id):
            _missing(report, directory, walks, label, point)
        seen.add(point.chain)
    for worker, names in chains.items():
        if worker not in present and any(walk.checkpoints for walk in walks[worker]):
            report.problems.append(
                Problem(file=head_path(directory, worker).name, message="missing: the end of the chain is unproven")
            )
        report.chains.append(_summary(report, worker, names, walks[worker]))
    for segment, worker, value in witnesses:
        if value not in seen and value != GENESIS:
            what = f"worker {worker}'s chain as it was when this segment began is gone"
            report.problems.append(Problem(file=segment, message=what))
    return report


@dataclass(slots=True, kw_only=True)
class _Fixed:
    """Checkpoints from outside the segments that must be on the chain."""

    report: VerifyReport
    keys: Mapping[str, PublicKey]
    points: list[tuple[str, Checkpoint]] = field(default_factory=list)

    def load(self, path: Path) -> None:
        try:
            self.add(path.read_bytes(), path.name, is_head=True)
        except OSError as error:
            self.report.problems.append(Problem(file=path.name, message=f"cannot be read: {error.strerror}"))

    def add(self, content: bytes, label: str, *, is_head: bool) -> None:
        try:
            point, message = decode_checkpoint(content.rstrip(b"\n"))
        except FormatError as error:
            self.report.problems.append(Problem(file=label, message=str(error)))
            return
        key = self.keys.get(point.key_id)
        if key is None or not key.verifies(point.signature, message):
            what = "the signature is not valid" if key else f"signed with another key ({point.key_id})"
            self.report.problems.append(Problem(file=label, message=what))
            return
        name = SegmentName.parse(point.segment)
        if name is None or (is_head and f"w{name.worker}.HEAD" != label):
            self.report.problems.append(Problem(file=label, message=f"speaks of {point.segment}"))
            return
        self.points.append((label, point))


def _witnesses(directory: Path, chains: Mapping[int, list[SegmentName]]) -> list[tuple[str, int, bytes]]:
    found = []
    for names in chains.values():
        for name in names:
            try:
                with (directory / str(name)).open("rb") as file:
                    header = decode_header(file.readline(MAX_LINE_BYTES).rstrip(b"\n"))
            except (OSError, FormatError):
                continue  # the walk of this segment reports it
            found += [(str(name), worker, value) for worker, value in header.witness]
    return found


def _check_links(report: VerifyReport, names: list[SegmentName], walks: list[Walk]) -> None:
    before: Walk | None = None
    for name, walk in zip(names, walks, strict=True):
        problem = walk.problem
        if problem is not None:
            report.problems.append(problem)
        if walk.header is not None and (broken := _link_problem(name, walk, before)) is not None:
            report.problems.append(broken)
        before = walk


def _link_problem(name: SegmentName, walk: Walk, before: Walk | None) -> Problem | None:
    header = walk.header
    assert header is not None  # noqa: S101 - the caller asked

    def bad(message: str) -> Problem:
        return Problem(file=walk.file, line=1, message=message)

    if header.worker != name.worker:
        return bad(f"the header names worker {header.worker}")
    if before is None:
        return bad(f"the segment before it, {header.previous}, is missing") if header.previous else None
    if header.previous != before.file:
        if header.previous is None:
            return bad(f"begins a chain of its own, but {before.file} is older")
        return bad(f"follows {header.previous}, but the segment before it here is {before.file}")
    if not before.sound:
        return None  # already reported; its end is not known
    if header.previous_chain != before.chain or header.previous_to != before.sealed_to:
        return bad(f"{before.file} does not end as it did when this segment began")
    if not before.closed and (before.unsealed_lines or before.partial_bytes):
        return Problem(
            file=before.file,
            message=f"{before.unsealed_lines} lines at its end were never sealed, and it is not the open segment",
        )
    if header.previous_closed != before.closed:
        return bad(f"whether {before.file} was closed is not as it was")
    return None


def _line_lost(walks: Mapping[int, list[Walk]], point: Checkpoint, keys: Mapping[str, PublicKey]) -> bool:
    name = SegmentName.parse(point.segment)
    last = walks.get(name.worker, [])[-1:] if name else []
    return bool(last) and last[0].sound and last[0].file == point.segment and apply_head(last[0], point, keys)


def _missing(
    report: VerifyReport, directory: Path, walks: Mapping[int, list[Walk]], label: str, point: Checkpoint
) -> None:
    chain = next((w for chain in walks.values() for w in chain if w.file == point.segment), None)
    if chain is None:
        message = f"{label} knows segment {point.segment}, which is missing"
        report.problems.append(Problem(file=point.segment, message=message))
    elif chain.sound:
        path = directory / point.segment
        cut = path.stat().st_size < point.stop or chain.sealed_to < point.stop
        what = "cut off" if cut else "rewritten"
        message = f"{what}: {label} has a checkpoint of {point.time} at byte {point.stop} that is not in it"
        report.problems.append(
            Problem(file=point.segment, message=message, line=chain.lines or 1, offset=chain.size_bytes)
        )
    # A chain with a problem of its own was reported at that place.


def _summary(report: VerifyReport, worker: int, names: list[SegmentName], walks: list[Walk]) -> ChainReport:
    last = walks[-1]
    for walk in walks:
        if walk.recovered_bytes:
            report.notes.append(f"{walk.file}: {walk.recovered_bytes} bytes were sealed by the start after a crash")
        if walk.lost_outcomes:
            report.notes.append(f"{walk.file}: {walk.lost_outcomes} outcomes were lost while it could not be written")
        if walk.sound and not walk.closed and walk is not last:
            report.notes.append(f"{walk.file}: ends without its last checkpoint (a write or sync failed)")
    if last.sound and last.unsealed_lines:
        report.notes.append(
            f"{last.file}: {last.unsealed_lines} lines at the tail are not sealed (yet): nothing proves them"
        )
    if last.sound and last.partial_bytes:
        report.notes.append(f"{last.file}: ends in half a line of {last.partial_bytes} bytes")
    points = [walk.last_checkpoint for walk in walks if walk.last_checkpoint is not None]
    return ChainReport(
        worker=worker,
        segments=len(names),
        lines=sum(walk.lines for walk in walks),
        checkpoints=sum(walk.checkpoints for walk in walks),
        size_bytes=sum(walk.size_bytes for walk in walks),
        sealed_until=points[-1].time if points else "",
        open=not last.closed,
        unsealed_lines=last.unsealed_lines,
        recovered_bytes=sum(walk.recovered_bytes for walk in walks),
        lost_outcomes=sum(walk.lost_outcomes for walk in walks),
    )
