"""A complete walk over a raw parse tree: what it reads, writes, locks, calls and does not know.

The walk keeps an allow-list of node types. Anything else is noted as unknown, so that grammar of
a newer server becomes a refusal. It goes through every field of every node, since functions
hide in FROM, VALUES, LIMIT, FILTER, frame bounds and RETURNING alike. Names are not resolved
here, except that a common table expression is told from a relation.

JSON form: a field of a general type holds ``{"NodeType": {…}}``; a field of one fixed type holds
the bare body, and `FIXED` says of which type.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

Node = dict[str, Any]
Ctes = Mapping[str, Node]  # name -> the query behind it, wrapped

NO_CTES: Ctes = {}
MAX_CTES = 500  # of one WITH: each sees all before it, which costs by the square

# Bodies that come without their type's name, by the field that holds them.
FIXED: Mapping[str, str] = {
    "alias": "Alias",
    "argType": "TypeName",
    "authrole": "RoleSpec",
    "bound": "PartitionBoundSpec",
    "collClause": "CollateClause",
    "constrrel": "RangeVar",
    "constructor": "JsonAggConstructor",
    "context_item": "JsonValueExpr",
    "cycle_clause": "CTECycleClause",
    "datatype": "TypeName",
    "format": "JsonFormat",
    "fromsql": "ObjectWithArgs",
    "func": "ObjectWithArgs",
    "funccall": "FuncCall",
    "identitySequence": "RangeVar",
    "infer": "InferClause",
    "into": "IntoClause",
    "intoClause": "IntoClause",
    "join_using_alias": "Alias",
    "larg": "SelectStmt",
    "newowner": "RoleSpec",
    "ofTypename": "TypeName",
    "onConflictClause": "OnConflictClause",
    "on_empty": "JsonBehavior",
    "on_error": "JsonBehavior",
    "opername": "ObjectWithArgs",
    "output": "JsonOutput",
    "over": "WindowDef",
    "owner": "RoleSpec",
    "partbound": "PartitionBoundSpec",
    "partspec": "PartitionSpec",
    "pathspec": "JsonTablePathSpec",
    "pktable": "RangeVar",
    "pubtable": "PublicationTable",
    "rarg": "SelectStmt",
    "rel": "RangeVar",
    "relation": "RangeVar",
    "returnType": "TypeName",
    "returning": "JsonReturning",
    "returningClause": "ReturningClause",
    "search_clause": "CTESearchClause",
    "sequence": "RangeVar",
    "sourcetype": "TypeName",
    "storedtype": "TypeName",
    "table": "RangeVar",
    "targettype": "TypeName",
    "tosql": "ObjectWithArgs",
    "typeName": "TypeName",
    "type_name": "TypeName",
    "typevar": "RangeVar",
    "user": "RoleSpec",
    "view": "RangeVar",
    "withClause": "WithClause",
}

# Several types share these fields; with a bare body only one of them is possible.
_SHARED: Mapping[tuple[str, str], str] = {
    ("JsonObjectAgg", "arg"): "JsonKeyValue",
    ("JsonArrayAgg", "arg"): "JsonValueExpr",
    ("JsonParseExpr", "expr"): "JsonValueExpr",
    ("JsonSerializeExpr", "expr"): "JsonValueExpr",
    ("JsonArgument", "val"): "JsonValueExpr",
    ("JsonKeyValue", "value"): "JsonValueExpr",
    ("CreateOpClassItem", "name"): "ObjectWithArgs",
    ("PartitionCmd", "name"): "RangeVar",
}

LEAVES = frozenset(
    """
    A_Const A_Star Alias BitString Boolean CTECycleClause CTESearchClause ColumnRef CurrentOfExpr Float Integer
    JsonFormat JsonReturning MergeSupportFunc ParamRef RoleSpec SQLValueFunction SetToDefault String
    """.split()  # noqa: SIM905
)

EXPRESSIONS = frozenset(
    """
    A_ArrayExpr A_Expr A_Indices A_Indirection BoolExpr BooleanTest CaseExpr CaseWhen CoalesceExpr CollateClause
    ColumnDef CommonTableExpr FuncCall GroupingFunc GroupingSet IndexElem InferClause JoinExpr JsonAggConstructor
    JsonArgument JsonArrayAgg JsonArrayConstructor JsonArrayQueryConstructor JsonBehavior JsonFuncExpr JsonIsPredicate
    JsonKeyValue JsonObjectAgg JsonObjectConstructor JsonOutput JsonParseExpr JsonScalarExpr JsonSerializeExpr
    JsonTable JsonTableColumn JsonTablePathSpec JsonValueExpr List MergeWhenClause MinMaxExpr MultiAssignRef
    NamedArgExpr NullTest OnConflictClause RangeFunction RangeSubselect RangeTableFunc RangeTableFuncCol
    RangeTableSample ResTarget ReturningClause ReturningOption RowExpr SortBy SubLink TypeCast TypeName WindowDef
    WithClause XmlExpr XmlSerialize
    """.split()  # noqa: SIM905
)

# Parts of definitions. What they call runs later, with whoever uses the object; judged as if it ran now.
DEFINITIONS = frozenset(
    """
    AccessPriv AlterTableCmd ATAlterConstraint Constraint CreateOpClassItem DefElem FunctionParameter ObjectWithArgs
    PartitionBoundSpec PartitionCmd PartitionElem PartitionRangeDatum PartitionSpec PublicationObjSpec
    PublicationTable ReplicaIdentityStmt ReturnStmt StatsElem TableLikeClause TriggerTransition VacuumRelation
    VariableSetStmt
    """.split()  # noqa: SIM905
)

WRITES = frozenset({"InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt"})

_STRENGTHS: Mapping[str, str] = {
    "LCS_FORKEYSHARE": "for key share",
    "LCS_FORSHARE": "for share",
    "LCS_FORNOKEYUPDATE": "for no key update",
    "LCS_FORUPDATE": "for update",
}
_TABLESAMPLE_METHODS = frozenset({"bernoulli", "system", "system_rows", "system_time"})


class Write(NamedTuple):
    """A data-modifying statement found anywhere: its type, its body and the CTEs it sees."""

    kind: str
    body: Node
    ctes: Ctes


class Lock(NamedTuple):
    """A relation under FOR UPDATE, NO KEY UPDATE, SHARE or KEY SHARE."""

    relation: Node
    strength: str


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
        strength = _STRENGTHS.get(clause.get("strength", ""), "for update")
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
        elif kind == "RangeTableSample" and field_names(body["method"])[-1] not in _TABLESAMPLE_METHODS:
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
        fixed = _SHARED.get((kind, field)) or FIXED.get(field)
        if fixed is None:
            self.unknown.append(f"{kind}.{field}")
        elif fixed != "RangeVar":  # a bare RangeVar is a target, which its statement names itself
            self._todo.append((fixed, value, ctes))


def field_names(fields: list[Node]) -> list[str]:
    """The names in a list of String nodes; a star is ``*``, anything else an empty string."""
    names = []
    for item in fields:
        if "String" in item:
            names.append(str(item["String"].get("sval", "")))
        else:
            names.append("*" if "A_Star" in item else "")
    return names


def alias_of(relation: Node) -> str:
    """The name a RangeVar goes by in its query."""
    alias = relation.get("alias")
    return str(alias["aliasname"] if alias is not None else relation["relname"])


def range_variables(source: list[Any]) -> Iterator[Node]:
    """Every RangeVar body of a FROM list, through joins and subqueries, in order."""
    todo = list(reversed(source))
    while todo:
        item = todo.pop()
        if "RangeVar" in item:
            yield item["RangeVar"]
        elif "JoinExpr" in item:
            todo.extend((item["JoinExpr"]["rarg"], item["JoinExpr"]["larg"]))
        elif "RangeTableSample" in item:
            todo.append(item["RangeTableSample"]["relation"])
        elif "RangeSubselect" in item:
            todo.append(item["RangeSubselect"]["subquery"])
        elif "SelectStmt" in item:
            body = item["SelectStmt"]
            todo.extend(reversed(body.get("fromClause", [])))
            todo.extend({"SelectStmt": body[arm]} for arm in ("rarg", "larg") if arm in body)
