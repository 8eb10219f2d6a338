"""The connection over which a database's catalog is read: an ordinary role, read-only.

Knows nothing of what is read over it.
"""

from __future__ import annotations

import logging
import ssl
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Protocol

import asyncpg  # type: ignore[import-untyped]

from govproxy.config.settings import Database, SslMode, Upstream
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


async def connect_to(database: Database) -> MetadataConnection:
    """A connection to a configured database, with its own login and TLS as its URL says."""
    upstream = database.upstream
    return await connect(
        host=str(upstream.socket_directory) if upstream.socket_directory else upstream.host,
        port=upstream.port,
        user=upstream.user,
        database=upstream.database,
        password=database.password.reveal() if database.password is not None else None,
        tls=None if upstream.socket_directory else tls_context(upstream),
    )


def tls_context(upstream: Upstream) -> ssl.SSLContext | None:
    """TLS as a URL's ``sslmode`` and ``sslrootcert`` ask for; None: unencrypted."""
    if upstream.sslmode is SslMode.DISABLE:
        return None
    root = upstream.sslrootcert
    own_root = root is not None and root != Path("system")
    context = ssl.create_default_context(cafile=str(root) if own_root else None)
    context.check_hostname = upstream.sslmode is SslMode.VERIFY_FULL
    if upstream.sslmode is SslMode.REQUIRE and root is None:
        context.verify_mode = ssl.CERT_NONE
    return context


async def connect(
    *,
    host: str,
    port: int,
    user: str,
    database: str,
    password: str | None = None,
    tls: ssl.SSLContext | None = None,
    timeout_s: float = 10.0,
) -> MetadataConnection:
    """A connection for ``collect`` and ``fingerprint``; ``tls`` None: unencrypted.

    Raises ``UpstreamUnavailable``, whose message names neither the host nor the user.
    """
    try:
        connection: MetadataConnection = await asyncpg.connect(
            host=host,
            port=port,
            user=user,
            password=password,
            database=database,
            ssl=tls or False,
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
