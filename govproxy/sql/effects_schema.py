"""What definitions do: CREATE, ALTER, DROP, TRUNCATE, GRANT, COMMENT, roles, replication.

Which statement is what stands in `SIMPLE` where a name is all there is to say, and in functions
otherwise. Roles, databases and tablespaces are objects like any other (kinds ``role``,
``database``, ``tablespace``); ``admin`` is for what acts on the server itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from govproxy.sql import dependents
from govproxy.sql.catalog import Catalog, ColumnRef, is_temporary_schema
from govproxy.sql.computed import column_types, copied, filling, looking, runs_foreign_code
from govproxy.sql.effects import Collector, Fact, Facts
from govproxy.sql.effects_drop import falls_with_part
from govproxy.sql.effects_query import creates_relation
from govproxy.sql.hidden import Start
from govproxy.sql.lineage import behind
from govproxy.sql.objects import (
    IN_A_SCHEMA,
    OF_A_TABLE,
    RELATION_KINDS,
    Name,
    kind_of,
    object_name,
    on_object,
    role_name,
    schemas_of,
    verb,
)
from govproxy.sql.parse import UnparsableStatement, parse
from govproxy.sql.results import DEFINITION_PATH
from govproxy.sql.tree import Node
from govproxy.sql.values import Action, Derivation, Effect, Flow, OutputColumn


class Simple(NamedTuple):
    """A statement that does one thing to one object. ``field`` holds its name."""

    action: Action
    kind: str
    field: str


SIMPLE: Mapping[str, Simple] = {
    "AlterCollationStmt": Simple(Action.ALTER, "collation", "collname"),
    "AlterDatabaseRefreshCollStmt": Simple(Action.ALTER, "database", "dbname"),
    "AlterDatabaseSetStmt": Simple(Action.ALTER, "database", "dbname"),
    "AlterDatabaseStmt": Simple(Action.ALTER, "database", "dbname"),
    "AlterEnumStmt": Simple(Action.ALTER, "type", "typeName"),
    "AlterEventTrigStmt": Simple(Action.ALTER, "event_trigger", "trigname"),
    "AlterExtensionContentsStmt": Simple(Action.ALTER, "extension", "extname"),
    "AlterExtensionStmt": Simple(Action.ALTER, "extension", "extname"),
    "AlterFdwStmt": Simple(Action.ALTER, "foreign_data_wrapper", "fdwname"),
    "AlterForeignServerStmt": Simple(Action.ALTER, "foreign_server", "servername"),
    "AlterOpFamilyStmt": Simple(Action.ALTER, "operator_family", "opfamilyname"),
    "AlterOperatorStmt": Simple(Action.ALTER, "operator", "opername"),
    "AlterPublicationStmt": Simple(Action.REPLICATION, "publication", "pubname"),
    "AlterRoleSetStmt": Simple(Action.ALTER, "role", "role"),
    "AlterStatsStmt": Simple(Action.ALTER, "statistics", "defnames"),
    "AlterSubscriptionStmt": Simple(Action.REPLICATION, "subscription", "subname"),
    "AlterTableMoveAllStmt": Simple(Action.ALTER, "tablespace", "orig_tablespacename"),
    "AlterTableSpaceOptionsStmt": Simple(Action.ALTER, "tablespace", "tablespacename"),
    "AlterTSConfigurationStmt": Simple(Action.ALTER, "text_search_configuration", "cfgname"),
    "AlterTSDictionaryStmt": Simple(Action.ALTER, "text_search_dictionary", "dictname"),
    "AlterTypeStmt": Simple(Action.ALTER, "type", "typeName"),
    "AlterUserMappingStmt": Simple(Action.ALTER, "user_mapping", "servername"),
    "CreateAmStmt": Simple(Action.CREATE, "access_method", "amname"),
    "CreateConversionStmt": Simple(Action.CREATE, "conversion", "conversion_name"),
    "CreateDomainStmt": Simple(Action.CREATE, "domain", "domainname"),
    "CreateEnumStmt": Simple(Action.CREATE, "type", "typeName"),
    "CreateExtensionStmt": Simple(Action.CREATE, "extension", "extname"),
    "CreateFdwStmt": Simple(Action.CREATE, "foreign_data_wrapper", "fdwname"),
    "CreateForeignServerStmt": Simple(Action.CREATE, "foreign_server", "servername"),
    "CreateOpClassStmt": Simple(Action.CREATE, "operator_class", "opclassname"),
    "CreateOpFamilyStmt": Simple(Action.CREATE, "operator_family", "opfamilyname"),
    "CreatePLangStmt": Simple(Action.CREATE, "language", "plname"),
    "CreatePublicationStmt": Simple(Action.REPLICATION, "publication", "pubname"),
    "CreateRangeStmt": Simple(Action.CREATE, "type", "typeName"),
    "CreateStatsStmt": Simple(Action.CREATE, "statistics", "defnames"),
    "CreateSubscriptionStmt": Simple(Action.REPLICATION, "subscription", "subname"),
    "CreateTableSpaceStmt": Simple(Action.CREATE, "tablespace", "tablespacename"),
    "CreateTransformStmt": Simple(Action.CREATE, "transform", "type_name"),
    "CreateUserMappingStmt": Simple(Action.CREATE, "user_mapping", "servername"),
    "CreatedbStmt": Simple(Action.CREATE, "database", "dbname"),
    "DropSubscriptionStmt": Simple(Action.REPLICATION, "subscription", "subname"),
    "DropTableSpaceStmt": Simple(Action.DROP, "tablespace", "tablespacename"),
    "DropUserMappingStmt": Simple(Action.DROP, "user_mapping", "servername"),
    "DropdbStmt": Simple(Action.DROP, "database", "dbname"),
    "ImportForeignSchemaStmt": Simple(Action.CREATE, "foreign_schema", "local_schema"),
}


def simple(kind: str, body: Node, notes: Collector) -> None:
    """A statement of `SIMPLE`."""
    action, sort, field = SIMPLE[kind]
    named = object_name(sort, body.get(field))
    facts: dict[str, Fact] = {"command": verb(kind)} if action is Action.REPLICATION else {}
    if "setstmt" in body:
        facts["setting"] = str(body["setstmt"].get("name", "all")).lower()
    if action is Action.CREATE and sort in IN_A_SCHEMA:
        named = Name(notes.home(named.schema), named.name)
    schemas = schemas_of(sort, named, notes) if action is Action.ALTER else [named.schema]
    for schema in schemas:
        notes.add(action, sort, schema, named.name, facts)
    for item in body.get("pubobjects", ()):
        table = item["PublicationObjSpec"].get("pubtable")
        if table is not None:
            # Whoever subscribes gets its rows unmasked.
            notes.relation(Action.REPLICATION, table["relation"], facts=facts)
    notes.reach_fields(kind, body, ("setstmt", field))
    notes.changed_catalog()


def tag_of(kind: str) -> str:
    """The command tag of a statement of `SIMPLE`."""
    return f"{verb(kind)} {SIMPLE[kind].kind.replace('_', ' ')}".upper()


# CREATE


def create_table(kind: str, body: Node, notes: Collector) -> None:
    """CREATE TABLE and CREATE FOREIGN TABLE; defaults and checks count as called."""
    if kind == "CreateForeignTableStmt":
        base = body.get("base", body)
        facts: Facts = {"server": str(body.get("servername", ""))}
        creates_relation(base["relation"], "foreign_table", notes, facts)
        notes.reach_fields("CreateStmt", base, ("relation", "inhRelations"))
        return
    creates_relation(body["relation"], "table", notes)
    _fills(body, body["relation"], notes)
    for parent in body.get("inhRelations", ()):
        # A new child or partition shows in its parent, and may be put there to be read.
        notes.relation(Action.ALTER, parent["RangeVar"], facts={"commands": "add_child"})
    notes.reach_fields(kind, body, ("relation", "inhRelations"))


def create_sequence(kind: str, body: Node, notes: Collector) -> None:
    """CREATE SEQUENCE."""
    creates_relation(body["sequence"], "sequence", notes)
    notes.reach_fields(kind, body, ("sequence",))


def create_composite(kind: str, body: Node, notes: Collector) -> None:
    """CREATE TYPE … AS (…)."""
    creates_relation(body["typevar"], "type", notes)
    notes.reach_fields(kind, body, ("typevar",))


def create_schema(_: str, body: Node, notes: Collector) -> None:
    """CREATE SCHEMA with what it holds."""
    notes.add(Action.CREATE, "schema", name=str(body.get("schemaname") or role_name(body.get("authrole", {}))))
    for element in body.get("schemaElts", ()):
        notes.absorb(notes.describe(element))
    notes.changed_catalog()


def create_index(kind: str, body: Node, notes: Collector) -> None:
    """CREATE INDEX: its expressions run on every row."""
    name = str(body.get("idxname", ""))
    relation = body["relation"]
    table, schema = relation["relname"], relation.get("schemaname")
    facts: Facts = {"table": table, "concurrently": bool(body.get("concurrent"))}
    # An index lies beside its table. Where the catalog knows another of that name, it may be that one's.
    is_own = table in notes.shadow.own and not notes.resolve(relation)
    temporary = is_own if schema is None else is_temporary_schema(schema)
    home = "pg_temp" if temporary else notes.schema_of(relation)
    notes.take(Effect(action=Action.CREATE, kind="index", schema=home, name=name, temporary=temporary, facts=facts))
    looks(body, relation, notes)
    notes.reach_fields(kind, body, ("relation",))
    notes.changed_catalog(temporary)


# ALTER


def alter_table(kind: str, body: Node, notes: Collector) -> None:
    """ALTER TABLE and kin. Dropping a column loses data, so that is a DROP as well."""
    sort = kind_of(body.get("objtype", "OBJECT_TABLE"))
    commands = [item["AlterTableCmd"] for item in body.get("cmds", ())]
    words = ",".join(dict.fromkeys(_snake(command["subtype"]) for command in commands))
    columns = tuple(str(command["name"]) for command in commands if "name" in command and _is_column(command))
    _alters(body["relation"], sort, notes, {"commands": words}, columns)
    for command in commands:
        if command["subtype"] == "AT_DropColumn":
            facts: Facts = {"column": str(command["name"]), "cascade": command.get("behavior") == "DROP_CASCADE"}
            notes.relation(Action.DROP, body["relation"], columns=(str(command["name"]),), facts=facts, kind=sort)
        elif command["subtype"] == "AT_DropConstraint":
            cascade = command.get("behavior") == "DROP_CASCADE"
            falls_with_part("constraint", str(command["name"]), body["relation"], notes, cascade=cascade)
        elif command["subtype"] in _ENABLES_TRIGGERS:
            _enables(command, body["relation"], notes)
        part = command.get("def", {}).get("PartitionCmd", {}).get("name")
        if part is not None:
            notes.relation(Action.ALTER, part, facts={"commands": _snake(command["subtype"])})
    _fills(body, body["relation"], notes)
    for output in looks(body, body["relation"], notes):
        # New or changed columns that are computed from others.
        if output.sources:
            unclear = output.derivation is Derivation.OPAQUE
            notes.flows.append(Flow(sources=output.sources, target=str(body["relation"]["relname"]), opaque=unclear))
    notes.reach_fields(kind, body, ("relation",))
    notes.changed_catalog(is_temporary_schema(body["relation"].get("schemaname", "")))


_ENABLES_TRIGGERS = frozenset(
    {"AT_EnableTrig", "AT_EnableAlwaysTrig", "AT_EnableReplicaTrig", "AT_EnableTrigAll", "AT_EnableTrigUser"}
)


def _enables(command: Node, table: Node, notes: Collector) -> None:
    """A trigger that was switched off runs again: what it does counts now."""
    for relation in notes.resolve(table):
        via = f"{relation.schema}.{relation.name}"
        wanted = [trigger for trigger in relation.switched_off if command.get("name", trigger.name) == trigger.name]
        starts = [Start("trigger", via, function=trigger.function) for trigger in wanted]
        notes.unread(notes.set_off(starts), "trigger", via)


def looks(body: Node, relation: Node, notes: Collector, rows: tuple[str, ...] = ("",)) -> tuple[OutputColumn, ...]:
    """What a definition looks at of the rows that are there. ``rows``: what it calls them, if not as their table."""
    select = looking(body, relation, rows) if notes.resolve(relation) else {}
    return (notes.trace(select).outputs or ()) if select else ()


def _fills(body: Node, relation: Node, notes: Collector) -> None:
    """What defaults and the like compute is stored: by somebody's own code it may be anything."""
    target, catalog, path = str(relation["relname"]), notes.catalog, notes.search_path
    written = any(runs_foreign_code(expression, catalog, path) for expression in filling(body))
    if written or any(_runs_code(kind.default, catalog) for kind in column_types(body, catalog, path)):
        notes.flows.append(Flow(sources=frozenset(), target=target, opaque=True))
    for source in copied(body, catalog, path):
        for column in source.columns:
            if _runs_code(column.default, catalog):
                own = ColumnRef(source.oid, column.attnum)
                shown = behind(own, catalog)
                notes.flows.append(Flow(sources=shown - {own}, target=target, opaque=not shown))


