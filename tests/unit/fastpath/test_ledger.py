"""The ledger's writer: lines are JSON, one write, and what happens when the file cannot be written."""

from __future__ import annotations

import errno
import hashlib
import hmac
import json
import os
import re
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from govproxy._fastpath.ledger import Fragment, LedgerWriter
from govproxy._fastpath.sealing import RangeHash
from govproxy.errors import LedgerUnavailable

SESSION = b'"session":"s1","user":"ana"'
STATEMENT = Fragment(b'"decision":"allow","sql":"SELECT \\"a\\""', b'SELECT "a"')
KEY = b"\2" * 32
FINGERPRINT = hmac.digest(KEY, b'SELECT "a"', "sha256").hex().encode()
FROZEN_NS = 1_769_903_999_123_456_789  # 2026-01-31T23:59:59.123456Z + nanoseconds


@pytest.fixture
def file(tmp_path: Path) -> Iterator[tuple[Path, int]]:
    path = tmp_path / "segment"
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
    yield path, fd
    os.close(fd)


def _writer(fd: int, **options: bool) -> LedgerWriter:
    writer = LedgerWriter(hash_key=KEY, **options)
    writer.open(fd)
    writer.retry_interval_ns = 0
    return writer


def _lines(path: Path) -> list[dict[str, object]]:
    content = path.read_bytes()
    assert not content or content.endswith(b"\n")
    return [json.loads(line) for line in content.splitlines()]


def test_a_statement_line(file: tuple[Path, int]) -> None:
    path, fd = file
    writer = _writer(fd)
    writer.freeze(FROZEN_NS)
    writer.statement(b"a-b_c.9", 18_446_744_073_709_551_615, SESSION, STATEMENT)
    assert path.read_bytes() == b""  # nothing goes out before flush
    writer.flush_now()
    assert path.read_bytes() == (
        b'{"event":"statement","id":"a-b_c.9.18446744073709551615","time":"2026-01-31T23:59:59.123456Z",'
        b'"session":"s1","user":"ana","sql_hash":"' + FINGERPRINT + b'","decision":"allow","sql":"SELECT \\"a\\""}\n'
    )
    assert writer.written == path.stat().st_size


def test_an_outcome_line(file: tuple[Path, int]) -> None:
    path, fd = file
    writer = _writer(fd)
    writer.freeze(FROZEN_NS)
    writer.outcome(b"s1", 7, b"error", b"42501", 1, 2, 3, 4)
    writer.outcome(b"s1", 8, b"ok", None, 0, 2**64 - 1, 0, 0)
    writer.flush_now()
    assert path.read_bytes().splitlines()[0] == (
        b'{"event":"outcome","id":"s1.7","time":"2026-01-31T23:59:59.123456Z","session":"s1","status":"error",'
        b'"sqlstate":"42501","rows":1,"bytes":2,"masked_values":3,"duration_us":4}'
    )
    assert _lines(path)[1] | {"time": ""} == {
        "event": "outcome",
        "id": "s1.8",
        "time": "",
        "session": "s1",
        "status": "ok",
        "sqlstate": None,
        "rows": 0,
        "bytes": 2**64 - 1,
        "masked_values": 0,
        "duration_us": 0,
    }


@pytest.mark.parametrize(
    ("now_ns", "text"),
    [
        (0, "1970-01-01T00:00:00.000000Z"),
        (951_782_400_000_000_000, "2000-02-29T00:00:00.000000Z"),
        (FROZEN_NS, "2026-01-31T23:59:59.123456Z"),
        (1_769_903_999_999_999_999, "2026-01-31T23:59:59.999999Z"),
        (1_769_904_000_000_000_000, "2026-02-01T00:00:00.000000Z"),
    ],
)
def test_times_are_utc_with_microseconds(now_ns: int, text: str) -> None:
    writer = LedgerWriter()
    writer.freeze(now_ns)
    assert writer.now() == text


def test_the_clock_is_the_real_one() -> None:
    from datetime import UTC, datetime

    before = datetime.now(UTC)
    stamp = datetime.fromisoformat(LedgerWriter().now())
    assert abs((stamp - before).total_seconds()) < 60


