"""What a routine of the user's gives back, in terms of its arguments: its body traced like a view's query.

Each body is read once per catalog snapshot. A body in SQL gives its last query's columns; one in
PL/pgSQL is followed by variables (`variables`), or else whatever any of them may have held may be what comes out.

Security: a body is written by whoever could make a function, as a view is. What it compares on its own
account was that person's decision; what it compares with a caller's values, or with values that stand in
another table, is as if the caller had compared it. What is not understood has no result, and is opaque.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import RLock
from typing import Any, NamedTuple

from govproxy.sql import bodies, functions, total
from govproxy.sql.arguments import POOL, Argument, Asked, Bindings, scope_of, scope_of_variables, stand_ins
from govproxy.sql.body_findings import BodyFindings
from govproxy.sql.catalog import Catalog, ColumnRef, Function
from govproxy.sql.conversions import may_convert, unasked_targets
from govproxy.sql.declared import kind_of, kinds_of
from govproxy.sql.findings import MAX_WORK, Findings, WorkExceeded
from govproxy.sql.hidden import domains, header_of
from govproxy.sql.names import is_proven, names_of
from govproxy.sql.overloads import Given
from govproxy.sql.parse import UnparsableStatement, parse
from govproxy.sql.programs import Program, program
from govproxy.sql.scope import CONSTANT, NO_SOURCES, Columns, Rows, Scope, Value, combine, either, whole
from govproxy.sql.types import FIRST_USER_OID, PSEUDO_TYPES, RECORD
from govproxy.sql.values import Comparison, Derivation
from govproxy.sql.variables import Kind, Settled, Variables

Node = dict[str, Any]
Path = tuple[str, ...] | None

MAX_NESTING = 10
MAX_ROUNDS = 6
DEFINITION_PATH = ("pg_catalog",)  # what the server prints is written for this path

VOID, REFCURSOR = 2278, 1790
_NO_RESULTS = frozenset({REFCURSOR, 2279, 3838, 2281})  # trigger, event_trigger, internal
# Statements of PL/pgSQL of which it is not known what they bring, by their parser's names.
_NOT_FOLLOWED = frozenset(
    {
        bodies.DYNAMIC,
        bodies.STACKED,
        "dynexecute",
        "dynfors",
        "open",
        "fetch",
        "forc",
        "call",
        "commit",
        "rollback",
        "set",
    }
)
# What can be seen of a run besides its result: that it stops or says something, and how many rows it gives.
_SIGNALS = frozenset({"raise", "assert"})
_DECIDES = frozenset({"if", "case", "while", "loop", "fori", "fors", "foreach_a", "exit", "return_next"})

# Traces a query in a scope, with names looked up along a path.
Tracer = Callable[[Node, Path, Scope | None, Findings], Rows]


class Result(NamedTuple):
    """What one routine gives. ``asked``: the comparisons that a caller takes part in; ``fails``: it may fail by its
    arguments in ways not known."""

    value: Value
    asked: frozenset[Asked] = frozenset()
    reads: frozenset[int] = frozenset()
    fails: bool = False


class Results:
    """The results of one catalog's routines, each worked out once."""

    def __init__(self, catalog: Catalog, trace: Tracer) -> None:
        self._catalog = catalog
        self._trace = trace
        self._known: dict[int, Result | None] = {}
        self._open: list[int] = []
        self._assumed: dict[int, Result] = {}
        self._recursive: set[int] = set()
        # Security: a large text is analysed in a thread of its own; what is under way in one is nothing to the other.
        self._lock = RLock()

    def of(self, routine: Function) -> Result | None:
        """What the routine gives; None where that cannot be told."""
        if routine.oid in self._known:
            return self._known[routine.oid]
        with self._lock:
            if routine.oid not in self._known:
                return self._worked_out(routine)
            return self._known[routine.oid]

    def default(self, routine: Function, place: int) -> Value | None:
        """What stands for an argument that is left out."""
        expressions = _expressions(routine.defaults)
        number = place - (len(routine.argument_types) - routine.optional)
        if len(expressions) != routine.optional or not 0 <= number < len(expressions):
            return None
        findings = BodyFindings()
        rows = self._trace(_selecting(expressions[number]), DEFINITION_PATH, None, findings)
        return None if rows.wild is not None or findings.does_more() else rows.first()

    # ------------------------------------------------------------------ one routine

    def _worked_out(self, routine: Function) -> Result | None:
        oid = routine.oid
        if oid in self._open:
            if self._open[-1] != oid:  # through others: not followed
                return None
            self._recursive.add(oid)
            return self._assumed[oid]
        if len(self._open) >= MAX_NESTING:
            return None
        self._open.append(oid)
        try:
            found = self._settled(routine)
        except (WorkExceeded, UnparsableStatement):
            found = None
        finally:
            self._open.pop()
            self._assumed.pop(oid, None)
            self._recursive.discard(oid)
        self._known[oid] = found
        return found

    def _settled(self, routine: Function) -> Result | None:
        """The result, in rounds where the routine calls itself: none adds to the last one's."""
        known = Result(self._nothing(routine))
        for _ in range(MAX_ROUNDS):
            self._assumed[routine.oid] = known
            found = self._found(routine)
            if found is None or routine.oid not in self._recursive:
                return found
            united = _united(known, found)
            if united == known:
                return known
            known = united
        return None

    def _found(self, routine: Function) -> Result | None:
        if not self._is_readable(routine):
            return None
        if routine.kind == "a":
            return self._of_aggregate(routine)
        body = bodies.read(routine.language, routine.body, header_of(routine, self._catalog))
        if not body.understood or not body.statements or not all("SelectStmt" in one for one in body.statements):
            return None
        return self._of_sql(routine, body) if routine.language == "sql" else self._of_plpgsql(routine, body)

    def _is_readable(self, routine: Function) -> bool:
        if routine.kind not in "fa" or routine.return_type in _NO_RESULTS or not functions.is_unlisted(routine.name):
            return False
        if any(name.startswith("plpgsql.") or functions.changes_meaning(name, None) for name in routine.settings):
            return False
        checked = {kind for kind, _ in self._catalog.domain_functions} | unasked_targets(self._catalog)
        kinds = (*routine.argument_types, *routine.output_types, routine.return_type)
        return not any(kind in checked for named in kinds for kind in domains(named, self._catalog))

    def _of_sql(self, routine: Function, body: bodies.Body) -> Result | None:
        findings = BodyFindings()
        scope = scope_of(routine.name, self._arguments(routine))
        # Security: where it does not say, names are looked up along the caller's path as it is when it runs, which
        # may be another by then: every relation of the name counts.
        path = DEFINITION_PATH if body.bound else routine.search_path
        rows = Rows()
        for statement in body.statements:
            rows = self._trace(statement, path, scope, findings)
        if rows.wild is not None or findings.does_more():
            return None
        value = self._shaped(routine, rows, findings)
        if value is None:
            return None
        if routine.strict:
            value = with_sources(value, stand_ins(len(routine.argument_types)))
        return Result(value, findings.asked(), _reads(findings))

    def _of_plpgsql(self, routine: Function, body: bodies.Body) -> Result | None:
        """By variables where that can be told; else whatever any of them may hold may come out."""
        if body.variables_first or body.kinds & _NOT_FOLLOWED:
            return None
        findings = BodyFindings()
        # Security: an error's text may quote what it met, whatever that was.
        scope = scope_of_variables({*body.variables, routine.name, "found"} - {"sqlerrm"})
        pool: set[ColumnRef] = set()
        for statement in body.statements:
            rows = self._trace(statement, routine.search_path, scope, findings)
            if rows.wild is not None:
                return None
            for _, value in rows.columns:
                if value.derivation is not Derivation.AGGREGATE_SAFE:
                    pool |= value.sources
        read = program(routine.body or "", header_of(routine, self._catalog))
        if findings.does_more() or may_convert(routine, read, findings, self._catalog):
            return None
        for use in findings.uses:
            pool.update((use.column, *([use.partner] if use.partner is not None else [])))
        pool.discard(POOL)
        own = stand_ins(len(routine.argument_types))
        asked: set[Asked] = {(ref, Comparison.OTHER, None) for ref in own}
        for column, kind, partner in findings.asked():
            if column != POOL:
                asked.add((column, Comparison.JOIN, None) if partner == POOL else (column, kind, partner))
        exact = None if read is None else self._by_variables(routine, read)
        tells = POOL in findings.failing or body.kinds & _SIGNALS or (routine.returns_set and body.kinds & _DECIDES)
        # Security: a body has more ways to fail than are written in it (a value that does not fit, no row, no end), and
        # by each it answers what a caller has a say in: by an argument, by a table hidden behind a temporary one.
        reads = _reads(findings)
        if tells or len(reads) + len(own) > 1 or any(use.name == "current_setting" for use in findings.functions):
            asked |= {(ref, Comparison.OTHER, None) for ref in pool} if exact is None else exact.asked
        if exact is None:
            value = self._as_declared(routine, Value(frozenset(pool) | own, Derivation.EXPRESSION))
            return Result(value, frozenset(asked), reads)
        return Result(exact.value, frozenset(asked), reads | exact.reads)

    def _by_variables(self, routine: Function, read: Program) -> Result | None:
        """What comes out, column by column; None where variables cannot be told apart."""
        if not (read.labels | {routine.name}).isdisjoint(read.names):
            return None
        modes = routine.argument_modes or "i" * len(routine.argument_types)
        going_in = [name for name, mode in zip(read.numbered, modes, strict=False) if mode in "ibv"]
        arguments = self._arguments(routine)
        if (
            len(going_in) != len(arguments)
            or len(set(going_in)) != len(going_in)
            or not read.names.issuperset(going_in)
        ):
            return None
        variables = Variables(
            read,
            kinds_of(read, routine, self._catalog),
            {name: (place, argument) for place, (name, argument) in enumerate(zip(going_in, arguments, strict=True))},
            read.labels | {routine.name},
            self._returned(routine),
            lambda statement, scope, findings: self._trace(statement, routine.search_path, scope, findings),
        )
        try:
            found = variables.settled(MAX_WORK)
        except WorkExceeded:
            return None
        columns = None if found is None else self._by_place(routine, found)
        if found is None or columns is None:
            return None
        extra = found.decides | stand_ins(len(routine.argument_types))
        asked = found.asked
        declared = self._declared(routine)
        if declared is None:
            everything = found.everything.union(extra, *columns)
            value = self._as_declared(routine, Value(everything, Derivation.EXPRESSION))
            return Result(value, asked, found.reads)
        row = tuple(
            (name, Value(sources | extra, Derivation.EXPRESSION, self._base(kind)))
            for (name, kind), sources in zip(declared, columns, strict=True)
        )
        return Result(whole(row, None), asked, found.reads)

    def _returned(self, routine: Function) -> Kind | None:
        """The type of what RETURN gives; None where a row comes out, or whatever it is given."""
        if routine.return_type in PSEUDO_TYPES or routine.return_type == VOID or self._declared(routine) is not None:
            return None
        return kind_of(routine.return_type, self._catalog)

    def _by_place(self, routine: Function, found: Settled) -> list[frozenset[ColumnRef]] | None:
        """What is in each column of the result, by variables that come out and by what is returned."""
        names = [
            name for name, mode in zip(routine.argument_names, routine.argument_modes, strict=False) if mode in "obt"
        ]
        if not found.held.keys() >= set(names):
            return None
        declared = self._declared(routine)
        count = len(names) if declared is None else len(declared)
        held = [found.held[name] for name in names] or [NO_SOURCES] * count
        if len(held) != count:
            held = [NO_SOURCES.union(*held)] * count
        returned = found.rows if found.rows is not None and len(found.rows) == count else [found.everything] * count
        return [one | other for one, other in zip(held, returned, strict=True)]

    def _of_aggregate(self, routine: Function) -> Result | None:
        """Whatever goes in may come out, and whatever its parts bring along."""
        value = Value(stand_ins(len(routine.argument_types)), Derivation.EXPRESSION)
        findings = BodyFindings()
        if not routine.parts:
            return None
        for oid in routine.parts:
            part = self._catalog.functions.get(oid)
            if part is None:
                return None
            if is_proven(part, len(part.argument_types)):
                continue
            found = None if oid < FIRST_USER_OID else self.of(part)
            if found is None:
                return None
            bound = Bindings([Given(value)] * len(part.argument_types))
            bound.ask(findings, found.asked)
            findings.reads |= found.reads
            value = combine([value, bound.value(found.value)])
        return Result(self._as_declared(routine, value), findings.asked(), _reads(findings), fails=True)

    # ------------------------------------------------------------------ arguments and results

    def _arguments(self, routine: Function) -> list[Argument]:
        names = names_of(self._catalog, None)
        taken = [mode in "ibv" for mode in routine.argument_modes] or [True] * len(routine.argument_types)
        given = [name for name, goes_in in zip(routine.argument_names, taken, strict=False) if goes_in]
        made = []
        for place, declared in enumerate(routine.argument_types):
            kind = 0 if declared in PSEUDO_TYPES else self._base(declared)
            made.append(Argument(given[place] if place < len(given) else "", kind, names.row_type(declared)))
        return made

    def _base(self, oid: int) -> int:
        *_, last = domains(oid, self._catalog)
        return last

    def _declared(self, routine: Function) -> list[tuple[str, int]] | None:
        """Names and types of the columns it returns; None where it returns one value, or columns without names."""
        if len(routine.output_types) > 1:
            return list(zip(output_names(routine), routine.output_types, strict=True))
        relation = names_of(self._catalog, None).row_type(routine.return_type)
        return None if relation is None else [(column.name, column.base_type_oid) for column in relation.columns]

    def _nothing(self, routine: Function) -> Value:
        return self._as_declared(routine, CONSTANT)

    def _as_declared(self, routine: Function, value: Value) -> Value:
        """The value in every column."""
        columns = self._declared(routine)
        if columns is None:
            kind = routine.return_type
            return value._replace(type=0 if kind in PSEUDO_TYPES else self._base(kind), row=None)
        row = tuple((name, value._replace(type=self._base(kind), row=None)) for name, kind in columns)
        return Value(value.sources, value.derivation, RECORD, row)

    def _shaped(self, routine: Function, rows: Rows, findings: Findings) -> Value | None:
        """What the last query gives, as the routine declares it."""
        if routine.return_type == VOID:
            return Value(NO_SOURCES, Derivation.EXPRESSION)
        columns = self._declared(routine)
        if columns is None:
            if routine.return_type == RECORD and len(rows.columns) > 1:
                return whole(rows.columns, None)
            if len(rows.columns) != 1:
                return None
            value = rows.columns[0][1]
            return value if routine.return_type in PSEUDO_TYPES else self._coerced(value, routine.return_type, findings)
        found: Columns = rows.columns
        if len(found) == 1 != len(columns) and found[0][1].row is not None:
            found = found[0][1].row
        if len(found) != len(columns) or (len(found) == 1 and found[0][1].row is not None):
            everything = rows.everything()
            return whole(tuple((name, combine([everything])) for name, _ in columns), None)
        row = []
        for (name, kind), (_, value) in zip(columns, found, strict=True):
            made = value if kind in PSEUDO_TYPES else self._coerced(value, kind, findings)
            if made is None:
                return None
            row.append((name, made))
        return whole(tuple(row), None)

    def _coerced(self, value: Value, declared: int, findings: Findings) -> Value | None:
        """A value as another type, as the server makes it one unasked."""
        kind = self._base(declared)
        if value.type == kind == declared:
            return value
        if not names_of(self._catalog, None).cast_is_proven(value.type, kind):
            return None
        if value.sources and not total.cast(value.type, kind, False):
            findings.fails(value)
        return combine([value], kind)


