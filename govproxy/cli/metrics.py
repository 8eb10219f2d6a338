"""``govproxy metrics``: what the workers of a running instance have counted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

Config = Annotated[Path, typer.Option("--config", "-c", help="govproxy.yaml")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def show(config: Config = Path("govproxy.yaml"), as_json: Json = False) -> None:
    """Statements, hits and misses of the verdict cache, bytes: per worker, since it started."""
    from govproxy.config.loader import load
    from govproxy.control.admin import ask

    workers: list[dict[str, Any]] = ask(load(config), {"command": "figures"})["workers"]
    if as_json:
        typer.echo(json.dumps(workers, indent=2))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None)
    for heading in ("worker", "sessions", "statements", "hits", "misses", "hit ratio", "mean miss", "cache", "ledger"):
        table.add_column(heading, justify="right")
    for worker in workers:
        hits = worker["exact_hits"] + worker["folded_hits"]
        misses = sum(count for reason, count in worker["misses"].items() if reason != "waited")
        looks = sum(worker["miss_time"]["counts"])
        table.add_row(
            str(worker["worker"]),
            str(worker["sessions"]),
            str(worker["statements"]),
            str(hits),
            str(misses),
            f"{hits / (hits + misses):.2%}" if hits + misses else "",
            f"{worker['miss_time']['total_us'] / looks:.0f} µs" if looks else "",
            f"{worker['verdict_bytes'] / 1024:.0f} KiB",
            "writable" if worker["ledger_healthy"] else "FAILING",
        )
    Console().print(table)
