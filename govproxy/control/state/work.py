"""What work on the state store is, and how its failures are told. Knows no kind of store."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import sqlalchemy as sa

from govproxy.errors import StateUnavailable

T = TypeVar("T")
Work = Callable[[sa.Connection], T]


def time_of(connection: sa.Connection, here: float) -> float:
    """The time that counts: ``here``, but the store's own where several instances share it, whose clocks may differ."""
    if connection.dialect.name != "postgresql":
        return here
    return float(connection.execute(sa.text("SELECT extract(epoch FROM clock_timestamp())::float8")).scalar_one())


def told(error: BaseException, *, hint: str | None = None) -> StateUnavailable:
    """A failure in words for an operator. Security: names neither host nor user."""
    code = getattr(getattr(error, "orig", None), "sqlstate", None) or type(error).__name__
    return StateUnavailable(f"the state store cannot be used ({code})", hint=hint)
