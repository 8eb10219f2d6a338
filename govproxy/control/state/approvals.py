"""What the state store holds about approvals: requests, what was said to them, the signed answers, their uses.

Every function makes work for `StateStore.run`: one transaction each, so that two approvers at once make
one decision, and a capsule with one use lets one statement run, whoever asks in which process.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson
import sqlalchemy as sa

from govproxy.approvals import deciding, forms
from govproxy.approvals.capsule import Capsule
from govproxy.approvals.turnaround import Ended
from govproxy.approvals.values import Hold, Standing, Status, Vote
from govproxy.control.state import facts, grants
from govproxy.control.state.signals import Topic, tell
from govproxy.control.state.work import time_of
from govproxy.errors import StateUnavailable

_METADATA = sa.MetaData()
HOLDS = sa.Table(
    "govproxy_holds",
    _METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("database_name", sa.Text, nullable=False),
    sa.Column("asked", sa.Double, nullable=False),
    sa.Column("deadline", sa.Double, nullable=False),
    sa.Column("decided", sa.Double),
    sa.Column("content", sa.Text, nullable=False),
    sa.Column("fingerprint", sa.Text),
    sa.Column("digest", sa.Text),
    sa.Column("instance", sa.Text),  # at which its client waits, where one does
)
VOTES = sa.Table(
    "govproxy_votes",
    _METADATA,
    sa.Column("hold_id", sa.Text, primary_key=True),
    sa.Column("person", sa.Text, primary_key=True),  # case-folded: one person, one vote
    sa.Column("said_at", sa.Double, nullable=False),
    sa.Column("content", sa.Text, nullable=False),
)
CAPSULES = sa.Table(
    "govproxy_capsules",
    _METADATA,
    sa.Column("hold_id", sa.Text, primary_key=True),
    sa.Column("content", sa.Text, nullable=False),
    sa.Column("signature", sa.Text, nullable=False),
    sa.Column("key_id", sa.Text, nullable=False),
    sa.Column("uses", sa.BigInteger, nullable=False),
    sa.Column("used", sa.BigInteger, nullable=False),
    sa.Column("expires", sa.Double, nullable=False),
)

# Made once: what SQLAlchemy compiles of them is found again, and making one costs more than running it.
_NEW_HOLD, _NEW_VOTE, _NEW_CAPSULE = HOLDS.insert(), VOTES.insert(), CAPSULES.insert()
_SAME = HOLDS.c.fingerprint == sa.bindparam("same", type_=sa.Text)
_NOW = sa.bindparam("now", type_=sa.Double)
_USABLE = (
    sa.select(HOLDS.c.id)
    .join(CAPSULES, CAPSULES.c.hold_id == HOLDS.c.id)
    .where(_SAME, HOLDS.c.status == Status.APPROVED.value)
    .where(CAPSULES.c.used < CAPSULES.c.uses, CAPSULES.c.expires > _NOW)
    .order_by(HOLDS.c.decided)
    .limit(1)
)
_STILL_OPEN = sa.select(HOLDS.c.id).where(_SAME, HOLDS.c.status == Status.WAITING.value, HOLDS.c.deadline > _NOW)
_SETTLE = (
    HOLDS.update()
    .where(HOLDS.c.id == sa.bindparam("hold", type_=sa.Text))
    .values(status=sa.bindparam("became", type_=sa.Text), decided=_NOW)
)
_USE = (
    CAPSULES.update()
    .where(CAPSULES.c.hold_id == sa.bindparam("hold", type_=sa.Text), CAPSULES.c.used < CAPSULES.c.uses)
    .where(CAPSULES.c.expires > _NOW)
    .values(used=CAPSULES.c.used + 1)
)

MOST_ALIKE = 200
_RULE = "\x1frule"  # a rule's key among the votes; no name of a person has a control character

# Makes the evidence of a decision; None where there is nothing to sign (withdrawn, timed out).
Sealing = Callable[[Standing], "Sealed | None"]
# Keeps something along with a change, in its transaction: messages that tell of it.
Beside = Callable[[sa.Connection, Standing], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """A capsule with what it allows."""

    capsule: Capsule
    uses: int
    expires: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Objected:
    """A vote that did not count, and why; ``detail`` where the word does not say it all."""

    why: deciding.Objection
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A request as it stands after it was asked. ``earlier``: it was there before, and answers this one too."""

    standing: Standing
    capsule: Capsule | None = None
    earlier: bool = False


