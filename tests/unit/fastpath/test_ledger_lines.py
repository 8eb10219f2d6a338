"""What a statement line holds of its text and its verdict: fingerprints, and lines that name another one."""

from __future__ import annotations

import gc
import hmac
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from govproxy._fastpath.ledger import Fragment, LedgerWriter
from govproxy.errors import LedgerUnavailable

SESSION = b'"session":"s1"'
KEY = b"\2" * 32
HEADER = b'{"event":"segment"}'
Line = dict[str, object]


def fragment(name: str = "a", text: bytes = b"select a") -> Fragment:
    return Fragment(f'"decision":"allow","sql":"{name}","columns":[]'.encode(), text)


def hashed(text: bytes, key: bytes = KEY) -> str:
    return hmac.digest(key, text, "sha256").hex()


class Files:
    """Segments of one writer."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._fds: list[int] = []
        self.writer = LedgerWriter(hash_key=KEY)
        self.writer.retry_interval_ns = 0

    def open(self) -> int:
        """A descriptor of the next file."""
        path = self._folder / f"segment{len(self._fds)}"
        self._fds.append(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND))
        return self._fds[-1]

    def begin(self) -> None:
        self.writer.begin(self.open(), HEADER)
        self.writer.ready()

    def break_it(self) -> None:
        """Every write to the newest file fails from now on, as on a full disk; what it has stays."""
        full = os.open("/dev/full", os.O_WRONLY)
        os.dup2(full, self._fds[-1])
        os.close(full)

    def mend(self) -> None:
        again = os.open(self._folder / f"segment{len(self._fds) - 1}", os.O_RDWR | os.O_APPEND)
        os.dup2(again, self._fds[-1])
        os.close(again)

    def lines(self, number: int = 0) -> list[Line]:
        """The statements of one file."""
        content = (self._folder / f"segment{number}").read_bytes()
        assert content == b"" or content.endswith(b"\n")
        found = [json.loads(line) for line in content.splitlines()]
        return [line for line in found if line["event"] == "statement"]

    def close(self) -> None:
        for fd in self._fds:
            os.close(fd)


@pytest.fixture
def files(tmp_path: Path) -> Iterator[Files]:
    made = Files(tmp_path)
    made.begin()
    yield made
    made.close()


def _record(writer: LedgerWriter, number: int, what: Fragment, text: bytes | None = None) -> None:
    writer.statement(b"s1", number, SESSION, what, text)


# -- fingerprints ----------------------------------------------------------------------------------


def test_the_fingerprint_is_of_the_text_that_was_sent(files: Files) -> None:
    what = fragment(text=b"select a where b = 1")
    sent = [None, b"select a where b = 2", b"select a where b = 1", b"", b"select a where b = 22"]
    for number, text in enumerate(sent):
        _record(files.writer, number, what, text)
        files.writer.flush_now()
        files.begin()  # so that every line is in full
    found = [line["sql_hash"] for number in range(len(sent)) for line in files.lines(number)]
    assert found == [hashed(b"select a where b = 1" if text is None else text) for text in sent]


@pytest.mark.parametrize("key", [KEY, b"k" * 63, b"k" * 64, b"k" * 65, bytes(range(256))])
def test_it_is_the_hmac_of_hashlib_for_any_length(tmp_path: Path, key: bytes) -> None:
    fd = os.open(tmp_path / "segment", os.O_RDWR | os.O_CREAT | os.O_APPEND)
    writer = LedgerWriter(hash_key=key)
    writer.open(fd)
    texts = [bytes(range(256))[:size] * 2 for size in (*range(130), 255)]
    for number, text in enumerate(texts):
        _record(writer, number, fragment(text=text))
    writer.flush_now()
    os.close(fd)
    found = [json.loads(line)["sql_hash"] for line in (tmp_path / "segment").read_bytes().splitlines()]
    assert found == [hashed(text, key) for text in texts]


def test_a_fingerprint_is_remembered_under_its_key_only(files: Files, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = Files(tmp_path / "other")
    other.writer = LedgerWriter(hash_key=b"\3" * 32)
    other.begin()
    what = fragment()
    for number in range(4):
        chosen = (files, other)[number % 2]
        _record(chosen.writer, number, what)
        chosen.writer.flush_now()
    other.close()
    assert {line["sql_hash"] for line in files.lines()} == {hashed(b"select a")}
    assert {line["sql_hash"] for line in other.lines()} == {hashed(b"select a", b"\3" * 32)}
    # The fragment goes back and forth: no line of one file may name a line of the other.
    assert all("like" not in line for line in (*files.lines(), *other.lines()))


def test_without_a_key_there_is_still_one(tmp_path: Path) -> None:
    found = set()
    for name in ("one", "two"):
        fd = os.open(tmp_path / name, os.O_RDWR | os.O_CREAT | os.O_APPEND)
        writer = LedgerWriter()
        writer.open(fd)
        _record(writer, 1, fragment())
        writer.flush_now()
        os.close(fd)
        found.add(json.loads((tmp_path / name).read_bytes())["sql_hash"])
    assert len(found) == 2
    assert not found & {hashed(b"select a", key) for key in (b"", b"\0" * 32)}


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        LedgerWriter(hash_key=b"x" * 31)


def test_the_key_cannot_be_read_back() -> None:
    writer = LedgerWriter(hash_key=b"S" * 32)
    assert not [name for name in dir(writer) if "key" in name]


# -- lines that name another -----------------------------------------------------------------------


def test_the_second_line_of_a_verdict_names_the_first(files: Files, tmp_path: Path) -> None:
    files.writer.freeze(0)
    what = fragment(text=b"select a where b = 1")
    for number, text in enumerate([None, None, b"select a where b = 2"], 7):
        _record(files.writer, number, what, text)
    files.writer.flush_now()
    time = b'"time":"1970-01-01T00:00:00.000000Z"'
    first, second = (hashed(b"select a where b = " + digit).encode() for digit in (b"1", b"2"))
    assert (tmp_path / "segment0").read_bytes().splitlines()[1:] == [
        b'{"event":"statement","id":"s1.7",' + time + b',"session":"s1","sql_hash":"' + first + b'",'
        b'"decision":"allow","sql":"a","columns":[]}',
        b'{"event":"statement","id":"s1.8",' + time + b',"session":"s1","like":"s1.7"}',
        b'{"event":"statement","id":"s1.9",' + time + b',"session":"s1","sql_hash":"' + second + b'","like":"s1.7"}',
    ]


def test_a_fingerprint_is_left_out_only_where_it_is_that_of_the_line_named(files: Files) -> None:
    what = fragment(text=b"select 1")
    for number, text in enumerate([b"select 2", b"select 2", b"select 1", None, b"select 3", b"select 2"]):
        _record(files.writer, number, what, text)
    files.writer.flush_now()
    expected = [b"select 2", None, b"select 1", b"select 1", b"select 3", None]
    assert [line.get("sql_hash") for line in files.lines()] == [t and hashed(t) for t in expected]


def test_every_segment_stands_for_itself(files: Files) -> None:
    what, other = fragment("a"), fragment("b")
    for number in range(6):
        _record(files.writer, number, (what, other)[number % 2])
        files.writer.flush_now()
        if number == 3:
            files.begin()
    assert [line.get("like") for line in files.lines(0)] == [None, None, "s1.0", "s1.1"]
    assert [line.get("like") for line in files.lines(1)] == [None, None]


def test_the_longest_id_there_can_be(files: Files) -> None:
    what = fragment()
    session, number = b"x" * 64, 2**64 - 1
    for _ in range(2):
        files.writer.statement(session, number, SESSION, what)
    files.writer.flush_now()
    assert files.lines()[1]["like"] == f"{session.decode()}.{number}" == files.lines()[0]["id"]


# -- and what a failure may not do to them ----------------------------------------------------------


def test_a_line_that_was_not_written_is_written_before_what_names_it(files: Files) -> None:
    what = fragment()
    files.break_it()
    _record(files.writer, 1, what)
    _record(files.writer, 2, what)
    with pytest.raises(LedgerUnavailable):
        files.writer.flush_now()
    with pytest.raises(LedgerUnavailable):
        _record(files.writer, 3, what)
    files.mend()
    _record(files.writer, 4, what)
    files.writer.flush_now()
    assert [(line["id"], line.get("like")) for line in files.lines()] == [
        ("s1.1", None),
        ("s1.2", "s1.1"),
        ("s1.4", "s1.1"),
    ]


def _fail_over(files: Files) -> None:
    """What is pending cannot be written and goes to another segment."""
    files.break_it()
    with pytest.raises(LedgerUnavailable):
        files.writer.flush_now()
    files.writer.recover = files.begin
    files.writer.flush_now()


def test_lines_that_wait_for_another_segment_are_made_whole(files: Files) -> None:
    what, other = fragment("a", b"select 1"), fragment("b")
    _record(files.writer, 1, what)
    _record(files.writer, 2, other)
    files.writer.flush_now()
    for number, (which, text) in enumerate(
        [(what, b"select 2"), (other, None), (what, None), (what, b"select 2"), (fragment("c"), None)], 3
    ):
        _record(files.writer, number, which, text)
        files.writer.outcome(b"s1", number, b"ok", None, 0, 0, 0, 0)
    _fail_over(files)
    _record(files.writer, 8, other)
    files.writer.flush_now()
    assert [line["id"] for line in files.lines(0)] == ["s1.1", "s1.2"]
    same = {"event": "statement", "session": "s1"}
    whole = {"decision": "allow", "columns": []}
    assert [{k: v for k, v in line.items() if k != "time"} for line in files.lines(1)] == [
        {**same, "id": "s1.3", "sql_hash": hashed(b"select 2"), "sql": "a", **whole},
        {**same, "id": "s1.4", "sql_hash": hashed(b"select a"), "sql": "b", **whole},
        {**same, "id": "s1.5", "sql_hash": hashed(b"select 1"), "like": "s1.3"},
        {**same, "id": "s1.6", "like": "s1.3"},
        {**same, "id": "s1.7", "sql_hash": hashed(b"select a"), "sql": "c", **whole},
        {**same, "id": "s1.8", "like": "s1.4"},
    ]


def test_a_segment_that_could_not_be_begun_is_never_named(files: Files) -> None:
    what = fragment()
    _record(files.writer, 1, what)
    files.writer.flush_now()
    _record(files.writer, 2, what)
    _record(files.writer, 3, what)
    files.break_it()
    attempts = 0

    def recover() -> None:
        nonlocal attempts
        attempts += 1
        if attempts < 3:
            full = os.open("/dev/full", os.O_WRONLY)
            try:
                files.writer.begin(full, HEADER)
            finally:
                os.close(full)
        files.begin()

    files.writer.recover = recover
    for _ in range(3):
        with pytest.raises(LedgerUnavailable):
            files.writer.flush_now()
    _record(files.writer, 4, what)
    files.writer.flush_now()
    assert [line["id"] for line in files.lines(0)] == ["s1.1"]
    found = files.lines(1)
    assert [line["id"] for line in found] == ["s1.2", "s1.3", "s1.4"]
    assert ["like" in line for line in found] == [False, True, False]
    assert found[1]["like"] == "s1.2"


def test_pending_lines_may_also_stay_where_they_were(files: Files) -> None:
    # Made whole for a segment that could not be begun, they are as right in the old one.
    what = fragment()
    _record(files.writer, 1, what)
    files.writer.flush_now()
    _record(files.writer, 2, what)
    full = os.open("/dev/full", os.O_WRONLY)
    with pytest.raises(OSError, match="header"):
        files.writer.begin(full, HEADER)
    os.close(full)
    _record(files.writer, 3, what)
    files.writer.flush_now()
    assert [(line["id"], line.get("like")) for line in files.lines()] == [
        ("s1.1", None),
        ("s1.2", None),
        ("s1.3", None),
    ]


def test_a_statement_that_finds_another_segment_begun_is_whole_there(files: Files) -> None:
    what = fragment()
    _record(files.writer, 1, what)
    files.writer.flush_now()
    files.writer.fail("for the test")
    files.writer.recover = files.begin
    _record(files.writer, 2, what)  # this very call recovers first
    files.writer.flush_now()
    assert [line["id"] for line in files.lines(0)] == ["s1.1"]
    assert [line.get("like", "whole") for line in files.lines(1)] == ["whole"]


def test_pending_lines_keep_their_fragments_alive_and_no_longer(files: Files) -> None:
    what = fragment()
    before = sys.getrefcount(what)
    _record(files.writer, 1, what)
    for number in range(2, 50):
        _record(files.writer, number, what)
    assert sys.getrefcount(what) == before + 48
    files.writer.flush_now()
    assert sys.getrefcount(what) == before
    _record(files.writer, 50, what)
    del what
    gc.collect()
    _fail_over(files)
    assert files.lines(1)[0]["sql"] == "a"


def test_a_writer_that_is_dropped_lets_its_fragments_go(tmp_path: Path) -> None:
    other = Files(tmp_path)
    other.begin()
    what = fragment()
    before = sys.getrefcount(what)
    _record(other.writer, 1, what)
    _record(other.writer, 2, what)
    other.close()
    del other
    assert sys.getrefcount(what) == before
