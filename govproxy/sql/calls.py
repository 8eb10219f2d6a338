"""Function calls: aggregates, window functions, plain functions, and names used like functions.

What comes out of a call is what goes in, unless the function only counts. A function that is not
proven makes its result opaque. Knows nothing of queries.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from govproxy.sql import functions, overloads, total
from govproxy.sql.arguments import Bindings
from govproxy.sql.catalog import Function
from govproxy.sql.comparisons import is_fixed
from govproxy.sql.findings import Findings, FunctionUse
from govproxy.sql.functions import AGGREGATE_SAFE
from govproxy.sql.names import Names, Routines, is_proven, qualified
from govproxy.sql.overloads import Given
from govproxy.sql.record_columns import RECORD_COLUMNS
from govproxy.sql.results import Results, with_sources
from govproxy.sql.scope import UNKNOWN, Scope, Value, combine, either, opaque
from govproxy.sql.seams import Evaluator
from govproxy.sql.types import PSEUDO_TYPES
from govproxy.sql.values import Comparison, Derivation

Node = dict[str, Any]

# What these are given outlives the statement.
STORING = frozenset(
    {"set_config", "setval", "pg_notify", "pg_logical_emit_message", "lo_put", "lowrite", "lo_from_bytea", "setseed"}
)

# Built-in functions that return sets, for snapshots that do not list pg_catalog.
_SET_RETURNING = frozenset(
    """
    generate_series generate_subscripts unnest json_object_keys jsonb_object_keys jsonb_path_query jsonb_path_query_tz
    json_populate_recordset jsonb_populate_recordset json_to_recordset jsonb_to_recordset regexp_matches
    regexp_split_to_table string_to_table
    """.split()  # noqa: SIM905
)

_BARE_CALL = frozenset({"funcname", "args", "funcformat", "location"})


# Called stable, though a transaction that has an id shows it.
_ACTING = frozenset({"pg_current_xact_id", "txid_current"})


class Calls:
    """Calls of one statement."""

    def __init__(self, evaluator: Evaluator, names: Names, findings: Findings, results: Results) -> None:
        self._evaluator = evaluator
        self._names = names
        self._findings = findings
        self._results = results
        self._followed: dict[int, tuple[Function, ...]] = {}

    def call(self, body: Node, scope: Scope) -> Value:
        """A FuncCall node."""
        schema, name = qualified(body.get("funcname", ()))
        if name == "system_user" and self._names.catalog.server_version < 160000:
            # Security: a keyword to the parser, a column's name to this server.
            column = scope.column(name)
            return opaque([self._findings.not_understood(), *([column] if column else [])])
        nodes: Sequence[Node] = body.get("args", ())
        counting = name in AGGREGATE_SAFE
        arguments = [self._argument(node, scope, counting) for node in nodes]
        order = self._evaluator.order(body.get("agg_order", ()), scope)
        if body.get("agg_within_group"):
            arguments.extend(order)
        if body.get("agg_distinct"):
            for argument, node in zip(arguments, nodes, strict=False):
                self._evaluator.group(argument, node, scope, counted=name == "count")
        if "agg_filter" in body:
            self._evaluator.condition(body["agg_filter"], scope)
        window = self.window(body["over"], scope) if "over" in body else None
        routines = self._names.routines(schema, name, [_type(a, n) for a, n in zip(arguments, nodes, strict=False)])
        if len(nodes) == 1 and schema is None and body.keys() <= _BARE_CALL:
            # email(t) is t.email where no function takes it.
            field = self._evaluator.projected(arguments[0], name)
            self._findings.projection(id(body), field is not None and not routines.candidates)
            if field is not None:
                return field if not routines.candidates else combine([field, self._result(routines, name, arguments)])
        self._note(id(body), schema, name, routines, nodes)
        self._followed.pop(id(body), None)
        if not routines.proven:
            given = [_given(value, node) for value, node in zip(arguments, nodes, strict=False)]
            routines = self._meant(routines, given, spread=bool(body.get("func_variadic")))
            followed = self._through_bodies(routines, given, arguments, spread=bool(body.get("func_variadic")))
            if followed is not None:
                self._followed[id(body)] = routines.candidates
                if self._gives_rows(routines, name):
                    self._findings.use(combine(arguments), Comparison.OTHER)
                return followed if window is None else _with_window(followed, window)
        if name not in STORING or not routines.proven:
            self._fails(name, routines, arguments, nodes)
        if name in STORING and schema in (None, "pg_catalog"):
            self._findings.flow(combine(arguments), f"pg_catalog.{name}()")
        if self._gives_rows(routines, name):
            # Security: how many rows come out tells what went in, even if nobody looks at them.
            self._findings.use(combine(arguments), Comparison.OTHER)
            if arguments and not routines.proven:
                self._findings.use(UNKNOWN, Comparison.OTHER)  # and what it was compared with in there
        if not routines.proven:
            converted = self._conversion(schema, name, routines, arguments, body)
            if converted is not None:
                return converted
        value = self._result(routines, name, arguments)
        if counting and window is not None and value.derivation is Derivation.AGGREGATE_SAFE:
            return value.also(window.sources)
        return value

    def followed(self, call: Node) -> tuple[Function, ...]:
        """The routines of the user's that a call in FROM was followed into; none where it was not."""
        return self._followed.get(id(call.get("FuncCall")), ())

    def by_notation(self, name: str, argument: Value, node: Node) -> Value:
        """``x.name`` where x has no such field: a function of that name applied to x."""
        routines = self._names.routines(None, name, [argument.type])
        self._note(id(node), None, name, routines, (node,))
        if not routines.proven:
            given = [Given(argument, type=argument.type)]
            routines = self._meant(routines, given, spread=False)
            followed = self._through_bodies(routines, given, [argument], spread=False)
            if followed is not None:
                if self._gives_rows(routines, name):
                    self._findings.use(argument, Comparison.OTHER)
                return followed
        self._fails(name, routines, (argument,), (node,))
        return self._result(routines, name, [argument])

    # ------------------------------------------------------------------ bodies of the user's routines

    def _meant(self, routines: Routines, given: Sequence[Given], *, spread: bool) -> Routines:
        """Without the overloads that the server cannot choose. None left: nobody knows, so it may be any."""
        fits = overloads.fitting(routines.candidates, given, spread=spread)
        if not fits or len(fits) == len(routines.candidates):
            return routines
        return Routines(fits, all(is_proven(function, len(given)) for function in fits))

    def _through_bodies(
        self, routines: Routines, given: Sequence[Given], arguments: Sequence[Value], *, spread: bool
    ) -> Value | None:
        """What the routines' bodies make of the arguments; None where one of them cannot be followed."""
        if not routines.candidates or routines.proven:
            return None
        values = []
        for routine in routines.candidates:
            value = self._of_body(routine, given, arguments, spread=spread)
            if value is None:
                return None
            values.append(value)
        return either(values)

    def _of_body(
        self, routine: Function, given: Sequence[Given], arguments: Sequence[Value], *, spread: bool
    ) -> Value | None:
        result = self._results.of(routine)
        if result is None:
            return None
        if routine.kind == "a":
            into = [Given(combine(arguments))] * len(routine.argument_types)
        else:
            filled = self._filled(routine, given, spread=spread)
            if filled is None:
                return None
            into = filled
        self._findings.risk()  # by what its body does
        bindings = Bindings(into)
        bindings.ask(self._findings, result.asked)
        self._findings.called |= result.reads
        if result.fails:
            self._findings.fails(combine(arguments))
        # As PostgreSQL's own tree has it: what goes in may come out, whatever a body does with it.
        value = with_sources(bindings.value(result.value), combine(arguments).sources)
        if value.derivation is Derivation.CONSTANT and routine.volatility != "i":
            return value._replace(derivation=Derivation.EXPRESSION)
        return value

    def _filled(self, routine: Function, given: Sequence[Given], *, spread: bool) -> list[Given] | None:
        """What each argument of a routine is given, as the type that it declares."""
        slots = overloads.placed(routine, given, spread=spread)
        if slots is None:
            return None
        filled = []
        for place, (slot, declared) in enumerate(zip(slots, routine.argument_types, strict=True)):
            if not slot:
                value = self._results.default(routine, place)
                if value is None:
                    return None
                filled.append(Given(value, fixed=not value.sources and routine.volatility != "v"))
            elif len(slot) > 1 or (place == len(slots) - 1 and "v" in routine.argument_modes and not spread):
                values = [one.value for one in slot]
                filled.append(Given(combine(values), fixed=all(one.fixed for one in slot)))
            else:
                value = slot[0].value
                if not self._names.cast_is_proven(value.type, declared):
                    return None
                filled.append(slot[0]._replace(value=self._as_argument(value, declared)))
        return filled

    def _as_argument(self, value: Value, declared: int) -> Value:
        """A value as the type that a routine declares for it."""
        relation = self._names.row_type(declared)
        if relation is not None:
            # A row of a partition may have its columns in another order, one under an alias by other names.
            names = [column.name for column in relation.columns]
            alike = value.row is not None and [name for name, _ in value.row][: len(names)] == names
            return value if alike else value._replace(row=None)
        if declared in PSEUDO_TYPES or value.type == declared:
            return value
        return combine([value], declared)

    def window(self, definition: Node, scope: Scope) -> Value:
        """What partitions and orders a window."""
        found: list[Value] = []
        for key in ("name", "refname"):
            named = scope.window(definition[key]) if key in definition else None
            if named is not None:
                found.append(named)
        for node in definition.get("partitionClause", ()):
            value = self._evaluator.value(node, scope)
            self._evaluator.group(value, node, scope)
            found.append(value)
        found.extend(self._evaluator.order(definition.get("orderClause", ()), scope))
        for key in ("startOffset", "endOffset"):
            if key in definition:
                self._findings.use(self._evaluator.value(definition[key], scope), Comparison.OTHER)
        return combine(found)

    def _argument(self, node: Node, scope: Scope, counting: bool) -> Value:
        # Security: count(nullif(ssn = '…', false)) shows no value and answers the question all the same,
        # here or as a column of a subquery.
        tidied = counting and self._evaluator.is_tidied(node, scope)
        if counting and not tidied and "ColumnRef" not in node:
            return self._evaluator.condition(node, scope)
        value = self._evaluator.value(node, scope)
        if counting and not tidied and value.row is None and not value.untouched:
            self._findings.use(value, Comparison.OTHER)
        return value

    def _fails(self, name: str, routines: Routines, arguments: Sequence[Value], nodes: Sequence[Node]) -> None:
        """Security: whether a call fails by a value is an answer about it."""
        hidden = [argument.of_rows for argument in arguments]
        steady = routines.proven and total.call(name, hidden)
        if not routines.proven and _is_untraced(routines, len(arguments)):
            self._findings.untraced()
        elif not routines.proven or self._may_fail_or_act(name, routines, nodes):
            self._findings.risk()
        if name == "array_agg":
            steady = steady and total.array([argument.type for argument in arguments if argument.of_rows])
        if not steady:
            self._findings.use(combine(arguments), Comparison.OTHER)

    def _may_fail_or_act(self, name: str, routines: Routines, nodes: Sequence[Node]) -> bool:
        """Whether it shows that a call is made at all, whatever it is given."""
        kinds = {function.volatility for function in routines.candidates}
        varying = ["A_Const" not in node for node in nodes]
        # What is immutable and has constants only fails when it is planned, or never.
        fixed = bool(nodes) and not any(varying) and kinds <= {"i"}
        return (
            "v" in kinds
            or name in _ACTING
            or not (fixed or (total.call(name, varying) and (any(varying) or not nodes)))
        )

    def _gives_rows(self, routines: Routines, name: str) -> bool:
        if routines.candidates:
            return any(function.returns_set for function in routines.candidates)
        return name in _SET_RETURNING or name in RECORD_COLUMNS or not routines.proven

    def _note(self, key: int, schema: str | None, name: str, routines: Routines, nodes: Sequence[Node]) -> None:
        use = FunctionUse(schema=schema or "", name=name, candidates=routines.candidates, args=tuple(nodes))
        self._findings.function(key, use)

    def _conversion(
        self, schema: str | None, name: str, routines: Routines, arguments: list[Value], body: Node
    ) -> Value | None:
        """``int4(x)``: a type's name used like a function."""
        if routines.candidates or len(arguments) != 1:
            return None
        target = self._names.type_name({"names": body.get("funcname", ())})
        if not target.proven or not target.oid:
            return None
        return self._evaluator.cast(arguments[0], {"names": body.get("funcname", ())})

    def _result(self, routines: Routines, name: str, arguments: Sequence[Value]) -> Value:
        value = combine(arguments, _result_type(routines))
        if not routines.proven:
            self._findings.not_understood()
            return opaque([value, UNKNOWN])._replace(type=value.type)
        if name in AGGREGATE_SAFE:
            safe = value.derivation is not Derivation.OPAQUE
            return value._replace(derivation=Derivation.AGGREGATE_SAFE) if safe else value
        if value.derivation is Derivation.CONSTANT and any(f.volatility != "i" for f in routines.candidates):
            return value._replace(derivation=Derivation.EXPRESSION)
        return value


