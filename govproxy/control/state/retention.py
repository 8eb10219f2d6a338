"""What the state store forgets: requests that have ended long ago, and what else is over.

Open requests, approvals that can still be used, grants that stand or are still listed, and what messages wait
for stay, however old they are. The evidence of decisions is the ledger's. Every function makes work for
`StateStore.run`.
"""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa

from govproxy.approvals.values import Status
from govproxy.control.state import outbox
from govproxy.control.state.approvals import CAPSULES, HOLDS, VOTES
from govproxy.control.state.facts import FACTS
from govproxy.control.state.grants import GRANTS
from govproxy.control.state.once import ONCE
from govproxy.control.state.outbox import OUTBOX
from govproxy.control.state.places import PLACES
from govproxy.control.state.presence import INSTANCES
from govproxy.control.state.windows import WINDOWS
from govproxy.control.state.work import time_of

# What is kept for minutes or hours, and was left behind by somebody who never came back.
LEFT_BEHIND_S = 2 * 86_400.0


def forget_ended(now: float, *, keep_s: float, grants_keep_s: float, limit: int) -> Callable[[sa.Connection], int]:
    """Forget up to ``limit`` requests that ended more than ``keep_s`` seconds ago, with all that belongs to them.

    Gives how many there were. Grants stay ``grants_keep_s`` after their end, and the approvals they came with.
    """

    def work(connection: sa.Connection) -> int:
        at = time_of(connection, now)
        # Security: what can still let a statement run is not forgotten, nor that its uses were taken.
        usable = sa.exists().where(
            CAPSULES.c.hold_id == HOLDS.c.id, CAPSULES.c.used < CAPSULES.c.uses, CAPSULES.c.expires > at
        )
        granted = sa.exists().where(GRANTS.c.hold_id == HOLDS.c.id, GRANTS.c.ends > at - grants_keep_s)
        told_of = sa.exists().where(OUTBOX.c.hold_id == HOLDS.c.id)
        over = (
            sa.select(HOLDS.c.id)
            .where(HOLDS.c.status != Status.WAITING.value, HOLDS.c.decided <= at - keep_s)
            .where(~usable, ~granted, ~told_of)
            .order_by(HOLDS.c.decided)
            .limit(limit)
            .with_for_update(skip_locked=True, of=HOLDS)
        )
        ids = [row.id for row in connection.execute(over)]
        if ids:
            for table in (FACTS, VOTES, GRANTS, CAPSULES):
                connection.execute(table.delete().where(table.c.hold_id.in_(ids)))
            connection.execute(HOLDS.delete().where(HOLDS.c.id.in_(ids)))
        return len(ids)

    return work


def forget_left_behind(now: float) -> Callable[[sa.Connection], None]:
    """Forget windows, places, names, marks and messages whose time is long over."""

    def work(connection: sa.Connection) -> None:
        at = time_of(connection, now)
        before = at - LEFT_BEHIND_S
        for table, time in (
            (WINDOWS, WINDOWS.c.given_at),
            (PLACES, PLACES.c.renewed),
            (INSTANCES, INSTANCES.c.seen),
            (ONCE, ONCE.c.until),
        ):
            connection.execute(table.delete().where(time <= before))
        outbox.sweep(before)(connection)

    return work
