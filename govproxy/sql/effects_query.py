"""What queries and writes do: SELECT, INSERT, UPDATE, DELETE, MERGE, COPY, EXPLAIN, CREATE … AS, VIEW.

Every write anywhere in the tree counts, not only the one on top.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from govproxy.sql.catalog import ColumnRef, is_temporary_schema
from govproxy.sql.effects import NO_FACTS, Collector, Fact, Facts
from govproxy.sql.functions import constant_text
from govproxy.sql.lineage import Lineage
from govproxy.sql.stored import stored_values
from govproxy.sql.system import system_schema
from govproxy.sql.tree import Node, Write, field_names, new_walk
from govproxy.sql.values import Action, Derivation, Effect, Flow, OutputColumn, StatementFacts, Where
from govproxy.sql.where import classify

_FALSE_OPTIONS = frozenset({"false", "off", "0"})


def query(kind: str, body: Node, notes: Collector) -> None:
    """SELECT, VALUES, TABLE, INSERT, UPDATE, DELETE, MERGE."""
    walk = new_walk()
    walk.visit({kind: _with_setting_named(body, notes)})
    notes.uncounted = len(walk.writes) > (0 if kind == "SelectStmt" else 1)
    node = {kind: body}
    found = notes.trace(node)
    notes.outputs = found.outputs
    notes.equalities = found.equalities
    notes.stored = stored_values(walk.writes, notes.resolve)
    for write in walk.writes:
        _WRITES[write.kind](write, notes)
        if write.body.get("returningClause") and any(r.has_rules for r in notes.resolve(write.body["relation"])):
            # Security: a rule returns what it likes under the names and origins of the relation's own columns.
            notes.unknown("RuleReturning")
        if found.opaque and found.reads and not notes.resolve(write.body["relation"]):
            # Not even what is written could be told: all that is read may end there.
            rows = frozenset(ColumnRef(oid, 0) for oid in found.reads)
            notes.flows.append(Flow(sources=rows, target=_new_name(write.body["relation"]), opaque=True))
    notes.reach(walk, found)
    for into in walk.creates:
        notes.outputs = ()
        _creates(into, "table", notes)
        _flow_into(into, found, notes)
    notes.reached_through(found)
    if not notes.effects:
        notes.add(Action.SELECT)


def _with_setting_named(body: Node, notes: Collector) -> Node:
    """``SELECT set_config(name, …) FROM pg_settings WHERE name = 'x'`` with the name put in.

    pg_dump asks like this, so that a server without the setting does nothing.
    """
    source = body.get("fromClause", [])
    if len(source) != 1 or source[0].get("RangeVar", {}).get("relname") != "pg_settings" or "withClause" in body:
        return body
    relation = source[0]["RangeVar"]
    if system_schema(relation.get("schemaname"), "pg_settings", notes.search_path) != "pg_catalog":
        return body
    condition = body.get("whereClause", {}).get("A_Expr", {})
    left, right = condition.get("lexpr", {}).get("ColumnRef"), condition.get("rexpr", {})
    plain = condition.get("kind") == "AEXPR_OP" and field_names(condition["name"]) == ["="]
    if not plain or left is None or field_names(left["fields"]) != ["name"] or "A_Const" not in right:
        return body
    return {**body, "targetList": [_naming_setting(target, right) for target in body.get("targetList", [])]}


def _naming_setting(target: Node, setting: Node) -> Node:
    call = target.get("ResTarget", {}).get("val", {}).get("FuncCall")
    if call is None or field_names(call["funcname"])[-1] != "set_config" or not call.get("args"):
        return target
    first, *others = call["args"]
    if "ColumnRef" not in first or field_names(first["ColumnRef"]["fields"]) != ["name"]:
        return target
    return {"ResTarget": {**target["ResTarget"], "val": {"FuncCall": {**call, "args": [setting, *others]}}}}


def _insert(write: Write, notes: Collector) -> None:
    body = write.body
    notes.relation(Action.INSERT, body["relation"], columns=_target_columns(body.get("cols")))
    conflict = body.get("onConflictClause")
    if conflict is not None and conflict.get("action") == "ONCONFLICT_UPDATE":
        # Only rows that collide with one inserted are updated.
        notes.relation(
            Action.UPDATE,
            body["relation"],
            columns=_target_columns(conflict.get("targetList")),
            facts={"where": Where.EFFECTIVE.value, "on_conflict": True},
        )


def _update(write: Write, notes: Collector) -> None:
    facts = {"where": _where(write, write.body.get("whereClause"), write.body.get("fromClause", []), notes).value}
    columns = _target_columns(write.body.get("targetList"))
    notes.relation(Action.UPDATE, write.body["relation"], columns=columns, facts=facts)


def _delete(write: Write, notes: Collector) -> None:
    facts = {"where": _where(write, write.body.get("whereClause"), write.body.get("usingClause", []), notes).value}
    notes.relation(Action.DELETE, write.body["relation"], facts=facts)


def _merge(write: Write, notes: Collector) -> None:
    body = write.body
    source = [body["sourceRelation"]]
    notes.relation(Action.MERGE, body["relation"])
    for item in body.get("mergeWhenClauses", []):
        clause = item["MergeWhenClause"]
        action = _MERGE_ACTIONS.get(clause["commandType"])
        if action is None:
            continue
        facts: dict[str, Fact] = {"merge": True}
        if action is not Action.INSERT:
            # WHEN NOT MATCHED BY SOURCE takes the rows that the join leaves out.
            joined = None if clause["matchKind"] == "MERGE_WHEN_NOT_MATCHED_BY_SOURCE" else body["joinCondition"]
            conditions = [part for part in (joined, clause.get("condition")) if part is not None]
            where = {"BoolExpr": {"boolop": "AND_EXPR", "args": conditions}} if conditions else None
            facts["where"] = _where(write, where, source, notes).value
        columns = _target_columns(clause.get("targetList"))
        notes.relation(action, body["relation"], columns=columns, facts=facts)


_MERGE_ACTIONS: Mapping[str, Action | None] = {
    "CMD_INSERT": Action.INSERT,
    "CMD_UPDATE": Action.UPDATE,
    "CMD_DELETE": Action.DELETE,
    "CMD_NOTHING": None,
}

_WRITES: Mapping[str, Callable[[Write, Collector], None]] = {
    "InsertStmt": _insert,
    "UpdateStmt": _update,
    "DeleteStmt": _delete,
    "MergeStmt": _merge,
}


def _where(write: Write, where: Node | None, source: list[Any], notes: Collector) -> Where:
    return classify(
        where,
        write.body["relation"],
        source,
        catalog=notes.catalog,
        search_path=notes.search_path,
        ctes=write.ctes,
    )


def _target_columns(targets: list[Node] | None) -> tuple[str, ...]:
    return tuple(target["ResTarget"].get("name", "") for target in targets or ())


# CREATE … AS, views


def create_table_as(_: str, body: Node, notes: Collector) -> None:
    """CREATE TABLE AS, CREATE MATERIALIZED VIEW."""
    kind = "materialized_view" if body.get("objtype") == "OBJECT_MATVIEW" else "table"
    _creates(body["into"], kind, notes)
    inner = notes.describe(body["query"])
    notes.absorb(inner)
    if "SelectStmt" in body["query"]:
        _flow_into(body["into"], notes.trace({"CreateTableAsStmt": body}), notes)
    else:
        _opaque_flow(_new_name(body["into"]["rel"]), inner, notes)


def create_view(_: str, body: Node, notes: Collector) -> None:
    """CREATE VIEW: the query runs later, with the rights of the owner, so its effects count now."""
    view = body["view"]
    temporary = view.get("relpersistence") == "t"
    facts = {"replace": True} if body.get("replace") else NO_FACTS
    creates_relation(view, "view", notes, facts)
    notes.inner = notes.describe(body["query"])
    notes.absorb(notes.inner)
    notes.changed_catalog(temporary)


def _creates(into: Node, kind: str, notes: Collector) -> None:
    creates_relation(into["rel"], kind, notes, {"as": True})


def creates_relation(relation: Node, kind: str, notes: Collector, facts: Facts = NO_FACTS) -> None:
    """CREATE of something with a relation's name."""
    schema, name = relation.get("schemaname"), relation["relname"]
    temporary = relation.get("relpersistence") == "t" or is_temporary_schema(schema or "")
    said = dict(facts)
    if temporary:
        schema = "pg_temp"
        if notes.catalog.by_bare_name.get(name):
            # From now on the name means the temporary object.
            said["shadows"] = True
    elif schema is None:
        schema = notes.home("")
    effect = Effect(action=Action.CREATE, kind=kind, schema=schema, name=name, temporary=temporary, facts=said)
    notes.take(effect)
    notes.changed_catalog(temporary)


