"""Gathering what one statement does: effects, session changes, and what lineage says.

`Collector` is the notebook that the families of statements write into (``effects_query``,
``effects_schema``, ``effects_session``). It turns names into relations, calls into effects and a
walked tree into all of that. Which statement does what stands in the families.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from govproxy.sql import behind, cascades, dependents, functions, lineage, system
from govproxy.sql.bodies import Header
from govproxy.sql.catalog import Catalog, Function, ObjectId, Relation, RelationKind, is_temporary_schema
from govproxy.sql.dependents import Fallen, on_relation
from govproxy.sql.hidden import NOTHING, Describe, Found, Hidden, Start, domains
from govproxy.sql.tree import Node, Walk, alias_of, conversions, field_names, new_walk
from govproxy.sql.values import (
    ACTION_SETS,
    Action,
    Effect,
    Equality,
    Flow,
    OutputColumn,
    SessionChange,
    StatementFacts,
    Stored,
    Use,
)

Fact = str | int | bool
Facts = Mapping[str, Fact]

NO_FACTS: Facts = {}

# Actions on rows or on what they are kept in: through a view they act on its bases.
_THROUGH = frozenset(
    {
        Action.SELECT,
        Action.INSERT,
        Action.UPDATE,
        Action.DELETE,
        Action.MERGE,
        Action.TRUNCATE,
        Action.COPY_IN,
        Action.COPY_OUT,
        Action.LOCK,
    }
)


ROW_CHANGES = frozenset({Action.INSERT, Action.UPDATE, Action.DELETE, Action.MERGE, Action.COPY_IN})

# Those of them that change rows, or keep others from them.
_WRITES = _THROUGH - {Action.SELECT, Action.COPY_OUT}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shadow:
    """What the session made at SQL level: every candidate for a name, since a rollback may undo the last."""

    prepared: Mapping[str, tuple[StatementFacts, ...]] = field(default_factory=dict)
    cursors: Mapping[str, tuple[StatementFacts, ...]] = field(default_factory=dict)
    temporary: frozenset[str] = frozenset()  # names of temporary relations, which hide others
    code: frozenset[str] = frozenset()  # those of them that once were a view or another kind with a definition

    @property
    def own(self) -> frozenset[str]:
        """Names that, where the catalog knows none, can only be tables this session made. What is in
        them it put there, and nothing masked may flow into a table."""
        return self.temporary - self.code


def changes_rows(facts: StatementFacts) -> bool:
    """True when a statement changes rows of a table that outlives the session."""
    return any(effect.action in ROW_CHANGES and not effect.temporary for effect in facts.effects)


Inside = Callable[[Node], StatementFacts]

# What may set off triggers, rules, foreign keys and calls in definitions, and DROP, which takes others along.
_SETS_OFF = ROW_CHANGES | {Action.TRUNCATE, Action.DROP}


class Collector:
    """The notebook of one statement. ``describe`` gives the facts of a statement inside it, ``beyond`` of one in
    code that it runs. In the latter, ``starts`` takes what is to be followed from there."""

    __slots__ = (
        "_columns",
        "_effects",
        "_hidden",
        "_traced",
        "beyond",
        "bodies_read",
        "catalog",
        "change",
        "copies_in",
        "describe",
        "equalities",
        "flows",
        "inner",
        "opaque",
        "outputs",
        "own",
        "reads",
        "routines",
        "search_path",
        "shadow",
        "starts",
        "stored",
        "tag",
        "uncounted",
        "unresolved",
        "uses",
    )

    def __init__(
        self,
        catalog: Catalog,
        search_path: tuple[str, ...] | None,
        shadow: Shadow,
        describe: Inside,
        beyond: Describe,
        starts: dict[Start, None] | None = None,
    ) -> None:
        self.catalog = catalog
        self.search_path = search_path
        self.shadow = shadow
        self.describe = describe
        self.beyond = beyond
        self.starts = starts
        self._hidden: Hidden | None = None
        self.tag = ""
        self.outputs: tuple[OutputColumn, ...] | None = ()
        self.reads: set[int] = set()
        self.routines: set[int] = set()
        self.unresolved: dict[str, None] = {}
        self.opaque = self.own = self.bodies_read = False
        self.uses: list[Use] = []
        self.equalities: tuple[Equality, ...] = ()
        self.stored: tuple[Stored, ...] = ()
        self.flows: list[Flow] = []
        self.change: dict[str, bool | tuple[str, ...]] = {}
        self.copies_in = False
        self.uncounted = False
        self.inner: StatementFacts | None = None
        self._effects: dict[object, Effect] = {}
        self._traced = False  # lineage has followed every call into its body
        self._columns: Mapping[int, tuple[str, ...]] = {}  # what lineage saw of each relation

    @property
    def effects(self) -> tuple[Effect, ...]:
        """What was found so far, each once, in order."""
        return tuple(self._effects.values())

    def facts(self) -> StatementFacts:
        """Everything as a value."""
        return StatementFacts(
            tag=self.tag,
            effects=self.effects,
            outputs=self.outputs,
            reads=frozenset(self.reads),
            unresolved=tuple(self.unresolved),
            opaque=self.opaque,
            own=self.own,
            routines=frozenset(self.routines),
            bodies_read=self.bodies_read,
            uses=tuple(self.uses),
            equalities=self.equalities,
            stored=self.stored,
            flows=tuple(self.flows),
            session=SessionChange(**self.change),  # type: ignore[arg-type]
            copies_in=self.copies_in,
            uncounted=self.uncounted,
            inner=self.inner,
        )

    # Writing down

    def add(
        self, action: Action, kind: str = "", schema: str = "", name: str = "", facts: Facts = NO_FACTS, **other: Fact
    ) -> None:
        """An effect on something that is no relation."""
        self.take(Effect(action=action, kind=kind, schema=schema, name=name, facts={**facts, **other}))

    def take(self, effect: Effect) -> None:
        """An effect that is already made."""
        key = (
            effect.action,
            effect.kind,
            effect.schema,
            effect.name,
            effect.columns,
            effect.temporary,
            tuple(effect.facts.items()),
        )
        self._effects.setdefault(key, effect)

    def unknown(self, node: str) -> None:
        """Something not understood."""
        self.opaque = True
        self.add(Action.UNKNOWN, "node", node=node)

    def absorb(self, inner: StatementFacts, *, outputs: bool = False) -> None:
        """Take over what a statement inside does and reaches."""
        for effect in inner.effects:
            self.take(effect)
        self.reads |= inner.reads
        self.routines |= inner.routines
        self.unresolved.update(dict.fromkeys(inner.unresolved))
        self.opaque = self.opaque or inner.opaque
        self.uncounted = self.uncounted or inner.uncounted or changes_rows(inner)
        self.own, self.bodies_read = self.own or inner.own, self.bodies_read or inner.bodies_read
        self.uses.extend(inner.uses)
        self.flows.extend(inner.flows)
        self.changes(inner.session)
        if outputs:
            self.outputs = inner.outputs

    def changes(self, change: SessionChange) -> None:
        """Add to what the session loses or gains."""
        for flag in ("settings", "creates_temporary", "catalog"):
            if getattr(change, flag):
                self.change[flag] = True
        for names in ("prepares", "cursors"):
            added = getattr(change, names)
            if added:
                self.change[names] = (*self.change.get(names, ()), *added)  # type: ignore[misc]

    def changed_catalog(self, temporary: bool = False) -> None:
        """DDL: of the session's own schema, or of everybody's."""
        self.change["creates_temporary" if temporary else "catalog"] = True
        for event, tags, function in self.catalog.event_triggers:
            if not tags or any(tag.startswith(self.tag) or self.tag.startswith(tag) for tag in tags):
                # They belong to a superuser: what they do is judged, and that one cannot be read says nothing.
                self.set_off([Start("event_trigger", event, function=function)])

    # Code that runs behind it

    @property
    def hidden(self) -> Hidden:
        """What follows code of the user's through this catalog."""
        if self._hidden is None:
            keeps = not (self.shadow.temporary or self.shadow.prepared or self.shadow.cursors)
            self._hidden = Hidden(self.catalog, self.beyond, keeps=keeps)
        return self._hidden

    def set_off(self, starts: list[Start]) -> Found:
        """Note everything that runs from ``starts`` on; inside code, leave it to whoever follows that."""
        self.routines.update(start.function for start in starts if start.function)
        if self.starts is not None:
            self.starts.update(dict.fromkeys(starts))
            return NOTHING
        if not starts:
            return NOTHING
        found = self.hidden.behind(starts, self.search_path)
        for effect in found.effects:
            self.take(effect)
            if effect.action in (Action.SET, Action.SET_ROLE) and functions.changes_meaning(
                effect.name, str(effect.facts.get("value", ""))
            ):
                self.change["settings"] = True
        return found

    def code(self, language: str, text: str | None, header: Header) -> tuple[Found, bool]:
        """What code given as text does by itself and by what it calls, and whether it could be read."""
        if self.starts is None:
            return self.hidden.code(language, text, header, self.search_path)
        found, starts, understood = self.hidden.inside(language, text, header, self.search_path)
        self.starts.update(dict.fromkeys(starts))
        return found, understood

    def unread(self, found: Found, by: str, via: str) -> None:
        """What cannot be read may do anything."""
        for name in found.unread:
            schema, _, bare = name.rpartition(".")
            facts: Facts = {"via": via, "by": by, "body": "unreadable", "function": name}
            self.take(Effect(action=Action.UNKNOWN, kind="function", schema=schema, name=bare, facts=facts))
            self.opaque = self.change["settings"] = True

    # Relations

    def resolve(self, relation: Node) -> tuple[Relation, ...]:
        """The relations a RangeVar may mean."""
        return self.catalog.resolve(relation.get("schemaname"), relation["relname"], self.search_path)

    def home(self, schema: str) -> str:
        """The schema something new goes to: as written, or the first of the path that anything can be made in.

        The path as it is in force names pg_catalog, and the session's own temporary schema, though nobody wrote them.
        """
        if schema or not self.search_path:
            return schema
        return next((step for step in self.search_path if step != "pg_catalog" and not is_temporary_schema(step)), "")

    def schema_of(self, relation: Node) -> str:
        """The schema of a named relation where that is certain, else as written."""
        found = self.resolve(relation)
        return found[0].schema if len(found) == 1 else str(relation.get("schemaname", ""))

    def relation(
        self,
        action: Action,
        relation: Node,
        *,
        columns: tuple[str, ...] = (),
        facts: Facts = NO_FACTS,
        kind: str = "table",
        catalog: str | None = None,
    ) -> None:
        """An effect on a named relation, on each that the name may mean, and on what those are part of."""
        schema, name = relation.get("schemaname"), relation["relname"]
        found = self.resolve(relation)
        temporary = is_temporary_schema(schema) if schema is not None else name in self.shadow.temporary
        if temporary:
            self.take(
                Effect(
                    action=action, kind=kind, schema="pg_temp", name=name, columns=columns, temporary=True, facts=facts
                )
            )
            if action in _WRITES and name not in self.shadow.own:
                # Security: a temporary view writes to the tables it was made over, and no catalog has it.
                self.unknown("WriteThroughTemporaryView")
        home = system.system_schema(schema, name, self.search_path)
        if home is not None and not any(candidate.schema == home for candidate in found):
            said = {**facts, "catalog": catalog or system.sensitivity(home, name, frozenset()) or "system"}
            self.take(Effect(action=action, kind=kind, schema=home, name=name, columns=columns, facts=said))
            self._administers(action, home, name)
            if self.search_path is not None or schema is not None:
                return
        elif not found:
            if not temporary:
                unknown = {**facts, "unresolved": True}
                self.take(
                    Effect(action=action, kind=kind, schema=schema or "", name=name, columns=columns, facts=unknown)
                )
            return
        for candidate in found:
            said = {**facts, "ambiguous": True} if len(found) > 1 else dict(facts)
            seen = self._columns.get(candidate.oid, ()) if action is Action.SELECT else columns
            self.on(action, candidate, columns=seen, facts=said, catalog=catalog)

    def on(
        self,
        action: Action,
        relation: Relation,
        *,
        columns: tuple[str, ...] = (),
        facts: Facts = NO_FACTS,
        catalog: str | None = None,
        alone: bool = False,
    ) -> None:
        """An effect on a relation of the snapshot, and (fact ``via``) on those whose rows its rows are.

        ``alone``: nothing follows from it.
        """
        said = dict(facts)
        follows = not alone and (bool(relation.runs) if action is Action.SELECT else action in _SETS_OFF)
        reached = (
            cascades.reached(action, relation, columns, self.catalog, cascade=bool(facts.get("cascade")))
            if follows
            else ()
        )
        falls = dependents.with_relation(relation, facts, self.catalog) if follows and action is Action.DROP else ()
        with_it = [*[one.relation for one in reached if one.relation is not None], *_relations(falls, self.catalog)]
        if with_it:
            said["cascades"] = ",".join(dict.fromkeys(f"{one.schema}.{one.name}" for one in with_it))
        marked = catalog or system.sensitivity(relation.schema, relation.name, frozenset())
        if marked is not None:
            said["catalog"] = marked
        self.take(on_relation(action, relation, dict(said) if reached else said, columns))
        self._administers(action, relation.schema, relation.name)
        for effect in falls:
            self.take(effect)
        if follows and action is not Action.DROP:
            self._follows(action, relation, columns, reached)
        if "via" not in said and action in _THROUGH:
            said.pop("cascades", None)
            self._through(action, relation, said, columns)

    def _follows(
        self, action: Action, relation: Relation, columns: tuple[str, ...], reached: tuple[cascades.Reached, ...]
    ) -> None:
        """What else happens: by foreign keys and CASCADE, triggers, rules, and calls in definitions."""
        origin = f"{relation.schema}.{relation.name}"
        touching = [(relation, action, columns)]
        for one in reached:
            facts: dict[str, Fact] = {"via": origin, "by": "cascade"}
            if one.action in ROW_CHANGES:
                facts["where"] = "effective"
            if one.relation is None:
                self.take(replace(dependents.unknown(one.action, origin), facts={**facts, "unresolved": True}))
            else:
                self.on(one.action, one.relation, columns=one.columns, facts=facts, alone=True)
                touching.append((one.relation, one.action, one.columns))
        starts = []
        for touched, done, changed in touching:
            # Who reads goes by what is said of the table named, whatever its parts say.
            for part in (touched, *(cascades.parts(touched, self.catalog) if action is not Action.SELECT else ())):
                if part.triggers or part.rules or part.runs or part.has_triggers or self.catalog.domain_functions:
                    starts.append(Start("", origin, relation=part.oid, action=done, columns=changed))
        if starts:
            self.unread(self.set_off(starts), "trigger", origin)

    def _administers(self, action: Action, schema: str, name: str) -> None:
        """Writing to PostgreSQL's own relations: an UPDATE of pg_settings is set_config by a rule."""
        if action in _WRITES and schema in system.SYSTEM_SCHEMAS:
            self.add(Action.ADMIN, "table", schema, name)
            self.change["settings"] = self.change["catalog"] = True

    def _through(self, action: Action, relation: Relation, facts: Facts, columns: tuple[str, ...]) -> None:
        """Rules on what a relation's rows really are must see this: a view's bases, a partition's parent."""
        if relation.kind is RelationKind.TABLE and not relation.parents:
            return
        said: Facts = {**facts, "via": f"{relation.schema}.{relation.name}"}
        for parent in self._ancestors(relation) if relation.parents else ():
            self.on(action, parent, columns=columns, facts=said, alone=True)
        if relation.kind not in (RelationKind.VIEW, RelationKind.MATERIALISED_VIEW):
            return
        found = behind.behind(relation, self.catalog)
        for base in found.relations:
            mark = system.sensitivity(base.schema, base.name, system.EVERY_COLUMN)
            if mark != "system" or action in _WRITES:
                self.on(action, base, columns=self._columns.get(base.oid, ()), facts=said, catalog=mark)
        for schema, name, arguments in found.calls:
            self._call_behind(schema, name, list(arguments), said)
        if not found.understood:
            self.opaque = True

    def _call_behind(self, schema: str | None, name: str, arguments: list[Node], facts: Facts) -> None:
        """A dangerous built-in in a view. The user's own functions were put there by who made the view."""
        if schema in (None, "pg_catalog") and functions.safety(name) is functions.Safety.DANGEROUS:
            judgement = functions.judge("pg_catalog", name, arguments, qualified=True)
            for effect in judgement.effects:
                self.take(replace(effect, facts={**effect.facts, **facts}))
            self.opaque = self.opaque or judgement.opaque

    def _ancestors(self, relation: Relation) -> Iterable[Relation]:
        seen: dict[int, Relation] = {}
        todo = list(relation.parents)
        while todo:
            parent = self.catalog.relations.get(todo.pop())
            if parent is not None and parent.oid not in seen:
                seen[parent.oid] = parent
                todo.extend(parent.parents)
        return seen.values()

    def falls(self, starts: Iterable[ObjectId], via: str, *, cascade: bool, along: Iterable[ObjectId] = ()) -> None:
        """What goes with objects that are no relations."""
        found: Fallen = dependents.fallen(starts, self.catalog, cascade=cascade, along=along)
        for effect in dependents.effects(found, via, Action.DROP, self.catalog):
            self.take(effect)

    # Trees

    def trace(self, node: Node) -> lineage.Lineage:
        """Lineage of a query or a write inside, noted. Outputs are the caller's to take."""
        self._converts(node)
        found = lineage.trace(node, self.catalog, self.search_path, own=self.shadow.own)
        self.own, self.bodies_read = self.own or found.own, self.bodies_read or bool(found.called)
        self.reads |= found.reads | found.called
        self.routines.update(function.oid for use in found.functions for function in use.candidates)
        self.opaque = self.opaque or found.opaque
        self.uses.extend(found.uses)
        self.flows.extend(found.flows)
        for name in found.unresolved:
            schema, _, bare = name.rpartition(".")
            if system.system_schema(schema or None, bare, self.search_path) is None:
                self.unresolved[name] = None
        return found

    def reach(self, walk: Walk, found: lineage.Lineage | None = None) -> None:
        """The effects of everything a walk met, apart from its writes and creations."""
        self._columns = lineage.columns_read(found, self.catalog) if found is not None else {}
        self._traced = found is not None and not found.opaque
        aliases = {alias_of(read) for read in walk.reads}
        shown = frozenset([fields[-1] for fields in walk.columns])
        if any(len(fields) == 1 and fields[0] in aliases for fields in walk.columns):
            shown |= system.EVERY_COLUMN  # a star or a whole row shows every column
        for read in walk.reads:
            self._read(read, shown)
        for lock in walk.locks:
            self.relation(Action.LOCK, lock.relation, facts={"strength": lock.strength})
        self.calls(walk, found)
        for schema, operator in walk.operators:
            if schema != "pg_catalog":
                self.opaque = True
                self.add(Action.CALL, "operator", schema, operator)
        for node in walk.unknown:
            self.unknown(node)

    def reach_fields(self, kind: str, body: Node, skip: tuple[str, ...] = ()) -> None:
        """The effects of expressions inside a definition or a utility statement."""
        walk = new_walk()
        walk.visit_fields(kind, body, skip)
        self._converts(body)
        self.reach(walk)
        for write in walk.writes:
            self.absorb(self.describe({write.kind: write.body}))

    def reached_through(self, found: lineage.Lineage) -> None:
        """Relations that lineage reached by ways not followed here, such as a view's row type."""
        seen = {effect.relation for effect in self.effects}
        for oid in sorted(found.reads):
            relation = self.catalog.relations.get(oid)
            if relation is None or oid in seen or relation.schema in system.SYSTEM_SCHEMAS:
                continue
            if relation.parents and any(parent.oid in seen for parent in self._ancestors(relation)):
                continue  # a partition of what is named: there may be thousands
            self.on(Action.SELECT, relation, columns=self._columns.get(oid, ()), facts={"via": "view"})

    def _read(self, read: Node, shown: frozenset[str]) -> None:
        home = system.system_schema(read.get("schemaname"), read["relname"], self.search_path)
        found = self.resolve(read)
        if read.get("alias", {}).get("colnames"):
            shown = system.EVERY_COLUMN  # a column goes by another name
        if len(found) == 1:
            marks = {system.sensitivity(found[0].schema, read["relname"], shown)}
        else:
            schemas = {candidate.schema for candidate in found} or ({home} if home else set())
            marks = {system.sensitivity(schema, read["relname"], shown) for schema in schemas}
        mark = "sensitive" if "sensitive" in marks else None
        seen = self._columns.get(found[0].oid, ()) if len(found) == 1 else ()
        if "system" in marks and mark is None and len(marks) == 1:
            mark = "system"
        self.relation(Action.SELECT, read, columns=seen, catalog=mark)

    def calls(self, walk: Walk, found: lineage.Lineage | None) -> None:
        """The effects of calls, as written and as lineage recognised them."""
        judged = set()
        for call in walk.calls:
            *qualifier, name = field_names(call["funcname"])
            if found is not None and id(call) in found.projections and functions.is_unlisted(name):
                continue
            schema = qualifier[-1] if qualifier else None
            judged.add((schema or "", name))
            candidates = self.catalog.resolve_function(schema, name, self.search_path)
            self._judge(schema, name, call.get("args", []), candidates)
        for use in found.functions if found is not None else ():
            if (use.schema, use.name) not in judged and use.candidates:
                self._judge(use.schema or None, use.name, list(use.args), use.candidates)

    def _judge(self, schema: str | None, name: str, arguments: list[Node], candidates: tuple[Function, ...]) -> None:
        judgement = functions.judge(schema or "", name, arguments, candidates, qualified=schema is not None)
        self.calls_for(judgement)
        self.opaque = self.opaque or judgement.opaque or bool(judgement.foreign and not self._traced)
        if judgement.settings:
            self.change["settings"] = True

    def calls_for(self, judgement: functions.Judgement) -> None:
        """The effects of a call, and of the code that it runs."""
        starts = [
            Start("function", f"{routine.schema}.{routine.name}", function=routine.oid) for routine in judgement.foreign
        ]
        found = self.set_off(starts)
        for effect in judgement.effects:
            if effect.action is not Action.CALL or not starts:
                self.take(effect)
            elif self.starts is None:
                self.take(_as_it_acts(effect, found, judgement.foreign))
        if any(effect.action in _DEFINES and not effect.temporary for effect in found.effects):
            self.change["catalog"] = True
        if found.acts:
            self.change["settings"] = True

    def _converts(self, node: Node) -> None:
        """Operators, casts and domains of the user's run code as calls do, without being written as one."""
        catalog = self.catalog
        if not (catalog.operator_functions or catalog.cast_functions or catalog.domain_functions):
            return
        operators, types = conversions(node)
        starts = [
            Start("operator", name, function=oid) for name, oid in catalog.operator_functions if name in operators
        ]
        kinds: set[int] = set()
        for names in types:
            schema = names[-2] if len(names) > 1 else None
            for found in catalog.resolve_type(schema, names[-1], self.search_path):
                kinds.update(domains(found.oid, catalog))
        starts += [Start("cast", "cast", function=oid) for kind, oid in catalog.cast_functions if kind in kinds]
        starts += [Start("domain", "domain", function=oid) for kind, oid in catalog.domain_functions if kind in kinds]
        if starts:
            self.unread(self.set_off(starts), "operator", "operator")


_DEFINES = ACTION_SETS["ddl"] | {Action.GRANT}


def _as_it_acts(call: Effect, found: Found, routines: Sequence[Function]) -> Effect:
    """A call by what its body does: what writes is volatile, and what only reads is not, whatever was declared.

    Security: most people declare nothing, and PostgreSQL believes whoever does, so that the word says little either
    way. Only of code in SQL and PL/pgSQL that was read to its end, with all that it calls, is another word taken.
    """
    facts = dict(call.facts)
    if found.acts:
        facts["volatility"] = "v"
    elif facts.get("volatility") == "v" and found.only_reads and all(map(_is_plain, routines)):
        facts["volatility"] = "s"
    if found.unread:
        facts["body"] = "unreadable"
    if found.effects:
        facts["does"] = found.does
    return replace(call, facts=facts)


def _is_plain(routine: Function) -> bool:
    """A function, no procedure or aggregate, that runs under the settings of whoever calls it."""
    return routine.kind == "f" and not routine.settings


def _relations(found: Iterable[Effect], catalog: Catalog) -> Iterable[Relation]:
    return (catalog.relations[effect.relation] for effect in found if effect.relation is not None)
