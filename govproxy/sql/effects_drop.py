"""What DROP, TRUNCATE and their kin do: what is named, and what falls with it."""

from __future__ import annotations

from govproxy.sql import dependents
from govproxy.sql.catalog import ObjectId, Relation, RelationKind
from govproxy.sql.effects import Collector, Facts
from govproxy.sql.objects import RELATION_KINDS, Name, kind_of, object_name, on_object, role_name
from govproxy.sql.tree import Node
from govproxy.sql.values import Action


def drop(_: str, body: Node, notes: Collector) -> None:
    """DROP of each object named, and what falls with it."""
    kind = kind_of(body["removeType"])
    cascade = body.get("behavior") == "DROP_CASCADE"
    facts: Facts = {"cascade": cascade, "if_exists": bool(body.get("missing_ok"))}
    for item in body["objects"]:
        named = object_name(kind, item)
        if kind == "publication":
            notes.add(Action.REPLICATION, kind, name=named.name, facts=facts)
            continue
        on_object(Action.DROP, kind, item, notes, facts)
        via = f"{named.schema}.{named.name}" if named.schema else named.name
        if named.parent is not None:
            # Its table is another one without it.
            said: Facts = {"commands": f"drop_{kind}", "part": named.name, "via": via, "by": "cascade"}
            notes.relation(Action.ALTER, named.parent, facts=said)
        elif kind == "schema":
            inside = dependents.in_schema(named.name, notes.catalog) if cascade else ()
            notes.falls((), via, cascade=cascade, along=inside)
        elif kind not in RELATION_KINDS:
            starts = dependents.named(kind, named.schema, named.name, notes.catalog, notes.search_path)
            notes.falls(starts, via, cascade=cascade)
        elif kind == "index":
            _drops_index(named, via, notes, cascade=cascade)
    dropped = [effect for effect in notes.effects if effect.action is Action.DROP]
    notes.changed_catalog(bool(dropped) and all(effect.temporary for effect in dropped))


def _drops_index(named: Name, via: str, notes: Collector, *, cascade: bool) -> None:
    """Its table is another one without it, and what rests on its being unique goes."""
    indexes = dependents.named("index", named.schema, named.name, notes.catalog, notes.search_path)
    for one in indexes:
        table = notes.catalog.relations.get(notes.catalog.dependencies.things[one.kind, one.oid].table)
        if table is not None:
            said: Facts = {"commands": "drop_index", "part": named.name, "via": via, "by": "cascade"}
            notes.on(Action.ALTER, table, facts=said, alone=True)
    notes.falls(indexes, via, cascade=cascade)


_SOMEBODY = frozenset({"current_user", "session_user", "current_role", "public", ""})


def drop_owned(kind: str, body: Node, notes: Collector) -> None:
    """DROP OWNED BY, REASSIGN OWNED BY: everything that the role has in this database."""
    action = Action.DROP if kind == "DropOwnedStmt" else Action.ALTER
    catalog = notes.catalog
    cascade = body.get("behavior") == "DROP_CASCADE"
    for role in body["roles"]:
        owner = role_name(role["RoleSpec"])
        notes.add(action, "owned", name=owner, cascade=cascade)
        if action is Action.DROP:
            # It takes the role's rights to other things as well.
            notes.add(Action.GRANT, "owned", name=owner, grant=False, grantees=owner, via=owner, by="cascade")
        if owner in _SOMEBODY or not catalog.dependencies.known:
            notes.take(dependents.unknown(action, owner))
            continue
        relations = tuple(ObjectId("relation", oid) for oid, one in catalog.relations.items() if one.owner == owner)
        owned = (*relations, *catalog.dependencies.owned.get(owner, ()))
        if action is Action.DROP:
            schemas = [one for one in owned if one.kind == "schema"] if cascade else []
            inside = [thing for schema in schemas for thing in _inside(schema, notes)]
            notes.falls((), owner, cascade=cascade, along=(*owned, *inside))
        else:
            said: Facts = {"commands": "owner", "new_owner": role_name(body["newrole"]), "via": owner, "by": "cascade"}
            for one in relations:
                notes.on(Action.ALTER, catalog.relations[one.oid], facts=said, alone=True)
    notes.changed_catalog()


def _inside(schema: ObjectId, notes: Collector) -> tuple[ObjectId, ...]:
    thing = notes.catalog.dependencies.things.get((schema.kind, schema.oid))
    return dependents.in_schema(thing.name, notes.catalog) if thing is not None else ()


def truncate(_: str, body: Node, notes: Collector) -> None:
    """TRUNCATE of each table."""
    facts: Facts = {"cascade": body.get("behavior") == "DROP_CASCADE", "restart": bool(body.get("restart_seqs"))}
    for relation in body["relations"]:
        notes.relation(Action.TRUNCATE, relation["RangeVar"], facts=facts)
        for table in notes.resolve(relation["RangeVar"]) if facts["restart"] else ():
            _restarts(table, notes)


def _restarts(table: Relation, notes: Collector) -> None:
    """RESTART IDENTITY begins the sequences anew that belong to the table."""
    found = dependents.fallen((ObjectId("relation", table.oid),), notes.catalog, cascade=False)
    for one in found.objects:
        sequence = notes.catalog.relations.get(one.oid) if one.kind == "relation" else None
        if sequence is not None and sequence.kind is RelationKind.SEQUENCE:
            said: Facts = {"commands": "restart", "via": f"{table.schema}.{table.name}", "by": "cascade"}
            notes.on(Action.ALTER, sequence, facts=said, alone=True)


def falls_with_part(sort: str, name: str, table: Node, notes: Collector, *, cascade: bool) -> None:
    """What goes with a constraint or another part of a table."""
    for relation in notes.resolve(table):
        starts = dependents.part(sort, relation.oid, name, notes.catalog)
        notes.falls(starts, f"{relation.schema}.{relation.name}", cascade=cascade)


def drop_role(_: str, body: Node, notes: Collector) -> None:
    """DROP ROLE of each."""
    for role in body["roles"]:
        notes.add(Action.DROP, "role", name=role_name(role["RoleSpec"]))
    notes.changed_catalog()