def _new_name(relation: Node) -> str:
    schema = relation.get("schemaname")
    return f"{schema}.{relation['relname']}" if schema else str(relation["relname"])


def _flow_into(into: Node, found: Lineage, notes: Collector) -> None:
    """What a query's rows carry into a new relation, unless lineage has said so already."""
    if found.flows:
        return
    sources = frozenset(source for output in found.outputs or () for source in output.sources)
    unclear = found.outputs is None or any(output.derivation is Derivation.OPAQUE for output in found.outputs)
    notes.flows.append(Flow(sources=sources, target=_new_name(into["rel"]), opaque=unclear))


def _opaque_flow(target: str, inner: StatementFacts, notes: Collector) -> None:
    sources = frozenset(source for output in inner.outputs or () for source in output.sources)
    notes.flows.append(Flow(sources=sources, target=target, opaque=True))


# COPY


def copy(_: str, body: Node, notes: Collector) -> None:
    """COPY in both directions: over the wire, from and to files, through programs."""
    direction = Action.COPY_IN if body.get("is_from") else Action.COPY_OUT
    program = bool(body.get("is_program"))
    target = "program" if program else "file" if "filename" in body else "wire"
    facts: dict[str, Fact] = {"target": target, **_copy_options(body)}
    if program:
        notes.add(Action.COPY_PROGRAM, "program", facts=facts)
    elif target == "file":
        notes.add(Action.ADMIN, "file", facts=facts)
    if direction is Action.COPY_IN:
        notes.copies_in = target == "wire"
        notes.relation(direction, body["relation"], columns=_attributes(body), facts=facts)
        notes.reach_fields("CopyStmt", {"whereClause": body["whereClause"]} if "whereClause" in body else {})
        return
    inner = _copied(body, notes)
    notes.absorb(inner, outputs=target == "wire")
    notes.inner = inner
    if "relation" in body:
        notes.relation(direction, body["relation"], columns=_attributes(body), facts=facts)
    else:
        notes.add(direction, "query", facts=facts)
        for effect in inner.effects:
            if effect.action is Action.SELECT and effect.name:
                notes.take(_as(effect, direction, facts))
    if target != "wire":
        _opaque_flow(target, inner, notes)


