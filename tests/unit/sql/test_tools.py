"""What tools ask of the catalog comes out as plain reads of it.

``data/psql.sql`` is recorded by ``tests/support/collect_queries.py``; ``data/tools.sql`` was taken from the
statement log of a server that the named tools were run against.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from govproxy.sql.analyze import Shadow, analyze
from govproxy.sql.values import Action, Analysis, Effect, StatementFacts
from tests.unit.sql.world import CATALOG

DATA = Path(__file__).parent / "data"


def recorded(file: str) -> list[tuple[str, str]]:
    parts = re.split(r"^-- (.*)$", (DATA / file).read_text(), flags=re.MULTILINE)[1:]
    return list(zip(parts[::2], parts[1::2], strict=True))


def is_plain(effect: Effect) -> bool:
    """A read of the schema, or of nothing."""
    return effect.action is Action.SELECT and (effect.facts.get("catalog") == "system" or not effect.name)


@pytest.mark.parametrize(("command", "sql"), recorded("psql.sql"))
def test_psql(command: str, sql: str) -> None:
    effects = [effect for statement in analyze(sql, CATALOG, ("public",)).statements for effect in statement.effects]
    assert effects
    assert [effect for effect in effects if not is_plain(effect)] == []


def test_psql_asks_for_a_lot() -> None:
    assert len(recorded("psql.sql")) > 200


def session(tool: str) -> list[Effect]:
    """All effects of a tool's statements in order, prepared statements remembered as a session does."""
    prepared: dict[str, tuple[StatementFacts, ...]] = {}
    effects: list[Effect] = []
    for name, sql in recorded("tools.sql"):
        if not name.startswith(tool):
            continue
        found: Analysis = analyze(sql, CATALOG, ("public",), shadow=Shadow(prepared=prepared))
        for statement in found.statements:
            effects.extend(statement.effects)
            if statement.tag == "PREPARE" and statement.inner is not None:
                for made in statement.session.prepares:
                    prepared[made] = (*prepared.get(made, ()), statement.inner)
    return effects


def outside(effects: list[Effect]) -> set[tuple[str, str]]:
    return {(effect.action.value, effect.object) for effect in effects if not is_plain(effect)}


def test_sqlalchemy_reflection_only_reads() -> None:
    actions = {action for action, _ in outside(session("SQLAlchemy"))}
    assert actions <= {"select", "transaction"}


def test_driver_type_lookups_only_read() -> None:
    assert outside(session("asyncpg and psycopg")) == {
        ("set", "jit"),
        ("lock", "pg_catalog.pg_advisory_unlock_all"),
        ("cursor", "*"),
        ("listen", "*"),
        ("set", "all"),
        ("transaction", ""),
    }


def test_pg_dump_needs_no_more_than_this() -> None:
    found = outside(session("pg_dump"))
    assert {action for action, _ in found} == {"set", "transaction", "lock", "prepare", "copy_out", "select"}
    assert ("set", "restrict_nonsystem_relation_kind") in found
    assert {name for action, name in found if action == "select"} >= {
        "pg_catalog.pg_subscription",
        "pg_catalog.pg_user_mappings",
    }


@pytest.mark.parametrize(
    "sql",
    [
        # pgjdbc: DatabaseMetaData.getTables, getPrimaryKeys, and type lookups
        "SELECT NULL AS TABLE_CAT, n.nspname AS TABLE_SCHEM, c.relname AS TABLE_NAME, CASE n.nspname ~ '^pg_' OR "
        "n.nspname = 'information_schema' WHEN true THEN 'SYSTEM TABLE' ELSE 'TABLE' END AS TABLE_TYPE, d.description "
        "AS REMARKS FROM pg_catalog.pg_namespace n, pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_description d ON "
        "(c.oid = d.objoid AND d.objsubid = 0 AND d.classoid = 'pg_class'::regclass) WHERE c.relnamespace = n.oid "
        "AND c.relname LIKE 'x%' ORDER BY TABLE_TYPE",
        "SELECT result.TABLE_CAT, result.COLUMN_NAME FROM (SELECT NULL AS TABLE_CAT, a.attname AS COLUMN_NAME, "
        "(information_schema._pg_expandarray(i.indkey)).n AS KEY_SEQ, information_schema._pg_expandarray(i.indkey) AS "
        "KEYS, a.attnum AS A_ATTNUM FROM pg_catalog.pg_class ct JOIN pg_catalog.pg_attribute a ON (ct.oid = "
        "a.attrelid) JOIN pg_catalog.pg_index i ON (a.attrelid = i.indrelid)) result WHERE result.A_ATTNUM = "
        "(result.KEYS).x",
        "SELECT typinput='pg_catalog.array_in'::regproc as is_array, typtype, typname, pg_type.oid FROM "
        "pg_catalog.pg_type LEFT JOIN (select ns.oid as nspoid, ns.nspname, r.r from pg_namespace as ns join (select "
        "s.r, (current_schemas(false))[s.r] as nspname from generate_series(1, array_upper(current_schemas(false), "
        "1)) as s(r)) as r using (nspname)) as sp ON sp.nspoid = typnamespace WHERE pg_type.oid = $1",
        # pgAdmin's dashboard of databases, without statements of others
        "SELECT db.oid AS did, db.datname AS name, pg_catalog.pg_encoding_to_char(encoding) AS encoding, "
        "pg_catalog.has_database_privilege(db.oid, 'CREATE') AS cancreate FROM pg_catalog.pg_database db "
        "LEFT OUTER JOIN pg_catalog.pg_tablespace ta ON db.dattablespace = ta.oid WHERE db.datallowconn",
        "SELECT roles.oid AS id, roles.rolname AS name, roles.rolsuper AS is_superuser, CASE WHEN roles.rolsuper THEN "
        "true ELSE roles.rolcreaterole END AS can_create_role FROM pg_catalog.pg_roles AS roles WHERE rolname = "
        "current_user",
        # Django and Rails introspection
        "SELECT a.attname AS column_name, NOT (a.attnotnull OR (t.typtype = 'd' AND t.typnotnull)) AS is_nullable, "
        "pg_get_expr(ad.adbin, ad.adrelid) AS column_default FROM pg_attribute a LEFT JOIN pg_attrdef ad ON a.attrelid "
        "= ad.adrelid AND a.attnum = ad.adnum JOIN pg_type t ON a.atttypid = t.oid JOIN pg_class c ON a.attrelid = "
        "c.oid WHERE c.relkind IN ('f', 'm', 'p', 'r', 'v') AND c.relname = $1 AND pg_table_is_visible(c.oid)",
        "SELECT c.relname FROM pg_class c LEFT JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = ANY "
        "(current_schemas(false)) AND c.relkind IN ('r','v','m','p','f')",
        "SELECT table_schema, table_name FROM information_schema.tables WHERE table_type = 'BASE TABLE'",
        "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = 'customers'",
    ],
)
def test_introspection_of_other_tools(sql: str) -> None:
    (statement,) = analyze(sql, CATALOG, ("public",)).statements
    assert [effect for effect in statement.effects if not is_plain(effect)] == []
