"""How many sessions each instance of a fleet holds for whom, in the state store: leases, renewed while it lives.

One row per instance and identity. Keys arrive as digests: the store learns no names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import sqlalchemy as sa

from govproxy.control.state.windows import one_at_a_time, store_time

_METADATA = sa.MetaData()
PLACES = sa.Table(
    "govproxy_places",
    _METADATA,
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("instance", sa.Text, nullable=False),
    sa.Column("taken", sa.BigInteger, nullable=False),
    sa.Column("renewed", sa.Double, nullable=False),
)


class Entered(NamedTuple):
    """Whether there is a place, and how many sessions other instances hold."""

    admitted: bool
    others: int


def enter(name: str, instance: str, *, taken: int, limit: int, lease_s: float) -> Callable[[sa.Connection], Entered]:
    """Makes ``taken`` what this instance holds, if all of them together stay within ``limit``."""

    def work(connection: sa.Connection) -> Entered:
        now = one_at_a_time(connection, name)
        here = PLACES.c.name == name
        connection.execute(sa.delete(PLACES).where(here, PLACES.c.renewed <= now - lease_s))
        theirs = sa.select(sa.func.coalesce(sa.func.sum(PLACES.c.taken), 0)).where(here, PLACES.c.instance != instance)
        others = int(connection.execute(theirs).scalar_one())
        if others + taken > limit:
            return Entered(False, others)
        _put(connection, name, instance, taken, now)
        return Entered(True, others)

    return work


def renew(
    instance: str, changed: Mapping[str, int], gone: tuple[str, ...], *, known: int, lease_s: float
) -> Callable[[sa.Connection], dict[str, int] | None]:
    """Renews what this instance holds: ``changed`` counts, without what is ``gone``.

    Gives what others hold of the same names. None: of the ``known`` rows some are not there any more, so all
    are to be written again.
    """

    def work(connection: sa.Connection) -> dict[str, int] | None:
        now = store_time(connection)
        mine = PLACES.c.instance == instance
        if gone:
            connection.execute(sa.delete(PLACES).where(mine, PLACES.c.name.in_(gone)))
        for name, taken in changed.items():
            _put(connection, name, instance, taken, now)
        if connection.execute(sa.update(PLACES).where(mine).values(renewed=now)).rowcount != known:
            connection.execute(sa.delete(PLACES).where(mine))
            return None
        names = sa.select(PLACES.c.name).where(mine)
        theirs = (
            sa.select(PLACES.c.name, sa.func.sum(PLACES.c.taken))
            .where(PLACES.c.name.in_(names), ~mine, PLACES.c.renewed > now - lease_s)
            .group_by(PLACES.c.name)
        )
        return {str(name): int(taken) for name, taken in connection.execute(theirs)}

    return work


def give_up(instance: str) -> Callable[[sa.Connection], None]:
    """Forgets all that this instance holds."""

    def work(connection: sa.Connection) -> None:
        connection.execute(sa.delete(PLACES).where(PLACES.c.instance == instance))

    return work


def _put(connection: sa.Connection, name: str, instance: str, taken: int, now: float) -> None:
    row = (PLACES.c.name == name, PLACES.c.instance == instance)
    if not connection.execute(sa.update(PLACES).where(*row).values(taken=taken, renewed=now)).rowcount:
        connection.execute(PLACES.insert().values(name=name, instance=instance, taken=taken, renewed=now))
