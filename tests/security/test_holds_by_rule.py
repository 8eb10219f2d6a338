"""Held statements that a rule decides, and rights for a time: through a real proxy, as attackers would ask."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import orjson
import psycopg
import pytest

from govproxy.control.admin import ask
from tests.e2e.test_cli_live import govproxy
from tests.security.holding import LEA, Aside, Desk, run
from tests.support.proxy import DBA, Databases, Proxy, start
from tests.support.waiting import until

POLICY = """\
extends: production
rules:
  - {name: dba-changes-the-schema, who: {groups: [dba]}, does: [ddl], effect: allow, overrides: [any]}
  - name: deletes
    who: {groups: [engineering]}
    does: [delete]
    effect: hold
    overrides: [any]
    approvers: {groups: [leads]}
    hold: {timeout: 60s}
    may_grant: {within: 1h, see: clear}
  - {name: bots-come-back, who: {agents: true}, does: [delete], effect: hold, overrides: [agents-ask-before-writing],
     approvers: {groups: [leads]}, hold: {on_hold: refuse}}
approvals:
  - {name: bots-with-a-ticket, decide: approve, who: {agents: [report-bot]}, ticket: {pattern: "OPS-[0-9]{1,6}"}}
  - {name: ticketed, decide: approve, who: {groups: [engineering]}, ticket: {pattern: "OPS-[0-9]{1,6}"}}
  - {name: again, decide: approve, who: {groups: [team-a]}, same_statement_approved: {within: 1h, by: group}}
  - {name: counted, decide: approve, who: {groups: [counting]}, when: statement.actual_rows == 1}
  - {name: never-those, decide: refuse, who: {groups: [engineering]}, when: '"missing" in statement.wheres'}
columns:
  - {name: dba-sees-everything, who: {groups: [dba]}, on: {tags: [any]}, see: clear, compare: any}
