"""The state store that a fleet shares: a PostgreSQL database, and its signals."""

from __future__ import annotations

import asyncio
import secrets
from typing import Any

import asyncpg  # type: ignore[import-untyped]
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from govproxy.config.secrets import Secret
from govproxy.config.settings import Upstream
from govproxy.control.metadata import tls_context
from govproxy.control.state.signals import SENDER, Heard, Listening
from govproxy.control.state.work import T, Work, told

TIMEOUT_S = 10.0
CONNECTIONS = 4  # kept open
MORE_CONNECTIONS = 8  # while there is much to do
_HINT = "`state` in govproxy.yaml says where it is."


class PostgresStore:
    """A database that several instances share. ``run`` goes through a pool, signals come over one connection more."""

    def __init__(self, upstream: Upstream, password: Secret | None) -> None:
        self._sender = secrets.token_hex(8)
        self._arguments: dict[str, Any] = {
            "host": str(upstream.socket_directory) if upstream.socket_directory else upstream.host,
            "port": upstream.port,
            "user": upstream.user,
            "database": upstream.database,
            "password": password.reveal() if password is not None else None,
            "ssl": (None if upstream.socket_directory else tls_context(upstream)) or False,
            "timeout": TIMEOUT_S,
            "command_timeout": TIMEOUT_S,
            # A pooler in between may not keep prepared statements.
            "statement_cache_size": 0,
        }
        self._engine: AsyncEngine = create_async_engine(
            sa.URL.create("postgresql+asyncpg"),
            pool_size=CONNECTIONS,
            max_overflow=MORE_CONNECTIONS,
            pool_timeout=TIMEOUT_S,
            pool_pre_ping=True,
            connect_args=self._arguments
            | {"prepared_statement_cache_size": 0, "server_settings": {"application_name": "govproxy state"}},
        )
        self._listening = Listening(self._connect, own=self._sender)

    @property
    def hears(self) -> bool:
        """Whether signals of other instances arrive now."""
        return self._listening.hears

    def listen(self, heard: Heard) -> None:
        """Call ``heard`` with the signals of other instances."""
        self._listening.listen(heard)

    async def run(self, work: Work[T]) -> T:
        def signed(connection: sa.Connection) -> T:
            connection.info[SENDER] = self._sender
            return work(connection)

        try:
            async with asyncio.timeout(2 * TIMEOUT_S), self._engine.begin() as connection:
                return await connection.run_sync(signed)
        except (sa.exc.SQLAlchemyError, OSError, TimeoutError) as error:
            raise told(error, hint=_HINT) from error
        except Exception as error:
            # The driver's own errors at connect time are not wrapped.
            if type(error).__module__.startswith("asyncpg"):
                raise told(error, hint=_HINT) from error
            raise

    async def close(self) -> None:
        await self._listening.stop()
        await self._engine.dispose()

    async def _connect(self) -> Any:
        return await asyncpg.connect(
            **self._arguments, server_settings={"application_name": "govproxy state, listening"}
        )
