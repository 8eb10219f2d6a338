"""Code that is kept in the database and runs later, with the statements of others: what it does counts now.

Functions, triggers, event triggers, rules, policies, casts, operators, aggregates.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from govproxy.sql.bodies import Header
from govproxy.sql.catalog import is_temporary_schema
from govproxy.sql.effects import NO_FACTS, Collector, Fact, Facts
from govproxy.sql.effects_schema import looks
from govproxy.sql.hidden import Start
from govproxy.sql.objects import IN_A_SCHEMA, kind_of, object_name, schemas_of
from govproxy.sql.tree import Node, field_names
from govproxy.sql.values import Action


def create_function(kind: str, body: Node, notes: Collector) -> None:
    """CREATE FUNCTION, CREATE PROCEDURE: what the body does counts now, as for views and rules."""
    named = object_name("function", body["funcname"])
    options = {item["DefElem"]["defname"]: item["DefElem"].get("arg", {}) for item in body.get("options", ())}
    language = str(options.get("language", {}).get("String", {}).get("sval", "sql")).lower()
    facts: dict[str, Fact] = {
        "language": language,
        "security_definer": bool(options.get("security", {}).get("Boolean", {}).get("boolval", False)),
        "replace": bool(body.get("replace")),
    }
    sort = "procedure" if body.get("is_procedure") else "function"
    temporary = is_temporary_schema(named.schema)
    text = options.get("as", {}).get("List", {}).get("items", [])
    if text:
        header = _header(body)
        found, understood = notes.code(language, str(text[0].get("String", {}).get("sval", "")), header)
        via = f"{notes.home(named.schema)}.{named.name}"
        for effect in found.effects:
            notes.take(replace(effect, facts={**effect.facts, "via": via, "by": "body"}))
        if not understood or found.unread:
            facts["body"] = "unreadable"
    notes.add(Action.CREATE, sort, notes.home(named.schema), named.name, facts)
    notes.reach_fields(kind, body, ("funcname", "returnType"))
    notes.opaque = True
    notes.changed_catalog(temporary)


def alter_function(kind: str, body: Node, notes: Collector) -> None:
    """ALTER FUNCTION, PROCEDURE, ROUTINE: with whose rights it runs, and what it is taken for."""
    named = object_name("function", body["func"])
    facts: dict[str, Fact] = {}
    for item in body.get("actions", ()):
        option = item["DefElem"]
        match option["defname"]:
            case "security":
                facts["security_definer"] = bool(option.get("arg", {}).get("Boolean", {}).get("boolval", False))
            case "set":
                facts["setting"] = str(option.get("arg", {}).get("VariableSetStmt", {}).get("name", "all")).lower()
            case other:
                facts[other] = True
    for schema in schemas_of("function", named, notes):
        notes.add(Action.ALTER, "function", schema, named.name, facts)
    notes.reach_fields(kind, body, ("func", "actions"))
    notes.changed_catalog()


_MODES = {"FUNC_PARAM_OUT": "o", "FUNC_PARAM_INOUT": "b", "FUNC_PARAM_VARIADIC": "v", "FUNC_PARAM_TABLE": "t"}


def _header(body: Node) -> Header:
    """What the language of a new function must know of it."""
    parameters = [item["FunctionParameter"] for item in body.get("parameters", ())]
    returns = body.get("returnType", {})
    named = field_names(returns.get("names", []))[-1:]
    tables = any(parameter.get("mode") == "FUNC_PARAM_TABLE" for parameter in parameters)
    if named and named[0] in ("trigger", "event_trigger", "void"):
        result = named[0]
    else:
        result = "set" if tables or returns.get("setof") else "value"
    return Header(
        names=tuple(str(parameter.get("name", "")) for parameter in parameters),
        modes="".join(_MODES.get(parameter.get("mode", ""), "i") for parameter in parameters),
        returns=result,
        procedure=bool(body.get("is_procedure")),
    )


def create_trigger(kind: str, body: Node, notes: Collector) -> None:
    """CREATE TRIGGER: what its function does counts now."""
    table = body["relation"]
    facts = _runs_later([body.get("funcname", [])], "trigger", f"{notes.schema_of(table)}.{table['relname']}", notes)
    _made_on_table(kind, body, "trigger", str(body["trigname"]), table, notes, facts)


def create_event_trigger(_: str, body: Node, notes: Collector) -> None:
    """CREATE EVENT TRIGGER: runs with everybody's DDL, or login."""
    name = str(body["trigname"])
    facts = _runs_later([body.get("funcname", [])], "event_trigger", name, notes)
    notes.add(Action.CREATE, "event_trigger", name=name, facts={"event": str(body.get("eventname", "")), **facts})
    notes.changed_catalog()


