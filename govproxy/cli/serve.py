"""``govproxy serve``: read the configuration, then hand over to the control process."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from govproxy.config.loader import load


def run(config: Path, *, workers: int | None) -> None:
    """Run until SIGTERM; the exit status is the supervisor's."""
    settings = load(config)
    if workers is not None:
        settings = replace(settings, workers=workers)
    from govproxy.server.supervisor import run as supervise

    raise SystemExit(supervise(settings))
