"""A database's catalog as an immutable snapshot: what names mean, without asking the server.

Built by ``control.catalog`` over the metadata connection, published to the workers, read by
analysis, classification and the gate. Knows nothing of connections.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Generic, NamedTuple, NewType, Self, TypeVar

Oid = NewType("Oid", int)
_S = TypeVar("_S")
_T = TypeVar("_T")

MAX_MEANINGS = 5_000


class RelationKind(StrEnum):
    """``pg_class.relkind`` by name."""

    TABLE = "r"
    PARTITIONED = "p"
    VIEW = "v"
    MATERIALISED_VIEW = "m"
    FOREIGN_TABLE = "f"
    SEQUENCE = "S"
    COMPOSITE = "c"
    TOAST = "t"
    INDEX = "i"


class ColumnRef(NamedTuple):
    """A base column by identity: survives renames. ``attnum`` 0 means the whole row.

    A tuple, because thousands are made, hashed and compared for one statement.
    """

    relation: int
    attnum: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One live column. ``type_oid`` is the declared type, ``base_type_oid`` with domains resolved."""

    name: str
    attnum: int
    type_oid: int
    base_type_oid: int
    typmod: int
    not_null: bool = False
    comment: str | None = None
    is_key: bool = False  # part of a primary or foreign key
    default: str | None = None
    generated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """A trigger of the user's. ``events`` are of ``i u d t`` (INSERT, UPDATE, DELETE, TRUNCATE)."""

    name: str
    function: int
    events: str
    columns: tuple[str, ...] = ()  # of UPDATE OF; none: any


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A foreign key of another relation on this one. Actions as in ``pg_constraint``: a r c n d."""

    relation: int  # that refers
    columns: tuple[int, ...]
    referenced: tuple[int, ...]
    on_delete: str
    on_update: str


class ObjectId(NamedTuple):
    """Any object. ``kind`` is relation, function, type, or that of a `Thing`; ``column`` 0: all of it."""

    kind: str
    oid: int
    column: int = 0


class Dependency(NamedTuple):
    """What depends on an object, or on one ``column`` of it. ``automatic``: it falls without CASCADE."""

    dependent: ObjectId
    column: int = 0
    automatic: bool = False


class Thing(NamedTuple):
    """An object that is neither relation, function nor type; ``table`` is what it is a part of, 0 if nothing."""

    schema: str
    name: str
    table: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependencies:
    """What falls with what. ``owned``: by each role, relations left out, which know theirs.

    ``known`` is False where the server does not tell.
    """

    of: Mapping[tuple[str, int], tuple[Dependency, ...]] = field(default_factory=dict)
    things: Mapping[tuple[str, int], Thing] = field(default_factory=dict)
    owned: Mapping[str, tuple[ObjectId, ...]] = field(default_factory=dict)
    known: bool = True


NO_DEPENDENCIES = Dependencies()


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """One relation. ``definition`` is ``pg_get_viewdef`` (all names qualified) for views.

    ``runs`` are functions that its definitions call, each with what calls it: default, check, index
    when rows are written, policy and view when they are read. ``tests`` are what its definitions ask about a row,
    as the server prints them: check, index, policy (expressions), trigger and rule (whole, for their conditions).
    """

    oid: int
    schema: str
    name: str
    kind: RelationKind
    columns: tuple[Column, ...]
    definition: str | None = None
    comment: str | None = None
    primary_key: tuple[int, ...] = ()  # attnums
    children: tuple[int, ...] = ()  # partitions and inheritance children, OIDs
    parents: tuple[int, ...] = ()
    estimated_rows: float = -1.0  # pg_class.reltuples, -1 when never analysed
    size_bytes: int = -1  # by pg_class.relpages, -1 when never analysed
    has_triggers: bool = False  # the user's own, apart from those that only set columns to the time
    has_rules: bool = False  # besides what makes a view
    owner: str | None = None
    row_security: bool = False
    triggers: tuple[Trigger, ...] = ()
    switched_off: tuple[Trigger, ...] = ()  # triggers that do not run now
    rules: tuple[str, ...] = ()  # as pg_get_ruledef prints them, besides what makes a view
    references: tuple[Reference, ...] = ()
    runs: tuple[tuple[str, int], ...] = ()
    tests: tuple[tuple[str, str], ...] = ()
    is_key_deferrable: bool = False  # then rows may share a primary key until their transaction ends

    def column(self, name: str) -> Column | None:
        """The live column of that exact name, or None."""
        for column in self.columns:
            if column.name == name:
                return column
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """One routine. ``volatility`` i/s/v, ``kind`` f/p/a/w as in ``pg_proc``.

    ``argument_names`` and ``argument_modes`` (i o b v t, empty: all i) speak of every argument,
    ``argument_types`` of those that go in, ``output_types`` of those that come out. ``optional``: how many of
    the last that go in may be left out; ``defaults`` then stand for them, as the server prints them. ``parts``
    are the functions an aggregate is made of.
    """

    oid: int
    schema: str
    name: str
    kind: str
    volatility: str
    language: str
    security_definer: bool
    strict: bool
    returns_set: bool
    argument_types: tuple[int, ...]
    return_type: int
    extension: str | None = None
    body: str | None = None
    argument_names: tuple[str, ...] = ()
    argument_modes: str = ""
    search_path: tuple[str, ...] | None = None  # that it sets for itself
    parts: tuple[int, ...] = ()
    output_types: tuple[int, ...] = ()
    optional: int = 0
    defaults: str | None = None
    settings: tuple[str, ...] = ()  # names of what else it sets for itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Type:
    """One type. ``kind`` is ``typtype`` (b c d e p r m); ``category`` is ``typcategory``.

    ``element_oid`` is the type of an array's elements, and of the bounds of ranges and multiranges. ``default`` is
    a domain's, as SQL.
    """

    oid: int
    schema: str
    name: str
    kind: str
    category: str = "U"
    element_oid: int = 0
    base_oid: int = 0
    relation_oid: int = 0
    enum_labels: tuple[str, ...] = ()
    default: str | None = None
    extension: str | None = None  # that brought it


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnStatistics:
    """Values seen in a column (from ``pg_stats`` or a bounded sample), as text."""

    values: tuple[str, ...] = field(default=(), repr=False)  # Security: never in a log by accident
    n_distinct: float = 0.0
    null_fraction: float = 0.0
    source: str = "pg_stats"  # pg_stats | sample | none
    suspects: tuple[str, ...] = field(default=(), repr=False)  # values that were searched for, beside the sample


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """The whole snapshot. ``version`` changes with every change of content.

    Security: values of ``statistics`` are row data. They stay in the control process: the
    snapshot published to workers carries an empty mapping.
    """

    database: str
    version: str
    server_version: int  # e.g. 150020
    default_search_path: tuple[str, ...]
    relations: dict[int, Relation]
    functions: dict[int, Function]
    types: dict[int, Type]
    statistics: dict[ColumnRef, ColumnStatistics] = field(default_factory=dict)
    extensions: frozenset[str] = frozenset()
    user_operators: frozenset[str] = frozenset()  # names of operators that may run anybody's code
    user_casts: frozenset[tuple[int, int]] = frozenset()
    explicit_casts: frozenset[tuple[int, int]] = frozenset()  # those that no expression uses unasked
    written_casts: frozenset[tuple[int, int]] = frozenset()  # and those of these that no assignment uses either
    operator_functions: tuple[tuple[str, int], ...] = ()  # of the user's operators, by their name
    operators: dict[int, int] = field(default_factory=dict)  # the user's operators with their functions, by OID
    cast_functions: tuple[tuple[int, int], ...] = ()  # of the user's casts, by the type they lead to
    domain_functions: tuple[tuple[int, int], ...] = ()  # that check a domain's values, by the domain
    event_triggers: tuple[tuple[str, tuple[str, ...], int], ...] = ()  # event, command tags (none: all), function
    dependencies: Dependencies = NO_DEPENDENCIES

    # Indexes, derived; see ``build``.
    by_name: dict[tuple[str, str], int] = field(default_factory=dict)
    by_bare_name: dict[str, tuple[int, ...]] = field(default_factory=dict)
    functions_by_name: dict[str, tuple[int, ...]] = field(default_factory=dict)
    types_by_name: dict[str, tuple[int, ...]] = field(default_factory=dict)

    # What names were found to mean; a copy with other contents begins anew.
    _meanings: dict[tuple[str | None, str, tuple[str, ...] | None], tuple[Relation, ...]] = field(
        init=False, repr=False, compare=False, default_factory=dict
    )

    @classmethod
    def build(
        cls,
        *,
        database: str,
        version: str,
        server_version: int,
        default_search_path: Iterable[str] = ("public",),
        relations: Iterable[Relation] = (),
        functions: Iterable[Function] = (),
        types: Iterable[Type] = (),
        statistics: Mapping[ColumnRef, ColumnStatistics] | None = None,
        extensions: Iterable[str] = (),
        user_operators: Iterable[str] = (),
        user_casts: Iterable[tuple[int, int]] = (),
        explicit_casts: Iterable[tuple[int, int]] = (),
        written_casts: Iterable[tuple[int, int]] = (),
        operator_functions: Iterable[tuple[str, int]] = (),
        operators: Iterable[tuple[int, int]] = (),
        cast_functions: Iterable[tuple[int, int]] = (),
        domain_functions: Iterable[tuple[int, int]] = (),
        event_triggers: Iterable[tuple[str, tuple[str, ...], int]] = (),
        dependencies: Dependencies = NO_DEPENDENCIES,
    ) -> Self:
        """The snapshot with its indexes. Indexes under a bare name are in order of OID."""
        by_oid = {relation.oid: relation for relation in relations}
        routines = {function.oid: function for function in functions}
        kinds = {kind.oid: kind for kind in types}
        return cls(
            database=database,
            version=version,
            server_version=server_version,
            default_search_path=tuple(default_search_path),
            relations=by_oid,
            functions=routines,
            types=kinds,
            statistics=dict(statistics or {}),
            extensions=frozenset(extensions),
            user_operators=frozenset(user_operators),
            user_casts=frozenset(user_casts),
            explicit_casts=frozenset(explicit_casts),
            written_casts=frozenset(written_casts),
            operator_functions=tuple(operator_functions),
            operators=dict(operators),
            cast_functions=tuple(cast_functions),
            domain_functions=tuple(domain_functions),
            event_triggers=tuple(event_triggers),
            dependencies=dependencies,
            by_name={(relation.schema, relation.name): oid for oid, relation in by_oid.items()},
            by_bare_name=_by_bare_name({oid: relation.name for oid, relation in by_oid.items()}),
            functions_by_name=_by_bare_name({oid: routine.name for oid, routine in routines.items()}),
            types_by_name=_by_bare_name({oid: kind.name for oid, kind in kinds.items()}),
        )

    def resolve(self, schema: str | None, name: str, search_path: tuple[str, ...] | None) -> tuple[Relation, ...]:
        """The relations a name may mean: none, one, or (path unknown) every one of that name.

        ``pg_catalog`` comes first unless the path places it, as in the server. The session's own
        temporary schema is never in the snapshot: its names resolve to nothing.
        """
        key = (schema, name, search_path)
        known = self._meanings.get(key)
        if known is None:
            if len(self._meanings) >= MAX_MEANINGS:
                self._meanings.clear()
            known = self._meanings[key] = self._resolved(schema, name, search_path)
        return known

    def _resolved(self, schema: str | None, name: str, search_path: tuple[str, ...] | None) -> tuple[Relation, ...]:
        if schema is not None:
            if is_temporary_schema(schema):
                return ()
            oid = self.by_name.get((schema, name))
            return () if oid is None else (self.relations[oid],)
        oids = self.by_bare_name.get(name, ())
        if search_path is None or not oids:
            return tuple(self.relations[oid] for oid in oids)
        for step in effective_path(search_path):
            found = self.by_name.get((step, name))
            if found is not None:
                return (self.relations[found],)
        return ()

    def resolve_function(
        self, schema: str | None, name: str, search_path: tuple[str, ...] | None
    ) -> tuple[Function, ...]:
        """Every overload that a call may reach: PostgreSQL picks by argument types over the whole path."""
        oids = self.functions_by_name.get(name)
        if not oids:
            return ()
        routines = tuple(self.functions[oid] for oid in oids)
        return _visible(routines, schema, search_path)

    def resolve_type(self, schema: str | None, name: str, search_path: tuple[str, ...] | None) -> tuple[Type, ...]:
        """The types a name may mean: the first on the path, or all of them when it is unknown."""
        found = _visible(tuple(self.types[oid] for oid in self.types_by_name.get(name, ())), schema, search_path)
        if schema is not None or search_path is None or len(found) < 2:
            return found
        order = {step: place for place, step in reversed(list(enumerate(effective_path(search_path))))}
        return (min(found, key=lambda kind: order[kind.schema]),)


class PerSnapshot(Generic[_S, _T]):
    """What is worked out from a snapshot once: remembered for the few in use, each found as the object it is."""

    def __init__(self, make: Callable[[_S], _T], size: int = 4) -> None:
        self._make = make
        self._size = size
        self._known: list[tuple[_S, _T]] = []

    def of(self, snapshot: _S) -> _T:
        """The value for this very object."""
        for known, value in self._known:
            if known is snapshot:
                return value
        made = self._make(snapshot)
        self._known = [(snapshot, made), *self._known[: self._size - 1]]
        return made


def effective_path(search_path: tuple[str, ...]) -> tuple[str, ...]:
    """``search_path`` with ``pg_catalog`` put in front when it is not named."""
    return search_path if "pg_catalog" in search_path else ("pg_catalog", *search_path)


def is_temporary_schema(schema: str) -> bool:
    """True for ``pg_temp`` and the schemas behind it."""
    return schema == "pg_temp" or schema.startswith(("pg_temp_", "pg_toast_temp_"))


def _by_bare_name(names: Mapping[int, str]) -> dict[str, tuple[int, ...]]:
    index: dict[str, list[int]] = {}
    for oid in sorted(names):
        index.setdefault(names[oid], []).append(oid)
    return {name: tuple(oids) for name, oids in index.items()}


_Named = TypeVar("_Named", Function, Type)


def _visible(found: tuple[_Named, ...], schema: str | None, search_path: tuple[str, ...] | None) -> tuple[_Named, ...]:
    if schema is not None:
        return tuple(item for item in found if item.schema == schema)
    if search_path is None:
        return found
    path = effective_path(search_path)
    return tuple(item for item in found if item.schema in path)
