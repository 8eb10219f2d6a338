"""PostgreSQL's own relations: which there are, and which of them show values.

A snapshot may or may not list them, so they are known by name. A *sensitive* one holds values
sampled from tables, what other sessions run, secrets, or places on the server; the rest describes
the schema only, and every tool reads it.
"""

from __future__ import annotations

from govproxy.sql.builtins import CATALOG_RELATIONS, INFORMATION_RELATIONS

SYSTEM_SCHEMAS = frozenset({"pg_catalog", "information_schema", "pg_toast"})

SENSITIVE_RELATIONS = frozenset(
    """
    pg_statistic pg_statistic_ext_data pg_authid pg_shadow pg_largeobject pg_hba_file_rules
    pg_ident_file_mappings pg_file_settings pg_stat_wal_receiver user_mapping_options _pg_user_mappings
    """.split()  # noqa: SIM905
)

_SAMPLED = frozenset(
    """
    most_common_vals most_common_val_nulls most_common_freqs most_common_base_freqs histogram_bounds most_common_elems
    most_common_elem_freqs elem_count_histogram range_length_histogram range_empty_frac range_bounds_histogram
    """.split()  # noqa: SIM905
)

# Sensitive through some columns only: tools read the others every day.
SENSITIVE_COLUMNS = {
    "pg_stat_activity": frozenset({"query"}),
    "pg_stats": _SAMPLED,
    "pg_stats_ext": _SAMPLED,
    "pg_stats_ext_exprs": _SAMPLED | {"expr"},
    "pg_subscription": frozenset({"subconninfo"}),
    "pg_user_mapping": frozenset({"umoptions"}),
    "pg_user_mappings": frozenset({"umoptions"}),
    "pg_prepared_statements": frozenset({"statement"}),
    "pg_cursors": frozenset({"statement"}),
}

# Views that extensions bring, in whatever schema: they hold other people's statements.
SENSITIVE_ANYWHERE = frozenset({"pg_stat_statements", "pg_stat_monitor", "pg_stat_kcache", "pg_qualstats"})


def system_schema(schema: str | None, name: str, search_path: tuple[str, ...] | None) -> str | None:
    """The system schema in which a name is found first, None when it is not one of PostgreSQL's own."""
    if schema is not None:
        known = schema == "pg_toast" or name in CATALOG_RELATIONS or name in INFORMATION_RELATIONS
        return schema if schema in SYSTEM_SCHEMAS and known else None
    path = search_path or ()
    if name in CATALOG_RELATIONS and ("pg_catalog" not in path or path[0] == "pg_catalog"):
        return "pg_catalog"
    if name in INFORMATION_RELATIONS and path and path[0] == "information_schema":
        return "information_schema"
    return None


EVERY_COLUMN = frozenset({"*"})


def sensitivity(schema: str, name: str, shown: frozenset[str]) -> str | None:
    """The fact ``catalog`` of reading a relation, None for an ordinary one.

    ``shown`` are names of columns that the statement mentions anywhere; ``*`` is all of them.
    """
    if name in SENSITIVE_ANYWHERE:
        return "sensitive"
    if schema not in SYSTEM_SCHEMAS:
        return None
    if schema == "pg_toast" or name in SENSITIVE_RELATIONS:
        return "sensitive"
    hidden = SENSITIVE_COLUMNS.get(name)
    if hidden:
        return "sensitive" if "*" in shown or hidden & shown else "system"
    return "system"
