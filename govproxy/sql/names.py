"""What a name may mean under one search path, and whether that is understood.

Relations, types, functions and operators, looked up in a catalog snapshot as the server would,
and joined where the server's choice cannot be foreseen. Knows nothing of queries.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import Any, NamedTuple, assert_never

from govproxy.sql import functions
from govproxy.sql.catalog import (
    Catalog,
    Function,
    PerSnapshot,
    Relation,
    Type,
    effective_path,
    is_temporary_schema,
)
from govproxy.sql.types import (
    ARRAY_OF,
    BUILTIN_ARRAYS,
    BUILTIN_TYPES,
    COMPARISONS,
    FIRST_USER_OID,
    NUMBERS,
    as_text,
    settled_operator,
)
from govproxy.sql.values import Action

Node = dict[str, Any]

SYSTEM_SCHEMAS = frozenset({"pg_catalog", "information_schema"})
MAX_ROUTINES = 5_000
MAX_PATHS = 64

_RETURNS_NO_DATA = frozenset({Action.LOCK, Action.NOTIFY, Action.ALTER, Action.MAINTENANCE, Action.SET})


class Routines(NamedTuple):
    """The functions a call may reach. ``proven`` when every one of them is known to be harmless."""

    candidates: tuple[Function, ...]
    proven: bool


class TypeName(NamedTuple):
    """A type as named in a text. ``proven`` when casting to it runs only built-in code."""

    oid: int
    proven: bool


def strings(nodes: Sequence[Node]) -> list[str]:
    """The texts of a list of String nodes."""
    return [node["String"].get("sval", "") for node in nodes if "String" in node] if nodes else []


def qualified(nodes: Sequence[Node]) -> tuple[str | None, str]:
    """Schema and name of a possibly qualified name."""
    if len(nodes) == 1 and "String" in nodes[0]:
        return None, nodes[0]["String"].get("sval", "")
    parts = strings(nodes)
    if not parts:
        return None, ""
    return (parts[-2] if len(parts) > 1 else None), parts[-1]


class Names:
    """One catalog under one search path (None: not known).

    Security: a path with ``$user`` in it is as good as unknown, because the schema of that name
    would come first for one role and be missing for another.
    """

    def __init__(self, catalog: Catalog, search_path: tuple[str, ...] | None, own: Set[str] = frozenset()) -> None:
        self.catalog = catalog
        self.own = own
        self._routines: dict[tuple[str | None, str, tuple[int | None, ...]], Routines] = {}
        if search_path is not None and any(step.strip('"') == "$user" for step in search_path):
            search_path = None
        self.path = search_path
        self._system_first = search_path is not None and effective_path(search_path)[0] == "pg_catalog"
        # Whether the snapshot lists what pg_catalog brings, by one name that is always there.
        self._system_relations = ("pg_catalog", "pg_class") in catalog.by_name
        self._system_functions = any(
            catalog.functions[oid].schema == "pg_catalog" for oid in catalog.functions_by_name.get("lower", ())
        )

    def relations(self, schema: str | None, name: str) -> tuple[Relation, ...]:
        """The relations a name may mean; none when it is unknown.

        Security: a name starting with ``pg_`` means a system catalog before anything else, so it
        is unknown where the snapshot holds no system catalogs.
        """
        if schema is not None and is_temporary_schema(schema):
            return ()
        if schema is None and name.startswith("pg_") and not self._system_relations:
            return ()
        return self.catalog.resolve(schema, name, self.path)

    def routines(self, schema: str | None, name: str, argument_types: Sequence[int | None]) -> Routines:
        """The functions a call may reach, given its argument types (None: untyped literal)."""
        key = (schema, name, tuple(argument_types))
        known = self._routines.get(key)
        if known is None:
            if len(self._routines) >= MAX_ROUTINES:
                self._routines.clear()
            known = self._routines[key] = self._found_routines(schema, name, argument_types)
        return known

    def _found_routines(self, schema: str | None, name: str, argument_types: Sequence[int | None]) -> Routines:
        found = self.catalog.resolve_function(schema, name, self.path)
        if schema is None and self._system_first and len(found) > 1:
            found = _narrow(found, argument_types)
        if found:
            return Routines(found, all(is_proven(function, len(argument_types)) for function in found))
        if self._system_functions or schema not in (None, "pg_catalog"):
            return Routines((), False)
        return Routines((), _builtin_is_proven(name, len(argument_types)))

    def type_name(self, node: Node) -> TypeName:
        """The type that a TypeName node names."""
        schema, name = qualified(node.get("names", ()))
        is_array = bool(node.get("arrayBounds"))
        named = self._scalar(schema, name)
        if not is_array:
            return named
        return TypeName(ARRAY_OF.get(named.oid, 0), named.proven)

    def _scalar(self, schema: str | None, name: str) -> TypeName:
        found = self.catalog.resolve_type(schema, name, self.path)
        builtin = schema in (None, "pg_catalog") and name in BUILTIN_TYPES
        if builtin and (schema is not None or self._system_first or all(kind.schema == "pg_catalog" for kind in found)):
            return TypeName(BUILTIN_TYPES[name], True)
        if len(found) == 1:
            return TypeName(found[0].oid, self._is_proven(found[0]))
        return TypeName(0, bool(found) and all(map(self._is_proven, found)))

    def _is_proven(self, kind: Type) -> bool:
        """Whether nothing but built-in code reads a text as this type.

        Input of an enum looks up its labels, that of a row reads its members. A domain's CHECK and
        a base type's own input function may run anything, but for types of extensions that only compute.
        """
        if kind.kind == "b" and kind.extension in functions.COMPUTING_EXTENSIONS:
            return True
        if kind.kind == "e" or (kind.schema in SYSTEM_SCHEMAS and kind.oid < FIRST_USER_OID):
            return True
        row = self.catalog.relations.get(kind.relation_oid) if kind.kind == "c" else None
        return row is not None and all(column.type_oid < FIRST_USER_OID for column in row.columns)

    def cast_is_proven(self, source: int, target: int) -> bool:
        """Whether no user-defined cast can run between these types (0: not known)."""
        if not self.catalog.user_casts:
            return True
        return not any(to == target and (source in (0, from_) or target == 0) for from_, to in self.catalog.user_casts)

    def operator_is_proven(self, schema: str | None, name: str, operands: Sequence[int | None]) -> bool:
        """Whether an operator is certainly one of ``pg_catalog``."""
        if schema is not None:
            return schema == "pg_catalog"
        if name not in self.catalog.user_operators:
            return True
        if not self._system_first or not NUMBERS.isdisjoint(source for source, _ in self._silent_casts):
            return False
        return settled_operator(name, operands) or (name in COMPARISONS and self._are_one_enum(operands))

    @property
    def _silent_casts(self) -> frozenset[tuple[int, int]]:
        """Casts of the user's that the server may put in by itself to find an operator."""
        return self.catalog.user_casts - self.catalog.explicit_casts

    def _are_one_enum(self, operands: Sequence[int | None]) -> bool:
        types = {type_oid for type_oid in operands if type_oid is not None}
        kind = self.catalog.types.get(types.pop()) if len(types) == 1 else None
        return kind is not None and kind.kind == "e"

    def elements_are_scalar(self, type_oid: int) -> bool:
        """Whether a type is certainly an array of something that is not a row."""
        if type_oid in BUILTIN_ARRAYS:
            return True
        array = self.catalog.types.get(type_oid)
        if array is None or array.category != "A":
            return False
        element = self.catalog.types.get(array.element_oid)
        return element is not None and element.kind in "bermd" and element.base_oid == 0

    def row_type(self, type_oid: int) -> Relation | None:
        """The relation or composite type behind a row type, if the snapshot knows it."""
        kind = self.catalog.types.get(type_oid)
        while kind is not None and kind.kind == "d" and kind.base_oid in self.catalog.types:
            kind = self.catalog.types[kind.base_oid]
        return self.catalog.relations.get(kind.relation_oid) if kind is not None and kind.relation_oid else None


