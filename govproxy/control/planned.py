"""The planner's figure for one statement that nobody runs, over a connection of its own.

What ``govproxy explain`` asks where a rule wants to know how many rows there will be: the question that a session
asks in its own place (``session.estimate``). EXPLAIN plans and runs nothing; it stands in a read-only
transaction under short timeouts, in the role that the identity would have.
"""

from __future__ import annotations

import asyncpg  # type: ignore[import-untyped]

from govproxy.config.settings import Database
from govproxy.control.metadata import connect_to
from govproxy.errors import GovproxyError
from govproxy.identity.identity import Identity
from govproxy.session.estimate import EXPLAIN, SETTINGS
from govproxy.sql.catalog import Catalog, Relation
from govproxy.sql.estimating import parameters, rows_in, table_asked_about
from govproxy.sql.values import Analysis


class NoFigure(Exception):
    """The planner is not asked, or does not say; the text says why, without any value."""


async def planned_rows(
    database: Database, identity: Identity, text: str, analysis: Analysis, catalog: Catalog
) -> tuple[Relation, int]:
    """The table and how many of its rows the planner expects to be touched. Raises `NoFigure`."""
    table = table_asked_about(text, analysis, catalog)
    if table is None:
        raise NoFigure("the planner is asked about conditions on one analysed table only")
    if parameters(text):
        raise NoFigure("parameters have no values here; a session asks with them")
    role = next((role for group, role in database.roles if group in identity.groups), None)
    if database.roles and role is None:
        raise NoFigure("no role in the database is meant for this identity")
    try:
        connection = await connect_to(database)
    except GovproxyError as error:
        raise NoFigure("the database cannot be reached") from error
    try:
        async with connection.transaction(readonly=True):
            for name, value in SETTINGS:
                await connection.execute(f"SET LOCAL {name} = {value}")
            if role is not None:
                await connection.execute("SELECT pg_catalog.set_config('role', $1::text, true)", role)
            # Security: analysis saw one statement in the text, and this protocol takes no second one.
            plan = await connection.fetchval(EXPLAIN + text)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
        code = getattr(error, "sqlstate", None) or type(error).__name__
        raise NoFigure(f"the planner has answered with an error ({code})") from error
    finally:
        connection.terminate()
    rows = rows_in(str(plan).encode())
    if rows is None:
        raise NoFigure("the plan does not say")
    return table, rows
