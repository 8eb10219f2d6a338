"""Stand-ins for the arguments of a routine, and putting a call's arguments in their place.

A body is traced once, with a stand-in for each argument as if it were a column; what comes out is
then bound to every call. Knows nothing of how bodies are read.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from govproxy.sql.catalog import ColumnRef, Relation
from govproxy.sql.findings import Findings
from govproxy.sql.overloads import Given
from govproxy.sql.scope import Columns, Part, RangeItem, Scope, Value, combine
from govproxy.sql.values import Comparison, Derivation

# Everything that the variables of some code may hold: relations of the catalog have positive OIDs.
POOL = ColumnRef(-1, 0)
_FIRST = -2
MAX_ARGUMENTS = 100  # FUNC_MAX_ARGS, pg_config_manual.h

Asked = tuple[ColumnRef, Comparison, ColumnRef | None]


class Argument(NamedTuple):
    """One argument as a body sees it. ``row``: the relation whose row it is."""

    name: str
    type: int
    row: Relation | None = None


class Bindings:
    """The arguments of one call in their places."""

    __slots__ = ("_given",)

    def __init__(self, given: Sequence[Given]) -> None:
        self._given = given

    def value(self, value: Value) -> Value:
        """A value of the body with what the call gives for the stand-ins."""
        hidden = [ref for ref in value.sources if is_stand_in(ref)]
        if not hidden:
            return value
        if value.derivation is Derivation.PLAIN and len(value.sources) == 1:
            return self._meant(hidden[0]).value
        row = None if value.row is None else tuple((name, self.value(field)) for name, field in value.row)
        fed = combine([self._meant(ref).value for ref in hidden])
        kept = value.derivation is Derivation.AGGREGATE_SAFE and fed.derivation is not Derivation.OPAQUE
        derivation = (
            value.derivation
            if kept
            else combine([fed, value._replace(derivation=Derivation.EXPRESSION, row=None)]).derivation
        )
        return Value(value.sources.difference(hidden) | fed.sources, derivation, value.type, row)

    def ask(self, findings: Findings, asked: Iterable[Asked]) -> None:
        """Note what a body compares, now that it is known with what."""
        met: set[ColumnRef] = set()
        for column, kind, partner in sorted(asked, key=_order):  # every worker names the same one first
            one = self._meant(column)
            met |= one.value.sources
            if partner is None:
                _use(findings, one.value, kind)
            elif not is_stand_in(column) or is_stand_in(partner):  # else it is listed the other way round as well
                _join(findings, one, self._meant(partner))
        findings.meet(met.union(*(given.value.sources for given in self._given)) if met else met)

    def _meant(self, ref: ColumnRef) -> Given:
        if not is_stand_in(ref):
            return Given(Value(frozenset((ref,)), Derivation.PLAIN))
        given = self._given[_FIRST - ref.relation]
        if ref.attnum == 0:
            return given
        row = given.value.row
        if row is not None and ref.attnum <= len(row):
            return given._replace(value=row[ref.attnum - 1][1])
        return given._replace(value=combine([given.value]))


def _order(asked: Asked) -> tuple[ColumnRef, str, ColumnRef]:
    column, kind, partner = asked
    return column, kind.value, partner or ColumnRef(0, 0)


def is_stand_in(ref: ColumnRef) -> bool:
    """Whether it is no column of a relation."""
    return ref.relation < 0


def stand_in_place(ref: ColumnRef) -> int | None:
    """Which argument a stand-in stands for, from 0; None for a column of a relation."""
    return None if ref.relation > _FIRST else _FIRST - ref.relation


def scope_of(routine: str, arguments: Sequence[Argument]) -> Scope:
    """What a body in SQL sees around itself: its arguments by name, as ``function.name``, and by number."""
    values = tuple(stand_in(place, argument) for place, argument in enumerate(arguments))
    named = tuple((argument.name, value) for argument, value in zip(arguments, values, strict=True) if argument.name)
    items = tuple(
        RangeItem(name, value.row or (), wild=None if value.row else value, schemas=frozenset((routine,)))
        for name, value in named
    )
    return Scope(None, Part((*items, RangeItem(routine, named)), named), parameters=values)


def scope_of_variables(names: Iterable[str]) -> Scope:
    """What a statement of PL/pgSQL sees around itself: variables, any of which may hold anything."""
    value = Value(frozenset((POOL,)), Derivation.PLAIN)
    known = frozenset(names)
    items = tuple(RangeItem(name, (), wild=value, schemas=known) for name in sorted(known))
    return Scope(None, Part(items, tuple((name, value) for name in sorted(known))), parameters=(value,) * MAX_ARGUMENTS)


def stand_ins(count: int) -> frozenset[ColumnRef]:
    """Those of so many arguments."""
    return frozenset(ColumnRef(_FIRST - place, 0) for place in range(count))


def stand_in(place: int, argument: Argument) -> Value:
    """What stands for one argument in a body."""
    whole = ColumnRef(_FIRST - place, 0)
    if argument.row is None:
        return Value(frozenset((whole,)), Derivation.PLAIN, argument.type)
    fields: Columns = tuple(
        (column.name, Value(frozenset((ColumnRef(_FIRST - place, number),)), Derivation.PLAIN, column.base_type_oid))
        for number, column in enumerate(argument.row.columns, 1)
    )
    sources = frozenset((whole, *(ref for _, value in fields for ref in value.sources)))
    return Value(sources, Derivation.EXPRESSION, argument.type, fields)


def _use(findings: Findings, value: Value, kind: Comparison) -> None:
    if kind is Comparison.GROUP:
        findings.group(value)
    else:
        findings.use(value, kind if value.derivation is Derivation.PLAIN else Comparison.OTHER)


def _join(findings: Findings, one: Given, other: Given) -> None:
    """Note two values that a body compares for equality. What a caller writes out is as if it stood there."""
    plain = one.value.derivation is other.value.derivation is Derivation.PLAIN
    if plain and one.value.sources and other.value.sources:
        findings.join(one.value, other.value)
        return
    for side, opposite in ((one, other), (other, one)):
        fixed = opposite.fixed and not opposite.value.sources
        _use(findings, side.value, Comparison.EQUALITY if fixed else Comparison.JOIN)
