"""Rehearsals: what is held runs in a transaction on its own connection, which a decision commits or rolls back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from govproxy.control.admin import ask
from govproxy.wire.errors import decode_fields
from tests.security.holding import ANA, Aside, Desk, attended, run, until
from tests.support.proxy import Databases, Proxy, start
from tests.support.raw_session import (
    SYNC,
    TERMINATE,
    Answer,
    DirectSession,
    RawSession,
    bind,
    close,
    describe,
    execute,
    parse,
    query,
)

Connection = psycopg.Connection[Any]

POLICY = """\
extends: production
rules:
  - {name: tried, who: {groups: [engineering]}, does: [insert, update, delete, merge], effect: hold, overrides: [any],
     on: {tables: [public.tried]}, approvers: {groups: [leads]}, rehearse: true, hold: {timeout: 10m, rehearsal: 5m,
     in_transaction: 5m}}
  - {name: beside, who: {groups: [engineering]}, does: [write], effect: allow, overrides: [any],
     on: {tables: [public.parts, public.trail]}}
columns:
  - {name: dba-sees-everything, who: {groups: [dba]}, on: {tags: [any]}, see: clear, compare: any}
"""

SCHEMA = """
DROP TABLE IF EXISTS tried, parts, trail;
CREATE TABLE tried (id int PRIMARY KEY, word text, email text);
CREATE TABLE parts (id serial PRIMARY KEY, tried int REFERENCES tried ON DELETE CASCADE);
CREATE TABLE trail (at timestamptz DEFAULT now(), what text);
CREATE OR REPLACE FUNCTION note_trial() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN INSERT INTO trail (what) VALUES (TG_OP); RETURN NULL; END';
CREATE TRIGGER notes AFTER UPDATE OR DELETE ON tried FOR EACH ROW EXECUTE FUNCTION note_trial();
CREATE OR REPLACE FUNCTION say_trial() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF NEW.word = 'say' THEN RAISE NOTICE 'said'; END IF;
    IF NEW.word = 'late' THEN RAISE EXCEPTION 'too late' USING ERRCODE = '23514'; END IF;
    RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER at_the_end AFTER UPDATE ON tried DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION say_trial();
