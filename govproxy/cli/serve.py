"""``govproxy serve``: read the configuration, put control plane and supervisor together, run them."""

from __future__ import annotations

import asyncio
from pathlib import Path

from govproxy.config.loader import load
from govproxy.control.plane import ControlPlane
from govproxy.server.supervisor import Supervisor
from govproxy.session.log import configure


def run(config: Path, *, workers: int | None) -> None:
    """Run until SIGTERM or SIGINT; the exit status is the supervisor's."""
    settings = load(config)
    configure()
    supervisor = Supervisor(ControlPlane(settings), workers=workers)
    raise SystemExit(asyncio.run(supervisor.run()))
