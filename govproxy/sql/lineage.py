"""From a statement to the base columns behind each of its outputs, uses and stored values.

``trace`` is the one entry. It resolves names as PostgreSQL's analyser does, against a catalog
snapshot, and errs to the side of more: a name that may mean two things means both, and what is
not understood is opaque. Knows nothing of policy, classes or wire formats.

Security: the invariant is that sources only add. A missing source shows a secret; one too many
hides something harmless.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from typing import Any

from govproxy.sql.calls import STORING
from govproxy.sql.catalog import Catalog, ColumnRef, RelationKind
from govproxy.sql.findings import Findings, FunctionUse, WorkExceeded
from govproxy.sql.names import Names, names_of, qualified
from govproxy.sql.queries import StatementQueries
from govproxy.sql.results import DEFINITION_PATH, Results
from govproxy.sql.scope import Rows, Scope
from govproxy.sql.shapes import Shapes, Trace, shapes_of
from govproxy.sql.tree import nodes_of
from govproxy.sql.values import Derivation, Equality, Flow, OutputColumn, Use

Node = dict[str, Any]

# Nodes of statements, and of parts of them, that put rows somewhere.
_STORES = frozenset({"InsertStmt", "UpdateStmt", "MergeStmt", "CreateTableAsStmt", "into", "intoClause"})
MAX_OUTPUTS = 1664  # MaxTupleAttributeNumber, htup_details.h

__all__ = ["FunctionUse", "Lineage", "behind", "columns_read", "results_of", "trace"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """What tracing a statement gave.

    ``outputs`` is None when the statement returns rows whose columns could not be told, and empty
    when it returns none. ``reads`` holds views and what is behind them. ``functions`` are the
    calls written in the statement, not those inside views.
    """

    outputs: tuple[OutputColumn, ...] | None = None
    reads: frozenset[int] = frozenset()
    unresolved: tuple[str, ...] = ()
    opaque: bool = True
    uses: tuple[Use, ...] = ()
    equalities: tuple[Equality, ...] = ()
    flows: tuple[Flow, ...] = ()
    functions: tuple[FunctionUse, ...] = ()
    projections: frozenset[int] = frozenset()  # ids of the FuncCall bodies that only name a column
    called: frozenset[int] = frozenset()  # what bodies of routines read, also of those that views call
    own: bool = False  # a table of the session's own is read; its columns are not in the catalog


def trace(node: Node, catalog: Catalog, search_path: tuple[str, ...] | None, *, own: Set[str] = frozenset()) -> Lineage:
    """The lineage of one statement node, such as ``{"SelectStmt": {...}}``. Never raises.

    ``own`` are the names of temporary tables that only this session can have filled.

    ``search_path`` is None when it is not known: an unqualified name then means every relation
    and function of that name.
    """
    names = names_of(catalog, search_path, own)
    findings = Findings()
    shapes = shapes_of(catalog, _trace_definition)
    try:
        rows = _statement(node, StatementQueries(names, shapes, findings))
        outputs = _outputs(rows)
        named = rows.wild is None or rows.wild.derivation is Derivation.OPAQUE
        if outputs is None and (named or not findings.own):
            findings.opaque = True
    except (RecursionError, WorkExceeded, LookupError, TypeError, AttributeError, ValueError):
        # Too deep, too large, or a tree of a make never seen. Nothing of it is understood, and what
        # it names counts as read, compared, and stored where it stores anything.
        findings.opaque = True
        outputs = None
        _survey(node, names, shapes, findings)
    return Lineage(
        outputs=outputs,
        reads=frozenset(findings.reads),
        unresolved=findings.unresolved,
        opaque=findings.opaque,
        uses=findings.uses,
        equalities=findings.equalities,
        flows=findings.flows,
        functions=findings.functions,
        projections=findings.projections,
        called=frozenset(findings.called),
        own=findings.own,
    )


def results_of(catalog: Catalog) -> Results:
    """What the routines of a catalog give back."""
    return shapes_of(catalog, _trace_definition).results


def behind(column: ColumnRef, catalog: Catalog) -> frozenset[ColumnRef]:
    """All columns whose values ``column`` of a relation shows, itself included; empty when unknown."""
    relation = catalog.relations.get(column.relation)
    if relation is None:
        return frozenset()
    known = next((c for c in relation.columns if c.attnum == column.attnum), None)
    if known is None:
        return frozenset()
    if relation.kind is RelationKind.COMPOSITE:
        # A type of rows keeps none: what a field holds comes from whatever holds the value, which is a source itself.
        # Security: but where a table is made of the type, a domain's default fills it.
        return frozenset({column} if known.type_oid == known.base_type_oid else ())
    try:
        shape = shapes_of(catalog, _trace_definition).of(relation)
    except RecursionError:
        return frozenset()
    value = shape.by_name.get(known.name)
    if value is None or value.derivation is Derivation.OPAQUE:
        return frozenset()
    if value.derivation is Derivation.AGGREGATE_SAFE:
        return frozenset({column})  # a view's count shows none of what it counts
    return value.sources | {column}


def columns_read(found: Lineage, catalog: Catalog) -> dict[int, tuple[str, ...]]:
    """Names of the columns that a query shows, compares or stores, by relation."""
    seen: set[ColumnRef] = set()
    for output in found.outputs or ():
        seen |= output.sources
    for use in found.uses:
        seen.add(use.column)
        if use.partner is not None:
            seen.add(use.partner)
    for flow in found.flows:
        seen |= flow.sources
    places: dict[int, set[int]] = {}
    for oid, attnum in seen:
        places.setdefault(oid, set()).add(attnum)
    names: dict[int, tuple[str, ...]] = {}
    for oid in sorted(places):
        relation = catalog.relations.get(oid)
        if relation is None:
            continue
        wanted = places[oid]
        columns = [column.name for column in relation.columns if column.attnum in wanted or 0 in wanted]
        if columns:
            names[oid] = tuple(columns)
    return names


def _statement(node: Node, queries: StatementQueries) -> Rows:
    create = node.get("CreateTableAsStmt")
    if create is None:
        return queries.query(node, None)
    queries.writes.into(create.get("into", {}), queries.query(create.get("query", {}), None))
    return Rows()


def _outputs(rows: Rows) -> tuple[OutputColumn, ...] | None:
    if rows.wild is not None or len(rows.columns) > MAX_OUTPUTS:
        return None
    return tuple(
        OutputColumn(name=name, sources=value.sources, derivation=value.derivation) for name, value in rows.columns
    )


def _trace_definition(
    shapes: Shapes,
    node: Node,
    scope: Scope | None,
    path: tuple[str, ...] | None = DEFINITION_PATH,
    findings: Findings | None = None,
) -> Trace:
    """Trace a view's query, a generated column's expression, or a body's statement, in its own right."""
    findings = Findings() if findings is None else findings
    queries = StatementQueries(names_of(shapes.catalog, path), shapes, findings)
    return Trace(queries.query(node, scope), findings)


