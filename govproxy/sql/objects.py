"""How the grammar writes the names and kinds of objects, and effects on an object so named."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from govproxy.sql.effects import NO_FACTS, Collector, Facts
from govproxy.sql.tree import Node, field_names
from govproxy.sql.values import Action

IN_A_SCHEMA = frozenset(
    """
    function procedure aggregate operator type domain statistics collation conversion operator_class operator_family
    text_search_configuration text_search_dictionary text_search_parser text_search_template
    """.split()  # noqa: SIM905
)
_ROUTINES = frozenset({"function", "procedure", "routine", "aggregate"})
RELATION_KINDS = frozenset({"table", "view", "materialized_view", "index", "sequence", "foreign_table"})
OF_A_TABLE = frozenset({"trigger", "policy", "rule", "constraint", "column"})

_KIND_NAMES: Mapping[str, str] = {
    "matview": "materialized_view",
    "fdw": "foreign_data_wrapper",
    "tabconstraint": "constraint",
    "statistic_ext": "statistics",
    "opclass": "operator_class",
    "opfamily": "operator_family",
    "tsconfiguration": "text_search_configuration",
    "tsdictionary": "text_search_dictionary",
    "tsparser": "text_search_parser",
    "tstemplate": "text_search_template",
}


class Name(NamedTuple):
    """An object's name as written; ``parent`` is the table of a trigger, policy, rule or column."""

    schema: str
    name: str
    parent: Node | None = None


def verb(kind: str) -> str:
    """``create``, ``alter``, ``drop`` or ``import``: the verb in a node's name."""
    return next((word for word in ("create", "alter", "drop", "import") if kind.lower().startswith(word)), "")


def kind_of(written: str) -> str:
    """``OBJECT_MATVIEW`` → ``materialized_view``."""
    bare = written.removeprefix("OBJECT_").lower()
    return _KIND_NAMES.get(bare, bare)


def object_name(kind: str, node: Any) -> Name:
    """The name in whichever form the grammar keeps it."""
    if node is None:
        return Name("", "")
    if isinstance(node, str):
        return Name("", node)
    if isinstance(node, list):
        return _from_parts(kind, field_names(node))
    if kind == "cast":
        node = node.get("List", {}).get("items", [node])[-1]
    for wrapper, path in (("List", "items"), ("TypeName", "names"), ("ObjectWithArgs", "objname")):
        if wrapper in node:
            return object_name(kind, node[wrapper].get(path, []))
    for path in ("items", "names", "objname"):
        if path in node:
            return object_name(kind, node[path])
    if "String" in node:
        return Name("", str(node["String"].get("sval", "")))
    if "RangeVar" in node:
        node = node["RangeVar"]
    if "relname" in node:
        return Name(str(node.get("schemaname", "")), str(node["relname"]))
    if "RoleSpec" in node:
        node = node["RoleSpec"]
    if "roletype" in node:
        return Name("", role_name(node))
    return Name("", "")


def _from_parts(kind: str, parts: list[str]) -> Name:
    if kind in OF_A_TABLE and len(parts) > 1:
        *table, name = parts
        parent = {"relname": table[-1], **({"schemaname": table[-2]} if len(table) > 1 else {})}
        return Name(table[-2] if len(table) > 1 else "", name, parent)
    return Name(parts[-2] if len(parts) > 1 else "", parts[-1] if parts else "")


def role_name(role: Node) -> str:
    """A role as written; PUBLIC and CURRENT_USER keep their words."""
    if role.get("roletype", "ROLESPEC_CSTRING") == "ROLESPEC_CSTRING":
        return str(role.get("rolename", ""))
    return str(role["roletype"]).removeprefix("ROLESPEC_").lower()


def on_object(action: Action, kind: str, node: Any, notes: Collector, facts: Facts = NO_FACTS) -> None:
    """An effect on an object named by ``node``; on relations, resolved."""
    named = object_name(kind, node)
    if kind in RELATION_KINDS:
        relation = {"relname": named.name, **({"schemaname": named.schema} if named.schema else {})}
        notes.relation(action, relation, facts=facts, kind=kind)
        return
    said = dict(facts)
    if named.parent is not None:
        said["table"] = named.parent["relname"]
        if kind == "column":
            notes.relation(action, named.parent, columns=(named.name,), facts={**said, "column": named.name})
            return
        notes.add(action, kind, notes.schema_of(named.parent), named.name, said)
        return
    for schema in schemas_of(kind, named, notes):
        notes.add(action, kind, schema, named.name, said)


def schemas_of(kind: str, named: Name, notes: Collector) -> list[str]:
    """Where a routine or type so named is: in each schema that the name may mean, or as written."""
    found: set[str] = set()
    if kind in _ROUTINES:
        routines = notes.catalog.resolve_function(named.schema or None, named.name, notes.search_path)
        found = {routine.schema for routine in routines}
    elif kind in ("type", "domain"):
        types = notes.catalog.resolve_type(named.schema or None, named.name, notes.search_path)
        found = {found_type.schema for found_type in types}
    return sorted(found) or [named.schema]