def nothing_beside(connection: sa.Connection, standing: Standing) -> None:
    """Keeps nothing."""


def nothing_sealed(standing: Standing) -> Sealed | None:
    """Where nothing can be decided."""
    return None


def ask(
    hold: Hold,
    *,
    now: float | None = None,
    instance: str | None = None,
    vote: Vote | None = None,
    sealing: Sealing = nothing_sealed,
    beside: Beside = nothing_beside,
) -> Callable[[sa.Connection], Kept]:
    """Keep a new request, or find the one that answers it. ``vote``: what a rule says to it at once.

    Asked and decided is one transaction, so one round to the disk. ``now`` absent: when it was asked. Times are
    kept by the clock that counts (`work.time_of`), whatever the one of whoever asks says. ``instance``: where its
    client waits, if it does.
    """

    def work(connection: sa.Connection) -> Kept:
        here = hold.asked if now is None else now
        ahead = time_of(connection, here) - here
        return _ask(
            connection,
            replace(hold, asked=hold.asked + ahead, deadline=hold.deadline + ahead),
            here + ahead,
            instance if hold.waits else None,
            None if vote is None else replace(vote, time=vote.time + ahead),
            sealing,
            beside,
        )

    return work


def _ask(
    connection: sa.Connection,
    hold: Hold,
    now: float,
    instance: str | None,
    vote: Vote | None,
    sealing: Sealing,
    beside: Beside,
) -> Kept:
    before = _earlier(connection, hold, now)
    # An open one waits for people; where a rule has an answer to this one (a ticket was added), it is another.
    if before is not None and not (vote is not None and before.status is Status.WAITING):
        decided = before.status is not Status.WAITING
        return Kept(
            standing=before, capsule=_find_capsule(connection, before.hold.id) if decided else None, earlier=True
        )
    standing = Standing(hold=hold)
    after = deciding.ruled(standing, vote) if vote is not None else None
    ended = after is not None and after.status is not Status.WAITING
    connection.execute(
        _NEW_HOLD,
        {
            "id": hold.id,
            "status": (standing if after is None else after).status.value,
            "database_name": hold.subject.database,
            "asked": hold.asked,
            "deadline": hold.deadline,
            "decided": vote.time if ended and vote is not None else None,
            "content": orjson.dumps(forms.hold(hold)).decode(),
            "fingerprint": forms.fingerprint(hold),
            "digest": hold.subject.digest,
            "instance": instance,
        },
    )
    _changed(connection, standing, beside)
    if after is None or vote is None:
        return Kept(standing=standing)
    _keep(connection, hold.id, vote, person=_RULE)
    sealed = _seal(connection, after, sealing) if ended else None
    _changed(connection, after, beside)
    return Kept(standing=after, capsule=None if sealed is None else sealed.capsule)


def _earlier(connection: sa.Connection, hold: Hold, now: float) -> Standing | None:
    """The same request, made before: approved with a use left, or refused an answer on the wire and still open."""
    same = {"same": forms.fingerprint(hold), "now": now}
    found = connection.execute(_USABLE, same).scalar()
    if found is not None:
        return _standing(connection, found, locked=False)
    if hold.waits:
        return None
    for row in connection.execute(_STILL_OPEN, same).all():
        standing = _standing(connection, row.id, locked=False)
        if standing is not None and not standing.hold.waits:
            return standing
    return None


def read_some(hold_ids: Sequence[str]) -> Callable[[sa.Connection], list[Standing]]:
    """Requests by their ids, those that there are."""

    def work(connection: sa.Connection) -> list[Standing]:
        return _standings(connection, sa.select(HOLDS).where(HOLDS.c.id.in_(hold_ids)))

    return work


def read(hold_id: str) -> Callable[[sa.Connection], Standing | None]:
    """One request as it stands."""
    return lambda connection: _standing(connection, hold_id, locked=False)


def read_all(
    *, status: Status | None = None, limit: int = 200, before: tuple[float, str] | None = None
) -> Callable[[sa.Connection], list[Standing]]:
    """Requests as they stand, the newest first. ``before``: those that come after this time and id."""

    def work(connection: sa.Connection) -> list[Standing]:
        query = sa.select(HOLDS).order_by(HOLDS.c.asked.desc(), HOLDS.c.id).limit(limit)
        if status is not None:
            query = query.where(HOLDS.c.status == status.value)
        if before is not None:
            asked, hold_id = before
            query = query.where((HOLDS.c.asked < asked) | ((HOLDS.c.asked == asked) & (HOLDS.c.id > hold_id)))
        return _standings(connection, query)

    return work


