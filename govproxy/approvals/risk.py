"""The risk score of a held statement: points for what is known of it, each with its reason.

One table of points, the same for everybody, so that a score means the same everywhere. It orders
statements; it proves nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from govproxy.approvals.values import Hold, Nature

MOST = 100

_SENSITIVITY = {0: 0, 1: 5, 2: 10, 3: 20, 4: 30}
_ACTIONS = {
    **dict.fromkeys(("drop", "truncate"), 35),
    **dict.fromkeys(("unknown", "admin", "replication", "copy_program"), 40),
    **dict.fromkeys(("grant", "set_role", "do", "call", "function_message"), 25),
    **dict.fromkeys(("delete", "merge", "alter"), 20),
    **dict.fromkeys(("update", "create", "maintenance", "lock"), 10),
    **dict.fromkeys(("insert", "copy_in", "copy_out"), 5),
}
_WHERE = {"missing": 20, "constant": 20, "tautology": 20}
_ROWS = ((100_000, 25), (1_000, 15), (10, 5))
_UNKNOWN_ROWS = 20
_PRODUCTION = 15
_AGENT = 10
_OPAQUE = 25
_ODDITY = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Points and why."""

    why: str
    points: int


def parts(hold: Hold, *, actual_rows: int = -1) -> tuple[Part, ...]:
    """What adds up to the score. Unknown counts as bad. ``actual_rows`` -1: not counted."""
    nature = hold.nature
    if nature is None:
        return (Part(why="nothing is known of it", points=MOST),)
    return tuple(Part(why=why, points=points) for why, points in _points(hold, nature, actual_rows) if points)


def score(found: tuple[Part, ...]) -> int:
    """The sum, at most `MOST`."""
    return min(MOST, sum(part.points for part in found))


def told(found: tuple[Part, ...]) -> str:
    """``risk 45 of 100: delete 20, production 15, 12 rows 5, …`` for people and evidence."""
    listed = ", ".join(f"{part.why} {part.points}" for part in found)
    return f"risk {score(found)} of {MOST}" + (f": {listed}" if listed else "")


def _points(hold: Hold, nature: Nature, actual_rows: int) -> Iterator[tuple[str, int]]:
    yield f"sensitivity {nature.sensitivity}", _SENSITIVITY.get(nature.sensitivity, 30)
    # What is not in the table has not been thought of.
    worst = max(nature.actions, key=lambda action: _ACTIONS.get(action, 0 if action == "select" else 10), default="")
    yield worst or "no action", _ACTIONS.get(worst, 0 if worst == "select" else 10)
    if blind := next((where for where in nature.wheres if where in _WHERE), ""):
        yield f"WHERE {blind}", _WHERE[blind]
    yield _rows(actual_rows if actual_rows >= 0 else nature.estimated_rows)
    yield "production", _PRODUCTION if hold.environment == "production" else 0
    yield "an agent asks", _AGENT if hold.requester.agent else 0
    yield "not understood", _OPAQUE if nature.opaque else 0
    yield "could mislead a reader", _ODDITY if hold.oddities else 0


def _rows(rows: int) -> tuple[str, int]:
    if rows < 0:
        return "unknown rows", _UNKNOWN_ROWS
    return f"{rows} rows", next((points for above, points in _ROWS if rows > above), 0)
