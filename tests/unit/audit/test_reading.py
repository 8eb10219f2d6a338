"""Reading, following, searching and summing up."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from govproxy.audit import events, render
from govproxy.audit.events import session_fields
from govproxy.audit.read import Entry, decode, follow, read_all, recent
from govproxy.audit.report import report
from govproxy.audit.search import Filter, moment, search
from tests.unit.audit.ledgers import ANA, BOT, open_ledger, run, start


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Two workers taking turns: ana on the first, her agent on the second."""
    one, two = open_ledger(tmp_path), open_ledger(tmp_path, worker=1)
    start(one)
    start(two, "s2", BOT)
    run(one, 1, sql="SELECT name FROM people")
    run(two, 1, session="s2", who=BOT, sql="SELECT id FROM orders", table="public.orders")
    run(one, 2, decision="deny", action="drop", sql="DROP TABLE people")
    run(two, 2, session="s2", who=BOT, outcome=False, sql="SELECT 2", table="public.orders")
    one.record(events.auth_failure(client="10.0.0.9:1", sqlstate="28P01", reason="expired token", user="eve"))
    one.close()
    two.close()
    return tmp_path


def _ids(entries: Iterator[Entry] | list[Entry]) -> list[str]:
    return [str(entry.event.get("id") or entry.kind) for entry in entries]


def test_chains_are_merged_by_time(directory: Path) -> None:
    entries = [e for e in read_all(directory) if e.kind not in ("segment", "checkpoint")]
    assert _ids(entries) == [
        "session_start",
        "session_start",
        "s1.1",
        "s1.1",
        "s2.1",
        "s2.1",
        "s1.2",
        "s1.2",
        "s2.2",
        "auth_failure",
    ]
    times = [entry.time for entry in entries]
    assert times == sorted(times)


def test_recent(directory: Path) -> None:
    assert _ids(recent(directory, 2)) == ["s2.2", "auth_failure"]
    assert recent(directory, 0) == []
    assert len(recent(directory, 100)) == 10


def test_recent_looks_into_older_segments(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path, segment_bytes=1500)
    for number in range(8):
        run(ledger, number, outcome=False)
        ledger.seal_now()
        ledger.append_checkpoint()
    ledger.close()
    assert _ids(recent(tmp_path, 5)) == ["s1.3", "s1.4", "s1.5", "s1.6", "s1.7"]


@pytest.mark.parametrize("chunk", [1, 100, 700, 5000, 1 << 20])
def test_recent_reads_from_the_end(directory: Path, monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    monkeypatch.setattr("govproxy.audit.read._LOOK_BACK_BYTES", chunk)
    every = [e for e in read_all(directory) if e.kind not in ("segment", "checkpoint")]
    for last in range(12):
        assert recent(directory, last) == (every[-last:] if last else [])


class _Enough(Exception):
    pass


def _until_enough(entries: Iterator[Entry]) -> list[Entry]:
    found: list[Entry] = []
    try:
        for entry in entries:
            found.append(entry)
    except _Enough:
        return found
    raise AssertionError("following never ends by itself")


def test_following_goes_on_over_rotation_and_finds_new_workers(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path, segment_bytes=1500)
    run(ledger, 0, outcome=False)
    looks = 0

    def wait() -> None:
        nonlocal looks
        looks += 1
        if looks > 6:
            raise _Enough
        run(ledger, looks, outcome=False)
        ledger.seal_now()
        ledger.append_checkpoint()
        if looks == 3:
            other = open_ledger(tmp_path, worker=1)
            run(other, 100, session="s2", outcome=False)
            other.close()

    found = _until_enough(follow(tmp_path, last=10, wait=wait))
    ledger.close()
    assert _ids(found) == ["s1.0", "s1.1", "s1.2", "s1.3", "s2.100", "s1.4", "s1.5", "s1.6"]


def test_following_waits_for_the_rest_of_a_line(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    path = next(tmp_path.glob("w0-*"))
    parts = iter([b'{"event":"statement","id"', b':"s9.1"}\n'])

    def wait() -> None:
        part = next(parts, None)
        if part is None:
            raise _Enough
        with path.open("ab") as file:
            file.write(part)

    found = _until_enough(follow(tmp_path, wait=wait))
    assert _ids(found) == ["s9.1"]
    ledger.writer.detach()


@pytest.mark.parametrize("raw", [b"", b"{", b"[1]", b"\xff\xff"])
def test_a_damaged_line_does_not_stop_reading(raw: bytes) -> None:
    assert decode(raw)["event"] == "unreadable"


@pytest.mark.parametrize(
    ("wanted", "ids"),
    [
        (Filter(user="ana", events=frozenset({"statement"})), ["s1.1", "s2.1", "s1.2", "s2.2"]),
        (Filter(agent="report-bot"), ["session_start", "s2.1", "s2.1", "s2.2"]),
        (Filter(decision="deny"), ["s1.2", "s1.2"]),
        (Filter(table="orders"), ["s2.1", "s2.1", "s2.2"]),
        (Filter(table="public.people"), ["s1.1", "s1.1", "s1.2", "s1.2"]),
        (Filter(table="public.peopl"), []),
        (Filter(text="drop table"), ["s1.2", "s1.2"]),
        (Filter(id="s2.1"), ["s2.1", "s2.1"]),
        (Filter(session="s2"), ["session_start", "s2.1", "s2.1", "s2.2"]),
        (Filter(database="other"), []),
        (Filter(user="eve"), ["auth_failure"]),
        (Filter(user="ana", events=frozenset({"outcome"})), ["s1.1", "s2.1", "s1.2"]),
        (Filter(events=frozenset({"segment"})), ["segment", "segment"]),
        (Filter(until="2000-01-01"), []),
        (Filter(since="2100-01-01"), []),
    ],
)
def test_filters(directory: Path, wanted: Filter, ids: list[str]) -> None:
    assert _ids(search(read_all(directory), wanted)) == ids


def test_since_skips_old_segments_and_loses_nothing(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path, segment_bytes=1500)
    for number in range(6):
        run(ledger, number, outcome=False)
        ledger.seal_now()
        ledger.append_checkpoint()
    ledger.close()
    every = [e for e in read_all(tmp_path) if e.kind == "statement"]
    for at, entry in enumerate(every):
        wanted = Filter(since=entry.time, events=frozenset({"statement"}))
        read = list(read_all(tmp_path, since=entry.time))
        assert _ids(search(read, wanted)) == _ids(every[at:])
    assert len(read) < len(list(read_all(tmp_path)))


NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("15m", "2026-01-31T11:45:00.000000Z"),
        ("2 h", "2026-01-31T10:00:00.000000Z"),
        ("7d", "2026-01-24T12:00:00.000000Z"),
        ("2026-01-30T10:00:00Z", "2026-01-30T10:00:00.000000Z"),
        ("2026-01-30T10:00:00.5+02:00", "2026-01-30T08:00:00.500000Z"),
    ],
)
def test_moments(text: str, expected: str) -> None:
    assert moment(text, NOW) == expected


