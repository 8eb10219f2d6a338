"""Writing a ledger: durability, sealing, rotation, and every failure ending in refusal and recovery."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from govproxy.audit import ledger as module
from govproxy.audit.chain import decode_checkpoint, head_path
from govproxy.audit.ledger import Durability, Ledger
from govproxy.errors import LedgerUnavailable
from tests.unit.audit.ledgers import KEY, check, fragments, open_ledger, run, segment_files, start


def _events(path: Path) -> list[str]:
    return [json.loads(line)["event"] for line in path.read_bytes().splitlines()]


def test_the_whole_life(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    start(ledger)
    run(ledger, 1)
    ledger.seal_now()
    run(ledger, 2)
    ledger.close()
    (segment,) = segment_files(tmp_path)
    assert _events(segment) == [
        "segment",
        "checkpoint",
        "session_start",
        "statement",
        "outcome",
        "checkpoint",
        "statement",
        "outcome",
        "checkpoint",
    ]
    report = check(tmp_path)
    assert report.sound, report.problems
    assert not report.chains[0].open


def test_a_recorded_event_begins_with_its_name_and_time(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, 0, Durability.GROUP, KEY, clock=lambda: 1_769_903_999.5, sealing=False)
    ledger.record({"user": "ana", "event": "session_start", "time": "the caller's"})
    assert segment_files(tmp_path)[0].read_bytes().splitlines()[-1] == (
        b'{"event":"session_start","time":"2026-01-31T23:59:59.500000Z","user":"ana"}'
    )
    ledger.close()


def test_files_are_for_the_owner_only(tmp_path: Path) -> None:
    directory = tmp_path / "audit"
    open_ledger(directory).close()
    assert directory.stat().st_mode & 0o777 == 0o700
    assert segment_files(directory)[0].stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("durability", [Durability.STRICT, Durability.GROUP])
def test_the_line_is_in_the_file_when_flush_returns(tmp_path: Path, durability: Durability) -> None:
    ledger = open_ledger(tmp_path, durability=durability)
    run(ledger, 1, outcome=False)
    assert _events(segment_files(tmp_path)[0])[-1] == "statement"
    ledger.close()
    assert check(tmp_path).sound


def test_async_is_written_by_the_loop_callback(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path, durability=Durability.ASYNC)
    session_id, who, what = fragments()
    ledger.writer.statement(session_id, 1, who, what)
    ledger.writer.flush_when_due()
    assert "statement" not in _events(segment_files(tmp_path)[0])
    assert ledger.seal_due()
    ledger.append_checkpoint()
    assert _events(segment_files(tmp_path)[0])[-1] == "statement"
    ledger.close()
    assert check(tmp_path).sound


def test_head_is_the_last_checkpoint(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    run(ledger, 1)
    ledger.seal_now()
    lines = segment_files(tmp_path)[0].read_bytes().splitlines()
    assert head_path(tmp_path, 0).read_bytes() == lines[-1] + b"\n"
    ledger.close()
    point, _ = decode_checkpoint(head_path(tmp_path, 0).read_bytes().strip())
    assert point.closed


def test_idle_makes_no_checkpoints(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    ledger.seal_now()
    size = segment_files(tmp_path)[0].stat().st_size
    ledger.seal_now()
    assert segment_files(tmp_path)[0].stat().st_size == size
    ledger.close()


def test_rotation_links_segments(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path, segment_bytes=4000)
    for number in range(40):
        run(ledger, number)
        ledger.seal_now()
        ledger.append_checkpoint()
    ledger.close()
    files = segment_files(tmp_path)
    assert len(files) > 3
    headers = [json.loads(file.read_bytes().splitlines()[0]) for file in files]
    assert [header["previous"] for header in headers] == [None, *[file.name for file in files[:-1]]]
    report = check(tmp_path)
    assert report.sound, report.problems
    statements = [line for file in files for line in file.read_bytes().splitlines() if b'"statement"' in line]
    assert len(statements) == 40


def test_a_new_start_continues_the_chain(tmp_path: Path) -> None:
    for number in range(3):
        ledger = open_ledger(tmp_path)
        run(ledger, number)
        ledger.close()
    files = segment_files(tmp_path)
    assert len(files) == 3  # also within one second
    assert check(tmp_path).sound


def test_one_chain_one_process(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    with pytest.raises(LedgerUnavailable, match="open in another process"):
        open_ledger(tmp_path)
    open_ledger(tmp_path, worker=1).close()
    ledger.close()
    open_ledger(tmp_path).close()
    assert check(tmp_path).sound


def test_a_directory_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LedgerUnavailable, match="cannot be opened"):
        open_ledger(tmp_path / "file" / "audit")


def _until(condition: Callable[[], bool], woken: threading.Event, ledger: Ledger) -> None:
    """Plays the loop: runs the callback whenever the thread asks for it."""
    for _ in range(200):
        if condition():
            return
        assert woken.wait(5), "the sealing thread is silent"
        woken.clear()
        ledger.append_checkpoint()
    raise AssertionError("never true")


def test_the_thread_syncs_seals_and_keeps_head(tmp_path: Path) -> None:
    woken = threading.Event()
    ledger = Ledger(
        tmp_path, 0, Durability.GROUP, KEY, wakeup=woken.set, segment_bytes=3000, seal_interval_s=0.001, sealing=True
    )
    segment = segment_files(tmp_path)[0]
    run(ledger, 1)
    _until(lambda: _events(segment)[-1] == "checkpoint" and "statement" in _events(segment), woken, ledger)
    for number in range(2, 40):
        run(ledger, number)
        sealed = ledger.writer.unsealed_bytes
        _until(lambda before=sealed: ledger.writer.unsealed_bytes < before, woken, ledger)
    ledger.close()
    assert len(segment_files(tmp_path)) > 2
    report = check(tmp_path)
    assert report.sound, report.problems


@pytest.mark.parametrize("helpful", [True, False])
def test_much_that_was_not_hashed_is_hashed_by_the_thread_before_a_rotation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, helpful: bool
) -> None:
    monkeypatch.setattr(module, "CLOSE_BYTES", 700)
    woken = threading.Event()
    ledger = Ledger(
        tmp_path, 0, Durability.GROUP, KEY, wakeup=woken.set, segment_bytes=4000, seal_interval_s=3600, sealing=True
    )
    if not helpful:
        monkeypatch.setattr(ledger, "_work_ahead", lambda: None)
    while ledger.writer.written < 4000:
        run(ledger, 1)
    waiting = ledger.writer.unsealed_bytes
    assert waiting > 700
    ledger.append_checkpoint()
    assert len(segment_files(tmp_path)) == 1, "the loop does not do it"
    if helpful:
        assert woken.wait(5)
        assert ledger.writer.unsealed_bytes == 0
    else:
        while ledger.writer.written < 8000:
            assert len(segment_files(tmp_path)) == 1
            run(ledger, 1)
    ledger.append_checkpoint()
    assert len(segment_files(tmp_path)) == 2
    ledger.close()
    report = check(tmp_path)
    assert report.sound, report.problems


def test_a_wakeup_on_a_closed_loop_does_not_stop_the_thread(tmp_path: Path) -> None:
    called = threading.Event()

    def closed() -> None:
        called.set()
        raise RuntimeError("Event loop is closed")

    ledger = Ledger(tmp_path, 0, Durability.GROUP, KEY, wakeup=closed, seal_interval_s=0.001)
    run(ledger, 1)
    assert called.wait(5)
    called.clear()
    assert called.wait(5)
    ledger.close()
    assert check(tmp_path).sound


# -- failures --------------------------------------------------------------------------------------


def _refuses(ledger: Ledger) -> bool:
    try:
        run(ledger, 999, outcome=False)
    except LedgerUnavailable:
        return True
    return False


def test_a_directory_that_went_away(tmp_path: Path) -> None:
    directory = tmp_path / "audit"
    ledger = open_ledger(directory)
    run(ledger, 1)
    ledger.seal_now()
    directory.rename(tmp_path / "elsewhere")
    with pytest.raises(FileNotFoundError):
        ledger._check_in_place()  # what the thread does every time
    ledger.writer.fail("gone")
    assert _refuses(ledger)
    ledger.append_checkpoint()  # does not raise
    assert _refuses(ledger)
    (tmp_path / "elsewhere").rename(directory)
    assert not _refuses(ledger)
    ledger.close()
    report = check(directory)
    assert report.sound, report.problems


def test_the_thread_notices_a_directory_that_went_away(tmp_path: Path) -> None:
    directory = tmp_path / "audit"
    woken = threading.Event()
    ledger = Ledger(directory, 0, Durability.GROUP, KEY, wakeup=woken.set, seal_interval_s=0.001)
    directory.rename(tmp_path / "elsewhere")
    _until(lambda: not ledger.writer.healthy, woken, ledger)
    (tmp_path / "elsewhere").rename(directory)
    ledger.writer.retry_interval_ns = 0
    _until(lambda: ledger.writer.healthy, woken, ledger)  # without any statement asking
    run(ledger, 1)
    ledger.close()
    report = check(directory)
    assert report.sound, report.problems


def test_a_replaced_file_is_not_written_on(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    run(ledger, 1)
    ledger.seal_now()
    segment = segment_files(tmp_path)[0]
    copy = segment.read_bytes()
    segment.unlink()
    segment.write_bytes(copy)
    ledger._check_in_place()
    assert not ledger.writer.healthy
    run(ledger, 2)  # in a new segment
    assert len(segment_files(tmp_path)) == 2
    ledger.close()
    report = check(tmp_path)
    assert report.sound, report.problems  # every sealed byte is there
    assert any("without its last checkpoint" in note for note in report.notes)


def test_a_file_cut_from_outside_is_noticed_by_the_writer_and_by_verify(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    run(ledger, 1)
    run(ledger, 2)
    ledger.seal_now()
    segment = segment_files(tmp_path)[0]
    os.truncate(segment, segment.stat().st_size - 1500)
    ledger._check_in_place()
    assert not ledger.writer.healthy
    run(ledger, 3)
    ledger.close()
    assert not check(tmp_path).sound


def test_a_failed_sync_seals_what_is_known_and_begins_a_new_segment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = open_ledger(tmp_path)
    run(ledger, 1)

    def broken(fd: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(module.os, "fdatasync", broken)
    with pytest.raises(LedgerUnavailable, match="Input/output"):
        ledger.seal_now()
    assert not ledger.writer.healthy
    monkeypatch.undo()
    run(ledger, 2)
    ledger.close()
    files = segment_files(tmp_path)
    assert len(files) == 2
    assert json.loads(files[0].read_bytes().splitlines()[-1])["closed"] is True
    report = check(tmp_path)
    assert report.sound, report.problems


def test_the_sealing_thread_survives_a_failed_sync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    woken = threading.Event()
    ledger = Ledger(tmp_path, 0, Durability.GROUP, KEY, wakeup=woken.set, seal_interval_s=0.001)
    ledger.writer.retry_interval_ns = 0
    real = os.fdatasync
    failing = threading.Event()
    failing.set()

    def sometimes(fd: int) -> None:
        if failing.is_set() and threading.current_thread() is not threading.main_thread():
            failing.clear()
            raise OSError(errno.EIO, "Input/output error")
        real(fd)

    monkeypatch.setattr(module.os, "fdatasync", sometimes)
    run(ledger, 1)
    _until(lambda: len(segment_files(tmp_path)) == 2 and ledger.writer.healthy, woken, ledger)
    run(ledger, 2)
    ledger.close()
    report = check(tmp_path)
    assert report.sound, report.problems


def test_no_room_for_a_new_segment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = open_ledger(tmp_path, segment_bytes=2000)
    run(ledger, 1)
    run(ledger, 2)
    ledger.seal_now()
    real = os.open

    def full(path: str | Path, flags: int, mode: int = 0o777) -> int:
        if str(path).endswith(".jsonl"):
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(path, flags, mode)

    monkeypatch.setattr(module.os, "open", full)
    ledger.append_checkpoint()
    assert not ledger.writer.healthy
    assert _refuses(ledger)
    monkeypatch.undo()
    assert not _refuses(ledger)
    ledger.close()
    report = check(tmp_path)
    assert report.sound, report.problems


def test_a_head_that_cannot_be_written_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    woken = threading.Event()
    ledger = Ledger(tmp_path, 0, Durability.GROUP, KEY, wakeup=woken.set, seal_interval_s=0.001)
    ledger.writer.retry_interval_ns = 0
    real = module.write_head

    def broken(directory: Path, worker: int, line: bytes) -> None:
        raise OSError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(module, "write_head", broken)
    run(ledger, 1)
    _until(lambda: not ledger.writer.healthy, woken, ledger)
    with pytest.raises(LedgerUnavailable, match="HEAD"):
        run(ledger, 2)
    monkeypatch.setattr(module, "write_head", real)
    _until(lambda: ledger.writer.healthy, woken, ledger)
    run(ledger, 3)
    ledger.close()
    report = check(tmp_path)
    assert report.sound, report.problems
    assert len(segment_files(tmp_path)) == 1


def test_lost_outcomes_are_confessed(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    ledger.writer.fail("for the test")
    for number in range(90_000):
        ledger.writer.outcome(b"s1", number, b"ok", None, 0, 0, 0, 0)
    assert ledger.writer.lost_outcomes > 0
    run(ledger, 1)
    ledger.close()
    report = check(tmp_path)
    assert report.sound, report.problems
    assert any("outcomes were lost" in note for note in report.notes)
    assert report.chains[0].lost_outcomes == ledger.writer.lost_outcomes


def test_what_cannot_be_refused_any_more_waits(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    ledger.writer.retry_interval_ns = 3_600 * 10**9
    ledger.writer.recover = lambda: (_ for _ in ()).throw(OSError(errno.EIO, "for the test"))
    ledger.writer.fail("for the test")
    for event in ("session_start", "policy_change"):
        with pytest.raises(LedgerUnavailable):
            ledger.record({"event": event})
    ledger.record({"event": "session_end"})
    ledger.record({"event": "auth_failure"})
    ledger.writer.recover = ledger._recover
    ledger.writer.retry_interval_ns = 0
    ledger._recover()
    ledger.writer.ready()
    ledger.close()
    written = [event for path in segment_files(tmp_path) for event in _events(path)]
    assert [event for event in written if event not in ("segment", "checkpoint")] == ["session_end", "auth_failure"]
    assert check(tmp_path).sound


def test_after_close_everything_is_refused(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    ledger.close()
    ledger.close()
    assert _refuses(ledger)
    with pytest.raises(LedgerUnavailable):
        ledger.record({"event": "session_start"})


FULL_DISK = """
import resource, sys
from pathlib import Path
from govproxy.errors import LedgerUnavailable
from tests.unit.audit.ledgers import open_ledger, run

ledger = open_ledger(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
refused = number = 0
while refused < 5:
    number += 1
    try:
        run(ledger, number)
        if number % 7 == 0:
            ledger.append_checkpoint()
            ledger.seal_now()
    except LedgerUnavailable:
        refused += 1
        ledger.append_checkpoint()
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
run(ledger, number + 1)
ledger.close()
print(number + 1)
"""


def test_a_file_that_cannot_grow_refuses_and_recovers(tmp_path: Path) -> None:
    """The kernel writes half a line at the limit, as it does on a full disk."""
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        cwd=root,
    )
    report = check(tmp_path)
    assert report.sound, report.problems
    lines = [json.loads(line) for path in segment_files(tmp_path) for line in path.read_bytes().splitlines()]
    ids = [line["id"] for line in lines if line["event"] == "statement"]
    assert ids[-1] == f"s1.{int(done.stdout)}"
    assert len(ids) == len(set(ids))
