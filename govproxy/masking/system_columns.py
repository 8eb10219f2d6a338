"""Columns of the server's own catalogs that hold copies of row data, statements or secrets.

System catalogs are never classified by name (``relname``, ``usename`` would break every driver);
this list is all that is sensitive in them.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

SYSTEM_SCHEMAS = frozenset({"pg_catalog", "information_schema", "pg_toast"})

_VALUES = "catalog_values"
_SECRET = "secret"  # noqa: S105
_HASH = "password_hash"

# relation -> column -> class
SYSTEM_COLUMNS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "pg_stats": dict.fromkeys(
            ("most_common_vals", "histogram_bounds", "most_common_elems", "range_bounds_histogram"), _VALUES
        ),
        "pg_statistic": dict.fromkeys((f"stavalues{slot}" for slot in range(1, 6)), _VALUES),
        "pg_stats_ext": {"most_common_vals": _VALUES},
        "pg_stats_ext_exprs": dict.fromkeys(("most_common_vals", "histogram_bounds", "most_common_elems"), _VALUES),
        "pg_statistic_ext_data": {"stxdmcv": _VALUES, "stxdexpr": _VALUES},
        "pg_largeobject": {"data": _VALUES},
        "pg_stat_activity": {"query": _VALUES},
        "pg_prepared_statements": {"statement": _VALUES},
        "pg_cursors": {"statement": _VALUES},
        "pg_seclabel": {"label": _VALUES},
        "pg_authid": {"rolpassword": _HASH},
        "pg_shadow": {"passwd": _HASH},
        "pg_user_mapping": {"umoptions": _SECRET},
        "pg_user_mappings": {"umoptions": _SECRET},
        "pg_subscription": {"subconninfo": _SECRET},
        "pg_stat_wal_receiver": {"conninfo": _SECRET},
        "user_mapping_options": {"option_value": _SECRET},
        "_pg_user_mappings": {"umoptions": _SECRET},
    }
)

# Views of extensions that live in an ordinary schema, known by name wherever they stand.
EXTENSION_COLUMNS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "pg_stat_statements": {"query": _VALUES},
        "pg_stat_monitor": {"query": _VALUES, "query_plan": _VALUES},
        "pg_store_plans": {"plan": _VALUES},
        "decrypted_secrets": {"decrypted_secret": _SECRET, "secret": _SECRET},
        "job": {"command": _VALUES},
        "job_run_details": {"command": _VALUES, "return_message": _VALUES},
    }
)
# A name as common as ``job`` counts only in the extension's own schema.
EXTENSION_SCHEMAS: Mapping[str, str] = MappingProxyType(
    {"job": "cron", "job_run_details": "cron", "decrypted_secrets": "vault"}
)


def system_class(schema: str, relation: str, column: str) -> str | None:
    """The class's name when this column of a system or extension relation is sensitive."""
    if schema in SYSTEM_SCHEMAS:
        return SYSTEM_COLUMNS.get(relation, {}).get(column) or EXTENSION_COLUMNS.get(relation, {}).get(column)
    if EXTENSION_SCHEMAS.get(relation, schema) != schema:
        return None
    return EXTENSION_COLUMNS.get(relation, {}).get(column)