def _survey(node: Node, names: Names, shapes: Shapes, findings: Findings) -> None:
    """Note every relation and function a tree names, without understanding it.

    Security: where tracing gave up nothing may be easier to ask, or to put aside, than where it did not.
    """
    stores = ""
    for tag, body in nodes_of(node):
        if tag in _STORES:
            stores = tag
        if tag == "FuncCall":
            parts = [part for part in _dicts(body.get("funcname")) if isinstance(part.get("String"), dict)]
            schema, name = qualified([{"String": {"sval": str(part["String"].get("sval"))}} for part in parts])
            arguments = tuple(_dicts(body.get("args")))
            routines = names.routines(schema, name, [0] * len(arguments))
            use = FunctionUse(schema=schema or "", name=name, candidates=routines.candidates, args=arguments)
            findings.function(id(body), use)
            if name in STORING:
                stores = name
        elif "relname" in body:
            schema, name = body.get("schemaname"), str(body["relname"])
            schema = schema if schema is None else str(schema)
            relations = names.relations(schema, name)
            if not relations:
                findings.unknown_relation(f"{schema}.{name}" if schema else name)
            for relation in relations:
                findings.reads |= shapes.reads_of(relation)
    findings.surveyed(stores)


def _dicts(value: object) -> list[Node]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