"""
ANA = ("ana@shop.example", ("engineering", "team-a"))
ADA = ("ada@shop.example", ("engineering", "team-a"))
EMIL = ("emil@shop.example", ("engineering",))
CORA = ("cora@shop.example", ("engineering", "counting"))
PLANTED = "petra.planted@secret-address.example"

Connection = psycopg.Connection[Any]
Connect = Callable[..., Connection]


@pytest.fixture(scope="module")
def proxy(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    with databases.direct() as direct:
        direct.execute("CREATE TABLE IF NOT EXISTS ruled (id int PRIMARY KEY, word text, email text)")
        direct.execute("CREATE SCHEMA IF NOT EXISTS elsewhere")
        direct.execute("CREATE TABLE IF NOT EXISTS elsewhere.ruled (id int PRIMARY KEY, word text, email text)")
        direct.execute("GRANT USAGE ON SCHEMA elsewhere TO PUBLIC; GRANT ALL ON elsewhere.ruled TO PUBLIC")
    running = start(databases, tmp_path_factory.mktemp("by-rule"), policy=POLICY, workers=2)
    yield running
    running.stop()


@pytest.fixture
def desk(proxy: Proxy) -> Iterator[Desk]:
    """The admin socket; no grant outlives its test."""
    found = Desk(proxy)
    yield found
    for one in ask(found.settings, {"command": "grants"})["grants"]:
        if one["state"] == "live":
            revoke(found, one["id"])


@pytest.fixture
def rows(databases: Databases) -> Iterator[Callable[[], int]]:
    """Forty rows in a table; how many there are."""
    with databases.direct() as direct:
        direct.execute("TRUNCATE ruled, elsewhere.ruled")
        direct.execute(f"INSERT INTO ruled SELECT n, 'word ' || n, '{PLANTED}' FROM generate_series(1, 40) n")
        yield lambda: direct.execute("SELECT count(*) FROM ruled").fetchone()[0]  # type: ignore[index]


@pytest.fixture
def connect(proxy: Proxy) -> Iterator[Connect]:
    opened: list[Connection] = []

    def begin(*who: Any, **parameters: str) -> Connection:
        opened.append(proxy.connect(*who, **parameters))
        return opened[-1]

    yield begin
    for connection in opened:
        connection.close()


def approvals_of(proxy: Proxy, approval: str) -> list[tuple[str, str]]:
    """Steps and who took them."""
    return [(e["status"], e.get("by", "")) for e in proxy.events("approval") if e["approval"] == approval]


def waits(desk: Desk, word: str) -> str:
    """The id of the request that waits for people, which nobody but a person decides."""
    found = desk.waiting(word)
    assert found["votes"] == []
    return str(found["id"])


def refuse(desk: Desk, aside: Aside, approval: str) -> None:
    desk.decide(approval, "refuse", reason="enough seen")
    assert aside.error.sqlstate == "42501"


# ---------------------------------------------------------------- rules


def test_a_ticket_in_a_comment_decides_at_once(
    proxy: Proxy, desk: Desk, connect: Connect, rows: Callable[[], int]
) -> None:
    ana = connect(*EMIL)
    for number, prepare in ((1, None), (2, False), (3, True)):
        statement = f"DELETE FROM ruled WHERE id = {number} /* OPS-{number} */"
        assert ana.execute(statement.encode(), prepare=prepare).rowcount == 1
    assert ana.execute("DELETE /* OPS-4 */ FROM ruled WHERE id = %s", (4,)).rowcount == 1
    assert rows() == 36
    (one,) = [found for found in desk.requests("id = 1", "approved") if found["requester"]["user"] == EMIL[0]]
    (vote,) = one["votes"]
    assert vote["by"]["rule"] == "ticketed"
    assert "ticket OPS-1, not checked" in vote["evidence"]
    proxy.wait_for_event(lambda event: event["event"] == "approval" and event["status"] == "used")
    assert approvals_of(proxy, one["id"])[:3] == [
        ("asked", ""),
        ("voted", "rule ticketed"),
        ("approved", "rule ticketed"),
    ]


def test_an_agent_need_not_come_back_for_what_a_rule_decides_at_once(
    proxy: Proxy, connect: Connect, rows: Callable[[], int]
) -> None:
    bot = connect(EMIL[0], (), "report-bot")
    with pytest.raises(psycopg.Error) as refused:
        bot.execute("DELETE FROM ruled WHERE id = 5")
    assert refused.value.sqlstate == "42501"
    assert rows() == 40
    for prepare in (None, True):
        number = 5 if prepare is None else 6
        statement = f"DELETE FROM ruled WHERE id = {number} /* OPS-5 */"
        assert bot.execute(statement.encode(), prepare=prepare).rowcount == 1
    assert rows() == 38
    used = proxy.wait_for_event(
        lambda e: e["event"] == "approval" and e["status"] == "used" and "bots-with-a-ticket" in e["capsule"]
    )
    assert approvals_of(proxy, used["approval"])[:3] == [
        ("asked", ""),
        ("voted", "rule bots-with-a-ticket"),
        ("approved", "rule bots-with-a-ticket"),
    ]


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM ruled WHERE id = 11 AND word <> '/* OPS-1 */'",
        "DELETE FROM ruled WHERE id = 11 AND word <> $x$ -- OPS-1 $x$",
        "DELETE FROM ruled WHERE id = 11 AND word <> E'\\'/* OPS-1 */'",
        'DELETE FROM ruled AS "/* OPS-1 */" WHERE id = 11',
        "DELETE FROM ruled WHERE id = 11 /* OPS-1 OPS-2 */",
        "DELETE FROM ruled WHERE id = 11 /* XOPS-1 */",
        "DELETE FROM ruled WHERE id = 11 /* \u041ePS-1 OPS\u200b-2 */",
        "DELETE FROM ruled WHERE id = 11 /* OPS-1234567 */",
    ],
)
def test_what_looks_like_a_ticket_is_none(
    desk: Desk, connect: Connect, rows: Callable[[], int], statement: str
) -> None:
    aside = run(connect(*EMIL), statement.encode())  # type: ignore[arg-type]
    refuse(desk, aside, waits(desk, "id = 11"))
    assert rows() == 40


def test_a_refusal_by_rule_wins(desk: Desk, connect: Connect, rows: Callable[[], int]) -> None:
    with pytest.raises(psycopg.Error) as refused:
        connect(*EMIL).execute(b"DELETE FROM ruled /* OPS-1 */")
    assert refused.value.sqlstate == "42501"
    assert rows() == 40


def test_the_same_statement_again_for_the_group_and_nothing_else(
    databases: Databases, desk: Desk, connect: Connect, rows: Callable[[], int]
) -> None:
    first = run(connect(*ANA), "DELETE FROM ruled WHERE id = %s", (21,))
    desk.decide(waits(desk, "id = $1"))
    assert first.result == 1
    ada = connect(*ADA)
    assert ada.execute("DELETE FROM  ruled -- again\n WHERE id = %s", (21,)).rowcount == 0
    by = {found["requester"]["user"]: found["votes"][0]["by"] for found in desk.requests("id = $1", "approved")}
    assert by[ADA[0]]["rule"] == "again"
    # Another value, another statement, somebody of another group, an agent of the same person.
    others = [
        run(connect(*ADA), "DELETE FROM ruled WHERE id = %s", (22,)),
        run(connect(*EMIL), "DELETE FROM ruled WHERE id = %s", (21,)),
        run(connect(*ADA, options="-c search_path=elsewhere,public"), "DELETE FROM ruled WHERE id = %s", (21,)),
    ]
    until(lambda: len(desk.requests("id = $1", "waiting")) == len(others))
    for found in desk.requests("id = $1", "waiting"):
        desk.decide(found["id"], "refuse")
    assert {aside.error.sqlstate for aside in others} == {"42501"}
    with databases.direct() as direct:
        direct.execute("ALTER TABLE ruled RENAME TO ruled_before; CREATE TABLE ruled (LIKE ruled_before INCLUDING ALL)")
        try:
            # A change around the proxy is seen a moment later; one through it at once, and with it everything else.
            dora = connect(*DBA)
            dora.execute(b"CREATE TABLE nudge (id int)")
            dora.execute(b"DROP TABLE nudge")
            anew = run(connect(*ADA), "DELETE FROM ruled WHERE id = %s", (21,))
            refuse(desk, anew, waits(desk, "id = $1"))
        finally:
            direct.execute("DROP TABLE ruled; ALTER TABLE ruled_before RENAME TO ruled")


def test_a_rule_may_ask_how_many_rows_there_really_are(desk: Desk, connect: Connect, rows: Callable[[], int]) -> None:
    cora = connect(*CORA)
    assert cora.execute(b"DELETE FROM ruled WHERE word = 'word 31'").rowcount == 1
    aside = run(cora, "DELETE FROM ruled WHERE word LIKE 'word 3%'")
    refuse(desk, aside, waits(desk, "word 3%"))
    assert rows() == 39


def test_the_report_tells_rules_from_people(
    proxy: Proxy, desk: Desk, connect: Connect, rows: Callable[[], int]
) -> None:

    connect(*EMIL).execute(b"DELETE FROM ruled WHERE id = 5 /* OPS-5 */")
    found = orjson.loads(govproxy(proxy, "approvals", "report", "--json").stdout)
    assert found["by_rule"]["count"] >= 1
    assert 0 < found["share_automatic"] <= 1


def test_reviewers_see_figures_and_masked_rows(desk: Desk, connect: Connect, rows: Callable[[], int]) -> None:
    aside = run(connect(*EMIL), "DELETE FROM ruled WHERE id IN (41, 6, 7)")
    approval = waits(desk, "(41, 6, 7)")
    facts = until(lambda: ask(desk.settings, {"command": "approval", "id": approval})["facts"])
    assert (facts["actual_rows"], len(facts["sample"]["rows"])) == (2, 2)
    assert PLANTED not in repr(facts)
    refuse(desk, aside, approval)


# ---------------------------------------------------------------- grants


def granted(desk: Desk, connection: Connection, number: int, *, seconds: float = 600, **more: Any) -> str:
    """Ask to delete one row, and get the right to delete for a time; the grant's id."""
    aside = run(connection, f"DELETE FROM ruled WHERE id = {number}")
    approval = waits(desk, f"id = {number}")
    question = {"command": "decide", "id": approval, "answer": "approve", "reason": "until lunch"}
    token = desk.proxy.token(*LEA)
    done = ask(desk.settings, question | {"token": token, "grant": {"seconds": seconds, **more}})
    assert done["approval"]["status"] == "approved", done
    assert aside.result == 1
    return approval


