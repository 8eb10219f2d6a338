"""What an attacker with write access to the directory, but without the private key, might do to a ledger."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from govproxy.audit.chain import (
    Checkpoint,
    FormatError,
    Merkle,
    SegmentName,
    decode_checkpoint,
    decode_header,
    extend,
    head_path,
)
from govproxy.audit.verify import VerifyReport, total_bytes, verify
from tests.unit.audit.ledgers import KEY, OTHER_KEY, check, open_ledger, run, segment_files, start


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """One worker, three closed segments."""
    for part in range(3):
        ledger = open_ledger(tmp_path)
        start(ledger)
        for number in range(4):
            run(ledger, part * 10 + number, sql=f"SELECT {number} FROM people")
            if number % 2:
                ledger.seal_now()
        ledger.close()
    report = check(tmp_path)
    assert report.sound, report.problems
    return tmp_path


def _lines(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


def _first(report: VerifyReport, path: Path) -> str:
    assert not report.sound
    problem = report.problems[0]
    assert problem.file == path.name
    return problem.message


def test_every_single_changed_byte_is_found(directory: Path) -> None:
    victim = segment_files(directory)[1]
    original = victim.read_bytes()
    for at in range(0, len(original), 7):
        changed = bytearray(original)
        changed[at] ^= 1
        victim.write_bytes(changed)
        assert not check(directory).sound, at
    victim.write_bytes(original)
    assert check(directory).sound


def test_a_changed_byte_is_placed(directory: Path) -> None:
    victim = segment_files(directory)[1]
    victim.write_bytes(victim.read_bytes().replace(b"SELECT 1", b"SELECT 9"))
    report = check(directory)
    assert "are not those that were sealed" in _first(report, victim)
    assert "lines 2 to 7" in report.problems[0].message
    assert report.problems[0].line == 8
    assert f"{victim.name}:8 (byte " in str(report.problems[0])


def test_a_deleted_line(directory: Path) -> None:
    victim = segment_files(directory)[1]
    lines = _lines(victim)
    for at in range(len(lines)):
        victim.write_bytes(b"".join(lines[:at] + lines[at + 1 :]))
        assert not check(directory).sound, lines[at]


def test_swapped_lines(directory: Path) -> None:
    victim = segment_files(directory)[1]
    lines = _lines(victim)
    for at in range(len(lines) - 1):
        swapped = [*lines[:at], lines[at + 1], lines[at], *lines[at + 2 :]]
        victim.write_bytes(b"".join(swapped))
        assert not check(directory).sound, at


def test_an_inserted_line(directory: Path) -> None:
    victim = segment_files(directory)[1]
    lines = _lines(victim)
    for at in range(len(lines) + 1):
        victim.write_bytes(b"".join([*lines[:at], b'{"event":"statement","id":"s.1"}\n', *lines[at:]]))
        assert not check(directory).sound, at


@pytest.mark.parametrize("which", [0, 1, 2])
def test_a_deleted_segment(directory: Path, which: int) -> None:
    segment_files(directory)[which].unlink()
    report = check(directory)
    assert not report.sound
    assert "missing" in report.problems[0].message or "follows" in report.problems[0].message


def test_all_segments_deleted(directory: Path) -> None:
    for file in segment_files(directory):
        file.unlink()
    assert "missing" in check(directory).problems[0].message


def test_a_whole_chain_and_its_head_deleted_is_witnessed_by_another(directory: Path) -> None:
    open_ledger(directory, worker=1).close()
    for file in segment_files(directory):
        file.unlink()
    head_path(directory, 0).unlink()
    report = check(directory)
    assert "worker 0's chain" in _first(report, segment_files(directory, 1)[0])


def test_nothing_left_is_not_sound(tmp_path: Path) -> None:
    assert not check(tmp_path).sound


def test_a_truncated_tail(directory: Path) -> None:
    victim = segment_files(directory)[-1]
    lines = _lines(victim)
    for keep in range(len(lines)):
        victim.write_bytes(b"".join(lines[:keep]))
        assert not check(directory).sound, keep


def test_a_truncated_open_segment(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    for number in range(4):
        run(ledger, number)
        ledger.seal_now()
    victim = segment_files(tmp_path)[0]
    lines = _lines(victim)
    assert check(tmp_path).sound
    for keep in range(len(lines) - 1):
        victim.write_bytes(b"".join(lines[:keep]))
        assert not check(tmp_path).sound, keep
    victim.write_bytes(b"".join(lines))
    ledger.close()


def test_the_cut_is_named(directory: Path) -> None:
    victim = segment_files(directory)[-1]
    lines = _lines(victim)
    victim.write_bytes(b"".join(lines[:5]))
    assert "cut off: w0.HEAD has a checkpoint" in _first(check(directory), victim)


def test_head_removed(directory: Path) -> None:
    head_path(directory, 0).unlink()
    assert check(directory).problems[0].file == "w0.HEAD"


@pytest.mark.parametrize("content", [b"", b"{}\n", b'{"event":"checkpoint","signature":"AA=="}\n'])
def test_head_garbled(directory: Path, content: bytes) -> None:
    head_path(directory, 0).write_bytes(content)
    assert check(directory).problems[0].file == "w0.HEAD"


def test_an_older_head_hides_nothing_that_an_anchor_does_not_show(directory: Path) -> None:
    """Cutting the tail and putting an old HEAD back is invisible inside the directory; an anchor shows it."""
    anchor = head_path(directory, 0).read_bytes()
    files = segment_files(directory)
    old_head = _lines(files[1])[-1]
    files[2].unlink()
    head_path(directory, 0).write_bytes(old_head)
    assert check(directory).sound  # the limit that docs/ledger.md names
    assert verify(directory, [KEY.public], anchors=[old_head]).sound
    report = verify(directory, [KEY.public], anchors=[anchor])
    assert "anchor 1" in report.problems[0].message


def test_lines_after_the_end(directory: Path) -> None:
    victim = segment_files(directory)[0]
    with victim.open("ab") as file:
        file.write(b'{"event":"statement","id":"s1.99"}\n')
    assert "after the segment was closed" in _first(check(directory), victim)


def test_half_a_line_after_the_end(directory: Path) -> None:
    victim = segment_files(directory)[0]
    with victim.open("ab") as file:
        file.write(b"{")
    assert "after the segment was closed" in _first(check(directory), victim)


def test_another_key(directory: Path) -> None:
    report = check(directory, OTHER_KEY)
    assert len(report.problems) == 4  # HEAD and three segments
    assert all("signed with" in problem.message for problem in report.problems)


def test_no_key_verifies_nothing(directory: Path) -> None:
    with pytest.raises(ValueError, match="public key"):
        verify(directory, [])


def _forge(directory: Path, change: Callable[[Checkpoint], Checkpoint]) -> Path:
    """Replaces a checkpoint in the middle of the last segment and all after it, as well as can be without the key."""
    victim = segment_files(directory)[-1]
    lines = _lines(victim)
    at = next(i for i, line in enumerate(lines) if i > 2 and line.startswith(b'{"event":"checkpoint"'))
    point, _ = decode_checkpoint(lines[at].rstrip())
    lines[at] = change(point).encode() + b"\n"
    victim.write_bytes(b"".join(lines))
    return victim


def test_a_signature_of_another_key(directory: Path) -> None:
    victim = _forge(directory, lambda point: replace(point, key_id=OTHER_KEY.key_id).sign(OTHER_KEY.sign))
    assert f"signed with key {OTHER_KEY.key_id}" in _first(check(directory), victim)


def test_a_signature_of_another_key_under_our_keys_name(directory: Path) -> None:
    victim = _forge(directory, lambda point: point.sign(OTHER_KEY.sign))
    assert "signature is not valid" in _first(check(directory), victim)


def test_a_checkpoint_from_elsewhere(directory: Path) -> None:
    """Genuine, but of another segment."""
    victim = segment_files(directory)[-1]
    stranger = _lines(segment_files(directory)[0])[1]
    lines = _lines(victim)
    victim.write_bytes(b"".join([lines[0], stranger, *lines[2:]]))
    assert "a checkpoint of segment" in _first(check(directory), victim)


def test_a_ledger_rewritten_with_another_key(directory: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The strongest forgery there is without the key: everything new. It needs the verifier's key to be wrong."""
    forged = tmp_path_factory.mktemp("forged")
    ledger = open_ledger(forged, key=OTHER_KEY)
    run(ledger, 1)
    ledger.close()
    assert check(forged, OTHER_KEY).sound
    assert not check(forged, KEY).sound