@pytest.mark.parametrize("sqlstate", [b'4"501', b"42\n01", b"\x0042\xff1", b"4250\\"])
def test_a_hostile_sqlstate_cannot_break_the_line(file: tuple[Path, int], sqlstate: bytes) -> None:
    path, fd = file
    writer = _writer(fd)
    writer.outcome(b"s1", 1, b"error", sqlstate, 0, 0, 0, 0)
    writer.flush_now()
    (line,) = _lines(path)
    assert re.fullmatch(r"[0-9?]{5}", str(line["sqlstate"]))
    assert "?" in str(line["sqlstate"])


@pytest.mark.parametrize(
    ("session_id", "session", "statement"),
    [
        (b"", SESSION, b'"sql":""'),
        (b'a"b', SESSION, b'"sql":""'),
        (b"a\nb", SESSION, b'"sql":""'),
        (b"x" * 65, SESSION, b'"sql":""'),
        (b"s1", b"", b'"sql":""'),
        (b"s1", b'"a":1\n{"event":"forged"}', b'"sql":""'),
        (b"s1", SESSION, b'"sql":"a\nb"'),
        (b"s1", SESSION, b""),
    ],
)
def test_what_would_break_the_file_is_refused(
    file: tuple[Path, int], session_id: bytes, session: bytes, statement: bytes
) -> None:
    path, fd = file
    writer = _writer(fd)
    with pytest.raises(ValueError, match=r"ledger fragment|session id"):
        writer.statement(session_id, 1, session, Fragment(statement, b""))
    writer.flush_now()
    assert path.read_bytes() == b""


def test_none_is_not_a_fragment(file: tuple[Path, int]) -> None:
    writer = _writer(file[1])
    with pytest.raises(TypeError):
        writer.statement(b"s1", 1, None, STATEMENT)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        writer.statement(b"s1", 1, SESSION, None)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        Fragment(None, b"")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        Fragment(b'"a":1', None)  # type: ignore[arg-type]


def test_one_write_for_all_that_is_pending(tmp_path: Path) -> None:
    # A datagram socket keeps the boundaries of writes.
    import socket

    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with ours, theirs:
        writer = _writer(ours.fileno())
        for number in range(50):
            writer.statement(b"s1", number, SESSION, STATEMENT)
        writer.flush_now()
        assert theirs.recv(1 << 20).count(b"\n") == 50


def test_nothing_open_refuses() -> None:
    writer = LedgerWriter()
    assert not writer.healthy
    with pytest.raises(LedgerUnavailable):
        writer.statement(b"s1", 1, SESSION, STATEMENT)


def test_a_full_disk_refuses_and_keeps_what_was_appended(file: tuple[Path, int]) -> None:
    path, fd = file
    full = os.open("/dev/full", os.O_WRONLY)
    writer = _writer(full)
    writer.statement(b"s1", 1, SESSION, STATEMENT)
    with pytest.raises(LedgerUnavailable, match="No space left") as raised:
        writer.flush_now()
    assert raised.value.sqlstate == "58030"
    assert not writer.healthy
    with pytest.raises(LedgerUnavailable):
        writer.statement(b"s1", 2, SESSION, STATEMENT)  # tried again, still full
    writer.outcome(b"s1", 1, b"refused", b"58030", 0, 0, 0, 0)  # an outcome never raises
    os.dup2(fd, full)  # room again
    writer.statement(b"s1", 3, SESSION, STATEMENT)
    assert writer.healthy
    writer.flush_now()
    os.close(full)
    assert [(line["event"], line["id"]) for line in _lines(path)] == [
        ("statement", "s1.1"),
        ("outcome", "s1.1"),
        ("statement", "s1.3"),
    ]