@pytest.mark.parametrize("text", ["", "yesterday", "15", "m", "-5m", "2026-13-01"])
def test_what_is_no_moment(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        moment(text, NOW)


def test_the_report(directory: Path) -> None:
    made = report(search(read_all(directory), Filter()))
    people = {(p.user, p.agent): p for p in made.people.values()}
    assert people.keys() == {("ana", None), ("ana", "report-bot")}
    human, agent = people["ana", None], people["ana", "report-bot"]
    assert (human.statements, dict(human.decisions), human.masked_values, human.rows) == (
        2,
        {"allow": 1, "deny": 1},
        4,
        6,
    )
    assert (agent.statements, agent.masked_values) == (2, 2)
    assert made.open_statements == 1
    assert dict(made.denied_by) == {"some-rule": 1}
    assert dict(made.auth_failures) == {"expired token": 1}
    assert made.as_json()["open_statements"] == 1


def _entry(**event: object) -> Entry:
    return Entry(segment="s", offset=0, raw=b"", event={"time": "2026-01-31T12:00:00.123456Z", **event})


def test_lines_for_people(directory: Path) -> None:
    lines = [render.plain(e)[24:] for e in search(read_all(directory), Filter())]
    assert lines[2] == "ana allow  SELECT   public.people SELECT name FROM people"
    assert lines[3] == "  s1.1 ok 3 rows, 0.9 ms, 2 values masked"
    assert lines[4] == "ana (report-bot) allow  SELECT   public.orders SELECT id FROM orders"
    assert lines[6] == "ana deny   DROP     public.people [some-rule] DROP TABLE people"
    assert lines[9] == "eve refused 28P01 from 10.0.0.9:1: expired token"


def test_a_line_cannot_move_the_cursor_or_read_backwards() -> None:
    evil = "SELECT 1 -- \x1b[2J\x1b]0;t\x07\r\n\u202e\u200b\x00"
    for entry in (
        _entry(
            event="statement",
            user=evil,
            decision=evil,
            sql=evil,
            tables=[evil],
            rules=[evil],
            effects=[{"action": evil}],
        ),
        _entry(event="session_start", user=evil, database=evil, client=evil, application=evil),
        _entry(event="auth_failure", user=evil, reason=evil),
        _entry(event="outcome", id=evil, status=evil),
        _entry(event=evil, other=evil),
        _entry(event="unreadable", text=evil),
    ):
        assert render.plain(entry).isprintable(), entry


@pytest.mark.parametrize("kind", sorted(events.EVENT_NAMES | {"unreadable"}))
def test_every_kind_can_be_shown_with_nothing_in_it(kind: str) -> None:
    assert render.plain(_entry(event=kind))


def test_lines_are_cut_to_the_terminal() -> None:
    entry = _entry(event="statement", user="ana", decision="allow", sql="x" * 500)
    text = "".join(part for part, _ in render.line(entry, width=80))
    assert len(text) == 80
    assert text.endswith("…")


def test_session_fields_cut_a_long_application() -> None:
    assert len(str(session_fields(ANA, "s", "d", "c", "x" * 10_000)["application"])) == 1024
