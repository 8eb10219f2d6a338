"""What runs of itself, before a real database: the cases stand in ``data/guardrails_*.txt``, on a schema of their own.

A statement that sets something off is stopped before the database hears of it, whoever asks and however it
is sent; the same schema's ordinary work is not disturbed.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from urllib.parse import quote

import psycopg
import pytest
from psycopg import sql

from govproxy.demo.sample import LOGIN_ROLE
from tests.security.cases import DATA, SEPARATOR
from tests.security.test_benign import _comparable
from tests.support import proxy as proxies
from tests.support.ledger import LedgerTail
from tests.support.proxy import Databases, Proxy
from tests.support.raw_session import (
    SYNC,
    DirectSession,
    RawSession,
    Talk,
    bind,
    describe,
    execute,
    extended,
    parse,
    query,
)
from tests.support.relay import Leg, RecordingRelay

NAME = "guardrails"
REQUEST = re.compile(r"request_id=(\S+)")
PROBE = query("SELECT 1")
ROWS = """
INSERT INTO account (login) SELECT 'user' || g FROM generate_series(1, 9) g;
INSERT INTO project (account_id, title) SELECT 1 + g % 9, 'Project ' || g FROM generate_series(1, 20) g;
INSERT INTO task (project_id, body) SELECT 1 + g % 20, 'write ' || g FROM generate_series(1, 60) g;
INSERT INTO tag SELECT g, 'tag ' || g FROM generate_series(1, 9) g;
INSERT INTO task_tag SELECT g, 1 + g % 9 FROM generate_series(1, 60) g;
INSERT INTO event SELECT g, date '2025-03-01' + g * 20, 'view' FROM generate_series(1, 30) g;
INSERT INTO stock SELECT g, 5 FROM generate_series(1, 5) g;
"""
POLICY = """\
extends: production
rules:
  - {name: nobody-deletes-journal, who: {groups: [keepers]}, does: [delete], effect: deny,
     on: {tables: [public.journal]}}
  - {name: the-child-stays, who: {groups: [keepers]}, does: [alter, drop], effect: deny,
     on: {tables: [public.child]}}
  - {name: keepers-drop, who: {groups: [keepers]}, does: [drop], effect: allow, overrides: [no-drop-in-production]}
  - {name: keepers-alter, who: {groups: [keepers]}, does: [alter], effect: allow}
  - {name: keepers-call, who: {groups: [keepers]}, does: [call], effect: allow, overrides: [no-volatile-functions]}
  - {name: keepers-write, who: {groups: [keepers]}, does: [write], effect: allow,
     overrides: [no-unqualified-delete, no-unqualified-update]}
