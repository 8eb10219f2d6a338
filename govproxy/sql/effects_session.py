"""What statements do to the session and the server: SET, transactions, cursors, PREPARE, LOCK, VACUUM …"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from govproxy.sql.bodies import Header
from govproxy.sql.catalog import Catalog, ColumnRef
from govproxy.sql.effects import Collector, Fact
from govproxy.sql.functions import changes_meaning, constant_text, judge, setting_effect
from govproxy.sql.tree import Node, field_names
from govproxy.sql.values import (
    UNTRACED,
    Action,
    Comparison,
    Derivation,
    Effect,
    OutputColumn,
    SessionChange,
    StatementFacts,
    Use,
)

# Settings


def set_variable(_: str, body: Node, notes: Collector) -> None:
    """SET, SET LOCAL, RESET, SET TRANSACTION, SET SESSION CHARACTERISTICS."""
    name = str(body.get("name", "")).lower()
    kind = body["kind"]
    facts: dict[str, Fact] = {"local": True} if body.get("is_local") else {}
    if kind == "VAR_SET_MULTI":
        _transaction_modes(name, body.get("args", []), notes)
        return
    if kind == "VAR_RESET_ALL":
        notes.add(Action.SET, "setting", name="all", setting="all", option="reset_all")
        notes.change["settings"] = True
        return
    if kind in ("VAR_RESET", "VAR_SET_DEFAULT"):
        facts["option"] = "reset"
        value: str | None = "none" if name in ("role", "session_authorization") else "default"
    elif kind == "VAR_SET_VALUE":
        value = _value(body.get("args", []))
    else:
        facts["option"] = "from_current"
        value = None
    notes.take(setting_effect(name, value, facts=facts))
    if changes_meaning(name, value):
        notes.change["settings"] = True


def _value(arguments: list[Node]) -> str | None:
    values = []
    for argument in arguments:
        text = constant_text(argument)
        if text is None:
            return None
        values.append(text)
    return ", ".join(values)


def _transaction_modes(name: str, modes: list[Node], notes: Collector) -> None:
    if name == "transaction snapshot":
        # Its argument is a constant of its own, not an option with a name.
        notes.add(Action.TRANSACTION, "transaction", command="set_snapshot")
        return
    facts = _modes(modes)
    if name == "session characteristics":
        # These stay for every later transaction, so they are settings as well.
        notes.add(Action.TRANSACTION, "transaction", facts={"command": "session_characteristics", **facts})
        for item in modes:
            option = item["DefElem"]
            value = constant_text(option.get("arg", {}))
            notes.take(setting_effect(f"default_{option['defname']}", value, facts={"option": "characteristics"}))
        notes.change["settings"] = True
        return
    notes.add(Action.TRANSACTION, "transaction", facts={"command": "set_transaction", **facts})


def _modes(modes: list[Node]) -> dict[str, Fact]:
    facts: dict[str, Fact] = {}
    for item in modes:
        option = item["DefElem"]
        value = constant_text(option.get("arg", {})) or ""
        match option["defname"]:
            case "transaction_read_only":
                facts["read_write" if value == "0" else "read_only"] = True
            case "transaction_isolation":
                facts["isolation"] = value
            case "transaction_deferrable":
                facts["deferrable"] = value != "0"
            case other:
                facts[other] = value
    return facts


def show(_: str, body: Node, notes: Collector) -> None:
    """SHOW reads a setting: a SELECT of kind ``setting``."""
    name = str(body["name"]).lower()
    notes.add(Action.SELECT, "setting", name=name, setting=name)
    names = ("name", "setting", "description") if name == "all" else (name,)
    notes.outputs = tuple(OutputColumn(name=column, derivation=Derivation.CONSTANT) for column in names)


def discard(_: str, body: Node, notes: Collector) -> None:
    """DISCARD ALL, PLANS, SEQUENCES, TEMP."""
    what = str(body["target"]).removeprefix("DISCARD_").lower()
    notes.add(Action.SET, "setting", name=what, setting=f"discard {what}", option="discard")
    if what == "all":
        notes.changes(SessionChange(settings=True, prepares=("*",), cursors=("*",)))


# Transactions

_TRANSACTION_COMMANDS: Mapping[str, str] = {
    "TRANS_STMT_BEGIN": "begin",
    "TRANS_STMT_START": "begin",
    "TRANS_STMT_COMMIT": "commit",
    "TRANS_STMT_ROLLBACK": "rollback",
    "TRANS_STMT_SAVEPOINT": "savepoint",
    "TRANS_STMT_RELEASE": "release",
    "TRANS_STMT_ROLLBACK_TO": "rollback_to",
    "TRANS_STMT_PREPARE": "prepare_transaction",
    "TRANS_STMT_COMMIT_PREPARED": "commit_prepared",
    "TRANS_STMT_ROLLBACK_PREPARED": "rollback_prepared",
}
_TRANSACTION_TAGS: Mapping[str, str] = {
    "TRANS_STMT_BEGIN": "BEGIN",
    "TRANS_STMT_START": "START TRANSACTION",
    "TRANS_STMT_COMMIT": "COMMIT",
    "TRANS_STMT_ROLLBACK": "ROLLBACK",
    "TRANS_STMT_SAVEPOINT": "SAVEPOINT",
    "TRANS_STMT_RELEASE": "RELEASE",
    "TRANS_STMT_ROLLBACK_TO": "ROLLBACK",
    "TRANS_STMT_PREPARE": "PREPARE TRANSACTION",
    "TRANS_STMT_COMMIT_PREPARED": "COMMIT PREPARED",
    "TRANS_STMT_ROLLBACK_PREPARED": "ROLLBACK PREPARED",
}


def transaction(_: str, body: Node, notes: Collector) -> None:
    """BEGIN to ROLLBACK PREPARED. What a rollback undoes is the session's business: it also happens on errors."""
    kind = body["kind"]
    command = _TRANSACTION_COMMANDS.get(kind)
    if command is None:
        notes.unknown(f"TransactionStmt.{kind}")
        return
    notes.tag = _TRANSACTION_TAGS[kind]
    notes.add(Action.TRANSACTION, "transaction", facts={"command": command, **_modes(body.get("options", []))})


