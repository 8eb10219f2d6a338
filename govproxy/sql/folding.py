"""Which literals of a text cannot change what is decided about it.

A verdict may stand for every text of one shape only as far as the literals do not matter. Pure
data does not: a value that a column is compared with, a cell of an INSERT, a value assigned to a
column, a LIMIT. Everything else is pinned: arguments of functions, casts to types that name
things, ordinals, constants that make a WHERE mean everything. The rule is a list of places that
are harmless, so that what is not thought of stays pinned.
"""

from __future__ import annotations

from govproxy._fastpath.treewalk import Constants
from govproxy.sql.catalog import Catalog, PerSnapshot
from govproxy.sql.parse import Node

COMPARISONS = frozenset({"=", "<>", "<", ">", "<=", ">="})
ARITHMETIC = frozenset({"+", "-", "*"})
# Casts that only say how a value is written.
PLAIN_TYPES = frozenset(
    {
        *("int2", "int4", "int8", "numeric", "float4", "float8", "text", "varchar", "bpchar"),
        *("date", "time", "timestamp", "timestamptz", "interval", "uuid"),
    }
)
_STATEMENTS = frozenset({"SelectStmt", "InsertStmt", "UpdateStmt", "DeleteStmt"})


def foldable(statements: list[Node], catalog: Catalog) -> frozenset[int]:
    """Byte offsets of the constants that do not matter, as libpg_query gives locations.

    Empty for anything but a single SELECT, INSERT, UPDATE or DELETE.
    """
    if len(statements) != 1:
        return frozenset()
    node = statements[0]["stmt"]
    kind = next(iter(node))
    if kind not in _STATEMENTS:
        return frozenset()
    finder = Constants(COMPARISONS, ARITHMETIC, catalog.user_operators, PLAIN_TYPES, _SHADOWED.of(catalog))
    finder.look(node, kind in ("UpdateStmt", "DeleteStmt"))
    return frozenset(finder.found - finder.pinned)


def _shadowed(catalog: Catalog) -> frozenset[str]:
    """Plain types whose bare name may mean somebody's own."""
    return frozenset(
        name
        for name in PLAIN_TYPES
        if any(catalog.types[oid].schema != "pg_catalog" for oid in catalog.types_by_name.get(name, ()))
    )


_SHADOWED = PerSnapshot(_shadowed)
