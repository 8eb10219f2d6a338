"""What happens once only, whoever tries and in which process: nonces of callbacks, deliveries to webhooks.

A name is taken until its time is over; then it is forgotten. Survives a restart, as everything here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import sqlalchemy as sa

from govproxy.control.state.store import StateStore

MAX_FORGOTTEN = 500  # names that one call removes; more would keep others waiting

ONCE = sa.Table(
    "govproxy_once",
    sa.MetaData(),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("until", sa.Double, nullable=False),
)


def take(name: str, now: float, until: float) -> Callable[[sa.Connection], bool]:
    """Take ``name`` until then. False when it is taken already."""

    def work(connection: sa.Connection) -> bool:
        over = sa.select(ONCE.c.name).where(ONCE.c.until <= now).limit(MAX_FORGOTTEN)
        connection.execute(ONCE.delete().where(ONCE.c.name.in_(over)))
        # One statement, so that of two at once only one finds it free.
        given = connection.execute(
            sa.text("INSERT INTO govproxy_once (name, until) VALUES (:name, :until) ON CONFLICT DO NOTHING"),
            {"name": name, "until": until},
        )
        return given.rowcount == 1

    return work


def taker(store: StateStore, *, clock: Callable[[], float]) -> Callable[[str, float], Awaitable[bool]]:
    """``await take_(name, seconds)``: whether it was free. Raises StateUnavailable."""

    async def take_(name: str, seconds: float) -> bool:
        now = clock()
        return await store.run(take(name, now, now + seconds))

    return take_