def set_constraints(_: str, body: Node, notes: Collector) -> None:
    """SET CONSTRAINTS … DEFERRED."""
    notes.add(Action.TRANSACTION, "transaction", command="set_constraints", deferred=bool(body.get("deferred")))


# Cursors

_CURSOR_HOLD = 0x0020  # CURSOR_OPT_HOLD, parsenodes.h


def declare(_: str, body: Node, notes: Collector) -> None:
    """DECLARE: the query runs as rows are fetched, so its effects count now."""
    name = str(body["portalname"])
    notes.add(Action.CURSOR, "cursor", name=name, command="declare", hold=bool(body.get("options", 0) & _CURSOR_HOLD))
    notes.inner = notes.describe(body["query"])
    notes.absorb(notes.inner)
    notes.changes(SessionChange(cursors=(name,)))


def fetch(_: str, body: Node, notes: Collector) -> None:
    """FETCH gives rows of whatever the name may stand for; MOVE gives none."""
    name, moves = str(body["portalname"]), bool(body.get("ismove"))
    notes.add(Action.CURSOR, "cursor", name=name, command="move" if moves else "fetch")
    if moves:
        notes.tag = "MOVE"
        return
    candidates = [_inner_of(facts, "DECLARE CURSOR") for facts in notes.shadow.cursors.get(name, ())]
    if not candidates:
        notes.outputs, notes.opaque = None, True
        return
    _reach_candidates(candidates, notes)


def close(_: str, body: Node, notes: Collector) -> None:
    """CLOSE name, CLOSE ALL."""
    name = str(body.get("portalname") or "*")
    notes.add(Action.CURSOR, "cursor", name=name, command="close")
    notes.tag = "CLOSE CURSOR ALL" if name == "*" else "CLOSE CURSOR"
    notes.changes(SessionChange(cursors=(name,)))


# Prepared statements


def prepare(_: str, body: Node, notes: Collector) -> None:
    """PREPARE: judged as if it ran, so that what may not run is not prepared either."""
    name = str(body["name"])
    notes.add(Action.PREPARE, "prepared", name=name, command="prepare")
    notes.inner = notes.describe(body["query"])
    settings = notes.inner.session.settings
    for effect in notes.inner.effects:
        notes.take(effect)
    notes.reads |= notes.inner.reads
    notes.unresolved.update(dict.fromkeys(notes.inner.unresolved))
    notes.opaque = notes.inner.opaque
    notes.uses.extend(notes.inner.uses)
    notes.flows.extend(notes.inner.flows)
    notes.changes(SessionChange(prepares=(name,), settings=settings))


