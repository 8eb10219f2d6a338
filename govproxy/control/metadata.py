"""The connection over which a database's catalog is read: an ordinary role, read-only.

Knows nothing of what is read over it.
"""

from __future__ import annotations

import logging
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

import asyncpg  # type: ignore[import-untyped]

from govproxy.errors import UpstreamUnavailable

_log = logging.getLogger(__name__)

COLLECT_TIMEOUT_MS = 60_000


class MetadataConnection(Protocol):
    """What is used of an asyncpg connection."""

    async def fetch(self, query: str, *args: object) -> list[Any]: ...

    async def fetchval(self, query: str, *args: object) -> Any: ...

    async def execute(self, query: str, *args: object) -> Any: ...

    def transaction(
        self, *, isolation: str | None = None, readonly: bool = False
    ) -> AbstractAsyncContextManager[Any]: ...

    async def close(self) -> None: ...

    def terminate(self) -> None: ...

    def is_closed(self) -> bool: ...


async def connect(
    *,
    host: str,
    port: int,
    user: str,
    database: str,
    password: str | None = None,
    ssl: object = None,
    timeout_s: float = 10.0,
) -> MetadataConnection:
    """A connection for ``collect`` and ``fingerprint``; ``ssl`` is what asyncpg takes under that name.

    Raises ``UpstreamUnavailable``, whose message names neither the host nor the user.
    """
    try:
        connection: MetadataConnection = await asyncpg.connect(
            host=host,
            port=port,
            user=user,
            password=password,
            database=database,
            ssl=False if ssl is None else ssl,
            timeout=timeout_s,
            command_timeout=COLLECT_TIMEOUT_MS / 1000 + 5,
            statement_cache_size=0,  # a pooler in between may not keep prepared statements
        )
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        code = getattr(error, "sqlstate", None) or type(error).__name__
        raise UpstreamUnavailable(f"the catalog of database {database!r} cannot be read ({code})") from error
    for statement in ("SET application_name = 'govproxy metadata'", "SET default_transaction_read_only = on"):
        try:
            await connection.execute(statement)
        except asyncpg.PostgresError as error:
            _log.warning("metadata connection of %s: a setting was refused (%s)", database, error.sqlstate)
    return connection
