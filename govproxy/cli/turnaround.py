"""``govproxy approvals report``: how long decisions took, and how many of them a rule made."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Annotated

import typer

Config = Annotated[Path, typer.Option("--config", "-c", help="govproxy.yaml", show_default=True)]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Since = Annotated[str, typer.Option("--since", help="30m, 8h, 7d: how far back.")]


def report(config: Config = Path("govproxy.yaml"), since: Since = "7d", as_json: Json = False) -> None:
    """Time from request to decision: p50, p95, and the share that no person had to make. Reads the state store."""
    from govproxy.approvals.turnaround import turnaround
    from govproxy.cli.output import print_json
    from govproxy.config.loader import load
    from govproxy.control.state import approvals as state
    from govproxy.control.state.store import read_store
    from govproxy.errors import ConfigError
    from govproxy.policy.windows import duration_s

    try:
        back_s = duration_s(since)
    except ValueError as error:
        raise ConfigError(f"--since: {error}") from None
    found = turnaround(asyncio.run(read_store(load(config), state.ended(time.time() - back_s), otherwise=[])))
    if as_json:
        print_json({"since": since, **found.form})
        return
    share = "" if found.share_automatic is None else f"{found.share_automatic:.0%} of decisions were made by a rule"
    requests = ", ".join(f"{count} {status.replace('_', ' ')}" for status, count in found.statuses.items())
    typer.echo(f"since {since}: {requests or 'no requests'}")
    for label, times in (("all", found.all), ("by rule", found.by_rule), ("by people", found.by_people)):
        typer.echo(f"  {label:<10} {times.count:>6}  p50 {_time(times.p50_s):>9}  p95 {_time(times.p95_s):>9}")
    if share:
        typer.echo(share)


def _time(seconds: float | None) -> str:
    if seconds is None:
        return "–"
    return f"{seconds * 1_000:.1f} ms" if seconds < 1 else f"{seconds:.1f} s"