def _runs_code(default: str | None, catalog: Catalog) -> bool:
    """Whether somebody's own code runs in a default, as the catalog writes it."""
    if default is None:
        return False
    try:
        return any(runs_foreign_code(statement, catalog, DEFINITION_PATH) for statement in parse(f"SELECT {default}"))
    except UnparsableStatement:
        return True


def _is_column(command: Node) -> bool:
    return "Column" in command["subtype"] or command["subtype"] in ("AT_SetNotNull", "AT_DropNotNull")


def _snake(subtype: str) -> str:
    bare = subtype.removeprefix("AT_")
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in bare).lstrip("_")


def _alters(relation: Node, sort: str, notes: Collector, facts: Facts, columns: tuple[str, ...] = ()) -> None:
    if sort in RELATION_KINDS:
        notes.relation(Action.ALTER, relation, columns=columns, facts=facts, kind=sort)
    else:
        notes.add(Action.ALTER, sort, str(relation.get("schemaname", "")), str(relation["relname"]), facts)


def alter_domain(kind: str, body: Node, notes: Collector) -> None:
    """ALTER DOMAIN: its checks are those of every column that is of it."""
    named = object_name("domain", body["typeName"])
    for schema in schemas_of("domain", named, notes):
        notes.add(Action.ALTER, "domain", schema, named.name)
    via = f"{named.schema}.{named.name}" if named.schema else named.name
    for start in dependents.named("domain", named.schema, named.name, notes.catalog, notes.search_path):
        for edge in notes.catalog.dependencies.of.get((start.kind, start.oid), ()):
            table = notes.catalog.relations.get(edge.dependent.oid) if edge.dependent.kind == "relation" else None
            if table is not None and edge.dependent.column:
                said: Facts = {"commands": "alter_domain", "via": via, "by": "cascade"}
                notes.on(Action.ALTER, table, facts=said, alone=True)
    notes.reach_fields(kind, body, ("typeName",))
    notes.changed_catalog()


