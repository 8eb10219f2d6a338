"""For any texts and any interleaving: every line is JSON, the proof holds, and any change breaks it."""

from __future__ import annotations

import hmac
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from govproxy._fastpath.ledger import Fragment, LedgerWriter
from govproxy._fastpath.sealing import MerkleTree
from govproxy.audit.chain import Merkle
from govproxy.audit.events import session_fragment, statement_fragment
from govproxy.audit.keys import LedgerKey
from govproxy.audit.ledger import Durability, Ledger
from govproxy.audit.read import read_segment
from govproxy.audit.verify import verify
from govproxy.errors import LedgerUnavailable
from govproxy.identity.identity import Identity

KEY = LedgerKey(seed=b"\1" * 32, hash_key=b"\2" * 32)
ANY_TEXT = st.text(st.characters(categories=None), max_size=60)  # surrogates and controls included
U64 = st.integers(0, 2**64 - 1)


@contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp())
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def _fragments(user: str, sql: str, table: str) -> tuple[bytes, Fragment]:
    who = session_fragment(Identity(user=user, groups=frozenset({sql})), "s1", table, user, sql)
    what = statement_fragment(
        decision="allow",
        rules=[user],
        masks=[{"column": table, "masker": sql}],
        policy_version="1",
        sql=sql,
        digest="d",
        effects=[{"action": "select", "object": table, "facts": {user: sql}}],
        tables=[table],
        columns=[table],
    )
    return who, Fragment(what, sql.encode("utf-8", "surrogatepass"))


@given(user=ANY_TEXT, sql=ANY_TEXT, table=ANY_TEXT, number=U64, figures=st.tuples(U64, U64, U64, U64))
def test_lines_are_json_whatever_is_in_them(
    user: str, sql: str, table: str, number: int, figures: tuple[int, int, int, int]
) -> None:
    who, what = _fragments(user, sql, table)
    with tempfile.TemporaryFile() as file:
        writer = LedgerWriter()
        writer.open(file.fileno())
        writer.statement(b"s1", number, who, what)
        writer.outcome(b"s1", number, b"ok", None, *figures)
        writer.flush_now()
        file.seek(0)
        lines = file.read().splitlines(keepends=True)
    assert len(lines) == 2
    statement, outcome = (json.loads(line) for line in lines)
    assert statement["id"] == outcome["id"] == f"s1.{number}"
    assert tuple(outcome[name] for name in ("rows", "bytes", "masked_values", "duration_us")) == figures
    if sql.isascii():
        assert statement["sql"] == sql


@given(sqlstate=st.binary(min_size=5, max_size=5))
def test_outcomes_are_json_whatever_the_database_says(sqlstate: bytes) -> None:
    with tempfile.TemporaryFile() as file:
        writer = LedgerWriter()
        writer.open(file.fileno())
        writer.outcome(b"s1", 1, b"error", sqlstate, 0, 0, 0, 0)
        writer.flush_now()
        file.seek(0)
        shown = json.loads(file.read())["sqlstate"]
    assert len(shown) == 5
    if sqlstate.isalnum():
        assert shown == sqlstate.decode()


@given(now=st.integers(0, 4_102_444_800_000_000_000 - 1))
def test_times_are_those_of_datetime(now: int) -> None:
    from datetime import UTC, datetime, timedelta

    writer = LedgerWriter()
    writer.freeze(now)
    expected = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=now // 1000)
    assert writer.now() == expected.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@given(lines=st.lists(st.binary(max_size=200), max_size=40))
def test_the_two_trees_agree(lines: list[bytes]) -> None:
    tree, readable = MerkleTree(), Merkle()
    for line in lines:
        tree.add_line(line)
        readable.add(line)
    assert tree.root() == readable.root()


TEXTS = [b"select 1", b"select 2", b"select 3"]
LINES = st.lists(
    st.one_of(
        st.tuples(st.integers(0, 1), st.integers(0, 2)),  # which verdict, which text
        st.sampled_from(["flush", "flush", "break", "mend", "begin", "recover", "forget"]),
    ),
    min_size=10,
    max_size=60,
)


