"""What else goes when rows go: foreign keys, of tables, their partitions and children.

From the catalog alone. Rows that go or change by a foreign key are an effect on the table that has
it. What goes with objects that are dropped is in ``dependents``. Knows nothing of statements.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from govproxy.sql.catalog import Catalog, Relation
from govproxy.sql.values import Action

MAX_REACHED = 500


class Reached(NamedTuple):
    """One relation that something cascades to, and what happens to it; None: more than was followed."""

    action: Action
    relation: Relation | None
    columns: tuple[str, ...] = ()


_BY_KEY = {"c": None, "n": Action.UPDATE, "d": Action.UPDATE}


def reached(
    action: Action, relation: Relation, columns: tuple[str, ...], catalog: Catalog, *, cascade: bool
) -> tuple[Reached, ...]:
    """What an action on rows takes along: by foreign keys, and by TRUNCATE … CASCADE."""
    match action:
        case Action.DELETE | Action.UPDATE:
            return of_rows(action, relation, columns, catalog)
        case Action.TRUNCATE if cascade:
            return of_truncate(relation, catalog)
        case _:
            return ()


def of_rows(action: Action, relation: Relation, columns: tuple[str, ...], catalog: Catalog) -> tuple[Reached, ...]:
    """What follows from DELETE or UPDATE of rows of ``relation``; ``columns`` that are set, none: any."""
    found: dict[tuple[Action, int], Reached] = {}
    todo = [(action, relation, columns)]
    while todo:
        if len(found) >= MAX_REACHED:
            return (*found.values(), Reached(action, None))
        done, current, changed = todo.pop()
        for owner in (current, *parts(current, catalog)):
            for reference in owner.references:
                child = catalog.relations.get(reference.relation)
                if child is None:
                    continue
                if done is Action.UPDATE and changed and not _names(owner, reference.referenced) & set(changed):
                    continue
                letter = reference.on_delete if done is Action.DELETE else reference.on_update
                if letter not in _BY_KEY:
                    continue
                follows = _BY_KEY[letter] or done
                fields = () if follows is Action.DELETE else tuple(sorted(_names(child, reference.columns)))
                if (follows, child.oid) not in found and child.oid != relation.oid:
                    found[follows, child.oid] = Reached(follows, child, fields)
                    todo.append((follows, child, fields))
    return tuple(found.values())


def of_truncate(relation: Relation, catalog: Catalog) -> tuple[Reached, ...]:
    """The tables that TRUNCATE … CASCADE empties as well: all that refer to it, by whatever action."""
    found: dict[int, Reached] = {}
    todo = [relation]
    while todo:
        if len(found) >= MAX_REACHED:
            return (*found.values(), Reached(Action.TRUNCATE, None))
        current = todo.pop()
        for owner in (current, *parts(current, catalog)):
            for reference in owner.references:
                child = catalog.relations.get(reference.relation)
                if child is not None and child.oid not in found and child.oid != relation.oid:
                    found[child.oid] = Reached(Action.TRUNCATE, child)
                    todo.append(child)
    return tuple(found.values())


def parts(relation: Relation, catalog: Catalog) -> Iterator[Relation]:
    """Its partitions and inheritance children, all the way down."""
    seen: set[int] = set()
    todo = list(relation.children)
    while todo and len(seen) < MAX_REACHED:
        child = catalog.relations.get(todo.pop())
        if child is not None and child.oid not in seen:
            seen.add(child.oid)
            yield child
            todo.extend(child.children)


def _names(relation: Relation, attnums: tuple[int, ...]) -> set[str]:
    return {column.name for column in relation.columns if column.attnum in attnums}
