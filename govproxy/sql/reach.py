"""What code may read that nobody can follow to its result, told from the names that stand in it.

For expressions that the database computes by itself, defaults and generated columns: what they bring stands in
the table afterwards, where no call shows any more. Coarse on purpose: every column of every relation that the
code names, through views and the functions it calls. Knows nothing of classes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from govproxy.sql import functions
from govproxy.sql.behind import behind
from govproxy.sql.bodies import read
from govproxy.sql.catalog import Catalog, ColumnRef, Function, Relation, RelationKind
from govproxy.sql.hidden import domains, header_of
from govproxy.sql.names import is_proven, names_of, qualified
from govproxy.sql.tree import Node, conversions, nodes_of
from govproxy.sql.types import FIRST_USER_OID

MAX_ROUTINES = 200

# Stands for whatever there is: no column is called so, and nobody knows what it holds.
ANYTHING = ColumnRef(0xFFFFFFFF, 1)
_DEFINITION_PATH = ("pg_catalog",)
Path = tuple[str, ...] | None


def reached(expression: Node, catalog: Catalog) -> frozenset[ColumnRef]:
    """All columns that may be read where the server computes an expression of a definition; ANYTHING among them where
    that cannot be told."""
    found = _Reach(catalog)
    found.through(expression, _DEFINITION_PATH)
    return frozenset(found.columns)


class _Reach:
    """One walk from routine to routine."""

    def __init__(self, catalog: Catalog) -> None:
        self.columns: set[ColumnRef] = set()
        self._catalog = catalog
        self._seen: set[int] = set()

    def through(self, start: Node, path: Path) -> None:
        """Follow all names below a node."""
        todo = [(start, path)]
        while todo:
            node, where = todo.pop()
            for routine in self._routines(node, where):
                if routine.oid in self._seen:
                    continue
                self._seen.add(routine.oid)
                if len(self._seen) > MAX_ROUTINES:
                    self.columns.add(ANYTHING)
                    return
                todo += self._inside(routine)

    def _inside(self, routine: Function) -> Iterator[tuple[Node, Path]]:
        """The statements of a body, each with the path that its names are looked up along; notes what they read."""
        if routine.kind == "a":
            for oid in routine.parts:
                part = self._catalog.functions.get(oid)
                if part is not None and oid not in self._seen:
                    self._seen.add(oid)
                    yield from self._inside(part)
            if not routine.parts:
                self.columns.add(ANYTHING)
            return
        if is_proven(routine, len(routine.argument_types)) or functions.is_taken_at_its_word(routine):
            return
        body = read(routine.language, routine.body, header_of(routine, self._catalog))
        if not body.understood:
            self.columns.add(ANYTHING)
            return
        path = _DEFINITION_PATH if body.bound else routine.search_path
        for statement in body.statements:
            ctes = {body["ctename"] for _, body in nodes_of(statement) if "ctename" in body}
            for _, named in nodes_of(statement):
                if "relname" in named:
                    self._relation(named, path, ctes)
            yield statement, path

    def _relation(self, named: Node, path: Path, ctes: set[str]) -> None:
        schema, name = named.get("schemaname"), str(named["relname"])
        found = self._catalog.resolve(schema, name, path)
        if not found and (schema or name not in ctes):
            self.columns.add(ANYTHING)  # a temporary table, or one that the catalog does not know yet
        for relation in found:
            self._take(relation)
            if relation.kind in (RelationKind.VIEW, RelationKind.MATERIALISED_VIEW):
                for base in behind(relation, self._catalog).relations:
                    self._take(base)

    def _take(self, relation: Relation) -> None:
        self.columns.update(ColumnRef(relation.oid, column.attnum) for column in relation.columns)

    def _routines(self, node: Node, path: Path) -> Iterator[Function]:
        """All that may be called below a node: by a call, as a field of a row, by an operator, by a cast."""
        catalog = self._catalog
        names = names_of(catalog, path)
        for _, body in nodes_of(node):
            if "funcname" in body:
                schema, name = qualified(body["funcname"])
                routines = names.routines(schema, name, [None] * len(body.get("args", ())))
                if not routines.candidates and not routines.proven:
                    self.columns.add(ANYTHING)
                yield from routines.candidates
            if "fields" in body:
                last = body["fields"][-1].get("String", {}).get("sval", "")
                yield from _of_users(catalog.resolve_function(None, last, path))
        operators, types = conversions(node)
        oids = {oid for name, oid in catalog.operator_functions if name in operators}
        if catalog.cast_functions or catalog.domain_functions:
            kinds: set[int] = set()
            for parts in types:
                for one in catalog.resolve_type(parts[-2] if len(parts) > 1 else None, parts[-1], path):
                    kinds.update(domains(one.oid, catalog))
            oids |= {oid for kind, oid in (*catalog.cast_functions, *catalog.domain_functions) if kind in kinds}
        for oid in oids:
            routine = catalog.functions.get(oid)
            if routine is None:
                self.columns.add(ANYTHING)
            elif oid >= FIRST_USER_OID:
                yield routine


def _of_users(found: Iterable[Function]) -> Iterator[Function]:
    return (routine for routine in found if routine.oid >= FIRST_USER_OID)
