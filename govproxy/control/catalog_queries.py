"""The SQL that reads a database's catalog. Texts only; ``control.catalog`` runs them.

Every name is qualified with ``pg_catalog``, so that no search_path changes what they mean, and
everything is cast to a type that any relative of PostgreSQL sends alike. They need no rights
beyond those of an ordinary role.
"""

from __future__ import annotations

# Other sessions' temporary schemas come and go and belong to nobody else; TOAST is storage.
_OWN_SCHEMAS = "n.nspname <> 'pg_toast' AND n.nspname !~ '^pg_(temp|toast_temp)_'"
_USER_SCHEMAS = f"{_OWN_SCHEMAS} AND n.nspname NOT IN ('pg_catalog', 'information_schema')"

SETTINGS = """
SELECT pg_catalog.current_setting('server_version_num')::int4 AS version,
       pg_catalog.current_schemas(false)::text[] AS path
"""

# A trigger function that can neither read, nor raise, nor call anything but the clock: what sets a
# column to the time of the change does no more. Anything else may do anything.
_CLOCKS = "(now|clock_timestamp|statement_timestamp|transaction_timestamp|timeofday)[[:space:]]*[(][)]"
_ACTS = r"[(]|\m(select|perform|execute|raise|call|insert|update|delete|merge|with|values|table|open|for)\M"
_IDLE = f"l.lanname = 'plpgsql' AND pg_catalog.regexp_replace(p.prosrc, '{_CLOCKS}', '', 'gi') !~* '{_ACTS}'"

# ``triggers``: of the user's, apart from idle ones. ``rules``: apart from what makes a view.
RELATIONS = f"""
SELECT c.oid::int8 AS oid, n.nspname::text AS schema, c.relname::text AS name, c.relkind::text AS kind,
       c.reltuples::float8 AS rows, c.relpages::int8 AS pages, c.relhastriggers AND EXISTS (
           SELECT FROM pg_catalog.pg_trigger g JOIN pg_catalog.pg_proc p ON p.oid = g.tgfoid
           JOIN pg_catalog.pg_language l ON l.oid = p.prolang
           WHERE g.tgrelid = c.oid AND NOT g.tgisinternal AND g.tgenabled <> 'D' AND NOT ({_IDLE})) AS triggers,
       c.relhasrules AND EXISTS (
           SELECT FROM pg_catalog.pg_rewrite w WHERE w.ev_class = c.oid AND w.ev_type <> '1') AS rules,
       c.relrowsecurity AS row_security, pg_catalog.pg_get_userbyid(c.relowner)::text AS owner,
       pg_catalog.obj_description(c.oid, 'pg_class') AS comment
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'c', 'S') AND {_OWN_SCHEMAS}
ORDER BY c.oid
"""

COLUMNS = f"""
SELECT a.attrelid::int8 AS relation, a.attnum::int4 AS attnum, a.attname::text AS name, a.atttypid::int8 AS type,
       a.atttypmod::int4 AS typmod, a.attnotnull AS not_null, a.attgenerated::text <> '' AS generated
FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'c', 'S') AND {_OWN_SCHEMAS}
ORDER BY a.attrelid, a.attnum
"""

COMMENTS = """
SELECT d.objoid::int8 AS relation, d.objsubid::int4 AS attnum, d.description AS comment
FROM pg_catalog.pg_description d
WHERE d.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objsubid > 0 AND d.objoid >= 16384
"""

DEFAULTS = """
SELECT d.adrelid::int8 AS relation, d.adnum::int4 AS attnum, pg_catalog.pg_get_expr(d.adbin, d.adrelid) AS expression
FROM pg_catalog.pg_attrdef d
"""

KEYS = """
SELECT c.conrelid::int8 AS relation, c.contype::text AS kind, c.conkey::int4[] AS attnums, c.condeferrable AS deferrable
FROM pg_catalog.pg_constraint c WHERE c.contype IN ('p', 'f') AND c.conrelid <> 0
"""

# What runs behind a statement: triggers, rules, and functions that definitions call (defaults, checks, policies,
# indexes, views, conditions of triggers) directly, through an operator or through a cast.
TRIGGERS = """
SELECT t.tgrelid::int8 AS relation, t.tgname::text AS name, t.tgfoid::int8 AS function, t.tgtype::int4 AS type,
       t.tgenabled <> 'D' AS runs,
       (SELECT pg_catalog.array_agg(a.attname::text) FROM pg_catalog.pg_attribute a
        WHERE a.attrelid = t.tgrelid AND a.attnum = ANY (t.tgattr::int2[])) AS columns
FROM pg_catalog.pg_trigger t WHERE NOT t.tgisinternal
ORDER BY t.oid
"""

