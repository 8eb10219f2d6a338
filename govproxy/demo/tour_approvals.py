"""Steps of the tour: statements that wait for somebody, or for a rule that answers in their place."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import httpx2
import orjson
import psycopg
from rich.text import Text

from govproxy.config.loader import load
from govproxy.demo.files import DBA, LEAD
from govproxy.demo.stage import (
    DEADLINE_S,
    DENIED,
    Rows,
    Stage,
    StepFailed,
    check,
    leaks,
    show_refusal,
    show_sql,
    until,
)

COLLEAGUE = "lena@shop.example"


def decided_by_a_rule(stage: Stage) -> None:
    """A held statement is decided by a rule, in milliseconds: one row, by its key, with a ticket in a comment."""
    ((number,),) = stage.ask_directly("SELECT max(id) FROM reviews")
    sql = f"DELETE FROM reviews WHERE id = {number} /* OPS-4711 */"
    show_sql(stage, sql)
    stage.run_held(DBA, sql)
    check(stage.ask_directly(f"SELECT count(*) FROM reviews WHERE id = {number}") == [(0,)], "the row is still there")
    one = _approval(stage, f"id = {number}", "approved")
    (vote,) = one["votes"]
    check("rule" in vote["by"], f"it was decided by {vote['by']}")
    stage.console.print(Text(f"  {vote['reason']}", style="dim"))
    took = orjson.loads(stage.govproxy("approvals", "report", "--config", str(stage.config), "--json"))["by_rule"]
    check(took["count"] >= 1, "the report knows of no rule's decision")
    stage.console.print(Text(f"  decided {1_000 * took['p50_s']:.1f} ms after it was asked", style="green"))


def rehearsed(stage: Stage) -> None:
    """A larger one runs in a transaction kept open: a colleague sees what it did, masked, and has that committed."""
    sql = "DELETE FROM reviews WHERE stars = 1"
    show_sql(stage, sql)
    ((doomed,),) = stage.ask_directly("SELECT count(*) FROM reviews WHERE stars = 1")
    bodies = stage.ask_directly("SELECT body FROM reviews WHERE stars = 1 AND body LIKE '%@%'")
    secrets = [word.rstrip(".") for row in bodies for word in str(row[0]).split() if "@" in word]
    with ThreadPoolExecutor(1) as aside:
        waiting = aside.submit(stage.run_held, DBA, sql)
        one = _approval(stage, "stars = 1", "waiting")
        facts = _facts(stage, one["id"])
        shown = stage.govproxy("approvals", "show", "--config", str(stage.config), one["id"])
        there = stage.ask_directly("SELECT count(*) FROM reviews WHERE stars = 1")
        # The transaction that has deleted these rows, and not committed yet.
        tried = stage.ask_directly("SELECT DISTINCT xmax::text FROM reviews WHERE stars = 1")
        before = _ended(stage, tried)
        said = _decide(stage, one["id"], stage.token(LEAD.user))
        waiting.result(DEADLINE_S)
    stage.console.print(Text(shown.rstrip()))
    changed = {part["table"]: part["deleted"] for part in facts["rehearsal"]["changed"]}
    check(facts["actual_rows"] == doomed, f"{facts['actual_rows']} rows were counted, not {doomed}")
    check(changed.get("public.reviews") == doomed, f"the rehearsal deleted {changed}")
    check(facts["rehearsal"]["until"] > 0, "the rehearsal does not stand in a transaction")
    check(there == [(doomed,)], "others see it before it is approved")
    check(before == ["in progress"], f"its transactions {tried} were {before} before the decision")
    check(not (seen := leaks([(repr(facts), shown)], secrets)), f"the reviewer saw {seen}")
    check("approved" in said, f"the decision says: {said}")
    check(stage.ask_directly("SELECT count(*) FROM reviews WHERE stars = 1") == [(0,)], "it did not run")
    check(_ended(stage, tried) == ["committed"], "another transaction was committed than was rehearsed")
    steps = until(lambda: _steps(stage, one["id"], "committed"), "the ledger has no commit of the rehearsal")
    check(steps.count("rehearsed") == 1 and steps[-1] == "committed", f"the ledger says: {steps}")
    stage.console.print(Text(f"  transaction {tried[0][0]}, in the ledger: {', '.join(steps)}", style="green"))


def decided_over_http(stage: Stage) -> None:
    """The same from a phone: the approvals page asks the console's API, and so does this step, with a lead's token."""
    settings = load(stage.config)
    if settings.console is None:
        raise StepFailed("the demo has no console")
    console = f"http://{settings.console.listen}"
    sql = "DELETE FROM reviews WHERE stars = 2"
    show_sql(stage, sql)
    with ThreadPoolExecutor(1) as aside:
        waiting = aside.submit(stage.run_held, DBA, sql)
        hold_id = _approval(stage, "stars = 2", "waiting")["id"]
        own, lead = stage.token(DBA.user), stage.token(LEAD.user)
        shown = _over_http(f"{console}/api/approvals/{hold_id}", lead)
        path = f"{console}/api/approvals/{hold_id}/answer"
        refused = _over_http(path, own, {"answer": "approve", "reason": "mine"})["error"]["word"]
        there = stage.ask_directly("SELECT count(*) FROM reviews WHERE stars = 2")[0][0]
        done = _over_http(path, lead, {"answer": "approve", "reason": "checked on the train"})
        waiting.result(DEADLINE_S)
    check(refused == "own_request", f"the DBA's own answer gave {refused}")
    check(there > 0, "it ran before it was approved")
    check([table["name"] for table in shown["tables"]] == ["public.reviews"], f"reviewers see {shown['tables']}")
    check(done.get("status") == "approved", f"the answer gave {done}")
    check(stage.ask_directly("SELECT count(*) FROM reviews WHERE stars = 2") == [(0,)], "it did not run")
    capsule = _over_http(f"{console}/api/approvals/{hold_id}/capsule", lead)
    check(orjson.loads(capsule["content"])["status"] == "approved", "the evidence says something else")
    stage.console.print(Text(f"  her own answer: {refused}; the lead's: {done['status']}", style="green"))
    stage.console.print(Text(f"  the page: {console}/approvals/{hold_id}", style="dim"))


def _over_http(url: str, token: str, body: dict[str, str] | None = None) -> dict[str, Any]:
    """What the API says, errors included."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    with httpx2.Client(trust_env=False, timeout=DEADLINE_S) as client:
        answer = client.get(url, headers=headers) if body is None else client.post(url, headers=headers, json=body)
    said: dict[str, Any] = answer.json()
    return said


