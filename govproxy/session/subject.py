"""What exactly is to run, as an approval is bound to it: the statement's meaning, its parameters, its objects.

Made where the statement was judged, and made again just before it runs. What is not known makes a
subject that fits this one run and no other. Values in, a value out; knows no session.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from govproxy.approvals.values import Object, Subject
from govproxy.policy.touched import Ground, chain
from govproxy.session.bound import parameters
from govproxy.session.snapshot import DatabaseSnapshot
from govproxy.sql.analyze import Shadow
from govproxy.sql.canonical import Canonical
from govproxy.sql.values import Analysis


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """Besides the text: what its meaning rests on. ``run`` names this run and no other."""

    search_path: tuple[str, ...] | None  # None: not known
    settings: tuple[str, ...]  # as name=value, where a literal's meaning depends on them
    shadow: Shadow  # names that SQL gave to statements and cursors
    cacheable: bool  # False: it means what such names mean
    run: str


def subject_of(
    canonical: Canonical,
    analysis: Analysis,
    snapshot: DatabaseSnapshot,
    circumstances: Circumstances,
    *,
    policy_version: str,
    bound: bytes | None = None,
    types: bytes | None = None,
) -> Subject:
    """The subject of one run. ``bound``: the body of its Bind, ``types``: what its Parse declared, None for nothing."""
    return Subject(
        database=snapshot.name,
        digest=canonical.digest,
        parameters="" if bound is None else _parameters(bound, types or b""),
        objects=objects_of(analysis, snapshot),
        settings=_settings(circumstances),
        catalog_version=snapshot.catalog.version,
        policy_version=policy_version,
    )


def objects_of(analysis: Analysis, snapshot: DatabaseSnapshot) -> tuple[Object, ...]:
    """Every relation within reach by identity, with what is sensitive in it; unknown names as they are."""
    ground = Ground(snapshot.catalog, snapshot.classification)
    parts = [part for statement in analysis.statements for part in chain(statement)]
    oids = {oid for part in parts for oid in part.reads}
    oids |= {effect.relation for part in parts for effect in part.effects if effect.relation is not None}
    found: list[Object] = []
    for oid in sorted(oids):
        relation = ground.relation(oid)
        name = "" if relation is None else f"{relation.schema}.{relation.name}"
        found.append(Object(oid=oid, name=name, tags=_tags(oid, snapshot)))
    unknown = {name for part in parts for name in part.unresolved}
    return (*found, *(Object(oid=0, name=name) for name in sorted(unknown)))


def _tags(oid: int, snapshot: DatabaseSnapshot) -> tuple[str, ...]:
    columns = snapshot.classification.columns.items()
    return tuple(sorted({tag for ref, found in columns if ref.relation == oid for tag in found.sensitive.tags}))


def _parameters(bound: bytes, types: bytes) -> str:
    # Another declared type may mean another operator or function.
    parts: list[bytes] = [types]
    for binary, value in parameters(bound):
        # The same value in the other format may give another digest; another value never gives the same.
        parts += [b"NULL"] if value is None else [b"binary" if binary else b"text", value]
    return _digest(parts)


def _settings(of: Circumstances) -> tuple[str, ...]:
    found = list(of.settings)
    if of.search_path is None:
        found.append(f"search_path=unknown in {of.run}")
    else:
        found.append(f"search_path={_digest(name.encode() for name in of.search_path)}")
    if not of.cacheable:
        found.append(f"names={_digest([repr(of.shadow).encode(), of.run.encode()])}")
    return tuple(sorted(found))


def _digest(parts: Iterable[bytes]) -> str:
    made = hashlib.sha256()
    for part in parts:
        made.update(len(part).to_bytes(8, "big") + part)  # so that no two lists of parts are one
    return made.hexdigest()
