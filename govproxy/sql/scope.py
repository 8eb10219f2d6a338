"""What names mean at one place in a query: range items, levels, and values with their sources.

A ``Value`` is what an expression carries: the base columns that feed it and how. A ``Scope`` is
one query level as PostgreSQL's parser sees it (names of relations, names of columns, CTEs, named
windows) with the level around it. Knows nothing of syntax trees and nothing of the catalog.

Everything errs to one side: a name that may mean two things means both.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from govproxy.sql.catalog import ColumnRef
from govproxy.sql.types import RECORD
from govproxy.sql.values import Derivation

NO_SOURCES: frozenset[ColumnRef] = frozenset()

# pg_attribute numbers of the columns every table has.
SYSTEM_COLUMNS: Mapping[str, int] = {"ctid": -1, "xmin": -2, "cmin": -3, "xmax": -4, "cmax": -5, "tableoid": -6}

_RANK: Mapping[Derivation, int] = {
    Derivation.CONSTANT: 0,
    Derivation.AGGREGATE_SAFE: 1,
    Derivation.PLAIN: 2,
    Derivation.EXPRESSION: 2,
    Derivation.OPAQUE: 3,
}
_COMBINED = (Derivation.CONSTANT, Derivation.AGGREGATE_SAFE, Derivation.EXPRESSION, Derivation.OPAQUE)


class Value(NamedTuple):
    """What an expression carries. ``type`` is its type OID where known for certain, else 0.

    ``row`` holds the fields of a composite value where they are known. ``sources`` always covers
    the sources of every field. ``stored``: computed, but by a view and not by the statement, so that
    who writes the statement had no say in how.
    """

    sources: frozenset[ColumnRef]
    derivation: Derivation
    type: int = 0
    row: tuple[tuple[str, Value], ...] | None = None
    stored: bool = False

    @property
    def untouched(self) -> bool:
        """Whether the statement has done nothing to it."""
        return self.stored or self.derivation is Derivation.PLAIN

    @property
    def of_rows(self) -> bool:
        """Whether something of a row may be in it."""
        return bool(self.sources) or self.derivation is Derivation.OPAQUE

    def also(self, sources: frozenset[ColumnRef]) -> Value:
        """The same value with more sources."""
        return self if sources <= self.sources else self._replace(sources=self.sources | sources)


Columns = tuple[tuple[str, Value], ...]

CONSTANT = Value(NO_SOURCES, Derivation.CONSTANT)
UNKNOWN = Value(NO_SOURCES, Derivation.OPAQUE)
# A column of a temporary table that only this session can have filled: no base column is behind it.
OWN = Value(NO_SOURCES, Derivation.EXPRESSION)


def combine(values: Iterable[Value], type_oid: int = 0) -> Value:
    """A value computed from all of these by something that is understood."""
    sources = NO_SOURCES
    rank = 0
    for value in values:
        if value.sources:
            sources = sources | value.sources if sources else value.sources
        rank = max(rank, _RANK[value.derivation])
    return Value(sources, _COMBINED[rank], type_oid)


def either(values: Sequence[Value]) -> Value:
    """A value that is one of these, untouched; not known which."""
    first = values[0]
    if all(value == first for value in values):
        return first
    same_type = all(value.type == first.type for value in values)
    result = combine(values, first.type if same_type else 0)
    if first.row is None:
        return result
    return result._replace(row=_either_row([value.row for value in values]))


def _either_row(rows: Sequence[Columns | None]) -> Columns | None:
    """Rows of one form, field by field; None where the forms differ."""
    names = [[name for name, _ in row] for row in rows if row is not None]
    if len(names) != len(rows) or any(other != names[0] for other in names):
        return None
    known = [row for row in rows if row is not None]
    return tuple((name, either([row[place][1] for row in known])) for place, name in enumerate(names[0]))


def opaque(values: Iterable[Value]) -> Value:
    """A value computed from these by something that is not understood."""
    return combine(values)._replace(derivation=Derivation.OPAQUE)


def whole(columns: Columns, wild: Value | None) -> Value:
    """These columns as one composite value."""
    value = combine(column for _, column in columns)
    if wild is not None:
        return combine((value, wild, UNKNOWN), RECORD)
    derivation = value.derivation if value.derivation is Derivation.OPAQUE else Derivation.EXPRESSION
    return Value(value.sources, derivation, RECORD, columns)


def rename(columns: Columns, names: Sequence[str]) -> Columns:
    """The columns with the first of them called by these names (``AS t(a, b)``)."""
    if not names:
        return columns
    renamed = tuple(zip(names, (value for _, value in columns), strict=False))
    return renamed + columns[len(renamed) :]


class Rows(NamedTuple):
    """What a query returns. ``wild`` is set when there are columns nobody could name."""

    columns: Columns = ()
    wild: Value | None = None

    def everything(self) -> Value:
        """All columns as one composite value."""
        return whole(self.columns, self.wild)

    def first(self) -> Value:
        """The value of the first column, as a scalar subquery gives it."""
        if self.wild is not None:
            return combine((*(value for _, value in self.columns), self.wild, UNKNOWN))
        return self.columns[0][1] if self.columns else UNKNOWN


class RangeItem:
    """One entry of a FROM clause under its visible name.

    ``schema`` is set while the item may be named with its schema (a table without an alias).
    ``relations`` are the tables whose system columns it shows. ``certain`` is False when the
    name stood for several relations whose columns differ. The row of a ``scalar`` item, a function
    that returns no rows of its own, is its one column.
    """

    __slots__ = ("certain", "columns", "index", "name", "relations", "scalar", "schemas", "wild")

    def __init__(
        self,
        name: str | None,
        columns: Columns,
        *,
        index: Mapping[str, Value] | None = None,
        wild: Value | None = None,
        schemas: frozenset[str] = frozenset(),
        relations: tuple[int, ...] = (),
        certain: bool = True,
        scalar: bool = False,
    ) -> None:
        self.name = name
        self.columns = columns
        self.index = index_of(columns) if index is None else index
        self.wild = wild
        self.schemas = schemas
        self.relations = relations
        self.certain = certain
        self.scalar = scalar

    def column(self, name: str) -> Value | None:
        """The column of that name, a system column included."""
        value = self.index.get(name)
        if value is not None:
            return value if self.wild is None else combine((value, self.wild))
        if self.relations and name in SYSTEM_COLUMNS:
            return Value(frozenset(ColumnRef(oid, SYSTEM_COLUMNS[name]) for oid in self.relations), Derivation.PLAIN)
        return self.wild

    def whole(self) -> Value:
        """The item's row. Of several relations with different columns no field can be told."""
        if self.scalar:
            return self.columns[0][1]
        value = whole(self.columns, self.wild)
        return value if self.certain else value._replace(row=None)

    def part(self) -> Part:
        """The item alone as a FROM clause."""
        return Part((self,), self.columns, self.wild, self.certain)


