"""What runs behind a statement: bodies of functions, triggers, rules, and calls in definitions.

A statement is described by its families, which note where code of the user's is started (`Start`).
From there this module follows the catalog, body by body, and gives the effects of everything on the
way. ``via`` says where it was entered, ``by`` how, ``function`` whose body does it.

Security: what cannot be read, and what goes further than the bounds below, may do anything.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple, Protocol

from govproxy.sql import functions
from govproxy.sql.bodies import Body, Header, read
from govproxy.sql.catalog import Catalog, Function, Relation
from govproxy.sql.dynamic import COMPUTED_NAME
from govproxy.sql.parse import UnparsableStatement, parse
from govproxy.sql.tree import Node, field_names, new_walk
from govproxy.sql.values import Action, Effect, StatementFacts

MAX_BODIES = 200
MAX_EFFECTS = 400
KEPT_CATALOGS = 4
KEPT_BODIES = 5_000

Path = tuple[str, ...] | None
# What a function may do and still be what it is declared: a computation.
_ONLY_LOOKS = frozenset(
    {
        Action.SELECT,
        Action.EXPLAIN,
        Action.CURSOR,
        Action.NOTIFY,
        Action.SET,
        Action.LOCK,
        Action.TRANSACTION,
        Action.PREPARE,
        Action.CALL,
    }
)
# What leaves nothing behind, in the session neither.
_ONLY_READS = frozenset({Action.SELECT, Action.EXPLAIN})
# The event of a trigger or rule, by what is done to rows.
EVENTS: Mapping[Action, str] = {
    Action.INSERT: "i",
    Action.COPY_IN: "i",
    Action.UPDATE: "u",
    Action.DELETE: "d",
    Action.TRUNCATE: "t",
}
_RULE_EVENTS = {"CMD_INSERT": "i", "CMD_UPDATE": "u", "CMD_DELETE": "d"}
_RUN_BY_WRITES = frozenset({"default", "check", "index", "trigger"})
_RUN_BY_READS = frozenset({"policy", "view"})


class Start(NamedTuple):
    """Where code of the user's is entered. ``function`` or ``relation`` is an OID, the other 0."""

    by: str  # function, trigger, rule, default, policy, view, operator, cast, event_trigger …
    via: str
    function: int = 0
    relation: int = 0
    action: Action = Action.SELECT
    columns: tuple[str, ...] = ()


class Found(NamedTuple):
    """Everything behind some starts. ``unread``: names of what may do anything; ``on_trust``: that code in C is on the
    way which its extension declares to be volatile."""

    effects: tuple[Effect, ...] = ()
    unread: tuple[str, ...] = ()
    on_trust: bool = False

    @property
    def acts(self) -> bool:
        """True when it does more than compute and read."""
        return bool(self.unread) or any(effect.action not in _ONLY_LOOKS for effect in self.effects)

    @property
    def only_reads(self) -> bool:
        """True when all of it was read, and does nothing that outlasts the statement."""
        return not self.unread and not self.on_trust and all(e.action in _ONLY_READS for e in self.effects)

    @property
    def does(self) -> str:
        """What it does, in words, for people and rules."""
        words = sorted({effect.action.value for effect in self.effects})
        return ",".join([*words, *(["anything"] if self.unread else [])])


NOTHING = Found()


class Describe(Protocol):
    """Describes one statement of a body; starts in it go to ``starts``."""

    def __call__(self, statement: Node, path: Path, starts: dict[Start, None]) -> StatementFacts: ...


class _Direct(NamedTuple):
    """What one body does by itself."""

    effects: tuple[Effect, ...]
    starts: tuple[Start, ...]
    understood: bool


