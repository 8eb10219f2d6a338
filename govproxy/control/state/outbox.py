"""Messages to webhooks that are still to be delivered: written in the transaction of what they tell of.

So none is lost in a restart and none is told of what did not happen. A message is delivered by whoever holds its
lease; of one request the earliest goes first, whoever delivers it. Bounded: of too many to one webhook the
oldest give way.

Security: bodies hold no data (`console.messages`), and neither addresses nor secrets are kept here: they are
found by the webhook's name in the configuration of whoever delivers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from govproxy.approvals.values import Standing
from govproxy.control.state.signals import Topic, tell

MAX_WAITING = 1_000  # to one webhook

OUTBOX = sa.Table(
    "govproxy_outbox",
    sa.MetaData(),
    sa.Column("webhook", sa.Text, primary_key=True),
    sa.Column("delivery", sa.Text, primary_key=True),
    sa.Column("hold_id", sa.Text, nullable=False),
    sa.Column("step", sa.BigInteger, nullable=False),  # grows with what happens to one request
    sa.Column("event", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("made_at", sa.Double, nullable=False),
    sa.Column("until", sa.Double, nullable=False),
    sa.Column("attempts", sa.BigInteger, nullable=False),
    sa.Column("next_at", sa.Double, nullable=False),
    sa.Column("leased_by", sa.Text, nullable=False),
    sa.Column("leased_until", sa.Double, nullable=False),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One message to one webhook. ``until``: what it tells is of no use to anybody after that."""

    webhook: str
    delivery: str
    hold_id: str
    step: int
    event: str
    body: str
    made_at: float
    until: float
    attempts: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What is to be done for one webhook: a message to deliver now, or when to look again; and what was given up."""

    letter: Letter | None
    next_at: float | None
    given_up: tuple[Letter, ...] = ()


def keeping(
    letters: Callable[[Standing], Sequence[Letter]], dropped: Callable[[str, int], None]
) -> Callable[[sa.Connection, Standing], None]:
    """Keeps what ``letters`` makes of a change, along with it. ``dropped`` hears how many older ones gave way."""

    def beside(connection: sa.Connection, standing: Standing) -> None:
        for webhook, count in put(connection, letters(standing)).items():
            dropped(webhook, count)

    return beside


def put(connection: sa.Connection, letters: Sequence[Letter]) -> Mapping[str, int]:
    """Keep messages, in the transaction of what they tell. Gives how many older ones gave way, by webhook."""
    dropped: dict[str, int] = {}
    for letter in letters:
        mine = OUTBOX.c.webhook == letter.webhook
        waiting = connection.execute(sa.select(sa.func.count()).select_from(OUTBOX).where(mine)).scalar_one()
        if waiting >= MAX_WAITING:
            oldest = (
                sa.select(OUTBOX.c.delivery)
                .where(mine)
                .order_by(OUTBOX.c.made_at, OUTBOX.c.step)
                .limit(waiting - MAX_WAITING + 1)
            )
            gone = connection.execute(OUTBOX.delete().where(mine, OUTBOX.c.delivery.in_(oldest))).rowcount
            dropped[letter.webhook] = dropped.get(letter.webhook, 0) + gone
        connection.execute(
            OUTBOX.insert().values(
                webhook=letter.webhook,
                delivery=letter.delivery,
                hold_id=letter.hold_id,
                step=letter.step,
                event=letter.event,
                body=letter.body,
                made_at=letter.made_at,
                until=letter.until,
                attempts=0,
                next_at=letter.made_at,
                leased_by="",
                leased_until=0.0,
            )
        )
        tell(connection, Topic.OUTBOX, letter.webhook)
    return dropped


def claim(webhook: str, instance: str, *, now: float, lease_s: float) -> Callable[[sa.Connection], Found]:
    """Take the lease of the next message that is due and that no earlier one of the same request waits before."""
    mine = OUTBOX.c.webhook == webhook
    earlier = OUTBOX.alias("earlier")
    first = ~sa.exists().where(
        earlier.c.webhook == OUTBOX.c.webhook,
        earlier.c.hold_id == OUTBOX.c.hold_id,
        earlier.c.step < OUTBOX.c.step,
    )

    def work(connection: sa.Connection) -> Found:
        given_up = _give_up(connection, webhook, now)
        due = (
            sa.select(OUTBOX)
            .where(mine, first, OUTBOX.c.next_at <= now, OUTBOX.c.leased_until <= now)
            .order_by(OUTBOX.c.next_at, OUTBOX.c.step)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        row = connection.execute(due).one_or_none()
        if row is None:
            # Whichever is due first; or the lease of somebody who may be gone by then.
            later = sa.case((OUTBOX.c.leased_until > OUTBOX.c.next_at, OUTBOX.c.leased_until), else_=OUTBOX.c.next_at)
            next_at = connection.execute(sa.select(sa.func.min(later)).where(mine, first)).scalar()
            return Found(letter=None, next_at=next_at, given_up=given_up)
        connection.execute(
            OUTBOX.update()
            .where(mine, OUTBOX.c.delivery == row.delivery)
            .values(leased_by=instance, leased_until=now + lease_s, attempts=OUTBOX.c.attempts + 1)
        )
        return Found(letter=_letter(row), next_at=None, given_up=given_up)

    return work


def done(letter: Letter, instance: str) -> Callable[[sa.Connection], bool]:
    """It was delivered, or never will be. False where the lease went to somebody else meanwhile."""

    def work(connection: sa.Connection) -> bool:
        return connection.execute(OUTBOX.delete().where(*_held(letter, instance))).rowcount == 1

    return work


def again(letter: Letter, instance: str, *, at: float) -> Callable[[sa.Connection], bool]:
    """It is to be tried again then, by anybody."""

    def work(connection: sa.Connection) -> bool:
        changed = OUTBOX.update().where(*_held(letter, instance)).values(next_at=at, leased_by="", leased_until=0.0)
        return connection.execute(changed).rowcount == 1

    return work


def release(instance: str) -> Callable[[sa.Connection], None]:
    """Give back every lease of an instance that stops."""

    def work(connection: sa.Connection) -> None:
        held = OUTBOX.update().where(OUTBOX.c.leased_by == instance)
        connection.execute(held.values(leased_by="", leased_until=0.0))

    return work


def sweep(now: float) -> Callable[[sa.Connection], None]:
    """Forget what is over, to webhooks that nobody has any more too."""

    def work(connection: sa.Connection) -> None:
        connection.execute(OUTBOX.delete().where(OUTBOX.c.until <= now, OUTBOX.c.leased_until <= now))

    return work


def counts() -> Callable[[sa.Connection], Mapping[str, int]]:
    """How many messages wait, by webhook."""

    def work(connection: sa.Connection) -> Mapping[str, int]:
        query = sa.select(OUTBOX.c.webhook, sa.func.count().label("waiting")).group_by(OUTBOX.c.webhook)
        return {row.webhook: row.waiting for row in connection.execute(query)}

    return work


def _give_up(connection: sa.Connection, webhook: str, now: float) -> tuple[Letter, ...]:
    over = (OUTBOX.c.webhook == webhook, OUTBOX.c.until <= now, OUTBOX.c.leased_until <= now)
    found = tuple(_letter(row) for row in connection.execute(sa.select(OUTBOX).where(*over)))
    if found:
        connection.execute(OUTBOX.delete().where(*over))
    return found


def _held(letter: Letter, instance: str) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        OUTBOX.c.webhook == letter.webhook,
        OUTBOX.c.delivery == letter.delivery,
        OUTBOX.c.leased_by == instance,
    )


def _letter(row: sa.Row[Any]) -> Letter:
    return Letter(
        webhook=row.webhook,
        delivery=row.delivery,
        hold_id=row.hold_id,
        step=row.step,
        event=row.event,
        body=row.body,
        made_at=row.made_at,
        until=row.until,
        attempts=row.attempts,
    )
