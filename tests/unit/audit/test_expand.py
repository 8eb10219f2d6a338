"""Lines that name another one are read as if they were whole, wherever reading begins."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from govproxy.audit.events import EVENTS
from govproxy.audit.expand import SHARED, Expander
from govproxy.audit.read import Entry, follow, read_all, read_segment, recent
from govproxy.audit.report import report
from govproxy.audit.search import Filter, search
from govproxy.cli.audit import app
from tests.unit.audit.ledgers import KEY, check, leaning, open_ledger, run, segment_files

ORDERS = {"sql": "SELECT id FROM orders WHERE id = 0", "table": "public.orders"}


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Thirty statements in one segment, taking turns between two verdicts; every text of the second is another."""
    ledger = open_ledger(tmp_path)
    for number in range(30):
        if number % 3:
            run(ledger, number, outcome=False)
        else:
            run(ledger, number, outcome=False, text=b"SELECT id FROM orders WHERE id = %d" % number, **ORDERS)
        if number % 10 == 9:
            ledger.seal_now()
    ledger.close()
    assert len(leaning(segment_files(tmp_path)[0])) == 28
    return tmp_path


def _check(entry: Entry) -> None:
    event = entry.event
    number = int(str(event["id"]).removeprefix("s1."))
    text = "SELECT name FROM people" if number % 3 else f"SELECT id FROM orders WHERE id = {number}"
    table = "public.people" if number % 3 else "public.orders"
    assert "like" not in event
    assert event["sql_hash"] == KEY.hash_text(text)
    assert (event["tables"], event["columns"]) == ([table], [f"{table}.name"])
    assert (event["decision"], event["rules"], event["policy_version"]) == ("allow", ["some-rule"], "p1")


def _statements(entries: Iterator[Entry] | list[Entry]) -> list[Entry]:
    return [entry for entry in entries if entry.kind == "statement"]


def test_what_lines_share_is_what_a_fragment_and_a_fingerprint_hold() -> None:
    (statement,) = [event for event in EVENTS if event.name == "statement"]
    names = [field.name for field in statement.fields]
    assert set(names[names.index("sql_hash") : -1]) == SHARED
    assert names[-1] == "like"


def test_all_of_a_segment(directory: Path) -> None:
    found = _statements(read_all(directory))
    assert len(found) == 30
    for entry in found:
        _check(entry)
    assert check(directory).sound


def test_from_any_line_on(directory: Path) -> None:
    path = segment_files(directory)[0]
    every = list(read_segment(path))
    for at, entry in enumerate(every):
        assert list(read_segment(path, entry.offset)) == every[at:]


