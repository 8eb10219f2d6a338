"""What each variable of a PL/pgSQL body may hold, and so what its result has in it, column by column.

Every step of the body is traced as if it could run before and after any other, in rounds, until no variable holds
more than before. Knows nothing of how bodies are parsed.

Security: whatever decides which step runs, how often, or whether the run goes on (conditions, the rows of a loop,
bounds, single rows asked for) counts as part of everything that comes out. So does, for the values of one
statement, all that it compares.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from govproxy.sql import total
from govproxy.sql.arguments import POOL, Argument, Asked, stand_in
from govproxy.sql.body_findings import BodyFindings
from govproxy.sql.catalog import ColumnRef
from govproxy.sql.programs import Does, Program, Step, Target
from govproxy.sql.scope import NO_SOURCES, Columns, Part, RangeItem, Rows, Scope, Value
from govproxy.sql.tree import nodes_of
from govproxy.sql.values import Comparison, Derivation

Node = dict[str, Any]
Sources = frozenset[ColumnRef]

MAX_ROUNDS = 10
_ACTING = frozenset({"pg_current_xact_id", "txid_current"})

# Traces a statement with the variables around it.
Trace = Callable[[Node, Scope, BodyFindings], Rows]


class Kind(NamedTuple):
    """A variable's declared type; ``oid`` is 0 where it is not known.

    ``scalar``: it certainly is no row; ``limited``: not every value of the type fits; ``shape``: its columns where it
    is a row of known ones; ``record``: it takes any row.
    """

    oid: int = 0
    scalar: bool = False
    limited: bool = False
    shape: tuple[tuple[str, int], ...] | None = None
    record: bool = False


class Settled(NamedTuple):
    """What a body gives when nothing is added any more. ``rows`` are the columns it returns by position, None where
    they cannot be told apart; ``held``: what each variable holds; ``asked``: what a caller takes part in comparing."""

    everything: Sources
    rows: tuple[Sources, ...] | None
    held: Mapping[str, Sources]
    decides: Sources
    asked: frozenset[Asked]
    reads: frozenset[int]


class _Held:
    """What one variable may hold. ``fields`` is None where they cannot be told apart; a record has none at first."""

    __slots__ = ("all", "fields", "is_new", "kind")

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.all: Sources = NO_SOURCES
        self.is_new = kind.record
        self.fields: tuple[tuple[str, Sources, int], ...] | None = None
        if kind.shape is not None:
            self.fields = tuple((name, NO_SOURCES, oid) for name, oid in kind.shape)

    def take(self, sources: Sources) -> None:
        """Anything of it may be in any part of the variable."""
        self.all |= sources
        self.is_new = False
        if self.kind.record:
            self.fields = None
        elif self.fields is not None:
            self.fields = tuple((name, held | sources, oid) for name, held, oid in self.fields)

    def take_field(self, name: str, sources: Sources) -> None:
        self.all |= sources
        if self.fields is None or sum(field == name for field, _, _ in self.fields) != 1:
            self.take(sources)
            return
        self.fields = tuple((field, held | sources if field == name else held, oid) for field, held, oid in self.fields)

    def take_row(self, columns: Sequence[tuple[str, Sources, int]]) -> None:
        """Column by column: into a record by their own names, into another row by place."""
        everything = NO_SOURCES.union(*(sources for _, sources, _ in columns))
        names = [name for name, _, _ in columns]
        if self.kind.record:
            if len(set(names)) < len(names):
                self.take(everything)
                return
            if self.is_new:
                self.fields, self.is_new = tuple((name, NO_SOURCES, oid) for name, _, oid in columns), False
            if self.fields is None or [name for name, _, _ in self.fields] != names:
                self.take(everything)
                return
        elif self.fields is None or len(self.fields) != len(columns) or len(columns) == 1:
            self.take(everything)
            return
        self.all |= everything
        self.fields = tuple(
            (name, held | sources, oid if oid == other or not self.kind.record else 0)
            for (name, held, oid), (_, sources, other) in zip(self.fields, columns, strict=True)
        )

    def value(self) -> Value:
        row: Columns | None = None
        if self.fields is not None:
            row = tuple((name, _value(sources, oid)) for name, sources, oid in self.fields)
        # Of a domain's type a routine may be that another is not of the type under it.
        known = self.kind.scalar and not self.kind.limited
        return _value(self.all, self.kind.oid if known else 0)._replace(row=row)

    def mark(self) -> object:
        return self.all, self.fields, self.is_new


class _Fields(dict[str, Value]):
    """Fields by name; what is none of them may be any."""

    def __init__(self, columns: Columns, whole: Value) -> None:
        super().__init__(columns)
        self._whole = whole

    def get(self, name: str, default: Any = None) -> Any:
        return super().get(name, self._whole)


class Variables:
    """The variables of one body. ``arguments`` are what goes in, by the variables that hold it at first;
    ``returns``: the type of the one value that comes out."""

    def __init__(
        self,
        program: Program,
        kinds: Mapping[str, Kind],
        arguments: Mapping[str, tuple[int, Argument]],
        labels: Iterable[str],
        returns: Kind | None,
        trace: Trace,
    ) -> None:
        self._program = program
        self._returned = returns
        self._labels = frozenset(labels)
        self._trace = trace
        self._held = {name: _Held(kinds.get(name, Kind())) for name in sorted(program.names)}
        self._decides: Sources = NO_SOURCES  # grows over the rounds
        self._counted: Sources = NO_SOURCES
        self._asked: set[Asked] = set()
        self._everything: Sources = NO_SOURCES
        self._rows: list[Sources] | None = []
        self._returns_rows = False
        self._reads: frozenset[int] = frozenset()
        self._shifts = any(not _keeps_places(step.statement) for step in program.steps)
        for name, (place, argument) in arguments.items():
            value = stand_in(place, argument)
            held = self._held[name]
            if value.row is None:
                held.take(value.sources)
            else:
                held.take_row([(field, one.sources, one.type) for field, one in value.row])
                held.all |= value.sources

    def settled(self, work: int) -> Settled | None:
        """What they hold in the end; None where that cannot be told."""
        for _ in range(MAX_ROUNDS):
            before = self._mark()
            self._asked = set()
            for step in self._program.steps:
                spent = self._run(step, work)
                if spent is None:
                    return None
                work = spent
            if self._mark() == before:
                return self._result()
        return None

    def _mark(self) -> object:
        held = tuple(one.mark() for one in self._held.values())
        rows = None if self._rows is None else tuple(self._rows)
        return held, self._decides, self._counted, self._everything, rows

    def _result(self) -> Settled:
        held = {name: _real(one.all) for name, one in self._held.items()}
        rows = None if self._rows is None else tuple(_real(one) for one in self._rows)
        asked = {(ref, Comparison.OTHER, None) for ref in self._decides} | self._asked
        return Settled(
            everything=_real(self._everything),
            rows=rows,
            held=held,
            decides=_real(self._decides),
            asked=frozenset(
                (ref, Comparison.JOIN if partner == POOL else kind, None if partner == POOL else partner)
                for ref, kind, partner in asked
                if ref != POOL
            ),
            reads=self._reads,
        )

    # ------------------------------------------------------------------ one step

    def _run(self, step: Step, work: int) -> int | None:
        if step.does is Does.COUNT:
            for target in step.targets:
                self._held[target.name].take(self._counted)
            return work
        findings = BodyFindings(work)
        rows = self._trace(step.statement, self._scope(), findings)
        if rows.wild is not None or findings.does_more() or _leaves_traces(step.statement, findings):
            return None
        compared = frozenset(
            ref for use in findings.uses for ref in (use.column, use.partner) if ref is not None and ref != POOL
        )
        columns = [(name, _shown(value) | compared, value.type) for name, value in rows.columns]
        self._asked |= findings.asked()
        self._reads |= findings.reads | findings.called
        self._counted |= compared
        if "found" in self._held:
            self._held["found"].take(compared)
        self._goes(step, columns, compared, rows)
        return findings.work_left

    def _goes(self, step: Step, columns: list[tuple[str, Sources, int]], compared: Sources, rows: Rows) -> None:
        everything = compared.union(*(sources for _, sources, _ in columns))
        match step.does:
            case Does.ASSIGN:
                self._assign(step.targets[0], columns, everything)
            case Does.INTO | Does.STRICT | Does.ROWS:
                if step.does is not Does.INTO:
                    self._decides |= compared
                self._into(step, columns, everything)
            case Does.DECIDE:
                self._decides |= everything
            case Does.SHOW:
                self._asked |= {(ref, Comparison.OTHER, None) for ref in everything}
            case Does.RUN:
                pass
            case Does.RETURN:
                row = rows.columns[0][1].row if len(rows.columns) == 1 and not self._shifts else None
                self._return([_shown(one) | compared for _, one in row] if row is not None else [everything])
                self._everything |= everything
                if self._returned is not None and columns:
                    self._fits(self._returned, everything, columns[0][2])
            case Does.RETURN_ROWS:
                self._decides |= compared
                self._return([everything if self._may_shift(step) else sources for _, sources, _ in columns])
                self._everything |= everything
            case _:
                raise AssertionError(step.does)

    def _return(self, columns: list[Sources]) -> None:
        if self._rows is None or not any(columns):
            return
        if not self._returns_rows:
            self._rows, self._returns_rows = [NO_SOURCES] * len(columns), True
        if len(columns) != len(self._rows):
            self._rows = None
            return
        self._rows = [held | sources for held, sources in zip(self._rows, columns, strict=True)]

    def _assign(self, target: Target, columns: list[tuple[str, Sources, int]], everything: Sources) -> None:
        held = self._held[target.name]
        for _, sources, given in columns[:1]:
            self._fits(Kind() if target.field else held.kind, sources, given)
        if target.field:
            held.take_field(target.field, everything)
        else:
            held.take(everything)

    def _into(self, step: Step, columns: list[tuple[str, Sources, int]], everything: Sources) -> None:
        shifts = self._may_shift(step)
        if step.whole:
            held = self._held[step.targets[0].name]
            if shifts and not held.kind.record:
                held.take(everything)
            else:
                held.take_row(columns)
            return
        if shifts:
            for target in step.targets:
                self._held[target.name].take(everything)
            self._fits(Kind(), everything, 0)
            return
        if len(step.targets) == 1 and not step.targets[0].field and not self._held[step.targets[0].name].kind.scalar:
            self._held[step.targets[0].name].take(everything)  # it may be a row, which takes them all
            return
        for target, (_, sources, given) in zip(step.targets, columns, strict=False):
            held = self._held[target.name]
            self._fits(Kind() if target.field else held.kind, sources, given)
            if target.field:
                held.take_field(target.field, sources)
            else:
                held.take(sources)

    def _may_shift(self, step: Step) -> bool:
        """Whether its columns may stand in other places than they seem to."""
        return not _keeps_places(step.statement) or (self._shifts and _has_star(step.statement))

    def _fits(self, kind: Kind, sources: Sources, given: int) -> None:
        """Security: whether a value can be made one of the variable's type is an answer about it."""
        fits = kind.record or (kind.scalar and not kind.limited and total.cast(given, kind.oid, False))
        if not fits:
            self._asked |= {(ref, Comparison.OTHER, None) for ref in sources}

    def _scope(self) -> Scope:
        values = {name: held.value() for name, held in self._held.items() if not name.startswith("$")}
        columns = tuple(values.items())
        items = []
        for name, value in columns:
            if value.row is None:
                items.append(RangeItem(name, (), wild=value, schemas=self._labels))
            else:
                items.append(RangeItem(name, value.row, index=_Fields(value.row, value), schemas=self._labels))
        items.extend(RangeItem(label, columns) for label in sorted(self._labels))
        numbered = tuple(
            self._held[name].value() if name in self._held else _value(NO_SOURCES) for name in self._program.numbered
        )
        return Scope(None, Part(tuple(items), columns), parameters=numbered)


