"""What the state store holds about grants: that there is one, and whether it was taken back.

What was granted stands in the signed capsule of the approval that gave it, not here. Every function makes
work for `StateStore.run`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy as sa

from govproxy.approvals.capsule import Capsule
from govproxy.control.state.signals import Topic, tell

_METADATA = sa.MetaData()
GRANTS = sa.Table(
    "govproxy_grants",
    _METADATA,
    sa.Column("hold_id", sa.Text, primary_key=True),
    sa.Column("ends", sa.Double, nullable=False),
    sa.Column("revoked", sa.Double),
    sa.Column("revoked_by", sa.Text),
    sa.Column("revoked_reason", sa.Text),
)
_CAPSULES = sa.table(
    "govproxy_capsules", sa.column("hold_id"), sa.column("content"), sa.column("signature"), sa.column("key_id")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantRow:
    """A grant that was given. ``capsule`` says what, and is to be verified."""

    capsule: Capsule
    ends: float
    revoked: float | None
    revoked_by: str | None
    revoked_reason: str | None


def keep(connection: sa.Connection, hold_id: str, ends: float) -> None:
    """Note that an approval gave a grant, in the transaction that seals it."""
    connection.execute(GRANTS.insert().values(hold_id=hold_id, ends=ends))
    tell(connection, Topic.GRANTS, hold_id)


def read_grants(*, since: float, limit: int = 1_000) -> Callable[[sa.Connection], list[GrantRow]]:
    """Grants that ended after ``since`` or have not ended, the latest first."""

    def work(connection: sa.Connection) -> list[GrantRow]:
        query = (
            sa.select(GRANTS, _CAPSULES.c.content, _CAPSULES.c.signature, _CAPSULES.c.key_id)
            .join(_CAPSULES, _CAPSULES.c.hold_id == GRANTS.c.hold_id)
            .where(GRANTS.c.ends > since)
            .order_by(GRANTS.c.ends.desc(), GRANTS.c.hold_id)
            .limit(limit)
        )
        return [
            GrantRow(
                capsule=Capsule(
                    content=row.content.encode(), signature=bytes.fromhex(row.signature), key_id=row.key_id
                ),
                ends=row.ends,
                revoked=row.revoked,
                revoked_by=row.revoked_by,
                revoked_reason=row.revoked_reason,
            )
            for row in connection.execute(query)
        ]

    return work


def revoke(hold_id: str, by: str, reason: str, now: float) -> Callable[[sa.Connection], bool]:
    """Take a grant back; False where none of that id stands."""

    def work(connection: sa.Connection) -> bool:
        done = connection.execute(
            GRANTS.update()
            .where(GRANTS.c.hold_id == hold_id, GRANTS.c.revoked.is_(None), GRANTS.c.ends > now)
            .values(revoked=now, revoked_by=by, revoked_reason=reason)
        )
        if done.rowcount == 1:
            tell(connection, Topic.GRANTS, hold_id)
        return done.rowcount == 1

    return work