"""
PEOPLE = {
    "analyst": ("ana@shop.example", ("analysts",), None),
    "agent": ("ana@shop.example", ("analysts",), "helper"),
    "keeper": ("kim@shop.example", ("keepers",), None),
}


@dataclass(slots=True)
class Ground:
    """The proxy, the relay behind it, and a session for each person."""

    proxy: Proxy
    relay: RecordingRelay
    ledger: LedgerTail
    seats: dict[str, tuple[RawSession, Leg]]

    def seat(self, who: str) -> tuple[RawSession, Leg]:
        """The session of that person, and what the database gets from it."""
        if who not in self.seats:
            session = RawSession(
                self.proxy.port, PEOPLE[who][0], self.proxy.token(*PEOPLE[who]), NAME, client_encoding="UTF8"
            )
            marker = query(f"SELECT 'seat of {who} {len(self.seats)}'")
            session.ask(marker)
            self.seats[who] = (session, self.relay.leg_with(marker))
        return self.seats[who]


@pytest.fixture(scope="module")
def ground(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    folder = tmp_path_factory.mktemp("guardrails")
    with ExitStack() as stack:
        with psycopg.connect(databases.postgres.dsn(), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(NAME)))
        stack.callback(_drop, databases)
        with databases.direct(NAME) as direct:
            direct.execute((DATA / "guardrails_schema.sql").read_text())
            direct.execute(ROWS)
            direct.execute(f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {LOGIN_ROLE}")
            direct.execute(f"GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO {LOGIN_ROLE}")
            direct.execute("ANALYZE")
        relay = stack.enter_context(RecordingRelay((databases.postgres.host, databases.postgres.port)))
        proxy = proxies.start(databases, folder, policy=POLICY, upstream_port=relay.port, names=("app", "shop", NAME))
        stack.callback(proxy.stop)
        opened = Ground(proxy, relay, LedgerTail(folder / "audit"), {})
        yield opened
        for session, _ in opened.seats.values():
            session.socket.close()


def _drop(databases: Databases) -> None:
    with psycopg.connect(databases.postgres.dsn(), autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(NAME)))


def _lines(file: str) -> list[str]:
    return [line for line in (DATA / file).read_text().splitlines() if line.strip() and not line.startswith("#")]


DENIED = [tuple(line.split(" ", 1)) for line in _lines("guardrails_denied.txt")]
BENIGN = _lines("guardrails_benign.txt")


@pytest.mark.parametrize(("rule", "text"), DENIED, ids=[text[:90] for _, text in DENIED])
def test_stopped(rule: str, text: str, ground: Ground) -> None:
    for who in ("analyst", "agent"):
        session, leg = ground.seat(who)
        mark = len(leg.received)
        # A cold and a warm cache, the extended protocol in text and binary, and in pieces.
        for whole in (query(text), query(text), extended(text) + SYNC, extended(text, formats=[1]) + SYNC):
            for answer in (session.ask(whole), session.in_pieces(whole, range(1, len(whole), max(1, len(whole) // 3)))):
                assert answer.kinds == "EZ", answer
                error = answer.errors[0]
                assert error["C"] == "42501", error
                request = REQUEST.search(error["D"])
                assert request is not None
        statement, outcome = (ground.ledger.event(kind, request[1]) for kind in ("statement", "outcome"))
        assert statement is not None
        assert outcome is not None
        assert (statement["decision"], outcome["status"]) == ("deny", "denied")
        if who == "analyst":
            assert rule in statement["rules"], statement["rules"]
        assert session.ask(PROBE).rows == [[b"1"]]
        assert bytes(leg.received[mark:]) == PROBE


@pytest.fixture(scope="module")
def direct(ground: Ground) -> Iterator[DirectSession]:
    databases = ground.proxy.databases
    dsn = databases.postgres.dsn(NAME, user=LOGIN_ROLE, password=databases.login_password)
    session = DirectSession(f"{dsn}?client_encoding=UTF8&application_name={quote('govproxy:ana@shop.example')}")
    yield session
    session.close()


@pytest.mark.parametrize("case", BENIGN, ids=[case[:90] for case in BENIGN])
def test_passes_unaltered(case: str, ground: Ground, direct: DirectSession) -> None:
    session, _ = ground.seat("analyst")
    for form in ("simple", "text", "binary"):
        ours, theirs = _run(session, case, form), _run(direct, case, form)
        assert ours == theirs, form


def _run(session: Talk, case: str, form: str) -> list[object]:
    heard: list[object] = []
    for text in ("BEGIN", *case.split(SEPARATOR), "ROLLBACK"):
        if form == "simple":
            messages = session.ask(query(text)).messages
        else:
            whole = parse(text) + bind(formats=[1] if form == "binary" else []) + describe(b"P") + execute() + SYNC
            messages = session.ask(whole).messages
        # Identity columns count on through a rollback.
        heard.append([_comparable(m, text.encode()) for m in messages if "RETURNING id" not in text or m.kind != 68])
    return heard


def test_a_rule_on_a_table_sees_what_comes_by_other_ways(ground: Ground) -> None:
    session, leg = ground.seat("keeper")
    mark = len(leg.received)
    for text in ("SELECT wipe()", "SELECT deep()", "CALL nightly()", "DELETE FROM ruled WHERE id = 1", "SELECT 3::code",
                 "INSERT INTO defaulted (id) VALUES (1)", "SELECT any_sql('x')", "SELECT * FROM secured"):  # fmt: skip
        error = session.ask(query(text)).errors[0]
        assert error["C"] == "42501", text
        if text != "CALL nightly()":
            assert "nobody-deletes-journal" in error["M"], (text, error)
    assert session.ask(PROBE).rows == [[b"1"]]
    assert bytes(leg.received[mark:]) == PROBE
    # What does not delete there passes, though a rule speaks of the table.
    assert not session.ask(query("INSERT INTO tag VALUES (77, 'x')")).errors


def test_a_rule_on_a_table_sees_what_it_loses_with_something_else(ground: Ground) -> None:
    session, leg = ground.seat("keeper")
    mark = len(leg.received)
    for text in ("DROP TABLE parent CASCADE", "DROP FUNCTION grab() CASCADE", "DROP TRIGGER child_grab ON child",
                 "ALTER TABLE parent DROP COLUMN id CASCADE", "ALTER TABLE parent DROP CONSTRAINT parent_pkey CASCADE",
                 "DROP SCHEMA public CASCADE", "DROP INDEX child_pkey", "DROP LANGUAGE plpgsql CASCADE",
                 "DROP OWNED BY CURRENT_USER", "/* x */ drop/**/function public.\"grab\" cascade"):  # fmt: skip
        for whole in (query(text), query(text), extended(text) + SYNC):
            error = session.ask(whole).errors[0]
            assert error["C"] == "42501", text
            found = REQUEST.search(error["D"])
            assert found is not None
            statement = ground.ledger.event("statement", found[1])
            assert statement is not None
            assert "the-child-stays" in statement["rules"], (text, statement["rules"])
    assert session.ask(PROBE).rows == [[b"1"]]
    assert bytes(leg.received[mark:]) == PROBE
    # What takes nothing of it along is the database's own affair.
    assert not session.ask(query("DROP FUNCTION IF EXISTS nothing_of_that_name CASCADE")).errors


def test_the_ledger_has_what_was_set_off(ground: Ground) -> None:
    session, _ = ground.seat("analyst")
    assert not session.ask(query("BEGIN; DELETE FROM account WHERE id = 9; ROLLBACK")).errors
    found = ground.proxy.wait_for_event(
        lambda e: e.get("event") == "statement" and e.get("sql", "").startswith("BEGIN; DELETE FROM account")
    )
    effects = {(e["action"], e.get("object"), e.get("facts", {}).get("by")) for e in found["effects"]}
    assert {
        ("delete", "public.project", "cascade"),
        ("delete", "public.task", "cascade"),
        ("insert", "public.journal", "trigger"),
    } <= effects
    assert {"public.project", "public.task", "public.task_tag", "public.journal"} <= set(found["tables"])


def test_explain_tells_what_is_behind(ground: Ground) -> None:
    def explained(*options: str) -> str:
        command = [sys.executable, "-m", "govproxy", "explain", "--config", str(ground.proxy.folder / "govproxy.yaml")]
        asked = ["--user", "ana@shop.example", "--database", NAME, "DELETE FROM child WHERE parent_id = 1", *options]
        return subprocess.run([*command, *asked], capture_output=True, text=True, timeout=60, check=False).stdout

    said = " ".join(explained().split())
    assert "DELETE: delete public.child" in said
    assert "grant public.account (trigger of public.child, in public.grab)" in said
    found = json.loads(explained("--json"))["statements"][0]["effects"]
    assert [effect["facts"]["by"] for effect in found if effect["action"] == "grant"] == ["trigger"]


def test_every_line_is_a_case() -> None:
    assert len(DENIED) >= 60
    assert len(BENIGN) >= 60
    assert len(set(DENIED)) == len(DENIED)
    assert len(set(BENIGN)) == len(BENIGN)