def execute(_: str, body: Node, notes: Collector) -> None:
    """EXECUTE does what any statement does that the name may stand for."""
    name = str(body["name"])
    notes.add(Action.PREPARE, "prepared", name=name, command="execute")
    notes.reach_fields("ExecuteStmt", {"params": body.get("params", [])})
    if body.get("params"):
        _trace_expressions(body["params"], notes)
    candidates = [_inner_of(facts, "PREPARE") for facts in notes.shadow.prepared.get(name, ())]
    if not candidates:
        notes.add(Action.UNKNOWN, "prepared", name=name, node="ExecuteStmt")
        notes.outputs, notes.opaque = None, True
        notes.change["settings"] = True
        return
    for facts in candidates:
        notes.absorb(facts)
    # Its command tag is that of the statement it runs.
    notes.uncounted = any(facts.uncounted for facts in candidates)
    _reach_candidates(candidates, notes)


def deallocate(_: str, body: Node, notes: Collector) -> None:
    """DEALLOCATE name, DEALLOCATE ALL."""
    name = str(body.get("name") or "*")
    notes.add(Action.PREPARE, "prepared", name=name, command="deallocate")
    notes.tag = "DEALLOCATE ALL" if name == "*" else "DEALLOCATE"
    notes.changes(SessionChange(prepares=(name,)))


def _inner_of(facts: StatementFacts, tag: str) -> StatementFacts:
    return facts.inner if facts.tag == tag and facts.inner is not None else facts


def _reach_candidates(candidates: list[StatementFacts], notes: Collector) -> None:
    """Rows of one of several queries: sources of all, column by column."""
    for facts in candidates:
        notes.reads |= facts.reads
        notes.opaque = notes.opaque or facts.opaque
        notes.unresolved.update(dict.fromkeys(facts.unresolved))
        notes.uses.extend(facts.uses)
    first, *others = [facts.outputs for facts in candidates]
    merged = first
    for outputs in others:
        merged = _merge_outputs(merged, outputs)
    notes.outputs = merged
    notes.opaque = notes.opaque or merged is None


def _merge_outputs(
    one: tuple[OutputColumn, ...] | None, other: tuple[OutputColumn, ...] | None
) -> tuple[OutputColumn, ...] | None:
    if one is None or other is None or len(one) != len(other):
        return None
    return tuple(
        mine
        if mine == theirs
        else OutputColumn(name=theirs.name, sources=mine.sources | theirs.sources, derivation=Derivation.OPAQUE)
        for mine, theirs in zip(one, other, strict=True)
    )


def _trace_expressions(expressions: list[Node], notes: Collector) -> None:
    """Arguments of EXECUTE and CALL may hold subqueries: trace them as a SELECT of their own."""
    targets = [{"ResTarget": {"val": expression}} for expression in expressions]
    select = {"targetList": targets, "limitOption": "LIMIT_OPTION_DEFAULT", "op": "SETOP_NONE"}
    notes.trace({"SelectStmt": select})


# Calls and code


def call(_: str, body: Node, notes: Collector) -> None:
    """CALL: the procedure is opaque, its arguments are not.

    Security: whether it fails and what it says may tell of what it reads.
    """
    invoked = body["funccall"]
    *qualifier, name = field_names(invoked["funcname"])
    schema = qualifier[-1] if qualifier else None
    candidates = notes.catalog.resolve_function(schema, name, notes.search_path)
    procedures = tuple(routine for routine in candidates if routine.kind == "p") or candidates
    judgement = judge(schema or "", name, invoked.get("args", []), procedures, qualified=schema is not None)
    notes.calls_for(judgement)
    if not any(effect.action is Action.CALL for effect in judgement.effects):
        notes.take(Effect(action=Action.CALL, kind="procedure", schema=schema or "", name=name))
    arguments = {key: value for key, value in invoked.items() if key != "funcname"}
    notes.reach_fields("FuncCall", arguments)
    _trace_expressions(invoked.get("args", []), notes)
    notes.uses.append(Use(column=UNTRACED, comparison=Comparison.OTHER))
    notes.outputs, notes.opaque = None, True
    notes.changes(SessionChange(settings=True, catalog=True))


