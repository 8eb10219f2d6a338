"""What reviewers were shown of a request, kept with what they said to it: figures, masked rows, the risk's parts.

Kept while it waits, so that every instance shows the same and a restart forgets nothing; a vote names the
digest of what was there to be seen. What nobody decided is evidence of nothing, and goes.
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


def keep(hold_id: str, form: dict[str, Any]) -> Callable[[sa.Connection], bool]:
    """Keep what was found; False where somebody found something before, or the request waits no more."""
    content = orjson.dumps(form, option=orjson.OPT_SORT_KEYS).decode()

    def work(connection: sa.Connection) -> bool:
        if len(content) > MAX_CHARACTERS:
            return False
        waits = sa.select(_HOLDS.c.id).where(_HOLDS.c.id == hold_id, _HOLDS.c.status == Status.WAITING.value)
        # What a vote has named already must not become something else.
        if connection.execute(waits.with_for_update()).scalar() is None or _content(connection, hold_id) is not None:
            return False
        connection.execute(FACTS.insert().values(hold_id=hold_id, content=content))
        return True

    return work


def read(hold_id: str) -> Callable[[sa.Connection], dict[str, Any] | None]:
    """What was kept; None where there is nothing."""

    def work(connection: sa.Connection) -> dict[str, Any] | None:
        content = _content(connection, hold_id)
        if content is None:
            return None
        try:
            found = orjson.loads(content)
        except orjson.JSONDecodeError as error:
            raise StateUnavailable("the state store's approvals are damaged") from error
        return found if isinstance(found, dict) else None

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
