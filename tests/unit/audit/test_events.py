"""Lines hold what the table says, and are JSON whatever texts clients send."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from govproxy.audit import events
from govproxy.audit.events import EVENT_NAMES, EVENTS, MAX_SQL, encode, session_fields, statement_fragment
from tests.unit.audit.ledgers import ANA, BOT, open_ledger, run, segment_files


def _names(event: str) -> tuple[set[str], set[str]]:
    """Required and all field names of an event."""
    (found,) = [e for e in EVENTS if e.name == event]
    return (
        {field.name for field in found.fields if not field.type.endswith("?")},
        {field.name for field in found.fields},
    )


def _fits(line: dict[str, object]) -> None:
    required, known = _names(str(line["event"]))
    assert required <= line.keys() - {"event"} <= known, line


def test_the_table_has_the_events_of_the_contract() -> None:
    contract = (
        "session_start session_end auth_failure statement outcome approval policy_change config_change checkpoint"
    )
    assert set(contract.split()) | {"segment"} == EVENT_NAMES
    assert len(EVENTS) == len(EVENT_NAMES)
    for event in EVENTS:
        assert len({field.name for field in event.fields}) == len(event.fields)


def test_every_line_that_is_written_fits_the_table(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    who = session_fields(BOT, "s1", "shop", "127.0.0.1:5000", "psql")
    for event in (
        events.session_start(who, "token"),
        events.session_end(who, "terminated", 2, 100),
        events.auth_failure(client="127.0.0.1:5", sqlstate="28P01", reason="expired token"),
        events.policy_change("p2", previous="p1"),
        events.config_change("ab"),
    ):
        ledger.record(event)
    run(ledger, 1, who=BOT)
    ledger.close()
    open_ledger(tmp_path).close()
    seen = set()
    for path in segment_files(tmp_path):
        for line in path.read_bytes().splitlines():
            fields = json.loads(line)
            _fits(fields)
            seen.add(fields["event"])
    assert seen == EVENT_NAMES - {"approval"}


def test_a_statement_names_the_human_and_the_agent(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    run(ledger, 1, who=BOT)
    ledger.close()
    line = next(line for line in segment_files(tmp_path)[0].read_bytes().splitlines() if b'"statement"' in line)
    fields = json.loads(line)
    assert (fields["user"], fields["agent"], fields["on_behalf_of"]) == ("ana", "report-bot", "ana")
    assert line.startswith(b'{"event":"statement","id":"s1.1","time":"')


def test_groups_are_sorted() -> None:
    assert session_fields(ANA, "s", "d", "c", "a")["groups"] == ["all", "analysts"]


def _fragment(**changes: object) -> dict[str, object]:
    arguments: dict[str, object] = {
        "decision": "allow",
        "rules": [],
        "masks": [],
        "policy_version": "1",
        "sql": "SELECT 1",
        "digest": "",
        "effects": [],
        "tables": [],
        "columns": [],
    }
    raw = statement_fragment(**(arguments | changes))  # type: ignore[arg-type]
    assert b"\n" not in raw
    found: dict[str, object] = json.loads(b"{" + raw + b"}")
    return found


@pytest.mark.parametrize("text", ['"', "\\", "\n\r\0\x1f", "\u2028", "\ud800", "\U0001f600", "a\ud800b", "\udfff" * 3])
def test_any_text_makes_json(text: str) -> None:
    fields = _fragment(sql=text, rules=[text], tables=(text,), effects=[{"action": text, "facts": {text: 1}}])
    if not any("\ud800" <= c <= "\udfff" for c in text):
        assert fields["sql"] == text
    json.loads(events.session_fragment(ANA, "s", text, text, text).join((b"{", b"}")))


def test_long_sql_is_cut_and_says_so() -> None:
    assert "sql_size" not in _fragment(sql="x" * MAX_SQL)
    fields = _fragment(sql="x" * (MAX_SQL + 1))
    assert fields["sql_size"] == MAX_SQL + 1
    assert len(str(fields["sql"])) == MAX_SQL


def test_shadow_rules_are_there_when_there_are_any() -> None:
    assert "shadow" not in _fragment()
    assert _fragment(shadow=("would-deny",))["shadow"] == ["would-deny"]


def test_big_numbers_and_strange_values() -> None:
    assert json.loads(encode({"n": 1 << 70, "s": frozenset({"a"}), "t": ("b",), "x": None, "f": 1.5, "b": True})) == {
        "n": str(1 << 70),
        "s": ["a"],
        "t": ["b"],
        "x": None,
        "f": 1.5,
        "b": True,
    }
    with pytest.raises(TypeError):
        encode({"secret": object()})


def test_claims_of_strangers_are_cut() -> None:
    event = events.auth_failure(client="c", sqlstate="28000", reason="r", user="x" * 100_000, database="d" * 100_000)
    assert len(encode(event)) < 5_000