class Hidden:
    """Follows starts through one catalog. ``describe`` resolves names as the session does; ``keeps``: nothing of
    the session's own changes what names mean, so that what was read may be kept for others."""

    def __init__(self, catalog: Catalog, describe: Describe, *, keeps: bool) -> None:
        self._catalog = catalog
        self._describe = describe
        self._memory = _memory_of(catalog) if keeps else {}

    def behind(self, starts: Iterable[Start], path: Path) -> Found:
        """All effects that follow from ``starts``."""
        seen: set[tuple[object, ...]] = set()
        effects: list[Effect] = []
        unread: dict[str, None] = {}
        on_trust = False
        todo = [(start, start.by, start.via) for start in starts]
        while todo:
            start, by, via = todo.pop()
            key = start[2:]
            if key in seen:
                continue
            seen.add(key)
            if len(seen) > MAX_BODIES or len(effects) > MAX_EFFECTS:
                unread["more than can be followed"] = None
                break
            if start.function:
                routine = self._catalog.functions.get(start.function)
                if routine is None:
                    unread[via] = None
                    continue
                found = self._of_function(routine, path)
                name = f"{routine.schema}.{routine.name}"
                on_trust = on_trust or (routine.volatility == "v" and functions.is_on_trust(routine))
                if not found.understood:
                    unread[name] = None
                effects.extend(_labelled(effect, by, via, name) for effect in found.effects)
                todo.extend((inner, by, via) for inner in found.starts)
                continue
            relation = self._catalog.relations[start.relation]
            todo.extend((inner, _outer(by, inner.by), via) for inner in self._on_relation(relation, start))
            for event, statements in _rules(relation):
                if event == EVENTS.get(start.action):
                    found = self._of_body(statements, path, "")
                    effects.extend(_labelled(effect, _outer(by, "rule"), via, "") for effect in found.effects)
                    todo.extend((inner, _outer(by, "rule"), via) for inner in found.starts)
            if relation.has_triggers and not relation.triggers and start.action in EVENTS:
                unread[f"{relation.schema}.{relation.name}"] = None
        return Found(tuple(effects), tuple(unread), on_trust)

    def code(self, language: str, text: str | None, header: Header, path: Path) -> tuple[Found, bool]:
        """What code given as text does, and whether all of it could be read."""
        body = read(language, text, header)
        direct = self._of_body(body, path, "")
        found = self.behind(direct.starts, path)
        return found._replace(effects=(*direct.effects, *found.effects)), direct.understood

    def inside(
        self, language: str, text: str | None, header: Header, path: Path
    ) -> tuple[Found, tuple[Start, ...], bool]:
        """The same of code in code: what it does by itself, and where that leads."""
        direct = self._of_body(read(language, text, header), path, "")
        return Found(direct.effects), direct.starts, direct.understood

    # ------------------------------------------------------------------ one step

    def _of_function(self, routine: Function, path: Path) -> _Direct:
        if _is_harmless(routine):
            return _Direct((), (), True)
        if routine.kind == "a":
            parts = tuple(Start("function", "", function=part) for part in routine.parts)
            return _Direct((), parts, True)
        path = routine.search_path if routine.search_path is not None else path
        key = (routine.oid, path)
        known = self._memory.get(key)
        if known is None:
            body = read(routine.language, routine.body, header_of(routine, self._catalog))
            known = self._of_body(body, path, routine.name)
            if not known.understood and routine.extension is not None and routine.volatility != "v":
                # Who installs an extension takes its word for what it is.
                known = known._replace(understood=True)
            if len(self._memory) < KEPT_BODIES:
                self._memory[key] = known
        return known

    def _of_body(self, body: Body, path: Path, name: str) -> _Direct:
        effects: list[Effect] = []
        starts: dict[Start, None] = {}
        variables = body.variables | {name} if name else body.variables
        for statement in body.statements:
            read_as = self._without_variables(statement, variables, path, body.variables_first)
            facts = self._describe(read_as, path, starts)
            for inner in _chain(facts):
                effects.extend(map(_computed, inner.effects))
        return _Direct(tuple(e for e in effects if not _is_nothing(e)), tuple(starts), body.understood)

    def _on_relation(self, relation: Relation, start: Start) -> Iterable[Start]:
        event = EVENTS.get(start.action)
        for trigger in relation.triggers:
            if event and event in trigger.events and _fires(trigger.columns, start):
                yield Start("trigger", "", function=trigger.function)
        for what, function in relation.runs:
            read_now = what in _RUN_BY_READS and (what != "policy" or relation.row_security)
            if read_now or (event and what in _RUN_BY_WRITES):
                yield Start(what, "", function=function)
        if event and (self._catalog.domain_functions or self._catalog.cast_functions):
            kinds = {kind for column in relation.columns for kind in domains(column.type_oid, self._catalog)}
            for kind, function in (*self._catalog.domain_functions, *self._catalog.cast_functions):
                if kind in kinds:
                    yield Start("check", "", function=function)

    def _without_variables(self, statement: Node, variables: frozenset[str], path: Path, first: bool) -> Node:
        """``statement`` with the names of variables replaced by parameters, which is what they are to it."""
        if not variables:
            return statement
        walk = new_walk()
        walk.visit(statement)
        targets = [write.body.get("relation", {}) for write in walk.writes]
        named = [read for read in (*walk.reads, *targets) if "relname" in read]
        taken = {name for read in named for name in (read["relname"], read.get("alias", {}).get("aliasname", ""))}
        if not first:
            for read in named:
                for relation in self._catalog.resolve(read.get("schemaname"), read["relname"], path):
                    taken.update(column.name for column in relation.columns)
        replaced: Node = _replaced(statement, variables - taken)
        return replaced


