"""Which instances live, as far as held statements that wait on the wire need it: a mark that each renews.

A mark is only ever compared with itself: one that stays the same for long is of an instance that is gone. So no
clock has to agree with another. Every function makes work for `StateStore.run`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import sqlalchemy as sa

from govproxy.approvals.values import Status

INSTANCES = sa.Table(
    "govproxy_instances",
    sa.MetaData(),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("seen", sa.Double, nullable=False),
)
_HOLDS = sa.table("govproxy_holds", sa.column("id"), sa.column("status"), sa.column("instance"))
_WAITS = _HOLDS.c.status == Status.WAITING.value


def renew(name: str, now: float) -> Callable[[sa.Connection], None]:
    """This instance lives. ``now`` must differ from call to call."""

    def work(connection: sa.Connection) -> None:
        if not connection.execute(INSTANCES.update().where(INSTANCES.c.name == name).values(seen=now)).rowcount:
            connection.execute(INSTANCES.insert().values(name=name, seen=now))

    return work


def marks(own: str) -> Callable[[sa.Connection], Mapping[str, float | None]]:
    """Other instances at which somebody waits, with their marks; None: it has none."""

    def work(connection: sa.Connection) -> Mapping[str, float | None]:
        query = (
            sa.select(_HOLDS.c.instance, INSTANCES.c.seen)
            .select_from(_HOLDS.outerjoin(INSTANCES, INSTANCES.c.name == _HOLDS.c.instance))
            .where(_WAITS, _HOLDS.c.instance.is_not(None), _HOLDS.c.instance != own)
            .distinct()
        )
        return {row.instance: row.seen for row in connection.execute(query)}

    return work


def waiting_at(name: str) -> Callable[[sa.Connection], list[str]]:
    """Requests whose clients wait at that instance."""

    def work(connection: sa.Connection) -> list[str]:
        query = sa.select(_HOLDS.c.id).where(_WAITS, _HOLDS.c.instance == name).order_by(_HOLDS.c.id)
        return [row.id for row in connection.execute(query)]

    return work


def forget(name: str) -> Callable[[sa.Connection], None]:
    """That instance is gone, or has nobody waiting any more."""

    def work(connection: sa.Connection) -> None:
        connection.execute(INSTANCES.delete().where(INSTANCES.c.name == name))

    return work
