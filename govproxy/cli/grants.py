"""``govproxy grants``: rights that approvals gave for a time, and taking them back."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(help="Rights for a time.", no_args_is_help=True)

TOKEN_VARIABLE = "GOVPROXY_TOKEN"  # noqa: S105 - the name of a variable

Config = Annotated[Path, typer.Option("--config", "-c", help="govproxy.yaml", show_default=True)]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def _ask(config: Path, question: dict[str, Any]) -> dict[str, Any]:
    from govproxy.config.loader import load
    from govproxy.control.admin import ask

    return ask(load(config), question)


@app.command("list")
def list_grants(
    config: Config = Path("govproxy.yaml"),
    everything: Annotated[bool, typer.Option("--all", help="Those that ended or were revoked as well.")] = False,
    as_json: Json = False,
) -> None:
    """Who may do what until when, the one that ends last first."""
    from govproxy.cli.output import console, print_json

    found = [one for one in _ask(config, {"command": "grants"})["grants"] if everything or one["state"] == "live"]
    if as_json:
        print_json(found)
        return
    from rich.table import Table

    table = Table(box=None)
    for heading in ("id", "state", "who", "database", "may", "columns", "until", "given by", "reason"):
        table.add_column(heading, overflow="fold")
    for one in found:
        may = "; ".join(
            f"{part['action']} on {', '.join(table['name'] for table in part['tables'])}" for part in one["scope"]
        )
        table.add_row(
            one["id"],
            one["state"],
            f"{one['agent']} for {one['user']}" if one["agent"] else one["user"],
            one["database"],
            may,
            (", ".join(one["columns"]) or "clear") if one["clear"] else "masked",
            datetime.fromtimestamp(one["until"], UTC).strftime("%Y-%m-%d %H:%M:%SZ"),
            one["by"],
            one["reason"],
        )
    console().print(table)


@app.command()
def revoke(
    grant: Annotated[str, typer.Argument(help="Its id, from the list.")],
    reason: Annotated[str, typer.Option("--reason", "-r", help="Why; it is kept with the grant.")] = "",
    config: Config = Path("govproxy.yaml"),
    token: Annotated[
        str | None,
        typer.Option("--token", "-t", help=f"Who you are; absent: from ${TOKEN_VARIABLE}.", show_default=False),
    ] = None,
    as_json: Json = False,
) -> None:
    """Take one back, for open sessions too. Exit status 1: it still stands, or none of this id does; and why."""
    from govproxy.cli.output import print_json
    from govproxy.errors import ConfigError

    token = token or os.environ.get(TOKEN_VARIABLE, "")
    if not token:
        raise ConfigError("who are you?", hint=f"Give --token, or put it into ${TOKEN_VARIABLE}.")
    done = _ask(config, {"command": "revoke-grant", "id": grant, "reason": reason, "token": token})
    if as_json:
        print_json(done)
    else:
        typer.echo(f"{grant} is revoked" if done["revoked"] else f"not revoked: {done['why_not']}")
    raise typer.Exit(0 if done["revoked"] else 1)