def test_retries_are_rationed(file: tuple[Path, int]) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    writer = _writer(full)
    writer.retry_interval_ns = 3_600 * 10**9
    writer.statement(b"s1", 1, SESSION, STATEMENT)
    with pytest.raises(LedgerUnavailable):
        writer.flush_now()
    os.dup2(file[1], full)
    for _ in range(3):
        with pytest.raises(LedgerUnavailable):
            writer.statement(b"s1", 2, SESSION, STATEMENT)
    os.close(full)
    assert file[0].read_bytes() == b""


def test_a_closed_descriptor_refuses(tmp_path: Path) -> None:
    fd = os.open(tmp_path / "x", os.O_WRONLY | os.O_CREAT)
    writer = _writer(fd)
    os.close(fd)
    writer.statement(b"s1", 1, SESSION, STATEMENT)
    with pytest.raises(LedgerUnavailable, match=os.strerror(errno.EBADF)):
        writer.flush_now()


def test_half_a_line_that_cannot_be_cut_off_breaks_the_segment() -> None:
    read, write = os.pipe()
    os.set_blocking(write, False)
    writer = _writer(write)
    big = Fragment(b'"sql":"' + b"x" * 900_000 + b'"', b"")  # more than a pipe holds
    writer.statement(b"s1", 1, SESSION, big)
    with pytest.raises(LedgerUnavailable):
        writer.flush_now()
    assert writer.broken
    os.read(read, 1 << 20)
    with pytest.raises(LedgerUnavailable):  # even with room: half a line stands there
        writer.flush_now()
    os.close(read)
    os.close(write)


SMALL_FILE = """
import json, os, resource, sys
from govproxy._fastpath.ledger import Fragment, LedgerWriter
from govproxy.errors import LedgerUnavailable

fd = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT | os.O_APPEND)
writer = LedgerWriter()
writer.open(fd)
writer.retry_interval_ns = 0
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
number = 0
try:
    while True:
        number += 1
        writer.statement(b"s1", number, b'"a":1', Fragment(b'"b":"' + b"x" * 20 + b'"', b"text"))
        writer.flush_now()
except LedgerUnavailable as error:
    at_failure = os.fstat(fd).st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
writer.statement(b"s1", 1000, b'"a":1', Fragment(b'"b":2', b"text"))
writer.flush_now()
print(json.dumps([number, at_failure, writer.healthy, writer.written]))
"""


def test_a_partial_write_is_cut_off_again(tmp_path: Path) -> None:
    """A file size limit makes the kernel write half a line, as a disk that fills up does."""
    path = tmp_path / "segment"
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY
    done = subprocess.run(
        [sys.executable, "-c", SMALL_FILE, str(path)], capture_output=True, text=True, timeout=60, check=True
    )
    number, at_failure, healthy, written = json.loads(done.stdout)
    assert 0 < at_failure < 1000
    lines = _lines(path)
    assert [line["id"] for line in lines] == [f"s1.{n}" for n in range(1, number + 1)] + ["s1.1000"]
    assert healthy
    assert written == path.stat().st_size
    whole = path.read_bytes()[:at_failure]
    assert whole.endswith(b"\n")
    assert whole.count(b"\n") == number - 1


def test_strict_syncs_and_a_failed_sync_breaks_the_segment() -> None:
    # fdatasync on a pipe fails with EINVAL, write does not.
    read, write = os.pipe()
    writer = _writer(write, synchronous=True)
    writer.statement(b"s1", 1, SESSION, STATEMENT)
    with pytest.raises(LedgerUnavailable, match="fdatasync"):
        writer.flush_now()
    assert writer.broken
    assert not writer.healthy
    os.close(read)
    os.close(write)


def test_group_does_not_sync_in_flush() -> None:
    read, write = os.pipe()
    writer = _writer(write)
    writer.statement(b"s1", 1, SESSION, STATEMENT)
    writer.flush_now()
    assert os.read(read, 1 << 16).count(b"\n") == 1
    os.close(read)
    os.close(write)


