"""``govproxy serve``: compose control plane, supervisor, admin socket and console, and run until told to stop."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from govproxy.config.loader import load
from govproxy.config.settings import Settings
from govproxy.console.server import ConsoleServer
from govproxy.console.webhooks import Webhooks
from govproxy.control.admin import AdminServer
from govproxy.control.approvals import Approvals
from govproxy.control.desk import ApprovalsDesk
from govproxy.control.grants_desk import GrantsDesk
from govproxy.control.plane import ControlPlane
from govproxy.control.state.once import taker
from govproxy.control.state.store import StateStore
from govproxy.server.supervisor import Supervisor
from govproxy.session import log
from govproxy.session.rules import token_verifier


def run(config: Path, *, workers: int | None) -> None:
    """Run until SIGTERM or SIGINT; the exit status is the supervisor's."""
    log.configure()
    raise SystemExit(asyncio.run(_serve(load(config), workers)))


async def _serve(settings: Settings, workers: int | None) -> int:
    plane = ControlPlane(settings)
    supervisor = Supervisor(plane, workers=workers)
    tokens = token_verifier(settings, now=time.time)
    admin = AdminServer(
        settings,
        supervisor,
        ApprovalsDesk(lambda: plane.approvals, tokens, plane.reviewer),
        GrantsDesk(lambda: plane.grants, tokens),
    )
    if plane.keys.approvals is None:
        raise AssertionError("the control plane has a key for approvals")
    webhooks = Webhooks(settings, now=time.time)
    console = ConsoleServer(
        settings,
        supervisor,
        looks=plane.reviewer,
        webhooks=webhooks,
        public_key=plane.keys.approvals,
        decisions=plane.decisions,
    )

    def up(approvals: Approvals, store: StateStore) -> None:
        take = taker(store, clock=time.time)
        approvals.keep_with(webhooks.keep)
        approvals.listen(webhooks.changed)
        webhooks.start(store)
        console.attach(approvals, plane.grants, take)

    plane.when_up(up)
    plane.before_down(webhooks.stop)
    await admin.start()
    try:
        await console.start()
        return await supervisor.run()
    finally:
        await console.stop()
        await admin.stop()