def revoke(desk: Desk, grant: str) -> None:
    token = desk.proxy.token(*LEA)
    question = {"command": "revoke-grant", "id": grant, "reason": "enough", "token": token}
    assert ask(desk.settings, question) == {"revoked": True, "why_not": None}
    desk.proxy.settle()


def holds_again(desk: Desk, connection: Connection, number: int, **options: Any) -> None:
    aside = run(connection, f"DELETE FROM ruled WHERE id = {number}", **options)
    refuse(desk, aside, waits(desk, f"id = {number}"))


def test_a_grant_lets_the_same_be_done_until_it_is_taken_back(
    proxy: Proxy, desk: Desk, connect: Connect, rows: Callable[[], int]
) -> None:
    emil, other_session = connect(*EMIL), connect(*EMIL)
    grant = granted(desk, emil, 1)
    for number, connection in ((2, emil), (3, emil), (4, other_session)):
        assert connection.execute(f"DELETE FROM ruled WHERE id = {number}".encode()).rowcount == 1
    prepared = "DELETE FROM ruled WHERE id = %s"
    for number in (5, 6):
        assert emil.execute(prepared, (number,), prepare=True).rowcount == 1
    line = proxy.wait_for_event(lambda e: e["event"] == "statement" and f"grant:{grant}" in e.get("rules", ()))
    assert line["decision"] == "allow"
    for stranger in (connect(*ANA), connect("EMIL@shop.example", EMIL[1])):
        holds_again(desk, stranger, 7)
    with pytest.raises(psycopg.Error) as refused:  # its human's grant is not the agent's
        connect(*EMIL, "report-bot").execute(b"DELETE FROM ruled WHERE id = 7")
    assert refused.value.sqlstate == "42501"
    aside = run(emil, "DELETE FROM elsewhere.ruled WHERE id = 7")
    refuse(desk, aside, waits(desk, "elsewhere"))
    revoke(desk, grant)
    for connection in (emil, other_session):
        holds_again(desk, connection, 8)
    aside = run(emil, prepared, (9,), prepare=True)
    refuse(desk, aside, waits(desk, "id = $1"))
    assert rows() == 34
    assert [status for status, _ in approvals_of(proxy, grant)][-1] == "grant_revoked"


