"""Hashing of ranges and the Merkle tree, against hashlib and the readable tree of ``audit.chain``."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from govproxy._fastpath.ledger import LedgerWriter
from govproxy._fastpath.sealing import MerkleTree, RangeHash, replace_file, set_accelerated, sha256
from govproxy.audit.chain import Merkle


@pytest.fixture(params=[True, False], ids=["processor", "portable"])
def _accelerated(request: pytest.FixtureRequest) -> Iterator[None]:
    set_accelerated(request.param)
    yield
    set_accelerated(True)


@pytest.mark.usefixtures("_accelerated")
def test_sha256_agrees_with_hashlib_at_every_length() -> None:
    data = bytes(i * 7 % 256 for i in range(4096))
    for size in [*range(260), 1000, 4095, 4096]:
        assert sha256(data[:size]) == hashlib.sha256(data[:size]).digest(), size


@pytest.mark.usefixtures("_accelerated")
def test_the_tree_agrees_with_the_readable_one() -> None:
    tree, readable = MerkleTree(), Merkle()
    assert tree.root() == readable.root() == hashlib.sha256(b"").digest()
    for number in range(70):
        line = b"line %d" % number + b"x" * number
        tree.add_line(line)
        readable.add(line)
        assert tree.root() == readable.root(), number
        assert tree.leaves == readable.leaves == number + 1


def test_the_tree_is_the_one_of_rfc_9162() -> None:
    """Computed from the definition: split at the largest power of two smaller than the count."""

    def root(lines: list[bytes]) -> bytes:
        if len(lines) == 1:
            return hashlib.sha256(b"\0" + lines[0]).digest()
        split = 1
        while split * 2 < len(lines):
            split *= 2
        return hashlib.sha256(b"\1" + root(lines[:split]) + root(lines[split:])).digest()

    for count in range(1, 40):
        lines = [b"%d" % n for n in range(count)]
        assert Merkle(lines).root() == root(lines)


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    path, beside = tmp_path / "HEAD", tmp_path / ".HEAD.new"
    replace_file(str(path), str(beside), b"first\n")
    assert path.read_bytes() == b"first\n"
    replace_file(str(path), str(beside), b"second\n")
    assert path.read_bytes() == b"second\n"
    assert not beside.exists()
    with pytest.raises(FileNotFoundError):
        replace_file(str(path), str(tmp_path / "missing" / "x"), b"third\n")
    beside.mkdir()
    with pytest.raises(IsADirectoryError):
        replace_file(str(path), str(beside), b"third\n")
    assert path.read_bytes() == b"second\n"


def test_the_tree_and_the_hash_get_a_range_together(tmp_path: Path) -> None:
    lines = b"".join(b'{"n":%d}\n' % n for n in range(100))
    with (tmp_path / "segment").open("wb") as file:
        writer = LedgerWriter()
        writer.open(file.fileno())
        for line in lines.splitlines():
            writer.line(line)
        writer.flush_now()
        taken = writer.take()
        assert taken is not None
        together, apart = (MerkleTree(), RangeHash()), (MerkleTree(), RangeHash())
        together[0].add_with(together[1], taken)
        apart[0].add(taken)
        apart[1].add(taken)
        assert together[0].root() == apart[0].root()
        assert together[1].digest() == apart[1].digest() == hashlib.sha256(lines).digest()
        assert (together[1].size, together[1].lines) == (len(lines), 100)