def alter_sequence(kind: str, body: Node, notes: Collector) -> None:
    """ALTER SEQUENCE."""
    notes.relation(Action.ALTER, body["sequence"], kind="sequence")
    notes.reach_fields(kind, body, ("sequence",))
    notes.changed_catalog()


def rename(_: str, body: Node, notes: Collector) -> None:
    """ALTER … RENAME."""
    _alter_object(body, body["renameType"], notes, {"commands": "rename", "new_name": str(body.get("newname", ""))})


def alter_schema(_: str, body: Node, notes: Collector) -> None:
    """ALTER … SET SCHEMA."""
    _alter_object(body, body["objectType"], notes, {"commands": "set_schema", "new_schema": str(body["newschema"])})


def alter_owner(_: str, body: Node, notes: Collector) -> None:
    """ALTER … OWNER TO: whoever owns it may do anything with it."""
    owner = role_name(body["newowner"])
    _alter_object(body, body["objectType"], notes, {"commands": "owner", "new_owner": owner})


def alter_depends(_: str, body: Node, notes: Collector) -> None:
    """ALTER … DEPENDS ON EXTENSION."""
    _alter_object(body, body["objectType"], notes, {"commands": "depends_on_extension"})


def _alter_object(body: Node, written: str, notes: Collector, facts: dict[str, Fact]) -> None:
    kind = kind_of(written)
    if "relation" in body and kind not in OF_A_TABLE:
        _alters(body["relation"], kind, notes, facts, (str(body["subname"]),) if kind == "column" else ())
    elif "relation" in body:
        if "subname" in body:
            facts["of"] = str(body["subname"])
        notes.relation(Action.ALTER, body["relation"], facts={**facts, "part": kind})
    else:
        on_object(Action.ALTER, kind, body.get("object") or body.get("subname"), notes, facts)
    notes.changed_catalog()