_PLAIN = {"limitOption": "LIMIT_OPTION_DEFAULT", "op": "SETOP_NONE"}
_OLD_NEW = frozenset({"old", "new"})


def _rules(relation: Relation) -> Iterable[tuple[str | None, Body]]:
    for text in relation.rules:
        try:
            (rule,) = parse(text)
            body = rule["stmt"]["RuleStmt"]
        except (UnparsableStatement, KeyError, ValueError):  # several statements, or none, are no rule
            for event in _RULE_EVENTS.values():
                yield event, Body(statements=({"UnreadableRule": {}},))
            continue
        actions = [item for item in body.get("actions", []) if item]
        condition = body.get("whereClause")
        if condition:
            actions.append({"SelectStmt": {"targetList": [{"ResTarget": {"val": condition}}], **_PLAIN}})
        yield _RULE_EVENTS.get(body.get("event", "")), Body(statements=tuple(actions), variables=_OLD_NEW)


_NAMED_RESULTS = frozenset({"trigger", "event_trigger", "void"})


def header_of(routine: Function, catalog: Catalog) -> Header:
    """What its language must know of a routine."""
    result = catalog.types.get(routine.return_type)
    named = result.name if result is not None else ""
    returns = named if named in _NAMED_RESULTS else "set" if routine.returns_set else "value"
    kinds = (catalog.types.get(oid) for oid in routine.argument_types)
    rows = tuple(kind is None or kind.kind == "c" or kind.name == "record" for kind in kinds)
    only_in = not routine.argument_modes.strip("iv")
    return Header(
        names=routine.argument_names,
        modes=routine.argument_modes,
        returns=returns,
        procedure=routine.kind == "p",
        rows=rows if only_in else (),
    )


def _is_harmless(routine: Function) -> bool:
    if routine.schema in ("pg_catalog", "information_schema") or functions.is_harmless_extension(routine):
        return True
    return functions.is_taken_at_its_word(routine)


def _fires(columns: tuple[str, ...], start: Start) -> bool:
    if not columns or start.action is not Action.UPDATE or not start.columns:
        return True
    return not set(columns).isdisjoint(start.columns)


def _outer(by: str, inner: str) -> str:
    """How something is entered: by what stands nearest to the statement."""
    return inner if by == "" else by


def _labelled(effect: Effect, by: str, via: str, function: str) -> Effect:
    facts: dict[str, str | int | bool] = {**effect.facts, "via": via, "by": by or "trigger"}
    if function:
        facts.setdefault("function", function)
    return replace(effect, facts=facts)


def _is_nothing(effect: Effect) -> bool:
    return effect.action is Action.SELECT and not effect.object and "object" not in effect.facts


def _computed(effect: Effect) -> Effect:
    """An object whose name the code computes may be any."""
    if COMPUTED_NAME not in effect.schema and COMPUTED_NAME not in effect.name:
        return effect
    facts = {key: value for key, value in effect.facts.items() if key != "unresolved"}
    return replace(effect, schema="", name="", relation=None, facts={**facts, "object": "computed"})


def _chain(facts: StatementFacts) -> Iterable[StatementFacts]:
    current: StatementFacts | None = facts
    while current is not None:
        yield current
        current = current.inner


def _replaced(node: Any, variables: frozenset[str]) -> Any:
    if isinstance(node, list):
        return [_replaced(item, variables) for item in node]
    if not isinstance(node, dict):
        return node
    column = node.get("ColumnRef")
    if column is not None and len(node) == 1:
        fields = field_names(column["fields"])
        if fields[0] in variables and fields[-1] != "*":
            return {"ParamRef": {"number": 1, "location": column.get("location", 0)}}
        return node
    return {key: _replaced(value, variables) for key, value in node.items()}


# What was read of the bodies of the last few catalogs, each with the catalog so that its id stays its own.
_memories: OrderedDict[int, tuple[Catalog, dict[tuple[object, ...], _Direct]]] = OrderedDict()


def _memory_of(catalog: Catalog) -> dict[tuple[object, ...], _Direct]:
    known = _memories.get(id(catalog))
    if known is None:
        known = _memories[id(catalog)] = (catalog, {})
        while len(_memories) > KEPT_CATALOGS:
            _memories.popitem(last=False)
    return known[1]


def domains(oid: int, catalog: Catalog) -> Iterable[int]:
    """A type, and the types under it where it is a domain."""
    for _ in range(32):
        yield oid
        kind = catalog.types.get(oid)
        if kind is None or not kind.base_oid:
            return
        oid = kind.base_oid
