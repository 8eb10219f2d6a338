"""``govproxy keys``: the versions of the masking key, and a new one."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="The masking key.", no_args_is_help=True)

Config = Annotated[Path, typer.Option("--config", "-c", help="govproxy.yaml", show_default=True)]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_keys(config: Config = Path("govproxy.yaml"), as_json: Json = False) -> None:
    """All versions by id, never the keys themselves. The last is in force."""
    from govproxy.config.loader import load
    from govproxy.control.keys import masking_keys

    versions = masking_keys(load(config))
    if as_json:
        listed = [
            {"id": version.id, "created": version.created.isoformat(), "in_force": version is versions[-1]}
            for version in versions
        ]
        typer.echo(json.dumps(listed, indent=2))
        return
    for version in versions:
        state = "in force" if version is versions[-1] else "recognises"
        typer.echo(f"{version.id}  {version.created:%Y-%m-%d %H:%M:%S%z}  {state}")


@app.command("rotate")
def rotate_key(config: Config = Path("govproxy.yaml"), as_json: Json = False) -> None:
    """A new masking key, for a running instance at once. What was masked before looks different from now on."""
    from govproxy.config.loader import load
    from govproxy.control.admin import ask, is_running
    from govproxy.control.keys import rotate_masking_key

    settings = load(config)
    running = is_running(settings)
    if running:
        key_id = str(ask(settings, {"command": "rotate-key"})["key"])
    else:
        key_id = rotate_masking_key(settings, now=datetime.now(UTC)).id
    if as_json:
        typer.echo(json.dumps({"id": key_id, "running": running}))
    else:
        typer.echo(f"{key_id} is in force" + ("" if running else " from the next start on"))
