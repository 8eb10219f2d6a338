"""Opening a ledger after a crash, after a power cut, and after somebody was at it."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest

from govproxy.audit.chain import head_path
from govproxy.audit.ledger import Ledger
from tests.unit.audit.ledgers import KEY, OTHER_KEY, check, open_ledger, run, segment_files


def _crash(ledger: Ledger) -> None:
    """What a killed process leaves: the files as they are, the lock gone."""
    import os

    ledger.writer.detach()
    os.close(ledger._lock_fd)
    os.close(ledger._segment.fd)


def _crashed(directory: Path) -> Path:
    ledger = open_ledger(directory)
    run(ledger, 1)
    ledger.seal_now()
    run(ledger, 2)  # never sealed
    _crash(ledger)
    return segment_files(directory)[-1]


def _go_on(directory: Path) -> None:
    ledger = open_ledger(directory)
    run(ledger, 10)
    ledger.close()


def test_a_crash_is_sealed_by_the_next_start(tmp_path: Path) -> None:
    segment = _crashed(tmp_path)
    _go_on(tmp_path)
    last = json.loads(segment.read_bytes().splitlines()[-1])
    assert (last["closed"], last["recovered"]) == (True, True)
    report = check(tmp_path)
    assert report.sound, report.problems
    assert any("after a crash" in note for note in report.notes)
    assert report.chains[0].recovered_bytes > 0


def test_half_a_line_is_cut_off(tmp_path: Path) -> None:
    segment = _crashed(tmp_path)
    with segment.open("ab") as file:
        file.write(b'{"event":"statement","id"')
    _go_on(tmp_path)
    assert check(tmp_path).sound
    assert b'"id"\n' not in segment.read_bytes()


def test_a_crash_before_the_first_line(tmp_path: Path) -> None:
    _crashed(tmp_path)
    for content in (b"", b'{"event":"segm'):
        (tmp_path / "w0-99999999999-1.jsonl").write_bytes(content)
        _go_on(tmp_path)
        report = check(tmp_path)
        assert report.sound, report.problems


def test_a_power_cut_that_lost_the_checkpoints_own_line(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    run(ledger, 1)
    ledger.seal_now()
    _crash(ledger)
    segment = segment_files(tmp_path)[0]
    lines = segment.read_bytes().splitlines(keepends=True)
    segment.write_bytes(b"".join(lines[:-1]))
    assert check(tmp_path).sound  # HEAD seals the same bytes
    _go_on(tmp_path)
    report = check(tmp_path)
    assert report.sound, report.problems


def test_a_tail_that_was_cut_is_not_covered_up(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    segment = _crashed(tmp_path)
    lines = segment.read_bytes().splitlines(keepends=True)
    segment.write_bytes(b"".join(lines[:3]))
    with caplog.at_level(logging.ERROR, "govproxy.audit"):
        _go_on(tmp_path)
    assert "is not as it was written" in caplog.text
    assert segment.read_bytes() == b"".join(lines[:3])
    assert not check(tmp_path).sound


def test_a_changed_byte_is_not_sealed_over(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    segment = _crashed(tmp_path)
    changed = segment.read_bytes().replace(b'"user":"ana"', b'"user":"eve"', 1)
    segment.write_bytes(changed)
    with caplog.at_level(logging.ERROR, "govproxy.audit"):
        _go_on(tmp_path)
    assert segment.read_bytes() == changed
    assert not check(tmp_path).sound


@pytest.mark.parametrize("content", [None, b"garbage\n"])
def test_a_head_that_was_lost_or_spoiled(
    tmp_path: Path, content: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    segment = _crashed(tmp_path)
    if content is None:
        head_path(tmp_path, 0).unlink()
    else:
        head_path(tmp_path, 0).write_bytes(content)
    _go_on(tmp_path)
    assert json.loads(segment.read_bytes().splitlines()[-1])["closed"] is True
    assert check(tmp_path).sound


def test_all_segments_gone_but_head(tmp_path: Path) -> None:
    _crashed(tmp_path).unlink()
    _go_on(tmp_path)
    report = check(tmp_path)
    assert not report.sound
    assert "is missing" in report.problems[0].message


def test_a_ledger_of_another_key_is_left_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    segment = _crashed(tmp_path)
    before = segment.read_bytes()
    with caplog.at_level(logging.ERROR, "govproxy.audit"):
        ledger = open_ledger(tmp_path, key=OTHER_KEY)
    ledger.close()
    assert segment.read_bytes() == before
    assert not check(tmp_path, KEY).sound


def test_a_clock_that_went_back_keeps_the_order(tmp_path: Path) -> None:
    from govproxy.audit.ledger import Durability

    for now in (2_000_000_000.0, 1_000_000_000.0, 1_500_000_000.0):
        Ledger(tmp_path, 0, Durability.GROUP, KEY, clock=lambda now=now: now, sealing=False).close()
    assert len(segment_files(tmp_path)) == 3
    assert check(tmp_path).sound


WRITE_UNTIL_KILLED = """
import sys
from pathlib import Path
from govproxy.audit.ledger import Durability, Ledger
from tests.unit.audit.ledgers import KEY, fragments

wanted = []
ledger = Ledger(Path(sys.argv[1]), 0, Durability.GROUP, KEY, wakeup=lambda: wanted.append(1),
                segment_bytes=200_000, seal_interval_s=0.002)
session_id, who, what = fragments()
number = 0
while True:
    number += 1
    ledger.writer.statement(session_id, number, who, what)
    ledger.writer.flush_when_due()
    print(number, flush=True)   # "forwarded"
    ledger.writer.outcome(session_id, number, b"ok", None, 1, 1, 1, 1)
    if wanted:
        wanted.clear()
        ledger.append_checkpoint()
"""


@pytest.mark.parametrize("after", [1, 50, 3000])
def test_a_killed_process_has_recorded_everything_it_forwarded(tmp_path: Path, after: int) -> None:
    """SIGKILL in the middle of writing, sealing and rotating."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITE_UNTIL_KILLED, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).resolve().parents[3],
    )
    assert process.stdout is not None
    with process:
        forwarded = 0
        for line in process.stdout:
            forwarded = int(line)
            if forwarded >= after:
                break
        process.kill()
        for line in process.stdout:  # what it still said
            forwarded = int(line) if line.endswith("\n") else forwarded
    assert forwarded >= after
    assert check(tmp_path).sound  # as the crash left it
    _go_on(tmp_path)
    report = check(tmp_path)
    assert report.sound, report.problems
    ids = {
        json.loads(line)["id"]
        for path in segment_files(tmp_path)
        for line in path.read_bytes().splitlines()
        if b'"statement"' in line
    }
    assert {f"s1.{n}" for n in range(1, forwarded + 1)} <= ids