def _is_untraced(routines: Routines, arguments: int) -> bool:
    """Whether code may run of which it is not known what it reads; the other unproven only compute."""
    unproven = [function for function in routines.candidates if not is_proven(function, arguments)]
    return not unproven or not all(map(functions.is_taken_at_its_word, unproven))


def _type(value: Value, node: Node) -> int | None:
    """An argument's type for overload resolution: None for an untyped literal."""
    constant = node.get("A_Const")
    if constant is not None and ("sval" in constant or "isnull" in constant):
        return None
    return None if "ParamRef" in node else value.type


def _result_type(routines: Routines) -> int:
    if not routines.candidates:
        return 0
    types = {function.return_type for function in routines.candidates}
    if len(types) != 1:
        return 0
    found = types.pop()
    return 0 if found in PSEUDO_TYPES else found


def _given(value: Value, node: Node) -> Given:
    """One argument as a call writes it."""
    named = node.get("NamedArgExpr")
    written = node if named is None else named.get("arg", {})
    fixed = not value.sources and value.derivation is not Derivation.OPAQUE and is_fixed(written)
    return Given(value, fixed, _type(value, written), "" if named is None else str(named.get("name", "")))


def _with_window(value: Value, window: Value) -> Value:
    """Which rows an aggregate takes in tells what puts them in order."""
    return value if window.sources <= value.sources else combine([value, window], value.type)