def test_recovery_is_asked_before_a_retry(file: tuple[Path, int]) -> None:
    path, fd = file
    full = os.open("/dev/full", os.O_WRONLY)
    writer = _writer(full)
    calls: list[str] = []

    def recover() -> None:
        calls.append("asked")
        if len(calls) == 1:
            raise OSError(errno.EIO, "still bad")
        writer.begin(fd, b'{"event":"segment"}')

    writer.recover = recover
    writer.statement(b"s1", 1, SESSION, STATEMENT)
    for _ in range(2):
        with pytest.raises(LedgerUnavailable):
            writer.flush_now()
    assert writer.reason == "still bad"
    writer.flush_now()
    os.close(full)
    assert calls == ["asked", "asked"]
    assert [line["event"] for line in _lines(path)] == ["segment", "statement"]
    assert writer.written == path.stat().st_size


def test_outcomes_wait_in_bounded_memory() -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    writer = _writer(full)
    for number in range(90_000):
        writer.outcome(b"s1", number, b"ok", None, 0, 0, 0, 0)
    os.close(full)
    assert not writer.healthy
    assert writer.lost_outcomes > 0
    assert writer.pending_bytes < 9 << 20


def test_much_is_written_without_waiting_for_flush(file: tuple[Path, int]) -> None:
    path, fd = file
    writer = _writer(fd)
    for number in range(5):
        big = Fragment(b'"sql":"' + b"x" * 500_000 + b'"', b"")
        writer.statement(b"s1", number, SESSION, big)
    assert writer.pending_bytes < 2_000_000
    writer.flush_now()
    assert len(_lines(path)) == 5


def test_ranges_are_exactly_what_was_written(file: tuple[Path, int]) -> None:
    path, fd = file
    writer = _writer(fd)
    assert writer.take() is None
    writer.line(b'{"event":"a"}')
    assert writer.take() is None  # not written yet
    writer.flush_now()
    first = writer.take()
    assert first is not None
    assert (bytes(first), first.start, first.stop, first.lines) == (b'{"event":"a"}\n', 0, 14, 1)
    writer.checkpoint(b'{"event":"checkpoint"}')
    assert writer.take() is None  # a checkpoint alone is not worth another
    writer.line(b'{"event":"b"}')
    writer.flush_now()
    second = writer.take()
    assert second is not None
    assert bytes(first) + bytes(second) == path.read_bytes()
    assert (second.start, second.lines) == (14, 2)
    running = RangeHash()
    assert running.digest() == hashlib.sha256(b"").digest()
    for taken in (first, second):
        running.add(taken)
        assert running.digest() == hashlib.sha256(path.read_bytes()[: taken.stop]).digest()
    assert (running.size, running.lines) == (second.stop, 3)
    writer.checkpoint(b'{"event":"checkpoint"}')
    assert len(writer.take(everything=True) or b"") == 23


def test_a_failed_checkpoint_is_not_kept(file: tuple[Path, int]) -> None:
    path, fd = file
    full = os.open("/dev/full", os.O_WRONLY)
    writer = _writer(full)
    with pytest.raises(LedgerUnavailable):
        writer.checkpoint(b'{"event":"checkpoint"}')
    os.dup2(fd, full)
    writer.statement(b"s1", 1, SESSION, STATEMENT)
    writer.flush_now()
    os.close(full)
    assert [line["event"] for line in _lines(path)] == ["statement"]


def test_async_buffers() -> None:
    read, write = os.pipe()
    os.set_blocking(write, False)
    writer = _writer(write, buffered=True)
    writer.statement(b"s1", 1, SESSION, STATEMENT)
    writer.flush_when_due()
    assert writer.pending_bytes > 0
    for number in range(800):  # more than 64 KiB does not wait
        writer.statement(b"s1", number, SESSION, STATEMENT)
    with pytest.raises(LedgerUnavailable):  # and so meets the end of the pipe's room
        writer.flush_when_due()
    os.close(read)
    os.close(write)


def test_detached_refuses_for_good(file: tuple[Path, int]) -> None:
    writer = _writer(file[1])
    writer.detach()
    for _ in range(2):
        with pytest.raises(LedgerUnavailable, match="closed"):
            writer.statement(b"s1", 1, SESSION, STATEMENT)
