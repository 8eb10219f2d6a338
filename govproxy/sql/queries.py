"""Queries: SELECT, VALUES, set operations, WITH.

Gives the rows of a query with the sources of every column. Data-modifying statements inside WITH
are handed on to ``writes``. Knows nothing of what the whole statement is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from govproxy.sql.comparisons import is_fixed
from govproxy.sql.expressions import Expressions
from govproxy.sql.findings import Findings
from govproxy.sql.names import Names, strings
from govproxy.sql.ranges import Ranges
from govproxy.sql.scope import CONSTANT, UNKNOWN, Columns, Rows, Scope, Value, combine, either, rename
from govproxy.sql.settled import Keys, shown, sorted_by
from govproxy.sql.shapes import Shapes
from govproxy.sql.values import Comparison
from govproxy.sql.writes import Writes

Node = dict[str, Any]

# What of a SELECT makes it more than a set operation of its two sides.
_OWN_CLAUSES = ("withClause", "sortClause", "limitCount", "limitOffset", "lockingClause", "intoClause")


# Members of a set operation that are compared one by one; of more, nothing sensitive may be compared.
MAX_COMPARED = 24


class CommonTable:
    """One WITH query. ``rows`` is None until traced; a recursive one is traced until it settles."""

    __slots__ = ("body", "is_open", "rows", "scope")

    def __init__(self, body: Node, scope: Scope) -> None:
        self.body = body
        self.scope = scope
        self.rows: Rows | None = None
        self.is_open = False


class StatementQueries:
    """The queries of one statement, with everything they need to be traced."""

    def __init__(self, names: Names, shapes: Shapes, findings: Findings) -> None:
        self._findings = findings
        self._names = names
        self.expressions = Expressions(names, findings, self, shapes.results)
        self.ranges = Ranges(names, shapes, findings, self.expressions, self, self)
        self.writes = Writes(names, shapes, findings, self.expressions, self.ranges, self)

    def query(self, node: Node, scope: Scope | None) -> Rows:
        """The rows of a statement node: a query, or a data-modifying statement's RETURNING."""
        self._findings.spend()
        for tag, body in node.items():
            match tag:
                case "SelectStmt":
                    return self.select(body, scope)
                case "InsertStmt":
                    return self.writes.insert(body, self.with_clause(body, scope))
                case "UpdateStmt":
                    return self.writes.update(body, self.with_clause(body, scope))
                case "DeleteStmt":
                    return self.writes.delete(body, self.with_clause(body, scope))
                case "MergeStmt":
                    return self.writes.merge(body, self.with_clause(body, scope))
                case _:
                    return Rows((), self._findings.not_understood())
        return Rows((), self._findings.not_understood())

    def select(self, body: Node, outer: Scope | None) -> Rows:
        """The rows of a SELECT, VALUES or set operation."""
        outer = self.with_clause(body, outer)
        if body.get("op", "SETOP_NONE") != "SETOP_NONE":
            rows = self._set_operation(body, outer)
            self._order_outputs(body, rows, None)
            inside = outer
        elif body.get("valuesLists"):
            rows = self._values(body["valuesLists"], outer or Scope())
            self._order_outputs(body, rows, None)
            inside = outer
        else:
            rows, inside = self._plain(body, outer)
        for key in ("limitCount", "limitOffset"):
            if key in body:
                self._findings.use(self.expressions.value(body[key], inside or Scope()), Comparison.OTHER)
        into = body.get("intoClause")
        if into:
            self.writes.into(into, rows)
            return Rows()
        return rows

    def _plain(self, body: Node, outer: Scope | None) -> tuple[Rows, Scope]:
        expressions = self.expressions
        scope = Scope(outer, self.ranges.clause(body.get("fromClause", ()), outer))
        if "whereClause" in body:
            expressions.condition(body["whereClause"], scope)
        for definition in body.get("windowClause", ()):
            window = definition.get("WindowDef", {})
            value = expressions.calls.window(window, scope)
            scope.windows = {**(scope.windows or {}), window.get("name", ""): value}
        columns, wild = expressions.targets(body.get("targetList", ()), scope)
        rows = Rows(columns, wild)
        self._groups(body, rows, scope)
        if "havingClause" in body:
            expressions.condition(body["havingClause"], scope)
        self._order_outputs(body, rows, scope)
        distinct = body.get("distinctClause")
        if distinct is not None:
            wanted = [node for node in distinct if node]
            nodes = shown(body.get("targetList", ()), rows, scope)
            keys = self._keys(scope)
            for node in wanted:
                if not keys.settle_next(sorted_by(node, nodes, rows)):
                    expressions.group(self._output(node, rows, scope), _written(node, body), scope)
            if not wanted:
                self._distinct(rows, body, scope)
        return rows, scope

    def _distinct(self, rows: Rows, body: Node, scope: Scope) -> None:
        if rows.wild is not None:
            self._findings.use(rows.everything(), Comparison.OTHER)
        nodes = shown(body.get("targetList", ()), rows, scope)
        keys = self._keys(scope)
        for place, ((_, value), node) in enumerate(zip(rows.columns, nodes, strict=True), 1):
            if not keys.settle_next(node):
                self.expressions.group(value, _written({"A_Const": {"ival": {"ival": place}}}, body), scope)

    def _keys(self, scope: Scope) -> Keys:
        return Keys(self._names, scope, self._findings)

    def _groups(self, body: Node, rows: Rows, scope: Scope) -> None:
        nodes = body.get("groupClause", ())
        # Security: each of several grouping sets is a list of its own, and may leave the key out.
        whole = not any("GroupingSet" in node for node in nodes)
        meant = [_grouped(node, body, scope) if whole else {} for node in nodes]
        anywhere, so_far = self._keys(scope), self._keys(scope)
        for one in meant:
            anywhere.add(one)
        for node, one in zip(nodes, meant, strict=True):
            # Security: rows may come sorted by what they are grouped by, in the order written. Plain columns that
            # a key settles are the only ones that the server leaves out of that, wherever they stand.
            settled = so_far.settle_next(one)
            if not settled and not ("ColumnRef" in one and anywhere.settle(one)):
                self._group(node, rows, scope, body)

    def _group(self, node: Node, rows: Rows, scope: Scope, body: Node) -> None:
        grouping = node.get("GroupingSet")
        if grouping is not None:
            for inner in grouping.get("content", ()):
                self._group(inner, rows, scope, body)
            return
        fields = node.get("RowExpr", {}).get("args") if "RowExpr" in node else None
        for one in fields if fields is not None else (node,):
            name = _bare_name(one)
            value = scope.column(name) if name else None
            written = one if value is not None else _written(one, body)
            value = self._output(one, rows, scope) if value is None else value
            self.expressions.group(value, written, scope)

    def _order_outputs(self, body: Node, rows: Rows, scope: Scope | None) -> None:
        sorts = [node.get("SortBy", {}) for node in body.get("sortClause", ())]
        nodes = shown(body.get("targetList", ()), rows, scope) if sorts and scope is not None else []
        keys = None if scope is None else self._keys(scope)
        for sort in sorts:
            node = sort.get("node", {})
            if keys is not None and not sort.get("useOp"):
                self._findings.spend(len(nodes))
                meant = sorted_by(node, nodes, rows)
                if keys.settle_next(meant):
                    continue
            self.expressions.sorts(self._output(node, rows, scope), sort)

    def _output(self, node: Node, rows: Rows, scope: Scope | None) -> Value:
        """What ORDER BY, GROUP BY or DISTINCT ON names: an output by place or name, or an expression."""
        constant = node.get("A_Const", {})
        if "ival" in constant:
            place = int(constant["ival"].get("ival", 0)) - 1
            if rows.wild is None and 0 <= place < len(rows.columns):
                return rows.columns[place][1]
            return rows.everything()
        name = _bare_name(node)
        named = [value for label, value in rows.columns if label == name] if name else []
        if rows.wild is not None and name:
            named.append(rows.wild)
        if named and rows.wild is None:
            return either(named)
        if scope is None:
            return rows.everything()
        return combine([*named, self.expressions.value(node, scope)]) if named else self.expressions.value(node, scope)

    def _set_operation(self, body: Node, outer: Scope | None) -> Rows:
        """UNION, INTERSECT, EXCEPT: column by column, any side's sources.

        The left side is walked in a loop: a long UNION nests as often as it has members.
        """
        members: list[Node] = []
        comparing = False
        node = body
        while node.get("op", "SETOP_NONE") != "SETOP_NONE":
            comparing = comparing or not node.get("all") or node["op"] != "SETOP_UNION"
            members.append(node.get("rarg", {}))
            node = node.get("larg", {})
            if any(node.get(clause) for clause in _OWN_CLAUSES):
                break
        members.append(node)
        rows = self.select(members[-1], outer)
        sides = [rows]
        for member in reversed(members[:-1]):
            sides.append(self.select(member, outer))
            rows = self._united(rows, sides[-1])
        if comparing:
            self._compare_sides(sides, [_fixed_outputs(member) for member in reversed(members)], rows)
        return rows

    def _compare_sides(self, sides: list[Rows], fixed: list[list[bool]], united: Rows) -> None:
        """UNION, INTERSECT and EXCEPT compare every value with every other in its place."""
        self._findings.spend(len(sides) * len(sides))
        if united.wild is not None or len(sides) > MAX_COMPARED:
            self._findings.use(united.everything(), Comparison.OTHER)
            return
        for place in range(len(united.columns)):
            values = [side.columns[place][1] for side in sides]
            for number, value in enumerate(values):
                self._findings.group(value)
                for other in range(number):
                    self.expressions.comparisons.matched(
                        (value, fixed[number][place : place + 1] == [True]),
                        (values[other], fixed[other][place : place + 1] == [True]),
                    )

    def _united(self, one: Rows, two: Rows) -> Rows:
        if one.wild is not None or two.wild is not None or len(one.columns) != len(two.columns):
            return Rows(one.columns, combine([one.everything(), two.everything(), UNKNOWN]))
        return Rows(
            tuple(
                (name, either((left, right))) for (name, left), (_, right) in zip(one.columns, two.columns, strict=True)
            )
        )

    def _values(self, lists: Sequence[Node], scope: Scope) -> Rows:
        columns: list[Value] = []
        for row in lists:
            fields = [self.expressions.value(item, scope) for item in row.get("List", {}).get("items", ())]
            if not columns:
                columns = fields
            elif len(fields) == len(columns):
                columns = [
                    left if left is right else either((left, right))
                    for left, right in zip(columns, fields, strict=True)
                ]
            else:
                return Rows((), combine([*columns, *fields, UNKNOWN]))
        return Rows(tuple((f"column{place}", value) for place, value in enumerate(columns, 1)))

    def with_clause(self, body: Node, outer: Scope | None) -> Scope | None:
        """A level that knows the WITH queries of a statement; ``outer`` itself when there are none."""
        clause = body.get("withClause")
        if not clause:
            return outer
        tables: dict[str, object] = {}
        scope = Scope(outer, ctes=tables)
        entries = [node.get("CommonTableExpr", {}) for node in clause.get("ctes", ())]
        if clause.get("recursive"):
            for entry in entries:
                tables[entry.get("ctename", "")] = CommonTable(entry, scope)
            for entry in entries:
                self.rows(entry.get("ctename", ""), scope)
            return scope
        for entry in entries:
            rows = self._named(entry, self.query(entry.get("ctequery", {}), Scope(outer, ctes=dict(tables))))
            done = CommonTable(entry, scope)
            done.rows = rows
            tables[entry.get("ctename", "")] = done
        return scope

    def rows(self, name: str, scope: Scope) -> Rows | None:
        """The rows of the WITH query a name means, traced now if it was not."""
        table = scope.cte(name)
        if not isinstance(table, CommonTable):
            return None
        if table.rows is None:
            if table.is_open:  # it reaches itself before its first branch is known
                return Rows((), self._findings.not_understood())
            table.is_open = True
            table.rows = self._recursive(table)
        return table.rows

    def _recursive(self, table: CommonTable) -> Rows:
        """Trace a query of WITH RECURSIVE until no round adds a source.

        Security: one round is not enough, because a recursive term may move a value from column
        to column, one place a round.
        """
        query = table.body.get("ctequery", {})
        body = query.get("SelectStmt", {})
        if body.get("op", "SETOP_NONE") == "SETOP_NONE":
            return self._named(table.body, self.query(query, table.scope))
        first = self.select(body.get("larg", {}), self.with_clause(body, table.scope))
        known = self._named(table.body, first)
        while True:
            table.rows = known
            again = self._named(table.body, self.query(query, table.scope))
            united = self._united(known, again)
            if united == known or united.wild is not None:
                return united
            known = united

    def _named(self, body: Node, rows: Rows) -> Rows:
        """A WITH query's rows under its column names, with the columns of SEARCH and CYCLE."""
        columns = rename(rows.columns, strings(body.get("aliascolnames", ())))
        added: Columns = ()
        search, cycle = body.get("search_clause"), body.get("cycle_clause")
        if search:
            added += _ordering(search.get("search_seq_column", ""), strings(search.get("search_col_list", ())), columns)
        if cycle:
            watched = strings(cycle.get("cycle_col_list", ()))
            for _, value in (column for column in columns if column[0] in watched):
                # Security: rows end where a value comes again, so that their number tells which are equal.
                self._findings.group(value)
            added += _ordering(cycle.get("cycle_mark_column", ""), watched, columns)
            added += _ordering(cycle.get("cycle_path_column", ""), watched, columns)
        present = {name for name, _ in columns}
        return Rows(columns + tuple(column for column in added if column[0] not in present), rows.wild)