RULES = """
SELECT w.ev_class::int8 AS relation, pg_catalog.pg_get_ruledef(w.oid) AS definition
FROM pg_catalog.pg_rewrite w WHERE w.ev_type <> '1' AND w.ev_enabled <> 'D' AND w.oid >= 16384
ORDER BY w.oid
"""

RUNS = """
SELECT DISTINCT u.relation::int8 AS relation, u.what::text AS what,
       coalesce(o.oprcode::oid, x.refobjid)::int8 AS function
FROM (
    SELECT d.adrelid AS relation, 'default' AS what, 'pg_catalog.pg_attrdef'::pg_catalog.regclass AS class, d.oid
    FROM pg_catalog.pg_attrdef d
    UNION ALL SELECT a.attrelid, 'default', 'pg_catalog.pg_type'::pg_catalog.regclass, t.oid
    FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
    WHERE t.typtype = 'd' AND t.typdefaultbin IS NOT NULL AND a.attnum > 0
    UNION ALL SELECT c.conrelid, 'check', 'pg_catalog.pg_constraint'::pg_catalog.regclass, c.oid
    FROM pg_catalog.pg_constraint c WHERE c.conrelid <> 0
    UNION ALL SELECT p.polrelid, 'policy', 'pg_catalog.pg_policy'::pg_catalog.regclass, p.oid
    FROM pg_catalog.pg_policy p
    UNION ALL SELECT i.indrelid, 'index', 'pg_catalog.pg_class'::pg_catalog.regclass, i.indexrelid
    FROM pg_catalog.pg_index i WHERE i.indexprs IS NOT NULL OR i.indpred IS NOT NULL
    UNION ALL SELECT w.ev_class, 'view', 'pg_catalog.pg_rewrite'::pg_catalog.regclass, w.oid
    FROM pg_catalog.pg_rewrite w WHERE w.ev_type = '1'
    UNION ALL SELECT g.tgrelid, 'trigger', 'pg_catalog.pg_trigger'::pg_catalog.regclass, g.oid
    FROM pg_catalog.pg_trigger g WHERE NOT g.tgisinternal AND g.tgqual IS NOT NULL
) u
JOIN pg_catalog.pg_depend x ON x.classid = u.class AND x.objid = u.oid
LEFT JOIN pg_catalog.pg_operator o
    ON x.refclassid = 'pg_catalog.pg_operator'::pg_catalog.regclass AND o.oid = x.refobjid
WHERE x.refobjid >= 16384 AND (x.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass OR o.oid IS NOT NULL)
ORDER BY 1, 2, 3
"""

# What is asked about each row that is written, or may be read.
TESTS = """
SELECT c.conrelid::int8 AS relation, 'check' AS what, pg_catalog.pg_get_expr(c.conbin, c.conrelid) AS text
FROM pg_catalog.pg_constraint c WHERE c.contype = 'c' AND c.conrelid >= 16384
UNION ALL
SELECT i.indrelid::int8, 'index', pg_catalog.pg_get_expr(x.expression, i.indrelid)
FROM pg_catalog.pg_index i CROSS JOIN LATERAL (VALUES (i.indexprs), (i.indpred)) x(expression)
WHERE x.expression IS NOT NULL AND i.indrelid >= 16384
UNION ALL
SELECT p.polrelid::int8, 'policy', pg_catalog.pg_get_expr(x.expression, p.polrelid)
FROM pg_catalog.pg_policy p CROSS JOIN LATERAL (VALUES (p.polqual), (p.polwithcheck)) x(expression)
WHERE x.expression IS NOT NULL
UNION ALL
SELECT g.tgrelid::int8, 'trigger', pg_catalog.pg_get_triggerdef(g.oid)
FROM pg_catalog.pg_trigger g WHERE g.tgqual IS NOT NULL AND g.tgenabled <> 'D'
UNION ALL
SELECT w.ev_class::int8, 'rule', pg_catalog.pg_get_ruledef(w.oid)
FROM pg_catalog.pg_rewrite w WHERE w.ev_type <> '1' AND w.ev_enabled <> 'D' AND w.oid >= 16384
"""