def answer(
    hold_id: str, vote: Vote, sealing: Sealing, beside: Beside = nothing_beside
) -> Callable[[sa.Connection], Standing | Objected | None]:
    """Count a vote; None where there is no such request. A decision is sealed in the same transaction.

    The vote names what reviewers were shown by then.
    """

    def work(connection: sa.Connection) -> Standing | Objected | None:
        standing = _standing(connection, hold_id, locked=True)
        if standing is None:
            return None
        now = time_of(connection, vote.time)
        why = deciding.objection(standing, vote.person, vote.reason, now)
        if why is not None:
            return Objected(why=why)
        said = replace(vote, time=now, seen=facts.digest(connection, hold_id))
        _keep(connection, hold_id, said, person=said.person.user.casefold())
        after = deciding.answer(standing, said)
        if after.status is not Status.WAITING:
            _settle(connection, after, said.time, sealing)
        if after.status is Status.APPROVED and said.grant is not None:
            grants.keep(connection, hold_id, said.grant.until)
        _changed(connection, after, beside)
        return after

    return work


def rule(
    hold_id: str, vote: Vote, sealing: Sealing, beside: Beside = nothing_beside
) -> Callable[[sa.Connection], Standing | None]:
    """Count what a rule says; the request as it stands then, None: it comes too late or says nothing new.

    A decision is sealed in the same transaction.
    """

    def work(connection: sa.Connection) -> Standing | None:
        standing = _standing(connection, hold_id, locked=True)
        said = replace(vote, time=time_of(connection, vote.time))
        after = deciding.ruled(standing, said) if standing is not None else None
        if after is not None:
            _keep(connection, hold_id, said, person=_RULE)
            if after.status is not Status.WAITING:
                _settle(connection, after, said.time, sealing)
            _changed(connection, after, beside)
        return after

    return work


def decided_alike(hold: Hold, since: float) -> Callable[[sa.Connection], list[Capsule]]:
    """Decisions since then on what may be the same statement, for whoever compares them exactly."""
    digest = f'"digest":"{hold.subject.digest}"'

    def work(connection: sa.Connection) -> list[Capsule]:
        query = (
            sa.select(CAPSULES)
            .join(HOLDS, HOLDS.c.id == CAPSULES.c.hold_id)
            .where(
                HOLDS.c.database_name == hold.subject.database,
                HOLDS.c.decided >= since,
                CAPSULES.c.content.contains(digest, autoescape=True),
            )
            .order_by(HOLDS.c.decided.desc())
            .limit(MOST_ALIKE)
        )
        return [_capsule(row) for row in connection.execute(query)]

    return work


def ended(since: float) -> Callable[[sa.Connection], list[Ended]]:
    """Requests asked since then that have ended, however they did."""

    def work(connection: sa.Connection) -> list[Ended]:
        voters = sa.select(VOTES.c.hold_id, VOTES.c.person).join(HOLDS, HOLDS.c.id == VOTES.c.hold_id)
        by_rule: set[str] = set()
        by_people: set[str] = set()
        for row in connection.execute(voters.where(HOLDS.c.asked >= since)):
            (by_rule if row.person == _RULE else by_people).add(row.hold_id)
        query = sa.select(HOLDS.c.id, HOLDS.c.status, HOLDS.c.asked, HOLDS.c.decided).where(
            HOLDS.c.asked >= since, HOLDS.c.decided.is_not(None)
        )
        return [
            Ended(
                status=Status(row.status), asked=row.asked, ended=row.decided, automatic=row.id in by_rule - by_people
            )
            for row in connection.execute(query)
        ]

    return work


def end(
    hold_id: str, now: float, *, withdrawn: bool, beside: Beside = nothing_beside
) -> Callable[[sa.Connection], Standing | None]:
    """End the request of a client that has gone (``withdrawn``), or whose time is up.

    None: there was nothing to end. What is decided stays so, and it is ended once, whoever comes first.
    """

    def work(connection: sa.Connection) -> Standing | None:
        standing = _standing(connection, hold_id, locked=True)
        if standing is None:
            return None
        ended = time_of(connection, now)
        after = deciding.withdraw(standing) if withdrawn else deciding.run_out(standing, ended)
        if after.status is standing.status:
            return None
        _settle(connection, after, ended, nothing_sealed)
        if not after.votes:
            facts.drop(connection, hold_id)
        _changed(connection, after, beside)
        return after

    return work


