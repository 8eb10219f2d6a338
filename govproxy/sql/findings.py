"""What tracing one statement has found so far, besides the values of its outputs.

Reads, unknown names, functions, uses, flows, and how much work is left. Adds only; nothing here
can be taken back. Knows nothing of syntax trees.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from typing import Any, NamedTuple

from govproxy.sql.catalog import ColumnRef, Function
from govproxy.sql.scope import OWN, UNKNOWN, Value
from govproxy.sql.values import UNTRACED, Comparison, Derivation, Equality, Flow, Use, Written

# Expressions and columns looked at in one statement: more than the largest text that is parsed can
# hold of them once, about 0.2 s of work.
MAX_WORK = 60_000
MAX_PAIRS = 64  # partners named of one comparison; beyond, the uses stand without partner


class WorkExceeded(Exception):
    """The statement costs more to trace than any honest one. It is opaque."""


class FunctionUse(NamedTuple):
    """A function call. ``candidates`` are all functions it may reach; ``args`` are syntax nodes."""

    schema: str
    name: str
    candidates: tuple[Function, ...]
    args: tuple[dict[str, Any], ...]


class Findings:
    """The accumulator. ``opaque`` never goes back to False."""

    def __init__(self, work: int | None = None) -> None:
        self.opaque = False
        self.own = False
        self.risks = 0  # how often something was met so far that may fail, act, or is not understood
        self.reads: set[int] = set()
        self.called: set[int] = set()  # what bodies of routines read
        self._unresolved: dict[str, None] = {}
        self._uses: dict[tuple[ColumnRef, Comparison, ColumnRef | None], None] = {}
        self._flows: dict[Flow, None] = {}
        self._functions: dict[int, FunctionUse] = {}
        self._equalities: dict[int, Equality] = {}
        self._projections: dict[int, bool] = {}
        self._work = MAX_WORK if work is None else work

    @property
    def work_left(self) -> int:
        """How much more may be looked at."""
        return self._work

    def spend(self, amount: int = 1) -> None:
        """Account for work; raises `WorkExceeded` when there was too much of it."""
        self._work -= amount
        if self._work < 0:
            raise WorkExceeded

    def not_understood(self) -> Value:
        """Note that something is not understood; its value as far as it is known."""
        self.opaque = True
        self.risks += 1
        return UNKNOWN

    def own_relation(self) -> Value:
        """Note a temporary table of the session's own; the value of any of its columns."""
        self.own = True
        return OWN

    def unknown_relation(self, name: str) -> Value:
        """Note a relation the catalog does not know; the value of any of its columns."""
        self._unresolved[name] = None
        return self.not_understood()

    def function(self, key: int, use: FunctionUse) -> None:
        """Note a call; ``key`` tells calls apart when the same syntax is traced twice."""
        self._functions[key] = use

    def projection(self, key: int, certain: bool) -> None:
        """Note whether a call is nothing but ``t.name`` written ``name(t)``: it is when it always was."""
        self._projections[key] = certain and self._projections.get(key, True)

    def use(self, value: Value, comparison: Comparison) -> None:
        """Note that a value influences rows or other values. Counts carry nothing to compare."""
        if value.derivation is Derivation.OPAQUE:
            # Security: what cannot be traced may be a masked column's, brought by a function that takes nothing.
            self._uses[UNTRACED, Comparison.OTHER, None] = None
            self.risks += not value.sources
        if value.sources and value.derivation is not Derivation.AGGREGATE_SAFE:
            self.risks += comparison is Comparison.OTHER
            for column in value.sources:
                self._uses[column, comparison, None] = None
            self.spend(len(value.sources))

    def untraced(self) -> None:
        """Note that code of the user's runs that cannot be traced.

        Security: whether it fails, what it says and how long it takes may tell of all that it reads, also where
        nobody looks at what it gives.
        """
        self._uses[UNTRACED, Comparison.OTHER, None] = None
        self.risks += 1

    def risk(self) -> None:
        """Note that whether an expression is computed at all may show: it may fail, or does something."""
        self.risks += 1

    def fails(self, value: Value) -> None:
        """Note that whether the statement fails depends on a value."""
        self.use(value, Comparison.OTHER)

    def together(self, values: Sequence[Value]) -> None:
        """Note that values are compared with each other. In a client's statement each use says all about it."""

    def meet(self, columns: Set[ColumnRef]) -> None:
        """Note what a routine compares, and what it is given. In a client's statement each use says all about it."""

    def group(self, value: Value, *, counted: bool = False) -> None:
        """Note that rows with equal values are put together (GROUP BY, DISTINCT, PARTITION BY).

        Security: which rows come together shows in everything else about them. With a column as it is
        that tells who shares a value; with an expression over it (``email LIKE 'a%'``) it answers any
        question. Where the groups are only ``counted`` it tells no more than equality does.
        """
        if value.row is not None:
            for _, field in value.row:
                self.group(field, counted=counted)
            return
        plain = Comparison.EQUALITY if counted else Comparison.GROUP
        self.use(value, plain if value.untouched else Comparison.OTHER)

    def join(self, left: Value, right: Value) -> None:
        """Note that two values are compared for equality."""
        pairs = len(left.sources) * len(right.sources)
        if pairs == 0 or pairs > MAX_PAIRS:
            self.use(left, Comparison.JOIN)
            self.use(right, Comparison.JOIN)
            return
        for one in left.sources:
            for other in right.sources:
                self._uses[one, Comparison.JOIN, other] = None
                self._uses[other, Comparison.JOIN, one] = None
        self.spend(pairs)

    def surveyed(self, stores: str) -> None:
        """Note that nothing is known of a statement but what it reads; ``stores``: by what it keeps rows, if it does.

        All that it reads is compared in every way, and ends up in whatever is stored.
        """
        everything = frozenset(ColumnRef(oid, 0) for oid in self.reads)
        self._uses[UNTRACED, Comparison.OTHER, None] = None
        for column in sorted(everything):
            self._uses[column, Comparison.OTHER, None] = None
        if stores:
            self._flows[Flow(sources=everything, target="", opaque=True)] = None

    def equality(
        self, columns: frozenset[ColumnRef], starts_at: int, operator_at: int, values: tuple[Written, ...]
    ) -> None:
        """Note where a column is compared with what is written out. Traced twice, it means both."""
        known = self._equalities.get(operator_at)
        self._equalities[operator_at] = Equality(
            columns=columns if known is None else columns | known.columns,
            starts_at=starts_at,
            operator_at=operator_at,
            values=values,
        )

    def flow(self, value: Value, target: str, columns: Iterable[ColumnRef | None] = (None,)) -> None:
        """Note that a value is stored. Values without sources are no flow unless opaque."""
        is_opaque = value.derivation is Derivation.OPAQUE
        if not value.sources and not is_opaque:
            return
        for column in columns:
            flow = Flow(sources=value.sources, target=target, target_column=column, opaque=is_opaque)
            self._flows[flow] = None

    @property
    def unresolved(self) -> tuple[str, ...]:
        """Names of relations the catalog does not know, in order of appearance."""
        return tuple(self._unresolved)

    @property
    def uses(self) -> tuple[Use, ...]:
        """All uses found, each once."""
        return tuple(Use(column=column, comparison=kind, partner=partner) for column, kind, partner in self._uses)

    @property
    def equalities(self) -> tuple[Equality, ...]:
        """All comparisons of a column with written values, each once."""
        return tuple(self._equalities.values())

    @property
    def flows(self) -> tuple[Flow, ...]:
        """All flows found, each once."""
        return tuple(self._flows)

    @property
    def functions(self) -> tuple[FunctionUse, ...]:
        """All calls found, each once."""
        return tuple(self._functions.values())

    @property
    def projections(self) -> frozenset[int]:
        """Keys of the calls that only name a column."""
        return frozenset(key for key, certain in self._projections.items() if certain)
