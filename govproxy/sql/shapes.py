"""What a relation's columns are made of: itself, its kin in an inheritance tree, a view's bases.

One ``Shapes`` serves one catalog snapshot and remembers every relation asked for, so a nest of
views costs each view once. Reads view definitions as the server wrote them (every name outside
``pg_catalog`` qualified). Knows nothing of the statement at hand.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from govproxy.sql.behind import behind
from govproxy.sql.catalog import Catalog, Column, ColumnRef, Relation, RelationKind
from govproxy.sql.findings import Findings, WorkExceeded
from govproxy.sql.parse import UnparsableStatement, parse
from govproxy.sql.reach import reached
from govproxy.sql.results import DEFINITION_PATH, Results
from govproxy.sql.scope import CONSTANT, UNKNOWN, Columns, RangeItem, Rows, Scope, Value, combine, index_of, opaque
from govproxy.sql.values import Derivation

Node = dict[str, Any]

MAX_CATALOGS = 4

_VIEWS = frozenset({RelationKind.VIEW, RelationKind.MATERIALISED_VIEW})
_TABLES = frozenset({RelationKind.TABLE, RelationKind.PARTITIONED, RelationKind.FOREIGN_TABLE})
_PLAIN = {"limitOption": "LIMIT_OPTION_DEFAULT", "op": "SETOP_NONE"}
_SEQUENCE_COLUMNS = ("last_value", "log_cnt", "is_called")


class Shape(NamedTuple):
    """A relation as tracing sees it. ``reads`` holds itself and everything behind it, ``called`` what is read by bodies
    of routines that its definition calls."""

    columns: Columns
    by_name: dict[str, Value]
    reads: frozenset[int]
    wild: Value | None = None
    opaque: bool = False
    unresolved: tuple[str, ...] = ()
    called: frozenset[int] = frozenset()


class Trace(NamedTuple):
    """What tracing a definition gave: of a query its rows, of an expression one column."""

    rows: Rows
    findings: Findings


class Tracer(Protocol):
    """Traces a query, or an expression in a scope, written for a path."""

    def __call__(
        self,
        shapes: Shapes,
        node: Node,
        scope: Scope | None,
        path: tuple[str, ...] | None = DEFINITION_PATH,
        findings: Findings | None = None,
    ) -> Trace: ...


class Shapes:
    """The shapes of one catalog's relations, each made once."""

    def __init__(self, catalog: Catalog, trace: Tracer) -> None:
        self.catalog = catalog
        self.results = Results(catalog, self._trace_body)
        self._trace = trace
        self._known: dict[int, Shape] = {}
        self._columns: dict[int, dict[str, Column]] = {}
        self._open: set[int] = set()

    def of(self, relation: Relation) -> Shape:
        """The relation's shape. A view that reaches itself is opaque to itself."""
        shape = self._known.get(relation.oid)
        if shape is not None:
            return shape
        if relation.oid in self._open:
            return self._unreadable(relation)
        self._open.add(relation.oid)
        try:
            if relation.kind in _VIEWS:
                shape = self._view(relation)
            elif relation.kind in _TABLES:
                shape = self._table(relation)
            elif relation.kind is RelationKind.SEQUENCE:
                shape = self._sequence(relation)
            else:  # the storage of another relation: whose values it shows is not known
                shape = self._unreadable(relation)
        except WorkExceeded:
            shape = self._unreadable(relation)
        finally:
            self._open.discard(relation.oid)
        self._known[relation.oid] = shape
        return shape

    def reads_of(self, relation: Relation) -> frozenset[int]:
        """Everything behind a relation, or the relation alone when its views nest too deeply."""
        try:
            return self.of(relation).reads
        except RecursionError:
            return frozenset({relation.oid})

    def _trace_body(self, node: Node, path: tuple[str, ...] | None, scope: Scope | None, findings: Findings) -> Rows:
        return self._trace(self, node, scope, path, findings).rows

    def _view(self, relation: Relation) -> Shape:
        query = _select(relation.definition)
        if query is None:
            return self._unreadable(relation)
        rows, findings = self._trace(self, query, None)
        if rows.wild is not None or len(rows.columns) != len(relation.columns):
            return self._unreadable(relation, findings)
        counting = _counting(query, len(relation.columns))
        columns = tuple(
            (column.name, self._filled(column, _view_column(relation.oid, column, value, counts)))
            for column, (_, value), counts in zip(relation.columns, rows.columns, counting, strict=True)
        )
        reads = frozenset(findings.reads) | {relation.oid}
        called = frozenset(findings.called)
        return Shape(columns, index_of(columns), reads, None, findings.opaque, findings.unresolved, called)

    def _table(self, relation: Relation) -> Shape:
        below, complete = self._kin(relation, lambda kin: kin.children)
        above, _ = self._kin(relation, lambda kin: kin.parents)
        kin = (relation, *below, *above)
        plain: dict[str, Value] = {}
        calls = any(what == "default" for what, _ in relation.runs)
        for column in relation.columns:
            sources = frozenset(
                ColumnRef(member.oid, same.attnum)
                for member in kin
                if (same := self._columns_of(member).get(column.name)) is not None
            )
            plain[column.name] = Value(sources, Derivation.PLAIN, column.base_type_oid)
            if calls and column.default is not None and not column.generated:
                plain[column.name] = self._filled(column, plain[column.name])
        columns = tuple(
            (column.name, self._generated(column, plain) if column.generated else plain[column.name])
            for column in relation.columns
        )
        reads = frozenset({relation.oid, *(member.oid for member in below)})
        return Shape(columns, index_of(columns), reads, None, not complete)

    def default_of(self, column: Column) -> Value:
        """What a column's default brings: nothing, unless it calls a routine whose body reads."""
        query = None if column.default is None else _select(f"SELECT {column.default}")
        return CONSTANT if query is None else self._reaching(query, self._trace(self, query, None).rows.first())

    def ask(self, expression: Node, scope: Scope, findings: Findings, *, shown: bool = False) -> None:
        """Trace an expression of a definition over rows that ``scope`` shows: a condition, unless it is ``shown``."""
        part: Node = {"targetList": [{"ResTarget": {"val": expression}}]} if shown else {"whereClause": expression}
        self._trace(self, {"SelectStmt": {**part, **_PLAIN}}, scope, DEFINITION_PATH, findings)

    def _filled(self, column: Column, own: Value) -> Value:
        """A column also shows what its default brings."""
        found = self.default_of(column)
        return own if found.sources <= own.sources else combine([own, found], own.type)

    def _reaching(self, query: Node, found: Value) -> Value:
        """What an expression of a definition brings.

        Security: where code in it cannot be followed, all that the code may read. What it brings stands in the column
        afterwards, and no call tells any more.
        """
        if found.derivation is not Derivation.OPAQUE:
            return found
        return Value(found.sources | reached(query, self.catalog), Derivation.EXPRESSION, found.type)

    def _generated(self, column: Column, plain: dict[str, Value]) -> Value:
        """A generated column also shows what it is computed from."""
        own = plain[column.name]
        if column.default is None:
            return own.also(combine(plain.values()).sources)
        query = _select(f"SELECT {column.default}")
        if query is None:
            return own.also(combine(plain.values()).sources)
        row = RangeItem(None, tuple(plain.items())).part()
        rows, _ = self._trace(self, query, Scope(None, row))
        return own.also(self._reaching(query, rows.first()).sources)

    def _sequence(self, relation: Relation) -> Shape:
        names = tuple(column.name for column in relation.columns) or _SEQUENCE_COLUMNS
        columns = tuple((name, CONSTANT) for name in names)
        return Shape(columns, index_of(columns), frozenset({relation.oid}))

    def _unreadable(self, relation: Relation, findings: Findings | None = None) -> Shape:
        """A relation whose columns are known by name only."""
        columns = tuple(
            (column.name, opaque([Value(frozenset({ColumnRef(relation.oid, column.attnum)}), Derivation.OPAQUE)]))
            for column in relation.columns
        )
        named = behind(relation, self.catalog).relations if findings is None and relation.kind in _VIEWS else ()
        reads = frozenset({relation.oid, *(base.oid for base in named)}) | (findings.reads if findings else frozenset())
        unresolved = findings.unresolved if findings else ()
        return Shape(columns, index_of(columns), reads, None if columns else UNKNOWN, True, unresolved)

    def _kin(self, relation: Relation, step: Callable[[Relation], tuple[int, ...]]) -> tuple[list[Relation], bool]:
        """All relations reached by ``step``, and whether the catalog knew every one of them."""
        found: dict[int, Relation] = {}
        complete = True
        pending = list(step(relation))
        while pending:
            oid = pending.pop()
            if oid in found or oid == relation.oid:
                continue
            member = self.catalog.relations.get(oid)
            if member is None:
                complete = False
                continue
            found[oid] = member
            pending.extend(step(member))
        return list(found.values()), complete

    def _columns_of(self, relation: Relation) -> dict[str, Column]:
        columns = self._columns.get(relation.oid)
        if columns is None:
            columns = self._columns[relation.oid] = {column.name: column for column in relation.columns}
        return columns