def _runs_later(functions: list[list[Node]], by: str, via: str, notes: Collector) -> dict[str, Fact]:
    """The effects of functions that others' statements will run from now on, and facts of what runs them.

    One that is not known yet was judged when it was made.
    """
    starts: dict[Start, None] = {}
    for written in functions:
        *schema, name = field_names(written)
        for routine in notes.catalog.resolve_function(schema[-1] if schema else None, name, notes.search_path):
            starts[Start(by, via, function=routine.oid)] = None
    facts: dict[str, Fact] = {"function": ",".join(".".join(field_names(written)) for written in functions)}
    if notes.set_off(list(starts)).unread:
        facts["body"] = "unreadable"
    return facts


def create_policy(kind: str, body: Node, notes: Collector) -> None:
    """CREATE POLICY, ALTER POLICY."""
    action = Action.CREATE if kind == "CreatePolicyStmt" else Action.ALTER
    _made_on_table(kind, body, "policy", str(body["policy_name"]), body["table"], notes, NO_FACTS, action)


def create_rule(kind: str, body: Node, notes: Collector) -> None:
    """CREATE RULE: what it would do counts now."""
    _made_on_table(kind, body, "rule", str(body["rulename"]), body["relation"], notes, NO_FACTS)


def _made_on_table(
    kind: str,
    body: Node,
    sort: str,
    name: str,
    table: Node,
    notes: Collector,
    facts: Facts,
    action: Action = Action.CREATE,
) -> None:
    said = {**facts, "table": str(table["relname"])}
    notes.add(action, sort, notes.schema_of(table), name, said)
    notes.relation(Action.ALTER, table, facts={"commands": f"{action.value}_{sort}"})
    looks(body, table, notes, ("",) if sort == "policy" else ("new", "old"))
    notes.reach_fields(kind, body, ("relation", "table", "constrrel", "funcname", "transitionRels"))
    notes.changed_catalog()


def define(kind: str, body: Node, notes: Collector) -> None:
    """CREATE AGGREGATE, OPERATOR, TYPE, COLLATION, TEXT SEARCH …"""
    sort = kind_of(body["kind"])
    named = object_name(sort, body.get("defnames"))
    schema = notes.home(named.schema) if sort in IN_A_SCHEMA else named.schema
    functions = list(_functions_in(body.get("definition", ())))
    facts = _runs_later(functions, sort, f"{schema}.{named.name}", notes) if functions else NO_FACTS
    notes.add(Action.CREATE, sort, schema, named.name, facts)
    notes.reach_fields(kind, body, ("defnames",))
    notes.changed_catalog()


# What operators, aggregates and types are made of, by the option that names it.
_MADE_OF = frozenset(
    """
    function procedure restrict join sfunc finalfunc combinefunc serialfunc deserialfunc msfunc minvfunc mfinalfunc
    input output receive send typmod_in typmod_out analyze subscript start gettoken end headline lextypes init lexize
    """.split()  # noqa: SIM905
)


def _functions_in(definition: Iterable[Node]) -> Iterator[list[Node]]:
    for item in definition:
        option = item["DefElem"]
        names = option.get("arg", {}).get("TypeName", {}).get("names")
        if names and option["defname"].lower() in _MADE_OF:
            yield names


def create_cast(kind: str, body: Node, notes: Collector) -> None:
    """CREATE CAST: what its function does counts now, for it runs where nobody calls it."""
    named = object_name("cast", body.get("targettype"))
    names = body.get("func", {}).get("objname")
    facts = _runs_later([names], "cast", named.name, notes) if names else NO_FACTS
    notes.add(Action.CREATE, "cast", named.schema, named.name, facts)
    notes.reach_fields(kind, body, ("targettype", "func"))
    notes.changed_catalog()