def output_names(routine: Function) -> list[str]:
    """Names of the columns that come out, in order."""
    names = (name for name, mode in zip(routine.argument_names, routine.argument_modes, strict=False) if mode in "obt")
    return [name or f"column{place}" for place, name in enumerate(names, 1)]


def _reads(findings: Findings) -> frozenset[int]:
    return frozenset(findings.reads | findings.called)


def with_sources(value: Value, more: frozenset[ColumnRef]) -> Value:
    """The value, and every column of it, with more that may show in it."""
    row = None if value.row is None else tuple((name, with_sources(field, more)) for name, field in value.row)
    if more <= value.sources:
        return value if row == value.row else value._replace(row=row)
    kept = value.derivation in (Derivation.AGGREGATE_SAFE, Derivation.OPAQUE)
    derivation = value.derivation if kept else Derivation.EXPRESSION
    return Value(value.sources | more, derivation, value.type, row)


def _united(one: Result, two: Result) -> Result:
    return Result(either([one.value, two.value]), one.asked | two.asked, one.reads | two.reads, one.fails or two.fails)


def _selecting(expression: Node) -> Node:
    target = [{"ResTarget": {"val": expression}}]
    return {"SelectStmt": {"targetList": target, "limitOption": "LIMIT_OPTION_DEFAULT", "op": "SETOP_NONE"}}


def _expressions(text: str | None) -> list[Node]:
    """The expressions in a list of them, as the server prints defaults."""
    if not text:
        return []
    try:
        (statement,) = parse(f"SELECT {text}")
    except (UnparsableStatement, ValueError):
        return []
    return [target["ResTarget"]["val"] for target in statement["stmt"]["SelectStmt"].get("targetList", [])]
