"""What identities have used within a sliding window, in the state store: shared by a fleet, kept over restarts.

One row per batch that was given to an instance. Keys arrive as digests: the store learns no names.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

import sqlalchemy as sa

MINUTE_S = 60.0
GRAINS = 240  # of a window that is longer

_METADATA = sa.MetaData()
WINDOWS = sa.Table(
    "govproxy_windows",
    _METADATA,
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("instance", sa.Text, nullable=False),
    sa.Column("given_at", sa.Double, nullable=False),
    sa.Column("given", sa.BigInteger, nullable=False),
)


class Drawn(NamedTuple):
    """What a draw gave, when by the store's clock, when there may be more, and how many instances share."""

    granted: int
    given_at: float
    again_s: float
    instances: int


def draw(
    name: str, instance: str, *, limit: int, want: int, unused: int, unused_of: float, window_s: float
) -> Callable[[sa.Connection], Drawn]:
    """Takes up to ``want`` of what is left of ``limit``. ``unused`` of the batch of ``unused_of`` come back."""

    def work(connection: sa.Connection) -> Drawn:
        now = one_at_a_time(connection, name)
        mine = WINDOWS.c.name == name
        connection.execute(sa.delete(WINDOWS).where(mine, WINDOWS.c.given_at <= now - window_s))
        if unused > 0:
            batch = (mine, WINDOWS.c.instance == instance, WINDOWS.c.given_at == unused_of)
            connection.execute(sa.update(WINDOWS).where(*batch).values(given=_less(unused)))
        rows = connection.execute(sa.select(WINDOWS.c.instance, WINDOWS.c.given_at, WINDOWS.c.given).where(mine))
        batches = [(row.instance, row.given_at, row.given) for row in rows]
        total = sum(given for _, _, given in batches)
        granted = max(0, min(want, limit - total))
        given_at = _noted_at(now, window_s)
        if granted:
            noted: dict[str, object] = {"name": name, "instance": instance, "given_at": given_at}
            if any((owner, at) == (instance, given_at) for owner, at, _ in batches):
                mine_now = (WINDOWS.c[column] == value for column, value in noted.items())
                connection.execute(sa.update(WINDOWS).where(*mine_now).values(given=WINDOWS.c.given + granted))
            else:
                connection.execute(WINDOWS.insert().values(**noted, given=granted))
        oldest = min((at for _, at, given in batches if given > 0), default=given_at)
        instances = len({owner for owner, _, _ in batches} | {instance})
        return Drawn(granted, given_at, max(oldest + window_s - now, 0.0), instances)

    return work


def _noted_at(now: float, window_s: float) -> float:
    """The time a batch is noted with: of an hour, the end of the quarter of a minute, so that rows stay few.

    Later than it was given, so that no hour gives more than it may.
    """
    if window_s <= MINUTE_S:
        return now
    grain = window_s / GRAINS
    return (now // grain + 1) * grain


def _less(unused: int) -> sa.ColumnElement[int]:
    left = WINDOWS.c.given - unused
    return sa.case((left > 0, left), else_=0)


def one_at_a_time(connection: sa.Connection, name: str) -> float:
    """The store's time, once nobody else decides about the same name. SQLite's transactions are exclusive."""
    if connection.dialect.name == "postgresql":
        number = int.from_bytes(bytes.fromhex(name[:16]), "big", signed=True)
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.cast(number, sa.BigInteger))))
    return store_time(connection)


def store_time(connection: sa.Connection) -> float:
    """A fleet's instances may differ in their clocks, so PostgreSQL's counts."""
    if connection.dialect.name != "postgresql":
        return time.time()
    return float(connection.execute(sa.text("SELECT extract(epoch FROM clock_timestamp())::float8")).scalar_one())