DOMAIN_FUNCTIONS = """
SELECT c.contypid::int8 AS type, x.refobjid::int8 AS function
FROM pg_catalog.pg_constraint c
JOIN pg_catalog.pg_depend x ON x.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass AND x.objid = c.oid
WHERE c.contypid <> 0 AND x.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND x.refobjid >= 16384
ORDER BY 1, 2
"""

REFERENCES = """
SELECT c.confrelid::int8 AS referenced, c.conrelid::int8 AS relation, c.conkey::int4[] AS columns,
       c.confkey::int4[] AS keys, c.confdeltype::text AS on_delete, c.confupdtype::text AS on_update
FROM pg_catalog.pg_constraint c WHERE c.contype = 'f'
ORDER BY c.oid
"""

EVENT_TRIGGERS = """
SELECT e.evtevent::text AS event, e.evtfoid::int8 AS function, e.evttags::text[] AS tags
FROM pg_catalog.pg_event_trigger e WHERE e.evtenabled <> 'D'
ORDER BY e.oid
"""

AGGREGATES = """
SELECT a.aggfnoid::oid::int8 AS aggregate, p.part::int8 AS part
FROM pg_catalog.pg_aggregate a
CROSS JOIN LATERAL (VALUES (a.aggtransfn::oid), (a.aggfinalfn::oid), (a.aggcombinefn::oid), (a.aggserialfn::oid),
    (a.aggdeserialfn::oid), (a.aggmtransfn::oid), (a.aggminvtransfn::oid), (a.aggmfinalfn::oid)) p(part)
WHERE a.aggfnoid::oid >= 16384 AND p.part <> 0
ORDER BY 1, 2
"""

OPERATOR_FUNCTIONS = """
SELECT o.oid::int8 AS oid, o.oprname::text AS name, o.oprcode::oid::int8 AS function FROM pg_catalog.pg_operator o
WHERE o.oid >= 16384 ORDER BY o.oid
"""

CAST_FUNCTIONS = """
SELECT c.casttarget::int8 AS type, c.castfunc::int8 AS function FROM pg_catalog.pg_cast c
WHERE c.castfunc >= 16384 ORDER BY c.oid
"""

INHERITANCE = """
SELECT i.inhrelid::int8 AS child, i.inhparent::int8 AS parent FROM pg_catalog.pg_inherits i
JOIN pg_catalog.pg_class c ON c.oid = i.inhparent WHERE c.relkind IN ('r', 'p', 'f')
ORDER BY i.inhparent, i.inhseqno, i.inhrelid
"""

VIEWS = f"""
SELECT c.oid::int8 AS relation, pg_catalog.pg_get_viewdef(c.oid) AS definition
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('v', 'm') AND {_OWN_SCHEMAS}
"""

VIEW = "SELECT pg_catalog.pg_get_viewdef($1::int8::oid) AS definition"

FUNCTIONS = """
SELECT p.oid::int8 AS oid, n.nspname::text AS schema, p.proname::text AS name, p.prokind::text AS kind,
       p.provolatile::text AS volatility, l.lanname::text AS language, p.prosecdef AS security_definer,
       p.proisstrict AS strict, p.proretset AS returns_set, p.proargtypes::oid[]::int8[] AS arguments,
       p.prorettype::int8 AS result, p.proargnames::text[] AS names, p.proargmodes::text[] AS modes,
       p.proallargtypes::oid[]::int8[] AS all_arguments, p.pronargdefaults::int4 AS optional,
       p.proconfig::text[] AS settings,
       CASE WHEN n.nspname = 'pg_catalog' OR l.lanname IN ('internal', 'c') THEN NULL ELSE p.prosrc END AS body
FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
JOIN pg_catalog.pg_language l ON l.oid = p.prolang
WHERE n.nspname !~ '^pg_(temp|toast_temp)_'
ORDER BY p.oid
"""

# PostgreSQL 14 on: bodies written in SQL are kept parsed and have no prosrc.
FUNCTION_BODIES = """
SELECT p.oid::int8 AS oid, pg_catalog.pg_get_function_sqlbody(p.oid) AS body
FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
WHERE p.prosqlbody IS NOT NULL AND n.nspname <> 'pg_catalog'
"""

# Expressions for arguments that may be left out, in the order of the arguments.
FUNCTION_DEFAULTS = """
SELECT p.oid::int8 AS oid, pg_catalog.pg_get_expr(p.proargdefaults, 0) AS defaults
FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
WHERE p.proargdefaults IS NOT NULL AND n.nspname <> 'pg_catalog'
"""