@pytest.mark.parametrize("chunk", [200, 1000, 1 << 20])
def test_from_the_end(directory: Path, monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    monkeypatch.setattr("govproxy.audit.read._LOOK_BACK_BYTES", chunk)
    for last in (1, 2, 5, 30):
        found = recent(directory, last)
        assert len(found) == last
        for entry in found:
            _check(entry)


def test_more_verdicts_than_are_kept_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("govproxy.audit.expand._PARSED", 2)
    ledger = open_ledger(tmp_path)
    for number in range(40):
        run(ledger, number, outcome=False, sql=f"SELECT {number % 5}")
    ledger.close()
    assert [entry.event["sql"] for entry in _statements(read_all(tmp_path))] == [f"SELECT {n % 5}" for n in range(40)]


class _Enough(Exception):
    pass


def test_following_over_rotation(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path, segment_bytes=2500)
    for number in range(3):
        run(ledger, number, outcome=False)
    number = 3

    def wait() -> None:
        nonlocal number
        if number > 20:
            raise _Enough
        for _ in range(2):
            run(ledger, number, outcome=False)
            number += 1
        ledger.seal_now()
        ledger.append_checkpoint()

    found: list[Entry] = []
    with pytest.raises(_Enough):
        found.extend(follow(tmp_path, last=1, wait=wait))
    ledger.close()
    assert len(segment_files(tmp_path)) > 2
    assert [entry.event["id"] for entry in found] == [f"s1.{n}" for n in range(2, 21)]
    assert {str(entry.event["sql"]) for entry in found} == {"SELECT name FROM people"}
    assert sum(b'"like"' in entry.raw for entry in found) > 10


@pytest.mark.parametrize(
    ("wanted", "count"),
    [
        (Filter(table="orders"), 10),
        (Filter(table="public.people", decision="allow"), 20),
        (Filter(decision="deny"), 0),
        (Filter(text="from orders"), 10),
    ],
)
def test_filters_see_whole_lines(directory: Path, wanted: Filter, count: int) -> None:
    assert len(list(search(read_all(directory), wanted))) == count


def test_since_the_middle_of_a_segment(directory: Path) -> None:
    every = _statements(read_all(directory))
    for at, entry in enumerate(every):
        wanted = Filter(since=entry.time, table="orders")
        found = list(search(read_all(directory, since=entry.time), wanted))
        assert [e.event["id"] for e in found] == [e.event["id"] for e in every[at:] if "orders" in str(e.event["sql"])]


def test_the_report_counts_them(directory: Path) -> None:
    made = report(read_all(directory))
    assert dict(made.tables) == {"public.people": 20, "public.orders": 10}
    assert dict(made.rules) == {"some-rule": 30}


def test_json_is_printed_whole(directory: Path) -> None:
    result = CliRunner().invoke(app, ["tail", "-d", str(directory), "-n", "30", "--json"], catch_exceptions=False)
    lines = result.stdout.splitlines()
    assert len(lines) == 30
    in_full = [name for name in json.loads(lines[0]) if name != "shadow"]
    for number, line in enumerate(lines):
        assert list(json.loads(line)) == in_full, "members stand in one order, filled in or not"
        assert json.loads(line)["id"] == f"s1.{number}"
    found = CliRunner().invoke(app, ["search", "-d", str(directory), "--table", "orders", "--json"])
    assert len(found.stdout.splitlines()) == 10


def _segment(path: Path, *lines: dict[str, object]) -> list[Entry]:
    path.write_bytes(b"".join(json.dumps(line, separators=(",", ":")).encode() + b"\n" for line in lines))
    return list(read_segment(path))


def test_a_name_that_is_not_there_stays_visible(tmp_path: Path) -> None:
    path = tmp_path / "w0-1-1.jsonl"
    shown = _segment(
        path,
        {"event": "statement", "id": "s1.1", "like": "s1.9"},
        {"event": "statement", "id": "s1.2", "like": 7},
        {"event": "statement", "id": "s1.3", "like": "s1.4"},  # only later lines have that id
        {"event": "statement", "id": "s1.4", "sql": "x"},
        {"event": "outcome", "id": "s1.5", "like": "s1.4"},
    )
    assert [entry.event.get("like") for entry in shown] == ["s1.9", 7, "s1.4", None, "s1.4"]
    assert [entry.json for entry in shown] == path.read_bytes().splitlines()


def test_only_a_line_in_full_can_be_named(tmp_path: Path) -> None:
    shown = _segment(
        tmp_path / "w0-1-1.jsonl",
        {"event": "statement", "id": "s1.1", "sql": "x", "user": "ana"},
        {"event": "statement", "id": "s1.2", "like": "s1.1", "user": "bo"},
        {"event": "statement", "id": "s1.3", "like": "s1.2"},
        {"event": "outcome", "id": "s1.6", "sql": "y"},
        {"event": "statement", "id": "s1.7", "like": "s1.6"},
    )
    assert shown[1].event == {"event": "statement", "id": "s1.2", "user": "bo", "sql": "x"}
    assert shown[2].event == {"event": "statement", "id": "s1.3", "like": "s1.2"}
    assert shown[4].event == {"event": "statement", "id": "s1.7", "like": "s1.6"}


def test_a_text_cannot_pass_for_the_member(tmp_path: Path) -> None:
    evil = '","like":"s1.1'
    path = tmp_path / "w0-1-1.jsonl"
    shown = _segment(
        path,
        {"event": "statement", "id": "s1.1", "sql": evil, "application": evil},
        {"event": "statement", "id": "s1.2", "application": evil, "like": "s1.1"},
    )
    assert shown[1].event["sql"] == evil
    assert shown[0].json == shown[0].raw
    second = shown[1].offset
    assert next(read_segment(path, second)).event["sql"] == evil  # looked up, not passed by


def test_a_damaged_line_in_between_harms_itself_alone(directory: Path) -> None:
    path = segment_files(directory)[0]
    lines = path.read_bytes().splitlines(keepends=True)
    at = next(i for i, line in enumerate(lines) if b'"s1.5"' in line)
    lines[at] = b"\xff" * (len(lines[at]) - 1) + b"\n"
    path.write_bytes(b"".join(lines))
    found = _statements(read_segment(path))
    assert len(found) == 29
    for entry in found:
        _check(entry)
    assert len(list(read_segment(path, found[-1].offset, Expander(path)))) >= 1