def index_of(columns: Columns) -> dict[str, Value]:
    """Columns by name; a name given twice means both."""
    index: dict[str, Value] = dict(columns)
    if len(index) != len(columns):
        for name in index:
            same = [value for other, value in columns if other == name]
            if len(same) > 1:
                index[name] = either(same)
    return index


class Part(NamedTuple):
    """A piece of a FROM clause: items by name, and the columns that need no qualification."""

    items: tuple[RangeItem, ...] = ()
    columns: Columns = ()
    wild: Value | None = None
    certain: bool = True

    def beside(self, other: Part) -> Part:
        """Both pieces, as a comma or a cross join puts them."""
        if not self.items and not self.columns:
            return other
        wild = (
            self.wild if other.wild is None else other.wild if self.wild is None else combine((self.wild, other.wild))
        )
        return Part(self.items + other.items, self.columns + other.columns, wild, self.certain and other.certain)

    def column(self, name: str) -> Value:
        """The unqualified column of that name, as USING looks it up."""
        found = [value for other, value in self.columns if other == name]
        if self.wild is not None:
            found.append(self.wild)
        for item in self.items:
            if not found and (value := item.column(name)) is not None:
                found.append(value)
        return either(found) if found else UNKNOWN


class Scope:
    """One query level. ``ctes`` are opaque here: whoever put them in knows what they are.

    ``parameters`` are set on the level around the body of a routine, whose columns are its arguments.
    """

    __slots__ = ("_index", "ctes", "parameters", "parent", "part", "windows")

    def __init__(
        self,
        parent: Scope | None = None,
        part: Part | None = None,
        *,
        ctes: dict[str, object] | None = None,
        windows: dict[str, Value] | None = None,
        parameters: tuple[Value, ...] | None = None,
    ) -> None:
        self.parent = parent
        self.part = Part() if part is None else part
        self.ctes = ctes
        self.windows = windows
        self.parameters = parameters
        self._index: dict[str, Value] | None = None

    def column(self, name: str) -> Value | None:
        """What an unqualified column name means, looking outwards level by level.

        Security: where a level may or may not have such a column (unknown relation, several
        relations of one name) the search goes on outwards and the meanings are joined.
        """
        found: list[Value] = []
        scope: Scope | None = self
        while scope is not None:
            part = scope.part
            if part.columns or part.items:
                if scope._index is None:
                    scope._index = index_of(part.columns)
                hit = scope._index.get(name)
                if hit is None and name in SYSTEM_COLUMNS:
                    hit = _system_column(part, name)
                if (
                    hit is not None
                    and scope.parameters is not None
                    and (row := self._row_before(scope, name)) is not None
                ):
                    hit = row  # an argument is looked for last, after rows of that name
                if hit is not None and part.certain:
                    return hit if not found else combine((hit, *found))
                if hit is not None:
                    found.append(hit)
                if part.wild is not None:
                    found.append(part.wild)
            scope = scope.parent
        if not found:
            return None
        # Security: no column of that name is certain, so the name may be a relation's, for its whole row.
        item = self.item(name)
        return combine(found if item is None else (*found, item.whole()))

    def _row_before(self, last: Scope, name: str) -> Value | None:
        """The row of a range item of that name, nearer than a level."""
        item = self.item(name)
        return None if item is None or item in last.part.items else item.whole()

    def parameter(self, number: int) -> Value | None:
        """What ``$n`` stands for in the body of a routine; None in a statement of a client's."""
        scope: Scope | None = self
        while scope is not None:
            if scope.parameters is not None:
                return scope.parameters[number - 1] if 0 < number <= len(scope.parameters) else UNKNOWN
            scope = scope.parent
        return None

    def item(self, name: str, schema: str | None = None) -> RangeItem | None:
        """The range item a qualifier names: the nearest level that has one."""
        scope: Scope | None = self
        while scope is not None:
            for item in scope.part.items:
                if item.name == name and (schema is None or schema in item.schemas):
                    return item
            scope = scope.parent
        return None

    def cte(self, name: str) -> object | None:
        """The common table expression of that name, nearest first."""
        scope: Scope | None = self
        while scope is not None:
            if scope.ctes and name in scope.ctes:
                return scope.ctes[name]
            scope = scope.parent
        return None

    def window(self, name: str) -> Value | None:
        """What partitions and orders a named window of this level."""
        scope: Scope | None = self
        while scope is not None:
            if scope.windows and name in scope.windows:
                return scope.windows[name]
            scope = scope.parent
        return None

    def everything(self) -> frozenset[ColumnRef]:
        """Every source any name in reach could have: for a name that means nothing known."""
        sources: set[ColumnRef] = set()
        scope: Scope | None = self
        while scope is not None:
            part = scope.part
            for _, value in part.columns:
                sources |= value.sources
            for item in part.items:
                for _, value in item.columns:
                    sources |= value.sources
            if part.wild is not None:
                sources |= part.wild.sources
            scope = scope.parent
        return frozenset(sources)


def _system_column(part: Part, name: str) -> Value | None:
    found = [value for item in part.items if item.relations and (value := item.column(name)) is not None]
    return either(found) if found else None
