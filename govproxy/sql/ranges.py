"""The FROM clause: what each range item brings into a query's scope.

Tables and views by name, CTEs, subqueries, functions, joins, XMLTABLE and JSON_TABLE. Knows
nothing of output lists or of predicates beyond join conditions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from govproxy.sql.catalog import ColumnRef, Function, Relation, is_temporary_schema
from govproxy.sql.expressions import Expressions
from govproxy.sql.findings import Findings
from govproxy.sql.labels import UNNAMED, label
from govproxy.sql.names import Names, qualified, strings
from govproxy.sql.record_columns import RECORD_COLUMNS
from govproxy.sql.results import output_names
from govproxy.sql.scope import (
    CONSTANT,
    UNKNOWN,
    Columns,
    Part,
    RangeItem,
    Rows,
    Scope,
    Value,
    combine,
    either,
    rename,
)
from govproxy.sql.seams import CommonTables, Queries
from govproxy.sql.shapes import Shapes
from govproxy.sql.types import INT8, PSEUDO_TYPES, RECORD
from govproxy.sql.values import Comparison, Derivation

Node = dict[str, Any]

# Their rows are of the type of what they are given first.
_LIKE_FIRST_ARGUMENT = frozenset(
    {"json_populate_record", "jsonb_populate_record", "json_populate_recordset", "jsonb_populate_recordset"}
)
_SAMPLING = frozenset({"system", "bernoulli"})


class Ranges:
    """FROM clauses of one statement."""

    def __init__(
        self,
        names: Names,
        shapes: Shapes,
        findings: Findings,
        expressions: Expressions,
        queries: Queries,
        common: CommonTables,
    ) -> None:
        self._names = names
        self._shapes = shapes
        self._findings = findings
        self._expressions = expressions
        self._queries = queries
        self._common = common

    def clause(self, nodes: Sequence[Node], outer: Scope | None, start: Part | None = None) -> Part:
        """A whole FROM list. ``outer`` is the level around; ``start`` is what stands before it."""
        part = Part() if start is None else start
        for node in nodes:
            part = part.beside(self._item(node, part, outer))
        return part

    def table(self, body: Node, outer: Scope | None, *, target: bool = False) -> RangeItem:
        """A RangeVar: a CTE or a relation. A ``target`` of INSERT … is never a CTE."""
        schema, name = body.get("schemaname"), body.get("relname", "")
        alias = body.get("alias", {})
        visible = alias.get("aliasname", name)
        renamed = strings(alias.get("colnames", ()))
        if schema is None and not target and outer is not None:
            rows = self._common.rows(name, outer)
            if rows is not None:
                self._findings.spend(len(rows.columns))
                return RangeItem(visible, rename(rows.columns, renamed), wild=rows.wild)
        relations = self._names.relations(schema, name)
        if body.get("catalogname", self._names.catalog.database) != self._names.catalog.database:
            relations = ()
        if not relations:
            if name in self._names.own and (schema is None or is_temporary_schema(schema)):
                wild = self._findings.own_relation()
            else:
                wild = self._findings.unknown_relation(f"{schema}.{name}" if schema else name)
            columns = tuple((column, wild) for column in renamed)
            return RangeItem(visible, columns, wild=wild, schemas=_schemas(alias, schema))
        if len(relations) == 1:
            return self._one(relations[0], alias, visible, renamed)
        return self._several(relations, alias, visible, renamed)

    def _one(self, relation: Relation, alias: Node, visible: str, renamed: list[str]) -> RangeItem:
        shape = self._shapes.of(relation)
        self._findings.reads |= shape.reads
        self._findings.called |= shape.called
        self._findings.spend(1 + len(shape.columns))
        if shape.opaque:
            self._findings.opaque = True
        for unknown in shape.unresolved:
            self._findings.unknown_relation(unknown)
        return RangeItem(
            visible,
            rename(shape.columns, renamed) if renamed else shape.columns,
            index=None if renamed else shape.by_name,
            wild=shape.wild,
            schemas=_schemas(alias, relation.schema),
            relations=(relation.oid,),
        )

    def _several(self, relations: Sequence[Relation], alias: Node, visible: str, renamed: list[str]) -> RangeItem:
        """One name for several relations: every column that any of them has, as either."""
        items = [self._one(relation, alias, visible, renamed) for relation in relations]
        names = list(dict.fromkeys(name for item in items for name, _ in item.columns))
        columns = tuple((name, either([item.index[name] for item in items if name in item.index])) for name in names)
        wilds = [item.wild for item in items if item.wild is not None]
        return RangeItem(
            visible,
            columns,
            wild=combine(wilds) if wilds else None,
            schemas=frozenset().union(*(item.schemas for item in items)),
            relations=tuple(relation.oid for relation in relations),
            certain=all([name for name, _ in item.columns] == names for item in items),
        )

    def _item(self, node: Node, left: Part, outer: Scope | None) -> Part:
        self._findings.spend()
        for tag, body in node.items():
            match tag:
                case "RangeVar":
                    return self.table(body, outer).part()
                case "RangeSubselect":
                    inside = Scope(outer, left) if body.get("lateral") else outer
                    rows = self._queries.query(body.get("subquery", {}), inside)
                    return _aliased(rows, body.get("alias")).part()
                case "JoinExpr":
                    return self._join(body, left, outer)
                case "RangeFunction":
                    return self._function(body, Scope(outer, left)).part()
                case "RangeTableSample":
                    return self._sample(body, left, outer)
                case "RangeTableFunc":
                    return self._xml_table(body, Scope(outer, left)).part()
                case "JsonTable":
                    return self._json_table(body, Scope(outer, left)).part()
                case _:
                    inside = Scope(outer, left)
                    value = combine([self._expressions.value(node, inside), self._findings.not_understood()])
                    return RangeItem(body.get("alias", {}).get("aliasname"), (), wild=value).part()
        return Part()

    def _join(self, body: Node, before: Part, outer: Scope | None) -> Part:
        left = self._item(body.get("larg", {}), before, outer)
        right = self._item(body.get("rarg", {}), before.beside(left), outer)
        part = left.beside(right)
        using = strings(body.get("usingClause", ()))
        wild = part.wild
        if body.get("isNatural"):
            rights = {name for name, _ in right.columns}
            using = [name for name in dict.fromkeys(name for name, _ in left.columns) if name in rights]
            if wild is not None or not part.certain:
                # Which columns are merged depends on columns that are not known.
                wild = combine([UNKNOWN, *(value for _, value in part.columns), *([wild] if wild else [])])
        if using:
            merged = self._merged(using, left, right, body.get("jointype", "JOIN_INNER"))
            rest = tuple(column for side in (left, right) for column in side.columns if column[0] not in using)
            part = Part(part.items, merged + rest, wild, part.certain)
            name = body.get("join_using_alias", {}).get("aliasname")
            if name:
                part = part._replace(items=(*part.items, RangeItem(name, merged)))
        elif wild is not part.wild:
            part = part._replace(wild=wild)
        if "quals" in body:
            self._expressions.condition(body["quals"], Scope(outer, part))
        alias = body.get("alias")
        if alias:
            columns = rename(part.columns, strings(alias.get("colnames", ())))
            return RangeItem(alias.get("aliasname"), columns, wild=part.wild, certain=part.certain).part()
        return part

    def _merged(self, names: Sequence[str], left: Part, right: Part, kind: str) -> Columns:
        """The columns of USING: one value, known from both sides."""
        columns = []
        for name in names:
            one, two = left.column(name), right.column(name)
            self._expressions.comparisons.merged(one, two)
            value = combine([one, two], one.type if one.type == two.type else 0)
            plain = one.derivation is two.derivation is Derivation.PLAIN
            if plain and one.type == two.type != 0 and kind != "JOIN_FULL":
                value = value._replace(derivation=Derivation.PLAIN)
            columns.append((name, value))
        return tuple(columns)

    def _function(self, body: Node, scope: Scope) -> RangeItem:
        """Functions in FROM. What they are given decides how many rows there are."""
        alias = body.get("alias", {})
        columns: Columns = ()
        wild: Value | None = None
        calls = [entry.get("List", {}).get("items", ()) for entry in body.get("functions", ())]
        for items in calls:
            call = items[0] if items else {}
            value = self._expressions.value(call, scope)
            routines = self._expressions.calls.followed(call)
            if not routines:  # of those that were, it is known what tells by the number of rows
                self._findings.use(value, Comparison.OTHER)
            definitions = items[1].get("List", {}).get("items", ()) if len(items) > 1 else ()
            definitions = definitions or (body.get("coldeflist", ()) if len(calls) == 1 else ())
            if routines:
                own, unknown = self._given_back(call, value, definitions, routines)
            else:
                own, unknown = self._returned(call, value, definitions, scope)
            if len(calls) == 1 and len(own) == 1 and alias and own[0][0] == label(call):
                own = ((alias.get("aliasname", own[0][0]), own[0][1]),)  # a scalar's column bears the alias
            columns += own
            wild = wild if unknown is None else unknown if wild is None else combine((wild, unknown))
        if body.get("ordinality"):
            columns += (("ordinality", CONSTANT._replace(type=INT8)),)
        renamed = strings(alias.get("colnames", ()))
        if wild is not None and renamed:
            # An alias list names every column there is, or leaves the rest unknown.
            named = tuple((name, wild) for name in renamed[len(columns) :])
            columns = rename(columns, renamed) + named
        else:
            columns = rename(columns, renamed)
        first = calls[0][0] if calls and calls[0] else {}
        scalar = len(calls) == len(columns) == 1 and wild is None and not body.get("coldeflist")
        return RangeItem(alias.get("aliasname") or label(first), columns, wild=wild, scalar=scalar)

    def _given_back(
        self, call: Node, value: Value, definitions: Sequence[Node], routines: Sequence[Function]
    ) -> tuple[Columns, Value | None]:
        """The columns of a function whose body is known."""
        if definitions:
            fields = value.row if value.row is not None and len(value.row) == len(definitions) else None
            columns = []
            for place, definition in enumerate(definitions):
                body = definition.get("ColumnDef", {})
                target = self._names.type_name(body.get("typeName", {}))
                field = combine([value if fields is None else fields[place][1]], target.oid)
                columns.append((body.get("colname", UNNAMED), field))
            return tuple(columns), None
        if value.row is not None:
            return value.row, None
        if any(routine.return_type == RECORD or self._names.row_type(routine.return_type) for routine in routines):
            return (), combine([value])
        names = {name for routine in routines for name in output_names(routine)} or {label(call)}
        return tuple((name, value) for name in sorted(names)), None if len(names) == 1 else combine([value])

    def _returned(
        self, call: Node, value: Value, definitions: Sequence[Node], scope: Scope
    ) -> tuple[Columns, Value | None]:
        """The columns that one function in FROM brings."""
        if definitions:
            columns = []
            for definition in definitions:
                body = definition.get("ColumnDef", {})
                cast = self._expressions.cast(combine([value]), body.get("typeName", {}))
                columns.append((body.get("colname", UNNAMED), cast))
            return tuple(columns), None
        if "FuncCall" not in call:  # CURRENT_USER, COALESCE … in FROM
            name = label(call)
            return ((name, combine([value])),), None
        schema, name = qualified(call["FuncCall"].get("funcname", ()))
        arguments = call["FuncCall"].get("args", ())
        element = combine([value])
        if name == "unnest" and schema in (None, "pg_catalog"):
            return self._unnested(arguments, value, scope)
        routines = self._names.routines(schema, name, [0] * len(arguments))
        if name in _LIKE_FIRST_ARGUMENT and routines.proven and arguments:
            row = self._names.row_type(self._expressions.value(arguments[0], scope).type)
            return (_row_columns(row, element), None) if row is not None else ((), element)
        returns = {function.return_type for function in routines.candidates}
        if value.derivation is not Derivation.OPAQUE and name in RECORD_COLUMNS and routines.proven:
            return tuple((column, element) for column in RECORD_COLUMNS[name]), None
        if len(returns) == 1 and (found := returns.pop()) not in PSEUDO_TYPES:
            relation = self._names.row_type(found)
            if relation is None:
                kind = self._names.catalog.types.get(found)
                known = found < 16384 or (kind is not None and kind.kind in "berm")
                return ((name, element._replace(type=found)),), None if known else element
            return _row_columns(relation, element), None
        scalar = name in ("generate_series", "generate_subscripts") and routines.proven
        return ((name, element),), None if scalar else element

    def _unnested(self, arguments: Sequence[Node], value: Value, scope: Scope) -> tuple[Columns, Value | None]:
        """``unnest(a, b …)``: a column for each array, or the columns of an array of rows."""
        columns: Columns = ()
        wild: Value | None = None
        for node in arguments:
            array = self._expressions.value(node, scope)
            if array.row is not None:
                columns += array.row
                continue
            columns += (("unnest", combine([array])),)
            literal = ("A_ArrayExpr" in node and array.type != RECORD) or "A_Const" in node
            if not literal and not self._names.elements_are_scalar(array.type):
                wild = combine([value])
        return columns, wild

    def _sample(self, body: Node, left: Part, outer: Scope | None) -> Part:
        part = self._item(body.get("relation", {}), left, outer)
        for node in (*body.get("args", ()), *([body["repeatable"]] if "repeatable" in body else ())):
            self._findings.use(self._expressions.value(node, Scope(outer, left)), Comparison.OTHER)
        if qualified(body.get("method", ()))[1] not in _SAMPLING:
            self._findings.not_understood()
        return part

    def _xml_table(self, body: Node, scope: Scope) -> RangeItem:
        inputs = [self._expressions.value(body[key], scope) for key in ("docexpr", "rowexpr") if key in body]
        inputs += [
            self._expressions.value(node.get("ResTarget", {}).get("val", {}), scope)
            for node in body.get("namespaces", ())
        ]
        document = combine(inputs)
        self._findings.use(document, Comparison.OTHER)
        columns = []
        for node in body.get("columns", ()):
            column = node.get("RangeTableFuncCol", {})
            own = [self._expressions.value(column[key], scope) for key in ("colexpr", "coldefexpr") if key in column]
            value = combine([document, *own])
            if "typeName" in column:
                value = self._expressions.cast(value, column["typeName"])
            columns.append((column.get("colname", UNNAMED), value))
        alias = body.get("alias", {})
        renamed = rename(tuple(columns), strings(alias.get("colnames", ())))
        return RangeItem(alias.get("aliasname", "xmltable"), renamed)

    def _json_table(self, body: Node, scope: Scope) -> RangeItem:
        if self._names.catalog.server_version < 170000:
            self._findings.not_understood()
        inputs = [self._expressions.value({"JsonValueExpr": body.get("context_item", {})}, scope)]
        inputs += [self._expressions.value(node, scope) for node in _passed(body)]
        document = combine(inputs)
        self._findings.use(document, Comparison.OTHER)
        columns = self._json_columns(body.get("columns", ()), document, scope)
        alias = body.get("alias", {})
        renamed = rename(columns, strings(alias.get("colnames", ())))
        return RangeItem(alias.get("aliasname", "json_table"), renamed)

    def _json_columns(self, nodes: Sequence[Node], document: Value, scope: Scope) -> Columns:
        columns: Columns = ()
        for node in nodes:
            column = node.get("JsonTableColumn", {})
            if column.get("coltype") == "JTC_NESTED":
                columns += self._json_columns(column.get("columns", ()), document, scope)
                continue
            value = document
            for key in ("on_empty", "on_error"):
                behaviour = column.get(key, {}).get("expr")
                if behaviour:
                    value = combine([value, self._expressions.value(behaviour, scope)])
            if "typeName" in column:
                value = self._expressions.cast(value, column["typeName"])
            columns += ((column.get("name", UNNAMED), combine([value])),)
        return columns


def _row_columns(relation: Relation, value: Value) -> Columns:
    """The fields of a value of a row type: they may be rows of that very table."""
    return tuple(
        (column.name, value.also(frozenset({ColumnRef(relation.oid, column.attnum)}))) for column in relation.columns
    )


def _schemas(alias: Node, schema: str | None) -> frozenset[str]:
    return frozenset() if alias or schema is None else frozenset({schema})


def _aliased(rows: Rows, alias: Node | None) -> RangeItem:
    names = strings((alias or {}).get("colnames", ()))
    return RangeItem((alias or {}).get("aliasname"), rename(rows.columns, names), wild=rows.wild)


def _passed(body: Node) -> list[Node]:
    return [{"JsonValueExpr": node.get("JsonArgument", {}).get("val", {})} for node in body.get("passing", ())]
