"""One look at one database: its catalog, its sampled values, and the map made of them.

What ``govproxy classify`` shows and what the control process publishes come from the same steps.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import asyncpg  # type: ignore[import-untyped]

from govproxy.config.settings import Settings
from govproxy.control import catalog as catalogs
from govproxy.control.metadata import connect_to
from govproxy.errors import UpstreamUnavailable
from govproxy.masking.classify import Correction, classify
from govproxy.masking.values import Classification
from govproxy.policy.rules import Policy
from govproxy.sql.catalog import Catalog

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """A catalog, values included, and its map. Security: stays in the process that made it."""

    catalog: Catalog
    classification: Classification


def corrections_of(policy: Policy) -> list[Correction]:
    """A policy's ``classify`` as masking knows it."""
    return [Correction(pattern=f"{c.schema}.{c.relation}.{c.column}", tag=c.tag) for c in policy.classify]


async def look_once(settings: Settings, database: str, policy: Policy, *, progress: Progress | None = None) -> Look:
    """Collect and classify. Raises UpstreamUnavailable when the database cannot be looked at."""
    configured = settings.databases[database]
    connection = await connect_to(configured)
    try:
        catalog = await catalogs.collect(connection, database, progress=progress)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise UpstreamUnavailable(
            f"the catalog of database `{database}` cannot be read ({type(error).__name__})"
        ) from error
    finally:
        connection.terminate()
    if progress is not None:
        progress("weighing the evidence")
    return Look(catalog=catalog, classification=classify(catalog, corrections_of(policy)))
