"""The arithmetic of the ledger's proof: names, checkpoints, chain values, the Merkle tree.

Written on ``hashlib`` and ``cryptography`` alone, so that it can be read as the definition of the
format (``docs/ledger.md`` says the same in prose) and verification needs no compiled part of
govproxy. ``_fastpath.sealing`` computes the same tree faster while sealing; tests compare the two.
Knows nothing of files being written.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import orjson

FORMAT_VERSION = 1
GENESIS = bytes(32)
# Security: the prefix keeps a signature made here from meaning anything elsewhere.
SIGNED_PREFIX = b"govproxy ledger checkpoint 1\n"
_SIGNATURE_KEY = b',"signature":'
_NAME = re.compile(r"w(\d{1,9})-(\d{1,12})-(\d{1,9})\.jsonl")


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class SegmentName:
    """``w<worker>-<start>-<number>.jsonl``; sorts in the order of the chain."""

    worker: int
    start: int  # POSIX seconds at which the worker opened its ledger
    number: int

    def __str__(self) -> str:
        return f"w{self.worker}-{self.start}-{self.number}.jsonl"

    @classmethod
    def parse(cls, text: str) -> SegmentName | None:
        """The parts, or None when ``text`` is not exactly the name of a segment."""
        match = _NAME.fullmatch(text)
        if match is None:
            return None
        name = cls(worker=int(match[1]), start=int(match[2]), number=int(match[3]))
        return name if str(name) == text else None


def segments(directory: Path) -> dict[int, list[SegmentName]]:
    """The segments in a directory by worker, each chain in order. OSError if it cannot be read."""
    chains: dict[int, list[SegmentName]] = {}
    for entry in directory.iterdir():
        if (name := SegmentName.parse(entry.name)) is not None:
            chains.setdefault(name.worker, []).append(name)
    for names in chains.values():
        names.sort()
    return dict(sorted(chains.items()))


def head_path(directory: Path, worker: int) -> Path:
    """Where the last signed checkpoint of a chain is kept."""
    return directory / f"w{worker}.HEAD"


def heads(directory: Path) -> list[int]:
    """The workers that have a HEAD file."""
    return sorted(int(m[1]) for e in directory.iterdir() if (m := re.fullmatch(r"w(\d{1,9})\.HEAD", e.name)))


def extend(previous: bytes, range_sha256: bytes) -> bytes:
    """The next chain value."""
    return hashlib.sha256(previous + range_sha256).digest()


class FormatError(ValueError):
    """A line that claims to be a header or checkpoint and is not well formed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A signed statement about the bytes ``[start, stop)`` of a segment and all before them.

    ``closed`` marks the segment's last: then ``total_lines`` and ``merkle_root`` cover every line
    before it. ``recovered`` marks one that a later start made after a crash: it vouches for what
    was found, not for what was written. ``lost_outcomes`` counts outcomes and ends (never
    statements) that found no room in memory while the file could not be written.
    """

    time: str
    segment: str
    start: int
    stop: int
    lines: int
    range_sha256: bytes
    previous: bytes
    chain: bytes
    key_id: str
    closed: bool = False
    total_lines: int = 0
    merkle_root: bytes = b""
    recovered: bool = False
    lost_outcomes: int = 0
    signature: bytes = b""

    def body(self) -> bytes:
        """The line up to the signature: what is signed."""
        fields: dict[str, object] = {
            "event": "checkpoint",
            "time": self.time,
            "segment": self.segment,
            "from": self.start,
            "to": self.stop,
            "lines": self.lines,
            "range_sha256": self.range_sha256.hex(),
            "previous": self.previous.hex(),
            "chain": self.chain.hex(),
        }
        if self.closed:
            fields |= {"closed": True, "total_lines": self.total_lines, "merkle_root": self.merkle_root.hex()}
        if self.recovered:
            fields["recovered"] = True
        if self.lost_outcomes:
            fields["lost_outcomes"] = self.lost_outcomes
        fields["key_id"] = self.key_id
        return orjson.dumps(fields)[:-1]

    def sign(self, sign: Callable[[bytes], bytes]) -> Checkpoint:
        """The same with its signature; ``sign`` takes a message and gives an Ed25519 signature."""
        return replace(self, signature=sign(SIGNED_PREFIX + self.body()))

    def encode(self) -> bytes:
        """The line, without its newline."""
        return self.body() + _SIGNATURE_KEY + b'"' + base64.b64encode(self.signature) + b'"}'


def decode_checkpoint(line: bytes) -> tuple[Checkpoint, bytes]:
    """A checkpoint line as a value and the message its signature is about. FormatError if malformed.

    The message is cut from the line itself and never rebuilt, so nothing on the line is unsigned.
    """
    body, mark, rest = line.rpartition(_SIGNATURE_KEY)
    if not mark or not re.fullmatch(rb'"[A-Za-z0-9+/]{86}=="\}', rest):
        raise FormatError("checkpoint without a signature at its end")
    fields = _object(line)
    try:
        checkpoint = Checkpoint(
            time=_typed(fields, "time", str),
            segment=_typed(fields, "segment", str),
            start=_typed(fields, "from", int),
            stop=_typed(fields, "to", int),
            lines=_typed(fields, "lines", int),
            range_sha256=_digest(fields, "range_sha256"),
            previous=_digest(fields, "previous"),
            chain=_digest(fields, "chain"),
            key_id=_typed(fields, "key_id", str),
            closed=fields.get("closed") is True,
            total_lines=_typed(fields, "total_lines", int) if "closed" in fields else 0,
            merkle_root=_digest(fields, "merkle_root") if "closed" in fields else b"",
            recovered=fields.get("recovered") is True,
            lost_outcomes=_typed(fields, "lost_outcomes", int) if "lost_outcomes" in fields else 0,
            signature=base64.b64decode(rest[1:-2], validate=True),
        )
    except (KeyError, binascii.Error) as error:
        raise FormatError(f"checkpoint: {error}") from error
    # Security: one spelling only. Otherwise a duplicate key could show a reader of the JSON
    # something else than what is checked here.
    if checkpoint.encode() != line:
        raise FormatError("checkpoint is not in its canonical form")
    return checkpoint, SIGNED_PREFIX + body


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """The first line of a segment: where in the chain it stands.

    ``previous`` is None for the first segment of a chain only. ``previous_to`` is the offset up to
    which the previous segment is sealed; ``previous_closed`` says whether it has its last
    checkpoint. ``witness`` holds the chain values that the other workers' HEAD files had.
    """

    time: str
    segment: str
    worker: int
    key_id: str
    previous: str | None = None
    previous_chain: bytes = GENESIS
    previous_to: int = 0
    previous_closed: bool = True
    witness: tuple[tuple[int, bytes], ...] = ()

    def encode(self) -> bytes:
        """The line, without its newline."""
        return orjson.dumps(
            {
                "event": "segment",
                "time": self.time,
                "version": FORMAT_VERSION,
                "segment": self.segment,
                "worker": self.worker,
                "previous": self.previous,
                "previous_chain": self.previous_chain.hex(),
                "previous_to": self.previous_to,
                "previous_closed": self.previous_closed,
                "witness": {f"w{worker}": value.hex() for worker, value in self.witness},
                "key_id": self.key_id,
            }
        )


def decode_header(line: bytes) -> Header:
    """The first line of a segment as a value. FormatError if malformed or of another version."""
    fields = _object(line)
    if fields.get("event") != "segment":
        raise FormatError("a segment must begin with its header")
    if fields.get("version") != FORMAT_VERSION:
        raise FormatError(f"format version {fields.get('version')!r}, this program reads {FORMAT_VERSION}")
    try:
        witness = _typed(fields, "witness", dict)
        return Header(
            time=_typed(fields, "time", str),
            segment=_typed(fields, "segment", str),
            worker=_typed(fields, "worker", int),
            key_id=_typed(fields, "key_id", str),
            previous=None if fields["previous"] is None else _typed(fields, "previous", str),
            previous_chain=_digest(fields, "previous_chain"),
            previous_to=_typed(fields, "previous_to", int),
            previous_closed=_typed(fields, "previous_closed", bool),
            witness=tuple((int(name.removeprefix("w")), _digest(witness, name)) for name in witness),
        )
    except (KeyError, ValueError) as error:
        raise FormatError(f"segment header: {error}") from error


class Merkle:
    """Tree of RFC 9162 section 2.1 over lines: the readable twin of ``_fastpath.sealing.MerkleTree``."""

    __slots__ = ("_nodes", "leaves")

    def __init__(self, lines: Iterable[bytes] = ()) -> None:
        self.leaves = 0
        self._nodes: list[tuple[int, bytes]] = []  # finished subtrees as (leaves, hash), largest first
        for line in lines:
            self.add(line)

    def add(self, line: bytes) -> None:
        """One line, without its newline."""
        self.leaves += 1
        size, node = 1, hashlib.sha256(b"\0" + line).digest()
        while self._nodes and self._nodes[-1][0] == size:
            node = hashlib.sha256(b"\1" + self._nodes.pop()[1] + node).digest()
            size *= 2
        self._nodes.append((size, node))

    def root(self) -> bytes:
        """The hash over all lines; of none, SHA-256 of nothing."""
        if not self._nodes:
            return hashlib.sha256(b"").digest()
        root = self._nodes[-1][1]
        for _, node in reversed(self._nodes[:-1]):
            root = hashlib.sha256(b"\1" + node + root).digest()
        return root


_T = TypeVar("_T")


def _object(line: bytes) -> dict[str, object]:
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise FormatError(f"not JSON: {error}") from error
    if not isinstance(value, dict):
        raise FormatError("not a JSON object")
    return value


def _typed(fields: dict[str, object], name: str, kind: type[_T]) -> _T:
    value = fields[name]
    # bool is an int in Python, not here.
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise FormatError(f"{name} is not of type {kind.__name__}")
    return value


def _digest(fields: dict[str, object], name: str) -> bytes:
    value = _typed(fields, name, str)
    if not re.fullmatch(r"[0-9a-f]{64}", value):
        raise FormatError(f"{name} is not 64 hexadecimal digits")
    return bytes.fromhex(value)
