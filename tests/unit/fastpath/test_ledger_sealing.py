"""Hashing of ranges and the Merkle tree, against hashlib and the readable tree of ``audit.chain``."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import pytest

from govproxy._fastpath.sealing import MerkleTree, set_accelerated, sha256
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