def held(stage: Stage) -> None:
    """A DELETE waits on its connection until a colleague says yes; the DBA cannot do that for herself."""
    waiting, approval = _hold(stage, "tour_held")
    own = _decide(stage, approval, stage.token(DBA.user))
    check("nobody decides their own request" in own, "the DBA decided her own request")
    check(stage.ask_directly("SELECT count(*) FROM tour_held") == [(3,)], "it ran before it was approved")
    stage.console.print(Text(f"  {_decide(stage, approval, stage.token(COLLEAGUE)).strip()}", style="green"))
    waiting.result(DEADLINE_S)
    check(stage.ask_directly("SELECT count(*) FROM tour_held") == [(0,)], "it was approved and did not run")
    stage.run(DBA, "DROP TABLE tour_held")


def forged(stage: Stage) -> None:
    """Whoever can write into the state store still cannot approve: the signature is missing."""
    waiting, approval = _hold(stage, "tour_forged")
    with sqlite3.connect(stage.config.parent / "govproxy.db", timeout=10.0) as store:
        store.execute(
            "INSERT INTO govproxy_capsules (hold_id, content, signature, key_id, uses, used, expires)"
            " VALUES (?, ?, ?, 'forged', 1, 0, 9e12)",
            (approval, orjson.dumps({"id": approval, "status": "approved", "key_id": "forged"}).decode(), "00" * 64),
        )
        store.execute("UPDATE govproxy_holds SET status = 'approved', decided = 1 WHERE id = ?", (approval,))
    store.close()
    error = waiting.exception(DEADLINE_S)
    if not isinstance(error, psycopg.Error):
        raise StepFailed("a forged approval let a statement run")
    check(error.sqlstate == DENIED, f"refused with {error.sqlstate} ({error})")
    check(stage.ask_directly("SELECT count(*) FROM tour_forged") == [(3,)], "a forged approval let it run")
    show_refusal(stage, DBA, error)
    stage.run(DBA, "DROP TABLE tour_forged")


def _hold(stage: Stage, table: str) -> tuple[Future[Any], str]:
    """A DELETE that waits, and the id of its request."""
    stage.run(DBA, f"CREATE TABLE {table} (id integer)")
    stage.direct.execute(f"INSERT INTO {table} VALUES (1), (2), (3)".encode())
    sql = f"DELETE FROM {table} WHERE id > 0"
    show_sql(stage, sql)
    waiting: Future[Any] = Future()

    def play() -> None:
        try:
            waiting.set_result(stage.through[DBA.title].execute(sql.encode()))
        except psycopg.Error as error:
            waiting.set_exception(error)

    threading.Thread(target=play, daemon=True).start()
    approval = _approval(stage, table, "waiting")["id"]
    stage.console.print(Text(f"  waits for approval {approval}", style="dim"))
    return waiting, approval


def _decide(stage: Stage, approval: str, token: str) -> str:
    """What ``govproxy approvals approve`` says, to whom that token is of."""
    done = subprocess.run(  # noqa: S603
        [
            sys.executable,
            "-m",
            "govproxy",
            "approvals",
            "approve",
            approval,
            "--reason",
            "the tour",
            "--config",
            str(stage.config),
        ],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "GOVPROXY_TOKEN": token},
    )
    return done.stdout + done.stderr


def _approval(stage: Stage, word: str, status: str) -> dict[str, Any]:
    """The request with this word in its statement, once it stands so."""

    def found() -> list[dict[str, Any]]:
        listed = stage.govproxy("approvals", "list", "--config", str(stage.config), "--status", status, "--json")
        return [one for one in orjson.loads(listed) if word in one["sql"]]

    return until(found, f"no request about {word} is {status}")[0]


def _facts(stage: Stage, approval: str) -> dict[str, Any]:
    """What was found out for reviewers, once it is there."""

    def found() -> dict[str, Any] | None:
        shown = stage.govproxy("approvals", "show", "--config", str(stage.config), "--json", approval)
        facts: dict[str, Any] | None = orjson.loads(shown)["facts"]
        return facts

    facts = until(found, "nothing was found out for reviewers")
    if facts is None or facts["rehearsal"] is None:
        raise StepFailed(f"it was not rehearsed: {facts and facts['notes']}")
    return facts


def _ended(stage: Stage, transactions: Rows) -> list[str]:
    """What the database says of each transaction: in progress, committed, or aborted."""
    return [str(stage.ask_directly(f"SELECT pg_xact_status('{number}'::xid8)")[0][0]) for (number,) in transactions]


def _steps(stage: Stage, approval: str, last: str) -> list[str]:
    """The steps of a request in the ledger, once ``last`` is among them."""
    printed = stage.govproxy("audit", "search", "--config", str(stage.config), "--event", "approval", "--json")
    events = [orjson.loads(line) for line in printed.splitlines() if line]
    steps = [event["status"] for event in events if event["approval"] == approval]
    return steps if last in steps else []