def do(_: str, body: Node, notes: Collector) -> None:
    """DO: code given as text, read as far as it can be."""
    language, text = "plpgsql", ""
    for item in body.get("args", []):
        option = item["DefElem"]
        value = str(option.get("arg", {}).get("String", {}).get("sval", ""))
        if option["defname"] == "language":
            language = value
        elif option["defname"] == "as":
            text = value
    notes.add(Action.DO, "code", language=language)
    found, understood = notes.code(language.lower(), text, Header(returns="block"))
    # The client wrote it: each of its effects must be allowed as if sent by itself.
    for effect in found.effects:
        notes.take(effect)
        notes.uses.extend(_asked_by_code(effect, notes.catalog))
    notes.uses.append(Use(column=UNTRACED, comparison=Comparison.OTHER))
    if not understood or found.unread:
        notes.add(Action.UNKNOWN, "code", by="code", body="unreadable", language=language)
    notes.opaque = True
    notes.changes(SessionChange(settings=True, catalog=True))


def _asked_by_code(effect: Effect, catalog: Catalog) -> Iterator[Use]:
    """Security: code that a client writes may stop, wait or speak depending on whatever it reads."""
    relation = catalog.relations.get(effect.relation) if effect.relation is not None else None
    if effect.action is Action.SELECT and relation is not None and "by" not in effect.facts:
        places = [column.attnum for column in relation.columns if column.name in effect.columns] or [0]
        for attnum in places:
            yield Use(column=ColumnRef(relation.oid, attnum), comparison=Comparison.OTHER)


# Locks, notifications, maintenance, administration

_LOCK_MODES = (
    "",
    "access share",
    "row share",
    "row exclusive",
    "share update exclusive",
    "share",
    "share row exclusive",
    "exclusive",
    "access exclusive",
)


def lock(_: str, body: Node, notes: Collector) -> None:
    """LOCK TABLE."""
    number = int(body.get("mode", 8))
    mode = _LOCK_MODES[number] if 0 < number < len(_LOCK_MODES) else str(number)
    for relation in body["relations"]:
        notes.relation(Action.LOCK, relation["RangeVar"], facts={"mode": mode})


def listen(kind: str, body: Node, notes: Collector) -> None:
    """LISTEN, UNLISTEN."""
    command = kind.removesuffix("Stmt").lower()
    notes.add(Action.LISTEN, "channel", name=str(body.get("conditionname") or "*"), command=command)


def notify(_: str, body: Node, notes: Collector) -> None:
    """NOTIFY: its payload leaves the session."""
    notes.add(Action.NOTIFY, "channel", name=str(body["conditionname"]), payload="payload" in body)


def vacuum(_: str, body: Node, notes: Collector) -> None:
    """VACUUM and ANALYZE, of some tables or of all."""
    command = "vacuum" if body.get("is_vacuumcmd") else "analyze"
    notes.tag = command.upper()
    relations = body.get("rels", [])
    for item in relations:
        relation = item["VacuumRelation"]["relation"]
        columns = tuple(field_names(item["VacuumRelation"].get("va_cols", [])))
        notes.relation(Action.MAINTENANCE, relation, columns=columns, facts={"command": command})
    if not relations:
        notes.add(Action.MAINTENANCE, "database", command=command)


def maintain(kind: str, body: Node, notes: Collector) -> None:
    """REINDEX, CLUSTER, CHECKPOINT."""
    command = kind.removesuffix("Stmt").lower()
    if "relation" in body:
        sort = "index" if body.get("kind") == "REINDEX_OBJECT_INDEX" else "table"
        notes.relation(Action.MAINTENANCE, body["relation"], facts={"command": command}, kind=sort)
    else:
        sort = str(body.get("kind", "server")).removeprefix("REINDEX_OBJECT_").lower()
        notes.add(Action.MAINTENANCE, sort, name=str(body.get("name", "")), command=command)


def load(_: str, body: Node, notes: Collector) -> None:
    """LOAD of a shared library."""
    notes.add(Action.ADMIN, "library", command="load")
    notes.opaque = True


def alter_system(_: str, body: Node, notes: Collector) -> None:
    """ALTER SYSTEM SET: for the whole server."""
    setting = str(body["setstmt"].get("name", "all")).lower()
    notes.add(Action.ADMIN, "setting", name=setting, setting=setting, command="alter_system")
