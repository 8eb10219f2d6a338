"""What falls with what, as ``pg_depend`` has it, and what each role owns.

Read with the rest of the catalog by ``control.catalog``, in the same transaction. Rows that are there only
for PostgreSQL's own order (array types, row types, rewrite rules of views, indexes' and constraints'
places on their own table) are turned into the objects that people know. A server that does not
tell gets no dependencies, and a CASCADE there counts as one that may reach anything.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from govproxy.sql.catalog import Dependencies, Dependency, ObjectId, Thing

Rows = Callable[[str, str], Awaitable[Sequence[Mapping[str, Any]]]]

# pg_identify_object's words, where objects go by others here.
_WORDS = {
    "server": "foreign_server",
    "foreign-data_wrapper": "foreign_data_wrapper",
    "statistics_object": "statistics",
}
_KNOWN_BY_THEMSELVES = frozenset({"relation", "function", "type"})


def _is(table: str) -> str:
    return f"'pg_catalog.{table}'::pg_catalog.regclass"


_MAPPED = ("pg_class", "pg_proc", "pg_type", "pg_rewrite", "pg_attrdef", "pg_constraint", "pg_trigger", "pg_policy")

# ``objects``: for each place in pg_depend the object that is meant by it; ``part_of``: the table it is a part of.
_OBJECTS = f"""
WITH depends AS MATERIALIZED (
    SELECT d.classid, d.objid, d.objsubid, d.refclassid, d.refobjid, d.refobjsubid, d.deptype
    FROM pg_catalog.pg_depend d
    WHERE d.objid >= 16384 AND d.refclassid <> {_is("pg_namespace")}
      AND (d.refobjid >= 16384 OR d.refclassid IN ({_is("pg_language")}, {_is("pg_extension")}))
), owned AS MATERIALIZED (
    SELECT s.classid, s.objid, s.refobjid AS owner FROM pg_catalog.pg_shdepend s
    JOIN pg_catalog.pg_database b ON b.oid = s.dbid
    WHERE b.datname = pg_catalog.current_database() AND s.deptype = 'o'
      AND s.classid NOT IN ({_is("pg_class")}, {_is("pg_largeobject")})
), places AS MATERIALIZED (
    SELECT classid, objid FROM depends UNION SELECT refclassid, refobjid FROM depends
    UNION SELECT classid, objid FROM owned
), objects AS MATERIALIZED (
    SELECT p.classid, p.objid, CASE WHEN c.relkind IN ('i', 'I') THEN 'index' ELSE 'relation' END AS kind, c.oid,
           0 AS attnum, coalesce(i.indrelid, 0) AS part_of, n.nspname::text AS schema, c.relname::text AS name
    FROM places p JOIN pg_catalog.pg_class c ON c.oid = p.objid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid
    WHERE p.classid = {_is("pg_class")} AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'c', 'i', 'I')
    UNION ALL
    SELECT p.classid, p.objid, 'function', f.oid, 0, 0, '', f.proname::text
    FROM places p JOIN pg_catalog.pg_proc f ON f.oid = p.objid WHERE p.classid = {_is("pg_proc")}
    UNION ALL
    SELECT p.classid, p.objid, CASE WHEN coalesce(e.typrelid, t.typrelid) <> 0 THEN 'relation' ELSE 'type' END,
           CASE WHEN coalesce(e.typrelid, t.typrelid) <> 0 THEN coalesce(e.typrelid, t.typrelid)
                ELSE coalesce(e.oid, t.oid) END, 0, 0, '', t.typname::text
    FROM places p JOIN pg_catalog.pg_type t ON t.oid = p.objid LEFT JOIN pg_catalog.pg_type e ON e.typarray = t.oid
    WHERE p.classid = {_is("pg_type")}
    UNION ALL
    SELECT p.classid, p.objid, CASE WHEN w.ev_type = '1' THEN 'relation' ELSE 'rule' END,
           CASE WHEN w.ev_type = '1' THEN w.ev_class ELSE w.oid END, 0,
           CASE WHEN w.ev_type = '1' THEN 0 ELSE w.ev_class END, '', w.rulename::text
    FROM places p JOIN pg_catalog.pg_rewrite w ON w.oid = p.objid WHERE p.classid = {_is("pg_rewrite")}
    UNION ALL
    SELECT p.classid, p.objid, CASE WHEN a.attgenerated <> '' THEN 'relation' ELSE 'default' END,
           CASE WHEN a.attgenerated <> '' THEN f.adrelid ELSE f.oid END,
           CASE WHEN a.attgenerated <> '' THEN f.adnum ELSE 0 END,
           CASE WHEN a.attgenerated <> '' THEN 0 ELSE f.adrelid END, '', a.attname::text
    FROM places p JOIN pg_catalog.pg_attrdef f ON f.oid = p.objid
    JOIN pg_catalog.pg_attribute a ON a.attrelid = f.adrelid AND a.attnum = f.adnum
    WHERE p.classid = {_is("pg_attrdef")}
    UNION ALL
    SELECT p.classid, p.objid, 'constraint', c.oid, 0, c.conrelid, n.nspname::text, c.conname::text
    FROM places p JOIN pg_catalog.pg_constraint c ON c.oid = p.objid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.connamespace WHERE p.classid = {_is("pg_constraint")}
    UNION ALL
    SELECT p.classid, p.objid, 'trigger', g.oid, 0, g.tgrelid, '', g.tgname::text
    FROM places p JOIN pg_catalog.pg_trigger g ON g.oid = p.objid
    WHERE p.classid = {_is("pg_trigger")} AND NOT g.tgisinternal
    UNION ALL
    SELECT p.classid, p.objid, 'policy', y.oid, 0, y.polrelid, '', y.polname::text
    FROM places p JOIN pg_catalog.pg_policy y ON y.oid = p.objid WHERE p.classid = {_is("pg_policy")}
    UNION ALL
    SELECT p.classid, p.objid, replace(i.type, ' ', '_'), p.objid, 0, 0, coalesce(i.schema, ''),
           coalesce(o.oprname::text, k.opcname::text, m.opfname::text, l.collname::text, i.name, i.identity)
    FROM places p CROSS JOIN LATERAL pg_catalog.pg_identify_object(p.classid, p.objid, 0) i
    LEFT JOIN pg_catalog.pg_operator o ON p.classid = {_is("pg_operator")} AND o.oid = p.objid
    LEFT JOIN pg_catalog.pg_opclass k ON p.classid = {_is("pg_opclass")} AND k.oid = p.objid
    LEFT JOIN pg_catalog.pg_opfamily m ON p.classid = {_is("pg_opfamily")} AND m.oid = p.objid
    LEFT JOIN pg_catalog.pg_collation l ON p.classid = {_is("pg_collation")} AND l.oid = p.objid
    WHERE p.classid NOT IN ({", ".join(map(_is, _MAPPED))}) AND i.identity IS NOT NULL
)
"""

EDGES = f"""{_OBJECTS}
SELECT DISTINCT r.kind AS on_kind, r.oid::int8 AS on_oid,
       CASE WHEN d.refclassid = {_is("pg_class")} AND r.kind = 'relation' THEN d.refobjsubid ELSE 0 END::int4
           AS on_column,
       o.kind, o.oid::int8 AS oid,
       CASE WHEN d.classid = {_is("pg_class")} AND o.kind = 'relation' THEN d.objsubid ELSE o.attnum END::int4
           AS attnum,
       d.deptype <> 'n' AS automatic, d.deptype = 'i' AS internal