FUNCTION_EXTENSIONS = """
SELECT d.objid::int8 AS oid, e.extname::text AS extension
FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid
WHERE d.deptype = 'e' AND d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
  AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
"""


def _with_extension(table: str, oid: str) -> str:
    return f"""
LEFT JOIN pg_catalog.pg_depend x
    ON x.classid = 'pg_catalog.{table}'::pg_catalog.regclass AND x.objid = {oid} AND x.deptype = 'e'
LEFT JOIN pg_catalog.pg_extension e ON e.oid = x.refobjid
"""


TYPES = f"""
SELECT t.oid::int8 AS oid, n.nspname::text AS schema, t.typname::text AS name, t.typtype::text AS kind,
       t.typcategory::text AS category,
       CASE WHEN t.typcategory = 'A' THEN t.typelem::int8 ELSE coalesce(r.rngsubtype::int8, 0) END AS element,
       t.typbasetype::int8 AS base, t.typrelid::int8 AS relation, t.typtypmod::int4 AS typmod,
       CASE WHEN t.typtype = 'd' THEN pg_catalog.pg_get_expr(t.typdefaultbin, 0) END AS "default",
       e.extname::text AS extension
FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
LEFT JOIN pg_catalog.pg_range r ON r.rngtypid = t.oid
    OR (t.typtype = 'm' AND (pg_catalog.to_jsonb(r) ->> 'rngmultitypid')::int8 = t.oid::int8)
{_with_extension("pg_type", "t.oid")}WHERE n.nspname <> 'pg_toast' AND n.nspname !~ '^pg_(temp|toast_temp)_'
ORDER BY t.oid
"""

ENUM_LABELS = """
SELECT e.enumtypid::int8 AS type, e.enumlabel::text AS label FROM pg_catalog.pg_enum e
ORDER BY e.enumtypid, e.enumsortorder
"""

EXTENSIONS = "SELECT e.extname::text AS name FROM pg_catalog.pg_extension e"


OPERATORS = f"""
SELECT DISTINCT o.oprname::text AS name, e.extname::text AS extension FROM pg_catalog.pg_operator o
JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace {_with_extension("pg_operator", "o.oid")}
WHERE n.nspname <> 'pg_catalog'
"""

# Casts that initdb did not make.
CASTS = f"""
SELECT c.castsource::int8 AS source, c.casttarget::int8 AS target, c.castcontext::text AS context,
       e.extname::text AS extension
FROM pg_catalog.pg_cast c {_with_extension("pg_cast", "c.oid")}
WHERE c.oid >= 16384
"""

READABLE = f"""
SELECT a.attrelid::int8 AS relation, a.attnum::int4 AS attnum
FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'm') AND {_USER_SCHEMAS}
  AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')
  AND pg_catalog.has_column_privilege(a.attrelid, a.attnum, 'SELECT')
"""

# $1: most values of one column, half of them common ones; $2: longest value; $3, $4: range of OIDs.
# Values come as arrays of text so that no type of the database has to be known here.
STATISTICS = f"""
SELECT c.oid::int8 AS relation, a.attnum::int4 AS attnum, s.null_frac::float8 AS null_fraction,
       s.n_distinct::float8 AS n_distinct,
       (SELECT pg_catalog.array_agg(pg_catalog.left(v.value, $2::int4)) FROM (
            (SELECT m.value FROM pg_catalog.unnest(s.most_common_vals::text::text[]) m(value) LIMIT $1::int4 / 2)
            UNION ALL
            (SELECT h.value FROM pg_catalog.unnest(s.histogram_bounds::text::text[]) h(value) LIMIT $1::int4 / 2)
            UNION ALL
            (SELECT e.value FROM pg_catalog.unnest(s.most_common_elems::text::text[]) e(value) LIMIT $1::int4 / 2)
       ) v) AS values
FROM pg_catalog.pg_stats s
JOIN pg_catalog.pg_namespace n ON n.nspname = s.schemaname
JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = s.tablename
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname = s.attname
WHERE c.oid::int8 BETWEEN $3::int8 AND $4::int8 AND {_USER_SCHEMAS}
ORDER BY c.oid, a.attnum
"""

