"""What stands behind a view: the relations its query names, through further views, and what it calls.

A rule on a table must see a read or a write that goes through a view, and a call inside a view is
as good as one in the statement. PostgreSQL's own views are taken as they are.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from govproxy.sql.catalog import Catalog, Relation, RelationKind
from govproxy.sql.parse import UnparsableStatement, parse
from govproxy.sql.system import SYSTEM_SCHEMAS
from govproxy.sql.tree import Node, field_names, new_walk

_VIEWS = (RelationKind.VIEW, RelationKind.MATERIALISED_VIEW)


class Definition(NamedTuple):
    """A view's query, taken apart. ``understood`` is False when it did not parse."""

    relations: tuple[tuple[str | None, str], ...] = ()
    calls: tuple[tuple[str | None, str, tuple[Node, ...]], ...] = ()
    understood: bool = True


class Behind(NamedTuple):
    """Everything behind one view, itself left out."""

    relations: tuple[Relation, ...]
    calls: tuple[tuple[str | None, str, tuple[Node, ...]], ...]
    understood: bool


def behind(view: Relation, catalog: Catalog) -> Behind:
    """All relations that ``view`` reaches, and all calls on the way there."""
    found: dict[int, Relation] = {}
    calls: list[tuple[str | None, str, tuple[Node, ...]]] = []
    understood = True
    todo = [view]
    while todo:
        current = todo.pop()
        if current.kind not in _VIEWS or current.schema in SYSTEM_SCHEMAS:
            continue
        definition = _definition(current.definition or "")
        understood = understood and definition.understood
        calls.extend(definition.calls)
        for schema, name in definition.relations:
            for relation in catalog.resolve(schema, name, ("pg_catalog",)):
                if relation.oid not in found and relation.oid != view.oid:
                    found[relation.oid] = relation
                    todo.append(relation)
    return Behind(tuple(found.values()), tuple(calls), understood)


@lru_cache(maxsize=4096)
def _definition(text: str) -> Definition:
    """Names in a definition as ``pg_get_viewdef`` prints it with nothing but pg_catalog on the path."""
    walk = new_walk()
    try:
        statements = parse(text)
    except UnparsableStatement:
        return Definition(understood=False)
    for statement in statements:
        walk.visit(statement["stmt"])
    calls = []
    for call in walk.calls:
        *schema, name = field_names(call["funcname"])
        calls.append((schema[-1] if schema else None, name, tuple(call.get("args", ()))))
    return Definition(
        relations=tuple((read.get("schemaname"), read["relname"]) for read in walk.reads),
        calls=tuple(calls),
        understood=bool(statements) and not walk.unknown,
    )
