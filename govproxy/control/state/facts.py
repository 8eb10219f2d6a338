"""What reviewers were shown of a request, kept with what they said to it: figures, masked rows, the risk's parts.

Kept while it waits, so that every instance shows the same and a restart forgets nothing; a vote names the
digest of what was there to be seen. What was found first counts for everybody; a rehearsal that somebody asked for
afterwards takes its place as long as no vote names it. What nobody decided is evidence of nothing, and goes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import orjson
import sqlalchemy as sa

from govproxy.approvals.values import Status
from govproxy.errors import StateUnavailable

MAX_CHARACTERS = 400_000

FACTS = sa.Table(
    "govproxy_facts",
    sa.MetaData(),
    sa.Column("hold_id", sa.Text, primary_key=True),
    sa.Column("content", sa.Text, nullable=False),
)
_HOLDS = sa.table("govproxy_holds", sa.column("id"), sa.column("status"))
_VOTES = sa.table("govproxy_votes", sa.column("hold_id"))


def keep(hold_id: str, form: dict[str, Any]) -> Callable[[sa.Connection], bool]:
    """Keep what was found; False where as much was found before, or the request waits no more."""
    content = orjson.dumps(form, option=orjson.OPT_SORT_KEYS).decode()

    def work(connection: sa.Connection) -> bool:
        if len(content) > MAX_CHARACTERS:
            return False
        waits = sa.select(_HOLDS.c.id).where(_HOLDS.c.id == hold_id, _HOLDS.c.status == Status.WAITING.value)
        if connection.execute(waits.with_for_update()).scalar() is None:
            return False
        before = _content(connection, hold_id)
        if before is None:
            connection.execute(FACTS.insert().values(hold_id=hold_id, content=content))
            return True
        # Security: what a vote has named already must not become something else.
        named = connection.execute(sa.select(_VOTES.c.hold_id).where(_VOTES.c.hold_id == hold_id).limit(1)).scalar()
        if named is not None or _stands(_parsed(before)) or not form.get("rehearsal"):
            return False
        connection.execute(FACTS.update().where(FACTS.c.hold_id == hold_id).values(content=content))
        return True

    return work


def read(hold_id: str) -> Callable[[sa.Connection], dict[str, Any] | None]:
    """What was kept; None where there is nothing."""

    def work(connection: sa.Connection) -> dict[str, Any] | None:
        content = _content(connection, hold_id)
        return None if content is None else _parsed(content)

    return work


def digest(connection: sa.Connection, hold_id: str) -> str | None:
    """SHA-256 of what is kept, in hexadecimal; None where there is nothing."""
    content = _content(connection, hold_id)
    return None if content is None else hashlib.sha256(content.encode()).hexdigest()


def drop(connection: sa.Connection, hold_id: str) -> None:
    """Forget it."""
    connection.execute(FACTS.delete().where(FACTS.c.hold_id == hold_id))


def _content(connection: sa.Connection, hold_id: str) -> str | None:
    found = connection.execute(sa.select(FACTS.c.content).where(FACTS.c.hold_id == hold_id)).scalar()
    return None if found is None else str(found)


def _parsed(content: str) -> dict[str, Any] | None:
    try:
        found = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise StateUnavailable("the state store's approvals are damaged") from error
    return found if isinstance(found, dict) else None


def _stands(form: dict[str, Any] | None) -> bool:
    """Whether it tells of a rehearsal that stands in its transaction."""
    rehearsal = None if form is None else form.get("rehearsal")
    return isinstance(rehearsal, dict) and bool(rehearsal.get("until"))
