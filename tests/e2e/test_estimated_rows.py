"""``statement.estimated_rows`` by the planner's word: asked where a rule wants to know, and nobody sees it.

The rule is DESIGN's own: many rows at once need somebody else. What the planner cannot be trusted with
keeps the bound of the catalog, which is the size of the table.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.support import proxy as proxies
from tests.support.proxy import Databases, Proxy
from tests.support.raw_session import SYNC, RawSession, bind, describe, execute, extended, parse, query

WHO = ("eve@shop.example", ("engineering",))
POLICY = proxies.POLICY.replace(
    "rules:\n",
    "rules:\n"
    "  - {name: engineers-write, who: {groups: [engineering]}, does: [write], effect: allow}\n"
    "  - {name: not-so-many, who: {groups: [engineering]}, does: [delete, update, select],"
    " on: {tables: [public.est_events]}, when: statement.estimated_rows > 1000, effect: deny}\n",
)
SCHEMA = """
CREATE TABLE est_events (id int PRIMARY KEY, kind int, created timestamptz, note text);
INSERT INTO est_events SELECT i, i % 100, now() - make_interval(hours => i), 'n' FROM generate_series(1, 20000) i;
CREATE INDEX ON est_events (kind);
ANALYZE est_events;
CREATE TABLE est_log (id int);
GRANT ALL ON est_events, est_log TO govproxy_login;
"""
FEW = (
    "DELETE FROM est_events WHERE id = 1",
    "DELETE FROM est_events WHERE kind = 3",
    "UPDATE est_events SET note = 'x' WHERE kind IN (1, 2) AND created < now() - interval '1 day'",
    "DELETE FROM est_events WHERE id BETWEEN 10 AND 30 RETURNING id",
    "UPDATE est_events SET note = 'x' WHERE created > current_timestamp - 5 * interval '1 hour'",
    "SELECT count(*) FROM est_events WHERE kind = 7",
    "DELETE FROM est_events WHERE id < 0 OR (kind = 4 AND id > 500)",
)
MANY = (
    "DELETE FROM est_events WHERE created < now()",
    "DELETE FROM est_events WHERE id > 100",
    "UPDATE est_events SET note = 'x' WHERE kind <= 50",
    "DELETE FROM est_events",
    # What looks harmless to statistics and is not.
    "DELETE FROM est_events WHERE id + 0 = id + 0",
    "DELETE FROM est_events WHERE note LIKE '%n%' AND note LIKE '%n' AND note LIKE 'n%'",
    "DELETE FROM est_events WHERE abs(id) = abs(id)",
    "DELETE FROM est_events WHERE kind = 3 OR id = ANY (ARRAY(SELECT id FROM est_events))",
    "DELETE FROM est_events e USING est_events f WHERE e.kind = 3 AND f.id = e.id",
    "DELETE FROM est_events WHERE (kind, id) = (kind, id)",
    "DELETE FROM est_events WHERE kind = 3 OR note IS NOT NULL",
    "DELETE FROM est_events WHERE id IN (SELECT id FROM est_events)",
)


@pytest.fixture(scope="module")
def proxy(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    with databases.direct("shop") as direct:
        direct.execute(SCHEMA)
    running = proxies.start(databases, tmp_path_factory.mktemp("estimates"), policy=POLICY)
    yield running
    running.stop()
    with databases.direct("shop") as direct:
        direct.execute("DROP TABLE est_events, est_log")


@pytest.fixture
def session(proxy: Proxy) -> Iterator[RawSession]:
    made = RawSession(proxy.port, WHO[0], proxy.token(*WHO), "shop")
    yield made
    made.socket.close()


@pytest.mark.parametrize("wire", ["simple", "extended"])
@pytest.mark.parametrize(("sql", "passes"), [*((s, True) for s in FEW), *((s, False) for s in MANY)])
def test_is_judged_by_the_planners_figure(session: RawSession, sql: str, passes: bool, wire: str) -> None:
    assert session.query("BEGIN").status == b"T"
    for _temperature in ("cold", "warm"):
        session.query("SAVEPOINT here")
        answer = session.ask(query(sql) if wire == "simple" else extended(sql) + SYNC)
        codes = [error["C"] for error in answer.errors]
        assert codes == ([] if passes else ["42501"]), answer.errors
        assert answer.status == (b"T" if passes else b"E")
        assert session.query("ROLLBACK TO here").status == b"T"
    assert session.query("ROLLBACK").status == b"I"


def test_parameters_are_judged_with_their_values(session: RawSession) -> None:
    few, many = b"2", b"99"
    text = "DELETE FROM est_events WHERE kind <= $1"
    session.query("BEGIN")
    assert session.ask(parse(text, b"d") + describe(b"S", b"d") + SYNC).errors == []
    for value, passes in ((few, True), (many, False), (few, True)):
        session.query("SAVEPOINT here")
        answer = session.ask(bind(b"", b"d", [value]) + execute() + SYNC)
        assert [error["C"] for error in answer.errors] == ([] if passes else ["42501"])
        assert session.query("ROLLBACK TO here").status == b"T"
    # All of it in one segment, with declared types.
    for value, passes in ((few, True), (many, False)):
        session.query("SAVEPOINT here")
        answer = session.ask(parse(text, b"", [23]) + bind(b"", b"", [value]) + execute() + SYNC)
        assert [error["C"] for error in answer.errors] == ([] if passes else ["42501"])
        assert session.query("ROLLBACK TO here").status == b"T"
    session.query("ROLLBACK")


def test_in_a_simple_query_parameters_have_no_values(session: RawSession) -> None:
    assert [error["C"] for error in session.query("DELETE FROM est_events WHERE kind <= $1").errors] == ["42501"]


def test_the_figure_is_in_the_ledger_and_in_no_answer(proxy: Proxy, session: RawSession) -> None:
    session.query("BEGIN")
    answer = session.query("DELETE FROM est_events WHERE kind = 3 /* in the ledger */")
    assert answer.kinds == "CZ"
    session.query("ROLLBACK")
    event = proxy.wait_for_event(
        lambda e: e["event"] == "statement" and "kind = " in str(e["sql"]) and "rows" in str(e["effects"])
    )
    (found,) = [effect for effect in event["effects"] if effect["action"] == "delete"]
    assert 100 <= found["facts"]["rows"] <= 400


def test_drivers_do_not_notice(proxy: Proxy) -> None:
    with psycopg.connect(proxy.dsn(*WHO, database="shop")) as connection:
        for kind in (1, 2, 3):
            assert connection.execute("UPDATE est_events SET note = %s WHERE kind = %s", ["y", kind]).rowcount == 200
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="not-so-many"):
            connection.execute("UPDATE est_events SET note = %s WHERE kind < %s", ["y", 60])
        connection.rollback()
        with connection.pipeline():
            connection.execute("INSERT INTO est_log VALUES (1)")
            connection.execute("DELETE FROM est_events WHERE kind = %s", [9])
        connection.rollback()


def _explained(proxy: Proxy, sql: str, *more: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "govproxy", "explain", "--config", str(proxy.folder / "govproxy.yaml")]
    who = ["--user", WHO[0], "--group", WHO[1][0], "--database", "shop", sql, "--json", *more]
    done = subprocess.run([*command, *who], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_explain_asks_the_planner_as_the_proxy_does_and_says_so(proxy: Proxy) -> None:
    few, many = _explained(proxy, FEW[1]), _explained(proxy, "DELETE FROM est_events WHERE kind <= 90")
    assert (few["decision"], few["estimated_rows"]["by"]) == ("allow", "planner")
    assert 100 <= few["estimated_rows"]["rows"] <= 400
    assert (many["decision"], many["estimated_rows"]["by"]) == ("deny", "planner")
    assert many["estimated_rows"]["rows"] > 10_000
    with proxy.databases.direct("shop") as direct:
        assert direct.execute("SELECT count(*) FROM est_events").fetchone() == (20_000,)


@pytest.mark.parametrize(
    ("sql", "why"),
    [("DELETE FROM est_events WHERE abs(id) = 3", "one analysed table"),
     ("DELETE FROM est_events WHERE kind = $1", "parameters"),
     ("DELETE FROM est_events WHERE kind = 'no number'", "22P02")],
)  # fmt: skip
def test_explain_says_why_the_bound_of_the_catalog_stands(proxy: Proxy, sql: str, why: str) -> None:
    answer = _explained(proxy, sql)
    assert answer["decision"] == "deny"
    assert answer["estimated_rows"]["by"] == "catalog"
    assert answer["estimated_rows"]["rows"] == 20_000
    assert why in answer["estimated_rows"]["why"]


def test_explain_asks_nothing_where_no_rule_does(proxy: Proxy) -> None:
    assert _explained(proxy, "DELETE FROM est_log WHERE id = 3")["estimated_rows"] is None
    assert _explained(proxy, "DELETE FROM est_events WHERE id = 3")["estimated_rows"] is None


def test_what_was_let_through_to_be_bound_runs_by_no_other_way(session: RawSession) -> None:
    """Parse of a statement whose parameters decide passes; SQL's EXECUTE of it has no values that are judged."""
    session.query("BEGIN")
    assert session.ask(parse("DELETE FROM est_events WHERE kind <= $1", b"d") + SYNC).errors == []
    assert [error["C"] for error in session.query("EXECUTE d(99)").errors] == ["42501"]
    session.query("ROLLBACK")
    assert session.query("PREPARE e(int) AS DELETE FROM est_events WHERE kind <= $1").errors[0]["C"] == "42501"