def alter_default_privileges(_: str, body: Node, notes: Collector) -> None:
    """ALTER DEFAULT PRIVILEGES: a GRANT on what is yet to be made."""
    action = body["action"]
    facts = _grant_facts(action)
    notes.add(Action.GRANT, "default_privileges", facts={**facts, "on": kind_of(action["objtype"])})
    notes.changed_catalog()


def comment(kind: str, body: Node, notes: Collector) -> None:
    """COMMENT and SECURITY LABEL change how an object is described, which classification reads."""
    said: Facts = {"commands": "comment" if kind == "CommentStmt" else "security_label"}
    on_object(Action.ALTER, kind_of(body["objtype"]), body.get("object"), notes, said)
    notes.changed_catalog()


# Rights and roles


def grant(_: str, body: Node, notes: Collector) -> None:
    """GRANT and REVOKE on objects."""
    facts = _grant_facts(body)
    kind = kind_of(body["objtype"])
    if body.get("targtype") == "ACL_TARGET_ALL_IN_SCHEMA":
        for schema in body["objects"]:
            notes.add(Action.GRANT, kind, object_name(kind, schema).name, "*", facts)
    else:
        for item in body.get("objects", ()):
            on_object(Action.GRANT, kind, item, notes, facts)
    notes.changed_catalog()


