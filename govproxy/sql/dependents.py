"""What falls with an object that is dropped: PostgreSQL's own dependencies, followed to their end.

From the catalog alone. What falls whole, and what loses a part by it, become effects like any other,
marked ``via`` and ``by=cascade``. Knows nothing of statements.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from govproxy.sql.catalog import Catalog, ObjectId, Relation, RelationKind
from govproxy.sql.values import Action, Effect

MAX_FALLEN = 500

KINDS: Mapping[RelationKind, str] = {
    RelationKind.TABLE: "table",
    RelationKind.PARTITIONED: "table",
    RelationKind.VIEW: "view",
    RelationKind.MATERIALISED_VIEW: "materialized_view",
    RelationKind.FOREIGN_TABLE: "foreign_table",
    RelationKind.SEQUENCE: "sequence",
    RelationKind.COMPOSITE: "type",
    RelationKind.TOAST: "table",
    RelationKind.INDEX: "index",
}
_ROUTINES = {"p": "procedure", "a": "aggregate"}
# Of these a schema cannot be told to be rid of one by one: they are in it as relations, functions and types are.
_NOT_OF_A_SCHEMA = frozenset({"constraint", "trigger", "policy", "rule", "default", "index"})


class Fallen(NamedTuple):
    """Everything that falls, in the order it was found. ``complete`` is False where there is more than was followed."""

    objects: tuple[ObjectId, ...] = ()
    complete: bool = True


def fallen(starts: Iterable[ObjectId], catalog: Catalog, *, cascade: bool, along: Iterable[ObjectId] = ()) -> Fallen:
    """What else goes with ``starts``, and with what goes ``along``; without CASCADE only what belongs to them."""
    named = frozenset(starts)
    seen = set(named)
    found: list[ObjectId] = []
    todo = deque(named)
    for one in along:
        if one not in seen:
            if len(found) >= MAX_FALLEN:
                return Fallen(tuple(found), complete=False)
            seen.add(one)
            found.append(one)
            todo.append(one)
    while todo:
        for dependent in _dependents(todo.popleft(), catalog, cascade=cascade):
            if dependent in seen or dependent._replace(column=0) in seen:
                continue
            if len(found) >= MAX_FALLEN:
                return Fallen(tuple(found), complete=False)
            seen.add(dependent)
            found.append(dependent)
            todo.append(dependent)
    # A part of a table that falls is no loss of its own.
    gone = {one.oid for one in seen if one.kind == "relation" and not one.column}
    things = catalog.dependencies.things
    whole = (one for one in found if not ((thing := things.get((one.kind, one.oid))) and thing.table in gone))
    return Fallen(tuple(whole), complete=catalog.dependencies.known or not cascade)


def _dependents(current: ObjectId, catalog: Catalog, *, cascade: bool) -> Iterator[ObjectId]:
    edges = catalog.dependencies.of.get((current.kind, current.oid), ())
    for edge in edges:
        if (cascade or edge.automatic) and (not current.column or edge.column in (0, current.column)):
            yield edge.dependent
    relation = catalog.relations.get(current.oid) if current.kind == "relation" and current.column else None
    if relation is not None and relation.kind is RelationKind.COMPOSITE:
        # A part of a composite type is a part of every column that is of it.
        for edge in edges:
            if not edge.column and edge.dependent.kind == "relation":
                yield ObjectId("attribute", edge.dependent.oid)


def effects(found: Fallen, via: str, action: Action, catalog: Catalog) -> tuple[Effect, ...]:
    """What falls, as effects. ``action`` is that of what is not known, where there is more."""
    made = [effect for one in found.objects if (effect := _effect(one, via, catalog)) is not None]
    if not found.complete:
        made.append(unknown(action, via))
    return tuple(made)


def with_relation(relation: Relation, facts: Mapping[str, str | int | bool], catalog: Catalog) -> tuple[Effect, ...]:
    """What goes with a relation that is dropped, or with a column of it (fact ``column``)."""
    column = relation.column(str(facts["column"])) if "column" in facts else None
    start = ObjectId("relation", relation.oid, column.attnum if column is not None else 0)
    found = fallen((start,), catalog, cascade=bool(facts.get("cascade")))
    return effects(found, f"{relation.schema}.{relation.name}", Action.DROP, catalog)


def unknown(action: Action, via: str) -> Effect:
    """The same done to something that is not known: it may be anything."""
    return Effect(action=action, kind="table", facts={"via": via, "by": "cascade", "unresolved": True})


def _effect(one: ObjectId, via: str, catalog: Catalog) -> Effect | None:
    said: dict[str, str | int | bool] = {"via": via, "by": "cascade"}
    match one.kind:
        case "relation":
            relation = catalog.relations.get(one.oid)
            if relation is None:
                return None
            columns = tuple(column.name for column in relation.columns if one.column and column.attnum == one.column)
            return on_relation(Action.DROP, relation, {**said, **({"column": columns[0]} if columns else {})}, columns)
        case "attribute":
            relation = catalog.relations.get(one.oid)
            return (
                None
                if relation is None
                else on_relation(Action.ALTER, relation, {**said, "commands": "drop_attribute"})
            )
        case "function":
            routine = catalog.functions.get(one.oid)
            if routine is None:
                return None
            kind = _ROUTINES.get(routine.kind, "function")
            return Effect(action=Action.DROP, kind=kind, schema=routine.schema, name=routine.name, facts=said)
        case "type":
            known = catalog.types.get(one.oid)
            if known is None:
                return None
            kind = "domain" if known.kind == "d" else "type"
            return Effect(action=Action.DROP, kind=kind, schema=known.schema, name=known.name, facts=said)
        case kind:
            other = catalog.dependencies.things.get((kind, one.oid))
            if other is None:
                return None
            table = catalog.relations.get(other.table) if other.table else None
            if table is not None:
                return on_relation(Action.ALTER, table, {**said, "commands": f"drop_{kind}", "part": other.name})
            return Effect(action=Action.DROP, kind=kind, schema=other.schema, name=other.name, facts=said)


def on_relation(
    action: Action, relation: Relation, facts: dict[str, str | int | bool], columns: tuple[str, ...] = ()
) -> Effect:
    """What is done to a relation, or to these columns of it."""
    return Effect(
        action=action,
        kind=KINDS[relation.kind],
        schema=relation.schema,
        name=relation.name,
        relation=relation.oid,
        columns=columns,
        facts=facts,
    )


# What is meant by a name


def named(
    kind: str, schema: str, name: str, catalog: Catalog, search_path: tuple[str, ...] | None
) -> tuple[ObjectId, ...]:
    """The objects that a name in a DROP may mean, whatever overload of it."""
    match kind:
        case "function" | "procedure" | "routine" | "aggregate":
            routines = catalog.resolve_function(schema or None, name, search_path)
            return tuple(ObjectId("function", routine.oid) for routine in routines)
        case "type" | "domain":
            types = catalog.resolve_type(schema or None, name, search_path)
            return tuple(
                ObjectId("relation", found.relation_oid) if found.relation_oid else ObjectId("type", found.oid)
                for found in types
            )
        case "schema":
            return in_schema(name, catalog)
        case "language" | "extension":
            # A language that the server itself has brought is an extension of the same name.
            return (*_others(kind, "", name, catalog), *_others("language", "", name, catalog))
        case "cast":
            # Known by what it makes.
            return tuple(
                ObjectId(other, oid)
                for (other, oid), thing in catalog.dependencies.things.items()
                if other == kind and thing.name.endswith(f"{name})")
            )
        case _:
            return _others(kind, schema, name, catalog)


def in_schema(schema: str, catalog: Catalog) -> tuple[ObjectId, ...]:
    """Everything in a schema."""
    relations = (ObjectId("relation", oid) for oid, one in catalog.relations.items() if one.schema == schema)
    functions = (ObjectId("function", oid) for oid, one in catalog.functions.items() if one.schema == schema)
    types = (
        ObjectId("type", oid)
        for oid, one in catalog.types.items()
        if one.schema == schema and not one.relation_oid and one.category != "A"
    )
    others = (
        ObjectId(kind, oid)
        for (kind, oid), one in catalog.dependencies.things.items()
        if one.schema == schema and kind not in _NOT_OF_A_SCHEMA
    )
    return (*relations, *functions, *types, *others)


def part(kind: str, table: int, name: str, catalog: Catalog) -> tuple[ObjectId, ...]:
    """A constraint or another part of a table, by its name."""
    return tuple(
        ObjectId(known, oid)
        for (known, oid), thing in catalog.dependencies.things.items()
        if known == kind and thing.table == table and thing.name == name
    )


def _others(kind: str, schema: str, name: str, catalog: Catalog) -> tuple[ObjectId, ...]:
    return tuple(
        ObjectId(known, oid)
        for (known, oid), thing in catalog.dependencies.things.items()
        if known == kind and thing.name == name and (not schema or thing.schema == schema)
    )
