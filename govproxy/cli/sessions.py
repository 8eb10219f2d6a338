"""``govproxy sessions``: who is connected now, and the end of one of them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(help="Live sessions.", no_args_is_help=True)

Config = Annotated[Path, typer.Option("--config", "-c", help="govproxy.yaml", show_default=True)]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def _ask(config: Path, question: dict[str, Any]) -> dict[str, Any]:
    from govproxy.config.loader import load
    from govproxy.control.admin import ask

    return ask(load(config), question)


@app.command("list")
def list_sessions(config: Config = Path("govproxy.yaml"), as_json: Json = False) -> None:
    """Everybody who is connected, oldest first."""
    sessions = _ask(config, {"command": "sessions"})["sessions"]
    if as_json:
        typer.echo(json.dumps(sessions, indent=2))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None)
    for heading in ("id", "user", "agent", "database", "state", "statements", "since", "client", "application"):
        table.add_column(heading)
    for session in sessions:
        since = datetime.fromtimestamp(session["started"], UTC).strftime("%H:%M:%S")
        table.add_row(
            session["id"],
            session["user"],
            session["agent"] or "",
            session["database"],
            session["state"],
            str(session["statements"]),
            since,
            session["client"],
            session["application"],
        )
    Console().print(table)


@app.command("kill")
def kill_session(
    session: Annotated[str, typer.Argument(help="Its id, from the list.")],
    config: Config = Path("govproxy.yaml"),
    as_json: Json = False,
) -> None:
    """End a session: what it runs is cancelled, the client reads 57P01. Exit status 1: no such session."""
    killed = bool(_ask(config, {"command": "kill", "session": session})["killed"])
    typer.echo(json.dumps({"killed": killed}) if as_json else ("killed" if killed else "no such session"))
    raise typer.Exit(0 if killed else 1)
