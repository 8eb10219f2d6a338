"""What the variables of a PL/pgSQL body are declared as, by the catalog.

Security: which relation a name without a schema means is for the session to say, which may hide a table behind a
temporary one of other columns. So a row of such a type has no columns that could be told apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from govproxy.sql.catalog import Catalog, Function
from govproxy.sql.hidden import domains
from govproxy.sql.names import names_of
from govproxy.sql.parse import UnparsableStatement, parse
from govproxy.sql.programs import Program
from govproxy.sql.types import BOOL, BUILTIN_ARRAYS, BUILTIN_TYPES, INT4, PSEUDO_TYPES, RECORD
from govproxy.sql.variables import Kind

_BUILTIN = frozenset(BUILTIN_TYPES.values()) | BUILTIN_ARRAYS


def kinds_of(program: Program, routine: Function, catalog: Catalog) -> Mapping[str, Kind]:
    """Each variable's type. Where several of one name differ, nothing is known of it."""
    kinds: dict[str, Kind] = {}

    def add(name: str, kind: Kind) -> None:
        kinds[name] = kind if kinds.get(name, kind) == kind else Kind()

    for name, oid in declared_arguments(program, routine):
        add(name, kind_of(oid, catalog))
    for name, words in program.types:
        add(name, _written(words, routine, catalog))
    add("found", Kind(BOOL, scalar=True))
    for name in program.counters:
        add(name, Kind(INT4, scalar=True))
    return kinds


def declared_arguments(program: Program, routine: Function) -> list[tuple[str, int]]:
    """Names and types of the arguments, of those that come out as well."""
    modes = routine.argument_modes or "i" * len(routine.argument_types)
    going_in, coming_out = iter(routine.argument_types), iter(routine.output_types)
    found = []
    for name, mode in zip(program.numbered, modes, strict=False):
        if mode in "ibv":
            found.append((name, next(going_in, 0)))
        if mode in "obt":
            found.append((name, next(coming_out, 0)))
    return found


def kind_of(oid: int, catalog: Catalog) -> Kind:
    """A type by its OID."""
    *_, base = domains(oid, catalog)
    known = catalog.types.get(base)
    if base in _BUILTIN or (known is not None and known.kind in ("e", "r", "m")):
        return Kind(base, scalar=True, limited=base != oid)
    relation = None if base in PSEUDO_TYPES or base != oid else names_of(catalog, None).row_type(oid)
    if relation is None:
        return Kind()
    return Kind(shape=tuple((column.name, column.base_type_oid) for column in relation.columns))


def _written(words: Sequence[str], routine: Function, catalog: Catalog) -> Kind:
    """A type as DECLARE names it."""
    lowered = [word.lower() for word in words]
    if lowered == ["record"]:
        return Kind(record=True)
    path = routine.search_path
    if lowered[-2:] in (["%", "type"], ["%", "rowtype"]):
        parts = ["".join(words[:-2])]
        return _like(parts[0], lowered[-1], path, catalog)
    try:
        (statement,) = parse(f"SELECT NULL::{' '.join(words)}")
        node = statement["stmt"]["SelectStmt"]["targetList"][0]["ResTarget"]["val"]["TypeCast"]["typeName"]
    except (UnparsableStatement, KeyError, ValueError):
        return Kind()
    oid = names_of(catalog, path).type_name(node).oid
    kind = kind_of(oid, catalog) if oid in _BUILTIN and oid not in (0, RECORD) else Kind()
    return kind._replace(limited=kind.limited or "(" in words) if kind.scalar else kind


def _like(written: str, sort: str, path: tuple[str, ...] | None, catalog: Catalog) -> Kind:
    """The type of a column, or of a table's rows."""
    try:
        (statement,) = parse(f"SELECT {written}")
        node = statement["stmt"]["SelectStmt"]["targetList"][0]["ResTarget"]["val"]["ColumnRef"]
        names = [part["String"]["sval"] for part in node["fields"]]
    except (UnparsableStatement, KeyError, ValueError):
        return Kind()
    column = names.pop() if sort == "type" and len(names) > 1 else ""
    if not names or (sort == "type" and not column):
        return Kind()
    schema = names[-2] if len(names) > 1 else None
    relations = names_of(catalog, path).relations(schema, names[-1])
    if sort == "type":
        types = {found.type_oid for relation in relations if (found := relation.column(column)) is not None}
        return kind_of(types.pop(), catalog) if len(types) == 1 else Kind()
    hidden = schema is None and (path is None or "pg_temp" not in path[1:])
    if len(relations) != 1 or hidden:
        return Kind()
    return Kind(shape=tuple((found.name, found.base_type_oid) for found in relations[0].columns))
