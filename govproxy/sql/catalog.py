"""A database's catalog as an immutable snapshot: what names mean, without asking the server.

Built by ``control.catalog`` over the metadata connection, published to the workers, read by
analysis, classification and the gate. Knows nothing of connections.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NewType

Oid = NewType("Oid", int)


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


@dataclass(frozen=True, slots=True)
class ColumnRef:
    """A base column by identity: survives renames. ``attnum`` 0 means the whole row."""

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
class Relation:
    """One relation. ``definition`` is ``pg_get_viewdef`` (all names qualified) for views."""

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
    has_triggers: bool = False
    has_rules: bool = False
    owner: str | None = None
    row_security: bool = False

    def column(self, name: str) -> Column | None:
        """The live column of that exact name, or None."""
        for column in self.columns:
            if column.name == name:
                return column
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """One routine. ``volatility`` i/s/v, ``kind`` f/p/a/w as in ``pg_proc``."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Type:
    """One type. ``kind`` is ``typtype`` (b c d e p r m); ``category`` is ``typcategory``."""

    oid: int
    schema: str
    name: str
    kind: str
    category: str = "U"
    element_oid: int = 0
    base_oid: int = 0
    relation_oid: int = 0
    enum_labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnStatistics:
    """Values seen in a column (from ``pg_stats`` or a bounded sample), as text."""

    values: tuple[str, ...] = ()
    n_distinct: float = 0.0
    null_fraction: float = 0.0
    source: str = "pg_stats"  # pg_stats | sample | none


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
    user_operators: frozenset[str] = frozenset()  # operator names defined outside pg_catalog
    user_casts: frozenset[tuple[int, int]] = frozenset()

    # Indexes, derived; see ``build``.
    by_name: dict[tuple[str, str], int] = field(default_factory=dict)
    by_bare_name: dict[str, tuple[int, ...]] = field(default_factory=dict)
    functions_by_name: dict[str, tuple[int, ...]] = field(default_factory=dict)
    types_by_name: dict[str, tuple[int, ...]] = field(default_factory=dict)