# One figure per catalog that changes with any change of a user's objects: how many rows, and a sum
# over (oid, xmin) spread by multiplication so that two changes do not cancel out. Temporary objects
# of other sessions are left out: they would call for a new collection all day.
_SPREAD = "coalesce(pg_catalog.sum((({oid})::int8 * 2654435761 + x.xmin::text::int8 * 40503) % 2147483647), 0)"
_TEMPORARY_SCHEMA = "SELECT n.oid FROM pg_catalog.pg_namespace n WHERE n.nspname ~ '^pg_(temp|toast_temp)_'"
_TEMPORARY_TABLE = "SELECT c.oid FROM pg_catalog.pg_class c WHERE c.relpersistence = 't'"


def _mark(table: str, oid: str, where: str) -> str:
    return f"(SELECT pg_catalog.count(*) || '/' || {_SPREAD.format(oid=oid)} FROM pg_catalog.{table} x WHERE {where})"


_MARKS = (
    ("pg_class", "x.oid", "x.oid >= 16384 AND x.relkind <> 't' AND x.relkind <> 'i' AND x.relpersistence <> 't'"),
    (
        "pg_attribute",
        "x.attrelid::int8 * 1601 + x.attnum",
        f"x.attrelid >= 16384 AND x.attnum > 0 AND x.attrelid NOT IN ({_TEMPORARY_TABLE})",
    ),
    ("pg_proc", "x.oid", f"x.oid >= 16384 AND x.pronamespace NOT IN ({_TEMPORARY_SCHEMA})"),
    ("pg_type", "x.oid", f"x.oid >= 16384 AND x.typnamespace NOT IN ({_TEMPORARY_SCHEMA})"),
    ("pg_rewrite", "x.oid", f"x.oid >= 16384 AND x.ev_class NOT IN ({_TEMPORARY_TABLE})"),
    ("pg_trigger", "x.oid", "NOT x.tgisinternal"),
    ("pg_namespace", "x.oid", "x.oid >= 16384 AND x.nspname !~ '^pg_(temp|toast_temp)_'"),
    ("pg_constraint", "x.oid", f"x.oid >= 16384 AND x.connamespace NOT IN ({_TEMPORARY_SCHEMA})"),
    ("pg_attrdef", "x.oid", f"x.oid >= 16384 AND x.adrelid NOT IN ({_TEMPORARY_TABLE})"),
    ("pg_enum", "x.oid", "x.oid >= 16384"),
    ("pg_cast", "x.oid", "x.oid >= 16384"),
    ("pg_operator", "x.oid", "x.oid >= 16384"),
    ("pg_extension", "x.oid", "x.oid >= 13000"),
    ("pg_inherits", "x.inhrelid::int8 * 31 + x.inhparent::int8", "x.inhrelid >= 16384"),
    ("pg_policy", "x.oid", "x.oid >= 16384"),
    ("pg_event_trigger", "x.oid", "x.oid >= 16384"),
    (
        "pg_index",
        "x.indexrelid",
        "x.indexrelid >= 16384 AND (x.indexprs IS NOT NULL OR x.indpred IS NOT NULL)"
        f" AND x.indrelid NOT IN ({_TEMPORARY_TABLE})",
    ),
    ("pg_description", "x.objoid::int8 * 1601 + x.objsubid", "x.objoid >= 16384"),
)

FINGERPRINT = (
    "SELECT pg_catalog.md5(pg_catalog.concat_ws(',', pg_catalog.current_setting('server_version_num'), "
    + ", ".join(_mark(*mark) for mark in _MARKS)
    + ")) AS fingerprint"
)

# For relatives without xmin: less sharp, but any change of tables and columns shows.
FINGERPRINT_PLAIN = """
SELECT pg_catalog.md5(pg_catalog.string_agg(
    table_schema || '.' || table_name || '.' || column_name || ':' || data_type, ',' ORDER BY
    table_schema, table_name, ordinal_position)) AS fingerprint
FROM information_schema.columns WHERE table_schema NOT IN ('pg_catalog', 'information_schema')
"""

# How much has been written and analysed, in steps of four times: what was an empty table when its
# values were last looked at is worth another look, and a busy one is not worth one every minute.
VALUES_MARK = """
SELECT pg_catalog.md5(pg_catalog.string_agg(pg_catalog.concat_ws(':', s.relid::int8,
    pg_catalog.ceil(pg_catalog.ln(s.n_tup_ins + s.n_tup_upd + 1) / pg_catalog.ln(4::float8)),
    pg_catalog.ceil(pg_catalog.ln(s.analyze_count + s.autoanalyze_count + 1) / pg_catalog.ln(4::float8))),
    ',' ORDER BY s.relid)) AS mark
FROM pg_catalog.pg_stat_user_tables s
"""
