"""The tour: what the proxy does, shown with real connections, each step checked.

Every claim is compared with a direct connection to PostgreSQL, so that a step which did not do
what it says fails. ``STEPS`` is the list. Knows the demo's people and data, not how the proxy works.
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import orjson
import psycopg
from rich.console import Console
from rich.panel import Panel
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from govproxy.config.loader import load
from govproxy.demo import sample
from govproxy.demo.files import AGENT, ANALYST, DBA, LEAD, PEOPLE, Who
from govproxy.errors import GovproxyError

LEDGER_DEADLINE_S = 10.0
HELD_DEADLINE_S = 60.0
COLLEAGUE = "lena@shop.example"
DENIED = "42501"
REDACTED = "***"

# What the map must show, some of it under names that say nothing, and what it must leave alone.
MAPPED = {
    "public.customers.email": "email",
    "public.customers.ssn": "ssn",
    "public.payments.card_number": "card",
    "public.api_keys.owner": "email",
    "hr.employees.bank_account": "iban",
    "clinic.visits.notes": "health_text",
    "public.events.payload": "personal_json",
}
CLEAN = ("public.customers.id", "public.orders.total", "public.products.name")

Rows = list[tuple[Any, ...]]
Connection = psycopg.Connection[tuple[Any, ...]]


class StepFailed(GovproxyError):
    """A step did not do what it says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What the steps play on. ``direct`` goes around the proxy, as the superuser."""

    console: Console
    direct: Connection
    through: Mapping[str, Connection]  # by the title of who
    config: Path
    said: list[tuple[Who, str, bool]] = field(default_factory=list)  # who, SQL, allowed: for the ledger step

    def ask(self, who: Who, sql: str, *, binary: bool = False) -> Rows:
        """Run through the proxy as ``who``; ``binary`` asks for the values in binary form."""
        self.said.append((who, sql, True))
        return self.through[who.title].execute(sql.encode(), binary=binary).fetchall()

    def run(self, who: Who, sql: str) -> None:
        """Run something that returns no rows through the proxy as ``who``."""
        self.said.append((who, sql, True))
        self.through[who.title].execute(sql.encode())

    def run_held(self, who: Who, sql: str) -> None:
        """Run something that is held first. The ledger calls it that, whatever becomes of it."""
        self.through[who.title].execute(sql.encode())

    def ask_directly(self, sql: str) -> Rows:
        """The truth, around the proxy."""
        return self.direct.execute(sql.encode()).fetchall()

    def refused(self, who: Who, sql: str) -> psycopg.Error:
        """Run something that must be refused; gives the error the client saw."""
        self.said.append((who, sql, False))
        try:
            self.through[who.title].execute(sql.encode())
        except psycopg.Error as error:
            check(error.sqlstate == DENIED, f"refused with {error.sqlstate} ({error}), not {DENIED}")
            check("govproxy:" in str(error), f"refused, but not by govproxy: {error}")
            check(bool(error.diag.message_hint), "refused without a hint")
            return error
        raise StepFailed(f"{who.title} was allowed: {sql}")

    def govproxy(self, *arguments: str) -> str:
        """What the command prints; its failure is the step's."""
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-m", "govproxy", *arguments],
            capture_output=True,
            text=True,
            check=False,
            cwd=self.config.parent,
        )
        check(done.returncode == 0, f"govproxy {arguments[0]} failed: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout


def check(condition: bool, otherwise: str) -> None:
    """Fail the step unless the condition holds."""
    if not condition:
        raise StepFailed(otherwise)


def leaks(rows: Rows, secrets: Sequence[Any]) -> list[str]:
    """Those of ``secrets`` that appear in ``rows``, whole or inside another value."""
    text = "\n".join(str(value) for row in rows for value in row)
    return [str(secret) for secret in secrets if secret is not None and str(secret) in text]


def the_map(stage: Stage) -> None:
    """Nobody said which columns are sensitive: names, types and values did, each with its reason."""
    shown = orjson.loads(
        stage.govproxy("classify", "--config", str(stage.config), "--database", sample.DATABASE, "--json")
    )
    rows = {f"{row['schema']}.{row['table']}.{row['column']}": row for row in shown["columns"]}
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("column", "class", "mask", "because"):
        table.add_column(heading, overflow="fold")
    for name in MAPPED:
        check(name in rows, f"{name} was not found to be sensitive")
        row = rows[name]
        check(row["class"] == MAPPED[name], f"{name} was taken for {row['class']}")
        check(bool(row["reason"]), f"{name} has no reason")
        table.add_row(
            *(Text(text) for text in (name, f"{row['class']} (L{row['level']})", row["masker"], row["reason"]))
        )
    stage.console.print(table)
    stage.console.print(
        Text(
            f"  {shown['sensitive']} of {shown['columns_looked_at']} columns; all of them: govproxy classify",
            style="dim",
        )
    )
    clean = [name for name in CLEAN if name in rows]
    check(not clean, f"{clean} are not sensitive")


def three_views(stage: Stage) -> None:
    """The same SELECT for everyone: each sees what is theirs to see."""
    sql = "SELECT id, first_name, email, phone, birth_date, country FROM customers WHERE id BETWEEN 1 AND 4 ORDER BY id"
    columns = ("id", "first_name", "email", "phone", "birth_date", "country")
    _show_sql(stage, sql)
    truth = stage.ask_directly(sql)
    secrets = [value for row in truth for value in row[2:5]]
    for who in PEOPLE:
        rows = stage.ask(who, sql)
        binary = stage.ask(who, sql, binary=True)
        _show_rows(stage, who.title, columns, rows)
        check(binary == rows, f"{who.title}: rows in binary differ from rows in text")
        if who is DBA:
            check(rows == truth, "the DBA's rows differ from what PostgreSQL has")
            continue
        check([(row[0], row[5]) for row in rows] == [(row[0], row[5]) for row in truth], "clean columns were changed")
        check(not (found := leaks(rows, secrets)), f"{who.title} saw {found}")
        # Pseudonyms are names too, so one may be right by chance; all of them may not.
        check([row[1] for row in rows] != [row[1] for row in truth], f"{who.title} saw the names")
        if who is AGENT:
            check(all(row[2] == REDACTED for row in rows), "the agent saw more than its rule lets it")


def expressions(stage: Stage) -> None:
    """Dressing a column up does not help: masks follow expressions, views and casts."""
    sql = (
        "SELECT upper(contact) AS a, left(phone, 8) AS b, who || ' <' || contact || '>' AS c "
        "FROM customer_contacts WHERE id BETWEEN 1 AND 3 ORDER BY id"
    )
    _show_sql(stage, sql)
    truth = stage.ask_directly(sql)
    rows = stage.ask(ANALYST, sql)
    _show_rows(stage, ANALYST.title, ("a", "b", "c"), rows)
    check(len(rows) == len(truth), "rows are missing")
    check(not (found := leaks(rows, [value for row in truth for value in row])), f"the analyst saw {found}")


def aggregates(stage: Stage) -> None:
    """What reveals nobody passes untouched: counts and sums are exact."""
    sql = (
        "SELECT country, count(*), sum(o.total) FROM customers c JOIN orders o ON o.customer_id = c.id "
        "GROUP BY country ORDER BY country LIMIT 5"
    )
    _show_sql(stage, sql)
    rows = stage.ask(ANALYST, sql)
    _show_rows(stage, ANALYST.title, ("country", "orders", "total"), rows)
    check(rows == stage.ask_directly(sql), "the analyst's figures differ from PostgreSQL's")


def free_text(stage: Stage) -> None:
    """An address in the middle of a sentence is found by its shape, whatever the column is called."""
    found = stage.ask_directly("SELECT id FROM reviews WHERE body LIKE '%@%' ORDER BY id LIMIT 3")
    numbers = ", ".join(str(row[0]) for row in found)
    sql = f"SELECT id, body FROM reviews WHERE id IN ({numbers}) ORDER BY id"
    _show_sql(stage, sql)
    truth = stage.ask_directly(sql)
    rows = stage.ask(ANALYST, sql)
    _show_rows(stage, ANALYST.title, ("id", "body"), rows)
    secrets = [word.rstrip(".") for row in truth for word in str(row[1]).split() if "@" in word]
    check(len(secrets) == len(truth), "the sample has no addresses to hide")
    check(not (seen := leaks(rows, secrets)), f"the analyst saw {seen}")
    check([row[0] for row in rows] == [row[0] for row in truth], "clean columns were changed")


def joins(stage: Stage) -> None:
    """Masked values still join: equal ones look equal in every table, and no others do."""
    customers, owners = "SELECT email, country FROM customers", "SELECT owner FROM api_keys"
    joined = (
        "SELECT c.country, count(*) FROM api_keys k JOIN customers c ON c.email = k.owner "
        "GROUP BY c.country ORDER BY c.country"
    )
    for sql in (customers, owners):
        _show_sql(stage, sql)
    country_of: dict[str, str] = dict(stage.ask(ANALYST, customers))
    found = [country_of[owner] for (owner,) in stage.ask(ANALYST, owners) if owner in country_of]
    counted = sorted(Counter(found).items())
    _show_rows(stage, f"{ANALYST.title} joins in a notebook", ("country", "keys"), counted[:5])
    check(len(found) > 0, "nothing joins")
    check(counted == stage.ask_directly(joined), "joined on masked values it is another result than PostgreSQL's")
    check(not leaks(list(country_of.items()), [row[0] for row in stage.ask_directly(customers)]), "addresses were seen")


def asked_back(stage: Stage) -> None:
    """What was read masked can be asked for, but not be written back as if it were data."""
    sql = "SELECT id, card_number FROM payments WHERE card_number IS NOT NULL ORDER BY id LIMIT 1"
    _show_sql(stage, sql)
    ((number, masked),) = stage.ask(AGENT, sql)
    ((_, real),) = stage.ask_directly(sql)
    check(masked != real, f"the {AGENT.title} saw the card")
    back = f"SELECT id, amount FROM payments WHERE card_number = '{masked}'"
    _show_sql(stage, back)
    rows = stage.ask(AGENT, back)
    _show_rows(stage, AGENT.title, ("id", "amount"), rows)
    truth = stage.ask_directly(back.replace(masked, real))
    check(number in [row[0] for row in rows] and sorted(rows) == sorted(truth), "the card's payments were not found")
    ((email,),) = stage.ask(ANALYST, "SELECT email FROM customers WHERE id = 1")
    _show_sql(stage, write := f"UPDATE customers SET email = '{email}', segment = 'public' WHERE id = 1")
    refusal = stage.refused(ANALYST, write)
    _show_refusal(stage, ANALYST, refusal)
    check("masked-write" in str(refusal), "refused, but for another reason than the masked value")


def no_drop(stage: Stage) -> None:
    """DROP is refused for everyone who is not let, with what would pass, and the session goes on."""
    sql = "DROP TABLE orders"
    _show_sql(stage, sql)
    _show_refusal(stage, ANALYST, stage.refused(ANALYST, sql))
    check(stage.ask_directly("SELECT to_regclass('public.orders')::text") == [("orders",)], "orders is gone")
    check(stage.ask(ANALYST, "SELECT 1") == [(1,)], "the connection did not survive the refusal")


def no_blind_update(stage: Stage) -> None:
    """An UPDATE without an effective WHERE is refused, however the WHERE is faked."""
    before = stage.ask_directly("SELECT count(*) FROM customers WHERE segment = 'public'")
    for sql in ("UPDATE customers SET segment = 'public'", "UPDATE customers SET segment = 'public' WHERE 1 = 1"):
        _show_sql(stage, sql)
        _show_refusal(stage, ANALYST, stage.refused(ANALYST, sql))
    check(stage.ask_directly("SELECT count(*) FROM customers WHERE segment = 'public'") == before, "rows were changed")


def agents_only_read(stage: Stage) -> None:
    """The agent is never more than the human behind it, and here less: it may not write at all."""
    sql = "UPDATE reviews SET stars = 5 WHERE id = 1"
    _show_sql(stage, sql)
    before = stage.ask_directly("SELECT stars FROM reviews WHERE id = 1")
    _show_refusal(stage, AGENT, stage.refused(AGENT, sql))
    check(stage.ask_directly("SELECT stars FROM reviews WHERE id = 1") == before, "the row was changed")


def dba_may(stage: Stage) -> None:
    """Whom the policy lets may drop: the DBA makes a table and takes it away again."""
    for sql, expected in (
        ("CREATE TABLE tour_scratch (id integer)", "tour_scratch"),
        ("DROP TABLE tour_scratch", None),
    ):
        _show_sql(stage, sql)
        stage.run(DBA, sql)
        there = stage.ask_directly("SELECT to_regclass('public.tour_scratch')::text")
        check(there == [(expected,)], f"after {sql}: the table is {there[0][0]}")
    stage.console.print(Text("  done, as the DBA", style="green"))


def decided_by_a_rule(stage: Stage) -> None:
    """A held statement is decided by a rule, in milliseconds: one row, by its key, with a ticket in a comment."""
    ((number,),) = stage.ask_directly("SELECT max(id) FROM reviews")
    sql = f"DELETE FROM reviews WHERE id = {number} /* OPS-4711 */"
    _show_sql(stage, sql)
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
    """A larger one waits for a colleague, who sees it rehearsed and rolled back, masked, before saying yes."""
    sql = "DELETE FROM reviews WHERE stars = 1"
    _show_sql(stage, sql)
    ((doomed,),) = stage.ask_directly("SELECT count(*) FROM reviews WHERE stars = 1")
    bodies = stage.ask_directly("SELECT body FROM reviews WHERE stars = 1 AND body LIKE '%@%'")
    secrets = [word.rstrip(".") for row in bodies for word in str(row[0]).split() if "@" in word]
    with ThreadPoolExecutor(1) as aside:
        waiting = aside.submit(stage.run_held, DBA, sql)
        one = _approval(stage, "stars = 1", "waiting")
        facts = _facts(stage, one["id"])
        shown = stage.govproxy("approvals", "show", "--config", str(stage.config), one["id"])
        there = stage.ask_directly("SELECT count(*) FROM reviews WHERE stars = 1")
        token = stage.govproxy(
            "token", "--config", str(stage.config), "--user", LEAD.user, "--group", LEAD.groups[0]
        ).strip()
        decision = (
            "approvals",
            "approve",
            "--config",
            str(stage.config),
            "--token",
            token,
            "--reason",
            "spam",
            one["id"],
        )
        said = stage.govproxy(*decision)
        waiting.result(LEDGER_DEADLINE_S)
    stage.console.print(Text(shown.rstrip()))
    changed = {part["table"]: part["deleted"] for part in facts["rehearsal"]["changed"]}
    check(facts["actual_rows"] == doomed, f"{facts['actual_rows']} rows were counted, not {doomed}")
    check(changed.get("public.reviews") == doomed, f"the rehearsal deleted {changed}")
    check(there == [(doomed,)], "the rehearsal left something behind")
    check(not (seen := leaks([(repr(facts), shown)], secrets)), f"the reviewer saw {seen}")
    check("approved" in said, f"the decision says: {said}")
    check(stage.ask_directly("SELECT count(*) FROM reviews WHERE stars = 1") == [(0,)], "it did not run")


def decided_over_http(stage: Stage) -> None:
    """The same from a phone: the approvals page asks the console's API, and so does this step, with a lead's token."""
    settings = load(stage.config)
    if settings.console is None:
        raise StepFailed("the demo has no console")
    console = f"http://{settings.console.listen}"
    sql = "DELETE FROM reviews WHERE stars = 2"
    _show_sql(stage, sql)
    with ThreadPoolExecutor(1) as aside:
        waiting = aside.submit(stage.run_held, DBA, sql)
        hold_id = _approval(stage, "stars = 2", "waiting")["id"]
        own, lead = (
            stage.govproxy("token", "--config", str(stage.config), "--user", user, "--group", LEAD.groups[0]).strip()
            for user in (DBA.user, LEAD.user)
        )
        shown = _over_http(f"{console}/api/approvals/{hold_id}", lead)
        path = f"{console}/api/approvals/{hold_id}/answer"
        refused = _over_http(path, own, {"answer": "approve", "reason": "mine"})["error"]["word"]
        there = stage.ask_directly("SELECT count(*) FROM reviews WHERE stars = 2")[0][0]
        done = _over_http(path, lead, {"answer": "approve", "reason": "checked on the train"})
        waiting.result(LEDGER_DEADLINE_S)
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
    with httpx2.Client(trust_env=False, timeout=LEDGER_DEADLINE_S) as client:
        answer = client.get(url, headers=headers) if body is None else client.post(url, headers=headers, json=body)
    said: dict[str, Any] = answer.json()
    return said


def held(stage: Stage) -> None:
    """A DELETE waits on its connection until a colleague says yes; the DBA cannot do that for herself."""
    waiting, approval = _hold(stage, "tour_held")
    own = stage.govproxy("token", "--config", str(stage.config), "--user", DBA.user, "--group", "leads").strip()
    check("nobody decides their own request" in _decide(stage, approval, own), "the DBA decided her own request")
    check(stage.ask_directly("SELECT count(*) FROM tour_held") == [(3,)], "it ran before it was approved")
    other = stage.govproxy("token", "--config", str(stage.config), "--user", COLLEAGUE, "--group", "leads").strip()
    stage.console.print(Text(f"  {_decide(stage, approval, other).strip()}", style="green"))
    waiting.result(HELD_DEADLINE_S)
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
    error = waiting.exception(HELD_DEADLINE_S)
    if not isinstance(error, psycopg.Error):
        raise StepFailed("a forged approval let a statement run")
    check(error.sqlstate == DENIED, f"refused with {error.sqlstate} ({error})")
    check(stage.ask_directly("SELECT count(*) FROM tour_forged") == [(3,)], "a forged approval let it run")
    _show_refusal(stage, DBA, error)
    stage.run(DBA, "DROP TABLE tour_forged")


def _hold(stage: Stage, table: str) -> tuple[Future[Any], str]:
    """A DELETE that waits, and the id of its request."""
    stage.run(DBA, f"CREATE TABLE {table} (id integer)")
    stage.direct.execute(f"INSERT INTO {table} VALUES (1), (2), (3)".encode())
    sql = f"DELETE FROM {table} WHERE id > 0"
    _show_sql(stage, sql)
    waiting: Future[Any] = Future()

    def play() -> None:
        try:
            waiting.set_result(stage.through[DBA.title].execute(sql.encode()))
        except psycopg.Error as error:
            waiting.set_exception(error)

    threading.Thread(target=play, daemon=True).start()
    deadline = time.monotonic() + HELD_DEADLINE_S
    while time.monotonic() < deadline and not waiting.done():
        found = orjson.loads(stage.govproxy("approvals", "list", "--config", str(stage.config), "--json"))
        for one in found:
            if table in one["sql"]:
                stage.console.print(Text(f"  waits for approval {one['id']}", style="dim"))
                return waiting, str(one["id"])
    raise StepFailed(f"{sql} does not wait for an approval")


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


def explained(stage: Stage) -> None:
    """``govproxy explain`` says all of this beforehand, and runs nothing."""
    sql = (
        "SELECT c.country, c.email, lower(c.last_name) AS name, o.total "
        "FROM customers c JOIN orders o ON o.customer_id = c.id"
    )
    arguments = ["explain", "--config", str(stage.config), "--user", ANALYST.user, "--group", *ANALYST.groups]
    arguments += ["--database", "shop", sql]
    stage.console.print(Text(stage.govproxy(*arguments).rstrip()))
    said = orjson.loads(stage.govproxy(*arguments, "--json"))
    check(said["decision"] == "allow", f"explain says {said['decision']}, but it would be allowed")
    shown = {column["name"]: column["shown"] for column in said["statements"][0]["outputs"]}
    check(
        shown == {"country": "clear", "email": "masked", "name": "redacted", "total": "clear"},
        f"explain says: {shown}",
    )


def recorded(stage: Stage) -> None:
    """Everything above is in the ledger, written before it ran, with who asked and on whose behalf."""
    wanted = [(who.user, who.agent, allowed) for who, _, allowed in stage.said]
    statements: list[dict[str, Any]] = []
    deadline = time.monotonic() + LEDGER_DEADLINE_S
    while time.monotonic() < deadline:
        statements = [event for event in _ledger(stage) if event.get("event") == "statement"]
        if _missing(wanted, statements) == 0:
            break
        time.sleep(0.1)
    check((count := _missing(wanted, statements)) == 0, f"{count} of {len(wanted)} statements are not in the ledger")
    table = Table("who", "decision", "statement", title="the ledger", title_justify="left", show_edge=False)
    for event in statements[-8:]:
        who = f"{event['agent']} for {event['user']}" if event.get("agent") else event["user"]
        style = "red" if event["decision"] == "deny" else "green"
        table.add_row(who, Text(event["decision"], style=style), Text(_short(event["sql"])))
    stage.console.print(table)
    stage.console.print(Text(stage.govproxy("audit", "verify", "--config", str(stage.config)).strip(), style="dim"))


STEPS: tuple[Callable[[Stage], None], ...] = (
    the_map,
    three_views,
    expressions,
    aggregates,
    free_text,
    joins,
    asked_back,
    no_drop,
    no_blind_update,
    agents_only_read,
    dba_may,
    decided_by_a_rule,
    rehearsed,
    decided_over_http,
    held,
    forged,
    explained,
    recorded,
)


def run(stage: Stage) -> list[str]:
    """Play every step. Gives what failed, one line each; empty when all did what they say."""
    failed = []
    for number, step in enumerate(STEPS, start=1):
        claim = " ".join((step.__doc__ or step.__name__).replace("``", "").split())
        stage.console.print()
        stage.console.rule(Text(f"{number}. {claim}", style="bold"), align="left", style="dim")
        try:
            step(stage)
        except (StepFailed, psycopg.Error) as error:
            failed.append(f"step {number} ({step.__name__}): {error}")
            stage.console.print(Panel(Text(str(error)), title="this step failed", style="red"))
            for who in PEOPLE:
                if stage.through[who.title].closed:
                    failed.append(f"step {number} ({step.__name__}): the connection of the {who.title} is closed")
                    return failed
    return failed


def _approval(stage: Stage, word: str, status: str) -> dict[str, Any]:
    """The request with this word in its statement, once it stands so."""
    deadline = time.monotonic() + LEDGER_DEADLINE_S
    while time.monotonic() < deadline:
        listed = stage.govproxy("approvals", "list", "--config", str(stage.config), "--status", status, "--json")
        found: list[dict[str, Any]] = [one for one in orjson.loads(listed) if word in one["sql"]]
        if found:
            return found[0]
        time.sleep(0.1)
    raise StepFailed(f"no request is {status}")


def _facts(stage: Stage, approval: str) -> dict[str, Any]:
    """What was found out for reviewers, once it is there."""
    deadline = time.monotonic() + LEDGER_DEADLINE_S
    while time.monotonic() < deadline:
        shown = stage.govproxy("approvals", "show", "--config", str(stage.config), "--json", approval)
        facts: dict[str, Any] | None = orjson.loads(shown)["facts"]
        if facts is not None:
            check(facts["rehearsal"] is not None, f"it was not rehearsed: {facts['notes']}")
            return facts
        time.sleep(0.1)
    raise StepFailed("nothing was found out for reviewers")


def _ledger(stage: Stage) -> list[dict[str, Any]]:
    printed = stage.govproxy("audit", "search", "--config", str(stage.config), "--json")
    return [orjson.loads(line) for line in printed.splitlines() if line]


def _missing(wanted: list[tuple[str, str | None, bool]], statements: list[dict[str, Any]]) -> int:
    """How many of the wanted entries have no line of their own."""
    there = [(event["user"], event.get("agent"), event["decision"] == "allow") for event in statements]
    count = 0
    for entry in wanted:
        if entry in there:
            there.remove(entry)
        else:
            count += 1
    return count


def _show_sql(stage: Stage, sql: str) -> None:
    stage.console.print(Syntax(sql, "postgresql", theme="ansi_dark", word_wrap=True, background_color="default"))


def _show_rows(stage: Stage, title: str, columns: Sequence[str], rows: Rows) -> None:
    table = Table(*columns, title=f"as the {title}", title_justify="left", show_edge=False, pad_edge=False)
    for row in rows:
        table.add_row(*(Text("NULL", style="dim") if value is None else Text(str(value)) for value in row))
    stage.console.print(table)


def _show_refusal(stage: Stage, who: Who, error: psycopg.Error) -> None:
    text = Text(f"ERROR {error.sqlstate}  {error.diag.message_primary}", style="red")
    for label, line in (("DETAIL", error.diag.message_detail), ("HINT", error.diag.message_hint)):
        if line:
            text.append(f"\n{label}: {line}", style="yellow" if label == "HINT" else "dim")
    stage.console.print(Panel(text, title=f"the {who.title} gets", title_align="left", style="dim"))


def _short(sql: str, limit: int = 90) -> str:
    return sql if len(sql) <= limit else sql[: limit - 1] + "…"