def test_a_renamed_segment(directory: Path) -> None:
    files = segment_files(directory)
    files[2].rename(directory / "w0-9999999999-1.jsonl")
    assert "under another name" in _first(check(directory), directory / "w0-9999999999-1.jsonl")


def test_a_segment_of_another_worker(directory: Path) -> None:
    shutil.copy(segment_files(directory)[0], directory / "w5-1-1.jsonl")
    assert not check(directory).sound


def test_two_segments_exchanged(directory: Path) -> None:
    files = segment_files(directory)
    one, two = files[0].read_bytes(), files[1].read_bytes()
    files[0].write_bytes(two)
    files[1].write_bytes(one)
    assert not check(directory).sound


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"garbage\n", b"[]\n", b'{"event":"segment"}\n', b"\xff\xfe\x00" * 100]
)
def test_a_file_of_garbage(directory: Path, content: bytes) -> None:
    victim = segment_files(directory)[1]
    victim.write_bytes(content)
    report = check(directory)
    assert _first(report, victim)
    assert report.chains[0].segments == 3


def test_a_segment_that_cannot_be_read(directory: Path) -> None:
    victim = segment_files(directory)[1]
    victim.unlink()
    victim.mkdir()
    assert "cannot be read" in _first(check(directory), victim)


def test_what_is_not_sealed_yet_is_said_and_is_no_problem(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    run(ledger, 1)
    report = check(tmp_path)
    assert report.sound
    assert report.chains[0].open
    assert report.chains[0].unsealed_lines == 2
    with segment_files(tmp_path)[0].open("ab") as file:
        file.write(b'{"event":"statem')
    report = check(tmp_path)
    assert report.sound
    assert any("half a line" in note for note in report.notes)
    ledger.writer.detach()


def test_progress_counts_every_byte(directory: Path) -> None:
    seen: list[int] = []
    verify(directory, [KEY.public], progress=seen.append)
    assert sum(seen) == total_bytes(directory) > 0


# -- the format itself -------------------------------------------------------------------------------


def test_a_checkpoint_verifies_by_the_documented_recipe(directory: Path) -> None:
    """By hand, from docs/ledger.md, with nothing of govproxy but the public key's bytes."""
    import hashlib

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    content = segment_files(directory)[0].read_bytes()
    chain = bytes(32)
    lines = content.splitlines()
    for line in lines:
        fields = json.loads(line)
        if fields["event"] != "checkpoint":
            continue
        digest = hashlib.sha256(content[fields["from"] : fields["to"]]).digest()
        chain = hashlib.sha256(chain + digest).digest()
        assert fields["range_sha256"] == digest.hex()
        assert fields["chain"] == chain.hex()
        message = b"govproxy ledger checkpoint 1\n" + line[: line.rindex(b',"signature"')]
        Ed25519PublicKey.from_public_bytes(KEY.public.raw).verify(base64.b64decode(fields["signature"]), message)
    assert fields["closed"]
    assert fields["merkle_root"] == Merkle(lines[:-1]).root().hex()
    assert fields["total_lines"] == len(lines) - 1


def _point() -> Checkpoint:
    digest = bytes(range(32))
    return Checkpoint(
        time="2026-01-31T00:00:00.000000Z",
        segment="w0-1-1.jsonl",
        start=0,
        stop=10,
        lines=1,
        range_sha256=digest,
        previous=bytes(32),
        chain=extend(bytes(32), digest),
        key_id=KEY.key_id,
        closed=True,
        total_lines=1,
        merkle_root=digest,
        recovered=True,
        lost_outcomes=3,
    ).sign(KEY.sign)


def test_checkpoints_survive_a_round_trip() -> None:
    point = _point()
    again, message = decode_checkpoint(point.encode())
    assert again == point
    assert KEY.public.verifies(point.signature, message)
    assert not KEY.public.verifies(point.signature, message + b" ")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"lines":1', b'"lines":"1"'),
        (b'"lines":1', b'"lines":true'),
        (b'"lines":1', b'"lines": 1'),
        (b'"lines":1', b'"lines":1,"lines":1'),
        (b'"lines":1', b'"lines":1,"extra":1'),
        (b'"lines":1,', b""),
        (b'"previous":"00', b'"previous":"0'),
        (b'"previous":"00', b'"previous":"ZZ'),
        (b'"}', b'"} '),
        (b"==", b""),
        (b'"closed":true,', b'"closed":1,'),
        (b'"closed":true,', b'"closed":false,'),
    ],
)
def test_a_checkpoint_has_one_spelling(old: bytes, new: bytes) -> None:
    line = _point().encode()
    assert old in line
    with pytest.raises(FormatError):
        decode_checkpoint(line.replace(old, new, 1))


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"null",
        b'{"event":"statement"}',
        b'{"event":"segment","version":2}',
        b'{"event":"segment","version":1}',
    ],
)
def test_a_header_is_checked(line: bytes) -> None:
    with pytest.raises(FormatError):
        decode_header(line)


@pytest.mark.parametrize(
    "text", ["w0-1-1.json", "w0-1-1.jsonl.bak", "W0-1-1.jsonl", "w00-1-1.jsonl", "w-1-1.jsonl", "../w0-1-1.jsonl", ""]
)
def test_what_is_no_segment_name(text: str) -> None:
    assert SegmentName.parse(text) is None


def test_segment_names_sort_as_numbers() -> None:
    names = [SegmentName(worker=0, start=s, number=n) for s, n in [(9, 2), (10, 1), (10, 9), (10, 10)]]
    assert sorted([names[2], names[0], names[3], names[1]]) == names
    assert [SegmentName.parse(str(name)) for name in names] == names
