"""``govproxy explain``: what would happen to a statement, and why, without running it.

Puts the same parts together as a worker does: catalog, analysis, policy. Reads the database's
catalog over the metadata connection; where a rule asks how many rows there would be, the planner is asked
(EXPLAIN, which runs nothing). Sends the database nothing else.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from govproxy.cli.output import console, print_json
from govproxy.config.loader import load
from govproxy.config.settings import Settings
from govproxy.control.catalog import publishable
from govproxy.control.look import look_once
from govproxy.control.planned import NoFigure, planned_rows
from govproxy.errors import ConfigError
from govproxy.identity.identity import Identity
from govproxy.policy.attributes import estimated_rows
from govproxy.policy.describe import describe, outputs
from govproxy.policy.engine import decide
from govproxy.policy.loader import load_policy
from govproxy.policy.touched import Ground
from govproxy.policy.values import Decision, Request
from govproxy.session import log
from govproxy.session.snapshot import DatabaseSnapshot, Snapshot
from govproxy.sql.analyze import analyze
from govproxy.sql.estimating import with_rows
from govproxy.sql.values import Analysis

_STYLES = {"clear": "green", "masked": "yellow", "redacted": "yellow", "none": "red"}
_WORDS = {
    "allow": ("allowed", "bold green"),
    "hold": ("held for approval", "bold yellow"),
    "deny": ("refused", "bold red"),
}


def run(
    config: Path, sql: str, *, database: str, user: str, groups: Sequence[str], agent: str | None, as_json: bool
) -> None:
    """Print the explanation of ``sql`` (``-``: standard input) for this identity."""
    log.configure(logging.WARNING)
    settings = load(config)
    if database not in settings.databases:
        raise ConfigError(
            f"database `{database}` is not configured",
            file=settings.file,
            hint="There are: " + ", ".join(sorted(settings.databases)),
        )
    identity = Identity(
        user=user, groups=frozenset(groups), agent=agent, on_behalf_of=user if agent is not None else None
    )
    text = sys.stdin.read() if sql == "-" else sql
    explanation = asyncio.run(_explained(settings, text, identity, database))
    if as_json:
        print_json(explanation)
    else:
        _print(explanation)


async def _explained(settings: Settings, text: str, identity: Identity, database: str) -> dict[str, Any]:
    """The explanation as JSON values. Raises what a worker would refuse the text with."""
    snapshot = await _look(settings, database)
    picture = snapshot.databases[database]
    analysis = analyze(text, picture.catalog, picture.catalog.default_search_path)
    request, decision = _decided(analysis, identity, picture, snapshot)
    rows = None
    if decision.asks_rows:
        try:
            table, figure = await planned_rows(settings.databases[database], identity, text, analysis, picture.catalog)
        except NoFigure as reason:
            rows = {"by": "catalog", "rows": _bound(analysis, picture), "why": str(reason)}
        else:
            rows = {"by": "planner", "rows": figure, "why": ""}
            request, decision = _decided(with_rows(analysis, table, figure), identity, picture, snapshot)
    columns = tuple(
        outputs(request, statement, snapshot.policy, picture.classification, picture.catalog)
        for statement in request.analysis.statements
    )
    return {**describe(request, decision, columns, snapshot.policy), "estimated_rows": rows}


def _decided(
    analysis: Analysis, identity: Identity, picture: DatabaseSnapshot, snapshot: Snapshot
) -> tuple[Request, Decision]:
    request = Request(
        identity=identity,
        database=picture.name,
        environment=picture.environment,
        analysis=analysis,
        now=time.time(),
        application="govproxy explain",
    )
    return request, decide(request, snapshot.policy, picture.classification, picture.catalog)


def _bound(analysis: Analysis, picture: DatabaseSnapshot) -> int | None:
    """The largest number of rows that the catalog allows for; None where it knows of none."""
    ground = Ground(picture.catalog, picture.classification)
    found = [estimated_rows(effect, ground) for s in analysis.statements for effect in s.effects if effect.relation]
    return max(found, default=-1) if found and min(found) >= 0 else None


async def _look(settings: Settings, database: str) -> Snapshot:
    policy = load_policy(settings.policy)
    look = await look_once(settings, database, policy)
    picture = DatabaseSnapshot(
        name=database,
        environment=settings.databases[database].environment,
        catalog=publishable(look.catalog),
        classification=look.classification,
    )
    return Snapshot(number=1, policy=policy, databases={database: picture})


def _print(explanation: dict[str, Any]) -> None:
    from rich.text import Text

    out = console()
    words, style = _WORDS[explanation["decision"]]
    who = explanation["identity"]
    label = f"{who['agent']} for {who['user']}" if who["agent"] else who["user"]
    out.print(
        Text(words, style=style) + Text(f" for {label} on {explanation['database']} ({explanation['environment']})")
    )
    if explanation["refusal"]:
        out.print(Text(f"  {explanation['refusal']['message']}"))
        out.print(Text(f"  hint: {explanation['refusal']['hint']}", style="dim"))
    if explanation["rules"]:
        out.print(Text("  rules: " + ", ".join(rule["name"] for rule in explanation["rules"])))
    if explanation["shadow"]:
        out.print(Text("  in shadow mode: " + ", ".join(explanation["shadow"]), style="dim"))
    if (rows := explanation["estimated_rows"]) is not None:
        figure = "unknown" if rows["rows"] is None else str(rows["rows"])
        because = f": {rows['why']}" if rows["why"] else ""
        out.print(Text(f"  estimated rows: {figure} (by the {rows['by']}{because})", style="dim"))
    for name, limit in explanation["limits"].items():
        out.print(Text(f"  limit: {name} {limit['figure']} ({limit['rule']})", style="dim"))
    for statement in explanation["statements"]:
        done = ", ".join(_done(effect) for effect in statement["effects"] if "by" not in effect["facts"])
        out.print(Text(f"  {statement['tag']}: {done}"))
        behind = dict.fromkeys(
            f"{_done(effect)} ({_how(effect['facts'])})" for effect in statement["effects"] if "by" in effect["facts"]
        )
        if behind:
            out.print(Text("  behind it: " + ", ".join(behind)))
        if statement["outputs"]:
            out.print(_table(statement["outputs"]))


def _done(effect: dict[str, Any]) -> str:
    return f"{effect['action']} {effect['object']}".strip()


def _how(facts: dict[str, Any]) -> str:
    """How something comes about, as ``trigger of public.orders, in public.log``."""
    through = f" of {facts['via']}" if facts.get("via") else ""
    inside = f", in {facts['function']}" if facts.get("function") and facts["function"] != facts.get("via") else ""
    return f"{facts['by']}{through}{inside}"


def _table(columns: list[dict[str, Any]]) -> Any:
    from rich.table import Table
    from rich.text import Text

    table = Table("column", "is shown", "mask", "from", "class", "because", show_edge=False, pad_edge=False)
    for column in columns:
        first = Text(column["name"])
        shown = Text(column["shown"], style=_STYLES[column["shown"]])
        if not column["sources"]:
            table.add_row(first, shown, "", Text(column["derivation"], style="dim"), "", "")
        for source in column["sources"]:
            table.add_row(
                first,
                shown,
                source["mask"] or "",
                Text(source["column"]),
                Text(source["class"] or "clean"),
                Text(source["rule"] or source["reason"], style="dim"),
            )
            first, shown = Text(""), Text("")
    return table
