"""What a statement pays for its ledger lines, and what the sealing thread pays for the proof.

``pytest bench/test_ledger.py``; figures per append are the median divided by ``BATCH``, and include a
call from Python (about 60 ns) that the data plane does not make. ``bytes_per_event`` is in extra_info
(``--benchmark-json``).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from govproxy._fastpath.ledger import Fragment, LedgerWriter
from govproxy._fastpath.sealing import MerkleTree, Range, RangeHash, sha256
from govproxy.audit.events import effect, session_fragment, statement_fragment
from govproxy.audit.keys import LedgerKey
from govproxy.audit.ledger import Durability, Ledger
from govproxy.audit.verify import verify
from govproxy.identity.identity import Identity

BATCH = 1000
KEY = LedgerKey(seed=b"\1" * 32, hash_key=b"\2" * 32)
SESSION_ID = b"k3v9x2m1q8"
SESSION = session_fragment(
    Identity(user="ana@example.com", groups=frozenset({"analysts"})), "k3v9x2m1q8", "shop", "10.0.0.7:50122", "psql"
)
TEXT = b"SELECT id, name, email FROM people WHERE id = $1"
MEMBERS = statement_fragment(
    decision="allow",
    rules=["reads-are-masked"],
    masks=[{"column": "public.people.email", "masker": "partial"}],
    policy_version="3f2a9c",
    sql=TEXT.decode(),
    digest="7d1e5f0c",
    effects=[effect("select", "public.people", "table")],
    tables=["public.people"],
    columns=["public.people.id", "public.people.name", "public.people.email"],
)
STATEMENT = Fragment(MEMBERS, TEXT)
TEXTS = [b"SELECT id, name, email FROM people WHERE id = %d" % number for number in range(BATCH)]


@pytest.fixture
def writer() -> Iterator[LedgerWriter]:
    fd = os.open("/dev/null", os.O_WRONLY)
    made = LedgerWriter()
    made.open(fd)
    yield made
    os.close(fd)


def test_append_statement(benchmark: BenchmarkFixture, writer: LedgerWriter) -> None:
    """A prepared statement: the segment has its verdict's part already, the text is the verdict's own."""

    def batch() -> None:
        append = writer.statement
        for number in range(BATCH):
            append(SESSION_ID, number, SESSION, STATEMENT)

    benchmark.pedantic(batch, setup=lambda: _empty(writer), rounds=100, warmup_rounds=5)
    _note_size(benchmark, writer, batch)


def test_append_statement_with_other_literals(benchmark: BenchmarkFixture, writer: LedgerWriter) -> None:
    """Found by its shape: the text is another one every time and has to be hashed."""

    def batch() -> None:
        append = writer.statement
        for number, text in enumerate(TEXTS):
            append(SESSION_ID, number, SESSION, STATEMENT, text)

    benchmark.pedantic(batch, setup=lambda: _empty(writer), rounds=100, warmup_rounds=5)
    _note_size(benchmark, writer, batch)


def test_append_statement_in_full(benchmark: BenchmarkFixture, writer: LedgerWriter) -> None:
    """The first of its verdict in a segment."""
    fragments: list[list[Fragment]] = [[]]

    def setup() -> None:
        _empty(writer)
        fragments[0] = [Fragment(MEMBERS, TEXT) for _ in range(BATCH)]

    def batch() -> None:
        append = writer.statement
        for number, fragment in enumerate(fragments[0]):
            append(SESSION_ID, number, SESSION, fragment)

    benchmark.pedantic(batch, setup=setup, rounds=100, warmup_rounds=5)
    setup()
    _note_size(benchmark, writer, batch)


def test_append_outcome(benchmark: BenchmarkFixture, writer: LedgerWriter) -> None:
    def batch() -> None:
        append = writer.outcome
        for number in range(BATCH):
            append(SESSION_ID, number, b"ok", None, 1, 250, 1, 480)

    benchmark.pedantic(batch, setup=lambda: _empty(writer), rounds=100, warmup_rounds=5)
    _note_size(benchmark, writer, batch)


def _empty(writer: LedgerWriter) -> None:
    writer.flush_now()
    writer.take()


def _note_size(benchmark: BenchmarkFixture, writer: LedgerWriter, batch: Callable[[], None]) -> None:
    writer.flush_now()
    before = writer.written
    batch()
    writer.flush_now()
    benchmark.extra_info["bytes_per_event"] = (writer.written - before) // BATCH
    _note_time(benchmark, "us_per_event")


def _note_time(benchmark: BenchmarkFixture, entry: str) -> None:
    if benchmark.stats is not None:  # it ran for its result alone
        benchmark.extra_info[entry] = round(benchmark.stats.stats.median / BATCH * 1e6, 3)


def test_append_and_write_to_a_file(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    """One statement, one write(2), one outcome: what a transaction pays when it is alone."""
    fd = os.open(tmp_path / "segment", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    writer = LedgerWriter()
    writer.open(fd)

    def batch() -> None:
        for number in range(BATCH):
            writer.statement(SESSION_ID, number, SESSION, STATEMENT)
            writer.flush_when_due()
            writer.outcome(SESSION_ID, number, b"ok", None, 1, 250, 1, 480)

    benchmark.pedantic(batch, setup=lambda: _empty(writer), rounds=30, warmup_rounds=2)
    _note_time(benchmark, "us_per_statement")
    os.close(fd)


def _range() -> Range:
    fd = os.open("/dev/null", os.O_WRONLY)
    writer = LedgerWriter()
    writer.open(fd)
    for number in range(BATCH):
        writer.statement(SESSION_ID, number, SESSION, STATEMENT)
    writer.flush_now()
    taken = writer.take()
    os.close(fd)
    assert taken is not None
    return taken


def _hashed(taken: Range) -> bytes:
    running = RangeHash()
    running.add(taken)
    return running.digest()


def test_hash_a_range(benchmark: BenchmarkFixture) -> None:
    taken = _range()
    benchmark.extra_info["bytes"] = len(taken)
    benchmark(lambda: _hashed(taken))


def test_merkle_leaves(benchmark: BenchmarkFixture) -> None:
    taken = _range()
    benchmark(lambda: MerkleTree().add(taken))


def test_sha256_of_a_mebibyte(benchmark: BenchmarkFixture) -> None:
    data = os.urandom(1 << 20)
    benchmark(lambda: sha256(data))


def test_sign_a_checkpoint(benchmark: BenchmarkFixture) -> None:
    benchmark(lambda: KEY.sign(b"x" * 500))


def test_events_per_second_with_the_thread_sealing(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    """Everything on: appended, written, synced, hashed and signed beside; then proven."""
    ledger = Ledger(tmp_path, 0, Durability.GROUP, KEY)
    started, events = time.perf_counter(), 0

    def batch() -> None:
        nonlocal events
        writer = ledger.writer
        for number in range(BATCH):
            writer.statement(SESSION_ID, number, SESSION, STATEMENT)
            writer.flush_when_due()
            writer.outcome(SESSION_ID, number, b"ok", None, 1, 250, 1, 480)
        events += 2 * BATCH
        ledger.append_checkpoint()

    benchmark.pedantic(batch, rounds=100)
    benchmark.extra_info["events_per_s"] = round(events / (time.perf_counter() - started))
    ledger.close()
    assert verify(tmp_path, [KEY.public]).sound


def test_verify_speed(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, 0, Durability.GROUP, KEY, sealing=False)
    for number in range(20 * BATCH):
        ledger.writer.statement(SESSION_ID, number, SESSION, STATEMENT)
        if number % 500 == 0:
            ledger.seal_now()
    ledger.close()
    report = benchmark.pedantic(lambda: verify(tmp_path, [KEY.public]), rounds=3)
    benchmark.extra_info["bytes"] = report.chains[0].size_bytes
    if benchmark.stats is not None:
        benchmark.extra_info["events_per_s"] = round(20 * BATCH / benchmark.stats.stats.median)
