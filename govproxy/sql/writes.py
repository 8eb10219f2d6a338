"""INSERT, UPDATE, DELETE, MERGE and INTO: what is stored where, and what RETURNING shows of it.

Security: a row that is shown after it was written shows what was written into it, so RETURNING
has the sources of the stored expressions besides the columns' own. Knows nothing of WITH.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from govproxy.sql.catalog import Relation
from govproxy.sql.expressions import Expressions
from govproxy.sql.findings import Findings
from govproxy.sql.names import Names
from govproxy.sql.ranges import Ranges
from govproxy.sql.rowtests import RowTests
from govproxy.sql.scope import CONSTANT, UNKNOWN, Columns, Part, RangeItem, Rows, Scope, Value, combine, either
from govproxy.sql.seams import Queries
from govproxy.sql.shapes import Shapes
from govproxy.sql.values import Comparison, Derivation

Node = dict[str, Any]

Stored = dict[str, list[Value]]


class Writes:
    """Data-modifying statements. ``outer`` is the level that holds their WITH queries."""

    def __init__(
        self,
        names: Names,
        shapes: Shapes,
        findings: Findings,
        expressions: Expressions,
        ranges: Ranges,
        queries: Queries,
    ) -> None:
        self._names = names
        self._shapes = shapes
        self._findings = findings
        self._expressions = expressions
        self._ranges = ranges
        self._queries = queries
        self._tests = RowTests(names.catalog, shapes, findings)

    def insert(self, body: Node, outer: Scope | None) -> Rows:
        """INSERT; gives the rows of RETURNING."""
        relation = body.get("relation", {})
        conflict = body.get("onConflictClause")
        returning = body.get("returningClause")
        item = self._target(relation, is_read=bool(conflict or returning))
        scope = Scope(outer, item.part())
        source = body.get("selectStmt")
        rows = self._queries.query(source, outer) if source else Rows()
        names = self._column_names(body.get("cols", ()), item, scope)
        stored: Stored = {}
        self._store_rows(names, rows, item, relation, stored)
        self._tests.added(item, stored)
        self._fill_behind_views(item, relation)
        if conflict:
            self._on_conflict(conflict, item, scope, relation, stored, rows)
        return self._returning(returning, item, Part(), outer, stored)

    def update(self, body: Node, outer: Scope | None) -> Rows:
        """UPDATE; gives the rows of RETURNING."""
        relation = body.get("relation", {})
        item = self._target(relation)
        beside = self._ranges.clause(body.get("fromClause", ()), outer)
        scope = Scope(outer, item.part().beside(beside))
        if "whereClause" in body:
            self._expressions.condition(body["whereClause"], scope)
        stored: Stored = {}
        self._assign(body.get("targetList", ()), item, scope, relation, stored)
        self._tests.changed(item, stored)
        self._fill_behind_views(item, relation)
        return self._returning(body.get("returningClause"), item, beside, outer, stored)

    def delete(self, body: Node, outer: Scope | None) -> Rows:
        """DELETE; gives the rows of RETURNING."""
        item = self._target(body.get("relation", {}))
        beside = self._ranges.clause(body.get("usingClause", ()), outer)
        if "whereClause" in body:
            self._expressions.condition(body["whereClause"], Scope(outer, item.part().beside(beside)))
        return self._returning(body.get("returningClause"), item, beside, outer, {})

    def merge(self, body: Node, outer: Scope | None) -> Rows:
        """MERGE; gives the rows of RETURNING."""
        relation = body.get("relation", {})
        item = self._target(relation)
        beside = self._ranges.clause([body.get("sourceRelation", {})], outer)
        scope = Scope(outer, item.part().beside(beside))
        if "joinCondition" in body:
            self._expressions.condition(body["joinCondition"], scope)
        stored: Stored = {}
        for node in body.get("mergeWhenClauses", ()):
            clause = node.get("MergeWhenClause", {})
            if "condition" in clause:
                self._expressions.condition(clause["condition"], scope)
            targets = clause.get("targetList", ())
            here: Stored = {}
            if clause.get("commandType") == "CMD_INSERT":
                values = [self._expressions.value(value, scope) for value in clause.get("values", ())]
                rows = Rows(tuple(("", value) for value in values))
                self._store_rows(self._column_names(targets, item, scope), rows, item, relation, here)
                self._tests.added(item, here)
            else:
                self._assign(targets, item, scope, relation, here)
                self._tests.changed(item, here)
            _also(stored, here)
        self._fill_behind_views(item, relation)
        return self._returning(body.get("returningClause"), item, beside, outer, stored, target_last=True)

    def into(self, clause: Node, rows: Rows) -> None:
        """SELECT INTO and CREATE TABLE AS: every column ends in a new relation."""
        target = _as_written(clause.get("rel", {}))
        for _, value in rows.columns:
            self._findings.flow(value, target)
        if rows.wild is not None:
            self._findings.flow(rows.wild, target)

    def _target(self, relation: Node, *, is_read: bool = True) -> RangeItem:
        """The relation written to. Its rows count as read unless they are only added to."""
        before = set(self._findings.reads)
        item = self._ranges.table(relation, None, target=True)
        if not is_read:
            self._findings.reads = before
        written = [self._names.catalog.relations[oid] for oid in item.relations]
        if any(relation.has_triggers or relation.has_rules for relation in written):
            # Security: it may raise what it has read, also where its rows are what they seem.
            self._findings.not_understood()
        return item

    def _is_diverted(self, item: RangeItem) -> bool:
        return any(_is_diverted(self._names.catalog.relations[oid]) for oid in item.relations)

    def _column_names(self, nodes: Sequence[Node], item: RangeItem, scope: Scope) -> list[str]:
        """The columns an INSERT names, or all in order."""
        if not nodes:
            return [name for name, _ in item.columns]
        return [self._column_name(node.get("ResTarget", {}), scope) for node in nodes]

    def _column_name(self, target: Node, scope: Scope) -> str:
        for step in target.get("indirection", ()):
            for key in ("lidx", "uidx"):
                index = step.get("A_Indices", {}).get(key)
                if index:
                    self._findings.use(self._expressions.value(index, scope), Comparison.OTHER)
        return str(target.get("name", ""))

    def _store_rows(self, names: Sequence[str], rows: Rows, item: RangeItem, relation: Node, stored: Stored) -> None:
        if item.wild is not None and len(rows.columns) > len(names):
            # A relation whose columns are not known: each value ends in one of them.
            for value in (*(value for _, value in rows.columns), *([] if rows.wild is None else [rows.wild])):
                self._store("", value, item, relation, stored)
            return
        if rows.wild is not None or len(rows.columns) > len(names):
            # Which column takes which value is not known: any may take any.
            everything = rows.everything()
            for name in names or [column for column, _ in item.columns]:
                self._store(name, everything, item, relation, stored)
            return
        for name, (_, value) in zip(names, rows.columns, strict=False):
            self._store(name, value, item, relation, stored)

    def _assign(self, targets: Sequence[Node], item: RangeItem, scope: Scope, relation: Node, stored: Stored) -> None:
        for node in targets:
            target = node.get("ResTarget", {})
            name = self._column_name(target, scope)
            self._store(name, self._expressions.value(target.get("val", {}), scope), item, relation, stored)

    def _store(self, name: str, value: Value, item: RangeItem, relation: Node, stored: Stored) -> None:
        stored.setdefault(name, []).append(value)
        own = item.index.get(name, CONSTANT).sources
        plain = value.derivation is Derivation.PLAIN or not value.sources
        if value.sources <= own and plain and value.derivation is not Derivation.OPAQUE:
            # A constant, or the column's own value again. An expression over it is a flow: cut down to a
            # prefix and compared by equality, a masked value would be read letter by letter.
            return
        columns = [ref for ref in own if ref.relation in item.relations or self._is_behind_view(item)]
        self._findings.flow(value, self._target_name(relation, item), columns or [None])

    def _fill_behind_views(self, item: RangeItem, relation: Node) -> None:
        """Security: a view may have defaults of its own, and the table that takes them knows nothing of them."""
        for oid in item.relations:
            found = self._names.catalog.relations[oid]
            for column in found.columns if found.definition is not None else ():
                value = self._shapes.default_of(column)
                if value.sources:
                    self._findings.flow(value, self._target_name(relation, item))

    def _target_name(self, relation: Node, item: RangeItem) -> str:
        """The target with its schema, where it is known to be one relation."""
        if len(item.relations) != 1:
            return _as_written(relation)
        found = self._names.catalog.relations[item.relations[0]]
        return f"{found.schema}.{found.name}"

    def _is_behind_view(self, item: RangeItem) -> bool:
        """Whether what is written to the item is stored in the relations behind it."""
        return any(self._names.catalog.relations[oid].definition is not None for oid in item.relations)

    def _on_conflict(
        self, clause: Node, item: RangeItem, scope: Scope, relation: Node, stored: Stored, rows: Rows
    ) -> None:
        infer = clause.get("infer", {})
        proposed = rows.everything()
        for node in infer.get("indexElems", ()):
            element = node.get("IndexElem", {})
            if "expr" in element:
                self._findings.use(self._expressions.value(element["expr"], scope), Comparison.OTHER)
                continue
            value = scope.column(element.get("name", "")) or UNKNOWN
            self._findings.use(value, Comparison.JOIN if proposed.sources else Comparison.EQUALITY)
        if "whereClause" in infer:
            self._expressions.condition(infer["whereClause"], scope)
        excluded: Columns = tuple(
            (name, either(stored[name]) if name in stored else CONSTANT) for name, _ in item.columns
        )
        wild = item.wild if item.wild is None else combine([item.wild, proposed])
        inside = Scope(scope.parent, item.part().beside(RangeItem("excluded", excluded, wild=wild).part()))
        # ``excluded`` is named by its qualifier only; a bare name is the target's.
        inside.part = inside.part._replace(columns=item.columns, wild=item.wild)
        changed: Stored = {}
        self._assign(clause.get("targetList", ()), item, inside, relation, changed)
        self._tests.changed(item, changed)
        _also(stored, changed)
        if "whereClause" in clause:
            self._expressions.condition(clause["whereClause"], inside)

    def _returning(
        self,
        clause: Node | None,
        item: RangeItem,
        beside: Part,
        outer: Scope | None,
        stored: Stored,
        *,
        target_last: bool = False,
    ) -> Rows:
        if not clause:
            return Rows()
        if self._is_diverted(item):
            # Rules return rows of their own making.
            return Rows((), self._findings.not_understood())
        columns = tuple((name, _after(value, stored.get(name, ()))) for name, value in item.columns)
        wild = item.wild
        if wild is not None:
            wild = combine([wild, *(value for values in stored.values() for value in values)])
        shown = RangeItem(
            item.name, columns, wild=wild, schemas=item.schemas, relations=item.relations, certain=item.certain
        )
        part = beside.beside(shown.part()) if target_last else shown.part().beside(beside)
        taken = {other.name for other in part.items}
        aliases = {"old", "new"} - taken
        for node in clause.get("options", ()):
            aliases.add(node.get("ReturningOption", {}).get("value", ""))
        versions = tuple(
            RangeItem(alias, columns, wild=wild, relations=item.relations, certain=item.certain) for alias in aliases
        )
        part = part._replace(items=part.items + versions)
        return Rows(*self._expressions.targets(clause.get("exprs", ()), Scope(outer, part)))


def _also(stored: Stored, more: Stored) -> None:
    for name, values in more.items():
        stored.setdefault(name, []).extend(values)


def _after(value: Value, stored: Sequence[Value]) -> Value:
    """A column as it is after these were stored in it."""
    if not any(one.sources - value.sources or one.derivation is Derivation.OPAQUE for one in stored):
        return value
    return combine([value, *stored], value.type)


def _is_diverted(relation: Relation) -> bool:
    """Whether something else may happen in the place of what is written."""
    return relation.has_rules or (relation.definition is not None and relation.has_triggers)


def _as_written(relation: Node) -> str:
    """A relation's name as the statement has it."""
    schema, name = relation.get("schemaname"), str(relation.get("relname", ""))
    return f"{schema}.{name}" if schema else name