def _grant_facts(body: Node) -> dict[str, Fact]:
    privileges = [item["AccessPriv"].get("priv_name", "all") for item in body.get("privileges", ())]
    return {
        "grant": bool(body.get("is_grant")),
        "privileges": ",".join(privileges) or "all",
        "grantees": ",".join(role_name(role["RoleSpec"]) for role in body.get("grantees", ())),
        "grant_option": bool(body.get("grant_option")),
    }


def grant_role(_: str, body: Node, notes: Collector) -> None:
    """GRANT role TO role, REVOKE role FROM role."""
    grantees = ",".join(role_name(role["RoleSpec"]) for role in body["grantee_roles"])
    for granted in body["granted_roles"]:
        name = str(granted["AccessPriv"].get("priv_name", ""))
        notes.add(Action.GRANT, "role", name=name, grant=bool(body.get("is_grant")), grantees=grantees)
    notes.changed_catalog()


def create_role(_: str, body: Node, notes: Collector) -> None:
    """CREATE ROLE, USER, GROUP."""
    notes.add(Action.CREATE, "role", name=str(body["role"]), facts=_role_options(body))
    notes.changed_catalog()


def alter_role(_: str, body: Node, notes: Collector) -> None:
    """ALTER ROLE; ALTER GROUP … ADD USER is a membership."""
    facts = _role_options(body)
    name = role_name(body["role"])
    if "rolemembers" in facts:
        notes.add(Action.GRANT, "role", name=name, grant=body.get("action", 1) > 0)
    notes.add(Action.ALTER, "role", name=name, facts=facts)
    notes.changed_catalog()


def _role_options(body: Node) -> dict[str, Fact]:
    """Names of the options, with their value for switches. Security: never a password."""
    facts: dict[str, Fact] = {}
    for item in body.get("options", ()):
        option = item["DefElem"]
        facts[str(option["defname"])] = bool(option.get("arg", {}).get("Boolean", {}).get("boolval", False)) or (
            "Boolean" not in option.get("arg", {})
        )
    return facts