def _view_column(view: int, column: Column, value: Value, counts: bool) -> Value:
    """A view's column: its own identity and everything behind it.

    A constant stays readable as the view's own column, whose class may have been set by hand. What ``counts`` shows no
    value of what it counts, in a view as little as in a query.
    """
    match value.derivation:
        case Derivation.CONSTANT:
            derivation = Derivation.PLAIN
        case Derivation.AGGREGATE_SAFE if not counts:
            # Security: a place in an order. A query that makes one is judged by what it orders by, a view is not.
            derivation = Derivation.EXPRESSION
        case found:
            derivation = found
    return Value(value.sources | {ColumnRef(view, column.attnum)}, derivation, column.base_type_oid, stored=True)


def _counting(query: Node, width: int) -> list[bool]:
    """For each output of a definition whether it is a count, which the server writes without stars."""
    targets = [target.get("ResTarget", {}).get("val", {}) for target in query["SelectStmt"].get("targetList", ())]
    return [_is_count(node) for node in targets] if len(targets) == width else [False] * width


def _is_count(node: Node) -> bool:
    """Whether a node gives the number of rows of a group, or NULL or a constant in its place.

    Security: a place in an order (``rank()``) is none, nor is whether there are rows: those tell how values compare.
    """
    call = node.get("FuncCall")
    if call is not None:
        return "over" not in call and [part.get("String", {}).get("sval") for part in call["funcname"]][-1] == "count"
    if "TypeCast" in node:
        return _is_count(node["TypeCast"].get("arg", {}))
    if "CoalesceExpr" in node:
        first, *rest = node["CoalesceExpr"].get("args", ())
        return _is_count(first) and all("A_Const" in other or _is_count(other) for other in map(_uncast, rest))
    inner = node.get("SubLink", {})
    if inner.get("subLinkType") != "EXPR_SUBLINK":
        return False
    select = inner.get("subselect", {}).get("SelectStmt", {})
    targets = select.get("targetList", ())
    return (
        select.get("op", "SETOP_NONE") == "SETOP_NONE"
        and len(targets) == 1
        and _is_count(targets[0].get("ResTarget", {}).get("val", {}))
    )


def _uncast(node: Node) -> Node:
    while "TypeCast" in node:
        node = node["TypeCast"].get("arg", {})
    return node


def _select(text: str | None) -> Node | None:
    """The one SELECT that a definition consists of; None where it cannot be read."""
    if not text:
        return None
    try:
        statements = parse(text)
    except UnparsableStatement:
        return None
    if len(statements) != 1:
        return None
    node: Node = statements[0].get("stmt", {})
    return node if "SelectStmt" in node else None


_recent: list[Shapes] = []


def shapes_of(catalog: Catalog, trace: Tracer) -> Shapes:
    """The shapes of a catalog, remembered for the few snapshots in use (by identity)."""
    for shapes in _recent:
        if shapes.catalog is catalog:
            return shapes
    shapes = Shapes(catalog, trace)
    _recent.insert(0, shapes)
    del _recent[MAX_CATALOGS:]
    return shapes
