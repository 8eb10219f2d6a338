"""The passes over a parse tree in plain Python: what ``_fastpath.treewalk`` must do, written to be read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from govproxy.sql.catalog import Catalog
from govproxy.sql.folding import ARITHMETIC, COMPARISONS, PLAIN_TYPES
from govproxy.sql.tree import (
    DEFINITIONS,
    EXPRESSIONS,
    FIXED,
    LEAVES,
    MAX_CTES,
    NO_CTES,
    SAMPLING,
    SHARED,
    STRENGTHS,
    WRITES,
    Ctes,
    Lock,
    Node,
    Write,
    alias_of,
    field_names,
    range_variables,
)

_SPECIAL = frozenset({"A_Expr", "BoolExpr", "InsertStmt", "UpdateStmt", "DeleteStmt", "limitCount", "limitOffset"})


class Walk:
    """Collects while it goes; see the attributes. One object may walk several trees."""

    __slots__ = ("_todo", "calls", "columns", "creates", "locks", "operators", "reads", "unknown", "writes")

    def __init__(self) -> None:
        self.reads: list[Node] = []  # RangeVar bodies
        self.writes: list[Write] = []
        self.locks: list[Lock] = []
        self.creates: list[Node] = []  # IntoClause bodies
        self.calls: list[Node] = []  # FuncCall bodies
        self.operators: list[tuple[str, str]] = []  # written with a schema
        self.columns: list[list[str]] = []  # ColumnRef fields, '*' for a star
        self.unknown: list[str] = []
        self._todo: list[tuple[str, Any, Ctes]] = []

    def visit(self, node: Node | list[Any], ctes: Ctes = NO_CTES) -> None:
        """Walk ``node`` (wrapped, or a list of wrapped nodes) to its last leaf."""
        self._push("", "", node, ctes)
        self._run()

    def visit_fields(self, kind: str, body: Node, skip: tuple[str, ...] = ()) -> None:
        """Walk what a statement's bare body holds. Targets (bare RangeVars) are the statement's own business."""
        self._fields(kind, body, NO_CTES, skip)
        self._run()

    def _run(self) -> None:
        todo = self._todo
        while todo:
            kind, body, seen = todo.pop()
            if kind in LEAVES:
                if kind == "ColumnRef":
                    self.columns.append(field_names(body["fields"]))
            elif kind in EXPRESSIONS or kind in DEFINITIONS:
                self._note(kind, body)
                self._fields(kind, body, seen)
            elif kind == "RangeVar":
                if "schemaname" in body or body["relname"] not in seen:
                    self.reads.append(body)
            elif kind == "SelectStmt":
                self._select(body, seen)
            elif kind in WRITES:
                seen = self._with(body, seen)
                self.writes.append(Write(kind, body, seen))
                self._fields(kind, body, seen, ("withClause", "relation"))
            else:
                self.unknown.append(kind)

    def _select(self, body: Node, ctes: Ctes) -> None:
        ctes = self._with(body, ctes)
        if "intoClause" in body:
            self.creates.append(body["intoClause"])
        for clause in body.get("lockingClause", ()):
            self._lock(clause["LockingClause"], body.get("fromClause", []), ctes)
        self._fields("SelectStmt", body, ctes, ("withClause", "intoClause", "lockingClause"))

    def _with(self, body: Node, ctes: Ctes) -> Ctes:
        """The CTEs that ``body`` sees, after walking each with those that it sees itself."""
        clause = body.get("withClause")
        if clause is None:
            return ctes
        expressions = [item["CommonTableExpr"] for item in clause["ctes"]]
        if len(expressions) > MAX_CTES:
            self.unknown.append("WithClause of very many")
            return ctes
        seen = dict(ctes)
        if clause.get("recursive"):
            seen.update((cte["ctename"], cte["ctequery"]) for cte in expressions)
        for cte in expressions:
            self._fields("CommonTableExpr", cte, seen)
            # Without RECURSIVE a CTE sees those before it, and its own name still means the relation.
            seen = {**seen, cte["ctename"]: cte["ctequery"]}
        return seen

    def _lock(self, clause: Node, source: list[Any], ctes: Ctes) -> None:
        named = {item["RangeVar"]["relname"] for item in clause.get("lockedRels", ()) if "RangeVar" in item}
        relations = [item for item in range_variables(source) if "schemaname" in item or item["relname"] not in ctes]
        chosen = [item for item in relations if alias_of(item) in named] if named else relations
        # A name that is a subquery's locks whatever is inside it.
        strength = STRENGTHS.get(clause.get("strength", ""), "for update")
        self.locks.extend(Lock(item, strength) for item in chosen or relations)

    def _note(self, kind: str, body: Node) -> None:
        if kind == "FuncCall":
            self.calls.append(body)
        elif kind == "A_Expr":
            self._operator(body.get("name"))
        elif kind == "SubLink":
            self._operator(body.get("operName"))
        elif kind == "JoinExpr":
            # A comparison that names no column, or names it without a reference.
            if body.get("isNatural"):
                self.columns.append(["*"])
            self.columns.extend([name] for name in field_names(body.get("usingClause", [])))
        elif kind == "SortBy":
            self._operator(body.get("useOp"))
        elif kind == "RangeTableSample" and field_names(body["method"])[-1] not in SAMPLING:
            self.unknown.append("TABLESAMPLE method")

    def _operator(self, name: list[Node] | None) -> None:
        if name is not None and len(name) > 1:
            *_, schema, operator = field_names(name)
            self.operators.append((schema, operator))

    def _fields(self, kind: str, body: Node, ctes: Ctes, skip: tuple[str, ...] = ()) -> None:
        todo = self._todo
        start = len(todo)
        for field, value in body.items():
            if (value.__class__ is dict or value.__class__ is list) and field not in skip:
                self._push(kind, field, value, ctes)
        todo[start:] = todo[: start - 1 if start else None : -1]  # the first comes off the stack first

    def _push(self, kind: str, field: str, value: Any, ctes: Ctes) -> None:
        if value.__class__ is list:
            for item in value:
                if item.__class__ is dict or item.__class__ is list:
                    self._push(kind, field, item, ctes)
            return
        for name, body in value.items():
            if "A" <= name[0] <= "Z":
                self._todo.append((name, body, ctes))
            else:
                self._push_fixed(kind, field, value, ctes)
                return

    def _push_fixed(self, kind: str, field: str, value: Any, ctes: Ctes) -> None:
        fixed = SHARED.get((kind, field)) or FIXED.get(field)
        if fixed is None:
            self.unknown.append(f"{kind}.{field}")
        elif fixed != "RangeVar":  # a bare RangeVar is a target, which its statement names itself
            self._todo.append((fixed, value, ctes))


class Finder:
    """``pinned`` wins: a location seen in a place that matters is never folded."""

    def __init__(self, catalog: Catalog) -> None:
        self.found: set[int] = set()
        self.pinned: set[int] = set()
        self._user_operators = catalog.user_operators
        self._shadowed = frozenset(
            name
            for name in PLAIN_TYPES
            if any(catalog.types[oid].schema != "pg_catalog" for oid in catalog.types_by_name.get(name, ()))
        )

    def walk(self, value: Any, *, writing: bool) -> None:
        """Look at everything below ``value``. ``writing``: in a WHERE on which a write depends."""
        # Without recursion where nothing special is: most nodes of a tree are neither here nor there.
        todo = [value]
        while todo:
            value = todo.pop()
            if value.__class__ is list:
                todo += value
            elif value.__class__ is dict:
                for kind, body in value.items():
                    if body.__class__ is dict and kind in _SPECIAL:
                        self._special(kind, body, writing, todo)
                    elif body.__class__ is dict or body.__class__ is list:
                        todo.append(body)

    def _special(self, kind: str, body: Node, writing: bool, todo: list[Any]) -> None:
        match kind:
            case "A_Expr":
                self._expression(body, writing)
            case "BoolExpr" if writing and body.get("boolop") != "AND_EXPR":
                # Which rows `a > 1 OR a <= 2` means depends on the numbers: nothing below folds.
                self._pin(body)
            case "InsertStmt":
                self._insert(body, writing)
            case "UpdateStmt":
                self._update(body)
            case "DeleteStmt":
                self.walk(body, writing=True)
            case "limitCount" | "limitOffset":
                self._data(body)
            case _:
                todo.append(body)

    def _expression(self, body: Node, writing: bool) -> None:
        operator = _operator(body)
        left, right = body.get("lexpr", {}), body.get("rexpr", {})
        kind = body.get("kind")
        if operator is not None and operator not in self._user_operators:
            equal = operator == "="
            if kind == "AEXPR_OP" and operator in COMPARISONS and (equal or not writing):
                if _is_column(left):
                    self._data(right)
                elif _is_column(right):
                    self._data(left)
            elif (
                (kind == "AEXPR_IN" and equal)
                or (kind == "AEXPR_BETWEEN" and not writing and not self._user_operators & {"<", "<=", ">", ">="})
            ) and _is_column(left):
                for item in right.get("List", {}).get("items", ()):
                    # A list of texts may say `flag IN ('t', 'f')`, which is every row: it matters in a write.
                    if not writing or not {"ival", "fval"}.isdisjoint(item.get("A_Const", {})):
                        self._data(item)
            elif kind in ("AEXPR_LIKE", "AEXPR_ILIKE") and not writing and _is_column(left):
                self._data(right)
        self.walk(left, writing=writing)
        self.walk(right, writing=writing)

    def _insert(self, body: Node, writing: bool) -> None:
        for row in body.get("selectStmt", {}).get("SelectStmt", {}).get("valuesLists", ()):
            for cell in row.get("List", {}).get("items", ()):
                self._data(cell)
        conflict = body.get("onConflictClause")
        if conflict is not None:
            self._pin(conflict)
        self.walk({key: value for key, value in body.items() if key != "onConflictClause"}, writing=writing)

    def _update(self, body: Node) -> None:
        for target in body.get("targetList", ()):
            assigned = target.get("ResTarget", {}).get("val", {})
            self._data(assigned)
            expression = assigned.get("A_Expr", {})
            operator = _operator(expression)
            if expression.get("kind") == "AEXPR_OP" and operator in ARITHMETIC - self._user_operators:
                left, right = expression.get("lexpr", {}), expression.get("rexpr", {})
                if _is_column(left):
                    self._data(right)
                elif _is_column(right):
                    self._data(left)
        self.walk(body, writing=True)

    def _data(self, node: Node) -> None:
        """Note a constant, plain or under one plain cast."""
        if "TypeCast" in node:
            cast = node["TypeCast"]
            names = [part.get("String", {}).get("sval") for part in cast.get("typeName", {}).get("names", ())]
            qualified = len(names) == 2 and names[0] == "pg_catalog"
            plain = names[-1] in PLAIN_TYPES if names else False
            if not plain or cast["typeName"].get("arrayBounds") or not (qualified or names[-1] not in self._shadowed):
                return
            node = cast.get("arg", {})
        if "A_Const" in node:
            self.found.add(node["A_Const"].get("location", 0))

    def _pin(self, value: Any) -> None:
        self.pinned |= set(_constants(value))


def _constants(value: Any) -> Iterator[int]:
    if isinstance(value, list):
        for item in value:
            yield from _constants(item)
    elif isinstance(value, dict):
        for kind, body in value.items():
            if kind == "A_Const" and isinstance(body, dict):
                yield body.get("location", 0)
            else:
                yield from _constants(body)


def _operator(body: Node) -> str | None:
    names = body.get("name", ())
    if len(names) != 1:
        return None  # OPERATOR(schema.=): not ours to judge
    name: str | None = names[0].get("String", {}).get("sval")
    return name


def _is_column(node: Node) -> bool:
    fields = node.get("ColumnRef", {}).get("fields")
    return bool(fields) and all("String" in field for field in fields)
