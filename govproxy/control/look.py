"""One look at one database: its catalog, its sampled values, and the map made of them.

What ``govproxy classify`` shows and what the control process publishes come from the same steps.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]

from govproxy import masking
from govproxy.config.settings import Settings
from govproxy.control import catalog as catalogs
from govproxy.control.metadata import connect_to
from govproxy.control.state.classification import ClassNamed, load_kept
from govproxy.control.state.store import read_store
from govproxy.errors import UpstreamUnavailable
from govproxy.masking import taxonomy
from govproxy.masking.classify import Correction, classify
from govproxy.masking.kept import KeptClasses
from govproxy.masking.values import Classification
from govproxy.policy.rules import Policy
from govproxy.sql.catalog import Catalog

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """A catalog, values included, and its map. Security: stays in the process that made it."""

    catalog: Catalog
    classification: Classification


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A catalog, and the marks by which changes of structure and of values show."""

    catalog: Catalog
    marks: tuple[str, str]
    has_values: bool


def corrections_of(policy: Policy) -> list[Correction]:
    """A policy's ``classify`` as masking knows it."""
    return [Correction(pattern=f"{c.schema}.{c.relation}.{c.column}", tag=c.tag) for c in policy.classify]


def class_named(policy: Policy) -> ClassNamed:
    """Finds a class by its name."""
    known = {entry.sensitive.name: entry.sensitive for entry in taxonomy.TABLE}
    known.update({own.name: own for own in policy.own.classes})
    return known.get


def evidence_of(seen: Seen, policy: Policy) -> str:
    """A digest of everything that a map rests on: the database by its marks, the policy's words, the code."""
    # Sets print in any order.
    own = (
        sorted(repr((c.name, sorted(c.tags), c.level, c.masker)) for c in policy.own.classes),
        sorted(map(repr, policy.own.recognitions)),
    )
    parts = (seen.marks, seen.catalog.version, sorted(map(repr, policy.classify)), own, _code_digest())
    return hashlib.sha256(repr(parts).encode()).hexdigest()


@cache
def _code_digest() -> str:
    """Of the modules that classify, so that another version never takes this one's map for its own."""
    files = sorted(path for folder in masking.__path__ for path in Path(folder).rglob("*.py"))
    if not files:
        return secrets.token_hex(32)  # installed without sources: no map outlives the process
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


async def look_once(settings: Settings, database: str, policy: Policy, *, progress: Progress | None = None) -> Look:
    """Collect and classify, with the classes kept over renames, changing nothing.

    Raises UpstreamUnavailable when the database cannot be looked at, StateUnavailable.
    """
    kept = KeptClasses(await read_store(settings, load_kept(database, class_named(policy)), otherwise={}))
    connection = await connect_to(settings.databases[database])
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
    corrections = corrections_of(policy)
    found = classify(catalog, corrections, policy.own)
    return Look(catalog=catalog, classification=kept.keep(catalog, found, corrections))
