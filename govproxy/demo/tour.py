"""The tour: what the proxy does, shown with real connections, each step checked.

``STEPS`` is the list; the doc-string of a step is what it claims. A step which did not do what it says fails.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
import psycopg
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from govproxy.demo.files import ANALYST, PEOPLE
from govproxy.demo.stage import Stage, StepFailed, check, until
from govproxy.demo.tour_approvals import decided_by_a_rule, decided_over_http, forged, held, rehearsed
from govproxy.demo.tour_masks import aggregates, asked_back, expressions, free_text, joins, the_map, three_views
from govproxy.demo.tour_rules import agents_only_read, dba_may, no_blind_update, no_drop


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

    def complete() -> list[dict[str, Any]]:
        statements = [event for event in _ledger(stage) if event.get("event") == "statement"]
        return [] if _missing(wanted, statements) else statements

    statements = until(complete, f"not all of {len(wanted)} statements are in the ledger")
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


def _short(sql: str, limit: int = 90) -> str:
    return sql if len(sql) <= limit else sql[: limit - 1] + "…"