FROM depends d
JOIN objects o ON o.classid = d.classid AND o.objid = d.objid
JOIN objects r ON r.classid = d.refclassid AND r.objid = d.refobjid
WHERE NOT (r.kind = 'relation' AND o.part_of = r.oid)
UNION ALL SELECT '', 0, 0, '', 0, 0, false, false
ORDER BY 1, 2, 3, 4, 5, 6
"""

THINGS = f"""{_OBJECTS}
SELECT DISTINCT kind, oid::int8 AS oid, part_of::int8 AS part_of, schema, name FROM objects
WHERE kind NOT IN ('relation', 'function', 'type')
UNION ALL SELECT '', 0, 0, '', ''
ORDER BY 1, 2
"""

OWNED = f"""{_OBJECTS}
SELECT DISTINCT pg_catalog.pg_get_userbyid(w.owner)::text AS owner, o.kind, o.oid::int8 AS oid
FROM owned w JOIN objects o ON o.classid = w.classid AND o.objid = w.objid
WHERE o.kind <> 'relation'
UNION ALL SELECT '', '', 0
ORDER BY 1, 2, 3
"""


async def read_dependencies(rows: Rows) -> Dependencies:
    """``rows(what, query)`` runs a query, and gives nothing where the server lacks the catalog."""
    listed = [
        await rows("dependencies", EDGES),
        await rows("objects that depend", THINGS),
        await rows("owners of objects", OWNED),
    ]
    # Each has a row that says nothing, first: without it the query failed.
    known = all(listed)
    dependencies, things, owners = (found[1:] for found in listed)
    owned: dict[str, list[ObjectId]] = {}
    for row in owners:
        owned.setdefault(row["owner"], []).append(ObjectId(_word(row["kind"]), row["oid"]))
    return Dependencies(
        of=_edges(dependencies),
        things={
            (_word(row["kind"]), row["oid"]): Thing(schema=row["schema"], name=row["name"], table=row["part_of"])
            for row in things
        },
        owned={owner: tuple(found) for owner, found in owned.items()},
        known=known,
    )


def _edges(rows: Sequence[Mapping[str, Any]]) -> dict[tuple[str, int], tuple[Dependency, ...]]:
    edges: dict[tuple[str, int], dict[Dependency, None]] = {}
    for row in rows:
        on = ObjectId(_word(row["on_kind"]), row["on_oid"], row["on_column"])
        dependent = ObjectId(_word(row["kind"]), row["oid"], row["attnum"])
        if on == dependent:
            continue
        edge = Dependency(dependent=dependent, column=on.column, automatic=row["automatic"])
        edges.setdefault((on.kind, on.oid), {})[edge] = None
        if row["internal"] and dependent.kind not in _KNOWN_BY_THEMSELVES:
            # It is a part of the other: where the part goes, the whole does.
            back = Dependency(dependent=on, automatic=True)
            edges.setdefault((dependent.kind, dependent.oid), {})[back] = None
    return {on: tuple(found) for on, found in edges.items()}


def _word(kind: str) -> str:
    return _WORDS.get(kind, kind)