def runs_at_once(desk: Desk, aside: Aside, word: str) -> bool:
    """Whether it does, and does not wait for an answer."""
    return until(lambda: "ran" if aside.is_done else desk.requests(word, "waiting")) == "ran"


def test_a_grant_ends_by_itself_in_a_warm_cache(desk: Desk, connect: Connect, rows: Callable[[], int]) -> None:
    emil = connect(*EMIL)
    for number, seconds in ((1, 2), (2, 8), (3, 32)):  # a busy machine may take a short one for its first statement
        granted(desk, emil, number, seconds=seconds)
        ran = 0
        while runs_at_once(desk, aside := run(emil, "DELETE FROM ruled WHERE id = 12"), "id = 12"):
            assert aside.result in (0, 1)
            ran += 1
        refuse(desk, aside, waits(desk, "id = 12"))
        if ran > 1:
            return
    raise AssertionError("no second statement ran under a grant")


def test_a_grant_can_show_columns_and_no_longer_than_it_lasts(
    desk: Desk, connect: Connect, rows: Callable[[], int]
) -> None:
    emil, agent = connect(*EMIL), connect(*EMIL, "report-bot")
    query = b"SELECT email FROM ruled WHERE id = 30"
    masked = emil.execute(query).fetchone()
    assert masked != (PLANTED,)
    grant = granted(desk, emil, 1, clear=True)
    assert emil.execute(query).fetchone() == (PLANTED,)
    assert emil.execute(query, binary=True).fetchone() == (PLANTED,)
    assert PLANTED not in repr(agent.execute(query).fetchall())
    assert PLANTED not in repr(connect(*ANA).execute(query).fetchall())
    revoke(desk, grant)
    assert emil.execute(query).fetchone() == masked
    assert emil.execute(query, binary=True).fetchone() == masked


def test_more_than_the_rule_lets_be_granted_is_not(desk: Desk, connect: Connect, rows: Callable[[], int]) -> None:
    aside = run(connect(*EMIL), "DELETE FROM ruled WHERE id = 1")
    approval = waits(desk, "id = 1")
    question = {"command": "decide", "id": approval, "answer": "approve", "reason": "for ever"}
    done = ask(desk.settings, question | {"token": desk.proxy.token(*LEA), "grant": {"seconds": 3_700}})
    assert done["objection"] == "not_to_be_granted"
    refuse(desk, aside, approval)