def use(hold_id: str, now: float) -> Callable[[sa.Connection], bool]:
    """Take one use of an approval. False when none is left, or its time is over."""

    def work(connection: sa.Connection) -> bool:
        done = connection.execute(_USE, {"hold": hold_id, "now": time_of(connection, now)})
        return done.rowcount == 1

    return work


def capsule(hold_id: str) -> Callable[[sa.Connection], Capsule | None]:
    """The evidence of a decision."""

    return lambda connection: _find_capsule(connection, hold_id)


def overdue(now: float) -> Callable[[sa.Connection], Sequence[str]]:
    """Requests that nobody has answered in time and nobody has ended yet."""

    def work(connection: sa.Connection) -> Sequence[str]:
        waits = HOLDS.c.status == Status.WAITING.value
        query = sa.select(HOLDS.c.id).where(waits, HOLDS.c.deadline <= time_of(connection, now))
        return [row.id for row in connection.execute(query)]

    return work


def _standing(connection: sa.Connection, hold_id: str, *, locked: bool) -> Standing | None:
    # SQLite has one writer at a time anyway, and no FOR UPDATE; SQLAlchemy leaves it out there.
    query = sa.select(HOLDS).where(HOLDS.c.id == hold_id)
    row = connection.execute(query.with_for_update() if locked else query).one_or_none()
    if row is None:
        return None
    votes = connection.execute(sa.select(VOTES).where(VOTES.c.hold_id == hold_id).order_by(VOTES.c.said_at))
    return _read(row, [vote.content for vote in votes])


def _standings(connection: sa.Connection, query: sa.Select[Any]) -> list[Standing]:
    """Those that a query of `HOLDS` finds, in its order, in two questions however many they are."""
    rows = connection.execute(query).all()
    votes: dict[str, list[str]] = {row.id: [] for row in rows}
    for vote in connection.execute(sa.select(VOTES).where(VOTES.c.hold_id.in_(votes)).order_by(VOTES.c.said_at)):
        votes[vote.hold_id].append(vote.content)
    return [_read(row, votes[row.id]) for row in rows]


def _read(row: sa.Row[Any], votes: Sequence[str]) -> Standing:
    try:
        return Standing(
            hold=forms.read_hold(orjson.loads(row.content)),
            votes=tuple(forms.read_vote(orjson.loads(content)) for content in votes),
            status=Status(row.status),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise StateUnavailable("the state store's approvals are damaged") from error


def _find_capsule(connection: sa.Connection, hold_id: str) -> Capsule | None:
    row = connection.execute(sa.select(CAPSULES).where(CAPSULES.c.hold_id == hold_id)).one_or_none()
    return None if row is None else _capsule(row)


def _capsule(row: sa.Row[Any]) -> Capsule:
    return Capsule(content=row.content.encode(), signature=bytes.fromhex(row.signature), key_id=row.key_id)


def _keep(connection: sa.Connection, hold_id: str, vote: Vote, *, person: str) -> None:
    connection.execute(
        _NEW_VOTE,
        {
            "hold_id": hold_id,
            "person": person,
            "said_at": vote.time,
            "content": orjson.dumps(forms.vote(vote)).decode(),
        },
    )


def _changed(connection: sa.Connection, standing: Standing, beside: Beside) -> None:
    tell(connection, Topic.APPROVALS, standing.hold.id)
    beside(connection, standing)


def _settle(connection: sa.Connection, standing: Standing, now: float, sealing: Sealing) -> None:
    connection.execute(_SETTLE, {"hold": standing.hold.id, "became": standing.status.value, "now": now})
    _seal(connection, standing, sealing)


def _seal(connection: sa.Connection, standing: Standing, sealing: Sealing) -> Sealed | None:
    sealed = sealing(standing)
    if sealed is not None:
        connection.execute(
            _NEW_CAPSULE,
            {
                "hold_id": standing.hold.id,
                "content": sealed.capsule.content.decode(),
                "signature": sealed.capsule.signature.hex(),
                "key_id": sealed.capsule.key_id,
                "uses": sealed.uses,
                "used": 0,
                "expires": sealed.expires,
            },
        )
    return sealed