def _ordering(name: str, wanted: Sequence[str], columns: Columns) -> Columns:
    return ((name, combine([CONSTANT, *(value for column, value in columns if column in wanted)])),)


def _bare_name(node: Node) -> str | None:
    fields = node.get("ColumnRef", {}).get("fields", ())
    names = strings(fields)
    return names[0] if len(fields) == len(names) == 1 else None


def _grouped(node: Node, body: Node, scope: Scope) -> Node:
    """The expression that GROUP BY means: a column of FROM comes before an output of that name."""
    name = _bare_name(node)
    if name is not None and any(name in item.index for item in scope.part.items):
        return node
    return _written(node, body)


def _written(node: Node, body: Node) -> Node:
    """The expression that GROUP BY or DISTINCT ON means by the place or the name of an output."""
    constant, name = node.get("A_Const", {}), _bare_name(node)
    if "ival" not in constant and name is None:
        return node
    targets = [target.get("ResTarget", {}) for target in body.get("targetList", ())]
    if "ival" in constant and not any(
        "A_Star" in field for target in targets for field in _fields(target.get("val", {}))
    ):
        place = int(constant["ival"].get("ival", 0)) - 1
        return dict(targets[place].get("val", {})) if 0 <= place < len(targets) else {}
    named = [target for target in targets if name is not None and target.get("name") == name]
    return dict(named[0].get("val", {})) if len(named) == 1 else node


def _fields(node: Node) -> Sequence[Node]:
    fields: Sequence[Node] = node.get("ColumnRef", {}).get("fields", ()) or node.get("A_Indirection", {}).get(
        "indirection", ()
    )
    return fields


def _fixed_outputs(member: Node) -> list[bool]:
    """For each output of a SELECT without FROM, whether it is written out in the statement."""
    if any(key in member for key in ("fromClause", "larg", "valuesLists")):
        return []
    return [is_fixed(target.get("ResTarget", {}).get("val", {})) for target in member.get("targetList", ())]
