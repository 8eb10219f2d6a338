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

from govproxy._fastpath.treewalk import Grammar, Walk, field_names

__all__ = ["Node", "Walk", "alias_of", "field_names", "new_walk", "nodes_of", "range_variables"]

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
SHARED: Mapping[tuple[str, str], str] = {
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

STRENGTHS: Mapping[str, str] = {
    "LCS_FORKEYSHARE": "for key share",
    "LCS_FORSHARE": "for share",
    "LCS_FORNOKEYUPDATE": "for no key update",
    "LCS_FORUPDATE": "for update",
}
SAMPLING = frozenset({"bernoulli", "system", "system_rows", "system_time"})


class Write(NamedTuple):
    """A data-modifying statement found anywhere: its type, its body and the CTEs it sees."""

    kind: str
    body: Node
    ctes: Ctes


class Lock(NamedTuple):
    """A relation under FOR UPDATE, NO KEY UPDATE, SHARE or KEY SHARE."""

    relation: Node
    strength: str


def _locks(clause: Node, source: list[Any], ctes: Ctes) -> list[Lock]:
    """What a locking clause locks of a FROM list."""
    named = {item["RangeVar"]["relname"] for item in clause.get("lockedRels", ()) if "RangeVar" in item}
    relations = [item for item in range_variables(source) if "schemaname" in item or item["relname"] not in ctes]
    chosen = [item for item in relations if alias_of(item) in named] if named else relations
    # A name that is a subquery's locks whatever is inside it.
    strength = STRENGTHS.get(clause.get("strength", ""), "for update")
    return [Lock(item, strength) for item in chosen or relations]


_NOTED = frozenset({"FuncCall", "A_Expr", "SubLink", "JoinExpr", "SortBy", "RangeTableSample"})
_GRAMMAR = Grammar(
    kinds={
        **dict.fromkeys(LEAVES, "leaf"),
        **dict.fromkeys(EXPRESSIONS | DEFINITIONS, "plain"),
        **dict.fromkeys(_NOTED, "noted"),
        **dict.fromkeys(WRITES, "write"),
        "ColumnRef": "column",
        "RangeVar": "relation",
        "SelectStmt": "select",
    },
    fixed=dict(FIXED),
    shared=dict(SHARED),
    sampling=SAMPLING,
    max_ctes=MAX_CTES,
    write=Write,
    locks=_locks,
)


def new_walk() -> Walk:
    """A walk that has met nothing yet."""
    return Walk(_GRAMMAR)


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


def nodes_of(node: Any) -> Iterator[tuple[str, Node]]:
    """All parts of a tree with fields of their own, each under the name of its type or field, without recursion."""
    pending = [node]
    while pending:
        current = pending.pop()
        if isinstance(current, list):
            pending.extend(current)
        elif isinstance(current, dict):
            for tag, body in current.items():
                if isinstance(body, dict):
                    yield tag, body
                pending.append(body)


def conversions(node: Any) -> tuple[set[str], list[list[str]]]:
    """Names of the operators below a node, and of the types that something is cast to."""
    operators: set[str] = set()
    types: list[list[str]] = []
    todo = [node]
    while todo:
        current = todo.pop()
        if isinstance(current, list):
            todo.extend(current)
        elif isinstance(current, dict):
            for kind, body in current.items():
                if kind in ("A_Expr", "SubLink") and isinstance(body, dict):
                    names = body.get("name") or body.get("operName")
                    if names:
                        operators.add(field_names(names)[-1])
                elif kind == "SortBy" and body.get("useOp"):
                    operators.add(field_names(body["useOp"])[-1])
                elif kind == "typeName" and isinstance(body, dict) and body.get("names"):
                    types.append(field_names(body["names"]))
                if isinstance(body, dict | list):
                    todo.append(body)
    return operators, types
