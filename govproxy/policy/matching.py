"""Whether a rule is about a person, a place, an object: the parts of ``who`` and ``on``.

Each question has two readings. A rule that *grants* must fit without doubt; a rule that *restricts*
fits as soon as it might. Nothing here decides what follows from a match.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from fnmatch import fnmatchcase

from govproxy.identity.identity import Identity
from govproxy.policy.rules import On, Who
from govproxy.sql.catalog import Catalog, Relation
from govproxy.sql.values import Action, Effect

SYSTEM_SCHEMAS = frozenset({"pg_catalog", "information_schema", "pg_toast"})

# Objects that say nothing of any table, and those that are one or belong to one.
_HARMLESS_KINDS = frozenset(
    {"setting", "role", "channel", "cursor", "prepared", "transaction", "advisory", "wait", "query"}
)
_RELATION_KINDS = frozenset(
    {"", "table", "view", "materialized_view", "foreign_table", "sequence", "index", "type", "schema"}
)
# What may reach any table, whatever its object is called.
_MAY_REACH_ANYTHING = frozenset(
    {
        Action.CALL,
        Action.DO,
        Action.FUNCTION_MESSAGE,
        Action.COPY_PROGRAM,
        Action.ADMIN,
        Action.REPLICATION,
        Action.UNKNOWN,
    }
)
# What an effect without any object may be without touching a table.
_TOUCHES_NO_TABLE = frozenset(
    {
        Action.TRANSACTION,
        Action.CURSOR,
        Action.PREPARE,
        Action.SET,
        Action.SET_ROLE,
        Action.LISTEN,
        Action.NOTIFY,
        Action.EXPLAIN,
        Action.SELECT,
    }
)


class Reading(StrEnum):
    """How doubt is read."""

    GRANT = "grant"
    RESTRICT = "restrict"


def human_of(identity: Identity) -> Identity:
    """The same person without the agent: what an agent may never exceed."""
    if identity.agent is None:
        return identity
    return dataclasses.replace(identity, agent=None, on_behalf_of=None)


def views(identity: Identity) -> tuple[Identity, ...]:
    """Identities that must all be entitled: the session itself and, for an agent, its human."""
    return (identity,) if identity.agent is None else (identity, human_of(identity))


def who_matches(who: tuple[Who, ...], identity: Identity, reading: Reading) -> bool:
    """True when the rule is for this identity. No ``who`` at all is everyone."""
    return not who or any(_one_matches(one, identity, reading) for one in who)


def _one_matches(who: Who, identity: Identity, reading: Reading) -> bool:
    if not _parts_match(who, identity):
        return False
    exempt = who.exempt is not None and _parts_match(who.exempt, identity)
    if identity.agent is None:
        return not exempt
    if reading is Reading.GRANT:
        # Security: what people get by their groups or names does not extend to their agents
        # unless the rule says so.
        return not exempt and (who.names_agents or not (who.groups or who.users))
    return not (exempt and who.exempt is not None and who.exempt.names_agents)


def _parts_match(who: Who, identity: Identity) -> bool:
    if who.groups and not who.groups & identity.groups:
        return False
    if who.users and identity.user not in who.users:
        return False
    if who.names_agents:
        return identity.agent is not None and (who.any_agent or identity.agent in who.agents)
    return True


def place_matches(on: On, environment: str, database: str) -> bool:
    """``environments`` and ``databases``."""
    return _any(on.environments, environment) and _any(on.databases, database)


def object_matches(on: On, effect: Effect, catalog: Catalog, *, opaque: bool, reading: Reading) -> bool:
    """``schemas`` and ``tables`` against the object of one effect."""
    if on.relations:
        return _is_one_of(on, effect, catalog)
    if not on.schemas and not on.tables:
        return True
    if effect.kind in _HARMLESS_KINDS:
        return False
    if not effect.schema and not effect.name:
        # Security: an effect without a known object may be about any table.
        return reading is Reading.RESTRICT and (opaque or effect.action not in _TOUCHES_NO_TABLE)
    if effect.kind not in _RELATION_KINDS and effect.action in _MAY_REACH_ANYTHING:
        return reading is Reading.RESTRICT
    return any(_name_matches(on, schema, name, reading) for schema, name in _names(effect, catalog, reading))


def _is_one_of(on: On, effect: Effect, catalog: Catalog) -> bool:
    """By identity alone: no name, however it is written, and no kin but what is reached through one of them."""
    if effect.relation is None or effect.kind in _HARMLESS_KINDS:
        return False
    via = effect.facts.get("via")
    if via is None:
        return effect.relation in on.relations
    named = (catalog.relations.get(oid) for oid in on.relations)
    return effect.relation in on.through and any(r is not None and via == f"{r.schema}.{r.name}" for r in named)


def _names(effect: Effect, catalog: Catalog, reading: Reading) -> Iterator[tuple[str, str]]:
    """The names an object goes by: for a restriction also those of its partitions and parents."""
    if effect.kind == "schema":
        yield effect.name or effect.schema, "*"
        return
    relation = catalog.relations.get(effect.relation) if effect.relation is not None else None
    yield effect.schema, effect.name
    if relation is None or reading is Reading.GRANT:
        return
    for kin in kindred(relation, catalog):
        yield kin.schema, kin.name


def kindred(relation: Relation, catalog: Catalog) -> Iterator[Relation]:
    """The relation, its partitions and children, and all it is itself a part of."""
    yield from descendants(relation, catalog)
    yield from _reach(relation, catalog, lambda one: one.parents)


def descendants(relation: Relation, catalog: Catalog) -> Iterator[Relation]:
    """The relation and all its partitions and inheritance children."""
    yield relation
    yield from _reach(relation, catalog, lambda one: one.children)


def _reach(relation: Relation, catalog: Catalog, step: Callable[[Relation], tuple[int, ...]]) -> Iterator[Relation]:
    seen = {relation.oid}
    waiting = list(step(relation))
    while waiting:
        oid = waiting.pop()
        if oid not in seen and (kin := catalog.relations.get(oid)) is not None:
            seen.add(oid)
            waiting += step(kin)
            yield kin


def _name_matches(on: On, schema: str, name: str, reading: Reading) -> bool:
    if not schema and reading is Reading.GRANT:
        return False
    schema_unknown = not schema
    if on.schemas and not (schema_unknown or _any(on.schemas, schema)):
        return False
    if not on.tables:
        return True
    for pattern in on.tables:
        schema_pattern, _, name_pattern = pattern.partition(".")
        if (schema_unknown or fnmatchcase(schema, schema_pattern)) and (
            fnmatchcase(name, name_pattern) or (name == "*" and reading is Reading.RESTRICT)
        ):
            return True
    return False


def tags_match(wanted: frozenset[str], touched: Iterable[frozenset[str]], reading: Reading) -> bool:
    """``tags`` against the tags of each touched column (empty set: a clean column).

    A restriction fits when one column carries one of the tags, a grant when every column does.
    """
    if not wanted:
        return True
    carried = [bool(tags) and ("any" in wanted or not wanted.isdisjoint(tags)) for tags in touched]
    if reading is Reading.GRANT:
        return bool(carried) and all(carried)
    return any(carried)


def relation_matches(on: On, relation: Relation | None, column: str) -> bool | None:
    """``schemas``, ``tables`` and ``columns`` of a column rule; None when the relation is unknown."""
    if on.relations:
        if relation is None:
            return None
        return relation.oid in on.relations and (not on.column_names or column in on.column_names)
    if not on.schemas and not on.tables and not on.columns:
        return True
    if relation is None:
        return None
    if on.schemas and not _any(on.schemas, relation.schema):
        return False
    if on.tables and not any(_table(pattern, relation) for pattern in on.tables):
        return False
    return not on.columns or any(_column(pattern, relation, column) for pattern in on.columns)


def _table(pattern: str, relation: Relation) -> bool:
    schema, _, name = pattern.partition(".")
    return fnmatchcase(relation.schema, schema) and fnmatchcase(relation.name, name)


def _column(pattern: str, relation: Relation, column: str) -> bool:
    table, _, name = pattern.rpartition(".")
    return _table(table, relation) and fnmatchcase(column, name)


def _any(patterns: tuple[str, ...], text: str) -> bool:
    return not patterns or any(fnmatchcase(text, pattern) for pattern in patterns)