def _copied(body: Node, notes: Collector) -> StatementFacts:
    """The facts of what is copied out. ``COPY table`` is a query of its columns, children left out."""
    if "query" in body:
        return notes.describe(body["query"])
    found = notes.resolve(body["relation"])
    names = _attributes(body)
    if not names and len(found) == 1:
        names = tuple(column.name for column in found[0].columns if not column.generated)
    targets = [{"ResTarget": {"val": {"ColumnRef": {"fields": [{"String": {"sval": name}}]}}}} for name in names] or [
        {"ResTarget": {"val": {"ColumnRef": {"fields": [{"A_Star": {}}]}}}}
    ]
    select = {
        "targetList": targets,
        "fromClause": [{"RangeVar": body["relation"]}],
        "limitOption": "LIMIT_OPTION_DEFAULT",
        "op": "SETOP_NONE",
    }
    return notes.describe({"SelectStmt": select})


def _attributes(body: Node) -> tuple[str, ...]:
    return tuple(field_names(body.get("attlist", [])))


def _copy_options(body: Node) -> dict[str, Fact]:
    for item in body.get("options", []):
        option = item["DefElem"]
        if option["defname"] == "format" and "arg" in option:
            return {"format": str(option["arg"].get("String", {}).get("sval", "")).lower()}
    return {}