class _Segments:
    """A writer whose file can be made unwritable, and what it was told."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.fds: list[int] = []
        self.writer = LedgerWriter(hash_key=KEY.hash_key)
        self.writer.retry_interval_ns = 0
        self.fragments = self._fresh()
        self.told: dict[str, tuple[str, str]] = {}
        self.number = 0
        self.begin()

    def _fresh(self) -> list[Fragment]:
        return [Fragment(b'"sql":"%d"' % which, TEXTS[which]) for which in range(3)]

    def begin(self) -> None:
        path = self.folder / f"segment{len(self.fds)}"
        self.fds.append(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND))
        self.writer.begin(self.fds[-1], b'{"event":"segment"}')

    def aim(self, target: Path) -> None:
        fd = os.open(target, os.O_WRONLY | os.O_APPEND)
        os.dup2(fd, self.fds[-1])
        os.close(fd)

    def step(self, step: str | tuple[int, int]) -> None:
        match step:
            case "flush":
                self.writer.flush_now()
            case "break":
                self.aim(Path("/dev/full"))
            case "mend":
                self.aim(self.folder / f"segment{len(self.fds) - 1}")
            case "begin":
                self.begin()
            case "recover":  # the next attempt begins another segment
                self.writer.fail("for the test")
            case "forget":  # the verdict cache does
                self.fragments = self._fresh()
            case (which, text):
                self.number += 1
                self.writer.statement(b"s1", self.number, b'"session":"s1"', self.fragments[which], TEXTS[text])
                self.told[f"s1.{self.number}"] = (str(which), hmac.digest(KEY.hash_key, TEXTS[text], "sha256").hex())


@given(steps=LINES)
def test_every_line_can_be_made_whole_from_its_own_segment(steps: list[str | tuple[int, int]]) -> None:
    with _folder() as folder:
        segments = _Segments(folder)
        segments.writer.recover = lambda: segments.begin() if segments.writer.broken else None
        for step in [*steps, "mend", "flush"]:
            with suppress(LedgerUnavailable):  # refused: nothing was told
                segments.step(step)
        segments.writer.flush_now()
        found = {}
        for path in folder.iterdir():
            for entry in read_segment(path):
                if entry.kind == "statement":
                    assert "like" not in entry.event, (steps, entry.raw)
                    found[entry.event["id"]] = (entry.event["sql"], entry.event["sql_hash"])
        for fd in segments.fds:
            os.close(fd)
        assert found == segments.told


STEPS = st.lists(st.sampled_from(["statement", "outcome", "seal", "loop", "restart", "crash", "fail"]), max_size=25)


def _play(folder: Path, steps: list[str], segment_bytes: int) -> int:
    """Runs the steps; gives the number of statements that were written."""

    def begin() -> Ledger:
        ledger = Ledger(folder, 0, Durability.GROUP, KEY, segment_bytes=segment_bytes, sealing=False)
        ledger.writer.retry_interval_ns = 0
        return ledger

    who, what = _fragments("ana", "SELECT 1", "public.people")
    ledger, written = begin(), 0
    for step in steps:
        match step:
            case "statement":
                ledger.writer.statement(b"s1", written, who, what)
                ledger.writer.flush_now()
                written += 1
            case "outcome":
                ledger.writer.outcome(b"s1", written, b"ok", None, 0, 0, 0, 0)
            case "seal":
                ledger.seal_now()
            case "loop":
                ledger.append_checkpoint()
            case "restart":
                ledger.close()
                ledger = begin()
            case "crash":
                ledger.writer.detach()
                os.close(ledger._segment.fd)
                os.close(ledger._lock_fd)
                for fd in ledger._retired:
                    os.close(fd)
                ledger = begin()
            case "fail":
                ledger.writer.fail("for the test")
    ledger.close()
    return written


@settings(max_examples=60, deadline=None)
@given(steps=STEPS, segment_bytes=st.sampled_from([600, 3000, 1 << 20]))
def test_whatever_happens_the_ledger_is_whole_and_proven(steps: list[str], segment_bytes: int) -> None:
    with _folder() as folder:
        written = _play(folder, steps, segment_bytes)
        report = verify(folder, [KEY.public])
        assert report.sound, (steps, report.problems)
        content = b"".join(path.read_bytes() for path in folder.glob("*.jsonl"))
        assert content.count(b'{"event":"statement"') == written
        events = [entry.event for path in folder.glob("*.jsonl") for entry in read_segment(path)]
        assert all(event["sql"] == "SELECT 1" for event in events if event["event"] == "statement")


@settings(max_examples=60, deadline=None)
@given(steps=STEPS, data=st.data())
def test_any_change_is_found(steps: list[str], data: st.DataObject) -> None:
    with _folder() as folder:
        _play(folder, ["statement", "seal", *steps, "statement"], 3000)
        victim = data.draw(st.sampled_from(sorted(folder.glob("*.jsonl"))))
        content = bytearray(victim.read_bytes())
        start = data.draw(st.integers(0, len(content) - 1))
        match data.draw(st.sampled_from(["flip", "delete", "insert", "cut"])):
            case "flip":
                content[start] ^= data.draw(st.integers(1, 255))
            case "delete":
                del content[start : start + data.draw(st.integers(1, 400))]
            case "insert":
                content[start:start] = data.draw(st.binary(min_size=1, max_size=50))
            case "cut":
                del content[start:]
        victim.write_bytes(content)
        assert not verify(folder, [KEY.public]).sound