"""
ROWS = """
TRUNCATE tried, parts, trail;
INSERT INTO tried SELECT n, 'word ' || n, 'petra' || n || '@planted.example' FROM generate_series(1, 10) n;
INSERT INTO parts (tried) SELECT n FROM generate_series(1, 10) n, generate_series(1, 2);
"""


@pytest.fixture(scope="module")
def proxy(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    with databases.direct() as direct:
        direct.execute(SCHEMA)
        direct.execute(ROWS)  # what is in it stays the same, and so does what its columns are taken for
    running = start(databases, tmp_path_factory.mktemp("rehearsals"), policy=POLICY, workers=2)
    yield running
    running.stop()
    with databases.direct() as direct:
        direct.execute("DROP TABLE tried, parts, trail; DROP FUNCTION note_trial(), say_trial()")


@pytest.fixture
def desk(proxy: Proxy) -> Iterator[Desk]:
    with attended(proxy, "tried") as found:
        yield found


@pytest.fixture
def rows(databases: Databases) -> Iterator[Callable[[str], Any]]:
    """Ten rows, each with two parts; asks for one value."""
    with databases.direct() as direct:
        direct.execute(ROWS)
        yield lambda text: direct.execute(text.encode()).fetchone()[0]  # type: ignore[index]


@pytest.fixture
def ana(proxy: Proxy) -> Iterator[Connection]:
    with proxy.connect(*ANA) as connection:
        yield connection


def facts_of(desk: Desk, approval: str) -> dict[str, Any]:
    def there() -> Any:
        return ask(desk.settings, {"command": "approval", "id": approval})["facts"]

    return dict(until(there))


def steps(proxy: Proxy, approval: str) -> list[str]:
    return [event["status"] for event in proxy.events("approval") if event["approval"] == approval]


def outcome(proxy: Proxy, statement: str) -> dict[str, Any]:
    return proxy.wait_for_event(lambda event: event["event"] == "outcome" and event["id"] == statement)


def test_what_was_rehearsed_is_committed(proxy: Proxy, desk: Desk, ana: Connection, rows: Callable[[str], Any]) -> None:
    done = run(ana, "DELETE FROM tried WHERE id <= 3")
    asked = desk.waiting("id <= 3")
    facts = facts_of(desk, asked["id"])
    assert facts["rehearsal"] is not None, facts
    changed = {one["table"]: (one["inserted"], one["updated"], one["deleted"]) for one in facts["rehearsal"]["changed"]}
    assert changed == {"public.tried": (0, 0, 3), "public.parts": (0, 0, 6), "public.trail": (3, 0, 0)}
    assert facts["rehearsal"]["tag"] == "DELETE 3"
    assert facts["rehearsal"]["after"] == [None, None, None]
    assert "petra" not in repr(facts)
    assert rows("SELECT count(*) FROM tried") == 10
    assert not done.is_done
    desk.decide(asked["id"])
    assert done.result == 3
    assert rows("SELECT count(*) FROM tried") == 7
    assert rows("SELECT count(*) FROM trail") == 3
    assert steps(proxy, asked["id"]) == ["asked", "rehearsed", "voted", "approved", "used", "committed"]
    assert outcome(proxy, asked["statement"])["status"] == "ok"


def test_what_is_refused_is_rolled_back(proxy: Proxy, desk: Desk, ana: Connection, rows: Callable[[str], Any]) -> None:
    done = run(ana, "UPDATE tried SET word = 'new' WHERE id > 8")
    asked = desk.waiting("id > 8")
    facts = facts_of(desk, asked["id"])
    at = facts["rehearsal"]["columns"].index("word")
    assert [row[at] for row in facts["rehearsal"]["before"]] == ["word 9", "word 10"]
    assert [row[at] for row in facts["rehearsal"]["after"]] == ["new", "new"]
    desk.decide(asked["id"], "refuse")
    assert done.error.sqlstate == "42501"
    assert rows("SELECT count(*) FROM tried WHERE word = 'new'") == 0
    assert rows("SELECT count(*) FROM trail") == 0
    assert steps(proxy, asked["id"]) == ["asked", "rehearsed", "voted", "refused", "rolled_back"]
    assert outcome(proxy, asked["statement"])["status"] == "denied"
    assert ana.execute("SELECT 1").fetchone() == (1,)


# ---------------------------------------------------------------------- as a direct run would have said it

ANSWERS = {
    "returning": "UPDATE tried SET word = upper(word) WHERE id < 4 RETURNING id, word",
    "insert": "INSERT INTO tried VALUES (100, 'x', NULL), (101, NULL, NULL) RETURNING id, word",
    "merge": "MERGE INTO tried USING (VALUES (1), (200)) AS v (n) ON tried.id = v.n"
    " WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT VALUES (v.n, 'merged', NULL)",
    "nothing": "DELETE FROM tried WHERE id = -1",
    "notice": "UPDATE tried SET word = 'say' WHERE id = 5",
    "late": "UPDATE tried SET word = 'late' WHERE id = 6 RETURNING id",
}


def shape(answer: Answer) -> list[tuple[str, Any]]:
    """What an answer is, whatever identity it is for: its messages, rows, codes and status."""
    found: list[tuple[str, Any]] = []
    for one in answer.messages:
        kind = chr(one.kind)
        if kind == "T":
            found.append((kind, int.from_bytes(one.body[:2], "big")))
        elif kind in "EN":
            fields = dict(decode_fields(one.body))
            if not fields["M"].startswith("govproxy: "):  # that it waits
                found.append((kind, fields["C"]))
        else:
            found.append((kind, bytes(one.body)))
    return found


def spoken(text: str, how: str) -> bytes:
    if how == "simple":
        return query(text)
    formats = [1] if how == "binary" else []
    if how == "described":
        return parse(text, b"s") + describe(b"S", b"s") + bind(b"", b"s") + execute() + close(b"P") + SYNC
    return parse(text) + bind(formats=formats) + (b"" if how == "bare" else describe(b"P")) + execute() + SYNC


@pytest.mark.parametrize(
    ("case", "how"),
    [
        *((case, how) for case in sorted(ANSWERS) for how in ("simple", "extended")),
        *(("returning", how) for how in ("binary", "described", "bare")),
    ],
)
def test_its_client_gets_what_a_direct_run_gives(
    proxy: Proxy, databases: Databases, desk: Desk, rows: Callable[[str], Any], case: str, how: str
) -> None:
    text = f"{ANSWERS[case]} /* {how} */"
    direct = DirectSession(databases.postgres.dsn("app"))
    expected = direct.ask(spoken(text, how))
    direct.query(ROWS)
    direct.close()
    session = RawSession(proxy.port, ANA[0], proxy.token(*ANA), "app")
    waiting = Aside(lambda: session.ask(spoken(text, how)))
    asked = desk.waiting("tried")
    facts = facts_of(desk, asked["id"])
    assert facts["rehearsal"] is not None, facts["notes"]
    assert facts["rehearsal"]["until"] > 0, facts["rehearsal"]["failed"]
    desk.decide(asked["id"])
    assert shape(waiting.result) == shape(expected)
    assert session.query("SELECT 1").status == b"I"
    ended = outcome(proxy, asked["statement"])
    assert (ended["status"], ended.get("sqlstate")) == (("error", "23514") if case == "late" else ("ok", None))
    session.socket.close()


@pytest.mark.parametrize("how", ["simple", "extended", "binary"])
@pytest.mark.parametrize("answer", ["approve", "refuse"])
def test_it_may_come_byte_by_byte(
    proxy: Proxy, databases: Databases, desk: Desk, rows: Callable[[str], Any], how: str, answer: str
) -> None:
    text = f"UPDATE tried SET word = 'slow' WHERE id = 7 RETURNING id, word /* {how} {answer} */"
    direct = DirectSession(databases.postgres.dsn("app"))
    expected = direct.ask(spoken(text, how))
    direct.query(ROWS)
    direct.close()
    session = RawSession(proxy.port, ANA[0], proxy.token(*ANA), "app")
    sent = spoken(text, how)
    waiting = Aside(lambda: session.in_pieces(sent, range(1, len(sent))))
    asked = rehearsed(desk, "slow")
    assert rows("SELECT word FROM tried WHERE id = 7") == "word 7"
    desk.decide(asked["id"], answer)
    if answer == "approve":
        assert shape(waiting.result) == shape(expected)
        assert rows("SELECT word FROM tried WHERE id = 7") == "slow"
    else:
        assert [error["C"] for error in waiting.result.errors] == ["42501"]
        nothing_is_left(databases, rows)
    assert session.query("SELECT 1").rows == [[b"1"]]
    session.socket.close()


def test_parameters_and_what_follows_them(
    proxy: Proxy, desk: Desk, ana: Connection, rows: Callable[[str], Any]
) -> None:
    done = run(ana, "UPDATE tried SET word = %s WHERE id = %s RETURNING id", ("bound", 4), prepare=True)
    asked = desk.waiting("tried")
    facts = facts_of(desk, asked["id"])
    assert facts["rehearsal"]["tag"] == "UPDATE 1"
    at = facts["rehearsal"]["columns"].index("word")
    assert [facts["rehearsal"][when][0][at] for when in ("before", "after")] == ["word 4", "bound"]
    desk.decide(asked["id"])
    assert done.result == 1
    assert rows("SELECT word FROM tried WHERE id = 4") == "bound"
    assert ana.execute("SELECT count(*) FROM tried WHERE word = %s", ("bound",)).fetchone() == (1,)


# ---------------------------------------------------------------------- inside a transaction of the client's


@pytest.mark.parametrize("prepare", [False, True])
def test_in_a_transaction_it_is_a_savepoint(
    proxy: Proxy, desk: Desk, ana: Connection, rows: Callable[[str], Any], prepare: bool
) -> None:
    ana.autocommit = False
    ana.execute("SELECT 1")
    done = run(ana, "DELETE FROM tried WHERE id = 1 RETURNING id", prepare=prepare, binary=prepare)
    asked = desk.waiting("id = 1")
    facts = facts_of(desk, asked["id"])
    changed = {one["table"]: one["deleted"] for one in facts["rehearsal"]["changed"]}
    assert (changed["public.tried"], changed["public.parts"]) == (1, 2)
    desk.decide(asked["id"])
    assert done.result == 1
    assert rows("SELECT count(*) FROM tried") == 10
    assert ana.execute("SELECT count(*) FROM tried").fetchone() == (9,)
    # The next one counts for itself.
    again = run(ana, "DELETE FROM tried WHERE id = 2", prepare=prepare)
    asked = desk.waiting("id = 2")
    changed = {one["table"]: one["deleted"] for one in facts_of(desk, asked["id"])["rehearsal"]["changed"]}
    assert (changed["public.tried"], changed["public.parts"]) == (1, 2)
    desk.decide(asked["id"])
    assert again.result == 1
    ana.commit()
    assert rows("SELECT count(*) FROM tried") == 8
    assert "released" in steps(proxy, asked["id"])


@pytest.mark.parametrize("prepare", [False, True])
def test_in_a_transaction_a_refusal_is_an_error_like_any_other(
    desk: Desk, ana: Connection, rows: Callable[[str], Any], prepare: bool
) -> None:
    ana.autocommit = False
    ana.execute("SELECT 1")
    done = run(ana, "DELETE FROM tried WHERE id = 3", prepare=prepare)
    asked = desk.waiting("id = 3")
    assert facts_of(desk, asked["id"])["rehearsal"]["until"]
    desk.decide(asked["id"], "refuse")
    assert done.error.sqlstate == "42501"
    with pytest.raises(psycopg.errors.InFailedSqlTransaction):
        ana.execute("SELECT 1")
    ana.rollback()
    assert rows("SELECT count(*) FROM tried") == 10
    assert ana.execute("SELECT count(*) FROM tried").fetchone() == (10,)


# ---------------------------------------------------------------------- ends in the middle


def rehearsed(desk: Desk, word: str) -> dict[str, Any]:
    """The request, once it stands."""
    asked = desk.waiting(word)
    assert facts_of(desk, asked["id"])["rehearsal"]["until"]
    return asked


def nothing_is_left(databases: Databases, rows: Callable[[str], Any]) -> None:
    """No lock is held any more, and every row is as it was."""
    with databases.direct() as direct:
        until(
            lambda: (
                direct.execute("SELECT count(*) FROM (SELECT FROM tried FOR UPDATE SKIP LOCKED) t").fetchone() == (10,)
            )
        )
    assert rows("SELECT count(*) FROM tried WHERE word LIKE 'word %'") == 10


def test_a_cancel_request_rolls_it_back(
    proxy: Proxy, databases: Databases, desk: Desk, ana: Connection, rows: Callable[[str], Any]
) -> None:
    done = run(ana, "UPDATE tried SET word = 'cancelled' WHERE id = 1")
    asked = rehearsed(desk, "cancelled")
    ana.cancel_safe()
    assert done.error.sqlstate == "57014"
    until(lambda: desk.status(asked["id"]) == "withdrawn")
    nothing_is_left(databases, rows)
    assert outcome(proxy, asked["statement"])["status"] == "cancelled"
    assert ana.execute("SELECT 1").fetchone() == (1,)


def test_the_clients_own_timeout_rolls_it_back(
    databases: Databases, desk: Desk, ana: Connection, rows: Callable[[str], Any]
) -> None:
    ana.execute("SET statement_timeout = '2s'")
    done = run(ana, "UPDATE tried SET word = 'timed' WHERE id = 1")
    assert done.error.sqlstate == "57014"
    nothing_is_left(databases, rows)


@pytest.mark.parametrize("block", [False, True])
def test_another_policy_has_it_rolled_back_and_tried_anew(
    proxy: Proxy, desk: Desk, ana: Connection, rows: Callable[[str], Any], block: bool
) -> None:
    ana.autocommit = not block
    ana.execute("SELECT 1")
    done = run(ana, f"UPDATE tried SET word = 'judged {block}' WHERE id = 1")
    old = rehearsed(desk, f"judged {block}")
    (proxy.folder / "policy.yaml").write_text(POLICY.replace("name: beside", f"name: beside-{block}".lower()))
    until(lambda: desk.status(old["id"]) == "withdrawn")
    new = rehearsed(desk, f"judged {block}")
    assert new["id"] != old["id"]
    assert desk.decide(old["id"])["objection"] == "decided"
    assert rows("SELECT word FROM tried WHERE id = 1") == "word 1"
    desk.decide(new["id"])
    assert done.result == 1
    ana.commit()
    assert rows("SELECT word FROM tried WHERE id = 1") == f"judged {block}"
    assert rows("SELECT count(*) FROM trail") == 1
    until(lambda: "rolled_back" in steps(proxy, old["id"]))
    assert "used" not in steps(proxy, old["id"])
    until(lambda: steps(proxy, new["id"])[-1] == ("released" if block else "committed"))


@pytest.mark.parametrize("how", ["close", "terminate", "kill", "backend"])
def test_a_session_that_ends_leaves_nothing(
    proxy: Proxy, databases: Databases, desk: Desk, rows: Callable[[str], Any], how: str
) -> None:
    session = RawSession(proxy.port, ANA[0], proxy.token(*ANA), "app")
    pid = session.query("SELECT pg_backend_pid()").rows[0][0]
    session.send(
        spoken(f"UPDATE tried SET word = 'gone {how}' WHERE id = 1", "simple" if how == "kill" else "extended")
    )
    asked = rehearsed(desk, f"gone {how}")
    match how:
        case "close":
            session.socket.close()
        case "terminate":
            session.send(TERMINATE)
        case "kill":
            assert ask(desk.settings, {"command": "kill", "session": asked["session"]}) == {"killed": True}
        case "backend":
            with databases.direct() as direct:
                direct.execute(f"SELECT pg_terminate_backend({int(pid or b'0')})".encode())
    until(lambda: desk.status(asked["id"]) == "withdrawn")
    nothing_is_left(databases, rows)
    assert outcome(proxy, asked["statement"])["status"] == "withdrawn"
    until(lambda: "rolled_back" in steps(proxy, asked["id"]))
    session.socket.close()


def test_what_waits_for_a_lock_can_be_refused(
    proxy: Proxy, databases: Databases, desk: Desk, ana: Connection, rows: Callable[[str], Any]
) -> None:
    with databases.direct(autocommit=False) as other:
        other.execute("UPDATE tried SET email = 'x' WHERE id = 1")
        done = run(ana, "UPDATE tried SET word = 'locked' WHERE id = 1")
        asked = desk.waiting("locked")
        until(lambda: other.execute("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchone() != (0,))
        desk.decide(asked["id"], "refuse")
        assert done.error.sqlstate == "42501"
        assert other.execute("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchone() == (0,)
        other.rollback()
    nothing_is_left(databases, rows)
    assert ana.execute("SELECT 1").fetchone() == (1,)


def test_what_waits_for_a_lock_can_be_approved(
    proxy: Proxy, databases: Databases, desk: Desk, ana: Connection, rows: Callable[[str], Any]
) -> None:
    with databases.direct(autocommit=False) as other:
        other.execute("UPDATE tried SET email = 'x' WHERE id = 1")
        done = run(ana, "UPDATE tried SET word = 'patient' WHERE id = 1")
        asked = desk.waiting("patient")
        until(lambda: other.execute("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchone() != (0,))
        desk.decide(asked["id"])
        other.rollback()
    assert done.result == 1
    assert rows("SELECT word FROM tried WHERE id = 1") == "patient"
    assert steps(proxy, asked["id"])[-1] == "committed"
    assert sorted(steps(proxy, asked["id"])) == sorted(["asked", "voted", "approved", "rehearsed", "used", "committed"])


# ---------------------------------------------------------------------- what is not rehearsed waits all the same


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("DELETE FROM tried WHERE id = 1; DELETE FROM tried WHERE id = 2", "several"),
        ("EXPLAIN ANALYZE DELETE FROM tried WHERE id = 1", "only statements that change rows"),
    ],
)
def test_what_is_not_rehearsed_says_why_and_runs_when_approved(
    desk: Desk, ana: Connection, rows: Callable[[str], Any], text: str, why: str
) -> None:
    done = run(ana, text)
    until(lambda: done.is_done or desk.requests("tried", "waiting"))
    assert not done.is_done, done.error
    asked = desk.waiting("tried")
    facts = facts_of(desk, asked["id"])
    assert facts["rehearsal"] is None
    assert any("not rehearsed" in note and why in note for note in facts["notes"]), facts["notes"]
    assert rows("SELECT count(*) FROM tried WHERE word LIKE 'word %'") == 10
    desk.decide(asked["id"])
    assert done.result >= 1
    assert rows("SELECT count(*) FROM tried WHERE word LIKE 'word %'") < 10


@pytest.mark.parametrize("how", ["simple", "extended"])
@pytest.mark.parametrize("block", [False, True])
def test_one_that_fails_waits_on(proxy: Proxy, desk: Desk, rows: Callable[[str], Any], how: str, block: bool) -> None:
    session = RawSession(proxy.port, ANA[0], proxy.token(*ANA), "app")
    if block:
        session.query("BEGIN")
    waiting = Aside(lambda: session.ask(spoken("UPDATE tried SET id = 1 WHERE id = 2", how)))
    asked = desk.waiting("id = 2")
    facts = facts_of(desk, asked["id"])
    assert (facts["rehearsal"]["failed"], facts["rehearsal"]["until"]) == ("23505", 0)
    assert not waiting.is_done
    desk.decide(asked["id"])
    assert [error["C"] for error in waiting.result.errors] == ["23505"]
    assert waiting.result.status == (b"E" if block else b"I")
    assert outcome(proxy, asked["statement"])["status"] == "error"
    assert steps(proxy, asked["id"]) == ["asked", "rolled_back", "voted", "approved", "used"]
    session.socket.close()


@pytest.mark.parametrize("how", ["simple", "extended"])
def test_one_that_says_too_much_waits_on(proxy: Proxy, desk: Desk, rows: Callable[[str], Any], how: str) -> None:
    session = RawSession(proxy.port, ANA[0], proxy.token(*ANA), "app")
    text = "UPDATE tried SET word = repeat('long', 100000) WHERE id > 2 RETURNING word"
    waiting = Aside(lambda: session.ask(spoken(text, how)))
    asked = desk.waiting("long")
    facts = facts_of(desk, asked["id"])
    assert facts["rehearsal"] is None
    assert any("more than" in note for note in facts["notes"]), facts["notes"]
    desk.decide(asked["id"])
    assert len(waiting.result.rows) == 8
    assert waiting.result.errors == []
    assert rows("SELECT count(*) FROM tried WHERE length(word) = 400000") == 8
    session.socket.close()


def test_a_longer_pipeline_is_held_without(desk: Desk, ana: Connection, rows: Callable[[str], Any]) -> None:
    def play() -> list[Any]:
        with ana.pipeline():
            first = ana.execute("SELECT count(*) FROM tried")
            second = ana.execute("DELETE FROM tried WHERE id = %s", (2,))
            third = ana.execute("SELECT count(*) FROM tried")
            return [first.fetchone(), second.rowcount, third.fetchone()]

    done = Aside(play)
    asked = desk.waiting("tried")
    facts = facts_of(desk, asked["id"])
    assert any("pipeline" in note for note in facts["notes"]), facts["notes"]
    desk.decide(asked["id"])
    assert done.result == [(10,), 1, (9,)]


def test_what_comes_behind_it_waits_and_is_in_order(proxy: Proxy, desk: Desk, rows: Callable[[str], Any]) -> None:
    session = RawSession(proxy.port, ANA[0], proxy.token(*ANA), "app")
    sent = (
        spoken("DELETE FROM tried WHERE id = 1", "extended") + query("SELECT count(*) FROM tried") + query("SELECT 2")
    )
    waiting = Aside(lambda: session.answers(sent, 3))
    asked = rehearsed(desk, "id = 1")
    assert not waiting.is_done
    desk.decide(asked["id"])
    first, second, third = waiting.result
    assert (first.errors, second.rows, third.rows) == ([], [[b"9"]], [[b"2"]])
    refused = Aside(lambda: session.answers(sent.replace(b"id = 1", b"id = 3"), 3))
    desk.decide(rehearsed(desk, "id = 3")["id"], "refuse")
    first, second, third = refused.result
    assert ([error["C"] for error in first.errors], second.rows, third.rows) == (["42501"], [[b"9"]], [[b"2"]])
    session.socket.close()
