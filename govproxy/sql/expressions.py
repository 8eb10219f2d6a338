"""Expressions of PostgreSQL's raw parse tree: the base columns behind each.

One method per node type in a table; what is not in the table is opaque, and still searched for
columns. Knows nothing of how a query is put together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from govproxy.sql import total
from govproxy.sql.calls import Calls
from govproxy.sql.catalog import ColumnRef
from govproxy.sql.comparisons import Comparisons
from govproxy.sql.findings import Findings
from govproxy.sql.labels import label
from govproxy.sql.names import Names, qualified
from govproxy.sql.results import Results
from govproxy.sql.scope import CONSTANT, UNKNOWN, Columns, Scope, Value, combine, either, opaque, whole
from govproxy.sql.seams import Queries
from govproxy.sql.types import BOOL, INT4, NAME, NUMERIC, RECORD
from govproxy.sql.values import Comparison, Derivation

Node = dict[str, Any]

# Grammar younger than a server: to an older one the same text is a call of somebody's function.
_SINCE = {
    **dict.fromkeys(
        ("JsonObjectConstructor", "JsonArrayConstructor", "JsonArrayQueryConstructor", "JsonObjectAgg", "JsonArrayAgg"),
        160000,
    ),
    **dict.fromkeys(
        ("JsonParseExpr", "JsonScalarExpr", "JsonSerializeExpr", "JsonFuncExpr", "MergeSupportFunc"), 170000
    ),
}
# Understood, and made of what stands in them and nothing else.
_COMPUTED = (
    "CollateClause",
    "JsonArrayConstructor",
    "JsonArrayQueryConstructor",
    "JsonFuncExpr",
    "JsonIsPredicate",
    "JsonKeyValue",
    "JsonObjectConstructor",
    "JsonParseExpr",
    "JsonScalarExpr",
    "JsonSerializeExpr",
    "JsonValueExpr",
    "List",
    "NamedArgExpr",
    "XmlExpr",
    "XmlSerialize",
)

# Types of CURRENT_DATE and the like; users and catalogs are names.
_SESSION_VALUES = {
    "SVFOP_CURRENT_DATE": 1082,
    **dict.fromkeys(("SVFOP_CURRENT_TIMESTAMP", "SVFOP_CURRENT_TIMESTAMP_N"), 1184),
    **dict.fromkeys(("SVFOP_LOCALTIMESTAMP", "SVFOP_LOCALTIMESTAMP_N"), 1114),
    **dict.fromkeys(("SVFOP_CURRENT_TIME", "SVFOP_CURRENT_TIME_N"), 1266),
    **dict.fromkeys(("SVFOP_LOCALTIME", "SVFOP_LOCALTIME_N"), 1083),
}
_FAILING_XML = frozenset({"IS_XMLPARSE", "IS_XMLPI", "IS_DOCUMENT"})
# Built-in functions that bring values of one column into one form. With nothing to say about it but
# constants that choose among few forms, putting together by them asks no question about a value.
_TIDYING = frozenset({"lower", "upper", "btrim", "ltrim", "rtrim", "date_trunc", "date_part", "extract"})
_INT4, _BOOL, _NUMERIC = (CONSTANT._replace(type=kind) for kind in (INT4, BOOL, NUMERIC))
_QUERIES = frozenset({"SelectStmt", "InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt"})


class Expressions:
    """The evaluator of one statement."""

    def __init__(self, names: Names, findings: Findings, queries: Queries, results: Results) -> None:
        self._names = names
        self._findings = findings
        self._queries = queries
        self.calls = Calls(self, names, findings, results)
        self.comparisons = Comparisons(self, names, findings)

    def value(self, node: Node, scope: Scope) -> Value:
        """What feeds an expression. Never empty-handed: what is not understood is opaque."""
        self._findings.spend()
        for tag, body in node.items():
            handler = _HANDLERS.get(tag)
            if handler is None or (tag in _SINCE and self._names.catalog.server_version < _SINCE[tag]):
                self._findings.not_understood()
                return opaque([UNKNOWN, *self._within(body, scope)])
            return handler(self, body, scope)
        return CONSTANT

    def condition(self, node: Node, scope: Scope) -> Value:
        """What feeds a deciding expression, each column noted as used."""
        for tag, body in node.items():
            handler = _DECIDING.get(tag)
            if handler is not None:
                self._findings.spend()
                return handler(self, body, scope)
        value = self.value(node, scope)
        self._findings.use(value, Comparison.OTHER)
        return value

    def order(self, nodes: Sequence[Node], scope: Scope) -> list[Value]:
        """The values that sort, noted as used."""
        values = []
        for node in nodes:
            sort = node.get("SortBy", {})
            value = self.value(sort.get("node", {}), scope)
            self.sorts(value, sort)
            values.append(value)
        return values

    def group(self, value: Value, node: Node, scope: Scope, *, counted: bool = False) -> None:
        """Note what GROUP BY, DISTINCT or PARTITION BY puts together; ``counted`` if only to count the groups."""
        if value.derivation is Derivation.EXPRESSION and self.is_tidied(node, scope):
            self._findings.use(value, Comparison.EQUALITY if counted else Comparison.GROUP)
        else:
            self._findings.group(value, counted=counted)

    def is_tidied(self, node: Node, scope: Scope) -> bool:
        """Whether a node is a column in another form, such as in lower case."""
        column = _tidied(node)
        return column is not None and self.value(column, scope).untouched

    def sorts(self, value: Value, sort: Node) -> None:
        """Note one value of an ORDER BY."""
        self._findings.use(value, Comparison.ORDER)
        for name in sort.get("useOp", ()):
            if not self._names.operator_is_proven(None, name.get("String", {}).get("sval", ""), (value.type,)):
                self._findings.not_understood()
                self._findings.untraced()

    def targets(self, nodes: Sequence[Node], scope: Scope) -> tuple[Columns, Value | None]:
        """An output list with every ``*`` expanded, and what stands for columns without names."""
        columns: list[tuple[str, Value]] = []
        wild: Value | None = None
        for node in nodes:
            target = node.get("ResTarget", {})
            expression = target.get("val", {})
            expanded = self._star(expression, scope)
            if expanded is None:
                columns.append((target.get("name") or label(expression), self.value(expression, scope)))
                continue
            self._findings.spend(len(expanded[0]))
            columns.extend(expanded[0])
            if expanded[1] is not None:
                wild = expanded[1] if wild is None else combine((wild, expanded[1]))
        return tuple(columns), wild

    def cast(self, value: Value, type_name: Node) -> Value:
        """A value cast to a named type."""
        target = self._names.type_name(type_name)
        result = combine([value], target.oid)
        if value.of_rows and not total.cast(value.type, target.oid, bool(type_name.get("typmods"))):
            self._findings.fails(value)
        if not target.proven or not self._names.cast_is_proven(value.type, target.oid):
            self._findings.not_understood()
            self._findings.untraced()
            return opaque([result])
        return result

    def projected(self, value: Value, name: str) -> Value | None:
        """A field of a composite value, by what the value or its type tells."""
        for field, found in self._fields(value) or ():
            if field == name:
                return found
        return None

    def _fields(self, value: Value) -> Columns | None:
        if value.row is not None:
            return value.row
        relation = self._names.row_type(value.type) if value.type else None
        if relation is None:
            return None
        derivation = combine([value]).derivation
        return tuple(
            (
                column.name,
                Value(value.sources | {ColumnRef(relation.oid, column.attnum)}, derivation, column.base_type_oid),
            )
            for column in relation.columns
        )

    def _star(self, node: Node, scope: Scope) -> tuple[Columns, Value | None] | None:
        """The columns that ``*``, ``t.*`` or ``(expression).*`` stands for; None for anything else."""
        for tag, body in node.items():
            if tag == "ColumnRef" and "A_Star" in body["fields"][-1]:
                return self._star_of(body["fields"], scope)
            if tag == "A_Indirection" and "A_Star" in body["indirection"][-1]:
                value = self._steps(body, body["indirection"][:-1], scope)
                fields = self._fields(value)
                return (fields, None) if fields is not None else ((), value)
        return None

    def _star_of(self, fields: Sequence[Node], scope: Scope) -> tuple[Columns, Value | None]:
        names = [field["String"]["sval"] for field in fields[:-1]]
        if not names:
            part = scope.part
            if part.certain:
                return part.columns, part.wild
            return (), combine((*(value for _, value in part.columns), *([part.wild] if part.wild else [])))
        item = scope.item(names[-1], names[-2] if len(names) > 1 else None)
        if item is None:
            return (), self._meaningless(scope)
        if not item.certain:
            return (), combine(value for _, value in item.columns)
        return item.columns, item.wild

    def _column(self, body: Node, scope: Scope) -> Value:
        fields = body["fields"]
        if "A_Star" in fields[-1]:
            columns, wild = self._star_of(fields, scope)
            return whole(columns, wild)
        if len(fields) == 1:
            name = fields[0]["String"]["sval"]
            value = scope.column(name)
            if value is not None:
                return value
            item = scope.item(name)
            return item.whole() if item is not None else self._meaningless(scope)
        names = [field["String"]["sval"] for field in fields]
        item = scope.item(names[-2], names[-3] if len(names) > 2 else None)
        if item is None:
            return self._meaningless(scope)
        value = item.column(names[-1])
        if value is not None:
            return value
        return self.calls.by_notation(names[-1], item.whole(), {"ColumnRef": body})

    def _meaningless(self, scope: Scope) -> Value:
        """A name that nothing in reach bears: it could be any of it."""
        self._findings.not_understood()
        return Value(scope.everything(), Derivation.OPAQUE)

    def _constant(self, body: Node, scope: Scope) -> Value:
        if "ival" in body:
            return _INT4
        if "boolval" in body:
            return _BOOL
        return _NUMERIC if "fval" in body else CONSTANT

    def _nothing(self, body: Node, scope: Scope) -> Value:
        return CONSTANT

    def _parameter(self, body: Node, scope: Scope) -> Value:
        value = scope.parameter(int(body.get("number", 0)))
        if value is None:
            return CONSTANT
        return value if value is not UNKNOWN else self._findings.not_understood()

    def _session_value(self, body: Node, scope: Scope) -> Value:
        return CONSTANT._replace(type=_SESSION_VALUES.get(body.get("op", ""), NAME))

    def _cast(self, body: Node, scope: Scope) -> Value:
        argument = body.get("arg", {})
        value = self.value(argument, scope)
        result = self.cast(value, body.get("typeName", {}))
        if "A_Const" not in argument and not total.cast(value.type, result.type, bool(body["typeName"].get("typmods"))):
            self._findings.risk()
        return result

    def _operation(self, body: Node, scope: Scope) -> Value:
        return self.comparisons.operation(body, scope, False)

    def _decide_operation(self, body: Node, scope: Scope) -> Value:
        return self.comparisons.operation(body, scope, True)

    def _called(self, body: Node, scope: Scope) -> Value:
        return self.calls.call(body, scope)

    def _boolean(self, body: Node, scope: Scope) -> Value:
        return combine(self.one_by_one(body.get("args", ()), scope), BOOL)

    def one_by_one(self, nodes: Sequence[Node], scope: Scope) -> list[Value]:
        """The values of what PostgreSQL computes only until it knows enough: AND, OR, COALESCE.

        Security: that ``coalesce(nullif(left(ssn, 1), '5'), (1 / (id - id))::text)`` fails answers a question, and so
        does what a function leaves behind. So where something that follows may fail or act, all before
        it decides.
        """
        values: list[Value] = []
        for node in nodes:
            before = self._findings.risks
            value = self.value(node, scope)
            if self._findings.risks != before:
                for earlier in values:
                    self._findings.use(earlier, Comparison.OTHER)
            values.append(value)
        return values

    def _decide_boolean(self, body: Node, scope: Scope) -> Value:
        return combine([self.condition(node, scope) for node in body.get("args", ())], BOOL)

    def _test(self, body: Node, scope: Scope) -> Value:
        return combine([self.value(body.get("arg", {}), scope)], BOOL)

    def _decide_test(self, body: Node, scope: Scope) -> Value:
        argument = body.get("arg", {})
        if "booltesttype" in body and "ColumnRef" not in argument:
            return combine([self.condition(argument, scope)], BOOL)
        return self.comparisons.null_test(argument, scope)

    def _decide_column(self, body: Node, scope: Scope) -> Value:
        return self.comparisons.null_test({"ColumnRef": body}, scope)

    def _sublink(self, body: Node, scope: Scope) -> Value:
        return self._subquery(body, scope, False)

    def _decide_sublink(self, body: Node, scope: Scope) -> Value:
        return self._subquery(body, scope, True)

    def _subquery(self, body: Node, scope: Scope, deciding: bool) -> Value:
        rows = self._queries.query(body.get("subselect", {}), scope)
        match body.get("subLinkType", "EXISTS_SUBLINK"):
            case "EXISTS_SUBLINK":
                # Whether there are rows: what decides it was noted as used where it stands.
                return Value(rows.everything().sources, Derivation.AGGREGATE_SAFE, BOOL)
            case "EXPR_SUBLINK":
                value = rows.first()
                if deciding:
                    self._findings.use(value, Comparison.OTHER)
                return value
            case "ARRAY_SUBLINK":
                return combine([rows.first()])
            case "ANY_SUBLINK" | "ALL_SUBLINK":
                return self.comparisons.with_rows(body.get("testexpr"), body.get("operName", ()), rows, scope, deciding)
            case _:
                self._findings.not_understood()
                return opaque([rows.everything(), UNKNOWN])

    def _case(self, body: Node, scope: Scope) -> Value:
        """All results, and all conditions too: which result is shown tells of them."""
        values = []
        subject = body.get("arg")
        for branch in body.get("args", ()):
            when = branch.get("CaseWhen", {})
            test = when.get("expr", {})
            if subject is not None:
                test = {
                    "A_Expr": {"kind": "AEXPR_OP", "name": [{"String": {"sval": "="}}], "lexpr": subject, "rexpr": test}
                }
            values.append(self.condition(test, scope))
            values.append(self.value(when.get("result", {}), scope))
        if "defresult" in body:
            values.append(self.value(body["defresult"], scope))
        return combine(values)

    def _indirection(self, body: Node, scope: Scope) -> Value:
        return self._steps(body, body.get("indirection", ()), scope)

    def _steps(self, body: Node, steps: Sequence[Node], scope: Scope) -> Value:
        value = self.value(body.get("arg", {}), scope)
        for step in steps:
            for tag, detail in step.items():
                match tag:
                    case "String":
                        value = self._field(value, detail.get("sval", ""), step)
                    case "A_Indices":
                        places = [self.value(detail[key], scope) for key in ("lidx", "uidx") if key in detail]
                        value = combine([value, *places])
                    case "A_Star":
                        value = combine([value])
                    case _:
                        self._findings.not_understood()
                        value = opaque([value, UNKNOWN])
        return value

    def _field(self, value: Value, name: str, node: Node) -> Value:
        field = self.projected(value, name)
        if field is not None:
            return field
        # The value's fields are not known, or it has none of that name and a function is meant.
        if self._fields(value) is None and not self._names.routines(None, name, [value.type]).candidates:
            return combine([value])
        return self.calls.by_notation(name, value, node)

    def _row(self, body: Node, scope: Scope) -> Value:
        fields: list[Value] = []
        wild: Value | None = None
        for node in body.get("args", ()):
            expanded = self._star(node, scope)
            if expanded is None:
                fields.append(self.value(node, scope))
                continue
            fields.extend(value for _, value in expanded[0])
            wild = expanded[1] if wild is None else wild
        return whole(tuple((f"f{place}", value) for place, value in enumerate(fields, 1)), wild)

    def _array(self, body: Node, scope: Scope) -> Value:
        values = [self.value(node, scope) for node in body.get("elements", ())]
        if len(values) > 1 and not total.array([value.type for value in values if value.of_rows and value.row is None]):
            self._findings.fails(combine(values))
        rows = [fields for value in values if (fields := self._fields(value)) is not None]
        if not rows:
            return combine(values, RECORD if any(value.type == RECORD for value in values) else 0)
        # What unnest() takes apart again: the fields of the rows, where all are of one form.
        typed = [value._replace(row=fields, type=0) for value, fields in zip(values, rows, strict=False)]
        same = either(typed).row if len(rows) == len(values) else None
        return combine(values, 0 if same else RECORD)._replace(row=same)

    def _first(self, body: Node, scope: Scope) -> Value:
        return self._same_type(self.one_by_one(body.get("args", ()), scope))

    def _choice(self, body: Node, scope: Scope) -> Value:
        return self._same_type([self.value(node, scope) for node in body.get("args", ())])

    def _same_type(self, values: list[Value]) -> Value:
        same = {value.type for value in values}
        return combine(values, same.pop() if len(same) == 1 else 0)

    def _assigned(self, body: Node, scope: Scope) -> Value:
        """One column of ``SET (a, b) = …``."""
        place = int(body.get("colno", 1)) - 1
        source = body.get("source", {})
        if "RowExpr" in source:
            fields = self.value(source, scope).row or ()
            if 0 <= place < len(fields):
                return fields[place][1]
            return opaque([self.value(source, scope), self._findings.not_understood()])
        if source.get("SubLink", {}).get("subLinkType") == "EXPR_SUBLINK":
            rows = self._queries.query(source["SubLink"].get("subselect", {}), scope)
            if rows.wild is None and 0 <= place < len(rows.columns):
                return rows.columns[place][1]
            return opaque([rows.everything(), self._findings.not_understood()])
        value = self.value(source, scope)
        return combine([value])

    def _grouping(self, body: Node, scope: Scope) -> Value:
        value = combine([self.value(node, scope) for node in body.get("args", ())], INT4)
        return (
            value._replace(derivation=Derivation.AGGREGATE_SAFE) if value.derivation is not Derivation.OPAQUE else value
        )

    def _json_aggregate(self, body: Node, scope: Scope) -> Value:
        constructor = body.get("constructor", {})
        self.order(constructor.get("agg_order", ()), scope)
        if "agg_filter" in constructor:
            self.condition(constructor["agg_filter"], scope)
        if "over" in constructor:
            self.calls.window(constructor["over"], scope)
        return combine([self.typed(constructor), *self._within(body.get("arg", {}), scope)])

    def _computed(self, body: Node, scope: Scope) -> Value:
        """Something that is understood, made of all that stands in it."""
        value = combine([self.typed(body), *self._within(body, scope)])
        if body.get("op") in _FAILING_XML or "on_error" in body:
            self._findings.fails(value)
        return value

    def typed(self, body: Node) -> Value:
        """Opaque when the node names a type whose input is not built in (``RETURNING mytype``)."""
        output = body.get("output")
        name = body.get("typeName") or (output.get("typeName") if isinstance(output, dict) else None)
        return self.cast(CONSTANT, name) if name else CONSTANT

    def _within(self, body: object, scope: Scope) -> Iterator[Value]:
        """The values of all expressions and queries inside a node of any make."""
        if isinstance(body, list):
            for element in body:
                yield from self._within(element, scope)
        elif isinstance(body, dict):
            for tag, inner in body.items():
                if tag in _HANDLERS and isinstance(inner, dict):
                    yield self.value({tag: inner}, scope)
                elif tag in _QUERIES and isinstance(inner, dict):
                    yield self._queries.query({tag: inner}, scope).everything()
                else:
                    yield from self._within(inner, scope)


def _tidied(node: Node) -> Node | None:
    """The column in ``lower(email)``, ``date_trunc('month', birth_date)``: one, beside constants."""
    call = node.get("FuncCall", {})
    arguments = call.get("args", ())
    name = qualified(call.get("funcname", ()))[1]
    columns = [argument for argument in arguments if "ColumnRef" in argument]
    fixed = [argument for argument in arguments if "A_Const" in argument]
    trims = name.endswith("trim") and fixed  # of characters to choose
    alone = len(columns) == 1 and len(columns) + len(fixed) == len(arguments)
    return columns[0] if name in _TIDYING and alone and not trims else None


Handler = Callable[[Expressions, Node, Scope], Value]

_HANDLERS: Mapping[str, Handler] = {
    **dict.fromkeys(_COMPUTED, Expressions._computed),
    "ColumnRef": Expressions._column,
    "A_Const": Expressions._constant,
    "ParamRef": Expressions._parameter,
    "SQLValueFunction": Expressions._session_value,
    "SetToDefault": Expressions._nothing,
    "CurrentOfExpr": Expressions._nothing,
    "MergeSupportFunc": Expressions._nothing,
    "String": Expressions._nothing,
    "Integer": Expressions._nothing,
    "TypeCast": Expressions._cast,
    "A_Expr": Expressions._operation,
    "FuncCall": Expressions._called,
    "BoolExpr": Expressions._boolean,
    "NullTest": Expressions._test,
    "BooleanTest": Expressions._test,
    "SubLink": Expressions._sublink,
    "CaseExpr": Expressions._case,
    "A_Indirection": Expressions._indirection,
    "RowExpr": Expressions._row,
    "A_ArrayExpr": Expressions._array,
    "CoalesceExpr": Expressions._first,
    "MinMaxExpr": Expressions._choice,
    "MultiAssignRef": Expressions._assigned,
    "GroupingFunc": Expressions._grouping,
    "JsonObjectAgg": Expressions._json_aggregate,
    "JsonArrayAgg": Expressions._json_aggregate,
}
_DECIDING: Mapping[str, Handler] = {
    "A_Expr": Expressions._decide_operation,
    "BoolExpr": Expressions._decide_boolean,
    "NullTest": Expressions._decide_test,
    "BooleanTest": Expressions._decide_test,
    "ColumnRef": Expressions._decide_column,
    "SubLink": Expressions._decide_sublink,
}