def _leaves_traces(statement: Node, findings: BodyFindings) -> bool:
    """Security: a transaction that has a number by now, or holds a lock, tells whether a statement met a row."""
    names = {use.name for use in findings.functions}
    return not names.isdisjoint(_ACTING) or any("lockingClause" in body for _, body in nodes_of(statement))


def _keeps_places(statement: Node) -> bool:
    """Whether the columns of a query stand in the places that they seem to.

    Security: a table may be hidden behind a temporary one with more columns, or fewer: behind its star all others move.
    """
    for tag, body in nodes_of(statement):
        targets = body.get("targetList", ()) if tag == "SelectStmt" else ()
        if any(_has_star(target) for target in targets if "SubLink" not in target.get("ResTarget", {}).get("val", {})):
            sources = body.get("fromClause", ())
            if len(targets) > 1 or len(sources) > 1 or any("JoinExpr" in source for source in sources):
                return False
    return True


def _has_star(node: Node) -> bool:
    return any(tag == "A_Star" for tag, _ in nodes_of(node))


def _value(sources: Sources, oid: int = 0) -> Value:
    """Security: never a constant, and never a column as it is: what was compared on the way may show in it."""
    return Value(sources | {POOL}, Derivation.EXPRESSION, oid)


def _shown(value: Value) -> Sources:
    return NO_SOURCES if value.derivation is Derivation.AGGREGATE_SAFE else value.sources - {POOL}


def _real(sources: Sources) -> Sources:
    return sources - {POOL}
