"""That what is measured is the whole product.

Policy, masking and audit are seen to work on the very proxy that is timed, before it is timed.
"""

from __future__ import annotations

from pathlib import Path

import psycopg
from psycopg.errors import InsufficientPrivilege

from bench.database import WIDE_QUERY
from bench.drain import Drain
from bench.peers import GovProxy
from bench.values import Json

_STATEMENT = b'"event":"statement"'
EXPECTED_MASKED = ["email", "full_name"]


class NotEverythingOn(RuntimeError):
    """The proxy let something through that it must not: figures of it would say nothing."""


def collect(peer: GovProxy) -> dict[str, Json]:
    """Look, on a running proxy. Raises ``NotEverythingOn``."""
    before = _statements(peer.folder / "audit")
    masked = _masked_columns(peer)
    refused = _refused(peer)
    recorded = _statements(peer.folder / "audit") - before
    if recorded != 3:
        raise NotEverythingOn(f"3 statements, but {recorded} statement lines in the ledger")
    if masked != EXPECTED_MASKED:
        raise NotEverythingOn(f"of the wide table {masked} are masked instead of {EXPECTED_MASKED}")
    return {
        "policy": f"on: DROP TABLE refused with {refused}",
        "masking": f"on: columns {', '.join(masked)} of the wide table are masked in every row, no other is",
        "audit": f"on: {recorded} statements gave {recorded} statement lines, written before they were forwarded",
    }


def _masked_columns(peer: GovProxy) -> list[str]:
    query = f"{WIDE_QUERY} ORDER BY id"
    with psycopg.connect(peer.ground.dsn(), autocommit=True) as direct:
        description = direct.execute(f"{query} LIMIT 0").description
    names = [column.name for column in description or ()]
    with Drain(peer.ground.dsn()) as plain, Drain(peer.dsn()) as governed:
        # Twice: with a cold and with a warm verdict cache.
        pairs = [(plain.rows(query), governed.rows(query)) for _ in range(2)]
    differing: set[str] = set()
    for real, seen in pairs:
        if len(real) != len(seen):
            raise NotEverythingOn(f"{len(real)} rows directly, {len(seen)} through govproxy")
        changed = {
            name for a, b in zip(real, seen, strict=True) for name, x, y in zip(names, a, b, strict=True) if x != y
        }
        untouched = {
            name
            for name in changed
            if any(a[names.index(name)] == b[names.index(name)] for a, b in zip(real, seen, strict=True))
        }
        if untouched:
            raise NotEverythingOn(f"some values of {sorted(untouched)} came through as they are")
        differing |= changed
    return [name for name in names if name in differing]


def _refused(peer: GovProxy) -> str:
    with psycopg.connect(peer.dsn(), autocommit=True) as governed:
        try:
            governed.execute("DROP TABLE wide")
        except InsufficientPrivilege as error:
            return str(error.sqlstate)
    raise NotEverythingOn("DROP TABLE went through")


def _statements(folder: Path) -> int:
    return sum(path.read_bytes().count(_STATEMENT) for path in folder.glob("*.jsonl"))