def _no_names(catalog: Catalog) -> dict[tuple[str, ...] | None, Names]:
    return {}


_PATHS = PerSnapshot(_no_names)


def names_of(catalog: Catalog, search_path: tuple[str, ...] | None, own: Set[str] = frozenset()) -> Names:
    """The names of a catalog under one path. They are remembered where the session has none of its own."""
    if own:
        return Names(catalog, search_path, own)
    known = _PATHS.of(catalog)
    found = known.get(search_path)
    if found is None:
        if len(known) >= MAX_PATHS:
            known.clear()
        found = known[search_path] = Names(catalog, search_path)
    return found


def is_proven(function: Function, arguments: int) -> bool:
    """Whether a function's result depends on nothing but its arguments and what is no row data."""
    if function.schema in SYSTEM_SCHEMAS and function.oid < FIRST_USER_OID:
        if function.schema == "information_schema":
            return function.name in functions.INFORMATION_SCHEMA_FUNCTIONS
        return _builtin_is_proven(function.name, arguments)
    return functions.is_harmless_extension(function) and function.name not in functions.DANGERS_OF_EXTENSIONS


def _builtin_is_proven(name: str, arguments: int) -> bool:
    match functions.safety(name):
        case functions.Safety.SAFE | functions.Safety.AGGREGATE_SAFE | functions.Safety.CONTEXT:
            return True
        case functions.Safety.DANGEROUS:
            # Dangerous by what they do. What they return is an argument, a number or nothing.
            danger = functions.DANGERS.get(name)
            if danger is None:
                return name == "ts_rewrite" and arguments == 3
            return danger.action in _RETURNS_NO_DATA or name == "nextval"
        case functions.Safety.UNLISTED:
            return False
        case unreachable:
            assert_never(unreachable)


def _narrow(found: tuple[Function, ...], argument_types: Sequence[int | None]) -> tuple[Function, ...]:
    """Leave out user functions that overload resolution certainly passes over.

    PostgreSQL keeps the candidates with the most exact matches among arguments of known type
    (func_select_candidate, parse_func.c). So where a built-in one matches all of them exactly,
    a user function that does not is out. Untyped literals (None) match anything.
    """
    known = [(place, type_oid) for place, type_oid in enumerate(argument_types) if type_oid is not None]
    if not known or any(type_oid == 0 for _, type_oid in known):
        return found

    def fits(function: Function, text: bool) -> bool:
        types = function.argument_types
        return len(types) == len(argument_types) and all(
            types[place] == (as_text(type_oid) if text else type_oid) for place, type_oid in known
        )

    if not any(function.oid < FIRST_USER_OID and fits(function, True) for function in found):
        return found
    return tuple(
        function for function in found if function.oid < FIRST_USER_OID or fits(function, False) or fits(function, True)
    )