def _as(effect: Effect, action: Action, facts: Facts = NO_FACTS) -> Effect:
    return Effect(
        action=action,
        kind=effect.kind,
        schema=effect.schema,
        name=effect.name,
        relation=effect.relation,
        columns=effect.columns,
        temporary=effect.temporary,
        facts={**{key: value for key, value in effect.facts.items() if key not in ("where", "cascades")}, **facts},
    )


# EXPLAIN

_ROW_ACTIONS = frozenset({Action.INSERT, Action.UPDATE, Action.DELETE, Action.MERGE, Action.LOCK})
_RUN_BY_PLANNER = frozenset({"function", "operator", "cast", "domain", "policy", "view"})
_NOT_RUN = frozenset({Action.CREATE, Action.CURSOR, Action.PREPARE, Action.MAINTENANCE})


def explain(_: str, body: Node, notes: Collector) -> None:
    """EXPLAIN shows a plan; with ANALYZE it runs the statement.

    Planning runs functions already, so their effects count either way. The plan prints the constants
    that the planner computed: with anything opaque inside, or routines that read rows, the text may hold values.
    """
    runs = any(_is_on(item["DefElem"]) for item in body.get("options", []) if item["DefElem"]["defname"] == "analyze")
    notes.add(Action.EXPLAIN, analyze=runs)
    inner = notes.describe(body["query"])
    notes.inner = inner
    if runs:
        notes.absorb(inner)
    else:
        _plan_only(inner, notes)
    derivation = Derivation.OPAQUE if inner.opaque or inner.bodies_read else Derivation.EXPRESSION
    notes.outputs = (OutputColumn(name="QUERY PLAN", derivation=derivation),)


def _plan_only(inner: StatementFacts, notes: Collector) -> None:
    for effect in inner.effects:
        if effect.action in _NOT_RUN or effect.facts.get("by", "function") not in _RUN_BY_PLANNER:
            continue
        reads_rows = effect.action in _ROW_ACTIONS and effect.relation is not None and "by" not in effect.facts
        notes.take(_as(effect, Action.SELECT) if reads_rows else effect)
    notes.reads |= inner.reads
    notes.unresolved.update(dict.fromkeys(inner.unresolved))
    notes.opaque = notes.opaque or inner.opaque
    notes.uses.extend(inner.uses)
    if inner.session.settings:
        notes.change["settings"] = True


def _is_on(option: Node) -> bool:
    """An option without a value is on; with one that is no clear "off" it counts as on."""
    argument = option.get("arg")
    if argument is None:
        return True
    for kind, value in argument.items():
        if kind == "Boolean":
            return bool(value.get("boolval", False))
        if kind == "Integer":
            return bool(value.get("ival", 0))
        if kind == "String":
            return str(value.get("sval", "")).lower() not in _FALSE_OPTIONS
    return (constant_text(argument) or "").lower() not in _FALSE_OPTIONS


def refresh(_: str, body: Node, notes: Collector) -> None:
    """REFRESH MATERIALIZED VIEW runs its query and stores the rows."""
    notes.relation(Action.MAINTENANCE, body["relation"], facts={"command": "refresh"}, kind="materialized_view")
